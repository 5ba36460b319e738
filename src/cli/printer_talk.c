/* printer_talk.c: lines of text, talk on stderr, the status line. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/columns.h"
#include "cli/printer_priv.h"
#include "core/str.h"

/* ---- talk and plain text ---- */

static void format_va(struct buf *b, bool plain, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));
static void format_va(struct buf *b, bool plain, const char *fmt, va_list ap)
{
	struct buf safe = BUF_INIT;
	char *raw = NULL;
	int n = vasprintf(&raw, fmt, ap);

	if (n > 0)
		str_safe_buf(&safe, raw, (size_t)n);
	printer_add_fit(b, plain, buf_text(&safe));
	free(raw);
	buf_done(&safe);
}

void printer_line(struct printer *p, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (p->o.json)
		return;
	printer_status(p, NULL);
	va_start(ap, fmt);
	format_va(&b, p->out_plain, fmt, ap);
	va_end(ap);
	buf_char(&b, '\n');
	printer_put_buf(p, &b);
}

void printer_text(struct printer *p, const char *s, size_t n)
{
	struct buf b = BUF_INIT, safe = BUF_INIT;

	if (p->o.json || n == 0)
		return;
	printer_status(p, NULL);
	str_safe_lines(&safe, s, n);
	printer_add_fit(&b, p->out_plain, buf_text(&safe));
	if (b.len > 0 && b.data[b.len - 1] != '\n')
		buf_char(&b, '\n');
	printer_put_buf(p, &b);
	buf_done(&safe);
}

void printer_toned(struct printer *p, enum printer_tone tone, const char *word, const char *fmt, ...)
{
	struct buf b = BUF_INIT;
	va_list ap;

	if (p->o.json)
		return;
	printer_status(p, NULL);
	printer_add_toned(&b, p->color_out, tone, word);
	va_start(ap, fmt);
	format_va(&b, p->out_plain, fmt, ap);
	va_end(ap);
	buf_char(&b, '\n');
	printer_put_buf(p, &b);
}

void printer_wrapped(
    struct printer *p, enum printer_tone tone, const char *word, size_t indent, const char *fmt, ...)
{
	struct buf b = BUF_INIT, text = BUF_INIT;
	va_list ap;

	if (p->o.json)
		return;
	printer_status(p, NULL);
	printer_add_toned(&b, p->color_out, tone, word);
	va_start(ap, fmt);
	format_va(&text, p->out_plain, fmt, ap);
	va_end(ap);
	columns_wrap(
	    &b, buf_text(&text), columns_of(word), indent, p->out_columns != 0 ? p->out_columns : SIZE_MAX);
	buf_char(&b, '\n');
	printer_put_buf(p, &b);
	buf_done(&text);
}

/* Talk must not stop the work: a stderr that is gone is no failure. */
static void talk(struct printer *p, enum printer_tone tone, const char *word, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
static void talk(struct printer *p, enum printer_tone tone, const char *word, const char *fmt, va_list ap)
{
	struct buf b = BUF_INIT;

	printer_status(p, NULL);
	printer_flush(p);
	printer_add_toned(&b, p->color_err, tone, word);
	format_va(&b, p->err_plain, fmt, ap);
	buf_char(&b, '\n');
	fputs(buf_text(&b), stderr);
	buf_done(&b);
}

void printer_say(struct printer *p, const char *fmt, ...)
{
	va_list ap;

	if (p->o.quiet || p->o.json)
		return;
	va_start(ap, fmt);
	talk(p, TONE_PLAIN, "", fmt, ap);
	va_end(ap);
}

void printer_detail(struct printer *p, const char *fmt, ...)
{
	va_list ap;

	if (!p->o.verbose)
		return;
	va_start(ap, fmt);
	talk(p, TONE_PLAIN, "", fmt, ap);
	va_end(ap);
}

void printer_warn(struct printer *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (p->o.json) {
		struct buf b = BUF_INIT;

		format_va(&b, false, fmt, ap);
		printer_row(p, "warning");
		printer_string(p, "message", buf_text(&b));
		printer_row_end(p);
		buf_done(&b);
	} else {
		talk(p, TONE_WARN, "warning: ", fmt, ap);
	}
	va_end(ap);
}

static void say_toned(struct printer *p, enum printer_tone tone, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static void say_toned(struct printer *p, enum printer_tone tone, const char *word, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	talk(p, tone, word, fmt, ap);
	va_end(ap);
}

void printer_error(struct printer *p, const struct err *e)
{
	if (p->o.json) {
		printer_row(p, "error");
		printer_string(p, "code", err_code_name(e->code));
		printer_number(p, "status", (uint64_t)err_exit_status(e->code));
		printer_string(p, "message", e->msg);
		printer_string(p, "hint", e->hint[0] != '\0' ? e->hint : NULL);
		printer_row_end(p);
	}
	printer_table_end(p);
	say_toned(p, TONE_BAD, "cyrvault: ", "%s", e->msg);
	if (e->hint[0] != '\0')
		say_toned(p, TONE_PLAIN, "  next: ", "%s", e->hint);
}

/* ---- the status line ---- */

bool printer_has_status(const struct printer *p)
{
	return p->status_on;
}

size_t printer_status_columns(const struct printer *p)
{
	size_t n = p->status_on ? columns_terminal(STDERR_FILENO) : 0;

	/* The last column stays free: writing there wraps on some terminals. */
	return n > 1 ? n - 1 : 0;
}

void printer_status(struct printer *p, const char *line)
{
	size_t room = printer_status_columns(p), used = 0;
	struct buf b = BUF_INIT, fit = BUF_INIT;

	if (!p->status_on || (line == NULL && !p->status_drawn))
		return;
	buf_char(&b, '\r');
	if (line != NULL) {
		printer_add_fit(&fit, p->err_plain, line);
		used = columns_cut(&b, buf_text(&fit), room);
	}
	/* What the last one left, with a "^C" that the terminal echoed after it, and no more: the cursor stays near. */
	if (used < p->status_used) {
		size_t end = p->status_used + 4 < room ? p->status_used + 4 : room;

		buf_printf(&b, "%*s\r", (int)(end - used), "");
		columns_cut(&b, buf_text(&fit), room);
	}
	p->status_used = used;
	fputs(buf_text(&b), stderr);
	fflush(stderr);
	p->status_drawn = line != NULL;
	buf_done(&b);
	buf_done(&fit);
}
