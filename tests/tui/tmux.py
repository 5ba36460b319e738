"""A terminal in a tmux server of its own; and what runs in its pane: `tmux.py run DIRECTORY`."""

import contextlib
import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unicodedata

from term import Latency, Terminal, Unseen, tty_modes

# The line drawing set as tmux hands it out.
LINES = str.maketrans("`afgjklmnopqrstuvwxyz{|}~+,-.0", "◆▒°±┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·→←↑↓█")

CONFIG = """set -g status off
set -s escape-time 0
set -g history-limit 0
set -g default-terminal screen-256color
set -g visual-bell off
set -g bell-action none
set -g allow-rename off
"""


class Tmux(Terminal):
    """A program in a tmux server of its own."""

    def start(self):
        self.dir = tempfile.TemporaryDirectory(prefix="cyrvault-tmux.")
        self.socket = os.path.join(self.dir.name, "s")
        with open(os.path.join(self.dir.name, "tmux.conf"), "w") as f:
            f.write(CONFIG)
        with open(os.path.join(self.dir.name, "job.json"), "w") as f:
            json.dump({"command": self.command, "env": self.env, "cwd": self.cwd, "test": os.getpid()}, f)
        self.lost = False
        self.tmux("-f", os.path.join(self.dir.name, "tmux.conf"), "new-session", "-d", "-x", str(self.columns), "-y", str(self.rows),
                  "exec " + shlex.join([sys.executable, os.path.abspath(__file__), "run", self.dir.name]))
        self.pid = int(self.wait_file("pid", 10))

    def tmux(self, *args, check=True):
        # The outer locale decides whether tmux itself speaks UTF-8.
        env = dict(os.environ, LC_ALL="C.UTF-8")
        env.pop("TMUX", None)
        done = subprocess.run(["tmux", "-u", "-S", self.socket] + list(args), env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode != 0:
            raise Unseen("tmux %s: %s" % (args[0], done.stderr.decode(errors="replace").strip()))
        return done.stdout.decode("utf-8", "backslashreplace")

    def wait_file(self, name, timeout):
        until = time.monotonic() + timeout
        path = os.path.join(self.dir.name, name)
        while not os.path.exists(path):
            if time.monotonic() > until:
                raise Unseen("the program was not started")
            time.sleep(0.005)
        with open(path) as f:
            return f.read()

    def send(self, data):
        self.tmux("send-keys", "-H", *("%02x" % byte for byte in data))

    def screen(self):
        return [re.sub(r"\033\[[0-9;]*m", "", line).rstrip() for line in self.screen_ansi()]

    def screen_ansi(self):
        """As Pty's, but colours run on from line to line."""
        if self.lost:
            return []
        text = self.tmux("capture-pane", "-p", "-e", "-N")
        text = re.sub("\016([^\017]*)\017?", lambda m: re.sub(r"(\033\[[0-9;]*m)|(.)", drawn, m[1]), text)
        lines = unicodedata.normalize("NFC", text).split("\n")[:-1]
        return lines + [""] * (self.rows - len(lines))

    def ask(self, form):
        return self.tmux("display-message", "-p", form).rstrip("\n")

    def cursor(self):
        """(column, row, visible), from 0."""
        x, y, on = self.ask("#{cursor_x} #{cursor_y} #{cursor_flag}").split()
        return int(x), int(y), on == "1"

    def modes(self):
        """What the program has switched on and should switch off again."""
        names = ("alternate_on", "keypad_cursor_flag", "keypad_flag", "mouse_any_flag", "insert_flag")
        on = self.ask(" ".join("#{%s}" % n for n in names)).split()
        found = {n.replace("_flag", "").replace("_on", "") for n, v in zip(names, on) if v == "1"}
        found |= set() if self.cursor()[2] else {"cursor hidden"}
        with open(self.ask("#{pane_tty}"), "rb", opener=lambda p, f: os.open(p, f | os.O_NOCTTY)) as tty:
            return found | tty_modes(tty.fileno())

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def latency(self, *names, timeout=5):
        """Seconds from the first key to the first changed screen and to the last change; bytes unknown."""
        before = self.screen_ansi()
        started = time.monotonic()
        self.keys(*names)
        first = last = None
        while time.monotonic() - (last or started) < (0.05 if last else timeout):
            now = self.screen_ansi()
            if now != before:
                before, last = now, time.monotonic()
                first = first or last
        if first is None:
            raise Unseen("%s: nothing changed in %g s\n%s" % (" ".join(names), timeout, self.picture()))
        return Latency(first - started, last - started, None)

    def alive(self):
        path = os.path.join(self.dir.name, "status")
        if self.ended is None and os.path.exists(path):
            with open(path) as f:
                self.ended = int(f.read())
        return self.ended is None

    def lose(self):
        """Take the terminal away from under the program."""
        self.lost = True
        self.tmux("kill-server", check=False)

    def close(self):
        if not self.dir:
            return
        self.lose()
        if self.alive():
            for number in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.kill(self.pid, number)
                    self.status(3)
                except (ProcessLookupError, Unseen):
                    continue
                break
        self.dir.cleanup()
        self.dir = None


def drawn(m):
    return m[1] or m[2].translate(LINES)


def run_in_pane(where):
    """In the pane: start the program with its environment, write down its number and, whatever happens, how it ended. The pane
    stays as it was left."""
    with open(os.path.join(where, "job.json")) as f:
        job = json.load(f)
    numbers = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)
    child = None
    # Only the first process of a terminal hears of its loss; a shell tells the others, and so do we.
    signal.signal(signal.SIGHUP, lambda *unused: child and child.send_signal(signal.SIGHUP))

    def note(name, value):
        with open(os.path.join(where, name + ".new"), "w") as f:
            f.write(str(value))
        os.rename(f.name, os.path.join(where, name))

    child = subprocess.Popen(job["command"], env=job["env"], cwd=job["cwd"],
                             preexec_fn=lambda: [signal.signal(number, signal.SIG_DFL) for number in numbers])
    note("pid", child.pid)
    threading.Thread(target=end_with, args=(job["test"], child), daemon=True).start()
    status = child.wait()
    with contextlib.suppress(OSError, termios.error):
        seen()
    note("status", status)
    with contextlib.suppress(termios.error):
        while True:
            termios.tcgetattr(0)                # fails once the terminal is gone
            time.sleep(0.1)


def end_with(test, child):
    """A test that was killed takes its terminal with it."""
    while os.path.exists("/proc/%d" % test):
        time.sleep(0.5)
    with contextlib.suppress(ProcessLookupError):
        child.kill()
    os._exit(1)


def seen():
    """Wait until the terminal has taken in all that was written: it answers when asked for its status."""
    was = termios.tcgetattr(0)
    now = list(was)
    now[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(0, termios.TCSADRAIN, now)
    os.write(1, b"\033[5n")
    answer = b""
    while b"\033[0n" not in answer and select.select([0], [], [], 2)[0]:
        answer += os.read(0, 100)
    termios.tcsetattr(0, termios.TCSADRAIN, was)


if __name__ == "__main__" and sys.argv[1:2] == ["run"]:
    run_in_pane(sys.argv[2])
