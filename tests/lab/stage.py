#!/usr/bin/python3
"""A private live server with a past: archives of several ages, of ours and foreign and broken, and a bad morning since.

What demonstrations, stories and screenshots of the console are played on; the same every time, but for the server's own ids
and UIDVALIDITYs. As a command: stage.py up DIR [--today] (then lab.py down DIR, dump DIR, ...)."""

import argparse
import calendar
import concurrent.futures
import datetime
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import losses                                                                           # noqa: E402
from hostile import HOSTILE                                                             # noqa: E402
from lab import Lab, LabError                                                           # noqa: E402
from seeding import Writer, each, letters, mutf7                                           # noqa: E402
from wire import ProtocolError, quote                                                   # noqa: E402

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CYRVAULT = os.environ.get("CYRVAULT", os.path.join(TOP, "build", "release", "cyrvault"))
SERVER = "mail1"
NOW = datetime.datetime(2026, 11, 22, 9, 30)
FOREIGN = "oldhost-20240101.cpio.gz"
USERS = ("alice", "bob", "carol", "dave", "eve")
LOST = ("Work",)                                # of alice's, with everything below
LOST_USER = "dave"

# Folders from the beginning (and so in the foreign archive), and from this year; with how many messages.
OLD = {"alice": {(): 14, ("Sent",): 5, ("Trash",): 2, ("Work",): 6, ("Work", "Harbour"): 4},
       "bob": {(): 8, ("Sent",): 3, ("Projects",): 5},
       "carol": {(): 6, ("Archive",): 2, ("Archive", "2023"): 9}}
NEW = {"alice": {(): 22, ("Sent",): 6, ("Work",): 5, ("Work", "Harbour"): 7, ("Work", "Harbour", "Plans"): 3,
                 ("Work", mutf7("文件")): 3, (mutf7("Entwürfe"),): 2, (mutf7("Café"),): 2, (mutf7("Cafe\u0301 2"),): 2,
                 ("Sp ace &- Co",): 2, ("Empty",): 0},
       "bob": {(): 9, ("Invoices",): 8, ("Projects",): 4, ("Projects", "2026"): 3},
       "carol": {(): 12, ("Sent",): 4, (mutf7("日本語のメール"),): 3,
                 ("A folder whose name is longer than any column of a small screen can ever be",): 1},
       "dave": {(): 7, ("Sent",): 2, ("Music",): 4, ("Music", "Scores"): 3},
       "eve": {(mutf7("\u202egpj txt"),): 1, (mutf7("שלום"),): 2}}


