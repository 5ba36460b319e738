/* find_spool.c: a file of an archive beside the memory. */
#include "app/find_spool.h"

#include <sys/mman.h>
#include <unistd.h>

#include "core/io.h"

struct spooling {
	struct find_spool *to;
	const struct source *source;
	enum file_role role;
	uint64_t size;
	bool done;
};

static int spool_begin(void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct spooling *s = arg;

	(void)meta;
	(void)e;
	/* An archive partition has a cache of its own beside that of the spool. */
	if (s->done || file->role != s->role || source_on_archive_partition(s->source, file->path))
		return 0;
	s->size = 0;
	return 1;
}

static int spool_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct spooling *s = arg;

	if (io_pwrite_all(s->to->fd, p, n, s->size, "a temporary file", e) == -1)
		return -1;
	s->size += n;
	return 0;
}

static int spool_end(void *arg, struct err *e)
{
	(void)e;
	((struct spooling *)arg)->done = true;
	return 0;
}

static void spool_abort(void *arg)
{
	((struct spooling *)arg)->size = 0;
}

void find_spool_drop(struct find_spool *s)
{
	if (s->mapped != NULL)
		munmap(s->mapped, s->len);
	if (s->fd != -1)
		close(s->fd);
	*s = (struct find_spool){ .fd = -1 };
}

int find_spool_take(struct find_spool *to, const struct source *source, size_t unit, enum file_role role, struct err *e)
{
	struct spooling s = { .to = to, .source = source, .role = role };
	struct file_sink sink = { .arg = &s,
		.damage_ok = true,
		.begin = spool_begin,
		.data = spool_data,
		.end = spool_end,
		.abort = spool_abort };
	int rc;

	to->fd = io_temp_fd(NULL, e);
	if (to->fd == -1)
		return -1;
	rc = archive_read_unit(source_archive(source), unit, &sink, e);
	archive_forget_tables(source_archive(source));
	if (rc == -1 || !s.done || s.size == 0)
		return rc;
	to->mapped = mmap(NULL, (size_t)s.size, PROT_READ, MAP_PRIVATE, to->fd, 0);
	if (to->mapped == MAP_FAILED) {
		to->mapped = NULL;
		return err_sys(e, "map a temporary file");
	}
	to->len = (size_t)s.size;
	return 0;
}
