/* look.c: what a backup would do: which snapshot, how Cyrus is held. */
#include "backup/run_priv.h"

#include <stdlib.h>

#include "core/mem.h"

static int look_at_snapshot(struct run *r, struct backup_outlook *ret, bool *live, struct err *e)
{
	if (snapshot_plan(&r->snapshot_opts, (const char *const *)r->paths, r->n_paths, &r->snapshot, e) ==
	    -1)
		return -1;
	snapshot_facts(r->snapshot, &ret->snapshot);
	*live = snapshot_is_live(r->snapshot);
	return snapshot_release(r->snapshot, e);
}

static int look_at_locks(const struct server *server, struct backup_outlook *ret, struct err *e)
{
	struct quiesce *q;

	if (quiesce_open(server->conf, server->version, &q, e) == -1)
		return -1;
	ret->quiesce = quiesce_level_name(quiesce_level(q));
	quiesce_free(q);
	return 0;
}

static int look_at_ladder(const struct server *server, const struct conf_server *conf, struct job *job,
    struct backup_outlook *ret, struct err *e)
{
	struct ladder *l;
	struct ladder_facts f;

	if (ladder_open(server, conf->pause_ms, job, &l, e) == -1)
		return -1;
	ladder_facts(l, &f);
	ret->quiesce = ladder_rung_name(f.best);
	ret->quiesce_why = f.why[0] != '\0' ? mem_strdup(f.why) : NULL;
	ladder_free(l);
	return 0;
}

int backup_look(struct server *server, const struct conf_server *conf, struct job *job,
    struct backup_outlook *ret, struct err *e)
{
	struct run r = { .server = server, .conf = conf, .job = job };
	bool live;
	int rc;

	*ret = (struct backup_outlook){ .quiesce = "none" };
	run_prepare(&r);
	rc = look_at_snapshot(&r, ret, &live, e);
	run_forget_paths(&r);
	if (rc == -1)
		return -1;
	return live ? look_at_locks(server, ret, e) : look_at_ladder(server, conf, job, ret, e);
}

void backup_outlook_done(struct backup_outlook *o)
{
	snapshot_facts_done(&o->snapshot);
	free(o->quiesce_why);
	*o = (struct backup_outlook){ 0 };
}
