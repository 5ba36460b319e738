/* tape_store.c: an archive on tape, read forward, with what passed kept. */
#include "archive/tape_store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/tape_tar.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/store_impl.h"

#define PAGE       ((uint64_t)65536)
#define PIECE      ((size_t)256 << 10)
#define RING_MIN   (2 * DRIVE_BLOCK_MAX / PAGE) /* what one piece brings does not push itself out */
#define EXPECT_MAX 1024

struct reel {
	struct tape_store_opts o;
	char *archive, *label, *box;
	uint64_t *part_at; /* where in the parts' file each part begins */
	struct drive *drive;
	bool placed; /* the drive stands at ${at}, and holds the right tape */
	uint64_t at; /* byte of the tar that is read next */
	/* What was read last: bytes of the archive. */
	uint8_t *block;
	const uint8_t *piece;
	uint64_t piece_off;
	size_t piece_n;
	int temp;         /* -1: nothing kept yet */
	uint8_t *have;    /* a bit for each page that is kept whole */
	uint64_t partial; /* 1 + the page of which all was kept up to the end of the piece; 0: none */
	uint64_t *ring;   /* pages kept, the oldest at ring_at */
	size_t ring_n, ring_at, ring_max;
	struct tape_part expect[EXPECT_MAX];
	size_t n_expect;
	unsigned rewinds;
};

/* ---- asking for a tape ---- */

int tape_ask(
    struct job *job, const char *label, const char *box, const char *device, const char *why, struct err *e)
{
	char answer[16], where[256];
	struct buf title = BUF_INIT, text = BUF_INIT;
	struct question q;
	int rc;

	str_safe(where, sizeof where, device, strlen(device));
	buf_printf(&title, label[0] != '\0' ? "Insert tape %s" : "Insert the next tape", label);
	if (box[0] != '\0') {
		buf_str(&title, " (box ");
		str_safe_buf(&title, box, strlen(box));
		buf_char(&title, ')');
	}
	buf_printf(&title, " into %s", where);
	str_safe_buf(&text, why, strlen(why));
	q = (struct question){ .title = buf_text(&title),
		.text = buf_text(&text),
		.prompt = "Press Enter when it is in, or type \"no\"" };
	rc = job_ask(job, &q, answer, sizeof answer, e);
	if (rc == 0) {
		err_set(e, ERR_NOT_FOUND, "%s: %s", buf_text(&title), buf_text(&text));
		rc = -1;
	} else if (rc == 1 &&
		   (strcmp(answer, "no") == 0 || strcmp(answer, "n") == 0 || strcmp(answer, "q") == 0)) {
		rc = err_set(e, ERR_CANCELLED, "%s: it was not to be had", buf_text(&title));
	} else if (rc == 1) {
		rc = 0;
	}
	buf_done(&title);
	buf_done(&text);
	return rc;
}

/* ---- the drive ---- */

/* The next piece; what comes before the archive is not of it. As drive_read(). */
static ssize_t next_piece(struct reel *r, struct err *e)
{
	size_t max = drive_kind(r->drive) == DRIVE_TAPE ? DRIVE_BLOCK_MAX : PIECE;
	uint64_t before = r->at, data = r->o.data_offset, skip = before < data ? data - before : 0;
	ssize_t n;

	if (r->block == NULL)
		r->block = mem_alloc(DRIVE_BLOCK_MAX);
	r->piece_n = 0;
	n = drive_read(r->drive, r->block, max, e);
	if (n <= 0)
		return n;
	r->at += (uint64_t)n;
	if ((uint64_t)n > skip) {
		r->piece = r->block + skip;
		r->piece_off = before + skip - data;
		r->piece_n = (size_t)n - (size_t)skip;
		if (r->piece_off >= r->o.size_bytes)
			r->piece_n = 0;
		else if (r->piece_n > r->o.size_bytes - r->piece_off)
			r->piece_n = (size_t)(r->o.size_bytes - r->piece_off);
	}
	return n;
}

/* Reads what comes before the archive. 1 it is the right tape; 0 not (${why}); -1. */
static int check_label(struct reel *r, struct err *why, struct err *e)
{
	struct buf head = BUF_INIT;
	struct tape_label l;
	int rc = 0;

	while (head.len < r->o.data_offset) {
		ssize_t n = next_piece(r, why);

		if (n <= 0) {
			if (n == 0)
				err_set(why, ERR_FORMAT, "it is empty");
			rc = job_cancelled(r->o.drive.job, e) ? -1 : 0;
			goto out;
		}
		buf_add(&head, r->block, (size_t)n);
	}
	if (tape_head_parse(head.data, head.len, &l, why) == -1)
		goto out;
	if (strcmp(l.label, r->label) != 0)
		err_set(why, ERR_NOT_FOUND, "tape %s is in it", l.label);
	else if (strcmp(l.archive, r->archive) != 0 || l.file != r->o.file)
		err_set(
		    why, ERR_DAMAGE, "on this tape %s another archive lies there: %s", l.label, l.archive);
	else
		rc = 1;
	tape_label_done(&l);
out:
	buf_done(&head);
	return rc;
}

