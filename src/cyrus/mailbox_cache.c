/* mailbox_cache.c: cyrus.cache: the envelope of one record. */
#include "cyrus/mailbox.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mem.h"

enum { CACHE_ITEMS = 10 };

/* What imapd writes where an address has no domain; it is in no message. */
static const char no_domain[] = "unspecified-domain";

struct cursor {
	const char *p, *end;
};

struct bytes {
	const char *p; /* NULL: NIL */
	size_t n;
	bool escaped; /* a quoted string that holds backslashes */
};

static bool take(struct cursor *c, char want)
{
	if (c->p >= c->end || *c->p != want)
		return false;
	c->p++;
	return true;
}

static void skip_spaces(struct cursor *c)
{
	while (c->p < c->end && *c->p == ' ')
		c->p++;
}

static bool take_nil(struct cursor *c)
{
	if (c->end - c->p < 3 || memcmp(c->p, "NIL", 3) != 0)
		return false;
	c->p += 3;
	return true;
}

static int take_literal(struct cursor *c, struct bytes *s)
{
	size_t n = 0;
	int digits = 0;

	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9' && digits < 10; c->p++, digits++)
		n = n * 10 + (size_t)(*c->p - '0');
	take(c, '+');
	if (digits == 0 || !take(c, '}') || !take(c, '\r') || !take(c, '\n') || n > (size_t)(c->end - c->p))
		return -1;
	*s = (struct bytes){ .p = c->p, .n = n };
	c->p += n;
	return 0;
}

static int take_quoted(struct cursor *c, struct bytes *s)
{
	*s = (struct bytes){ .p = c->p };
	for (; c->p < c->end; c->p++) {
		if (*c->p == '"') {
			s->n = (size_t)(c->p++ - s->p);
			return 0;
		}
		if (*c->p == '\\' && c->end - c->p > 1) {
			s->escaped = true;
			c->p++;
		}
	}
	return -1;
}

/* An IMAP nstring, and the space before it. */
static int take_string(struct cursor *c, struct bytes *s)
{
	skip_spaces(c);
	*s = (struct bytes){ 0 };
	if (take(c, '"'))
		return take_quoted(c, s);
	if (take(c, '{'))
		return take_literal(c, s);
	return take_nil(c) ? 0 : -1;
}

/* Appends as one line: folding and NULs become spaces. */
static void add_text(struct buf *b, const struct bytes *s)
{
	for (size_t i = 0; i < s->n; i++) {
		char ch = s->p[i];

		if (s->escaped && ch == '\\' && i + 1 < s->n)
			ch = s->p[++i];
		if (ch == '\r' && i + 1 < s->n && s->p[i + 1] == '\n')
			continue;
		buf_char(b, ch == '\0' || ch == '\r' || ch == '\n' ? ' ' : ch);
	}
}

static bool has_any(const char *s, size_t n, const char *set)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] != '\0' && strchr(set, s[i]) != NULL)
			return true;
	return false;
}

/* A display name; quoted where it would otherwise read as several addresses. */
static void add_name(struct buf *b, const struct bytes *s)
{
	bool quote = has_any(s->p, s->n, ",;<>\"");
	size_t at = b->len;

	if (!quote) {
		add_text(b, s);
		return;
	}
	buf_char(b, '"');
	add_text(b, s);
	for (size_t i = at + 1; i < b->len; i++)
		if (b->data[i] == '"')
			b->data[i] = '\'';
	buf_char(b, '"');
}

static void add_mailbox(struct buf *b, const struct bytes *local, const struct bytes *host)
{
	add_text(b, local);
	if (host->n == 0 || (host->n == sizeof no_domain - 1 && memcmp(host->p, no_domain, host->n) == 0))
		return;
	buf_char(b, '@');
	add_text(b, host);
}

/* "(name route local host)"; a missing host marks the start of a group (local is its name) or, without local, its
 * end. */
static int take_address(struct cursor *c, struct buf *b)
{
	struct bytes name, route, local, host;
	bool separate = b->len > 0 && b->data[b->len - 1] != ':';

	if (take_string(c, &name) == -1 || take_string(c, &route) == -1 || take_string(c, &local) == -1 ||
	    take_string(c, &host) == -1 || !take(c, ')'))
		return -1;
	if (host.p == NULL && local.p == NULL) {
		buf_char(b, ';');
		return 0;
	}
	if (separate)
		buf_char(b, ',');
	if (b->len > 0)
		buf_char(b, ' ');
	if (host.p == NULL) {
		add_name(b, &local);
		buf_char(b, ':');
	} else if (name.n > 0) {
		add_name(b, &name);
		buf_str(b, " <");
		add_mailbox(b, &local, &host);
		buf_char(b, '>');
	} else {
		add_mailbox(b, &local, &host);
	}
	return 0;
}

