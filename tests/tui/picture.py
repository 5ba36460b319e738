"""The cells of a terminal in memory as a PNG, in a dark or a light palette."""

import functools

from PIL import Image, ImageDraw, ImageFont

from emulator import COLOURS

SIZE, WIDTH, HEIGHT = 15, 9, 18
MARGIN = 10
FONTS = "/usr/share/fonts/truetype/"
# The first that has the character draws it.
REGULAR = (FONTS + "dejavu/DejaVuSansMono.ttf", FONTS + "dejavu/DejaVuSans.ttf", FONTS + "wqy/wqy-microhei.ttc")
BOLD = (FONTS + "dejavu/DejaVuSansMono-Bold.ttf", FONTS + "dejavu/DejaVuSans-Bold.ttf", FONTS + "wqy/wqy-microhei.ttc")
NOWHERE = "\U0010fffe"

NORMAL = "000000 cc4444 5fa55f b58d3d 4a78c8 a864b0 3a9ca8 c8c8c8".split()
BRIGHT = "767676 f06868 87d787 f0c860 78a4f0 d08cd8 62c8d4 ffffff".split()
PALETTES = {
    "dark": {"fg": "d4d4d4", "bg": "16181c", "normal": NORMAL, "bright": BRIGHT},
    "light": {"fg": "242424", "bg": "ffffff", "normal": "000000 b02020 1f7a1f 8a6100 2050b0 8a2a94 0f7480 e8e8e8".split(),
              "bright": "767676 d03030 2f9a2f a87800 3868d0 a040ac 1f8c98 ffffff".split()},
}


def rgb(text):
    return tuple(bytes.fromhex(text))


def colour(name, palette, default):
    if name == "default":
        return rgb(palette[default])
    plain = name.replace("bright", "", 1)
    if plain in COLOURS:
        return rgb(palette["bright" if plain != name else "normal"][COLOURS.index(plain)])
    return rgb(name)


def colours(cell, palette):
    fg, bg = colour(cell.fg, palette, "fg"), colour(cell.bg, palette, "bg")
    if cell.reverse:
        fg, bg = bg, fg
    if cell.dim:
        fg = tuple((2 * a + b) // 3 for a, b in zip(fg, bg))
    return fg, bg


@functools.lru_cache(None)
def font(path):
    return ImageFont.truetype(path, SIZE, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(None)
def has(path, char):
    return bytes(font(path).getmask(char)) != bytes(font(path).getmask(NOWHERE))


@functools.lru_cache(None)
def font_of(char, bold):
    fonts = BOLD if bold else REGULAR
    return font(next((path for path in fonts if has(path, char)), fonts[0]))


def draw(emulator, palette, path):
    """Write the screen of an Emulator, with its cursor, to a file."""
    palette = PALETTES[palette]
    screen = emulator.screen
    picture = Image.new("RGB", (2 * MARGIN + screen.columns * WIDTH, 2 * MARGIN + screen.lines * HEIGHT), rgb(palette["bg"]))
    pen = ImageDraw.Draw(picture)
    for y in range(screen.lines):
        cells = emulator.row(y)
        top = MARGIN + y * HEIGHT
        for x, cell in enumerate(cells):
            left = MARGIN + x * WIDTH
            pen.rectangle((left, top, left + WIDTH - 1, top + HEIGHT - 1), fill=colours(cell, palette)[1])
        for x, cell in enumerate(cells):
            left = MARGIN + x * WIDTH
            fg = colours(cell, palette)[0]
            for mark in cell.data.strip():
                pen.text((left, top), mark, font=font_of(mark, cell.bold), fill=fg)
            if cell.underscore:
                pen.line((left, top + HEIGHT - 2, left + WIDTH - 1, top + HEIGHT - 2), fill=fg)
    cursor = screen.cursor
    if not cursor.hidden:
        left, top = MARGIN + min(cursor.x, screen.columns - 1) * WIDTH, MARGIN + cursor.y * HEIGHT
        pen.rectangle((left, top, left + WIDTH - 1, top + HEIGHT - 1), outline=rgb(palette["fg"]))
    # Few colours: a quarter of the size.
    picture.quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