class Stage:
    """lab: the server, running. now: the console's clock. whole, lost: what IMAP shows before and after LOST and LOST_USER
    went. archives: {"first", "second", "latest", "foreign", "truncated": name}. opened(lab) is called before it starts."""

    def __init__(self, dir, now=NOW, guarded=True, opened=None, **options):
        self.now = now
        # The day whose night and morning lie behind us.
        self.midnight = (now - datetime.timedelta(hours=9)).replace(hour=0, minute=0, second=0, microsecond=0)
        self.lab = Lab(dir, **options)
        if opened:
            opened(self.lab)
        self.lab.start(guarded=guarded)
        self.configure()
        self.archives = {}
        self.past()
        self.morning()
        with open(self.lab.path("stage.json"), "w") as f:
            json.dump({"now": seconds(now), "archives": self.archives}, f, indent=1)
            f.write("\n")

    @property
    def clock(self):
        """The environment of a program that shall live at the stage's time."""
        return {"CYRVAULT_NOW": str(seconds(self.now))}

    def configure(self):
        with open(self.lab.cyrvault_conf) as f:
            text = f.read()
        self.lab.write("cyrvault.conf", text.replace('"lab"', '"%s"' % SERVER))

    def ago(self, days, hour=2, minute=3):
        return self.midnight - datetime.timedelta(days=days) + datetime.timedelta(hours=hour, minutes=minute, seconds=11)

    # ---- what was ----

    def past(self):
        lab = self.lab
        for who in USERS:
            lab.add_user(who)
        self.writer = Writer(7, datetime.datetime(2023, 8, 7, 7, 41, 9), datetime.timedelta(hours=53, minutes=7, seconds=31))
        self.mail(OLD)
        self.settings()
        self.pack_foreign()
        self.writer.when, self.writer.step = self.ago(250), datetime.timedelta(hours=37, minutes=11, seconds=23)
        self.mail(NEW)
        self.hostile()
        self.backup("first", self.ago(9))
        self.writer.when, self.writer.step = self.ago(8, 8), datetime.timedelta(hours=9, minutes=13, seconds=5)
        self.mail({"alice": {(): 5, ("Work", "Harbour"): 3}, "bob": {(): 3, ("Invoices",): 2}, "carol": {(): 4}, "dave": {(): 2}})
        self.backup("second", self.ago(1))
        self.writer.when, self.writer.step = self.ago(1, 8), datetime.timedelta(minutes=37, seconds=5)
        self.mail({"alice": {(): 2, ("Work",): 2}, "carol": {(): 3}, "bob": {("Projects",): 1}})
        self.backup("latest", self.ago(0))
        self.truncate()

    def mail(self, folders):
        """Make the folders that are not there yet, and append that many messages to each."""
        work = {who: [command for path, count in boxes.items()
                      for command in letters(self.writer, self.lab.own(*path), who, count)] for who, boxes in folders.items()}

        def one(who):
            with self.lab.user(who) as c:
                have = {row[2] for row in c.run(b'LIST "" "*"').rows("LIST")}
                missing = [quote(self.lab.own(*path)) for path in folders[who] if self.lab.own(*path).encode() not in have]
                each(c, [b"CREATE " + box for box in missing] + [b"SUBSCRIBE " + box for box in missing] + work[who])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(one, folders))

    def settings(self):
        """Rights, quota, notes, other readers, a script: what a copy of the messages alone would lose."""
        lab = self.lab
        work = quote(lab.own("Work"))
        with lab.admin() as admin:
            each(admin, [b"SETQUOTA %s (STORAGE 50000)" % quote(lab.box("alice")), b"SETQUOTA %s (STORAGE 20000)" % quote(lab.box("dave"))])
        with lab.user("alice") as c:
            each(c, [b"SETACL %s bob lrswn" % work, b"SETACL %s carol lr" % work,
                     b'SETMETADATA %s (/private/comment "the harbour people")' % work])
        with lab.user("bob") as c:
            theirs = quote(lab.box("alice", "Work"))
            each(c, [b"SELECT " + theirs, b"UID STORE 2:3 +FLAGS.SILENT (\\Seen)", b"UNSELECT", b"SUBSCRIBE " + theirs])
        with lab.sieve("alice") as s:
            s.put("mine", b'require ["fileinto"];\r\nif header :contains "Subject" "harbour" { fileinto "%s"; }\r\n'
                  % lab.own("Work").encode())

    def hostile(self):
        with self.lab.user("eve") as c:
            for data in HOSTILE:
                self.writer.when += self.writer.step
                c.append(self.lab.own(), data, (), self.writer.date()).need()

    # ---- archives ----

    def backup(self, label, when):
        done = subprocess.run([CYRVAULT, "-C", self.lab.cyrvault_conf, "backup"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=dict(os.environ, CYRVAULT_NOW=str(seconds(when))))
        if done.returncode not in (0, 1):
            raise LabError("backup: exit %d: %s" % (done.returncode, done.stderr.strip()))
        self.archives[label] = done.stdout.strip()

    def pack_foreign(self):
        """As a script on another host did it: spool and configuration, find | cpio | gzip."""
        lab = self.lab
        path = lab.path("vault", FOREIGN)
        subprocess.run("find spool conf imapd.conf | LC_ALL=C sort | cpio -o -H newc --quiet | gzip -n > " + path, shell=True, cwd=lab.dir,
                       check=True)
        when = calendar.timegm((2024, 1, 1, 2, 30, 0))
        os.utime(path, (when, when))
        self.archives["foreign"] = FOREIGN

    def truncate(self):
        """An archive whose transfer broke off."""
        name = "%s-%s.cpio.gz" % (SERVER, self.ago(16).strftime("%Y%m%dT%H%M%SZ"))
        with open(self.lab.path("vault", self.archives["first"]), "rb") as f:
            data = f.read()
        with open(self.lab.path("vault", name), "wb") as f:
            f.write(data[:len(data) * 3 // 5])
        os.utime(f.name, (seconds(self.ago(16)),) * 2)
        self.archives["truncated"] = name

    # ---- what happened since ----

    def morning(self):
        lab = self.lab
        box = lab.box
        self.writer.when, self.writer.step = self.ago(0, 6), datetime.timedelta(minutes=7, seconds=40)
        self.mail({"carol": {(): 3}, "eve": {(): 1}, "alice": {("Travel",): 2}})
        with lab.user("carol") as c:                            # differs: new mail, and some was read
            each(c, [b"SELECT INBOX", b"UID STORE 1:4 +FLAGS.SILENT (\\Seen)", b"UNSELECT"])
        with lab.user("alice") as c:                            # differs: two messages are gone for good
            each(c, [b"SELECT INBOX", b"UID STORE 3,9 +FLAGS.SILENT (\\Deleted)", b"EXPUNGE", b"UNSELECT"])
        lab.tool("cyr_expire", "-E", "1", "-X", "0")
        with lab.user("bob") as c:                              # emptied; the server still keeps what was expunged
            each(c, [b"SELECT " + quote(lab.own("Invoices")), b"UID STORE 1:* +FLAGS.SILENT (\\Deleted)", b"EXPUNGE", b"UNSELECT"])
        losses.remove_messages(lab, box("carol", "Archive", "2023"))                    # damaged
        self.whole = lab.dump()
        losses.delete_and_purge(lab, box("alice", *LOST))
        losses.delete_user(lab, LOST_USER)
        self.delete("bob", "Projects", self.ago(0, 8, 47))      # deleted; the server still keeps it
        self.lost = lab.dump()
        for name, lines in (("whole.dump", self.whole), ("lost.dump", self.lost)):
            lab.write(name, "".join(line + "\n" for line in lines))

    def delete(self, owner, folder, when):
        """What DELETE makes of a mailbox and those below it, at a time of ours."""
        lab = self.lab
        stamp = "%08X" % seconds(when)
        with lab.admin() as c:
            for name in losses.family(lab, lab.box(owner, folder), True):
                c.run(b"SETACL %s cyrus lrswipkxtea" % quote(name))
            for name in sorted(losses.family(lab, lab.box(owner, folder), True), reverse=True):
                c.run(b"RENAME %s %s" % (quote(name), quote("DELETED%s%s%s%s" % (lab.sep, name, lab.sep, stamp))))


def seconds(when):
    return calendar.timegm(when.timetuple())


def main():
    parser = argparse.ArgumentParser(prog="stage.py", description="A private server with archives and a bad morning.")
    sub = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    up = sub.add_parser("up", help="build it in DIR; the server keeps running")
    up.add_argument("dir")
    up.add_argument("--today", action="store_true", help="as of this minute, not of a fixed day")
    args = parser.parse_args()
    try:
        stage = Stage(args.dir, now=datetime.datetime.utcnow().replace(second=0, microsecond=0) if args.today else NOW, guarded=False)
    except (LabError, ProtocolError, OSError) as e:
        print("stage.py: %s" % e, file=sys.stderr)
        return 2
    print("configuration for cyrvault: " + stage.lab.cyrvault_conf)
    if not args.today:
        print("its clock: CYRVAULT_NOW=%(CYRVAULT_NOW)s" % stage.clock)
    return 0


if __name__ == "__main__":
    sys.exit(main())
