/* roster.c: the mailbox list, grouped by owner. */
#include "backup/roster.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "db/cyrusdb_recover.h"

static int by_owner(const void *a, const void *b)
{
	const struct roster_row *x = a, *y = b;
	int d = strcmp(x->owner, y->owner);

	if (d != 0)
		return d;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static void group(const struct server *server, struct roster *r)
{
	r->rows = mem_array(r->list->n, sizeof *r->rows);
	for (size_t i = 0; i < r->list->n; i++) {
		const char *name = r->list->entries[i].name;
		char *before = mboxname_undeleted(server->conf, name, NULL);
		char *user = mboxname_user(before != NULL ? before : name);

		free(before);
		r->rows[r->n++] = (struct roster_row){ user != NULL ? user : mem_strdup(""), i };
	}
	if (r->n > 1)
		qsort(r->rows, r->n, sizeof *r->rows, by_owner);
}

int roster_read(const struct server *server, struct roster *ret, struct err *e)
{
	*ret = (struct roster){ 0 };
	if (stat(server->conf->mboxlist_path, &ret->stamp) == -1)
		return err_sys(e, "stat %s", server->conf->mboxlist_path);
	if (server_list(server, &ret->list, e) == -1)
		return -1;
	group(server, ret);
	return 0;
}

/* ---- out of a snapshot ---- */

/* A list out of an open database, which is closed. */
static int take_database(struct cyrusdb *db, enum roster_source source, struct roster *r, struct err *e)
{
	int rc = mboxlist_read_db(db, &r->list, e);

	if (rc == 0) {
		r->list->notes = cyrusdb_notes(db);
		r->source = source;
	}
	cyrusdb_close(db);
	return rc;
}

static int read_recovered(const struct server *server, struct snapshot *snapshot, int dir, const char *name,
    struct roster *r, struct err *e)
{
	char *logs = mem_printf("%s/db", server->conf->configdirectory);
	int log_fd = snapshot_open(snapshot, logs, O_RDONLY | O_DIRECTORY, e), rc = -1;
	struct cyrusdb *db = NULL;

	if (log_fd != -1 &&
	    cyrusdb_recover(dir, name, server->conf->mboxlist_path, log_fd, NULL, &db, e) == 0)
		rc = take_database(db, ROSTER_RECOVERED, r, e);
	if (log_fd != -1)
		close(log_fd);
	free(logs);
	return rc;
}

/* A page may have been half of a change, or be the one before it; what there is counts. Nothing at all is no list. */
static int read_pages(int dir, const char *name, struct roster *r, struct err *e)
{
	struct cyrusdb *db = NULL;

	if (cyrusdb_open(dir, name, &db, e) == -1 || take_database(db, ROSTER_PAGES, r, e) == -1)
		return -1;
	if (r->list->n > 0)
		return 0;
	mboxlist_free(r->list);
	r->list = NULL;
	return err_set(e, ERR_UNSUPPORTED, "%s has no entry but in its log", name);
}

/* ${why} says what went wrong with everything better. */
static int fall_back(int dir, const char *name, bool pages, const struct buf *text, const struct err *why,
    struct roster *r, struct err *e)
{
	struct err of_pages;

	if (text != NULL) {
		if (mboxlist_read_text(buf_text(text), text->len, &r->list, NULL, e) == -1)
			return err_wrap(e, "the list as ctl_mboxlist printed it");
		r->source = ROSTER_TEXT;
	} else if (!pages || read_pages(dir, name, r, &of_pages) == -1) {
		if (e != NULL)
			*e = *why;
		return -1;
	}
	r->why = mem_strdup(why->msg);
	return 0;
}

static int read_from(const struct server *server, struct snapshot *snapshot, int dir, const char *name,
    const struct buf *text, struct roster *r, struct err *e)
{
	bool berkeley = cyrusdb_is_berkeley(dir, name) == 1;
	struct cyrusdb *db = NULL;
	struct err why = { 0 };

	/* A database in SQL has no file; its text has the time of the hold. */
	fstatat(dir, name, &r->stamp, 0);
	if (berkeley && read_recovered(server, snapshot, dir, name, r, &why) == 0)
		return 0;
	if (!berkeley && cyrusdb_open(dir, name, &db, &why) == 0 &&
	    take_database(db, ROSTER_DATABASE, r, &why) == 0)
		return 0;
	return fall_back(dir, name, berkeley, text, &why, r, e);
}

int roster_read_from(const struct server *server, struct snapshot *snapshot, const struct buf *text,
    struct roster *ret, struct err *e)
{
	const char *path = server->conf->mboxlist_path, *slash = strrchr(path, '/');
	char *parent = mem_strndup(path, slash > path ? (size_t)(slash - path) : 1);
	int dir = snapshot_open(snapshot, parent, O_RDONLY | O_DIRECTORY, e), rc = -1;

	*ret = (struct roster){ 0 };
	if (dir != -1) {
		rc = read_from(server, snapshot, dir, slash + 1, text, ret, e);
		close(dir);
	}
	free(parent);
	if (rc == -1)
		return err_wrap(e, "read the mailbox list out of the snapshot");
	group(server, ret);
	return 0;
}

bool roster_is_current(const struct roster *r, const struct server *server)
{
	struct stat st;

	return stat(server->conf->mboxlist_path, &st) == 0 && st.st_ino == r->stamp.st_ino &&
	       st.st_size == r->stamp.st_size && st.st_mtim.tv_sec == r->stamp.st_mtim.tv_sec &&
	       st.st_mtim.tv_nsec == r->stamp.st_mtim.tv_nsec;
}

const struct roster_row *roster_range(const struct roster *r, const char *owner, size_t *n)
{
	size_t low = 0, high = r->n, end;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(r->rows[mid].owner, owner) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	for (end = low; end < r->n && strcmp(r->rows[end].owner, owner) == 0; end++)
		;
	*n = end - low;
	return r->rows + low;
}

void roster_done(struct roster *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->rows[i].owner);
	free(r->rows);
	free(r->why);
	mboxlist_free(r->list);
	*r = (struct roster){ 0 };
}
