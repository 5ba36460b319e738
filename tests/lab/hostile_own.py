"""Hostile archives in our own format: names, kinds of files, tables, the root, the end mark, members."""

import struct

from hostile_case import CANARY, EVIL, INBOX, SPOOL, WORK, add, case, change, changed, good, gz, put, work
from vaultfile import NOWHERE, File, Unit, escape, member, newc

LONG = b"n" * 300

# ---- names: in the cpio, in the table, in both ----

NAMES = (
    ("absolute", b"/tmp/" + CANARY),
    ("up", b"../" + CANARY),
    ("far up", b"../" * 40 + b"tmp/" + CANARY),
    ("up in the middle", b"var/spool/../../../" + CANARY),
    ("up at the end", WORK + b".."),
    ("a dot", WORK + b"./" + CANARY),
    ("an empty component", WORK + b"/" + CANARY),
    ("a slash at the end", WORK + CANARY + b"/"),
    ("nothing", b""),
    ("TRAILER!!!", b"TRAILER!!!"),
    ("NUL", WORK + CANARY + b"\0/../../x"),
    ("5000 bytes", SPOOL + b"/".join([b"d" * 200] * 25)),
)
for what, path in NAMES:
    add("name in cpio and table: " + what, "damage", lambda path=path: changed(lambda v: put(v, path) and None))
    add("name in the cpio alone: " + what, "damage", lambda path=path: changed(lambda v: put(v, WORK + b"odd", name=path) and None))


def in_the_table(path):
    def edit(v):
        f = put(v, WORK + b"odd")
        f.row = [b"f", escape(path), b"%d" % len(f.data), b"+0"]
    return edit


for what, path in NAMES[:4] + NAMES[8:]:
    add("name in the table alone: " + what, "damage", lambda path=path: changed(in_the_table(path)))

ODD_NAMES = (
    ("escape sequences", "harmless", WORK + EVIL),
    ("a component of 300 bytes", "odd", WORK + LONG),
    ("4000 bytes", "odd", SPOOL + b"/".join([b"d" * 150] * 26)),
    ("a part of a file", "harmless", WORK + b"1..cyrvault-part-0001"),
    ("a file that is the parent of another", "odd", WORK + b"1./" + CANARY),
    ("%41 and backslashes", "harmless", WORK + b"%41\\..\\.."),
)
for what, want, path in ODD_NAMES:
    add("name: " + what, want, lambda path=path: changed(lambda v: put(v, path) and None))


@change("names: the same file twice", "odd")
def twice(v):
    put(v, WORK + b"1.", b"another\n", b"message")


@change("names: the same file in two units", "odd")
def in_two_units(v):
    put(v, INBOX + b"1.", b"another\n", b"message")


@change("names: that differ in case alone", "harmless")
def case_colliding(v):
    put(v, WORK + b"CYRUS.INDEX", b"another\n")
    put(v, WORK + b"Cyrus.Index", b"another\n")


@change("names: UIDs of messages written in odd ways", "odd")
def odd_uids(v):
    for name in (b"0.", b"01.", b"-1.", b"4294967295.", b"4294967296.", b"99999999999999999999.", b"1", b"1..", b"+1."):
        put(v, WORK + name, b"another\n", b"message")


# ---- kinds of files ----

KINDS = (
    ("symlink out, absolute", "odd", 0o120777, b"/etc/passwd", {}),
    ("symlink out, upwards", "odd", 0o120777, b"../" * 30 + b"etc/passwd", {}),
    ("symlink to itself", "odd", 0o120777, b"odd", {}),
    ("symlink to nothing", "odd", 0o120777, b"", {}),
    ("symlink with NUL", "odd", 0o120777, b"a\0b", {}),
    ("symlink of 5000 bytes", "odd", 0o120777, b"x" * 5000, {}),
    ("character device", "odd", 0o020666, b"", {"rdev": (1, 3)}),
    ("block device", "odd", 0o060666, b"", {"rdev": (8, 0)}),
    ("FIFO", "odd", 0o010666, b"", {}),
    ("socket", "odd", 0o140666, b"", {}),
    ("no kind at all", "odd", 0o000644, b"text", {}),
    ("device with content", "odd", 0o020666, b"content", {"rdev": (1, 3)}),
    ("directory with content", "odd", 0o040777, b"content", {}),
    ("set user id", "harmless", 0o106777, b"#!/bin/sh\n", {}),
    ("owner 4294967295", "harmless", 0o100644, b"text", {"uid": 0xffffffff, "gid": 0xffffffff}),
)
for what, want, mode, data, more in KINDS:
    add("file: " + what, want, lambda mode=mode, data=data, more=more: changed(lambda v: put(v, WORK + b"odd", data, mode=mode, **more) and None))


