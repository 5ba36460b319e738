/* index_out.h: the index while an archive is being written: lines come in archive order, wait compressed in unnamed
 * temporary files, and follow the last unit. */
#ifndef ARCHIVE_INDEX_OUT_H
#define ARCHIVE_INDEX_OUT_H

#include "archive/index.h"

struct index_out;

/** index_out_new(temp_dir, ret, e), index_out_free(x): ${temp_dir} as for io_temp_fd(). index_out_free() takes NULL. */
int index_out_new(const char *temp_dir, struct index_out **ret, struct err *e);
void index_out_free(struct index_out *x);

/** index_out_lines(x, p, n, e): More whole lines of the current unit's table. */
int index_out_lines(struct index_out *x, const void *p, size_t n, struct err *e);

/** index_out_unit(x, row, stored, e): The current unit is whole: its root line is ${row} (the fields up to the bytes of its files), its
 * members take ${stored} bytes. */
int index_out_unit(struct index_out *x, const char *row, uint64_t stored, struct err *e);

struct index_out_sums {
	uint64_t stored, members; /* from the first tables entry to the end mark */
	uint8_t root_sha256[SHA256_SIZE];
};

/** index_out_finish(x, out, off, ret, e): Write tables, root, trailer and end mark to ${out}, which stands at
 * offset ${off}. */
int index_out_finish(
    struct index_out *x, struct stream *out, uint64_t off, struct index_out_sums *ret, struct err *e);

#endif
