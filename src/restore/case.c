/* case.c: the directory of a case: made, found again, filled, ended, removed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"
#include "restore/case_priv.h"

#define MAX_BYTES  ((size_t)256 << 20)
#define STAMP_LEN  16
#define NEW_PREFIX ".new."
#define DAY        (24 * 60 * 60)

struct restore_case {
	char *directory; /* the state directory */
	char *path, *safety;
	size_t n_kept;
	struct case_info info;
	struct journal *journal;
};

static char *cases_of(const char *directory)
{
	return mem_printf("%s/cases", directory);
}

/* ---- reading ---- */

static bool is_id(const char *name)
{
	size_t n = strlen(name);
	int64_t when;

	return n > STAMP_LEN + 1 && name[0] != '.' && strchr(name, '/') == NULL &&
	       name[n - STAMP_LEN - 1] == '-' && clock_parse_stamp(name + n - STAMP_LEN, &when) == 0;
}

int case_read(const char *directory, const char *id, struct case_info *ret, struct err *e)
{
	char *path = mem_printf("%s/cases/%s/case.json", directory, id);
	struct buf b = BUF_INIT;
	int rc = -1;

	if (!is_id(id))
		err_set(e, ERR_NOT_FOUND, "%s is no name of a case", id);
	else if (io_read_file(AT_FDCWD, path, MAX_BYTES, &b, e) == 0)
		rc = case_info_parse(b.data, b.len, ret, e);
	if (rc == 0)
		ret->id = mem_strdup(id);
	else
		err_hint(e, "cyrvault cases lists them");
	buf_done(&b);
	free(path);
	return rc == -1 ? err_wrap(e, "case %s", id) : 0;
}

char *case_id_of(const char *word)
{
	char *path = mem_strdup(word), *id = NULL;

	for (int i = 0; i < 2 && id == NULL; i++) {
		char *slash;

		while ((slash = strrchr(path, '/')) != NULL && slash[1] == '\0' && slash != path)
			*slash = '\0';
		slash = strrchr(path, '/');
		if (is_id(slash != NULL ? slash + 1 : path))
			id = mem_strdup(slash != NULL ? slash + 1 : path);
		if (slash == NULL)
			break;
		*slash = '\0';
	}
	free(path);
	return id;
}

static int by_age(const void *a, const void *b)
{
	const struct case_info *x = a, *y = b;

	if (x->begun != y->begun)
		return x->begun < y->begun ? -1 : 1;
	return strcmp(x->id, y->id);
}

int case_list(const char *directory, const char *server, struct case_list *ret, struct err *e)
{
	char *cases = cases_of(directory);
	DIR *d = opendir(cases);
	struct dirent *de;
	size_t cap = 0;

	*ret = (struct case_list){ 0 };
	if (d == NULL && errno != ENOENT) {
		err_sys(e, "list %s", cases);
		free(cases);
		return -1;
	}
	while (d != NULL && (de = readdir(d)) != NULL) {
		struct case_info i;
		struct err why;

		if (!is_id(de->d_name))
			continue;
		if (case_read(directory, de->d_name, &i, &why) == -1) {
			log_write(LOG_LEVEL_WARNING, "%s", why.msg);
			continue;
		}
		if (server != NULL && strcmp(i.server, server) != 0) {
			case_info_done(&i);
			continue;
		}
		ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = i;
	}
	if (d != NULL)
		closedir(d);
	free(cases);
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, by_age);
	return 0;
}

void case_list_done(struct case_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		case_info_done(&l->list[i]);
	free(l->list);
	*l = (struct case_list){ 0 };
}

const struct case_info *case_find(
    const struct case_list *l, const char *archive, const struct restore_request *request)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->list[i].state == CASE_OPEN && strcmp(l->list[i].archive, archive) == 0 &&
		    restore_request_same(&l->list[i].request, request))
			return &l->list[i];
	return NULL;
}

const struct case_info *case_last(const struct case_list *l, enum case_state state)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->list[i].state == state)
			return &l->list[i];
	return NULL;
}

const struct case_info *case_last_undoable(const struct case_list *l)
{
	for (size_t i = l->n; i-- > 0;)
		if (l->list[i].state == CASE_OPEN || l->list[i].state == CASE_DONE)
			return &l->list[i];
	return NULL;
}

