/* verify.c: prove an archive of any kind, as far as it can be. */
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/damage.h"
#include "archive/foreign.h"
#include "core/mem.h"
#include "core/str.h"

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

/* Who is told of an entry that is left out. */
struct told {
	archive_finding_fn *finding;
	void *arg;
	struct verify_result *counts;
};

static void left_out(void *arg, const char *path, const char *why)
{
	const struct told *t = arg;
	struct archive_finding f = { .unit = "", .path = path, .what = why, .left_out = true };

	t->counts->findings++;
	if (t->finding != NULL)
		t->finding(t->arg, &f);
}

/* A whole archive of ours that was found damaged is remembered as such, and one that was read and is good no more. */
static void remember(struct app *app, struct store *store, const struct app_verified *v)
{
	struct store_object o;
	const char *section = NULL;

	for (size_t i = 0; i < app->conf->n_stores && section == NULL; i++)
		if (strcmp(app->conf->stores[i].url, store_url(store)) == 0)
			section = app->conf->stores[i].name;
	if (section == NULL || v->verdict == VERDICT_READABLE || (v->verdict == VERDICT_GOOD && v->quick) ||
	    store_stat(store, v->name, &o, NULL) == -1)
		return;
	damage_note(app, section, v->name, &o, v->verdict == VERDICT_DAMAGED);
}

int app_verify(struct app *app, const char *archive, bool quick, struct job *job, archive_finding_fn *finding,
    void *arg, struct app_verified *ret, struct err *e)
{
	struct store *store = NULL;
	struct archive *a = NULL;
	int rc = -1;

	*ret = (struct app_verified){ 0 };
	if (app_open_store_of(app, archive, job, &store, &ret->name, e) == -1)
		return -1;
	job_step(job, "opening %s", ret->name);
	if (archive_open(store, ret->name, job, &a, e) == -1)
		goto out;
	job_step(job, "verifying %s", ret->name);
	if (archive_get_kind(a) == ARCHIVE_FOREIGN) {
		struct file_sink sink = { .arg = &ret->counts,
			.begin = count_begin,
			.data = count_data,
			.end = count_end,
			.abort = count_abort };

		struct told told = { finding, arg, &ret->counts };

		ret->verdict = VERDICT_READABLE;
		rc = archive_foreign_each_told(store, ret->name, job, &sink, left_out, &told, e);
	} else {
		const struct verify_result *c = &ret->counts;

		ret->quick = quick;
		rc = archive_verify(a, quick, job, finding, arg, &ret->counts, e);
		ret->verdict =
		    c->files_bad > 0 || c->units_bad > 0 || c->findings > 0 ? VERDICT_DAMAGED : VERDICT_GOOD;
		if (rc == 0)
			remember(app, store, ret);
	}
out:
	archive_close(a);
	store_free(store);
	return rc;
}

void app_verified_done(struct app_verified *v)
{
	free(v->name);
	*v = (struct app_verified){ 0 };
}

const char *app_verdict_word(enum app_verdict verdict)
{
	static const char *const words[] = { "good", "damaged", "readable" };

	return words[verdict];
}

void app_verified_words(const struct app_verified *v, struct buf *b)
{
	const struct verify_result *r = &v->counts;
	char files[40], units[40], bytes[16];

	str_count(files, sizeof files, r->files, "file", "files");
	str_count(units, sizeof units, r->units, "unit", "units");
	str_size(bytes, sizeof bytes, r->bytes);
	if (v->verdict == VERDICT_READABLE)
		buf_printf(b, "%s, %s; it carries no checksums to compare with", files, bytes);
	else if (v->verdict == VERDICT_DAMAGED)
		buf_printf(b, "%llu of %s and %llu of %s are bad", (unsigned long long)r->files_bad, files,
		    (unsigned long long)r->units_bad, units);
	else if (v->quick)
		buf_printf(b, "end mark and index of %s (the files were not read)", units);
	else
		buf_printf(b, "%s in %s, %s", files, units, bytes);
}
