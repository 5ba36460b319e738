/* index.c: the end mark and the root, taken apart with suspicion. */
#include "archive/index.h"

#include <stdlib.h>
#include <string.h>

#include "archive/arena.h"
#include "archive/rows.h"
#include "core/bytes.h"
#include "core/mem.h"
#include "core/str.h"

static const uint8_t end_magic[8] = { 'C', 'Y', 'R', 'V', 'A', 'U', 'L', 'T' };

/* A last block of fixed Huffman codes with nothing in it, and CRC and length of nothing. */
static const uint8_t end_tail[2 + MEMBER_TAIL] = { 3 };

/* Bytes of the field after the 16 that every member has, with their offsets in the whole field. */
enum {
	END_MAGIC = 16,
	END_VERSION = 24,
	END_INDEX_OFF = 32,
	END_ROOT_OFF = 40,
	END_ROOT_STORED = 48,
	END_ROOT_PLAIN = 56,
	END_TOTAL = 64,
	END_UNITS = 72,
	END_SHA256 = 96,
	END_CRC = 128
};

void end_mark_put(const struct end_mark *m, uint8_t *out)
{
	struct member_head h = { .kind = MEMBER_END, .stored = END_MARK_SIZE, .first = MEMBER_NO_ENTRY };
	uint8_t field[END_MARK_FIELD] = { 0 };

	memcpy(field + END_MAGIC, end_magic, sizeof end_magic);
	put_le32(field + END_VERSION, 1);
	put_le64(field + END_INDEX_OFF, m->index_off);
	put_le64(field + END_ROOT_OFF, m->root_off);
	put_le64(field + END_ROOT_STORED, m->root_stored);
	put_le64(field + END_ROOT_PLAIN, m->root_plain);
	put_le64(field + END_TOTAL, m->total);
	put_le64(field + END_UNITS, m->units);
	memcpy(field + END_SHA256, m->root_sha256, SHA256_SIZE);
	member_put_head(&h, field + 16, sizeof field - 16, out);
	put_le32(out + 16 + END_CRC, codec_crc32(0, out, 16 + END_CRC));
	memcpy(out + 16 + END_MARK_FIELD, end_tail, sizeof end_tail);
}

int end_mark_parse(const uint8_t *p, size_t n, uint64_t off, struct end_mark *m)
{
	const uint8_t *field = p + 16;
	struct member_head h;

	if (n < END_MARK_SIZE || member_parse(p, n, &h) != 1 || h.kind != MEMBER_END ||
	    h.more != field + 16 || h.more_len != END_MARK_FIELD - 16 ||
	    memcmp(field + END_MAGIC, end_magic, sizeof end_magic) != 0 ||
	    le32(field + END_CRC) != codec_crc32(0, p, 16 + END_CRC) ||
	    memcmp(field + END_MARK_FIELD, end_tail, sizeof end_tail) != 0)
		return -1;
	if (le32(field + END_VERSION) != 1)
		return 1;
	m->index_off = le64(field + END_INDEX_OFF);
	m->root_off = le64(field + END_ROOT_OFF);
	m->root_stored = le64(field + END_ROOT_STORED);
	m->root_plain = le64(field + END_ROOT_PLAIN);
	m->total = le64(field + END_TOTAL);
	m->units = le64(field + END_UNITS);
	memcpy(m->root_sha256, field + END_SHA256, SHA256_SIZE);
	m->guessed = false;
	if (off > UINT64_MAX - END_MARK_SIZE || m->total != off + END_MARK_SIZE || m->root_off > off ||
	    m->root_stored > off - m->root_off || m->root_plain > UINT32_MAX || m->index_off > m->root_off)
		return -1;
	return 0;
}

struct root_parser {
	struct end_mark mark;
	struct root root;
	size_t cap_units, cap_places, cap_groups;
	uint64_t off, in_group, n_seen;  /* units */
	const struct archive_pick *pick; /* NULL: all */
	bool begun, ended;
	const char *partitions[32]; /* few servers have more; others are stored again */
	size_t n_partitions;
};

struct root_parser *root_parser_new(const struct end_mark *m)
{
	struct root_parser *p = mem_alloc(sizeof *p);

	p->mark = *m;
	p->root.strings = arena_new(m->units < 10000 ? 16 << 10 : 1 << 20);
	p->root.places = mem_grow(NULL, &p->cap_places, 1, sizeof *p->root.places);
	return p;
}

void root_parser_pick(struct root_parser *p, const struct archive_pick *pick)
{
	p->pick = pick;
}

