/* writer.c: entries -> members -> archive: the caller's thread cuts and hashes, the crew compresses. */
#include "archive/writer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "archive/cpio.h"
#include "archive/crew.h"
#include "archive/index_out.h"
#include "archive/rows.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

/* Members end at an entry's end once they have CUT_MIN bytes, where the hash of that entry's name and size falls below its length
 * in CUT_MEAN; no member has more than CUT_MAX. One also ends behind imapd.conf, which every reader wants, and which the server's databases follow. */
#define CUT_MIN	 (256u << 10)
#define CUT_MEAN (256u << 10)
#define CUT_MAX	 (1u << 20)

/* Hashes are gathered up to here: many together take a block of their own. */
#define HASHES_MIN (32u << 10)

/* So that differences do not overflow. */
#define MTIME_MAX (INT64_MAX / 4)

/* A member on its way, with what the index will say of it. */
struct parcel {
	struct member_head head;
	uint8_t *plain, *out; /* of CUT_MAX and member_bound(CUT_MAX); taken when first needed */
	size_t plain_len, out_len;
	struct buf lines;  /* of the table: entries that end in this member */
	struct buf hashes; /* one line each, which go behind the others: they do not compress */
	struct buf row;	   /* of the root, when it ends a unit */
};

struct archive_writer {
	struct stream *out;
	struct job *job;
	struct crew *crew;
	struct index_out *index;
	struct digest *sha256, *sha1;
	enum writer_level level;
	uint64_t split;
	bool failed; /* what was written has a gap: nothing more can be made of it */

	/* The parcel being filled, and the unit it is of. */
	struct parcel *cur;
	bool in_unit;
	enum unit_kind kind;
	char *name;
	char *dir;
	size_t dir_len;
	enum file_role role;
	int64_t mtime;
	uint64_t files, bytes;

	/* What went out. */
	struct buf hashes; /* of the unit's files, not yet in the table */
	uint64_t unit_stored;
	struct archive_totals totals;
};

static void *worker_new(void *arg)
{
	return codec_new(((struct archive_writer *)arg)->level);
}

static void worker_free(void *codec)
{
	codec_free(codec);
}

static void work(void *codec, void *slot)
{
	struct parcel *p = slot;

	if (p->plain_len == 0)
		return;
	if (p->out == NULL)
		p->out = mem_alloc(member_bound(CUT_MAX));
	p->out_len = member_encode(codec, &p->head, p->plain, p->plain_len, p->out);
}

static void parcel_done(void *slot)
{
	struct parcel *p = slot;

	free(p->plain);
	free(p->out);
	buf_done(&p->lines);
	buf_done(&p->hashes);
	buf_done(&p->row);
}

static const struct crew_ops writer_crew = { sizeof(struct parcel), worker_new, worker_free, work,
	parcel_done };

int archive_writer_new(
    struct stream *out, const struct archive_writer_opts *opts, struct archive_writer **ret, struct err *e)
{
	struct archive_writer *w = mem_alloc(sizeof *w);
	unsigned threads = crew_threads(opts->threads);

	w->out = out;
	w->job = opts->job;
	w->level = opts->level;
	w->split =
	    opts->split_bytes > 0 && opts->split_bytes < CPIO_SIZE_MAX ? opts->split_bytes : CPIO_SIZE_MAX;
	w->sha256 = digest_new(DIGEST_SHA256);
	w->sha1 = digest_new(DIGEST_SHA1);
	if (index_out_new(opts->temp_dir, &w->index, e) == -1 ||
	    crew_new(&writer_crew, w, threads, 2 * threads + 2, &w->crew, e) == -1) {
		archive_writer_free(w);
		return -1;
	}
	*ret = w;
	return 0;
}

void archive_writer_free(struct archive_writer *w)
{
	if (w == NULL)
		return;
	crew_free(w->crew);
	index_out_free(w->index);
	digest_free(w->sha256);
	digest_free(w->sha1);
	buf_done(&w->hashes);
	free(w->name);
	free(w->dir);
	free(w);
}

