"""Deliver mail by LMTP from several clients at a steady rate, remember every answer, prove afterwards that nothing was lost."""

import collections
import re
import threading
import time

from wire import Lmtp, ProtocolError, quote


class Storm:
    """start(), later stop(), then check(). rate: messages per second over all clients."""

    def __init__(self, lab, users=None, clients=4, rate=40, size=2000, unix_clients=1):
        self.lab = lab
        self.users = list(users or lab.users)
        self.clients = clients
        self.rate = rate
        self.size = size
        self.unix_clients = unix_clients
        self.mark = "%x" % time.time_ns()       # no two storms say the same: the server drops what it has seen before
        self.halt = threading.Event()
        self.threads = []
        self.lock = threading.Lock()
        self.accepted = {}          # Message-ID -> user
        self.refused = []           # (Message-ID, user, answer)
        self.times = []             # seconds from sending to the answer
        self.began = None
        self.lasted = 0.0

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    def start(self):
        self.began = time.monotonic()
        self.threads = [threading.Thread(target=self.client, args=(n,), daemon=True) for n in range(self.clients)]
        for t in self.threads:
            t.start()
        return self

    def stop(self):
        """Let every client finish its message; no new ones."""
        if not self.halt.is_set():
            self.halt.set()
            for t in self.threads:
                t.join(120)
            self.lasted = time.monotonic() - self.began

    def sent(self):
        with self.lock:
            return len(self.times)

    def wait_for(self, count, seconds=60):
        """Until count messages were answered."""
        until = time.monotonic() + seconds
        while self.sent() < count:
            if time.monotonic() > until:
                raise TimeoutError("only %d of %d messages were answered in %d s" % (self.sent(), count, seconds))
            time.sleep(0.02)

    def message(self, ident, user):
        line = b"all work and no play makes a dull message body\r\n"
        head = "From: storm@example.net\r\nTo: %s@example.org\r\nSubject: storm\r\nMessage-ID: %s\r\n\r\n" % (user, ident)
        return head.encode() + line * max(1, self.size // len(line))

    def client(self, number):
        link = None
        step = self.clients / self.rate
        due = self.began + step * number / self.clients
        count = 0
        while not self.halt.wait(max(0.0, due - time.monotonic())):
            due += step
            user = self.users[(count + number) % len(self.users)]
            ident = "<storm.%s.%d.%d@storm.example>" % (self.mark, number, count)
            count += 1
            start = time.monotonic()
            try:
                if link is None:
                    link = Lmtp(self.lab.lmtp_socket if number < self.unix_clients else self.lab.lmtp_address)
                code, answer = link.deliver("storm@example.net", [user], self.message(ident, user))[0]
            except (OSError, ProtocolError, ValueError) as e:
                code, answer, link = 0, str(e), None
            took = time.monotonic() - start
            with self.lock:
                self.times.append(took)
                if code == 250:
                    self.accepted[ident] = user
                else:
                    self.refused.append((ident, user, "%d %s" % (code, answer)))
        if link:
            link.close()

    def figures(self):
        """One line for a report."""
        return "%d messages in %.1f s (%.0f/s) from %d clients, %d refused, slowest answer %.2f s" % (
            len(self.times), self.lasted, len(self.times) / max(self.lasted, 0.001), self.clients, len(self.refused),
            max(self.times, default=0.0))

    def check(self):
        """Problems as text, [] if every accepted message is in its user's INBOX exactly once and none was refused."""
        problems = ["refused: %s for %s: %s" % r for r in self.refused]
        seen = collections.Counter()
        for user in self.users:
            with self.lab.proxy(user) as c:
                c.run(b"EXAMINE " + quote("INBOX"))
                reply = c.run("UID FETCH 1:* (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
                for pieces in reply.untagged:
                    for piece in pieces[1::2]:
                        m = re.search(rb"<storm\.[^>]*>", piece)
                        if m:
                            seen[m.group(0).decode(), user] += 1
        for ident, user in self.accepted.items():
            times = seen.pop((ident, user), 0)
            if times != 1:
                problems.append("%s: accepted for %s, found %d times" % (ident, user, times))
        return problems
