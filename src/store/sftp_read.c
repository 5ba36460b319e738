/* sftp_read.c: a file on another host, read by ranges.
 *
 * What will be read is known before it is asked for: by stream_expect(), or for a plain read by its length. Such ranges are cut into pieces, which are
 * asked for ahead, on all connections, and given out in their order. There are two rows of pieces, so that a read elsewhere does not end what is
 * expected: the index is read between the members. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/mem.h"
#include "store/sftp_stream.h"

#define PIECES_MAX    1024u
#define WINDOW_FIRST  (1u << 20)
#define WINDOW_NEAR   (2u << 20)
#define WINDOW_MAX    (16u << 20)
#define WINDOW_PER_MS (512u << 10) /* of latency: half a gigabyte a second */
#define SKIP_MAX      (64u << 10)  /* of what is expected, and passed over by its reader */
#define RANGES_MAX    1024u

enum piece_state { PIECE_WANTED, PIECE_ASKED, PIECE_HERE };

struct piece {
	struct reader *r;
	uint64_t off;
	size_t len, got;
	enum piece_state state;
	struct sftp *s; /* ASKED: of whom, and under which number */
	uint32_t id;
	uint8_t *data;
	size_t cap;
	struct piece *next; /* of the spare ones */
};

struct range {
	uint64_t off, end;
};

/* A row of pieces: pieces[head % PIECES_MAX] is the next to be given out, from byte ${taken} of it on. */
struct row {
	struct range *ranges; /* those of which not all is in pieces yet: [next_range] on */
	size_t n_ranges, cap_ranges, next_range;
	struct piece **pieces;
	struct piece *spare; /* taken, with their memory, for the next: as many as were ever in the row at once */
	size_t head, n, taken;
	size_t bytes; /* in pieces */
	size_t
	    grown; /* the head from which on the window may grow again: it was asked for after the last time */
	bool begun; /* something was read since the last expect */
};

struct reader {
	struct sftp_host *h;
	char *path;
	uint64_t size, pos;
	uint32_t mtime;
	struct {
		unsigned serial; /* of the slot it belongs to */
		struct sftp_handle handle;
	} at[SFTP_SLOTS];
	struct row expected, plain;
	size_t window; /* bytes that may be in pieces */
	unsigned tries;
	struct err refused; /* what the server says to a READ */
};

/* Pieces. */

static struct piece *piece_at(const struct row *row, size_t i)
{
	return row->pieces[(row->head + i) % PIECES_MAX];
}

static void got_piece(void *arg, struct sftp *s, const struct sftp_reply *reply)
{
	struct piece *p = arg;

	p->state = PIECE_WANTED;
	if (reply == NULL)
		return;
	if (reply->type == SFTP_STATUS) {
		if (p->r->refused.code != ERR_NONE)
			return;
		if (reply->status == SFTP_EOF)
			err_set(&p->r->refused, ERR_DAMAGE,
			    "it ends before byte %" PRIu64 ": it became shorter", p->off + p->len);
		else
			sftp_status_err(reply->status, reply->string, "read", &p->r->refused);
		return;
	}
	if (reply->type != SFTP_DATA || reply->string.n == 0 || reply->string.n > p->len - p->got) {
		sftp_break(s, ERR_FORMAT, "the server sends other bytes than were asked for");
		return;
	}
	memcpy(p->data + p->got, reply->string.p, reply->string.n);
	p->got += reply->string.n;
	p->r->tries = 0;
	if (p->got == p->len)
		p->state = PIECE_HERE;
}

static struct piece *piece_new(struct reader *r, struct row *row)
{
	size_t i = (row->head + row->n) % PIECES_MAX;
	struct piece *p;

	if (row->pieces == NULL)
		row->pieces = mem_array(PIECES_MAX, sizeof *row->pieces);
	p = row->spare;
	if (p != NULL) {
		row->spare = p->next;
	} else {
		p = mem_alloc(sizeof *p);
		p->r = r;
	}
	row->pieces[i] = p;
	row->n++;
	return p;
}

