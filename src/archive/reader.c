/* reader.c: an archive opened: end mark, root, tables. */
#include "archive/reader.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "archive/foreign.h"
#include "archive/window.h"
#include "core/mem.h"

#define TAIL_BYTES      (8u << 10) /* with the root of a hundred mailboxes */
#define HEAD_BYTES      (64u << 10)
#define BLOCK_MAX       (16u << 20)
#define GROUP_KEEP_MAX  (1u << 20)
#define PIECE_KEEP_MAX  (1u << 20)
#define PIECES_KEEP_MAX (2u << 20)

/* How many of the bytes from ${off} on are kept, at ${*ret_p}. */
static size_t kept(const struct archive *a, uint64_t off, const uint8_t **ret_p)
{
	for (size_t i = 0; i < PIECES_KEPT; i++) {
		const struct kept_piece *k = &a->pieces[i];

		if (off >= k->off && off - k->off < k->n) {
			*ret_p = k->p + (off - k->off);
			return k->n - (size_t)(off - k->off);
		}
	}
	return 0;
}

static void keep_piece(struct archive *a, uint64_t off, const void *p, size_t n)
{
	if (n > PIECE_KEEP_MAX)
		return;
	for (unsigned i = 0; i < PIECES_KEPT; i++) {
		struct kept_piece *k = &a->pieces[(a->next_piece + i) % PIECES_KEPT];

		/* The oldest go until there is room. */
		if (i > 0 && a->kept_bytes + n <= PIECES_KEEP_MAX)
			break;
		a->kept_bytes -= k->n;
		free(k->p);
		*k = (struct kept_piece){ 0 };
	}
	a->pieces[a->next_piece++ % PIECES_KEPT] = (struct kept_piece){ off, n, mem_dup(p, n) };
	a->kept_bytes += n;
}

int archive_fetch(struct archive *a, uint64_t off, void *p, size_t n, struct err *e)
{
	const uint8_t *from;
	size_t have;

	if (off > a->size || n > a->size - off)
		return err_set(e, ERR_DAMAGE, "%s ends before byte %ju", a->name, (uintmax_t)off + n);
	/* What is in the tail is not read twice. */
	if (a->tail != NULL && off + n <= a->tail_end && off + n > a->tail_end - a->tail_len) {
		uint64_t tail = a->tail_end - a->tail_len, begin = off > tail ? off : tail;

		memcpy((uint8_t *)p + (begin - off), a->tail + (begin - tail), n - (size_t)(begin - off));
		n = (size_t)(begin - off);
	}
	while (n > 0 && (have = kept(a, off, &from)) > 0) {
		have = have < n ? have : n;
		memcpy(p, from, have);
		p = (uint8_t *)p + have;
		off += have;
		n -= have;
	}
	if (n == 0)
		return 0;
	if (stream_seek(a->in, off, e) == -1 || stream_read_full(a->in, p, n, e) == -1)
		return -1;
	a->fetched += n;
	keep_piece(a, off, p, n);
	return 0;
}

void archive_expect(struct archive *a, uint64_t off, uint64_t n, bool more)
{
	const uint8_t *p;
	size_t have;

	if (off >= a->expect_from && off + n <= a->expect_end)
		return;
	if (a->tail != NULL && off + n > a->tail_end - a->tail_len)
		n = off < a->tail_end - a->tail_len ? a->tail_end - a->tail_len - off : 0;
	while (n > 0 && (have = kept(a, off, &p)) > 0) {
		have = have < n ? have : (size_t)n;
		off += have;
		n -= have;
	}
	if (!more)
		stream_expect(a->in, 0, 0);
	if (n > 0)
		stream_expect(a->in, off, n);
}

void archive_expect_all(struct archive *a, uint64_t from, uint64_t end)
{
	a->expect_from = a->expect_end = 0;
	archive_expect(a, from, end - from, false);
	a->expect_from = from;
	a->expect_end = end;
}

