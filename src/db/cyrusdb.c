/* cyrusdb.c: open by magic, look up, iterate: all that is the same for every format. */
#include "db/cyrusdb.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "db/db_backend.h"

#define CHUNK_BYTES (64u << 10)
#define LIVE_TRIES  8

struct db_chunk {
	struct db_chunk *next;
	uint8_t bytes[];
};

uint8_t *db_hold(struct cyrusdb *db, size_t n)
{
	if (db->chunks == NULL || n > db->chunk_size - db->chunk_used) {
		size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;
		struct db_chunk *c = mem_alloc(sizeof *c + size);

		c->next = db->chunks;
		db->chunks = c;
		db->chunk_size = size;
		db->chunk_used = 0;
	}
	db->chunk_used += n;
	return db->chunks->bytes + db->chunk_used - n;
}

int db_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn)
{
	size_t n = an < bn ? an : bn;
	int c = n > 0 ? memcmp(a, b, n) : 0;

	return c != 0 ? c : an < bn ? -1 : an > bn;
}

int db_set_add(struct db_set *set, const struct db_pair *pair, struct err *e)
{
	if (set->n >= DB_MAX_KEYS)
		return err_set(e, ERR_UNSUPPORTED, "more than %u keys in one database", DB_MAX_KEYS);
	set->v = mem_grow(set->v, &set->cap, set->n + 1, sizeof *set->v);
	set->v[set->n++] = *pair;
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct db_pair *x = a, *y = b;
	int c = db_compare(x->key, x->key_n, y->key, y->key_n);

	return c != 0                                  ? c
	       : (uintptr_t)x->key < (uintptr_t)y->key ? -1
	                                               : (uintptr_t)x->key > (uintptr_t)y->key;
}

size_t db_set_sort(struct db_set *set)
{
	bool sorted = true, twice = false;
	size_t kept = 0, lost;

	for (size_t i = 1; i < set->n && sorted; i++)
		sorted = by_key(&set->v[i - 1], &set->v[i]) < 0;
	if (!sorted)
		qsort(set->v, set->n, sizeof *set->v, by_key);
	for (size_t i = 0; i < set->n; i++) {
		if (kept > 0)
			twice = db_compare(set->v[kept - 1].key, set->v[kept - 1].key_n, set->v[i].key,
				    set->v[i].key_n) == 0;
		if (twice)
			kept--;
		set->v[kept++] = set->v[i];
	}
	lost = set->n - kept;
	set->n = kept;
	return lost;
}

void db_set_done(struct db_set *set)
{
	free(set->v);
	memset(set, 0, sizeof *set);
}

static const struct db_backend *const backends[] = { &db_skiplist, &db_twoskip, &db_twom, &db_berkeley,
	&db_flat };

static int load(struct cyrusdb *db, struct err *e)
{
	if (db->n == 0) {
		db->kind = CYRUSDB_EMPTY;
		return 0;
	}
	for (size_t i = 0; i < sizeof backends / sizeof *backends; i++) {
		if (!backends[i]->claims(db->p, db->n))
			continue;
		if (backends[i]->load(db, e) == -1)
			return err_wrap(e, "%s", db->name);
		if (db_set_sort(&db->live) > 0)
			db->notes |= CYRUSDB_NOTE_DAMAGED;
		return 0;
	}
	return err_set(e, ERR_FORMAT,
	    "%s is no database of Cyrus: neither a known magic nor text of keys and values", db->name);
}

/* The whole file into memory of our own: a mapping would die with SIGBUS when the server cuts the file. */
static int slurp(struct cyrusdb *db, int fd, off_t size, struct err *e)
{
	size_t got;

	if (size > (off_t)DB_MAX_BYTES)
		return err_set(e, ERR_UNSUPPORTED, "%s is larger than %u bytes", db->name, DB_MAX_BYTES);
	db->owned = malloc(size > 0 ? (size_t)size : 1);
	if (db->owned == NULL)
		return err_sys(e, "read %s", db->name);
	if (io_read_all(fd, db->owned, (size_t)size, db->name, &got, e) == -1)
		return -1;
	db->p = db->owned;
	db->n = got;
	return 0;
}

