/* sftp.c: one session: packets in a row to be sent, requests that wait for their replies, replies taken apart. */
#include "store/sftp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"

#define TICK_MS         100u
#define RECEIVE_ROOM    (2 * (SFTP_PACKET_MAX + 4u))
#define RECEIVE_AT_ONCE (4u << 20)  /* then others have their turn */
#define ROW_MAX         (32u << 10) /* small packets that are sent together */
#define IN_FLIGHT_MAX   (1u << 16)
#define BYTES_DEFAULT   (32u << 10) /* what every server must take in one request */
#define FRAMING         64u         /* what SSH adds to a packet, about */
#define SESSIONS_MAX    16u

/* A packet, or several small ones, on its way out. */
struct out {
	struct out *next;
	const uint8_t *p; /* NULL: own */
	struct buf own;
	size_t len, sent, reply_bytes;
	uint32_t id; /* of a write */
};

struct request {
	uint32_t id;
	bool used;
	sftp_done_fn *done; /* NULL: forgotten */
	void *arg;
};

struct sftp {
	struct sftp_channel channel;
	uint64_t timeout_ms, last_ms; /* the last sign of life */
	struct sftp_rate *rate;
	struct sftp_limits limits;
	unsigned latency_ms;
	bool greeted, has_limits, broken;
	struct err why;
	uint32_t next_id;
	struct request *ring; /* by the low bits of the id */
	size_t ring_size, in_flight;
	struct out *first, *last;
	struct buf build;
	size_t build_at;
	uint8_t *in;
	size_t in_len;
};

const struct err *sftp_why(const struct sftp *s)
{
	return s->broken ? &s->why : NULL;
}

const struct sftp_limits *sftp_limits(const struct sftp *s)
{
	return &s->limits;
}

unsigned sftp_latency_ms(const struct sftp *s)
{
	return s->latency_ms;
}

size_t sftp_in_flight(const struct sftp *s)
{
	return s->in_flight;
}

/* The end of it: nobody shall wait for what does not come. */
static void end_all(struct sftp *s)
{
	struct request *ring = s->ring;
	size_t n = s->ring_size;

	s->broken = true;
	s->ring = NULL;
	s->ring_size = s->in_flight = 0;
	while (s->first != NULL) {
		struct out *o = s->first;

		s->first = o->next;
		buf_done(&o->own);
		free(o);
	}
	s->last = NULL;
	for (size_t i = 0; i < n; i++)
		if (ring[i].used && ring[i].done != NULL)
			ring[i].done(ring[i].arg, s, NULL);
	free(ring);
}

static void broke(struct sftp *s, const struct err *why)
{
	if (s->broken)
		return;
	s->why = *why;
	end_all(s);
}

void sftp_break(struct sftp *s, enum err_code code, const char *fmt, ...)
{
	struct err why = { 0 };
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	err_set(&why, code, "%s", text);
	broke(s, &why);
}

/* Requests. */

static void ring_grow(struct sftp *s)
{
	size_t size = s->ring_size > 0 ? 2 * s->ring_size : 64;
	struct request *ring = mem_array(size, sizeof *ring);

	for (size_t i = 0; i < s->ring_size; i++)
		if (s->ring[i].used)
			ring[s->ring[i].id & (size - 1)] = s->ring[i];
	free(s->ring);
	s->ring = ring;
	s->ring_size = size;
}

/* A place for request ${id}. */
static void ring_put(struct sftp *s, uint32_t id, sftp_done_fn *done, void *arg)
{
	while (s->ring_size == 0 || s->ring[id & (s->ring_size - 1)].used) {
		if (s->ring_size >= IN_FLIGHT_MAX) {
			sftp_break(s, ERR_CONNECTION, "the server leaves a request without an answer");
			return;
		}
		ring_grow(s);
	}
	s->ring[id & (s->ring_size - 1)] = (struct request){ id, true, done, arg };
	if (s->in_flight++ == 0)
		s->last_ms = clock_monotonic_ms();
}

static struct request *ring_find(struct sftp *s, uint32_t id)
{
	struct request *r = s->ring_size > 0 ? &s->ring[id & (s->ring_size - 1)] : NULL;

	return r != NULL && r->used && r->id == id ? r : NULL;
}

static struct out *out_add(struct sftp *s)
{
	struct out *o = mem_alloc(sizeof *o);

	if (s->last != NULL)
		s->last->next = o;
	else
		s->first = o;
	s->last = o;
	return o;
}

