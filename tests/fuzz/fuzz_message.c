/* fuzz_message.c: hostile messages: what comes out must be safe and bounded. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"
#include "cyrus/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be_safe(const char *s)
{
	struct buf b = BUF_INIT;

	str_safe_lines(&b, s, strlen(s));
	if (strcmp(buf_text(&b), s) != 0)
		abort();
	buf_done(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message *m = message_open(data, size);
	struct envelope env;
	uint64_t attached = 0;

	must_be_safe(m->text);
	for (size_t i = 0; i < m->n_fields; i++) {
		must_be_safe(m->fields[i].name);
		must_be_safe(m->fields[i].value);
	}
	for (size_t i = 0; i < m->n_attachments; i++) {
		must_be_safe(m->attachments[i].name);
		must_be_safe(m->attachments[i].type);
		attached += m->attachments[i].size_bytes;
	}
	if (attached > 2 * size + 1024)
		abort();
	message_free(m);
	message_envelope(data, size, &env);
	envelope_done(&env);
	return 0;
}
