"""In the virtual machine: a volume group with the file systems that mail lies on, and what a backup left behind of its snapshots."""

import contextlib
import os
import subprocess

GROUP = "mail-vg"                # the '-' is doubled in /dev/mapper
LVM = "/sbin/lvm"
MIB = 1 << 20
EXTENT = 4                      # MiB
# What ext4 leaves for later would be copied into the snapshot at a time of its own choosing.
MAKE = {"ext4": ["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"], "xfs": ["mkfs.xfs", "-q"]}


class DiskError(Exception):
    """A command of the harness itself failed."""


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise DiskError("%s: exit %d: %s" % (" ".join(command), done.returncode, done.stderr.strip() or done.stdout.strip()))
    return done.stdout


def lvm(*words):
    return run(LVM, *words)


def device(volume):
    return "/dev/%s/%s" % (GROUP, volume)


class Volumes:
    """kind: "classic" or "thin"; fs: "ext4" or "xfs"; two: configuration and spool on a volume each, else on one."""

    def __init__(self, kind, fs, two, disk="/dev/vda"):
        self.kind = kind
        self.fs = fs
        self.disk = disk
        # XFS is not made smaller than 300 MB.
        self.sizes = {"conf": 320, "spool-1": 480} if two else {"all": 640}
        self.conf = "/srv/conf" if two else "/srv/all"
        self.spool = "/srv/spool-1" if two else "/srv/all"

    def __str__(self):
        return "%s, %s, %s" % (self.kind, self.fs, "two volumes" if len(self.sizes) > 1 else "one volume")

    def make(self):
        lvm("vgcreate", "-q", GROUP, self.disk)
        if self.kind == "thin":
            lvm("lvcreate", "-q", "--type", "thin-pool", "-L", "1200m", "-n", "pool", GROUP)
        for name, size in self.sizes.items():
            if self.kind == "thin":
                lvm("lvcreate", "-q", "-V", "%dm" % size, "-n", name, "--thinpool", "pool", GROUP)
            else:
                lvm("lvcreate", "-q", "-y", "-L", "%dm" % size, "-n", name, GROUP)
            run(*MAKE[self.fs], device(name))
        self.mount()

    def mount(self):
        for name in self.sizes:
            os.makedirs("/srv/" + name, exist_ok=True)
            run("mount", device(name), "/srv/" + name)

    def wake(self):
        """After a start of the machine: everything there is comes up, as at any start of a host."""
        lvm("vgchange", "-q", "-ay", GROUP)
        self.mount()

    def drop(self):
        for name in self.sizes:
            run("umount", "/srv/" + name)
        lvm("vgremove", "-q", "-ff", "-y", GROUP)
        lvm("pvremove", "-q", "-y", self.disk)

    # ---- room ----

    def leave(self, mib):
        """Take all of the group's free room but this much."""
        free = int(lvm("vgs", "--noheadings", "-o", "vg_free_count", GROUP))
        take = free - mib // EXTENT
        if take > 0:
            lvm("lvcreate", "-q", "-an", "-Zn", "-Wn", "-l", str(take), "-n", "filler", GROUP)

    def give_back(self):
        lvm("lvremove", "-q", "-y", GROUP + "/filler")

    # ---- what there is ----

    def names(self):
        return lvm("lvs", "--noheadings", "-o", "lv_name", GROUP).split()

    def picture(self):
        """Everything a snapshot would add to: volumes, device mapper's mappings, mounts of them."""
        # Of the attributes the kind alone: what follows tells use and fill.
        found = set()
        for line in lvm("lvs", "-a", "--noheadings", "-o", "lv_name,lv_attr,lv_tags").splitlines():
            name, attributes, *tags = line.split()
            found.add(" ".join(["volume", name, attributes[0]] + tags))
        found |= {"mapping " + line.split()[0] for line in run("dmsetup", "ls").splitlines()}
        with open("/proc/self/mountinfo") as f:
            found |= {"mount " + line.split()[4] for line in f if "/dev/mapper/" in line or "/dev/dm-" in line}
        return found


def snapshots():
    """Names of what carries cyrvault's tag and is a snapshot by now: lvcreate makes a plain volume first."""
    return lvm("lvs", "--noheadings", "-o", "lv_name", "-S", 'lv_tags=cyrvault && origin!=""').split()


class Hidden:
    """with Hidden(disk): LVM does not find the disk's label and metadata, as if somebody had torn it out; what is active stays so."""

    def __init__(self, disk):
        self.disk = disk

    def __enter__(self):
        with open(self.disk, "r+b") as f:
            self.kept = f.read(MIB)
            f.seek(0)
            f.write(bytes(MIB))
            os.fsync(f.fileno())
        forget_hints()
        return self

    def __exit__(self, *unused):
        with open(self.disk, "r+b") as f:
            f.write(self.kept)
            os.fsync(f.fileno())
        forget_hints()


def forget_hints():
    """Which disks LVM looks at first: it keeps to them as long as none comes or goes by name."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink("/run/lvm/hints")
