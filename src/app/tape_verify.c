/* tape_verify.c: tapes read through and compared; tapes that are not remembered taken into memory. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/tape_drive.h"
#include "app/tape_memory.h"
#include "archive/tape_store.h"
#include "archive/tape_tar.h"
#include "core/clock.h"
#include "core/mem.h"

struct verifying {
	struct app *app;
	struct job *job;
	const struct tape_verify_request *request;
	const struct conf_tape *conf;
	struct tape_copies copies;
	tape_verdict_fn *each;
	void *arg;
	struct tape_verify_result *ret;
};

/* ---- one that is remembered ---- */

static int tell(struct verifying *v, const struct tape_copy *c, enum tape_verdict verdict, const char *why)
{
	v->ret->good += verdict == TAPE_GOOD;
	v->ret->taken += verdict == TAPE_TAKEN;
	v->ret->damaged += verdict == TAPE_DAMAGED;
	v->ret->bytes += verdict == TAPE_DAMAGED ? 0 : c->size_bytes;
	if (v->each != NULL)
		v->each(v->arg, c, verdict, why);
	return 0;
}

/* The drive with the tape of ${c} in it, asked for until it is. */
static int open_right(struct verifying *v, const struct tape_copy *c, struct drive **ret, struct err *e)
{
	struct drive_opts o;

	tape_drive(v->conf, v->request->device, c, v->job, &o);
	tape_drive_to_read(&o);
	for (;;) {
		struct tape_seen seen = { 0 };
		struct err why = { 0 };
		int rc = -1;

		if (drive_new(&o, ret, &why) == 0) {
			/* What gives one file a run would have to be begun twice; what it gives is looked at when it is read. */
			if (drive_kind(*ret) == DRIVE_FIFO || drive_kind(*ret) == DRIVE_COMMAND)
				return 0;
			rc = drive_read_from(*ret, 0, 0, &why);
			if (rc == 0)
				rc = tape_tar_read(*ret, false, v->job, &seen, &why);
			if (rc == 0 && seen.state >= TAPE_LABELLED &&
			    strcmp(seen.label.label, c->label) == 0) {
				tape_seen_done(&seen);
				return 0;
			}
			if (rc == 0)
				err_set(&why, ERR_NOT_FOUND,
				    seen.state >= TAPE_LABELLED ? "tape %s is in it" : "%s is in it",
				    seen.state >= TAPE_LABELLED ? seen.label.label
				    : seen.state == TAPE_EMPTY  ? "an empty tape"
								: "something else");
			tape_seen_done(&seen);
			drive_free(*ret);
			*ret = NULL;
		}
		if (job_cancelled(v->job, e) ||
		    tape_ask(v->job, c->label, c->box, tape_drive_words(&o), why.msg, e) == -1)
			return -1;
	}
}

/* Of one whose parts are gone or damaged they are read again. */
static int mend_parts(struct verifying *v, struct tape_copy *c, struct err *e)
{
	struct tape_copy bare = *c;
	struct store *store = NULL;
	int fd = tape_parts_open(v->app, c, NULL), rc;

	if (fd != -1) {
		close(fd);
		return tape_remember(v->app, c, -1, e);
	}
	bare.parts = NULL;
	bare.n_parts = 0;
	if (tape_open_copy(v->app, &bare, v->request->device, false, v->job, &store, e) == -1)
		return -1;
	rc = tape_take_parts(c, store, v->job, &fd, e);
	store_free(store);
	if (rc == 0) {
		rc = tape_remember(v->app, c, fd, e);
		close(fd);
	}
	return rc;
}

/* Closes the drive: a tape is opened by one at a time. */
static int verify_copy(struct verifying *v, struct drive *d, struct tape_copy *c, struct err *e)
{
	bool one_a_run = !drive_tells_files(d, false);
	struct err why = { 0 };
	int rc;

	job_step(v->job, "reading %s on tape %s", c->archive, c->label);
	rc = tape_read_back(d, c, v->job, &why);
	drive_free(d);
	if (job_cancelled(v->job, e))
		return -1;
	if (rc == -1 && why.code == ERR_NOT_FOUND && one_a_run) {
		if (e != NULL)
			*e = why;
		return err_wrap(e, "insert tape %s", c->label);
	}
	c->damaged = rc == 0 ? 0 : clock_now();
	c->verified = rc == 0 ? clock_now() : c->verified;
	if ((rc == 0 ? mend_parts(v, c, e) : tape_remember(v->app, c, -1, e)) == -1)
		return -1;
	return tell(v, c, rc == 0 ? TAPE_GOOD : TAPE_DAMAGED, rc == 0 ? NULL : why.msg);
}

