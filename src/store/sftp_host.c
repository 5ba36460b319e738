/* sftp_host.c: connections that are made, lost and made again. */
#include "store/sftp_host.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"

#define NEAR_MS        10u /* up to here one connection fills the pipe */
#define FAR_SLOTS      4u
#define MORE_BYTES     (8u << 20) /* what makes another connection worth its while */
#define PAUSE_FIRST_MS 250u       /* the first try is at once */
#define PAUSE_MAX_MS   8000u

static int connect_one(struct sftp_host *h, struct job *job, struct sftp **ret, struct err *e)
{
	struct sftp_channel channel;

	if (h->dial(h->conf, job, &channel, e) == -1)
		return -1;
	return sftp_new(&channel, h->conf->timeout_ms, h->rate, job, ret, e);
}

/* More connections, each made by a thread of its own, which asks nobody anything. */

struct sftp_more {
	struct dialling {
		struct sftp_host *host;
		struct job *job;
		struct sftp *s;
	} list[SFTP_SLOTS];
	size_t n;
};

static int dial_more(struct job *job, void *arg, struct err *e)
{
	struct dialling *d = arg;

	d->s = store_links_take(d->host->links, d->host->key);
	return d->s != NULL ? 0 : connect_one(d->host, job, &d->s, e);
}

static void add_slot(struct sftp_host *h, struct sftp *s)
{
	h->slots[h->n++] = (struct sftp_slot){ s, ++h->serial };
}

/* Those that are ready come into use. */
static void collect_more(struct sftp_host *h)
{
	struct sftp_more *m = h->more;

	for (size_t i = 0; m != NULL && i < m->n; i++) {
		struct dialling *d = &m->list[i];
		struct err e = { 0 };

		if (d->job == NULL || !job_ended(d->job))
			continue;
		if (job_reap(d->job, &e) == 0)
			add_slot(h, d->s);
		else
			log_write(LOG_LEVEL_DEBUG, "%s: no further connection: %s", h->conf->url, e.msg);
		job_free(d->job);
		d->job = NULL;
	}
}

/* Nobody waits for them any more. */
static void drop_more(struct sftp_host *h)
{
	for (size_t i = 0; h->more != NULL && i < h->more->n; i++) {
		struct dialling *d = &h->more->list[i];

		if (d->job == NULL)
			continue;
		job_cancel(d->job);
		if (job_reap(d->job, NULL) == 0)
			sftp_free(d->s);
		job_free(d->job);
	}
	free(h->more);
	h->more = NULL;
}

void sftp_host_more(struct sftp_host *h, uint64_t bytes)
{
	size_t want = (size_t)h->conf->connections;

	if (want == 0)
		want = sftp_latency_ms(h->slots[0].s) < NEAR_MS ? 1 : FAR_SLOTS;
	if (want > SFTP_SLOTS)
		want = SFTP_SLOTS;
	/* A limit is reached by one as well. Once is enough: those that could not be made or were lost are not missed. */
	if (want <= 1 || bytes < MORE_BYTES || h->rate != NULL || h->more != NULL)
		return;
	h->more = mem_alloc(sizeof *h->more);
	while (h->more->n + h->n < want) {
		struct dialling *d = &h->more->list[h->more->n++];

		d->host = h;
		d->job = job_new();
		if (job_start(d->job, dial_more, d, NULL) == -1) {
			job_free(d->job);
			h->more->n--;
			return;
		}
	}
}

/* The connections. */

int sftp_host_open(struct sftp_host *h, struct store *store, const struct conf_store *conf,
    struct store_links *links, sftp_dial_fn *dial, struct err *e)
{
	struct sftp *s;

	h->conf = conf;
	h->links = links;
	h->key = store_links_key(conf);
	h->dial = dial;
	h->store = store;
	h->rate = links != NULL ? store_links_rate(links, h->key, conf->limit_rate)
	                        : (h->own_rate = sftp_rate_new(conf->limit_rate));
	s = store_links_take(links, h->key);
	if (s == NULL && connect_one(h, store->job, &s, e) == -1)
		return -1;
	add_slot(h, s);
	return 0;
}

void sftp_host_close(struct sftp_host *h)
{
	drop_more(h);
	sftp_host_poke(h);
	for (size_t i = 0; i < h->n; i++)
		store_links_give(h->links, h->key, h->slots[i].s);
	h->n = 0;
	sftp_rate_free(h->own_rate);
	free(h->key);
}

