/* first_look.c: the first minute. */
#include "ui/first_look.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

void first_look_add(struct first_look *f, struct check *check)
{
	f->checks = mem_grow(f->checks, &f->cap, f->n + 1, sizeof *f->checks);
	f->checks[f->n++] = check;
}

void first_look_free(struct first_look *f)
{
	for (size_t i = 0; i < f->n; i++)
		check_free(f->checks[i]);
	free(f->checks);
	*f = (struct first_look){ 0 };
}

/* What says best what was found; the rest is for doctor's own screen. */
static bool is_worth(const struct check *k)
{
	return k->state == DOCTOR_OK &&
	       (strcmp(k->subject, "configuration") == 0 || strcmp(k->subject, "cyrus version") == 0 ||
		   strcmp(k->subject, "mailbox list") == 0 || str_starts(k->subject, "partition ") ||
		   str_starts(k->subject, "store "));
}

static size_t write_found(const struct first_look *f, struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct check *k = f->checks[i];

		if (!is_worth(k))
			continue;
		buf_printf(b, "%s  %-18s %s\n", n++ == 0 ? "Found:\n" : "", k->subject, k->what);
	}
	return n;
}

static void write_missing(const struct first_look *f, struct buf *b, size_t *failures, size_t *warnings)
{
	size_t n = 0;

	*failures = *warnings = 0;
	for (int state = DOCTOR_FAIL; state > DOCTOR_OK; state--) {
		for (size_t i = 0; i < f->n; i++) {
			const struct check *k = f->checks[i];

			if ((int)k->state != state)
				continue;
			*(state == DOCTOR_FAIL ? failures : warnings) += 1;
			buf_printf(b, "%s  %-4s  %s: %s\n",
			    n++ == 0 ? "Missing, or not as it should be:\n" : "", check_word(k->state),
			    k->subject, k->what);
			if (k->next[0] != '\0')
				buf_printf(b, "        %s\n", k->next);
		}
	}
}

/* No server, no backup; most other failures leave it possible. */
static bool has_server(const struct first_look *f)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->checks[i]->state == DOCTOR_FAIL &&
		    (strcmp(f->checks[i]->subject, "server") == 0 ||
			strcmp(f->checks[i]->subject, "configuration") == 0))
			return false;
	return true;
}

void first_look_write(const struct first_look *f, const struct console *c, struct buf *b)
{
	struct buf missing = BUF_INIT;
	size_t failures, warnings;
	char backup[16], doctor[16];

	keymap_first(console_keymap(c), REQUEST_BACKUP, backup, sizeof backup);
	keymap_first(console_keymap(c), REQUEST_DOCTOR, doctor, sizeof doctor);
	write_missing(f, &missing, &failures, &warnings);
	buf_str(b, "There is no archive yet.\n\n");
	/* The way on first: it must be seen on the smallest screen. */
	if (f->done && !has_server(f))
		buf_printf(b, "There is nothing here to back up: see below, and %s (doctor).\n\n", doctor);
	else
		buf_printf(b,
		    "%s  takes the first backup of %s; Cyrus keeps running meanwhile.\n"
		    "%s  looks closer at what would go wrong.\n\n",
		    backup, console_server_name(c), doctor);
	/* Without a server that comes first, for the smallest screen again. */
	if (!has_server(f))
		buf_printf(b, "%s\n", buf_text(&missing));
	if (write_found(f, b) > 0)
		buf_char(b, '\n');
	if (missing.len > 0 && has_server(f))
		buf_str(b, buf_text(&missing));
	else if (missing.len == 0 && f->done)
		buf_str(b, "Nothing is missing.\n");
	if (f->running)
		buf_str(b, "Still looking ...\n");
	buf_done(&missing);
}
