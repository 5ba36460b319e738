"""Runs cyrvault over hostile archives within limits of memory, processor time and time, and looks at all that it does: how it ends, every byte that it
says, every file that it leaves."""

import json
import os
import re
import subprocess
import time
import unicodedata

from hostile_case import CANARY

DOCUMENTED = {0, 1, 2, 10, 11, 13, 14, 15}
SAID = {2, 10, 11, 13, 14, 15}      # with these a reason belongs on standard error
MEMORY = 1 << 30
SECONDS, TIMEOUT = 20, 60
# An allocation that is refused, as a limit would refuse it, is no trouble: what the program makes of it is.
TROUBLE = re.compile(rb"AddressSanitizer(?! failed to allocate)|LeakSanitizer|runtime error:|UndefinedBehavior|terminate called|stack smashing|malloc\(|free\(")

CONF = """[server "mail"]
imapd_conf = {dir}/imapd.conf
snapshot = none
stores = vault

[store "vault"]
url = dir:{dir}/vault

[state]
directory = {dir}/state
"""
IMAPD_CONF = """configdirectory: {dir}/conf
partition-default: {dir}/spool
sievedir: {dir}/sieve
"""


def unsafe(data):
    """Why these bytes must not reach a terminal, or None."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as e:
        return "not UTF-8: %r" % data[max(0, e.start - 20):e.end + 20]
    for n, c in enumerate(text):
        if c < " " and c != "\n" or c > "~" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            return "U+%04X in %r" % (ord(c), text[max(0, n - 30):n + 30])
    return None


def not_json(data):
    """Why these are not the lines that --json promises, or None."""
    kind = None
    for line in data.split(b"\n")[:-1]:
        try:
            kind = json.loads(line)["type"]
        except (ValueError, KeyError, TypeError, RecursionError) as e:
            return "%s in %r" % (e, line[:100])
        if not all(32 <= c < 127 for c in line):
            return "not plain ASCII: %r" % line[:100]
    return None if kind in ("summary", "error") else "the last line is of type %s" % kind


def odd_files(top):
    """What no program of ours may leave in a directory: devices, pipes, set user ids, links that lead out."""
    top = os.path.realpath(top)
    found = subprocess.run(["find", top, "(", "-type", "l", "-o", "-type", "f", "-o", "-type", "d", ")", "!", "-perm", "/7022", "-o", "-printf", "%y %m %p\\0"],
                           stdout=subprocess.PIPE, check=True).stdout
    for line in filter(None, found.split(b"\0")):
        kind, mode, path = line.split(b" ", 2)
        if kind != b"l":
            yield "%s has kind %s, mode %s" % (path, kind.decode(), mode.decode())
        elif not os.path.realpath(path).startswith(os.fsencode(top) + b"/"):
            yield "%s leads to %s" % (path, os.readlink(path))


class Done:
    """How one command ended."""

    def __init__(self, args, status, out, err, seconds):
        self.args, self.status, self.out, self.err, self.seconds = args, status, out, err, seconds

    @property
    def verb(self):
        return next(a for a in self.args if not a.startswith("-"))

    def problems(self):
        found = []
        words = " ".join(self.args)[-120:]
        if self.status == "time":
            found.append("took more than %d s" % TIMEOUT)
        elif self.status not in DOCUMENTED:
            found.append("ended with status %s" % self.status)
        if TROUBLE.search(self.err) or TROUBLE.search(self.out):
            found.append("a sanitizer spoke: %s" % TROUBLE.search(self.err + self.out)[0])
        if self.status in SAID and not self.err.strip() and "--json" not in self.args:
            found.append("ended with status %s without a word" % self.status)
        if "--raw" not in self.args and unsafe(self.out):
            found.append("standard output: " + unsafe(self.out))
        if unsafe(self.err):
            found.append("standard error: " + unsafe(self.err))
        if "--json" in self.args and not_json(self.out):
            found.append("JSON: " + not_json(self.out))
        return ["%s: %s" % (words, f) for f in found] + (["    " + self.err.decode("utf-8", "backslashreplace")[-600:]] if found else [])


class Place:
    """A directory of a configuration, a store, an output; conf: another configuration, of a live server."""

    def __init__(self, program, dir, conf=None):
        self.program, self.dir = program, dir
        self.asan = "asan" in program
        self.conf = conf or os.path.join(dir, "cyrvault.conf")
        for name in ("vault", "out", "beside", "state", "conf", "spool", "sieve"):
            os.makedirs(os.path.join(dir, name), mode=0o700, exist_ok=True)
        for name, text in (("cyrvault.conf", CONF), ("imapd.conf", IMAPD_CONF)):
            with open(os.path.join(dir, name), "w") as f:
                f.write(text.format(dir=dir))
        self.env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TZ": "UTC0", "TMPDIR": os.path.join(dir, "beside"),
                    "ASAN_OPTIONS": "detect_leaks=1:max_allocation_size_mb=1024:allocator_may_return_null=1:hard_rss_limit_mb=1500"}

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def limited(self):
        """The command that sets the limits. Not between fork and exec: there Python can wait for ever for a lock that another thread held."""
        return ["prlimit", "--core=0", "--cpu=%d" % (SECONDS * (3 if self.asan else 1))] + ([] if self.asan else ["--as=%d" % MEMORY])

    def run(self, *args):
        began = time.monotonic()
        child = subprocess.Popen(self.limited() + [self.program, "-C", self.conf, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=subprocess.PIPE, env=self.env, cwd=self.path("beside"))
        try:
            out, err = child.communicate(timeout=TIMEOUT)
            status = child.returncode
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            status = "time"
        return Done(args, status, out, err, time.monotonic() - began)

    def left(self):
        """Files where none may be."""
        found = [self.path("beside", n) for n in os.listdir(self.path("beside"))]
        found += [p for p in ("/tmp/" + CANARY.decode(), "/" + CANARY.decode(), self.path(CANARY.decode())) if os.path.lexists(p)]
        return ["left behind: " + p for p in found] + list(odd_files(self.path("out")))


MAILBOX = "user.mallory.Work"
QUICK = (("verify",), ("mailboxes",), ("export", "user.mallory", "-r", "--format=eml", "-o", "OUT/eml"), ("salvage", "-o", "OUT/salvaged"))
ALL = QUICK + (("--json", "mailboxes", "--deleted"), ("messages", MAILBOX, "--expunged"), ("--json", "messages", MAILBOX), ("show", MAILBOX, "1"),
               ("show", MAILBOX, "2", "--headers"), ("show", MAILBOX, "1", "--raw"), ("export", "user.mallory", "-r", "--format=mbox", "-o", "OUT/mbox"),
               ("export", "user.mallory", "-r", "--format=maildir", "-o", "OUT/maildir", "--expunged"), ("diff", "SELF"), ("--json", "verify", "--quick"))


def read(place, case, verbs=QUICK):
    """Every verb on one case: what was done."""
    path = place.path("vault", "mail-20261101T000000Z.cpio.gz")
    with open(path, "wb") as f:
        f.write(case.make())
    subprocess.run(["rm", "-rf", place.path("out")], check=True)
    os.mkdir(place.path("out"), 0o700)
    done = []
    for verb in verbs:
        if verb[0] == "salvage" and len(verbs) == len(QUICK) and case.foreign:
            continue
        at = next(n for n, a in enumerate(verb) if not a.startswith("-")) + 1
        args = [path if a == "SELF" else a.replace("OUT", place.path("out")) for a in verb]
        done.append(place.run(*args[:at], path, *args[at:]))
    return done
