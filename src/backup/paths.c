/* paths.c: what of a server must be of one moment. */
#include "backup/paths.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "core/mem.h"

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && path[n] == '/';
}

/* The directory of a database that imapd.conf has put elsewhere. */
static size_t add_database(const struct imapd_conf *c, const char *path, char **paths)
{
	if (is_below(path, c->configdirectory))
		return 0;
	*paths = mem_strndup(path, (size_t)(strrchr(path, '/') - path));
	return 1;
}

/* Sieve scripts need not be of one moment: each is a file that is replaced as a whole. */
char **backup_paths(const struct server *server, size_t *ret_n)
{
	const struct imapd_conf *c = server->conf;
	char **paths = mem_array(3 + IMAPD_ROOTS_MAX * c->n_partitions, sizeof *paths);
	const char *roots[IMAPD_ROOTS_MAX];
	size_t n = 0;

	paths[n++] = mem_strdup(c->configdirectory);
	n += add_database(c, c->mboxlist_path, paths + n);
	n += add_database(c, c->annotation_path, paths + n);
	for (size_t i = 0; i < c->n_partitions; i++) {
		size_t n_roots = imapd_conf_roots(c, &c->partitions[i], roots);

		for (size_t k = 0; k < n_roots; k++)
			paths[n++] = mem_strdup(roots[k]);
	}
	*ret_n = n;
	return paths;
}

/* What the file systems hold, each counted once: about what will be read. */
static uint64_t bytes_on_volumes(const char *const *paths, size_t n_paths)
{
	uint64_t total = 0;
	dev_t *seen = mem_array(n_paths, sizeof *seen);
	size_t n = 0;

	for (size_t i = 0; i < n_paths; i++) {
		struct stat st;
		struct statvfs fs;
		size_t k = 0;

		if (stat(paths[i], &st) == -1 || statvfs(paths[i], &fs) == -1)
			continue;
		while (k < n && seen[k] != st.st_dev)
			k++;
		if (k < n)
			continue;
		seen[n++] = st.st_dev;
		total += (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize;
	}
	free(seen);
	return total;
}

struct snapshot_opts backup_snapshot_opts(
    const struct conf_server *conf, const char *const *paths, size_t n, struct job *job)
{
	return (struct snapshot_opts){ .kind = conf->snapshot,
		.lvm = conf->lvm,
		.size_bytes = conf->snapshot_size.bytes,
		.size_percent = conf->snapshot_size.percent,
		.expected_bytes = bytes_on_volumes(paths, n),
		.job = job };
}
