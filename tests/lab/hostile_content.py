"""Hostile archives in our own format whose structure is right and whose content is not: what Cyrus keeps in its files, JSON, mail."""

import binascii
import json
import re
import struct

from hostile import HOSTILE
from hostile_case import (CANARY, EVIL, EVIL_TEXT, HEAD, INBOX, RECORD, WORK, Index, add, change, changed, mail, set_envelope, set_header,
                          set_message)

# ---- cyrus.index ----


def index_head(at, value, form=">I"):
    def edit(v):
        index = Index(v)
        index.head(at, value, form)
        index.save()
    return edit


def index_record(at, value, n=1, form=">I"):
    def edit(v):
        index = Index(v)
        index.record(n, at, value, form)
        index.save()
    return edit


for what, at, value in (
        ("2^32 - 1 records", 20, 0xffffffff), ("2^31 records", 20, 0x80000000), ("no records", 20, 0), ("records of 0 bytes", 16, 0),
        ("records of 1 byte", 16, 1), ("records of 2^32 - 1 bytes", 16, 0xffffffff), ("they begin at 0", 12, 0), ("they begin at 2^32 - 1", 12, 0xffffffff),
        ("they begin within the header", 12, 100), ("version 99", 8, 99), ("version 11", 8, 11), ("version 0", 8, 0), ("generation 2^32 - 1", 0, 0xffffffff)):
    add("cyrus.index: " + what, "odd", lambda at=at, value=value: changed(index_head(at, value)))
for what, at, value, form in (
        ("last UID 2^32 - 1", 28, 0xffffffff, ">I"), ("last UID 0", 28, 0, ">I"), ("UIDVALIDITY 0", 44, 0, ">I"), ("UIDVALIDITY 2^32 - 1", 44, 0xffffffff, ">I"),
        ("quota 2^64 - 1", 32, 2 ** 64 - 1, ">Q"), ("modseq 2^64 - 1", 68, 2 ** 64 - 1, ">Q"), ("2^32 - 1 messages", 84, 0xffffffff, ">I"),
        ("all options", 60, 0xffffffff, ">I"), ("first expunged in 2106", 88, 0xffffffff, ">I")):
    add("cyrus.index: " + what, "harmless", lambda at=at, value=value, form=form: changed(index_head(at, value, form)))
for what, want, at, value, form in (
        ("UID 0", "odd", 0, 0, ">I"), ("UID 2^32 - 1", "odd", 0, 0xffffffff, ">I"), ("descending UIDs", "odd", 0, 1, ">I"),
        ("UID twice", "odd", 0, 3, ">I"), ("a message of 2^32 - 1 bytes", "odd", 12, 0xffffffff, ">I"), ("a message of 0 bytes", "odd", 12, 0, ">I"),
        ("a header of 2^32 - 1 bytes", "harmless", 16, 0xffffffff, ">I"), ("cache at 2^32 - 1", "harmless", 24, 0xffffffff, ">I"),
        ("cache at 1", "harmless", 24, 1, ">I"), ("cache at 2^48 - 1", "harmless", 56, 0xffff0000, ">I"), ("all flags", "odd", 32, 0xffffffff, ">I"),
        ("all user flags", "harmless", 36, bytes([255] * 16), "16s"), ("modseq 2^64 - 1", "harmless", 80, 2 ** 64 - 1, ">Q"),
        ("arrival in 2106", "harmless", 4, 0xffffffff, ">I"), ("another GUID", "odd", 60, bytes(20), "20s")):
    add("cyrus.index, a record: " + what, want, lambda at=at, value=value, form=form: changed(index_record(at, value, 1, form)))


def replaced(part, data):
    def edit(v):
        v.file(part).data = data
    return edit


for what, want, data in (("empty", "odd", b""), ("one byte", "odd", b"\0"), ("zeros", "odd", bytes(4096)), ("0xff", "odd", b"\xff" * 4096)):
    for name in (b"cyrus.index", b"cyrus.header"):
        add("%s: %s" % (name.decode(), what), want, lambda name=name, data=data: changed(replaced(WORK + name, data)))


@change("cyrus.index: the promised million records are not there", "odd")
def index_short(v):
    index = Index(v)
    index.head(20, 1000000)
    index.save()


@change("cyrus.index: 200000 records of messages that are not there", "odd", big=True)
def index_many(v):
    index = Index(v)
    one = bytes(index.data[HEAD:HEAD + RECORD])
    for uid in range(4, 200004):
        index.data += struct.pack(">I", uid) + one[4:]
    index.head(20, 200003)
    index.head(28, 200003)
    index.save()


