/* sftp_packet.c: packets of SFTP version 3, written and taken apart with suspicion. */
#include "store/sftp_packet.h"

#include <string.h>

#include "core/bytes.h"

/* Extended attributes of one file that we are willing to read over. */
#define EXTENDED_MAX 64u

size_t sftp_begin(struct buf *b, enum sftp_type type)
{
	size_t at = b->len;

	sftp_put_u32(b, 0);
	buf_char(b, (char)type);
	return at;
}

void sftp_end(struct buf *b, size_t at)
{
	if (!b->full)
		put_be32((uint8_t *)b->data + at, (uint32_t)(b->len - at - 4));
}

void sftp_put_u32(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	put_be32(p, v);
	buf_add(b, p, sizeof p);
}

void sftp_put_u64(struct buf *b, uint64_t v)
{
	uint8_t p[8];

	put_be64(p, v);
	buf_add(b, p, sizeof p);
}

void sftp_put_string(struct buf *b, const void *p, size_t n)
{
	sftp_put_u32(b, (uint32_t)n);
	buf_add(b, p, n);
}

void sftp_put_text(struct buf *b, const char *s)
{
	sftp_put_string(b, s, strlen(s));
}

void sftp_put_attrs(struct buf *b, const struct sftp_attrs *a)
{
	sftp_put_u32(b, a->flags & (SFTP_ATTR_SIZE | SFTP_ATTR_OWNER | SFTP_ATTR_MODE | SFTP_ATTR_TIMES));
	if (a->flags & SFTP_ATTR_SIZE)
		sftp_put_u64(b, a->size);
	if (a->flags & SFTP_ATTR_OWNER) {
		sftp_put_u32(b, a->uid);
		sftp_put_u32(b, a->gid);
	}
	if (a->flags & SFTP_ATTR_MODE)
		sftp_put_u32(b, a->mode);
	if (a->flags & SFTP_ATTR_TIMES) {
		sftp_put_u32(b, a->atime);
		sftp_put_u32(b, a->mtime);
	}
}

int sftp_frame(const uint8_t *p, size_t n, size_t *ret_len, struct err *e)
{
	uint32_t len;

	if (n < 4)
		return 0;
	len = be32(p);
	if (len == 0 || len > SFTP_PACKET_MAX)
		return err_set(e, ERR_FORMAT, "a packet of %lu bytes is no SFTP", (unsigned long)len);
	*ret_len = len;
	return n - 4 >= len;
}

/* The next ${n} bytes, or NULL. */
static const uint8_t *take(struct sftp_in *in, size_t n)
{
	const uint8_t *p = in->p;

	if (in->bad || n > in->left) {
		in->bad = true;
		return NULL;
	}
	in->p += n;
	in->left -= n;
	return p;
}

uint8_t sftp_get_u8(struct sftp_in *in)
{
	const uint8_t *p = take(in, 1);

	return p != NULL ? *p : 0;
}

uint32_t sftp_get_u32(struct sftp_in *in)
{
	const uint8_t *p = take(in, 4);

	return p != NULL ? be32(p) : 0;
}

uint64_t sftp_get_u64(struct sftp_in *in)
{
	const uint8_t *p = take(in, 8);

	return p != NULL ? be64(p) : 0;
}

struct sftp_string sftp_get_string(struct sftp_in *in)
{
	uint32_t n = sftp_get_u32(in);
	const uint8_t *p = take(in, n);

	return p != NULL ? (struct sftp_string){ (const char *)p, n } : (struct sftp_string){ "", 0 };
}

