/* fuzz_archive_member.c: gzip headers, end marks, and members that claim to be what they are not. */
#include <stdint.h>
#include <stdlib.h>

#include "archive/index.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* On the heap to the byte, so that reading past the end is seen. */
	uint8_t *p = mem_dup(data, size);
	struct member_head h;
	struct end_mark m;
	struct err e = { 0 };

	end_mark_parse(p, size, 12345, &m);
	for (size_t at = member_find(p, size, 0); at < size; at = member_find(p, size, at + 1)) {
		if (member_parse(p + at, size - at, &h) == 1 && h.stored <= size - at) {
			struct decoder *d = decoder_new();
			uint8_t *out = mem_alloc(h.plain);

			member_decode(d, &h, p + at, out, &e);
			free(out);
			decoder_free(d);
		}
	}
	free(p);
	return 0;
}