# ---- cyrus.header ----

MAILBOX, ID = b"user.mallory.Work", b"maybmpiyolt8ldrzztwolm7h"
for what, want, old, new in (
        ("name of alice's", "odd", MAILBOX, b"user.alice"), ("name ../../x", "odd", MAILBOX, b"../../../tmp/" + CANARY),
        ("unique id ../../x", "odd", ID, b"../../../tmp/" + CANARY), ("unique id of the INBOX", "odd", ID, INBOX.split(b"/")[-2]),
        ("flags of escape sequences", "harmless", b" U (", b" U ({%d+}\r\n%s " % (len(EVIL), EVIL)),
        ("ACL of escape sequences", "harmless", b"anyone", b"{%d+}\r\n%s" % (len(EVIL), EVIL)),
        ("ACL with a newline and a tab", "harmless", b"anyone", b"{5+}\r\na\nb\tc"),
        ("ACL of 60000 bytes", "harmless", b"anyone", b"x" * 60000),
        ("quota root ../../x", "harmless", b" Q user.mallory", b" Q ../../../../tmp/" + CANARY),
        ("type of everything", "harmless", b"(T e", b"(T abcdefghijklmnopqrstuvwxyz"),
        ("a literal of 2^32 - 1 bytes", "odd", ID, b"{4294967295+}\r\nx"), ("a literal of 2^64 bytes", "odd", ID, b"{18446744073709551616+}\r\nx"),
        ("a million parentheses", "odd", b" U (", b" U (" + b"(" * 1000000), ("300 flags", "harmless", b" U (", b" U (" + b"flag " * 300)):
    add("cyrus.header: " + what, want, lambda old=old, new=new: changed(lambda v: set_header(v, old, new)))

# ---- cyrus.cache, other files ----

for what, envelope in (
        ("escape sequences", b'("%s" "%s" NIL NIL NIL NIL NIL NIL NIL "%s")' % (EVIL_TEXT, EVIL_TEXT, EVIL_TEXT)),
        ("a million parentheses", b"(" * 1000000), ("a literal of 2^32 - 1 bytes", b"(NIL {4294967295}\r\nx"),
        ("100000 senders", b'(NIL NIL (%s) NIL NIL NIL NIL NIL NIL NIL)' % (b'("%s" NIL "a" "b")' % EVIL_TEXT[:8] * 100000)), ("nothing", b"")):
    add("cyrus.cache, an envelope: " + what, "harmless", lambda envelope=envelope: changed(lambda v: set_envelope(v, envelope)))
for what, data in (("empty", b""), ("0xff", b"\xff" * 5000), ("lengths of 2^32 - 1", struct.pack(">I", 0) + b"\xff\xff\xff\xff" * 100)):
    add("cyrus.cache: " + what, "harmless", lambda data=data: changed(replaced(WORK + b"cyrus.cache", data)))
SKIPLIST = b"\241\002\213\015twoskip file\0\0\0\0"
for name, part in (("annotations.db", b"cyrus/annotations.db"), ("mailboxes.db", b"cyrus/mailboxes.db"), ("sub.db", b"sub.db"),
                   ("cyrus.annotations", WORK + b"cyrus.annotations"), ("a quota root", b"quota/m/user.mallory"), ("sieve's bytecode", b"mine.bc")):
    add("%s: junk behind a magic" % name, "harmless", lambda part=part: changed(replaced(part, SKIPLIST + b"\xff" * 5000)))
    add("%s: escape sequences" % name, "harmless", lambda part=part: changed(replaced(part, b"%s\t%s\n" % (EVIL_TEXT, EVIL_TEXT) * 3)))
for what, text in (("a limit of 10^40", b"0\n" + b"9" * 40 + b"\n"), ("negative", b"-5\n-5\n"), ("100000 parentheses", b"%" + b"(" * 100000),
                   ("IMAP commands", b'%(S (0 ("1) x\r\na1 DELETE user.alice")))')):
    add("a quota root: " + what, "harmless", lambda text=text: changed(replaced(b"quota/m/user.mallory", text)))

# ---- imapd.conf ----

