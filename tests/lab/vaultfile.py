"""Archives of ours as values: read one, change anything in it, write it again, as docs/archive-format.md says or as it must not be.

Everything that the writer works out can be told otherwise: File.head and File.row lie about one file, and the hooks of Vault.write()
get each structure before it is packed. All hashes and check sums are right unless a hook sees to it that they are not."""

import functools
import hashlib
import re
import struct
import zlib

NOWHERE = 0xffffffff
MEMBER = 1 << 20
END_FIELDS = ("index", "root", "root_stored", "root_plain", "length", "units")


# ---- members ----

@functools.lru_cache(64)
def deflate(plain, level):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(plain) + packer.flush()


def member(kind, plain, flags=0, first=0, more=b"", extra=b"", level=1, stored=None, claimed=None, check=None):
    """One gzip member of ours. more: behind the first 16 bytes of its subfield; extra: further subfields. stored, claimed: lengths that
    it states instead of its own."""
    data = deflate(plain, level)
    field = 12 + 4 + 16 + len(more) + len(extra)
    cv = bytearray(struct.pack("<cBHIII", kind.encode(), flags, 0, field + len(data) + 8 if stored is None else stored,
                               len(plain) if claimed is None else claimed, first))
    cv[2:4] = struct.pack("<H", zlib.crc32(cv) & 0xffff if check is None else check)
    head = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff" + struct.pack("<H", field - 12)
    head += b"CV" + struct.pack("<H", 16 + len(more)) + bytes(cv) + more + extra
    return head + data + struct.pack("<II", zlib.crc32(plain), len(plain) & 0xffffffff)


def plain_of(raw, off, size):
    """The joined plain bytes of the members in raw[off:off + size]."""
    plain, end = b"", off + size
    while off < end:
        unpacker = zlib.decompressobj(31)
        plain += unpacker.decompress(raw[off:end]) + unpacker.flush()
        off = end - len(unpacker.unused_data)
    return plain


# ---- cpio ----

def newc(name, data=b"", mode=0o100600, uid=0, gid=0, mtime=0, size=None, name_size=None, links=1, ino=0, rdev=(0, 0), magic=b"070701",
         pad=b"\0", check=0, dev=(0, 0)):
    """One entry of cpio newc."""
    numbers = (ino, mode, uid, gid, links, mtime, len(data) if size is None else size, *dev, *rdev,
               len(name) + 1 if name_size is None else name_size, check)
    head = magic + b"".join(b"%08X" % (n & 0xffffffff) for n in numbers) + name + b"\0"
    return head + pad * (-len(head) % 4) + data + pad * (-len(data) % 4)


def entries(plain):
    """(header numbers, name, data) of each entry of a cpio newc."""
    at = 0
    while at < len(plain):
        numbers = [int(plain[at + 6 + 8 * n:at + 14 + 8 * n], 16) for n in range(13)]
        name = plain[at + 110:at + 110 + numbers[11] - 1]
        data = at + (110 + numbers[11] + 3 & ~3)
        yield numbers, name, plain[data:data + numbers[6]]
        at = data + (numbers[6] + 3 & ~3)


# ---- the text of the index ----

def escape(name):
    return re.sub(rb"[\0-\x1f\x7f%]", lambda m: b"%%%02X" % m[0][0], name)


def unescape(text):
    return re.sub(rb"%([0-9A-F]{2})", lambda m: bytes([int(m[1], 16)]), text)


# ---- an archive as a value ----

class File:
    def __init__(self, path, data, role=b"other", mode=0o100600, uid=0, gid=0, mtime=0, rdev=(0, 0), **head):
        self.path, self.data, self.role, self.mode, self.uid, self.gid, self.mtime, self.rdev = path, data, role, mode, uid, gid, mtime, rdev
        self.head = head            # arguments of newc() that differ from the truth; name: that of the cpio entry alone
        self.row = None             # the fields of its line in the table instead of the right ones
        self.more = []              # further fields of that line

    def entry(self):
        truth = dict(name=self.path, data=self.data, mode=self.mode, uid=self.uid, gid=self.gid, mtime=max(0, self.mtime), rdev=self.rdev)
        return newc(**{**truth, **self.head})


class Unit:
    def __init__(self, kind, name, files, health=b"-", uniqueid=b"", partition=b"", numbers=(0, 0, 0)):
        self.kind, self.name, self.files, self.health = kind, name, files, health
        self.uniqueid, self.partition, self.numbers = uniqueid, partition, list(numbers)
        self.row = {}               # fields of its line in the root, by number, instead of the right ones

    def table(self, before=0):
        """The lines of its table, without those of members."""
        lines, role, mtime = [[b"unit", self.kind, escape(self.name)]], b"other", before
        for f in self.files:
            if f.role != role:
                role = f.role
                lines.append([b"r", role])
            lines.append(f.row or [b"f", escape(f.path), b"%d" % len(f.data), b"%+d" % (f.mtime - mtime), *f.more])
            mtime = f.mtime
        return lines + [[hashlib.sha256(f.data).hexdigest().encode()] for f in self.files]


def same(value):
    return value


