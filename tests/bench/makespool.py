#!/usr/bin/python3
"""Fill a laboratory server's spool with mailboxes made from a seed, while the server is down: message files, cyrus.index
(version 17), cyrus.cache, cyrus.header, subscriptions, quota roots, mailboxes.db. cyrvault backs it up without a finding, with
or without a running server, and Cyrus serves it.

As a module: fill(lab, Plan(...)). As a command: makespool.py DIR [--kind mixed|list|small] [--messages N] ..."""

import argparse
import hashlib
import itertools
import json
import math
import multiprocessing
import os
import pwd
import random
import statistics
import struct
import sys
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lab"))

import mail                                                                             # noqa: E402
from lab import ADMIN, SETTINGS, Lab                                                    # noqa: E402

MAGIC = (b"\xa1\x02\x8b\x0dCyrus mailbox header\n"
         b'"The best thing about this system was that it had lots of goals."\n'
         b"\t--Jim Morris on Andrew\n")
RIGHTS = "lrswipkxtecdan"
FOLDERS = ("Archive", "Sent", "Trash", "Work")
NAMES = ("anna berta carl dora emil frieda georg hanna igor julia karl lena max nora otto paula quirin rosa simon tina ulf vera "
         "willi xaver yvonne zeno").split()
BEGAN = 1640000000      # the oldest mail, seconds since 1970
LASTED = 140000000      # seconds from the oldest to the latest
CHUNK = 1000            # messages that one process makes at a time; threads do not leave a chunk
SEEN, FLAGGED, ANSWERED, DELETED = 16, 2, 1, 4


class Plan:
    """What to make. kind: mixed (the sizes of a usual server), list (mailing lists, text alone), small (one mailbox has nearly
    all of the messages, and all of them are small), one (one mailbox has nearly all of the messages, of the usual sizes)."""

    def __init__(self, kind="mixed", users=60, messages=6004, seed=1):
        self.kind = kind
        self.users = users
        self.messages = messages
        self.seed = seed


FULL = {"kind": "mixed", "users": 60, "messages": 6004}         # 301 mailboxes, 235 MB
SMOKE = {"kind": "mixed", "users": 6, "messages": 270}          # 31 mailboxes, 10 MB
LISTS = {"kind": "list", "users": 2, "messages": 24000}         # 11 mailboxes, 70 MB
CROWD = {"kind": "small", "users": 10, "messages": 100000}      # 51 mailboxes, one of them with 97 %


class Box:
    """A mailbox on its way: sizes of the messages it is to have, then what was made."""

    def __init__(self, name, seed):
        self.name = name
        self.user = name.split(".")[1] if name.startswith("user.") else None
        self.id = ident(name, seed)
        self.uidvalidity = BEGAN + zlib.crc32(name.encode()) % 1000000
        self.sizes = []
        self.records = []
        self.bytes = 0


class Made:
    """What fill() made: counts, and the mailbox that is meant to be restored (internal name, messages, bytes)."""

    def __init__(self, boxes, chosen, encoded):
        self.mailboxes = len(boxes)
        self.messages = sum(len(box.records) for box in boxes)
        self.bytes = sum(box.bytes for box in boxes)            # of messages
        self.encoded = encoded                                  # of these in base64 bodies
        self.box = chosen.name
        self.box_messages = len(chosen.records)
        self.box_bytes = chosen.bytes


def ident(name, seed):
    """A unique id as Cyrus 3.6 makes them: 24 characters."""
    number = int.from_bytes(hashlib.sha256(("%s %s" % (seed, name)).encode()).digest(), "big")
    out = ""
    for _ in range(24):
        number, digit = divmod(number, 36)
        out += "abcdefghijklmnopqrstuvwxyz0123456789"[digit]
    return out


def hashed(name):
    """The hash directory for a mailbox, a quota root or a user."""
    first = name.split(".")[1 if "." in name else 0][:1].lower()
    return first if "a" <= first <= "z" else "q"


# ---- which mailbox has how many messages of which size ----

def log_normal(rng, count, median, mean):
    """Sizes with this median and mean: the same ones whatever the seed, in any order."""
    normal = statistics.NormalDist(math.log(median), math.sqrt(2 * math.log(mean / median)))
    sizes = [int(math.exp(normal.inv_cdf((i + 0.5) / count))) for i in range(count)]
    rng.shuffle(sizes)
    return sizes


def mailboxes(plan):
    """Empty mailboxes: five for each user, and a shared one."""
    boxes = []
    for n in range(plan.users):
        inbox = "user.%s%02d" % (NAMES[n % len(NAMES)], n)
        boxes += [Box(name, plan.seed) for name in [inbox] + ["%s.%s" % (inbox, folder) for folder in FOLDERS]]
    return boxes + [Box("shared", plan.seed)]


