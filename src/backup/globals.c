/* globals.c: configuration, global databases and extra paths; directories without a mailbox. */
#include "backup/globals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/str.h"

const char *const globals_left_out[] = {
	"locks, sockets and process files of the running server",
	"stage. (deliveries under way)",
	"statuscache.db, tls_sessions.db (made anew by the server)",
	"cyrus.squat and Xapian search indexes (made anew by squatter)",
	"db.backup1, db.backup2 and Berkeley region files __db.*",
	"log/ (protocol traces) and *.NEW (half-written)",
	NULL,
};

/* Directly below the configuration directory. */
static bool is_left_out(const struct imapd_conf *conf, const char *dir, const char *name)
{
	static const char *const top[] = { "proc", "socket", "lock", "log", "stage.", "statuscache.db",
		"tls_sessions.db", "db.backup1", "db.backup2", "ptscache.db" };
	char *path;
	bool out;

	if (str_ends(name, ".NEW") || str_starts(name, "__db.") || str_ends(name, ".lock"))
		return true;
	if (strcmp(dir, conf->configdirectory) == 0)
		for (size_t i = 0; i < sizeof top / sizeof top[0]; i++)
			if (strcmp(name, top[i]) == 0)
				return true;
	path = mem_printf("%s/%s", dir, name);
	out = strcmp(path, conf->lockpath) == 0 || strcmp(path, conf->procpath) == 0;
	for (size_t i = 0; i < conf->n_partitions && !out; i++) {
		const char *roots[IMAPD_ROOTS_MAX];
		size_t n = imapd_conf_roots(conf, &conf->partitions[i], roots);

		for (size_t k = 0; k < n; k++)
			out = out || strcmp(path, roots[k]) == 0;
	}
	free(path);
	return out;
}

/* A sorted set of paths. */
struct path_set {
	char **paths;
	size_t n, cap;
};

static int by_path(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void set_add(struct path_set *s, const char *path)
{
	s->paths = mem_grow(s->paths, &s->cap, s->n + 1, sizeof *s->paths);
	s->paths[s->n++] = mem_strdup(path);
}

static void set_sort(struct path_set *s)
{
	if (s->n > 1)
		qsort(s->paths, s->n, sizeof *s->paths, by_path);
}

static bool set_has(const struct path_set *s, const char *path)
{
	return s->n > 0 && bsearch(&path, s->paths, s->n, sizeof *s->paths, by_path) != NULL;
}

static void set_done(struct path_set *s)
{
	for (size_t i = 0; i < s->n; i++)
		free(s->paths[i]);
	free(s->paths);
}

/* The directories of one mailbox, in every root of its partition. */
static void add_mailbox_dirs(
    const struct server *server, const struct mailbox_entry *entry, struct path_set *set)
{
	const struct imapd_conf *conf = server->conf;
	const struct cyrus_partition *part = imapd_conf_partition(conf, entry->partition);
	const char *roots[IMAPD_ROOTS_MAX];
	size_t n = part != NULL ? imapd_conf_roots(conf, part, roots) : 0;
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		buf_clear(&b);
		buf_printf(&b, "%s/", roots[i]);
		if (mboxname_dir(
			conf, mailbox_entry_layout(conf, entry), entry->name, entry->uniqueid, &b, NULL) == 0)
			set_add(set, buf_text(&b));
	}
	buf_done(&b);
}

/* Paths that the users' own units will hold. */
static void claim_user_paths(
    const struct server *server, const struct roster *roster, struct path_set *claimed)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < roster->n; i++) {
		const char *owner = roster->rows[i].owner;
		const char *name = roster->list->entries[roster->rows[i].entry].name;
		const struct mailbox_entry *inbox;
		char *inbox_name;

		if (*owner == '\0')
			continue;
		buf_clear(&b);
		if (mboxname_quota_file(server->conf, name, &b, NULL) == 0)
			set_add(claimed, buf_text(&b));
		if (i > 0 && strcmp(owner, roster->rows[i - 1].owner) == 0)
			continue;
		inbox_name = mboxname_inbox(owner);
		inbox = mboxlist_find(roster->list, inbox_name);
		for (unsigned which = 0; which < USER_FILES; which++)
			for (int layout = LAYOUT_BY_NAME; layout <= LAYOUT_UUID; layout++) {
				buf_clear(&b);
				if (mboxname_user_file(server->conf, (enum mailbox_layout)layout,
					(enum user_file)which, owner, inbox != NULL ? inbox->uniqueid : NULL,
					&b, NULL) == 0)
					set_add(claimed, buf_text(&b));
			}
		free(inbox_name);
	}
	buf_done(&b);
	set_sort(claimed);
}

