/* mbox.c: the mboxrd form, byte by byte, so that no line is too long. */
#include "restore/mbox.h"

#include <string.h>
#include <strings.h>
#include <time.h>

static const char *const own_fields[] = {
	"status:", "x-status:", "x-keywords:", "x-uid:", "x-imap:", "x-imapbase:", "content-length:"
};

void mbox_begin(struct mbox_filter *f, int64_t internaldate, const struct mbox_flags *flags, struct buf *out)
{
	time_t t = (time_t)internaldate;
	char date[40] = "Thu Jan  1 00:00:00 1970";
	struct tm tm;

	*f = (struct mbox_filter){ .in_header = true, .ended_line = true };
	if (gmtime_r(&t, &tm) != NULL && tm.tm_year < 8100)
		strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm);
	buf_printf(out, "From MAILER-DAEMON %s\n", date);
	buf_printf(out, "Status: %sO\n", flags->seen ? "R" : "");
	if (flags->answered || flags->flagged || flags->deleted || flags->draft)
		buf_printf(out, "X-Status: %s%s%s%s\n", flags->answered ? "A" : "", flags->flagged ? "F" : "",
		    flags->draft ? "T" : "", flags->deleted ? "D" : "");
	if (flags->keywords != NULL && flags->keywords[0] != '\0')
		buf_printf(out, "X-Keywords: %s\n", flags->keywords);
}

static void emit(struct mbox_filter *f, char c, struct buf *out)
{
	buf_char(out, c);
	f->ended_line = c == '\n';
}

/* What was held back of this line's beginning turned out to be ordinary. */
static void release(struct mbox_filter *f, struct buf *out)
{
	for (; f->quotes > 0; f->quotes--)
		emit(f, '>', out);
	for (unsigned i = 0; i < f->n; i++)
		emit(f, f->hold[i], out);
	f->n = 0;
	f->in_line = true;
}

/* 2: it is one of the fields we leave out; 1: it may become one; 0: it is none. */
static int own_field(const struct mbox_filter *f)
{
	int ret = 0;

	if (!f->in_header || f->quotes > 0)
		return 0;
	for (size_t i = 0; i < sizeof own_fields / sizeof own_fields[0]; i++) {
		if (f->n > strlen(own_fields[i]) || strncasecmp(own_fields[i], f->hold, f->n) != 0)
			continue;
		if (f->n == strlen(own_fields[i]))
			return 2;
		ret = 1;
	}
	return ret;
}

/* A byte at a line's beginning, before it is known what line this is. */
static void begin_line(struct mbox_filter *f, char c, struct buf *out)
{
	bool continued = f->dropping && f->n == 0 && f->quotes == 0 && (c == ' ' || c == '\t');
	int own;

	if (continued) {
		f->in_line = true;
		return;
	}
	f->dropping = false;
	if (c == '>' && f->n == 0) {
		f->quotes++;
		return;
	}
	if (c == '\n') {
		if (f->n == 0 && f->quotes == 0)
			f->in_header = false;
		release(f, out);
		emit(f, c, out);
		f->in_line = false;
		return;
	}
	f->hold[f->n++] = c;
	if (f->n == 5 && memcmp(f->hold, "From ", 5) == 0) {
		emit(f, '>', out);
		release(f, out);
		return;
	}
	if (f->n < 5 && memcmp(f->hold, "From ", f->n) == 0)
		return;
	own = own_field(f);
	if (own == 2) {
		f->n = 0;
		f->dropping = f->in_line = true;
	} else if (own == 0) {
		release(f, out);
	}
}

static void add_char(struct mbox_filter *f, char c, struct buf *out)
{
	if (!f->in_line) {
		begin_line(f, c, out);
		return;
	}
	if (!f->dropping)
		emit(f, c, out);
	if (c == '\n')
		f->in_line = false;
}

void mbox_add(struct mbox_filter *f, const void *p, size_t n, struct buf *out)
{
	const char *s = p;

	for (size_t i = 0; i < n; i++) {
		if (f->cr && s[i] != '\n')
			add_char(f, '\r', out);
		f->cr = s[i] == '\r';
		if (!f->cr)
			add_char(f, s[i], out);
	}
}

void mbox_end(struct mbox_filter *f, struct buf *out)
{
	if (f->cr)
		add_char(f, '\r', out);
	if (!f->in_line)
		release(f, out);
	if (!f->ended_line)
		emit(f, '\n', out);
	buf_char(out, '\n');
}
