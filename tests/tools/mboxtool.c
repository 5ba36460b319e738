/* mboxtool.c: what this program makes of names, places and lists of mailboxes, for comparison with a real server.
 *
 *   mboxtool list CONF VERSION           mailboxes.db of CONF as ctl_mboxlist -d of that version prints it
 *   mboxtool paths CONF VERSION [FILE]   one JSON object for every mailbox in it (or in a mailboxes.txt): its places, its
 *                                        owner's files, its locks
 *   mboxtool parse CONF VERSION          names from stdin, line by line: internal, as the administrator, as shown
 *   mboxtool convert FROM TO             mailboxes.txt from stdin; forms are A, B, json, legacy; FROM may be auto
 *   mboxtool time FILE                   reads FILE and says how long that took and how much memory it needs */
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "cyrus/mboxlist.h"

#define TEXT_MAX ((size_t)1 << 30)

static const char *const forms[] = { "A", "B", "json", "legacy" }; /* as in enum mboxlist_form */

static int fail(const struct err *e)
{
	fprintf(stderr, "mboxtool: %s%s%s\n", e->msg, e->hint[0] != '\0' ? "\n  " : "", e->hint);
	return 1;
}

static int read_stdin(struct buf *b, struct err *e)
{
	size_t got;

	do {
		if (io_read_all(0, buf_reserve(b, 1 << 16), 1 << 16, "standard input", &got, e) == -1)
			return -1;
		b->len += got;
	} while (got > 0 && b->len < TEXT_MAX);
	return 0;
}

static int load_conf(char **argv, struct imapd_conf **c, struct err *e)
{
	struct cyrus_version v = { 0 };

	if (strcmp(argv[3], "newest") != 0 && cyrus_version_parse(argv[3], &v) == -1)
		return err_set(e, ERR_USAGE, "no version: %s", argv[3]);
	return imapd_conf_load(argv[2], v, c, e);
}

static int load_list(const struct imapd_conf *c, const char *file, struct mboxlist **l, struct err *e)
{
	struct buf text = BUF_INIT;
	struct cyrusdb *db;
	int r;

	if (file != NULL) {
		r = io_read_file(AT_FDCWD, file, TEXT_MAX, &text, e);
		if (r == 0)
			r = mboxlist_read_text(buf_text(&text), text.len, l, NULL, e);
		buf_done(&text);
		return r;
	}
	if (cyrusdb_open(AT_FDCWD, c->mboxlist_path, &db, e) == -1)
		return -1;
	r = mboxlist_read_db(db, l, e);
	cyrusdb_close(db);
	return r;
}

/* ---- paths ---- */

static void put(json_t *o, const char *key, struct buf *b, int r)
{
	if (r == 0)
		json_object_set_new(o, key, json_string(buf_text(b)));
	buf_clear(b);
}

static void put_root(
    json_t *o, const char *key, const char *root, const struct imapd_conf *c, const struct mailbox_entry *m)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s/", root);
	put(o, key, &b, mboxname_dir(c, mailbox_entry_layout(c, m), m->name, m->uniqueid, &b, NULL));
	buf_done(&b);
}

static void put_user(json_t *o, const struct imapd_conf *c, const struct mboxlist *l, const char *owner)
{
	static const char *const files[USER_FILES] = { "seen", "sub", "conversations", "counters",
		"xapianactive", "dav", "mboxkey", "sieve" };
	json_t *user = json_object();
	char *inbox = mboxname_inbox(owner);
	const struct mailbox_entry *i = mboxlist_find(l, inbox);
	enum mailbox_layout layout = i == NULL ? LAYOUT_BY_NAME : mailbox_entry_layout(c, i);
	struct buf b = BUF_INIT;

	json_object_set_new(o, "owner", json_string(owner));
	json_object_set_new(o, "inbox", json_string(inbox));
	for (int f = 0; f < USER_FILES; f++) {
		int r = mboxname_user_file(
		    c, layout, (enum user_file)f, owner, i == NULL ? NULL : i->uniqueid, &b, NULL);

		put(user, files[f], &b, r);
	}
	json_object_set_new(o, "user", user);
	buf_done(&b);
	free(inbox);
}

