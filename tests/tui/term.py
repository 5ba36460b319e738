"""Programs on a terminal that a test controls: what both kinds share, tmux (tmux.py) and a bare pseudo terminal (bare.py).

Both have the same methods, so that a story runs on either:
  with Tmux(["top"], 80, 24, term="screen-256color") as t:
      t.wait_for("load average"); t.keys("q"); assert t.status() == 0"""

import collections
import os
import re
import signal
import termios
import time

from keys import encode

Latency = collections.namedtuple("Latency", "first last bytes")


class Unseen(Exception):
    """Something did not come to the screen, or did not go; says what is there."""


class Terminal:
    """What Tmux and Pty share. env: changes to a small clean environment, None removes; locale: LC_ALL."""

    def __init__(self, command, columns=80, rows=24, term="screen-256color", env=None, locale="C.UTF-8", cwd=None):
        self.command = [command] if isinstance(command, str) else list(command)
        self.columns, self.rows, self.term, self.locale = columns, rows, term, locale
        self.cwd = cwd or os.getcwd()
        self.env = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), "LC_ALL": locale, "TERM": term}
        self.env.update(env or {})
        self.env = {k: str(v) for k, v in self.env.items() if v is not None}
        self.ended = None
        self.pid = None
        self.pressed = 0
        self.start()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def keys(self, *names):
        """Press keys one after another: names as tmux has them (Up, NPage, F5, C-l, M-x) or single characters; count them."""
        for name in names:
            self.pressed += 1
            self.send(encode(self.term, name))

    def type(self, text):
        """Type text, each character a key."""
        self.pressed += len(text)
        self.send(text.encode())

    def text(self):
        return "\n".join(self.screen())

    def picture(self):
        """The screen in a frame, for messages."""
        return "\n".join(["%s on %s %dx%d" % (" ".join(self.command), self.term, self.columns, self.rows), "+" + "-" * self.columns]
                         + ["|" + line for line in self.screen()] + ["+" + "-" * self.columns])

    def sees(self, what):
        """The match of a text or compiled pattern on the screen, or None."""
        return re.search(what if isinstance(what, re.Pattern) else re.escape(what), self.text())

    def wait_for(self, what, timeout=10):
        """Until the text or compiled pattern is on the screen: its match. Unseen after timeout seconds, or when the program ended
        without it."""
        until = time.monotonic() + timeout
        while True:
            over = not self.alive()
            found = self.sees(what)
            if found:
                return found
            if over or time.monotonic() > until:
                raise Unseen("%s: not seen %s\n%s" % (
                    show(what), "when the program ended with status %s" % self.ended if over else "in %g s" % timeout,
                    self.picture()))
            self.pause(0.02)

    def wait_gone(self, what, timeout=10):
        until = time.monotonic() + timeout
        while self.sees(what):
            if time.monotonic() > until:
                raise Unseen("%s: still there after %g s\n%s" % (show(what), timeout, self.picture()))
            self.pause(0.02)

    def settle(self, quiet=0.15, timeout=10):
        """Until the screen has not changed for quiet seconds; the screen."""
        until = time.monotonic() + timeout
        last, since = self.screen_ansi(), time.monotonic()
        while time.monotonic() - since < quiet:
            if time.monotonic() > until:
                raise Unseen("the screen never comes to rest\n" + self.picture())
            self.pause(0.03)
            now = self.screen_ansi()
            if now != last:
                last, since = now, time.monotonic()
        return self.screen()

    def pause(self, seconds):
        time.sleep(seconds)

    def status(self, timeout=10):
        """Wait for the program's end: its exit status, or minus the signal that killed it."""
        until = time.monotonic() + timeout
        while self.alive():
            if time.monotonic() > until:
                raise Unseen("the program did not end in %g s\n%s" % (timeout, self.picture()))
            time.sleep(0.01)
        return self.ended

    def cpu(self):
        """Seconds of processor time that the program has used."""
        with open("/proc/%d/stat" % self.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self):
        """Its resident bytes."""
        with open("/proc/%d/statm" % self.pid) as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self, number=signal.SIGTERM):
        os.kill(self.pid, number)


def show(what):
    return "/%s/" % what.pattern if isinstance(what, re.Pattern) else repr(what)


def tty_modes(fd):
    """Line modes that a program switches off for itself."""
    flags = termios.tcgetattr(fd)
    return {name for name, on in (("no echo", flags[3] & termios.ECHO), ("raw", flags[3] & termios.ICANON),
                                  ("no signals", flags[3] & termios.ISIG), ("no nl", flags[1] & termios.OPOST)) if not on}