static enum file_role role_of(const struct imapd_conf *conf, const char *path, bool below_config)
{
	if (strcmp(path, conf->path) == 0)
		return ROLE_IMAPD_CONF;
	if (strcmp(path, conf->mboxlist_path) == 0 || strcmp(path, conf->annotation_path) == 0 ||
	    strcmp(path, conf->duplicate_path) == 0 || (below_config && str_ends(path, ".db")))
		return ROLE_DATABASE;
	if (below_config && str_ends(path, ".seen"))
		return ROLE_SEEN;
	if (below_config && str_ends(path, ".sub"))
		return ROLE_SUBS;
	return below_config ? ROLE_OTHER : ROLE_EXTRA;
}

struct walk {
	struct capture_context *cx;
	struct pack_context *pack;
	const struct path_set *claimed; /* NULL: nothing is passed over */
	bool below_config;
};

static int pack_path(struct walk *w, const char *path, enum file_role role, struct err *e)
{
	struct captured_file f;
	struct err why;
	int r = capture_file(w->cx, path, role, &f, &why);

	if (r == -1)
		findings_add(w->cx->findings, FINDING_UNREADABLE, "", "not packed: %s", why.msg);
	if (r != 1)
		return 0;
	r = pack_file(w->pack, &f, e);
	captured_file_done(&f);
	return r;
}

static int pack_directory_itself(struct walk *w, const char *path, int fd, struct err *e)
{
	struct captured_file f = {
		.path = mem_strdup(path), .role = ROLE_DIRECTORY, .bytes = mem_strdup(""), .fd = -1
	};
	int rc = fstat(fd, &f.st) == -1 ? err_sys(e, "stat %s", path) : pack_file(w->pack, &f, e);

	captured_file_done(&f);
	return rc;
}

static int walk_tree(struct walk *w, const char *dir, unsigned depth, struct err *e);

static int walk_entry(
    struct walk *w, int fd, const char *dir, const char *name, unsigned depth, struct err *e)
{
	const struct imapd_conf *conf = w->cx->server->conf;
	char *path;
	struct stat st;
	int rc = 0;

	if (w->below_config && is_left_out(conf, dir, name))
		return 0;
	path = mem_printf("%s%s%s", dir, strcmp(dir, "/") == 0 ? "" : "/", name);
	if (w->claimed != NULL && set_has(w->claimed, path))
		goto out;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		goto out; /* gone meanwhile */
	if (S_ISDIR(st.st_mode) && depth > 0)
		rc = walk_tree(w, path, depth - 1, e);
	else if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		rc = pack_path(w, path, role_of(conf, path, w->below_config), e);
out:
	free(path);
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In the order of names, so that two backups of the same tree are the same bytes. */
static int walk_tree(struct walk *w, const char *dir, unsigned depth, struct err *e)
{
	struct err why;
	int fd = snapshot_open(w->cx->snapshot, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, &why);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	char **names = NULL;
	size_t n = 0, cap = 0;
	int rc;

	if (d == NULL) {
		if (errno != ENOENT)
			findings_add(w->cx->findings, FINDING_UNREADABLE, "", "not packed: %s", why.msg);
		if (fd != -1)
			close(fd);
		return job_cancelled(w->cx->job, e) ? -1 : 0;
	}
	while ((de = readdir(d)) != NULL) {
		if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0)
			continue;
		names = mem_grow(names, &cap, n + 1, sizeof *names);
		names[n++] = mem_strdup(de->d_name);
	}
	if (n > 1)
		qsort(names, n, sizeof *names, by_name);
	rc = pack_directory_itself(w, dir, dirfd(d), e);
	for (size_t i = 0; i < n; i++) {
		if (rc == 0 && job_cancelled(w->cx->job, e))
			rc = -1;
		if (rc == 0)
			rc = walk_entry(w, dirfd(d), dir, names[i], depth, e);
		free(names[i]);
	}
	free(names);
	closedir(d);
	return rc;
}

