"""What the stories of the console share: a stage, the console on a terminal, what IMAP shows before and after.

A story is a script test_* here: need_server(), with Staged() as stage:, with console(stage, ...) as t:, then check() what the
screen says and what IMAP shows. TUI=pty plays it on the bare terminal instead of in tmux."""

import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "cyrus"), os.path.join(os.path.dirname(HERE), "lab")]

from common import CYRVAULT, Failed, Scratch, check, cyrvault, finish, need_server, not_ok, ok, say, skip      # noqa: E402,F401
from stage import Stage                                                                 # noqa: E402
from bare import Pty                                                                    # noqa: E402
from term import Unseen                                                                 # noqa: E402,F401
from tmux import Tmux                                                                   # noqa: E402

TERMINALS = {"tmux": Tmux, "pty": Pty}


class Staged(Scratch):
    """The stage, in a directory that is gone afterwards, whatever happens. Options are Stage's."""

    def __enter__(self):
        self.lab = None
        Scratch.active.add(self)
        self.dir = tempfile.mkdtemp(prefix="cyrvault-stage.")
        os.chmod(self.dir, 0o755)
        try:
            return Stage(os.path.join(self.dir, "mail1"), opened=lambda lab: setattr(self, "lab", lab), **self.options)
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *unused):
        if self.lab:
            self.lab.stop()
        shutil.rmtree(self.dir, ignore_errors=True)
        Scratch.active.discard(self)


def console(stage, columns=80, rows=24, *options, term="screen-256color", env=None, kind=None, **more):
    """The console on a terminal, at the stage's time. kind: Tmux or Pty, else what TUI says."""
    kind = kind or TERMINALS[os.environ.get("TUI", "tmux")]
    return kind([CYRVAULT, "-C", stage.lab.cyrvault_conf] + list(options), columns, rows, term=term,
                env=dict(stage.clock, **(env or {})), **more)


def about(lines, *words):
    """The lines of a dump or of differences that contain one of the words."""
    return [line for line in lines if any(word in line for word in words)]


def play(name, story, *args):
    """A story that breaks is a failure with the screen, and the next one is played."""
    try:
        story(*args)
    except (Unseen, Failed, OSError) as e:
        not_ok(name, str(e))
