/* tape_tar.c: a tape's files as stock tar reads them. */
#include "archive/tape_tar.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"

#define PIECE   ((size_t)256 << 10)
#define SUM_MAX 1024 /* of the "sha256sum -c" file */
#define TAR     512

/* ---- writing ---- */

struct writing {
	struct drive *d;
	struct archive *la; /* libarchive's, not ours */
	uint64_t bytes;     /* given to the drive */
	bool stopped;       /* nothing more is */
	struct err why;     /* how the drive failed */
};

/* After a failure the rest goes nowhere: libarchive would keep what it has allocated if it were told. */
static la_ssize_t write_cb(struct archive *la, void *arg, const void *p, size_t n)
{
	struct writing *w = arg;

	(void)la;
	if (!w->stopped && drive_write(w->d, p, n, &w->why) == -1)
		w->stopped = true;
	w->bytes += w->stopped ? 0 : n;
	return (la_ssize_t)n;
}

/* What became of a call of libarchive's. */
static int judge(const struct writing *w, bool good, struct err *e)
{
	if (w->stopped && e != NULL)
		*e = w->why;
	if (w->stopped)
		return -1;
	return good ? 0 : err_set(e, ERR_TOOL, "libarchive: %s", archive_error_string(w->la));
}

static int write_header(struct writing *w, const char *name, uint64_t size, int64_t mtime, struct err *e)
{
	struct archive_entry *entry = archive_entry_new();
	int rc;

	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)size);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_mtime(entry, mtime, 0);
	archive_entry_set_uname(entry, "root");
	archive_entry_set_gname(entry, "root");
	rc = archive_write_header(w->la, entry);
	archive_entry_free(entry);
	return judge(w, rc == ARCHIVE_OK, e);
}

static int write_data(struct writing *w, const void *p, size_t n, struct err *e)
{
	return judge(w, archive_write_data(w->la, p, n) == (la_ssize_t)n, e);
}

static int write_small(struct writing *w, const char *name, const struct buf *b, int64_t mtime, struct err *e)
{
	return write_header(w, name, b->len, mtime, e) == -1 ? -1 : write_data(w, b->data, b->len, e);
}

static int write_archive(struct writing *w, const struct tape_label *l, struct stream *in, struct job *job,
    struct tape_written *ret, struct err *e)
{
	struct digest *sha = digest_new(DIGEST_SHA256);
	char *piece = mem_alloc(PIECE);
	uint64_t left = l->size_bytes;
	int rc = write_header(w, l->archive, l->size_bytes, l->mtime, e);

	ret->data_offset = (uint64_t)archive_filter_bytes(w->la, 0);
	stream_expect(in, 0, left);
	while (rc == 0 && left > 0) {
		size_t n = left < PIECE ? (size_t)left : PIECE;

		rc = stream_read_full(in, piece, n, e);
		if (rc == 0)
			rc = write_data(w, piece, n, e);
		digest_add(sha, piece, rc == 0 ? n : 0);
		job_advance(job, n);
		left -= n;
	}
	digest_end(sha, ret->sha256);
	digest_free(sha);
	free(piece);
	return rc;
}

static int write_all(struct writing *w, const struct tape_label *l, struct stream *in, struct job *job,
    struct tape_written *ret, struct err *e)
{
	struct buf text = BUF_INIT;
	char *sum = mem_printf("%s.sha256", l->archive);
	int rc;

	tape_label_text(l, &text);
	rc = write_small(w, TAPE_LABEL_NAME, &text, l->written, e);
	if (rc == 0)
		rc = write_archive(w, l, in, job, ret, e);
	buf_clear(&text);
	str_hex(&text, ret->sha256, SHA256_SIZE);
	buf_printf(&text, "  %s\n", l->archive);
	if (rc == 0)
		rc = write_small(w, sum, &text, l->written, e);
	if (rc == 0)
		rc = judge(w, archive_write_close(w->la) == ARCHIVE_OK, e);
	buf_done(&text);
	free(sum);
	return rc;
}

