/* test_db_fixtures.h: what the tests of the database readers share: fixtures, and a database as text.
 *
 * Text is one line for each key, in the order it came: hex(key) TAB hex(value). */
#ifndef TEST_DB_FIXTURES_H
#define TEST_DB_FIXTURES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#include "core/bytes.h"
#include "core/mem.h"
#include "core/str.h"
#include "db/cyrusdb.h"

#define FIXTURES "tests/fixtures/"

#define MISSING	 (CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_DAMAGED)

/* The bytes of tests/fixtures/NAME, or of NAME.gz; free() them. A NUL follows that n does not count. */
static inline uint8_t *fixture(const char *name, size_t *n)
{
	char path[512];
	struct buf b = BUF_INIT;
	gzFile f;
	int got;

	snprintf(path, sizeof path, FIXTURES "%s", name);
	f = gzopen(path, "rb");
	if (f == NULL) {
		snprintf(path, sizeof path, FIXTURES "%s.gz", name);
		f = gzopen(path, "rb");
	}
	if (f == NULL)
		fail_msg("no fixture %s", name);
	while ((got = gzread(f, buf_reserve(&b, 65536), 65536)) > 0)
		b.len += (size_t)got;
	assert_int_equal(got, 0);
	gzclose(f);
	*n = b.len;
	buf_char(&b, '\0');
	return (uint8_t *)buf_steal(&b);
}

static inline int add_line(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	str_hex(b, key.p, key.n);
	buf_char(b, '\t');
	str_hex(b, value.p, value.n);
	buf_char(b, '\n');
	return 0;
}

/* All of a database as text; free() it. */
static inline char *text_of(struct cyrusdb *db)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(cyrusdb_foreach(db, (struct cyrusdb_bytes){ 0 }, add_line, &b, &e), 0);
	return buf_steal(&b);
}

/* Opens an exact copy, so that valgrind and the sanitizer see a read past the end. NULL: refused. The text too. */
static inline char *text_of_bytes(const uint8_t *p, size_t n, unsigned *notes)
{
	uint8_t *copy = mem_dup(p, n);
	struct err e = { 0 };
	struct cyrusdb *db;
	char *text = NULL;

	*notes = 0;
	if (cyrusdb_open_bytes(copy, n, "copy", &db, &e) == 0) {
		*notes = cyrusdb_notes(db);
		text = text_of(db);
		cyrusdb_close(db);
	} else {
		assert_true(e.code == ERR_FORMAT || e.code == ERR_UNSUPPORTED);
		assert_true(strlen(e.msg) > 0);
	}
	free(copy);
	return text;
}

/* Whether every line of text is one of those in the texts of all (NULL at the end). */
static inline bool lines_within(const char *text, const char *const *all)
{
	while (*text != '\0') {
		size_t n = strcspn(text, "\n") + 1;
		bool found = false;

		for (size_t i = 0; all[i] != NULL && !found; i++)
			for (const char *s = all[i]; *s != '\0' && !found; s += strcspn(s, "\n") + 1)
				found = strncmp(s, text, n) == 0;
		if (!found)
			return false;
		text += n;
	}
	return true;
}

/* A fixture must read as its text says, with exactly these notes, from memory and from its file. */
static inline void check_fixture(const char *data, const char *expect, enum cyrusdb_kind kind, unsigned notes)
{
	size_t n, len;
	uint8_t *p = fixture(data, &n);
	char *want = (char *)fixture(expect, &len), *got;
	struct err e = { 0 };
	struct cyrusdb *db;

	if (cyrusdb_open_bytes(p, n, data, &db, &e) == -1)
		fail_msg("%s: %s", data, e.msg);
	if (cyrusdb_kind(db) != kind || cyrusdb_notes(db) != notes)
		fail_msg("%s: kind %s, notes %u, not %u", data, cyrusdb_kind_name(cyrusdb_kind(db)),
		    cyrusdb_notes(db), notes);
	got = text_of(db);
	if (strcmp(got, want) != 0)
		fail_msg("%s: differs from %s", data, expect);
	free(got);
	free(want);
	cyrusdb_close(db);
	free(p);
}

/* Each byte from ... to changed in some ways: what comes out is the same, or it is refused, or a note is set and every
 * line is one that was committed once: a line of the text or of past. exact: a change must not go by silently even
 * when a note would allow it to. Returns how many changes were met in silence (and without harm). */
static inline size_t flip_each(const char *data, const char *expect, size_t from, size_t to, const char *past)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	size_t n, len, silent = 0;
	uint8_t *p = fixture(data, &n);
	char *want = (char *)fixture(expect, &len);
	const char *const all[] = { want, past, NULL };

	for (size_t i = from; i < to && i < n; i++) {
		for (size_t k = 0; k < sizeof masks; k++) {
			unsigned notes;
			char *got;

			p[i] ^= masks[k];
			got = text_of_bytes(p, n, &notes);
			p[i] ^= masks[k];
			if (got == NULL)
				continue;
			silent += notes == 0;
			if (strcmp(got, want) != 0 && (!(notes & MISSING) || !lines_within(got, all)))
				fail_msg("%s: byte %zu ^ %02x passes: notes %u:\n%s", data, i, masks[k],
				    notes, got);
			free(got);
		}
	}
	free(want);
	free(p);
	return silent;
}

static inline int touch(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	(void)e;
	*(uint32_t *)arg ^= (uint32_t)crc32_z(crc32_z(0, key.p, key.n), value.p, value.n);
	return 0;
}

/* Whatever these bytes are: read all that comes out of them. */
static inline void read_wildly(const uint8_t *p, size_t n)
{
	uint8_t *copy = mem_dup(p, n);
	uint32_t sum = 0;
	struct cyrusdb *db;

	if (cyrusdb_open_bytes(copy, n, "wild", &db, NULL) == 0) {
		assert_int_equal(cyrusdb_foreach(db, (struct cyrusdb_bytes){ 0 }, touch, &sum, NULL), 0);
		cyrusdb_close(db);
	}
	free(copy);
}

/* As flip_each(), for files without checksums: only that nothing breaks. */
static inline void flip_wildly(const char *data, size_t step)
{
	static const uint8_t masks[] = { 0x01, 0x80, 0xff };
	size_t n;
	uint8_t *p = fixture(data, &n);

	step = RUNNING_ON_VALGRIND ? step * 20 + 1 : step;
	for (size_t i = 0; i < n; i += step) {
		for (size_t k = 0; k < sizeof masks; k++) {
			p[i] ^= masks[k];
			read_wildly(p, n);
			p[i] ^= masks[k];
		}
	}
	free(p);
}

#endif
