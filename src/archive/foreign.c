/* foreign.c: cpio and tar of others, by libarchive. */
#include "archive/foreign.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "archive/foreign_note.h"
#include "archive/gunzip.h"
#include "archive/links.h"
#include "archive/spool.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"

#define PIECE (256u << 10)

/* What stands between two entries' content: headers, names. libarchive keeps it in memory, and newc has names of 4 GiB. */
#define HEADERS_MAX (UINT64_C(64) << 20)

/* A few bytes can say that a file is 2^63 long and has nothing in it. */
#define HOLES_MAX (INT64_C(1) << 30)

struct foreign {
	const char *name;
	struct job *job;
	const struct file_sink *sink;
	struct stream *in;
	struct gunzip *gz;
	struct archive *la; /* libarchive's, not ours */
	struct err read_err;
	foreign_left_out_fn *left_out; /* or NULL */
	void *left_out_arg;
	struct links *links;
	char *piece;
	uint64_t entries;
	uint64_t taken;	     /* plain bytes that libarchive has */
	uint64_t taken_most; /* while it looks for the next header; 0: no limit */
	uint64_t content;    /* how long the entry before it may be */
	struct foreign_note *note; /* NULL: nothing is kept */
	XXH3_state_t *hash;
	uint64_t content_off; /* of the entry, in the plain bytes */
	bool gzip;
	bool whole; /* all of it will be read */
	bool closed;  /* compressed in a way that cannot be entered in the middle */
	bool stopped; /* by the sink */
};

static bool is_tar(struct foreign *f)
{
	return (archive_format(f->la) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_TAR;
}

static la_ssize_t read_cb(struct archive *la, void *arg, const void **p)
{
	struct foreign *f = arg;
	ssize_t n = gunzip_read(f->gz, p, &f->read_err);

	if (n == -1)
		archive_set_error(la, EIO, "read");
	if (n > 0)
		f->taken += (uint64_t)n;
	if (f->taken_most != 0 && f->taken > f->taken_most) {
		archive_set_error(la, EIO, "a header of more than 64 MiB");
		return -1;
	}
	return n;
}

static int from_libarchive(struct foreign *f, struct err *e)
{
	const char *why = f->la != NULL ? archive_error_string(f->la) : NULL;

	if (f->read_err.code != ERR_NONE) {
		if (e != NULL)
			*e = f->read_err;
		return -1;
	}
	if (f->entries == 0)
		return err_set(e, ERR_FORMAT, "%s is no cpio or tar archive", f->name);
	return err_set(e, ERR_DAMAGE, "%s breaks after %ju entries: %s", f->name, (uintmax_t)f->entries,
	    why != NULL ? why : "unreadable");
}

static void foreign_close(struct foreign *f)
{
	if (f->la != NULL)
		archive_read_free(f->la);
	f->la = NULL;
	gunzip_free(f->gz);
	f->gz = NULL;
	stream_close(f->in);
	f->in = NULL;
}

static int foreign_open(struct foreign *f, struct store *store, bool again, struct err *e)
{
	uint64_t size;

	if (store_read(store, f->name, &f->in, e) == -1)
		return -1;
	stream_set_job(f->in, f->job);
	if (f->whole && stream_size(f->in, &size, NULL) == 0)
		stream_expect(f->in, 0, size);
	f->gz = gunzip_new(f->in);
	if (!again)
		foreign_note_watch(f->note, f->gz);
	f->la = archive_read_new();
	if (f->la == NULL)
		return err_set(e, ERR_SYS, "libarchive cannot start");
	/* gzip is gunzip.c's; programs outside are not for hostile files. */
	archive_read_support_filter_bzip2(f->la);
	archive_read_support_filter_compress(f->la);
	archive_read_support_filter_lzma(f->la);
	archive_read_support_filter_xz(f->la);
	archive_read_support_filter_zstd(f->la);
	archive_read_support_format_cpio(f->la);
	archive_read_support_format_tar(f->la);
	if (archive_read_open2(f->la, f, NULL, read_cb, NULL, NULL) != ARCHIVE_OK)
		return from_libarchive(f, e);
	return 0;
}

/* Of a sparse file that of its pieces. */
static uint64_t stored_bytes(struct archive_entry *entry)
{
	int64_t sum = 0, off, len;

	if (archive_entry_sparse_reset(entry) == 0)
		return archive_entry_size(entry) > 0 ? (uint64_t)archive_entry_size(entry) : 0;
	while (archive_entry_sparse_next(entry, &off, &len) == ARCHIVE_OK)
		if (len < 0 || __builtin_add_overflow(sum, len, &sum))
			return 0;
	return (uint64_t)sum;
}

static int next_header(struct foreign *f, struct archive_entry **ret)
{
	int rc;

	f->taken_most = f->taken + HEADERS_MAX;
	if (__builtin_add_overflow(f->taken_most, f->content, &f->taken_most))
		f->taken_most = UINT64_MAX;
	rc = archive_read_next_header(f->la, ret);
	f->taken_most = 0;
	f->content = rc == ARCHIVE_OK || rc == ARCHIVE_WARN ? stored_bytes(*ret) : 0;
	return rc;
}

/* 1, 0 at the end, -1. */
static int next_entry(struct foreign *f, struct archive_entry **ret, struct err *e)
{
	const void *p;
	ssize_t n;
	int rc;

	if (job_cancelled(f->job, e))
		return -1;
	rc = next_header(f, ret);
	if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		f->entries++;
		f->content_off = (uint64_t)archive_filter_bytes(f->la, 0);
		f->gzip = gunzip_is_gzip(f->gz);
		f->closed = archive_filter_code(f->la, 0) != ARCHIVE_FILTER_NONE;
		return 1;
	}
	if (rc != ARCHIVE_EOF)
		return from_libarchive(f, e);
	/* What follows belongs to the archive too: its checksum stands at the end. */
	while ((n = gunzip_read(f->gz, &p, e)) > 0)
		;
	return (int)n;
}

