/* batch_file.c: what is remembered of a batch. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/batch_impl.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/json.h"

#define PREFIX   "batch-"
#define SUFFIX   ".jsonl"
#define MAX_FILE ((size_t)256 << 20)
/* Batches of one second. */
#define TRIES 100

static const char *const states[] = { "waiting", "done", "failed", "refused" };

const char *batch_state_name(enum batch_state s)
{
	return states[s];
}

struct batch_line *batch_add(struct batch *b)
{
	b->lines = mem_grow(b->lines, &b->cap, b->n + 1, sizeof *b->lines);
	b->lines[b->n] = (struct batch_line){ 0 };
	return &b->lines[b->n++];
}

void batch_set(struct batch_line *l, enum batch_state state, const char *why)
{
	struct buf b = BUF_INIT;

	if (why != NULL)
		str_safe_buf(&b, why, strlen(why));
	l->state = state;
	free(l->why);
	l->why = why != NULL ? buf_steal(&b) : NULL;
}

void batch_done(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		struct batch_line *l = &b->lines[i];

		free(l->text);
		free(l->archive);
		restore_request_done(&l->request);
		free(l->why);
		free(l->case_id);
	}
	free(b->lines);
	free(b->id);
	free(b->server);
	if (b->fd > 0)
		close(b->fd);
	*b = (struct batch){ 0 };
}

static char *path_of(const char *directory, const char *id)
{
	return mem_printf("%s/batches/%s%s", directory, id, SUFFIX);
}

static bool is_id(const char *s)
{
	return str_starts(s, PREFIX) && strspn(s, "abcdefghijklmnopqrstuvwxyz-0123456789TZ") == strlen(s) &&
	       strlen(s) < 64;
}

/* ---- writing ---- */

static void add_object(struct buf *b, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);

	buf_printf(b, "%s\n", text != NULL ? text : "{}");
	free(text);
	json_decref(o);
}

static void batch_text(const struct batch *b, struct buf *text)
{
	json_t *o = json_object();

	json_set_name(o, "batch", b->id);
	json_set_name(o, "server", b->server);
	json_set_number(o, "begun", (uint64_t)b->begun);
	json_set_name(o, "on_error", b->go_on ? "continue" : "stop");
	json_set_number(o, "lines", b->n);
	add_object(text, o);
	for (size_t i = 0; i < b->n; i++) {
		o = json_object();
		json_set_number(o, "line", i + 1);
		json_set_number(o, "number", b->lines[i].number);
		json_set_name(o, "text", b->lines[i].text);
		json_set_name(o, "archive", b->lines[i].archive);
		json_object_set_new(o, "request", restore_request_write(&b->lines[i].request));
		add_object(text, o);
	}
}

/* Locked until it is closed, so that two do not carry it out. */
static int open_locked(const char *path, const char *id, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return err_sys(e, "open %s", path);
	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return fd;
	if (errno == EAGAIN || errno == EACCES) {
		err_set(e, ERR_LOCKED, "another process carries %s out", id);
		err_hint(e, "wait for it to end");
	} else {
		err_sys(e, "lock %s", path);
	}
	close(fd);
	return -1;
}

int batch_create(const char *directory, struct batch *b, struct err *e)
{
	char *dir = mem_printf("%s/batches", directory), *path = NULL, stamp[32];
	struct buf text = BUF_INIT;
	int rc = io_mkdirs(AT_FDCWD, dir, 0700, e);

	b->begun = clock_now();
	for (int i = 1; rc == 0 && path == NULL; i++) {
		free(b->id);
		b->id = i == 1 ? mem_printf(PREFIX "%s", clock_stamp(stamp, sizeof stamp, b->begun))
		               : mem_printf(PREFIX "%s-%d", clock_stamp(stamp, sizeof stamp, b->begun), i);
		path = path_of(directory, b->id);
		if (access(path, F_OK) == 0 && i < TRIES) {
			free(path);
			path = NULL;
		}
	}
	if (rc == 0) {
		batch_text(b, &text);
		rc = io_replace(AT_FDCWD, path, text.data, text.len, 0600, e);
	}
	if (rc == 0) {
		b->fd = open_locked(path, b->id, e);
		rc = b->fd == -1 ? -1 : 0;
	}
	for (size_t i = 0; i < b->n && rc == 0; i++)
		if (b->lines[i].state != BATCH_WAITING)
			rc = batch_note(b, i, e);
	if (rc == -1) {
		free(b->id);
		b->id = NULL;
		err_hint(e, "nothing was changed; make room in %s, or set directory in [state]", directory);
	}
	buf_done(&text);
	free(path);
	free(dir);
	return rc;
}

