/* place_user.c: a user's own files and quota roots out of the archive. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "core/digest.h"
#include "restore/case.h"
#include "restore/place.h"
#include "restore/plan.h"

/* Larger ones (a conversations database of years) are rare, but are users' data all the same. */
#define MAX_USER_FILE ((size_t)1 << 30)

struct user_sink {
	struct place_context *cx;
	const struct restore_plan *plan;
	const struct mboxlist *live;
	const char *userid;
	bool replace;
	bool count_only;
	int missing;  /* when counting */
	char *target; /* absolute path of the file being read, NULL: passed over */
	bool is_link;
	struct buf bytes;
};

static const struct {
	enum file_role role;
	enum user_file which;
} kinds[] = {
	{ ROLE_SEEN, USER_SEEN },
	{ ROLE_SUBS, USER_SUBS },
	{ ROLE_CONVERSATIONS, USER_CONVERSATIONS },
	{ ROLE_COUNTERS, USER_COUNTERS },
	{ ROLE_XAPIAN, USER_XAPIAN },
	{ ROLE_DAV, USER_DAV },
	{ ROLE_MBOXKEY, USER_MBOXKEY },
	{ ROLE_SIEVE, USER_SIEVE_DIR },
};

/* Creates the missing directories above ${path}, owned by Cyrus. */
static int make_parents(const struct server *server, const char *path, struct err *e)
{
	char *copy = mem_strdup(path);
	int rc = 0;

	for (char *s = strchr(copy + 1, '/'); s != NULL && rc == 0; s = strchr(s + 1, '/')) {
		*s = '\0';
		if (io_mkdir_as(AT_FDCWD, copy, 0700, server->uid, server->gid) == -1 && errno != EEXIST)
			rc = err_sys(e, "create directory %s", copy);
		*s = '/';
	}
	free(copy);
	return rc;
}

/* Makes a file (or link) appear whole, owned by Cyrus; one that is there stays unless ${replace}. */
static int write_file(const struct server *server, const char *path, const struct buf *b, bool is_link,
    bool replace, struct err *e)
{
	char *tmp = mem_printf(
	    "%s.cyrvault-new", path); /* of one name, so that the next run takes up what a killed one left */
	char *parent = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	int rc = make_parents(server, path, e), fd = -1;

	if (rc == -1)
		goto out;
	rc = -1;
	unlink(tmp);
	if (is_link) {
		if (symlink(buf_text(b), tmp) == -1 || lchown(tmp, server->uid, server->gid) == -1) {
			err_sys(e, "link %s", tmp);
			goto out;
		}
	} else {
		fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd == -1 || fchown(fd, server->uid, server->gid) == -1) {
			err_sys(e, "create %s", tmp);
			goto out;
		}
		if (io_write_all(fd, buf_text(b), b->len, tmp, e) == -1 || io_fsync(fd, tmp, e) == -1)
			goto out;
	}
	rc = renameat2(AT_FDCWD, tmp, AT_FDCWD, path, replace ? 0 : RENAME_NOREPLACE);
	if (rc == -1 && (replace || errno != EEXIST))
		err_sys(e, "create %s", path);
	else
		rc = 0;
	if (rc == 0)
		rc = io_fsync_dir(AT_FDCWD, parent, e);
out:
	unlink(tmp);
	if (fd != -1)
		close(fd);
	free(parent);
	free(tmp);
	return rc;
}

/* What of a sieve script's path lies below the user's sieve directory: "default.script", "sub/x.script". */
static const char *below_sieve_dir(const struct user_sink *u, const char *path)
{
	const struct imapd_conf *conf = source_conf(u->cx->source);
	const char *slash = strrchr(path, '/');
	struct buf dir = BUF_INIT;
	const char *below = slash != NULL ? slash + 1 : path;

	for (int layout = LAYOUT_BY_NAME; conf != NULL && layout <= LAYOUT_UUID; layout++) {
		char *inbox = mboxname_inbox(u->userid);
		size_t i = source_find(u->cx->source, inbox);
		const char *id = i != (size_t)-1 ? source_mailbox(u->cx->source, i)->uniqueid : NULL;
		const char *rel;

		free(inbox);
		buf_clear(&dir);
		if (mboxname_user_file(
			conf, (enum mailbox_layout)layout, USER_SIEVE_DIR, u->userid, id, &dir, NULL) == -1)
			continue;
		rel = buf_text(&dir) + strspn(buf_text(&dir), "/");
		if (str_starts(path, rel) && path[strlen(rel)] == '/')
			below = path + strlen(rel) + 1;
	}
	buf_done(&dir);
	return below;
}

/* A unit of one user may not bring another user's quota. */
static bool is_own_root(const struct user_sink *u, const char *root)
{
	char *owner = mboxname_valid(root) ? mboxname_user(root) : NULL;
	bool own = owner != NULL && strcmp(owner, u->userid) == 0;

	free(owner);
	return own;
}

/* Seen records, subscriptions, scripts, limits can be asked for one by one. */
static bool is_wanted(const struct user_sink *u, enum file_role role)
{
	unsigned what = role == ROLE_SEEN    ? RESTORE_SEEN
	                : role == ROLE_SUBS  ? RESTORE_SUBSCRIPTIONS
	                : role == ROLE_SIEVE ? RESTORE_SIEVE
	                : role == ROLE_QUOTA ? RESTORE_QUOTA
	                                     : RESTORE_ALL_STATE;

	return restore_wants(&u->plan->request, what);
}