struct buf *sftp_begin_request(struct sftp *s, enum sftp_type type)
{
	buf_clear(&s->build);
	s->build_at = sftp_begin(&s->build, type);
	sftp_put_u32(&s->build, s->next_id);
	return &s->build;
}

static void send_build(struct sftp *s, size_t reply_bytes)
{
	struct out *o = s->last;

	sftp_end(&s->build, s->build_at);
	/* With a limit each waits for its own turn. */
	if (o == NULL || o->p != NULL || o->sent > 0 || s->rate != NULL ||
	    o->own.len + s->build.len > ROW_MAX)
		o = out_add(s);
	buf_add(&o->own, s->build.data, s->build.len);
	o->len = o->own.len;
	o->reply_bytes += reply_bytes;
}

uint32_t sftp_send_request(struct sftp *s, sftp_done_fn *done, void *arg, size_t reply_bytes)
{
	uint32_t id = s->next_id++;

	if (!s->broken)
		ring_put(s, id, done, arg);
	if (s->broken) {
		done(arg, s, NULL);
		return id;
	}
	send_build(s, reply_bytes);
	return id;
}

void sftp_send_write(struct sftp *s, struct sftp_string handle, uint64_t off, uint8_t *data, size_t n,
    sftp_done_fn *done, void *arg)
{
	struct buf *b = sftp_begin_request(s, SFTP_WRITE);
	uint32_t id = s->next_id++;
	struct out *o;
	uint8_t *p;

	if (!s->broken)
		ring_put(s, id, done, arg);
	if (s->broken) {
		done(arg, s, NULL);
		return;
	}
	sftp_put_string(b, handle.p, handle.n);
	sftp_put_u64(b, off);
	sftp_put_u32(b, (uint32_t)n);
	b->len += n; /* the length of the packet counts what follows elsewhere */
	sftp_end(b, s->build_at);
	b->len -= n;
	p = data - b->len;
	memcpy(p, b->data, b->len);
	o = out_add(s);
	o->p = p;
	o->len = b->len + n;
	o->id = id;
}

void sftp_withdraw_writes(struct sftp *s)
{
	struct out **link = &s->first, *o;

	s->last = NULL;
	while ((o = *link) != NULL) {
		struct request *r = o->p != NULL && o->sent == 0 ? ring_find(s, o->id) : NULL;

		if (r == NULL) {
			s->last = o;
			link = &o->next;
			continue;
		}
		*link = o->next;
		free(o);
		r->used = false;
		s->in_flight--;
		r->done(r->arg, s, NULL);
	}
}

void sftp_forget(struct sftp *s, uint32_t id)
{
	struct request *r = ring_find(s, id);

	if (r != NULL)
		r->done = NULL;
}

/* Replies. */

static void note_extension(void *arg, struct sftp_string name, struct sftp_string data)
{
	struct sftp *s = arg;

	if (sftp_string_is(name, "limits@openssh.com") && sftp_string_is(data, "1"))
		s->has_limits = true;
	else if (sftp_string_is(name, "fsync@openssh.com") && sftp_string_is(data, "1"))
		s->limits.fsync = true;
	else if (sftp_string_is(name, "statvfs@openssh.com") && sftp_string_is(data, "2"))
		s->limits.statvfs = true;
	else if (sftp_string_is(name, "hardlink@openssh.com") && sftp_string_is(data, "1"))
		s->limits.hardlink = true;
	else if (sftp_string_is(name, "posix-rename@openssh.com") && sftp_string_is(data, "1"))
		s->limits.posix_rename = true;
}

static int take_greeting(struct sftp *s, const uint8_t *p, size_t n, struct err *e)
{
	uint32_t version;

	if (sftp_parse_version(p, n, &version, note_extension, s, e) == -1)
		return -1;
	if (version < SFTP_VERSION)
		return err_set(
		    e, ERR_UNSUPPORTED, "the server speaks SFTP version %lu, not 3", (unsigned long)version);
	s->greeted = true;
	return 0;
}

static int take_packet(struct sftp *s, const uint8_t *p, size_t n, struct err *e)
{
	struct sftp_reply reply;
	struct request *r, was;

	if (!s->greeted)
		return take_greeting(s, p, n, e);
	if (sftp_parse_reply(p, n, &reply, e) == -1)
		return -1;
	r = ring_find(s, reply.id);
	if (r == NULL)
		return err_set(e, ERR_FORMAT, "the server answers what nobody asked");
	was = *r;
	r->used = false;
	s->in_flight--;
	if (was.done != NULL)
		was.done(was.arg, s, &reply);
	return 0;
}

