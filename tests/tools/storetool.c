/* storetool.c: a store of a configuration, for test scripts and measurements: storetool CONF STORE VERB ARGUMENT...
 *
 *	list                 NAME SIZE of each object
 *	put FILE NAME        store a file ("-": standard input)
 *	get NAME FILE        fetch one
 *	range NAME OFF N     N bytes from OFF on, to standard output
 *	ranges NAME N STEP   N bytes every STEP bytes, all named beforehand, to standard output
 *	remove NAME, clean SECONDS
 *	twice NAME           opens, reads a byte and closes, and that again with what was kept
 * Errors end with the exit status that cyrvault has for them. With VERBOSE in the environment the log goes to that file, and steps to standard error. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/store.h"

#define BLOCK (1u << 20)

static uint8_t block[BLOCK];

static int put(struct store *s, const char *file, const char *name, struct err *e)
{
	int fd = strcmp(file, "-") == 0 ? 0 : open(file, O_RDONLY | O_CLOEXEC), rc;
	struct stream *out;
	size_t n = 0;

	if (fd == -1)
		return err_sys(e, "open %s", file);
	if (store_create(s, name, 0, &out, e) == -1)
		return -1;
	do {
		rc = io_read_all(fd, block, BLOCK, file, &n, e);
		if (rc == 0)
			rc = stream_write(out, block, n, e);
	} while (rc == 0 && n == BLOCK);
	if (rc == 0)
		rc = store_commit(s, out, e);
	stream_close(out);
	close(fd);
	return rc;
}

static int copy_out(struct stream *in, uint64_t n, int fd, struct err *e)
{
	while (n > 0) {
		ssize_t got = stream_read(in, block, n < BLOCK ? (size_t)n : BLOCK, e);

		if (got == -1)
			return -1;
		if (got == 0)
			return err_set(e, ERR_DAMAGE, "it ends early");
		if (io_write_all(fd, block, (size_t)got, "output", e) == -1)
			return -1;
		n -= (uint64_t)got;
	}
	return 0;
}

static int get(struct store *s, const char *name, const char *file, struct err *e)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc;
	struct stream *in;
	uint64_t size;

	if (fd == -1)
		return err_sys(e, "open %s", file);
	if (store_read(s, name, &in, e) == -1)
		return -1;
	rc = stream_size(in, &size, e);
	if (rc == 0) {
		stream_expect(in, 0, size);
		rc = copy_out(in, size, fd, e);
	}
	stream_close(in);
	close(fd);
	return rc;
}

static int range(struct store *s, const char *name, uint64_t off, uint64_t n, struct err *e)
{
	struct stream *in;
	int rc;

	if (store_read(s, name, &in, e) == -1)
		return -1;
	rc = stream_seek(in, off, e);
	if (rc == 0)
		rc = copy_out(in, n, 1, e);
	stream_close(in);
	return rc;
}

static int ranges(struct store *s, const char *name, uint64_t n, uint64_t step, struct err *e)
{
	struct stream *in;
	uint64_t size;
	int rc;

	if (store_read(s, name, &in, e) == -1)
		return -1;
	rc = stream_size(in, &size, e);
	for (uint64_t at = 0; rc == 0 && at + n <= size; at += step)
		stream_expect(in, at, n);
	for (uint64_t at = 0; rc == 0 && at + n <= size; at += step) {
		rc = stream_seek(in, at, e);
		if (rc == 0)
			rc = copy_out(in, n, 1, e);
	}
	stream_close(in);
	return rc;
}

static int list(struct store *s, struct err *e)
{
	struct store_list l;

	if (store_list(s, &l, e) == -1)
		return -1;
	for (size_t i = 0; i < l.n; i++)
		printf("%s %llu\n", l.objects[i].name, (unsigned long long)l.objects[i].size_bytes);
	store_list_done(&l);
	return 0;
}

static int twice(const struct conf_store *conf, const char *name, struct err *e)
{
	struct store_links *links = store_links_new();
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++) {
		uint64_t start = clock_monotonic_ms();
		struct store *s;

		rc = store_open_as(&(struct store_opts){ .conf = conf, .links = links }, &s, e);
		if (rc == -1)
			break;
		rc = range(s, name, 0, 1, e);
		store_free(s);
		fprintf(stderr, "%llu ms\n", (unsigned long long)(clock_monotonic_ms() - start));
	}
	store_links_free(links);
	return rc;
}

static uint64_t number(const char *s)
{
	return strtoull(s, NULL, 10);
}

static int act(const struct conf_store *conf, struct job *job, char **v, int n, struct err *e)
{
	struct store *s;
	int rc;

	if (n == 2 && strcmp(v[0], "twice") == 0)
		return twice(conf, v[1], e);
	if (store_open_as(&(struct store_opts){ .conf = conf, .job = job, .create = true }, &s, e) == -1)
		return -1;
	if (n == 1 && strcmp(v[0], "list") == 0)
		rc = list(s, e);
	else if (n == 3 && strcmp(v[0], "put") == 0)
		rc = put(s, v[1], v[2], e);
	else if (n == 3 && strcmp(v[0], "get") == 0)
		rc = get(s, v[1], v[2], e);
	else if (n == 4 && strcmp(v[0], "range") == 0)
		rc = range(s, v[1], number(v[2]), number(v[3]), e);
	else if (n == 4 && strcmp(v[0], "ranges") == 0)
		rc = ranges(s, v[1], number(v[2]), number(v[3]), e);
	else if (n == 2 && strcmp(v[0], "remove") == 0)
		rc = store_remove(s, v[1], e);
	else if (n == 2 && strcmp(v[0], "clean") == 0)
		printf("%d\n", rc = store_clean(s, (int64_t)number(v[1]), e));
	else
		rc = err_set(e, ERR_USAGE, "no verb %s with %d arguments", v[0], n - 1);
	store_free(s);
	return rc;
}

int main(int argc, char **argv)
{
	const struct conf_store *conf;
	struct job *job = job_new();
	struct err e = { 0 };
	struct conf *c;
	int rc = -1;

	if (argc < 4) {
		fprintf(stderr, "usage: storetool CONF STORE VERB ARGUMENT...\n");
		return 64;
	}
	log_open(getenv("VERBOSE"), 0);
	if (conf_load(argv[1], &c, &e) == 0) {
		conf = conf_find_store(c, argv[2], &e);
		if (conf != NULL)
			rc = act(conf, job, argv + 3, argc - 3, &e);
		conf_free(c);
	}
	job_free(job);
	if (rc == -1)
		fprintf(stderr, "%s\n%s\n", e.msg, e.hint);
	return rc == -1 ? err_exit_status(e.code) : 0;
}