/* ---- what is not remembered ---- */

static void copy_of(
    const struct verifying *v, const struct tape_seen *s, uint64_t offset, struct tape_copy *c)
{
	const struct tape_label *l = &s->label;

	*c = (struct tape_copy){ .archive = mem_strdup(l->archive),
		.store = mem_strdup(l->store),
		.url = mem_strdup(l->url),
		.server = mem_strdup(l->server),
		.tape = mem_strdup(v->conf->name),
		.label = mem_strdup(l->label),
		.box = mem_strdup(l->box),
		.file = l->file,
		.offset_bytes = offset,
		.stored_bytes = s->stored_bytes,
		.block_bytes = l->block_bytes,
		.data_offset = s->data_offset,
		.size_bytes = l->size_bytes,
		.mtime = l->mtime,
		.when = l->when,
		.written = l->written,
		.verified = clock_now() };
	memcpy(c->sha256, s->sha256, sizeof c->sha256);
}

static int take_in(struct verifying *v, const struct tape_seen *s, uint64_t offset, struct err *e)
{
	struct store *store = NULL;
	struct tape_copy c;
	int fd, rc;

	copy_of(v, s, offset, &c);
	rc = tape_open_copy(v->app, &c, v->request->device, false, v->job, &store, e);
	if (rc == 0)
		rc = tape_take_parts(&c, store, v->job, &fd, e);
	store_free(store);
	if (rc == 0) {
		rc = tape_remember(v->app, &c, fd, e);
		close(fd);
	}
	if (rc == 0)
		tell(v, &c, TAPE_TAKEN, NULL);
	tape_copy_done(&c);
	return rc;
}

/* From that file on, until nothing follows. */
static int look_on(struct verifying *v, const struct drive_opts *o, const char *label, uint64_t file,
    uint64_t offset, struct err *e)
{
	for (;; file++) {
		struct tape_seen s = { 0 };
		struct err why = { 0 };
		struct drive *d;
		int rc = drive_new(o, &d, e);

		if (rc == -1)
			return -1;
		rc = drive_read_from(d, file, offset, &why);
		if (rc == 0)
			rc = tape_tar_read(d, true, v->job, &s, &why);
		drive_free(d);
		if (job_cancelled(v->job, e)) {
			tape_seen_done(&s);
			return -1;
		}
		/* Behind the last file a drive has nothing to wind to. */
		if (rc == -1 || s.state < TAPE_LABELLED || strcmp(s.label.label, label) != 0 ||
		    s.label.file != file) {
			tape_seen_done(&s);
			return 0;
		}
		if (s.state == TAPE_WHOLE) {
			rc = take_in(v, &s, offset, e);
		} else if (s.state == TAPE_BAD) {
			struct tape_copy c;

			copy_of(v, &s, offset, &c);
			tell(v, &c, TAPE_DAMAGED, s.why.msg);
			tape_copy_done(&c);
		} else {
			v->ret->unfinished++;
		}
		offset += s.stored_bytes;
		if (rc == -1 || s.stored_bytes == 0) {
			tape_seen_done(&s);
			return rc;
		}
		tape_seen_done(&s);
	}
}

/* ---- a tape ---- */

static int verify_label(struct verifying *v, const char *label, struct err *e)
{
	struct tape_copy *last = NULL;
	struct drive_opts o;
	struct drive *d;
	bool more = false;
	int rc = 0;

	for (size_t i = 0; i < v->copies.n && rc == 0; i++) {
		struct tape_copy *c = &v->copies.list[i];

		if (strcmp(c->label, label) != 0)
			continue;
		last = c;
		rc = open_right(v, c, &d, e);
		if (rc == 0) {
			more = drive_kind(d) != DRIVE_COMMAND && drive_kind(d) != DRIVE_FIFO;
			rc = verify_copy(v, d, c, e);
		}
	}
	if (rc == -1 || !more)
		return rc;
	tape_drive(v->conf, v->request->device, last, v->job, &o);
	return look_on(v, &o, label, last->file + 1, last->offset_bytes + last->stored_bytes, e);
}

