/* doctor.c: look at everything a backup or a restore will need, before it is needed. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/archives.h"
#include "app/batch.h"
#include "app/doctor_snapshot.h"
#include "app/doctor_nightly.h"
#include "app/doctor_ssh.h"
#include "app/catalogue.h"
#include "app/lock.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/quiesce.h"

struct doctor {
	struct app *app;
	const struct conf_server *conf;
	struct server *server;
	struct job *job;
	doctor_fn *each;
	void *arg;
	int failures;
};

static void say(struct doctor *d, enum doctor_state state, const char *subject, const char *next,
    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static void say(
    struct doctor *d, enum doctor_state state, const char *subject, const char *next, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = str_safe_vprintf(fmt, ap);
	va_end(ap);
	d->failures += state == DOCTOR_FAIL;
	d->each(d->arg, state, subject, what, next);
	free(what);
}

static void say_err(struct doctor *d, enum doctor_state state, const char *subject, const struct err *e)
{
	say(d, state, subject, e->hint, "%s", e->msg);
}

static void check_configuration(struct doctor *d)
{
	const struct conf *c = app_conf(d->app);

	if (c->path != NULL)
		say(d, DOCTOR_OK, "configuration", "", "%s", c->path);
	else
		say(d, DOCTOR_OK, "configuration", "", "none: this host's %s, archives in %s",
		    d->conf->imapd_conf, c->stores[0].url);
	if (geteuid() != 0)
		say(d, DOCTOR_WARN, "permissions",
		    "run as root: only root reads every mailbox and restores its owner",
		    "running as user %ld", (long)geteuid());
}

static void check_server(struct doctor *d)
{
	const struct server *s = d->server;
	struct quiesce *q = NULL;
	struct err e;

	if (s->tools == NULL)
		say(d, DOCTOR_FAIL, "cyrus programs", "set cyrus_bin in the [server] section", "%s",
		    s->tools_why);
	else if (s->version.major == 0)
		say(d, DOCTOR_WARN, "cyrus version", "", "not told by the programs in %s", s->tools->bin);
	else
		say(d, DOCTOR_OK, "cyrus version", "", "%u.%u.%u, programs in %s", s->version.major,
		    s->version.minor, s->version.patch, s->tools->bin);
	say(d, DOCTOR_OK, "layout", "", "%s, hashimapspool %s, separator %c%s",
	    s->conf->legacy_dirs || !cyrus_version_at_least(s->version, 3, 6) ? "directories by name"
									      : "directories by unique id",
	    s->conf->hashimapspool ? "on" : "off", s->conf->unixhierarchysep ? '/' : '.',
	    s->conf->virtdomains ? ", virtual domains" : "");
	if (quiesce_open(s->conf, s->version, &q, &e) == -1)
		say_err(d, DOCTOR_FAIL, "locks", &e);
	else if (quiesce_level(q) == QUIESCE_NONE)
		say(d, DOCTOR_WARN, "locks",
		    "backups of a busy server may hold mailboxes in the middle of a change",
		    "this server cannot be held still");
	else
		say(d, DOCTOR_OK, "locks", "", "held still by %s, at most %llu ms at a time",
		    quiesce_level(q) == QUIESCE_USER ? "user" : "mailbox",
		    (unsigned long long)d->conf->hold_ms);
	quiesce_free(q);
	if (s->conf->delete_delayed)
		say(d, DOCTOR_OK, "delete_mode", "",
		    "delayed: a deleted mailbox stays as DELETED.* until cyr_expire");
	else
		say(d, DOCTOR_WARN, "delete_mode", "set delete_mode: delayed in imapd.conf",
		    "deleted mailboxes are gone at once");
}

static void check_batch(struct doctor *d)
{
	char *holder = lock_holder(app_conf(d->app)->lock_directory, d->conf->name), n[40];
	bool running = holder != NULL && str_starts(holder, "restore");
	struct batch b = { 0 };
	size_t left = 0;

	free(holder);
	if (!running && app_batch_read(d->app, d->conf->name, NULL, &b, NULL) == 0) {
		char *next = mem_printf("this goes on with it: cyrvault restore --resume %s", b.id);

		for (size_t i = 0; i < b.n; i++)
			left += b.lines[i].state != BATCH_DONE;
		say(d, DOCTOR_WARN, "restores", next, "%zu of %s of a batch, %s, are left", left,
		    str_count(n, sizeof n, b.n, "line", "lines"), b.id);
		free(next);
	}
	batch_done(&b);
}

static void check_unfinished(struct doctor *d)
{
	struct app_unfinished u;
	struct err e;

	if (app_unfinished(d->app, d->conf->name, &u, &e) == -1) {
		say_err(d, DOCTOR_FAIL, "restores", &e);
		return;
	}
	for (size_t i = 0; i < u.n; i++) {
		const struct app_unfinished_restore *r = &u.list[i];
		char count[40], when[32];
		char *next = mem_printf("this finishes it: %s", r->command);

		str_count(count, sizeof count, r->n, "mailbox", "mailboxes");
		say(d, DOCTOR_WARN, "restores", next, "a restore of %s%s from %s, begun %s, was cut off",
		    r->user != NULL ? "user " : count, r->user != NULL ? r->user : "", r->archive,
		    clock_local(when, sizeof when, r->begun));
		free(next);
	}
	app_unfinished_done(&u);
}

static void check_partition(struct doctor *d, const char *subject, const char *path)
{
	struct statvfs v;
	char size[16];

	if (access(path, R_OK | X_OK) == -1)
		say(d, DOCTOR_FAIL, subject, "run as root, or mount it", "%s cannot be read: %s", path,
		    strerror(errno));
	else if (statvfs(path, &v) == 0 && v.f_blocks > 0 && v.f_bavail * 20 < v.f_blocks)
		say(d, DOCTOR_WARN, subject, "a restore needs room for what it brings back",
		    "%s: only %s free", path, str_size(size, sizeof size, (uint64_t)v.f_bavail * v.f_frsize));
	else
		say(d, DOCTOR_OK, subject, "", "%s", path);
}

static void check_spool(struct doctor *d)
{
	const struct imapd_conf *c = d->server->conf;
	struct mboxlist *list;
	size_t mailboxes = 0;
	struct err e;

	check_partition(d, "configdirectory", c->configdirectory);
	for (size_t i = 0; i < c->n_partitions; i++) {
		char *subject = mem_printf("partition %s", c->partitions[i].name);

		check_partition(d, subject, c->partitions[i].spool);
		if (c->partitions[i].meta != NULL)
			check_partition(d, subject, c->partitions[i].meta);
		if (c->partitions[i].archive != NULL)
			check_partition(d, subject, c->partitions[i].archive);
		free(subject);
	}
	if (server_list(d->server, &list, &e) == -1) {
		say_err(d, DOCTOR_FAIL, "mailbox list", &e);
		return;
	}
	for (size_t i = 0; i < list->n; i++)
		mailboxes += mailbox_entry_has_directory(&list->entries[i]);
	if (list->notes & (CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_DAMAGED))
		say(d, DOCTOR_FAIL, "mailbox list", "mend it: ctl_cyrusdb -r, or a copy from db.backup1",
		    "mailboxes.db is damaged");
	else
		say(d, DOCTOR_OK, "mailbox list", "", "%zu mailboxes", mailboxes);
	mboxlist_free(list);
}

static void check_imap(struct doctor *d)
{
	struct imap *im = NULL;
	struct err e;

	if (server_imap(d->server, NULL, d->job, &im, &e) == -1) {
		/* Without it all works but what only the server itself can do. */
		if (e.code == ERR_CONFIG)
			say(d, DOCTOR_WARN, "imap admin", e.hint,
			    "%s: deleted mailboxes cannot be renamed back, annotations not set", e.msg);
		else
			say_err(d, DOCTOR_FAIL, "imap admin", &e);
		return;
	}
	say(d, DOCTOR_OK, "imap admin", "", "%s at %s", d->server->imap_admin, d->server->imap_address);
	imap_logout(im);
}