int tape_tar_write(struct drive *d, const struct tape_label *label, struct stream *in, struct job *job,
    struct tape_written *ret, struct err *e)
{
	struct writing w = { .d = d, .la = archive_write_new() };
	int rc;

	*ret = (struct tape_written){ 0 };
	archive_write_set_format_pax_restricted(w.la);
	archive_write_add_filter_none(w.la);
	archive_write_set_bytes_per_block(w.la, (int)label->block_bytes);
	archive_write_set_bytes_in_last_block(w.la, (int)label->block_bytes);
	rc = judge(&w, archive_write_open(w.la, &w, NULL, write_cb, NULL) == ARCHIVE_OK, e);
	if (rc == 0)
		rc = write_all(&w, label, in, job, ret, e);
	w.stopped = w.stopped || rc == -1;
	archive_write_free(w.la);
	ret->stored_bytes = w.bytes;
	if (rc == 0 && (fault_point("tape-end", e) == -1 || drive_write_end(d, e) == -1))
		rc = -1;
	return rc;
}

/* ---- reading ---- */

struct reading {
	struct drive *d;
	struct archive *la;
	uint8_t *block;
	uint64_t bytes;
	bool zeros; /* nothing else came yet */
	struct err why;
};

static bool all_zeros(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

static la_ssize_t read_cb(struct archive *la, void *arg, const void **p)
{
	struct reading *r = arg;
	ssize_t n = drive_read(r->d, r->block, DRIVE_BLOCK_MAX, &r->why);

	if (n == -1) {
		archive_set_error(la, EIO, "read");
		return -1;
	}
	if (r->bytes == 0)
		r->zeros = all_zeros(r->block, (size_t)n);
	r->bytes += (uint64_t)n;
	*p = r->block;
	return n;
}

/* The next entry, if it is a regular file of that name. */
static bool next_is(struct archive *la, const char *name, uint64_t max, uint64_t *ret_size)
{
	struct archive_entry *entry;
	const char *path;
	int rc = archive_read_next_header(la, &entry);

	if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
		return false;
	path = archive_entry_pathname(entry);
	if (path == NULL || strcmp(path, name) != 0 || archive_entry_filetype(entry) != AE_IFREG ||
	    archive_entry_size(entry) < 0)
		return false;
	*ret_size = (uint64_t)archive_entry_size(entry);
	return *ret_size <= max;
}

static int read_label(struct archive *la, struct tape_label *ret, struct err *e)
{
	char text[TAPE_LABEL_MAX];
	uint64_t size;

	if (!next_is(la, TAPE_LABEL_NAME, sizeof text, &size))
		return err_set(e, ERR_FORMAT, "it has no label of cyrvault's");
	if (archive_read_data(la, text, (size_t)size) != (la_ssize_t)size)
		return err_set(e, ERR_FORMAT, "its label is cut off");
	return tape_label_parse(text, (size_t)size, ret, e);
}

static struct archive *tar_reader(void)
{
	struct archive *la = archive_read_new();

	archive_read_support_format_tar(la);
	return la;
}

int tape_head_parse(const void *p, size_t n, struct tape_label *ret, struct err *e)
{
	struct archive *la = tar_reader();
	int rc;

	*ret = (struct tape_label){ 0 };
	if (archive_read_open_memory(la, p, n) != ARCHIVE_OK)
		rc = err_set(e, ERR_FORMAT, "it has no label of cyrvault's");
	else
		rc = read_label(la, ret, e);
	archive_read_free(la);
	return rc;
}

/* The archive's bytes, then what the tape says of them. */
static void read_through(struct reading *r, struct job *job, struct tape_seen *s)
{
	struct digest *sha = digest_new(DIGEST_SHA256);
	char *sum = mem_printf("%s.sha256", s->label.archive), text[SUM_MAX + 1];
	uint64_t left = s->label.size_bytes, size, sum_at;
	const void *p;
	uint8_t said[SHA256_SIZE];
	size_t n;
	la_int64_t at;

	s->state = TAPE_UNFINISHED;
	while (left > 0 && archive_read_data_block(r->la, &p, &n, &at) == ARCHIVE_OK && n <= left) {
		digest_add(sha, p, n);
		job_advance(job, n);
		left -= n;
	}
	digest_end(sha, s->sha256);
	digest_free(sha);
	if (r->why.code != ERR_NONE) {
		s->why = r->why;
		s->state = r->why.code == ERR_TOOL ? TAPE_UNFINISHED : TAPE_BAD;
	} else if (left > 0) {
		err_set(&s->why, ERR_DAMAGE, "the archive %s breaks off %llu bytes before its end",
		    s->label.archive, (unsigned long long)left);
	} else if (!next_is(r->la, sum, SUM_MAX, &size)) {
		err_set(&s->why, ERR_DAMAGE, "the SHA-256 of %s does not follow it", s->label.archive);
	} else {
		sum_at = (uint64_t)archive_filter_bytes(r->la, 0);
		n = archive_read_data(r->la, text, (size_t)size) == (la_ssize_t)size ? (size_t)size : 0;
		text[n] = '\0';
		s->stored_bytes = sum_at + (size + TAR - 1) / TAR * TAR + (uint64_t)2 * TAR;
		s->stored_bytes = (s->stored_bytes + s->label.block_bytes - 1) / s->label.block_bytes *
		                  s->label.block_bytes;
		s->state = TAPE_BAD;
		if (n < (size_t)2 * SHA256_SIZE || str_unhex(text, said, SHA256_SIZE) == -1)
			err_set(&s->why, ERR_DAMAGE, "the SHA-256 of %s on the tape cannot be read",
			    s->label.archive);
		else if (memcmp(said, s->sha256, sizeof said) != 0)
			err_set(&s->why, ERR_DAMAGE,
			    "%s: SHA-256 mismatch: it is not what was written to the tape", s->label.archive);
		else
			s->state = TAPE_WHOLE;
	}
	free(sum);
}

int tape_tar_read(struct drive *d, bool through, struct job *job, struct tape_seen *ret, struct err *e)
{
	struct reading r = { .d = d, .block = mem_alloc(DRIVE_BLOCK_MAX), .zeros = true };
	uint64_t size;
	int rc = 0;

	*ret = (struct tape_seen){ .state = TAPE_EMPTY };
	r.la = tar_reader();
	if (archive_read_open(r.la, &r, NULL, read_cb, NULL) != ARCHIVE_OK ||
	    read_label(r.la, &ret->label, &ret->why) == -1) {
		ret->state = r.zeros ? TAPE_EMPTY : TAPE_OTHER;
		if (ret->why.code == ERR_NONE)
			err_set(&ret->why, ERR_FORMAT, "it is no tar");
	} else if (!next_is(r.la, ret->label.archive, UINT64_MAX, &size) || size != ret->label.size_bytes) {
		ret->state = TAPE_UNFINISHED;
		err_set(&ret->why, ERR_DAMAGE, "the archive that the label tells of does not follow it");
	} else {
		ret->state = TAPE_LABELLED;
		ret->data_offset = (uint64_t)archive_filter_bytes(r.la, 0);
		if (through)
			read_through(&r, job, ret);
	}
	if (job_cancelled(job, e)) {
		rc = -1;
	} else if (r.why.code != ERR_NONE && (ret->state == TAPE_EMPTY || ret->state == TAPE_OTHER)) {
		if (e != NULL)
			*e = r.why;
		rc = -1;
	}
	archive_read_free(r.la);
	free(r.block);
	return rc;
}

void tape_seen_done(struct tape_seen *s)
{
	tape_label_done(&s->label);
	*s = (struct tape_seen){ 0 };
}
