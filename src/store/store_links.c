/* store_links.c: connections that nobody uses just now, and the rates of those in use. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/mem.h"
#include "store/sftp_host.h"

#define IDLE_MAX    4u
#define IDLE_MAX_MS (4u * 60 * 1000)
#define FRESH_MS    (10u * 1000) /* so lately used, it is believed to live */
#define ANSWER_MS   (3u * 1000)

struct idle {
	char *key;
	struct sftp *s;
	uint64_t since;
};

struct store_links {
	pthread_mutex_t lock;
	struct idle idle[IDLE_MAX]; /* the oldest first */
	size_t n;
	struct shared_rate {
		char *key;
		struct sftp_rate *rate;
	} * rates;
	size_t n_rates, cap_rates;
};

struct store_links *store_links_new(void)
{
	struct store_links *l = mem_alloc(sizeof *l);

	pthread_mutex_init(&l->lock, NULL);
	return l;
}

static void idle_done(struct idle *i)
{
	sftp_free(i->s);
	free(i->key);
}

/* Takes ${i} out of the list; the caller owns it. */
static struct idle idle_out(struct store_links *l, size_t i)
{
	struct idle was = l->idle[i];

	l->n--;
	memmove(&l->idle[i], &l->idle[i + 1], (l->n - i) * sizeof l->idle[0]);
	return was;
}

void store_links_free(struct store_links *l)
{
	if (l == NULL)
		return;
	while (l->n > 0) {
		struct idle i = idle_out(l, 0);

		idle_done(&i);
	}
	for (size_t i = 0; i < l->n_rates; i++) {
		sftp_rate_free(l->rates[i].rate);
		free(l->rates[i].key);
	}
	free(l->rates);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

char *store_links_key(const struct conf_store *conf)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s\n%u\n%u\n%s\n%s\n%llu", conf->url, conf->transport, conf->host_key,
	    conf->known_hosts != NULL ? conf->known_hosts : "",
	    conf->password_file != NULL ? conf->password_file : "", (unsigned long long)conf->limit_rate);
	for (size_t i = 0; i < conf->n_identity; i++)
		buf_printf(&b, "\n%s", conf->identity[i]);
	return buf_steal(&b);
}

/* Closing may take a moment: nobody else waits for it. */
struct sftp *store_links_take(struct store_links *l, const char *key)
{
	struct sftp *found = NULL;

	while (l != NULL && found == NULL) {
		struct idle i = { 0 };
		uint64_t age;

		pthread_mutex_lock(&l->lock);
		for (size_t k = l->n; k-- > 0 && i.s == NULL;)
			if (strcmp(l->idle[k].key, key) == 0)
				i = idle_out(l, k);
		pthread_mutex_unlock(&l->lock);
		if (i.s == NULL)
			return NULL;
		age = clock_monotonic_ms() - i.since;
		if (age < IDLE_MAX_MS && sftp_alive(i.s, age < FRESH_MS ? 0 : ANSWER_MS)) {
			found = i.s;
			i.s = NULL;
		}
		idle_done(&i);
	}
	return found;
}

void store_links_give(struct store_links *l, const char *key, struct sftp *s)
{
	struct idle out[IDLE_MAX + 1];
	size_t n_out = 0;
	uint64_t now = clock_monotonic_ms();

	if (l == NULL || sftp_why(s) != NULL) {
		sftp_free(s);
		return;
	}
	pthread_mutex_lock(&l->lock);
	while (l->n > 0 && (l->n == IDLE_MAX || now - l->idle[0].since >= IDLE_MAX_MS))
		out[n_out++] = idle_out(l, 0);
	l->idle[l->n++] = (struct idle){ mem_strdup(key), s, now };
	pthread_mutex_unlock(&l->lock);
	for (size_t i = 0; i < n_out; i++)
		idle_done(&out[i]);
}

struct sftp_rate *store_links_rate(struct store_links *l, const char *key, uint64_t bytes_per_second)
{
	struct sftp_rate *found = NULL;

	if (bytes_per_second == 0)
		return NULL;
	pthread_mutex_lock(&l->lock);
	for (size_t i = 0; i < l->n_rates && found == NULL; i++)
		if (strcmp(l->rates[i].key, key) == 0)
			found = l->rates[i].rate;
	if (found == NULL) {
		found = sftp_rate_new(bytes_per_second);
		l->rates = mem_grow(l->rates, &l->cap_rates, l->n_rates + 1, sizeof *l->rates);
		l->rates[l->n_rates++] = (struct shared_rate){ mem_strdup(key), found };
	}
	pthread_mutex_unlock(&l->lock);
	return found;
}
