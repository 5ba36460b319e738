/* message.h: a raw RFC 5322 message, made readable and harmless for people.
 *
 * Header words (RFC 2047), parameters (RFC 2231), transfer encodings and character sets are decoded by GMime 3;
 * the MIME tree is walked here, because its shape is the sender's and GMime's parser knows no limits on it. All
 * text that comes out is valid UTF-8 without anything that could disturb a terminal (core/str.h). Any bytes are a
 * message: there is no failure, only less to show. Thread-safe; a result is immutable and owns its memory. */
#ifndef CYRUS_MESSAGE_H
#define CYRUS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "cyrus/mailbox.h"

enum { /* What lies beyond is left out, and message.cut is set. */
	MESSAGE_FIELDS_MAX = 1000,
	MESSAGE_FIELD_BYTES = 64 << 10, /* of one header field, raw */
	MESSAGE_HEADER_BYTES = 1 << 20, /* of all header fields, as shown */
	MESSAGE_TEXT_BYTES =
	    1 << 20, /* of the text, decoded; making it safe may lengthen it to four times this */
	MESSAGE_PARTS_MAX = 1000,
	MESSAGE_DEPTH_MAX = 32
};

struct message_field {
	char *name, *value; /* decoded, unfolded, safe; never NULL */
};

struct message_attachment {
	char *name;	     /* safe; "" when it has none */
	char *type;	     /* "application/pdf", lower case, safe */
	uint64_t size_bytes; /* as it would be saved: transfer encoding undone */
};

struct message {
	struct message_field *fields; /* in the order of the message */
	size_t n_fields;
	char *text;	   /* lines ended by '\n', tabs kept; "" when there is nothing to read; never NULL */
	bool text_is_html; /* there was no plain text: reduced from HTML */
	struct message_attachment *attachments;
	size_t n_attachments;
	bool cut; /* a limit was met, or the MIME structure is broken off */
};

/** message_open(p, n): Decode; the bytes are not needed afterwards. The text is the first text/plain part that is
 * no attachment, else the first text/html part; every other part that is not merely another form of the same text
 * is an attachment, an enclosed message as a whole. Never NULL; message_free() it (NULL-safe). Takes time linear
 * in ${n}. */
struct message *message_open(const void *p, size_t n);
void message_free(struct message *m);

/** message_value(m, name): Value of the first field of that name (case does not matter) or NULL; belongs to ${m}. */
const char *message_value(const struct message *m, const char *name);

/** message_header_decode(raw, n, b): Append one header value, such as those of struct envelope: unfolded, RFC 2047
 * decoded, safe on one line. */
void message_header_decode(const char *raw, size_t n, struct buf *b);

/** message_raw_field(p, n, name, b): Append the value of the first header field of that name as it stands,
 * unfolded and trimmed but not decoded and not safe to show: for comparing ("Message-ID"). False when there is
 * none. */
bool message_raw_field(const void *p, size_t n, const char *name, struct buf *b);

/** message_envelope(p, n, env): What mailbox_cache_envelope() would say, from the message itself: for when there
 * is no cache. Addresses are as written. envelope_done() it. */
void message_envelope(const void *p, size_t n, struct envelope *env);

#endif
