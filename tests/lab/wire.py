"""Small clients for IMAP, LMTP and ManageSieve, made for tests: pipelined, literal-safe, no state hidden."""

import base64
import re
import socket
import time


class ProtocolError(Exception):
    """The server refused a command or said something that cannot be understood."""


class Connection:
    """A buffered TCP or unix socket."""

    def __init__(self, address, timeout=60):
        if isinstance(address, str):
            self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.sock.settimeout(timeout)
            self.sock.connect(address)
        else:
            self.sock = socket.create_connection(address, timeout)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = bytearray()

    def fill(self):
        piece = self.sock.recv(1 << 18)
        if not piece:
            raise ProtocolError("the server closed the connection")
        self.buf += piece

    def line(self):
        """One line without its CRLF."""
        seen = 0
        while True:
            end = self.buf.find(b"\r\n", seen)
            if end >= 0:
                text = bytes(self.buf[:end])
                del self.buf[:end + 2]
                return text
            seen = max(0, len(self.buf) - 1)
            self.fill()

    def take(self, count):
        while len(self.buf) < count:
            self.fill()
        data = bytes(self.buf[:count])
        del self.buf[:count]
        return data

    def close(self):
        self.sock.close()


# ---- IMAP --------------------------------------------------------------------------------------

LITERAL = re.compile(rb"~?\{(\d+)\+?\}$")
TOKEN = re.compile(rb' *(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|((?:[^\s()"\[]|\[[^\]]*\])+))')


class Nil:
    """The IMAP atom NIL, told apart from the string "NIL"."""

    def __repr__(self):
        return "NIL"

    def __bool__(self):
        return False


NIL = Nil()


def quote(text):
    """A quoted IMAP string from str or bytes."""
    data = text if isinstance(text, bytes) else text.encode()
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def literal(data):
    """A non-synchronising literal."""
    return b"{%d+}\r\n%s" % (len(data), data)


def parse(pieces):
    """Nested lists of bytes from the pieces of a response: line, literal, line, literal, ... line."""
    top = []
    stack = [top]
    for number, piece in enumerate(pieces):
        if number % 2:
            stack[-1].append(piece)
            continue
        if number + 1 < len(pieces):
            piece = piece[:LITERAL.search(piece).start()]
        at = 0
        while at < len(piece):
            m = TOKEN.match(piece, at)
            if not m:
                if not piece[at:].strip():
                    break
                raise ProtocolError("cannot parse %r" % piece[at:at + 80])
            at = m.end()
            kind = m.lastindex
            if kind == 1:
                new = []
                stack[-1].append(new)
                stack.append(new)
            elif kind == 2:
                stack.pop()
            elif kind == 3:
                stack[-1].append(re.sub(rb"\\(.)", rb"\1", m.group(3)))
            else:
                atom = m.group(4)
                stack[-1].append(NIL if atom.upper() == b"NIL" else atom)
    return top


class Reply:
    """What the server said to one command: status, its text, and the untagged responses before it."""

    def __init__(self, command, status, text, untagged):
        self.command = command
        self.status = status
        self.text = text
        self.untagged = untagged

    @property
    def ok(self):
        return self.status == "OK"

    def code(self, name):
        """The argument of a response code such as UIDVALIDITY in this reply, or None."""
        want = re.compile(rb"\[" + name.encode() + rb"(?: (.*?))?\](?: |$)")
        for pieces in self.untagged:
            m = want.search(pieces[0])
            if m and re.match(rb"(OK|NO|BAD|PREAUTH|BYE) ", pieces[0]):
                return (m.group(1) or b"").decode()
        m = want.search(self.text.encode("latin-1"))
        return (m.group(1) or b"").decode() if m else None

    def rows(self, name):
        """The parsed untagged responses called name (LIST, ACL, ...), without the name itself."""
        word = name.encode().upper()
        found = []
        for pieces in self.untagged:
            if pieces[0][:len(word)].upper() == word and pieces[0][len(word):len(word) + 1] in (b" ", b""):
                found.append(parse(pieces)[1:])
        return found

    def fetched(self):
        """The FETCH responses as (sequence number, {ITEM: value})."""
        for pieces in self.untagged:
            m = re.match(rb"(\d+) FETCH ", pieces[0])
            if m:
                items = parse(pieces)[2]
                yield int(m.group(1)), {items[i].decode(): items[i + 1] for i in range(0, len(items), 2)}

    def exists(self):
        for pieces in self.untagged:
            m = re.match(rb"(\d+) EXISTS$", pieces[0])
            if m:
                return int(m.group(1))
        return None

    def need(self):
        """This reply, or an exception if it is not OK."""
        if not self.ok:
            raise ProtocolError("%s: %s %s" % (self.command[:120], self.status, self.text))
        return self


