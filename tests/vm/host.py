"""On the host: what the tests in a virtual machine share: mail for it to begin with, the machine, and the lines that come out of it."""

import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "cyrus"))

from common import CYRVAULT, Scratch, need_server, not_ok, say, skip                      # noqa: E402,F401
import machine                                                                          # noqa: E402
import proxy                                                                            # noqa: E402
import seeding                                                                          # noqa: E402

DISKS = ("2G", "1G", "128M")     # mail, the store, one more for the mail's group


def need_machine(what):
    """A server and a virtual machine to run it in, else one skip line and the end."""
    need_server(what)
    why = machine.why_not()
    if why:
        skip(what, "no virtual machine here: " + why)
        sys.exit(0)


def make_seed(job, users=8, letters=16, size=80000):
    """Mail for the machine's server, made here because it takes ten times as long there: three users with everything there is, others with bulk."""
    with Scratch() as lab:
        lab.seed()
        writer = seeding.Writer(7)
        for n in range(users):
            lab.add_user("bulk%d" % n)
            with lab.user("bulk%d" % n) as c:
                for unused in range(letters):
                    c.append(lab.own(), writer.message("bulk", "mixed", size), (), writer.date()).need()
        names = lab.users
        lab.stop()
        for name in ("conf", "spool", "sieve"):
            subprocess.run(["tar", "-cf", os.path.join(job, name + ".tar"), "-C", lab.path(name), "."], check=True)
        shutil.copy(lab.path("sasldb2"), job)
    with open(os.path.join(job, "users"), "w") as f:
        f.write("\n".join(names) + "\n")


class Job:
    """with Job() as job: a directory with the program, mail to begin with, and disks that last as long as the block."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="cyrvault-job.")
        make_seed(self.dir)
        # Copies: a file that the machine has seen must not change under it.
        for program in (CYRVAULT, proxy.PROGRAM):
            shutil.copy(program, self.dir)
        return self

    def __exit__(self, *unused):
        shutil.rmtree(self.dir)

    def disks(self, kept):
        return [machine.Disk(size, os.path.join(self.dir, "disk%d" % n) if kept else None) for n, size in enumerate(DISKS)]

    def run(self, parts, seconds, kept=False, cut=False):
        """Run parts of tests/vm/guest in a machine, which is to end by itself or, with cut, by a power cut; true if all went well."""
        began = time.monotonic()
        title = " ".join(parts)
        failed = []

        def relay(line):
            failed.extend([line] if line.startswith("not ok - ") else [])
            say(line)

        m = machine.Machine(self.disks(kept), memory=1536, job=self.dir)
        command = ["env", "CYRVAULT=/job/cyrvault", "CYRVAULT_PROXY=/job/proxy", os.path.join(HERE, "guest")] + parts
        status = m.run(command, seconds, relay)
        say("# %s: %.0f s in the machine" % (title, time.monotonic() - began))
        broken = status != machine.CUT if cut else status not in (0, 1) or (status == 1) != bool(failed)
        if broken:
            why = {machine.TIMED_OUT: "took more than %d s" % seconds, machine.DIED: "died"}.get(status, "ended with %d" % status)
            not_ok("%s: the machine %s" % (title, why), m.last_words)
        return not broken and not failed

    def forget(self):
        """Kept disks, so that the next machine has new ones."""
        for disk in self.disks(True):
            os.unlink(disk.path)
