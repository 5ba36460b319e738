/* ranges.c: from a point on, or straight to the place. */
#include "archive/ranges.h"

#include <stdlib.h>

#include "core/mem.h"

#define PIECE (256u << 10)
#define GAP_MAX \
	(64u << 10) /* bytes of the archive that are read rather than jumped over, if there are no more */

struct ranges {
	const char *name;
	struct stream *in;
	const struct known_head *head;
	ranges_window_fn *window;
	void *arg;
	uint64_t fetched;
	bool reading;
	struct gunzip *gz;
	uint64_t at, to; /* the plain byte at ${p}, and how far was asked for */
	const uint8_t *p;
	size_t left;
	uint8_t *piece;
};

struct ranges *ranges_new(
    const char *name, struct stream *in, const struct known_head *head, ranges_window_fn *window, void *arg)
{
	struct ranges *r = mem_alloc(sizeof *r);

	r->name = name;
	r->in = in;
	r->head = head;
	r->window = window;
	r->arg = arg;
	r->piece = mem_alloc(PIECE);
	return r;
}

void ranges_stop(struct ranges *r)
{
	if (r->gz != NULL)
		r->fetched += gunzip_fetched(r->gz);
	gunzip_free(r->gz);
	r->gz = NULL;
	r->reading = false;
}

void ranges_free(struct ranges *r)
{
	if (r == NULL)
		return;
	ranges_stop(r);
	free(r->piece);
	free(r);
}

uint64_t ranges_fetched(const struct ranges *r)
{
	return r->fetched + (r->gz != NULL ? gunzip_fetched(r->gz) : 0);
}

/* The last point not behind plain byte ${off}. */
static size_t point_before(const struct known_head *h, uint64_t off)
{
	size_t lo = 1, hi = h->n_points;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (h->points[mid].out_off <= off)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo - 1;
}

/* So many bytes of the archive make the plain ones before ${off}, or a little more. */
static uint64_t bytes_up_to(const struct known_head *h, uint64_t off)
{
	uint64_t i = h->mark_step > 0 ? off / h->mark_step + (off % h->mark_step > 0) : UINT64_MAX;

	return i == 0 ? 0 : i <= h->n_marks ? h->marks[i - 1] : h->size;
}

bool ranges_near(const struct ranges *r, uint64_t end, uint64_t off)
{
	if (r->head->container == KNOWN_GZIP) {
		const struct known_point *p = &r->head->points[point_before(r->head, off)];
		uint64_t read = bytes_up_to(r->head, end);

		return p->out_off <= end || p->in_off <= read || p->in_off - read <= GAP_MAX;
	}
	return off <= end || off - end <= GAP_MAX;
}

bool ranges_covers(const struct ranges *r, uint64_t off, uint64_t size)
{
	return r->reading && off >= r->at && off <= r->to && size <= r->to - off;
}

void ranges_expect(struct ranges *r, uint64_t from, uint64_t to)
{
	const struct known_point *p;
	uint64_t start, end;

	if (r->head->container != KNOWN_GZIP) {
		stream_expect(r->in, from, to - from);
		return;
	}
	p = &r->head->points[point_before(r->head, from)];
	start = p->in_off - (p->bits > 0);
	end = bytes_up_to(r->head, to);
	if (end > start)
		stream_expect(r->in, start, end - start);
}

static int start_gzip(struct ranges *r, uint64_t from, struct err *e)
{
	const struct known_head *h = r->head;
	size_t i = point_before(h, from);
	const struct known_point *p = &h->points[i];
	struct gunzip_point gp = { p->in_off, p->out_off, p->bits, p->member, p->window_len, NULL };
	uint64_t end = bytes_up_to(h, r->to);
	struct buf window = BUF_INIT;

	if (p->window_len > 0) {
		if (r->window(r->arg, i, &window, e) == -1) {
			buf_done(&window);
			return -1;
		}
		gp.window = (const uint8_t *)window.data;
	}
	r->at = p->out_off;
	r->gz = gunzip_new_at(r->in, &gp, end > p->in_off ? end - p->in_off : 0, e);
	buf_done(&window);
	return r->gz != NULL ? 0 : -1;
}

int ranges_start(struct ranges *r, uint64_t from, uint64_t to, bool expected, struct err *e)
{
	int rc;

	ranges_stop(r);
	r->at = from;
	r->to = to;
	r->left = 0;
	if (!expected)
		ranges_expect(r, from, to);
	rc = r->head->container == KNOWN_GZIP ? start_gzip(r, from, e) : stream_seek(r->in, from, e);
	r->reading = rc == 0;
	return rc;
}

static int more_bytes(struct ranges *r, struct err *e)
{
	ssize_t n;

	if (r->gz != NULL) {
		const void *p = NULL;

		n = gunzip_read(r->gz, &p, e);
		r->p = p;
	} else {
		uint64_t rest = r->to - r->at;

		n = stream_read(r->in, r->piece, rest < PIECE ? (size_t)rest : PIECE, e);
		r->p = r->piece;
		r->fetched += n > 0 ? (uint64_t)n : 0;
	}
	if (n == 0)
		return err_set(e, ERR_DAMAGE, "%s ends where it did not end when it was first read", r->name);
	r->left = n > 0 ? (size_t)n : 0;
	return n == -1 ? -1 : 0;
}

int ranges_read(struct ranges *r, uint64_t off, uint64_t size, spool_put_fn *put, void *arg, struct err *e)
{
	while (size > 0) {
		uint64_t n = r->left;
		bool before = r->at < off;

		if (n == 0) {
			if (more_bytes(r, e) == -1)
				return -1;
			continue;
		}
		if (before && n > off - r->at)
			n = off - r->at;
		if (!before && n > size)
			n = size;
		if (!before) {
			if (put(arg, r->p, (size_t)n, e) == -1)
				return -1;
			off += n;
			size -= n;
		}
		r->at += n;
		r->p += n;
		r->left -= (size_t)n;
	}
	return 0;
}