int archive_each_plain(struct archive *a, uint64_t off, uint64_t stored, enum member_kind kind,
    archive_plain_fn *each, void *arg, struct err *e)
{
	struct window w = WINDOW_INIT(a, off, off + stored);
	struct member_head h;
	uint8_t *plain = NULL;
	size_t cap = 0;
	int rc = -1;

	while (w.at < w.len || w.next < w.end) {
		if (window_need(&w, MEMBER_HEAD, e) == -1)
			goto out;
		/* Padding may make a header long. */
		if (member_parse(w.p + w.at, w.len - w.at, &h) == 0 &&
		    window_need(&w, MEMBER_HEAD_MAX, e) == -1)
			goto out;
		if (member_parse(w.p + w.at, w.len - w.at, &h) != 1 || h.kind != kind) {
			err_set(e, ERR_DAMAGE,
			    "the index is damaged: a member's header is not what it should be");
			goto out;
		}
		if (window_need(&w, h.stored, e) == -1)
			goto out;
		if (w.len - w.at < h.stored) {
			err_set(e, ERR_DAMAGE, "the index is damaged: a member passes its end");
			goto out;
		}
		plain = mem_grow(plain, &cap, h.plain, 1);
		if (member_decode(a->decoder, &h, w.p + w.at, plain, e) == -1) {
			err_wrap(e, "the index is damaged");
			goto out;
		}
		if (each != NULL && each(arg, plain, h.plain, e) == -1)
			goto out;
		w.at += h.stored;
	}
	rc = 0;
out:
	window_done(&w);
	free(plain);
	return rc;
}

/* The root. */

struct root_reader {
	struct root_parser *parser;
	struct digest *sha;
	uint64_t plain;
	struct archive *a;
	const struct root_look *look; /* or NULL */
};

/* Lends the archive what there is of its root. */
static int show_root(struct root_reader *r, struct err *e)
{
	size_t ready = root_parser_sofar(r->parser, &r->a->root);
	int rc = r->look->watch(r->look->arg, r->a, ready, e);

	r->a->root = (struct root){ 0 };
	return rc;
}

static int add_root(void *arg, uint8_t *p, size_t n, struct err *e)
{
	struct root_reader *r = arg;

	digest_add(r->sha, p, n);
	r->plain += n;
	if (root_parser_add(r->parser, (char *)p, n, e) == -1)
		return -1;
	return r->look != NULL && r->look->watch != NULL ? show_root(r, e) : 0;
}

int archive_load_root(struct archive *a, const struct root_look *look, struct err *e)
{
	struct root_reader r = { root_parser_new(&a->mark), digest_new(DIGEST_SHA256), 0, a, look };
	uint8_t sha[SHA256_SIZE];
	int rc = -1;

	if (look != NULL && look->pick != NULL && a->mark.units > look->pick->many)
		root_parser_pick(r.parser, look->pick);
	archive_expect(a, a->mark.root_off, a->mark.root_stored, false);
	if (archive_each_plain(a, a->mark.root_off, a->mark.root_stored, MEMBER_ROOT, add_root, &r, e) == -1)
		goto out;
	digest_end(r.sha, sha);
	if (!a->mark.guessed &&
	    (r.plain != a->mark.root_plain || memcmp(sha, a->mark.root_sha256, sizeof sha) != 0)) {
		err_set(e, ERR_DAMAGE, "the index is damaged: its SHA-256 is not what the end mark says");
		goto out;
	}
	rc = root_parser_end(r.parser, &a->root, e);
out:
	root_parser_free(r.parser);
	digest_free(r.sha);
	return rc;
}

/* Opening. */

/* The last end mark in the tail; only zeros, as a tape's last block has them, may follow. 1, 0, or -1 for one of a later
 * version. */
static int find_end_mark(struct archive *a, struct err *e)
{
	for (size_t at = a->tail_len < END_MARK_SIZE ? 0 : a->tail_len - END_MARK_SIZE + 1; at-- > 0;) {
		int r = -1;

		if (a->tail[at] == 0x1f)
			r = end_mark_parse(
			    a->tail + at, a->tail_len - at, a->tail_end - a->tail_len + at, &a->mark);
		if (r == 0)
			return 1;
		if (r == 1)
			return err_set(
			    e, ERR_UNSUPPORTED, "%s was made by a later version of cyrvault", a->name);
		if (at + END_MARK_SIZE < a->tail_len && a->tail[at + END_MARK_SIZE] != 0)
			return 0;
	}
	return 0;
}