def instead(part, mode, data=b"", **more):
    """A file of mallory's is of another kind."""
    def edit(v):
        f = v.file(part)
        f.mode, f.data = mode, data
        f.rdev = more.get("rdev", (0, 0))
    return edit


for what, part in (("a message", WORK + b"1."), ("cyrus.index", WORK + b"cyrus.index"), ("cyrus.header", WORK + b"cyrus.header"),
                   ("mailboxes.txt", b"mailboxes.txt"), ("imapd.conf", b"etc/imapd.conf"), ("a sieve script", b"mine.bc")):
    add("file: %s is a symlink to /etc/shadow" % what, "odd", lambda part=part: changed(instead(part, 0o120777, b"/etc/shadow")))
for what, part in (("a message", WORK + b"1."), ("cyrus.index", WORK + b"cyrus.index"), ("subscriptions", b"sub.db")):
    add("file: %s is a device" % what, "odd", lambda part=part: changed(instead(part, 0o020666, rdev=(1, 9))))
add("file: a message is a FIFO", "odd", lambda: changed(instead(WORK + b"2.", 0o010666)))
add("file: a message is a directory", "odd", lambda: changed(instead(WORK + b"2.", 0o040777)))
add("file: sieve's defaultbc leads out", "odd", lambda: changed(instead(b"defaultbc", 0o120777, b"../../../../etc/passwd")))


@change("file: a symlink as parent, out", "odd")
def symlink_parent(v):
    put(v, WORK + b"sub", b"/tmp", mode=0o120777)
    put(v, WORK + b"sub/" + CANARY, b"owned\n")


@change("file: a symlink as parent, of a whole spool", "odd")
def symlink_spool(v):
    work(v).files.insert(0, File(WORK[:-1], b"../../../../../../../../tmp", b"directory", mode=0o120777))


@change("file: hard links over all units", "harmless")
def linked(v):
    for f in (v.file(INBOX + b"1."), v.file(WORK + b"1.")):
        f.more = [b"l=1"]


def user_file(path, data, role, mode=0o100600):
    return lambda v: v.unit(b"mallory").files.append(File(path, data, role, mode))


SIEVE = b"var/spool/cyrus/sieve/uuid/d/y/dyuznyg26jpwarcz3f4j32e6/"
for what, name, data, role, mode in (
        ("a sieve script of an evil name", SIEVE + EVIL + b".bc", b"keep", b"sieve", 0o100600),
        ("a sieve script elsewhere", b"etc/cron.d/" + CANARY, b"* * * * * root id\n", b"sieve", 0o100600),
        ("a quota root of an evil name", b"var/lib/cyrus/quota/m/user." + EVIL, b"0\n-1\n", b"quota", 0o100600),
        ("a quota root of alice", b"var/lib/cyrus/quota/a/user.alice", b"0\n0\n", b"quota", 0o100600),
        ("seen state elsewhere", b"root/.ssh/" + CANARY, b"ssh-ed25519\n", b"seen", 0o100600),
        ("mailboxes.db among them", b"var/lib/cyrus/mailboxes.db", b"junk", b"subscriptions", 0o100600)):
    add("user's files: " + what, "harmless",
        lambda name=name, data=data, role=role, mode=mode: changed(user_file(name, data, role, mode)))


# ---- numbers and lines of tables ----

