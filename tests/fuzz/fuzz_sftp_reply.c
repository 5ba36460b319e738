/* fuzz_sftp_reply.c: what a server of files sends, as a row of packets. */
#include <stdint.h>
#include <stdlib.h>

#include "store/sftp_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every byte of a string lies within the packet. */
static void must_be_in(const uint8_t *p, size_t n, struct sftp_string s)
{
	if (s.n > 0 && ((const uint8_t *)s.p < p || s.n > n || (size_t)((const uint8_t *)s.p - p) > n - s.n))
		abort();
}

static void count_extension(void *arg, struct sftp_string name, struct sftp_string data)
{
	*(size_t *)arg += name.n + data.n;
}

static void one_packet(const uint8_t *p, size_t n)
{
	struct sftp_reply r;
	struct sftp_name name;
	struct err e = { 0 };
	uint32_t version;
	size_t bytes = 0;

	if (sftp_parse_version(p, n, &version, count_extension, &bytes, &e) == 0 && bytes > n)
		abort();
	if (sftp_parse_reply(p, n, &r, &e) == -1) {
		if (e.code != ERR_FORMAT)
			abort();
		return;
	}
	must_be_in(p, n, r.string);
	while (r.type == SFTP_NAME && sftp_next_name(&r, &name, &e) == 1) {
		must_be_in(p, n, name.name);
		must_be_in(p, n, name.longname);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len;

	one_packet(data, size);
	while (sftp_frame(data, size, &len, NULL) == 1) {
		if (len > size - 4)
			abort();
		one_packet(data + 4, len);
		data += 4 + len;
		size -= 4 + len;
	}
	return 0;
}
