/* salvage.c: what can be had of a damaged archive: by its index where there is one, else member by member. */
#include "archive/verify.h"

#include <stdlib.h>
#include <string.h>

#include "archive/reader.h"
#include "archive/walk.h"
#include "archive/window.h"
#include "core/log.h"
#include "core/mem.h"

struct salvage {
	struct archive *a;
	struct job *job;
	const struct file_sink *sink;
	archive_finding_fn *lost;
	void *arg;
	struct salvage_result *ret;
	const char *unit;
	bool is_ours; /* a header of ours was found */
};

static void tell_lost(struct salvage *s, const char *path, const char *why)
{
	struct archive_finding f = { .unit = s->unit, .path = path, .what = why };

	s->ret->files_lost++;
	if (s->lost != NULL)
		s->lost(s->arg, &f);
}

static void walk_lost(void *arg, const char *path, const char *why)
{
	tell_lost(arg, path, why);
}

/* Members one after the other. */

/* Moves ${w} to the next member of ours from its place + ${skip} on, or to its end. */
static int find_next(struct window *w, size_t skip, struct salvage *s, struct err *e)
{
	w->at += skip;
	s->ret->bytes_skipped += skip;
	for (;;) {
		size_t hit, used;

		if (window_need(w, MEMBER_HEAD_MAX, e) == -1)
			return -1;
		hit = member_find(w->p, w->len, w->at);
		used = hit - w->at;
		s->ret->bytes_skipped += used;
		w->at = hit;
		if (hit < w->len || w->next == w->end)
			return 0;
	}
}

/* Gives the walker the member at w's place, if it is sound; 1 if it is, 0 if not, -1. */
static int take_member(struct salvage *s, struct window *w, struct walk *walk, uint8_t **plain, size_t *cap,
    struct member_head *h, struct err *e)
{
	struct err why = { 0 };

	if (window_need(w, MEMBER_HEAD, e) == -1)
		return -1;
	if (member_parse(w->p + w->at, w->len - w->at, h) == 0 && window_need(w, MEMBER_HEAD_MAX, e) == -1)
		return -1;
	if (member_parse(w->p + w->at, w->len - w->at, h) != 1) {
		h->stored = 0;
		return 0;
	}
	s->is_ours = true;
	if (window_need(w, h->stored, e) == -1)
		return -1;
	if (w->len - w->at < h->stored) {
		h->stored = (uint32_t)(w->len - w->at);
		return 0;
	}
	/* window_need() may have moved the bytes that h->more points to; nothing here reads it. */
	*plain = mem_grow(*plain, cap, h->plain, 1);
	if (member_decode(s->a->decoder, h, w->p + w->at, *plain, &why) == -1)
		return 0;
	if (h->kind != MEMBER_DATA) {
		walk_gap(walk, "the archive goes on with something else");
		return 1;
	}
	return walk_piece(walk, *plain, h->plain, h->first, e) == -1 ? -1 : 1;
}

static int scan(struct salvage *s, uint64_t from, uint64_t to, struct err *e)
{
	struct window w = WINDOW_INIT(s->a, from, to);
	struct walk *walk = walk_new(s->sink, walk_lost, s);
	uint8_t *plain = NULL;
	size_t cap = 0;
	int rc = -1;

	while (w.at < w.len || w.next < w.end) {
		struct member_head h = { 0 };
		uint64_t off = window_off(&w);
		int r = job_cancelled(s->job, e) ? -1 : take_member(s, &w, walk, &plain, &cap, &h, e);

		if (r == -1)
			goto out;
		if (r == 1) {
			s->ret->members += h.kind == MEMBER_DATA;
			w.at += h.stored;
		} else {
			/* A length that leads to another member, or to the end, is believed. */
			struct member_head next;
			size_t skip = h.stored;

			walk_gap(walk, "it runs into a damaged member");
			s->ret->members++;
			s->ret->members_bad++;
			if (window_need(&w, skip + MEMBER_HEAD, e) == -1)
				goto out;
			if (skip == 0 || (w.len - w.at > skip && member_parse(w.p + w.at + skip,
								     w.len - w.at - skip, &next) == -1))
				skip = 1;
			if (find_next(&w, skip, s, e) == -1)
				goto out;
		}
		job_advance(s->job, window_off(&w) - off);
	}
	rc = 0;
out:
	walk_gap(walk, "the archive ends within it");
	s->ret->files += walk_files(walk);
	walk_free(walk);
	window_done(&w);
	free(plain);
	return rc;
}

/* With the index. */

static void unit_lost(void *arg, const struct archive_file *f, const struct err *why)
{
	tell_lost(arg, f->path, why->msg);
}

static void unit_member(void *arg, const struct archive_member *m, bool good)
{
	struct salvage *s = arg;

	(void)m;
	s->ret->members++;
	if (!good) {
		s->ret->members_bad++;
		s->ret->bytes_skipped += m->stored_size;
	}
}

/* The caller's sink, counted. */

static int count_begin(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	struct salvage *s = arg;

	return s->sink->begin(s->sink->arg, f, meta, e);
}

static int count_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct salvage *s = arg;

	return s->sink->data(s->sink->arg, p, n, e);
}