class Imap:
    """One IMAP connection, logged in on construction."""

    last_seed = 0

    def __init__(self, address, user=None, password=None, authzid=None, timeout=60):
        self.creates = False
        self.link = Connection(address, timeout)
        self.number = 0
        self.greeting = self.response()[0]
        if not self.greeting.startswith(b"* OK"):
            raise ProtocolError("greeting: %r" % self.greeting)
        if user is None:
            return
        if authzid is None:
            self.run("LOGIN %s %s" % (quote(user).decode(), quote(password).decode()))
        else:
            plain = base64.b64encode(("%s\0%s\0%s" % (authzid, user, password)).encode()).decode()
            self.run("AUTHENTICATE PLAIN " + plain)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def response(self):
        """One whole response line as pieces: line, literal, line, ..."""
        pieces = []
        while True:
            text = self.link.line()
            pieces.append(text)
            m = LITERAL.search(text)
            if not m:
                return pieces
            pieces.append(self.link.take(int(m.group(1))))

    def wait_for_another_second(self):
        """Cyrus 3.6.1: the first CREATE of a process seeds rand() with the time in seconds (partlist_initialize), and unique ids come out of
        rand(): two processes that create for the first time in one second make two mailboxes with one id."""
        while int(time.time()) <= Imap.last_seed:
            time.sleep(0.05)
        Imap.last_seed = int(time.time())
        self.creates = True

    def send(self, command):
        """Send one command; its tag is returned."""
        self.number += 1
        tag = b"a%d" % self.number
        data = command.encode() if isinstance(command, str) else command
        if data.startswith(b"CREATE ") and not self.creates:
            self.wait_for_another_second()
        self.link.sock.sendall(tag + b" " + data + b"\r\n")
        return tag

    def wait(self, tag, command=""):
        """Everything up to the tagged reply."""
        untagged = []
        while True:
            pieces = self.response()
            first = pieces[0]
            if first.startswith(b"* "):
                untagged.append([first[2:]] + pieces[1:])
                if first.startswith(b"* BYE") and tag is None:
                    return Reply(command, "BYE", first[6:].decode("latin-1"), untagged)
            elif first.startswith(tag + b" "):
                status, _, text = first[len(tag) + 1:].partition(b" ")
                shown = command if isinstance(command, str) else command[:200].decode("latin-1")
                return Reply(shown, status.decode(), text.decode("latin-1"), untagged)
            elif first.startswith(b"+"):
                raise ProtocolError("unexpected continuation to %r" % command[:80])
            else:
                raise ProtocolError("unexpected %r" % first[:80])

    def do(self, command):
        """Run one command; the reply whatever it is."""
        return self.wait(self.send(command), command)

    def run(self, command):
        """Run one command that has to succeed."""
        return self.do(command).need()

    def pipeline(self, commands, batch=40):
        """Run many commands with few round trips; their replies in order, whatever they are."""
        replies = []
        for start in range(0, len(commands), batch):
            part = commands[start:start + batch]
            tags = []
            data = []
            for command in part:
                self.number += 1
                tag = b"a%d" % self.number
                tags.append(tag)
                data.append(tag + b" " + (command.encode() if isinstance(command, str) else command) + b"\r\n")
            self.link.sock.sendall(b"".join(data))
            replies += [self.wait(tag, command) for tag, command in zip(tags, part)]
        return replies

    def append(self, box, data, flags=(), date=None):
        """APPEND one message; the reply."""
        return self.do(self.append_command(box, data, flags, date))

    @staticmethod
    def append_command(box, data, flags=(), date=None):
        head = b"APPEND " + quote(box)
        if flags:
            head += b" (" + b" ".join(f.encode() for f in flags) + b")"
        if date:
            head += b" " + quote(date)
        return head + b" " + literal(data)

    def close(self):
        try:
            self.do("LOGOUT")
        except (OSError, ProtocolError):
            pass
        self.link.close()


