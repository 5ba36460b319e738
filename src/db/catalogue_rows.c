/* catalogue_rows.c: keys and rows of the catalogue as bytes, and what becomes of a mailbox's spans. */
#include "db/catalogue_rows.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/mem.h"

/* ---- keys ---- */

void rows_key(struct buf *b, char kind, uint32_t number)
{
	uint8_t bytes[4];

	put_be32(bytes, number);
	buf_clear(b);
	buf_char(b, kind);
	buf_add(b, bytes, sizeof bytes);
}

void rows_key_text(struct buf *b, char kind, const char *text)
{
	buf_clear(b);
	buf_char(b, kind);
	buf_str(b, text);
}

void rows_key_box(struct buf *b, uint32_t lineage, const char *name)
{
	rows_key(b, 'm', lineage);
	buf_str(b, name);
}

void rows_key_uid(struct buf *b, uint32_t lineage, const char *uniqueid, const char *name)
{
	uint8_t bytes[8];

	put_be64(bytes, XXH3_64bits(uniqueid, strlen(uniqueid)));
	rows_key(b, 'u', lineage);
	buf_add(b, bytes, sizeof bytes);
	buf_str(b, name);
}

/* ---- numbers and strings ---- */

void rows_put_number(struct buf *b, uint64_t n)
{
	char bytes[10];
	size_t at = 0;

	for (; n >= 0x80; n >>= 7)
		bytes[at++] = (char)(n | 0x80);
	bytes[at++] = (char)n;
	buf_add(b, bytes, at);
}

static void put_signed(struct buf *b, int64_t n)
{
	rows_put_number(b, (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0));
}

static void put_text(struct buf *b, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	rows_put_number(b, n);
	buf_add(b, n > 0 ? s : "", n);
}

/* What is left of a value; p NULL once it has failed. */
struct in {
	const uint8_t *p, *end;
};

static uint64_t get_number(struct in *in)
{
	uint64_t ret = 0;

	for (unsigned shift = 0; in->p != NULL && in->p < in->end && shift < 64; shift += 7) {
		uint8_t c = *in->p++;

		if (shift == 63 && c > 1)
			break;
		ret |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return ret;
	}
	in->p = NULL;
	return 0;
}

static uint32_t get_number32(struct in *in)
{
	uint64_t n = get_number(in);

	if (n > UINT32_MAX)
		in->p = NULL;
	return (uint32_t)n;
}

static int64_t get_signed(struct in *in)
{
	uint64_t n = get_number(in);

	return (int64_t)(n >> 1 ^ (n & 1 ? UINT64_MAX : 0));
}

/* So many bytes, or NULL. */
static const uint8_t *get_bytes(struct in *in, uint64_t n)
{
	const uint8_t *p = in->p;

	if (p == NULL || n > (uint64_t)(in->end - p)) {
		in->p = NULL;
		return NULL;
	}
	in->p += n;
	return p;
}

static char *get_text(struct in *in)
{
	uint64_t n = get_number(in);
	const uint8_t *p = get_bytes(in, n);

	if (p != NULL && memchr(p, '\0', n) != NULL)
		in->p = NULL;
	return mem_strndup(in->p != NULL ? (const char *)p : "", in->p != NULL ? n : 0);
}

static int ended(const struct in *in, struct err *e)
{
	return in->p != NULL && in->p == in->end ? 0 : err_set(e, ERR_FORMAT, "a row is damaged");
}

static struct in in_of(const void *p, size_t n)
{
	/* A row without bytes has a place all the same. */
	const uint8_t *q = n > 0 ? p : (const uint8_t *)"";

	return (struct in){ q, q + n };
}

int rows_get_number(const void *p, size_t n, uint64_t *ret, struct err *e)
{
	struct in in = in_of(p, n);

	*ret = get_number(&in);
	return ended(&in, e);
}

/* ---- single rows ---- */

void rows_put_meta(struct buf *b, const struct rows_meta *m)
{
	rows_put_number(b, m->version);
	rows_put_number(b, m->next_archive);
	rows_put_number(b, m->next_set);
	put_signed(b, m->changed);
}

int rows_get_meta(const void *p, size_t n, struct rows_meta *ret, struct err *e)
{
	struct in in = in_of(p, n);

	*ret = (struct rows_meta){ .version = get_number(&in) };
	if (in.p != NULL && ret->version != ROWS_VERSION)
		return err_set(e, ERR_UNSUPPORTED, "it is of version %llu", (unsigned long long)ret->version);
	ret->next_archive = get_number(&in);
	ret->next_set = get_number(&in);
	ret->changed = get_signed(&in);
	return ended(&in, e);
}

