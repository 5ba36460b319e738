/* cases.c: the restores there were, and what came of each. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/names.h"
#include "app/words.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/case.h"

#define RECEIPT_MAX ((size_t)256 << 20)
#define NAMED       3

static char *what_of(const struct names *names, const struct restore_request *r)
{
	struct buf b = BUF_INIT, name = BUF_INIT;
	char n[40];

	buf_printf(&b, "%s, ", restore_mode_name(r->mode));
	if (r->user != NULL) {
		buf_str(&b, "user ");
		str_safe_buf(&b, r->user, strlen(r->user));
	} else if (r->n_mailboxes > NAMED) {
		buf_printf(&b, "%s: ", str_count(n, sizeof n, r->n_mailboxes, "mailbox", "mailboxes"));
	}
	for (size_t i = 0; r->user == NULL && i < r->n_mailboxes && i < NAMED; i++) {
		buf_clear(&name);
		names_show(names, r->mailboxes[i], &name);
		buf_str(&b, i > 0 ? ", " : "");
		str_safe_buf(&b, buf_text(&name), name.len);
	}
	if (r->user == NULL && r->n_mailboxes > NAMED)
		buf_str(&b, ", ...");
	if (r->user == NULL && r->recursive)
		buf_str(&b, " and below");
	buf_done(&name);
	return buf_steal(&b);
}

static char *next_of(struct app *app, const char *server, const struct case_info *i)
{
	struct buf b = BUF_INIT;

	if (i->state != CASE_OPEN && i->state != CASE_DONE)
		return NULL;
	app_command_begin(&b, app, server, "restore");
	app_command_add(&b, i->state == CASE_OPEN ? "--resume" : "--undo");
	app_command_add(&b, i->id);
	return buf_steal(&b);
}

static int open_first(const void *a, const void *b)
{
	const struct case_info *x = &((const struct app_case *)a)->info,
			       *y = &((const struct app_case *)b)->info;

	if ((x->state == CASE_OPEN) != (y->state == CASE_OPEN))
		return x->state == CASE_OPEN ? -1 : 1;
	if (x->begun != y->begun)
		return x->begun > y->begun ? -1 : 1;
	return strcmp(y->id, x->id);
}

int app_cases(struct app *app, const char *server, struct app_cases *ret, struct err *e)
{
	const struct conf_server *s = conf_find_server(app_conf(app), server, e);
	struct names names = { 0 };
	struct case_list l;

	*ret = (struct app_cases){ 0 };
	if (s == NULL || case_list(app_conf(app)->state_directory, s->name, &l, e) == -1)
		return -1;
	names_init(&names, app, server, NULL);
	ret->list = mem_array(l.n + 1, sizeof *ret->list);
	for (; ret->n < l.n; ret->n++) {
		struct app_case *c = &ret->list[ret->n];

		/* The list's own from now on. */
		c->info = l.list[ret->n];
		l.list[ret->n] = (struct case_info){ 0 };
		c->what = what_of(&names, &c->info.request);
		c->next = next_of(app, server, &c->info);
	}
	names_done(&names);
	case_list_done(&l);
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, open_first);
	return 0;
}

void app_cases_done(struct app_cases *l)
{
	for (size_t i = 0; i < l->n; i++) {
		case_info_done(&l->list[i].info);
		free(l->list[i].what);
		free(l->list[i].next);
	}
	free(l->list);
	*l = (struct app_cases){ 0 };
}

int app_case_receipt(struct app *app, const char *word, bool json, struct buf *b, struct err *e)
{
	const char *directory = app_conf(app)->state_directory;
	char *id = case_id_of(word), *path = NULL;
	struct case_info i;
	struct err why;
	int rc = -1;

	if (id == NULL) {
		err_set(e, ERR_NOT_FOUND, "%s is no name of a case", word);
		return err_hint(e, "cyrvault cases lists them");
	}
	if (case_read(directory, id, &i, e) == 0) {
		path = mem_printf("%s/cases/%s/receipt.%s", directory, id, json ? "json" : "txt");
		rc = io_read_file(AT_FDCWD, path, RECEIPT_MAX, b, &why);
		if (rc == -1 && why.code == ERR_NOT_FOUND) {
			err_set(e, ERR_NOT_FOUND, "case %s has no receipt: its restore was cut off", id);
			err_hint(e, "cyrvault restore --resume %s goes on with it", id);
		} else if (rc == -1 && e != NULL) {
			*e = why;
		}
		case_info_done(&i);
	}
	free(path);
	free(id);
	return rc;
}