static json_t *describe(const struct imapd_conf *c, const struct mboxlist *l, const struct mailbox_entry *m)
{
	static const struct {
		const char *name;
		unsigned bit;
	} metas[] = { { "header", META_HEADER }, { "index", META_INDEX }, { "cache", META_CACHE },
		{ "annotations", META_ANNOTATIONS }, { "archivecache", META_ARCHIVECACHE } };
	const struct cyrus_partition *p = imapd_conf_partition(c, m->partition);
	json_t *o = json_object(), *meta = json_object();
	char *was = mboxname_undeleted(c, m->name, NULL), *owner = mboxname_user(was != NULL ? was : m->name);
	struct buf b = BUF_INIT;

	json_object_set_new(o, "name", json_string(m->name));
	if (p != NULL) {
		put_root(o, "data", p->spool, c, m);
		put_root(o, "meta", p->meta != NULL ? p->meta : p->spool, c, m);
		put_root(
		    o, "archive", c->archive_enabled && p->archive != NULL ? p->archive : p->spool, c, m);
		for (size_t i = 0; i < sizeof metas / sizeof *metas; i++)
			put_root(meta, metas[i].name, imapd_conf_meta_root(c, p, metas[i].bit), c, m);
	}
	json_object_set_new(o, "metafiles", meta);
	put(o, "lock", &b, mboxname_lock(c, mailbox_entry_layout(c, m), m->name, m->uniqueid, &b, NULL));
	put(o, "userlock", &b, mboxname_user_lock(c, owner == NULL ? "" : owner, &b, NULL));
	put(o, "quota", &b, mboxname_quota_file(c, m->name, &b, NULL));
	if (strchr(m->name, '!') != NULL) {
		char *domain = mem_strndup(m->name, (size_t)(strchr(m->name, '!') + 1 - m->name));

		put(o, "domainquota", &b, mboxname_quota_file(c, domain, &b, NULL));
		free(domain);
	}
	mboxname_display(c, m->name, &b);
	put(o, "display", &b, 0);
	mboxname_admin(c, m->name, &b);
	put(o, "admin", &b, 0);
	if (owner != NULL)
		put_user(o, c, l, owner);
	buf_done(&b);
	free(owner);
	free(was);
	return o;
}

static int cmd_paths(int argc, char **argv, struct err *e)
{
	struct imapd_conf *c = NULL;
	struct mboxlist *l = NULL;
	int rc = -1;

	if (load_conf(argv, &c, e) == -1 || load_list(c, argc > 4 ? argv[4] : NULL, &l, e) == -1)
		goto out;
	for (size_t i = 0; i < l->n; i++) {
		json_t *o = describe(c, l, &l->entries[i]);

		json_dumpf(o, stdout, 0);
		putchar('\n');
		json_decref(o);
	}
	rc = 0;
out:
	mboxlist_free(l);
	imapd_conf_free(c);
	return rc;
}

struct printing {
	enum mboxlist_form form;
	bool any;
	struct buf b;
};

static int print_entry(void *arg, const struct mailbox_entry *m, struct err *e)
{
	struct printing *p = arg;
	int r = mboxlist_text_add(p->form, m, !p->any, &p->b, e);

	p->any = p->any || r == 1;
	fwrite(buf_text(&p->b), 1, p->b.len, stdout);
	buf_clear(&p->b);
	return r == -1 ? -1 : 0;
}

static int cmd_list(char **argv, struct err *e)
{
	struct imapd_conf *c = NULL;
	struct cyrusdb *db = NULL;
	struct printing p = { 0 };
	int rc = -1;

	if (load_conf(argv, &c, e) == -1 || cyrusdb_open(AT_FDCWD, c->mboxlist_path, &db, e) == -1)
		goto out;
	p.form = mboxlist_form_for(c->version);
	mboxlist_text_start(p.form, &p.b);
	if (mboxlist_each_db(db, print_entry, &p, e) == -1)
		goto out;
	mboxlist_text_end(p.form, &p.b);
	fwrite(buf_text(&p.b), 1, p.b.len, stdout);
	rc = 0;
out:
	buf_done(&p.b);
	cyrusdb_close(db);
	imapd_conf_free(c);
	return rc;
}

