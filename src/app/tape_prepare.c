/* tape_prepare.c: which tape is in the drive, whether it may be written to, and where. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/tape_memory.h"
#include "app/tape_write.h"
#include "archive/tape_store.h"
#include "archive/tape_tar.h"
#include "core/mem.h"
#include "core/str.h"

static size_t count(const struct tape_writer *w, const char *label)
{
	size_t n = 0;

	for (size_t i = 0; i < w->copies.n; i++)
		n += strcmp(w->copies.list[i].label, label) == 0;
	return n;
}

char *tape_next_label(const struct tape_writer *w)
{
	const char *name =
	    tape_label_ok(w->conf->name) && strlen(w->conf->name) < 50 ? w->conf->name : "tape";
	unsigned next = 1;

	for (size_t i = 0; i < w->copies.n; i++) {
		const char *label = w->copies.list[i].label;
		uint64_t number;

		if (str_starts(label, name) && label[strlen(name)] == '-' &&
		    str_u64(label + strlen(name) + 1, 99999999, &number) == 0 && number >= next)
			next = (unsigned)number + 1;
	}
	return mem_printf("%s-%04u", name, next);
}

/* The label that was asked for; of tapes that follow a full one none was. */
static const char *asked_label(const struct tape_writer *w)
{
	return w->full == NULL ? w->request->label : NULL;
}

static void set_tape(struct tape_writer *w, const char *label, uint64_t file, uint64_t offset)
{
	const char *box = w->request->box != NULL ? w->request->box : "";

	for (size_t i = 0; i < w->copies.n && w->request->box == NULL; i++)
		if (strcmp(w->copies.list[i].label, label) == 0)
			box = w->copies.list[i].box;
	label = mem_strdup(label);
	box = mem_strdup(box);
	free(w->label);
	free(w->box);
	w->label = (char *)(uintptr_t)label;
	w->box = (char *)(uintptr_t)box;
	w->file = file;
	w->offset_bytes = offset;
}

/* Nothing is written over without a person's word. ${label} NULL: what is there is not ours. */
static int may_overwrite(struct tape_writer *w, const char *label, const char *device, struct err *e)
{
	char answer[8] = "", n[40], title[512];
	struct buf text = BUF_INIT;
	struct question q = { .title = title, .prompt = "Overwrite it", .yes_no = true };
	size_t lost = 0;
	int rc;

	for (size_t i = 0; i < w->copies.n && label != NULL; i++)
		lost += strcmp(w->copies.list[i].label, label) == 0;
	if (label != NULL)
		snprintf(title, sizeof title, "Tape %s will be begun anew", label);
	else
		snprintf(title, sizeof title, "What is in %s is not a tape of cyrvault's", device);
	if (lost > 0)
		buf_printf(&text, "%s on it will be lost and forgotten",
		    str_count(n, sizeof n, lost, "archive", "archives"));
	else
		buf_str(&text, "All that is on it will be lost");
	q.text = buf_text(&text);
	rc = job_ask(w->job, &q, answer, sizeof answer, e);
	if (rc == 0) {
		err_set(e, ERR_REFUSED, "%s: %s", title, buf_text(&text));
		rc = err_hint(e, "say --yes, if that is what you want");
	} else if (rc == 1 && strcmp(answer, "yes") != 0) {
		rc = err_set(e, ERR_CANCELLED, "%s is left as it is", device);
	}
	buf_done(&text);
	return rc == 1 ? 0 : -1;
}

static int forget(struct tape_writer *w, const char *label, struct err *e)
{
	for (size_t i = 0; i < w->copies.n; i++)
		if (strcmp(w->copies.list[i].label, label) == 0 &&
		    tape_forget_copy(w->app, &w->copies.list[i], e) == -1)
			return -1;
	tape_copies_done(&w->copies);
	return tape_copies(w->app, &w->copies, e);
}

/* Begin the tape anew. */
static int overwrite(struct tape_writer *w, const char *label, const char *device, struct err *e)
{
	char *next = asked_label(w) != NULL ? mem_strdup(asked_label(w))
	             : label != NULL        ? mem_strdup(label)
	                                    : tape_next_label(w);
	int rc = may_overwrite(w, label, device, e);

	if (rc == 0 && label != NULL)
		rc = forget(w, label, e);
	if (rc == 0 && (label == NULL || strcmp(label, next) != 0) && count(w, next) > 0)
		rc = err_set(e, ERR_REFUSED,
		    "tape %s is remembered, with %zu archives: another tape cannot be called so", next,
		    count(w, next));
	if (rc == 0)
		set_tape(w, next, 0, 0);
	free(next);
	return rc;
}

/* Behind what is remembered of the tape in the drive. 1 done; 0 another tape must be asked for (${why}); -1. */
static int append(struct tape_writer *w, const struct tape_seen *seen, struct err *why, struct err *e)
{
	const struct tape_copy *last = NULL, *first = NULL;
	const struct tape_label *l = &seen->label;

	for (size_t i = 0; i < w->copies.n; i++) {
		const struct tape_copy *c = &w->copies.list[i];

		if (strcmp(c->label, l->label) != 0)
			continue;
		first = c->file == 0 ? c : first;
		last = c; /* they are in order */
	}
	if (last == NULL &&
	    (seen->state == TAPE_UNFINISHED || tape_was_begun(w->app, l->label, l->archive))) {
		set_tape(w, l->label, 0, 0);
		return 1;
	}
	if (last == NULL) {
		err_set(e, ERR_REFUSED, "tape %s is in the drive, and nothing is remembered of it", l->label);
		return err_hint(e, "cyrvault tape verify takes it into memory; --overwrite begins it anew");
	}
	if (first != NULL && (strcmp(first->archive, l->archive) != 0 || first->written != l->written)) {
		err_set(why, ERR_NOT_FOUND, "the tape in it is called %s, too, but is another one", l->label);
		return 0;
	}
	set_tape(w, l->label, last->file + 1, last->offset_bytes + last->stored_bytes);
	return 1;
}

