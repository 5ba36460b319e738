/* source_ours.c: an archive of ours as a source: units and tables, fetched as they are asked for. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "restore/source_impl.h"

/* Where the message files of the mailbox looked at last are in its table. */
struct ours {
	size_t unit; /* SOURCE_NO_PLACE: none yet */
	struct uid_at {
		uint32_t uid;
		size_t file;
	} * uids;
	size_t n_uids;
};

static void ours_close(struct source *s)
{
	struct ours *o = s->ctx;

	free(o->uids);
	free(o);
}

/* Which file of a unit is meant: by role, by the end of its path, or both; path_is is the whole path. */
struct wanted {
	enum file_role role; /* ROLE_COUNT: any */
	const char *base;    /* NULL: any */
	const char *path_is; /* NULL: any */
};

/* 1 and the bytes appended, 0 when the unit has no such file, -1. */
static int read_wanted(
    struct source *s, size_t unit, struct wanted w, uint64_t max_bytes, struct buf *b, struct err *e)
{
	const struct archive_table *t;

	if (unit == (size_t)-1)
		return 0;
	if (archive_table(s->archive, unit, &t, e) == -1)
		return -1;
	for (size_t k = 0; k < t->n_files; k++) {
		const struct archive_file *f = &t->files[k];

		if ((w.role != ROLE_COUNT && f->role != w.role) || f->role == ROLE_DIRECTORY ||
		    (w.base != NULL && strcmp(source_base(f->path), w.base) != 0) ||
		    (w.path_is != NULL && strcmp(f->path, w.path_is) != 0))
			continue;
		return archive_read_file(s->archive, unit, f, max_bytes, b, e) == -1 ? -1 : 1;
	}
	return 0;
}

static int ours_text(struct source *s, const char *which, struct buf *b, struct err *e)
{
	size_t control = archive_find(s->archive, UNIT_CONTROL, "control"),
	       report = archive_find(s->archive, UNIT_REPORT, "report");
	struct wanted w = { ROLE_COUNT, which, NULL };
	int r = 0;

	/* The newer mailboxes.txt stands in the report, which is written last. */
	if (strcmp(which, "archive.json") != 0)
		r = read_wanted(s, report, w, SOURCE_LIST_MAX, b, e);
	if (r == 0 && strcmp(which, "report.json") != 0)
		r = read_wanted(s, control, w, SOURCE_LIST_MAX, b, e);
	if (r == 0)
		return err_set(e, ERR_NOT_FOUND, "the archive holds no %s", which);
	return r == 1 ? 0 : -1;
}

/* Opening. */

static int read_json(struct source *s, size_t unit, struct err *e)
{
	struct wanted w = { ROLE_COUNT, "archive.json", NULL };
	struct buf b = BUF_INIT;
	json_t *root = NULL;
	json_error_t why;
	const char *version;
	int rc;

	rc = read_wanted(s, unit, w, SOURCE_LIST_MAX, &b, e);
	if (rc == 0)
		err_set(e, ERR_NOT_FOUND, "the archive holds no archive.json");
	if (rc != 1) {
		rc = -1;
		goto out;
	}
	rc = -1;
	s->json_unit = unit;
	if ((root = json_loadb(buf_text(&b), b.len, 0, &why)) == NULL) {
		err_set(e, ERR_FORMAT, "cyrvault/archive.json: %s", why.text);
		goto out;
	}
	if ((version = json_string_value(json_object_get(root, "cyrus_version"))) != NULL)
		cyrus_version_parse(version, &s->version);
	if (json_is_integer(json_object_get(root, "created_unix")))
		s->when = json_integer_value(json_object_get(root, "created_unix"));
	rc = 0;
out:
	json_decref(root);
	buf_done(&b);
	return rc;
}

