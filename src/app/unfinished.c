/* unfinished.c: a file of names, one a line, in the state directory. */
#include "app/unfinished.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"

#define MAX_BYTES ((size_t)64 << 20)

static char *file_of(const char *directory, const char *server)
{
	return mem_printf("%s/restore-%s.unfinished", directory, server);
}

void unfinished_done(struct unfinished *u)
{
	for (size_t i = 0; i < u->n; i++)
		free(u->names[i]);
	free(u->names);
	*u = (struct unfinished){ 0 };
}

int unfinished_read(const char *directory, const char *server, struct unfinished *ret, struct err *e)
{
	char *path = file_of(directory, server);
	struct buf b = BUF_INIT;
	size_t cap = 0;
	struct err why;
	int rc = io_read_file(AT_FDCWD, path, MAX_BYTES, &b, &why);

	*ret = (struct unfinished){ 0 };
	free(path);
	if (rc == -1 && why.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	for (const char *s = buf_text(&b); *s != '\0';) {
		size_t n = strcspn(s, "\n");

		ret->names = mem_grow(ret->names, &cap, ret->n + 1, sizeof *ret->names);
		ret->names[ret->n++] = mem_strndup(s, n);
		s += n + (s[n] == '\n');
	}
	buf_done(&b);
	return 0;
}

static bool is_in(const struct restore_plan *plan, const char *name)
{
	for (size_t i = 0; i < plan->n_items; i++)
		if (strcmp(plan->items[i].name, name) == 0)
			return true;
	return false;
}

/* The others stay; those of the plan are there or not. */
static int rewrite(
    const char *directory, const char *server, const struct restore_plan *plan, bool with, struct err *e)
{
	char *path = file_of(directory, server);
	struct unfinished old;
	struct buf b = BUF_INIT;
	int rc = unfinished_read(directory, server, &old, e);

	if (rc == -1)
		goto out;
	for (size_t i = 0; i < old.n; i++)
		if (!is_in(plan, old.names[i]))
			buf_printf(&b, "%s\n", old.names[i]);
	for (size_t i = 0; with && i < plan->n_items; i++)
		if (plan->items[i].state != STATE_SAME || plan->items[i].unfinished)
			buf_printf(&b, "%s\n", plan->items[i].name);
	if (b.len > 0)
		rc = io_replace(AT_FDCWD, path, b.data, b.len, 0600, e);
	else if (old.n > 0 && unlink(path) == -1)
		rc = err_sys(e, "remove %s", path);
	unfinished_done(&old);
out:
	buf_done(&b);
	free(path);
	return rc;
}

int unfinished_begin(
    const char *directory, const char *server, const struct restore_plan *plan, struct err *e)
{
	if (io_mkdirs(AT_FDCWD, directory, 0700, e) == -1 || rewrite(directory, server, plan, true, e) == -1)
		return err_hint(
		    e, "nothing was changed; make room in %s, or set directory in [state]", directory);
	return 0;
}

int unfinished_end(const char *directory, const char *server, const struct restore_plan *plan, struct err *e)
{
	return rewrite(directory, server, plan, false, e);
}
