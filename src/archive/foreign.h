/* foreign.h: anyone's cpio or tar, plain or compressed, read from front to end by libarchive; and from its middle, once that was done. */
#ifndef ARCHIVE_FOREIGN_H
#define ARCHIVE_FOREIGN_H

#include "archive/archive.h"

/** archive_foreign_each(store, name, job, sink, e): Stream all entries through ${sink}, begin with ${meta} once for each (file carries
 * path, size, mtime; sha256 zero; role ROLE_OTHER). Leading "/" and "./" are cut from paths; an entry whose path would leave the
 * root, or a sparse one with more than 1 GiB of nothing in it, is left out with a log line. Hard links come as files with the content: those of newc when their content comes,
 * those of tar after all others, in a second pass over the archive, which is made only when there are some. A link to a
 * file that is not in the archive is left out with a log line. begin may return 2 to stop early (returns 0). gzip is
 * checked by CRC, at the end of each member: content may reach ${sink} before damage is seen, so only 0 says that all was
 * whole. Also reads our own archives. ERR_FORMAT: nothing libarchive knows. ERR_DAMAGE: ends or breaks in the middle. */
int archive_foreign_each(
    struct store *store, const char *name, struct job *job, const struct file_sink *sink, struct err *e);

/** archive_foreign_each_told(store, name, job, sink, left_out, arg, e): The same, and ${left_out} is told each entry that is left out. */
typedef void foreign_left_out_fn(void *arg, const char *path, const char *why);
int archive_foreign_each_told(struct store *store, const char *name, struct job *job,
    const struct file_sink *sink, foreign_left_out_fn *left_out, void *arg, struct err *e);

/** archive_foreign_probe(store, name, job, e): 0 if libarchive knows the format, by its first entry; else ERR_FORMAT. */
int archive_foreign_probe(struct store *store, const char *name, struct job *job, struct err *e);

/** Where what was found out about one archive is kept: a set of pieces of some 100 KiB, each told by a kind (1 to 255) and a number. What comes out of it
 * is trusted no more than the archive itself is. Used by one thread at a time, from open to close. */
struct foreign_memory {
	void *arg;
	/** begin, put, end: A new set, which get finds only after end, and then in place of what there was. One that has no end is dropped
	 * by the next begin, or by drop. */
	int (*begin)(void *arg, struct err *e);
	int (*put)(void *arg, uint8_t kind, uint64_t number, const void *p, size_t n, struct err *e);
	int (*end)(void *arg, struct err *e);
	/** get: Append that piece: 1, 0 there is none, -1. */
	int (*get)(void *arg, uint8_t kind, uint64_t number, struct buf *b, struct err *e);
	/** drop: Forget what was begun and has no end; with ${all} also what there was. It may fail: what is damaged does no harm. */
	void (*drop)(void *arg, bool all);
	/** close: Free arg. Called by whom the memory was given to for good. */
	void (*close)(void *arg);
};

/** archive_foreign_learn(store, name, job, m, sink, e): As archive_foreign_each(), and keep in ${m} what foreign_index_open() needs: every entry with its place
 * and a checksum of its content; for gzip the points from which reading can begin (every 2 MiB of the archive, or more: at most 8192 of them);
 * and the content itself of what ${sink} wanted, while that is at most 1 GiB. That is some 1 % of the archive. Nothing is kept unless the archive was whole,
 * of more than some ten million entries, or when ${m} fails, which is only logged. begin must not return 2. */
int archive_foreign_learn(struct store *store, const char *name, struct job *job,
    const struct foreign_memory *m, const struct file_sink *sink, struct err *e);

/** What is known of an archive that was read before. It belongs to one thread at a time. */
struct foreign_index;

/** foreign_index_open(store, name, job, m, ret, e): 1 if ${m} knows the archive as it is now (by size, mtime, and its first and last KiB), 0 if it
 * does not, or what it has is damaged. ${store} and ${m} (not the struct, but what it leads to) outlive it. foreign_index_close() takes NULL. */
int foreign_index_open(struct store *store, const char *name, struct job *job, const struct foreign_memory *m,
    struct foreign_index **ret, struct err *e);
void foreign_index_close(struct foreign_index *ix);

/** foreign_index_replay(ix, job, sink, e): What archive_foreign_learn() gave, in the same order, but content wanted now that was not wanted then is
 * read by range. ERR_DAMAGE also if what is kept is damaged: who reads front to end then finds out what is the matter. ERR_UNSUPPORTED: something
 * wanted can be had by reading from the front only (what is compressed with xz, zstd, bzip2; sparse files). */
int foreign_index_replay(
    struct foreign_index *ix, struct job *job, const struct file_sink *sink, struct err *e);

/** foreign_index_read(ix, job, wants, sink, e): The same, but only files for which ${wants}, called with ${sink}'s arg first for all of them, says so; of the archive only
 * their bytes are read, from the nearest points on, those near each other together. Content is proved by its checksum before end. */
typedef bool foreign_wants_fn(void *arg, const struct archive_file *file, const struct entry_meta *meta);
int foreign_index_read(struct foreign_index *ix, struct job *job, foreign_wants_fn *wants,
    const struct file_sink *sink, struct err *e);

/** foreign_index_has_ranges(ix): Content can be read by range, but for that of sparse files. */
bool foreign_index_has_ranges(const struct foreign_index *ix);

/** foreign_index_fetched(ix): Bytes read from the store so far, for measuring. */
uint64_t foreign_index_fetched(const struct foreign_index *ix);

/** foreign_index_drop(ix): Have it forgotten: it was of no use. */
void foreign_index_drop(struct foreign_index *ix);

#endif
