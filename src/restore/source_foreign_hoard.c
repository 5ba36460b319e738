/* source_foreign_hoard.c: content out of a foreign archive: a second pass copies what will be asked for into an unnamed
 * temporary file, so that a user's mailboxes cost one pass and not one each. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "restore/source_foreign.h"

#define ALL_BYTES_MAX ((uint64_t)256 << 20) /* mailboxes that are no more together are copied together */
#define PIECE         (256u << 10)

struct hoard_file {
	const char *path;
	uint32_t of; /* mailbox, or file of struct foreign */
	uint32_t uid;
	enum file_role role;
	bool stale; /* the archive has a later file of the same path */
	mode_t mode;
	uid_t user;
	gid_t group;
	int64_t mtime;
	uint64_t size, off;
	uint8_t sha256[SHA256_SIZE];
};

struct hoard {
	struct arena *arena;
	int fd;
	uint64_t len;
	struct hoard_file *files; /* in archive order */
	size_t n, cap;
	uint32_t *messages; /* of files, by mailbox and UID */
	size_t n_messages;
};

void foreign_hoard_free(struct hoard *h)
{
	if (h == NULL)
		return;
	if (h->fd != -1)
		close(h->fd);
	arena_free(h->arena);
	free(h->files);
	free(h->messages);
	free(h);
}

/* ---- the pass ---- */

struct collect {
	struct foreign *f;
	struct hoard *h;
	struct digest *digest;
	uint64_t left; /* entries still to come */
};

/* The mailbox, or the file, that an entry is wanted for; FOREIGN_NONE: it is not. */
static uint32_t wanted_for(
    const struct foreign *f, const struct archive_file *file, const struct entry_meta *meta)
{
	size_t n = file->path != NULL ? strlen(file->path) : 0;
	const char *base;
	uint32_t dir, of;

	if (n == 0 || n > FOREIGN_PATH_MAX || (!S_ISREG(meta->mode) && !S_ISLNK(meta->mode)))
		return FOREIGN_NONE;
	base = source_base(file->path);
	dir = foreign_dir_find(f, file->path, base > file->path ? (size_t)(base - file->path) - 1 : 0);
	if (dir == FOREIGN_NONE)
		return FOREIGN_NONE;
	if (f->dirs[dir].wanted)
		return f->dirs[dir].box;
	if (!f->dirs[dir].some_wanted || (of = foreign_file_in(f, dir, base)) == FOREIGN_NONE)
		return FOREIGN_NONE;
	return f->files[of].wanted ? of : FOREIGN_NONE;
}

static bool collect_wants(void *arg, const struct archive_file *file, const struct entry_meta *meta)
{
	return wanted_for(((struct collect *)arg)->f, file, meta) != FOREIGN_NONE;
}

static int collect_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct collect *c = arg;
	const char *base = source_base(file->path);
	uint32_t of;

	(void)e;
	if (c->left == 0)
		return 2;
	if ((of = wanted_for(c->f, file, meta)) == FOREIGN_NONE)
		return 0;
	c->h->files = mem_grow(c->h->files, &c->h->cap, c->h->n + 1, sizeof *c->h->files);
	c->h->files[c->h->n] =
	    (struct hoard_file){ .path = arena_join(c->h->arena, file->path, strlen(file->path), "", 0),
		    .of = of,
		    .uid = source_message_uid(base),
		    .role = S_ISLNK(meta->mode) ? ROLE_OTHER : source_role_of(base),
		    .mode = meta->mode,
		    .user = meta->uid,
		    .group = meta->gid,
		    .mtime = meta->mtime,
		    .off = c->h->len };
	digest_start(c->digest);
	return 1;
}

static int collect_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct collect *c = arg;

	if (io_write_all(c->h->fd, p, n, "the temporary copy", e) == -1)
		return err_hint(e, "free some space there, or name a directory that has it in TMPDIR");
	digest_add(c->digest, p, n);
	c->h->len += n;
	return 0;
}

