/* source_foreign_user.c: users' files, quota roots and global databases of a foreign archive, found by the paths that its
 * imapd.conf gives them. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/source_foreign.h"

struct role_list {
	struct foreign_role *files;
	size_t n, cap;
};

static void list_add(struct role_list *l, uint32_t file, enum file_role role)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->files[i].file == file)
			return;
	l->files = mem_grow(l->files, &l->cap, l->n + 1, sizeof *l->files);
	l->files[l->n++] = (struct foreign_role){ file, role };
}

/* A file of the archive by the path it had on the server. */
static uint32_t file_at(const struct foreign *f, const char *server_path)
{
	struct buf b = BUF_INIT;
	uint32_t file = FOREIGN_NONE;

	if (foreign_map(f, server_path, &b) == 0)
		file = foreign_file_find(f, buf_text(&b));
	buf_done(&b);
	return file;
}

static uint32_t dir_at(const struct foreign *f, const char *server_path)
{
	struct buf b = BUF_INIT;
	uint32_t dir = FOREIGN_NONE;

	if (foreign_map(f, server_path, &b) == 0)
		dir = foreign_dir_find(f, buf_text(&b), b.len);
	buf_done(&b);
	return dir;
}

/* ---- a user's files ---- */

static void add_scripts(const struct foreign *f, const char *server_path, struct role_list *l)
{
	uint32_t top = dir_at(f, server_path);

	if (top == FOREIGN_NONE)
		return;
	for (size_t i = top; i < f->n_dirs; i++) { /* what is below has a higher number */
		uint32_t up = (uint32_t)i;

		while (up != FOREIGN_NONE && up != top)
			up = f->dirs[up].parent;
		for (uint32_t k = up == top ? f->dirs[i].files : FOREIGN_NONE; k != FOREIGN_NONE;
		     k = f->files[k].next)
			list_add(l, foreign_file_in(f, (uint32_t)i, f->files[k].name), ROLE_SIEVE);
	}
}

/* user.alice and user.alice.Work, but not user.alicea. */
static void add_quota_roots(const struct foreign *f, const char *inbox, struct role_list *l)
{
	struct buf b = BUF_INIT;
	char *path = NULL, *base;
	uint32_t dir;

	if (mboxname_quota_file(f->conf, inbox, &b, NULL) == 0)
		path = buf_steal(&b);
	buf_done(&b);
	if (path != NULL && (base = strrchr(path, '/')) != NULL) {
		*base++ = '\0';
		dir = dir_at(f, path);
		for (uint32_t k = dir != FOREIGN_NONE ? f->dirs[dir].files : FOREIGN_NONE; k != FOREIGN_NONE;
		     k = f->files[k].next)
			if (mboxname_is_below(f->files[k].name, base))
				list_add(l, foreign_file_in(f, dir, f->files[k].name), ROLE_QUOTA);
	}
	free(path);
}

/* Both layouts are looked for, as a server that was upgraded has both. */
static void find_user_files(struct source *s, const char *userid, enum file_role only, struct role_list *l)
{
	static const enum file_role roles[USER_FILES] = { ROLE_SEEN, ROLE_SUBS, ROLE_CONVERSATIONS,
		ROLE_COUNTERS, ROLE_XAPIAN, ROLE_DAV, ROLE_MBOXKEY, ROLE_SIEVE };
	const struct foreign *f = s->ctx;
	char *inbox = mboxname_inbox(userid);
	size_t at = source_find(s, inbox);
	const char *id = at != (size_t)-1 && *s->boxes[at].uniqueid != '\0' ? s->boxes[at].uniqueid : NULL;
	struct buf b = BUF_INIT;

	for (int layout = LAYOUT_UUID; layout >= LAYOUT_BY_NAME; layout--)
		for (unsigned which = 0; which < USER_FILES; which++) {
			uint32_t file;

			buf_clear(&b);
			if ((only != ROLE_COUNT && roles[which] != only) ||
			    (layout == LAYOUT_UUID && id == NULL) ||
			    mboxname_user_file(f->conf, (enum mailbox_layout)layout, (enum user_file)which,
				userid, id, &b, NULL) == -1)
				continue;
			if (which == USER_SIEVE_DIR)
				add_scripts(f, buf_text(&b), l);
			else if ((file = file_at(f, buf_text(&b))) != FOREIGN_NONE)
				list_add(l, file, roles[which]);
		}
	if (only == ROLE_COUNT || only == ROLE_QUOTA)
		add_quota_roots(f, inbox, l);
	buf_done(&b);
	free(inbox);
}