/* Whole packets of what was received; the rest moves to the front. */
static int take_packets(struct sftp *s, struct err *e)
{
	size_t at = 0, len;
	int r;

	while ((r = sftp_frame(s->in + at, s->in_len - at, &len, e)) == 1) {
		if (take_packet(s, s->in + at + 4, len, e) == -1)
			return -1;
		if (s->broken)
			return 0;
		at += 4 + len;
	}
	if (r == -1)
		return -1;
	if (at > 0)
		memmove(s->in, s->in + at, s->in_len - at);
	s->in_len -= at;
	return 0;
}

static bool receive(struct sftp *s)
{
	size_t got = 0;
	struct err e = { 0 };

	while (!s->broken && got < RECEIVE_AT_ONCE) {
		ssize_t n =
		    s->channel.ops->read(s->channel.ctx, s->in + s->in_len, RECEIVE_ROOM - s->in_len, &e);

		if (n == 0)
			break;
		if (n > 0) {
			got += (size_t)n;
			s->in_len += (size_t)n;
			s->last_ms = clock_monotonic_ms();
		}
		if (n == -1 || take_packets(s, &e) == -1) {
			if (e.code == ERR_FORMAT)
				err_hint(&e, "the account's login may print something, or the host has no "
					     "SFTP server: "
					     "try \"sftp\" by hand");
			broke(s, &e);
		}
	}
	return got > 0;
}

/* ${*wait}: until the limit lets more through, in ms. */
static bool transmit(struct sftp *s, unsigned *wait)
{
	struct err e = { 0 };
	bool moved = false;

	while (!s->broken && s->first != NULL) {
		struct out *o = s->first;
		const uint8_t *p = o->p != NULL ? o->p : (const uint8_t *)o->own.data;
		ssize_t n;

		if (o->sent == 0 && s->rate != NULL) {
			unsigned up = sftp_rate_wait(s->rate, SFTP_UP),
				 down = o->reply_bytes > 0 ? sftp_rate_wait(s->rate, SFTP_DOWN) : 0;

			if (up > 0 || down > 0) {
				*wait = up > down ? up : down;
				s->last_ms = clock_monotonic_ms();
				break;
			}
		}
		n = s->channel.ops->write(s->channel.ctx, p + o->sent, o->len - o->sent, &e);
		if (n == -1) {
			broke(s, &e);
			break;
		}
		if (n == 0)
			break;
		if (o->sent == 0 && s->rate != NULL) {
			sftp_rate_use(s->rate, SFTP_UP, o->len + FRAMING);
			sftp_rate_use(s->rate, SFTP_DOWN, o->reply_bytes + FRAMING);
		}
		moved = true;
		s->last_ms = clock_monotonic_ms();
		o->sent += (size_t)n;
		if (o->sent < o->len)
			continue;
		s->first = o->next;
		if (s->first == NULL)
			s->last = NULL;
		buf_done(&o->own);
		free(o);
	}
	return moved;
}

/* Nothing came for a while. */
static void check_time(struct sftp *s)
{
	struct err e = { 0 };

	if (s->broken)
		return;
	if (s->timeout_ms > 0 && (s->in_flight > 0 || !s->greeted) && clock_monotonic_ms() - s->last_ms > s->timeout_ms)
		sftp_break(
		    s, ERR_CONNECTION, "no answer for %llu s", (unsigned long long)(s->timeout_ms / 1000));
	else if (s->channel.ops->keepalive(s->channel.ctx, &e) == -1)
		broke(s, &e);
}

int sftp_step(struct sftp *const *list, size_t n, struct job *job, struct err *e)
{
	struct pollfd fds[2 * SESSIONS_MAX];
	size_t n_fds = 0;
	unsigned wait = TICK_MS;
	bool moved = false, any = false;

	if (job_cancelled(job, e))
		return -1;
	for (size_t i = 0; i < n && i < SESSIONS_MAX; i++) {
		unsigned mine = 0;

		if (!list[i]->broken) {
			moved |= transmit(list[i], &mine);
			moved |= receive(list[i]);
		}
		any |= !list[i]->broken;
		moved |= list[i]->broken;
		if (mine > 0 && mine < wait)
			wait = mine;
		if (!list[i]->broken)
			n_fds += list[i]->channel.ops->polls(
			    list[i]->channel.ctx, list[i]->first != NULL && mine == 0, fds + n_fds);
	}
	if (moved || !any)
		return 0;
	if (poll(fds, n_fds, (int)wait) == 0)
		for (size_t i = 0; i < n && i < SESSIONS_MAX; i++)
			check_time(list[i]);
	return 0;
}