class Vault:
    """units is a list; unit(name), file(part of a path) find in it."""

    def __init__(self, units):
        self.units = units

    @classmethod
    def read(cls, raw):
        """An archive that is as it should be."""
        end = dict(zip(END_FIELDS, struct.unpack_from("<6Q", raw, len(raw) - 158 + 16 + 32)))
        rows = [line.split(b"\t") for line in plain_of(raw, end["root"], end["root_stored"]).splitlines()][1:-1]
        tables, waiting, units, off = [], [], [], 0
        for row in rows:
            if row[0] != b"tables":
                waiting.append(int(row[11]))
                continue
            plain = plain_of(raw, end["index"] + int(row[1]), int(row[2]))
            for size in waiting:
                tables.append(plain[:size])
                plain = plain[size:]
            waiting = []
        for row, table in zip((r for r in rows if r[0] != b"tables"), tables):
            kind, health, name, uniqueid, partition = row[:5]
            units.append(Unit(kind, unescape(name), cls.files_of(plain_of(raw, off, int(row[10])), table), health, uniqueid,
                              unescape(partition), [int(n) for n in row[5:8]]))
            off += int(row[10])
        return cls(units)

    @staticmethod
    def files_of(plain, table):
        roles, role, mtimes, mtime = [], b"other", [], 0
        for line in (text.split(b"\t") for text in table.splitlines()):
            if line[0] == b"r":
                role = line[1]
            if line[0] == b"f":
                mtime += int(line[3])
                roles.append(role)
                mtimes.append(mtime)
        return [File(name, data, role, n[1], n[2], n[3], when, (n[9], n[10]))
                for (n, name, data), role, when in zip(entries(plain), roles, mtimes)]

    def unit(self, name):
        return next(u for u in self.units if u.name == name)

    def file(self, part):
        return next(f for u in self.units for f in u.files if part in f.path)

    @staticmethod
    def pieces(u, plain):
        """The plain bytes of a unit cut every MEMBER bytes, each with the place of the first cpio header in it."""
        starts, at = [], 0
        for f in u.files:
            starts.append(at)
            at += len(f.entry())
        return [(plain[at:at + MEMBER], next((s - at for s in starts if at <= s < at + MEMBER), NOWHERE))
                for at in range(0, len(plain), MEMBER)]

    def write(self, body=same, tables=same, rows=same, end=same, root=same, pack=member):
        """The bytes. body((unit, plain)) gives the plain bytes of a unit's entries; tables((unit, lines)) its table's lines; rows() gets the
        root's rows, root() its text; end() gets the numbers of the end mark; pack() is called for each member."""
        out, index, lines = [], [], []
        for u in self.units:
            plain = b"".join(f.entry() for f in u.files)
            plain = plain if body is same else body((u, plain))
            pieces = self.pieces(u, plain)
            packed = [pack("D", piece, flags=n == 0, first=first) for n, (piece, first) in enumerate(pieces)]
            table = u.table() + [[b"m", b"%d" % len(p), b"%d" % len(piece)] for p, (piece, _) in zip(packed, pieces)]
            table = table if tables is same else tables((u, table))
            text = b"".join(b"\t".join(line) + b"\n" for line in table)
            row = [u.kind, u.health, escape(u.name), u.uniqueid, escape(u.partition), *(b"%d" % n for n in u.numbers), b"%d" % len(u.files),
                   b"%d" % sum(len(f.data) for f in u.files), b"%d" % sum(map(len, packed)), b"%d" % len(text)]
            lines.append([u.row.get(n + 1, field) for n, field in enumerate(row)])
            out += packed
            index.append(text)
        units = b"".join(out)
        plain = b"".join(index)
        head = newc(b"cyrvault/tables-0001", b"", size=len(plain))
        group = [pack("H", head, first=0), pack("T", plain, first=NOWHERE)]
        lines.append([b"tables", b"%d" % len(group[0]), b"%d" % len(group[1]), b"%d" % len(plain), hashlib.sha256(plain).hexdigest().encode()])
        lines = rows([[b"cyrvault-index", b"1"]] + lines + [[b"end", b"%d" % len(self.units), b"%d" % len(units)]])
        text = root(b"".join(b"\t".join(line) + b"\n" for line in lines))
        padding = b"\0" * (-len(plain) % 4)
        group.append(pack("H", padding + newc(b"cyrvault/index", b"", size=len(text)), first=len(padding)))
        before = len(units) + sum(map(len, group))
        packed = pack("R", text, first=NOWHERE)
        padding = b"\0" * (-len(text) % 4)
        last = pack("Z", padding + newc(b"TRAILER!!!", mode=0), first=len(padding))
        numbers = dict(zip(END_FIELDS, (len(units), before, len(packed), len(text), before + len(packed) + len(last) + 158, len(self.units))))
        return units + b"".join(group) + packed + last + end_mark(end({**numbers, "sha": hashlib.sha256(text).digest()}))


def end_mark(numbers):
    more = b"CYRVAULT" + struct.pack("<II", 1, 0) + struct.pack("<6Q", *(numbers[n] & (1 << 64) - 1 for n in END_FIELDS)) + bytes(16) + numbers["sha"]
    mark = member("E", b"", first=NOWHERE, more=more + bytes(4), level=9)
    return mark[:16 + 128] + struct.pack("<I", zlib.crc32(mark[:16 + 128])) + mark[16 + 132:]