int batch_open(const char *directory, struct batch *b, struct err *e)
{
	char *path = path_of(directory, b->id), last = '\n';
	struct stat st;
	int rc = 0;

	b->fd = open_locked(path, b->id, e);
	if (b->fd == -1 || fstat(b->fd, &st) == -1)
		rc = b->fd == -1 ? -1 : err_sys(e, "look at %s", path);
	else if (st.st_size > 0 && pread(b->fd, &last, 1, st.st_size - 1) == 1 && last != '\n')
		rc = io_write_all(b->fd, "\n", 1, path, e);
	free(path);
	return rc;
}

static int append(const struct batch *b, json_t *o, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	add_object(&text, o);
	rc = io_write_all(b->fd, text.data, text.len, b->id, e);
	if (rc == 0 && fdatasync(b->fd) == -1)
		rc = err_sys(e, "write %s to disk", b->id);
	buf_done(&text);
	return rc;
}

int batch_note(const struct batch *b, size_t i, struct err *e)
{
	const struct batch_line *l = &b->lines[i];
	json_t *o = json_object();

	json_set_number(o, "line", i + 1);
	json_set_name(o, "state", states[l->state]);
	json_set_name(o, "why", l->why);
	json_set_name(o, "case", l->case_id);
	json_set_number(o, "time", (uint64_t)clock_now());
	return append(b, o, e);
}

int batch_end(struct batch *b, struct err *e)
{
	json_t *o = json_object();

	json_set_number(o, "ended", (uint64_t)clock_now());
	b->ended = true;
	return append(b, o, e);
}

/* ---- reading ---- */

static int take_head(const json_t *o, const char *id, struct batch *ret, size_t *lines, struct err *e)
{
	char *name = json_name_get(json_object_get(o, "batch"));
	char *on_error = json_name_get(json_object_get(o, "on_error"));
	uint64_t begun = 0, n = 0;
	int rc = 0;

	ret->server = json_name_get(json_object_get(o, "server"));
	if (name == NULL || strcmp(name, id) != 0 || ret->server == NULL || on_error == NULL ||
	    json_get_number(o, "begun", INT64_MAX, &begun) == -1 ||
	    json_get_number(o, "lines", BATCH_LINES_MAX, &n) == -1)
		rc = err_set(e, ERR_FORMAT, "%s is no file of a batch", id);
	ret->begun = (int64_t)begun;
	ret->go_on = on_error != NULL && strcmp(on_error, "continue") == 0;
	*lines = (size_t)n;
	free(name);
	free(on_error);
	return rc;
}

static int take_request(const json_t *o, struct batch *ret, struct err *e)
{
	struct batch_line *l = batch_add(ret);
	uint64_t number = 0;

	json_get_number(o, "number", SIZE_MAX / 2, &number);
	l->number = (size_t)number;
	l->text = json_name_get(json_object_get(o, "text"));
	l->archive = json_name_get(json_object_get(o, "archive"));
	if (l->text == NULL || l->archive == NULL)
		return err_set(e, ERR_FORMAT, "line %zu of the batch lacks something", ret->n);
	return restore_request_read(json_object_get(o, "request"), &l->request, e);
}

static void take_state(const json_t *o, struct batch_line *l)
{
	char *word = json_name_get(json_object_get(o, "state"));
	char *why = json_name_get(json_object_get(o, "why"));

	for (unsigned s = 0; word != NULL && s < sizeof states / sizeof states[0]; s++)
		if (strcmp(states[s], word) == 0)
			batch_set(l, (enum batch_state)s, why);
	free(l->case_id);
	l->case_id = json_name_get(json_object_get(o, "case"));
	free(word);
	free(why);
}

