/* member.c: gzip members with our extra field: made, found, checked. */
#include "archive/member.h"

#include <string.h>

#include "core/bytes.h"

/* Header: 1f 8b 08 04, mtime 0, xfl 0, os 255, xlen, then subfields; ours is "CV". */
static const uint8_t gzip_magic[10] = { 0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 255 };

#define FIELD_SIZE 16

size_t member_bound(size_t n)
{
	return MEMBER_HEAD + codec_bound(n) + MEMBER_TAIL;
}

static uint16_t field_check(const uint8_t field[FIELD_SIZE])
{
	uint8_t copy[FIELD_SIZE];

	memcpy(copy, field, sizeof copy);
	put_le16(copy + 2, 0);
	return (uint16_t)codec_crc32(0, copy, sizeof copy);
}

size_t member_put_head(const struct member_head *h, const uint8_t *more, size_t more_len, uint8_t *out)
{
	uint8_t *field = out + 16;

	memcpy(out, gzip_magic, sizeof gzip_magic);
	put_le16(out + 10, (uint16_t)(4 + FIELD_SIZE + more_len));
	out[12] = 'C';
	out[13] = 'V';
	put_le16(out + 14, (uint16_t)(FIELD_SIZE + more_len));
	field[0] = (uint8_t)h->kind;
	field[1] = h->begins_unit ? 1 : 0;
	put_le32(field + 4, h->stored);
	put_le32(field + 8, h->plain);
	put_le32(field + 12, h->first);
	put_le16(field + 2, field_check(field));
	if (more_len > 0)
		memcpy(field + FIELD_SIZE, more, more_len);
	return 16 + FIELD_SIZE + more_len;
}

size_t member_encode(struct codec *c, const struct member_head *h, const uint8_t *p, size_t n, uint8_t *out)
{
	struct member_head full = *h;
	size_t len = MEMBER_HEAD;

	len += codec_deflate(c, p, n, out + len);
	put_le32(out + len, codec_crc32(0, p, n));
	put_le32(out + len + 4, (uint32_t)n);
	len += MEMBER_TAIL;
	full.stored = (uint32_t)len;
	full.plain = (uint32_t)n;
	member_put_head(&full, NULL, 0, out);
	return len;
}

static int parse_field(const uint8_t *field, size_t len, struct member_head *h)
{
	if (len < FIELD_SIZE || le16(field + 2) != field_check(field))
		return -1;
	h->kind = (enum member_kind)field[0];
	h->begins_unit = field[1] & 1;
	h->stored = le32(field + 4);
	h->plain = le32(field + 8);
	h->first = le32(field + 12);
	h->more = field + FIELD_SIZE;
	h->more_len = len - FIELD_SIZE;
	if (h->plain > MEMBER_PLAIN_MAX || (h->first >= h->plain && h->first != MEMBER_NO_ENTRY) ||
	    h->stored < h->head + 2 + MEMBER_TAIL || h->stored - h->head > member_bound(MEMBER_PLAIN_MAX))
		return -1;
	return 1;
}

int member_parse(const uint8_t *p, size_t n, struct member_head *h)
{
	size_t at = 12, end;

	if (memcmp(p, gzip_magic, n < sizeof gzip_magic ? n : sizeof gzip_magic) != 0)
		return -1;
	if (n < 12)
		return 0;
	end = 12 + (size_t)le16(p + 10);
	h->head = (uint32_t)end;
	while (end - at >= 4) {
		size_t len;

		if (n < at + 4)
			return 0;
		len = le16(p + at + 2);
		if (len > end - at - 4)
			return -1;
		if (p[at] == 'C' && p[at + 1] == 'V')
			return n < at + 4 + len ? 0 : parse_field(p + at + 4, len, h);
		at += 4 + len;
	}
	return -1;
}

size_t member_find(const uint8_t *p, size_t n, size_t from)
{
	struct member_head h;

	while (from < n) {
		const uint8_t *hit = memchr(p + from, gzip_magic[0], n - from);

		if (hit == NULL)
			return n;
		from = (size_t)(hit - p);
		if (member_parse(hit, n - from, &h) != -1)
			return from;
		from++;
	}
	return n;
}

int member_decode(
    struct decoder *d, const struct member_head *h, const uint8_t *p, uint8_t *out, struct err *e)
{
	const uint8_t *tail = p + h->stored - MEMBER_TAIL;

	if (decoder_inflate(d, p + h->head, h->stored - h->head - MEMBER_TAIL, out, h->plain) == -1)
		return err_set(e, ERR_DAMAGE, "compressed bytes are broken");
	if (le32(tail + 4) != h->plain || le32(tail) != codec_crc32(0, out, h->plain))
		return err_set(e, ERR_DAMAGE, "checksum does not match");
	return 0;
}