static const char *intern_partition(struct root_parser *p, const char *s, size_t n)
{
	char *copy;

	if (n == 0)
		return "";
	for (size_t i = 0; i < p->n_partitions; i++) {
		if (strcmp(p->partitions[i], s) == 0)
			return p->partitions[i];
	}
	copy = arena_join(p->root.strings, s, n, "", 0);
	if (p->n_partitions < sizeof p->partitions / sizeof p->partitions[0])
		p->partitions[p->n_partitions++] = copy;
	return copy;
}

static int bad_root(struct err *e, const char *what)
{
	return err_set(e, ERR_DAMAGE, "the index is damaged: %s", what);
}

enum {
	U_KIND,
	U_HEALTH,
	U_NAME,
	U_UNIQUEID,
	U_PARTITION,
	U_UIDVALIDITY,
	U_MESSAGES,
	U_UNREAD,
	U_FILES,
	U_BYTES,
	U_STORED,
	U_TABLE,
	U_FIELDS
};

/* The unit that is being parsed is not wanted: it is one with those left out before it, if their tables are in the same group. */
static void leave_out(struct root_parser *p)
{
	struct root *r = &p->root;
	struct unit_place *place = &r->places[r->n_units];

	if (r->n_units > 0 && place[-1].group == r->n_groups &&
	    r->units[r->n_units - 1].kind == UNIT_LEFT_OUT)
		return;
	*place = (struct unit_place){ p->off, (uint32_t)r->n_groups, (uint32_t)p->in_group };
	r->units[r->n_units++] = (struct unit_info){
		.kind = UNIT_LEFT_OUT, .health = HEALTH_UNCHECKED, .name = "", .uniqueid = "", .partition = ""
	};
}

static void add_unit(struct root_parser *p, const struct row *row, struct unit_info u)
{
	struct root *r = &p->root;

	u.name = arena_join(r->strings, row->field[U_NAME], row->len[U_NAME], "", 0);
	u.uniqueid = row->len[U_UNIQUEID] == 0
	                 ? ""
	                 : arena_join(r->strings, row->field[U_UNIQUEID], row->len[U_UNIQUEID], "", 0);
	u.partition = intern_partition(p, row->field[U_PARTITION], row->len[U_PARTITION]);
	r->places[r->n_units] = (struct unit_place){ p->off, (uint32_t)r->n_groups, (uint32_t)p->in_group };
	r->units[r->n_units++] = u;
}

static int parse_unit(struct root_parser *p, struct row *row, struct err *e)
{
	struct root *r = &p->root;
	struct unit_info u;
	uint64_t uidvalidity, messages, unread, files, stored, table;

	if (p->n_seen >= p->mark.units)
		return bad_root(e, "more units than the end mark says");
	/* Room grows with the lines, not with what the end mark claims. */
	r->units = mem_grow(r->units, &p->cap_units, r->n_units + 1, sizeof u);
	r->places = mem_grow(r->places, &p->cap_places, r->n_units + 2, sizeof *r->places);
	if (row->len[U_KIND] != 1 || strchr("cgumodr", row->field[U_KIND][0]) == NULL ||
	    row->len[U_HEALTH] != 1 || strchr("-=!", row->field[U_HEALTH][0]) == NULL)
		return bad_root(e, "a unit of unknown kind");
	if (row_unescape(row, U_NAME) == -1 || row_unescape(row, U_UNIQUEID) == -1 ||
	    row_unescape(row, U_PARTITION) == -1 ||
	    row_u64(row, U_UIDVALIDITY, UINT32_MAX, &uidvalidity) == -1 ||
	    row_u64(row, U_MESSAGES, UINT32_MAX, &messages) == -1 ||
	    row_u64(row, U_UNREAD, UINT32_MAX, &unread) == -1 ||
	    row_u64(row, U_FILES, UINT32_MAX, &files) == -1 ||
	    row_u64(row, U_BYTES, UINT64_MAX, &u.bytes) == -1 ||
	    row_u64(row, U_STORED, p->mark.index_off - p->off, &stored) == -1 ||
	    row_u64(row, U_TABLE, TABLE_MAX, &table) == -1 || table == 0)
		return bad_root(e, "a unit line is malformed");
	u.kind = (enum unit_kind)row->field[U_KIND][0];
	u.health = (enum unit_health)row->field[U_HEALTH][0];
	u.uidvalidity = (uint32_t)uidvalidity;
	u.messages = (uint32_t)messages;
	u.unread = (uint32_t)unread;
	u.files = (uint32_t)files;
	u.name = row->field[U_NAME];
	u.uniqueid = row->field[U_UNIQUEID];
	u.partition = row->field[U_PARTITION];
	if (p->pick != NULL && !p->pick->wants(p->pick->arg, &u))
		leave_out(p);
	else
		add_unit(p, row, u);
	p->off += stored;
	p->in_group += table;
	if (p->in_group > UINT32_MAX)
		return bad_root(e, "a group of tables is too large");
	p->n_seen++;
	return 0;
}

