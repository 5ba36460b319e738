"""What a terminal sends for a key, by the key's name as tmux spells it and the terminal's description."""

import functools
import re
import subprocess

# Name -> capability of terminfo, and what terminals send whose description is silent about the key.
NAMED = {
    "Up": ("kcuu1", "\033[A"), "Down": ("kcud1", "\033[B"), "Right": ("kcuf1", "\033[C"), "Left": ("kcub1", "\033[D"),
    "Home": ("khome", "\033[1~"), "End": ("kend", "\033[4~"), "PPage": ("kpp", "\033[5~"), "NPage": ("knp", "\033[6~"),
    "IC": ("kich1", "\033[2~"), "DC": ("kdch1", "\033[3~"), "BTab": ("kcbt", "\033[Z"), "BSpace": ("kbs", "\177"),
    "Enter": (None, "\r"), "Escape": (None, "\033"), "Tab": (None, "\t"), "Space": (None, " "),
}
NAMED.update({"F%d" % n: ("kf%d" % n, "\033[%d~" % code) for n, code in enumerate(
    (11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24), 1)})
NAMED["PageUp"], NAMED["PageDown"] = NAMED["PPage"], NAMED["NPage"]

ESCAPES = {"E": "\033", "e": "\033", "n": "\n", "l": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", "s": " "}


def unescape(text):
    """A string of terminfo's source form, without its delays."""
    def one(m):
        if m[1]:
            return chr(int(m[1], 8) or 0o200)
        if m[2]:
            return ESCAPES.get(m[2], m[2])
        return "\177" if m[3] == "?" else chr(ord(m[3].upper()) & 0x1f)
    return re.sub(r"\\(\d{3})|\\(.)|\^(.)", one, re.sub(r"\$<[^>]*>", "", text))


@functools.lru_cache(None)
def strings(term):
    """{capability: string} of a terminal."""
    text = subprocess.run(["infocmp", "-1", term], stdout=subprocess.PIPE, check=True, text=True).stdout
    return {m[1]: unescape(m[2]) for m in re.finditer(r"^\t(\w+)=(.*),$", text, re.M)}


def encode(term, key):
    """The bytes of one key: a name (Up, F5, C-l, M-x, Enter) or else the text itself."""
    if key in NAMED:
        capability, fallback = NAMED[key]
        return strings(term).get(capability, fallback).encode("latin-1")
    if re.fullmatch(r"C-[a-zA-Z@\[\]\\^_]", key):
        return bytes([ord(key[2].upper()) & 0x1f])
    if re.fullmatch(r"M-.", key):
        return b"\033" + key[2:].encode()
    return key.encode()