/* No end mark: ours and cut off, or somebody else's. */
/* A whole header of ours; the gzip magic cut off by the buffer's end proves nothing. */
static bool has_member(const uint8_t *p, size_t n)
{
	struct member_head h;

	for (size_t at = member_find(p, n, 0); at < n; at = member_find(p, n, at + 1))
		if (member_parse(p + at, n - at, &h) == 1)
			return true;
	return false;
}

static int open_other(struct store *store, struct archive *a, struct err *e)
{
	uint8_t *head = mem_alloc(HEAD_BYTES);
	size_t n = a->size < HEAD_BYTES ? (size_t)a->size : HEAD_BYTES;
	int rc = -1;

	if (a->size == 0) {
		err_set(e, ERR_DAMAGE, "%s is empty", a->name);
		err_hint(e, "nothing can be had from it: remove it, and take another archive");
		goto out;
	}
	if (archive_fetch(a, 0, head, n, e) == -1)
		goto out;
	if (has_member(head, n) || has_member(a->tail, a->tail_len)) {
		err_set(e, ERR_DAMAGE, "%s is cut off: it has no end mark", a->name);
		err_hint(e, "cyrvault salvage %s gets out what is there", a->name);
		goto out;
	}
	rc = archive_foreign_probe(store, a->name, a->job, e);
	a->kind = ARCHIVE_FOREIGN;
out:
	free(head);
	return rc;
}

int archive_open_raw(struct store *store, struct stream *in, const char *name, struct job *job,
    struct archive **ret, struct err *e)
{
	struct archive *a = mem_alloc(sizeof *a);

	a->name = mem_strdup(name);
	a->store = store;
	a->in = in;
	a->job = job;
	a->group = (size_t)-1;
	for (int i = 0; i < TABLES_KEPT; i++)
		a->tables[i].unit = (size_t)-1;
	a->decoder = decoder_new();
	if ((in == NULL && store_read(store, name, &a->in, e) == -1) || stream_size(a->in, &a->size, e) == -1)
		goto fail;
	stream_set_job(a->in, job);
	*ret = a;
	return 0;
fail:
	archive_close(a);
	return -1;
}

static size_t trailing_zeros(const uint8_t *p, size_t n)
{
	size_t zeros = 0;

	while (zeros < n && p[n - 1 - zeros] == 0)
		zeros++;
	return zeros;
}

/* The last bytes; when they are but zeros, those before: a tape's blocks may be larger than what is read here. */
static int read_tail(struct archive *a, struct err *e)
{
	uint8_t *tail = mem_alloc(TAIL_BYTES);
	uint64_t end = a->size;
	size_t n, zeros;

	do {
		n = end < TAIL_BYTES ? (size_t)end : TAIL_BYTES;
		if (archive_fetch(a, end - n, tail, n, e) == -1) {
			free(tail);
			return -1;
		}
		zeros = trailing_zeros(tail, n);
		/* The mark itself ends with zeros: it must be in one piece. */
		end -= zeros > n - END_MARK_SIZE ? n - END_MARK_SIZE : 0;
	} while (n == TAIL_BYTES && zeros > n - END_MARK_SIZE && a->size - end < BLOCK_MAX);
	a->tail = tail;
	a->tail_len = n;
	a->tail_end = end;
	return 0;
}

void archive_set_job(struct archive *a, struct job *job)
{
	a->job = job;
	if (a->in != NULL)
		stream_set_job(a->in, job);
}

static int open_archive(struct store *store, struct stream *in, const char *name, struct job *job,
    const struct root_look *look, struct archive **ret, struct err *e)
{
	struct archive *a;
	int rc = -1, marked;

	if (archive_open_raw(store, in, name, job, &a, e) == -1)
		return -1;
	if (read_tail(a, e) == -1 || (marked = find_end_mark(a, e)) == -1)
		goto out;
	if (!marked) {
		rc = store != NULL ? open_other(store, a, e)
		                   : err_set(e, ERR_DAMAGE, "%s has no end mark", a->name);
		goto out;
	}
	rc = archive_load_root(a, look, e);
	if (rc == -1) {
		err_wrap(e, "open %s", name);
		if (e != NULL && e->code == ERR_DAMAGE)
			err_hint(e, "cyrvault salvage %s gets out what is there", name);
	}
out:
	free(a->tail);
	a->tail = NULL;
	if (rc == -1) {
		archive_close(a);
		return -1;
	}
	*ret = a;
	return 0;
}

