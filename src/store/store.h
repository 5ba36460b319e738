/* store.h: where archives are kept: in a directory, or on another host. Objects appear only at commit, whole or not at all.
 *
 * Names are plain file names (store_name_ok). A store on another host belongs to one thread at a time, with its streams; a directory may be
 * used by several. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/err.h"
#include "core/job.h"
#include "core/stream.h"

struct store;

struct store_object {
	char *name;
	uint64_t size_bytes;
	int64_t mtime;
};

struct store_list {
	struct store_object *objects; /* ascending by name */
	size_t n;
};

/** store_open(url, create, ret, e): "dir:/path" or "/path"; or sftp://, with the defaults of the configuration. ${create}: make the directory (0700) if it is not there. ERR_CONFIG for
 * a url of no known kind, ERR_NOT_FOUND when the place is not there. store_free() it. */
int store_open(const char *url, bool create, struct store **ret, struct err *e);

/** Connections to hosts that are kept between uses, so that the next one need not shake hands again. Thread-safe. */
struct store_links;
struct store_links *store_links_new(void);
/** store_links_free(l): NULL-safe; after the last store that was opened with it is free. */
void store_links_free(struct store_links *l);

/** How to open a store of the configuration. */
struct store_opts {
	const struct conf_store *conf; /* outlives the store */
	struct store_links *links;     /* NULL: nothing is kept */
	struct job *job;               /* cancels, and answers questions; see store_set_job() */
	bool create;
};

/** store_open_as(o, ret, e): As store_open(), of any kind: also "sftp://[user@]host[:port]/path". ERR_CONNECTION: the host cannot be reached; ERR_AUTH: it
 * did not let us in, or is not the one it should be. */
int store_open_as(const struct store_opts *o, struct store **ret, struct err *e);

/** store_set_job(s, job): Who cancels waiting, and is asked for a passphrase, from now on; NULL: nobody. Not while another thread uses ${s}. */
void store_set_job(struct store *s, struct job *job);

/** store_url(s): As opened; belongs to ${s}. */
const char *store_url(const struct store *s);

/** store_list(s, ret, e): All committed objects. store_list_done() it. */
int store_list(struct store *s, struct store_list *ret, struct err *e);
void store_list_done(struct store_list *l);

/** store_stat(s, name, ret, e): Size and mtime of one (ret->name NULL). ERR_NOT_FOUND. */
int store_stat(struct store *s, const char *name, struct store_object *ret, struct err *e);

/** store_read(s, name, ret, e): A stream that reads and seeks. The caller closes it. */
int store_read(struct store *s, const char *name, struct stream **ret, struct err *e);

/** store_create(s, name, size_bytes, ret, e): Begin object ${name}; invisible until store_commit(). ${size_bytes} 0 = unknown, else
 * space is checked first (ERR_SPACE). ERR_EXISTS if the name is taken. The caller closes ${*ret}; closing uncommitted
 * discards. Any thread; one job per store. */
int store_create(struct store *s, const char *name, uint64_t size_bytes, struct stream **ret, struct err *e);

/** store_commit(s, out, e): Make what was written to ${out} durable and visible under its name; ERR_EXISTS if the name
 * was taken meanwhile. Once; after a failure the name is not there. The caller still closes ${out}. */
int store_commit(struct store *s, struct stream *out, struct err *e);

/** store_reread(s, out, ret, e): What was written to ${out} so far, as the store gives it back: a stream that reads and seeks. Nothing is written to ${out}
 * until the caller has closed it. So an archive is proved before it is committed. */
int store_reread(struct store *s, struct stream *out, struct stream **ret, struct err *e);

/** store_remove(s, name, e): Delete an object. */
int store_remove(struct store *s, const char *name, struct err *e);

/** store_clean(s, min_age_seconds, e): Remove what interrupted runs left uncommitted and nobody has written to for so long (on another host: ten
 * minutes at least, for there it is not known who still writes); returns how many, or -1. */
int store_clean(struct store *s, int64_t min_age_seconds, struct err *e);

/** store_room(s, ret, e): How many bytes may still be stored, as far as its host tells; -1 also where it does not. */
int store_room(struct store *s, uint64_t *ret, struct err *e);

/** store_name_ok(name): 1 to 200 bytes of A-Z a-z 0-9 . _ - + @ :, not beginning with a dot or '-'. */
bool store_name_ok(const char *name);

void store_free(struct store *s);

#endif