static int read_conf(struct source *s, size_t unit, struct err *e)
{
	struct buf b = BUF_INIT;
	struct wanted w = { ROLE_IMAPD_CONF, NULL, NULL };
	int r = read_wanted(s, unit, w, SOURCE_CONF_MAX, &b, e);

	s->conf_unit = unit;
	if (r == 1 && imapd_conf_parse(buf_text(&b), b.len, "imapd.conf", s->version, &s->conf, e) == -1) {
		log_write(LOG_LEVEL_WARNING, "archive %s: its imapd.conf is not usable: %s", s->name,
		    e != NULL ? e->msg : "");
		err_clear(e);
	}
	buf_done(&b);
	if (r == -1)
		return err_wrap(e, "imapd.conf");
	for (size_t i = 0; s->conf != NULL && i < s->conf->n_partitions; i++) {
		const char *root = s->conf->partitions[i].archive;

		if (root == NULL)
			continue;
		s->archive_roots =
		    mem_resize(s->archive_roots, s->n_archive_roots + 1, sizeof *s->archive_roots);
		s->archive_roots[s->n_archive_roots++] = mem_strdup(root + strspn(root, "/"));
	}
	return 0;
}

int source_ours_watch(void *arg, struct archive *a, size_t ready, struct err *e)
{
	struct source_watching *w = arg;
	struct source *s = w->s;
	int rc = 0;

	/* Both lie in front; without them there is no way to show a name, and the root's end must be waited for. */
	s->archive = a;
	for (size_t i = 0; i < ready && i < 64 && rc == 0; i++) {
		if (archive_unit(a, i)->kind == UNIT_CONTROL && s->json_unit == SOURCE_NO_PLACE)
			rc = read_json(s, i, e);
		else if (archive_unit(a, i)->kind == UNIT_GLOBAL && s->conf_unit == SOURCE_NO_PLACE)
			rc = read_conf(s, i, e);
	}
	s->archive = NULL;
	if (rc == -1 || s->json_unit == SOURCE_NO_PLACE || s->conf_unit == SOURCE_NO_PLACE)
		return rc;
	source_find_when(s);
	return w->watch(w->arg, s, a, e);
}

static int read_list(struct source *s, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	if (s->units_only) {
		s->list = mboxlist_new();
		return 0;
	}
	rc = ours_text(s, "mailboxes.txt", &b, e);
	if (rc == 0 && b.len > 0)
		rc = mboxlist_read_text(b.data, b.len, &s->list, NULL, e);
	else if (rc == 0)
		s->list = mboxlist_new();
	buf_done(&b);
	return rc == -1 ? err_wrap(e, "mailboxes.txt") : 0;
}

int source_open_ours(struct source *s, struct err *e)
{
	struct archive *a = s->archive;
	size_t n_units = archive_n_units(a), n = 0, control, global;
	struct ours *o = mem_alloc(sizeof *o);
	struct source_box *boxes;

	o->unit = SOURCE_NO_PLACE;
	s->ctx = o;
	control = archive_find(a, UNIT_CONTROL, "control");
	global = archive_find(a, UNIT_GLOBAL, "global");
	if ((control != s->json_unit || control == SOURCE_NO_PLACE) && read_json(s, control, e) == -1)
		return -1;
	if (global != s->conf_unit) {
		imapd_conf_free(s->conf);
		s->conf = NULL;
		while (s->n_archive_roots > 0)
			free(s->archive_roots[--s->n_archive_roots]);
		if (read_conf(s, global, e) == -1)
			return -1;
	}
	if (read_list(s, e) == -1)
		return -1;
	source_find_when(s);
	for (size_t i = 0; i < n_units; i++)
		n += archive_unit(a, i)->kind == UNIT_MAILBOX;
	boxes = mem_array(n + 1, sizeof *boxes);
	n = 0;
	for (size_t i = 0; i < n_units; i++) {
		const struct unit_info *u = archive_unit(a, i);

		if (u->kind != UNIT_MAILBOX)
			continue;
		boxes[n++] = (struct source_box){
			.place = i,
			.box = { .name = u->name,
			    .uniqueid = u->uniqueid,
			    .partition = u->partition,
			    .uidvalidity = u->uidvalidity,
			    .messages = u->messages,
			    .unread = u->unread,
			    .bytes = u->bytes,
			    .health = u->health },
		};
	}
	source_merge(s, boxes, n);
	free(boxes);
	return 0;
}

/* Mailboxes. */

