/* fuzz_archive_table.c: a unit's table. The first byte is the number of files that the root promises. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/index.h"
#include "core/io.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct table_parser *p;
	struct table t = { 0 };
	struct err e = { 0 };
	char *text;

	if (size < 1)
		return 0;
	text = mem_dup(data + 1, size - 1);
	p = table_parser_new(1000, data[0], size - 1);
	if (table_parser_add(p, text, size - 1, &e) == 0 && table_parser_end(p, &t, &e) == 0) {
		for (size_t i = 0; i < t.pub.n_files; i++) {
			if (!io_path_is_safe(t.files[i].path, strlen(t.files[i].path)) ||
			    t.files[i].plain_off >= t.plain)
				abort();
		}
	}
	table_parser_free(p);
	table_done(&t);
	free(text);
	return 0;
}
