/* verify.c: everything in an archive against everything else. */
#include "archive/verify.h"

#include <stdlib.h>
#include <string.h>

#include "archive/foreign.h"
#include "archive/reader.h"
#include "core/mem.h"

struct verifier {
	struct archive *a;
	struct job *job;
	archive_finding_fn *finding;
	void *arg;
	struct verify_result *ret;
	const char *unit;
	bool unit_bad;
};

static void found(struct verifier *v, const char *path, const char *what)
{
	struct archive_finding f = { .unit = v->unit, .path = path, .what = what };

	v->unit_bad = true;
	v->ret->findings++;
	if (v->finding != NULL)
		v->finding(v->arg, &f);
}

static void file_damaged(void *arg, const struct archive_file *f, const struct err *why)
{
	struct verifier *v = arg;

	v->ret->files_bad++;
	found(v, f->path, why->msg);
}

static int want(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	struct verifier *v = arg;

	(void)e;
	if (meta != NULL)
		v->ret->bytes += f->size;
	return 1;
}

static int drop(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg;
	(void)p;
	(void)n;
	(void)e;
	return 0;
}

static int count(void *arg, struct err *e)
{
	(void)e;
	((struct verifier *)arg)->ret->files++;
	return 0;
}

static void ignore(void *arg)
{
	(void)arg;
}

static bool is_damage(const struct err *e)
{
	return e->code == ERR_DAMAGE || e->code == ERR_FORMAT || e->code == ERR_UNSUPPORTED;
}

static int verify_unit(struct verifier *v, size_t i, bool quick, struct err *e)
{
	const struct file_sink sink = { v, true, want, drop, count, ignore };
	const struct unit_hooks hooks = { .arg = v, .damaged = file_damaged };
	const struct archive_table *t;

	if (archive_table(v->a, i, &t, e) == -1) {
		if (!is_damage(e))
			return -1;
		v->ret->files_bad += v->a->root.units[i].files;
		found(v, "", e->msg);
		err_clear(e);
		return 0;
	}
	if (quick) {
		v->ret->files += t->n_files;
		return 0;
	}
	return archive_read_table(v->a, t, &sink, &hooks, e);
}

/* The members from the first tables entry on: CRC, and one right behind the other. */
static int verify_index_members(struct verifier *v, uint8_t *head, struct err *e)
{
	struct archive *a = v->a;
	uint64_t off = a->mark.index_off, end = a->mark.total - END_MARK_SIZE;

	while (off < end) {
		size_t n = end - off < MEMBER_HEAD_MAX ? (size_t)(end - off) : MEMBER_HEAD_MAX;
		struct member_head h;

		if (archive_fetch(a, off, head, n, e) == -1)
			return -1;
		if (member_parse(head, n, &h) != 1 || h.stored > end - off) {
			found(v, "", "the index's members do not follow each other");
			return 0;
		}
		if (archive_each_plain(a, off, h.stored, h.kind, NULL, NULL, e) == -1) {
			if (!is_damage(e))
				return -1;
			found(v, "", e->msg);
			err_clear(e);
		}
		off += h.stored;
	}
	return 0;
}

static int verify_foreign(struct verifier *v, struct store *store, struct err *e)
{
	const struct file_sink sink = { v, true, want, drop, count, ignore };

	if (archive_foreign_each(store, v->a->name, v->job, &sink, e) == -1) {
		if (!is_damage(e))
			return -1;
		found(v, "", e->msg);
		err_clear(e);
	}
	return 0;
}

int archive_verify(struct archive *a, bool quick, struct job *job, archive_finding_fn *finding, void *arg,
    struct verify_result *ret, struct err *e)
{
	struct verifier v = { a, job, finding, arg, ret, "", false };
	struct err mine = { 0 };
	uint8_t *head;
	int rc;

	if (e == NULL)
		e = &mine;
	memset(ret, 0, sizeof *ret);
	if (a->kind == ARCHIVE_FOREIGN)
		return verify_foreign(&v, a->store, e);
	job_set_total(job, quick ? a->root.n_units : a->mark.index_off);
	archive_expect_all(a, quick ? a->mark.index_off : 0, quick ? a->mark.root_off : a->mark.index_off);
	for (size_t i = 0; i < a->root.n_units; i++) {
		if (job_cancelled(job, e))
			return -1;
		v.unit = a->root.units[i].name;
		v.unit_bad = false;
		if (verify_unit(&v, i, quick, e) == -1)
			return -1;
		ret->units++;
		ret->units_bad += v.unit_bad;
		job_advance(job, quick ? 1 : a->root.places[i + 1].off - a->root.places[i].off);
	}
	if (quick)
		return 0;
	v.unit = "";
	archive_expect_all(a, 0, 0);
	head = mem_alloc(MEMBER_HEAD_MAX);
	rc = verify_index_members(&v, head, e);
	free(head);
	return rc;
}
