/* sftp_host.h: the connections of one store on another host: one, or some more where a transfer is large and the host far away.
 *
 * Slot 0 is the main one, which is there while nothing is broken; the others come and go. What a stream knows about a slot (a handle) is worth
 * something only while the slot's serial is the same. As the store, a host belongs to one thread at a time. */
#ifndef STORE_SFTP_HOST_H
#define STORE_SFTP_HOST_H

#include "store/sftp_calls.h"
#include "store/store_impl.h"

#define SFTP_SLOTS 16u

struct sftp_host {
	const struct conf_store *conf;
	struct store_links *links; /* or NULL */
	char *key;                 /* in links */
	sftp_dial_fn *dial;
	struct store *store; /* whose job it is */
	struct sftp_rate *rate, *own_rate;
	struct sftp_slot {
		struct sftp *s; /* NULL: none */
		unsigned serial;
	} slots[SFTP_SLOTS];
	size_t n;
	unsigned serial;
	struct sftp_more *more; /* connections being made meanwhile */
};

/** sftp_host_open(h, store, conf, links, dial, e): Connect. ${conf} outlives ${h}. sftp_host_close(h): Also after a failure. */
int sftp_host_open(struct sftp_host *h, struct store *store, const struct conf_store *conf,
    struct store_links *links, sftp_dial_fn *dial, struct err *e);
void sftp_host_close(struct sftp_host *h);

/** sftp_host_main(h): The main session; it may be broken. */
struct sftp *sftp_host_main(const struct sftp_host *h);

/** sftp_host_again(h, tries, e): After a call failed with ${e}: if it was because the connection was lost, make a new one, however often that takes within the
 * time-out; ${*tries} counts the losses since something went well. True: do it again. False: ${e} says why not. */
#define SFTP_TRIES_MAX 4u
bool sftp_host_again(struct sftp_host *h, unsigned *tries, struct err *e);

/** sftp_host_more(h, bytes): A transfer of about so many bytes begins or goes on: have as many connections as do it good, made in the background. */
void sftp_host_more(struct sftp_host *h, uint64_t bytes);

/** sftp_host_step(h, e): As sftp_step(), of all of them; those beyond the main one that broke are gone afterwards. sftp_host_poke(h): Without waiting. */
int sftp_host_step(struct sftp_host *h, struct err *e);
void sftp_host_poke(struct sftp_host *h);

/* Of store_links.c: what is kept between uses. */

/** store_links_key(conf): What a connection can be used again by, heap. */
char *store_links_key(const struct conf_store *conf);
/** store_links_take(l, key): An idle session that works, or NULL. store_links_give(l, key, s): It is not needed now; frees it if it is not worth keeping. */
struct sftp *store_links_take(struct store_links *l, const char *key);
void store_links_give(struct store_links *l, const char *key, struct sftp *s);
/** store_links_rate(l, key, bytes_per_second): The allowance that all users of ${key} share; lives as long as ${l}. */
struct sftp_rate *store_links_rate(struct store_links *l, const char *key, uint64_t bytes_per_second);

#endif
