/* cmd_tape.c: cyrvault tape. */
#include "app/tape.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

static const struct cli_option options[] = {
	{ "add", 0, OPTION_TEXT, offsetof(struct cli_args, add), "ARCHIVE", "queue: let it wait, too" },
	{ "drop", 0, OPTION_TEXT, offsetof(struct cli_args, drop), "ARCHIVE",
	    "queue: let it wait no longer" },
	{ "tape", 0, OPTION_TEXT, offsetof(struct cli_args, tape), "NAME",
	    "the section [tape] of the drive" },
	{ "label", 0, OPTION_TEXT, offsetof(struct cli_args, label), "LABEL",
	    "write: that tape, or an empty one's name" },
	{ "box", 0, OPTION_TEXT, offsetof(struct cli_args, box), "BOX",
	    "write: where the tape will be kept" },
	{ "device", 0, OPTION_TEXT, offsetof(struct cli_args, device), "PATH",
	    "another device than the configured one" },
	{ "overwrite", 0, OPTION_FLAG, offsetof(struct cli_args, overwrite), NULL,
	    "write: begin the tape anew" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "done; nothing may have been waiting" },
	{ 1, "queue: a store could not be read (said on stderr)" },
	{ 10, "no such archive or label; or a tape must be inserted, with nobody to ask" },
	{ 11, "the drive is being written or read by another run" },
	{ 13, "what was read back is not what was written" },
	{ 14, "nothing fitted on the tape" },
	{ 15, "the tape is full; the same command goes on with the next one" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	int argc;
	char **argv;
	char *name;
	struct tape_queue queue;
	struct tape_copies copies;
	bool *live;
	struct tape_write_result written;
	struct tape_verify_result verified;
	int forgotten;
};

static void show_away(struct cli *c, const struct tape_queue *q)
{
	for (size_t i = 0; i < q->n_away; i++)
		printer_warn(c->out, "store %s: %s", q->away[i].store, q->away[i].what);
}

/* ---- queue ---- */

static const struct printer_column queue_columns[] = {
	{ "when", "DATE", false, 0, false, 0 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "name", "NAME", false, 22, false, 0 },
	{ "store", "STORE", false, 0, false, 1 },
	{ "tape", "TAPE", false, 0, true, 2 },
	{ "added", "", false, 0, true, 3 },
};

static int do_queue(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	const struct cli_args *a = &w->c->args;

	if (a->add != NULL)
		return tape_queue_add(w->c->app, a->add, job, &w->name, e);
	if (a->drop != NULL)
		return tape_queue_drop(w->c->app, a->drop, job, &w->name, e);
	return tape_queue(w->c->app, job, &w->queue, e);
}

static int run_queue(struct work *w, struct err *e)
{
	struct printer *out = w->c->out;
	const struct tape_queue *q = &w->queue;
	char n[40], size[16];

	if (w->c->args.add != NULL && w->c->args.drop != NULL)
		return err_set(e, ERR_USAGE, "--add and --drop at once mean nothing");
	if (progress_run(w->c, do_queue, w, e) == -1)
		return -1;
	if (w->name != NULL) {
		printer_say(out,
		    w->c->args.add != NULL ? "%s waits for its tape" : "%s does not wait for a tape any more",
		    w->name);
		printer_row(out, "summary");
		printer_string(out, "name", w->name);
		printer_bool(out, "waits", w->c->args.add != NULL);
		printer_row_end(out);
		return 0;
	}
	printer_table(out, queue_columns, sizeof queue_columns / sizeof queue_columns[0]);
	for (size_t i = 0; i < q->n; i++) {
		const struct tape_waiting *t = &q->list[i];

		printer_row(out, "waiting");
		printer_string(out, "name", t->archive);
		printer_string(out, "store", t->store);
		printer_string(out, "tape", t->tape[0] != '\0' ? t->tape : NULL);
		printer_time(out, "when", t->when);
		printer_size(out, "size_bytes", t->size_bytes);
		printer_bool(out, "added", t->added);
		printer_row_end(out);
	}
	printer_table_end(out);
	show_away(w->c, q);
	printer_say(out, "%s, %s, waiting for tape", str_count(n, sizeof n, q->n, "archive", "archives"),
	    str_size(size, sizeof size, q->bytes));
	if (q->unverified > 0)
		printer_say(out, "%s: not verified, so not waiting; --add lets them",
		    str_count(n, sizeof n, q->unverified, "further archive", "further archives"));
	printer_row(out, "summary");
	printer_number(out, "archives", q->n);
	printer_size(out, "bytes", q->bytes);
	printer_number(out, "unverified", q->unverified);
	printer_number(out, "unreachable_stores", q->n_away);
	printer_row_end(out);
	return q->n_away > 0 ? 1 : 0;
}

/* ---- copies ---- */

static void copy_row(struct printer *out, const char *type, const struct tape_copy *c)
{
	struct buf sha = BUF_INIT;

	str_hex(&sha, c->sha256, SHA256_SIZE);
	printer_row(out, type);
	printer_string(out, "label", c->label);
	printer_string(out, "box", c->box[0] != '\0' ? c->box : NULL);
	printer_number(out, "file", c->file);
	printer_string(out, "name", c->archive);
	printer_string(out, "store", c->store);
	printer_size(out, "size_bytes", c->size_bytes);
	printer_number(out, "offset_bytes", c->offset_bytes);
	printer_string(out, "sha256", buf_text(&sha));
	printer_time(out, "written", c->written);
	printer_time(out, "verified", c->verified);
	buf_done(&sha);
}

/* ---- write ---- */

static void show_written(struct cli *c, void *arg, int kind, const char *const words[3])
{
	(void)arg;
	(void)kind;
	if (printer_is_json(c->out)) {
		printer_row(c->out, "written");
		printer_string(c->out, "name", words[0]);
		printer_string(c->out, "label", words[1]);
		printer_string(c->out, "sha256", words[2]);
		printer_row_end(c->out);
		return;
	}
	printer_toned(c->out, TONE_GOOD, "written", ": %s to tape %s, and read back", words[0], words[1]);
}

static void written(void *arg, const struct tape_copy *copy)
{
	struct buf sha = BUF_INIT;

	str_hex(&sha, copy->sha256, SHA256_SIZE);
	finds_add(arg, 0, copy->archive, copy->label, buf_text(&sha));
	buf_done(&sha);
}

struct finding_work {
	struct work *w;
	struct finds *finds;
};

static int do_write(struct job *job, void *arg, struct err *e)
{
	struct finding_work *f = arg;
	const struct cli_args *a = &f->w->c->args;
	struct tape_write_request r = { .archives = (const char *const *)f->w->argv,
		.n = (size_t)f->w->argc,
		.tape = a->tape,
		.label = a->label,
		.box = a->box,
		.device = a->device,
		.overwrite = a->overwrite };

	return tape_write(f->w->c->app, &r, job, written, f->finds, &f->w->written, e);
}

static uint64_t rate(uint64_t bytes, uint64_t ms)
{
	return bytes * 1000 / (ms > 0 ? ms : 1);
}

static int run_write(struct work *w, struct err *e)
{
	const struct tape_write_result *r = &w->written;
	struct finding_work f = { w, finds_new(show_written, NULL) };
	struct printer *out = w->c->out;
	char n[40], size[16], fast[16], back[16];
	int rc = progress_run_finds(w->c, do_write, &f, f.finds, e);

	finds_free(f.finds);
	if (rc == 0 && r->written == 0)
		printer_say(out, "nothing waits for tape");
	else if (r->written > 0)
		printer_say(out, "%s, %s, on tape: written at %s/s, read back at %s/s",
		    str_count(n, sizeof n, r->written, "archive", "archives"),
		    str_size(size, sizeof size, r->bytes),
		    str_size(fast, sizeof fast, rate(r->bytes, r->write_ms)),
		    str_size(back, sizeof back, rate(r->bytes, r->verify_ms)));
	if (rc == -1)
		return -1;
	printer_row(out, "summary");
	printer_number(out, "written", r->written);
	printer_number(out, "left", r->left);
	printer_size(out, "bytes", r->bytes);
	printer_number(out, "write_ms", r->write_ms);
	printer_number(out, "verify_ms", r->verify_ms);
	printer_row_end(out);
	return 0;
}

/* ---- list ---- */

static const struct printer_column list_columns[] = {
	{ "label", "TAPE", false, 8, false, 0 },
	{ "box", "BOX", false, 0, true, 0 },
	{ "file", "FILE", true, 0, false, 4 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "name", "NAME", false, 22, false, 0 },
	{ "verified", "VERIFIED", false, 0, false, 3 },
	{ "state", "", false, 0, true, 0 },
};

static int do_list(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	if (tape_copies(w->c->app, &w->copies, e) == -1)
		return -1;
	w->live = mem_array(w->copies.n + 1, sizeof *w->live);
	return tape_live(w->c->app, &w->copies, job, w->live, e);
}

static int run_list(struct work *w, struct err *e)
{
	const char *label = w->argc > 0 ? w->argv[0] : NULL;
	struct printer *out = w->c->out;
	size_t n = 0;

	if (progress_run(w->c, do_list, w, e) == -1)
		return -1;
	printer_table(out, list_columns, sizeof list_columns / sizeof list_columns[0]);
	for (size_t i = 0; i < w->copies.n; i++) {
		const struct tape_copy *c = &w->copies.list[i];

		if (label != NULL && strcmp(label, c->label) != 0)
			continue;
		n++;
		copy_row(out, "copy", c);
		printer_bool(out, "live", w->live[i]);
		printer_word(out, "state",
		    c->damaged != 0 ? "damaged"
		    : w->live[i]    ? "live, too"
				    : "",
		    c->damaged != 0 ? TONE_BAD : TONE_PLAIN);
		printer_row_end(out);
	}
	printer_table_end(out);
	if (w->copies.unreadable > 0)
		printer_warn(out, "%zu files of the memory of tapes cannot be read: see the log",
		    w->copies.unreadable);
	if (label != NULL && n == 0) {
		err_set(e, ERR_NOT_FOUND, "no tape %s is remembered", label);
		return err_hint(e, "cyrvault tape list lists all");
	}
	if (n == 0)
		printer_say(out, "nothing is on tape yet; \"cyrvault tape write\" writes what waits");
	printer_row(out, "summary");
	printer_number(out, "copies", n);
	printer_number(out, "unreadable", w->copies.unreadable);
	printer_row_end(out);
	return 0;
}

/* ---- verify ---- */

static void show_verdict(struct cli *c, void *arg, int kind, const char *const words[3])
{
	static const char *const verdicts[] = {
		[TAPE_GOOD] = "good", [TAPE_TAKEN] = "taken", [TAPE_DAMAGED] = "damaged"
	};

	(void)arg;
	if (printer_is_json(c->out)) {
		printer_row(c->out, "tape_copy");
		printer_string(c->out, "name", words[0]);
		printer_string(c->out, "label", words[1]);
		printer_string(c->out, "verdict", verdicts[kind]);
		printer_string(c->out, "why", words[2][0] != '\0' ? words[2] : NULL);
		printer_row_end(c->out);
		return;
	}
	printer_toned(c->out, kind == TAPE_DAMAGED ? TONE_BAD : TONE_GOOD, verdicts[kind],
	    ": %s on tape %s%s%s%s", words[0], words[1],
	    kind == TAPE_TAKEN ? ", and remembered from now on" : "", words[2][0] != '\0' ? ": " : "",
	    words[2]);
}

static void verdict(void *arg, const struct tape_copy *copy, enum tape_verdict v, const char *why)
{
	finds_add(arg, (int)v, copy->archive, copy->label, why);
}

static int do_verify(struct job *job, void *arg, struct err *e)
{
	struct finding_work *f = arg;
	struct tape_verify_request r = { .what = f->w->argc > 0 ? f->w->argv[0] : NULL,
		.tape = f->w->c->args.tape,
		.device = f->w->c->args.device };

	return tape_verify(f->w->c->app, &r, job, verdict, f->finds, &f->w->verified, e);
}

static int run_verify(struct work *w, struct err *e)
{
	const struct tape_verify_result *r = &w->verified;
	struct finding_work f = { w, finds_new(show_verdict, NULL) };
	struct printer *out = w->c->out;
	int rc = progress_run_finds(w->c, do_verify, &f, f.finds, e);

	finds_free(f.finds);
	if (rc == -1)
		return -1;
	if (r->unfinished > 0)
		printer_say(
		    out, "behind it lies one that was broken off; the next tape write writes over it");
	printer_row(out, "summary");
	printer_number(out, "good", r->good);
	printer_number(out, "taken", r->taken);
	printer_number(out, "damaged", r->damaged);
	printer_number(out, "unfinished", r->unfinished);
	printer_size(out, "bytes", r->bytes);
	printer_row_end(out);
	return r->damaged > 0 ? 13 : 0;
}

/* ---- forget ---- */

static int run_forget(struct work *w, struct err *e)
{
	const char *label = w->argv[0];
	char n[40];
	int rc = cli_confirm(
	    w->c, "What is remembered of that tape is what makes it readable here. Forget it?", e);

	if (rc == -1)
		return -1;
	if (rc == 0)
		return err_set(e, ERR_CANCELLED, "nothing was forgotten");
	w->forgotten = tape_forget(w->c->app, label, e);
	if (w->forgotten == -1)
		return -1;
	printer_say(w->c->out, "tape %s is forgotten, with %s", label,
	    str_count(n, sizeof n, (uint64_t)w->forgotten, "archive", "archives"));
	printer_row(w->c->out, "summary");
	printer_string(w->c->out, "forgotten", label);
	printer_number(w->c->out, "archives", (uint64_t)w->forgotten);
	printer_row_end(w->c->out);
	return 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .argc = argc - 1, .argv = argv + 1 };
	int status = -1;

	if (strcmp(argv[0], "queue") == 0 && argc == 1)
		status = run_queue(&w, e);
	else if (strcmp(argv[0], "write") == 0)
		status = run_write(&w, e);
	else if (strcmp(argv[0], "list") == 0 && argc <= 2)
		status = run_list(&w, e);
	else if (strcmp(argv[0], "verify") == 0 && argc <= 2)
		status = run_verify(&w, e);
	else if (strcmp(argv[0], "forget") == 0 && argc == 2)
		status = run_forget(&w, e);
	else {
		err_set(e, ERR_USAGE, "cyrvault tape takes queue, write, list, verify, or forget LABEL");
		err_hint(e, "cyrvault help tape");
	}
	tape_queue_done(&w.queue);
	tape_copies_done(&w.copies);
	free(w.live);
	free(w.name);
	return status;
}