static int count_end(void *arg, struct err *e)
{
	struct salvage *s = arg;

	s->ret->files++;
	return s->sink->end(s->sink->arg, e);
}

static void count_abort(void *arg)
{
	struct salvage *s = arg;

	s->sink->abort(s->sink->arg);
}

static int salvage_units(struct salvage *s, struct err *e)
{
	const struct file_sink sink = { s, true, count_begin, count_data, count_end, count_abort };
	const struct unit_hooks hooks = { s, unit_lost, unit_member, true };
	struct archive *a = s->a;

	for (size_t i = 0; i < a->root.n_units; i++) {
		const struct unit_place *place = &a->root.places[i];
		const struct archive_table *t;
		int rc;

		if (job_cancelled(s->job, e))
			return -1;
		s->unit = a->root.units[i].name;
		if (archive_table(a, i, &t, e) == 0) {
			rc = archive_read_table(a, t, &sink, &hooks, e);
			job_advance(s->job, place[1].off - place->off);
		} else if (e->code == ERR_DAMAGE) {
			log_write(LOG_LEVEL_WARNING, "%s", e->msg);
			err_clear(e);
			s->ret->had_index = false;
			rc = scan(s, place->off, place[1].off, e);
		} else {
			rc = -1;
		}
		if (rc == -1)
			return -1;
	}
	return 0;
}

/* Looks for a root although the end mark is gone: hops over the members by their lengths. */

static int find_root(struct salvage *s, bool *found, struct err *e)
{
	struct archive *a = s->a;
	struct window w = WINDOW_INIT(a, 0, a->size);
	struct salvage_result ignored = { 0 };
	struct salvage quiet = { .a = a, .ret = &ignored };
	uint64_t pos = 0, root_end = 0;
	int rc = -1;

	*found = false;
	while (pos < a->size) {
		struct member_head h;
		uint8_t head[MEMBER_HEAD];
		size_t n = a->size - pos < sizeof head ? (size_t)(a->size - pos) : sizeof head;

		if (job_cancelled(s->job, e) || archive_fetch(a, pos, head, n, e) == -1)
			goto out;
		if (member_parse(head, n, &h) == 1 && h.stored <= a->size - pos) {
			if (h.kind == MEMBER_ROOT) {
				if (root_end != pos)
					a->mark.root_off = pos;
				root_end = pos + h.stored;
				*found = true;
			}
			pos += h.stored;
			continue;
		}
		window_done(&w);
		w = (struct window)WINDOW_INIT(a, pos, a->size);
		if (find_next(&w, 0, &quiet, e) == -1)
			goto out;
		pos = window_off(&w);
		if (w.at == w.len)
			break;
		/* Found, but what is not whole here is none. */
		if (window_need(&w, MEMBER_HEAD_MAX, e) == -1)
			goto out;
		if (member_parse(w.p + w.at, w.len - w.at, &h) != 1 || h.stored > a->size - pos)
			pos++;
		else
			pos += h.kind == MEMBER_ROOT ? 0 : h.stored;
	}
	a->mark.guessed = true;
	a->mark.index_off = a->mark.root_off;
	a->mark.root_stored = root_end - a->mark.root_off;
	a->mark.units = UINT64_MAX;
	rc = 0;
out:
	window_done(&w);
	return rc;
}

static int open_somehow(struct salvage *s, struct store *store, const char *name, struct err *e)
{
	bool found;

	if (archive_open(store, name, s->job, &s->a, e) == 0) {
		if (s->a->kind == ARCHIVE_OURS) {
			s->ret->had_index = true;
			return 0;
		}
		archive_close(s->a);
		s->a = NULL;
		return err_set(e, ERR_FORMAT, "%s is no archive of cyrvault", name);
	}
	if (e->code != ERR_DAMAGE && e->code != ERR_FORMAT && e->code != ERR_UNSUPPORTED)
		return -1;
	err_clear(e);
	if (archive_open_raw(store, NULL, name, s->job, &s->a, e) == -1 || find_root(s, &found, e) == -1)
		return -1;
	if (found && archive_load_root(s->a, NULL, e) == 0) {
		s->ret->had_index = true;
		return 0;
	}
	if (e->code == ERR_CANCELLED || e->code == ERR_SYS)
		return -1;
	err_clear(e);
	return 0;
}

int archive_salvage(struct store *store, const char *name, struct job *job, const struct file_sink *sink,
    archive_finding_fn *lost, void *arg, struct salvage_result *ret, struct err *e)
{
	struct salvage s = { .job = job, .sink = sink, .lost = lost, .arg = arg, .ret = ret, .unit = "" };
	struct err mine = { 0 };
	int rc;

	if (e == NULL)
		e = &mine;
	memset(ret, 0, sizeof *ret);
	rc = open_somehow(&s, store, name, e);
	if (rc == 0) {
		job_set_total(job, s.a->size);
		archive_expect_all(s.a, 0, ret->had_index ? s.a->mark.index_off : s.a->size);
		rc = ret->had_index ? salvage_units(&s, e) : scan(&s, 0, s.a->size, e);
	}
	if (rc == 0 && !ret->had_index && !s.is_ours)
		rc = err_set(e, ERR_FORMAT, "%s holds no member of an archive of cyrvault", name);
	archive_close(s.a);
	return rc;
}
