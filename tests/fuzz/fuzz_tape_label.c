/* fuzz_tape_label.c: the first bytes of whatever tape is in the drive: a tar with a label, or a label alone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "archive/tape_tar.h"
#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_sane(struct tape_label *l)
{
	struct tape_label again;
	struct buf b = BUF_INIT;

	if (!tape_label_ok(l->label) || !store_name_ok(l->archive) || l->block_bytes % 512 != 0)
		abort();
	/* What is taken can be written, and is then the same. */
	tape_label_text(l, &b);
	if (b.len <= TAPE_LABEL_MAX) {
		if (tape_label_parse(b.data, b.len, &again, NULL) == -1 ||
		    strcmp(again.label, l->label) != 0 || strcmp(again.box, l->box) != 0 ||
		    again.size_bytes != l->size_bytes)
			abort();
		tape_label_done(&again);
	}
	buf_done(&b);
	tape_label_done(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tape_label l;

	if (tape_label_parse(data, size, &l, NULL) == 0)
		must_be_sane(&l);
	if (tape_head_parse(data, size, &l, NULL) == 0)
		must_be_sane(&l);
	return 0;
}
