/* ladder.c: the rungs from the firmest down, the bound, and what came of it. */
#include "cyrus/ladder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/ladder_global.h"
#include "cyrus/ladder_watch.h"
#include "cyrus/quiesce.h"
#include "db/cyrusdb.h"

#define DRAIN_MS 1000

struct ladder {
	const struct server *server;
	uint64_t bound_ms;
	struct job *job;
	struct quiesce *quiesce;
	struct ladder_global *global; /* while RUNG_GLOBAL is held */
	struct ladder_watch *watch;
	bool held;
	uint64_t pause_ms; /* of the last hold; written by who lets go */
	struct ladder_facts facts;
	struct buf offer; /* why best is not a better one */
	struct buf list;  /* RUNG_CHECKPOINT */
};

const char *ladder_rung_name(enum ladder_rung r)
{
	switch (r) {
	case RUNG_CHECKPOINT: return "checkpoint";
	case RUNG_LIST: return "list";
	case RUNG_USERS: return "users";
	case RUNG_GLOBAL: return "global";
	case RUNG_FILESYSTEM: break;
	}
	return "filesystem";
}

/* ---- what this server offers ---- */

static enum ladder_rung offered(struct ladder *l)
{
	const struct server *s = l->server;

	if (quiesce_level(l->quiesce) == QUIESCE_NONE) {
		buf_str(&l->offer, "Cyrus's locks are open to root and the cyrus user only");
		return RUNG_FILESYSTEM;
	}
	if (ladder_global_offered(s))
		return RUNG_GLOBAL;
	if (quiesce_can_hold_list(l->quiesce))
		return quiesce_level(l->quiesce) == QUIESCE_USER ? RUNG_USERS : RUNG_LIST;
	if (cyrusdb_is_berkeley(AT_FDCWD, s->conf->mboxlist_path) != 1) {
		buf_printf(&l->offer, "%s is no database that is locked as a file", s->conf->mboxlist_path);
		return RUNG_FILESYSTEM;
	}
	if (s->tools != NULL && cyrus_tools_has(s->tools, "ctl_cyrusdb"))
		return RUNG_CHECKPOINT;
	buf_str(&l->offer, "mailboxes.db is a Berkeley database, and ctl_cyrusdb was not found");
	return RUNG_FILESYSTEM;
}

/* RUNG_CHECKPOINT is for databases whose locks are out of reach; such a server has no rung between it and the last. */
static enum ladder_rung below(const struct ladder *l, enum ladder_rung r)
{
	if (r == RUNG_GLOBAL && quiesce_can_hold_list(l->quiesce))
		return quiesce_level(l->quiesce) == QUIESCE_USER ? RUNG_USERS : RUNG_LIST;
	return r == RUNG_USERS ? RUNG_LIST : RUNG_FILESYSTEM;
}

static void add_why(struct ladder *l, const char *text)
{
	size_t at = strlen(l->facts.why);
	char *more = mem_printf("%s%s", at > 0 ? "; " : "", text);

	str_safe(l->facts.why + at, sizeof l->facts.why - at, more, strlen(more));
	free(more);
}

/* ---- let go ---- */

/* In the watching thread or in the owner's, never in both: ladder_watch_disarm() stands between them. */
static void let_go(void *arg)
{
	struct ladder *l = arg;

	if (l->global != NULL) {
		uint64_t since = ladder_global_since_ms(l->global);

		ladder_global_release(l->global);
		l->global = NULL;
		l->pause_ms = clock_monotonic_ms() - since;
	} else {
		l->pause_ms = quiesce_release(l->quiesce);
	}
}

int ladder_open(
    const struct server *s, uint64_t bound_ms, struct job *job, struct ladder **ret, struct err *e)
{
	struct ladder *l = mem_alloc(sizeof *l);

	l->server = s;
	l->bound_ms = bound_ms;
	l->job = job;
	l->offer.max = sizeof l->facts.why;
	if (quiesce_open(s->conf, s->version, &l->quiesce, e) == -1 ||
	    ladder_watch_new(let_go, l, &l->watch, e) == -1) {
		ladder_free(l);
		return err_wrap(e, "hold the server still");
	}
	quiesce_set_job(l->quiesce, job);
	l->facts.best = offered(l);
	add_why(l, buf_text(&l->offer));
	*ret = l;
	return 0;
}

