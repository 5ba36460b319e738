/* fuzz_serve.c: what a client sends to the served store; an archive that is there stays what it was. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "store/serve.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dir, *kept;
static struct stat before;

static void tidy(void)
{
	io_remove_tree(AT_FDCWD, dir, NULL);
}

static void prepare(void)
{
	const char *tmp = getenv("TMPDIR");

	dir = mem_printf("%s/fuzz_serve.XXXXXX", tmp != NULL ? tmp : "/tmp");
	if (mkdtemp(dir) == NULL)
		abort();
	atexit(tidy);
	kept = mem_printf("%s/kept", dir);
	if (io_replace(AT_FDCWD, kept, "archive", 7, 0400, NULL) == -1 || stat(kept, &before) == -1)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct serve_opts o = { .max_size_bytes = 1 << 20 };
	struct buf out = BUF_INIT;
	struct stat now;
	struct serve *s;
	size_t used;
	int rc;

	if (dir == NULL)
		prepare();
	o.directory = dir;
	if (serve_new(&o, &s, NULL) == -1)
		abort();
	do {
		rc = serve_take(s, data, size, &used, &out, NULL);
		if (used > size || out.len > 2 << 20)
			abort();
		data += used;
		size -= used;
		buf_clear(&out);
	} while (rc == 0 && used > 0);
	serve_free(s);
	buf_done(&out);
	if (stat(kept, &now) == -1 || now.st_ino != before.st_ino || now.st_size != before.st_size ||
	    now.st_mode != before.st_mode || now.st_mtim.tv_nsec != before.st_mtim.tv_nsec ||
	    now.st_nlink != 1)
		abort();
	return 0;
}