/* Writes the oldest parcel, which is ready. */
static int put_parcel(struct archive_writer *w, struct parcel *p, struct err *e)
{
	if (p->plain_len > 0) {
		if (stream_write(w->out, p->out, p->out_len, e) == -1)
			return -1;
		buf_printf(&p->lines, "m\t%zu\t%zu\n", p->out_len, p->plain_len);
		w->totals.plain_bytes += p->plain_len;
		w->totals.stored_bytes += p->out_len;
		w->totals.members++;
		w->unit_stored += p->out_len;
	}
	if (p->lines.len > 0 && index_out_lines(w->index, p->lines.data, p->lines.len, e) == -1)
		return -1;
	buf_add(&w->hashes, p->hashes.data, p->hashes.len);
	if (w->hashes.len >= HASHES_MIN || (p->row.len > 0 && w->hashes.len > 0)) {
		if (index_out_lines(w->index, w->hashes.data, w->hashes.len, e) == -1)
			return -1;
		buf_clear(&w->hashes);
	}
	if (p->row.len > 0) {
		if (index_out_unit(w->index, p->row.data, w->unit_stored, e) == -1)
			return -1;
		w->unit_stored = 0;
		w->totals.units++;
	}
	p->plain_len = p->out_len = 0;
	buf_clear(&p->lines);
	buf_clear(&p->hashes);
	buf_clear(&p->row);
	return 0;
}

/* Writes what is ready; with ${wait}, everything. */
static int drain(struct archive_writer *w, bool wait, struct err *e)
{
	struct parcel *p;

	while ((p = crew_done(w->crew, wait)) != NULL) {
		if (put_parcel(w, p, e) == -1)
			return -1;
		crew_release(w->crew);
	}
	return 0;
}

/* Ends the member being filled. */
static int cut(struct archive_writer *w, struct err *e)
{
	if (w->cur == NULL)
		return 0;
	w->cur = NULL;
	crew_submit(w->crew);
	return drain(w, false, e);
}

/* The parcel to fill, a new one after a cut. */
static struct parcel *parcel(struct archive_writer *w, struct err *e)
{
	struct parcel *p;

	if (w->cur != NULL)
		return w->cur;
	if (job_cancelled(w->job, e))
		return NULL;
	while ((p = crew_free_slot(w->crew)) == NULL) {
		if (put_parcel(w, crew_done(w->crew, true), e) == -1)
			return NULL;
		crew_release(w->crew);
	}
	if (p->plain == NULL)
		p->plain = mem_alloc(CUT_MAX);
	p->head = (struct member_head){ .kind = MEMBER_DATA, .first = MEMBER_NO_ENTRY };
	w->cur = p;
	return p;
}

/* Room in the parcel, which is full when ${*room} would be 0. */
static uint8_t *reserve(struct archive_writer *w, size_t *room, struct err *e)
{
	struct parcel *p;

	if (w->cur != NULL && w->cur->plain_len == CUT_MAX && cut(w, e) == -1)
		return NULL;
	p = parcel(w, e);
	if (p == NULL)
		return NULL;
	*room = CUT_MAX - p->plain_len;
	return p->plain + p->plain_len;
}

static int put_bytes(struct archive_writer *w, const void *bytes, uint64_t n, struct err *e)
{
	const char *p = bytes;
	uint8_t *to;
	size_t room;

	while (n > 0) {
		if ((to = reserve(w, &room, e)) == NULL)
			return -1;
		if (room > n)
			room = (size_t)n;
		memcpy(to, p, room);
		w->cur->plain_len += room;
		p += room;
		n -= room;
	}
	return 0;
}

static int fail(struct archive_writer *w)
{
	w->failed = true;
	return -1;
}

static int refuse_order(const char *call, struct err *e)
{
	return err_set(e, ERR_REFUSED, "%s out of order: the archive cannot be completed", call);
}

int archive_writer_begin(struct archive_writer *w, enum unit_kind kind, const char *name, struct err *e)
{
	struct parcel *p;

	if (w->in_unit || w->failed)
		return refuse_order("archive_writer_begin", e);
	if (cut(w, e) == -1 || (p = parcel(w, e)) == NULL)
		return fail(w);
	p->head.begins_unit = true;
	w->in_unit = true;
	w->kind = kind;
	free(w->name);
	w->name = mem_strdup(name);
	free(w->dir);
	w->dir = mem_strdup("");
	w->dir_len = 0;
	w->role = ROLE_OTHER;
	w->mtime = 0;
	w->files = w->bytes = 0;
	buf_printf(&p->lines, "unit\t%c\t", (char)kind);
	row_escape(&p->lines, name);
	buf_char(&p->lines, '\n');
	return 0;
}

int archive_writer_end(struct archive_writer *w, const struct unit_info *info, struct err *e)
{
	struct parcel *p;

	if (!w->in_unit || w->failed)
		return refuse_order("archive_writer_end", e);
	p = parcel(w, e);
	if (p == NULL)
		return fail(w);
	buf_printf(
	    &p->row, "%c\t%c\t", (char)w->kind, info->health != 0 ? (char)info->health : HEALTH_UNCHECKED);
	row_escape(&p->row, w->name);
	buf_char(&p->row, '\t');
	row_escape(&p->row, info->uniqueid != NULL ? info->uniqueid : "");
	buf_char(&p->row, '\t');
	row_escape(&p->row, info->partition != NULL ? info->partition : "");
	buf_printf(&p->row, "\t%u\t%u\t%u\t%ju\t%ju", info->uidvalidity, info->messages, info->unread,
	    (uintmax_t)w->files, (uintmax_t)w->bytes);
	w->in_unit = false;
	w->totals.files += w->files;
	return cut(w, e) == -1 ? fail(w) : 0;
}