# ---- LMTP --------------------------------------------------------------------------------------

class Lmtp:
    """One LMTP connection, TCP (host, port) or unix socket path."""

    def __init__(self, address, timeout=120):
        self.link = Connection(address, timeout)
        self.expect(220)
        self.command("LHLO client.example", 250)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def reply(self):
        lines = []
        while True:
            text = self.link.line().decode("latin-1")
            lines.append(text[4:])
            if text[3:4] != "-":
                return int(text[:3]), " ".join(lines)

    def expect(self, code):
        got = self.reply()
        if got[0] != code:
            raise ProtocolError("%d %s" % got)
        return got

    def command(self, text, code):
        self.link.sock.sendall(text.encode() + b"\r\n")
        return self.expect(code)

    def deliver(self, sender, recipients, data):
        """Deliver one message; a list of (code, text), one for each recipient."""
        lines = data.replace(b"\r\n.", b"\r\n..")
        if lines.startswith(b"."):
            lines = b"." + lines
        if not lines.endswith(b"\r\n"):
            lines += b"\r\n"
        self.command("MAIL FROM:<%s>" % sender, 250)
        answers = []
        for who in recipients:
            self.link.sock.sendall(b"RCPT TO:<%s>\r\n" % who.encode())
            answers.append(self.reply())
        if not any(code == 250 for code, _ in answers):
            self.command("RSET", 250)
            return answers
        self.command("DATA", 354)
        self.link.sock.sendall(lines + b".\r\n")
        return [self.reply() if a[0] == 250 else a for a in answers]

    def close(self):
        try:
            self.link.sock.sendall(b"QUIT\r\n")
            self.reply()
        except (OSError, ProtocolError, ValueError):
            pass
        self.link.close()


# ---- ManageSieve -------------------------------------------------------------------------------

class Sieve:
    """One ManageSieve connection as a user (through an administrator's password)."""

    def __init__(self, address, user, admin, password):
        self.link = Connection(address)
        self.answer()
        plain = base64.b64encode(("%s\0%s\0%s" % (user, admin, password)).encode())
        self.command(b'AUTHENTICATE "PLAIN" ' + quote(plain))

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def answer(self):
        """Lines before OK; a literal becomes one bytes object."""
        lines = []
        while True:
            text = self.link.line()
            m = LITERAL.search(text)
            if m:
                if text.startswith((b"NO", b"BYE")):
                    raise ProtocolError("sieve: %r" % self.link.take(int(m.group(1))))
                lines.append(self.link.take(int(m.group(1))))
                continue
            if text.startswith(b"OK"):
                return lines
            if text.startswith((b"NO", b"BYE")):
                raise ProtocolError("sieve: %r" % text)
            lines.append(text)

    def command(self, data):
        self.link.sock.sendall(data + b"\r\n")
        return self.answer()

    def put(self, name, script, active=True):
        self.command(b"PUTSCRIPT " + quote(name) + b" " + literal(script))
        if active:
            self.command(b"SETACTIVE " + quote(name))

    def scripts(self):
        """A sorted list of (name, active, content)."""
        found = []
        for line in self.command(b"LISTSCRIPTS"):
            name = parse([line])[0]
            found.append((name.decode(), line.endswith(b"ACTIVE"), self.command(b"GETSCRIPT " + quote(name))[0]))
        return sorted(found)

    def close(self):
        try:
            self.command(b"LOGOUT")
        except (OSError, ProtocolError):
            pass
        self.link.close()
