/* plain.h: between the files of the plain console: plain.c (the loop), plain_line.c (what was typed), plain_print.c (what is said). */
#ifndef UI_PLAIN_H
#define UI_PLAIN_H

#include "ui/console_priv.h"

#define PLAIN_PAGE    20
#define PLAIN_COLUMNS 80

struct plain {
	struct console *c;
	bool ascii, tty;
	bool prompted; /* the last thing on the output is the prompt */
	bool gone;     /* nobody reads the output any more */

	struct buf input; /* typed, and not yet taken */
	bool ended;       /* nothing will be added to it */
	bool holding;     /* "wait" was typed */
	bool echo_off;    /* a secret is being typed */
	const struct view *question; /* the one that was put */

	/* What was printed last. */
	const struct view *shown;
	size_t rows, first, n, selected;
	char *page[PLAIN_PAGE];
	char *status, *command, *banner;
	char **names; /* by position: what the row was called when it was printed, or NULL */
	size_t n_names, cap_names;
	bool whole; /* print all of it again, changed or not */

	/* The job that was last spoken of. */
	unsigned job;
	uint64_t said_ms;
	char step[160];
};

/** plain_say(p, word, fmt, ...): A line, or more where it is long: ${word} and a colon in front unless it is NULL. */
void plain_say(struct plain *p, const char *word, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** plain_message(p): The console's message, once. plain_question(p): What is being asked. plain_prompt(p). */
void plain_message(struct plain *p);
void plain_question(struct plain *p);
void plain_prompt(struct plain *p);

/** plain_show(p): What is new of the view on top since it was last printed: all, a page, some rows, or nothing. */
void plain_show(struct plain *p);

/** plain_detail(p): All that is known of the selected row. */
void plain_detail(struct plain *p);

/** plain_forget(p): Nothing was printed. */
void plain_forget(struct plain *p);

/** plain_same(p, position): The row there is still the one that was printed under that number. */
bool plain_same(const struct plain *p, size_t position);

/** plain_take(p, line): Do what was typed. */
void plain_take(struct plain *p, const char *line);

#endif
