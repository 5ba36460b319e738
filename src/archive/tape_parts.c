/* tape_parts.c: the parts of an archive that are not mail. */
#include "archive/tape_parts.h"

#include <stdlib.h>
#include <string.h>

#include "archive/reader.h"
#include "core/io.h"
#include "core/mem.h"

#define PIECE ((size_t)256 << 10)
#define TAIL  ((uint64_t)64 << 10)

struct parts {
	struct tape_part *list;
	size_t n, cap;
};

static void add(struct parts *p, uint64_t off, uint64_t n)
{
	struct tape_part *last = p->n > 0 ? &p->list[p->n - 1] : NULL;

	if (n == 0)
		return;
	if (last != NULL && last->off + last->n == off) {
		last->n += n;
		return;
	}
	p->list = mem_grow(p->list, &p->cap, p->n + 1, sizeof *p->list);
	p->list[p->n++] = (struct tape_part){ off, n };
}

/* Whoever opens the archive reads the last TAIL bytes at once, in which there may be more than the index. */
static void add_end(struct parts *p, uint64_t index_off, uint64_t size)
{
	uint64_t off = size - index_off < TAIL ? size > TAIL ? size - TAIL : 0 : index_off;

	while (p->n > 0 && p->list[p->n - 1].off >= off)
		p->n--;
	if (p->n > 0 && p->list[p->n - 1].off + p->list[p->n - 1].n > off)
		p->list[p->n - 1].n = size - p->list[p->n - 1].off;
	else
		add(p, off, size - off);
}

/* Members of the global unit that hold imapd.conf. The other files there may be large, and are not looked at before a restore. */
static int add_conf(struct archive *a, size_t unit, struct parts *p, struct err *e)
{
	const struct archive_table *t;
	uint64_t from = UINT64_MAX, to = 0, at = 0;

	if (archive_table(a, unit, &t, e) == -1)
		return -1;
	for (size_t i = 0; i < t->n_files; i++) {
		if (t->files[i].role != ROLE_IMAPD_CONF)
			continue;
		from = t->files[i].plain_off;
		to = i + 1 < t->n_files ? t->files[i + 1].plain_off : UINT64_MAX;
		break;
	}
	for (size_t i = 0; i < t->n_members && from != UINT64_MAX; i++) {
		const struct archive_member *m = &t->members[i];

		if (at < to && at + m->plain_size > from)
			add(p, m->off, m->stored_size);
		at += m->plain_size;
	}
	return 0;
}

static int find_parts(struct archive *a, struct parts *p, struct err *e)
{
	for (size_t i = 0; i < a->root.n_units; i++) {
		const struct unit_place *place = &a->root.places[i];

		switch (a->root.units[i].kind) {
		case UNIT_CONTROL:
		case UNIT_REPORT: add(p, place->off, place[1].off - place->off); break;
		case UNIT_GLOBAL:
			if (add_conf(a, i, p, e) == -1)
				return -1;
			break;
		default: break;
		}
	}
	add_end(p, a->mark.index_off, a->size);
	return 0;
}

int tape_parts_make(struct archive *a, int out_fd, struct tape_part **ret, size_t *ret_n,
    uint8_t sha[SHA256_SIZE], struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t *piece = mem_alloc(PIECE);
	struct parts p = { 0 };
	int rc = archive_get_kind(a) == ARCHIVE_OURS
	             ? find_parts(a, &p, e)
	             : err_set(e, ERR_UNSUPPORTED, "%s is not an archive of cyrvault's", archive_name(a));

	for (size_t i = 0; i < p.n && rc == 0; i++) {
		uint64_t off = p.list[i].off, end = off + p.list[i].n;

		archive_expect(a, off, end - off, false);
		while (off < end && rc == 0) {
			size_t n = end - off < PIECE ? (size_t)(end - off) : PIECE;

			rc = archive_fetch(a, off, piece, n, e);
			if (rc == 0)
				rc = io_write_all(out_fd, piece, n, "the parts of an archive", e);
			digest_add(d, piece, rc == 0 ? n : 0);
			off += n;
		}
	}
	digest_end(d, sha);
	digest_free(d);
	free(piece);
	if (rc == -1) {
		free(p.list);
		return -1;
	}
	*ret = p.list;
	*ret_n = p.n;
	return 0;
}