/* The drive at the beginning of the file. 1 the right tape is in it; 0 (${why}); -1. */
static int place(struct reel *r, struct err *why, struct err *e)
{
	r->placed = false;
	r->at = 0;
	r->piece_n = 0;
	r->partial = 0;
	if (r->drive == NULL && drive_new(&r->o.drive, &r->drive, why) == -1) {
		r->drive = NULL;
		return 0;
	}
	drive_set_job(r->drive, r->o.drive.job);
	if (drive_read_from(r->drive, r->o.file, r->o.offset_bytes, why) == -1)
		return job_cancelled(r->o.drive.job, e) ? -1 : 0;
	return r->o.bare ? 1 : check_label(r, why, e);
}

static int begin(struct reel *r, struct err *e)
{
	for (;;) {
		struct err why = { 0 };
		int right = place(r, &why, e);

		if (right == 1) {
			r->placed = true;
			r->rewinds++;
			return 0;
		}
		/* Nothing stands in the way of the one that is asked for. */
		drive_free(r->drive);
		r->drive = NULL;
		if (right == -1 ||
		    tape_ask(r->o.drive.job, r->label, r->box,
			r->o.drive.device != NULL ? r->o.drive.device : "the drive of the read_command",
			why.msg, e) == -1)
			return -1;
	}
}

/* ---- what is kept ---- */

static bool has_page(const struct reel *r, uint64_t page)
{
	return r->have != NULL && (r->have[page / 8] >> (page % 8) & 1) != 0;
}

static int open_temp(struct reel *r, struct err *e)
{
	uint64_t pages = (r->o.size_bytes + PAGE - 1) / PAGE, max = (r->o.keep_bytes + PAGE - 1) / PAGE;

	if (r->temp != -1)
		return 0;
	r->temp = io_temp_fd(NULL, e);
	if (r->temp == -1)
		return err_wrap(e, "keep what is read of a tape");
	r->ring_max = (size_t)(max > RING_MIN ? max : RING_MIN);
	r->have = mem_alloc((size_t)(pages / 8 + 1));
	r->ring = mem_array(r->ring_max, sizeof *r->ring);
	return 0;
}

/* The oldest page goes where there is no room for another one. */
static void add_page(struct reel *r, uint64_t page)
{
	if (has_page(r, page))
		return;
	if (r->ring_n == r->ring_max) {
		uint64_t old = r->ring[r->ring_at];

		r->have[old / 8] &= (uint8_t) ~(1u << (old % 8));
		fallocate(
		    r->temp, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)(old * PAGE), (off_t)PAGE);
		r->ring[r->ring_at] = page;
		r->ring_at = (r->ring_at + 1) % r->ring_max;
	} else {
		r->ring[(r->ring_at + r->ring_n++) % r->ring_max] = page;
	}
	r->have[page / 8] |= (uint8_t)(1u << (page % 8));
}

static bool is_wanted(const struct reel *r, uint64_t page, uint64_t asked)
{
	uint64_t from = page * PAGE, to = from + PAGE;

	if (page == asked)
		return true;
	for (size_t i = 0; i < r->n_expect; i++)
		if (r->expect[i].off < to && r->expect[i].off + r->expect[i].n > from)
			return true;
	return false;
}

/* Of the piece, the pages that are wanted. One that began in a piece before is whole only if that was kept, too. */
static int keep(struct reel *r, uint64_t asked, struct err *e)
{
	uint64_t off = r->piece_off, end = off + r->piece_n, partial = r->partial;

	r->partial = 0;
	for (uint64_t page = off / PAGE; page * PAGE < end; page++) {
		uint64_t from = page * PAGE > off ? page * PAGE : off;
		uint64_t to = (page + 1) * PAGE < end ? (page + 1) * PAGE : end;
		uint64_t page_end = (page + 1) * PAGE < r->o.size_bytes ? (page + 1) * PAGE : r->o.size_bytes;

		if (has_page(r, page) || !is_wanted(r, page, asked) ||
		    (from != page * PAGE && partial != page + 1))
			continue;
		if (io_pwrite_all(r->temp, r->piece + (from - off), (size_t)(to - from), from,
			"a temporary file", e) == -1)
			return -1;
		if (to == page_end)
			add_page(r, page);
		else
			r->partial = page + 1;
	}
	return 0;
}

