/* cpio.c: newc headers, written and parsed strictly. */
#include "archive/cpio.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

size_t cpio_pad(uint64_t n)
{
	return (size_t)(-n & 3);
}

size_t cpio_head_len(size_t name_len)
{
	return CPIO_HEAD + name_len + 1 + cpio_pad(CPIO_HEAD + name_len + 1);
}

uint32_t cpio_mtime(int64_t t)
{
	return t < 0 ? 0 : t > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static uint8_t *put_hex(uint8_t *p, uint32_t v)
{
	for (int i = 28; i >= 0; i -= 4)
		*p++ = (uint8_t) "0123456789ABCDEF"[v >> i & 15];
	return p;
}

size_t cpio_put(const struct cpio_head *h, const char *name, uint8_t *out)
{
	size_t n = strlen(name), len = cpio_head_len(n);
	uint8_t *p = out;

	memcpy(p, "070701", 6);
	p = put_hex(p + 6, 0);
	p = put_hex(p, h->mode);
	p = put_hex(p, h->uid);
	p = put_hex(p, h->gid);
	p = put_hex(p, 1);
	p = put_hex(p, h->mtime);
	p = put_hex(p, h->size);
	p = put_hex(p, 0);
	p = put_hex(p, 0);
	p = put_hex(p, major(h->rdev));
	p = put_hex(p, minor(h->rdev));
	p = put_hex(p, (uint32_t)n + 1);
	p = put_hex(p, 0);
	memcpy(p, name, n);
	memset(p + n, 0, len - CPIO_HEAD - n);
	return len;
}

static int get_hex(const uint8_t *p, uint32_t *ret)
{
	uint32_t v = 0;

	for (int i = 0; i < 8; i++) {
		uint8_t c = p[i];
		unsigned digit = c >= '0' && c <= '9'	? c - '0'
				 : c >= 'A' && c <= 'F' ? c - 'A' + 10
				 : c >= 'a' && c <= 'f' ? c - 'a' + 10
							: 16;
		if (digit == 16)
			return -1;
		v = v << 4 | digit;
	}
	*ret = v;
	return 0;
}

int cpio_parse(const uint8_t *p, struct cpio_head *h)
{
	uint32_t f[13];

	if (memcmp(p, "070701", 6) != 0)
		return -1;
	for (int i = 0; i < 13; i++) {
		if (get_hex(p + 6 + 8 * i, &f[i]) == -1)
			return -1;
	}
	h->mode = f[1];
	h->uid = f[2];
	h->gid = f[3];
	h->mtime = f[5];
	h->size = f[6];
	h->rdev = makedev(f[9], f[10]);
	h->name_size = f[11];
	return h->name_size < 2 || h->name_size > CPIO_NAME_MAX ? -1 : 0;
}

size_t cpio_part_name(char *dst, size_t size, const char *path, unsigned part)
{
	int n = part == 0 ? snprintf(dst, size, "%s", path)
			  : snprintf(dst, size, "%s" CPIO_PART_SUFFIX "%04u", path, part);

	return n < 0 ? 0 : (size_t)n;
}

uint64_t cpio_entry_len(size_t path_len, uint64_t size, uint64_t split)
{
	uint64_t whole, rest, head;

	if (split == 0)
		return cpio_head_len(path_len) + size + cpio_pad(size);
	head = cpio_head_len(path_len + sizeof CPIO_PART_SUFFIX - 1 + 4);
	whole = size / split;
	rest = size % split;
	return whole * (head + split + cpio_pad(split)) + (rest > 0 ? head + rest + cpio_pad(rest) : 0);
}
