/* message.c: the MIME tree of a message, walked within limits, and its parts decoded through GMime. */
#include "cyrus/message.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/html_text.h"
#include "cyrus/message_field.h"

enum {
	PARAMETERS_BYTES = 4 << 10, /* of a Content-* field */
	BOUNDARY_BYTES = 256,
	CHUNK = 16 << 10
};

/* A part as its header describes it. */
struct part {
	struct slice body;
	char *type;	/* "text/plain", lower case */
	char *boundary; /* NULL: none */
	char *charset;
	char *filename;
	GMimeContentEncoding encoding;
	bool attachment; /* by its Content-Disposition */
};

/* A text part kept for the end of the walk, when it is known which is shown. */
struct candidate {
	bool set;
	bool alternative; /* another form of the same text stands beside it */
	struct part part;
};

struct walk {
	struct message *m;
	size_t attachments_cap;
	unsigned parts;
	struct candidate plain, html;
};

static void read_fields(struct message *m, struct slice s)
{
	size_t cap = 0, shown = 0;
	struct raw_field f;

	while (message_field_next(&s, &f)) {
		struct buf name = BUF_INIT, line = BUF_INIT, value = BUF_INIT;

		if (m->n_fields >= MESSAGE_FIELDS_MAX || shown >= MESSAGE_HEADER_BYTES) {
			m->cut = true;
			return;
		}
		str_safe_buf(&name, f.name.p, f.name.n < 128 ? f.name.n : 128);
		m->cut |= message_field_unfold(f.value, MESSAGE_FIELD_BYTES, &line);
		message_words_decode(buf_text(&line), &value);
		shown += name.len + value.len;
		m->fields = mem_grow(m->fields, &cap, m->n_fields + 1, sizeof *m->fields);
		m->fields[m->n_fields++] = (struct message_field){ buf_steal(&name), buf_steal(&value) };
		buf_done(&line);
	}
}

/* ---- the description of a part ---- */

static char *lower(const char *s)
{
	char *copy = mem_strdup(s);

	for (char *c = copy; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + 32);
	return copy;
}

static void read_content_type(struct part *part, const char *text)
{
	GMimeContentType *ct = g_mime_content_type_parse(NULL, text);
	char *mime = ct != NULL ? g_mime_content_type_get_mime_type(ct) : NULL;

	if (mime != NULL) {
		const char *boundary = g_mime_content_type_get_parameter(ct, "boundary");
		const char *name = g_mime_content_type_get_parameter(ct, "name");

		free(part->type);
		part->type = lower(mime);
		part->charset = mem_strdup(g_mime_content_type_get_parameter(ct, "charset"));
		if (boundary != NULL && *boundary != '\0' && strlen(boundary) <= BOUNDARY_BYTES)
			part->boundary = mem_strdup(boundary);
		if (part->filename == NULL && name != NULL && *name != '\0')
			part->filename = mem_strdup(name);
	}
	g_free(mime);
	if (ct != NULL)
		g_object_unref(ct);
}

static void read_disposition(struct part *part, const char *text)
{
	GMimeContentDisposition *cd = g_mime_content_disposition_parse(NULL, text);
	const char *name;

	if (cd == NULL)
		return;
	part->attachment = g_mime_content_disposition_is_attachment(cd);
	name = g_mime_content_disposition_get_parameter(cd, "filename");
	if (name != NULL && *name != '\0') {
		free(part->filename);
		part->filename = mem_strdup(name);
	}
	g_object_unref(cd);
}

static void part_read(struct part *part, struct slice s, const char *default_type)
{
	struct raw_field f;
	bool type = false, disposition = false, encoding = false;

	*part = (struct part){ .type = mem_strdup(default_type) };
	while (message_field_next(&s, &f)) {
		struct buf line = BUF_INIT;

		if (f.name.n < 8 || strncasecmp(f.name.p, "content-", 8) != 0)
			continue;
		message_field_unfold(f.value, PARAMETERS_BYTES, &line);
		if (line.len == 0) {
			continue;
		} else if (!type && message_field_is(&f, "Content-Type")) {
			type = true;
			read_content_type(part, line.data);
		} else if (!disposition && message_field_is(&f, "Content-Disposition")) {
			disposition = true;
			read_disposition(part, line.data);
		} else if (!encoding && message_field_is(&f, "Content-Transfer-Encoding")) {
			encoding = true;
			part->encoding = g_mime_content_encoding_from_string(line.data);
		}
		buf_done(&line);
	}
	part->body = s;
}

static void part_done(struct part *part)
{
	free(part->type);
	free(part->boundary);
	free(part->charset);
	free(part->filename);
	*part = (struct part){ 0 };
}

/* ---- content ---- */

static bool is_encoded(const struct part *part)
{
	return part->encoding == GMIME_CONTENT_ENCODING_BASE64 ||
	       part->encoding == GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE ||
	       part->encoding == GMIME_CONTENT_ENCODING_UUENCODE;
}

