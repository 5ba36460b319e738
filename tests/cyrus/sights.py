"""What everybody sees of one mailbox, whatever it is called, and whether the server is content with it."""

import re

from common import check, foreign_files
import losses


def lines_about(dump, name):
    """What everybody sees of one mailbox of alice, its name left out."""
    pattern = re.compile(r"^(\S+) \[(?:(?<=^alice \[)INBOX|user[./]alice)[./]%s\] " % re.escape(name))
    return sorted(pattern.sub(r"\1 [it] ", line) for line in dump if pattern.search(line))


# What a new mailbox has of its own.
OWN = re.compile(r"META /(shared|private)/vendor/cmu/cyrus-imapd/(uniqueid|lastupdate|foldermodseq|createdmodseq)|HIGHESTMODSEQ|QUOTAROOT|QUOTA ")


def differences(old, new):
    old, new = ([line for line in lines if not OWN.search(line)] for lines in (old, new))
    return ["lacking: " + line for line in old if line not in new] + ["too much: " + line for line in new if line not in old]


def tidy(lab, title):
    check("%s: every file belongs to the server, nothing half done is left" % title, foreign_files(lab))
    before = lab.dump()
    losses.maintenance(lab)
    check("%s: still the same after cyr_expire and reconstruct" % title, lab.diff(before, lab.dump()))
