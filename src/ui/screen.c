/* screen.c: the full screen: what is where, and the loop of keys. */
#include "ui/console_priv.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/audit.h"
#include "core/clock.h"
#include "core/columns.h"
#include "core/str.h"
#include "ui/term.h"
#include "ui/views.h"

#define LEAST_ROWS    15
#define LEAST_COLUMNS 60
#define PANE_FROM     140 /* columns from which there is a pane at the right */
#define TICK_MS       100
#define KEYS_AT_ONCE  4096
#define ESC_DIGIT_MS  1500

/* ---- what is painted ---- */

static void draw_title(struct console *c, struct canvas *canvas)
{
	struct buf b = BUF_INIT;
	const struct view *path[16];
	size_t n = 0;
	const char *right = c->opts.read_only ? "read-only " : "";
	char *reason = app_reason(c->app);

	buf_printf(&b, " cyrvault  %s", c->server_name);
	if (reason != NULL)
		buf_printf(&b, " [%s]", reason);
	free(reason);
	for (const struct view *v = c->top; v != NULL && n < 16; v = v->below)
		path[n++] = v;
	while (n-- > 0) {
		struct view *v = (struct view *)(uintptr_t)path[n];

		if (v->ops->title == NULL)
			continue;
		buf_printf(&b, " %s ", canvas_glyph(canvas, "\u203a", ">"));
		v->ops->title(v, &b);
	}
	canvas_text(canvas, 0, 0, canvas->columns, STYLE_TITLE, "");
	canvas_text(canvas, 0, 0, canvas->columns - (int)strlen(right), STYLE_TITLE, buf_text(&b));
	canvas_text_right(
	    canvas, 0, canvas->columns - (int)strlen(right), (int)strlen(right), STYLE_TITLE, right);
	buf_done(&b);
}

static void draw_status(struct console *c, struct canvas *canvas, int row)
{
	struct view *v = c->top;
	struct buf b = BUF_INIT, place = BUF_INIT;
	size_t n = list_n(&v->list), at = v->list.pager ? v->list.top : v->list.cursor;

	buf_char(&b, ' ');
	/* First, as the line may be cut: rows that are not shown are never a surprise. */
	if (v->list.filter != NULL)
		buf_printf(&b, "[only \"%s\"] ", v->list.filter);
	if (v->ops->status != NULL)
		v->ops->status(v, &b);
	if (v->list.pager) {
		size_t end = at + (size_t)v->list.height;

		if (n > (size_t)v->list.height)
			buf_printf(&place, "%zu%% ", end >= n ? 100 : end * 100 / n);
	} else if (n > 0) {
		buf_printf(&place, "%zu/%zu ", at + 1, n);
	}
	canvas_text(canvas, row, 0, canvas->columns, STYLE_STATUS, "");
	canvas_text(canvas, row, 0, canvas->columns - (int)place.len - 1, STYLE_STATUS, buf_text(&b));
	if (place.len > 0)
		canvas_text_right(canvas, row, canvas->columns - (int)place.len - 1, (int)place.len + 1,
		    STYLE_STATUS, buf_text(&place));
	buf_done(&b);
	buf_done(&place);
}

static void draw_command(struct console *c, struct canvas *canvas, int row)
{
	struct buf b = BUF_INIT, line = BUF_INIT;

	if (c->top->ops->command != NULL)
		c->top->ops->command(c->top, &b);
	if (b.len > 0) {
		buf_printf(&line, " $ %s", buf_text(&b));
		canvas_text(canvas, row, 0, canvas->columns, STYLE_COMMAND, buf_text(&line));
	}
	buf_done(&b);
	buf_done(&line);
}

static void draw_choice(const struct console *c, struct canvas *canvas, int row)
{
	struct buf b = BUF_INIT, words = BUF_INIT;
	int used;

	for (const char *s = c->ask.words; *s != '\0'; s += strspn(s, " ")) {
		size_t n = strcspn(s, " ");

		buf_printf(&words, "  [%c]%.*s", s[0], (int)n - 1, s + 1);
		s += n;
	}
	/* The answers are always seen whole, however long the question is. */
	used = canvas->columns - (int)columns_of(buf_text(&words)) - 1;
	columns_cut(&b, c->ask.question, (size_t)(used > 10 ? used : 10));
	used = canvas_text(canvas, row, 0, canvas->columns, STYLE_PROMPT, buf_text(&b));
	canvas_text(canvas, row, used, canvas->columns - used, STYLE_KEY, buf_text(&words));
	canvas->cursor = true;
	canvas->cursor_row = row;
	canvas->cursor_column = used + (int)columns_of(buf_text(&words));
	if (canvas->cursor_column >= canvas->columns)
		canvas->cursor_column = canvas->columns - 1;
	buf_done(&b);
	buf_done(&words);
}

