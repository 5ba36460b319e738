"""A terminal in memory on a pseudo terminal: what a program writes, byte for byte and when, and what it looks like."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import threading
import time

from emulator import Emulator
from term import Latency, Terminal, Unseen, tty_modes


class Pty(Terminal):
    """A program on a pseudo terminal; everything it writes is kept in raw, with the time of each piece in pieces."""

    def start(self):
        self.emulator = Emulator(self.columns, self.rows)
        self.raw = bytearray()
        self.pieces = []
        self.lock = threading.Lock()
        ready, go = os.pipe()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            try:
                os.read(ready, 1)
                os.chdir(self.cwd)
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
                os.execvpe(self.command[0], self.command, self.env)
            finally:
                os._exit(127)
        self.set_size()
        self.wake = os.pipe()
        os.write(go, b"x")
        os.close(go)
        os.close(ready)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def set_size(self):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

    def read(self):
        while True:
            ready = select.select([self.fd, self.wake[0]], [], [])[0]
            if self.wake[0] in ready:
                return
            try:
                data = os.read(self.fd, 65536)
            except OSError:
                return
            if not data:
                return
            with self.lock:
                self.pieces.append((time.monotonic(), len(data)))
                self.raw += data
                self.emulator.feed(data)

    def send(self, data):
        os.write(self.fd, data)

    def screen(self):
        with self.lock:
            return self.emulator.lines()

    def screen_ansi(self):
        with self.lock:
            return self.emulator.ansi()

    def cursor(self):
        with self.lock:
            c = self.emulator.screen.cursor
            return min(c.x, self.columns - 1), c.y, not c.hidden

    def modes(self):
        names = {1049: "alternate", 1047: "alternate", 1: "keypad_cursor", 1000: "mouse_any", 1002: "mouse_any", 1003: "mouse_any",
                 2004: "bracketed paste"}
        with self.lock:
            found = {names[m] for m in self.emulator.screen.private if m in names}
            found |= {"cursor hidden"} if self.emulator.screen.cursor.hidden else set()
            found |= {"keypad"} if self.emulator.screen.keypad else set()
        return found | tty_modes(self.fd)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        with self.lock:
            self.emulator.screen.resize(rows, columns)
        self.set_size()

    def latency(self, *names, timeout=5):
        """Seconds from the first key to the first and to the last byte written, until 50 ms of silence, and how many bytes."""
        count = len(self.pieces)
        started = time.monotonic()
        self.keys(*names)
        while len(self.pieces) == count:
            if time.monotonic() - started > timeout:
                raise Unseen("%s: nothing was written in %g s\n%s" % (" ".join(names), timeout, self.picture()))
            time.sleep(0.0005)
        while time.monotonic() - self.pieces[-1][0] < 0.05:
            time.sleep(0.005)
        new = self.pieces[count:]
        return Latency(new[0][0] - started, new[-1][0] - started, sum(size for _, size in new))

    def alive(self):
        if self.ended is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.ended = os.waitstatus_to_exitcode(status)
                self.reader.join(0.5)
        return self.ended is None

    def lose(self):
        """Take the terminal away from under the program."""
        if self.fd is not None:
            os.write(self.wake[1], b"x")
            self.reader.join()
            for fd in (self.fd, *self.wake):
                os.close(fd)
            self.fd = None

    def close(self):
        self.lose()
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            if not self.alive():
                return
            os.kill(self.pid, number)
            try:
                self.status(3)
            except Unseen:
                continue
