"""In the virtual machine: what can go wrong with a snapshot, done to a site one by one. After each the server answers, the archives
of before are good, nothing is left over, and the next backup succeeds."""

import contextlib
import os
import random
import threading
import time

from common import check
import guest_disks
from guest_disks import GROUP, LVM, MIB, Hidden, lvm, run

WRAPPER = """#!/bin/sh
# lvm, but so many snapshots of the mail's volume as the file says come out with their superblock destroyed.
{lvm} "$@"
status=$?
left=$(cat {count})
case $1:$status:$* in
lvcreate:0:*{group}/{volume}*)
	if [ "$left" -gt 0 ]; then
		echo $((left - 1)) >{count}
		for name in $({lvm} lvs --noheadings -o lv_name -S 'lv_tags=cyrvault && origin={volume}' {group}); do
			dd if=/dev/zero of=/dev/{group}/$name bs=1M count=1 conv=fsync status=none
		done
	fi
	;;
esac
exit $status
"""


def flood(site, mib, pause=0.0):
    """Write so much to the volume of the mail, beside it."""
    path = site.volumes.spool + "/flood"
    with open(path, "wb") as f:
        for unused in range(mib):
            f.write(os.urandom(MIB))
            f.flush()
            os.fsync(f.fileno())
            time.sleep(pause)
    os.unlink(path)


def must_fail(site, title, run, words=(), status=None):
    """A run that failed as it should: without an archive, with these words, and without harm."""
    problems = []
    if run.status == 0 or status not in (None, run.status):
        problems.append("exit %d%s" % (run.status, "" if status is None else ", not %d" % status))
    problems += ["does not say " + word for word in words if word.lower() not in run.said.lower()]
    if site.archives() != sorted(site.good):
        problems.append("there is an archive of it: %s" % (set(site.archives()) ^ set(site.good)))
    if problems:
        problems += run.words()
    check("%s: %s (%s)" % (site.volumes, title, first_line(run)), problems + site.leftovers() + site.unharmed())


def first_line(run):
    return (run.said.strip().splitlines() or ["it said nothing"])[-1][:200]


def recovers(site, title):
    site.good_run("after %s: the next run is good" % title)


# ---- room ----

def overflow(site):
    """More changes than the snapshot has room for, and the group has none."""
    site.volumes.leave(8 * len(site.volumes.sizes))
    site.configure(snapshot="lvm", snapshot_size="8M")
    backup = site.start_backup()
    site.snapshot_appears(backup)
    while backup.process.poll() is None:        # it may try again
        flood(site, 24)
    backup.wait()
    must_fail(site, "a snapshot that overflows while it is read is not trusted", backup)
    site.volumes.give_back()
    site.configure(snapshot="lvm")
    recovers(site, "an overflow")


def extended(site):
    """More changes than the snapshot has room for, but the group has some."""
    site.configure(snapshot="lvm", snapshot_size="16M")
    backup = site.start_backup()
    site.snapshot_appears(backup)
    flood(site, 28, 0.5)
    backup.wait()
    more = sum(v["extended"] for v in backup.volumes)
    problems = [] if backup.status == 0 and more else ["exit %d, extended %d times" % (backup.status, more)] + backup.words()
    check("%s: a snapshot that fills up gets more room" % site.volumes, problems + site.leftovers() + site.unharmed())
    if backup.status == 0:
        site.good.append(backup.summary["archive"])
    site.configure(snapshot="lvm")


def no_room(site):
    """Not one extent is left for a snapshot."""
    site.volumes.leave(0)
    backup = site.backup()
    must_fail(site, "without room for a snapshot there is no backup by lvm", backup)
    falls_back(site, "without room for a snapshot")
    site.volumes.give_back()
    site.configure(snapshot="lvm")
    recovers(site, "want of room")


def falls_back(site, title):
    """What "auto" does where "lvm" fails: the live files, and a word about it."""
    site.configure(snapshot="auto")
    backup = site.backup()
    problems = [] if backup.status == 0 and backup.summary.get("snapshot") == "none" else backup.words()
    check("%s: %s auto reads the live files" % (site.volumes, title), problems + site.answers())
    if backup.status == 0:
        site.good.append(backup.summary["archive"])


# ---- volumes ----