static int ours_parts(struct source *s, size_t i, bool with_cache, struct source_parts *p, struct err *e)
{
	size_t unit = s->places[i];
	const struct archive_table *t;
	struct source_parts_arg arg;
	struct file_sink sink;

	if (archive_table(s->archive, unit, &t, e) == -1)
		return -1;
	for (size_t k = 0; k < t->n_files; k++) {
		uint32_t uid;

		if (t->files[k].role == ROLE_MESSAGE &&
		    (uid = source_message_uid(source_base(t->files[k].path))) != 0)
			source_parts_add_uid(p, uid);
	}
	source_parts_sink(s, with_cache, p, &sink, &arg);
	return archive_read_unit(s->archive, unit, &sink, e);
}

static int at_cmp(const void *pa, const void *pb)
{
	const struct uid_at *a = pa, *b = pb;

	return a->uid != b->uid ? (a->uid > b->uid) - (a->uid < b->uid)
	                        : (a->file > b->file) - (a->file < b->file);
}

static void map_uids(struct ours *o, size_t unit, const struct archive_table *t)
{
	o->n_uids = 0;
	o->uids = mem_resize(o->uids, t->n_files + 1, sizeof *o->uids);
	for (size_t k = 0; k < t->n_files; k++) {
		uint32_t uid;

		if (t->files[k].role == ROLE_MESSAGE &&
		    (uid = source_message_uid(source_base(t->files[k].path))) != 0)
			o->uids[o->n_uids++] = (struct uid_at){ uid, k };
	}
	qsort(o->uids, o->n_uids, sizeof *o->uids, at_cmp);
	o->unit = unit;
}

static int ours_read_message(
    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e)
{
	struct ours *o = s->ctx;
	size_t unit = s->places[i], lo = 0, hi;
	const struct archive_table *t;

	if (archive_table(s->archive, unit, &t, e) == -1)
		return -1;
	if (o->unit != unit)
		map_uids(o, unit, t);
	for (hi = o->n_uids; lo < hi;) {
		size_t mid = lo + (hi - lo) / 2;

		if (o->uids[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == o->n_uids || o->uids[lo].uid != uid)
		return err_set(e, ERR_NOT_FOUND, "the archive holds no such message file");
	return archive_read_file(s->archive, unit, &t->files[o->uids[lo].file], max_bytes, b, e);
}

static int ours_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e)
{
	return archive_read_unit(s->archive, s->places[i], sink, e);
}

/* Users and global files. */

/* Files of users who have no mailbox (administrators, "anyone") lie with the global ones. */
static bool global_user_path(struct source *s, const char *userid, enum user_file which, struct buf *b)
{
	buf_clear(b);
	return s->conf != NULL &&
	       mboxname_user_file(s->conf, LAYOUT_BY_NAME, which, userid, NULL, b, NULL) == 0;
}

struct some_files {
	const struct file_sink *sink;
	const char *paths[2]; /* the wanted ones, absolute */
	bool any;
};

static int some_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct some_files *f = arg;

	for (int i = 0; i < 2; i++)
		if (f->paths[i] != NULL && strcmp(f->paths[i] + strspn(f->paths[i], "/"), file->path) == 0) {
			f->any = true;
			return f->sink->begin(f->sink->arg, file, meta, e);
		}
	return 0;
}

static int some_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct some_files *f = arg;

	return f->sink->data(f->sink->arg, p, n, e);
}

static int some_end(void *arg, struct err *e)
{
	struct some_files *f = arg;

	return f->sink->end(f->sink->arg, e);
}

static void some_abort(void *arg)
{
	struct some_files *f = arg;

	f->sink->abort(f->sink->arg);
}

static int ours_extract_user(
    struct source *s, const char *userid, const struct file_sink *sink, struct err *e)
{
	size_t unit = archive_find(s->archive, UNIT_USER, userid);
	struct buf seen = BUF_INIT, subs = BUF_INIT;
	struct some_files some = { .sink = sink };
	struct file_sink filter = { &some, sink->damage_ok, some_begin, some_data, some_end, some_abort };
	int rc = 0;