int foreign_extract_user(struct source *s, const char *userid, const struct file_sink *sink, struct err *e)
{
	struct role_list l = { 0 };
	int rc;

	find_user_files(s, userid, ROLE_COUNT, &l);
	if (l.n == 0)
		rc = err_set(e, ERR_NOT_FOUND, "the archive holds no files of user %s", userid);
	else if ((rc = foreign_give_files(s, s->ctx, l.files, l.n, sink, e)) == -1)
		err_wrap(e, "files of user %s", userid);
	free(l.files);
	return rc;
}

int foreign_user_file(struct source *s, const char *userid, enum file_role role, struct buf *b, struct err *e)
{
	struct role_list l = { 0 };
	int r = 0;

	find_user_files(s, userid, role, &l);
	if (l.n > 0)
		r = foreign_read_file(s, s->ctx, l.files[0].file, SOURCE_DB_MAX, b, e) == -1 ? -1 : 1;
	free(l.files);
	return r;
}

/* ---- quota roots, databases ---- */

int foreign_quota_file(struct source *s, const char *root, struct buf *b, struct err *e)
{
	struct foreign *f = s->ctx;
	struct buf path = BUF_INIT;
	uint32_t file = FOREIGN_NONE;

	if (mboxname_quota_file(f->conf, root, &path, NULL) == 0)
		file = file_at(f, buf_text(&path));
	buf_done(&path);
	if (file == FOREIGN_NONE)
		return 0;
	return foreign_read_file(s, f, file, SOURCE_SMALL_MAX, b, e) == -1 ? -1 : 1;
}

int foreign_database(struct source *s, const char *path, struct buf *b, struct err *e)
{
	struct foreign *f = s->ctx;
	uint32_t file = file_at(f, s->conf != NULL ? path : f->conf->annotation_path);

	/* It may have been packed from elsewhere; the copies that ctl_cyrusdb makes are older. */
	for (size_t i = 0; i < f->n_files && file == FOREIGN_NONE; i++)
		if (strcmp(f->files[i].name, source_base(path)) == 0 &&
		    strstr(f->dirs[f->files[i].dir].path, "db.backup") == NULL)
			file = foreign_file_in(f, f->files[i].dir, f->files[i].name);
	if (file == FOREIGN_NONE)
		return 0;
	return foreign_read_file(s, f, file, SOURCE_DB_MAX, b, e) == -1 ? -1 : 1;
}

/* ---- who has files ---- */

/* "example.org" of ".../domain/e/example.org/user/b/bob.seen", with its length; 0: none. */
static size_t domain_of(const char *dir, const char **ret)
{
	const char *p = str_starts(dir, "domain/") ? dir : strstr(dir, "/domain/");

	if (p == NULL)
		return 0;
	p += *p == '/' ? 8 : 7;
	if (p[0] != '\0' && p[1] == '/')
		p += 2;
	*ret = p;
	return strcspn(p, "/");
}

int foreign_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e)
{
	const struct foreign *f = s->ctx;
	int rc = 0;

	for (size_t i = 0; i < f->n_files && rc == 0; i++) {
		const struct foreign_file *file = &f->files[i];
		const char *dot = strrchr(file->name, '.'), *domain = NULL;
		bool seen = dot != NULL && strcmp(dot, ".seen") == 0,
		     subs = dot != NULL && strcmp(dot, ".sub") == 0;
		struct buf b = BUF_INIT;
		size_t n;
		char *user;

		if (!seen && !subs)
			continue;
		n = domain_of(f->dirs[file->dir].path, &domain);
		user = mem_printf("%.*s%s%.*s", (int)(dot - file->name), file->name, n > 0 ? "@" : "", (int)n,
		    n > 0 ? domain : "");
		/* Only what lies where that user's file has to lie. */
		if (mboxname_user_file(
			f->conf, LAYOUT_BY_NAME, seen ? USER_SEEN : USER_SUBS, user, NULL, &b, NULL) == 0 &&
		    file_at(f, buf_text(&b)) == foreign_file_in(f, file->dir, file->name))
			rc = each(arg, user, e);
		buf_done(&b);
		free(user);
	}
	return rc;
}