static void leave_out(struct foreign *f, const char *path, const char *why)
{
	log_write(LOG_LEVEL_WARNING, "%s: an entry was left out: %s: %s", f->name, path, why);
	if (f->left_out != NULL)
		f->left_out(f->left_out_arg, path, why);
}

/* The path as ours are: relative, without "./"; NULL: not to be had, or the root itself. */
static char *clean_path(struct foreign *f, const char *raw)
{
	const char *p = raw != NULL ? raw : "";
	char *path;
	size_t n;

	while (*p == '/' || (p[0] == '.' && p[1] == '/'))
		p++;
	n = strlen(p);
	while (n > 0 && p[n - 1] == '/')
		n--;
	if (n == 0 || (n == 1 && p[0] == '.'))
		return NULL;
	path = mem_strndup(p, n);
	if (!io_path_is_safe(path, n)) {
		leave_out(f, raw, "its path leaves its place");
		free(path);
		return NULL;
	}
	return path;
}

static const char *raw_path(struct archive_entry *entry)
{
	const char *raw = archive_entry_pathname(entry);

	return raw != NULL ? raw : archive_entry_pathname_utf8(entry);
}

static void describe(struct archive_entry *entry, struct archive_file *file, struct entry_meta *meta)
{
	const char *target = archive_entry_symlink(entry);

	*file = (struct archive_file){ .role = ROLE_OTHER, .mtime = archive_entry_mtime(entry) };
	*meta = (struct entry_meta){
		.mode = archive_entry_mode(entry) & 0177777,
		.uid = (uid_t)archive_entry_uid(entry),
		.gid = (gid_t)archive_entry_gid(entry),
		.mtime = file->mtime,
		.rdev = archive_entry_rdev(entry),
	};
	if (archive_entry_hardlink(entry) != NULL)
		meta->mode = (meta->mode & 07777) | S_IFREG;
	if (S_ISLNK(meta->mode) && target != NULL)
		meta->size = strlen(target);
	else if (S_ISREG(meta->mode) && archive_entry_size(entry) > 0)
		meta->size = (uint64_t)archive_entry_size(entry);
	file->size = meta->size;
}

