/* status.h: is there a good backup, and is it recent? For people, and for what watches hosts.
 *
 * Quick: it asks the catalogue, the records of runs and the directories of stores on this host; never another host. */
#ifndef APP_STATUS_H
#define APP_STATUS_H

#include "app/runs.h"

enum status_level {
	STATUS_FINE,
	STATUS_WARN, /* there is a recent one, but something wants to be looked at */
	STATUS_BAD,  /* the newest verified archive is too old, or there is none, or the last run failed */
};

/** status_level_word(l): "fine", "warning", "bad". Static. */
const char *status_level_word(enum status_level l);

/** Something to look at, the worst first. Safe text. */
struct app_status_note {
	enum status_level level;
	char *what, *next; /* next may be "" */
};

struct app_status_server {
	char *server; /* of the configuration, or of known archives only (then configured is false) */
	bool configured;
	enum status_level level; /* the worst of its notes */
	struct app_status_note *notes;
	size_t n_notes;
	/* The newest verified archive: by its number, not by the clock. */
	char *archive, *archive_store;     /* NULL: there is none */
	int64_t archive_when, age_seconds; /* age -1: not known: its time is in the future */
	bool findings;                     /* it says that something was wrong in the spool */
	bool verified_all;                 /* the run that made it read all of it back */
	uint64_t archive_bytes, archive_messages, archive_mailboxes;
	bool has_run; /* last_run: the newest one there is a record of */
	struct app_run last_run;
	uint64_t failed_since; /* runs that failed or were broken off since the last that did not */
	int64_t last_success;  /* when that one ended; 0: not known */
	size_t archives, live, protected_ones, waiting_for_tape,
	    damaged; /* of its known archives that are not gone */
};

struct app_status_store {
	char *store, *url;
	bool known; /* whether it can be reached is known: it is on this host */
	bool reachable;
	int64_t free_bytes; /* -1: not known; of a store elsewhere, what it had after the last run */
};

struct app_status {
	enum status_level level; /* the worst of all configured servers */
	int64_t now, max_age_seconds;
	struct app_status_server *servers;
	size_t n_servers;
	struct app_status_store *stores;
	size_t n_stores;
};

#define STATUS_MAX_AGE (26 * 3600)

/** app_status(app, server, max_age_seconds, ret, e): Of that server (NULL: all that are configured, and those of which archives are known); ${max_age_seconds} 0: STATUS_MAX_AGE.
 * Anything bad is data, not an error. app_status_done() it in either case. */
int app_status(
    struct app *app, const char *server, int64_t max_age_seconds, struct app_status *ret, struct err *e);
void app_status_done(struct app_status *s);

/** app_status_age(text, ret, e): "26h", "90m", "2d", "1w", "3600" as seconds; ERR_USAGE. */
int app_status_age(const char *text, int64_t *ret, struct err *e);

/** app_status_prometheus(s, b): Append it in the text format of Prometheus, for node_exporter's textfile collector. */
void app_status_prometheus(const struct app_status *s, struct buf *b);

#endif
