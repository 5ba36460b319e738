/* term.c: curses. A canvas goes out, keys come in. */
#include "ui/term.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <curses.h>
#include <term.h>
/* term.h makes macros of these words. */
#undef lines
#undef columns

#include "core/columns.h"
#include "core/mem.h"

static struct {
	SCREEN *screen;
	bool open, suspended, ascii, gone;
	struct theme theme;
	const struct conf_pair *pairs;
	size_t n_pairs;
	int n_colors;
	struct canvas shown; /* what the terminal has on it */
	bool repaint;
	int mouse_row, mouse_column;
	struct termios before;
	bool has_before;
	char reset[256]; /* what a crash writes */
	size_t reset_len;
} term;

/* ---- the way out, whatever happens ---- */

static void restore_hard(void)
{
	ssize_t ignored = write(STDOUT_FILENO, term.reset, term.reset_len);

	(void)ignored;
	if (term.has_before)
		tcsetattr(STDIN_FILENO, TCSANOW, &term.before);
}

static void on_crash(int number)
{
	if (term.open && !term.suspended)
		restore_hard();
	signal(number, SIG_DFL);
	raise(number);
}

static void add_reset(const char *capability)
{
	const char *s = tigetstr(capability);
	size_t n;

	if (s == NULL || s == (const char *)-1)
		return;
	n = strlen(s);
	if (n < sizeof term.reset - term.reset_len) {
		memcpy(term.reset + term.reset_len, s, n);
		term.reset_len += n;
	}
}

static void catch_crashes(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	struct sigaction sa = { .sa_handler = on_crash, .sa_flags = (int)(SA_RESETHAND | SA_NODEFER) };

	term.reset_len = 0;
	add_reset("sgr0");
	add_reset("rmcup");
	add_reset("cnorm");
	add_reset("rmkx");
	for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
		sigaction(fatal[i], &sa, NULL);
}

/* ---- colours ---- */

/* A pair for each style; 0 is the terminal's own. */
static void set_pairs(enum conf_theme which)
{
	theme_set(&term.theme, which, term.n_colors);
	theme_configure(&term.theme, term.pairs, term.n_pairs, NULL);
	if (term.n_colors < 8)
		return;
	for (int s = 0; s < STYLE_COUNT; s++) {
		const struct look *l = &term.theme.looks[s];

		init_pair((short)(s + 1), (short)(l->fg < term.n_colors ? l->fg : l->fg % 8),
		    (short)(l->bg < term.n_colors ? l->bg : l->bg % 8));
	}
}

static attr_t attributes_of(enum style s, short *pair)
{
	const struct look *l = &term.theme.looks[s];
	attr_t a = 0;

	a |= (l->flags & LOOK_BOLD) != 0 ? A_BOLD : 0;
	a |= (l->flags & LOOK_DIM) != 0 ? A_DIM : 0;
	a |= (l->flags & LOOK_UNDERLINE) != 0 ? A_UNDERLINE : 0;
	a |= (l->flags & LOOK_REVERSE) != 0 ? A_REVERSE : 0;
	*pair = term.n_colors >= 8 && (l->fg >= 0 || l->bg >= 0) ? (short)(s + 1) : 0;
	return a;
}

/* ---- open, close ---- */

static void set_modes(const struct conf_console *c)
{
	raw();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	meta(stdscr, TRUE);
	set_escdelay(25);
	if (c->mouse)
		mousemask(BUTTON1_PRESSED | BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
	mouseinterval(0);
}

/* newterm() would end the program over an unknown TERM. */
static bool can_be_painted(const char *name)
{
	int status;
	bool ret;

	if (name == NULL || setupterm(name, STDOUT_FILENO, &status) == ERR)
		return false;
	ret = tigetstr("cup") != NULL && tigetstr("cup") != (char *)-1;
	/* newterm() makes its own. */
	del_curterm(cur_term);
	return ret;
}

int term_open(const struct conf_console *c, const struct conf_pair *colors, size_t n_colors, bool *ret_ascii,
    struct err *e)
{
	const char *name = getenv("TERM");
	struct theme probe;

	theme_set(&probe, CONF_THEME_MONO, 0);
	if (theme_configure(&probe, colors, n_colors, e) == -1)
		return -1;
	if (!can_be_painted(name)) {
		err_set(e, ERR_UNSUPPORTED, "a terminal of the kind \"%s\" cannot show the console",
		    name != NULL ? name : "");
		return err_hint(e, "cyrvault console --plain works on any; or set TERM to what it really is");
	}
	term.has_before = tcgetattr(STDIN_FILENO, &term.before) == 0;
	term.screen = newterm(NULL, stdout, stdin);
	if (term.screen == NULL) {
		err_set(e, ERR_UNSUPPORTED, "the terminal could not be set up");
		return err_hint(e, "cyrvault console --plain works on any");
	}
	set_modes(c);
	term.n_colors = 0;
	if (has_colors() && getenv("NO_COLOR") == NULL && start_color() == OK && use_default_colors() == OK)
		term.n_colors = COLORS;
	term.pairs = colors;
	term.n_pairs = n_colors;
	set_pairs(c->theme);
	term.ascii = c->ascii == CONF_YES || (c->ascii == CONF_AUTO && !columns_utf8());
	canvas_init(&term.shown, 1, 1, term.ascii);
	term.open = term.repaint = true;
	term.gone = term.suspended = false;
	catch_crashes();
	atexit(term_close);
	*ret_ascii = term.ascii;
	return 0;
}

void term_close(void)
{
	if (!term.open)
		return;
	term.open = false;
	if (!term.suspended)
		endwin();
	delscreen(term.screen);
	canvas_done(&term.shown);
	if (term.has_before)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &term.before);
}

