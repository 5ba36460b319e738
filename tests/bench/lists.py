"""The archive that the console is measured with: many empty mailboxes and one with many messages, made by tests/tools/lists."""

import os
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.path.join(TOP, "build", "release", "tools", "lists")
NAME = "lists-20261122T010203Z.cpio.gz"
FOLDERS = 10  # mailboxes of each user


class Lists:
    """A directory with that archive and a configuration; gone at the end of "with", unless it is one to keep."""

    def __init__(self, smoke, keep=None):
        self.mailboxes, self.messages = (20000, 5000) if smoke else (1000000, 200000)
        self.users = self.mailboxes // FOLDERS
        self.large = "u%07d" % (self.users // 2)
        self.keep = keep

    def __enter__(self):
        self.dir = self.keep or tempfile.mkdtemp(prefix="cyrvault-bench.")
        self.conf = os.path.join(self.dir, "cyrvault.conf")
        self.archive = os.path.join(self.dir, NAME)
        os.makedirs(self.dir, exist_ok=True)
        # No server: nothing of this host is compared with.
        with open(self.conf, "w") as f:
            f.write('[server "none"]\nimapd_conf = %s/none\n[store "bench"]\nurl = dir:%s\n[state]\ndirectory = %s/state\n' % (
                self.dir, self.dir, self.dir))
        if not os.path.exists(self.archive):
            subprocess.run([TOOL, "make", self.dir, str(self.mailboxes), str(self.messages)], stdout=subprocess.DEVNULL, check=True)
        return self

    def __exit__(self, *unused):
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def run(self, *args):
        """What the tool prints of one run: "key value" lines."""
        done = subprocess.run([TOOL] + list(args), stdout=subprocess.PIPE, text=True, check=True)
        return dict(line.split(None, 1) for line in done.stdout.splitlines())
