/* resume.c: the restores that were cut off, and the command that finishes each. */
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/lock.h"
#include "app/names.h"
#include "app/unfinished.h"
#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"

/* With more names than these, the one that all others lie below stands for them. */
#define NAMES_WRITTEN 8

static bool has_one_root(const struct app_unfinished_restore *r)
{
	for (size_t i = 1; i < r->n; i++)
		if (!mboxname_is_below(r->mailboxes[i], r->mailboxes[0]))
			return false;
	return true;
}

static char *make_command(
    const struct app_unfinished_restore *r, struct app *app, const char *server, const struct names *names)
{
	bool recursive = r->user == NULL && r->n > NAMES_WRITTEN && has_one_root(r), ended = false;
	struct buf b = BUF_INIT, name = BUF_INIT;
	size_t n = r->user != NULL ? 0 : recursive ? 1 : r->n;

	app_command_begin(&b, app, server, "restore");
	if (r->moved)
		app_command_add(&b, "--moved");
	if (r->mark != NULL) {
		app_command_add(&b, "--mark");
		app_command_add(&b, r->mark);
	}
	if (recursive)
		app_command_add(&b, "--recursive");
	app_command_add(&b, r->archive != NULL ? r->archive : "ARCHIVE");
	if (r->user != NULL) {
		app_command_add(&b, "--user");
		app_command_add(&b, r->user);
	}
	for (size_t i = 0; i < n; i++) {
		buf_clear(&name);
		names_typed(names, r->mailboxes[i], &name);
		if (!ended && buf_text(&name)[0] == '-') {
			app_command_add(&b, "--");
			ended = true;
		}
		app_command_add(&b, buf_text(&name));
	}
	buf_done(&name);
	return buf_steal(&b);
}

static bool same_text(const char *a, const char *b)
{
	return strcmp(a != NULL ? a : "", b) == 0;
}

/* Lines of one restore stand together. */
static void group(const struct unfinished *u, struct app_unfinished *ret)
{
	size_t cap = 0, cap_names = 0;

	for (size_t i = 0; i < u->n; i++) {
		const struct unfinished_line *l = &u->lines[i];
		struct app_unfinished_restore *r = ret->n > 0 ? &ret->list[ret->n - 1] : NULL;

		if (r == NULL || r->begun != l->begun || !same_text(r->archive, l->archive) ||
		    !same_text(r->user, l->user) || !same_text(r->mark, l->mark) || r->moved != l->moved) {
			ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
			r = &ret->list[ret->n++];
			*r = (struct app_unfinished_restore){ .begun = l->begun };
			r->archive = l->archive[0] != '\0' ? mem_strdup(l->archive) : NULL;
			r->user = l->user[0] != '\0' ? mem_strdup(l->user) : NULL;
			r->mark = l->mark[0] != '\0' ? mem_strdup(l->mark) : NULL;
			r->moved = l->moved;
			cap_names = 0;
		}
		r->mailboxes = mem_grow(r->mailboxes, &cap_names, r->n + 1, sizeof *r->mailboxes);
		r->mailboxes[r->n++] = mem_strdup(u->names[i]);
	}
}

int app_unfinished(struct app *app, const char *server, struct app_unfinished *ret, struct err *e)
{
	const struct conf *c = app_conf(app);
	const struct conf_server *s = conf_find_server(c, server, e);
	struct names names = { 0 };
	struct unfinished u;
	char *holder;
	bool running;

	*ret = (struct app_unfinished){ 0 };
	if (s == NULL)
		return -1;
	holder = lock_holder(c->lock_directory, s->name);
	running = holder != NULL && str_starts(holder, "restore");
	free(holder);
	if (running)
		return 0;
	if (unfinished_read(c->state_directory, s->name, &u, e) == -1)
		return -1;
	group(&u, ret);
	unfinished_done(&u);
	if (ret->n > 0 && app_server(app, server, &names.server, NULL) == 0)
		names.conf = names.server->conf;
	for (size_t i = 0; i < ret->n; i++)
		ret->list[i].command = make_command(&ret->list[i], app, server, &names);
	names_done(&names);
	return 0;
}

void app_unfinished_done(struct app_unfinished *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct app_unfinished_restore *r = &u->list[i];

		for (size_t k = 0; k < r->n; k++)
			free(r->mailboxes[k]);
		free(r->mailboxes);
		free(r->archive);
		free(r->user);
		free(r->mark);
		free(r->command);
	}
	free(u->list);
	*u = (struct app_unfinished){ 0 };
}
