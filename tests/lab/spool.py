"""Check unpacked mailbox directories by themselves: index records against message files, without a server."""

import hashlib
import os
import re
import struct

EXPUNGED = 1 << 31
UNLINKED = 1 << 30


def read_index(path):
    """The records of a cyrus.index of Cyrus 2.4 to 3.8 as (uid, size, flags, guid)."""
    with open(path, "rb") as f:
        data = f.read()
    minor, start, size, count = struct.unpack_from(">4I", data, 8)
    if minor < 12 or minor > 17:
        raise ValueError("%s: index version %d" % (path, minor))
    if start + size * count > len(data):
        raise ValueError("%s: %d records do not fit in %d bytes" % (path, count, len(data)))
    for n in range(count):
        at = start + size * n
        uid, bytes_ = struct.unpack_from(">I8xI", data, at)
        yield uid, bytes_, struct.unpack_from(">I", data, at + 32)[0], data[at + 60:at + 80]


def check_mailbox(where):
    """Problems of one mailbox directory as text."""
    problems = []
    names = set(os.listdir(where))
    for name in ("cyrus.header", "cyrus.index", "cyrus.cache"):
        if name not in names and not (name == "cyrus.cache" and not any(re.fullmatch(r"\d+\.", n) for n in names)):
            problems.append("%s: no %s" % (where, name))
    if "cyrus.index" not in names:
        return problems
    known = set()
    last = 0
    for uid, size, flags, guid in read_index(os.path.join(where, "cyrus.index")):
        if uid <= last:
            problems.append("%s: UID %d after %d" % (where, uid, last))
        last = uid
        if flags & UNLINKED:
            continue
        name = "%d." % uid
        known.add(name)
        if name not in names:
            problems.append("%s: UID %d has no file" % (where, uid))
            continue
        with open(os.path.join(where, name), "rb") as f:
            data = f.read()
        if len(data) != size:
            problems.append("%s: UID %d has %d bytes, the index says %d" % (where, uid, len(data), size))
        elif hashlib.sha1(data).digest() != guid:
            problems.append("%s: UID %d is not the message of the index" % (where, uid))
    for name in names:
        if re.fullmatch(r"\d+\.", name) and name not in known:
            problems.append("%s: %s has no index record" % (where, name))
    return problems


def check_tree(root):
    """(number of mailboxes, messages, problems) of every mailbox directory below root."""
    boxes = messages = 0
    problems = []
    for where, _, files in os.walk(root):
        if "cyrus.header" in files or "cyrus.index" in files:
            boxes += 1
            messages += sum(1 for n in files if re.fullmatch(r"\d+\.", n))
            problems += check_mailbox(where)
    return boxes, messages, problems
