/* message_text.h: a message as text to scroll through, in as much of it as a screen is for. */
#ifndef UI_MESSAGE_TEXT_H
#define UI_MESSAGE_TEXT_H

#include "cyrus/message.h"
#include "ui/text.h"

enum message_form { MESSAGE_DECODED, MESSAGE_HEADERS, MESSAGE_RAW, MESSAGE_FORMS };

enum { /* More is not laid out, which is said at its end. */
	MESSAGE_SHOWN_LINES = 10000,
	MESSAGE_SHOWN_BYTES = 256 << 10
};

/** message_text(t, form, m, p, n): Append the message ${m}, whose ${n} bytes are at ${p}. Takes at most some 20 ms. */
void message_text(struct text *t, enum message_form form, const struct message *m, const char *p, size_t n);

#endif