static void row_drop_head(struct row *row)
{
	struct piece *p = piece_at(row, 0);

	row->bytes -= p->len;
	p->next = row->spare;
	row->spare = p;
	row->head++;
	row->n--;
	row->taken = 0;
}

static void row_clear(struct row *row)
{
	while (row->n > 0) {
		struct piece *p = piece_at(row, 0);

		if (p->state == PIECE_ASKED)
			sftp_forget(p->s, p->id);
		row_drop_head(row);
	}
	row->n_ranges = row->next_range = 0;
	row->begun = false;
}

static void row_done(struct row *row)
{
	struct piece *p;

	row_clear(row);
	while ((p = row->spare) != NULL) {
		row->spare = p->next;
		free(p->data);
		free(p);
	}
	free(row->pieces);
	free(row->ranges);
}

static void row_add(struct reader *r, struct row *row, uint64_t off, uint64_t n)
{
	if (off >= r->size)
		return;
	if (n > r->size - off)
		n = r->size - off;
	if (n == 0 || row->n_ranges >= RANGES_MAX)
		return;
	row->ranges = mem_grow(row->ranges, &row->cap_ranges, row->n_ranges + 1, sizeof *row->ranges);
	row->ranges[row->n_ranges++] = (struct range){ off, off + n };
}

/* Where the row goes on; (uint64_t)-1: nowhere. */
static uint64_t row_next(const struct row *row)
{
	if (row->n > 0)
		return piece_at(row, 0)->off + row->taken;
	return row->next_range < row->n_ranges ? row->ranges[row->next_range].off : UINT64_MAX;
}

/* Goes on at ${pos}, if that is where the row is, or not far ahead. */
static bool row_skip(struct row *row, uint64_t pos)
{
	uint64_t next;

	/* Ranges that were named and then not read at all. */
	if (!row->begun)
		for (size_t i = row->next_range; i < row->n_ranges; i++)
			if (row->ranges[i].off == pos)
				row->next_range = i;
	while ((next = row_next(row)) < pos && pos - next <= SKIP_MAX) {
		struct piece *p = row->n > 0 ? piece_at(row, 0) : NULL;
		struct range *g = &row->ranges[row->next_range];

		if (p == NULL && pos < g->end) {
			g->off = pos;
		} else if (p == NULL) {
			row->next_range++;
		} else if (pos - p->off < p->len) {
			row->taken = (size_t)(pos - p->off);
		} else {
			if (p->state == PIECE_ASKED)
				sftp_forget(p->s, p->id);
			row_drop_head(row);
		}
	}
	return next == pos;
}

static uint64_t row_left(const struct row *row)
{
	uint64_t left = row->bytes - row->taken;

	for (size_t i = row->next_range; i < row->n_ranges; i++)
		left += row->ranges[i].end - row->ranges[i].off;
	return left;
}

/* Cuts ranges into pieces, as many as the window takes. */
static bool row_cut(struct reader *r, struct row *row, size_t window)
{
	size_t most = sftp_rate_piece(r->h->rate, sftp_limits(sftp_host_main(r->h))->read_bytes);
	bool any = false;

	while (row->next_range < row->n_ranges && row->n < PIECES_MAX && row->bytes < window) {
		struct range *g = &row->ranges[row->next_range];
		struct piece *p = piece_new(r, row);

		p->off = g->off;
		p->len = g->end - g->off < most ? (size_t)(g->end - g->off) : most;
		p->got = 0;
		p->state = PIECE_WANTED;
		p->data = mem_grow(p->data, &p->cap, p->len, 1);
		row->bytes += p->len;
		g->off += p->len;
		if (g->off == g->end)
			row->next_range++;
		any = true;
	}
	return any;
}

/* Handles. */

static bool is_same(const struct reader *r, const struct sftp_attrs *a)
{
	return a->size == r->size && a->mtime == r->mtime;
}