def unmountable(site):
    """A snapshot that cannot be mounted is dropped and taken again."""
    count, wrapper = "/tmp/lvm.count", "/tmp/lvm.wrapper"
    volume = list(site.volumes.sizes)[-1]
    with open(wrapper, "w") as f:
        f.write(WRAPPER.format(lvm=LVM, count=count, group=GROUP, volume=volume))
    os.chmod(wrapper, 0o755)

    def spoil(times):
        with open(count, "w") as f:
            f.write("%d\n" % times)
        site.configure(snapshot="lvm", lvm=wrapper)
        return site.start_backup()

    backup = spoil(2).wait()
    problems = [] if backup.status == 0 and backup.summary.get("tries") == 3 else backup.words()
    check("%s: two snapshots that cannot be mounted, the third can" % site.volumes, problems + site.leftovers() + site.answers())
    if backup.status == 0:
        site.good.append(backup.summary["archive"])
    must_fail(site, "snapshots that can never be mounted", spoil(1000).wait())
    site.configure(snapshot="lvm")
    recovers(site, "snapshots that cannot be mounted")


def group_gone(site):
    """The volume group cannot be found, before a run and in the middle of one; a disk of it is missing."""
    with Hidden("/dev/vda"):
        backup = site.backup()
        falls_back(site, "while the volume group is gone")
    site.configure(snapshot="lvm")
    must_fail(site, "no backup by lvm while the volume group is gone", backup)
    recovers(site, "the volume group was gone")

    backup = site.start_backup()
    settle(site)
    with Hidden("/dev/vda"):
        backup.wait()
    problems = [] if GROUP in backup.said else backup.words()
    check("%s: the volume group goes in the middle of a backup, and that is said" % site.volumes, problems + site.unharmed())
    # Nobody could have removed the snapshot: the next run does.
    if backup.status == 0:
        site.good.append(backup.summary["archive"])
    recovers(site, "the volume group went in the middle")

    lvm("vgextend", "-q", GROUP, "/dev/vdc")
    with Hidden("/dev/vdc"):
        backup = site.backup()
    must_fail(site, "no backup by lvm while a disk of the group is missing", backup, ["missing"])
    recovers(site, "a disk was missing")
    lvm("vgreduce", "-q", GROUP, "/dev/vdc")


def settle(site):
    """Wait until there are snapshots of all volumes and their lvcreate is over; their names."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        names = guest_disks.snapshots()
        if len(names) == len(site.volumes.sizes):
            return names
        time.sleep(0.2)
    raise guest_disks.DiskError("there are no snapshots of all volumes")


def busy(site):
    """Somebody else holds the snapshot's device open when it is to be removed."""
    backup = site.start_backup()
    name = settle(site)[-1]
    holder = os.open(guest_disks.device(name), os.O_RDONLY)
    backup.wait()
    problems = [] if name in backup.said else ["does not name %s" % name] + backup.words()
    if name not in guest_disks.snapshots():
        problems.append("there is no snapshot left, though its device was held open")
    check("%s: a snapshot that is in use when it is to go is named (%s)" % (site.volumes, first_line(backup)), problems + site.unharmed())
    if backup.summary.get("archive"):
        site.good.append(backup.summary["archive"])
    os.close(holder)
    recovers(site, "a snapshot that was in use")


def half_made(site):
    """Somebody opens the volume as soon as it is there, before lvcreate has made a snapshot of it: that stops in the middle."""
    backup = site.start_backup()
    holder = None
    while holder is None:
        path = site.snapshot_appears(backup)
        with contextlib.suppress(OSError):      # there and gone again
            holder = os.open(path, os.O_RDONLY)
    backup.wait()
    # It may succeed all the same; then nothing is left over but what is named.
    problems = [] if backup.status != 0 or os.path.basename(path) in backup.said else site.leftovers()
    check("%s: a volume that is opened while lvcreate works on it (%s)" % (site.volumes, first_line(backup)), problems + site.unharmed())
    if backup.summary.get("archive"):
        site.good.append(backup.summary["archive"])
    os.close(holder)
    recovers(site, "an lvcreate that stopped in the middle")


# ---- kills ----

