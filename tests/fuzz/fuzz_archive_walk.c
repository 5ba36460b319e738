/* fuzz_archive_walk.c: cpio entries as salvage walks them. The first byte sets the size of the pieces, the second where each
 * says that its first header is. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/walk.h"
#include "core/io.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int open_files;
static uint64_t left;

static int begin(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	(void)arg;
	(void)e;
	if (meta == NULL || open_files != 0 || !io_path_is_safe(f->path, strlen(f->path)))
		abort();
	if (f->size % 3 == 1)
		return 0;
	left = f->size;
	open_files++;
	return 1;
}

static int data_in(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg;
	(void)p;
	(void)e;
	if (n > left)
		abort();
	left -= n;
	return 0;
}

static int end(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	if (left != 0 || --open_files != 0)
		abort();
	return 0;
}

static void drop(void *arg)
{
	(void)arg;
	if (--open_files != 0)
		abort();
}

static void lost(void *arg, const char *path, const char *why)
{
	(void)arg;
	if (path[0] == '\0' || why[0] == '\0')
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct file_sink sink = { NULL, true, begin, data_in, end, drop };
	struct walk *w;
	struct err e = { 0 };
	size_t piece, first;

	if (size < 2)
		return 0;
	piece = data[0] == 0 ? size : data[0];
	first = data[1];
	open_files = 0;
	w = walk_new(&sink, lost, NULL);
	for (size_t at = 2; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;
		uint8_t *p = mem_dup(data + at, n);

		walk_piece(w, p, n, at == 2 ? 0 : first, &e);
		free(p);
	}
	walk_gap(w, "end");
	walk_free(w);
	if (open_files != 0)
		abort();
	return 0;
}