def deal(plan, boxes):
    """Give every mailbox the sizes of its messages. Returns the one that is meant to be restored."""
    rng = random.Random("sizes %s" % plan.seed)
    median, mean, share = {"mixed": (8500, 37600, 500 / 6004), "list": (2300, 2600, 0.2), "small": (800, 1100, 0.97),
                           "one": (8500, 37600, 0.9)}[plan.kind]
    sizes = log_normal(rng, plan.messages, median, mean)
    count = max(1, int(plan.messages * share))
    if plan.kind == "mixed":
        # A mailbox of 500 messages with 30 MB has few of the smallest.
        sizes.sort()
        large = sizes[plan.messages * 3 // 10:]
        rng.shuffle(large)
        rest = sizes[:plan.messages * 3 // 10] + large[count:]
        rng.shuffle(rest)
        sizes = large[:count] + rest
    chosen = boxes[1]
    chosen.sizes = sizes[:count]
    others = [box for box in boxes if box is not chosen]
    weights = [rng.lognormvariate(0, 1) * (3 if box.name.count(".") == 1 else 1) for box in others]
    places = itertools.chain(range(len(others)), iter(lambda: rng.choices(range(len(others)), weights)[0], None))
    for size, place in zip(sizes[count:], places):
        others[place].sizes.append(size)
    return chosen


# ---- files ----

def put(path, data, owner, when=None):
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
        os.fchown(fd, *owner)
        if when is not None:
            os.utime(fd, (when, when))
    finally:
        os.close(fd)


def make_dirs(path, owner):
    """mkdir -p; what is new belongs to owner."""
    if os.path.isdir(path):
        return
    make_dirs(os.path.dirname(path), owner)
    os.mkdir(path, 0o700)
    os.chown(path, *owner)


language = None


def make_messages(task):
    """Write a chunk of a mailbox's messages. Returns what its index and cache will say of them."""
    seed, name, kind, where, first, sizes, pace, owner = task
    rng = random.Random("flags %s %s %d" % (seed, name, first))
    letters = mail.Correspondence(language, "%s %d" % (seed, first), name, kind, BEGAN + int(first * pace), pace)
    records = []
    encoded = 0
    for uid, size in enumerate(sizes, first):
        m = letters.next(size)
        put("%s/%d." % (where, uid), m.data, owner, m.sent)
        flags = rng.choices((SEEN, 0, SEEN | ANSWERED, SEEN | FLAGGED, SEEN | DELETED), (70, 16, 8, 4, 2))[0]
        records.append((uid, m.sent, len(m.data), m.head, flags, hashlib.sha1(m.data).digest(), cache_record(m.items)))
        encoded += m.encoded
    return name, records, encoded


def cache_record(items):
    return b"".join([struct.pack(">I", len(i)) + i + b"\0" * (-len(i) % 4) for i in items])


def checked(data):
    return data + struct.pack(">I", zlib.crc32(data))


def index_and_cache(box, header):
    """cyrus.index (version 17) and cyrus.cache (version 11)."""
    cache = [b"\0\0\0\0"]
    at = 4
    records = []
    for uid, when, size, head, flags, guid, item in box.records:
        records.append(checked(struct.pack(
            ">9I16x2I20s3QI", uid, when, when - when % 86400, size, head, when, at, when, flags, when, 11, guid,
            uid + 1, 0, uid + 1, zlib.crc32(item))))
        cache.append(item)
        at += len(item)
    uid, when = box.records[-1][:2] if box.records else (0, 0)
    count = len(records)

    def having(flag):
        return sum(1 for record in box.records if record[4] & flag)

    head = checked(struct.pack(
        ">8IQ7I2Q11IQI16x", 0, 0, 17, 160, 112, count, when, uid, box.bytes,
        0, box.uidvalidity, having(DELETED), having(ANSWERED), having(FLAGGED), 1, 0, uid + 1, 0,
        count, 0, 0, zlib.crc32(header), 0, uid, when, 0, 0, 0, count - having(SEEN), 1, box.uidvalidity))
    return head + b"".join(records), b"".join(cache)


class Filler:
    def __init__(self, lab, plan):
        cyrus = pwd.getpwnam("cyrus")
        self.lab = lab
        self.plan = plan
        self.owner = (cyrus.pw_uid, cyrus.pw_gid)

    def directory(self, box):
        if self.lab.layout == "uuid":
            return self.lab.path("spool", "uuid", box.id[0], box.id[1], box.id)
        hash_dir = [hashed(box.name)] if self.lab.hashimapspool else []
        return self.lab.path("spool", *hash_dir, *box.name.split("."))

    def acl(self, box):
        return {box.user: RIGHTS} if box.user else {"anyone": "lrs"}

    def messages(self, boxes):
        """All message files, by as many processes as there are processors; bytes in base64 bodies."""
        global language
        language = mail.Language(self.plan.seed)
        by_name = {box.name: box for box in boxes}
        kind = "mixed" if self.plan.kind == "one" else self.plan.kind
        tasks = [(self.plan.seed, box.name, kind, self.directory(box), first + 1, box.sizes[first:first + CHUNK],
                  min(9000, LASTED / len(box.sizes)), self.owner) for box in boxes for first in range(0, len(box.sizes), CHUNK)]
        tasks.sort(key=lambda task: -sum(task[5]))
        encoded = 0
        with multiprocessing.get_context("fork").Pool() as pool:
            for name, records, part in pool.imap_unordered(make_messages, tasks):
                by_name[name].records += records
                encoded += part
        for box in boxes:
            box.records.sort()
            box.bytes = sum(record[2] for record in box.records)
        return encoded

    def mailbox_files(self, box):
        where = self.directory(box)
        acl = " ".join("%s %s" % item for item in self.acl(box).items())
        kind = "e" if self.lab.layout == "uuid" else "el"
        root = " Q user." + box.user if box.user else ""
        header = MAGIC + ("%%(T %s N %s I %s%s A %%(%s))\n" % (kind, box.name, box.id, root, acl)).encode()
        index, cache = index_and_cache(box, header)
        put(where + "/cyrus.header", header, self.owner)
        put(where + "/cyrus.index", index, self.owner)
        put(where + "/cyrus.cache", cache, self.owner)

    def user_files(self, boxes):
        """Subscriptions and the quota root of one user, whose mailboxes these are."""
        user = boxes[0].user
        if self.lab.layout == "uuid":
            sub = self.lab.path("conf", "user", "uuid", boxes[0].id[0], boxes[0].id[1], boxes[0].id, "sub.db")
        else:
            sub = self.lab.path("conf", "user", hashed(user), user + ".sub")
        names = ["INBOX" + box.name[5 + len(user):].replace(".", "\x1f") for box in boxes]
        make_dirs(os.path.dirname(sub), self.owner)
        put(sub, ("\x1fVER\x1f\t2\n" + "".join("N%s\t\n" % name for name in sorted(names))).encode(), self.owner)
        quota = self.lab.path("conf", "quota", hashed("user." + user), "user." + user)
        make_dirs(os.path.dirname(quota), self.owner)
        put(quota, b"%%(S (%d 10000000) M (%d) AS (0) NF (%d))\n" % (
            sum(box.bytes for box in boxes), sum(len(box.records) for box in boxes), len(boxes)), self.owner)

    def database(self, boxes):
        """mailboxes.db, by Cyrus's own program out of its text form."""
        rows = {box.name: {
            "name": box.name, "mtime": "%d" % BEGAN, "uidvalidity": "%d" % box.uidvalidity, "createdmodseq": "1",
            "foldermodseq": "1", "mbtype": "e" if self.lab.layout == "uuid" else "el", "partition": "default",
            "acl": self.acl(box), "uniqueid": box.id, "name_history": []} for box in boxes}
        self.lab.tool("ctl_mboxlist", "-u", input="{\n%s\n}\n" % ",\n".join(
            "%s: %s" % (json.dumps(name), json.dumps(row)) for name, row in sorted(rows.items())))

    def fill(self):
        boxes = mailboxes(self.plan)
        chosen = deal(self.plan, boxes)
        for box in boxes:
            make_dirs(self.directory(box), self.owner)
        encoded = self.messages(boxes)
        for box in boxes:
            self.mailbox_files(box)
        for _, own in itertools.groupby([box for box in boxes if box.user], key=lambda box: box.user):
            self.user_files(list(own))
        self.database(boxes)
        return Made(boxes, chosen, encoded)


def fill(lab, plan):
    """Fill the spool of a laboratory server that does not run; made first if need be."""
    if not os.path.exists(lab.imapd_conf):
        lab.create()
        lab.add_password(ADMIN, lab.password)
    made = Filler(lab, plan).fill()
    lab.users = ["%s%02d" % (NAMES[n % len(NAMES)], n) for n in range(plan.users)]
    lab.save()
    return made


def main():
    parser = argparse.ArgumentParser(description="Fill a laboratory server's spool with mailboxes made from a seed.")
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("--kind", choices=("mixed", "list", "small", "one"), default="mixed")
    parser.add_argument("--users", type=int, default=60)
    parser.add_argument("--messages", type=int, default=6004)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--layout", choices=("uuid", "legacy"), default="uuid")
    args = parser.parse_args()
    started = time.monotonic()
    lab = Lab.load(args.dir) if os.path.exists(os.path.join(args.dir, SETTINGS)) else Lab(args.dir, layout=args.layout)
    made = fill(lab, Plan(args.kind, args.users, args.messages, args.seed))
    print(json.dumps(dict(vars(made), seconds=round(time.monotonic() - started, 1))))


if __name__ == "__main__":
    main()