/* A store that is still to be made stands in nobody's way. */
static void say_away(struct doctor *d, const char *subject, const struct conf_store *c, struct err *e)
{
	struct app_store_away away;

	archives_store_away(d->app, c, &away, e);
	say(d, away.state == STORE_NOT_YET ? DOCTOR_WARN : DOCTOR_FAIL, subject, away.next, "%s", away.what);
	archives_store_away_done(&away);
}

static void check_store(struct doctor *d, const struct conf_store *c)
{
	char *subject = mem_printf("store %s", c->name);
	bool far = str_starts(c->url, "sftp://");
	struct store *store;
	struct store_list l;
	struct stream *out;
	struct err e = { 0 };

	if (far)
		doctor_ssh_keys(c, d->each, d->arg);
	if (app_store_open(d->app, c, false, d->job, &store, &e) == -1) {
		say_away(d, subject, c, &e);
		free(subject);
		return;
	}
	if (store_list(store, &l, &e) == -1) {
		say_err(d, DOCTOR_FAIL, subject, &e);
	} else if (store_create(store, "cyrvault-doctor", 1 << 20, &out, &e) == -1) {
		say_err(d, DOCTOR_FAIL, subject, &e);
		store_list_done(&l);
	} else {
		stream_close(out);
		say(d, DOCTOR_OK, subject, "", "%s, %zu objects, writable", c->url, l.n);
		store_list_done(&l);
	}
	store_free(store);
	if (far)
		d->failures += doctor_ssh(c, d->job, d->each, d->arg);
	free(subject);
}

