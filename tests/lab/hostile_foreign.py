"""Hostile archives of something else: cpio (newc, odc) and tar (ustar, pax, gnu), plain and in gzip.

The good ones hold imapd.conf, the lists and the spool of mallory, as `tar -c etc var` would have packed them."""

import struct

from hostile_case import CANARY, EVIL, SPOOL, WORK, add, case, good, gz, gz_zeros
from vaultfile import newc

REG, LINK, SYM, CHR, BLK, DIR, FIFO = b"0", b"1", b"2", b"3", b"4", b"5", b"6"
MODES = {REG: 0o100600, LINK: 0o100600, SYM: 0o120777, CHR: 0o020666, BLK: 0o060666, DIR: 0o040755, FIFO: 0o010666}


# ---- entries ----

def octal(value, width):
    return b"%0*o" % (width - 1, value & (1 << 3 * (width - 1)) - 1) + b"\0"


def base256(value, width):
    return bytes([0x80 | (value >> 8 * (width - 1)) & 0x7f]) + (value & (1 << 8 * (width - 1)) - 1).to_bytes(width - 1, "big")


def tar(name, data=b"", kind=REG, link=b"", mode=None, size=None, mtime=b"00000000000\0", magic=b"ustar\00000", uid=b"0000000\0", check=None, prefix=b"",
        sizefield=None, devices=b"0000001\x000000003\0"):
    """One entry of tar; fields given as bytes are taken as they are."""
    size = sizefield or octal(len(data) if size is None else size, 12)
    head = (name[:100].ljust(100, b"\0") + octal((mode or MODES.get(kind, 0o100600)) & 0o7777, 8) + uid + uid + size + mtime + b" " * 8 + kind +
            link[:100].ljust(100, b"\0") + magic + b"cyrus".ljust(32, b"\0") + b"mail".ljust(32, b"\0") + devices + prefix[:155].ljust(155, b"\0"))
    head = head.ljust(512, b"\0")
    total = sum(head) if check is None else check
    head = head[:148] + b"%06o\0 " % total + head[156:]
    return head + data + bytes(-len(data) % 512)


def odc(name, data=b"", kind=REG, link=b"", mode=None, size=None, ino=0, sizefield=None, name_size=None, magic=b"070707"):
    data = link if kind == SYM else data
    field = sizefield or b"%011o" % (len(data) if size is None else size)
    return magic + b"%06o" % 0 + b"%06o" % (ino & 0o777777) + b"%06o" % (mode or MODES[kind]) + b"%06o%06o%06o%06o" % (0, 0, 1, 1 if kind in (CHR, BLK) else 0) + \
        b"%011o" % 0 + b"%06o" % (len(name) + 1 if name_size is None else name_size) + field + name + b"\0" + data


def cpio(name, data=b"", kind=REG, link=b"", mode=None, **more):
    return newc(name, link if kind == SYM else data, mode or MODES[kind], rdev=(1, 3) if kind in (CHR, BLK) else (0, 0), **more)


def pax_record(key, value):
    size = len(key) + len(value) + 3
    while len(b"%d" % size) + len(key) + len(value) + 3 != size:
        size = len(b"%d" % size) + len(key) + len(value) + 3
    return b"%d %s=%s\n" % (size, key, value)


def pax(name, data=b"", kind=REG, link=b"", mode=None, **records):
    """A tar entry whose path and link are said by pax records, as any bytes."""
    said = {b"path": name, **({b"linkpath": link} if link else {}), **{k.encode(): v for k, v in records.items()}}
    return tar(b"./PaxHeaders/x", b"".join(pax_record(k, v) for k, v in said.items() if v is not None), kind=b"x") + tar(b"short", data, kind, mode=mode)


def gnu(name, data=b"", kind=REG, link=b"", mode=None):
    """The same by GNU's long names."""
    long = tar(b"././@LongLink", name + b"\0", kind=b"L", magic=b"ustar  \0")
    long += tar(b"././@LongLink", link + b"\0", kind=b"K", magic=b"ustar  \0") if link else b""
    return long + tar(b"short", data, kind, mode=mode, magic=b"ustar  \0")


CPIO_END, ODC_END, TAR_END = newc(b"TRAILER!!!"), odc(b"TRAILER!!!"), bytes(1024)
FORMATS = {"newc": (cpio, CPIO_END), "odc": (odc, ODC_END), "ustar": (tar, TAR_END), "pax": (pax, TAR_END), "gnu": (gnu, TAR_END)}


def files(edit=None):
    """What the good ones hold."""
    vault = good()
    if edit:
        edit(vault)
    return [f for u in vault.units if u.kind in b"gum" for f in u.files]