static void draw_job(const struct console *c, struct canvas *canvas, int row)
{
	const struct task *t = tasks_current(c);
	struct job_progress p;
	struct buf b = BUF_INIT, line = BUF_INIT;
	size_t more = 0;

	if (t == NULL)
		return;
	for (const struct task *o = c->tasks; o != NULL; o = o->next)
		more += o != t && task_running(o);
	job_get_progress(t->job, &p);
	meter_line(&b, &p, t->meter.rate, (size_t)(canvas->columns > 30 ? canvas->columns - 14 : 30));
	buf_printf(&line, " %s %s", canvas_glyph(canvas, "\u25b8", ">"), buf_text(&b));
	if (more > 0)
		buf_printf(&line, " (+%zu)", more);
	canvas_text(canvas, row, 0, canvas->columns, STYLE_STRONG, buf_text(&line));
	buf_done(&b);
	buf_done(&line);
}

static int add_key(const struct console *c, struct canvas *canvas, int row, int at, int end, enum request r)
{
	const char *name = request_info(r)->name;
	char key[16];
	int width;

	if (r == REQUEST_MARK && c->top->ops->space != NULL)
		name = c->top->ops->space;
	keymap_first(c->keys, r, key, sizeof key);
	width = (int)columns_of(key) + 1 + (int)strlen(name);
	if (key[0] == '\0' || at + width > end)
		return at;
	at += canvas_text(canvas, row, at, end - at, STYLE_KEY, key) + 1;
	at += canvas_text(canvas, row, at, end - at, STYLE_DIM, name) + 2;
	return at;
}

static void draw_keys(const struct console *c, struct canvas *canvas, int row)
{
	static const enum request always[] = { REQUEST_HELP, REQUEST_LEAVE, REQUEST_NONE };
	int at = 1, end = canvas->columns - 17;

	for (const enum request *r = c->top->ops->requests; *r != REQUEST_NONE; r++)
		at = add_key(c, canvas, row, at, end, *r);
	for (const enum request *r = always; *r != REQUEST_NONE; r++)
		at = add_key(c, canvas, row, at, canvas->columns, *r);
}

/* Broken between words; a message longer than the two lines it has is in the log, whole. */
static void draw_message(const struct console *c, struct canvas *canvas, int row)
{
	struct buf wrapped = BUF_INIT;
	const char *s, *end;

	columns_wrap(&wrapped, c->message, 1, 0, (size_t)canvas->columns - 1);
	s = buf_text(&wrapped);
	end = strchr(s, '\n');
	if (end == NULL) {
		struct buf line = BUF_INIT;

		buf_printf(&line, " %s", s);
		canvas_text(canvas, row, 0, canvas->columns, c->message_style, buf_text(&line));
		buf_done(&line);
	} else {
		struct buf first = BUF_INIT, rest = BUF_INIT;

		buf_printf(&first, " %.*s", (int)(end - s), s);
		canvas_text(canvas, row - 1, 0, canvas->columns, c->message_style, buf_text(&first));
		buf_char(&rest, ' ');
		for (const char *p = end + 1; *p != '\0'; p++)
			buf_char(&rest, *p == '\n' ? ' ' : *p);
		canvas_text(canvas, row, 0, canvas->columns, c->message_style, buf_text(&rest));
		buf_done(&first);
		buf_done(&rest);
	}
	buf_done(&wrapped);
}

static void draw_pane(struct console *c, struct canvas *canvas, int row, int column, int rows, int columns)
{
	struct list l;
	struct text t;

	text_init(&t, &l);
	text_layout(&t, columns - 2);
	c->top->ops->detail(c->top, &t);
	for (int i = 0; i < rows; i++)
		canvas_text(canvas, row + i, column, 1, STYLE_DIM, canvas_glyph(canvas, "\u2502", "|"));
	l.top = c->pane_top;
	list_draw(&l, canvas, row, column + 1, rows, columns - 1);
	c->pane_top = l.top;
	if (c->in_pane)
		canvas_style(canvas, row, column, 1, STYLE_SELECTED);
	list_done(&l);
	text_done(&t);
}

/* Where the further lines of a wrapped one begin: under what stands behind its label. */
static int hang_of(const char *s, size_t n)
{
	size_t at = 0;

	while (at < n && s[at] == ' ')
		at++;
	for (size_t i = at; i + 2 < n && i < 24; i++)
		if (s[i] == ' ' && s[i + 1] == ' ') {
			while (i < n && s[i] == ' ')
				i++;
			return (int)i;
		}
	return (int)at;
}

