/* foreign.c: cpio and tar of others, by libarchive. */
#include "archive/foreign.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/gunzip.h"
#include "archive/links.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"

#define PIECE	  (256u << 10)
#define SPOOL_MAX (4u << 20) /* content of several names is kept in memory up to here, else in a file */

struct foreign {
	const char *name;
	struct job *job;
	const struct file_sink *sink;
	struct stream *in;
	struct gunzip *gz;
	struct archive *la; /* libarchive's, not ours */
	struct err read_err;
	struct links *links;
	char *piece;
	uint64_t entries;
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

static int foreign_open(struct foreign *f, struct store *store, struct err *e)
{
	if (store_read(store, f->name, &f->in, e) == -1)
		return -1;
	stream_set_job(f->in, f->job);
	f->gz = gunzip_new(f->in);
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

/* 1, 0 at the end, -1. */
static int next_entry(struct foreign *f, struct archive_entry **ret, struct err *e)
{
	const void *p;
	ssize_t n;
	int rc;

	if (job_cancelled(f->job, e))
		return -1;
	rc = archive_read_next_header(f->la, ret);
	if (rc == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		f->entries++;
		return 1;
	}
	if (rc != ARCHIVE_EOF)
		return from_libarchive(f, e);
	/* What follows belongs to the archive too: its checksum stands at the end. */
	while ((n = gunzip_read(f->gz, &p, e)) > 0)
		;
	return (int)n;
}

/* The path as ours are: relative, without "./"; NULL: not to be had, or the root itself. */
static char *clean_path(const struct foreign *f, const char *raw)
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
		log_write(LOG_LEVEL_WARNING,
		    "%s: an entry was left out because its path leaves its place: %s", f->name, raw);
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
		.mode = archive_entry_mode(entry),
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

typedef int put_fn(void *arg, const void *p, size_t n, struct err *e);

static int each_piece(
    struct foreign *f, struct archive_entry *entry, uint64_t size, put_fn *put, void *arg, struct err *e)
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

/* Content that several names get. */
struct spool {
	struct buf mem;
	int fd;
	uint64_t size;
};

static int spool_add(void *arg, const void *p, size_t n, struct err *e)
{
	struct spool *s = arg;

	if (s->fd == -1 && s->mem.len + n <= SPOOL_MAX) {
		buf_add(&s->mem, p, n);
		s->size += n;
		return 0;
	}
	if (s->fd == -1 && (s->fd = io_temp_fd(NULL, e)) == -1)
		return -1;
	if (io_pwrite_all(s->fd, p, n, s->size - s->mem.len, "a temporary file", e) == -1)
		return -1;
	s->size += n;
	return 0;
}

static int spool_give(const struct spool *s, char *piece, put_fn *put, void *arg, struct err *e)
{
	uint64_t in_file = s->fd == -1 ? 0 : s->size - s->mem.len;

	if (s->mem.len > 0 && put(arg, s->mem.data, s->mem.len, e) == -1)
		return -1;
	for (uint64_t at = 0; at < in_file;) {
		size_t n = in_file - at < PIECE ? (size_t)(in_file - at) : PIECE;

		if (io_pread_all(s->fd, piece, n, at, "a temporary file", e) == -1 ||
		    put(arg, piece, n, e) == -1)
			return -1;
		at += n;
	}
	return 0;
}

/* One file to the sink, from ${entry} or, if it is not NULL, from ${spool}. 1: go on; 0: the sink has enough. */
static int give(struct foreign *f, struct archive_entry *entry, const struct spool *spool, const char *path,
    struct err *e)
{
	const struct file_sink *s = f->sink;
	struct archive_file file;
	struct entry_meta meta;
	int r;

	describe(entry, &file, &meta);
	file.path = meta.path = path;
	r = s->begin(s->arg, &file, &meta, e);
	if (r != 1)
		return r == 0 ? 1 : r == 2 ? 0 : -1;
	r = spool != NULL ? spool_give(spool, f->piece, s->data, s->arg, e)
			  : each_piece(f, entry, meta.size, s->data, s->arg, e);
	if (r == -1) {
		s->abort(s->arg);
		return -1;
	}
	return s->end(s->arg, e) == -1 ? -1 : 1;
}

/* ${entry}'s content to all ${names}, then, if it is not NULL, to ${path}. */
static int give_all(struct foreign *f, struct archive_entry *entry, const struct link_name *names,
    const char *path, struct err *e)
{
	struct spool spool = { .fd = -1 };
	struct archive_file file;
	struct entry_meta meta;
	int r = 1;

	describe(entry, &file, &meta);
	if (each_piece(f, entry, meta.size, spool_add, &spool, e) == -1)
		r = -1;
	for (; r == 1 && names != NULL; names = names->next)
		r = give(f, entry, &spool, names->name, e);
	if (r == 1 && path != NULL)
		r = give(f, entry, &spool, path, e);
	if (spool.fd != -1)
		close(spool.fd);
	buf_done(&spool.mem);
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

static int pass_entry(struct foreign *f, struct archive_entry *entry, struct err *e)
{
	char *path = clean_path(f, raw_path(entry)), *target = NULL;
	const char *link = archive_entry_hardlink(entry);
	int r = 1;

	if (path == NULL)
		return 1;
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

	if (archive_entry_hardlink(entry) != NULL || (path = clean_path(f, raw_path(entry))) == NULL)
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

	f->entries = 0;
	if (foreign_open(f, store, e) == -1)
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

int archive_foreign_each(
    struct store *store, const char *name, struct job *job, const struct file_sink *sink, struct err *e)
{
	struct foreign f = { .name = name, .job = job, .sink = sink };
	int rc;

	f.links = links_new();
	f.piece = mem_alloc(PIECE);
	rc = pass(&f, store, false, e);
	foreign_close(&f);
	links_free(f.links);
	free(f.piece);
	return rc;
}

int archive_foreign_probe(struct store *store, const char *name, struct job *job, struct err *e)
{
	struct foreign f = { .name = name, .job = job };
	struct archive_entry *entry;
	int rc = -1;

	if (foreign_open(&f, store, e) == 0)
		rc = archive_read_next_header(f.la, &entry) >= ARCHIVE_WARN ? 0 : from_libarchive(&f, e);
	if (rc == -1 && e != NULL && e->code == ERR_DAMAGE && f.entries == 0)
		err_set(e, ERR_FORMAT, "%s is no cpio or tar archive", name);
	foreign_close(&f);
	return rc;
}
