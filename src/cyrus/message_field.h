/* message_field.h: the header fields of a raw message, for message.c and its like. Thread-safe; nothing is copied. */
#ifndef CYRUS_MESSAGE_FIELD_H
#define CYRUS_MESSAGE_FIELD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/** Bytes of the caller's. */
struct slice {
	const char *p;
	size_t n;
};

struct raw_field {
	struct slice name, value; /* value still folded */
};

/** message_field_next(s, f): Cut the next field off ${*s}: 1; 0 when the header is over, ${*s} then being the
 * body. A line that is no field continues the one before it, so that a broken header does not end early; one that
 * comes first is the body already. */
int message_field_next(struct slice *s, struct raw_field *f);

/** message_field_is(f, name): Its name is ${name}; case does not matter. */
bool message_field_is(const struct raw_field *f, const char *name);

/** message_field_unfold(value, max, b): Append one trimmed line out of the first ${max} bytes of a folded value;
 * NULs and tabs become spaces. True when there were more bytes. */
bool message_field_unfold(struct slice value, size_t max, struct buf *b);

/** message_words_decode(text, b): Append unfolded text with its RFC 2047 words decoded, made safe to show. */
void message_words_decode(const char *text, struct buf *b);

/** message_skip_from_line(s): Drop the "From " line that mail out of an mbox begins with. */
void message_skip_from_line(struct slice *s);

/** message_line_length(p, end): Bytes of the line at ${p}, its line end included. */
size_t message_line_length(const char *p, const char *end);

/** message_gmime_start(): To be called before any call to GMime; any thread, any number of times. */
void message_gmime_start(void);

#endif