void case_marks(const struct case_list *l, struct case_marks *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		n += l->list[i].n_boxes;
	*ret = (struct case_marks){ .unfinished = mem_array(n + 1, sizeof *ret->unfinished),
		.cut_off = mem_array(n + 1, sizeof *ret->cut_off) };
	for (size_t i = 0; i < l->n; i++)
		for (size_t k = 0; k < l->list[i].n_boxes && l->list[i].state == CASE_OPEN; k++) {
			const struct case_box *box = &l->list[i].boxes[k];

			if (box->merge)
				ret->cut_off[ret->n_cut_off++] = box->name;
			else
				ret->unfinished[ret->n_unfinished++] = box->name;
		}
}

void case_marks_done(struct case_marks *m)
{
	free(m->unfinished);
	free(m->cut_off);
	*m = (struct case_marks){ 0 };
}

/* ---- one that is open ---- */

static int write_info(const char *path, const struct case_info *i, struct err *e)
{
	char *file = mem_printf("%s/case.json", path);
	struct buf b = BUF_INIT;
	int rc;

	case_info_text(i, &b);
	rc = io_replace(AT_FDCWD, file, b.data, b.len, 0600, e);
	buf_done(&b);
	free(file);
	return rc;
}

void case_close(struct restore_case *c)
{
	if (c == NULL)
		return;
	journal_close(c->journal);
	case_info_done(&c->info);
	free(c->directory);
	free(c->path);
	free(c->safety);
	free(c);
}

int case_open(const char *directory, const char *id, struct restore_case **ret, struct err *e)
{
	struct restore_case *c = mem_alloc(sizeof *c);
	char *journal;

	if (case_read(directory, id, &c->info, e) == -1) {
		free(c);
		return -1;
	}
	c->directory = mem_strdup(directory);
	c->path = mem_printf("%s/cases/%s", directory, id);
	journal = mem_printf("%s/journal", c->path);
	if (journal_open(journal, &c->journal, e) == -1) {
		free(journal);
		case_close(c);
		return err_wrap(e, "case %s", id);
	}
	free(journal);
	*ret = c;
	return 0;
}

/* Of another one the rest is done again too: what is outside the mailbox. */
static bool only_merged(const struct restore_item *item)
{
	return item->merge != NULL && !item->unfinished &&
	       (item->state == STATE_DIFFERS || item->state == STATE_SAME);
}

/* What the plan will change. */
static void fill_boxes(struct case_info *i, const struct restore_plan *plan)
{
	i->boxes = mem_array(plan->n_items + 1, sizeof *i->boxes);
	/* What state still differs is seen from the mailboxes themselves. */
	for (size_t k = 0; k < plan->n_items && plan->request.mode != RESTORE_STATE; k++) {
		const struct restore_item *item = &plan->items[k];

		/* A name that is none could not be restored. */
		if ((item->state != STATE_SAME || item->unfinished ||
			(item->merge != NULL && item->merge->cut_off)) &&
		    mboxname_valid(item->name))
			i->boxes[i->n_boxes++] =
			    (struct case_box){ mem_strdup(item->name), only_merged(item) };
	}
}

static void drop_boxes(struct case_info *i)
{
	for (size_t k = 0; k < i->n_boxes; k++)
		free(i->boxes[k].name);
	free(i->boxes);
	i->boxes = NULL;
	i->n_boxes = 0;
}

/* All of it under another name, then renamed: whole or not there. */
static int make(const char *directory, struct case_info *i, struct err *e)
{
	char *cases = cases_of(directory), *fresh = mem_printf("%s/%s%ld", cases, NEW_PREFIX, (long)getpid());
	char *journal = mem_printf("%s/journal", fresh), *path = NULL, stamp[32];
	int rc = -1;

	if (io_mkdirs(AT_FDCWD, cases, 0700, e) == -1 || io_remove_tree(AT_FDCWD, fresh, e) == -1)
		goto out;
	if (mkdir(fresh, 0700) == -1) {
		err_sys(e, "create %s", fresh);
		goto out;
	}
	if (write_info(fresh, i, e) == -1 || journal_create(journal, i->server, i->archive, e) == -1 ||
	    io_fsync_dir(AT_FDCWD, fresh, e) == -1)
		goto out;
	/* One in the same second is called after the next. */
	for (int64_t k = 0; k < 1000 && rc == -1; k++) {
		free(i->id);
		free(path);
		i->id = mem_printf("%s-%s", i->server, clock_stamp(stamp, sizeof stamp, i->begun + k));
		path = mem_printf("%s/%s", cases, i->id);
		rc = rename(fresh, path);
		if (rc == -1 && errno != EEXIST && errno != ENOTEMPTY)
			break;
	}
	if (rc == -1)
		err_sys(e, "create %s", path);
	else
		rc = io_fsync_dir(AT_FDCWD, cases, e);
out:
	if (rc == -1)
		io_remove_tree(AT_FDCWD, fresh, NULL);
	free(path);
	free(journal);
	free(fresh);
	free(cases);
	return rc;
}

