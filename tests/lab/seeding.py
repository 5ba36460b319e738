"""Deterministic mail for a laboratory server: users, folders, messages, flags, rights, notes, quotas, scripts."""

import base64
import datetime
import random

from wire import Imap, quote

WORDS = ("alpha bravo budget coffee delivery draft engine figure garden harbour invoice junction kernel lantern meeting "
         "notice office printer quarter report schedule ticket update volume window yesterday zone").split()
EPOCH = datetime.datetime(2023, 2, 2, 0, 10, 21)


def mutf7(name):
    """Modified UTF-7 of one folder name."""
    out = []
    wide = ""

    def flush():
        nonlocal wide
        if wide:
            out.append("&" + base64.b64encode(wide.encode("utf-16-be")).decode().rstrip("=").replace("/", ",") + "-")
            wide = ""

    for ch in name:
        if " " <= ch <= "~":
            flush()
            out.append("&-" if ch == "&" else ch)
        else:
            wide += ch
    flush()
    return "".join(out)


class Writer:
    """Messages from one random stream; the same seed gives the same bytes. when: the date of the last one, step: until the next."""

    def __init__(self, seed, when=EPOCH, step=datetime.timedelta(hours=25, seconds=1)):
        self.rng = random.Random(seed)
        self.when = when
        self.step = step
        self.count = 0
        self.last = None

    def prose(self, size):
        lines = []
        have = 0
        while have < size:
            line = " ".join(self.rng.choice(WORDS) for _ in range(self.rng.randrange(5, 13)))
            lines.append(line)
            have += len(line) + 2
        return "\r\n".join(lines) + "\r\n"

    def message(self, to, kind="plain", size=600, reply=False):
        """One message with CRLF lines. kind: plain, latin, eightbit, mixed, bare."""
        self.count += 1
        self.when += self.step
        ident = "<%d.%08x@seed.example>" % (self.count, self.rng.getrandbits(32))
        subject = " ".join(self.rng.choice(WORDS) for _ in range(4))
        sender = self.rng.choice(("Dora Example <dora@example.net>", "=?utf-8?q?J=C3=BCrgen_M=C3=BCller?= <jm@example.net>",
                                  "\"List, Some\" <list-bounces@lists.example.net>"))
        head = ["From: " + sender, "To: %s@example.org" % to, "Date: " + self.when.strftime("%a, %d %b %Y %H:%M:%S +0000")]
        if kind == "latin":
            subject = "=?utf-8?b?%s?=" % base64.b64encode(("Grüße, " + subject).encode()).decode()
        if reply and self.last:
            head += ["In-Reply-To: " + self.last[0], "References: " + self.last[0]]
            subject = "Re: " + self.last[1]
        head += ["Subject: " + subject, "Message-ID: " + ident, "MIME-Version: 1.0"]
        self.last = (ident, subject)
        if kind == "mixed":
            raw = self.rng.randbytes(max(64, size * 3 // 4))
            b64 = base64.encodebytes(raw).replace(b"\n", b"\r\n").decode()
            head.append('Content-Type: multipart/mixed; boundary="=_edge_%d"' % self.count)
            body = ("--=_edge_{0}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{1}"
                    "\r\n--=_edge_{0}\r\nContent-Type: application/pdf\r\nContent-Transfer-Encoding: base64\r\n"
                    "Content-Disposition: attachment; filename=\"=?utf-8?q?=C3=BCbersicht=2Epdf?=\"\r\n\r\n{2}"
                    "\r\n--=_edge_{0}--\r\n").format(self.count, self.prose(200), b64).encode()
        elif kind == "eightbit":
            head += ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"]
            body = ("Schöne Grüße aus Köln — 你好\r\n" + self.prose(size)).encode()
        elif kind == "latin":
            head += ["Content-Type: text/plain; charset=iso-8859-1", "Content-Transfer-Encoding: 8bit"]
            body = ("Ann\xe9e, \xfcber, \xdf\r\n" + self.prose(size)).encode("latin-1")
        else:
            head.append("Content-Type: text/plain; charset=us-ascii")
            body = self.prose(size).encode()
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body

    def date(self):
        return self.when.strftime("%d-%b-%Y %H:%M:%S +0000")


KINDS = ("plain", "eightbit", "mixed", "latin", "plain")
FLAGS = ((), ("$Label1",), ("\\Seen", "\\Draft", "MyKeyword"), ("\\Flagged",), ("\\Answered",), ("\\Seen",), (),
         ("\\Seen", "\\Flagged", "NonJunk"))

# The smallest messages that APPEND takes: the server refuses 0 bytes.
SMALLEST = (b"\r\n", b"a: b\r\n", b"Subject: no body\r\n\r\n")


def letters(writer, box, who, count, size=600, odd=False):
    """The commands that append count messages to a mailbox."""
    found = []
    for n in range(count):
        data = writer.message(who, KINDS[n % len(KINDS)], size + n * 280, reply=n % 3 == 2)
        found.append(Imap.append_command(box, data, FLAGS[n % len(FLAGS)], writer.date()))
    if odd:
        found += [Imap.append_command(box, data, ("\\Seen",) if n else (), writer.date()) for n, data in enumerate(SMALLEST)]
    return found


def fill(conn, writer, box, who, count, size=600, odd=False):
    """Append count messages to a mailbox of conn's user."""
    each(conn, letters(writer, box, who, count, size, odd))


def each(conn, commands):
    for reply in conn.pipeline(commands):
        reply.need()


def folders_of(lab, first):
    """The first user has more of them, and stranger ones."""
    folders = [("Sent",), ("Trash",), ("Work",)]
    if not first:
        return folders + [("Archive",), ("Archive", "2023")]
    folders += [("Work", "Proj A"), ("Work", "Proj A", "deep"), (mutf7("Entwürfe"),), ("Work", mutf7("文件")),
                (mutf7("Sp ace & Co"),), ("Empty",)]
    return folders + ([("v1.2 notes",), ("v1.2 notes", "x.y")] if lab.unixhierarchysep else [])


def seed(lab, users=None, seed=1, big=False):
    """alice, bob, carol (and dot.ty where names may hold a dot), with everything a backup must bring back."""
    writer = Writer(seed)
    if users is None:
        users = ["alice", "bob", "carol"] + (["dot.ty"] if lab.unixhierarchysep else [])
    # All mailboxes are made by one connection: see Imap.wait_for_another_second().
    with lab.admin() as admin:
        for who in users:
            lab.add_user(who, admin=admin)
        each(admin, [b"SETQUOTA " + quote(lab.box(users[0])) + b" (STORAGE %d MESSAGE 5000)" % (100000 if big else 50000),
                     b"CREATE " + quote(lab.shared("shared")),
                     b"CREATE " + quote(lab.shared("shared", "team x"))])
        for box in (lab.shared("shared"), lab.shared("shared", "team x")):
            each(admin, [b"SETACL %s %s lrswip" % (quote(box), quote(who)) for who in users]
                 + [b"SETACL %s anyone lrsp" % quote(box)])
        if lab.second_partition and len(users) > 1:
            admin.run(b"CREATE %s second" % quote(lab.box(users[1], "Second")))
        for who in users:
            each(admin, [b"CREATE " + quote(lab.box(who, *path)) for path in folders_of(lab, who == users[0])])

    for number, who in enumerate(users):
        first = number == 0
        folders = folders_of(lab, first)
        with lab.user(who) as c:
            fill(c, writer, lab.own(), who, 12, odd=True)
            for path in folders:
                if path != ("Empty",):
                    fill(c, writer, lab.own(*path), who, 6 if path == ("Work", "Proj A") else 4)
            if lab.second_partition and number == 1:
                fill(c, writer, lab.own("Second"), who, 4)
            each(c, [b"SUBSCRIBE " + quote(lab.own(*path)) for path in [()] + folders[:-1]])
            if big and first:
                c.append(lab.own("Work", "Proj A"), writer.message(who, "mixed", 20_000_000), (), writer.date()).need()

            # UID gaps, and one message marked \Deleted but still there.
            for path in [()] + ([("Work", "Proj A")] if first else []):
                box = quote(lab.own(*path))
                each(c, [b"SELECT " + box, b"UID STORE 2,5 +FLAGS.SILENT (\\Deleted)", b"EXPUNGE"])
                if not path:
                    each(c, [b"UID STORE 7 +FLAGS.SILENT (\\Deleted)",
                             b'UID STORE 8 ANNOTATION (/comment (value.priv "private word of %s"))' % who.encode(),
                             b'UID STORE 9 ANNOTATION (/comment (value.shared "shared word"))'])
                c.run("UNSELECT")

    with lab.user(users[0]) as c:
        owner = users[0].encode()
        work, proj = quote(lab.own("Work")), quote(lab.own("Work", "Proj A"))
        each(c, [b'SETMETADATA %s (/private/comment "private note of %s")' % (work, owner),
                 b'SETMETADATA %s (/shared/comment "shared note")' % work,
                 b'SETMETADATA INBOX (/private/comment "the first of all")'])
        if len(users) > 2:
            second, third = users[1].encode(), users[2].encode()
            each(c, [b"SETACL %s %s lrswn" % (work, quote(second)), b"SETACL %s -%s w" % (work, third),
                     b"SETACL %s %s lrsip" % (proj, quote(second)), b"SETACL %s anyone lr" % proj])

    with lab.admin() as admin:
        admin.run(b"SETQUOTA %s (STORAGE %d)" % (quote(lab.box(users[0], "Work")), 60000 if big else 20000))

    if len(users) > 2:
        with lab.user(users[1]) as c:
            prefix = quote(lab.sep.join(("user", users[0], "Work")))
            if lab.altnamespace:
                prefix = quote(lab.sep.join(("Other Users", users[0], "Work")))
            each(c, [b"SELECT " + prefix, b"UID STORE 2:3 +FLAGS.SILENT (\\Seen)",
                     b'UID STORE 1 ANNOTATION (/comment (value.priv "what %s thinks"))' % users[1].encode(), b"UNSELECT",
                     b'SETMETADATA %s (/private/comment "private note of %s")' % (prefix, users[1].encode()),
                     b"SUBSCRIBE " + prefix])

    for who in users:
        with lab.user(who) as c:
            team = lab.shared("shared", "team x")
            if lab.altnamespace:
                team = "Shared Folders" + lab.sep + team
            fill(c, writer, team, who, 2)
            each(c, [b"SUBSCRIBE " + quote(team), b"SELECT " + quote(team), b"UID STORE 1 +FLAGS.SILENT (\\Seen)"])

    with lab.lmtp() as tcp:
        for n in range(2):
            for who in users:
                tcp.deliver("dora@example.net", [who], writer.message(who))
    with lab.lmtp(unix=True) as unix:
        unix.deliver("dora@example.net", users, writer.message("everybody"))

    script = b'require ["fileinto"];\r\nif header :contains "Subject" "no such thing" { fileinto "%s"; }\r\n'
    for who in users[:2]:
        with lab.sieve(who) as s:
            s.put("mine", script % lab.own("Work").encode())
            s.put("spare", b"keep;\r\n", active=False)
