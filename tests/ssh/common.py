"""What the tests against a private sshd share: TAP-like lines, a scratch directory, and the programs that were built."""

import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(TOP, "tests", "lab"))

import sshd                                                                             # noqa: E402
from proxy import Proxy                                                                 # noqa: E402,F401
from sshd import Agent, Sshd, SshdError, jump_config                                    # noqa: E402,F401

CYRVAULT = os.environ.get("CYRVAULT", os.path.join(TOP, "build", "release", "cyrvault"))
failures = 0


def ok(what):
    print("ok - " + what, flush=True)


def not_ok(what, details=()):
    """A failure with the lines that explain it."""
    global failures
    failures += 1
    details = details.splitlines() if isinstance(details, str) else list(details)
    more = ["    ... and %d lines more" % (len(details) - 25)] if len(details) > 25 else []
    print("\n".join(["not ok - " + what] + ["    " + line[:300] for line in details[:25]] + more), flush=True)


def skip(what, reason):
    print("skip - %s: %s" % (what, reason), flush=True)


def check(what, problems):
    """ok if there are no problems; their lines otherwise. True if ok."""
    if problems:
        not_ok(what, problems)
        return False
    ok(what)
    return True


def finish():
    sys.exit(1 if failures else 0)


def need_sshd(what):
    """A private sshd and the rights to run it, else one skip line and the end; sudo is used where it asks nothing."""
    why = sshd.available()
    if why and os.geteuid() != 0 and shutil.which("sudo") and subprocess.run(
            ["sudo", "-n", "true"], stderr=subprocess.DEVNULL).returncode == 0:
        os.execvp("sudo", ["sudo", "-n", "--preserve-env=CYRVAULT,TMPDIR", sys.executable] + sys.argv)
    if why:
        skip(what, why)
        sys.exit(0)


def scratch():
    """A directory that is gone at the end of the block; users without rights may pass through it."""
    d = tempfile.TemporaryDirectory(prefix="cyrvault-ssh.", ignore_cleanup_errors=True)
    os.chmod(d.name, 0o755)
    return d