/* Stands where page ${page} begins, or has just read that. */
static int go_to(struct reel *r, uint64_t page, struct err *e)
{
	uint64_t block = r->o.drive.block_bytes, off = page * PAGE, want = r->o.data_offset + off, gap;

	if (!r->placed || (r->at > want && (r->piece_n == 0 || off < r->piece_off))) {
		if (begin(r, e) == -1)
			return -1;
	}
	gap = want > r->at ? (want - r->at) / block : 0;
	if (gap == 0)
		return 0;
	r->piece_n = 0;
	r->partial = 0;
	r->placed = drive_skip(r->drive, gap, e) == 0;
	r->at += gap * block;
	return r->placed ? 0 : -1;
}

/* Page ${page} into the temporary file. */
static int load(struct reel *r, uint64_t page, struct err *e)
{
	if (r->o.parts_only) {
		err_set(e, ERR_NOT_FOUND, "these bytes of %s are on tape %s only", r->archive, r->label);
		return -1;
	}
	if (open_temp(r, e) == -1 || go_to(r, page, e) == -1)
		return -1;
	for (;;) {
		ssize_t n;

		if (r->piece_n > 0 && keep(r, page, e) == -1)
			return -1;
		if (has_page(r, page))
			return 0;
		if (r->at >= r->o.data_offset + (page + 1) * PAGE) {
			err_set(
			    e, ERR_DAMAGE, "bytes of %s cannot be found on tape %s", r->archive, r->label);
			break;
		}
		n = next_piece(r, e);
		if (n == 0)
			err_set(
			    e, ERR_DAMAGE, "the archive %s ends too early on tape %s", r->archive, r->label);
		if (n <= 0)
			break;
	}
	r->placed = false;
	return -1;
}

/* ---- the stream ---- */

struct reading {
	struct reel *r;
	struct store *store;
	uint64_t at;
};

/* 1 and at most ${n} bytes out of the parts, 0 if they are not there, -1. */
static ssize_t read_parts(struct reel *r, uint64_t at, void *p, size_t n, struct err *e)
{
	for (size_t i = 0; i < r->o.n_parts; i++) {
		const struct tape_part *part = &r->o.parts[i];

		if (at < part->off || at - part->off >= part->n)
			continue;
		if (n > part->n - (at - part->off))
			n = (size_t)(part->n - (at - part->off));
		return io_pread_all(r->o.parts_fd, p, n, r->part_at[i] + (at - part->off),
			   "the parts of an archive", e) == -1
		           ? -1
		           : (ssize_t)n;
	}
	return 0;
}

static ssize_t tape_read(void *ctx, void *p, size_t n, struct err *e)
{
	struct reading *s = ctx;
	struct reel *r = s->r;
	uint64_t page = s->at / PAGE, left;
	ssize_t got;

	if (s->at >= r->o.size_bytes || n == 0)
		return 0;
	got = read_parts(r, s->at, p, n, e);
	if (got == 0) {
		r->o.drive.job = s->store->job;
		if (r->drive != NULL)
			drive_set_job(r->drive, s->store->job);
		if (!has_page(r, page) && load(r, page, e) == -1)
			return -1;
		left = ((page + 1) * PAGE < r->o.size_bytes ? (page + 1) * PAGE : r->o.size_bytes) - s->at;
		n = n < left ? n : (size_t)left;
		got = io_pread_all(r->temp, p, n, s->at, "a temporary file", e) == -1 ? -1 : (ssize_t)n;
	}
	if (got > 0)
		s->at += (uint64_t)got;
	return got;
}

static int tape_seek(void *ctx, uint64_t off, struct err *e)
{
	(void)e;
	((struct reading *)ctx)->at = off;
	return 0;
}

static int tape_size(void *ctx, uint64_t *ret, struct err *e)
{
	(void)e;
	*ret = ((struct reading *)ctx)->r->o.size_bytes;
	return 0;
}

static void tape_expect(void *ctx, uint64_t off, uint64_t n)
{
	struct reel *r = ((struct reading *)ctx)->r;
	struct tape_part *last = r->n_expect > 0 ? &r->expect[r->n_expect - 1] : NULL;

	if (n == 0)
		r->n_expect = 0;
	else if (last != NULL && last->off + last->n == off)
		last->n += n;
	else if (r->n_expect < EXPECT_MAX)
		r->expect[r->n_expect++] = (struct tape_part){ off, n };
}

static const struct stream_ops read_ops = { tape_read, NULL, tape_seek, tape_size, tape_expect, free };

/* ---- the store ---- */

