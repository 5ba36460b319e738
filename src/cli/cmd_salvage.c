/* cmd_salvage.c: cyrvault salvage: what is whole in a damaged archive goes to files. */
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "app/audit.h"
#include "archive/verify.h"
#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/outdir.h"

#define LINK_BYTES_MAX 4096

static const struct cli_option options[] = {
	{ "output", 'o', OPTION_TEXT, offsetof(struct cli_args, output), "DIR",
	    "where the files go: new or empty; needed" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "nothing was lost" },
	{ 10, "no such archive" },
	{ 13, "something was lost (listed by name), the rest was written" },
	{ 0, NULL },
};

enum { LOST, SKIPPED };

struct work {
	struct cli *c;
	const char *archive;
	char *name;
	struct finds *finds;
	struct salvage_result result;

	/* the sink's */
	struct job *job;
	struct outdir *out;
	uint64_t written, bytes, skipped;
	mode_t type;
	int64_t mtime;
	char *path;
	struct buf link;
};

static void lost(void *arg, const struct archive_finding *f)
{
	const struct work *w = arg;

	finds_add(w->finds, LOST, f->unit, f->path, f->what);
}

static int skip(struct work *w, const char *path, const char *what)
{
	w->skipped++;
	finds_add(w->finds, SKIPPED, "", path, what);
	return 0;
}

/* That one file cannot be written is no reason to do without the others. */
static int failed(struct work *w, const char *path, const struct err *why, struct err *e)
{
	if (outdir_only_this(why))
		return skip(w, path, why->msg);
	if (e != NULL)
		*e = *why;
	return -1;
}

static void refused(void *arg, const char *path, uint64_t size, const struct err *why)
{
	struct work *w = arg;

	skip(w, path, why->msg);
	w->written--;
	w->bytes -= size;
}

static int sink_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct work *w = arg;
	const char *path = file != NULL && file->path != NULL ? file->path : meta != NULL ? meta->path : NULL;
	struct err why = { 0 };

	if (path == NULL)
		return 0;
	if (meta == NULL)
		return 1;
	if (!io_path_is_safe(path, strlen(path)))
		return skip(w, path, "its path could lead elsewhere");
	w->type = meta->mode & S_IFMT;
	w->mtime = meta->mtime;
	if (w->type == S_IFREG)
		return outdir_begin(w->out, path, 0600, &why) == -1 ? failed(w, path, &why, e) : 1;
	if (w->type == S_IFDIR)
		return outdir_mkdir(w->out, path, &why) == -1 ? failed(w, path, &why, e) : 0;
	if (w->type != S_IFLNK || meta->size > LINK_BYTES_MAX)
		return skip(w, path, "neither file, directory nor link");
	free(w->path);
	w->path = mem_strdup(path);
	buf_clear(&w->link);
	return 1;
}

static int sink_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct work *w = arg;

	if (w->type == S_IFREG)
		return outdir_write(w->out, p, n, e);
	buf_add(&w->link, p, n);
	return 0;
}

static int end_link(struct work *w, struct err *e)
{
	struct err why;

	err_clear(&why);
	if (strlen(buf_text(&w->link)) != w->link.len || w->link.full)
		return skip(w, w->path, "a link to nowhere");
	if (outdir_symlink(w->out, w->path, buf_text(&w->link), &why) == 0) {
		w->written++;
		return 0;
	}
	return failed(w, w->path, &why, e);
}

static int sink_end(void *arg, struct err *e)
{
	struct work *w = arg;

	if (job_cancelled(w->job, e))
		return -1;
	if (w->type == S_IFLNK)
		return end_link(w, e);
	w->written++;
	w->bytes += outdir_tell(w->out);
	return outdir_end(w->out, w->mtime, e);
}

static void sink_abort(void *arg)
{
	struct work *w = arg;

	outdir_abort(w->out);
}

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	struct file_sink sink = { .arg = w,
		.damage_ok = true,
		.begin = sink_begin,
		.data = sink_data,
		.end = sink_end,
		.abort = sink_abort };
	struct outdir_opts opts = { .replace = true, .must_be_new = true, .refused = refused, .arg = w };
	struct store *store = NULL;
	struct app_audit a = { .verb = "salvage", .server = w->c->args.server, .archive = w->archive, .everybody = true };
	int rc = -1;

	if (app_audit_ask(w->c->app, &a, e) == -1)
		return -1;
	if (app_open_store_of(w->c->app, w->archive, job, &store, &w->name, e) == -1)
		return -1;
	if (outdir_open(w->c->args.output, &opts, &w->out, e) == -1)
		goto out;
	w->job = job;
	w->link.max = LINK_BYTES_MAX;
	job_step(job, "salvaging %s", w->name);
	a.archive = w->name;
	if (app_audit_begin(w->c->app, &a, e) == -1)
		goto out;
	rc = archive_salvage(store, w->name, job, &sink, lost, w, &w->result, e);
	if (rc == 0)
		rc = outdir_flush(w->out, e);
	rc = app_audit_end(w->c->app, &a, rc, e);
