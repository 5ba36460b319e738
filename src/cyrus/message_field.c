/* message_field.c: the header fields of a message: cut, unfolded, decoded. */
#include "cyrus/message_field.h"

#include <gmime/gmime.h>
#include <string.h>
#include <strings.h>
#include <threads.h>

#include "core/str.h"
#include "cyrus/message.h"

static once_flag gmime_once = ONCE_FLAG_INIT;

static void gmime_start(void)
{
	g_mime_init();
}

void message_gmime_start(void)
{
	call_once(&gmime_once, gmime_start);
}

size_t message_line_length(const char *p, const char *end)
{
	const char *nl = memchr(p, '\n', (size_t)(end - p));

	return (size_t)((nl != NULL ? nl + 1 : end) - p);
}

static bool is_blank_line(const char *p, size_t n)
{
	return (n == 1 && p[0] == '\n') || (n == 2 && p[0] == '\r' && p[1] == '\n');
}

/* Length of the field name at ${p}, 0 when the line does not begin a field. */
static size_t name_length(const char *p, size_t n)
{
	size_t len = 0;

	while (len < n && p[len] > ' ' && p[len] <= '~' && p[len] != ':')
		len++;
	for (size_t i = len; i < n; i++) {
		if (p[i] == ':')
			return len;
		if (p[i] != ' ' && p[i] != '\t')
			break;
	}
	return 0;
}

int message_field_next(struct slice *s, struct raw_field *f)
{
	const char *end, *colon, *p = s->p;
	size_t len, name;

	if (s->n == 0)
		return 0;
	end = p + s->n;
	len = message_line_length(p, end);
	name = name_length(p, len);
	if (name == 0) {
		if (is_blank_line(p, len))
			*s = (struct slice){ p + len, s->n - len };
		return 0;
	}
	f->name = (struct slice){ p, name };
	colon = memchr(p + name, ':', len - name);
	for (p += len; p < end; p += len) {
		len = message_line_length(p, end);
		if (is_blank_line(p, len) || (*p != ' ' && *p != '\t' && name_length(p, len) > 0))
			break;
	}
	f->value = (struct slice){ colon + 1, (size_t)(p - colon) - 1 };
	*s = (struct slice){ p, (size_t)(end - p) };
	return 1;
}

void message_skip_from_line(struct slice *s)
{
	if (s->n > 5 && memcmp(s->p, "From ", 5) == 0) {
		size_t len = message_line_length(s->p, s->p + s->n);

		*s = (struct slice){ s->p + len, s->n - len };
	}
}

bool message_field_is(const struct raw_field *f, const char *name)
{
	return f->name.n == strlen(name) && strncasecmp(f->name.p, name, f->name.n) == 0;
}

bool message_field_unfold(struct slice value, size_t max, struct buf *b)
{
	size_t start = b->len;
	bool cut = value.n > max;

	if (cut)
		value.n = max;
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];

		if (c == '\r' || c == '\n')
			continue;
		if (i > 0 && value.p[i - 1] == '\n' && c != ' ' && c != '\t')
			buf_char(b, ' ');
		if (c == '\0' || c == '\t')
			c = ' ';
		if (c != ' ' || b->len > start)
			buf_char(b, c);
	}
	while (b->len > start && b->data[b->len - 1] == ' ')
		b->data[--b->len] = '\0';
	return cut;
}

void message_words_decode(const char *text, struct buf *b)
{
	char *decoded;

	message_gmime_start();
	decoded = g_mime_utils_header_decode_text(NULL, text);
	if (decoded != NULL)
		str_safe_buf(b, decoded, strlen(decoded));
	g_free(decoded);
}

/* One line of printable ASCII without an encoded word stands for itself, and most lines of most lists do. */
static bool is_plain(const char *raw, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (raw[i] < 0x20 || raw[i] > 0x7e || (raw[i] == '?' && i > 0 && raw[i - 1] == '='))
			return false;
	return n > 0 && raw[0] != ' ' && raw[n - 1] != ' ';
}

void message_header_decode(const char *raw, size_t n, struct buf *b)
{
	struct buf line = BUF_INIT;

	if (n <= MESSAGE_FIELD_BYTES && is_plain(raw, n)) {
		buf_add(b, raw, n);
		return;
	}
	message_field_unfold((struct slice){ raw, n }, MESSAGE_FIELD_BYTES, &line);
	if (line.len > 0)
		message_words_decode(line.data, b);
	buf_done(&line);
}

bool message_raw_field(const void *p, size_t n, const char *name, struct buf *b)
{
	struct slice s = { p, n };
	struct raw_field f;

	message_skip_from_line(&s);
	while (message_field_next(&s, &f)) {
		if (message_field_is(&f, name)) {
			message_field_unfold(f.value, MESSAGE_FIELD_BYTES, b);
			return true;
		}
	}
	return false;
}

void message_envelope(const void *p, size_t n, struct envelope *env)
{
	struct {
		const char *name;
		char **to;
	} wanted[] = {
		{ "Date", &env->date },
		{ "Subject", &env->subject },
		{ "From", &env->from },
		{ "To", &env->to },
		{ "Cc", &env->cc },
		{ "Message-ID", &env->message_id },
		{ "In-Reply-To", &env->in_reply_to },
	};

	*env = (struct envelope){ 0 };
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
		struct buf b = BUF_INIT;

		if (message_raw_field(p, n, wanted[i].name, &b) && b.len > 0)
			*wanted[i].to = buf_steal(&b);
		buf_done(&b);
	}
}