def kill(site, times="1", seed="1"):
    """kill -9 at random instants; the next run, which tidies up, may be killed too, but not more than thrice in a row."""
    rng = random.Random(int(seed))
    typical = sorted(r.seconds for r in site.runs)[len(site.runs) // 2] if site.runs else 15.0
    in_a_row = 0
    for n in range(int(times)):
        backup = site.start_backup()
        time.sleep(rng.uniform(0.0, typical))
        backup.kill()
        in_a_row += 1
        problems = site.answers()
        check("%s: kill %d: the server answers" % (site.volumes, n + 1), problems)
        site.good = site.archives()         # one that was complete is there
        if in_a_row == 3 or rng.random() < 0.5 or n == int(times) - 1:
            in_a_row = 0
            recovers(site, "kill %d" % (n + 1))
            check("%s: kill %d: the archives of before are good" % (site.volumes, n + 1), site.unharmed())


def two_at_once(site):
    """A second run is refused, and leaves the first one's snapshot alone."""
    first = site.start_backup()
    site.snapshot_appears(first)
    second = site.backup()
    first.wait()
    problems = [] if second.status == 11 else ["exit %d, not 11: %s" % (second.status, second.errors)]
    problems += [] if first.status == 0 else first.words()
    check("%s: of two backups at once the second is refused" % site.volumes, problems + site.leftovers() + site.answers())
    if first.status == 0:
        site.good.append(first.summary["archive"])


# ---- the store ----

def store_full(site):
    """The store has no room any more in the middle of a run."""
    small = "/srv/small"
    os.makedirs(small, exist_ok=True)
    run("mount", "-t", "tmpfs", "-o", "size=64m", "small", small)
    site.configure(url="dir:%s/vault" % small, snapshot="lvm")
    backup = site.start_backup()
    site.snapshot_appears(backup)
    with contextlib.suppress(OSError), open(small + "/ballast", "wb", buffering=0) as f:
        while True:
            f.write(bytes(MIB // 4))
    backup.wait()
    problems = [name for name in os.listdir(small + "/vault") if name.endswith(".cpio.gz")] if os.path.isdir(small + "/vault") else []
    run("umount", "-l", small)
    site.configure(snapshot="lvm")
    must_fail(site, "a store that fills up", backup, status=14)
    check("%s: a store that fills up has no archive of it" % site.volumes, problems)
    recovers(site, "a full store")


def connection_cut(site):
    """The store is on another host, and the line to it breaks: once, and for good."""
    from proxy import Proxy
    from sshd import Sshd
    far = "/srv/far"
    kept = list(site.good)
    with Sshd(far) as sshd, Proxy(sshd.port, rate=1 * MIB) as line:
        keys = "identity = %s\nknown_hosts = %s\n" % (sshd.key(), sshd.known_hosts(far + "/known_hosts", port=line.port))
        site.configure(url="sftp://root@127.0.0.1:%d%s/vault" % (line.port, far), store_keys=keys, snapshot="lvm")
        site.good = []
        for title, for_good in (("breaks once", False), ("breaks for good", True)):
            sent = line.counts[0]
            backup = site.start_backup()
            while line.counts[0] < sent + MIB and backup.process.poll() is None:
                time.sleep(0.02)
            if for_good:
                line.refuse()
            line.cut()
            backup.wait()
            problems = site.leftovers() + site.answers()
            if for_good and backup.status == 0:
                problems.append("exit 0")
            if backup.status == 0:
                problems += site.verifies(backup.summary["archive"])
                site.good.append(backup.summary["archive"])
            there = [name for name in os.listdir(far + "/vault") if name.endswith(".cpio.gz")]
            if sorted(there) != sorted(site.good):
                problems.append("archives in the store: %s" % there)
            check("%s: the line to the store %s: exit %d (%s)" % (site.volumes, title, backup.status, first_line(backup)),
                  problems + (backup.words() if problems else []))
            line.accept()
            recovers(site, "the line to the store %s" % title.replace("breaks", "broke"))
    site.good = kept
    site.configure(snapshot="lvm")


# ---- power ----

def power_cut(site, seed):
    """Cut the power at a random instant of a backup; does not come back."""
    typical = sorted(r.seconds for r in site.runs)[len(site.runs) // 2]
    instant = random.Random(int(seed)).uniform(0.0, typical)
    site.start_backup()
    time.sleep(instant)
    print("# %s: the power goes %.1f s into a backup of %.1f s" % (site.volumes, instant, typical), flush=True)
    with open("/job/cut", "w"):
        threading.Event().wait()


def power_back(site):
    """After a power cut, the site being awake again."""
    check("%s: after a power cut the server answers, and the archives of before are good" % site.volumes, site.unharmed())
    recovers(site, "a power cut")
