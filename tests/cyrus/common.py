"""What the tests against a real Cyrus share: TAP-like lines, a laboratory server, and cyrvault itself."""

import faulthandler
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "lab"))

from lab import Lab, LabError                                                           # noqa: E402,F401

CYRVAULT = os.environ.get("CYRVAULT", os.path.join(TOP, "build", "release", "cyrvault"))
lock = threading.Lock()
failures = 0


def say(text):
    with lock:
        print(text, flush=True)


def ok(what):
    say("ok - " + what)


def not_ok(what, details=()):
    """A failure with the lines that explain it."""
    global failures
    failures += 1
    details = details.splitlines() if isinstance(details, str) else list(details)
    more = ["    ... and %d lines more" % (len(details) - 25)] if len(details) > 25 else []
    say("\n".join(["not ok - " + what] + ["    " + line[:300] for line in details[:25]] + more))


def skip(what, reason):
    say("skip - %s: %s" % (what, reason))


def check(what, problems):
    """ok if there are no problems; their lines otherwise. True if ok."""
    if problems:
        not_ok(what, problems)
        return False
    ok(what)
    return True


def finish():
    sys.exit(1 if failures else 0)


def need_server(what):
    """A Cyrus to run and the rights to run it, else one skip line and the end; sudo is used where it asks nothing."""
    if not os.path.exists("/usr/lib/cyrus/bin/master"):
        skip(what, "Cyrus is not installed")
        sys.exit(0)
    if os.geteuid() != 0:
        if shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0:
            os.execvp("sudo", ["sudo", "-n", "--preserve-env=CYRVAULT,TMPDIR,TUI", sys.executable] + sys.argv)
        skip(what, "needs root to run a private server")
        sys.exit(0)
    if not os.path.exists(CYRVAULT):
        not_ok("%s: %s was not built" % (what, CYRVAULT))
        sys.exit(1)


class Scratch:
    """A laboratory server in a directory of its own that is gone afterwards, whatever happens."""

    active = set()

    def __init__(self, **options):
        self.options = options

    def __enter__(self):
        Scratch.active.add(self)
        self.dir = tempfile.mkdtemp(prefix="cyrvault-lab.")
        os.chmod(self.dir, 0o755)
        self.lab = Lab(os.path.join(self.dir, "lab"), **self.options)
        try:
            return self.lab.start()
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *unused):
        self.lab.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        Scratch.active.discard(self)


def interrupted(*unused):
    """SIGINT, SIGTERM, SIGHUP: say where every thread stands, every server down, every directory gone, at once."""
    faulthandler.dump_traceback(all_threads=True)
    for scratch in list(Scratch.active):
        scratch.__exit__()
    os._exit(130)


for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, interrupted)


class Failed(Exception):
    """cyrvault ended otherwise than expected."""


def cyrvault(lab, *args, expect=(0,)):
    """Run cyrvault on a laboratory server; the finished process. Failed, with its words, on any other exit."""
    command = [CYRVAULT, "-C", lab.cyrvault_conf] + list(args)
    started = time.monotonic()
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, errors="backslashreplace", timeout=600)
    done.seconds = time.monotonic() - started
    if done.returncode not in expect:
        raise Failed("\n".join(["cyrvault %s: exit %d" % (" ".join(args), done.returncode), done.stderr.strip(),
                                done.stdout.strip()]).strip())
    return done


def foreign_files(lab):
    """Files in the server's tree that do not belong to user cyrus, or that a restore left half done."""
    uid = pwd.getpwnam("cyrus").pw_uid
    found = []
    roots = [lab.path(n) for n in ("spool", "spool2", "meta", "conf", "sieve", "lock") if os.path.isdir(lab.path(n))]
    for root in roots:
        for where, dirs, files in os.walk(root):
            for name in dirs + files:
                path = os.path.join(where, name)
                if os.lstat(path).st_uid != uid:
                    found.append("not owned by cyrus: " + path)
                if name.endswith((".tmp", ".NEW")) or "cyrvault" in name:
                    found.append("left over: " + path)
    return found
