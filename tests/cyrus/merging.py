"""What tests of restores into mailboxes that are there share: looking at messages, and changing them."""

import collections
import glob
import hashlib
import json

from common import check, cyrvault
import losses
from wire import quote

Mail = collections.namedtuple("Mail", "flags date size digest")


# ---- looking ----

def mails(lab, box):
    """{UID: Mail} of a mailbox by its administrator's name, as its owner sees it (a shared one as alice does)."""
    owner = losses.owner_of(lab, box)
    name = lab.own(*box.split(lab.sep)[2:]) if owner else ("Shared Folders" + lab.sep) * lab.altnamespace + box
    with lab.proxy(owner or "alice") as c:
        c.run(b"EXAMINE " + quote(name))
        found = {}
        for _, item in c.do(b"UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])").fetched():
            flags = " ".join(sorted(f.decode() for f in item["FLAGS"] if f.lower() != b"\\recent"))
            found[int(item["UID"])] = Mail(flags, item["INTERNALDATE"].decode().strip(), int(item["RFC822.SIZE"]),
                                           hashlib.sha256(item["BODY[]"]).hexdigest())
        return found


def bag(found, without=""):
    """The messages, however they are numbered."""
    return collections.Counter(m._replace(flags=" ".join(f for f in m.flags.split() if f != without))
                               for m in found.values())


def compare(before, after, more=0):
    """Problems unless all of before is there, with flags and dates, exactly once, and so many others."""
    lacking, extra = before - after, after - before
    problems = ["lacking: %d %s" % (n, m) for m, n in lacking.items()]
    if sum(extra.values()) != more:
        problems += ["too much: %d %s" % (n, m) for m, n in extra.items()]
    return problems


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


def nothing_left(lab, title, box, *options):
    before = mails(lab, box)
    found = restore(lab, box, *options)
    check("%s: run again there is nothing to do" % title,
          counts(found, outcome="nothing to do") + ([] if mails(lab, box) == before else ["something changed"]))


def unfinished(lab):
    found = []
    for path in glob.glob(lab.path("state", "cases", "*", "case.json")):
        with open(path) as f:
            if json.load(f)["state"] == "open":
                found.append("%s is open" % path)
    return found


# ---- changing ----

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
