"""Write down everything a server shows over IMAP, as sorted text lines, and compare two such dumps.

Lines: `USER u`, `u LSUB box`, `u SIEVE name ...`, `u [box] LIST|ACL|MYRIGHTS|META|QUOTAROOT|QUOTA|UIDVALIDITY|UIDNEXT|
HIGHESTMODSEQ|EXISTS|FLAGS ...`, `u [box] UID n (flags) date size sha256:.. MODSEQ m`, `u [box] UID n ANNOTATION ..`.
\\Recent is left out. Nothing is changed by looking: EXAMINE and BODY.PEEK only."""

import concurrent.futures
import hashlib
import re

from wire import quote

# Values that follow the clock or the disk rather than the mail.
VOLATILE = re.compile(r"META /shared/vendor/cmu/cyrus-imapd/(lastupdate|freespace\S*) ")


def text(value):
    """One line of readable text from bytes, a list or NIL."""
    if isinstance(value, list):
        return "(" + " ".join(text(v) for v in value) + ")"
    if not isinstance(value, bytes):
        return "NIL"
    return value.decode("utf-8", "backslashreplace").replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def flags(values):
    return "(" + " ".join(sorted(v.decode() for v in values if v.lower() != b"\\recent")) + ")"


def metadata(reply, head):
    for row in reply.rows("METADATA"):
        pairs = row[1]
        for entry, value in zip(pairs[::2], pairs[1::2]):
            if isinstance(value, bytes):
                yield "%s META %s %s" % (head, text(entry), text(value))


def message_lines(reply, head):
    for _, item in reply.fetched():
        if "UID" not in item:
            continue
        start = "%s UID %s" % (head, item["UID"].decode())
        body = item.get("BODY[]")
        digest = hashlib.sha256(body).hexdigest() if isinstance(body, bytes) else "none"
        yield "%s %s %s %s sha256:%s MODSEQ %s" % (start, flags(item["FLAGS"]), text(item["INTERNALDATE"]),
                                                   text(item["RFC822.SIZE"]), digest, text(item["MODSEQ"][0]))
        notes = item.get("ANNOTATION") or []
        for entry, values in zip(notes[::2], notes[1::2]):
            for name, value in zip(values[::2], values[1::2]):
                if isinstance(value, bytes):
                    yield "%s ANNOTATION %s %s %s" % (start, text(entry), text(name), text(value))


def mailbox_lines(replies, head):
    acl, rights, meta, quota, examine, fetch = replies
    for row in acl.rows("ACL"):
        for who, what in zip(row[1::2], row[2::2]):
            yield "%s ACL %s %s" % (head, text(who), "".join(sorted(text(what))))
    for row in rights.rows("MYRIGHTS"):
        yield "%s MYRIGHTS %s" % (head, "".join(sorted(text(row[1]))))
    yield from metadata(meta, head)
    for row in quota.rows("QUOTAROOT"):
        for root in row[1:]:
            yield "%s QUOTAROOT %s" % (head, text(root))
    for row in quota.rows("QUOTA"):
        yield "%s QUOTA %s %s" % (head, text(row[0]), text(row[1]))
    if not examine.ok:
        yield "%s EXAMINE %s" % (head, examine.text)
        return
    for code in ("UIDVALIDITY", "UIDNEXT", "HIGHESTMODSEQ"):
        yield "%s %s %s" % (head, code, examine.code(code))
    yield "%s EXISTS %s" % (head, examine.exists())
    for row in examine.rows("FLAGS"):
        yield "%s FLAGS %s" % (head, flags(row[0]))
    if not fetch.ok and examine.exists():
        yield "%s FETCH %s %s" % (head, fetch.status, fetch.text)
    yield from message_lines(fetch, head)