void rows_put_lineage(struct buf *b, const struct rows_lineage *l)
{
	rows_put_number(b, l->number);
	rows_put_number(b, l->last_seq);
}

int rows_get_lineage(const void *p, size_t n, struct rows_lineage *ret, struct err *e)
{
	struct in in = in_of(p, n);

	ret->number = get_number32(&in);
	ret->last_seq = get_number32(&in);
	return ended(&in, e);
}

enum {
	ARCHIVE_GONE = 1,
	ARCHIVE_READABLE = 2,
	ARCHIVE_FOREIGN = 4,
	ARCHIVE_DECODES = 8,
	ARCHIVE_UNIXHIER = 16,
	ARCHIVE_DOMAINS = 32,
	ARCHIVE_PROTECTED = 64
};

void rows_put_archive(struct buf *b, const struct catalogue_archive *a)
{
	rows_put_number(b, (uint64_t)a->state);
	rows_put_number(b, a->seq);
	rows_put_number(b, (a->gone ? ARCHIVE_GONE : 0u) | (a->readable ? ARCHIVE_READABLE : 0u) |
			       (a->foreign ? ARCHIVE_FOREIGN : 0u) | (a->decodes ? ARCHIVE_DECODES : 0u) |
			       (a->unixhier ? ARCHIVE_UNIXHIER : 0u) |
			       (a->virtdomains ? ARCHIVE_DOMAINS : 0u) |
			       (a->protected ? ARCHIVE_PROTECTED : 0u));
	put_text(b, a->store);
	put_text(b, a->url);
	put_text(b, a->name);
	rows_put_number(b, a->size_bytes);
	put_signed(b, a->mtime);
	put_signed(b, a->when);
	put_signed(b, a->first_seen);
	put_signed(b, a->last_seen);
	put_text(b, a->server);
	put_text(b, a->where);
	put_text(b, a->why);
	rows_put_number(b, a->health);
	rows_put_number(b, a->mailboxes);
	rows_put_number(b, a->messages);
	put_text(b, a->quiesce);
	put_signed(b, a->longest_hold_ms);
	rows_put_number(b, a->sequence);
	put_text(b, a->deletedprefix);
	put_text(b, a->defaultdomain);
}

int rows_get_archive(const void *p, size_t n, struct catalogue_archive *ret, struct err *e)
{
	struct in in = in_of(p, n);
	uint64_t flags, state = get_number(&in);

	*ret = (struct catalogue_archive){ .seq = get_number32(&in) };
	if (state > CATALOGUE_FILLED)
		in.p = NULL;
	ret->state = (enum catalogue_fill_state)(in.p != NULL ? state : 0);
	flags = get_number(&in);
	ret->gone = flags & ARCHIVE_GONE;
	ret->readable = flags & ARCHIVE_READABLE;
	ret->foreign = flags & ARCHIVE_FOREIGN;
	ret->decodes = flags & ARCHIVE_DECODES;
	ret->unixhier = flags & ARCHIVE_UNIXHIER;
	ret->virtdomains = flags & ARCHIVE_DOMAINS;
	ret->protected = flags & ARCHIVE_PROTECTED;
	ret->store = get_text(&in);
	ret->url = get_text(&in);
	ret->name = get_text(&in);
	ret->size_bytes = get_number(&in);
	ret->mtime = get_signed(&in);
	ret->when = get_signed(&in);
	ret->first_seen = get_signed(&in);
	ret->last_seen = get_signed(&in);
	ret->server = get_text(&in);
	ret->where = get_text(&in);
	ret->why = get_text(&in);
	ret->health = (uint8_t)get_number(&in);
	ret->mailboxes = get_number(&in);
	ret->messages = get_number(&in);
	ret->quiesce = get_text(&in);
	ret->longest_hold_ms = get_signed(&in);
	ret->sequence = get_number(&in);
	ret->deletedprefix = get_text(&in);
	ret->defaultdomain = get_text(&in);
	return ended(&in, e);
}

void catalogue_archive_done(struct catalogue_archive *a)
{
	free(a->store);
	free(a->url);
	free(a->name);
	free(a->server);
	free(a->where);
	free(a->why);
	free(a->quiesce);
	free(a->deletedprefix);
	free(a->defaultdomain);
	*a = (struct catalogue_archive){ 0 };
}

/* ---- mailboxes ---- */

/* What stands before a box; the low bits leave out what is as in the span before. */
enum {
	BOX_FILES = 1,
	BOX_FINDINGS = 2,
	BOX_CHECKED = 4, /* and fine */
	BOX_SAME_ID = 8,
	BOX_SAME_PARTITION = 16,
	BOX_SAME_VALIDITY = 32,
	BOX_UUID = 64, /* the id is one of 36 characters, kept as 16 bytes */
};

