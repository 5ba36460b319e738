/* sftp_write.c: an object on its way to another host: chunks that are kept until the server has acknowledged them, so that a lost connection costs no more
 * than sending those again. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/sftp_upload.h"

#define CHUNKS_MAX     256u
#define WINDOW_ONE     (8u << 20) /* bytes that were not acknowledged */
#define WINDOW_SEVERAL (24u << 20)
#define ROOM_LEFT      (4u << 20) /* a file system with less is taken for full when a write fails */
#define DRAIN_STEPS    20         /* of at most a tenth of a second */

static struct chunk *chunk_at(const struct sftp_upload *u, size_t i)
{
	return u->chunks[(u->head + i) % CHUNKS_MAX];
}

int sftp_next_step(struct err *e)
{
	if (e != NULL && e->code == ERR_CANCELLED)
		return -1;
	if (e != NULL && e->code == ERR_SPACE)
		return err_hint(e,
		    "nothing was stored; remove old archives or give the store more room, then run it again");
	if (e != NULL && e->code == ERR_CONNECTION)
		return err_hint(e, "nothing was stored; run it again when the host can be reached");
	return err_hint(e, "nothing was stored; check the store's disk, then run it again");
}

/* Sending. */

static void chunk_done(void *arg, struct sftp *s, const struct sftp_reply *reply)
{
	struct chunk *c = arg;
	struct sftp_upload *u = c->u;

	u->under_way--;
	c->state = CHUNK_FULL;
	if (reply == NULL)
		return;
	if (reply->type != SFTP_STATUS)
		sftp_break(s, ERR_FORMAT, "the server's answer to a write is of the wrong kind");
	else if (reply->status != SFTP_OK && u->refused.code == ERR_NONE)
		sftp_status_err(reply->status, reply->string, "write", &u->refused);
	else if (reply->status == SFTP_OK)
		c->state = CHUNK_SAFE;
	u->tries = 0;
}

/* Slot ${i}'s handle, opened if need be. */
static int handle_at(struct sftp_upload *u, size_t i, struct err *e)
{
	struct sftp_slot *slot = &u->h->slots[i];

	if (u->at[i].serial == slot->serial)
		return 0;
	if (sftp_open_file(slot->s, u->h->store->job, u->partial, SFTP_OPEN_WRITE, &u->at[i].handle, e) == -1)
		return -1;
	u->at[i].serial = slot->serial;
	return 0;
}

/* Sends all full chunks that nobody has, each over the connection that has least to do. */
static int send_chunks(struct sftp_upload *u, struct err *e)
{
	for (size_t i = 0; i < u->n; i++) {
		struct chunk *c = chunk_at(u, i);
		size_t best = 0;

		if (c->state != CHUNK_FULL)
			continue;
		for (size_t k = 1; k < u->h->n; k++)
			if (sftp_why(u->h->slots[k].s) == NULL &&
			    sftp_in_flight(u->h->slots[k].s) < sftp_in_flight(u->h->slots[best].s))
				best = k;
		if (handle_at(u, best, e) == -1) {
			if (best == 0 || sftp_why(u->h->slots[best].s) == NULL)
				return -1;
			i--;
			continue;
		}
		c->state = CHUNK_SENT;
		u->under_way++;
		sftp_send_write(u->h->slots[best].s,
		    (struct sftp_string){ u->at[best].handle.p, u->at[best].handle.n }, c->off,
		    c->mem + SFTP_WRITE_ROOM, c->len, chunk_done, c);
		if (sftp_why(u->h->slots[best].s) != NULL)
			break;
	}
	return 0;
}

/* Those at the head that are safe are not needed any more. */
static void drop_safe(struct sftp_upload *u)
{
	while (u->n > 0 && chunk_at(u, 0)->state == CHUNK_SAFE) {
		u->safe += chunk_at(u, 0)->len;
		u->bytes -= chunk_at(u, 0)->len;
		u->head++;
		u->n--;
	}
}

/* The partial after a new connection: what was acknowledged must be there. */
static int look_again(struct sftp_upload *u, struct err *e)
{
	struct sftp_attrs a;

	if (sftp_stat(sftp_host_main(u->h), u->h->store->job, SFTP_LSTAT, u->partial, &a, e) == -1)
		return -1;
	if (a.size < u->safe || a.size > u->off)
		return err_set(
		    e, ERR_SYS, "the unfinished archive is not what it was before the connection was lost");
	return 0;
}

int sftp_upload_again(struct sftp_upload *u, struct err *e)
{
	const struct err *why = sftp_why(sftp_host_main(u->h));
	int rc;

	if (why != NULL && e != NULL)
		*e = *why;
	do {
		if (!sftp_host_again(u->h, &u->tries, e))
			return -1;
		rc = look_again(u, e);
	} while (rc == -1 && sftp_why(sftp_host_main(u->h)) != NULL);
	return rc;
}

/* A write was refused without a word why: is there room? */
static int refused(struct sftp_upload *u, struct err *e)
{
	uint64_t room;
	char size[16];

	if (u->refused.code == ERR_SYS && u->refused.sys == 0 &&
	    sftp_free_bytes(sftp_host_main(u->h), u->h->store->job, u->dir, &room, NULL) == 0 &&
	    room < ROOM_LEFT)
		err_set(&u->refused, ERR_SPACE, "write: no space left on the store's file system: %s free",
		    str_size(size, sizeof size, room));
	if (e != NULL)
		*e = u->refused;
	if (u->refused.code == ERR_SYS && u->refused.sys == 0)
		return err_hint(e,
		    "nothing was stored; look whether the account's quota or the store's disk is full, "
		    "then run it again");
	return sftp_next_step(e);
}