def archive(form, before=b"", after=b"", pack=gz, edit=None):
    make, end = FORMATS[form]
    body = []
    for f in files(edit):
        symlink = f.mode >> 12 == 0o12
        name = f.path
        if make is tar and len(name) > 100:
            body.append(tar(name.rpartition(b"/")[2], f.data, SYM if symlink else REG, f.data if symlink else b"", prefix=name.rpartition(b"/")[0]))
        else:
            body.append(make(name, b"" if symlink else f.data, SYM if symlink else REG, f.data if symlink else b""))
    return pack(before + b"".join(body) + after + end)


def plain(raw):
    return raw


add("foreign: the good one, newc", "harmless", lambda: archive("newc"))

# ---- names and kinds, in every format ----

ODD = (
    ("absolute name", dict(name=b"/tmp/" + CANARY, data=b"x")),
    ("name upwards", dict(name=b"../" * 20 + b"tmp/" + CANARY, data=b"x")),
    ("message name upwards", dict(name=WORK + b"../../../../../../../../tmp/4.", data=b"x")),
    ("name of escape sequences", dict(name=WORK + EVIL, data=b"x")),
    ("mailbox of an evil name", dict(name=SPOOL + EVIL + b"/cyrus.header", data=b"x")),
    ("no name", dict(name=b"", data=b"x")),
    ("symlink out", dict(name=WORK + b"4.", kind=SYM, link=b"/etc/passwd")),
    ("symlink as parent", dict(name=WORK[:-1], kind=SYM, link=b"/tmp")),
    ("hard link out", dict(name=WORK + b"4.", kind=LINK, link=b"/etc/passwd")),
    ("hard link upwards", dict(name=WORK + b"4.", kind=LINK, link=b"../" * 20 + b"etc/passwd")),
    ("hard link to itself", dict(name=WORK + b"4.", kind=LINK, link=WORK + b"4.")),
    ("character device", dict(name=WORK + b"4.", kind=CHR)),
    ("block device", dict(name=WORK + b"cyrus.index", kind=BLK)),
    ("FIFO", dict(name=WORK + b"4.", kind=FIFO)),
    ("directory as message", dict(name=WORK + b"4.", kind=DIR)),
    ("set user id", dict(name=WORK + b"4.", data=b"x", mode=0o104755)),
    ("the same message again", dict(name=WORK + b"1.", data=b"another\r\n\r\n")),
    ("UID 2^32", dict(name=WORK + b"4294967296.", data=b"x")),
)
for form, (make, _) in FORMATS.items():
    for what, entry in ODD:
        if entry.get("kind") == LINK and form in ("newc", "odc"):
            continue
        add("%s: %s" % (form, what), "harmless", lambda form=form, make=make, entry=entry: archive(form, after=make(**entry)))
for form in ("pax", "gnu"):
    make = FORMATS[form][0]
    for what, name in (("name of 4096 bytes", WORK + b"/".join([b"d" * 200] * 20)), ("name of 100000 bytes", b"x" * 100000), ("a component of 300 bytes", WORK + b"x" * 300)):
        add("%s: %s" % (form, what), "harmless", lambda form=form, make=make, name=name: archive(form, after=make(name, b"x")))

# ---- numbers ----

