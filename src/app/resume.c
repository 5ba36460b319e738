/* resume.c: the restores that were cut off, and how each goes on. */
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/lock.h"
#include "app/words.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/case.h"

static char *make_command(struct app *app, const char *server, const char *id)
{
	struct buf b = BUF_INIT;

	app_command_begin(&b, app, server, "restore");
	app_command_add(&b, "--resume");
	app_command_add(&b, id);
	return buf_steal(&b);
}

static void take(
    struct app *app, const char *server, const struct case_info *i, struct app_unfinished_restore *r)
{
	*r = (struct app_unfinished_restore){ .id = mem_strdup(i->id),
		.archive = mem_strdup(i->archive),
		.user = mem_strdup(i->request.user),
		.begun = i->begun,
		.mailboxes = mem_array(i->n_boxes + i->request.n_mailboxes + 1, sizeof(char *)),
		.command = make_command(app, server, i->id) };
	for (size_t k = 0; k < i->n_boxes; k++)
		r->mailboxes[r->n++] = mem_strdup(i->boxes[k].name);
	/* What state still differs is not known of each mailbox. */
	for (size_t k = 0; k < i->request.n_mailboxes && i->n_boxes == 0; k++)
		r->mailboxes[r->n++] = mem_strdup(i->request.mailboxes[k]);
}

int app_unfinished(struct app *app, const char *server, struct app_unfinished *ret, struct err *e)
{
	const struct conf *c = app_conf(app);
	const struct conf_server *s = conf_find_server(c, server, e);
	struct case_list l;
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
	if (case_list(c->state_directory, s->name, &l, e) == -1)
		return -1;
	ret->list = mem_array(l.n + 1, sizeof *ret->list);
	for (size_t i = 0; i < l.n; i++)
		if (l.list[i].state == CASE_OPEN)
			take(app, server, &l.list[i], &ret->list[ret->n++]);
	case_list_done(&l);
	return 0;
}

void app_unfinished_done(struct app_unfinished *u)
{
	for (size_t i = 0; i < u->n; i++) {
		struct app_unfinished_restore *r = &u->list[i];

		for (size_t k = 0; k < r->n; k++)
			free(r->mailboxes[k]);
		free(r->mailboxes);
		free(r->id);
		free(r->archive);
		free(r->user);
		free(r->command);
	}
	free(u->list);
	*u = (struct app_unfinished){ 0 };
}

/* The open one that ${word} names, or the last. */
static int find_open(
    const struct conf *conf, const char *server, const char *word, struct case_info *ret, struct err *e)
{
	char *id = word != NULL ? case_id_of(word) : NULL;
	const struct case_info *last;
	struct case_list l;
	int rc = -1;

	if (word != NULL && id == NULL) {
		err_set(e, ERR_NOT_FOUND, "%s is no name of a case", word);
		return err_hint(e, "cyrvault cases lists them");
	}
	if (id == NULL) {
		if (case_list(conf->state_directory, server, &l, e) == -1)
			return -1;
		last = case_last(&l, CASE_OPEN);
		id = last != NULL ? mem_strdup(last->id) : NULL;
		case_list_done(&l);
	}
	if (id == NULL)
		return err_set(e, ERR_NOT_FOUND, "no restore into %s was cut off", server);
	if (case_read(conf->state_directory, id, ret, e) == 0) {
		rc = 0;
		if (ret->state != CASE_OPEN || strcmp(ret->server, server) != 0) {
			rc = err_set(e, ERR_REFUSED, "case %s %s", id,
			    ret->state != CASE_OPEN ? "has come to its end: there is nothing to resume"
						    : "is of another server");
			case_info_done(ret);
		}
	}
	free(id);
	return rc;
}

int app_resume_plan(struct app *app, const char *server, const char *word, struct job *job,
    struct restore_plan **ret, struct err *e)
{
	const struct conf_server *c = conf_find_server(app_conf(app), server, e);
	struct case_info i;
	int rc;

	if (c == NULL || find_open(app_conf(app), c->name, word, &i, e) == -1)
		return -1;
	rc = app_plan(app, server, i.archive, &i.request, job, ret, e);
	if (rc == -1)
		err_wrap(e, "resume case %s", i.id);
	case_info_done(&i);
	return rc;
}