static int collect_end(void *arg, struct err *e)
{
	struct collect *c = arg;
	struct hoard_file *file = &c->h->files[c->h->n];

	(void)e;
	file->size = c->h->len - file->off;
	digest_end(c->digest, file->sha256);
	c->h->n++;
	c->left--;
	return 0;
}

static void collect_abort(void *arg)
{
	(void)arg;
}

/* ---- order in it ---- */

static int path_cmp(const void *pa, const void *pb, void *arg)
{
	const struct hoard *h = arg;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	int c = strcmp(h->files[a].path, h->files[b].path);

	return c != 0 ? c : (a > b) - (a < b);
}

static int uid_cmp(const void *pa, const void *pb, void *arg)
{
	const struct hoard *h = arg;
	const struct hoard_file *a = &h->files[*(const uint32_t *)pa], *b = &h->files[*(const uint32_t *)pb];

	if (a->of != b->of)
		return a->of > b->of ? 1 : -1;
	return a->uid != b->uid ? (a->uid > b->uid ? 1 : -1) : (a > b) - (a < b);
}

/* An archive that was appended to has the newer file later: that one counts. */
static void put_in_order(struct hoard *h)
{
	uint32_t *all = mem_array(h->n + 1, sizeof *all);

	for (size_t i = 0; i < h->n; i++)
		all[i] = (uint32_t)i;
	qsort_r(all, h->n, sizeof *all, path_cmp, h);
	for (size_t i = 1; i < h->n; i++)
		if (strcmp(h->files[all[i - 1]].path, h->files[all[i]].path) == 0)
			h->files[all[i - 1]].stale = true;
	for (size_t i = 0; i < h->n; i++)
		if (h->files[i].uid != 0 && !h->files[i].stale)
			all[h->n_messages++] = (uint32_t)i;
	qsort_r(all, h->n_messages, sizeof *all, uid_cmp, h);
	h->messages = all;
}

static int fill_from(
    struct source *s, struct foreign *f, uint64_t expected, bool by_range, struct hoard **ret, struct err *e)
{
	struct collect c = { .f = f, .h = mem_alloc(sizeof *c.h), .left = expected };
	struct file_sink sink = { &c, false, collect_begin, collect_data, collect_end, collect_abort };
	int rc = -1;

	c.digest = digest_new(DIGEST_SHA256);
	c.h->arena = arena_new(1 << 16);
	if ((c.h->fd = io_temp_fd(NULL, e)) == -1)
		rc = -1;
	else if (by_range)
		rc = foreign_index_read(s->index, s->job, collect_wants, &sink, e);
	else
		rc = archive_foreign_each(s->store, s->name, s->job, &sink, e);
	if (rc == 0 && c.left > 0)
		rc = err_set(e, ERR_DAMAGE, "the archive has changed since it was opened");
	digest_free(c.digest);
	if (rc == -1) {
		foreign_hoard_free(c.h);
		return -1;
	}
	put_in_order(c.h);
	*ret = c.h;
	return 0;
}

static int fill(struct source *s, struct foreign *f, uint64_t expected, struct hoard **ret, struct err *e)
{
	struct err why = { 0 };

	job_step(s->job, "reading %s", s->name);
	if (s->index != NULL && foreign_index_has_ranges(s->index)) {
		if (fill_from(s, f, expected, true, ret, &why) == 0)
			return 0;
		if (!foreign_try_front(s, &why)) {
			if (e != NULL)
				*e = why;
			return -1;
		}
	}
	return fill_from(s, f, expected, false, ret, e);
}

/* ---- mailboxes ---- */

static uint64_t box_bytes(const struct foreign *f, const struct foreign_box *box)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < box->n_dirs; i++)
		n += f->dirs[box->dirs[i]].bytes;
	return n;
}

static uint64_t want_box(struct foreign *f, const struct foreign_box *box)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < box->n_dirs; i++) {
		struct foreign_dir *d = &f->dirs[box->dirs[i]];

		d->wanted = true;
		n += d->n_uids;
		for (uint32_t k = d->files; k != FOREIGN_NONE; k = f->files[k].next)
			n++;
	}
	return n;
}