/* As append(), of what was seen at the tape's beginning. */
static int judge(
    struct tape_writer *w, const struct tape_seen *seen, const char *device, struct err *why, struct err *e)
{
	const char *asked = asked_label(w), *label = seen->state >= TAPE_LABELLED ? seen->label.label : NULL;
	char *next;

	if (seen->state == TAPE_OTHER) {
		if (w->request->overwrite)
			return overwrite(w, NULL, device, e) == 0 ? 1 : -1;
		err_set(e, ERR_REFUSED, "what is in %s is not a tape of cyrvault's, and not empty", device);
		return err_hint(e, "--overwrite begins it anew; what is on it is lost");
	}
	if (label != NULL && w->full != NULL && strcmp(label, w->full) == 0) {
		err_set(why, ERR_SPACE, "tape %s is still in it, %s", label, w->why_full);
		return 0;
	}
	if (label != NULL && w->request->overwrite)
		return overwrite(w, label, device, e) == 0 ? 1 : -1;
	if (label != NULL && asked != NULL && strcmp(asked, label) != 0) {
		err_set(why, ERR_NOT_FOUND, "tape %s is in it", label);
		return 0;
	}
	if (label != NULL)
		return append(w, seen, why, e);
	if (asked != NULL && count(w, asked) > 0 && !w->request->overwrite) {
		err_set(why, ERR_NOT_FOUND, "the tape in it is empty, and tape %s is not", asked);
		return 0;
	}
	next = asked != NULL ? mem_strdup(asked) : tape_next_label(w);
	set_tape(w, next, 0, 0);
	free(next);
	return 1;
}

/* A FIFO or a command does not show what it will write to. */
static int prepare_blind(struct tape_writer *w, const struct drive *d, struct err *e)
{
	bool goes_on = drive_tells_files(d, true);
	const struct tape_copy *newest = NULL;
	char *label = mem_strdup(asked_label(w));
	uint64_t file = 0;
	int rc = 0;

	for (size_t i = 0; i < w->copies.n; i++) {
		const struct tape_copy *c = &w->copies.list[i];

		if (strcmp(c->tape, w->conf->name) == 0 && (newest == NULL || c->written >= newest->written))
			newest = c;
	}
	if (label == NULL)
		label = goes_on && newest != NULL && w->full == NULL ? mem_strdup(newest->label)
		                                                     : tape_next_label(w);
	for (size_t i = 0; i < w->copies.n; i++)
		if (strcmp(w->copies.list[i].label, label) == 0)
			file = w->copies.list[i].file + 1;
	if (file > 0 && w->request->overwrite) {
		rc = overwrite(w, label, drive_name(d), e);
	} else if (file > 0 && !goes_on) {
		err_set(e, ERR_REFUSED, "tape %s holds an archive already, and %s takes one", label,
		    drive_name(d));
		rc = err_hint(e, "give another --label, or --overwrite");
	} else {
		set_tape(w, label, file, 0);
	}
	free(label);
	return rc;
}

/* What stands at the beginning of the tape. */
static int look(
    struct tape_writer *w, struct drive *d, struct tape_seen *seen, struct err *why, struct err *e)
{
	*seen = (struct tape_seen){ .state = TAPE_EMPTY };
	if (drive_read_from(d, 0, 0, why) == -1) {
		if (drive_kind(d) == DRIVE_FILE && why->code == ERR_NOT_FOUND)
			return 0;
		job_cancelled(w->job, e);
		return -1;
	}
	return tape_tar_read(d, false, w->job, seen, why);
}

static int ask(struct tape_writer *w, const char *device, const char *why, struct err *e)
{
	const char *label = asked_label(w) != NULL ? asked_label(w) : "";

	return tape_ask(w->job, label, "", device, why, e);
}

int tape_prepare(struct tape_writer *w, struct err *e)
{
	struct drive_opts o;
	int rc = 0;

	tape_drive(w->conf, w->request->device, NULL, w->job, &o);
	if (w->full != NULL) {
		char *why = mem_printf("tape %s %s", w->full, w->why_full);

		rc = ask(w, tape_drive_words(&o), why, e);
		free(why);
	}
	while (rc == 0) {
		struct tape_seen seen = { 0 };
		struct err why = { 0 };
		struct drive *d = NULL;

		if (drive_new(&o, &d, e) == -1)
			return -1;
		if (drive_kind(d) == DRIVE_FIFO || drive_kind(d) == DRIVE_COMMAND) {
			rc = prepare_blind(w, d, e);
			drive_free(d);
			return rc;
		}
		if (look(w, d, &seen, &why, e) == 0)
			rc = judge(w, &seen, drive_name(d), &why, e);
		else if (job_cancelled(w->job, e))
			rc = -1;
		else if (w->request->overwrite && drive_kind(d) == DRIVE_TAPE)
			/* What cannot be read can still be written to. */
			rc = overwrite(w, NULL, drive_name(d), e) == 0 ? 1 : -1;
		tape_seen_done(&seen);
		drive_free(d);
		if (rc == 0)
			rc = ask(w, tape_drive_words(&o), why.msg, e);
		else if (rc == 1)
			return 0;
	}
	return -1;
}