const struct cli_verb verb_tape = {
	.name = "tape",
	.usage = { "queue|write [ARCHIVE...]", "list [LABEL]|verify [LABEL|ARCHIVE]", "forget LABEL" },
	.purpose = "write archives to tape, and know what is where",
	.about = "\"queue\" lists the archives that wait for their tape: verified ones of stores\n"
	         "whose section names a [tape]. \"write\" writes those, or the named ones, the\n"
	         "oldest first; each is read back and compared before it counts. What is on a\n"
	         "tape is a pax tar for each archive, which any tar reads (docs/tape.md).\n"
	         "\"list\" says what is on which tape, in which box, and whether it is in a store,\n"
	         "too. \"verify\" reads a tape through; with nothing named, the one in the drive,\n"
	         "which is taken into memory if it was not known. \"forget\" is for tapes that\n"
	         "are gone for good.\n"
	         "An archive that is on tape only is listed, browsed and restored from as others\n"
	         "are; its tape is asked for when it is needed.\n",
	.least = 1,
	.most = -1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Write what waits to the tape in the drive", "cyrvault tape write --box=3" },
	    { "What is on tape L0007", "cyrvault tape list L0007" },
	    { "Prove the tape in the drive", "cyrvault tape verify" },
	},
	.run = run,
};
