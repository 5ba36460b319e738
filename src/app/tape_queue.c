/* tape_queue.c: which archives wait for their tape, and which of those on tape are in a store, too. */
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/tape_memory.h"
#include "core/mem.h"
#include "core/str.h"

static bool is_in_store(const struct app_archive *a)
{
	return strcmp(a->where, "away") != 0 && strcmp(a->where, "tape") != 0;
}

/* A copy that was found damaged is none. */
static bool waits(const struct conf_store *conf, const struct app_archive *a, const struct tape_marks *marks,
    const struct tape_copies *copies)
{
	const struct tape_mark *mark = tape_marks_find(marks, a->store, a->name);
	const struct tape_copy *copy = tape_copies_find(copies, a->store, a->name);

	if (mark != NULL)
		return mark->add;
	return conf->tape != NULL && (copy == NULL || copy->damaged != 0);
}

static int oldest_first(const void *x, const void *y)
{
	const struct tape_waiting *a = x, *b = y;

	if (a->when != b->when)
		return a->when < b->when ? -1 : 1;
	return strcmp(a->archive, b->archive);
}

static void add(
    struct tape_queue *q, size_t *cap, const struct app_archive *a, const struct conf_store *conf, bool added)
{
	q->list = mem_grow(q->list, cap, q->n + 1, sizeof *q->list);
	q->list[q->n++] = (struct tape_waiting){ .archive = mem_strdup(a->name),
		.store = mem_strdup(a->store),
		.tape = mem_strdup(conf->tape != NULL ? conf->tape : ""),
		.size_bytes = a->size_bytes,
		.when = a->when,
		.added = added };
	q->bytes += a->size_bytes;
}

static void choose(struct app *app, const struct app_archives *l, const struct tape_marks *marks,
    const struct tape_copies *copies, struct tape_queue *ret)
{
	size_t cap = 0;

	for (size_t i = 0; i < l->n; i++) {
		const struct app_archive *a = &l->list[i];
		const struct conf_store *conf = conf_find_store(app_conf(app), a->store, NULL);
		const struct tape_mark *mark;

		if (conf == NULL || !is_in_store(a) || !waits(conf, a, marks, copies))
			continue;
		mark = tape_marks_find(marks, a->store, a->name);
		if (mark == NULL &&
		    (!a->readable || a->damaged || a->kind != ARCHIVE_OURS || a->health == HEALTH_UNCHECKED))
			ret->unverified++;
		else
			add(ret, &cap, a, conf, mark != NULL);
	}
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, oldest_first);
}

int tape_queue(struct app *app, struct job *job, struct tape_queue *ret, struct err *e)
{
	struct app_archives l = { 0 };
	struct tape_marks marks = { 0 };
	struct tape_copies copies = { 0 };
	int rc = -1;

	*ret = (struct tape_queue){ 0 };
	if (tape_marks_read(app, &marks, e) == 0 && tape_copies(app, &copies, e) == 0)
		rc = archives_list(app, job, true, NULL, NULL, &l, e);
	if (rc == 0)
		choose(app, &l, &marks, &copies, ret);
	ret->away = l.away;
	ret->n_away = l.n_away;
	l.away = NULL;
	l.n_away = 0;
	app_archives_done(&l);
	tape_marks_done(&marks);
	tape_copies_done(&copies);
	return rc;
}

void tape_queue_done(struct tape_queue *q)
{
	for (size_t i = 0; i < q->n; i++) {
		free(q->list[i].archive);
		free(q->list[i].store);
		free(q->list[i].tape);
	}
	for (size_t i = 0; i < q->n_away; i++)
		archives_store_away_done(&q->away[i]);
	free(q->list);
	free(q->away);
	*q = (struct tape_queue){ 0 };
}

/* ---- by name ---- */

int tape_find_archive(
    struct app *app, const char *archive, struct job *job, struct app_archive **ret, struct err *e)
{
	const struct app_archive *found = NULL;
	struct app_archives l = { 0 };
	int rc = archives_list(app, job, false, NULL, NULL, &l, e);

	*ret = NULL;
	for (size_t i = 0; i < l.n && rc == 0; i++) {
		const struct app_archive *a = &l.list[i];
		bool exact = strcmp(a->name, archive) == 0;

		if (!is_in_store(a) || !(strcmp(archive, "latest") == 0 ? found == NULL && a->server != NULL
									: str_starts(a->name, archive)))
			continue;
		if (found != NULL && !exact && strcmp(found->name, a->name) != 0) {
			if (strcmp(found->name, archive) != 0)
				rc = err_set(
				    e, ERR_USAGE, "%s may be %s or %s", archive, found->name, a->name);
			continue;
		}
		if (found == NULL || exact)
			found = a;
	}
	if (rc == 0 && found == NULL) {
		rc = err_set(e, ERR_NOT_FOUND, "no archive %s is in a store", archive);
		err_hint(e, "cyrvault archives lists all");
	}
	if (rc == 0)
		*ret = app_archive_copy(found);
	app_archives_done(&l);
	return rc;
}

static int mark(struct app *app, const char *archive, bool add_it, struct job *job, char **ret, struct err *e)
{
	struct app_archive *a;
	int rc;

	*ret = NULL;
	if (tape_find_archive(app, archive, job, &a, e) == -1)
		return -1;
	rc = tape_marks_set(app, a->store, a->name, add_it, e);
	if (rc == 0)
		*ret = mem_strdup(a->name);
	app_archive_free(a);
	return rc;
}

int tape_queue_add(struct app *app, const char *archive, struct job *job, char **ret, struct err *e)
{
	return mark(app, archive, true, job, ret, e);
}

int tape_queue_drop(struct app *app, const char *archive, struct job *job, char **ret, struct err *e)
{
	return mark(app, archive, false, job, ret, e);
}

int tape_live(struct app *app, const struct tape_copies *list, struct job *job, bool *ret, struct err *e)
{
	struct app_archives l = { 0 };
	int rc = 0;

	/* That no store answers says nothing against a list of tapes. */
	if (archives_list(app, job, false, NULL, NULL, &l, NULL) == -1 && job_cancelled(job, e))
		rc = -1;
	for (size_t i = 0; i < list->n; i++) {
		ret[i] = false;
		for (size_t k = 0; k < l.n && !ret[i]; k++)
			ret[i] = is_in_store(&l.list[k]) &&
			         strcmp(l.list[k].name, list->list[i].archive) == 0 &&
			         l.list[k].size_bytes == list->list[i].size_bytes;
	}
	app_archives_done(&l);
	return rc;
}