def row(*fields):
    def edit(v):
        put(v, WORK + b"odd").row = list(fields)
    return edit


ODD = escape(WORK) + b"odd"
for what, fields in (
        ("size 2^31", (b"f", ODD, b"2147483648", b"+0")), ("size 2^63", (b"f", ODD, b"9223372036854775808", b"+0")),
        ("size 2^64 - 1", (b"f", ODD, b"18446744073709551615", b"+0")), ("size 2^64", (b"f", ODD, b"18446744073709551616", b"+0")),
        ("size -1", (b"f", ODD, b"-1", b"+0")), ("size in hex", (b"f", ODD, b"0x4", b"+0")), ("no size", (b"f", ODD, b"", b"+0")),
        ("no time", (b"f", ODD, b"4")), ("time +2^63", (b"f", ODD, b"4", b"+9223372036854775808")),
        ("parts of 0 bytes", (b"f", ODD, b"4", b"+0", b"s=0")), ("too many parts", (b"f", ODD, b"1000000", b"+0", b"s=1")),
        ("parts, but it is whole", (b"f", ODD, b"4", b"+0", b"s=2")),
        ("link 2^64", (b"f", ODD, b"4", b"+0", b"l=18446744073709551616")), ("an unknown field", (b"f", ODD, b"4", b"+0", b"z=1", b"z=2")),
        ("an unknown line", (b"q", ODD)), ("a name of 70000 bytes", (b"f", b"x" * 70000, b"4", b"+0")),
        ("a prefix that leads up", (b"d", b"../../../")), ("a bad escape", (b"f", b"a%2", b"4", b"+0"))):
    add("table: " + what, "damage", lambda fields=fields: changed(row(*fields)))


def table_lines(edit):
    """Change the lines of the table of user.mallory.Work."""
    def hook(pair):
        unit, lines = pair
        return edit(lines) if unit.name == b"user.mallory.Work" else lines
    return lambda v: {"tables": hook}


for what, edit in (
        ("of another unit", lambda t: [[b"unit", b"m", b"user.mallory"]] + t[1:]),
        ("without its first line", lambda t: t[1:]),
        ("its first line twice", lambda t: t[:1] + t),
        ("empty", lambda t: []),
        ("no members", lambda t: [l for l in t if l[0] != b"m"]),
        ("a member of 0 bytes", lambda t: t[:-1] + [[b"m", b"0", t[-1][2]], t[-1]]),
        ("a member of 2^63 bytes", lambda t: t[:-1] + [[b"m", b"9223372036854775808", t[-1][2]]]),
        ("a member of 2^64 - 1 plain bytes", lambda t: t[:-1] + [[b"m", t[-1][1], b"18446744073709551615"]]),
        ("a member of 1 GB plain", lambda t: t[:-1] + [[b"m", t[-1][1], b"1073741824"]]),
        ("a member that overlaps the next unit", lambda t: t[:-1] + [[b"m", b"%d" % (int(t[-1][1]) + 100), t[-1][2]]]),
        ("20000 members of nothing", lambda t: t + [[b"m", b"1", b"0"]] * 20000),
        ("a hash too few", lambda t: [l for n, l in enumerate(t) if not (len(l) == 1 and len(t[n - 1]) > 1)]),
        ("a hash too many", lambda t: t + [[b"0" * 64]]),
        ("hashes of something else", lambda t: [[b"0" * 64] if len(l) == 1 else l for l in t]),
        ("files in another order", lambda t: t[:1] + sorted(t[1:], key=lambda l: (l[0] not in b"f r", l[:2])))):
    add("table: " + what, "damage", lambda edit=edit: changed(table_lines(edit)))


# ---- the root ----

def unit_row(**fields):
    """Fields of the row of user.mallory.Work, by the numbers of docs/archive-format.md."""
    def edit(v):
        work(v).row = {int(n[1:]): value for n, value in fields.items()}
    return edit