for what, text in (
        ("partitions at /", b"configdirectory: /\npartition-default: /\nsievedir: /\n"),
        ("relative places", b"configdirectory: ../../x\npartition-default: ../../x\nsievedir: ../x\n"),
        ("escape sequences", b"servername: %s\nconfigdirectory: /%s\npartition-default: /x\n%s: %s\n" % ((EVIL_TEXT,) * 4)),
        ("includes itself", b"@include: /etc/imapd.conf\n"), ("includes a device", b"@include: /dev/zero\n"), ("includes secrets", b"@include: /etc/shadow\n"),
        ("a million lines", b"a: b\n" * 1000000), ("a line of 8 MB", b"servername: " + b"x" * (8 << 20) + b"\n"), ("empty", b""),
        ("partitions of evil names", b"partition-../../etc: /x\npartition-default: /var/spool/cyrus/mail\nconfigdirectory: /var/lib/cyrus\n")):
    add("imapd.conf: " + what, "odd", lambda text=text: changed(replaced(b"etc/imapd.conf", text)))

# ---- JSON ----

JSONS = (
    ("100000 arrays deep", b"[" * 100000), ("100000 objects deep", b'{"a":' * 100000), ("8 MB of a string", b'{"server": "' + b"x" * (8 << 20) + b'"}'),
    ("not JSON", b"\0\xff\xfe"), ("empty", b""), ("a number", b"1e999"), ("another kind", b"[]"),
    ("NUL in a string", b'{"server": "a\\u0000b", "created": "\\u0000"}'), ("half a surrogate", b'{"server": "\\ud800"}'),
    ("escape sequences", json.dumps({k: EVIL_TEXT.decode("latin-1") for k in ("server", "created", "program", "snapshot", "quiesce", "layout",
                                                                              "cyrus_version", "previous")}).encode()),
    ("numbers of 400 digits", b'{"format": %s, "created_unix": %s, "sequence": -%s}' % ((b"9" * 400,) * 3)),
    ("2^63 and below zero", b'{"format": 1, "created_unix": -9223372036854775808, "sequence": 9223372036854775807, "pause_ms": -1, "tries": -1}'),
    ("wrong types", b'{"format": [], "server": 1, "created_unix": "x", "layout": 7, "roots": [[]], "extra": {}, "volumes": "", "findings": 3}'),
    ("200000 keys", b"{" + b",".join(b'"k%d": 0' % n for n in range(200000)) + b"}"),
    ("100000 volumes", b'{"volumes": [' + b",".join([b'{"origin": "x", "size_bytes": -1}'] * 100000) + b"]}"))
for what, text in JSONS:
    add("archive.json: " + what, "odd", lambda text=text: changed(replaced(b"archive.json", text)))
    add("report.json: " + what, "harmless", lambda text=text: changed(replaced(b"report.json", text)))
FINDING = b'{"kind": "lost", "mailbox": "user.mallory", "what": %s}'
for what, text in (("300000 findings", b",".join([FINDING % b'"x"'] * 300000)),
                   ("a finding of escape sequences", FINDING % json.dumps(EVIL_TEXT.decode("latin-1")).encode()),
                   ("a finding of 4 MB", FINDING % (b'"' + b"x" * (4 << 20) + b'"'))):
    add("report.json: " + what, "harmless", lambda text=text: changed(replaced(b"report.json", b'{"n_findings": 1, "findings": [' + text + b"]}")))

# ---- mailboxes.txt ----


def listed(old, new):
    """In the entry of user.mallory.Work in mailboxes.txt."""
    def edit(v):
        f = v.file(b"mailboxes.txt")
        lines = f.data.split(b"\n")
        at = next(n for n, line in enumerate(lines) if line.startswith(b'"user.mallory.Work"'))
        line = re.sub(old, lambda m: new, lines[at])
        if line == lines[at]:
            raise ValueError("mailboxes.txt has no %r" % old)
        lines[at] = line
        f.data = b"\n".join(lines)
    return edit


NAME = rb"user\.mallory\.Work"
for what, want, old, new in (
        ("name ../../x", "odd", NAME, b"../../../tmp/" + CANARY), ("name of alice's", "odd", NAME, b"user.alice"),
        ("name with NUL", "odd", NAME, b"user.mallory\\u0000"), ("name of escape sequences", "odd", NAME, b"user.mallory.\\u001b[2J\\u009b1m\\u202e"),
        ("name of 20000 bytes", "odd", NAME, b"user.mallory." + b"x" * 20000), ("no name", "odd", NAME, b""),
        ("partition ../../x", "odd", rb'"default"', b'"../../../etc"'), ("partition of escape sequences", "odd", rb'"default"', b'"\\u001b]0;x\\u0007"'),
        ("partition with a newline", "odd", rb'"default"', b'"default\\npartition-x: /"'),
        ("unique id ../../x", "odd", ID, b"../../../tmp/" + CANARY), ("unique id of the INBOX", "odd", ID, INBOX.split(b"/")[-2]),
        ("UIDVALIDITY of 40 digits", "odd", rb'(?<="uidvalidity": ")\d+', b"9" * 40), ("mbtype of everything", "odd", rb'"mbtype": "e"', b'"mbtype": "dermnxzyq"'),
        ("ACL with newlines", "odd", rb'"anyone"', b'"a\\nb\\tc"'), ("ACL of escape sequences", "harmless", rb'"anyone"', b'"\\u001b[2J"'),
        ("ACL of 100000", "harmless", rb'"anyone"', b", ".join(b'"u%d": "lr"' % n for n in range(100000)) + b', "anyone"'),
        ("arrays 100000 deep", "odd", rb'"name_history": \[\]', b'"name_history": ' + b"[" * 100000 + b"]" * 100000)):
    add("mailboxes.txt: " + what, want, lambda old=old, new=new: changed(listed(old, new)))
