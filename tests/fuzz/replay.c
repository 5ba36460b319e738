/* replay.c: a main that feeds files (and the files of directories) to LLVMFuzzerTestOneInput(), with a few thousand
 * seeded mutations of each, so that a corpus is worth something without a fuzzing engine. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/buf.h"
#include "core/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t seed = 1;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* Exact-sized copies, so that a sanitizer or valgrind sees one byte too far. */
static void feed(const char *p, size_t n)
{
	uint8_t *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, p, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void mutate(struct buf *b)
{
	size_t n = b->len;
	char *copy = malloc(n + 1);

	if (copy == NULL)
		abort();
	for (int round = 0; round < 200; round++) {
		size_t len = n;

		memcpy(copy, b->data, n);
		for (uint32_t k = rnd() % 4 + 1; k > 0 && n > 0; k--) {
			size_t at = rnd() % n;

			switch (rnd() % 4) {
			case 0: copy[at] ^= (char)(1u << rnd() % 8); break;
			case 1: copy[at] = (char)rnd(); break;
			case 2: len = at; break;
			default: copy[at] = (char)(rnd() % 2 ? 0xff : 0); break;
			}
		}
		feed(copy, len);
	}
	free(copy);
}

static int replay(const char *path)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (io_read_file(AT_FDCWD, path, 64 << 20, &b, &e) == -1) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	feed(buf_text(&b), b.len);
	if (b.len > 0 && b.len < 1 << 20)
		mutate(&b);
	buf_done(&b);
	return 0;
}

int main(int argc, char **argv)
{
	int n = 0;

	for (int i = 1; i < argc; i++) {
		struct stat st;
		struct dirent **names;
		int count;

		if (stat(argv[i], &st) == -1 || !S_ISDIR(st.st_mode)) {
			if (replay(argv[i]) == -1)
				return 1;
			n++;
			continue;
		}
		count = scandir(argv[i], &names, NULL, alphasort);
		for (int k = 0; k < count; k++) {
			char path[4096];

			snprintf(path, sizeof path, "%s/%s", argv[i], names[k]->d_name);
			if (names[k]->d_name[0] != '.') {
				if (replay(path) == -1)
					return 1;
				n++;
			}
			free(names[k]);
		}
		if (count >= 0)
			free(names);
	}
	printf("%d inputs\n", n);
	return n > 0 ? 0 : 1;
}