for what, want, fields in (
        ("unknown kind", "refused", {"f1": b"x"}), ("kind of two letters", "refused", {"f1": b"mm"}), ("unknown health", "refused", {"f2": b"?"}),
        ("UIDVALIDITY 2^32", "refused", {"f6": b"4294967296"}), ("-1 messages", "refused", {"f7": b"-1"}),
        ("2^32 - 1 messages", "harmless", {"f7": b"4294967295"}), ("2^32 - 1 files", "damage", {"f9": b"4294967295"}),
        ("2^64 files", "refused", {"f9": b"18446744073709551616"}), ("2^64 - 1 bytes", "harmless", {"f10": b"18446744073709551615"}),
        ("stored 2^63", "refused", {"f11": b"9223372036854775808"}), ("stored 2^64 - 1", "refused", {"f11": b"18446744073709551615"}),
        ("stored 0", "refused", {"f11": b"0"}), ("a table of 0 bytes", "refused", {"f12": b"0"}),
        ("a table of 2^40 bytes", "refused", {"f12": b"1099511627776"}), ("a table of 2^64 - 1 bytes", "refused", {"f12": b"18446744073709551615"}),
        ("a number of nothing", "refused", {"f11": b""}), ("leading zeros and a sign", "refused", {"f7": b"+03"})):
    add("root: " + what, want, lambda fields=fields: changed(unit_row(**fields)))


def unit_name(name=None, kind=None, partition=None, uniqueid=None):
    def edit(v):
        u = work(v)
        u.name, u.kind = u.name if name is None else name, u.kind if kind is None else kind
        u.partition, u.uniqueid = u.partition if partition is None else partition, u.uniqueid if uniqueid is None else uniqueid
    return edit


for what, want, edit in (
        ("a mailbox called ../../x", "odd", unit_name(b"../../../../tmp/" + CANARY)),
        ("a mailbox called user.mallory.../x", "odd", unit_name(b"user.mallory.../../" + CANARY)),
        ("a mailbox called by escape sequences", "odd", unit_name(b"user.mallory." + EVIL)),
        ("a mailbox without a name", "odd", unit_name(b"")),
        ("a mailbox of alice's", "odd", unit_name(b"user.alice")),
        ("a mailbox name of 20000 bytes", "odd", unit_name(b"user.mallory." + b"x" * 20000)),
        ("a mailbox name with NUL", "odd", unit_name(b"user.mallory\0.Work")),
        ("a mailbox name with newlines and tabs", "odd", unit_name(b"user.mallory.a\nb\tc")),
        ("a mailbox name 1000 levels deep", "odd", unit_name(b"user.mallory" + b".x" * 1000)),
        ("two mailboxes of one name", "odd", unit_name(b"user.mallory")),
        ("a partition that is a path", "odd", unit_name(partition=b"../../../etc")),
        ("a partition of escape sequences", "odd", unit_name(partition=EVIL)),
        ("a unique id that is a path", "odd", unit_name(uniqueid=b"../../../../tmp/" + CANARY)),
        ("a unique id of escape sequences", "odd", unit_name(uniqueid=b"\x1b]0;x\x07".replace(b"\x1b", b"%1B").replace(b"\x07", b"%07"))),
        ("a user id with slashes", "odd", unit_name(b"../../" + CANARY, kind=b"u")),
        ("a user id of escape sequences", "odd", unit_name(EVIL, kind=b"u")),
        ("two units of the same user", "odd", unit_name(b"mallory", kind=b"u")),
        ("two control units", "odd", unit_name(b"control", kind=b"c"))):
    add("root: " + what, want, lambda edit=edit: changed(edit))


def hook(**hooks):
    return lambda v: hooks


def rows(edit):
    return hook(rows=edit)


def tables_row(n, value):
    return rows(lambda r: [line[:n] + [value] + line[n + 1:] if line[0] == b"tables" else line for line in r])