static void check_catalogue(struct doctor *d)
{
	struct catalogue_status s;
	struct err e;
	char size[16], when[32];

	if (catalogue_status(d->app->catalogue, &s, &e) == -1) {
		err_hint(&e, "cyrvault catalogue rebuild makes it anew from the archives");
		say_err(d, DOCTOR_WARN, "catalogue", &e);
	} else if (!s.there) {
		say(d, DOCTOR_OK, "catalogue", "", "none yet: the first archive makes it");
	} else if (s.filled + s.gone < s.archives) {
		say(d, DOCTOR_WARN, "catalogue", "cyrvault catalogue update takes in the others",
		    "knows %zu archives, and the mailboxes of %zu", s.archives, s.filled);
	} else {
		say(d, DOCTOR_OK, "catalogue", "", "%zu archives, %s, last changed %s", s.archives,
		    str_size(size, sizeof size, s.size_bytes), clock_local(when, sizeof when, s.changed));
	}
	if (s.moved_aside[0] != '\0')
		say(d, DOCTOR_WARN, "catalogue", "remove it if nobody wants to look into it",
		    "one that was damaged lies in %s", s.moved_aside);
}

static void check_clock(struct doctor *d)
{
	struct app_archives l;
	char when[32];

	if (clock_now() < 1700000000)
		say(d, DOCTOR_FAIL, "clock", "set the clock: archives are named, and days kept, by time",
		    "it says %s", clock_iso(when, sizeof when, clock_now()));
	if (app_archives(d->app, d->job, &l, NULL) == -1) {
		app_archives_done(&l);
		return;
	}
	if (l.n > 0 && l.list[0].when > clock_now() + 300)
		say(d, DOCTOR_WARN, "clock", "compare the clocks of this host and the one that took it",
		    "archive %s is from the future", l.list[0].name);
	for (size_t i = 0; i < l.n; i++)
		if (!l.list[i].readable)
			say(d, DOCTOR_WARN, "archive", "cyrvault verify and cyrvault salvage tell more", "%s",
			    l.list[i].why);
	app_archives_done(&l);
}

int app_doctor(
    struct app *app, const char *server, struct job *job, doctor_fn *each, void *arg, struct err *e)
{
	struct doctor d = { .app = app, .job = job, .each = each, .arg = arg };
	struct err why;

	d.conf = conf_find_server(app_conf(app), server, e);
	if (d.conf == NULL)
		return -1;
	check_configuration(&d);
	if (server_open(d.conf, &d.server, &why) == -1) {
		say_err(&d, DOCTOR_FAIL, "server", &why);
	} else {
		check_server(&d);
		check_spool(&d);
		d.failures += doctor_snapshot(d.conf, d.server, job, each, arg);
		check_imap(&d);
	}
	check_unfinished(&d);
	check_batch(&d);
	for (size_t i = 0; i < app_conf(app)->n_stores; i++)
		check_store(&d, &app_conf(app)->stores[i]);
	d.failures += doctor_nightly(d.conf, &app_conf(app)->notify, each, arg);
	check_clock(&d);
	check_catalogue(&d);
	server_free(d.server);
	return job_cancelled(job, e) ? -1 : d.failures;
}
