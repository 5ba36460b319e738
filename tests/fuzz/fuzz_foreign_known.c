/* fuzz_foreign_known.c: what is kept of a foreign archive. The first byte says as what it is read: a head (even), or rows (odd) of an archive of
 * 1 MiB of which 64 KiB are kept. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/known.h"
#include "core/io.h"
#include "core/mem.h"

#define SIZE (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_head(const uint8_t *p, size_t n)
{
	struct known_head h;
	struct buf b = BUF_INIT;

	if (known_head_parse(p, n, SIZE, &h) == -1)
		return;
	for (size_t i = 0; i < h.n_points; i++)
		if (h.points[i].in_off > SIZE || h.points[i].out_off > h.plain || h.points[i].bits > 7 ||
		    (i > 0 && h.points[i].in_off <= h.points[i - 1].in_off) ||
		    h.points[i].window_len > GUNZIP_WINDOW)
			abort();
	for (size_t i = 0; i < h.n_marks; i++)
		if (h.marks[i] > SIZE)
			abort();
	/* What it says can be said again. */
	known_head_write(&h, &b);
	known_head_done(&h);
	if (known_head_parse((const uint8_t *)b.data, b.len, SIZE, &h) == -1)
		abort();
	known_head_done(&h);
	buf_done(&b);
}

static void fuzz_rows(const uint8_t *p, size_t n)
{
	struct known_head h = { .plain = SIZE, .kept = 64u << 10 };
	struct known_rows_in in = { 0 };
	struct known_row r;

	if (known_rows_begin(&in, &h, p, n) == 0)
		while (known_row_next(&in, &r) == 1) {
			if (!io_path_is_safe(r.meta.path, strlen(r.meta.path)))
				abort();
			if (r.has_content && r.is_there && (r.off > h.plain || r.meta.size > h.plain - r.off))
				abort();
			if (r.is_kept && (r.kept_off > h.kept || r.meta.size > h.kept - r.kept_off))
				abort();
			if (r.target != NULL && r.meta.size > KNOWN_TARGET_MAX)
				abort();
		}
	known_rows_in_done(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	if (size < 1)
		return 0;
	copy = mem_dup(data + 1, size - 1);
	if (data[0] % 2 == 0)
		fuzz_head(copy, size - 1);
	else
		fuzz_rows(copy, size - 1);
	free(copy);
	return 0;
}
