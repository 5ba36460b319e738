/* writer.h: make an archive: cpio newc in gzip members, compressed on all cores, indexed, byte-identical for any number
 * of threads (docs/archive-format.md).
 *
 * Memory is bounded by the number of threads, whatever the sizes: the tables wait compressed in an unnamed temporary
 * file. A writer belongs to one thread at a time; its compressors are its own. */
#ifndef ARCHIVE_WRITER_H
#define ARCHIVE_WRITER_H

#include "archive/archive.h"

enum writer_level { LEVEL_DEFAULT, LEVEL_FAST, LEVEL_STORE };

struct archive_writer_opts {
	unsigned threads; /* 0: one per CPU, at most 16 */
	enum writer_level level;
	uint64_t split_bytes; /* 0: 4 GiB - 1: larger files are split into parts (tests set it low) */
	const char *temp_dir; /* NULL: as io_temp_fd() */
	struct job *job;      /* cancel */
};

struct archive_writer;

/** archive_writer_new(out, opts, ret, e): Write to ${out}, which stays the caller's (and is neither closed nor committed). */
int archive_writer_new(
    struct stream *out, const struct archive_writer_opts *opts, struct archive_writer **ret, struct err *e);

/** archive_writer_begin(w, kind, name, e): Begin a unit, in a new member. archive_writer_end(w, info, e): End it; ${info} is what the root will
 * say (kind and name as begun; files and bytes are counted by the writer). */
int archive_writer_begin(struct archive_writer *w, enum unit_kind kind, const char *name, struct err *e);
int archive_writer_end(struct archive_writer *w, const struct unit_info *info, struct err *e);

/** archive_writer_add(w, meta, p, e): An entry whose meta->size bytes are at ${p} (also directories, links: mode decides). */
int archive_writer_add(struct archive_writer *w, const struct entry_meta *meta, const void *p, struct err *e);

/** archive_writer_add_fd(w, meta, fd, guid, ret_short, e): A regular file read from ${fd} from its offset 0. ${guid}, if not NULL, receives the
 * SHA-1 of what was packed. A file that turns out shorter than meta->size is filled with zeros and ${*ret_short} (may be
 * NULL) set to the bytes that were missing; bytes beyond meta->size are not read. A read error is
 * ERR_SYS; the entry is then filled with zeros, and the writer can go on (after any other failure it cannot). */
int archive_writer_add_fd(struct archive_writer *w, const struct entry_meta *meta, int fd,
    uint8_t guid[SHA1_SIZE], uint64_t *ret_short, struct err *e);

/** archive_writer_usable(w): No call has failed but for reading a source file: the writer can go on. */
bool archive_writer_usable(const struct archive_writer *w);

struct archive_totals {
	uint64_t plain_bytes, stored_bytes, index_bytes;
	uint64_t files, units, members;
	uint8_t root_sha256[SHA256_SIZE];
};

/** archive_writer_finish(w, ret, e): Write index, trailer and end mark. Afterwards only archive_writer_free(). */
int archive_writer_finish(struct archive_writer *w, struct archive_totals *ret, struct err *e);

/** archive_writer_free(w): NULL-safe; stops the compressors. */
void archive_writer_free(struct archive_writer *w);

#endif