/* Whatever is in the drive. */
static int verify_there(struct verifying *v, struct err *e)
{
	struct tape_seen s = { 0 };
	struct drive_opts o;
	struct drive *d = NULL;
	bool known = false;
	int rc;

	tape_drive(v->conf, v->request->device, NULL, v->job, &o);
	tape_drive_to_read(&o);
	if (drive_new(&o, &d, e) == -1)
		return -1;
	if (drive_kind(d) == DRIVE_FIFO || drive_kind(d) == DRIVE_COMMAND) {
		drive_free(d);
		err_set(e, ERR_USAGE, "which tape is in it cannot be seen before it is read");
		return err_hint(e, "name the label or the archive: cyrvault tape verify L0007");
	}
	rc = drive_read_from(d, 0, 0, e);
	if (rc == 0)
		rc = tape_tar_read(d, false, v->job, &s, e);
	if (rc == 0 && s.state < TAPE_LABELLED) {
		err_set(e, s.state == TAPE_UNFINISHED ? ERR_DAMAGE : ERR_NOT_FOUND, "%s holds %s",
		    drive_name(d),
		    s.state == TAPE_EMPTY   ? "an empty tape"
		    : s.state == TAPE_OTHER ? "something that is not cyrvault's"
					    : "a tape to which nothing was written whole");
		rc = -1;
	}
	for (size_t i = 0; i < v->copies.n && rc == 0; i++)
		known = known || strcmp(v->copies.list[i].label, s.label.label) == 0;
	drive_free(d);
	if (rc == 0 && !known)
		rc = look_on(v, &o, s.label.label, 0, 0, e);
	else if (rc == 0)
		rc = verify_label(v, s.label.label, e);
	tape_seen_done(&s);
	return rc;
}

/* An archive: on the tape on which it was good last. */
static int verify_archive(struct verifying *v, const char *archive, struct err *e)
{
	const struct tape_copy *c = tape_copies_find(&v->copies, NULL, archive);
	struct drive *d = NULL;
	int rc = -1;

	if (c == NULL) {
		err_set(e, ERR_NOT_FOUND, "no tape %s, and no archive of that name on one, is remembered",
		    archive);
		return err_hint(
		    e, "cyrvault tape list lists all; cyrvault tape verify looks at what is in the drive");
	}
	if (open_right(v, c, &d, e) == 0)
		rc = verify_copy(v, d, &v->copies.list[c - v->copies.list], e);
	return rc;
}

int tape_verify(struct app *app, const struct tape_verify_request *request, struct job *job,
    tape_verdict_fn *each, void *arg, struct tape_verify_result *ret, struct err *e)
{
	struct verifying v = {
		.app = app, .job = job, .request = request, .each = each, .arg = arg, .ret = ret
	};
	const char *what = request->what, *tape = request->tape;
	bool label = false;
	uint64_t total = 0;
	int rc = -1, lock = -1;

	*ret = (struct tape_verify_result){ 0 };
	if (tape_copies(app, &v.copies, e) == -1)
		return -1;
	for (size_t i = 0; i < v.copies.n && what != NULL; i++) {
		const struct tape_copy *c = &v.copies.list[i];
		bool is = strcmp(c->label, what) == 0;

		label = label || is;
		total += is ? c->size_bytes : 0;
		if (tape == NULL && (is || strcmp(c->archive, what) == 0))
			tape = c->tape;
	}
	job_set_total(job, total);
	if (tape_conf(app, tape, &v.conf, e) == 0 && (lock = tape_lock(app, v.conf, "tape verify", e)) != -1)
		rc = what == NULL ? verify_there(&v, e)
		     : label      ? verify_label(&v, what, e)
		                  : verify_archive(&v, what, e);
	if (lock != -1)
		close(lock);
	tape_copies_done(&v.copies);
	return rc;
}

int tape_forget(struct app *app, const char *label, struct err *e)
{
	struct tape_copies l;
	int n = 0;

	if (tape_copies(app, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < l.n && n != -1; i++)
		if (strcmp(l.list[i].label, label) == 0)
			n = tape_forget_copy(app, &l.list[i], e) == -1 ? -1 : n + 1;
	tape_copies_done(&l);
	if (n != 0)
		return n;
	err_set(e, ERR_NOT_FOUND, "no tape %s is remembered", label);
	return err_hint(e, "cyrvault tape list lists all");
}