static int each_piece(struct foreign *f, struct archive_entry *entry, uint64_t size, spool_put_fn *put,
    void *arg, struct err *e)
{
	if (archive_entry_filetype(entry) == AE_IFLNK)
		return size > 0 ? put(arg, archive_entry_symlink(entry), (size_t)size, e) : 0;
	while (size > 0) {
		la_ssize_t n = archive_read_data(f->la, f->piece, PIECE);

		if (n < 0)
			return from_libarchive(f, e);
		if (n == 0 || (uint64_t)n > size)
			return err_set(
			    e, ERR_DAMAGE, "%s: an entry is not as long as its header says", f->name);
		if (job_cancelled(f->job, e) || put(arg, f->piece, (size_t)n, e) == -1)
			return -1;
		size -= (uint64_t)n;
		job_advance(f->job, (uint64_t)n);
	}
	return 0;
}

/* Who gets the content of one entry, piece by piece. */
struct tee {
	struct foreign *f;
	spool_put_fn *put; /* NULL: it is only looked at */
	void *arg;
	bool hash, keep;
};

static int tee_put(void *arg, const void *p, size_t n, struct err *e)
{
	const struct tee *t = arg;

	if (t->hash)
		XXH3_64bits_update(t->f->hash, p, n);
	if (t->keep)
		foreign_note_keep(t->f->note, p, n);
	return t->put != NULL ? t->put(t->arg, p, n, e) : 0;
}

/* The entry's content through ${t}; its hash, if that is asked for. */
static int each_piece_to(struct foreign *f, struct archive_entry *entry, uint64_t size, struct tee *t,
    uint64_t *ret_hash, struct err *e)
{
	if (t->hash)
		XXH3_64bits_reset(f->hash);
	if (each_piece(f, entry, size, tee_put, t, e) == -1)
		return -1;
	*ret_hash = t->hash ? XXH3_64bits_digest(f->hash) : 0;
	return 0;
}

static void note_entry(
    struct foreign *f, struct archive_entry *entry, const struct entry_meta *meta, bool kept, uint64_t hash)
{
	foreign_note_row(f->note, &(struct known_row){ .meta = *meta,
				      .target = S_ISLNK(meta->mode) ? archive_entry_symlink(entry) : NULL,
				      .has_content = S_ISREG(meta->mode) && meta->size > 0,
				      .is_kept = kept,
				      .is_there = !f->closed && archive_entry_sparse_count(entry) == 0,
				      .off = f->content_off,
				      .hash = hash });
}

/* Content that several names get. */
struct shared {
	struct spool spool;
	uint64_t hash;
};

/* One file to the sink, from ${entry} or, if it is not NULL, from ${shared}. 1: go on; 0: the sink has enough. */
static int give(struct foreign *f, struct archive_entry *entry, const struct shared *shared, const char *path,
    struct err *e)
{
	const struct file_sink *s = f->sink;
	struct tee t = { .f = f, .put = s->data, .arg = s->arg };
	struct archive_file file;
	struct entry_meta meta;
	uint64_t hash = 0;
	bool has_content;
	int r, rc = 0;

	describe(entry, &file, &meta);
	file.path = meta.path = path;
	has_content = S_ISREG(meta.mode) && meta.size > 0;
	r = s->begin(s->arg, &file, &meta, e);
	if (r == 2)
		f->stopped = true;
	if (r == -1 || r == 2)
		return r == 2 ? 0 : -1;
	t.hash = f->note != NULL && has_content && shared == NULL;
	t.keep = r == 1 && has_content && foreign_note_fits(f->note, meta.size);
	if (r == 0)
		t.put = NULL;
	if (shared != NULL)
		hash = shared->hash;
	if (r == 1 && shared != NULL)
		rc = spool_give(&shared->spool, f->piece, PIECE, tee_put, &t, e);
	else if (shared == NULL && (r == 1 || t.hash))
		rc = each_piece_to(f, entry, meta.size, &t, &hash, e);
	if (rc == -1 && r == 1)
		s->abort(s->arg);
	if (rc == -1)
		return -1;
	note_entry(f, entry, &meta, t.keep, hash);
	return r == 1 && s->end(s->arg, e) == -1 ? -1 : 1;
}