static int is_it(const struct reel *r, const char *name, struct err *e)
{
	return strcmp(name, r->archive) == 0 ? 0 : err_set(e, ERR_NOT_FOUND, "%s", name);
}

static int store_list_one(struct store *s, struct store_list *ret, struct err *e)
{
	const struct reel *r = s->ctx;
	size_t cap = 0;

	(void)e;
	store_list_add(ret, &cap, r->archive, r->o.size_bytes, r->o.mtime);
	return 0;
}

static int store_stat_one(struct store *s, const char *name, struct store_object *ret, struct err *e)
{
	const struct reel *r = s->ctx;

	if (is_it(r, name, e) == -1)
		return -1;
	ret->size_bytes = r->o.size_bytes;
	ret->mtime = r->o.mtime;
	return 0;
}

static int store_read_one(struct store *s, const char *name, struct stream **ret, struct err *e)
{
	struct reading *reading;

	if (is_it(s->ctx, name, e) == -1)
		return -1;
	reading = mem_alloc(sizeof *reading);
	reading->r = s->ctx;
	reading->store = s;
	*ret = stream_new(&read_ops, reading, name);
	return 0;
}

static int refuse(struct err *e)
{
	err_set(e, ERR_UNSUPPORTED, "it is a tape, which is only read here");
	return err_hint(e, "cyrvault tape write writes archives to it");
}

static int refuse_create(
    struct store *s, const char *name, uint64_t size_bytes, struct stream **ret, struct err *e)
{
	(void)s;
	(void)name;
	(void)size_bytes;
	(void)ret;
	return refuse(e);
}

static int refuse_commit(struct store *s, struct stream *out, struct err *e)
{
	(void)s;
	(void)out;
	return refuse(e);
}

static int refuse_reread(struct store *s, struct stream *out, struct stream **ret, struct err *e)
{
	(void)s;
	(void)out;
	(void)ret;
	return refuse(e);
}

static int refuse_remove(struct store *s, const char *name, struct err *e)
{
	(void)s;
	(void)name;
	return refuse(e);
}

static int clean_nothing(struct store *s, int64_t min_age_seconds, struct err *e)
{
	(void)s;
	(void)min_age_seconds;
	(void)e;
	return 0;
}

static int no_room(struct store *s, uint64_t *ret, struct err *e)
{
	(void)s;
	(void)ret;
	return refuse(e);
}

static void free_reel(struct store *s)
{
	struct reel *r = s->ctx;

	drive_free(r->drive);
	if (r->o.parts_fd != -1)
		close(r->o.parts_fd);
	if (r->temp != -1)
		close(r->temp);
	free((char *)(uintptr_t)r->o.drive.device);
	free((char *)(uintptr_t)r->o.drive.write_command);
	free((char *)(uintptr_t)r->o.drive.read_command);
	free((struct tape_part *)(uintptr_t)r->o.parts);
	free(r->archive);
	free(r->label);
	free(r->box);
	free(r->part_at);
	free(r->block);
	free(r->have);
	free(r->ring);
	free(r);
}

void tape_store_open(const struct tape_store_opts *o, struct job *job, struct store **ret)
{
	static const struct store_ops ops = { store_list_one, store_stat_one, store_read_one, refuse_create,
		refuse_commit, refuse_reread, refuse_remove, clean_nothing, no_room, free_reel };
	struct store *s = mem_alloc(sizeof *s);
	struct reel *r = mem_alloc(sizeof *r);
	uint64_t at = 0;

	r->o = *o;
	r->archive = mem_strdup(o->archive);
	r->label = mem_strdup(o->label);
	r->box = mem_strdup(o->box);
	r->o.drive.device = mem_strdup(o->drive.device);
	r->o.drive.write_command = mem_strdup(o->drive.write_command);
	r->o.drive.read_command = mem_strdup(o->drive.read_command);
	r->o.drive.archive = r->archive;
	r->o.drive.label = r->label;
	r->o.parts = o->n_parts > 0 ? mem_dup(o->parts, o->n_parts * sizeof *o->parts) : NULL;
	r->part_at = mem_array(o->n_parts + 1, sizeof *r->part_at);
	for (size_t i = 0; i < o->n_parts; i++) {
		r->part_at[i] = at;
		at += o->parts[i].n;
	}
	if (r->o.keep_bytes == 0)
		r->o.keep_bytes = TAPE_KEEP_BYTES;
	r->temp = -1;
	s->ops = &ops;
	s->ctx = r;
	s->job = job;
	s->url = mem_printf("tape:%s", o->label);
	*ret = s;
}

unsigned tape_store_rewinds(const struct store *s)
{
	return ((const struct reel *)s->ctx)->rewinds;
}