static bool has_content(mode_t mode)
{
	return S_ISREG(mode) || S_ISLNK(mode);
}

/* Makes the entry of ${path} begin where it should: in the member before if it fits, else in a new one, so that where a large
 * entry is cut depends on itself alone. */
static int begin_entry(
    struct archive_writer *w, const struct entry_meta *meta, const char *path, uint32_t size, struct err *e)
{
	struct cpio_head head = {
		.mode = meta->mode & 0177777,
		.uid = (uint32_t)meta->uid,
		.gid = (uint32_t)meta->gid,
		.mtime = cpio_mtime(meta->mtime),
		.size = size,
		.rdev = has_content(meta->mode) || S_ISDIR(meta->mode) ? 0 : meta->rdev,
	};
	uint64_t len = cpio_entry_len(strlen(path), size, 0);
	uint8_t bytes[CPIO_HEAD + CPIO_NAME_MAX + 4];
	struct parcel *p;

	if (w->cur != NULL && w->cur->plain_len > 0 && w->cur->plain_len + len > CUT_MAX && cut(w, e) == -1)
		return -1;
	p = parcel(w, e);
	if (p == NULL)
		return -1;
	if (p->head.first == MEMBER_NO_ENTRY)
		p->head.first = (uint32_t)p->plain_len;
	return put_bytes(w, bytes, cpio_put(&head, path, bytes), e);
}

/* Pads the entry and cuts behind it if it is one to cut behind. */
static int end_entry(
    struct archive_writer *w, const char *path, enum file_role role, uint32_t size, struct err *e)
{
	uint64_t len = cpio_entry_len(strlen(path), size, 0);

	if (put_bytes(w, "\0\0\0", cpio_pad(size), e) == -1)
		return -1;
	if (role == ROLE_IMAPD_CONF)
		return cut(w, e);
	if (w->cur->plain_len < CUT_MIN)
		return 0;
	/* Multiplication in place of division: hash / 2^32 < len / CUT_MEAN. */
	if (len < CUT_MEAN &&
	    (XXH3_64bits_withSeed(path, strlen(path), size) >> 32) >= len * (UINT64_C(1) << 32) / CUT_MEAN)
		return 0;
	return cut(w, e);
}

static int check_meta(struct archive_writer *w, const struct entry_meta *meta, struct err *e)
{
	if (!w->in_unit || w->failed)
		return refuse_order("archive_writer_add", e);
	/* An entry of the trailer's name would end the archive for cpio. */
	if (!io_path_is_safe(meta->path, strlen(meta->path)) || strcmp(meta->path, "TRAILER!!!") == 0)
		return err_set(e, ERR_FORMAT, "path %s cannot be in an archive", meta->path);
	if (has_content(meta->mode) && meta->size > w->split && (meta->size - 1) / w->split >= CPIO_PARTS_MAX)
		return err_set(e, ERR_UNSUPPORTED, "%s is too large for an archive", meta->path);
	return 0;
}

/* The entry is packed: its lines for the table. */
static void put_lines(struct archive_writer *w, const struct entry_meta *meta, uint64_t size, bool is_split)
{
	const char *slash = strrchr(meta->path, '/');
	size_t dir_len = slash == NULL ? 0 : (size_t)(slash + 1 - meta->path);
	int64_t mtime = meta->mtime > MTIME_MAX	   ? MTIME_MAX
			: meta->mtime < -MTIME_MAX ? -MTIME_MAX
						   : meta->mtime;
	struct parcel *p = w->cur;
	uint8_t sha[SHA256_SIZE];

	digest_end(w->sha256, sha);
	if (dir_len != w->dir_len || memcmp(w->dir, meta->path, dir_len) != 0) {
		free(w->dir);
		w->dir = mem_strndup(meta->path, dir_len);
		w->dir_len = dir_len;
		buf_str(&p->lines, "d\t");
		row_escape(&p->lines, w->dir);
		buf_char(&p->lines, '\n');
	}
	if (meta->role != w->role) {
		w->role = meta->role;
		buf_printf(&p->lines, "r\t%s\n", file_role_name(meta->role));
	}
	buf_str(&p->lines, "f\t");
	row_escape(&p->lines, meta->path + dir_len);
	buf_printf(&p->lines, "\t%ju\t%+jd", (uintmax_t)size, (intmax_t)(mtime - w->mtime));
	w->mtime = mtime;
	if (meta->link_group != 0)
		buf_printf(&p->lines, "\tl=%ju", (uintmax_t)meta->link_group);
	if (is_split)
		buf_printf(&p->lines, "\ts=%ju", (uintmax_t)w->split);
	buf_char(&p->lines, '\n');
	str_hex(&p->hashes, sha, sizeof sha);
	buf_char(&p->hashes, '\n');
	w->files++;
	w->bytes += size;
}