void ladder_free(struct ladder *l)
{
	if (l == NULL)
		return;
	if (l->held)
		ladder_release(l);
	ladder_watch_free(l->watch);
	quiesce_free(l->quiesce);
	buf_done(&l->offer);
	buf_done(&l->list);
	free(l);
}

/* ---- up ---- */

/* Nothing is held: what Berkeley has in memory goes into its files, and the list into a text. The text is worth having by itself. */
static int checkpoint(struct ladder *l, struct err *e)
{
	struct cyrus_tools *t = l->server->tools;
	struct job *before = t->job;
	int rc;

	buf_clear(&l->list);
	cyrus_tools_set_job(t, l->job);
	rc = cyrus_checkpoint(t, e);
	if (cyrus_mboxlist_dump(t, &l->list, rc == 0 ? e : NULL) == -1) {
		buf_clear(&l->list);
		rc = -1;
	}
	cyrus_tools_set_job(t, before);
	return rc;
}

/* 0: held. -1: not, and ${e} says why. */
static int step_on(struct ladder *l, enum ladder_rung rung, struct err *e)
{
	uint64_t drain = DRAIN_MS < l->bound_ms / 4 ? DRAIN_MS : l->bound_ms / 4;
	int r;

	switch (rung) {
	case RUNG_GLOBAL:
		r = ladder_global_hold(l->server, l->bound_ms / 2, l->job, &l->global, e);
		return r == 1 ? 0 : -1;
	case RUNG_USERS: return quiesce_hold_all(l->quiesce, NULL, 0, l->bound_ms / 2, e);
	case RUNG_LIST: return quiesce_hold_databases(l->quiesce, l->bound_ms / 4, drain, e);
	case RUNG_CHECKPOINT: return checkpoint(l, e);
	case RUNG_FILESYSTEM: break;
	}
	return 0;
}

static void watch_it(struct ladder *l)
{
	uint64_t since = l->global != NULL ? ladder_global_since_ms(l->global) : quiesce_since_ms(l->quiesce);

	l->held = true;
	if (since != 0)
		ladder_watch_arm(l->watch, since + l->bound_ms);
}

int ladder_hold(struct ladder *l, struct err *e)
{
	uint64_t start = clock_monotonic_ms();
	enum ladder_rung rung = l->facts.best;
	struct err why = { 0 };

	if (l->held)
		return err_set(e, ERR_USAGE, "release what is held before holding again");
	l->facts = (struct ladder_facts){ .best = l->facts.best, .tries = l->facts.tries + 1 };
	add_why(l, buf_text(&l->offer));
	while (step_on(l, rung, &why) == -1) {
		if (job_cancelled(l->job, e))
			return -1;
		add_why(l, why.msg);
		rung = below(l, rung);
		err_clear(&why);
	}
	watch_it(l);
	l->facts.reached = rung;
	l->facts.wait_ms = clock_monotonic_ms() - start;
	return 0;
}

void ladder_release(struct ladder *l)
{
	if (!l->held)
		return;
	l->held = false;
	if (ladder_watch_disarm(l->watch)) {
		char *text = mem_printf(
		    "the snapshot took longer than pause_ms (%llu): Cyrus went on before it was taken",
		    (unsigned long long)l->bound_ms);

		l->facts.reached = RUNG_FILESYSTEM;
		add_why(l, text);
		free(text);
	} else {
		let_go(l);
	}
	l->facts.pause_ms = l->pause_ms;
}

void ladder_facts(const struct ladder *l, struct ladder_facts *ret)
{
	*ret = l->facts;
}

const struct buf *ladder_list_text(const struct ladder *l)
{
	return l->list.len > 0 ? &l->list : NULL;
}
