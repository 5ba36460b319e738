/* table.c: a unit's table, taken apart with suspicion. */
#include "archive/index.h"

#include <stdlib.h>
#include <string.h>

#include "archive/arena.h"
#include "archive/cpio.h"
#include "archive/rows.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

/* A file line and its hash line. */
#define FILE_LINES_MIN 74

struct table_parser {
	struct table t;
	uint32_t want_files;
	size_t max_files, n_files, cap_files, n_hashed, n_members, cap_members;
	uint64_t off, plain;
	int64_t mtime;
	enum file_role role;
	const char *dir;
	size_t dir_len;
	bool begun;
};

struct table_parser *table_parser_new(uint64_t off, uint32_t n_files, size_t table_bytes)
{
	struct table_parser *p = mem_alloc(sizeof *p);

	p->off = off;
	p->want_files = n_files;
	p->max_files = table_bytes / FILE_LINES_MIN < n_files ? table_bytes / FILE_LINES_MIN : n_files;
	p->t.strings = arena_new(p->max_files < 1000 ? 16 << 10 : 256 << 10);
	p->dir = "";
	return p;
}

static int bad_table(struct err *e, const char *what)
{
	return err_set(e, ERR_DAMAGE, "the table is damaged: %s", what);
}

/* "unit" KIND NAME */
static int parse_head(struct table_parser *p, struct row *row, struct err *e)
{
	if (row->n != 3 || strcmp(row->field[0], "unit") != 0 || row->len[1] != 1 ||
	    row_unescape(row, 2) == -1)
		return bad_table(e, "it does not begin as one");
	p->t.kind = (enum unit_kind)row->field[1][0];
	p->t.name = arena_join(p->t.strings, row->field[2], row->len[2], "", 0);
	p->begun = true;
	return 0;
}

/* "f" NAME SIZE MTIME ["l"=GROUP] ["s"=SPLIT] */
static int parse_file(struct table_parser *p, struct row *row, struct err *e)
{
	struct archive_file *f;
	uint64_t len;
	int64_t delta;

	if (p->n_files >= p->max_files)
		return bad_table(e, "more files than the index says");
	p->t.files = mem_grow(p->t.files, &p->cap_files, p->n_files + 1, sizeof *f);
	f = &p->t.files[p->n_files];
	memset(f, 0, sizeof *f);
	if (row->n < 4 || row_unescape(row, 1) == -1 || row_u64(row, 2, INT64_MAX, &f->size) == -1 ||
	    row_i64(row, 3, &delta) == -1 || __builtin_add_overflow(p->mtime, delta, &p->mtime))
		return bad_table(e, "a file line is malformed");
	for (size_t i = 4; i < row->n; i++) {
		uint64_t *to = row->field[i][0] == 'l' ? &f->link_group : &f->split_bytes;

		if ((row->field[i][0] != 'l' && row->field[i][0] != 's') || row->field[i][1] != '=' ||
		    str_u64(row->field[i] + 2, UINT64_MAX, to) == -1 || *to == 0)
			return bad_table(e, "a file line is malformed");
	}
	if (f->split_bytes == 0 ? f->size > CPIO_SIZE_MAX
				: f->split_bytes > CPIO_SIZE_MAX || f->size <= f->split_bytes ||
				      (f->size - 1) / f->split_bytes >= CPIO_PARTS_MAX)
		return bad_table(e, "a file's size cannot be");
	f->path = arena_join(p->t.strings, p->dir, p->dir_len, row->field[1], row->len[1]);
	if (!io_path_is_safe(f->path, p->dir_len + row->len[1]) || strcmp(f->path, "TRAILER!!!") == 0)
		return bad_table(e, "a file's name leaves its place");
	f->role = p->role;
	f->mtime = p->mtime;
	f->plain_off = p->plain;
	len = cpio_entry_len(p->dir_len + row->len[1], f->size, f->split_bytes);
	if (__builtin_add_overflow(p->plain, len, &p->plain))
		return bad_table(e, "a file's size cannot be");
	p->n_files++;
	return 0;
}

/* "m" STORED PLAIN */
static int parse_member(struct table_parser *p, const struct row *row, struct err *e)
{
	struct archive_member *m;

	p->t.members = mem_grow(p->t.members, &p->cap_members, p->n_members + 1, sizeof *m);
	m = &p->t.members[p->n_members];
	if (row->n != 3 || row_u64(row, 1, UINT32_MAX, &m->stored_size) == -1 ||
	    row_u64(row, 2, MEMBER_PLAIN_MAX, &m->plain_size) == -1 || m->plain_size == 0 ||
	    m->stored_size < MEMBER_HEAD ||
	    m->stored_size > member_bound(MEMBER_PLAIN_MAX) + MEMBER_HEAD_MAX ||
	    __builtin_add_overflow(p->off, m->stored_size, &p->off))
		return bad_table(e, "a member line is malformed");
	m->off = p->off - m->stored_size;
	p->t.stored += m->stored_size;
	p->t.plain += m->plain_size;
	p->n_members++;
	return 0;
}

static int parse_line(struct table_parser *p, struct row *row, struct err *e)
{
	const char *word = row->field[0];

	if (!p->begun)
		return parse_head(p, row, e);
	if (row->n == 1 && row->len[0] == 2 * SHA256_SIZE) {
		if (p->n_hashed == p->n_files ||
		    str_unhex(word, p->t.files[p->n_hashed].sha256, SHA256_SIZE) == -1)
			return bad_table(e, "a hash that belongs to no file");
		p->n_hashed++;
		return 0;
	}
	if (row->len[0] != 1)
		return bad_table(e, "a line of no known kind");
	switch (word[0]) {
	case 'f': return parse_file(p, row, e);
	case 'm': return parse_member(p, row, e);
	case 'd':
		if (row->n != 2 || row_unescape(row, 1) == -1)
			break;
		p->dir = arena_join(p->t.strings, row->field[1], row->len[1], "", 0);
		p->dir_len = row->len[1];
		return 0;
	case 'r':
		if (row->n != 2)
			break;
		p->role = file_role_parse(row->field[1]);
		return 0;
	default: break;
	}
	return bad_table(e, "a line of no known kind");
}

int table_parser_add(struct table_parser *p, char *text, size_t n, struct err *e)
{
	char *end = text + n;
	struct row row;
	int r;

	while ((r = row_next(&text, end, &row)) == 1) {
		if (parse_line(p, &row, e) == -1)
			return -1;
	}
	return r == -1 ? bad_table(e, "a broken line") : 0;
}

int table_parser_end(struct table_parser *p, struct table *ret, struct err *e)
{
	if (!p->begun || p->n_files != p->want_files || p->n_hashed != p->n_files)
		return bad_table(e, "files or hashes are missing");
	if (p->t.plain != p->plain)
		return bad_table(e, "its members do not hold just its files");
	*ret = p->t;
	ret->pub.files = ret->files;
	ret->pub.n_files = p->n_files;
	ret->pub.members = ret->members;
	ret->pub.n_members = p->n_members;
	memset(&p->t, 0, sizeof p->t);
	return 0;
}

void table_done(struct table *t)
{
	free(t->files);
	free(t->members);
	arena_free(t->strings);
	memset(t, 0, sizeof *t);
}

void table_parser_free(struct table_parser *p)
{
	if (p == NULL)
		return;
	table_done(&p->t);
	free(p);
}
