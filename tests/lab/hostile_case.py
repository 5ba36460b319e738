"""What a hostile archive is made of, and the list of them: a case is a name, what is wanted of cyrvault, and a function that makes the bytes.

Cases of our own format change one thing in the good archive tests/fixtures/hostile/base.cpio.gz and keep every hash and check sum right, so
that nothing but a look at the thing itself can refuse it. What may be wanted:

    refused   nothing but salvage does anything with it
    damage    it may open; verify finds what is wrong
    odd       done or refused, as long as it harms nobody
    harmless  taken as it is: it verifies and lists"""

import binascii
import copy
import hashlib
import os
import struct
import zlib

from vaultfile import File, Vault

BASE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "hostile", "base.cpio.gz")
SPOOL = b"var/spool/cyrus/mail/uuid/"
INBOX, WORK = SPOOL + b"d/y/dyuznyg26jpwarcz3f4j32e6/", SPOOL + b"m/a/maybmpiyolt8ldrzztwolm7h/"

# The name that everything has which must not appear anywhere, and what must not reach a terminal.
CANARY = b"hostile-canary"
EVIL = b"\x1b[2J\x1b]0;owned\x07\r\x9b2J\xc2\x9b1m\xe2\x80\xaegpj\xe2\x80\xac\xe2\x80\x8b\xff\xfe end"
EVIL_TEXT = EVIL.replace(b"\r", b"")

CASES = []
FOREIGN = ("foreign", "newc", "odc", "ustar", "pax", "gnu", "gzip", "not an archive")


class Case:
    def __init__(self, name, want, make, big):
        self.name, self.want, self.make, self.big = name, want, make, big
        self.foreign = name.startswith(FOREIGN)

    def __repr__(self):
        return self.name

    def unmet(self, done):
        """What of these commands is not as wanted."""
        status = {}
        for d in done:
            status.setdefault(d.verb, d.status)
        verify, opened = status["verify"], status["mailboxes"] in (0, 1)
        if self.want == "refused":
            return ["%s: status %s" % s for s in status.items() if s[0] != "salvage" and s[1] in (0, 1)]
        if self.want == "damage":
            return [] if verify == 13 else ["verify: status %s" % verify]
        if self.want == "harmless" and (verify not in (0, 1) or not opened):
            return ["verify: status %s, mailboxes: status %s" % (verify, status["mailboxes"])]
        return []


def add(name, want, make, big=False):
    """big: takes a second or more to make or to read; not among the quick ones."""
    CASES.append(Case(name, want, make, big))


def case(name, want, big=False):
    """A function that returns an archive's bytes."""
    def register(make):
        add(name, want, make, big)
        return make
    return register


def change(name, want, big=False):
    """A function that changes a good archive; it returns nothing, or the hooks of Vault.write()."""
    def register(edit):
        add(name, want, lambda: changed(edit), big)
        return edit
    return register


def changed(edit):
    vault = good()
    return vault.write(**(edit(vault) or {}))


_good = []


def good():
    """The good archive, to be changed."""
    if not _good:
        with open(BASE, "rb") as f:
            _good.append(Vault.read(f.read()))
    return copy.deepcopy(_good[0])


def work(vault):
    """The unit that most cases spoil: user.mallory.Work."""
    return vault.unit(b"user.mallory.Work")


def put(vault, path, data=b"odd\n", role=b"mailbox-other", **more):
    """One more file in that unit."""
    f = File(path, data, role, **more)
    work(vault).files.append(f)
    return f


# ---- Cyrus's files ----

HEAD, RECORD = 160, 112             # of a cyrus.index of 3.6


class Index:
    """cyrus.index of the unit's mailbox; save() makes its check sums right."""

    def __init__(self, vault, where=WORK):
        self.file = vault.file(where + b"cyrus.index")
        self.data = bytearray(self.file.data)

    def head(self, at, value, form=">I"):
        struct.pack_into(form, self.data, at, value)

    def record(self, n, at, value, form=">I"):
        struct.pack_into(form, self.data, HEAD + RECORD * n + at, value)

    def crc(self):
        for start, size in [(0, HEAD)] + [(at, RECORD) for at in range(HEAD, len(self.data) - RECORD + 1, RECORD)]:
            struct.pack_into(">I", self.data, start + size - 4, binascii.crc32(self.data[start:start + size - 4]))

    def save(self):
        self.crc()
        self.file.data = bytes(self.data)


def set_message(vault, data, n=0, where=WORK):
    """Message n is data, and the index agrees; its cache record is of no use then."""
    index = Index(vault, where)
    uid = struct.unpack_from(">I", index.data, HEAD + RECORD * n)[0]
    vault.file(where + b"%d." % uid).data = data
    index.record(n, 12, min(len(data), 0xffffffff))
    index.record(n, 16, min(len(data), data.find(b"\r\n\r\n") + 4))
    index.record(n, 60, hashlib.sha1(data).digest(), "20s")
    index.record(n, 24, 0)
    index.save()


def set_header(vault, old, new, where=WORK):
    """cyrus.header with other bytes, and the index agrees."""
    f = vault.file(where + b"cyrus.header")
    if old not in f.data:
        raise ValueError("no %r in cyrus.header" % old)
    f.data = f.data.replace(old, new)
    index = Index(vault, where)
    index.head(96, binascii.crc32(f.data))
    index.save()


def set_envelope(vault, envelope, n=0, where=WORK):
    """The cache record of message n says this of it."""
    index, cache = Index(vault, where), vault.file(where + b"cyrus.cache")
    items = [envelope] + [b""] * 9
    record = b"".join(struct.pack(">I", len(i)) + i + b"\0" * (-len(i) % 4) for i in items)
    index.record(n, 24, len(cache.data))
    index.record(n, 104, binascii.crc32(record))
    cache.data += record
    index.save()


def mail(subject=b"hello", body=b"text\r\n", more=()):
    head = [b"From: Mallory <mallory@example.net>", b"Date: Mon, 02 Nov 2026 10:00:00 +0000", b"Subject: " + subject,
            b"Message-ID: <hostile@seed.example>", *more]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


# ---- gzip ----

def gz(plain, level=6, flags=0, between=b""):
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return b"\x1f\x8b\x08" + bytes([flags]) + b"\0\0\0\0\0\xff" + between + packer.compress(plain) + packer.flush() + \
        struct.pack("<II", zlib.crc32(plain), len(plain) & 0xffffffff)


def gz_zeros(before, megabytes, after):
    """A member of so many MB of zeros between other bytes, made without packing them all."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block, million = packer.compress(before) + packer.flush(zlib.Z_FULL_FLUSH), bytes(1 << 20)
    zeros = packer.compress(million) + packer.flush(zlib.Z_FULL_FLUSH)
    last = packer.compress(after) + packer.flush()
    crc = zlib.crc32(before)
    for _ in range(megabytes):
        crc = zlib.crc32(million, crc)
    size = len(before) + (megabytes << 20) + len(after)
    return b"\x1f\x8b\x08\0\0\0\0\0\0\xff" + block + zeros * megabytes + last + struct.pack("<II", zlib.crc32(after, crc), size & 0xffffffff)