int archive_open(struct store *store, const char *name, struct job *job, struct archive **ret, struct err *e)
{
	return open_archive(store, NULL, name, job, NULL, ret, e);
}

int archive_open_stream(
    struct stream *in, const char *name, struct job *job, struct archive **ret, struct err *e)
{
	return open_archive(NULL, in, name, job, NULL, ret, e);
}

int archive_open_watched(struct store *store, const char *name, struct job *job, archive_watch_fn *watch,
    void *arg, struct archive **ret, struct err *e)
{
	return open_archive(store, NULL, name, job, &(struct root_look){ watch, arg, NULL }, ret, e);
}

int archive_open_picked(struct store *store, const char *name, struct job *job,
    const struct archive_pick *pick, struct archive **ret, struct err *e)
{
	return open_archive(store, NULL, name, job, &(struct root_look){ NULL, NULL, pick }, ret, e);
}

void archive_close(struct archive *a)
{
	if (a == NULL)
		return;
	unpack_free(a->unpack);
	for (int i = 0; i < TABLES_KEPT; i++)
		table_done(&a->tables[i].table);
	root_done(&a->root);
	decoder_free(a->decoder);
	stream_close(a->in);
	for (size_t i = 0; i < PIECES_KEPT; i++)
		free(a->pieces[i].p);
	free(a->group_text);
	free(a->find);
	free(a->name);
	free(a);
}

enum archive_kind archive_get_kind(const struct archive *a)
{
	return a->kind;
}

const char *archive_name(const struct archive *a)
{
	return a->name;
}

uint64_t archive_size(const struct archive *a)
{
	return a->size;
}

uint64_t archive_bytes_fetched(const struct archive *a)
{
	return a->fetched;
}

size_t archive_n_units(const struct archive *a)
{
	return a->root.n_units;
}

const struct unit_info *archive_unit(const struct archive *a, size_t i)
{
	return &a->root.units[i];
}

/* Finding by name: open addressing, at most half full. */

static size_t find_slot(const struct archive *a, enum unit_kind kind, const char *name)
{
	size_t at = (size_t)XXH3_64bits_withSeed(name, strlen(name), (XXH64_hash_t)kind) & (a->find_size - 1);

	while (a->find[at] != 0) {
		const struct unit_info *u = &a->root.units[a->find[at] - 1];

		if (u->kind == kind && strcmp(u->name, name) == 0)
			break;
		at = (at + 1) & (a->find_size - 1);
	}
	return at;
}

size_t archive_find(const struct archive *a, enum unit_kind kind, const char *name)
{
	/* A cache: what the caller sees does not change. */
	struct archive *m = (struct archive *)(uintptr_t)a;

	if (a->root.n_units == 0 || a->root.n_units >= UINT32_MAX / 2)
		return (size_t)-1;
	/* Of these there are few, and who wants no others shall not wait until a million names are sorted in. */
	if (kind != UNIT_USER && kind != UNIT_MAILBOX && kind != UNIT_ORPHAN) {
		size_t i = a->root.n_units;

		while (i > 0 &&
		       (a->root.units[i - 1].kind != kind || strcmp(a->root.units[i - 1].name, name) != 0))
			i--;
		return i - 1;
	}
	if (a->find == NULL) {
		for (m->find_size = 16; m->find_size < 2 * a->root.n_units;)
			m->find_size *= 2;
		m->find = mem_array(m->find_size, sizeof *m->find);
		for (size_t i = 0; i < a->root.n_units; i++)
			m->find[find_slot(a, a->root.units[i].kind, a->root.units[i].name)] = (uint32_t)i + 1;
	}
	return (size_t)a->find[find_slot(a, kind, name)] - 1;
}

/* Tables. */

struct group_reader {
	struct digest *sha;
	uint64_t at;       /* plain bytes seen */
	uint64_t from, to; /* of the table wanted */
	uint64_t plain;    /* of the group */
	struct table_parser *parser;
	uint8_t *keep; /* or NULL */
};