void sftp_poke(struct sftp *const *list, size_t n)
{
	unsigned wait = 0;

	for (size_t i = 0; i < n; i++) {
		if (list[i]->broken)
			continue;
		transmit(list[i], &wait);
		receive(list[i]);
	}
}

static void note_answer(void *arg, struct sftp *s, const struct sftp_reply *r)
{
	(void)s;
	(void)r;
	*(bool *)arg = true;
}

bool sftp_alive(struct sftp *s, unsigned wait_ms)
{
	uint64_t start = clock_monotonic_ms();
	bool answered = wait_ms == 0;
	uint32_t id;

	receive(s);
	if (s->broken || answered)
		return !s->broken;
	sftp_put_text(sftp_begin_request(s, SFTP_REALPATH), ".");
	id = sftp_send_request(s, note_answer, &answered, 0);
	while (!answered && clock_monotonic_ms() - start < wait_ms)
		sftp_step(&s, 1, NULL, NULL);
	sftp_forget(s, id);
	return answered && !s->broken;
}

/* The greeting. */

static void take_limits(void *arg, struct sftp *s, const struct sftp_reply *r)
{
	const size_t read_max = SFTP_PACKET_MAX - 1024, write_max = SFTP_PACKET_MAX - SFTP_WRITE_ROOM;
	struct sftp_in in;
	uint64_t packet, bytes_read, bytes_write;

	*(bool *)arg = true;
	if (r == NULL || r->type != SFTP_EXTENDED_REPLY)
		return;
	in = r->rest;
	packet = sftp_get_u64(&in);
	bytes_read = sftp_get_u64(&in);
	bytes_write = sftp_get_u64(&in);
	if (in.bad || (packet > 0 && packet < BYTES_DEFAULT))
		return;
	/* 0: not said. Less than what every server must take is no limit that one could live with. */
	if (bytes_read > BYTES_DEFAULT)
		s->limits.read_bytes = bytes_read < read_max ? (size_t)bytes_read : read_max;
	if (bytes_write > BYTES_DEFAULT)
		s->limits.write_bytes = bytes_write < write_max ? (size_t)bytes_write : write_max;
}

static int greet(struct sftp *s, struct job *job, struct err *e)
{
	bool known = false;
	uint64_t start;
	size_t at;

	s->last_ms = clock_monotonic_ms();
	at = sftp_begin(&s->build, SFTP_INIT);
	sftp_put_u32(&s->build, SFTP_VERSION);
	s->build_at = at;
	send_build(s, 0);
	while (!s->greeted && !s->broken)
		if (sftp_step(&s, 1, job, e) == -1)
			return -1;
	if (!s->broken && s->has_limits) {
		start = clock_monotonic_ms();
		sftp_put_text(sftp_begin_request(s, SFTP_EXTENDED), "limits@openssh.com");
		sftp_send_request(s, take_limits, &known, 0);
		while (!known)
			if (sftp_step(&s, 1, job, e) == -1)
				return -1;
		if (s->latency_ms == 0)
			s->latency_ms = (unsigned)(clock_monotonic_ms() - start);
	}
	if (!s->broken)
		return 0;
	if (e != NULL)
		*e = s->why;
	return -1;
}

int sftp_new(const struct sftp_channel *channel, uint64_t timeout_ms, struct sftp_rate *rate, struct job *job,
    struct sftp **ret, struct err *e)
{
	struct sftp *s = mem_alloc(sizeof *s);

	s->channel = *channel;
	s->timeout_ms = timeout_ms;
	s->rate = rate;
	s->latency_ms = channel->ops->latency_ms(channel->ctx);
	s->limits.read_bytes = s->limits.write_bytes = BYTES_DEFAULT;
	s->in = mem_alloc(RECEIVE_ROOM);
	if (greet(s, job, e) == -1) {
		sftp_free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

void sftp_free(struct sftp *s)
{
	if (s == NULL)
		return;
	if (!s->broken)
		end_all(s);
	s->channel.ops->close(s->channel.ctx);
	buf_done(&s->build);
	free(s->in);
	free(s);
}
