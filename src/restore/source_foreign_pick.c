/* source_foreign_pick.c: single files of a foreign archive: into memory; and, if it was read before, one message that is looked at, or an
 * index without its messages, by range. */
#include <string.h>
#include <sys/stat.h>

#include "restore/source_foreign.h"

#define SINGLES_MAX 8 /* so many messages one by one; who asks for more gets the whole mailbox copied */

struct pick {
	const struct foreign *f;
	uint32_t box;
	uint32_t uid; /* 0: header and indexes, and the cache if asked for */
	bool with_cache;
	const struct file_sink *to;
	bool found;
};

static bool is_part(const struct pick *p, const char *base)
{
	switch (source_role_of(base)) {
	case ROLE_HEADER:
	case ROLE_INDEX:
	case ROLE_EXPUNGE: return true;
	case ROLE_CACHE: return p->with_cache;
	default: return false;
	}
}

static bool pick_wants(void *arg, const struct archive_file *file, const struct entry_meta *meta)
{
	const struct pick *p = arg;
	const char *base = source_base(file->path);
	uint32_t dir;

	if (!S_ISREG(meta->mode) || (p->uid != 0 ? source_message_uid(base) != p->uid : !is_part(p, base)))
		return false;
	dir = foreign_dir_find(p->f, file->path, base > file->path ? (size_t)(base - file->path) - 1 : 0);
	return dir != FOREIGN_NONE && p->f->dirs[dir].box == p->box;
}

/* A later file of the same name is given after the one that it replaces, as to all others who collect. */
static int pick_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct pick *p = arg;
	struct archive_file as = *file;

	as.role = source_role_of(source_base(file->path));
	p->found = true;
	return p->to->begin(p->to->arg, &as, meta, e);
}

static int pick_data(void *arg, const void *p, size_t n, struct err *e)
{
	const struct pick *pick = arg;

	return pick->to->data(pick->to->arg, p, n, e);
}

static int pick_end(void *arg, struct err *e)
{
	const struct pick *p = arg;

	return p->to->end(p->to->arg, e);
}

static void pick_abort(void *arg)
{
	const struct pick *p = arg;

	p->to->abort(p->to->arg);
}

/* 1, 0: reading from the front has to do, -1. */
static int pick(struct source *s, struct pick *p, struct err *e)
{
	struct file_sink sink = { p, false, pick_begin, pick_data, pick_end, pick_abort };
	struct err why = { 0 };

	if (foreign_index_read(s->index, s->job, pick_wants, &sink, &why) == 0)
		return 1;
	if (foreign_try_front(s, &why))
		return 0;
	if (e != NULL)
		*e = why;
	return -1;
}

int foreign_pick_parts(struct source *s, struct foreign *f, uint32_t box, bool with_cache,
    const struct file_sink *sink, struct err *e)
{
	struct pick p = { .f = f, .box = box, .with_cache = with_cache, .to = sink };

	return s->index != NULL && foreign_index_has_ranges(s->index) ? pick(s, &p, e) : 0;
}

/* ---- one file, into memory ---- */

struct into_buf {
	struct buf *b;
	size_t start;
	uint64_t max;
};

static int into_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct into_buf *to = arg;

	(void)meta;
	to->b->len = to->start; /* of several of one name the last counts */
	if (file->size > to->max)
		return err_set(
		    e, ERR_FORMAT, "%s is larger than %llu bytes", file->path, (unsigned long long)to->max);
	return 1;
}

static int into_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(((struct into_buf *)arg)->b, p, n);
	return 0;
}

static int into_end(void *arg, struct err *e)
{
	struct into_buf *to = arg;

	return to->b->full ? err_set(e, ERR_FORMAT, "a file is too large") : 0;
}

static void into_abort(void *arg)
{
	struct into_buf *to = arg;

	to->b->len = to->start;
}

int foreign_pick_message(struct source *s, struct foreign *f, uint32_t box, uint32_t uid, size_t max_bytes,
    struct buf *b, struct err *e)
{
	struct into_buf to = { b, b->len, max_bytes };
	struct file_sink sink = { &to, false, into_begin, into_data, into_end, into_abort };
	struct pick p = { .f = f, .box = box, .uid = uid, .to = &sink };
	int r;

	if (s->index == NULL || !foreign_index_has_ranges(s->index) || uid == 0 ||
	    foreign_box_hoarded(f, box))
		return 0;
	if (f->picked_box != box)
		f->n_picked = 0;
	f->picked_box = box;
	if (f->n_picked++ >= SINGLES_MAX)
		return 0;
	r = pick(s, &p, e);
	if (r == 1 && !p.found)
		return err_set(e, ERR_NOT_FOUND, "the archive holds no such message file");
	return r;
}

int foreign_read_file(
    struct source *s, struct foreign *f, uint32_t file, uint64_t max_bytes, struct buf *b, struct err *e)
{
	struct foreign_role one = { file, ROLE_OTHER };
	struct into_buf to = { b, b->len, max_bytes };
	struct file_sink sink = { &to, false, into_begin, into_data, into_end, into_abort };
	uint32_t raw = f->files[file].raw;

	if (raw != FOREIGN_NONE) {
		buf_add(b, buf_text(&f->raws[raw]), f->raws[raw].len);
		return 0;
	}
	if (f->opening)
		return err_set(e, ERR_UNSUPPORTED, "not looked at while the archive is being opened");
	return foreign_give_files(s, f, &one, 1, &sink, e);
}
