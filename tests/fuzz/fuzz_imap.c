/* fuzz_imap.c: one response of an IMAP server, into tokens, read over and freed. */
#include <stdlib.h>
#include <string.h>

#include "cyrus/imap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile size_t sum; /* so that no read is optimised away */

static size_t walk(const struct imap_value *v)
{
	size_t n = strlen(v->text) + v->len;

	if (v->kind != IMAP_LIST)
		return n;
	imap_value_pair(v, "BODY[]");
	for (size_t i = 0; i < v->n; i++)
		n += walk(&v->items[i]);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct imap_reply *r = NULL;
	const struct imap_response *one;

	if (imap_response_parse((const char *)data, size, &r, NULL) == -1)
		return 0;
	one = r->n > 0 ? &r->responses[0] : &r->tagged;
	if (one->name == NULL || one->text == NULL ||
	    (r->n == 0 && strcmp(one->name, "OK") != 0 && strcmp(one->name, "NO") != 0 &&
		strcmp(one->name, "BAD") != 0))
		abort();
	sum = walk(&one->args) + walk(&one->code_args) + strlen(one->text);
	imap_reply_find(r, "FETCH", 0, NULL);
	imap_reply_code(r, "UIDVALIDITY");
	imap_reply_free(r);
	return 0;
}
