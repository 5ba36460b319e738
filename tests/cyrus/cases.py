"""One case of loss and restore on a laboratory server: dump, backup, lose, restore, compare, maintain, compare."""

import re

from common import Failed, LabError, check, cyrvault, foreign_files, not_ok
import losses
from wire import quote


def renamed_only(lab, box, differences):
    """Differences that are more than the marks the server's own RENAME leaves on a mailbox and what is below it."""
    names = [box]
    if box.startswith("user" + lab.sep):
        names.append(lab.own(*box.split(lab.sep)[2:]))
    ours = "|".join(r"\[" + re.escape(n) + r"[\]./]" for n in names)
    mark = re.compile(r"~ \S+ \[.*\] (HIGHESTMODSEQ|META /shared/vendor/cmu/cyrus-imapd/foldermodseq): \d+ -> \d+$")
    return [d for d in differences if not (mark.match(d) and re.search(ours, d))]


def one_loss(lab, title, lose, target, renamed=None):
    """lose(lab) after a backup, `cyrvault restore latest TARGET... --yes`, and the proofs. renamed: the mailbox whose
    modseq may move because the server renames it back."""
    try:
        before = lab.dump()
        cyrvault(lab, "backup")
        lose(lab)
        if not lab.diff(before, lab.dump()):
            not_ok(title + ": the loss cannot be seen over IMAP, so its restore proves nothing")
            return
        cyrvault(lab, "restore", "latest", *target, "--yes")
    except (Failed, LabError) as e:
        not_ok(title, str(e))
        return

    def compare(when):
        differences = lab.diff(before, lab.dump())
        if renamed:
            differences = renamed_only(lab, renamed, differences)
        check("%s: %s" % (title, when), differences)

    compare("restored, IMAP shows the same")
    check("%s: every file belongs to the server, nothing half done is left" % title, foreign_files(lab))
    try:
        losses.maintenance(lab)
    except LabError as e:
        not_ok("%s: cyr_expire -E 1 -D 0 -X 0 and reconstruct -r" % title, str(e))
        return
    compare("still the same after cyr_expire -E 1 -D 0 -X 0 and reconstruct -r")


def takes_new_mail(lab, name):
    """A mailbox that was restored is an ordinary one: its next message gets the next UID."""
    with lab.proxy("alice") as c:
        box = lab.own("Work")
        expected = int(c.run(b"STATUS " + quote(box) + b" (UIDNEXT)").rows("STATUS")[0][1][1])
        got = c.append(box, b"Subject: after the restore\r\n\r\nnew\r\n").need().code("APPENDUID")
    check("%s: a restored mailbox takes new mail" % name,
          [] if got.split()[1] == str(expected) else ["UIDNEXT was %d, APPENDUID %s" % (expected, got)])
