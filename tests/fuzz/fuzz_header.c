/* fuzz_header.c: cyrus.header of both forms, and the other small texts: quota roots, seen values, sets of UIDs,
 * annotations. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mailbox.h"
#include "cyrus/userdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void header(const uint8_t *data, size_t size)
{
	struct index_record r = { .flags = UINT32_MAX,
		.user_flags = { UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX } };
	struct mailbox_header *h;
	struct buf b = BUF_INIT, safe = BUF_INIT;
	struct err e = { 0 };

	if (mailbox_header_parse(data, size, &h, &e) == -1)
		return;
	index_flags_text(&r, h, true, &b);
	str_safe_buf(&safe, buf_text(&b), b.len);
	if (h->uniqueid == NULL || strcmp(buf_text(&safe), buf_text(&b)) != 0)
		abort();
	buf_done(&b);
	buf_done(&safe);
	mailbox_header_free(h);
}

static void small_texts(const uint8_t *data, size_t size)
{
	size_t key = size < 24 ? size : 24;
	struct cyrusdb_bytes k = { data, key }, v = { data + key, size - key };
	struct quota_root q;
	struct seen_record s;
	struct annotation a;
	struct uidset set;
	char *text = mem_strndup((const char *)data, size);

	quota_parse((const char *)data, size, &q, NULL);
	if (seen_parse(data, size, &s, NULL) == 0)
		seen_record_done(&s);
	if (annotation_parse(k, v, &a, NULL) == 0 && a.value_len > v.n)
		abort();
	uidset_parse(text, &set);
	for (size_t i = 0; i < set.n; i++)
		if (!uidset_contains(&set, set.ranges[i].first) || !uidset_has(text, set.ranges[i].last))
			abort();
	uidset_done(&set);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	header(data, size);
	small_texts(data, size);
	return 0;
}