void sftp_get_attrs(struct sftp_in *in, struct sftp_attrs *ret)
{
	*ret = (struct sftp_attrs){ .flags = sftp_get_u32(in) };
	if (ret->flags & SFTP_ATTR_SIZE)
		ret->size = sftp_get_u64(in);
	if (ret->flags & SFTP_ATTR_OWNER) {
		ret->uid = sftp_get_u32(in);
		ret->gid = sftp_get_u32(in);
	}
	if (ret->flags & SFTP_ATTR_MODE)
		ret->mode = sftp_get_u32(in);
	if (ret->flags & SFTP_ATTR_TIMES) {
		ret->atime = sftp_get_u32(in);
		ret->mtime = sftp_get_u32(in);
	}
	if (ret->flags & SFTP_ATTR_EXTENDED) {
		uint32_t n = sftp_get_u32(in);

		if (n > EXTENDED_MAX)
			in->bad = true;
		for (uint32_t i = 0; i < n && !in->bad; i++) {
			sftp_get_string(in);
			sftp_get_string(in);
		}
	}
}

bool sftp_string_is(struct sftp_string s, const char *text)
{
	return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

static int malformed(struct err *e, const char *what)
{
	return err_set(e, ERR_FORMAT, "the server's %s is malformed", what);
}

int sftp_parse_reply(const uint8_t *p, size_t n, struct sftp_reply *ret, struct err *e)
{
	struct sftp_in in = { p, n, false };
	uint8_t type = sftp_get_u8(&in);

	*ret = (struct sftp_reply){ .type = (enum sftp_type)type, .id = sftp_get_u32(&in) };
	switch (type) {
	case SFTP_STATUS:
		ret->status = sftp_get_u32(&in);
		/* Very old servers send no message. */
		if (!in.bad && in.left > 0) {
			ret->string = sftp_get_string(&in);
			if (in.left > 0)
				sftp_get_string(&in); /* its language */
		} else {
			ret->string = (struct sftp_string){ "", 0 };
		}
		return in.bad ? malformed(e, "status") : 0;
	case SFTP_HANDLE:
		ret->string = sftp_get_string(&in);
		return in.bad || ret->string.n == 0 || ret->string.n > SFTP_HANDLE_MAX
		           ? malformed(e, "handle")
		           : 0;
	case SFTP_DATA: ret->string = sftp_get_string(&in); return in.bad ? malformed(e, "data") : 0;
	case SFTP_NAME:
		ret->count = sftp_get_u32(&in);
		ret->rest = in;
		/* A name has two lengths and the flags of its attributes. */
		return in.bad || ret->count > in.left / 12 ? malformed(e, "list of names") : 0;
	case SFTP_ATTRS: sftp_get_attrs(&in, &ret->attrs); return in.bad ? malformed(e, "attributes") : 0;
	case SFTP_EXTENDED_REPLY: ret->rest = in; return in.bad ? malformed(e, "reply") : 0;
	default: return err_set(e, ERR_FORMAT, "the server sent a reply of an unknown kind (%u)", type);
	}
}

int sftp_next_name(struct sftp_reply *r, struct sftp_name *ret, struct err *e)
{
	if (r->count == 0)
		return 0;
	r->count--;
	ret->name = sftp_get_string(&r->rest);
	ret->longname = sftp_get_string(&r->rest);
	sftp_get_attrs(&r->rest, &ret->attrs);
	return r->rest.bad ? malformed(e, "list of names") : 1;
}

int sftp_parse_version(
    const uint8_t *p, size_t n, uint32_t *ret_version, sftp_extension_fn *extension, void *arg, struct err *e)
{
	struct sftp_in in = { p, n, false };
	uint8_t type = sftp_get_u8(&in);

	*ret_version = sftp_get_u32(&in);
	if (in.bad || type != SFTP_VERSION_REPLY)
		return malformed(e, "greeting");
	while (in.left > 0) {
		struct sftp_string name = sftp_get_string(&in), data = sftp_get_string(&in);

		if (in.bad)
			return malformed(e, "greeting");
		if (extension != NULL)
			extension(arg, name, data);
	}
	return 0;
}

const char *sftp_status_word(uint32_t code)
{
	static const char *const words[] = { "ok", "end of file", "no such file", "permission denied",
		"failure", "bad message", "no connection", "connection lost", "operation not supported" };

	return code < sizeof words / sizeof words[0] ? words[code] : "unknown status";
}
