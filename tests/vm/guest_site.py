"""In the virtual machine: a mail server on logical volumes, mail that arrives all the time, backups of it, and what must be true after each."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "cyrus"))

from common import CYRVAULT, check, finish, not_ok, say                               # noqa: E402,F401
import guest_disks                                                                      # noqa: E402
from lab import Lab                                                                     # noqa: E402
from wire import quote                                                                  # noqa: E402

LAB = "/srv/lab"
PICTURE = LAB + "/picture.json"
RUN = "/run/cyrus-lab"
PORTS = (1143, 1024, 1190)
STORE_DISK = "/dev/vdb"
ANSWERS = 20.0      # seconds an emulated server may take for one delivery, or for a login and a SELECT


class Run:
    """A backup on its way, then what came of it."""

    def __init__(self, site):
        self.site = site
        self.first = site.storm.sent()
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        self.began = time.monotonic()
        self.process = subprocess.Popen([CYRVAULT, "-C", site.lab.cyrvault_conf, "backup", "--json"], stdin=subprocess.DEVNULL,
                                        stdout=self.out, stderr=self.err)

    def wait(self, seconds=900):
        self.status = self.process.wait(seconds)
        self.seconds = time.monotonic() - self.began
        with self.out, self.err:
            self.out.seek(0)
            self.rows = [json.loads(line) for line in self.out]
            self.err.seek(0)
            self.errors = self.err.read().decode("utf-8", "backslashreplace").strip()
        self.summary = next((row for row in self.rows if row["type"] == "summary"), {})
        self.volumes = [row for row in self.rows if row["type"] == "volume"]
        self.said = "\n".join([self.errors] + [row["what"] for row in self.rows if row["type"] == "finding"])
        self.slowest = max(self.site.storm.times[self.first:], default=0.0)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()

    def words(self):
        """What it said, for the explanation of a failure."""
        return ["exit %d after %.1f s" % (self.status, self.seconds)] + self.errors.splitlines() + [json.dumps(r) for r in self.rows]


class Site:
    """rate: messages a second that are sent to it; an emulated server takes some 15 at most, and is busy with nothing else then."""

    def __init__(self, volumes, rate):
        self.volumes = volumes
        self.rate = rate
        self.lab = None
        self.storm = None
        self.good = []      # names of archives, as they came
        self.runs = []

    # ---- making and ending ----

    def make(self):
        began = time.monotonic()
        run, volumes = guest_disks.run, self.volumes
        os.makedirs(LAB, exist_ok=True)
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", STORE_DISK)
        run("mount", STORE_DISK, LAB)
        volumes.make()
        say("# %s: volumes made in %.1f s" % (volumes, time.monotonic() - began))
        Lab.fixed_ports = PORTS
        # Locks and sockets are where Debian has them: below /run.
        places = {name: os.path.join(RUN, name) for name in ("proc", "lock", "socket")}
        places.update(conf=volumes.conf + "/imap", sieve=volumes.conf + "/sieve", spool=volumes.spool + "/mail")
        self.lab = lab = Lab(LAB, places=places)
        lab.create()
        for name in ("conf", "spool", "sieve"):
            run("tar", "-xf", "/job/%s.tar" % name, "-C", lab.path(name))
        shutil.copy("/job/sasldb2", lab.path("sasldb2"))
        shutil.chown(lab.path("sasldb2"), "cyrus", "mail")
        with open("/job/users") as f:
            lab.users = f.read().split()
        self.configure(snapshot="lvm")
        lab.start(guarded=False)
        self.before = volumes.picture()
        with open(PICTURE, "w") as f:
            json.dump(sorted(self.before), f)
        return self.begin(began)

    def begin(self, began):
        self.storm = self.lab.storm(clients=4, rate=self.rate).start()
        self.storm.wait_for(len(self.lab.users), 60)
        say("# %s: mail arrives after %.1f s" % (self.volumes, time.monotonic() - began))
        return self

    def wake(self):
        """The same site after the power was cut: the server's recovery, and mail again."""
        began = time.monotonic()
        os.makedirs(LAB, exist_ok=True)
        guest_disks.run("mount", STORE_DISK, LAB)
        self.volumes.wake()
        Lab.fixed_ports = PORTS
        self.lab = Lab.load(LAB)
        self.lab.create()
        self.configure(snapshot="lvm")
        with open(PICTURE) as f:
            self.before = set(json.load(f))
        self.good = self.archives()
        self.lab.start(guarded=False)
        return self.begin(began)

    def end(self):
        """Stop the mail, account for every message, take everything down."""
        self.storm.stop()
        self.account()
        self.figures()
        self.lab.stop()
        guest_disks.run("umount", LAB)
        self.volumes.drop()

    def account(self):
        problems = self.storm.check()
        check("%s: every delivery is there once, none was refused (%s)" % (self.volumes, self.storm.figures()), problems)

    def configure(self, url=None, store_keys="", **keys):
        """cyrvault.conf with these keys of [server] for now. An emulated host is slow, and what arrives keeps it busy: it gets more time."""
        keys = dict({"pause_ms": 20000, "priority": "normal"}, **keys)
        self.lab.configure()
        with open(self.lab.cyrvault_conf) as f:
            text = f.read()
        text = text.replace("snapshot = none\n", "".join("%s = %s\n" % item for item in keys.items()))
        text = text.replace("url = dir:%s\n" % self.lab.path("vault"), "url = %s\n%s" % (url or "dir:" + self.lab.path("vault"), store_keys))
        self.lab.write("cyrvault.conf", text)

    # ---- backups ----

    def reset(self):
        """As a site was made, whatever a fault broke off in."""
        if "filler" in self.volumes.names():
            self.volumes.give_back()
        self.configure(snapshot="lvm")

    def start_backup(self):
        return Run(self)

    def backup(self):
        return Run(self).wait()

    def archives(self):
        return sorted(name for name in os.listdir(self.lab.path("vault")) if name.endswith(".cpio.gz"))

    def snapshot_appears(self, run, seconds=120):
        """Wait until the run has made a snapshot of every volume; the path of one's device, or None if the run ended before."""
        ours = set(self.volumes.sizes) | {"pool", "filler"}
        until = time.monotonic() + seconds
        while time.monotonic() < until and run.process.poll() is None:
            names = [name for name in os.listdir("/dev/" + guest_disks.GROUP) if name not in ours]
            if len(names) >= len(self.volumes.sizes):
                return guest_disks.device(names[-1])
            time.sleep(0.02)
        return None

    # ---- what must be true ----

    def leftovers(self):
        """What a backup should have taken away."""
        now = self.volumes.picture()
        return (["left over: " + what for what in sorted(now - self.before) if "filler" not in what]
                + ["gone: " + what for what in sorted(self.before - now)])

    def answers(self):
        """Problems if mail does not go in, to every user, and come out."""
        problems = []
        try:
            self.storm.wait_for(self.storm.sent() + len(self.lab.users), ANSWERS * 3)
        except TimeoutError as e:
            problems.append("mail is held: %s" % e)
        began = time.monotonic()
        try:
            with self.lab.proxy(self.lab.users[0]) as c:
                c.run(b"SELECT " + quote("INBOX"))
        except Exception as e:                                                          # noqa: BLE001
            problems.append("SELECT: %r" % e)
        took = time.monotonic() - began
        return problems + (["login and SELECT took %.1f s" % took] if took > ANSWERS else [])

    def verifies(self, name):
        done = subprocess.run([CYRVAULT, "-C", self.lab.cyrvault_conf, "verify", name], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return [] if done.returncode == 0 else ["verify %s: exit %d: %s" % (name, done.returncode, done.stdout.strip())]

    def unharmed(self):
        """After whatever happened: the server answers, and the two archives of before are good."""
        problems = self.answers()
        for name in self.good[-2:]:
            problems += self.verifies(name)
        return problems

    def good_run(self, title):
        """A backup of which nothing can be complained."""
        run = self.backup()
        problems = []
        if run.status != 0:
            problems.append("the backup failed")
        elif run.summary.get("snapshot") != "lvm":
            problems.append("snapshot is %s" % run.summary.get("snapshot"))
        if run.summary.get("findings") != 0:
            problems.append("findings: %s" % run.summary.get("findings"))
        if problems:
            problems += run.words()
        else:
            self.runs.append(run)
            self.good.append(run.summary["archive"])
            problems += self.verifies(run.summary["archive"])
        problems += self.leftovers() + self.answers()
        check("%s: %s" % (self.volumes, title), problems)
        say("# %.1f s, snapshot %s in %s ms, held still %s for %s ms, full to %s" % (
            run.seconds, run.summary.get("snapshot"), run.summary.get("snapshot_ms"), run.summary.get("quiesce"), run.summary.get("pause_ms"),
            " and ".join("%.1f %%" % (v["fill_permille"] / 10) for v in run.volumes)))
        return run

    def figures(self):
        """Of the good runs so far."""
        by_rung = {}
        for run in self.runs:
            by_rung.setdefault(run.summary.get("quiesce"), []).append(run.summary.get("pause_ms", 0))
        for rung, pauses in by_rung.items():
            say("# %s: held still (%s) %d times: %d ms at least, %d median, %d at most" % (
                self.volumes, rung, len(pauses), min(pauses), statistics.median(pauses), max(pauses)))
        if self.runs:
            took = [run.summary.get("snapshot_ms", 0) for run in self.runs]
            say("# %s: snapshots taken in %d ms at least, %d median, %d at most" % (
                self.volumes, min(took), statistics.median(took), max(took)))
            say("# %s: %d good backups in %.1f to %.1f s, slowest delivery during one %.2f s" % (
                self.volumes, len(self.runs), min(r.seconds for r in self.runs), max(r.seconds for r in self.runs),
                max(r.slowest for r in self.runs)))