static void draw_empty(struct console *c, struct canvas *canvas, int row, int rows, int columns)
{
	struct list l;
	struct text t;
	struct buf b = BUF_INIT;

	if (c->top->ops->empty == NULL)
		return;
	c->top->ops->empty(c->top, &b);
	text_init(&t, &l);
	text_layout(&t, columns - 2);
	for (const char *s = buf_text(&b), *end; *s != '\0'; s = *end != '\0' ? end + 1 : end) {
		end = s + strcspn(s, "\n");
		text_bytes(&t, STYLE_NORMAL, hang_of(s, (size_t)(end - s)), s, (size_t)(end - s));
	}
	list_draw(&l, canvas, row, 1, rows, columns - 2);
	list_done(&l);
	text_done(&t);
	buf_done(&b);
}

int console_room(const struct console *c, const struct view *v)
{
	return v->ops->detail != NULL && c->columns >= PANE_FROM ? c->columns * 3 / 5 : c->columns;
}

/* At most a fourth of the room; returns the rows that it took. */
static int draw_banner(struct console *c, struct canvas *canvas, int row, int rows)
{
	struct list l;
	struct text t;
	int n;

	if (c->top->ops->banner == NULL)
		return 0;
	text_init(&t, &l);
	text_layout(&t, canvas->columns - 2);
	c->top->ops->banner(c->top, &t);
	n = list_n(&l) < (size_t)(rows / 4) ? (int)list_n(&l) : rows / 4;
	list_draw(&l, canvas, row, 0, n, canvas->columns);
	list_done(&l);
	text_done(&t);
	return n;
}

static void draw_body(struct console *c, struct canvas *canvas, int row, int rows)
{
	int columns = console_room(c, c->top);
	bool pane = columns < canvas->columns && list_n(&c->top->list) > 0;

	if (!pane)
		columns = canvas->columns;
	c->banner_rows = draw_banner(c, canvas, row, rows);
	row += c->banner_rows;
	rows -= c->banner_rows;
	list_draw(&c->top->list, canvas, row, 0, rows, columns);
	if (pane)
		draw_pane(c, canvas, row, columns, rows, canvas->columns - columns);
	if (list_n(&c->top->list) == 0)
		draw_empty(c, canvas, row + 2, rows - 2, canvas->columns);
}

void screen_draw(struct console *c, struct canvas *canvas)
{
	int last = canvas->rows - 1;

	canvas_clear(canvas);
	if (canvas->rows < LEAST_ROWS || canvas->columns < LEAST_COLUMNS) {
		char line[80];

		snprintf(line, sizeof line, "Too small: %dx%d; the console needs %dx%d", canvas->columns,
		    canvas->rows, LEAST_COLUMNS, LEAST_ROWS);
		canvas_text(canvas, 0, 0, canvas->columns, STYLE_NORMAL, line);
		return;
	}
	draw_title(c, canvas);
	draw_body(c, canvas, 1, canvas->rows - 5);
	draw_status(c, canvas, last - 3);
	draw_command(c, canvas, last - 2);
	draw_keys(c, canvas, last);
	if (c->ask.kind == ASK_CHOICE)
		draw_choice(c, canvas, last - 1);
	else if (c->prompt.active)
		prompt_draw(&c->prompt, canvas, last - 1);
	else if (c->message != NULL)
		draw_message(c, canvas, last - 1);
	else
		draw_job(c, canvas, last - 1);
}

/* ---- keys ---- */

static void choice_key(struct console *c, int key)
{
	int n = 0;

	if (key == KEY_ESC || key == KEY_RETURN || key == 3) {
		console_choice_end(c, 0);
		return;
	}
	for (const char *s = c->ask.words; *s != '\0'; s += strspn(s, " ")) {
		if (key == (unsigned char)s[0]) {
			console_choice_end(c, n);
			return;
		}
		n++;
		s += strcspn(s, " ");
	}
}

static void prompt_takes(struct console *c, int key)
{
	switch (prompt_key(&c->prompt, key)) {
	case PROMPT_DONE: {
		char text[PROMPT_MAX + 1];

		memcpy(text, c->prompt.text, sizeof text);
		console_ask_end(c, text);
		explicit_bzero(text, sizeof text);
		break;
	}
	case PROMPT_GIVEN_UP: console_ask_end(c, NULL); break;
	case PROMPT_CHANGED: console_prompt_changed(c); break;
	case PROMPT_GOES_ON: break;
	}
	c->dirty = true;
}

