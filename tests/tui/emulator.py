"""A terminal in memory for what a program writes: pyte, with what it lacks; and a strict look at the bytes themselves."""

import codecs
import collections
import itertools
import re
import unicodedata

import pyte
from wcwidth import wcwidth

Cell = collections.namedtuple("Cell", pyte.screens.Char._fields + ("dim", "blink"))

# SGR parameter -> attributes that pyte does not keep.
MORE_SGR = {0: {"dim": False, "blink": False}, 2: {"dim": True}, 5: {"blink": True}, 22: {"dim": False, "bold": False},
            25: {"blink": False}}


class Screen(pyte.Screen):
    @property
    def default_char(self):
        return Cell(*super().default_char, dim=False, blink=False)

    def reset(self):
        super().reset()
        self.cursor.attrs = self.default_char
        self.last = None
        self.private = set()
        self.keypad = False

    def draw(self, data):
        for char in data.translate(self.g1_charset if self.charset else self.g0_charset):
            self.put(char, wcwidth(char))

    def put(self, char, width):
        """One character; those without width join the character before them."""
        if width < 0:
            return
        if width == 0:
            self.join(char)
            return
        if self.cursor.x + width > self.columns:
            if pyte.modes.DECAWM in self.mode:
                self.carriage_return()
                self.linefeed()
            else:
                self.cursor.x = self.columns - width
        if pyte.modes.IRM in self.mode:
            self.insert_characters(width)
        line = self.buffer[self.cursor.y]
        self.part(line, self.cursor.x)
        self.part(line, self.cursor.x + width)
        line[self.cursor.x] = self.cursor.attrs._replace(data=char)
        if width == 2:
            line[self.cursor.x + 1] = self.cursor.attrs._replace(data="")
        self.cursor.x += width
        self.last = char

    @staticmethod
    def part(line, x):
        """Half of a wide character is none."""
        if x > 0 and line[x].data == "" and wcwidth(line[x - 1].data[:1] or " ") == 2:
            line[x - 1] = line[x - 1]._replace(data=" ")
            line[x] = line[x]._replace(data=" ")

    def join(self, char):
        line = self.buffer[self.cursor.y]
        x = self.cursor.x - 1
        while x > 0 and line[x].data == "":
            x -= 1
        if x >= 0:
            line[x] = line[x]._replace(data=unicodedata.normalize("NFC", line[x].data + char))

    def repeat(self, count=1):
        if self.last:
            self.draw(self.last * (count or 1))

    def scroll_up(self, count=1):
        self.scroll(self.delete_lines, count)

    def scroll_down(self, count=1):
        self.scroll(self.insert_lines, count)

    def scroll(self, move, count):
        x, y = self.cursor.x, self.cursor.y
        self.cursor.y = (self.margins or pyte.screens.Margins(0, self.lines - 1)).top
        move(count or 1)
        self.cursor.x, self.cursor.y = x, y

    def back_tab(self, count=1):
        for _ in range(count or 1):
            self.cursor.x = max([stop for stop in self.tabstops if stop < self.cursor.x], default=0)

    def select_graphic_rendition(self, *attrs):
        super().select_graphic_rendition(*attrs)
        at = iter(attrs or (0,))
        for code in at:
            if code in (38, 48):
                for _ in range({5: 1, 2: 3}.get(next(at, 0), 0)):
                    next(at, 0)
            elif code in MORE_SGR:
                self.cursor.attrs = self.cursor.attrs._replace(**MORE_SGR[code])

    def keypad_on(self):
        self.keypad = True

    def keypad_off(self):
        self.keypad = False

    def set_mode(self, *modes, **options):
        if options.get("private"):
            self.private.update(modes)
        super().set_mode(*modes, **options)

    def reset_mode(self, *modes, **options):
        if options.get("private"):
            self.private.difference_update(modes)
        super().reset_mode(*modes, **options)


class Stream(pyte.Stream):
    csi = dict(pyte.Stream.csi, b="repeat", S="scroll_up", T="scroll_down", Z="back_tab", **{"`": "cursor_to_column"})
    escape = dict(pyte.Stream.escape, **{"=": "keypad_on", ">": "keypad_off"})
    events = frozenset(itertools.chain(pyte.Stream.events, csi.values(), escape.values()))