int sftp_upload_wait(struct sftp_upload *u, size_t most, struct err *e)
{
	for (;;) {
		drop_safe(u);
		if (u->refused.code != ERR_NONE)
			return refused(u, e);
		if (send_chunks(u, e) == -1 || sftp_why(sftp_host_main(u->h)) != NULL) {
			if (sftp_why(sftp_host_main(u->h)) == NULL || sftp_upload_again(u, e) == -1)
				return sftp_next_step(e);
			continue;
		}
		if (u->bytes <= most && u->n < CHUNKS_MAX)
			return 0;
		if (sftp_host_step(u->h, e) == -1)
			return -1;
	}
}

/* The chunk that is being filled, a new one if there is none. */
static struct chunk *filling(struct sftp_upload *u)
{
	struct chunk *c = u->n > 0 ? chunk_at(u, u->n - 1) : NULL;
	size_t i;

	if (c != NULL && c->state == CHUNK_FILLING)
		return c;
	i = (u->head + u->n++) % CHUNKS_MAX;
	if (u->chunks[i] == NULL)
		u->chunks[i] = mem_alloc(sizeof *c);
	c = u->chunks[i];
	c->u = u;
	c->off = u->off;
	c->len = 0;
	c->state = CHUNK_FILLING;
	if (c->mem == NULL)
		c->mem = mem_resize(NULL, SFTP_WRITE_ROOM + u->chunk_bytes, 1);
	return c;
}

static int upload_write(void *ctx, const void *p, size_t n, struct err *e)
{
	struct sftp_upload *u = ctx;
	const uint8_t *from = p;

	if (fault_point("store-write", e) == -1)
		return sftp_next_step(e);
	while (n > 0) {
		struct chunk *c = filling(u);
		size_t k = u->chunk_bytes - c->len < n ? u->chunk_bytes - c->len : n;

		memcpy(c->mem + SFTP_WRITE_ROOM + c->len, from, k);
		c->len += k;
		u->off += k;
		u->bytes += k;
		from += k;
		n -= k;
		if (c->len < u->chunk_bytes)
			continue;
		c->state = CHUNK_FULL;
		sftp_host_more(u->h, u->off);
		if (sftp_upload_wait(u, u->h->n > 1 ? WINDOW_SEVERAL : WINDOW_ONE, e) == -1)
			return -1;
		sftp_host_poke(u->h);
	}
	return 0;
}

int sftp_upload_flush(struct sftp_upload *u, struct err *e)
{
	if (u->n > 0 && chunk_at(u, u->n - 1)->state == CHUNK_FILLING)
		chunk_at(u, u->n - 1)->state = CHUNK_FULL;
	return sftp_upload_wait(u, 0, e);
}

/* Ending. */

/* What is under way points to our memory: wait for it, not for long. */
static void drain(struct sftp_upload *u)
{
	struct job *job = u->h->store->job;

	for (size_t i = 0; i < u->h->n && u->under_way > 0; i++)
		sftp_withdraw_writes(u->h->slots[i].s);
	u->h->store->job = NULL; /* also when the operator wants to stop */
	for (int i = 0; i < DRAIN_STEPS && u->under_way > 0; i++)
		if (sftp_host_step(u->h, NULL) == -1)
			break;
	u->h->store->job = job;
	for (size_t i = 0; i < u->h->n && u->under_way > 0; i++)
		sftp_break(u->h->slots[i].s, ERR_CONNECTION, "an upload was given up");
}

static void upload_close(void *ctx)
{
	struct sftp_upload *u = ctx;

	drain(u);
	if (!u->committed)
		sftp_upload_discard(u);
	for (size_t i = 0; i < u->h->n; i++)
		if (u->at[i].serial == u->h->slots[i].serial)
			sftp_forget_handle(u->h->slots[i].s, &u->at[i].handle);
	sftp_host_poke(u->h);
	for (size_t i = 0; i < CHUNKS_MAX; i++) {
		if (u->chunks[i] != NULL)
			free(u->chunks[i]->mem);
		free(u->chunks[i]);
	}
	free(u->chunks);
	free(u->dir);
	free(u->name);
	free(u->path);
	free(u->partial);
	free(u);
}

static const struct stream_ops upload_ops = { .write = upload_write, .close = upload_close };

struct sftp_upload *sftp_upload_of(struct stream *out)
{
	return stream_ctx(out, &upload_ops);
}

int sftp_upload_new(
    struct sftp_host *h, const char *dir, const char *name, struct stream **ret, struct err *e)
{
	struct sftp_upload *u = mem_alloc(sizeof *u);
	char *partial;

	u->h = h;
	u->dir = mem_strdup(dir);
	u->name = mem_strdup(name);
	u->path = sftp_path(dir, name);
	partial = mem_printf(".%s.partial", name);
	u->partial = sftp_path(dir, partial);
	free(partial);
	u->chunks = mem_array(CHUNKS_MAX, sizeof *u->chunks);
	u->chunk_bytes = sftp_rate_piece(h->rate, sftp_limits(sftp_host_main(h))->write_bytes);
	if (sftp_upload_begin(u, e) == -1) {
		u->committed = true; /* there is nothing to be discarded */
		upload_close(u);
		return -1;
	}
	*ret = stream_new(&upload_ops, u, name);
	return 0;
}