for what, edit in (
        ("no first line", rows(lambda r: r[1:])), ("no last line", rows(lambda r: r[:-1])), ("version 2", rows(lambda r: [[b"cyrvault-index", b"2"]] + r[1:])),
        ("a row of 11 fields", rows(lambda r: r[:2] + [r[2][:-1]] + r[3:])), ("a row of 13 fields", rows(lambda r: r[:2] + [r[2] + [b"x"]] + r[3:])),
        ("rows in another order", rows(lambda r: r[:1] + r[-3:0:-1] + r[-2:])), ("a row twice", rows(lambda r: r[:4] + r[3:])),
        ("no tables", rows(lambda r: [line for line in r if line[0] != b"tables"])), ("tables twice", rows(lambda r: r[:-1] + r[-2:])),
        ("tables before their units", rows(lambda r: r[:1] + r[-2:-1] + r[1:-2] + r[-1:])),
        ("tables at the end mark", tables_row(1, b"100000")), ("tables at 2^64 - 1", tables_row(1, b"18446744073709551615")),
        ("tables at -1", tables_row(1, b"-1")), ("tables at the H member", tables_row(1, b"0")), ("tables of 2^63 bytes", tables_row(2, b"9223372036854775808")),
        ("tables of 0 bytes", tables_row(2, b"0")), ("tables of 2^40 plain bytes", tables_row(3, b"1099511627776")),
        ("end of other units", rows(lambda r: r[:-1] + [[b"end", b"1", r[-1][2]]])), ("end of other bytes", rows(lambda r: r[:-1] + [[b"end", r[-1][1], b"1"]])),
        ("lines behind the end", rows(lambda r: r + [[b"x"]])), ("an empty line", rows(lambda r: r[:3] + [[b""]] + r[3:])),
        ("a line of 70000 bytes", rows(lambda r: r[:3] + [[b"x" * 70000]] + r[3:])), ("no newline", hook(root=lambda t: t[:-1])),
        ("NUL", hook(root=lambda t: t.replace(b"mallory", b"mal\0ory"))), ("nothing", hook(root=lambda t: b"")),
        ("one line of 2 MB", hook(root=lambda t: b"x" * (2 << 20)))):
    add("root: " + what, "refused", lambda edit=edit: changed(edit))


@case("root: 10000 units of nothing", "harmless", big=True)
def many_units():
    v = good()
    v.units[4:4] = [Unit(b"m", b"user.mallory.n%d" % n, []) for n in range(10000)]
    return v.write()


# ---- the end mark ----

def end(**fields):
    return hook(end=lambda numbers: {**numbers, **{n: f(numbers) if callable(f) else f for n, f in fields.items()}})


for what, fields in (
        ("index at 2^63", {"index": 1 << 63}), ("index at 0", {"index": 0}), ("index behind the root", {"index": lambda n: n["root"] + 1}),
        ("root at 0", {"root": 0}), ("root at 2^64 - 1", {"root": (1 << 64) - 1}), ("root at the end mark", {"root": lambda n: n["length"] - 158}),
        ("root of itself", {"root": lambda n: n["length"] - 158, "root_stored": 158, "root_plain": 0}),
        ("root of 2^64 - 1 stored bytes", {"root_stored": (1 << 64) - 1}), ("root of 0 bytes", {"root_stored": 0, "root_plain": 0}),
        ("root of 2^40 plain bytes", {"root_plain": 1 << 40}), ("root of 2^64 - 1 plain bytes", {"root_plain": (1 << 64) - 1}),
        ("another length", {"length": lambda n: n["length"] - 1}), ("length 2^64 - 1", {"length": (1 << 64) - 1}),
        ("2^63 units", {"units": 1 << 63}), ("no units", {"units": 0}), ("another hash", {"sha": bytes(32)})):
    add("end mark: " + what, "refused", lambda fields=fields: changed(end(**fields)))


@case("end mark: of another archive", "refused")
def end_of_another():
    a, b = good(), good()
    b.unit(b"mallory").files.pop()
    return a.write()[:-158] + b.write()[-158:]


@case("end mark: twice", "refused")
def end_twice():
    raw = good().write()
    return raw + raw[-158:]


# ---- members ----

