/* fuzz_index.c: cyrus.index and cyrus.expunge from hostile bytes. */
#include <stdint.h>
#include <stdlib.h>

#include "cyrus/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mailbox_index *ix;
	struct err e = { 0 };

	if (mailbox_index_parse(data, size, &ix, &e) == -1)
		return 0;
	if (ix->n > size / 60 || ix->n > ix->h.num_records)
		abort();
	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *found = mailbox_index_find(ix, ix->records[i].uid);
		struct buf b = BUF_INIT;

		if (found == NULL || found->uid != ix->records[i].uid)
			abort();
		index_flags_text(&ix->records[i], NULL, true, &b);
		buf_done(&b);
	}
	mailbox_index_find(ix, 0);
	mailbox_index_find(ix, UINT32_MAX);
	mailbox_index_free(ix);
	return 0;
}
