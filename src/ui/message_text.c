/* message_text.c: headers, text and attachments as lines. */
#include "ui/message_text.h"

#include <string.h>
#include <strings.h>

#include "core/str.h"

/* Where what is shown of it ends: behind a line if there is one, else within a character at most. */
static size_t shown_of(const char *s, size_t n)
{
	size_t end = 0, lines = 0;

	while (end < n && lines < MESSAGE_SHOWN_LINES) {
		const char *nl = memchr(s + end, '\n', n - end);
		size_t next = nl != NULL ? (size_t)(nl - s) + 1 : n;

		if (next > MESSAGE_SHOWN_BYTES)
			return end > MESSAGE_SHOWN_BYTES / 2 ? end : MESSAGE_SHOWN_BYTES;
		end = next;
		lines++;
	}
	return end;
}

/* False: not all of it. */
static bool add_bounded(struct text *t, const char *s, size_t n)
{
	size_t shown = shown_of(s, n);

	/* What a character was cut into stands as \xNN. */
	text_bytes(t, STYLE_NORMAL, 0, s, shown);
	return shown == n;
}

static void add_cut(struct text *t, const char *what)
{
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	text_add(t, STYLE_WARN, 0, "(%s; e writes all of it to a file)", what);
}

static bool is_usual(const char *name)
{
	static const char *const usual[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date",
		"Subject" };

	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		if (strcasecmp(usual[i], name) == 0)
			return true;
	return false;
}

static void add_headers(struct text *t, const struct message *m, bool all)
{
	size_t bytes = 0;

	for (size_t i = 0; i < m->n_fields; i++) {
		const struct message_field *f = &m->fields[i];

		if (!all && !is_usual(f->name))
			continue;
		bytes += strlen(f->name) + strlen(f->value);
		if (bytes > MESSAGE_SHOWN_BYTES) {
			text_add(
			    t, STYLE_WARN, 0, "(%zu more header fields are not shown here)", m->n_fields - i);
			return;
		}
		text_add(t, strcasecmp(f->name, "Subject") == 0 ? STYLE_STRONG : STYLE_HEAD, 4, "%s: %s",
		    f->name, f->value);
	}
}

static void add_attachments(struct text *t, const struct message *m)
{
	char size[16];

	if (m->n_attachments > 0)
		text_add(t, STYLE_NORMAL, 0, "%s", "");
	for (size_t i = 0; i < m->n_attachments; i++) {
		const struct message_attachment *a = &m->attachments[i];

		text_add(t, STYLE_MARK, 4, "[attachment %zu: %s%s%s, %s]", i + 1, a->name,
		    a->name[0] != '\0' ? ", " : "", a->type, str_size(size, sizeof size, a->size_bytes));
	}
}

void message_text(struct text *t, enum message_form form, const struct message *m, const char *p, size_t n)
{
	bool whole = true;

	if (form == MESSAGE_RAW) {
		if (!add_bounded(t, p, n))
			add_cut(t, "this is its beginning");
		return;
	}
	add_headers(t, m, form == MESSAGE_HEADERS);
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	if (m->text[0] != '\0')
		whole = add_bounded(t, m->text, strlen(m->text));
	else
		text_add(t, STYLE_DIM, 0, "(no text)");
	if (!whole)
		add_cut(t, "this is the beginning of the text");
	if (m->text_is_html)
		text_add(t, STYLE_DIM, 0, "(made from HTML)");
	add_attachments(t, m);
	if (m->cut && whole)
		add_cut(t, "not all of the message is shown");
}
