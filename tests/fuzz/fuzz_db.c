/* fuzz_db.c: any bytes as a database of any kind; a second time with all checksums made right, so that what lies
 * behind them is met too. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zlib.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "db/cyrusdb.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct last {
	const uint8_t *p;
	size_t n;
	size_t count;
	uint32_t sum;
};

/* Every byte is read; keys must rise. */
static int each(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct last *l = arg;
	size_t n = l->n < key.n ? l->n : key.n;
	int c = n > 0 ? memcmp(l->p, key.p, n) : 0;

	(void)e;
	if (l->count++ > 0 && (c > 0 || (c == 0 && l->n >= key.n)))
		abort();
	l->sum ^= (uint32_t)crc32_z(crc32_z(0, key.p, key.n), value.p, value.n);
	l->p = key.p;
	l->n = key.n;
	return 0;
}

static void read_all(const uint8_t *data, size_t size)
{
	struct last l = { 0 };
	struct cyrusdb_bytes value;
	struct err e = { 0 };
	struct cyrusdb *db;

	if (cyrusdb_open_bytes(data, size, "input", &db, &e) == -1)
		return;
	if (cyrusdb_foreach(db, (struct cyrusdb_bytes){ 0 }, each, &l, &e) != 0)
		abort();
	if (l.count > 0 && cyrusdb_get(db, (struct cyrusdb_bytes){ l.p, l.n }, &value, &e) != 1)
		abort();
	cyrusdb_close(db);
}

static void seal_twoskip(uint8_t *p, size_t n)
{
	put_be32(p + 60, (uint32_t)crc32_z(0, p, 60));
	for (size_t at = 64; n - at >= 24;) {
		size_t key = be16(p + at + 2), value = be32(p + at + 4),
		       head = 8 + 8 * (p[at + 1] + (size_t)1), tail;

		if (memcmp(p + at, " BLANK\x07\xa0", 8) == 0 || p[at + 1] > 31 || key == 0xffff ||
		    value > n) {
			at += 8;
			continue;
		}
		tail = (key + value + 7) & ~(size_t)7;
		if (n - at < head + 8 || n - at - head - 8 < tail) {
			at += 8;
			continue;
		}
		put_be32(p + at + head, (uint32_t)crc32_z(0, p + at, head));
		put_be32(p + at + head + 4, (uint32_t)crc32_z(0, p + at + head + 8, tail));
		at += head + 8 + tail;
	}
}

static void seal_twom(uint8_t *p, size_t n)
{
	put_le32(p + 92, (uint32_t)XXH3_64bits(p, 92));
	for (size_t at = 96; n - at >= 24;) {
		bool replaces = p[at] == 4, stores = p[at] == 2 || replaces;
		size_t key = le16(p + at + 2), value = le32(p + at + 4), tail = 0;
		size_t head = p[at] >= 6 ? 16 : (replaces ? 16 : 8) + 8 * (p[at + 1] + (size_t)1);

		if (stores)
			tail = (key + value + 2 + 7) & ~(size_t)7;
		if (p[at] == 0 || p[at] > 7 || p[at] == 3 || p[at] == 5 || p[at + 1] > 31 || value > n ||
		    n - at < head + 8 || n - at - head - 8 < tail) {
			at += 8;
			continue;
		}
		put_le32(p + at + head, (uint32_t)XXH3_64bits(p + at, head));
		if (stores)
			put_le32(p + at + head + 4, (uint32_t)XXH3_64bits(p + at + head + 8, tail));
		at += head + 8 + tail;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	read_all(data, size);
	if (size < 96 || data[0] != 0xa1)
		return 0;
	copy = mem_dup(data, size);
	if (data[7] == 's')
		seal_twoskip(copy, size);
	else if (data[7] == 'm')
		seal_twom(copy, size);
	read_all(copy, size);
	free(copy);
	return 0;
}
