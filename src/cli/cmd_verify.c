/* cmd_verify.c: cyrvault verify. */
#include "cli/progress.h"
#include "cli/verbs.h"

static const struct cli_option options[] = {
	{ "quick", 0, OPTION_FLAG, offsetof(struct cli_args, quick), NULL,
	    "only the end mark and the index" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "every byte is as it was written" },
	{ 1, "something else made it, and entries of it are left out, which are listed" },
	{ 13, "damaged: what is wrong is listed; see cyrvault salvage" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *archive;
	struct finds *finds;
	struct app_verified result;
};

static void found(void *arg, const struct archive_finding *f)
{
	finds_add(arg, f->left_out, f->unit, f->path, f->what);
}

static void show_finding(struct cli *c, void *arg, int kind, const char *const words[3])
{
	(void)arg;
	if (printer_is_json(c->out)) {
		printer_row(c->out, "finding");
		printer_string(c->out, "unit", words[0][0] != '\0' ? words[0] : NULL);
		printer_string(c->out, "path", words[1][0] != '\0' ? words[1] : NULL);
		printer_string(c->out, "what", words[2]);
		printer_row_end(c->out);
		return;
	}
	printer_toned(c->out, kind ? TONE_PLAIN : TONE_BAD, kind ? "left out" : "damage", ": %s%s%s%s%s",
	    words[0], words[0][0] != '\0' ? ": " : "", words[1], words[1][0] != '\0' ? ": " : "", words[2]);
}

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	return app_verify(w->c->app, w->archive, w->c->args.quick, job, found, w->finds, &w->result, e);
}

static void print_result(const struct work *w)
{
	static const enum printer_tone tones[] = { [VERDICT_GOOD] = TONE_GOOD,
		[VERDICT_DAMAGED] = TONE_BAD,
		[VERDICT_READABLE] = TONE_PLAIN };
	const struct app_verified *v = &w->result;
	const struct verify_result *r = &v->counts;
	struct printer *out = w->c->out;
	struct buf words = BUF_INIT;

	app_verified_words(v, &words);
	printer_toned(
	    out, tones[v->verdict], app_verdict_word(v->verdict), ": %s: %s", v->name, buf_text(&words));
	buf_done(&words);
	printer_row(out, "summary");
	printer_string(out, "archive", v->name);
	printer_string(out, "verdict", app_verdict_word(v->verdict));
	printer_bool(out, "quick", v->quick);
	printer_number(out, "files", r->files);
	printer_number(out, "files_bad", r->files_bad);
	printer_number(out, "units", r->units);
	printer_number(out, "units_bad", r->units_bad);
	printer_size(out, "bytes", r->bytes);
	printer_row_end(out);
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0] };
	int status = -1;

	(void)argc;
	w.finds = finds_new(show_finding, NULL);
	if (progress_run_finds(c, work, &w, w.finds, e) == 0) {
		bool bad = w.result.verdict == VERDICT_DAMAGED;

		print_result(&w);
		status = bad ? 13 : w.result.counts.findings > 0 ? 1 : 0;
		if (bad)
			printer_say(c->out, "  next: cyrvault salvage %s --output=DIR gets out what is whole",
			    w.result.name);
	}
	finds_free(w.finds);
	app_verified_done(&w.result);
	return status;
}

const struct cli_verb verb_verify = {
	.name = "verify",
	.usage = { "ARCHIVE" },
	.purpose = "prove that an archive is as it was written",
	.about = "Reads all of it: the end mark, the index, the checksum of every compressed\n"
	         "member, the SHA-256 of every file, and nothing between. An archive that\n"
	         "something else made carries none of these; it is read through to its end.\n",
	.least = 1,
	.most = 1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "Prove the newest archive", "cyrvault verify latest" },
	    { "A file that came back from tape", "cyrvault verify /mnt/mail1-20261122T020000Z.cpio.gz" },
	},
	.run = run,
};
