/* gunzip.c: gzip by zlib, member after member, from the beginning or from a point noted before. */
#include "archive/gunzip.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "core/mem.h"

#define IN_BYTES      (256u << 10)
#define OUT_BYTES     (256u << 10)
#define BEYOND_BYTES  (4u << 10) /* read at once behind what was asked for */
#define TRAILER_BYTES 8

struct gunzip {
	struct stream *in;
	z_stream z;
	bool begun, is_gzip, in_member, at_end;
	bool
	    raw; /* within a member that was entered in the middle: zlib sees neither its header nor its trailer */
	uint64_t in_bytes, out_bytes; /* read from the stream; given out */
	uint64_t left;                /* bytes that may be read in large pieces */
	const struct gunzip_watch *watch;
	uint64_t point_in, point_out; /* where the last point was */
	uint8_t *buf, *out;
};

struct gunzip *gunzip_new(struct stream *in)
{
	struct gunzip *g = mem_alloc(sizeof *g);

	g->in = in;
	g->left = UINT64_MAX;
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

bool gunzip_is_gzip(const struct gunzip *g)
{
	return g->is_gzip;
}

uint64_t gunzip_fetched(const struct gunzip *g)
{
	return g->in_bytes;
}

void gunzip_set_watch(struct gunzip *g, const struct gunzip_watch *w)
{
	g->watch = w;
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
		size_t want = IN_BYTES - g->z.avail_in;
		ssize_t r;

		if (want > g->left)
			want = g->left > 0 ? (size_t)g->left : BEYOND_BYTES;
		r = stream_read(g->in, g->buf + g->z.avail_in, want, e);
		if (r == -1)
			return -1;
		if (r == 0)
			break;
		g->z.avail_in += (unsigned)r;
		g->in_bytes += (uint64_t)r;
		g->left -= (uint64_t)r < g->left ? (uint64_t)r : g->left;
	}
	return 0;
}

static void take_in(struct gunzip *g, unsigned n)
{
	g->z.next_in += n;
	g->z.avail_in -= n;
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

/* ---- points ---- */

static bool is_due(const struct gunzip *g)
{
	const struct gunzip_watch *w = g->watch;

	return w != NULL && w->point != NULL &&
	       (g->in_bytes - g->z.avail_in - g->point_in >= w->spacing_in ||
		   g->out_bytes - g->point_out >= w->spacing_out);
}

static void give_point(struct gunzip *g, struct gunzip_point *p)
{
	p->in_off = g->point_in = g->in_bytes - g->z.avail_in;
	p->out_off = g->point_out = g->out_bytes;
	g->watch->point(g->watch->arg, p);
}

/* zlib has stopped; if it did so between two blocks, reading can begin here. */
static void block_end(struct gunzip *g)
{
	uint8_t window[GUNZIP_WINDOW];
	struct gunzip_point p = { .bits = (unsigned)g->z.data_type & 7, .window = window };
	uInt n = 0;

	if ((g->z.data_type & 128) == 0 || (g->z.data_type & 64) != 0 ||
	    inflateGetDictionary(&g->z, window, &n) != Z_OK)
		return;
	p.window_len = n;
	give_point(g, &p);
}

struct gunzip *gunzip_new_at(struct stream *in, const struct gunzip_point *p, uint64_t n, struct err *e)
{
	struct gunzip *g;
	uint8_t first = 0;

	if (stream_seek(in, p->in_off - (p->bits > 0), e) == -1 ||
	    (p->bits > 0 && stream_read_full(in, &first, 1, e) == -1))
		return NULL;
	g = gunzip_new(in);
	g->left = n;
	if (p->member)
		return g;
	if (inflateInit2(&g->z, -15) != Z_OK) {
		gunzip_free(g);
		err_set(e, ERR_SYS, "zlib cannot start");
		return NULL;
	}
	g->begun = g->is_gzip = g->in_member = g->raw = true;
	if ((p->bits > 0 && inflatePrime(&g->z, (int)p->bits, first >> (8 - p->bits)) != Z_OK) ||
	    (p->window_len > 0 && inflateSetDictionary(&g->z, p->window, (uInt)p->window_len) != Z_OK)) {
		gunzip_free(g);
		err_set(e, ERR_SYS, "zlib cannot go on in the middle");
		return NULL;
	}
	return g;
}

/* ---- reading ---- */

/* Behind a member: another one, or the end. What is neither ends the stream, as gzip itself has it. */
static int next_member(struct gunzip *g, struct err *e)
{
	struct gunzip_point p = { .member = true };

	if (g->raw) {
		if (need(g, TRAILER_BYTES, e) == -1)
			return -1;
		if (g->z.avail_in < TRAILER_BYTES)
			return err_set(e, ERR_DAMAGE, "%s is cut off", stream_name(g->in));
		take_in(g, TRAILER_BYTES);
		g->raw = false;
	}
	if (need(g, 2, e) == -1)
		return -1;
	if (!gzip_here(g)) {
		g->at_end = true;
		return 0;
	}
	inflateReset2(&g->z, 15 + 16);
	g->in_member = true;
	if (is_due(g))
		give_point(g, &p);
	return 0;
}

static ssize_t inflate_some(struct gunzip *g, struct err *e)
{
	for (;;) {
		unsigned made;
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
		rc = inflate(&g->z, is_due(g) ? Z_BLOCK : Z_NO_FLUSH);
		if (rc == Z_STREAM_END)
			g->in_member = false;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			return err_set(e, ERR_DAMAGE, "%s: gzip: %s", stream_name(g->in),
			    g->z.msg != NULL ? g->z.msg : "broken");
		made = OUT_BYTES - g->z.avail_out;
		g->out_bytes += made;
		if (g->in_member && is_due(g))
			block_end(g);
		if (g->watch != NULL && g->watch->at != NULL)
			g->watch->at(g->watch->arg, g->in_bytes - g->z.avail_in, g->out_bytes);
		if (made > 0)
			return made;
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