void term_suspend(void)
{
	endwin();
	term.suspended = true;
}

void term_resume(void)
{
	term.suspended = false;
	refresh();
	term_repaint();
}

void term_set_theme(enum conf_theme which)
{
	set_pairs(which);
	term.repaint = true;
}

void term_size(int *rows, int *columns_ret)
{
	struct winsize ws;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0 &&
	    (ws.ws_row != LINES || ws.ws_col != COLS)) {
		resizeterm(ws.ws_row, ws.ws_col);
		term.repaint = true;
	}
	*rows = LINES;
	*columns_ret = COLS;
}

/* ---- out ---- */

static void draw_cell(const struct cell *cell)
{
	wchar_t text[CELL_MARKS + 2] = { (wchar_t)cell->cp };
	cchar_t out;
	short pair;
	attr_t a = attributes_of((enum style)cell->style, &pair);

	for (size_t i = 0; i < CELL_MARKS; i++)
		text[i + 1] = (wchar_t)cell->marks[i];
	if (setcchar(&out, text, a, pair, NULL) == OK)
		add_wch(&out);
}

void term_draw(const struct canvas *c)
{
	size_t row_bytes = (size_t)c->columns * sizeof *c->cells;

	if (term.shown.rows != c->rows || term.shown.columns != c->columns || term.repaint) {
		canvas_resize(&term.shown, c->rows, c->columns);
		clear();
		term.repaint = true;
	}
	for (int row = 0; row < c->rows && row < LINES; row++) {
		const struct cell *line = c->cells + (size_t)row * (size_t)c->columns;
		struct cell *old = term.shown.cells + (size_t)row * (size_t)c->columns;

		if (!term.repaint && memcmp(line, old, row_bytes) == 0)
			continue;
		move(row, 0);
		for (int i = 0; i < c->columns && i < COLS; i++)
			if (line[i].cp != 0)
				draw_cell(&line[i]);
		memcpy(old, line, row_bytes);
	}
	term.repaint = false;
	/* On the selected row or where is typed: a screen reader follows the cursor. */
	move(c->cursor_row, c->cursor_column);
	curs_set(c->cursor ? 1 : 0);
	refresh();
}

void term_repaint(void)
{
	term.repaint = true;
}

/* ---- in ---- */

static int named_key(wint_t k)
{
	static const struct {
		wint_t curses;
		int ours;
	} map[] = {
		{ KEY_UP, KEY_ARROW_UP },
		{ KEY_DOWN, KEY_ARROW_DOWN },
		{ KEY_LEFT, KEY_ARROW_LEFT },
		{ KEY_RIGHT, KEY_ARROW_RIGHT },
		{ KEY_PPAGE, KEY_PAGE_UP },
		{ KEY_NPAGE, KEY_PAGE_DOWN },
		{ KEY_HOME, KEY_GO_HOME },
		{ KEY_END, KEY_GO_END },
		{ KEY_FIND, KEY_GO_HOME },
		{ KEY_SELECT, KEY_GO_END },
		{ KEY_IC, KEY_INSERT },
		{ KEY_DC, KEY_DELETE },
		{ KEY_BACKSPACE, KEY_RUBOUT },
		{ KEY_ENTER, KEY_RETURN },
	};

	for (size_t i = 0; i < sizeof map / sizeof map[0]; i++)
		if (map[i].curses == k)
			return map[i].ours;
	if (k >= KEY_F0 + 1 && k <= KEY_F0 + 12)
		return KEY_F1 + (int)(k - KEY_F0) - 1;
	return KEY_NOTHING;
}

static int mouse_key(void)
{
	MEVENT m;

	if (getmouse(&m) != OK)
		return KEY_NOTHING;
	term.mouse_row = m.y;
	term.mouse_column = m.x;
	if ((m.bstate & BUTTON4_PRESSED) != 0)
		return KEY_WHEEL_UP;
	if ((m.bstate & BUTTON5_PRESSED) != 0)
		return KEY_WHEEL_DOWN;
	return KEY_CLICK;
}

int term_key(void)
{
	for (;;) {
		wint_t k = 0;
		int r = get_wch(&k), named;

		if (r == ERR) {
			struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };

			/* Readable, and yet nothing to be read: the other end has hung up. */
			if (poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
				term.gone = true;
			return KEY_NOTHING;
		}
		if (r == OK) {
			if (k == '\r' || k == '\n')
				return KEY_RETURN;
			if (k == 27)
				return KEY_ESC;
			if (k == 8 || k == 127)
				return KEY_RUBOUT;
			return (int)k;
		}
		if (k == KEY_RESIZE)
			continue;
		named = k == KEY_MOUSE ? mouse_key() : named_key(k);
		if (named != KEY_NOTHING)
			return named;
	}
}

void term_flush(void)
{
	flushinp();
}

void term_mouse(int *row, int *column)
{
	*row = term.mouse_row;
	*column = term.mouse_column;
}

bool term_gone(void)
{
	return term.gone;
}
