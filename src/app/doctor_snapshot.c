/* doctor_snapshot.c: doctor's look at snapshots. */
#include "app/doctor_snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "backup/paths.h"
#include "core/buf.h"
#include "core/mem.h"
#include "core/str.h"

/* "spool/mail (420M of 2.0G for changes, its group has 900M)" */
static void say_volumes(const struct snapshot_facts *f, struct buf *b)
{
	for (size_t i = 0; i < f->n; i++) {
		const struct snapshot_volume *v = &f->volumes[i];
		char size[16], all[16], free_bytes[16];

		str_size(size, sizeof size, v->size_bytes);
		str_size(all, sizeof all, v->origin_bytes);
		str_size(free_bytes, sizeof free_bytes, v->free_bytes);
		buf_printf(b, "%s%s", i > 0 ? ", " : ": ", v->origin);
		if (strcmp(f->kind, "lvm") == 0 && !v->thin)
			buf_printf(
			    b, " (room for changes %s of %s, its group has %s free)", size, all, free_bytes);
		else
			buf_printf(b, " (%s free)", free_bytes);
	}
}

static int say_plan(
    const struct snapshot_opts *o, const char *const *paths, size_t n, doctor_fn *each, void *arg)
{
	struct snapshot *s;
	struct snapshot_facts f;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (snapshot_plan(o, paths, n, &s, &e) == -1) {
		each(arg, DOCTOR_FAIL, "snapshot", e.msg, e.hint);
		return 1;
	}
	snapshot_facts(s, &f);
	if (!snapshot_is_live(s)) {
		buf_str(&b, f.kind);
		say_volumes(&f, &b);
	} else {
		buf_printf(&b, "none: the live files are read, each user held still in turn%s%s",
		    f.why_not != NULL ? "; " : "", f.why_not != NULL ? f.why_not : "");
	}
	each(arg, DOCTOR_OK, "snapshot", buf_text(&b), "");
	buf_done(&b);
	snapshot_facts_done(&f);
	snapshot_release(s, NULL);
	return 0;
}

static int say_leftovers(const struct snapshot_opts *o, doctor_fn *each, void *arg)
{
	struct err e = { 0 };
	char *what = NULL, *text;
	int n = snapshot_leftovers(o, &what, &e);

	if (n == -1)
		each(arg, DOCTOR_FAIL, "snapshot", e.msg, e.hint);
	if (n > 0) {
		text = mem_printf("left over from a run that was killed: %s", what);
		each(arg, DOCTOR_WARN, "snapshot", text,
		    "the next backup removes it; docs/snapshots.md says how to do it by hand");
		free(text);
	}
	free(what);
	return n == -1;
}

int doctor_snapshot(
    const struct conf_server *conf, const struct server *server, struct job *job, doctor_fn *each, void *arg)
{
	size_t n;
	char **paths = backup_paths(server, &n);
	struct snapshot_opts o = backup_snapshot_opts(conf, (const char *const *)paths, n, job);
	int failures = say_plan(&o, (const char *const *)paths, n, each, arg);

	failures += say_leftovers(&o, each, arg);
	for (size_t i = 0; i < n; i++)
		free(paths[i]);
	free(paths);
	return failures;
}
