/* fuzz_cache.c: envelopes at every place of a hostile cyrus.cache. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "cyrus/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_line(const char *s, size_t size)
{
	if (s != NULL && (*s == '\0' || strpbrk(s, "\r\n") != NULL || strlen(s) > 2 * size))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t generation = size >= 4 ? be32(data) : 0;

	for (uint64_t off = 0; off < size && off < 4096; off += 4) {
		struct index_record r = { .uid = 1, .cache_offset = off };
		struct envelope env;

		if (mailbox_cache_envelope(data, size, generation, &r, &env, NULL) == -1)
			continue;
		one_line(env.date, size);
		one_line(env.subject, size);
		one_line(env.from, size);
		one_line(env.to, size);
		one_line(env.cc, size);
		one_line(env.message_id, size);
		one_line(env.in_reply_to, size);
		envelope_done(&env);
	}
	return 0;
}