/* ${entry}'s content to all ${names}, then, if it is not NULL, to ${path}. */
static int give_all(struct foreign *f, struct archive_entry *entry, const struct link_name *names,
    const char *path, struct err *e)
{
	struct shared shared = { SPOOL_INIT, 0 };
	struct tee t = { f, spool_add, &shared.spool, f->note != NULL, false };
	struct archive_file file;
	struct entry_meta meta;
	int r = 1;

	describe(entry, &file, &meta);
	if (each_piece_to(f, entry, meta.size, &t, &shared.hash, e) == -1)
		r = -1;
	for (; r == 1 && names != NULL; names = names->next)
		r = give(f, entry, &shared, names->name, e);
	if (r == 1 && path != NULL)
		r = give(f, entry, &shared, path, e);
	spool_done(&shared.spool);
	return r;
}

static void inode_key(char *dst, size_t size, struct archive_entry *entry)
{
	snprintf(
	    dst, size, "%ju:%jd", (uintmax_t)archive_entry_dev(entry), (intmax_t)archive_entry_ino64(entry));
}

/* A regular file of a cpio with several names: newc gives the content with the last of them only. */
static int cpio_link(struct foreign *f, struct archive_entry *entry, const char *path, struct err *e)
{
	struct link_name *names;
	char key[64];
	int r;

	inode_key(key, sizeof key, entry);
	if (archive_entry_size(entry) <= 0) {
		links_wait(f->links, key, path);
		return 1;
	}
	names = links_take(f->links, key);
	r = names != NULL ? give_all(f, entry, names, path, e) : give(f, entry, NULL, path, e);
	link_names_free(names);
	return r;
}

static bool is_all_holes(struct archive_entry *entry)
{
	int64_t size = archive_entry_size(entry);

	return size > HOLES_MAX && (uint64_t)size - (uint64_t)HOLES_MAX > stored_bytes(entry);
}

static int pass_entry(struct foreign *f, struct archive_entry *entry, struct err *e)
{
	char *path = clean_path(f, raw_path(entry)), *target = NULL;
	const char *link = archive_entry_hardlink(entry);
	int r = 1;

	if (path == NULL)
		return 1;
	if (is_all_holes(entry)) {
		leave_out(f, path, "there is nothing in it but holes");
		free(path);
		return 1;
	}
	if (is_tar(f) && link != NULL && archive_entry_size(entry) <= 0) {
		/* The content was before this; another pass will bring it. */
		target = clean_path(f, link);
		if (target != NULL)
			links_wait(f->links, target, path);
	} else if (!is_tar(f) && archive_entry_nlink(entry) > 1 &&
		   (link != NULL || archive_entry_filetype(entry) == AE_IFREG)) {
		r = cpio_link(f, entry, path, e);
	} else {
		r = give(f, entry, NULL, path, e);
	}
	free(target);
	free(path);
	return r;
}

/* The second pass over a tar: content for the hard links. */
static int link_entry(struct foreign *f, struct archive_entry *entry, struct err *e)
{
	char *path;
	struct link_name *names;
	int r = 1;

	if (archive_entry_hardlink(entry) != NULL || is_all_holes(entry) ||
	    (path = clean_path(f, raw_path(entry))) == NULL)
		return 1;
	names = links_take(f->links, path);
	if (names != NULL)
		r = give_all(f, entry, names, NULL, e);
	link_names_free(names);
	free(path);
	return r;
}

/* Names of a cpio for which no content came are those of empty files. */
static int give_empty(struct foreign *f, struct err *e)
{
	struct archive_entry *entry = archive_entry_new();
	struct link_name *names;
	int r = 1;

	archive_entry_set_mode(entry, S_IFREG | 0600);
	while (r == 1 && (names = links_take_any(f->links)) != NULL) {
		for (struct link_name *n = names; r == 1 && n != NULL; n = n->next)
			r = give(f, entry, NULL, n->name, e);
		link_names_free(names);
	}
	archive_entry_free(entry);
	return r;
}