def packed(kind, nth=0, **lies):
    """The nth member of a kind lies."""
    def edit(v):
        count = []

        def pack(k, plain, **truth):
            count.append(k)
            return member(k, plain, **{**truth, **lies} if k == kind and count.count(k) == nth + 1 else truth)
        return {"pack": pack}
    return edit


for kind, what, want in (("D", "a mailbox's", "damage"), ("R", "the root's", "refused"), ("T", "the tables'", "damage")):
    for lie, lies in (("stored length 0", {"stored": 0}), ("stored length 1", {"stored": 1}), ("stored length 2^32 - 1", {"stored": NOWHERE}),
                      ("plain length 2^32 - 1", {"claimed": NOWHERE}), ("plain length 16 MiB", {"claimed": 16 << 20}), ("plain length 0", {"claimed": 0})):
        add("member: %s, %s" % (what, lie), want, lambda kind=kind, lies=lies: changed(packed(kind, 3 if kind == "D" else 0, **lies)))
add("member: first cpio header outside", "damage", lambda: changed(packed("D", 3, first=0x7fffffff)))
add("member: first cpio header in the middle of data", "harmless", lambda: changed(packed("D", 3, first=300)))
add("member: a wrong check", "damage", lambda: changed(packed("D", 3, check=1)))
add("member: no unit begins", "harmless", lambda: changed(packed("D", 3, flags=0)))
add("member: all flags", "harmless", lambda: changed(packed("D", 3, flags=255)))
add("member: a subfield longer than the extra field", "harmless", lambda: changed(packed("D", 3, extra=b"XX\xff\xff")))
add("member: half a subfield", "harmless", lambda: changed(packed("D", 3, extra=b"X")))
add("member: 60000 bytes of subfields", "harmless", lambda: changed(packed("D", 3, extra=(b"XX" + struct.pack("<H", 100) + bytes(100)) * 576)))
add("member: a second CV subfield", "harmless", lambda: changed(packed("D", 3, extra=b"CV" + struct.pack("<H", 16) + bytes(16))))


def respliced(at, old, new):
    """Bytes in a good archive replaced."""
    raw = good().write()
    return raw[:at] + new + raw[at + old:]


add("bytes: garbage before the first member", "refused", lambda: b"garbage" + good().write())
add("bytes: garbage between units", "refused", lambda: respliced(0, 0, gz(b"x")))
add("bytes: garbage behind the end mark", "refused", lambda: good().write() + b"garbage")
add("bytes: zeros behind the end mark", "harmless", lambda: good().write() + bytes(10240))
add("bytes: a file name in the first member", "refused", lambda: respliced(3, 1, b"\x0c"))
add("bytes: the end mark alone", "refused", lambda: good().write()[-158:])
add("bytes: cut in the middle", "refused", lambda: good().write()[:5000])
add("bytes: the archive within itself", "refused", lambda: good().write() + good().write())


# ---- cpio headers beneath right tables ----

for what, head in (("size 2^32 - 1", {"size": 0xffffffff}), ("size 0", {"size": 0}), ("a name of 2^32 - 1 bytes", {"name_size": 0xffffffff}),
                   ("a name of 0 bytes", {"name_size": 0}), ("no magic", {"magic": b"070707"}), ("odd magic", {"magic": b"\x1b[2J!!"}),
                   ("padding that is none", {"pad": b"X"}), ("2^32 - 1 links", {"links": 0xffffffff}), ("another inode", {"ino": 7})):
    add("cpio header: " + what, "damage" if what not in ("padding that is none", "2^32 - 1 links", "another inode") else "harmless",
        lambda head=head: changed(lambda v: v.file(WORK + b"2.").head.update(head)))


@change("cpio header: other bytes than the table's hash", "damage")
def other_bytes(v):
    v.file(WORK + b"2.").head["data"] = b"x" * len(v.file(WORK + b"2.").data)


@change("cpio: an entry that no table has", "damage")
def smuggled(v):
    return {"body": lambda pair: pair[1] + newc(b"../" * 20 + b"tmp/" + CANARY, b"owned") if pair[0].name == b"user.mallory.Work" else pair[1]}
