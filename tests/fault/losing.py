"""What the sweep over the restore path restores: small mailboxes, ways to lose some of them, the command that brings them back.

Each scenario is prepared on a fresh server: mail, a backup, the loss; what it leaves is where every fault begins."""

import os

import losses
from merging import body, expunge, folder, objects
from wire import quote


def append(lab, name, *numbers):
    with lab.proxy("alice") as c:
        for n in numbers:
            c.append(lab.own(name), body(n), ("\\Flagged",), "03-Apr-2024 10:00:00 +0100").need()


def seed(lab):
    """alice with a mailbox that nothing happens to; bob, who reads hers; carol with little."""
    for user in ("alice", "bob", "carol"):
        lab.add_user(user)
    folder(lab, "Still", 2)
    box = folder(lab, "Work", 3)
    with lab.proxy("alice") as c:
        name = quote(lab.own("Work"))
        c.run(b"SETACL %s bob lrs" % name)
        c.run(b'SETMETADATA %s (/private/comment "mine" /shared/comment "ours")' % name)
        c.run(b"SUBSCRIBE " + name)
    with lab.proxy("bob") as c:
        c.run(b"SELECT " + quote(box))
        c.run(b"UID STORE 2 +FLAGS.SILENT (\\Seen)")
    with lab.admin() as c:
        c.run(b"SETQUOTA %s (STORAGE 100000)" % quote(lab.box("alice")))
    with lab.proxy("carol") as c:
        c.append(lab.own(), body(1), ("\\Seen",)).need()
        c.run(b"CREATE " + quote(lab.own("Only")))
        c.append(lab.own("Only"), body(2)).need()
        c.run(b"SUBSCRIBE " + quote(lab.own("Only")))
    with lab.sieve("carol") as s:
        s.put("one", b"keep;\r\n")


def work(lab):
    return lab.box("alice", "Work")


def purged(lab, run):
    losses.delete_and_purge(lab, work(lab))


def deleted(lab, run):
    losses.delete_mailbox(lab, work(lab))


def files_gone(lab, run):
    where = lab.directories(work(lab))["data"]
    for uid in (1, 3):
        os.unlink(os.path.join(where, "%d." % uid))


def expunged(lab, run):
    expunge(lab, work(lab), "1:2")
    lab.tool("cyr_expire", "-E", "1", "-X", "0")
    append(lab, "Work", 20)


def made_anew(lab, run):
    losses.delete_and_purge(lab, work(lab))
    with lab.proxy("alice") as c:
        c.run(b"CREATE " + quote(lab.own("Work")))
    append(lab, "Work", 30, 31)


def nothing(lab, run):
    pass


def state_changed(lab, run):
    with lab.proxy("alice") as c:
        name = quote(lab.own("Work"))
        c.run(b"SETACL %s bob l" % name)
        c.run(b'SETMETADATA %s (/private/comment "changed" /shared/comment NIL)' % name)
        c.run(b"UNSUBSCRIBE " + name)
        c.run(b"SELECT " + name)
        c.run(b"UID STORE 1 FLAGS.SILENT (\\Answered)")
        c.run(b"UID STORE 3 FLAGS.SILENT ()")
    with lab.admin() as c:
        c.run(b"SETQUOTA %s (STORAGE 50000)" % quote(lab.box("alice")))


def user_gone(lab, run):
    losses.delete_user(lab, "carol")


def restored(lose):
    def then(lab, run):
        lose(lab, run)
        p = run(lab, "restore", "latest", work(lab), "--yes")
        if p.returncode != 0:
            raise RuntimeError(p.err)
    return then


def case_of(lab):
    return sorted(os.listdir(lab.path("state", "cases")))[-1]


class Scenario:
    """exact: what comes back is as it was, UIDs and all; else messages are told by content."""

    def __init__(self, title, lose, command, exact=False):
        self.title, self.lose, self.command, self.exact = title, lose, command, exact

    def arguments(self, lab):
        return ["restore"] + self.command(lab) + ["--yes"]


def plain(*options):
    return lambda lab: ["latest", work(lab)] + list(options)


def undo(lab):
    return ["--undo", case_of(lab)]


IDENTICAL = Scenario("identical", purged, plain(), exact=True)
RENAME = Scenario("rename back", deleted, plain(), exact=True)
FILES = Scenario("lost files", files_gone, plain(), exact=True)
MERGE = Scenario("merge", expunged, plain())
KEEP = Scenario("keep UIDs", expunged, plain("--keep-uids"), exact=True)
REPLACE = Scenario("replace", made_anew, plain("--replace"))
BESIDE = Scenario("beside", nothing, plain("--beside"))
STATE = Scenario("state only", state_changed, plain("--state"), exact=True)
USER = Scenario("whole user", user_gone, lambda lab: ["latest", "--user", "carol"], exact=True)
UNDO_MERGE = Scenario("undo of a merge", restored(expunged), undo)
UNDO_IDENTICAL = Scenario("undo of an identical restore", restored(purged), undo)

# The cheap ones with both layouts.
BY_LAYOUT = {
    "uuid": [MERGE, KEEP, IDENTICAL, STATE, USER, UNDO_MERGE, FILES],
    "legacy": [REPLACE, RENAME, BESIDE, UNDO_IDENTICAL, IDENTICAL, MERGE, KEEP],
}