static void click(struct console *c)
{
	struct list *l = &c->top->list;
	int row, column, first = 1 + c->banner_rows + list_has_titles(l);

	term_mouse(&row, &column);
	if (row < first || l->pager || l->top + (size_t)(row - first) >= list_n(l))
		return;
	/* A click selects; on what is selected it opens. */
	if (l->cursor == l->top + (size_t)(row - first)) {
		console_request(c, REQUEST_OPEN);
		return;
	}
	l->cursor = l->top + (size_t)(row - first);
	c->dirty = true;
}

/* Esc acts at once; a digit soon after it makes both an F-key, for terminals that have none. */
static int esc_digit(int key, uint64_t *esc_ms)
{
	uint64_t now = clock_monotonic_ms();

	if (key >= '0' && key <= '9' && *esc_ms != 0 && now - *esc_ms < ESC_DIGIT_MS)
		key = key == '0' ? KEY_F1 + 9 : KEY_F1 + key - '1';
	*esc_ms = key == KEY_ESC ? now : 0;
	return key;
}

static void take_key(struct console *c, int key)
{
	if (c->ask.kind == ASK_CHOICE) {
		choice_key(c, key);
	} else if (c->prompt.active) {
		prompt_takes(c, key);
	} else if (key == KEY_CLICK) {
		click(c);
	} else if (key == KEY_WHEEL_UP || key == KEY_WHEEL_DOWN) {
		for (int i = 0; i < 3; i++)
			console_request(c, key == KEY_WHEEL_UP ? REQUEST_UP : REQUEST_DOWN);
	} else {
		enum request r = keymap_request(c->keys, key);

		if (r != REQUEST_NONE) {
			console_request(c, r);
		} else {
			char word[16], help[16];

			console_say(c, STYLE_NORMAL, "%s means nothing here (%s: help)",
			    key_word(key, word, sizeof word),
			    keymap_first(c->keys, REQUEST_HELP, help, sizeof help));
		}
	}
}

/* ---- the loop ---- */

/* Stopped in the middle of a change, we might hold locks that Cyrus waits for. */
static void suspend(struct console *c)
{
	sigset_t set;

	c->suspend = false;
	if (console_must_wait(c)) {
		console_say(c, STYLE_WARN,
		    "Not while something is being changed: stopped there, it might keep Cyrus waiting");
		return;
	}
	term_suspend();
	sigemptyset(&set);
	sigaddset(&set, SIGTSTP);
	signal(SIGTSTP, SIG_DFL);
	raise(SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	term_resume();
	c->dirty = true;
}

static void resize(struct console *c, struct canvas *canvas)
{
	int rows, columns;

	term_size(&rows, &columns);
	if (rows == canvas->rows && columns == canvas->columns)
		return;
	canvas_resize(canvas, rows, columns);
	c->columns = columns;
	/* The first time there is no view yet. */
	if (c->top != NULL && c->top->ops->layout != NULL)
		c->top->ops->layout(c->top, columns);
	c->dirty = true;
}

static void take_keys(struct console *c, uint64_t *esc_ms)
{
	for (int i = 0; i < KEYS_AT_ONCE; i++) {
		int key = term_key();

		if (key == KEY_NOTHING)
			break;
		take_key(c, esc_digit(key, esc_ms));
		c->dirty = true;
		if (c->leaving || c->suspend)
			break;
	}
	if (term_gone() && c->stopped_by == 0) {
		c->stopped_by = SIGHUP;
		console_stop_all(c);
	}
}

int screen_run(struct console *c, struct err *e)
{
	const struct conf *conf = app_conf(c->app);
	struct canvas canvas;
	uint64_t esc_ms = 0;
	bool ascii;

	if (term_open(&conf->console, conf->colors, conf->n_colors, &ascii, e) == -1)
		return -1;
	text_ascii(ascii);
	canvas_init(&canvas, 24, 80, ascii);
	resize(c, &canvas);
	c->columns = canvas.columns;
	console_push(c, view_archives_new(c));
	c->dirty = true;
	while (!(c->leaving || c->stopped_by != 0) || console_must_wait(c)) {
		bool more = console_idle_work(c);
		int timeout = more ? 0 : tasks_current(c) != NULL ? TICK_MS : -1;

		if (c->dirty || tasks_current(c) != NULL) {
			if (c->top->ops->refresh != NULL)
				c->top->ops->refresh(c->top);
			screen_draw(c, &canvas);
			if (c->stopped_by != SIGHUP)
				term_draw(&canvas);
			c->dirty = more;
		}
		/* A terminal that is gone has no more keys. */
		if (console_poll(c, c->stopped_by == SIGHUP ? -1 : STDIN_FILENO, timeout))
			take_keys(c, &esc_ms);
		if (c->suspend)
			suspend(c);
		if (c->stopped_by != SIGHUP)
			resize(c, &canvas);
	}
	canvas_done(&canvas);
	term_close();
	return 0;
}