def dump_one(connect, who, admin_name, deleted):
    """What one user sees."""
    lines = ["USER %s" % who]
    with connect() as c:
        listed, subscribed, server = c.pipeline([b'LIST "" "*"', b'LSUB "" "*"',
                                                 b'GETMETADATA (DEPTH infinity) "" (/shared /private)'])
        if deleted and who == admin_name:
            listed.untagged += c.do(b'LIST "" "DELETED%"').untagged + c.do(b'LIST "" "DELETED.*"').untagged
        for row in subscribed.rows("LSUB"):
            lines.append("%s LSUB %s" % (who, text(row[2])))
        if who == admin_name:
            lines += metadata(server, "%s []" % who)
        commands = []
        boxes = []
        for row in listed.rows("LIST"):
            name = row[2]
            if who == admin_name and not deleted and re.match(rb"DELETED[./]", name):
                continue
            head = "%s [%s]" % (who, text(name))
            lines.append("%s LIST %s" % (head, flags(row[0])))
            if any(f.lower() in (b"\\noselect", b"\\nonexistent") for f in row[0]):
                continue
            boxes.append(head)
            box = quote(name)
            commands += [b"GETACL " + box, b"MYRIGHTS " + box,
                         b"GETMETADATA (DEPTH infinity) " + box + b" (/shared /private)",
                         b"GETQUOTAROOT " + box, b"EXAMINE " + box + b" (CONDSTORE)",
                         b"UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE MODSEQ"
                         b" ANNOTATION (/* (value.priv value.shared)) BODY.PEEK[])",
                         b"UNSELECT"]
        for start in range(0, len(commands), 70):
            replies = c.pipeline(commands[start:start + 70], batch=70)
            for at in range(0, len(replies), 7):
                lines += mailbox_lines(replies[at:at + 6], boxes[(start + at) // 7])
    return lines


def sieve_lines(lab, users):
    """Every user's sieve scripts. Only users who have a script mailbox are asked: the server makes one for whoever asks."""
    with lab.admin() as c:
        names = {row[2].decode() for row in c.run(b'LIST "" "*"').rows("LIST")}
    lines = []
    for who in users:
        if lab.box(who, "#sieve") in names:
            with lab.sieve(who) as s:
                lines += ["%s SIEVE %s%s sha256:%s" % (who, name, " active" if active else "",
                                                       hashlib.sha256(data).hexdigest())
                          for name, active, data in s.scripts()]
    return lines


def dump(lab, users=None, deleted=False):
    """The lines of every user and of the administrator. deleted: the administrator's DELETED mailboxes too."""
    from lab import ADMIN
    users = list(lab.users if users is None else users)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(dump_one, lambda u=u: lab.user(u), u, ADMIN, deleted) for u in users]
        jobs.append(pool.submit(dump_one, lab.admin, ADMIN, ADMIN, deleted))
        jobs.append(pool.submit(sieve_lines, lab, users))
        lines = [line for job in jobs for line in job.result()]
    return sorted(line for line in lines if not VOLATILE.search(line))


def key_of(line):
    """What a line is about, without its value: two lines with one key are a change, not a loss and a gain."""
    m = re.match(r"(.*?\] UID \d+ ANNOTATION \S+ \S+|.*?\] UID \d+|.*?\] (?:META|ACL|QUOTA) \S+|.*?\] [A-Z]+|"
                 r"\S+ SIEVE \S+)(?: |$)", line)
    return m.group(1) if m else line


def diff_dumps(before, after, ignore=None, limit=None):
    """Readable differences, [] if equal: `- line`, `+ line`, or `~ key: old -> new`. ignore: a pattern of lines left out;
    a change is also left out when old and new are equal once the pattern is cut out of both."""
    cut = re.compile(ignore) if ignore else None

    def clean(lines):
        return {line: cut.sub("", line) if cut else line for line in lines}

    old, new = clean(before), clean(after)
    same = set(old.values()) & set(new.values())
    gone = [line for line, short in old.items() if short not in same and short.strip()]
    come = [line for line, short in new.items() if short not in same and short.strip()]
    by_key = {}
    for line in come:
        by_key.setdefault(key_of(line), []).append(line)
    found = []
    for line in gone:
        key = key_of(line)
        if by_key.get(key):
            other = by_key[key].pop(0)
            found.append("~ %s: %s -> %s" % (key, line[len(key):].strip(), other[len(key):].strip()))
        else:
            found.append("- " + line)
    found += ["+ " + line for lines in by_key.values() for line in lines]
    found.sort(key=lambda d: d[2:])
    if limit and len(found) > limit:
        found = found[:limit] + ["... and %d more differences" % (len(found) - limit)]
    return found
