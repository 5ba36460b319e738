"""What the tests of merges into a live mailbox share."""

import json

from common import cyrvault
import losses
from wire import quote


def lines_of(text, *words):
    flat = " ".join(text.split())
    return ["\"%s\" is not in: %s" % (word, flat) for word in words if word not in flat]


def objects(lab, *args, expect=(0,)):
    done = cyrvault(lab, *args, "--json", expect=expect)
    return [json.loads(line) for line in done.stdout.splitlines()]


def summary(lab, *args, expect=(0,)):
    return objects(lab, *args, expect=expect)[-1]


def counts(found, **wanted):
    return ["%s is %s, not %s" % (k, found.get(k), v) for k, v in wanted.items() if found.get(k) != v]


def restore(lab, box, *options):
    return summary(lab, "restore", "latest", box, "--yes", *options)


def expunge(lab, box, uids):
    owner = losses.owner_of(lab, box)
    name = lab.own(*box.split(lab.sep)[2:]) if owner else box
    with lab.proxy(owner) if owner else lab.admin() as c:
        c.run(b"SELECT " + quote(name))
        c.run("UID STORE %s +FLAGS.SILENT (\\Deleted)" % uids)
        c.run("UID EXPUNGE %s" % uids)


def body(n, size=300):
    return ("From: a@example.net\r\nSubject: number %d\r\nMessage-ID: <n%d@merge.example>\r\n\r\n" % (n, n)).encode() + \
        b"line of text\r\n" * (size // 14)


def folder(lab, name, count, size=300, flags=("\\Seen", "$Label1")):
    """A new folder of alice with so many messages; its administrator's name."""
    with lab.proxy("alice") as c:
        c.run(b"CREATE " + quote(lab.own(name)))
        for reply in c.pipeline([c.append_command(lab.own(name), body(n, size), flags if n % 2 else ("\\Flagged",),
                                                  "%02d-Mar-2024 10:00:00 +0100" % (1 + n % 28)) for n in range(count)]):
            reply.need()
    return lab.box("alice", name)
