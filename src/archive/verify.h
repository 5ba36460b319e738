/* verify.h: prove an archive, or say what is wrong with it; and get out of a damaged one what can be had. */
#ifndef ARCHIVE_VERIFY_H
#define ARCHIVE_VERIFY_H

#include "archive/archive.h"

/** One thing that is wrong. */
struct archive_finding {
	const char *unit; /* name or "" */
	const char *path; /* or "" */
	const char *what; /* in words */
	bool left_out;    /* no damage: an entry of an archive of something else that nobody can have */
};
typedef void archive_finding_fn(void *arg, const struct archive_finding *f);

struct verify_result {
	uint64_t files, files_bad, units, units_bad, bytes;
	uint64_t findings; /* of any kind: 0 is a sound archive */
};

/** archive_verify(a, quick, job, finding, arg, ret, e): ${quick}: end mark, root and all tables. Else also every member's
 * CRC, every file's SHA-256, every entry against its table row, nothing between the units. Findings go to ${finding}; returns 0 also with findings
 * (${ret} counts them), -1 when the archive cannot be read at all. Members decode in parallel. */
int archive_verify(struct archive *a, bool quick, struct job *job, archive_finding_fn *finding, void *arg,
    struct verify_result *ret, struct err *e);

struct salvage_result {
	uint64_t members, members_bad, bytes_skipped;
	uint64_t files; /* given to the sink, whole */
	uint64_t
	    files_lost; /* told to ${lost}: named in a surviving table, or begun in a good member, but not whole */
	bool had_index; /* the index survived whole: "lost" is exact and every file was checked by SHA-256 */
};

/** archive_salvage(store, name, job, sink, lost, arg, ret, e): Read all members that can be found (by the index, by their lengths, by
 * scanning for the next), give every file that is whole to ${sink}, name the lost ones through ${lost}. Where a table
 * survived, begin is asked for all files of a unit first (with ${meta} NULL), as by archive_read_unit(), and each file's
 * SHA-256 has held. Where none did, begin is asked once with ${meta}, file->sha256 is all zero, and a file of 4 GiB or more
 * comes as its parts. A file out of a member whose CRC does not hold is given only if it lies in that member alone and its
 * SHA-256 holds; its mode and owner are then those of its neighbour. -1 only when the store fails, the job is cancelled, ${sink}
 * fails, or it is no archive of ours at all. */
int archive_salvage(struct store *store, const char *name, struct job *job, const struct file_sink *sink,
    archive_finding_fn *lost, void *arg, struct salvage_result *ret, struct err *e);

#endif
