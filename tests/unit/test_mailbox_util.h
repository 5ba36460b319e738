/* test_mailbox_util.h: the mailboxes under tests/fixtures/mailbox. */
#ifndef TEST_MAILBOX_UTIL_H
#define TEST_MAILBOX_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>

#include "core/buf.h"
#include "core/io.h"

#define FIXTURES "tests/fixtures/mailbox"

#define OK(call)                                                                            \
	do {                                                                                \
		if ((call) == -1) {                                                         \
			print_error("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err.msg); \
			fail();                                                             \
		}                                                                           \
	} while (0)

/** fixture(set, file, b): Read FIXTURES/set/file into ${b}; false when it is not there. */
static inline bool fixture(const char *set, const char *file, struct buf *b)
{
	char path[256];
	struct err err = { 0 };

	snprintf(path, sizeof path, FIXTURES "/%s/%s", set, file);
	buf_clear(b);
	if (io_read_file(AT_FDCWD, path, 1 << 20, b, &err) == 0)
		return true;
	if (err.code != ERR_NOT_FOUND) {
		print_error("%s\n", err.msg);
		fail();
	}
	return false;
}

/** dump_line(p, prefix): The next line of a dump at ${*p} that begins with ${prefix}: what follows it,
 * NUL-terminated; NULL when there is none. The text is cut in place. */
static inline char *dump_line(char **p, const char *prefix)
{
	while (**p != '\0') {
		char *line = *p, *nl = strchr(line, '\n');

		*p = nl != NULL ? nl + 1 : line + strlen(line);
		if (strncmp(line, prefix, strlen(prefix)) == 0) {
			if (nl != NULL)
				*nl = '\0';
			return line + strlen(prefix);
		}
	}
	return NULL;
}

static inline const uint8_t *bytes(const struct buf *b)
{
	return (const uint8_t *)buf_text(b);
}

#endif