static int pass(struct foreign *f, struct store *store, bool for_links, struct err *e)
{
	struct archive_entry *entry;
	int r;

	f->entries = f->taken = f->content = 0;
	f->whole = true;
	if (foreign_open(f, store, for_links, e) == -1)
		return -1;
	while ((r = next_entry(f, &entry, e)) == 1) {
		r = for_links ? link_entry(f, entry, e) : pass_entry(f, entry, e);
		if (r != 1)
			return r;
		if (for_links && links_empty(f->links))
			return 0;
	}
	if (r == -1 || links_empty(f->links))
		return r;
	if (!for_links && is_tar(f)) {
		foreign_close(f);
		return pass(f, store, true, e);
	}
	if (!for_links)
		return give_empty(f, e) == -1 ? -1 : 0;
	log_write(LOG_LEVEL_WARNING, "%s: hard links to files that it does not hold were left out", f->name);
	return 0;
}

static int read_all(struct foreign *f, struct store *store, struct err *e)
{
	int rc;

	f->links = links_new();
	f->piece = mem_alloc(PIECE);
	rc = pass(f, store, false, e);
	foreign_close(f);
	links_free(f->links);
	free(f->piece);
	return rc;
}

int archive_foreign_each(
    struct store *store, const char *name, struct job *job, const struct file_sink *sink, struct err *e)
{
	return archive_foreign_each_told(store, name, job, sink, NULL, NULL, e);
}

int archive_foreign_each_told(struct store *store, const char *name, struct job *job,
    const struct file_sink *sink, foreign_left_out_fn *left_out, void *arg, struct err *e)
{
	struct foreign f = {
		.name = name, .job = job, .sink = sink, .left_out = left_out, .left_out_arg = arg
	};

	return read_all(&f, store, e);
}

static int identify(
    struct store *store, const char *name, uint64_t *ret_seed, uint64_t *ret_size, struct err *e)
{
	struct stream *in;
	int rc;

	if (store_read(store, name, &in, e) == -1)
		return -1;
	rc = foreign_identity(store, name, in, ret_seed, ret_size, e);
	stream_close(in);
	return rc;
}

int archive_foreign_learn(struct store *store, const char *name, struct job *job,
    const struct foreign_memory *m, const struct file_sink *sink, struct err *e)
{
	struct foreign f = { .name = name, .job = job, .sink = sink };
	uint64_t before, after, size;
	int rc;

	if (identify(store, name, &before, &size, e) == -1)
		return -1;
	f.note = foreign_note_new(name, m, before, size);
	f.hash = XXH3_createState();
	rc = read_all(&f, store, e);
	/* What was replaced meanwhile is not what was read. */
	if (rc == 0 && !f.stopped && identify(store, name, &after, &size, NULL) == 0 && after == before)
		foreign_note_end(f.note, f.closed ? KNOWN_CLOSED : f.gzip ? KNOWN_GZIP : KNOWN_PLAIN);
	foreign_note_free(f.note);
	XXH3_freeState(f.hash);
	return rc;
}

int archive_foreign_probe(struct store *store, const char *name, struct job *job, struct err *e)
{
	struct foreign f = { .name = name, .job = job };
	struct archive_entry *entry;
	int rc = -1;

	if (foreign_open(&f, store, false, e) == 0)
		rc = next_header(&f, &entry) >= ARCHIVE_WARN ? 0 : from_libarchive(&f, e);
	/* A small one is read to its end for the first entry: a check sum that does not hold is no other format. */
	if (rc == -1 && e != NULL && e->code == ERR_DAMAGE && f.entries == 0 &&
	    !(f.read_err.code == ERR_DAMAGE && gunzip_is_gzip(f.gz)))
		err_set(e, ERR_FORMAT, "%s is no cpio or tar archive", name);
	foreign_close(&f);
	return rc;
}
