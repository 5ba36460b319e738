/* cmd_verify.c: cyrvault verify. */
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "archive/archive.h"
#include "archive/foreign.h"
#include "archive/verify.h"
#include "core/str.h"

static const struct cli_option options[] = {
	{ "quick", 0, OPTION_FLAG, offsetof(struct cli_args, quick), NULL,
	    "only the end mark and the index" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "every byte is as it was written" },
	{ 13, "damaged: what is wrong is listed; see cyrvault salvage" },
	{ 0, NULL },
};

struct work {
	struct cli *c;
	const char *archive;
	char *name;
	bool foreign;
	struct finds *finds;
	struct verify_result result;
};

static void found(void *arg, const struct archive_finding *f)
{
	finds_add(arg, 0, f->unit, f->path, f->what);
}

static void show_finding(struct cli *c, void *arg, int kind, const char *const words[3])
{
	(void)arg;
	(void)kind;
	if (printer_is_json(c->out)) {
		printer_row(c->out, "finding");
		printer_string(c->out, "unit", words[0][0] != '\0' ? words[0] : NULL);
		printer_string(c->out, "path", words[1][0] != '\0' ? words[1] : NULL);
		printer_string(c->out, "what", words[2]);
		printer_row_end(c->out);
		return;
	}
	printer_toned(c->out, TONE_BAD, "damage", ": %s%s%s%s%s", words[0], words[0][0] != '\0' ? ": " : "",
	    words[1], words[1][0] != '\0' ? ": " : "", words[2]);
}

/* ---- an archive of something else: reading it through is all that can be done ---- */

static int count_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct verify_result *r = arg;

	(void)file;
	(void)meta;
	(void)e;
	r->files++;
	return 1;
}

static int count_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct verify_result *r = arg;

	(void)p;
	(void)e;
	r->bytes += n;
	return 0;
}

static int count_end(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static void count_abort(void *arg)
{
	struct verify_result *r = arg;

	r->files_bad++;
}

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	struct store *store = NULL;
	struct archive *archive = NULL;
	int rc = -1;

	if (app_open_store_of(w->c->app, w->archive, &store, &w->name, e) == -1)
		return -1;
	job_step(job, "opening %s", w->name);
	if (archive_open(store, w->name, job, &archive, e) == -1)
		goto out;
	w->foreign = archive_get_kind(archive) == ARCHIVE_FOREIGN;
	job_step(job, "verifying %s", w->name);
	if (w->foreign) {
		struct file_sink sink = { .arg = &w->result,
			.begin = count_begin,
			.data = count_data,
			.end = count_end,
			.abort = count_abort };

		rc = archive_foreign_each(store, w->name, job, &sink, e);
	} else {
		rc = archive_verify(archive, w->c->args.quick, job, found, w->finds, &w->result, e);
	}
out:
	archive_close(archive);
	store_free(store);
	return rc;
}

static void print_result(const struct work *w, uint64_t bad)
{
	const struct verify_result *r = &w->result;
	struct printer *out = w->c->out;
	char files[40], units[40], bytes[16];

	str_count(files, sizeof files, r->files, "file", "files");
	str_count(units, sizeof units, r->units, "unit", "units");
	str_size(bytes, sizeof bytes, r->bytes);
	if (w->foreign)
		printer_toned(out, TONE_PLAIN, "readable",
		    ": %s: %s, %s; it carries no checksums to compare with", w->name, files, bytes);
	else if (bad > 0)
		printer_toned(out, TONE_BAD, "damaged", ": %s: %llu of %s and %llu of %s are bad", w->name,
		    (unsigned long long)r->files_bad, files, (unsigned long long)r->units_bad, units);
	else if (w->c->args.quick)
		printer_toned(out, TONE_GOOD, "good",
		    ": %s: end mark and index of %s (the files were not read)", w->name, units);
	else
		printer_toned(out, TONE_GOOD, "good", ": %s: %s in %s, %s", w->name, files, units, bytes);
	printer_row(out, "summary");
	printer_string(out, "archive", w->name);
	printer_string(out, "verdict", w->foreign ? "readable" : bad > 0 ? "damaged" : "good");
	printer_bool(out, "quick", w->c->args.quick && !w->foreign);
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
		bool bad = w.result.files_bad > 0 || w.result.units_bad > 0 || finds_total(w.finds) > 0;

		print_result(&w, bad);
		status = bad ? 13 : 0;
		if (bad)
			printer_say(c->out, "  next: cyrvault salvage %s --output=DIR gets out what is whole",
			    w.name);
	}
	finds_free(w.finds);
	free(w.name);
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