static bool is_of_user(const struct foreign_box *box, const char *user)
{
	char *owner = mboxname_user(box->name);
	bool same = owner != NULL && user != NULL && strcmp(owner, user) == 0;

	free(owner);
	return same;
}

static uint64_t temp_room(void)
{
	struct statvfs v;
	int fd = io_temp_fd(NULL, NULL);
	uint64_t room = fd != -1 && fstatvfs(fd, &v) == 0 ? (uint64_t)v.f_bavail * v.f_frsize : 0;

	if (fd != -1)
		close(fd);
	return room;
}

/* Marks what the pass is to bring: everything, the user's mailboxes, or the one; returns how many entries that is. */
static uint64_t want_around(const struct source *s, struct foreign *f, uint32_t box, bool with_user)
{
	char *user = with_user ? mboxname_user(f->boxes[box].name) : NULL;
	uint64_t all = 0, of_user = 0, n = 0;
	bool everything, whole_user, by_range = s->index != NULL && foreign_index_has_ranges(s->index);

	for (size_t i = 0; i < f->n_boxes; i++) {
		uint64_t bytes = box_bytes(f, &f->boxes[i]);

		all += bytes;
		of_user += is_of_user(&f->boxes[i], user) ? bytes : 0;
	}
	/* By range, what will be asked for next costs no more then than now. */
	everything = !by_range && all <= ALL_BYTES_MAX && all <= temp_room() / 2;
	whole_user = !by_range && user != NULL && of_user <= temp_room() / 2;
	for (size_t i = 0; i < f->n_boxes; i++)
		if (i == box || everything || (whole_user && is_of_user(&f->boxes[i], user)))
			n += want_box(f, &f->boxes[i]);
	free(user);
	return n;
}

bool foreign_box_hoarded(const struct foreign *f, uint32_t box)
{
	return f->boxes[box].n_dirs > 0 && f->dirs[f->boxes[box].dirs[0]].hoarded;
}

static int hoard_box(struct source *s, struct foreign *f, uint32_t box, bool user, struct err *e)
{
	uint64_t expected;
	int rc;

	if (foreign_box_hoarded(f, box))
		return 0;
	foreign_hoard_free(f->box_hoard);
	f->box_hoard = NULL;
	for (size_t i = 0; i < f->n_dirs; i++)
		f->dirs[i].hoarded = false;
	expected = want_around(s, f, box, user);
	rc = fill(s, f, expected, &f->box_hoard, e);
	for (size_t i = 0; i < f->n_dirs; i++) {
		f->dirs[i].hoarded = rc == 0 && f->dirs[i].wanted;
		f->dirs[i].wanted = false;
	}
	return rc;
}

/* ---- giving ---- */

static int give_content(const struct hoard *h, const struct hoard_file *file, char *piece,
    const struct file_sink *sink, struct err *e)
{
	for (uint64_t at = 0; at < file->size;) {
		size_t n = file->size - at < PIECE ? (size_t)(file->size - at) : PIECE;

		if (io_pread_all(h->fd, piece, n, file->off + at, "the temporary copy", e) == -1 ||
		    sink->data(sink->arg, piece, n, e) == -1)
			return -1;
		at += n;
	}
	return 0;
}

/* 1: go on; 0: the sink has enough. */
static int give_file(struct source *s, const struct hoard *h, const struct hoard_file *file,
    enum file_role role, char *piece, const struct file_sink *sink, struct err *e)
{
	struct archive_file af = {
		.path = file->path, .role = role, .size = file->size, .mtime = file->mtime
	};
	struct entry_meta meta = { .path = file->path,
		.mode = file->mode,
		.uid = file->user,
		.gid = file->group,
		.mtime = file->mtime,
		.size = file->size,
		.role = role };
	int r;

	if (job_cancelled(s->job, e))
		return -1;
	memcpy(af.sha256, file->sha256, sizeof af.sha256);
	r = sink->begin(sink->arg, &af, &meta, e);
	if (r != 1)
		return r == 0 ? 1 : r == 2 ? 0 : -1;
	if (give_content(h, file, piece, sink, e) == -1) {
		sink->abort(sink->arg);
		return -1;
	}
	return sink->end(sink->arg, e) == -1 ? -1 : 1;
}

