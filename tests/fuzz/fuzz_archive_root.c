/* fuzz_archive_root.c: the root of an archive's index. The first 8 bytes are what the end mark says of the units' length. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/index.h"
#include "core/bytes.h"
#include "core/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool wants(void *arg, const struct unit_info *u)
{
	(void)arg;
	return strlen(u->name) % 2 == 0;
}

static void parse_whole(const struct end_mark *mark, char *text, size_t size, const struct archive_pick *pick)
{
	struct root_parser *p = root_parser_new(mark);
	struct root root = { 0 };
	struct err e = { 0 };

	root_parser_pick(p, pick);
	if (root_parser_add(p, text, size, &e) == 0 && root_parser_end(p, &root, &e) == 0) {
		for (size_t i = 0; i < root.n_units; i++) {
			if (root.places[i].group >= root.n_groups ||
			    root.places[i + 1].off < root.places[i].off)
				abort();
		}
	}
	root_parser_free(p);
	root_done(&root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct archive_pick pick = { .wants = wants };
	struct end_mark mark = { .units = UINT64_MAX, .guessed = size > 0 && data[0] & 1 };
	struct root_parser *p;
	struct root root = { 0 };
	struct err e = { 0 };
	char *text;

	if (size < 8)
		return 0;
	mark.index_off = le64(data);
	mark.root_off = mark.index_off + 100000 < 100000 ? UINT64_MAX : mark.index_off + 100000;
	text = mem_dup(data + 8, size - 8);
	p = root_parser_new(&mark);
	/* Twice, as from two members. */
	if (root_parser_add(p, text, (size - 8) / 2, &e) == 0 &&
	    root_parser_add(p, text + (size - 8) / 2, size - 8 - (size - 8) / 2, &e) == 0)
		root_parser_end(p, &root, &e);
	root_parser_free(p);
	root_done(&root);
	memcpy(text, data + 8, size - 8);
	parse_whole(&mark, text, size - 8, NULL);
	memcpy(text, data + 8, size - 8);
	parse_whole(&mark, text, size - 8, &pick);
	free(text);
	return 0;
}