static int take_object(const json_t *o, struct batch *ret, struct err *e)
{
	uint64_t number = 0;

	if (json_object_get(o, "ended") != NULL) {
		ret->ended = true;
		return 0;
	}
	/* Something goes on that had ended. */
	if (json_get_number(o, "line", BATCH_LINES_MAX, &number) == -1 || number == 0)
		return 0;
	if (json_object_get(o, "request") != NULL)
		return number == ret->n + 1
		           ? take_request(o, ret, e)
		           : err_set(e, ERR_FORMAT, "line %zu of the batch is not there", ret->n + 1);
	if (number <= ret->n) {
		take_state(o, &ret->lines[number - 1]);
		ret->ended = false;
	}
	return 0;
}

int batch_load(const char *directory, const char *id, struct batch *ret, struct err *e)
{
	char *path = path_of(directory, id);
	struct buf b = BUF_INIT;
	size_t lines = 0;
	bool first = true;
	int rc;

	*ret = (struct batch){ 0 };
	if (!is_id(id)) {
		free(path);
		return err_set(e, ERR_NOT_FOUND, "%s is no name of a batch", id);
	}
	rc = io_read_file(AT_FDCWD, path, MAX_FILE, &b, e);
	ret->id = mem_strdup(id);
	for (char *s = b.data, *end; rc == 0 && s != NULL && (end = strchr(s, '\n')) != NULL; s = end + 1) {
		/* One that was torn was never written. */
		json_t *o = json_loadb(s, (size_t)(end - s), 0, NULL);

		if (o != NULL)
			rc = first ? take_head(o, id, ret, &lines, e) : take_object(o, ret, e);
		first = first && o == NULL;
		json_decref(o);
	}
	if (rc == 0 && (first || ret->n != lines))
		rc = err_set(e, ERR_FORMAT, "it has %zu of %zu lines", ret->n, lines);
	if (rc == -1)
		err_wrap(e, "read %s", path);
	buf_done(&b);
	free(path);
	return rc;
}

char *batch_newest(const char *directory, const char *server, struct err *e)
{
	char *dir = mem_printf("%s/batches", directory), *ret = NULL;
	int64_t newest = 0;
	DIR *d = opendir(dir);

	for (const struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
		size_t n = strlen(f->d_name);
		struct batch b = { 0 };
		char *id;

		if (!str_starts(f->d_name, PREFIX) || !str_ends(f->d_name, SUFFIX))
			continue;
		id = mem_strndup(f->d_name, n - strlen(SUFFIX));
		if (batch_load(directory, id, &b, NULL) == 0 && !b.ended && strcmp(b.server, server) == 0 &&
		    (ret == NULL || b.begun > newest || (b.begun == newest && strcmp(id, ret) > 0))) {
			free(ret);
			ret = mem_strdup(id);
			newest = b.begun;
		}
		batch_done(&b);
		free(id);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
	if (ret == NULL)
		err_set(e, ERR_NOT_FOUND, "there is no batch of %s that was stopped", server);
	return ret;
}

int64_t batch_touched(const char *directory, const char *id)
{
	char *path = path_of(directory, id);
	struct stat st;
	int64_t ret = stat(path, &st) == 0 ? (int64_t)st.st_mtime : 0;

	free(path);
	return ret;
}

void batch_prune(const char *directory, uint64_t days)
{
	char *dir = mem_printf("%s/batches", directory);
	int64_t now = clock_now();
	DIR *d = opendir(dir);

	for (const struct dirent *f; d != NULL && (f = readdir(d)) != NULL;) {
		struct stat st;

		if (str_starts(f->d_name, PREFIX) && str_ends(f->d_name, SUFFIX) &&
		    fstatat(dirfd(d), f->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    (int64_t)st.st_mtime < now && (uint64_t)(now - (int64_t)st.st_mtime) / 86400 > days)
			unlinkat(dirfd(d), f->d_name, 0);
	}
	if (d != NULL)
		closedir(d);
	free(dir);
}
