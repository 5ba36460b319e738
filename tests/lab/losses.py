"""Ways to lose mail on a laboratory server, and the server's own nightly maintenance.

A mailbox is named as the administrator sees it (user.alice.Work or user/alice/Work)."""

import os
import re
import shutil
import time

from wire import ProtocolError, quote


def owner_of(lab, box):
    """The user id that owns a mailbox, or None for a shared one."""
    parts = box.split(lab.sep)
    return parts[1] if parts[0] == "user" and len(parts) > 1 else None


def family(lab, box, recursive):
    """A mailbox and, if asked, those below it, as the administrator names them; parents first."""
    with lab.admin() as c:
        names = [row[2].decode() for row in c.run(b"LIST \"\" " + quote(box)).rows("LIST")]
        if recursive:
            names += [row[2].decode() for row in c.run(b"LIST \"\" " + quote(box + lab.sep + "*")).rows("LIST")]
    return names


def delete_mailbox(lab, box, recursive=True):
    """DELETE by its owner over IMAP: the server keeps it for a while under DELETED. Shared ones by the administrator."""
    owner = owner_of(lab, box)
    names = sorted(family(lab, box, recursive), key=lambda n: n.count(lab.sep), reverse=True)
    with lab.proxy(owner) if owner else lab.admin() as c:
        for name in names:
            if owner:
                name = lab.own(*name.split(lab.sep)[2:])
            else:
                c.run(b"SETACL %s cyrus lrswipkxtea" % quote(name))
            try:
                c.run(b"DELETE " + quote(name))
            except ProtocolError as e:
                # By name the one in DELETED is called after the second.
                if "already exists" not in str(e):
                    raise
                time.sleep(1.1)
                c.run(b"DELETE " + quote(name))
    return names


def purge(lab):
    """Drop every deleted mailbox for good."""
    lab.tool("cyr_expire", "-E", "1", "-D", "0")


def delete_and_purge(lab, box, recursive=True):
    names = delete_mailbox(lab, box, recursive)
    purge(lab)
    return names


def remove_directory(lab, box):
    """rm -rf of the mailbox's directory. In the by-name layout the mailboxes below it lie inside and go too."""
    where = lab.directories(box)
    for kind in ("data", "meta"):
        if os.path.isdir(where[kind]):
            shutil.rmtree(where[kind])
    return where["data"]


def remove_messages(lab, box):
    """rm of the message files alone; index and header stay."""
    where = lab.directories(box)["data"]
    files = [name for name in os.listdir(where) if re.fullmatch(r"\d+\.", name)]
    for name in files:
        os.unlink(os.path.join(where, name))
    return len(files)


def delete_user(lab, user, purged=True):
    """The administrator deletes a user with all his mailboxes."""
    box = quote(lab.box(user))
    with lab.admin() as c:
        c.run(b"SETACL %s cyrus lrswipkxtea" % box)
        c.run(b"DELETE " + box)
    if purged:
        purge(lab)


def maintenance(lab):
    """What a server does to itself at night, in the strictest form, and the administrator's reconstruct."""
    lab.tool("cyr_expire", "-E", "1", "-D", "0", "-X", "0")
    with lab.admin() as c:
        roots = {row[2].decode().split(lab.sep)[0] for row in c.run(b'LIST "" "*"').rows("LIST")}
    return lab.tool("reconstruct", "-r", *sorted(roots - {"DELETED"}))
