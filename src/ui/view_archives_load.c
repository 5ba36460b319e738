/* view_archives_load.c: the start screen reads its list, and what it finds out on the way. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "ui/shell.h"
#include "ui/start_status.h"
#include "ui/view_archives_priv.h"

/* The worker's. */
struct load {
	struct app *app;
	char *server;
	struct job *job;
	struct app_archives list;
	enum retention_why *whys;
	struct app_unfinished unfinished;
};

static struct view_archives *self(struct view *v)
{
	return (struct view_archives *)v;
}

/* ---- reading the list ---- */

static void found(void *arg, const struct app_archive *a, bool looked)
{
	struct load *l = arg;

	(void)looked;
	job_post(l->job, app_archive_copy(a), app_archive_free);
}

static int load(struct job *job, void *arg, struct err *e)
{
	struct load *l = arg;

	job_step(job, "reading the list of archives");
	l->job = job;
	/* That it cannot be read is no reason to show no archives. */
	app_unfinished(l->app, l->server, &l->unfinished, NULL);
	if (app_archives_each(l->app, job, found, l, &l->list, e) == -1)
		return -1;
	l->whys = mem_array(l->list.n + 1, sizeof *l->whys);
	app_prune_judge(l->app, &l->list, l->whys);
	return 0;
}

static void free_load(void *arg)
{
	struct load *l = arg;

	app_archives_done(&l->list);
	app_unfinished_done(&l->unfinished);
	free(l->whys);
	free(l->server);
	free(l);
}

/* While the first list comes in: an archive that is new, or has been looked at. Later lists take the place of the old one as a whole. */
static void took(struct view *v, struct task *t, void *item)
{
	struct view_archives *a = self(v);
	struct app_archive *new = item;
	size_t i = 0;

	(void)t;
	while (
	    !a->loaded && i < a->list.n &&
	    (strcmp(a->list.list[i].name, new->name) != 0 || strcmp(a->list.list[i].store, new->store) != 0))
		i++;
	if (!a->loaded && i == a->list.n) {
		a->list.list = mem_grow(a->list.list, &a->cap, a->list.n + 1, sizeof *a->list.list);
		a->list.list[a->list.n++] = (struct app_archive){ 0 };
		if (a->list.n == 1)
			list_select(&v->list, ARCHIVES_FIRST);
	}
	if (!a->loaded) {
		struct app_archive old = a->list.list[i];

		a->list.list[i] = *new;
		*new = old;
	}
	app_archive_free(new);
}

/* The cursor stays on the archive it was on. */
static void replace(struct view_archives *a, struct load *l)
{
	const struct app_archive *was = archives_selected(a);
	char *name = mem_strdup(was != NULL ? was->name : NULL);
	size_t at = ARCHIVES_FIRST;

	if (archives_selected_live(a))
		at = 0;
	app_archives_done(&a->list);
	a->list = l->list;
	a->cap = a->list.n;
	l->list = (struct app_archives){ 0 };
	free(a->whys);
	a->whys = l->whys;
	l->whys = NULL;
	archives_choose_columns(a);
	for (size_t i = 0; name != NULL && i < a->list.n; i++)
		if (strcmp(a->list.list[i].name, name) == 0)
			at = i + ARCHIVES_FIRST;
	list_moved(&a->view.list, at);
	free(name);
}

/* ---- the first minute ---- */

static void took_check(struct view *v, struct task *t, void *item)
{
	(void)t;
	first_look_add(&self(v)->look, item);
}

static void looked(struct view *v, struct task *t)
{
	struct first_look *f = &self(v)->look;

	f->running = false;
	f->done = t->rc == 0;
}

/* Only where there is nothing else to show. */
static void look_around(struct view_archives *a)
{
	if (a->look.running || (a->failed.code != ERR_NONE && a->failed.code != ERR_NOT_FOUND))
		return;
	first_look_free(&a->look);
	a->look.running = checks_start(a->view.console, &a->view, took_check, looked) != NULL;
}

static void tell_unfinished(struct view_archives *a)
{
	const struct app_unfinished_restore *u = &a->unfinished.list[0];
	char n[40], when[32];

	console_say(a->view.console, STYLE_WARN,
	    "A restore of %s from %s, begun %s was cut off. R plans what is left of it",
	    str_count(n, sizeof n, u->n, "mailbox", "mailboxes"), u->archive,
	    clock_local(when, sizeof when, u->begun));
}

static void tell_away(struct view_archives *a, size_t before)
{
	const struct app_store_away *s = &a->list.away[0];

	if (a->list.n > 0 && a->list.n_away > before)
		console_say(a->view.console, STYLE_WARN, "Store %s is away: %s", s->store, s->what);
}

static void stood(struct view *v, struct task *t)
{
	start_status_take(t, &self(v)->standing);
}

static void loaded(struct view *v, struct task *t)
{
	struct view_archives *a = self(v);
	struct load *l = t->spec.arg;
	size_t n_away = a->list.n_away;

	a->loading = false;
	a->loaded = true;
	a->failed = t->err;
	if (t->rc == 0) {
		a->failed.code = ERR_NONE;
		replace(a, l);
	} else {
		/* That it is gone is another matter than that it is not there yet. */
		if (l->list.n_away > 0 && l->list.away[0].state == STORE_GONE)
			a->failed.code = ERR_SYS;
		if (a->list.n > 0)
			console_fail(v->console, &t->err);
	}
	if (t->rc == 0)
		tell_away(a, n_away);
	if (a->list.n + a->list.n_away == 0)
		look_around(a);
	app_unfinished_done(&a->unfinished);
	a->unfinished = l->unfinished;
	l->unfinished = (struct app_unfinished){ 0 };
	if (a->unfinished.n > 0)
		tell_unfinished(a);
	/* The list may have told what was not known on this host before. */
	start_status_load(v->console, v, stood);
	if (a->again)
		archives_reload(a);
	a->again = false;
}

void archives_reload(struct view_archives *a)
{
	struct buf command = BUF_INIT;
	struct load *l;

	if (a->loading)
		return;
	l = mem_alloc(sizeof *l);
	l->app = console_app(a->view.console);
	l->server = mem_strdup(console_server(a->view.console));
	shell_begin(&command, a->view.console, "archives");
	a->loading = console_start(a->view.console, &(struct task_spec){ .title = "list archives",
							.command = buf_text(&command),
							.run = load,
							.arg = l,
							.free_arg = free_load,
							.owner = &a->view,
							.took = took,
							.done = loaded }) != NULL;
	buf_done(&command);
	start_status_load(a->view.console, &a->view, stood);
}