static int parse_group(struct root_parser *p, const struct row *row, struct err *e)
{
	struct root *r = &p->root;
	/* Where the tables begin is known only at the end when the mark was guessed. */
	uint64_t base = p->mark.guessed ? 0 : p->mark.index_off, room = p->mark.root_off - base;
	struct table_group *g;

	if (r->n_groups >= UINT32_MAX)
		return bad_root(e, "too many groups of tables");
	r->groups = mem_grow(r->groups, &p->cap_groups, r->n_groups + 1, sizeof *g);
	g = &r->groups[r->n_groups];
	if (row_u64(row, 1, room, &g->off) == -1 || row_u64(row, 2, room - g->off, &g->stored) == -1 ||
	    row_u64(row, 3, UINT64_MAX, &g->plain) == -1 || g->plain != p->in_group ||
	    row->len[4] != 2 * SHA256_SIZE || str_unhex(row->field[4], g->sha256, SHA256_SIZE) == -1)
		return bad_root(e, "a line of tables is malformed");
	g->off += base;
	r->n_groups++;
	p->in_group = 0;
	return 0;
}

static int parse_root_row(struct root_parser *p, struct row *row, struct err *e)
{
	uint64_t units, bytes;

	if (p->ended)
		return bad_root(e, "lines after its end");
	if (!p->begun) {
		if (row->n < 2 || strcmp(row->field[0], "cyrvault-index") != 0)
			return bad_root(e, "it does not begin as one");
		if (strcmp(row->field[1], "1") != 0)
			return err_set(e, ERR_UNSUPPORTED, "the index has version %s; this program knows 1",
			    row->field[1]);
		p->begun = true;
		return 0;
	}
	if (row->n == U_FIELDS)
		return parse_unit(p, row, e);
	if (row->n == 5 && strcmp(row->field[0], "tables") == 0)
		return parse_group(p, row, e);
	if (row->n == 3 && strcmp(row->field[0], "end") == 0) {
		if (row_u64(row, 1, UINT64_MAX, &units) == -1 || units != p->n_seen ||
		    row_u64(row, 2, UINT64_MAX, &bytes) == -1 || bytes != p->off)
			return bad_root(e, "its last line contradicts the others");
		p->ended = true;
		return 0;
	}
	return bad_root(e, "a line of no known kind");
}

int root_parser_add(struct root_parser *p, char *text, size_t n, struct err *e)
{
	char *end = text + n;
	struct row row;
	int r;

	while ((r = row_next(&text, end, &row)) == 1) {
		if (parse_root_row(p, &row, e) == -1)
			return -1;
	}
	return r == -1 ? bad_root(e, "a broken line") : 0;
}

int root_parser_end(struct root_parser *p, struct root *ret, struct err *e)
{
	if (!p->ended || p->in_group != 0)
		return bad_root(e, "it is not whole");
	if (p->mark.guessed) {
		for (size_t i = 0; i < p->root.n_groups; i++)
			p->root.groups[i].off += p->off;
	} else if (p->n_seen != p->mark.units || p->off != p->mark.index_off) {
		return bad_root(e, "it is not the one that the end mark means");
	}
	p->root.places[p->root.n_units].off = p->off;
	p->root.places[p->root.n_units].group = (uint32_t)p->root.n_groups;
	*ret = p->root;
	memset(&p->root, 0, sizeof p->root);
	return 0;
}

size_t root_parser_sofar(const struct root_parser *p, struct root *ret)
{
	size_t ready = p->root.n_units;

	*ret = p->root;
	while (ready > 0 && p->root.places[ready - 1].group == p->root.n_groups)
		ready--;
	/* The place behind the last unit is not known yet, and tells where its table ends. */
	return ready == p->root.n_units && ready > 0 ? ready - 1 : ready;
}

size_t root_table_bytes(const struct root *r, size_t i)
{
	const struct unit_place *place = &r->places[i];
	uint64_t end = place[1].group == place->group ? place[1].table_off : r->groups[place->group].plain;

	return (size_t)(end - place->table_off);
}

void root_done(struct root *r)
{
	free(r->units);
	free(r->places);
	free(r->groups);
	arena_free(r->strings);
	memset(r, 0, sizeof *r);
}

void root_parser_free(struct root_parser *p)
{
	if (p == NULL)
		return;
	root_done(&p->root);
	free(p);
}