NUMBERS = (
    ("newc", "size 2^32 - 1", lambda: cpio(WORK + b"4.", b"x", size=0xffffffff)),
    ("newc", "a name of 2^32 - 1 bytes", lambda: cpio(WORK + b"4.", b"x", name_size=0xffffffff)),
    ("newc", "a name of 0 bytes", lambda: cpio(WORK + b"4.", b"x", name_size=0)),
    ("newc", "a name of 100 MB", lambda: cpio(WORK + b"4.", b"x", name_size=100 << 20)),
    ("newc", "numbers that are none", lambda: b"070701" + b"\x1b[2J-xyz" * 13 + b"4.\0"),
    ("newc", "a symlink of 100 MB", lambda: newc(WORK + b"4.", b"", mode=0o120777, size=100 << 20)),
    ("odc", "size 077777777777", lambda: odc(WORK + b"4.", b"x", sizefield=b"77777777777")),
    ("odc", "size -1", lambda: odc(WORK + b"4.", b"x", sizefield=b"-0000000001")),
    ("odc", "a name of 0777777 bytes", lambda: odc(WORK + b"4.", b"x", name_size=0o777777)),
    ("odc", "a name of 0 bytes", lambda: odc(WORK + b"4.", b"x", name_size=0)),
    ("odc", "another magic", lambda: odc(WORK + b"4.", b"x", magic=b"070702")),
    ("ustar", "size 077777777777", lambda: tar(WORK + b"4.", b"x", sizefield=b"77777777777\0")),
    ("gnu", "size 2^63 in base 256", lambda: tar(WORK + b"4.", b"x", sizefield=base256(1 << 63, 12))),
    ("gnu", "size -1 in base 256", lambda: tar(WORK + b"4.", b"x", sizefield=b"\xff" * 12)),
    ("gnu", "size 2^94 in base 256", lambda: tar(WORK + b"4.", b"x", sizefield=b"\xbf" + b"\xff" * 11)),
    ("gnu", "time -2^63 in base 256", lambda: tar(WORK + b"4.", b"x", mtime=b"\xff\xff\xff\xff\x80" + bytes(7))),
    ("gnu", "owner 2^63 in base 256", lambda: tar(WORK + b"4.", b"x", uid=base256(1 << 55, 8))),
    ("ustar", "a wrong check sum", lambda: tar(WORK + b"4.", b"x", check=1)),
    ("ustar", "numbers that are none", lambda: tar(WORK + b"4.", b"x", sizefield=b"\x1b[2Jxxxxxxx\0")),
    ("ustar", "an unknown kind", lambda: tar(WORK + b"4.", b"x", kind=b"\x1b")),
    ("ustar", "a symlink with a size", lambda: tar(WORK + b"4.", b"", SYM, b"1.", size=1 << 32)),
    ("ustar", "a directory with a size", lambda: tar(WORK + b"4.", b"", DIR, size=1 << 32)),
    ("ustar", "a device with a size", lambda: tar(WORK + b"4.", b"x" * 600, CHR)),
    ("pax", "size of 20 digits", lambda: pax(WORK + b"4.", b"x", size=b"99999999999999999999")),
    ("pax", "size -1", lambda: pax(WORK + b"4.", b"x", size=b"-1")),
    ("pax", "time of 400 digits", lambda: pax(WORK + b"4.", b"x", mtime=b"9" * 400)),
    ("pax", "a record longer than it is", lambda: tar(b"x", b"99999 path=x\n", kind=b"x") + tar(b"y", b"x")),
    ("pax", "a record of 0 bytes", lambda: tar(b"x", b"0 path=x\n", kind=b"x") + tar(b"y", b"x")),
    ("pax", "a record of 30 digits", lambda: tar(b"x", b"9" * 30 + b" path=x\n", kind=b"x") + tar(b"y", b"x")),
    ("pax", "NUL in the path", lambda: pax(WORK + b"4.\0/../../../x", b"x")),
    ("pax", "global records upwards", lambda: tar(b"g", pax_record(b"path", b"../../" + CANARY), kind=b"g")),
    ("pax", "a header of 2 MB", lambda: tar(b"x", pax_record(b"comment", b"x" * (2 << 20)), kind=b"x") + tar(b"y", b"x")),
    ("pax", "10000 headers for one file", lambda: tar(b"x", pax_record(b"path", b"y"), kind=b"x") * 10000 + tar(b"y", b"x")),
    ("pax", "sparse, 2^63 large", lambda: pax(WORK + b"4.", b"1\n0\n1\n" + bytes(506) + b"x", **{"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0",
                                                                                              "GNU.sparse.realsize": b"9223372036854775807"})),
    ("pax", "sparse, overlapping", lambda: pax(WORK + b"4.", b"3\n0\n1\n0\n1\n5\n0\n" + bytes(497) + b"xx", **{"GNU.sparse.major": b"1", "GNU.sparse.minor": b"0",
                                                                                                       "GNU.sparse.realsize": b"4"})),
    ("gnu", "a long name of 2^33 bytes", lambda: tar(b"././@LongLink", b"x", kind=b"L", size=8589934591, magic=b"ustar  \0")),
    ("gnu", "a long name for nothing", lambda: tar(b"././@LongLink", b"x\0", kind=b"L", magic=b"ustar  \0")),
    ("gnu", "long names without end", lambda: tar(b"././@LongLink", b"x\0", kind=b"L", magic=b"ustar  \0") * 10000),
    ("gnu", "a multi-volume piece", lambda: tar(WORK + b"4.", b"x", kind=b"M", magic=b"ustar  \0")),
    ("gnu", "a sparse file", lambda: tar(WORK + b"4.", b"x", kind=b"S", magic=b"ustar  \0")),
)
for form, what, make in NUMBERS:
    add("%s: %s" % (form, what), "odd", lambda form=form, make=make: archive(form, after=make(), pack=plain))
    add("%s, gzip, before all: %s" % (form, what), "odd", lambda form=form, make=make: archive(form, before=make()))

# ---- gzip around it ----


@case("gzip: a bomb of 1 GB in a message", "harmless", big=True)
def bomb():
    return gz_zeros(archive("newc", pack=plain)[:-len(CPIO_END)] + newc(WORK + b"9.", b"", size=1 << 30), 1024, CPIO_END)