class Emulator:
    """feed() it bytes; screen is what a viewer would see."""

    def __init__(self, columns, rows):
        self.screen = Screen(columns, rows)
        self.stream = Stream(self.screen)
        self.stream.use_utf8 = False            # line drawing by character set works beside UTF-8
        self.decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def feed(self, data):
        self.stream.feed(self.decode(data))

    def row(self, y):
        line = self.screen.buffer[y]
        return [line[x] for x in range(self.screen.columns)]

    def lines(self):
        return ["".join(cell.data for cell in self.row(y)).rstrip() for y in range(self.screen.lines)]

    def ansi(self):
        """The lines with colours and attributes as SGR sequences, each complete in itself."""
        return [self.ansi_line(self.row(y)) for y in range(self.screen.lines)]

    def ansi_line(self, cells):
        out = []
        for look, group in itertools.groupby(cells, lambda c: c._replace(data="")):
            text = "".join(cell.data for cell in group)
            codes = sgr(look)
            out.append("\033[%sm%s\033[0m" % (codes, text) if codes else text)
        return "".join(out).rstrip()


COLOURS = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")


def sgr(look):
    """The SGR parameters of a cell, "" for a plain one."""
    codes = [code for code, on in (("1", look.bold), ("2", look.dim), ("3", look.italics), ("4", look.underscore),
                                   ("5", look.blink), ("7", look.reverse), ("9", look.strikethrough)) if on]
    for base, colour in ((30, look.fg), (40, look.bg)):
        name = colour.replace("bright", "")
        if name in COLOURS:
            codes.append(str(base + COLOURS.index(name) + (60 if colour.startswith("bright") else 0)))
        elif colour != "default":
            codes.append("%d;2;%d;%d;%d" % (base + 8, *bytes.fromhex(colour)))
    return ";".join(codes)


# ---- the bytes ---------------------------------------------------------------------------------

# What curses has to say to the terminals that are supported.
ALLOWED = re.compile(rb"""
    \x1b\[ [?>]? [0-9;]* [A-Za-z@`]             # CSI without intermediate bytes
  | \x1b [()] [0-9AB]                           # character sets
  | \x1b [78=>DEHMc]                            # save and restore, keypad, index
  | \x1b\[!p                                    # soft reset
  | [\x07\x08\x09\x0a\x0d\x0e\x0f]
  | [\x20-\x7e]+
  | (?:[\xc2-\xdf][\x80-\xbf] | [\xe0-\xef][\x80-\xbf]{2} | [\xf0-\xf4][\x80-\xbf]{3})+
""", re.X)

# CSI sequences that read back, print, resize windows or lock keyboards; t with 22 or 23 saves titles and is curses's own.
NOT_OURS = re.compile(rb"\x1b\[ (?: [?>]?[0-9;]*[cni] | (?!2[23][;t])[0-9;]*t )$", re.X)
LINUX_CURSOR = re.compile(rb"\x1b\[\?[0-9;]*c$")
INVISIBLE = re.compile("[\x80-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")


def unexpected(raw, utf8=True):
    """What no program of ours may write, as a list of texts with the place: sequences curses would not send, C1 controls,
    direction and zero-width controls, invalid UTF-8; without utf8, any byte above 0x7e."""
    found = []
    at = 0

    def note(what, length):
        found.append("%s at byte %d: %r" % (what, at, raw[max(0, at - 30):at + length + 10]))

    while at < len(raw):
        m = ALLOWED.match(raw, at)
        if not m:
            note("sequence" if raw[at] == 0x1b else "byte", 1)
            at += 1
            continue
        token = m.group()
        if NOT_OURS.match(token) and not LINUX_CURSOR.match(token):
            note("request to the terminal", len(token))
        if token[0] > 0x7e:
            if not utf8:
                note("not ASCII", len(token))
            try:
                if INVISIBLE.search(token.decode()):
                    note("invisible control", len(token))
            except UnicodeDecodeError:
                note("invalid UTF-8", len(token))
        at = m.end()
    return found