out:
	outdir_close(w->out);
	store_free(store);
	return rc;
}

static void show_find(struct cli *c, void *arg, int kind, const char *const words[3])
{
	(void)arg;
	if (printer_is_json(c->out)) {
		printer_row(c->out, kind == LOST ? "lost" : "skipped");
		printer_string(c->out, "unit", words[0][0] != '\0' ? words[0] : NULL);
		printer_string(c->out, "path", words[1][0] != '\0' ? words[1] : NULL);
		printer_string(c->out, "what", words[2]);
		printer_row_end(c->out);
		return;
	}
	printer_toned(c->out, TONE_BAD, kind == LOST ? "lost" : "left out", ": %s%s%s%s%s", words[0],
	    words[0][0] != '\0' ? ": " : "", words[1], words[1][0] != '\0' ? ": " : "", words[2]);
}

static int print_result(const struct work *w)
{
	const struct salvage_result *r = &w->result;
	struct printer *out = w->c->out;
	char files[40], bytes[16], skipped[16];
	bool bad = r->files_lost > 0 || r->members_bad > 0 || r->bytes_skipped > 0 ||
		   finds_total(w->finds) > w->skipped;

	printer_say(out, "wrote %s, %s, to %s", str_count(files, sizeof files, w->written, "file", "files"),
	    str_size(bytes, sizeof bytes, w->bytes), w->c->args.output);
	printer_say(out, "%llu of %llu members are bad, %s skipped; %s lost",
	    (unsigned long long)r->members_bad, (unsigned long long)r->members,
	    str_size(skipped, sizeof skipped, r->bytes_skipped),
	    str_count(files, sizeof files, r->files_lost, "file", "files"));
	if (!r->had_index)
		printer_say(out,
		    "the index is gone: what was in members that are lost has no name any more, and files "
		    "are vouched for by CRC only");
	printer_row(out, "summary");
	printer_string(out, "archive", w->name);
	printer_string(out, "output", w->c->args.output);
	printer_number(out, "files", w->written);
	printer_size(out, "bytes", w->bytes);
	printer_number(out, "files_lost", r->files_lost);
	printer_number(out, "files_left_out", w->skipped);
	printer_number(out, "members", r->members);
	printer_number(out, "members_bad", r->members_bad);
	printer_size(out, "bytes_skipped", r->bytes_skipped);
	printer_bool(out, "had_index", r->had_index);
	printer_row_end(out);
	return bad ? 13 : 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0] };
	int status = -1;

	(void)argc;
	if (c->args.output == NULL || c->args.output[0] == '\0') {
		err_set(e, ERR_USAGE, "salvage: --output is needed");
		return err_hint(e, "for example --output=./salvaged (cyrvault help salvage)");
	}
	w.finds = finds_new(show_find, NULL);
	if (progress_run_finds(c, work, &w, w.finds, e) == 0)
		status = print_result(&w);
	finds_free(w.finds);
	buf_done(&w.link);
	free(w.path);
	free(w.name);
	return status;
}

const struct cli_verb verb_salvage = {
	.name = "salvage",
	.usage = { "ARCHIVE --output=DIR" },
	.purpose = "get out of a damaged archive what is whole",
	.about = "Reads every piece that can still be found, writes each file that is whole to\n"
	         "DIR under its path in the archive, and names what is lost. Not a byte from a\n"
	         "damaged piece is passed on. Files get mode 0600 and their old times; owners\n"
	         "are not set, and links that lead out of DIR are left out (and said).\n",
	.least = 1,
	.most = 1,
	.options = options,
	.exits = exits,
	.examples = {
	    { "After \"cyrvault verify\" found damage", "cyrvault salvage mail1-20261122T020000Z.cpio.gz --output=./salvaged" },
	    { "A list of what is lost, for a script", "cyrvault salvage ./tape.cpio.gz -o ./s --json | jq 'select(.type==\"lost\")'" },
	},
	.run = run,
};