/* Slot ${i}'s handle, opened if need be, of the file that it was. */
static int handle_at(struct reader *r, size_t i, struct err *e)
{
	struct sftp_slot *slot = &r->h->slots[i];
	struct job *job = r->h->store->job;
	struct sftp_call opened, looked;
	int rc;

	if (r->at[i].serial == slot->serial)
		return 0;
	sftp_ask_open(slot->s, r->path, SFTP_OPEN_READ);
	sftp_call(slot->s, &opened, 0);
	sftp_ask_path(slot->s, SFTP_STAT, r->path);
	sftp_call(slot->s, &looked, 0);
	rc = sftp_answer(slot->s, &opened, job, SFTP_HANDLE, "open", e);
	if (sftp_answer(slot->s, &looked, job, SFTP_ATTRS, "open", rc == 0 ? e : NULL) == -1)
		rc = -1;
	if (rc == 0) {
		r->at[i].handle = opened.handle;
		r->at[i].serial = slot->serial;
		if (!is_same(r, &looked.attrs)) {
			rc = err_set(e, ERR_SYS, "it was changed while it was read");
			err_hint(e, "somebody replaced it on that host: run it again");
		}
	}
	sftp_call_done(&opened);
	sftp_call_done(&looked);
	return rc;
}

/* Asks for all pieces that nobody has been asked for, each of whom least is waited for. */
static int row_ask(struct reader *r, struct row *row, struct err *e)
{
	for (size_t i = 0; i < row->n; i++) {
		struct piece *p = piece_at(row, i);
		size_t best = 0;
		struct buf *b;

		if (p->state != PIECE_WANTED)
			continue;
		for (size_t k = 1; k < r->h->n; k++)
			if (sftp_why(r->h->slots[k].s) == NULL &&
			    sftp_in_flight(r->h->slots[k].s) < sftp_in_flight(r->h->slots[best].s))
				best = k;
		if (handle_at(r, best, e) == -1) {
			if (best == 0 || sftp_why(r->h->slots[best].s) == NULL)
				return -1;
			i--;
			continue;
		}
		p->s = r->h->slots[best].s;
		b = sftp_begin_request(p->s, SFTP_READ);
		sftp_put_string(b, r->at[best].handle.p, r->at[best].handle.n);
		sftp_put_u64(b, p->off + p->got);
		sftp_put_u32(b, (uint32_t)(p->len - p->got));
		p->state = PIECE_ASKED;
		p->id = sftp_send_request(p->s, got_piece, p, p->len - p->got);
		if (sftp_why(p->s) != NULL)
			break;
	}
	return 0;
}

/* The stream. */

/* The head is not here although as much is under way as may be: the way is longer than that. How far it is tells how much can be on it. */
static void grow_window(struct reader *r, struct row *row)
{
	size_t most = r->h->n > 1 ? 2 * WINDOW_MAX : WINDOW_MAX;
	size_t on_the_way = (size_t)sftp_latency_ms(sftp_host_main(r->h)) * WINDOW_PER_MS;

	if (r->h->rate != NULL) /* a fourth of a second, and what is on the way */
		most = sftp_rate_piece(r->h->rate, SIZE_MAX / 64) *
		       (13 + sftp_latency_ms(sftp_host_main(r->h)) / 20);
	else if (most > on_the_way)
		most = on_the_way > WINDOW_NEAR ? on_the_way : WINDOW_NEAR;
	if (row->bytes < r->window || row->head - row->grown > PIECES_MAX)
		return;
	r->window = 2 * r->window < most ? 2 * r->window : most;
	row->grown = row->head + row->n;
}

/* Waits for the first piece of ${row}. */
static int wait_for_head(struct reader *r, struct row *row, struct err *e)
{
	while (piece_at(row, 0)->state != PIECE_HERE) {
		if (r->refused.code != ERR_NONE) {
			if (e != NULL)
				*e = r->refused;
			return -1;
		}
		grow_window(r, row);
		row_cut(r, row, r->window);
		if (row_ask(r, row, e) == -1 || sftp_why(sftp_host_main(r->h)) != NULL) {
			const struct err *why = sftp_why(sftp_host_main(r->h));

			if (why != NULL && e != NULL)
				*e = *why;
			if (!sftp_host_again(r->h, &r->tries, e))
				return -1;
			continue;
		}
		if (sftp_host_step(r->h, e) == -1)
			return -1;
	}
	return 0;
}

