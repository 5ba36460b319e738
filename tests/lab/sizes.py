"""How many bytes of an archive a mailbox needs, by docs/archive-format.md alone."""

import gzip
import os
import struct

END_MARK = 158


class Sizes:
    """Of archive PATH: whole, root (with the end mark), and of one mailbox: members, table (the group of tables it is in)."""

    def __init__(self, path, box):
        self.whole = os.path.getsize(path)
        with open(path, "rb") as f:
            f.seek(-END_MARK, os.SEEK_END)
            mark = f.read()
            if mark[32:40] != b"CYRVAULT":
                raise ValueError("%s has no end mark" % path)
            root_off, root_stored = struct.unpack_from("<QQ", mark, 56)
            f.seek(root_off)
            root = gzip.decompress(f.read(root_stored)).decode(errors="surrogateescape")
        self.root = root_stored + END_MARK
        self.members = self.table = 0
        for line in root.splitlines():
            row = line.split("\t")
            if row[0] == "m" and row[2] == box:
                self.members = int(row[10])
            elif row[0] == "tables" and self.members and not self.table:
                self.table = int(row[2])
        if not self.members:
            raise ValueError("%s is not in %s" % (box, path))

    def bound(self):
        return self.members + self.table + self.root + (64 << 10)