static int target_of(struct user_sink *u, const struct archive_file *file, struct buf *b, struct err *e)
{
	if (!is_wanted(u, file->role))
		return 0;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (kinds[i].role != file->role)
			continue;
		if (restore_user_path(u->cx->server, u->live, u->plan, kinds[i].which, u->userid, b, e) == -1)
			return -1;
		if (file->role == ROLE_SIEVE) {
			const char *below = below_sieve_dir(u, file->path);

			if (!io_path_is_safe(below, strlen(below)))
				return err_set(
				    e, ERR_FORMAT, "%s would leave the sieve directory", file->path);
			buf_printf(b, "/%s", below);
		}
		return 1;
	}
	if (file->role == ROLE_QUOTA) {
		const char *slash = strrchr(file->path, '/');
		const char *root = slash != NULL ? slash + 1 : file->path;

		if (!is_own_root(u, root))
			return 0;
		return mboxname_quota_file(u->cx->server->conf, root, b, e) == -1 ? -1 : 1;
	}
	return 0;
}

static int user_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct user_sink *u = arg;
	struct buf b = BUF_INIT;
	int r = target_of(u, file, &b, e);
	struct stat st;

	if (r == 1 && !u->replace && lstat(buf_text(&b), &st) == 0)
		r = 0;
	if (r == 1 && u->count_only) {
		u->missing++;
		r = 0;
	}
	if (r == 1 && meta != NULL && !S_ISREG(meta->mode) && !S_ISLNK(meta->mode))
		r = 0;
	if (r == 1 && meta != NULL && meta->size > MAX_USER_FILE)
		r = err_set(e, ERR_FORMAT, "%s is too large", file->path);
	if (r == 1 && meta != NULL) {
		u->target = mem_strdup(buf_text(&b));
		u->is_link = S_ISLNK(meta->mode);
		buf_clear(&u->bytes);
	}
	buf_done(&b);
	return r;
}

static int user_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct user_sink *u = arg;

	(void)e;
	buf_add(&u->bytes, p, n);
	return 0;
}

static void user_abort(void *arg)
{
	struct user_sink *u = arg;

	free(u->target);
	u->target = NULL;
}

/* What is there, and what will be: so that it can be taken back. */
static int keep_before(struct user_sink *u, struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA1);
	struct buf hex = BUF_INIT, was = BUF_INIT;
	uint8_t sum[SHA1_SIZE];
	ssize_t n;
	int rc;

	digest_add(d, buf_text(&u->bytes), u->bytes.len);
	digest_end(d, sum);
	digest_free(d);
	str_hex(&hex, sum, sizeof sum);
	if (u->is_link) {
		n = readlink(u->target, buf_reserve(&was, 4096), 4096);
		was.len = n > 0 ? (size_t)n : 0;
		buf_char(&was, '\0');
		rc = journal_changing(case_journal(u->cx->kase), "link", "", "", u->target,
		    n > 0 ? buf_text(&was) : NULL, buf_text(&u->bytes), e);
	} else {
		rc = case_keep_file(u->cx->kase, "", "", u->target, buf_text(&hex), e);
	}
	buf_done(&hex);
	buf_done(&was);
	return rc;
}

static int user_end(void *arg, struct err *e)
{
	struct user_sink *u = arg;
	/* A link of ours leads to a script beside it, never elsewhere. */
	bool leads_away = u->is_link && (strchr(buf_text(&u->bytes), '/') != NULL || u->bytes.len == 0);
	int rc = leads_away || u->cx->kase == NULL ? 0 : keep_before(u, e);

	if (rc == 0 && !leads_away)
		rc = write_file(u->cx->server, u->target, &u->bytes, u->is_link, u->replace, e);
	if (rc == 0) {
		u->cx->result->files++;
		u->cx->result->bytes += u->bytes.len;
	}
	user_abort(u);
	return rc;
}

static int extract(struct user_sink *u, struct err *e)
{
	struct file_sink sink = {
		.arg = u, .begin = user_begin, .data = user_data, .end = user_end, .abort = user_abort
	};
	struct err why;
	int rc = source_extract_user(u->cx->source, u->userid, &sink, &why);

	user_abort(u);
	buf_done(&u->bytes);
	if (rc == 0 || why.code == ERR_NOT_FOUND)
		return 0;
	if (e != NULL)
		*e = why;
	return err_wrap(e, "files of user %s", u->userid);
}

int place_user_files(struct place_context *cx, const struct restore_plan *plan, const struct mboxlist *live,
    const char *userid, bool replace, struct err *e)
{
	struct user_sink u = { .cx = cx, .plan = plan, .live = live, .userid = userid, .replace = replace };

	return extract(&u, e);
}

int place_count_user_files(struct place_context *cx, const struct restore_plan *plan,
    const struct mboxlist *live, const char *userid, struct err *e)
{
	struct user_sink u = { .cx = cx, .plan = plan, .live = live, .userid = userid, .count_only = true };

	return extract(&u, e) == -1 ? -1 : u.missing;
}

int place_quota_root(struct place_context *cx, const char *root, struct err *e)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	int rc = mboxname_quota_file(cx->server->conf, root, &path, e);
	struct stat st;

	if (rc == 0 && lstat(buf_text(&path), &st) == -1) {
		rc = source_quota_text(cx->source, root, &text, e);
		if (rc == 1)
			rc = write_file(cx->server, buf_text(&path), &text, false, false, e);
	}
	buf_done(&path);
	buf_done(&text);
	return rc == -1 ? err_wrap(e, "quota root %s", root) : 0;
}