#define UUID_TEXT  36
#define UUID_BYTES 16

static bool uuid_dash(size_t i)
{
	return i == 8 || i == 13 || i == 18 || i == 23;
}

static int hex_of(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool uuid_pack(const char *s, uint8_t out[UUID_BYTES])
{
	size_t n = 0;

	for (size_t i = 0; i < UUID_TEXT; i++) {
		int x = hex_of(s[i]);

		if (uuid_dash(i) ? s[i] != '-' : x < 0)
			return false;
		if (uuid_dash(i))
			continue;
		out[n / 2] = (uint8_t)(n % 2 == 0 ? x << 4 : out[n / 2] | x);
		n++;
	}
	return s[UUID_TEXT] == '\0';
}

static void uuid_unpack(const uint8_t *p, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < UUID_TEXT; i++)
		out[i] =
		    uuid_dash(i) ? '-' : "0123456789abcdef"[n % 2 == 0 ? p[n++ / 2] >> 4 : p[n++ / 2] & 15];
	out[UUID_TEXT] = '\0';
}

static void put_box(struct buf *b, const struct catalogue_box *x, const struct catalogue_box *before)
{
	uint8_t uuid[UUID_BYTES];
	bool same_id = before != NULL && strcmp(before->uniqueid, x->uniqueid) == 0,
	     same_partition = before != NULL && strcmp(before->partition, x->partition) == 0,
	     same_validity = before != NULL && before->uidvalidity == x->uidvalidity,
	     packed = !same_id && strlen(x->uniqueid) == UUID_TEXT && uuid_pack(x->uniqueid, uuid);

	buf_char(b, (char)((x->has_files ? BOX_FILES : 0) | (x->health == '!' ? BOX_FINDINGS : 0) |
			   (x->health == '=' ? BOX_CHECKED : 0) | (same_id ? BOX_SAME_ID : 0) |
			   (same_partition ? BOX_SAME_PARTITION : 0) |
			   (same_validity ? BOX_SAME_VALIDITY : 0) | (packed ? BOX_UUID : 0)));
	if (packed)
		buf_add(b, uuid, sizeof uuid);
	else if (!same_id)
		put_text(b, x->uniqueid);
	if (!same_partition)
		put_text(b, x->partition);
	if (!same_validity)
		rows_put_number(b, x->uidvalidity);
	rows_put_number(b, x->messages);
	rows_put_number(b, x->unread);
	rows_put_number(b, x->bytes);
}

void rows_put_box(struct buf *b, const struct catalogue_box *box)
{
	put_box(b, box, NULL);
}

void rows_put_spans(struct buf *b, const struct catalogue_span *list, size_t n)
{
	uint32_t next = 0;

	rows_put_number(b, n);
	for (size_t i = 0; i < n; i++) {
		const struct catalogue_span *x = &list[i];

		rows_put_number(b, x->first - next);
		rows_put_number(b, x->last == CATALOGUE_OPEN ? 0 : (uint64_t)x->last - x->first + 1);
		put_box(b, &x->box, i > 0 ? &list[i - 1].box : NULL);
		next = x->last + 1;
	}
}

/* Text of ${n} bytes into the room of ${s}, which is large enough for all of a row. */
static const char *keep_text(struct rows_spans *s, size_t *used, struct in *in)
{
	uint64_t n = get_number(in);
	const uint8_t *p = get_bytes(in, n);
	char *ret = s->text + *used;

	if (p == NULL || memchr(p, '\0', n) != NULL) {
		in->p = NULL;
		return "";
	}
	memcpy(ret, p, n);
	ret[n] = '\0';
	*used += n + 1;
	return ret;
}

static void get_box(struct rows_spans *s, size_t *used, struct in *in, struct catalogue_box *x,
    const struct catalogue_box *before)
{
	const uint8_t *flags_at = get_bytes(in, 1), *uuid;
	uint8_t flags = flags_at != NULL ? *flags_at : 0;

	*x = (struct catalogue_box){ .uniqueid = "", .partition = "", .has_files = flags & BOX_FILES };
	x->health = flags & BOX_FINDINGS ? '!' : flags & BOX_CHECKED ? '=' : '-';
	if (before == NULL && flags & (BOX_SAME_ID | BOX_SAME_PARTITION | BOX_SAME_VALIDITY))
		in->p = NULL;
	if (in->p == NULL)
		return;
	if (flags & BOX_SAME_ID) {
		x->uniqueid = before->uniqueid;
	} else if (flags & BOX_UUID) {
		uuid = get_bytes(in, UUID_BYTES);
		if (uuid == NULL)
			return;
		x->uniqueid = s->text + *used;
		uuid_unpack(uuid, s->text + *used);
		*used += UUID_TEXT + 1;
	} else {
		x->uniqueid = keep_text(s, used, in);
	}
	x->partition = flags & BOX_SAME_PARTITION ? before->partition : keep_text(s, used, in);
	x->uidvalidity = flags & BOX_SAME_VALIDITY ? before->uidvalidity : get_number32(in);
	x->messages = get_number32(in);
	x->unread = get_number32(in);
	x->bytes = get_number(in);
}

