/* fuzz_catalogue.c: rows of the catalogue; what decodes is encoded again, and merged with. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "db/catalogue_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rows_spans s = { 0 }, again = { 0 };
	struct catalogue_archive a;
	struct rows_meta meta;
	struct rows_lineage l;
	struct catalogue_box box;
	struct buf b = BUF_INIT;
	uint32_t filled[] = { 1, 3, 4, 9, 200 };
	struct rows_fills f = { filled, 5 };

	if (rows_get_spans(data, size, &s, NULL) == 0) {
		rows_put_spans(&b, s.list, s.n);
		if (rows_get_spans(b.data, b.len, &again, NULL) == -1 || again.n != s.n)
			abort();
		for (size_t i = 0; i < s.n; i++)
			if (again.list[i].first != s.list[i].first || again.list[i].last != s.list[i].last ||
			    !rows_same(&again.list[i].box, &s.list[i].box))
				abort();
		rows_merge(&again, &f, CATALOGUE_OPEN - 1, s.n > 0 ? &s.list[0].box : NULL);
	}
	if (rows_get_archive(data, size, &a, NULL) == 0) {
		buf_clear(&b);
		rows_put_archive(&b, &a);
	}
	catalogue_archive_done(&a);
	rows_get_box(data, size, &s, &box, NULL);
	rows_get_meta(data, size, &meta, NULL);
	rows_get_lineage(data, size, &l, NULL);
	rows_spans_done(&s);
	rows_spans_done(&again);
	buf_done(&b);
	return 0;
}