/* Where an entry's content comes from: memory, or a descriptor. */
struct source {
	const char *p;
	int fd;
	const char *path;
	bool hash_sha1;
	bool at_end, broken;
	uint64_t missing;
};

static int fill(struct archive_writer *w, struct source *src, uint64_t n, struct err *e)
{
	while (n > 0) {
		size_t room, got;
		uint8_t *to = reserve(w, &room, e);

		if (to == NULL)
			return -1;
		if (room > n)
			room = (size_t)n;
		if (src->p != NULL) {
			memcpy(to, src->p, room);
			src->p += room;
		} else {
			got = 0;
			if (!src->at_end && io_read_all(src->fd, to, room, src->path, &got, e) == -1) {
				/* The entry must have its length all the same. */
				src->broken = true;
				got = 0;
			}
			if (got < room) {
				src->at_end = true;
				memset(to + got, 0, room - got);
				src->missing += room - got;
			}
		}
		digest_add(w->sha256, to, room);
		if (src->hash_sha1)
			digest_add(w->sha1, to, room);
		w->cur->plain_len += room;
		n -= room;
	}
	return 0;
}

static int add(struct archive_writer *w, const struct entry_meta *meta, struct source *src, struct err *e)
{
	uint64_t size = has_content(meta->mode) ? meta->size : 0, left = size;
	bool is_split = size > w->split;
	char path[CPIO_NAME_MAX];
	unsigned part = is_split ? 1 : 0;

	digest_start(w->sha256);
	if (src->hash_sha1)
		digest_start(w->sha1);
	do {
		uint32_t n = (uint32_t)(left < w->split ? left : w->split);

		left -= n;
		cpio_part_name(path, sizeof path, meta->path, part++);
		if (begin_entry(w, meta, path, n, e) == -1 || fill(w, src, n, e) == -1)
			return -1;
		if (left == 0)
			put_lines(w, meta, size, is_split);
		if (end_entry(w, path, meta->role, n, e) == -1)
			return -1;
	} while (left > 0);
	return 0;
}

int archive_writer_add(struct archive_writer *w, const struct entry_meta *meta, const void *p, struct err *e)
{
	struct source src = { .p = p != NULL ? p : "", .fd = -1, .path = meta->path };

	if (check_meta(w, meta, e) == -1)
		return -1;
	return add(w, meta, &src, e) == -1 ? fail(w) : 0;
}

int archive_writer_add_fd(struct archive_writer *w, const struct entry_meta *meta, int fd,
    uint8_t guid[SHA1_SIZE], uint64_t *ret_short, struct err *e)
{
	struct source src = { .fd = fd, .path = meta->path, .hash_sha1 = guid != NULL };

	if (check_meta(w, meta, e) == -1)
		return -1;
	if (!S_ISREG(meta->mode))
		return err_set(e, ERR_FORMAT, "%s is not a regular file", meta->path);
	if (lseek(fd, 0, SEEK_SET) == -1 && errno != ESPIPE)
		return err_sys(e, "seek %s", meta->path);
	if (add(w, meta, &src, e) == -1)
		return fail(w);
	if (guid != NULL)
		digest_end(w->sha1, guid);
	if (ret_short != NULL)
		*ret_short = src.missing;
	return src.broken ? -1 : 0;
}

bool archive_writer_usable(const struct archive_writer *w)
{
	return !w->failed;
}

int archive_writer_finish(struct archive_writer *w, struct archive_totals *ret, struct err *e)
{
	struct index_out_sums sums = { 0 };

	if (w->in_unit || w->failed)
		return refuse_order("archive_writer_finish", e);
	w->failed = true; /* nothing may follow */
	if (cut(w, e) == -1 || drain(w, true, e) == -1 ||
	    index_out_finish(w->index, w->out, w->totals.stored_bytes, &sums, e) == -1)
		return -1;
	w->totals.index_bytes = sums.stored;
	w->totals.stored_bytes += sums.stored;
	w->totals.members += sums.members;
	memcpy(w->totals.root_sha256, sums.root_sha256, SHA256_SIZE);
	if (ret != NULL)
		*ret = w->totals;
	return 0;
}