/* Text of a row takes at most three times its bytes: an id of 16 becomes 37, a string gets its NUL for its length. */
static void make_room(struct rows_spans *s, size_t bytes)
{
	if (s->text == NULL || s->text_cap < 3 * bytes)
		s->text = mem_grow(s->text, &s->text_cap, 3 * bytes + 1, 1);
}

int rows_get_box(const void *p, size_t n, struct rows_spans *s, struct catalogue_box *ret, struct err *e)
{
	struct in in = in_of(p, n);
	size_t used = 0;

	make_room(s, n);
	get_box(s, &used, &in, ret, NULL);
	return ended(&in, e);
}

int rows_get_spans(const void *p, size_t bytes, struct rows_spans *s, struct err *e)
{
	struct in in = in_of(p, bytes);
	uint64_t n = get_number(&in), next = 0;
	size_t used = 0;

	s->n = 0;
	/* A span takes six bytes at least. */
	if (in.p == NULL || n > (uint64_t)(in.end - in.p) / 6)
		return err_set(e, ERR_FORMAT, "a row is damaged");
	make_room(s, bytes);
	s->list = mem_grow(s->list, &s->cap, (size_t)n + 1, sizeof *s->list);
	for (size_t i = 0; i < n && in.p != NULL; i++) {
		struct catalogue_span *x = &s->list[i];
		uint64_t first = next + get_number32(&in), length = get_number32(&in);

		/* Only the last one is open. */
		if (first + length > CATALOGUE_OPEN || (length == 0 && i + 1 < n))
			in.p = NULL;
		x->first = (uint32_t)first;
		next = first + length;
		x->last = length > 0 ? (uint32_t)(next - 1) : CATALOGUE_OPEN;
		get_box(s, &used, &in, &x->box, i > 0 ? &s->list[i - 1].box : NULL);
	}
	if (ended(&in, e) == -1)
		return -1;
	s->n = (size_t)n;
	return 0;
}

void rows_spans_done(struct rows_spans *s)
{
	free(s->list);
	free(s->text);
	*s = (struct rows_spans){ 0 };
}

/* ---- what becomes of spans ---- */

bool rows_filled(const struct rows_fills *f, uint32_t first, uint32_t last)
{
	size_t low = 0, high = f->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (f->list[mid] < first)
			low = mid + 1;
		else
			high = mid;
	}
	return low < f->n && f->list[low] <= last;
}

bool rows_same(const struct catalogue_box *a, const struct catalogue_box *b)
{
	return a->uidvalidity == b->uidvalidity && a->messages == b->messages && a->unread == b->unread &&
	       a->bytes == b->bytes && a->health == b->health && a->has_files == b->has_files &&
	       strcmp(a->uniqueid, b->uniqueid) == 0 && strcmp(a->partition, b->partition) == 0;
}

bool rows_merge(
    struct rows_spans *s, const struct rows_fills *f, uint32_t seq, const struct catalogue_box *box)
{
	bool open = s->n > 0 && s->list[s->n - 1].last == CATALOGUE_OPEN;
	size_t n = 0;

	if (open && box != NULL && rows_same(&s->list[s->n - 1].box, box))
		return false;
	if (!open && box == NULL) {
		/* Of one that is not there either way, what is left of archives that were forgotten. */
		for (size_t i = 0; i < s->n; i++)
			if (rows_filled(f, s->list[i].first, s->list[i].last))
				return false;
		s->n = 0;
		return true;
	}
	if (open)
		s->list[s->n - 1].last = seq - 1;
	/* Spans of fills that do not count, or no more, go. */
	for (size_t i = 0; i < s->n; i++)
		if (rows_filled(f, s->list[i].first, s->list[i].last))
			s->list[n++] = s->list[i];
	s->n = n;
	if (box == NULL)
		return true;
	if (n > 0 && rows_same(&s->list[n - 1].box, box) &&
	    !rows_filled(f, s->list[n - 1].last + 1, seq - 1)) {
		s->list[n - 1].last = CATALOGUE_OPEN;
		return true;
	}
	s->list = mem_grow(s->list, &s->cap, n + 1, sizeof *s->list);
	s->list[n] = (struct catalogue_span){ .first = seq, .last = CATALOGUE_OPEN, .box = *box };
	s->n = n + 1;
	return true;
}