@case("gzip: a name of 300 MB, all of it there", "odd", big=True)
def bomb_name():
    return gz_zeros(archive("newc", pack=plain)[:-len(CPIO_END)] + newc(b"", name_size=300 << 20), 310, CPIO_END)


@case("gzip: a bomb of 1 GB behind the end", "harmless", big=True)
def bomb_behind():
    return gz_zeros(archive("newc", pack=plain), 1024, b"")


for what, make in (
        ("twice", lambda: gz(archive("newc"))), ("five times", lambda: gz(gz(gz(gz(archive("newc")))))),
        ("an extra field of 65535 bytes", lambda: archive("newc", pack=lambda p: gz(p, flags=4, between=b"\xff\xff" + bytes(65535)))),
        ("an extra field beyond the end", lambda: gz(b"", flags=4, between=b"\xff\xff")[:40]),
        ("an extra field that claims to be ours", lambda: archive("newc", pack=lambda p: gz(p, flags=4, between=b"\x14\0CV\x10\0" + b"D\1" + bytes(14)))),
        ("a file name of 4 MB", lambda: archive("newc", pack=lambda p: gz(p, flags=8, between=b"n" * (4 << 20) + b"\0"))),
        ("a file name without end", lambda: b"\x1f\x8b\x08\x08\0\0\0\0\0\xff" + b"n" * (1 << 20)),
        ("a comment of 4 MB", lambda: archive("newc", pack=lambda p: gz(p, flags=16, between=EVIL + b"c" * (4 << 20) + b"\0"))),
        ("all flags", lambda: archive("newc", pack=lambda p: gz(p, flags=255, between=b"\0\0\0\0\0\0"))),
        ("a check sum of its header that is wrong", lambda: archive("newc", pack=lambda p: gz(p, flags=2, between=b"\0\0"))),
        ("another method", lambda: b"\x1f\x8b\x09" + archive("newc")[3:]),
        ("garbage behind it", lambda: archive("newc") + b"garbage" * 1000), ("zeros behind it", lambda: archive("newc") + bytes(10240)),
        ("half a member behind it", lambda: archive("newc") + archive("newc")[:500]),
        ("cut off", lambda: archive("newc")[:5000]), ("cut within the trailer", lambda: archive("newc")[:-3]),
        ("a wrong check sum", lambda: archive("newc")[:-8] + bytes(4) + archive("newc")[-4:]),
        ("a wrong length", lambda: archive("newc")[:-4] + b"\xff\xff\xff\xff"),
        ("20000 empty members", lambda: gz(b"") * 20000 + archive("newc")),
        ("empty", lambda: gz(b"")), ("an archive of nothing", lambda: gz(CPIO_END)), ("tar of nothing", lambda: gz(TAR_END)), ("zeros", lambda: gz(bytes(1 << 20))),
        ("text", lambda: gz(b"hello " * 1000)), ("ours without its end mark", lambda: good().write()[:-158]),
        ("newc, then tar", lambda: archive("newc") + archive("ustar")), ("100000 entries of one name", lambda: gz(newc(WORK + b"1.", b"x") * 100000 + CPIO_END))):
    add("gzip: " + what, "odd", make)
for what, make in (
        ("nothing at all", lambda: b""), ("one byte", lambda: b"\x1f"), ("a zip file", lambda: b"PK\3\4" + bytes(100)), ("xz of nothing", lambda: b"\xfd7zXZ\0" + bytes(100)),
        ("zstd of 2^63 bytes", lambda: b"\x28\xb5\x2f\xfd\xe0" + struct.pack("<Q", 1 << 63) + bytes(50)), ("lzma of 2^64 - 2 bytes", lambda: b"\x5d\xff\xff\xff\xff" + b"\xfe" + b"\xff" * 7 + bytes(50)),
        ("compress", lambda: b"\x1f\x9d\x90" + b"\xff" * 500), ("bzip2", lambda: b"BZh91AY&SY" + b"\xff" * 500), ("escape sequences", lambda: EVIL * 100),
        ("an ar", lambda: b"!<arch>\n" + b"../../x         0           0     0     100644  99999999  `\n"),
        ("a mtree", lambda: b"#mtree\n./../../%s type=file size=9999999 contents=/etc/passwd\n" % CANARY),
        ("a shar", lambda: b"#!/bin/sh\n# This is a shell archive\ntouch /tmp/%s\n" % CANARY),
        ("an ISO image", lambda: bytes(32768) + b"\1CD001\1" + b"\xff" * 4000)):
    add("not an archive: " + what, "odd" if "ISO" in what else "refused", make)