/* Gives out what there is at the head of ${row}, up to ${n} bytes from ${pos} on. */
static size_t take(struct row *row, uint64_t pos, uint8_t *to, size_t n)
{
	size_t done = 0;

	while (row->n > 0 && done < n && piece_at(row, 0)->state == PIECE_HERE) {
		struct piece *p = piece_at(row, 0);
		size_t k = p->len - row->taken < n - done ? p->len - row->taken : n - done;

		if (p->off + row->taken != pos + done)
			break; /* of the next range */
		memcpy(to + done, p->data + row->taken, k);
		done += k;
		row->taken += k;
		if (row->taken == p->len)
			row_drop_head(row);
	}
	return done;
}

static ssize_t reader_read(void *ctx, void *p, size_t n, struct err *e)
{
	struct reader *r = ctx;
	struct row *row = &r->expected;
	size_t before, done;

	if (n == 0 || r->pos >= r->size)
		return 0;
	if (!row_skip(row, r->pos)) {
		row = &r->plain;
		if (row_next(row) != r->pos) {
			row_clear(row);
			row_add(r, row, r->pos, n);
		}
	}
	row->begun = true;
	sftp_host_more(r->h, row_left(row));
	row_cut(r, row, r->window);
	if (wait_for_head(r, row, e) == -1)
		return -1;
	before = row->n;
	done = take(row, r->pos, p, n);
	r->pos += done;
	/* The next are asked for while the caller works on these. */
	if (row->n < before && row_cut(r, row, r->window) && row_ask(r, row, NULL) == 0)
		sftp_host_poke(r->h);
	return (ssize_t)done;
}

static int reader_seek(void *ctx, uint64_t off, struct err *e)
{
	(void)e;
	((struct reader *)ctx)->pos = off;
	return 0;
}

static int reader_size(void *ctx, uint64_t *ret, struct err *e)
{
	(void)e;
	*ret = ((struct reader *)ctx)->size;
	return 0;
}

static void reader_expect(void *ctx, uint64_t off, uint64_t n)
{
	struct reader *r = ctx;

	if (r->expected.begun || n == 0)
		row_clear(&r->expected);
	row_add(r, &r->expected, off, n);
}

static void reader_close(void *ctx)
{
	struct reader *r = ctx;

	row_done(&r->expected);
	row_done(&r->plain);
	for (size_t i = 0; i < r->h->n; i++)
		if (r->at[i].serial == r->h->slots[i].serial)
			sftp_forget_handle(r->h->slots[i].s, &r->at[i].handle);
	sftp_host_poke(r->h);
	free(r->path);
	free(r);
}

int sftp_read_new(struct sftp_host *h, const char *path, const char *name, struct stream **ret, struct err *e)
{
	static const struct stream_ops ops = { reader_read, NULL, reader_seek, reader_size, reader_expect,
		reader_close };
	struct reader *r = mem_alloc(sizeof *r);
	struct sftp_attrs a;
	int rc;

	r->h = h;
	r->path = mem_strdup(path);
	r->window = h->rate != NULL ? sftp_rate_piece(h->rate, WINDOW_FIRST) : WINDOW_FIRST;
	do {
		/* Looked at before it is opened: to open a pipe would hold the server. */
		rc = sftp_stat(sftp_host_main(h), h->store->job, SFTP_STAT, path, &a, e);
		if (rc == 0 &&
		    (!(a.flags & SFTP_ATTR_SIZE) || ((a.flags & SFTP_ATTR_MODE) && !S_ISREG(a.mode))))
			rc = err_set(e, ERR_NOT_FOUND, "%s is not a regular file", name);
		r->size = a.size;
		r->mtime = a.mtime;
		if (rc == 0)
			rc = handle_at(r, 0, e);
	} while (rc == -1 && sftp_host_again(h, &r->tries, e));
	if (rc == -1) {
		reader_close(r);
		return -1;
	}
	*ret = stream_new(&ops, r, name);
	return 0;
}