int foreign_give_box(
    struct source *s, struct foreign *f, uint32_t box, bool user, const struct file_sink *sink, struct err *e)
{
	const struct hoard *h;
	char *piece;
	int r = 1;

	if (hoard_box(s, f, box, user, e) == -1)
		return -1;
	h = f->box_hoard;
	piece = mem_alloc(PIECE);
	for (size_t i = 0; i < h->n && r == 1; i++)
		if (h->files[i].of == box && !h->files[i].stale)
			r = give_file(s, h, &h->files[i], h->files[i].role, piece, sink, e);
	free(piece);
	return r == -1 ? -1 : 0;
}

int foreign_give_message(struct source *s, struct foreign *f, uint32_t box, uint32_t uid, size_t max_bytes,
    struct buf *b, struct err *e)
{
	const struct hoard_file *file = NULL;
	const struct hoard *h;
	size_t lo = 0, hi;
	char *to;
	int r;

	r = foreign_pick_message(s, f, box, uid, max_bytes, b, e);
	if (r != 0)
		return r == 1 ? 0 : -1;
	if (hoard_box(s, f, box, false, e) == -1)
		return -1;
	h = f->box_hoard;
	for (hi = h->n_messages; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		file = &h->files[h->messages[mid]];
		if (file->of < box || (file->of == box && file->uid < uid))
			lo = mid + 1;
		else
			hi = mid;
	}
	file = lo < h->n_messages ? &h->files[h->messages[lo]] : NULL;
	if (file == NULL || file->of != box || file->uid != uid)
		return err_set(e, ERR_NOT_FOUND, "the archive holds no such message file");
	if (file->size > max_bytes || file->size > SIZE_MAX - 1 ||
	    (to = buf_reserve(b, (size_t)file->size)) == NULL)
		return err_set(e, ERR_FORMAT, "%s is larger than %zu bytes", file->path, max_bytes);
	if (io_pread_all(h->fd, to, (size_t)file->size, file->off, "the temporary copy", e) == -1)
		return -1;
	b->len += (size_t)file->size;
	b->data[b->len] = '\0';
	return 0;
}

/* ---- other files ---- */

static int hoard_files(
    struct source *s, struct foreign *f, const struct foreign_role *files, size_t n, struct err *e)
{
	uint64_t expected = 0;
	bool have = true;
	int rc;

	for (size_t i = 0; i < n; i++)
		have = have && f->files[files[i].file].hoarded;
	if (have)
		return 0;
	foreign_hoard_free(f->file_hoard);
	f->file_hoard = NULL;
	for (size_t i = 0; i < f->n_files; i++)
		f->files[i].hoarded = false;
	for (size_t i = 0; i < n; i++) {
		struct foreign_file *file = &f->files[files[i].file];

		if (file->wanted)
			continue;
		file->wanted = f->dirs[file->dir].some_wanted = true;
		for (uint32_t k = f->dirs[file->dir].files; k != FOREIGN_NONE; k = f->files[k].next)
			expected += strcmp(f->files[k].name, file->name) == 0;
	}
	rc = fill(s, f, expected, &f->file_hoard, e);
	for (size_t i = 0; i < n; i++) {
		struct foreign_file *file = &f->files[files[i].file];

		file->hoarded = rc == 0;
		file->wanted = f->dirs[file->dir].some_wanted = false;
	}
	return rc;
}

int foreign_give_files(struct source *s, struct foreign *f, const struct foreign_role *files, size_t n,
    const struct file_sink *sink, struct err *e)
{
	const struct hoard *h;
	char *piece;
	int r = 1;

	if (hoard_files(s, f, files, n, e) == -1)
		return -1;
	h = f->file_hoard;
	piece = mem_alloc(PIECE);
	for (size_t i = 0; i < h->n && r == 1; i++)
		for (size_t k = 0; k < n && r == 1; k++)
			if (h->files[i].of == files[k].file && !h->files[i].stale)
				r = give_file(s, h, &h->files[i], files[k].role, piece, sink, e);
	free(piece);
	return r == -1 ? -1 : 0;
}
