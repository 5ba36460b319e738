/* tape_write.c: archives to tape, one after the other, each read back before it counts. */
#include "app/tape_write.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/tape_memory.h"
#include "archive/tape_label.h"
#include "core/mem.h"

/* What is to be written: the oldest first. */
static int choose(struct tape_writer *w, struct tape_queue *q, struct err *e)
{
	const struct tape_write_request *r = w->request;
	size_t kept = 0;

	if (r->n == 0) {
		if (tape_queue(w->app, w->job, q, e) == -1)
			return -1;
	} else {
		q->list = mem_array(r->n, sizeof *q->list);
	}
	for (size_t i = 0; i < r->n; i++) {
		const struct conf_store *conf;
		struct app_archive *a;

		if (tape_find_archive(w->app, r->archives[i], w->job, &a, e) == -1)
			return -1;
		conf = conf_find_store(app_conf(w->app), a->store, NULL);
		q->list[q->n++] = (struct tape_waiting){ .archive = mem_strdup(a->name),
			.store = mem_strdup(a->store),
			.tape = mem_strdup(conf != NULL && conf->tape != NULL ? conf->tape : ""),
			.size_bytes = a->size_bytes,
			.when = a->when,
			.added = true };
		app_archive_free(a);
	}
	for (size_t i = 1; i < q->n && r->n > 0; i++)
		for (size_t k = i; k > 0 && q->list[k].when < q->list[k - 1].when; k--) {
			struct tape_waiting t = q->list[k];

			q->list[k] = q->list[k - 1];
			q->list[k - 1] = t;
		}
	if (tape_conf(w->app, r->tape != NULL || q->n == 0 ? r->tape : q->list[0].tape, &w->conf, e) == -1)
		return -1;
	/* Those that wait for another drive go on waiting. */
	for (size_t i = 0; i < q->n; i++) {
		struct tape_waiting t = q->list[i];

		q->list[i] = q->list[kept];
		q->list[kept] = t;
		kept += r->n > 0 || t.tape[0] == '\0' || strcmp(t.tape, w->conf->name) == 0;
	}
	while (q->n > kept) {
		q->n--;
		free(q->list[q->n].archive);
		free(q->list[q->n].store);
		free(q->list[q->n].tape);
	}
	return 0;
}

/* A run that was broken off need not write it again. */
static bool is_there(const struct tape_writer *w, const struct tape_waiting *a)
{
	for (size_t i = 0; i < w->copies.n && w->label != NULL; i++) {
		const struct tape_copy *c = &w->copies.list[i];

		if (strcmp(c->archive, a->archive) == 0 && strcmp(c->store, a->store) == 0 &&
		    strcmp(c->label, w->label) == 0 && c->damaged == 0)
			return true;
	}
	return false;
}

static void is_full(struct tape_writer *w, const char *why)
{
	free(w->full);
	w->full = w->label;
	w->why_full = why;
	w->label = NULL;
}

/* With nobody to ask for the next tape: what was done, and what to insert. */
static int stopped(struct tape_writer *w, const struct tape_write_result *r, struct err *e)
{
	char *next = tape_next_label(w);
	struct drive_opts o;

	tape_drive(w->conf, w->request->device, NULL, w->job, &o);
	err_set(e, r->written > 0 ? ERR_PARTIAL : ERR_SPACE, "tape %s %s; %zu archives are not written yet",
	    w->full, w->why_full, r->left);
	err_hint(e, "insert the next tape (an empty one will be called %s) into %s, and run it again", next,
	    tape_drive_words(&o));
	free(next);
	return -1;
}

/* One archive, on as many tapes as must be tried. */
static int write_it(struct tape_writer *w, const struct tape_waiting *a, struct tape_write_result *r,
    tape_written_fn *written, void *arg, struct err *e)
{
	for (;;) {
		struct tape_copy copy = { 0 };
		struct err why = { 0 };
		int rc;

		if (w->label == NULL && tape_prepare(w, &why) == -1) {
			if (w->full != NULL && why.code == ERR_NOT_FOUND)
				return stopped(w, r, e);
			if (e != NULL)
				*e = why;
			return -1;
		}
		if (is_there(w, a))
			return 0;
		rc = tape_write_one(w, a, r, &copy, e);
		if (rc == 0) {
			r->written++;
			r->bytes += copy.size_bytes;
			if (written != NULL)
				written(arg, &copy);
		}
		tape_copy_done(&copy);
		if (rc != 1)
			return rc;
		if (w->file == 0 && w->offset_bytes == 0) {
			err_set(e, ERR_SPACE, "%s does not fit on tape %s, which holds nothing else",
			    a->archive, w->label);
			return err_hint(e, "nothing of it counts as written; use larger tapes");
		}
		is_full(w, "is full");
	}
}

/* After an archive was written: where the next one goes. */
static int go_on(struct tape_writer *w, struct err *e)
{
	struct drive_opts o;
	struct drive *d;

	tape_copies_done(&w->copies);
	if (tape_copies(w->app, &w->copies, e) == -1)
		return -1;
	tape_drive(w->conf, w->request->device, NULL, w->job, &o);
	if (drive_new(&o, &d, e) == -1)
		return -1;
	if (!drive_tells_files(d, true))
		is_full(w, "takes one archive");
	drive_free(d);
	for (size_t i = 0; i < w->copies.n && w->label != NULL; i++) {
		const struct tape_copy *c = &w->copies.list[i];

		if (strcmp(c->label, w->label) == 0) {
			w->file = c->file + 1;
			w->offset_bytes = c->offset_bytes + c->stored_bytes;
		}
	}
	return 0;
}

int tape_write(struct app *app, const struct tape_write_request *request, struct job *job,
    tape_written_fn *written, void *arg, struct tape_write_result *ret, struct err *e)
{
	struct tape_writer w = { .app = app, .job = job, .request = request };
	struct tape_queue q = { 0 };
	uint64_t total = 0;
	int rc = -1, lock = -1;

	*ret = (struct tape_write_result){ 0 };
	if (request->label != NULL && !tape_label_ok(request->label)) {
		err_set(e, ERR_USAGE, "\"%s\" cannot be the label of a tape", request->label);
		return err_hint(e, "up to 64 letters, digits, dots, - and _, such as L0007");
	}
	if (choose(&w, &q, e) == -1 || (q.n > 0 && (lock = tape_lock(app, w.conf, "tape write", e)) == -1) ||
	    tape_copies(app, &w.copies, e) == -1)
		goto out;
	ret->left = q.n;
	for (size_t i = 0; i < q.n; i++)
		total += 2 * q.list[i].size_bytes;
	job_set_total(job, total);
	rc = 0;
	for (size_t i = 0; i < q.n && rc == 0; i++) {
		rc = write_it(&w, &q.list[i], ret, written, arg, e);
		ret->left -= rc == 0;
		if (rc == 0)
			rc = go_on(&w, e);
	}
out:
	if (lock != -1)
		close(lock);
	free(w.label);
	free(w.box);
	free(w.full);
	tape_copies_done(&w.copies);
	tape_queue_done(&q);
	return rc;
}