static int pack_extra(struct walk *w, const char *path, struct err *e)
{
	struct err why;
	int fd = snapshot_open(w->cx->snapshot, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, &why);
	struct stat st = { 0 };

	if (fd == -1) {
		findings_add(w->cx->findings, FINDING_UNREADABLE, "", "extra path not packed: %s", why.msg);
		return 0;
	}
	if (fstat(fd, &st) == -1)
		st.st_mode = 0;
	close(fd);
	if (S_ISDIR(st.st_mode))
		return walk_tree(w, path, 64, e);
	return pack_path(w, path, ROLE_EXTRA, e);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The directories above ${path} and below its root, but those that ${before}, the path in front of it in the order, had too. */
static void add_between(struct path_set *between, const struct path_set *mailboxes, const char *path,
    size_t root_len, const char *before)
{
	for (const char *slash = strchr(path + root_len + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		char *above = mem_strndup(path, (size_t)(slash - path));

		if (!is_below(before, above) && !set_has(mailboxes, above))
			set_add(between, above);
		free(above);
	}
}

/* The directories between a partition's roots and its mailboxes, which no unit would hold: with them, unpacking gives every
 * directory its owner, mode and time. */
static int pack_between(struct walk *w, const struct roster *roster, struct err *e)
{
	const struct imapd_conf *conf = w->cx->server->conf;
	struct path_set mailboxes = { 0 }, between = { 0 };
	size_t n_roots;
	int rc = 0;

	for (size_t i = 0; i < roster->list->n; i++)
		if (mailbox_entry_has_directory(&roster->list->entries[i]))
			add_mailbox_dirs(w->cx->server, &roster->list->entries[i], &mailboxes);
	set_sort(&mailboxes);
	for (size_t p = 0; p < conf->n_partitions; p++) {
		const char *roots[IMAPD_ROOTS_MAX];
		size_t n = imapd_conf_roots(conf, &conf->partitions[p], roots);

		for (size_t k = 0; k < n; k++)
			set_add(&between, roots[k]);
	}
	n_roots = between.n;
	for (size_t i = 0; i < mailboxes.n; i++) {
		const char *path = mailboxes.paths[i], *before = i > 0 ? mailboxes.paths[i - 1] : "";

		for (size_t r = 0; r < n_roots; r++)
			if (is_below(path, between.paths[r]))
				add_between(&between, &mailboxes, path, strlen(between.paths[r]), before);
	}
	set_sort(&between);
	for (size_t i = 0; i < between.n && rc == 0; i++) {
		int fd;

		if (i > 0 && strcmp(between.paths[i], between.paths[i - 1]) == 0)
			continue;
		fd = snapshot_open(w->cx->snapshot, between.paths[i], O_RDONLY | O_DIRECTORY, NULL);
		if (fd == -1)
			continue;
		rc = pack_directory_itself(w, between.paths[i], fd, e);
		close(fd);
	}
	set_done(&mailboxes);
	set_done(&between);
	return rc;
}

int globals_pack(struct capture_context *cx, struct pack_context *p, const struct conf_server *conf,
    const struct roster *roster, struct err *e)
{
	const struct imapd_conf *ic = cx->server->conf;
	struct unit_info info = { .kind = UNIT_GLOBAL,
		.health = HEALTH_UNCHECKED,
		.name = "global",
		.uniqueid = "",
		.partition = "" };
	struct path_set claimed = { 0 };
	struct walk w = { cx, p, &claimed, true };
	int rc;

	claim_user_paths(cx->server, roster, &claimed);
	rc = pack_begin(p, UNIT_GLOBAL, "global", e);
	if (rc == 0)
		rc = pack_path(&w, ic->path, ROLE_IMAPD_CONF, e);
	if (rc == 0 && access(conf->cyrus_conf, F_OK) == 0)
		rc = pack_path(&w, conf->cyrus_conf, ROLE_CYRUS_CONF, e);
	if (rc == 0)
		rc = walk_tree(&w, ic->configdirectory, 64, e);
	if (rc == 0 && ic->sievedir != NULL && !is_below(ic->sievedir, ic->configdirectory))
		rc = walk_tree(&w, ic->sievedir, 64, e);
	if (rc == 0)
		rc = pack_between(&w, roster, e);
	w.claimed = NULL;
	w.below_config = false;
	for (size_t i = 0; i < conf->n_extra && rc == 0; i++)
		rc = pack_extra(&w, conf->extra[i], e);
	set_done(&claimed);
	if (rc == 0)
		rc = pack_end(p, &info, e);
	return rc == -1 ? err_wrap(e, "pack the server's configuration") : 0;
}

/* Orphans. */

struct orphan_walk {
	struct capture_context *cx;
	struct pack_context *pack;
	struct path_set known;
	int64_t since;
};

static bool looks_like_mail(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return strcmp(name, "cyrus.header") == 0 || strcmp(name, "cyrus.index") == 0 ||
	       (n > 0 && name[n] == '.' && name[n + 1] == '\0');
}

static int pack_orphan(struct orphan_walk *w, const char *dir, struct err *e)
{
	struct captured_mailbox m;
	int rc;

	findings_add(w->cx->findings, FINDING_NOT_LISTED, "",
	    "directory %s holds mail, but no mailbox of mailboxes.db has it", dir);
	if (capture_orphan(w->cx, dir, &m, e) == -1)
		return -1;
	rc = pack_mailbox(w->pack, &m, NULL, e);
	captured_mailbox_done(&m);
	return rc;
}

static int find_orphans(struct orphan_walk *w, const char *dir, unsigned depth, struct err *e)
{
	int fd = snapshot_open(w->cx->snapshot, dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, NULL);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	struct stat st = { 0 };
	bool mail = false;
	int rc = 0;

	if (d == NULL) {
		if (fd != -1)
			close(fd);
		return 0;
	}
	fstat(fd, &st);
	while (rc == 0 && (de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || strcmp(de->d_name, "stage.") == 0)
			continue;
		if (de->d_type == DT_DIR && depth > 0) {
			char *sub = mem_printf("%s/%s", dir, de->d_name);

			rc = job_cancelled(w->cx->job, e) ? -1 : find_orphans(w, sub, depth - 1, e);
			free(sub);
		} else {
			mail = mail || looks_like_mail(de->d_name);
		}
	}
	closedir(d);
	if (rc == 0 && mail && !set_has(&w->known, dir) && st.st_mtime < w->since)
		rc = pack_orphan(w, dir, e);
	return rc;
}

int orphans_pack(struct capture_context *cx, struct pack_context *p, const struct roster *roster,
    int64_t since, struct err *e)
{
	struct orphan_walk w = { .cx = cx, .pack = p, .since = since };
	const struct imapd_conf *conf = cx->server->conf;
	int rc = 0;

	for (size_t i = 0; i < roster->list->n; i++)
		if (mailbox_entry_has_directory(&roster->list->entries[i]))
			add_mailbox_dirs(cx->server, &roster->list->entries[i], &w.known);
	set_sort(&w.known);
	for (size_t i = 0; i < conf->n_partitions && rc == 0; i++) {
		const char *roots[IMAPD_ROOTS_MAX];
		size_t n = imapd_conf_roots(conf, &conf->partitions[i], roots);

		for (size_t k = 0; k < n && rc == 0; k++)
			rc = find_orphans(&w, roots[k], 64, e);
	}
	set_done(&w.known);
	return rc;
}