static int add_group(void *arg, uint8_t *p, size_t n, struct err *e)
{
	struct group_reader *r = arg;
	uint64_t begin = r->at, end = begin + n;
	uint64_t from = r->from > begin ? r->from : begin, to = r->to < end ? r->to : end;

	if (n > r->plain - r->at)
		return err_set(e, ERR_DAMAGE, "the tables are longer than the index says");
	digest_add(r->sha, p, n);
	r->at = end;
	if (r->keep != NULL)
		memcpy(r->keep + begin, p, n);
	return from < to ? table_parser_add(r->parser, (char *)p + (from - begin), (size_t)(to - from), e)
	                 : 0;
}

static int load_group(struct archive *a, const struct table_group *g, struct group_reader *r, struct err *e)
{
	uint8_t sha[SHA256_SIZE];
	int rc;

	r->sha = digest_new(DIGEST_SHA256);
	r->plain = g->plain;
	rc = archive_each_plain(a, g->off, g->stored, MEMBER_TABLES, add_group, r, e);
	digest_end(r->sha, sha);
	digest_free(r->sha);
	if (rc == -1)
		return -1;
	if (r->at != g->plain || memcmp(sha, g->sha256, sizeof sha) != 0)
		return err_set(e, ERR_DAMAGE, "a table's SHA-256 is not what the index says");
	return 0;
}

static int parse_from_group(struct archive *a, size_t unit, struct table_parser *parser, struct err *e)
{
	const struct unit_place *place = &a->root.places[unit];
	size_t bytes = root_table_bytes(&a->root, unit);
	const struct table_group *g = &a->root.groups[place->group];
	struct group_reader r = { .from = place->table_off, .to = place->table_off + bytes };
	char *copy;
	int rc;

	if (g->plain > GROUP_KEEP_MAX) {
		r.parser = parser;
		return load_group(a, g, &r, e);
	}
	if (a->group != place->group) {
		a->group = (size_t)-1;
		free(a->group_text);
		a->group_text = r.keep = mem_alloc((size_t)g->plain);
		r.from = r.to = 0;
		if (load_group(a, g, &r, e) == -1)
			return -1;
		a->group = place->group;
	}
	copy = mem_dup(a->group_text + place->table_off, bytes);
	rc = table_parser_add(parser, copy, bytes, e);
	free(copy);
	return rc;
}

int archive_load_table(struct archive *a, size_t i, struct table *ret, struct err *e)
{
	const struct unit_place *place = &a->root.places[i];
	const struct unit_info *u = &a->root.units[i];
	struct table_parser *parser = table_parser_new(place->off, u->files, root_table_bytes(&a->root, i));
	int rc = -1;

	if (parse_from_group(a, i, parser, e) == -1 || table_parser_end(parser, ret, e) == -1)
		goto out;
	if (ret->kind != u->kind || strcmp(ret->name, u->name) != 0 ||
	    ret->stored != place[1].off - place->off) {
		table_done(ret);
		err_set(e, ERR_DAMAGE, "the table is not the one that the index means");
		goto out;
	}
	rc = 0;
out:
	table_parser_free(parser);
	return rc == -1 ? err_wrap(e, "%s: %s", a->name, u->name) : 0;
}

int archive_table(struct archive *a, size_t i, const struct archive_table **ret, struct err *e)
{
	struct cached_table *c;

	for (int k = 0; k < TABLES_KEPT; k++) {
		if (a->tables[k].unit == i) {
			*ret = &a->tables[k].table.pub;
			return 0;
		}
	}
	c = &a->tables[a->next_table++ % TABLES_KEPT];
	table_done(&c->table);
	c->unit = (size_t)-1;
	if (archive_load_table(a, i, &c->table, e) == -1)
		return -1;
	c->unit = i;
	*ret = &c->table.pub;
	return 0;
}

void archive_forget_tables(struct archive *a)
{
	for (int k = 0; k < TABLES_KEPT; k++) {
		table_done(&a->tables[k].table);
		a->tables[k].table = (struct table){ 0 };
		a->tables[k].unit = (size_t)-1;
	}
}
