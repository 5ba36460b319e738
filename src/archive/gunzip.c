/* gunzip.c: gzip by zlib, member after member. */
#include "archive/gunzip.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/mem.h"

#define IN_BYTES  (256u << 10)
#define OUT_BYTES (256u << 10)

struct gunzip {
	struct stream *in;
	z_stream z;
	bool begun, is_gzip, in_member, at_end;
	uint8_t *buf, *out;
};

struct gunzip *gunzip_new(struct stream *in)
{
	struct gunzip *g = mem_alloc(sizeof *g);

	g->in = in;
	g->buf = mem_alloc(IN_BYTES);
	g->out = mem_alloc(OUT_BYTES);
	return g;
}

void gunzip_free(struct gunzip *g)
{
	if (g == NULL)
		return;
	if (g->is_gzip)
		inflateEnd(&g->z);
	free(g->buf);
	free(g->out);
	free(g);
}

/* Makes at least ${n} bytes of input available, unless there are no more. */
static int need(struct gunzip *g, size_t n, struct err *e)
{
	if (g->z.avail_in >= n)
		return 0;
	if (g->z.avail_in > 0)
		memmove(g->buf, g->z.next_in, g->z.avail_in);
	g->z.next_in = g->buf;
	while (g->z.avail_in < n) {
		ssize_t r = stream_read(g->in, g->buf + g->z.avail_in, IN_BYTES - g->z.avail_in, e);

		if (r == -1)
			return -1;
		if (r == 0)
			break;
		g->z.avail_in += (unsigned)r;
	}
	return 0;
}

static bool gzip_here(const struct gunzip *g)
{
	return g->z.avail_in >= 2 && g->z.next_in[0] == 0x1f && g->z.next_in[1] == 0x8b;
}

static int begin(struct gunzip *g, struct err *e)
{
	if (need(g, 2, e) == -1)
		return -1;
	g->begun = true;
	if (!gzip_here(g))
		return 0;
	if (inflateInit2(&g->z, 15 + 16) != Z_OK)
		return err_set(e, ERR_SYS, "zlib cannot start");
	g->is_gzip = g->in_member = true;
	return 0;
}

/* Behind a member: another one, or the end. What is neither ends the stream, as gzip itself has it. */
static int next_member(struct gunzip *g, struct err *e)
{
	if (need(g, 2, e) == -1)
		return -1;
	if (!gzip_here(g)) {
		g->at_end = true;
		return 0;
	}
	inflateReset(&g->z);
	g->in_member = true;
	return 0;
}

static ssize_t inflate_some(struct gunzip *g, struct err *e)
{
	for (;;) {
		int rc;

		if (!g->in_member && next_member(g, e) == -1)
			return -1;
		if (g->at_end)
			return 0;
		if (need(g, 1, e) == -1)
			return -1;
		if (g->z.avail_in == 0)
			return err_set(e, ERR_DAMAGE, "%s is cut off", stream_name(g->in));
		g->z.next_out = g->out;
		g->z.avail_out = OUT_BYTES;
		rc = inflate(&g->z, Z_NO_FLUSH);
		if (rc == Z_STREAM_END)
			g->in_member = false;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			return err_set(e, ERR_DAMAGE, "%s: gzip: %s", stream_name(g->in),
			    g->z.msg != NULL ? g->z.msg : "broken");
		if (g->z.avail_out < OUT_BYTES)
			return OUT_BYTES - g->z.avail_out;
	}
}

ssize_t gunzip_read(struct gunzip *g, const void **ret_p, struct err *e)
{
	ssize_t n;

	if (!g->begun && begin(g, e) == -1)
		return -1;
	if (g->is_gzip) {
		*ret_p = g->out;
		return inflate_some(g, e);
	}
	if (need(g, 1, e) == -1)
		return -1;
	*ret_p = g->z.next_in;
	n = g->z.avail_in;
	g->z.avail_in = 0;
	return n;
}
