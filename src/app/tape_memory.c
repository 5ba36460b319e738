/* tape_memory.c: the memory of tapes: one JSON file for each archive on a tape, and the archive's own parts beside it. */
#include "app/tape_memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "app/app_impl.h"
#include "archive/tape_label.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

#define MAX_JSON  ((size_t)16 << 20)
#define MAX_PARTS 65536
#define MARKS     "queue.json"

char *tape_directory(struct app *app)
{
	return mem_printf("%s/tapes", app_conf(app)->state_directory);
}

/* Its directory as an fd; made if ${make}. -1 with ERR_NOT_FOUND if there is none yet. */
static int open_directory(struct app *app, bool make, struct err *e)
{
	char *path = tape_directory(app);
	int fd = -1;

	if (!make || io_mkdirs(AT_FDCWD, path, 0700, e) == 0) {
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd == -1)
			err_sys(e, "open %s", path);
	}
	free(path);
	return fd;
}

/* "L0007.0003", and behind it ".json" or ".parts". A label holds no slash. */
static char *file_of(const struct tape_copy *c, const char *end)
{
	return mem_printf("%s.%04llu%s", c->label, (unsigned long long)c->file, end);
}

void tape_copy_done(struct tape_copy *c)
{
	free(c->archive);
	free(c->store);
	free(c->url);
	free(c->server);
	free(c->tape);
	free(c->label);
	free(c->box);
	free(c->parts);
	*c = (struct tape_copy){ 0 };
}

void tape_copy_dup(const struct tape_copy *c, struct tape_copy *ret)
{
	*ret = *c;
	ret->archive = mem_strdup(c->archive);
	ret->store = mem_strdup(c->store);
	ret->url = mem_strdup(c->url);
	ret->server = mem_strdup(c->server);
	ret->tape = mem_strdup(c->tape);
	ret->label = mem_strdup(c->label);
	ret->box = mem_strdup(c->box);
	ret->parts = c->n_parts > 0 ? mem_dup(c->parts, c->n_parts * sizeof *c->parts) : NULL;
}

/* ---- one copy as JSON ---- */

/* What of a copy is text, a number, a check sum: one table reads and writes it. */
#define TEXTS(X)  X(archive) X(store) X(url) X(server) X(tape) X(label) X(box)
#define COUNTS(X) X(file) X(offset_bytes) X(stored_bytes) X(block_bytes) X(data_offset) X(size_bytes)
#define TIMES(X)  X(mtime) X(when) X(written) X(verified) X(damaged)

static void set_hex(json_t *j, const char *key, const uint8_t *sha)
{
	struct buf b = BUF_INIT;

	str_hex(&b, sha, SHA256_SIZE);
	json_object_set_new(j, key, json_string(buf_text(&b)));
	buf_done(&b);
}

static int get_hex(const json_t *j, const char *key, uint8_t *sha)
{
	const char *s = json_string_value(json_object_get(j, key));

	return s != NULL && strlen(s) == (size_t)2 * SHA256_SIZE ? str_unhex(s, sha, SHA256_SIZE) : -1;
}

/* Bytes that are not UTF-8 cannot be in JSON: names of sections and paths may hold any. */
static json_t *text_json(const char *s)
{
	json_t *j = json_string(s);
	struct buf b = BUF_INIT;

	if (j != NULL)
		return j;
	str_safe_buf(&b, s, strlen(s));
	j = json_string(buf_text(&b));
	buf_done(&b);
	return j;
}

static char *copy_text(const struct tape_copy *c)
{
	json_t *j = json_object(), *parts = json_array();
	char *text;

	json_object_set_new(j, "version", json_integer(1));
#define SET(name) json_object_set_new(j, #name, text_json(c->name));
	TEXTS(SET)
#undef SET
#define SET(name) json_object_set_new(j, #name, json_integer((json_int_t)c->name));
	COUNTS(SET)
	TIMES(SET)
#undef SET
	set_hex(j, "sha256", c->sha256);
	for (size_t i = 0; i < c->n_parts; i++)
		json_array_append_new(
		    parts, json_pack("[I,I]", (json_int_t)c->parts[i].off, (json_int_t)c->parts[i].n));
	json_object_set_new(j, "parts", parts);
	set_hex(j, "parts_sha256", c->parts_sha256);
	text = json_dumps(j, JSON_INDENT(1));
	json_decref(j);
	return text;
}

