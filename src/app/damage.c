/* damage.c: a file in the state directory: a line for each damaged archive, "store TAB name TAB size TAB mtime". */
#include "app/damage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/lock.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

#define MAX_BYTES ((size_t)16 << 20)

static char *file_of(const struct app *app)
{
	return mem_printf("%s/damaged", app->conf->state_directory);
}

void damage_done(struct damage *d)
{
	free(d->list);
	free(d->text);
	*d = (struct damage){ 0 };
}

static void add_line(struct damage *d, size_t *cap, char *line)
{
	char *save = NULL;
	struct damage_mark m = { .store = strtok_r(line, "\t", &save), .name = strtok_r(NULL, "\t", &save) };
	const char *size = strtok_r(NULL, "\t", &save), *mtime = strtok_r(NULL, "\t", &save);
	uint64_t t;

	if (mtime == NULL || str_u64(size, UINT64_MAX, &m.size_bytes) == -1 ||
	    str_u64(mtime, INT64_MAX, &t) == -1)
		return;
	m.mtime = (int64_t)t;
	d->list = mem_grow(d->list, cap, d->n + 1, sizeof *d->list);
	d->list[d->n++] = m;
}

static int read_file(const char *path, struct damage *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err why = { 0 };
	size_t cap = 0;
	char *save = NULL;

	*ret = (struct damage){ 0 };
	if (io_read_file(AT_FDCWD, path, MAX_BYTES, &b, &why) == -1 && why.code != ERR_NOT_FOUND) {
		buf_done(&b);
		if (e != NULL)
			*e = why;
		return -1;
	}
	ret->text = buf_steal(&b);
	for (char *s = strtok_r(ret->text, "\n", &save); s != NULL; s = strtok_r(NULL, "\n", &save))
		add_line(ret, &cap, s);
	return 0;
}

void damage_read(struct app *app, struct damage *ret)
{
	char *path = file_of(app);
	struct err e;

	if (read_file(path, ret, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", e.msg);
	free(path);
}

static bool is_mark(const struct damage_mark *m, const char *store, const char *name)
{
	return strcmp(m->name, name) == 0 && strcmp(m->store, store) == 0;
}

bool damage_is_object(
    const struct damage *d, const char *store, const char *name, uint64_t size_bytes, int64_t mtime)
{
	for (size_t i = 0; i < d->n; i++)
		if (is_mark(&d->list[i], store, name) && d->list[i].size_bytes == size_bytes &&
		    d->list[i].mtime == mtime)
			return true;
	return false;
}

bool damage_is(const struct damage *d, const struct app_archive *a)
{
	return damage_is_object(d, a->store, a->name, a->size_bytes, a->mtime);
}

static int rewrite(const char *path, const char *store, const char *name, const struct store_object *o,
    bool damaged, struct err *e)
{
	struct damage old;
	struct buf b = BUF_INIT;
	size_t others = 0;
	int rc = read_file(path, &old, e);

	for (size_t i = 0; i < old.n && rc == 0; i++) {
		const struct damage_mark *m = &old.list[i];

		if (is_mark(m, store, name))
			continue;
		buf_printf(&b, "%s\t%s\t%llu\t%lld\n", m->store, m->name, (unsigned long long)m->size_bytes,
		    (long long)m->mtime);
		others++;
	}
	if (damaged)
		buf_printf(&b, "%s\t%s\t%llu\t%lld\n", store, name, (unsigned long long)o->size_bytes,
		    (long long)o->mtime);
	if (rc == 0 && (damaged || others < old.n))
		rc = io_replace(AT_FDCWD, path, buf_text(&b), b.len, 0600, e);
	damage_done(&old);
	buf_done(&b);
	return rc;
}

void damage_note(
    struct app *app, const char *store, const char *name, const struct store_object *o, bool damaged)
{
	char *path = file_of(app);
	struct err e;
	int fd = lock_moment(app->conf->state_directory, "damaged.lock", &e);

	if (fd == -1 || rewrite(path, store, name, o, damaged, &e) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", e.msg);
	if (fd != -1)
		close(fd);
	free(path);
}
