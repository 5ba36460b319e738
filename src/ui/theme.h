/* theme.h: what each style looks like on a terminal. Colour is never the only sign of anything: words say it too. */
#ifndef UI_THEME_H
#define UI_THEME_H

#include "core/conf.h"
#include "core/err.h"
#include "ui/canvas.h"

enum { LOOK_BOLD = 1, LOOK_DIM = 2, LOOK_UNDERLINE = 4, LOOK_REVERSE = 8 };

struct look {
	int fg, bg; /* number of a colour; -1: the terminal's own */
	unsigned flags;
};

struct theme {
	struct look looks[STYLE_COUNT];
};

/** theme_set(t, which, colors): Fill ${t}. CONF_THEME_AUTO: light by COLORFGBG where the terminal sets it, else dark. ${colors} is
 * how many there are (0 or 2: mono in any case). */
void theme_set(struct theme *t, enum conf_theme which, int colors);

/** theme_configure(t, pairs, n, e): The lines of section [colors]: style = words: bold, dim, underline, reverse, a colour's name or number, "on" and
 * the background's. ERR_CONFIG with file and line. */
int theme_configure(struct theme *t, const struct conf_pair *pairs, size_t n, struct err *e);

#endif