	if (unit != (size_t)-1) {
		rc = archive_read_unit(s->archive, unit, sink, e);
	} else {
		unit = archive_find(s->archive, UNIT_GLOBAL, "global");
		some.paths[0] = global_user_path(s, userid, USER_SEEN, &seen) ? seen.data : NULL;
		some.paths[1] = global_user_path(s, userid, USER_SUBS, &subs) ? subs.data : NULL;
		if (unit != (size_t)-1)
			rc = archive_read_unit(s->archive, unit, &filter, e);
		if (rc == 0 && !some.any)
			rc = err_set(e, ERR_NOT_FOUND, "the archive holds none");
	}
	buf_done(&seen);
	buf_done(&subs);
	return rc == -1 ? err_wrap(e, "files of user %s", userid) : 0;
}

static int ours_user_file(
    struct source *s, const char *userid, enum file_role role, struct buf *b, struct err *e)
{
	struct wanted w = { role, NULL, NULL };
	int r = read_wanted(s, archive_find(s->archive, UNIT_USER, userid), w, SOURCE_DB_MAX, b, e);
	struct buf path = BUF_INIT;

	if (r == 0 && global_user_path(s, userid, role == ROLE_SEEN ? USER_SEEN : USER_SUBS, &path)) {
		w.path_is = path.data + strspn(path.data, "/");
		r = read_wanted(s, archive_find(s->archive, UNIT_GLOBAL, "global"), w, SOURCE_DB_MAX, b, e);
	}
	buf_done(&path);
	return r;
}

/* The roots of a user lie with his files, those of shared folders with the global ones. */
static int ours_quota_file(struct source *s, const char *root, struct buf *b, struct err *e)
{
	const char *bang = strchr(root, '!');
	struct wanted w = { ROLE_QUOTA, bang != NULL ? bang + 1 : root, NULL };
	char *user = mboxname_user(root);
	struct buf path = BUF_INIT;
	int r = 0;

	if (user != NULL)
		r = read_wanted(s, archive_find(s->archive, UNIT_USER, user), w, SOURCE_SMALL_MAX, b, e);
	if (r == 0 && s->conf != NULL && mboxname_quota_file(s->conf, root, &path, NULL) == 0) {
		w = (struct wanted){ ROLE_COUNT, NULL, path.data + strspn(path.data, "/") };
		r = read_wanted(
		    s, archive_find(s->archive, UNIT_GLOBAL, "global"), w, SOURCE_SMALL_MAX, b, e);
	}
	buf_done(&path);
	free(user);
	return r;
}

static int ours_database(struct source *s, const char *path, struct buf *b, struct err *e)
{
	size_t unit = archive_find(s->archive, UNIT_GLOBAL, "global");
	struct wanted w = { ROLE_DATABASE, NULL, path + strspn(path, "/") };
	int r = read_wanted(s, unit, w, SOURCE_DB_MAX, b, e);

	if (r == 0) {
		w.path_is = NULL;
		w.base = source_base(path);
		r = read_wanted(s, unit, w, SOURCE_DB_MAX, b, e);
	}
	return r;
}

/* "alice" of ".../alice.seen"; NULL for other names. */
static char *user_of_path(const char *path)
{
	const char *base = source_base(path), *dot = strrchr(base, '.');

	return dot != NULL && dot > base ? mem_strndup(base, (size_t)(dot - base)) : NULL;
}

static int ours_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e)
{
	size_t n = archive_n_units(s->archive), global = archive_find(s->archive, UNIT_GLOBAL, "global");
	const struct archive_table *t;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct unit_info *u = archive_unit(s->archive, i);

		if (u->kind == UNIT_USER)
			rc = each(arg, u->name, e);
	}
	if (rc != 0 || global == (size_t)-1)
		return rc;
	if (archive_table(s->archive, global, &t, e) == -1)
		return -1;
	for (size_t k = 0; k < t->n_files && rc == 0; k++) {
		char *user = t->files[k].role == ROLE_SEEN || t->files[k].role == ROLE_SUBS
		                 ? user_of_path(t->files[k].path)
		                 : NULL;

		if (user != NULL)
			rc = each(arg, user, e);
		free(user);
	}
	return rc;
}

const struct source_ops source_ours = {
	.close = ours_close,
	.text = ours_text,
	.extract = ours_extract,
	.extract_user = ours_extract_user,
	.read_message = ours_read_message,
	.parts = ours_parts,
	.user_file = ours_user_file,
	.quota_file = ours_quota_file,
	.database = ours_database,
	.each_listed = source_ours_each_listed,
	.users = ours_users,
};