for what, text in (("junk", b"\xff\0" * 5000), ("empty", b""), ("{ 100000 deep", b"{" * 100000), ("a line of 8 MB", b"x" * (8 << 20)),
                   ("lines of the old form", b"user.mallory.Work\t0 default mallory\tlrs\t\n" * 100000),
                   ("old form, evil names", b"../../%s\t0 ../../etc x\tlrs\t\n%s\t0 %s %s\tlrs\t\n" % (CANARY, EVIL_TEXT, EVIL_TEXT, EVIL_TEXT))):
    add("mailboxes.txt: " + what, "odd", lambda text=text: changed(replaced(b"mailboxes.txt", text)))

# ---- mail ----

for n, message in enumerate(HOSTILE):
    add("mail: %d of the hostile ones" % (n + 1), "harmless", lambda message=message: changed(lambda v: set_message(v, message)))


def nested(depth):
    """multipart in multipart in ..."""
    head = mail(more=[b"MIME-Version: 1.0", b'Content-Type: multipart/mixed; boundary="0"'], body=b"")
    return head + b"".join(b'--%d\r\nContent-Type: multipart/mixed; boundary="%d"\r\n\r\n' % (n, n + 1) for n in range(depth))


for what, make, big in (
        ("a header line of 100 MB", lambda: mail(b"x" * (100 << 20)), True), ("a header line of 1 MB", lambda: mail(b"x" * (1 << 20)), False),
        ("NULs", lambda: mail(b"a\0b\0", b"\0" * 5000), False), ("escape sequences", lambda: mail(EVIL, EVIL), False),
        ("100000 header fields", lambda: mail(more=[b"X-%d: y" % n for n in range(100000)]), False),
        ("10000 parts deep", lambda: nested(10000), False),
        ("200000 parts", lambda: mail(more=[b'Content-Type: multipart/mixed; boundary="b"'], body=b"--b\r\n\r\nx\r\n" * 200000), False),
        ("no header", lambda: b"\r\n\r\n", False), ("no end of the header", lambda: b"Subject: x", False), ("one NUL", lambda: b"\0", False),
        ("attachments of evil names", lambda: mail(more=[b'Content-Type: multipart/mixed; boundary="b"'], body=b"--b\r\n" + b"\r\n--b\r\n".join(
            b'Content-Disposition: attachment; filename="%s"\r\n\r\nx' % name for name in (b"../../x", EVIL_TEXT, b"x" * 10000)) + b"\r\n--b--\r\n"), False),
        ("From_ lines for an mbox", lambda: mail(body=b"From x\r\n>From y\r\n\r\nFrom z\nStatus: RO\n" * 1000), False),
        ("base64 that does not end", lambda: mail(more=[b"Content-Transfer-Encoding: base64"], body=b"QUJD" * 500000), False)):
    add("mail: " + what, "harmless", lambda make=make: changed(lambda v: set_message(v, make())), big)


@change("mail: a file of other bytes than the index has", "odd")
def other_mail(v):
    v.file(WORK + b"2.").data = mail(b"not what the index says")


@change("mail: cyrus.index does not know any", "odd")
def unknown_mail(v):
    index = Index(v)
    del index.data[HEAD:]
    for at, value in ((20, 0), (84, 0), (28, 0)):
        index.head(at, value)
    index.save()


@change("check sums of all that is odd at once", "odd")
def all_at_once(v):
    for edit in (index_head(20, 0xffffffff), listed(NAME, b"user.alice"), replaced(b"archive.json", b"[" * 1000), replaced(b"report.json", b"{")):
        edit(v)
    v.file(WORK + b"cyrus.header").data += struct.pack(">I", binascii.crc32(b""))
