/* printer.h: what a command says, as text for people or as JSON for programs.
 *
 * A command says everything once, as rows of named values; the printer makes a line of a table of it, or one JSON
 * object. Data goes to stdout, talk to stderr. Text from outside is made safe here and nowhere else. A printer belongs
 * to the main thread; workers hand over what they find (progress.h). */
#ifndef CLI_PRINTER_H
#define CLI_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

enum printer_color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct printer_opts {
	bool json;
	bool quiet;   /* no talk but warnings and errors */
	bool verbose; /* more talk */
	enum printer_color color;
};

/** How a word is meant: colour where there is one, never the only sign. */
enum printer_tone { TONE_PLAIN, TONE_GOOD, TONE_WARN, TONE_BAD, TONE_HEAD };

struct printer;

/** printer_new(o), printer_free(p): printer_free() takes NULL and flushes nothing: printer_close() first. */
struct printer *printer_new(const struct printer_opts *o);
void printer_free(struct printer *p);

/** printer_close(p, e): Flush. -1 when stdout did not take everything: ERR_SPACE, or ERR_SYS with EPIPE in e->sys when
 * its reader went away. */
int printer_close(struct printer *p, struct err *e);

/** printer_broken(p): stdout takes no more; long loops may stop. */
bool printer_broken(const struct printer *p);

bool printer_is_json(const struct printer *p);
bool printer_is_verbose(const struct printer *p);
bool printer_is_quiet(const struct printer *p);

/* ---- rows ---- */

struct printer_column {
	const char *key;   /* the value's name in JSON */
	const char *title; /* "SIZE" */
	bool right;	   /* numbers stand at the right */
	unsigned flex; /* 0: never cut; else may be cut to so many columns where the terminal is too narrow */
	bool optional; /* not shown when none of the first rows has anything in it */
	unsigned drop; /* 0: always shown; else left out, 1 first, where the terminal is too narrow */
};

/** printer_table(p, columns, n): The rows that follow are lines of a table, until printer_table_end(). ${columns} must
 * outlive it. The title line comes with the first row. In JSON it does nothing. */
void printer_table(struct printer *p, const struct printer_column *columns, size_t n);
void printer_table_end(struct printer *p);

/** printer_row(p, type), printer_row_end(p): One row: {"type":TYPE,...}. As text a row stands only within a table, and
 * shows only the values that are columns of it. */
void printer_row(struct printer *p, const char *type);
void printer_row_end(struct printer *p);

/** printer_string(p, key, s): Bytes from anywhere as a C string; NULL: null, and nothing as text.
 * printer_number(p, key, n), printer_size(p, key, bytes) (4.1K as text), printer_time(p, key, t) (local time as text),
 * printer_bool(p, key, v) (as text: the key's name if true). */
void printer_string(struct printer *p, const char *key, const char *s);
void printer_number(struct printer *p, const char *key, uint64_t n);
void printer_size(struct printer *p, const char *key, uint64_t bytes);
void printer_time(struct printer *p, const char *key, int64_t t);
void printer_bool(struct printer *p, const char *key, bool v);

/** printer_word(p, key, word, tone): A word with a meaning ("verified"). */
void printer_word(struct printer *p, const char *key, const char *word, enum printer_tone tone);

/** printer_words(p, key, s): Words separated by blanks: an array of strings in JSON. */
void printer_words(struct printer *p, const char *key, const char *s);

/** printer_numbers(p, key, v, n): An array of numbers; JSON only. */
void printer_numbers(struct printer *p, const char *key, const uint32_t *v, size_t n);

/** printer_members(p, object): All members of a JSON object; JSON only. */
struct json_t;
void printer_members(struct printer *p, const struct json_t *object);

/** printer_shown(p, key, s): What column ${key} shows as text; not in JSON, where another value says it better. */
void printer_shown(struct printer *p, const char *key, const char *s);

/* ---- talk and plain text ---- */

/** printer_line(p, fmt, ...): One line of data as text; nothing in JSON. printer_text(p, s, n): Text of several lines,
 * made safe line by line. */
void printer_line(struct printer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void printer_text(struct printer *p, const char *s, size_t n);

/** printer_toned(p, tone, word, fmt, ...): A line of data that begins with ${word}. */
void printer_toned(struct printer *p, enum printer_tone tone, const char *word, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/** printer_wrapped(p, tone, word, indent, fmt, ...): The same, broken between words where the terminal ends; further lines begin
 * ${indent} columns in. For prose: what may be copied, such as a command, stays on one line. */
void printer_wrapped(struct printer *p, enum printer_tone tone, const char *word, size_t indent,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/** printer_say(p, fmt, ...): Talk, on stderr; not with -q, nor in JSON. printer_detail(): only with -v.
 * printer_warn(): also with -q, with "warning: " before it; in JSON a row {"type":"warning","message":...}. */
void printer_say(struct printer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void printer_detail(struct printer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void printer_warn(struct printer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** printer_error(p, e): The failure and what to do next, on stderr; in JSON also {"type":"error",...}. */
void printer_error(struct printer *p, const struct err *e);

/** printer_status(p, line): Draw the status line at the bottom of stderr, NULL: take it away. All talk goes above it. */
void printer_status(struct printer *p, const char *line);

/** printer_has_status(p): stderr is a terminal and -q was not given. printer_status_columns(p): How wide a status line
 * may be. */
bool printer_has_status(const struct printer *p);
size_t printer_status_columns(const struct printer *p);

#endif