static int begin_new(
    const char *directory, const struct case_begin *o, struct restore_case **ret, struct err *e)
{
	struct case_info i = { .server = mem_strdup(o->server),
		.archive = mem_strdup(o->archive),
		.who = mem_strdup(o->who),
		.reason = mem_strdup(o->reason),
		.begun = clock_now() };
	int rc;

	restore_request_copy(&i.request, &o->plan->request);
	fill_boxes(&i, o->plan);
	rc = make(directory, &i, e);
	if (rc == 0)
		rc = case_open(directory, i.id, ret, e);
	case_info_done(&i);
	return rc;
}

static int go_on(const char *directory, const char *id, const struct case_begin *o, struct restore_case **ret,
    struct err *e)
{
	struct restore_case *c;

	if (case_open(directory, id, &c, e) == -1)
		return -1;
	drop_boxes(&c->info);
	fill_boxes(&c->info, o->plan);
	if (write_info(c->path, &c->info, e) == -1) {
		case_close(c);
		return -1;
	}
	*ret = c;
	return 0;
}

int case_begin(const char *directory, const struct case_begin *o, struct restore_case **ret, struct err *e)
{
	struct case_list l;
	const struct case_info *open;
	int rc;

	if (case_list(directory, o->server, &l, e) == -1)
		return -1;
	open = case_find(&l, o->archive, &o->plan->request);
	rc = open != NULL ? go_on(directory, open->id, o, ret, e) : begin_new(directory, o, ret, e);
	case_list_done(&l);
	if (rc == -1)
		return err_hint(
		    e, "nothing was changed; make room in %s, or set directory in [state]", directory);
	if (fault_point("case-begun", e) == -1)
		return err_hint(e, "nothing was changed; running the restore again goes on from here");
	return 0;
}

const struct case_info *case_about(const struct restore_case *c)
{
	return &c->info;
}

const char *case_path(const struct restore_case *c)
{
	return c->path;
}

struct journal *case_journal(struct restore_case *c)
{
	return c->journal;
}

int case_put(struct restore_case *c, const char *name, const void *p, size_t n, struct err *e)
{
	char *path = mem_printf("%s/%s", c->path, name);
	int rc = io_replace(AT_FDCWD, path, p, n, 0600, e);

	free(path);
	return rc;
}

/* ---- safety copies ---- */

static size_t count_files(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *de;
	size_t n = 0;

	while (d != NULL && (de = readdir(d)) != NULL)
		n += de->d_name[0] != '.';
	if (d != NULL)
		closedir(d);
	return n;
}

const char *case_safety_dir(struct restore_case *c, struct err *e)
{
	char *path;

	if (c->safety != NULL)
		return c->safety;
	path = mem_printf("%s/safety", c->path);
	if (mkdir(path, 0700) == -1 && errno != EEXIST) {
		err_sys(e, "create %s", path);
		free(path);
		return NULL;
	}
	if (io_fsync_dir(AT_FDCWD, c->path, e) == -1) {
		free(path);
		return NULL;
	}
	c->n_kept = count_files(path);
	c->safety = path;
	return path;
}

static int copy_bytes(int from, int to, const char *what, struct err *e)
{
	char chunk[65536];
	ssize_t n;

	while ((n = read(from, chunk, sizeof chunk)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return err_sys(e, "read %s", what);
		if (io_write_all(to, chunk, (size_t)n, what, e) == -1)
			return -1;
	}
	return 0;
}

/* Its number as text in ${name}. */
static int keep_copy(struct restore_case *c, int from, const char *path, char name[32], struct err *e)
{
	const char *safety = case_safety_dir(c, e);
	struct stat st;
	char *copy = NULL;
	int to = -1, rc = -1;

	if (safety == NULL)
		return -1;
	/* A copy that was cut off has its number, but nobody knows of it. */
	for (size_t i = 0; i < 1000 && to == -1; i++) {
		free(copy);
		snprintf(name, 32, "%06zu", ++c->n_kept);
		copy = mem_printf("%s/%s", safety, name);
		to = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (to == -1 && errno != EEXIST)
			break;
	}
	if (to == -1)
		err_sys(e, "create %s", copy);
	else if (fstat(from, &st) == -1 || fchmod(to, st.st_mode & 0777) == -1)
		err_sys(e, "look at %s", path);
	else if (copy_bytes(from, to, path, e) == 0 && io_fsync(to, copy, e) == 0)
		rc = io_fsync_dir(AT_FDCWD, safety, e);
	if (to != -1)
		close(to);
	free(copy);
	return rc;
}

int case_keep_file(struct restore_case *c, const char *mailbox, const char *uniqueid, const char *path,
    const char *after, struct err *e)
{
	int from = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char name[32];
	int rc = 0;

	if (from == -1 && errno != ENOENT)
		return err_sys(e, "keep a copy of %s", path);
	if (from != -1) {
		rc = keep_copy(c, from, path, name, e);
		close(from);
	}
	if (rc == 0)
		rc = journal_changing(
		    c->journal, "file", mailbox, uniqueid, path, from != -1 ? name : NULL, after, e);
	return rc == -1 ? err_wrap(e, "keep a copy of %s", path) : 0;
}

/* ---- the end ---- */

static bool has_box(const struct case_box *boxes, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(boxes[i].name, name) == 0)
			return true;
	return false;
}