/* Undoes the transfer encoding; returns the bytes there are. ${b} (may be NULL) takes those that fit. */
static uint64_t decode_transfer(const struct part *part, struct buf *b, bool *cut)
{
	char out[CHUNK * 2];
	uint64_t total = 0;
	GMimeEncoding state;

	if (!is_encoded(part) && b == NULL)
		return part->body.n;
	g_mime_encoding_init_decode(&state, part->encoding);
	for (size_t at = 0; at < part->body.n;) {
		size_t n = part->body.n - at < CHUNK ? part->body.n - at : CHUNK, got = n;
		const char *from = part->body.p + at;

		if (is_encoded(part)) {
			got = g_mime_encoding_step(&state, from, n, out);
			from = out;
		}
		total += got;
		at += n;
		if (b == NULL)
			continue;
		if (b->max > 0 && got > b->max - b->len) {
			got = b->max - b->len;
			*cut = true;
		}
		buf_add(b, from, got);
		if (*cut)
			break;
	}
	return total;
}

static bool is_utf8(const char *s, size_t n)
{
	uint32_t cp;

	for (size_t i = 0, len; i < n; i += len)
		if ((len = str_utf8_next(s + i, n - i, &cp)) == 0)
			return false;
	return true;
}

/* Converts to UTF-8. What declares nothing, ASCII or Latin-1 and is UTF-8 is taken as that, else as what Windows
 * writes under these names. */
static void to_utf8(const char *charset, struct buf *text)
{
	GMimeFilter *filter;
	char *out;
	size_t n, prespace;
	bool vague = charset == NULL || *charset == '\0' || strcasecmp(charset, "us-ascii") == 0 ||
		     strcasecmp(charset, "ascii") == 0 || strcasecmp(charset, "iso-8859-1") == 0;

	if (text->len == 0 || (!vague && strcasecmp(charset, "utf-8") == 0) ||
	    (vague && is_utf8(text->data, text->len)))
		return;
	filter = g_mime_filter_charset_new(vague ? "windows-1252" : charset, "UTF-8");
	if (filter == NULL && !is_utf8(text->data, text->len))
		filter = g_mime_filter_charset_new("windows-1252", "UTF-8");
	if (filter == NULL)
		return;
	g_mime_filter_complete(filter, text->data, text->len, 0, &out, &n, &prespace);
	buf_clear(text);
	text->max = 0; /* a character of a bounded text takes a bounded number of bytes */
	buf_add(text, out, n);
	g_object_unref(filter);
}

/* CRLF and lone CR become LF. */
static void unify_lines(struct buf *b)
{
	size_t to = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] == '\r' && i + 1 < b->len && b->data[i + 1] == '\n')
			continue;
		b->data[to++] = b->data[i] == '\r' ? '\n' : b->data[i];
	}
	b->len = to;
	if (b->data != NULL)
		b->data[to] = '\0';
}

/* The text of a part in UTF-8, not yet safe. */
static void read_text(struct message *m, const struct part *part, struct buf *b)
{
	b->max = MESSAGE_TEXT_BYTES;
	decode_transfer(part, b, &m->cut);
	to_utf8(part->charset, b);
	b->max = 0;
	unify_lines(b);
}

static bool is_blank(const struct buf *b)
{
	return strspn(buf_text(b), " \t\n") == b->len;
}

static void add_attachment(struct walk *w, const struct part *part)
{
	struct message *m = w->m;
	struct buf name = BUF_INIT, type = BUF_INIT;

	m->attachments =
	    mem_grow(m->attachments, &w->attachments_cap, m->n_attachments + 1, sizeof *m->attachments);
	if (part->filename != NULL)
		message_words_decode(part->filename, &name);
	str_safe_buf(&type, part->type, strlen(part->type));
	m->attachments[m->n_attachments++] = (struct message_attachment){
		.name = buf_steal(&name),
		.type = buf_steal(&type),
		.size_bytes = decode_transfer(part, NULL, NULL),
	};
}

/* ---- the tree ---- */

struct delimiter {
	const char *line, *after; /* where it begins; what follows it */
	bool last;
};

/* The next "--boundary" line at or after ${from}; ${from} is where a line begins. */
static bool find_delimiter(struct slice body, const char *from, const char *boundary, struct delimiter *d)
{
	const char *end = body.p + body.n, *at = from;
	char want[BOUNDARY_BYTES + 3] = "--";
	size_t n = strlen(boundary) + 2;

	memcpy(want + 2, boundary, n - 2);
	while (at < end && (at = memmem(at, (size_t)(end - at), want, n)) != NULL) {
		const char *rest = at + n, *eol = at + message_line_length(at, end);

		d->last = eol - rest >= 2 && rest[0] == '-' && rest[1] == '-';
		if (d->last)
			rest += 2;
		while (rest < eol && strchr(" \t\r\n", *rest) != NULL && *rest != '\0')
			rest++;
		if (rest == eol && (at == body.p || at[-1] == '\n')) {
			d->line = at;
			d->after = eol;
			return true;
		}
		at += n;
	}
	return false;
}

static void walk_part(
    struct walk *w, struct slice s, const char *default_type, unsigned depth, bool alternative);