static char *steal_text(struct buf *b)
{
	if (b->len > 0)
		return buf_steal(b);
	buf_done(b);
	return NULL;
}

/* An address list or NIL; ${ret} NULL: skip it. */
static int take_addresses(struct cursor *c, char **ret)
{
	struct buf b = BUF_INIT;

	skip_spaces(c);
	if (take_nil(c))
		return 0;
	if (!take(c, '('))
		return -1;
	for (;;) {
		skip_spaces(c);
		if (take(c, ')'))
			break;
		if (!take(c, '(') || take_address(c, &b) == -1) {
			buf_done(&b);
			return -1;
		}
	}
	if (ret != NULL)
		*ret = steal_text(&b);
	else
		buf_done(&b);
	return 0;
}

static int take_text(struct cursor *c, char **ret)
{
	struct buf b = BUF_INIT;
	struct bytes s;

	if (take_string(c, &s) == -1)
		return -1;
	add_text(&b, &s);
	*ret = steal_text(&b);
	return 0;
}

static int parse_envelope(struct cursor c, struct envelope *env)
{
	if (take(&c, '(') && take_text(&c, &env->date) == 0 && take_text(&c, &env->subject) == 0 &&
	    take_addresses(&c, &env->from) == 0 && take_addresses(&c, NULL) == 0 &&
	    take_addresses(&c, NULL) == 0 && take_addresses(&c, &env->to) == 0 &&
	    take_addresses(&c, &env->cc) == 0 && take_addresses(&c, NULL) == 0 &&
	    take_text(&c, &env->in_reply_to) == 0 && take_text(&c, &env->message_id) == 0 && take(&c, ')'))
		return 0;
	return -1;
}

int mailbox_cache_record(const uint8_t *p, size_t n, uint32_t generation, const struct index_record *r,
    size_t *start, size_t *len, struct err *e)
{
	size_t off;

	if (n < 4)
		return err_set(e, ERR_FORMAT, "mailbox cache has only %zu bytes", n);
	if (be32(p) != generation)
		return err_set(
		    e, ERR_FORMAT, "mailbox cache is of generation %u, the index of %u", be32(p), generation);
	if (r->cache_offset < 4 || r->cache_offset >= n)
		return err_set(e, ERR_FORMAT, "UID %u has its cache record at byte %llu of %zu", r->uid,
		    (unsigned long long)r->cache_offset, n);
	*start = off = (size_t)r->cache_offset;
	for (int i = 0; i < CACHE_ITEMS; i++) {
		uint32_t item = n - off >= 4 ? be32(p + off) : 0;
		uint64_t padded = ((uint64_t)item + 3) & ~(uint64_t)3;

		if (n - off < 4 || padded > n - off - 4)
			return err_set(
			    e, ERR_FORMAT, "UID %u: item %d of its cache record passes the end", r->uid, i);
		off += 4 + (size_t)padded;
	}
	*len = off - *start;
	if (r->has_cache_crc && libdeflate_crc32(0, p + *start, *len) != r->cache_crc)
		return err_set(e, ERR_FORMAT, "UID %u: its cache record has a bad checksum", r->uid);
	return 0;
}

int mailbox_cache_envelope(const uint8_t *p, size_t n, uint32_t generation, const struct index_record *r,
    struct envelope *env, struct err *e)
{
	struct envelope made = { 0 };
	size_t start, len;
	const char *first;

	if (mailbox_cache_record(p, n, generation, r, &start, &len, e) == -1)
		return -1;
	first = (const char *)p + start + 4;
	if (parse_envelope((struct cursor){ first, first + be32(p + start) }, &made) == -1) {
		envelope_done(&made);
		return err_set(e, ERR_FORMAT, "UID %u: its cache record holds no envelope", r->uid);
	}
	*env = made;
	return 0;
}

void envelope_done(struct envelope *env)
{
	free(env->date);
	free(env->subject);
	free(env->from);
	free(env->to);
	free(env->cc);
	free(env->message_id);
	free(env->in_reply_to);
	*env = (struct envelope){ 0 };
}
