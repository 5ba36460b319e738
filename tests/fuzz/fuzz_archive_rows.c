/* fuzz_archive_rows.c: cpio headers and the fields of index lines by themselves. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/cpio.h"
#include "archive/rows.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = mem_dup(data, size), *p = text;
	struct cpio_head h;
	struct row row;

	if (size >= CPIO_HEAD)
		cpio_parse(data, &h);
	while (row_next(&p, text + size, &row) == 1) {
		for (size_t i = 0; i <= row.n; i++) {
			uint64_t u;
			int64_t s;

			row_u64(&row, i, UINT64_MAX, &u);
			row_i64(&row, i, &s);
			if (row_unescape(&row, i) == 0) {
				/* What was escaped comes back the same. */
				struct buf b = BUF_INIT;
				struct row again;
				char *q;

				row_escape(&b, row.field[i]);
				buf_char(&b, '\n');
				q = b.data;
				if (row_next(&q, b.data + b.len, &again) != 1 || again.n != 1 ||
				    row_unescape(&again, 0) == -1 ||
				    strcmp(again.field[0], row.field[i]) != 0)
					abort();
				buf_done(&b);
			}
		}
	}
	free(text);
	return 0;
}