/* False when not one delimiter is there. */
static bool walk_multipart(struct walk *w, const struct part *part, unsigned depth)
{
	const char *child = strcmp(part->type, "multipart/digest") == 0 ? "message/rfc822" : "text/plain";
	bool alternative = strcmp(part->type, "multipart/alternative") == 0;
	const char *end = part->body.p + part->body.n;
	struct delimiter d, next;

	if (!find_delimiter(part->body, part->body.p, part->boundary, &d))
		return false;
	while (!d.last && w->parts < MESSAGE_PARTS_MAX) {
		bool more = find_delimiter(part->body, d.after, part->boundary, &next);
		struct slice s = { d.after, (size_t)((more ? next.line : end) - d.after) };

		if (more && s.n > 0) /* the line end before a delimiter is its own */
			s.n -= s.n > 1 && s.p[s.n - 2] == '\r' ? 2 : 1;
		walk_part(w, s, child, depth + 1, alternative);
		if (!more) {
			w->m->cut = true;
			return true;
		}
		d = next;
	}
	w->m->cut |= !d.last;
	return true;
}

/* Takes ${part} over when it keeps it. */
static bool keep_candidate(struct candidate *c, struct part *part, bool alternative)
{
	if (c->set)
		return false;
	*c = (struct candidate){ true, alternative, *part };
	*part = (struct part){ 0 };
	return true;
}

static void walk_leaf(struct walk *w, struct part *part, unsigned depth, bool alternative)
{
	bool inline_text =
	    !part->attachment && part->filename == NULL && strncmp(part->type, "text/", 5) == 0;
	bool html = strcmp(part->type, "text/html") == 0;
	bool plain = strcmp(part->type, "text/plain") == 0 || (depth == 0 && !html);

	if (inline_text && html && keep_candidate(&w->html, part, alternative))
		return;
	if (inline_text && plain && keep_candidate(&w->plain, part, alternative))
		return;
	if (!inline_text || !alternative)
		add_attachment(w, part);
}

static void walk_part(
    struct walk *w, struct slice s, const char *default_type, unsigned depth, bool alternative)
{
	struct part part;
	bool multipart;

	if (w->parts >= MESSAGE_PARTS_MAX) {
		w->m->cut = true;
		return;
	}
	w->parts++;
	part_read(&part, s, default_type);
	multipart = strncmp(part.type, "multipart/", 10) == 0;
	if (multipart && part.boundary != NULL && depth < MESSAGE_DEPTH_MAX) {
		if (walk_multipart(w, &part, depth)) {
			part_done(&part);
			return;
		}
		/* A container that contains nothing: its text may at least be read. */
		w->m->cut = true;
		free(part.type);
		part.type = mem_strdup("text/plain");
	} else if (multipart) {
		w->m->cut = true;
	}
	walk_leaf(w, &part, depth, alternative);
	part_done(&part);
}

/* Shows the plain text, or the HTML when that is all there is to read. */
static void show_text(struct walk *w)
{
	struct message *m = w->m;
	struct buf text = BUF_INIT, reduced = BUF_INIT, safe = BUF_INIT_MAX(4 * MESSAGE_TEXT_BYTES);

	if (w->plain.set)
		read_text(m, &w->plain.part, &text);
	if (w->html.set && is_blank(&text)) {
		buf_clear(&text);
		read_text(m, &w->html.part, &text);
		html_text(buf_text(&text), text.len, &reduced);
		m->text_is_html = true;
	} else if (w->html.set && !w->html.alternative) {
		add_attachment(w, &w->html.part);
	}
	if (m->text_is_html)
		str_safe_lines(&safe, buf_text(&reduced), reduced.len);
	else
		str_safe_lines(&safe, buf_text(&text), text.len);
	if (safe.len > 0 && safe.data[safe.len - 1] != '\n')
		buf_char(&safe, '\n');
	m->cut |= safe.full;
	m->text = buf_steal(&safe);
	buf_done(&text);
	buf_done(&reduced);
}

struct message *message_open(const void *p, size_t n)
{
	struct message *m = mem_alloc(sizeof *m);
	struct walk w = { .m = m };
	struct slice s = { p, n };

	message_gmime_start();
	message_skip_from_line(&s);
	read_fields(m, s);
	walk_part(&w, s, "text/plain", 0, false);
	show_text(&w);
	part_done(&w.plain.part);
	part_done(&w.html.part);
	return m;
}

void message_free(struct message *m)
{
	if (m == NULL)
		return;
	for (size_t i = 0; i < m->n_fields; i++) {
		free(m->fields[i].name);
		free(m->fields[i].value);
	}
	free(m->fields);
	free(m->text);
	for (size_t i = 0; i < m->n_attachments; i++) {
		free(m->attachments[i].name);
		free(m->attachments[i].type);
	}
	free(m->attachments);
	free(m);
}

const char *message_value(const struct message *m, const char *name)
{
	for (size_t i = 0; i < m->n_fields; i++)
		if (strcasecmp(m->fields[i].name, name) == 0)
			return m->fields[i].value;
	return NULL;
}
