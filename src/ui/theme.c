/* theme.c: the looks that come with the program, and those of the configuration. */
#include "ui/theme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

enum { BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE };

static const char *const color_names[] = { "black", "red", "green", "yellow", "blue", "magenta", "cyan",
	"white" };

/* Without colours all that tells one thing from another is bold, underline and reverse: every terminal has those. */
static const struct look mono[STYLE_COUNT] = {
	[STYLE_NORMAL] = { -1, -1, 0 },
	[STYLE_TITLE] = { -1, -1, LOOK_REVERSE },
	[STYLE_HEAD] = { -1, -1, LOOK_BOLD },
	[STYLE_SELECTED] = { -1, -1, LOOK_REVERSE },
	[STYLE_STATUS] = { -1, -1, LOOK_UNDERLINE },
	[STYLE_KEY] = { -1, -1, LOOK_BOLD },
	[STYLE_DIM] = { -1, -1, 0 },
	[STYLE_STRONG] = { -1, -1, LOOK_BOLD },
	[STYLE_GOOD] = { -1, -1, 0 },
	[STYLE_WARN] = { -1, -1, LOOK_BOLD },
	[STYLE_BAD] = { -1, -1, LOOK_BOLD },
	[STYLE_MARK] = { -1, -1, LOOK_BOLD },
	[STYLE_MATCH] = { -1, -1, LOOK_UNDERLINE },
	[STYLE_COMMAND] = { -1, -1, 0 },
	[STYLE_PROMPT] = { -1, -1, LOOK_BOLD },
};

/* The terminal's own background stays: only the bars have one. */
static void set_colors(struct theme *t, bool light, int colors)
{
	struct look *l = t->looks;
	bool many = colors >= 256;

	l[STYLE_TITLE] = (struct look){ WHITE, many ? 24 : BLUE, LOOK_BOLD };
	l[STYLE_HEAD] = (struct look){ light ? BLUE : CYAN, -1, LOOK_BOLD };
	l[STYLE_SELECTED] =
	    many ? (light ? (struct look){ BLACK, 153, 0 } : (struct look){ 231, 31, LOOK_BOLD })
		 : (struct look){ -1, -1, LOOK_REVERSE };
	l[STYLE_STATUS] = many ? (light ? (struct look){ 236, 254, 0 } : (struct look){ 252, 237, 0 })
	                       : (struct look){ light ? BLUE : CYAN, -1, LOOK_UNDERLINE };
	l[STYLE_KEY] = (struct look){ light ? BLUE : CYAN, -1, LOOK_BOLD };
	l[STYLE_DIM] = many ? (struct look){ light ? 242 : 246, -1, 0 } : (struct look){ -1, -1, 0 };
	l[STYLE_GOOD] = (struct look){ many ? (light ? 28 : 78) : GREEN, -1, 0 };
	l[STYLE_WARN] = (struct look){ many ? (light ? 130 : 221) : light ? MAGENTA : YELLOW, -1, 0 };
	l[STYLE_BAD] = (struct look){ many ? (light ? 160 : 210) : RED, -1, LOOK_BOLD };
	l[STYLE_MARK] = (struct look){ many ? (light ? 91 : 213) : MAGENTA, -1, LOOK_BOLD };
	l[STYLE_MATCH] = (struct look){ -1, -1, LOOK_UNDERLINE };
	l[STYLE_COMMAND] = l[STYLE_DIM];
}

/* "15;0": foreground and background, as rxvt and others tell. */
static bool is_light_terminal(void)
{
	const char *s = getenv("COLORFGBG"), *last = s != NULL ? strrchr(s, ';') : NULL;
	uint64_t bg;

	return last != NULL && str_u64(last + 1, 255, &bg) == 0 && (bg == 7 || bg == 15);
}

void theme_set(struct theme *t, enum conf_theme which, int colors)
{
	bool light = which == CONF_THEME_LIGHT || (which == CONF_THEME_AUTO && is_light_terminal());

	memcpy(t->looks, mono, sizeof t->looks);
	if (colors >= 8 && which != CONF_THEME_MONO)
		set_colors(t, light, colors);
}

static int color_of(const char *word)
{
	uint64_t n;

	if (strcmp(word, "default") == 0)
		return -1;
	for (int i = 0; i < 8; i++)
		if (strcmp(color_names[i], word) == 0)
			return i;
	return str_u64(word, 255, &n) == 0 ? (int)n : -2;
}

static unsigned flag_of(const char *word)
{
	static const char *const words[] = { "bold", "dim", "underline", "reverse" };

	for (unsigned i = 0; i < 4; i++)
		if (strcmp(words[i], word) == 0)
			return 1u << i;
	return 0;
}

static int read_look(const char *value, struct look *ret, char bad[32])
{
	struct look l = { -1, -1, 0 };
	bool background = false;

	for (const char *s = value + strspn(value, " \t"); *s != '\0'; s += strspn(s, " \t")) {
		size_t n = strcspn(s, " \t");
		int color;

		snprintf(bad, 32, "%.*s", (int)n, s);
		s += n;
		if (strcmp(bad, "on") == 0) {
			background = true;
			continue;
		}
		if (flag_of(bad) != 0) {
			l.flags |= flag_of(bad);
			continue;
		}
		color = color_of(bad);
		if (color == -2)
			return -1;
		*(background ? &l.bg : &l.fg) = color;
	}
	*ret = l;
	return 0;
}

int theme_configure(struct theme *t, const struct conf_pair *pairs, size_t n, struct err *e)
{
	char bad[32] = "";

	for (size_t i = 0; i < n; i++) {
		const struct conf_pair *p = &pairs[i];
		int s = 0;

		while (s < STYLE_COUNT && strcmp(style_name((enum style)s), p->name) != 0)
			s++;
		if (s == STYLE_COUNT) {
			err_set(
			    e, ERR_CONFIG, "%s line %u: [colors] has no \"%s\"", p->file, p->line, p->name);
			return err_hint(e, "cyrvault.conf(5) lists what has a colour");
		}
		if (read_look(p->value, &t->looks[s], bad) == -1) {
			err_set(e, ERR_CONFIG, "%s line %u: %s: \"%s\" is no colour", p->file, p->line,
			    p->name, bad);
			return err_hint(e, "such as: bold yellow on blue, or reverse, or a number up to 255");
		}
	}
	return 0;
}
