"""Run a command and say what it cost."""

import json
import os
import subprocess
import threading
import time


class Failed(Exception):
    """A command that should have worked did not."""


class Run:
    """One finished command: seconds, rss_mib (the largest resident size of any of its processes), out, err, and steps: each line
    of stderr with the seconds from the beginning until it came.

    The kernel counts the size of this process, which every child begins with, as well: rss_mib cannot be less than that."""

    def __init__(self, command, cwd=None, env=None, expect=(0,)):
        argv = ["bash", "-c", "set -o pipefail; " + command] if isinstance(command, str) else command
        started = time.monotonic()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=cwd, env=env,
                                 text=True, errors="backslashreplace")
        out = []
        self.steps = []

        def talk():
            for line in child.stderr:
                self.steps.append((time.monotonic() - started, line.rstrip()))

        threads = [threading.Thread(target=talk), threading.Thread(target=lambda: out.append(child.stdout.read()))]
        for thread in threads:
            thread.start()
        _, status, usage = os.wait4(child.pid, 0)
        self.seconds = time.monotonic() - started
        child.returncode = self.status = os.waitstatus_to_exitcode(status)
        for thread in threads:
            thread.join()
        child.stdout.close()
        child.stderr.close()
        self.rss_mib = usage.ru_maxrss / 1024
        self.cpu_seconds = usage.ru_utime + usage.ru_stime
        self.out = out[0]
        self.err = "\n".join(line for _, line in self.steps)
        if self.status not in expect:
            raise Failed("\n".join(["%s: exit %d" % (command if isinstance(command, str) else " ".join(command), self.status),
                                    self.err[-2000:], self.out[-1000:]]).strip())

    def summary(self):
        """The last object of --json output."""
        return json.loads(self.out.strip().splitlines()[-1])
