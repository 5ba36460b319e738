/* unfinished.c: a file in the state directory: a line for each mailbox, "name TAB archive TAB unix time TAB user", and of a merge another
 * "TAB merge", "TAB merge+moved", and "TAB mark". Earlier versions wrote the name alone. */
#include "app/unfinished.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"

#define MAX_BYTES ((size_t)64 << 20)

static char *file_of(const char *directory, const char *server)
{
	return mem_printf("%s/restore-%s.unfinished", directory, server);
}

void unfinished_done(struct unfinished *u)
{
	free(u->names);
	free(u->merging);
	free(u->others);
	free(u->lines);
	free(u->text);
	*u = (struct unfinished){ 0 };
}

/* Cuts the next field off ${*s}. */
static char *next_field(char **s)
{
	char *field = *s;

	*s += strcspn(field, "\t");
	if (**s != '\0')
		*(*s)++ = '\0';
	return field;
}

static void add_line(struct unfinished *u, size_t *cap, char *line)
{
	const char *name = next_field(&line), *begun, *how;
	struct unfinished_line l;
	uint64_t number;

	if (*name == '\0')
		return;
	l.archive = next_field(&line);
	begun = next_field(&line);
	l.begun = str_u64(begun, INT64_MAX, &number) == 0 ? (int64_t)number : 0;
	l.user = next_field(&line);
	how = next_field(&line);
	l.merge = str_starts(how, "merge");
	l.moved = strcmp(how, "merge+moved") == 0;
	l.mark = next_field(&line);
	if (u->n == *cap) {
		u->names = mem_grow(u->names, cap, u->n + 1, sizeof *u->names);
		u->lines = mem_resize(u->lines, *cap, sizeof *u->lines);
	}
	u->names[u->n] = name;
	u->lines[u->n++] = l;
}

int unfinished_read(const char *directory, const char *server, struct unfinished *ret, struct err *e)
{
	char *path = file_of(directory, server), *save = NULL;
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
	ret->text = buf_steal(&b);
	for (char *s = strtok_r(ret->text, "\n", &save); s != NULL; s = strtok_r(NULL, "\n", &save))
		add_line(ret, &cap, s);
	ret->merging = mem_array(ret->n + 1, sizeof *ret->merging);
	ret->others = mem_array(ret->n + 1, sizeof *ret->others);
	for (size_t i = 0; i < ret->n; i++)
		if (ret->lines[i].merge)
			ret->merging[ret->n_merging++] = ret->names[i];
		else
			ret->others[ret->n_others++] = ret->names[i];
	return 0;
}

/* What would break a line is not remembered. */
static const char *field(const char *s)
{
	return s == NULL || strpbrk(s, "\t\n") != NULL ? "" : s;
}

static void add_to(struct buf *b, const char *name, const struct unfinished_line *l)
{
	buf_printf(b, "%s\t%s\t%lld\t%s", name, l->archive, (long long)l->begun, l->user);
	if (l->merge)
		buf_printf(b, "\tmerge%s\t%s", l->moved ? "+moved" : "", l->mark);
	buf_char(b, '\n');
}

/* Of another one the rest is done again too: what is outside the mailbox. */
static bool only_merged(const struct restore_item *item)
{
	return item->merge != NULL && !item->unfinished &&
	       (item->state == STATE_DIFFERS || item->state == STATE_SAME);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The others stay; those of the plan are there (from ${archive}) or not (NULL). */
static int rewrite(const char *directory, const char *server, const struct restore_plan *plan,
    const char *archive, struct err *e)
{
	char *path = file_of(directory, server);
	const char **names = mem_array(plan->n_items + 1, sizeof *names);
	struct unfinished old;
	struct buf b = BUF_INIT;
	int rc = unfinished_read(directory, server, &old, e);

	if (rc == -1)
		goto out;
	for (size_t i = 0; i < plan->n_items; i++)
		names[i] = plan->items[i].name;
	qsort(names, plan->n_items, sizeof *names, compare);
	for (size_t i = 0; i < old.n; i++)
		if (bsearch(&old.names[i], names, plan->n_items, sizeof *names, compare) == NULL)
			add_to(&b, old.names[i], &old.lines[i]);
	for (size_t i = 0; archive != NULL && i < plan->n_items; i++) {
		const struct restore_item *item = &plan->items[i];

		/* A name that would not fit into a line is none that could be restored. */
		if ((item->state != STATE_SAME || item->unfinished ||
			(item->merge != NULL && item->merge->cut_off)) &&
		    mboxname_valid(item->name))
			add_to(&b, item->name,
			    &(struct unfinished_line){ .archive = archive,
				.user = field(plan->request.user),
				.begun = clock_now(),
				.merge = only_merged(item),
				.moved = plan->request.moved,
				.mark = field(plan->request.mark) });
	}
	if (b.len > 0)
		rc = io_replace(AT_FDCWD, path, b.data, b.len, 0600, e);
	else if (old.n > 0 && unlink(path) == -1)
		rc = err_sys(e, "remove %s", path);
	unfinished_done(&old);
out:
	buf_done(&b);
	free(names);
	free(path);
	return rc;
}

int unfinished_begin(const char *directory, const char *server, const char *archive,
    const struct restore_plan *plan, struct err *e)
{
	/* What state still differs is seen from the mailboxes themselves. */
	if (io_mkdirs(AT_FDCWD, directory, 0700, e) == -1 ||
	    (plan->request.mode != RESTORE_STATE &&
		rewrite(directory, server, plan, field(archive), e) == -1))
		return err_hint(
		    e, "nothing was changed; make room in %s, or set directory in [state]", directory);
	return 0;
}

int unfinished_end(const char *directory, const char *server, const struct restore_plan *plan, struct err *e)
{
	return plan->request.mode == RESTORE_STATE ? 0 : rewrite(directory, server, plan, NULL, e);
}