static int cmd_parse(char **argv, struct err *e)
{
	struct imapd_conf *c;
	char line[8192];

	if (load_conf(argv, &c, e) == -1)
		return -1;
	while (fgets(line, sizeof line, stdin) != NULL) {
		struct buf admin = BUF_INIT, shown = BUF_INIT;
		struct err bad;
		char *internal;

		line[strcspn(line, "\n")] = '\0';
		if (mboxname_parse(c, line, &internal, &bad) == -1) {
			printf("!%s\n", bad.msg);
			continue;
		}
		mboxname_admin(c, internal, &admin);
		mboxname_display(c, internal, &shown);
		printf("%s\t%s\t%s\n", internal, buf_text(&admin), buf_text(&shown));
		buf_done(&admin);
		buf_done(&shown);
		free(internal);
	}
	imapd_conf_free(c);
	return 0;
}

/* ---- text ---- */

static int form_of(const char *word)
{
	for (int i = 0; i < 4; i++)
		if (strcmp(forms[i], word) == 0)
			return i;
	return -1;
}

static int cmd_convert(char **argv, struct err *e)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct mboxlist *l = NULL;
	enum mboxlist_form found;
	int from = form_of(argv[2]), to = form_of(argv[3]), rc = -1;

	if (to == -1 || (from == -1 && strcmp(argv[2], "auto") != 0))
		return err_set(e, ERR_USAGE, "forms are auto, A, B, json, legacy");
	if (read_stdin(&in, e) == -1 || mboxlist_read_text(buf_text(&in), in.len, &l, &found, e) == -1)
		goto out;
	if (from != -1 && (int)found != from) {
		err_set(e, ERR_FORMAT, "the text is of form %s", forms[found]);
		goto out;
	}
	if (mboxlist_write_text(l, (enum mboxlist_form)to, &out, e) == -1)
		goto out;
	fwrite(buf_text(&out), 1, out.len, stdout);
	rc = 0;
out:
	buf_done(&in);
	buf_done(&out);
	mboxlist_free(l);
	return rc;
}

static int cmd_time(char **argv, struct err *e)
{
	struct buf in = BUF_INIT, out = BUF_INIT;
	struct mboxlist *l = NULL;
	enum mboxlist_form form;
	uint64_t start, read_ms, write_ms;
	struct rusage before, after;
	int rc = -1;

	if (io_read_file(AT_FDCWD, argv[2], TEXT_MAX, &in, e) == -1)
		goto out;
	getrusage(RUSAGE_SELF, &before);
	start = clock_monotonic_ms();
	if (mboxlist_read_text(buf_text(&in), in.len, &l, &form, e) == -1)
		goto out;
	read_ms = clock_monotonic_ms() - start;
	getrusage(RUSAGE_SELF, &after);
	start = clock_monotonic_ms();
	if (mboxlist_write_text(l, form, &out, e) == -1)
		goto out;
	write_ms = clock_monotonic_ms() - start;
	printf("%zu mailboxes of form %s: read in %llu ms with %ld MB besides the text, written in %llu ms\n",
	    l->n, forms[form], (unsigned long long)read_ms, (after.ru_maxrss - before.ru_maxrss) / 1024,
	    (unsigned long long)write_ms);
	rc = 0;
out:
	buf_done(&in);
	buf_done(&out);
	mboxlist_free(l);
	return rc;
}

int main(int argc, char **argv)
{
	struct err e = { 0 };
	int r;

	if (argc == 4 && strcmp(argv[1], "list") == 0)
		r = cmd_list(argv, &e);
	else if ((argc == 4 || argc == 5) && strcmp(argv[1], "paths") == 0)
		r = cmd_paths(argc, argv, &e);
	else if (argc == 4 && strcmp(argv[1], "parse") == 0)
		r = cmd_parse(argv, &e);
	else if (argc == 4 && strcmp(argv[1], "convert") == 0)
		r = cmd_convert(argv, &e);
	else if (argc == 3 && strcmp(argv[1], "time") == 0)
		r = cmd_time(argv, &e);
	else
		r = err_set(&e, ERR_USAGE, "usage: mboxtool list|paths|parse|convert|time ...");
	return r == -1 ? fail(&e) : 0;
}
