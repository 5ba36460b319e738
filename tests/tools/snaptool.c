/* snaptool: snapshots from the command line, step by step.
 *
 *   snaptool [-k KIND] [-l LVM] [-s BYTES|PERCENT%] [-p PATH]... STEP...
 *
 * clean           remove leftovers; leftovers: name them
 * plan take mount check health drop release
 * cat:PATH  list:PATH  open:PATH (without following a last symlink)
 * facts           what is known
 * hold            say "holding", wait for a line or the end of the input
 * sleep:SECONDS
 * A step that fails prints "STEP: CODE: MESSAGE | HINT"; the next one is tried all the same. Exit status 1 when one failed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "core/str.h"
#include "snapshot/snapshot.h"

#define MAX_PATHS 32

static struct snapshot_opts opts = { .kind = "auto" };
static const char *paths[MAX_PATHS];
static size_t n_paths;
static struct snapshot *snapshot;

static int cat(const char *path, struct err *e)
{
	int fd = snapshot_open(snapshot, path, O_RDONLY, e);
	char bytes[65536];
	ssize_t n = 0;

	if (fd == -1)
		return -1;
	while ((n = read(fd, bytes, sizeof bytes)) > 0)
		fwrite(bytes, 1, (size_t)n, stdout);
	if (n == -1)
		err_sys(e, "read %s", path);
	close(fd);
	return n == -1 ? -1 : 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int list(const char *path, struct err *e)
{
	int fd = snapshot_open(snapshot, path, O_RDONLY | O_DIRECTORY, e);
	struct dirent **names;
	char self[64];
	int n;

	if (fd == -1)
		return -1;
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	n = scandir(self, &names, NULL, by_name);
	if (n == -1)
		err_sys(e, "list %s", path);
	close(fd);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.')
			printf("%s\n", names[i]->d_name);
		free(names[i]);
	}
	if (n != -1)
		free(names);
	return n == -1 ? -1 : 0;
}

static int open_only(const char *path, struct err *e)
{
	int fd = snapshot_open(snapshot, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, e);

	if (fd == -1) {
		printf("errno %s\n", strerrorname_np(errno));
		return 0;
	}
	close(fd);
	puts("opened");
	return 0;
}

static void facts(void)
{
	struct snapshot_facts f;

	snapshot_facts(snapshot, &f);
	printf("kind %s, taken in %llu ms%s%s\n", f.kind, (unsigned long long)f.taken_ms,
	    f.why_not != NULL ? ", why not better: " : "", f.why_not != NULL ? f.why_not : "");
	for (size_t i = 0; i < f.n; i++) {
		const struct snapshot_volume *v = &f.volumes[i];

		printf("%s on %s (%s%s): %s, %llu of %llu bytes, free %llu, fill %u, extended %u%s\n",
		    v->origin, v->mounted_on, v->fs, v->thin ? ", thin" : "",
		    v->name != NULL ? v->name : "not taken", (unsigned long long)v->size_bytes,
		    (unsigned long long)v->origin_bytes, (unsigned long long)v->free_bytes, v->fill_permille,
		    v->extended, v->invalid ? ", invalid" : "");
	}
	snapshot_facts_done(&f);
}

static int clean(struct err *e)
{
	char *what = NULL;
	int n = snapshot_clean(&opts, &what, e);

	printf("removed %d: %s\n", n, what != NULL ? what : "");
	free(what);
	return n == -1 ? -1 : 0;
}

static int leftovers(struct err *e)
{
	char *what = NULL;
	int n = snapshot_leftovers(&opts, &what, e);

	printf("left over %d: %s\n", n, what != NULL ? what : "");
	free(what);
	return n == -1 ? -1 : 0;
}

static int release(struct err *e)
{
	int rc = snapshot_release(snapshot, e);

	snapshot = NULL;
	return rc;
}

static int step(const char *s, struct err *e)
{
	char line[16];

	if (strcmp(s, "clean") == 0)
		return clean(e);
	if (strcmp(s, "leftovers") == 0)
		return leftovers(e);
	if (strcmp(s, "plan") == 0)
		return snapshot_plan(&opts, paths, n_paths, &snapshot, e);
	if (str_starts(s, "sleep:"))
		return (int)sleep((unsigned)atoi(s + 6));
	if (strcmp(s, "hold") == 0) {
		puts("holding");
		(void)!read(0, line, sizeof line);
		return 0;
	}
	if (snapshot == NULL)
		return err_set(e, ERR_USAGE, "there is no snapshot");
	if (strcmp(s, "take") == 0)
		return snapshot_take(snapshot, e);
	if (strcmp(s, "mount") == 0)
		return snapshot_mount(snapshot, e);
	if (strcmp(s, "check") == 0)
		return snapshot_check(snapshot, e);
	if (strcmp(s, "health") == 0)
		return snapshot_health(snapshot, e);
	if (strcmp(s, "drop") == 0)
		return snapshot_drop(snapshot, e);
	if (strcmp(s, "release") == 0)
		return release(e);
	if (str_starts(s, "cat:"))
		return cat(s + 4, e);
	if (str_starts(s, "list:"))
		return list(s + 5, e);
	if (str_starts(s, "open:"))
		return open_only(s + 5, e);
	if (strcmp(s, "facts") == 0) {
		facts();
		return 0;
	}
	return err_set(e, ERR_USAGE, "unknown step");
}

static void set_size(const char *s)
{
	char *end;

	opts.size_bytes = strtoull(s, &end, 10);
	if (*end == '%') {
		opts.size_percent = (unsigned)opts.size_bytes;
		opts.size_bytes = 0;
	}
}

int main(int argc, char **argv)
{
	int c, rc = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((c = getopt(argc, argv, "+k:l:s:p:")) != -1) {
		if (c == 'k')
			opts.kind = optarg;
		else if (c == 'l')
			opts.lvm = optarg;
		else if (c == 's')
			set_size(optarg);
		else if (c == 'p' && n_paths < MAX_PATHS)
			paths[n_paths++] = optarg;
		else
			return 64;
	}
	for (int i = optind; i < argc; i++) {
		struct err e = { 0 };

		if (step(argv[i], &e) == -1) {
			printf("%s: %s: %s%s%s\n", argv[i], err_code_name(e.code), e.msg,
			    *e.hint != '\0' ? " | " : "", e.hint);
			rc = 1;
		}
	}
	if (snapshot != NULL && release(NULL) == -1)
		rc = 1;
	{
		size_t n;
		struct log_line *l = log_snapshot(&n, NULL);

		for (size_t i = 0; i < n; i++)
			printf("log: %s: %s\n", log_level_word(l[i].level), l[i].text);
		log_snapshot_free(l, n);
	}
	return rc;
}