struct sftp *sftp_host_main(const struct sftp_host *h)
{
	return h->slots[0].s;
}

/* The others that broke go; the main one stays to tell why. */
static void sweep(struct sftp_host *h)
{
	for (size_t i = h->n; i-- > 1;) {
		if (sftp_why(h->slots[i].s) == NULL)
			continue;
		log_write(LOG_LEVEL_DEBUG, "%s: a further connection is lost: %s", h->conf->url,
		    sftp_why(h->slots[i].s)->msg);
		sftp_free(h->slots[i].s);
		h->n--;
		memmove(&h->slots[i], &h->slots[i + 1], (h->n - i) * sizeof h->slots[0]);
	}
}

static size_t all(const struct sftp_host *h, struct sftp *list[SFTP_SLOTS])
{
	for (size_t i = 0; i < h->n; i++)
		list[i] = h->slots[i].s;
	return h->n;
}

int sftp_host_step(struct sftp_host *h, struct err *e)
{
	struct sftp *list[SFTP_SLOTS];
	int rc;

	collect_more(h);
	rc = sftp_step(list, all(h, list), h->store->job, e);
	sweep(h);
	return rc;
}

void sftp_host_poke(struct sftp_host *h)
{
	struct sftp *list[SFTP_SLOTS];

	collect_more(h);
	sftp_poke(list, all(h, list));
	sweep(h);
}

/* Sleeps, unless the operator wants to stop. */
static int pause_ms(struct job *job, unsigned ms, struct err *e)
{
	for (; ms > 0; ms -= ms < 50 ? ms : 50) {
		if (job_cancelled(job, e))
			return -1;
		nanosleep(&(struct timespec){ .tv_nsec = 50 * 1000000 }, NULL);
	}
	return 0;
}

/* A new main connection; all others are as old as the lost one. */
static int reconnect(struct sftp_host *h, struct err *e)
{
	struct job *job = h->store->job;
	uint64_t start = clock_monotonic_ms();
	unsigned wait = 0;

	for (;;) {
		struct sftp *s = NULL;

		if (pause_ms(job, wait, e) == -1)
			return -1;
		err_clear(e);
		if (connect_one(h, job, &s, e) == 0) {
			drop_more(h);
			for (size_t i = 0; i < h->n; i++)
				sftp_free(h->slots[i].s);
			h->n = 0;
			add_slot(h, s);
			return 0;
		}
		/* Connecting has said what it did itself. */
		job_step(job, "connection lost, connecting again");
		wait = wait == 0 ? PAUSE_FIRST_MS : 2 * wait < PAUSE_MAX_MS ? 2 * wait : PAUSE_MAX_MS;
		if ((e != NULL && e->code != ERR_CONNECTION) ||
		    (h->conf->timeout_ms > 0 && clock_monotonic_ms() + wait - start > h->conf->timeout_ms))
			return -1;
		log_write(LOG_LEVEL_DEBUG, "%s: %s", h->conf->url, e != NULL ? e->msg : "");
	}
}

bool sftp_host_again(struct sftp_host *h, unsigned *tries, struct err *e)
{
	const struct err *why = sftp_why(h->slots[0].s);
	struct job *job = h->store->job;
	struct job_progress before = { 0 };
	struct err mine = { 0 };
	int rc;

	if (why == NULL || why->code != ERR_CONNECTION || job_cancelled(job, NULL))
		return false;
	if (++*tries > SFTP_TRIES_MAX) {
		err_hint(
		    e, "it was lost %u times in a row: look at the network and at the host's log", *tries);
		return false;
	}
	if (e == NULL)
		e = &mine;
	log_write(LOG_LEVEL_WARNING, "%s: %s; connecting again", h->conf->url, why->msg);
	if (job != NULL) {
		job_get_progress(job, &before);
		job_step(job, "connection lost, connecting again");
	}
	rc = reconnect(h, e);
	if (rc == -1) {
		err_wrap(e, "the connection was lost, and there is no new one");
		err_hint(e, "run it again when the host can be reached");
		return false;
	}
	log_write(LOG_LEVEL_INFO, "%s: connected again", h->conf->url);
	if (job != NULL)
		job_step(job, "%s", before.step);
	err_clear(e);
	return true;
}