/* A Berkeley environment's log: db/log.NNNNNNNNNN in the directory of the file. */
static bool log_beside(int dir_fd, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = mem_printf("%.*sdb", slash != NULL ? (int)(slash + 1 - path) : 0, path);
	int fd = openat(dir_fd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	bool found = false;

	while (d != NULL && !found && (de = readdir(d)) != NULL)
		found = strncmp(de->d_name, "log.", 4) == 0 && isdigit((unsigned char)de->d_name[4]);
	if (d != NULL)
		closedir(d);
	else if (fd != -1)
		close(fd);
	free(dir);
	return found;
}

int cyrusdb_is_berkeley(int dir_fd, const char *path)
{
	uint8_t head[16] = { 0 };
	int fd = openat(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, head, sizeof head);
	close(fd);
	return n < 0 ? -1 : db_berkeley.claims(head, (size_t)n);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* One try; says whether the file was replaced or written meanwhile. */
static struct cyrusdb *open_once(int dir_fd, const char *path, bool *replaced, bool *written, struct err *e)
{
	struct cyrusdb *db = mem_alloc(sizeof *db);
	struct stat before, after, named;
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = -1;

	*replaced = *written = false;
	db->name = mem_strdup(path);
	if (fd == -1 || fstat(fd, &before) == -1) {
		err_sys(e, "open %s", path);
		goto out;
	}
	if (!S_ISREG(before.st_mode)) {
		err_set(e, ERR_FORMAT, "%s is not a regular file", path);
		goto out;
	}
	if (slurp(db, fd, before.st_size, e) == -1)
		goto out;
	rc = load(db, e);
	if (rc == 0 && db->live.n == 0 && log_beside(dir_fd, path) &&
	    (db->kind == CYRUSDB_BERKELEY_BTREE || db->kind == CYRUSDB_BERKELEY_HASH))
		db->notes |= CYRUSDB_NOTE_NEEDS_LOG;
	if (fstat(fd, &after) == 0)
		*written = before.st_size != after.st_size || !same_time(&before.st_mtim, &after.st_mtim);
	if (fstatat(dir_fd, path, &named, 0) == 0)
		*replaced = named.st_ino != before.st_ino || named.st_dev != before.st_dev;
out:
	if (fd != -1)
		close(fd);
	if (rc == -1) {
		cyrusdb_close(db);
		db = NULL;
	}
	return db;
}

int cyrusdb_open(int dir_fd, const char *path, struct cyrusdb **ret, struct err *e)
{
	bool replaced, written;
	struct cyrusdb *db;

	*ret = NULL;
	/* Cyrus replaces a file by renaming a new one over it and may cut the old one to nothing, so a file that is no
	 * longer the one of that name proves nothing; and one that is being written may fail, or lack keys, for that reason alone. */
	for (int i = 1;; i++) {
		db = open_once(dir_fd, path, &replaced, &written, e);
		if (i == LIVE_TRIES ||
		    !(replaced ||
			(written && (db == NULL || db->notes & (CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_DAMAGED)))))
			break;
		cyrusdb_close(db);
		err_clear(e);
		usleep((useconds_t)i * 1000);
	}
	*ret = db;
	return db != NULL ? 0 : -1;
}

int cyrusdb_open_bytes(const void *p, size_t n, const char *name, struct cyrusdb **ret, struct err *e)
{
	struct cyrusdb *db = mem_alloc(sizeof *db);

	*ret = NULL;
	db->name = mem_strdup(name);
	db->p = p;
	db->n = n;
	if (n > DB_MAX_BYTES)
		err_set(e, ERR_UNSUPPORTED, "%s is larger than %u bytes", name, DB_MAX_BYTES);
	else if (load(db, e) == 0) {
		*ret = db;
		return 0;
	}
	cyrusdb_close(db);
	return -1;
}

enum cyrusdb_kind cyrusdb_kind(const struct cyrusdb *db)
{
	return db->kind;
}

const char *cyrusdb_kind_name(enum cyrusdb_kind kind)
{
	switch (kind) {
	case CYRUSDB_EMPTY: return "empty";
	case CYRUSDB_BERKELEY_BTREE: return "berkeley btree";
	case CYRUSDB_BERKELEY_HASH: return "berkeley hash";
	case CYRUSDB_SKIPLIST: return "skiplist";
	case CYRUSDB_TWOSKIP: return "twoskip";
	case CYRUSDB_TWOM: return "twom";
	case CYRUSDB_FLAT: return "flat";
	}
	return "unknown";
}

unsigned cyrusdb_notes(const struct cyrusdb *db)
{
	return db->notes;
}

/* The first pair whose key is not below key. */
static size_t lower_bound(const struct cyrusdb *db, struct cyrusdb_bytes key)
{
	size_t lo = 0, hi = db->live.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (db_compare(db->live.v[mid].key, db->live.v[mid].key_n, key.p, key.n) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int cyrusdb_get(struct cyrusdb *db, struct cyrusdb_bytes key, struct cyrusdb_bytes *value, struct err *e)
{
	size_t i = lower_bound(db, key);
	const struct db_pair *pair;

	(void)e;
	if (i == db->live.n)
		return 0;
	pair = &db->live.v[i];
	if (db_compare(pair->key, pair->key_n, key.p, key.n) != 0)
		return 0;
	*value = (struct cyrusdb_bytes){ pair->value, pair->value_n };
	return 1;
}

int cyrusdb_foreach(
    struct cyrusdb *db, struct cyrusdb_bytes prefix, cyrusdb_each *each, void *arg, struct err *e)
{
	for (size_t i = prefix.n > 0 ? lower_bound(db, prefix) : 0; i < db->live.n; i++) {
		const struct db_pair *pair = &db->live.v[i];
		int r;

		if (pair->key_n < prefix.n || (prefix.n > 0 && memcmp(pair->key, prefix.p, prefix.n) != 0))
			break;
		r = each(arg, (struct cyrusdb_bytes){ pair->key, pair->key_n },
		    (struct cyrusdb_bytes){ pair->value, pair->value_n }, e);
		if (r != 0)
			return r < 0 ? -1 : 1;
	}
	return 0;
}

void cyrusdb_close(struct cyrusdb *db)
{
	if (db == NULL)
		return;
	while (db->chunks != NULL) {
		struct db_chunk *next = db->chunks->next;

		free(db->chunks);
		db->chunks = next;
	}
	db_set_done(&db->live);
	free(db->owned);
	free(db->name);
	free(db);
}
