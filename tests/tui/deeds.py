"""What stories do on the console again and again; and consoles of the fault build, whose work stands still at a named place."""

import contextlib
import os
import time

from story import HERE, TERMINALS, Unseen, skip

FAULT = os.path.join(os.path.dirname(os.path.dirname(HERE)), "build", "fault", "cyrvault")


# ---- the console -------------------------------------------------------------------------------

def open_newest(t, lost=False):
    """From the start screen into the newest archive; lost: only what the server lacks."""
    t.wait_for("archives")
    t.wait_for("verified")
    t.keys("Enter")
    t.wait_for("missing")
    if lost:
        t.keys("m")
        t.wait_for("Only what the server lacks")


def go_to(t, words):
    """Search as one types; the cursor is then on the row."""
    t.keys("/")
    t.type(words)
    t.keys("Enter")
    t.settle(0.05)


def carry_out(t, timeout=30):
    """Out of a plan: both keys, and the receipt. Returns its screen."""
    t.keys("y")
    t.wait_for("[r]estore")
    t.keys("r")
    t.wait_for("restored and proved", timeout)
    return t.settle()


def leave(t):
    """Problems of the way out."""
    t.keys("Q")
    problems = [] if t.status() == 0 else ["exit status %s" % t.ended]
    return problems + ["left behind: " + mode for mode in sorted(t.modes())]


def selected(t):
    """The row that the cursor is on."""
    return t.screen()[t.cursor()[1]]


# ---- standing still ----------------------------------------------------------------------------

def fault_is_built(what):
    """Whether the fault build is there; else that it is not is said."""
    if not os.path.exists(FAULT):
        skip(what, "%s is not built (make MODE=fault)" % os.path.relpath(FAULT))
    return os.path.exists(FAULT)


class Place:
    """A place of core/fault.h where the program stands still until it is let go."""

    def __init__(self, stage, name):
        self.path = stage.lab.path("stands-still")
        self.action = "%s=wait:%s" % (name, self.path)
        self.let_go()

    def reached(self, t, timeout=30):
        until = time.monotonic() + timeout
        while not os.path.exists(self.path):
            if time.monotonic() > until or not t.alive():
                raise Unseen("%s is not reached\n%s" % (self.action, t.picture()))
            time.sleep(0.01)

    def let_go(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)


def faulty(stage, action, columns=80, rows=24, kind=None, env=None, **more):
    """A console of the fault build, with what shall happen where."""
    kind = kind or TERMINALS[os.environ.get("TUI", "tmux")]
    return kind([FAULT, "-C", stage.lab.cyrvault_conf], columns, rows, env=dict(stage.clock, CYRVAULT_FAULT=action, **(env or {})), **more)


@contextlib.contextmanager
def held(stage, name, *size, **more):
    """A console of the fault build, and the place where its work stands still: (terminal, place)."""
    place = Place(stage, name)
    try:
        with faulty(stage, place.action, *size, **more) as t:
            try:
                yield t, place
            finally:
                place.let_go()
    finally:
        place.let_go()