static int parse_parts(const json_t *j, struct tape_copy *c)
{
	const json_t *list = json_object_get(j, "parts");
	size_t n = json_array_size(list);
	uint64_t at = 0;

	if (!json_is_array(list) || n > MAX_PARTS)
		return -1;
	c->parts = mem_array(n + 1, sizeof *c->parts);
	for (c->n_parts = 0; c->n_parts < n; c->n_parts++) {
		json_int_t off, size;
		struct tape_part *p = &c->parts[c->n_parts];

		if (json_unpack(json_array_get(list, c->n_parts), "[I,I]", &off, &size) == -1 || off < 0 ||
		    size <= 0)
			return -1;
		*p = (struct tape_part){ (uint64_t)off, (uint64_t)size };
		if (p->off < at || p->off > c->size_bytes || p->n > c->size_bytes - p->off)
			return -1;
		at = p->off + p->n;
	}
	return 0;
}

static int parse_copy(const json_t *j, struct tape_copy *c)
{
	const json_t *v;

	*c = (struct tape_copy){ 0 };
	if (json_integer_value(json_object_get(j, "version")) != 1)
		return -1;
#define GET(name)                                           \
	if (!json_is_string(v = json_object_get(j, #name))) \
		return -1;                                  \
	c->name = mem_strdup(json_string_value(v));
	TEXTS(GET)
#undef GET
#define GET(name)                                                                         \
	if (!json_is_integer(v = json_object_get(j, #name)) || json_integer_value(v) < 0) \
		return -1;                                                                \
	c->name = (uint64_t)json_integer_value(v);
	COUNTS(GET)
#undef GET
#define GET(name)                                            \
	if (!json_is_integer(v = json_object_get(j, #name))) \
		return -1;                                   \
	c->name = json_integer_value(v);
	TIMES(GET)
#undef GET
	if (!store_name_ok(c->archive) || !tape_label_ok(c->label) || c->block_bytes == 0 ||
	    get_hex(j, "sha256", c->sha256) == -1 || get_hex(j, "parts_sha256", c->parts_sha256) == -1)
		return -1;
	return parse_parts(j, c);
}

static int read_copy(int dir_fd, const char *name, struct tape_copy *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	json_t *j;
	int rc = io_read_file(dir_fd, name, MAX_JSON, &b, e);

	*ret = (struct tape_copy){ 0 };
	if (rc == -1)
		return -1;
	j = json_loadb(buf_text(&b), b.len, 0, NULL);
	rc = parse_copy(j, ret);
	json_decref(j);
	buf_done(&b);
	if (rc == -1) {
		tape_copy_done(ret);
		err_set(e, ERR_FORMAT, "%s is not what a memory of a tape should be", name);
	}
	return rc;
}

/* ---- all copies ---- */

static int by_place(const void *a, const void *b)
{
	const struct tape_copy *x = a, *y = b;
	int d = strcmp(x->label, y->label);

	return d != 0 ? d : (x->file > y->file) - (x->file < y->file);
}

int tape_copies(struct app *app, struct tape_copies *ret, struct err *e)
{
	struct err why = { 0 };
	int fd = open_directory(app, false, &why);
	DIR *dir = fd != -1 ? fdopendir(fd) : NULL;
	struct dirent *de;
	size_t cap = 0;

	*ret = (struct tape_copies){ 0 };
	if (dir == NULL) {
		if (fd == -1 && why.code == ERR_NOT_FOUND)
			return 0;
		if (fd != -1) {
			err_sys(&why, "read the memory of tapes");
			close(fd);
		}
		if (e != NULL)
			*e = why;
		return -1;
	}
	while ((de = readdir(dir)) != NULL) {
		if (de->d_name[0] == '.' || !str_ends(de->d_name, ".json") || strcmp(de->d_name, MARKS) == 0)
			continue;
		ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
		if (read_copy(fd, de->d_name, &ret->list[ret->n], &why) == 0) {
			ret->n++;
			continue;
		}
		ret->unreadable++;
		log_write(LOG_LEVEL_WARNING, "memory of tapes: %s", why.msg);
	}
	closedir(dir);
	if (ret->n > 1)
		qsort(ret->list, ret->n, sizeof *ret->list, by_place);
	return 0;
}

void tape_copies_done(struct tape_copies *l)
{
	for (size_t i = 0; i < l->n; i++)
		tape_copy_done(&l->list[i]);
	free(l->list);
	*l = (struct tape_copies){ 0 };
}

const struct tape_copy *tape_copies_find(const struct tape_copies *l, const char *store, const char *archive)
{
	const struct tape_copy *best = NULL;

	for (size_t i = 0; i < l->n; i++) {
		const struct tape_copy *c = &l->list[i];

		if (strcmp(c->archive, archive) != 0 || (store != NULL && strcmp(c->store, store) != 0))
			continue;
		if (best == NULL || (c->damaged == 0 && best->damaged != 0) ||
		    ((c->damaged == 0) == (best->damaged == 0) && c->verified > best->verified))
			best = c;
	}
	return best;
}

/* ---- changing ---- */

/* Of a file descriptor, as the whole file ${name}. */
static int keep_parts(int dir_fd, const char *name, int from, struct err *e)
{
	char *temp = mem_printf(".%s.new", name), chunk[65536];
	int fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600), rc = -1;
	off_t at = 0;
	ssize_t n;

	if (fd == -1) {
		err_sys(e, "create %s", temp);
		goto out;
	}
	while ((n = pread(from, chunk, sizeof chunk, at)) > 0) {
		if (io_write_all(fd, chunk, (size_t)n, name, e) == -1)
			goto out;
		at += n;
	}
	if (n == -1) {
		err_sys(e, "read the parts of an archive");
		goto out;
	}
	if (io_fsync(fd, name, e) == -1)
		goto out;
	if (renameat(dir_fd, temp, dir_fd, name) == -1) {
		err_sys(e, "rename %s", temp);
		goto out;
	}
	rc = 0;
out:
	if (fd != -1)
		close(fd);
	if (rc == -1)
		unlinkat(dir_fd, temp, 0);
	free(temp);
	return rc;
}

/* The tape is no longer only begun. */
static void end_begin(int dir_fd, const struct tape_copy *copy)
{
	char *name = mem_printf("%s.begun", copy->label);

	if (copy->file == 0)
		unlinkat(dir_fd, name, 0);
	free(name);
}

int tape_remember(struct app *app, const struct tape_copy *copy, int parts_fd, struct err *e)
{
	char *json = file_of(copy, ".json"), *parts = file_of(copy, ".parts"), *text = copy_text(copy);
	int fd = open_directory(app, true, e), rc = -1;

	/* What was remembered of this place is no longer true when its parts are replaced. */
	if (fd != -1 && parts_fd != -1 && unlinkat(fd, json, 0) == -1 && errno != ENOENT)
		err_sys(e, "remove %s", json);
	else if (fd != -1 && (parts_fd == -1 || keep_parts(fd, parts, parts_fd, e) == 0))
		rc = io_replace(fd, json, text, strlen(text), 0600, e);
	if (rc == 0)
		end_begin(fd, copy);
	if (fd != -1)
		close(fd);
	free(json);
	free(parts);
	free(text);
	return rc == -1 ? err_wrap(e, "remember what is on tape %s", copy->label) : 0;
}

/* "L0007.begun": what stands first on it. */
int tape_begin(struct app *app, const struct tape_copy *copy, struct err *e)
{
	char *name = mem_printf("%s.begun", copy->label);
	int fd = open_directory(app, true, e), rc = -1;

	if (fd != -1) {
		rc = io_replace(fd, name, copy->archive, strlen(copy->archive), 0600, e);
		close(fd);
	}
	free(name);
	return rc;
}

bool tape_was_begun(struct app *app, const char *label, const char *archive)
{
	char *name = mem_printf("%s.begun", label);
	int fd = open_directory(app, false, NULL);
	struct buf b = BUF_INIT;
	bool ret =
	    fd != -1 && io_read_file(fd, name, 4096, &b, NULL) == 0 && strcmp(buf_text(&b), archive) == 0;

	if (fd != -1)
		close(fd);
	buf_done(&b);
	free(name);
	return ret;
}

int tape_forget_copy(struct app *app, const struct tape_copy *copy, struct err *e)
{
	char *json = file_of(copy, ".json"), *parts = file_of(copy, ".parts");
	int fd = open_directory(app, false, e), rc = -1;

	if (fd != -1)
		end_begin(fd, copy);
	if (fd != -1 && unlinkat(fd, json, 0) == -1 && errno != ENOENT)
		err_sys(e, "forget %s", json);
	else if (fd != -1 && unlinkat(fd, parts, 0) == -1 && errno != ENOENT)
		err_sys(e, "forget %s", parts);
	else if (fd != -1)
		rc = io_fsync(fd, "the memory of tapes", e);
	if (fd != -1)
		close(fd);
	free(json);
	free(parts);
	return rc;
}

int tape_parts_open(struct app *app, const struct tape_copy *copy, struct err *e)
{
	char *name = file_of(copy, ".parts"), chunk[65536];
	int dir = open_directory(app, false, e);
	int fd = dir != -1 ? openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	struct digest *d = digest_new(DIGEST_SHA256);
	uint8_t sha[SHA256_SIZE];
	ssize_t n = 0;

	if (dir != -1 && fd == -1)
		err_sys(e, "open %s", name);
	while (fd != -1 && (n = read(fd, chunk, sizeof chunk)) > 0)
		digest_add(d, chunk, (size_t)n);
	digest_end(d, sha);
	if (fd != -1 && (n == -1 || memcmp(sha, copy->parts_sha256, sizeof sha) != 0)) {
		err_set(e, ERR_DAMAGE, "what is kept of the archive %s beside the memory of tapes is damaged",
		    copy->archive);
		err_hint(e, "cyrvault tape verify %s reads it again from the tape", copy->label);
		close(fd);
		fd = -1;
	}
	digest_free(d);
	if (dir != -1)
		close(dir);
	free(name);
	return fd;
}

/* ---- marks ---- */

int tape_marks_read(struct app *app, struct tape_marks *ret, struct err *e)
{
	struct err why = { 0 };
	int fd = open_directory(app, false, &why);
	struct buf b = BUF_INIT;
	json_t *j, *item;
	size_t i;
	int rc = fd != -1 ? io_read_file(fd, MARKS, MAX_JSON, &b, &why) : -1;

	*ret = (struct tape_marks){ 0 };
	if (fd != -1)
		close(fd);
	if (rc == -1) {
		if (why.code == ERR_NOT_FOUND)
			return 0;
		if (e != NULL)
			*e = why;
		return -1;
	}
	j = json_loadb(buf_text(&b), b.len, 0, NULL);
	buf_done(&b);
	if (!json_is_array(j)) {
		json_decref(j);
		return err_set(e, ERR_FORMAT, "the memory of tapes: %s is not what it should be", MARKS);
	}
	ret->list = mem_array(json_array_size(j) + 1, sizeof *ret->list);
	json_array_foreach(j, i, item)
	{
		const char *store, *archive;
		int add;

		if (json_unpack(item, "{s:s,s:s,s:b}", "store", &store, "archive", &archive, "add", &add) ==
		    0)
			ret->list[ret->n++] =
			    (struct tape_mark){ mem_strdup(store), mem_strdup(archive), add != 0 };
	}
	json_decref(j);
	return 0;
}

void tape_marks_done(struct tape_marks *m)
{
	for (size_t i = 0; i < m->n; i++) {
		free(m->list[i].store);
		free(m->list[i].archive);
	}
	free(m->list);
	*m = (struct tape_marks){ 0 };
}

const struct tape_mark *tape_marks_find(const struct tape_marks *m, const char *store, const char *archive)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(m->list[i].archive, archive) == 0 && strcmp(m->list[i].store, store) == 0)
			return &m->list[i];
	return NULL;
}

int tape_marks_set(struct app *app, const char *store, const char *archive, int add, struct err *e)
{
	struct tape_marks m;
	json_t *j;
	char *text;
	int fd, rc = -1;

	if (tape_marks_read(app, &m, e) == -1)
		return -1;
	if (add == -1 && tape_marks_find(&m, store, archive) == NULL) {
		tape_marks_done(&m);
		return 0;
	}
	j = json_array();
	for (size_t i = 0; i < m.n; i++)
		if (strcmp(m.list[i].archive, archive) != 0 || strcmp(m.list[i].store, store) != 0)
			json_array_append_new(
			    j, json_pack("{s:o,s:s,s:b}", "store", text_json(m.list[i].store), "archive",
				   m.list[i].archive, "add", m.list[i].add));
	if (add != -1)
		json_array_append_new(
		    j, json_pack("{s:o,s:s,s:b}", "store", text_json(store), "archive", archive, "add", add));
	text = json_dumps(j, JSON_INDENT(1));
	fd = open_directory(app, true, e);
	if (fd != -1) {
		rc = io_replace(fd, MARKS, text, strlen(text), 0600, e);
		close(fd);
	}
	free(text);
	json_decref(j);
	tape_marks_done(&m);
	return rc;
}

/* ---- what rotation asks ---- */

int tape_waits(struct app *app, const char *store, const char *archive, struct err *e)
{
	const struct conf_store *conf = conf_find_store(app_conf(app), store, e);
	const struct tape_mark *mark;
	const struct tape_copy *copy;
	struct tape_copies copies = { 0 };
	struct tape_marks marks = { 0 };
	int rc = -1;

	if (conf == NULL || tape_marks_read(app, &marks, e) == -1)
		return -1;
	mark = tape_marks_find(&marks, store, archive);
	if (mark != NULL || conf->tape == NULL) {
		rc = mark != NULL && mark->add;
	} else if (tape_copies(app, &copies, e) == 0) {
		copy = tape_copies_find(&copies, store, archive);
		rc = copy == NULL || copy->damaged != 0;
	}
	tape_marks_done(&marks);
	tape_copies_done(&copies);
	return rc;
}
