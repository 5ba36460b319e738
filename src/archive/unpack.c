/* unpack.c: members read in large pieces and decoded by a crew ahead of whoever wants them. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "archive/reader.h"
#include "core/mem.h"

#define RUN_BYTES (4u << 20) /* of neighbouring members read at once */

struct parcel {
	struct archive_member m;
	size_t index;
	uint8_t *stored, *plain;
	size_t cap_stored, cap_plain;
	int rc; /* of the decoding */
	struct err err;
};

struct unpack {
	struct archive *a;
	struct crew *crew;
	const struct archive_member *members;
	const bool *wanted;
	size_t n;
	size_t next;		 /* first that was not given to the crew */
	size_t run_from, run_to; /* members in run */
	uint8_t *run;
	size_t cap_run;
};

static void *worker_new(void *arg)
{
	(void)arg;
	return decoder_new();
}

static void worker_free(void *d)
{
	decoder_free(d);
}

/* As much as there is in spite of damage. */
static void inflate_prefix(struct parcel *p, size_t head)
{
	z_stream z = { .next_in = p->stored + head, .avail_in = (unsigned)(p->m.stored_size - head) };

	memset(p->plain, 0, p->m.plain_size);
	z.next_out = p->plain;
	z.avail_out = (unsigned)p->m.plain_size;
	if (inflateInit2(&z, -15) != Z_OK)
		return;
	inflate(&z, Z_SYNC_FLUSH);
	inflateEnd(&z);
}

static void work(void *decoder, void *slot)
{
	struct parcel *p = slot;
	struct member_head h;

	p->rc = -1;
	err_clear(&p->err);
	if (member_parse(p->stored, p->m.stored_size, &h) != 1 || h.stored != p->m.stored_size ||
	    h.plain != p->m.plain_size)
		err_set(&p->err, ERR_DAMAGE, "its header is not what the table says");
	else
		p->rc = member_decode(decoder, &h, p->stored, p->plain, &p->err);
	if (p->rc == 0)
		return;
	inflate_prefix(p, MEMBER_HEAD);
	err_wrap(&p->err, "member at byte %ju", (uintmax_t)p->m.off);
}

static void parcel_done(void *slot)
{
	free(((struct parcel *)slot)->stored);
	free(((struct parcel *)slot)->plain);
}

static const struct crew_ops unpack_crew = { sizeof(struct parcel), worker_new, worker_free, work,
	parcel_done };

int unpack_new(struct archive *a, struct unpack **ret, struct err *e)
{
	struct unpack *u = mem_alloc(sizeof *u);
	unsigned threads = crew_threads(0);

	if (threads > 4)
		threads = 4; /* what follows, hashing and writing, is one thread's work */
	u->a = a;
	if (crew_new(&unpack_crew, NULL, threads, threads + 1, &u->crew, e) == -1) {
		free(u);
		return -1;
	}
	*ret = u;
	return 0;
}

void unpack_free(struct unpack *u)
{
	if (u == NULL)
		return;
	crew_free(u->crew);
	free(u->run);
	free(u);
}

/* What will be fetched: every row of wanted neighbours. */
static void expect_runs(struct unpack *u)
{
	bool more = false;

	for (size_t i = 0, to; i < u->n; i = to + 1) {
		uint64_t end;

		while (i < u->n && !u->wanted[i])
			i++;
		for (to = i; to < u->n && u->wanted[to]; to++)
			;
		if (i == to)
			return;
		end = u->members[to - 1].off + u->members[to - 1].stored_size;
		archive_expect(u->a, u->members[i].off, end - u->members[i].off, more);
		more = true;
	}
}

void unpack_start(struct unpack *u, const struct archive_member *members, const bool *wanted, size_t n)
{
	while (crew_done(u->crew, true) != NULL)
		crew_release(u->crew);
	u->members = members;
	u->wanted = wanted;
	u->n = n;
	u->next = u->run_from = u->run_to = 0;
	expect_runs(u);
}

/* Reads members from u->next on: neighbours that are wanted, up to RUN_BYTES. */
static int read_run(struct unpack *u, struct err *e)
{
	size_t to = u->next, bytes = 0;

	while (
	    to < u->n && u->wanted[to] && (bytes == 0 || u->members[to].stored_size <= RUN_BYTES - bytes)) {
		bytes += u->members[to++].stored_size;
		if (bytes >= RUN_BYTES)
			break;
	}
	u->run = mem_grow(u->run, &u->cap_run, bytes, 1);
	u->run_from = u->run_to = 0;
	if (archive_fetch(u->a, u->members[u->next].off, u->run, bytes, e) == -1)
		return -1;
	u->run_from = u->next;
	u->run_to = to;
	return 0;
}

/* Gives the crew the next wanted member; 0 when there is no room or none left. */
static int feed(struct unpack *u, struct err *e)
{
	struct parcel *p = crew_free_slot(u->crew);
	const struct archive_member *m;

	while (u->next < u->n && !u->wanted[u->next])
		u->next++;
	if (p == NULL || u->next == u->n)
		return 0;
	if ((u->next < u->run_from || u->next >= u->run_to) && read_run(u, e) == -1)
		return -1;
	m = &u->members[u->next];
	p->m = *m;
	p->index = u->next++;
	p->stored = mem_grow(p->stored, &p->cap_stored, m->stored_size, 1);
	p->plain = mem_grow(p->plain, &p->cap_plain, m->plain_size, 1);
	memcpy(p->stored, u->run + (m->off - u->members[u->run_from].off), m->stored_size);
	crew_submit(u->crew);
	return 1;
}

int unpack_member(struct unpack *u, size_t i, const uint8_t **ret_p, struct err *e)
{
	struct parcel *p;
	int r;

	while ((p = crew_done(u->crew, false)) != NULL && p->index < i)
		crew_release(u->crew);
	while ((r = feed(u, e)) == 1)
		;
	if (r == -1)
		return -1;
	while ((p = crew_done(u->crew, true)) != NULL && p->index < i) {
		crew_release(u->crew);
		if (feed(u, e) == -1)
			return -1;
	}
	if (p == NULL || p->index != i)
		return err_set(e, ERR_DAMAGE, "members were asked for out of order");
	*ret_p = p->plain;
	if (p->rc == 0)
		return 0;
	if (e != NULL)
		*e = p->err;
	return 1;
}
