/* roster.c: the mailbox list, grouped by owner. */
#include "backup/roster.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"

static int by_owner(const void *a, const void *b)
{
	const struct roster_row *x = a, *y = b;
	int d = strcmp(x->owner, y->owner);

	if (d != 0)
		return d;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static void group_by_owner(const struct server *server, struct roster *ret)
{
	ret->rows = mem_array(ret->list->n, sizeof *ret->rows);
	for (size_t i = 0; i < ret->list->n; i++) {
		const char *name = ret->list->entries[i].name;
		char *before = mboxname_undeleted(server->conf, name, NULL);
		char *user = mboxname_user(before != NULL ? before : name);

		free(before);
		ret->rows[ret->n++] = (struct roster_row){ user != NULL ? user : mem_strdup(""), i };
	}
	if (ret->n > 1)
		qsort(ret->rows, ret->n, sizeof *ret->rows, by_owner);
}

int roster_read(const struct server *server, struct roster *ret, struct err *e)
{
	*ret = (struct roster){ 0 };
	if (stat(server->conf->mboxlist_path, &ret->stamp) == -1)
		return err_sys(e, "stat %s", server->conf->mboxlist_path);
	if (server_list(server, &ret->list, e) == -1)
		return -1;
	group_by_owner(server, ret);
	return 0;
}

int roster_read_from(const struct server *server, struct snapshot *snapshot, const struct buf *text,
    struct roster *ret, struct err *e)
{
	const char *path = server->conf->mboxlist_path, *slash = strrchr(path, '/');
	char *parent = mem_strndup(path, (size_t)(slash - path));
	int dir = snapshot_open(snapshot, parent, O_RDONLY | O_DIRECTORY, e), rc = -1;
	struct cyrusdb *db = NULL;

	(void)text;
	*ret = (struct roster){ 0 };
	if (dir != -1 && cyrusdb_open(dir, slash + 1, &db, e) == 0 &&
	    mboxlist_read_db(db, &ret->list, e) == 0) {
		group_by_owner(server, ret);
		rc = 0;
	}
	cyrusdb_close(db);
	if (dir != -1)
		close(dir);
	free(parent);
	return rc == -1 ? err_wrap(e, "read the mailbox list out of the snapshot") : 0;
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
	mboxlist_free(r->list);
	*r = (struct roster){ 0 };
}