/* What another restore has done is not left to do. */
static int strike(const char *directory, struct case_info *i, const struct case_info *done, struct err *e)
{
	char *path = mem_printf("%s/cases/%s", directory, i->id);
	size_t n = 0;
	int rc = 0;

	for (size_t k = 0; k < i->n_boxes; k++)
		if (has_box(done->boxes, done->n_boxes, i->boxes[k].name))
			free(i->boxes[k].name);
		else
			i->boxes[n++] = i->boxes[k];
	if (n < i->n_boxes) {
		i->n_boxes = n;
		if (n == 0) {
			i->state = CASE_DONE;
			i->ended = clock_now();
		}
		rc = write_info(path, i, e);
	}
	free(path);
	return rc;
}

int case_end(struct restore_case *c, enum case_state state, struct err *e)
{
	struct case_list l = { 0 };
	int rc = 0;

	/* Single messages, or expunged ones, are not the mailbox that another restore was to bring back. */
	if (state == CASE_DONE && c->info.request.n_picks == 0 && !c->info.request.expunged)
		rc = case_list(c->directory, c->info.server, &l, e);
	for (size_t i = 0; i < l.n && rc == 0; i++)
		if (l.list[i].state == CASE_OPEN && strcmp(l.list[i].id, c->info.id) != 0)
			rc = strike(c->directory, &l.list[i], &c->info, e);
	case_list_done(&l);
	if (rc == -1)
		return -1;
	drop_boxes(&c->info);
	c->info.state = state;
	c->info.ended = clock_now();
	return write_info(c->path, &c->info, e);
}

/* Under another name first: one that is half removed is no case any more. */
static int remove_case(const char *cases, const char *id, struct err *e)
{
	char *path = mem_printf("%s/%s", cases, id),
	     *old = mem_printf("%s/%s%ld", cases, NEW_PREFIX, (long)getpid());
	int rc = io_remove_tree(AT_FDCWD, old, e);

	if (rc == 0 && rename(path, old) == -1)
		rc = err_sys(e, "remove %s", path);
	if (rc == 0)
		rc = io_remove_tree(AT_FDCWD, old, e);
	free(path);
	free(old);
	return rc;
}

/* Begun, or being removed, by a process that is gone. */
static void remove_leftovers(const char *cases)
{
	DIR *d = opendir(cases);
	struct dirent *de;

	while (d != NULL && (de = readdir(d)) != NULL) {
		uint64_t pid;
		char *process, *path;

		if (!str_starts(de->d_name, NEW_PREFIX) ||
		    str_u64(de->d_name + strlen(NEW_PREFIX), INT32_MAX, &pid) == -1)
			continue;
		process = mem_printf("/proc/%lu", (unsigned long)pid);
		path = mem_printf("%s/%s", cases, de->d_name);
		if (access(process, F_OK) == -1)
			io_remove_tree(AT_FDCWD, path, NULL);
		free(process);
		free(path);
	}
	if (d != NULL)
		closedir(d);
}

int case_prune(const char *directory, uint64_t days, struct err *e)
{
	char *cases = cases_of(directory);
	int64_t now = clock_now();
	struct case_list l;
	int n = case_list(directory, NULL, &l, e);

	for (size_t i = 0; i < l.n && n != -1; i++)
		if (l.list[i].state != CASE_OPEN && l.list[i].ended < now - (int64_t)days * DAY)
			n = remove_case(cases, l.list[i].id, e) == -1 ? -1 : n + 1;
	remove_leftovers(cases);
	case_list_done(&l);
	free(cases);
	return n;
}
