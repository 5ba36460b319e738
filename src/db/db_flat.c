/* db_flat.c: sorted lines of key TAB value; also every version of the subscription files. */
#include <string.h>

#include "db/db_backend.h"

#define ESCAPE 0xff

/* Flat is what has no magic: text whose first line holds a TAB and whose first bytes are no binary. */
static bool claims(const uint8_t *p, size_t n)
{
	size_t look = n < 4096 ? n : 4096;
	const uint8_t *tab = memchr(p, '\t', n), *nl = memchr(p, '\n', n);

	return tab != NULL && (nl == NULL || tab < nl) && memchr(p, '\0', look) == NULL;
}

/* Escaped bytes, as Cyrus reads them: a lone escape at the end is dropped. */
static const uint8_t *decode(struct cyrusdb *db, const uint8_t *p, size_t n, uint32_t *ret_n)
{
	uint8_t *to;
	size_t k = 0;

	*ret_n = (uint32_t)n;
	if (n == 0 || memchr(p, ESCAPE, n) == NULL)
		return p;
	to = db_hold(db, n);
	for (size_t i = 0; i < n; i++) {
		if (p[i] != ESCAPE)
			to[k++] = p[i];
		else if (++i < n)
			to[k++] = p[i] == ESCAPE ? ESCAPE : p[i] & 0x7f;
	}
	*ret_n = (uint32_t)k;
	return to;
}

static int load(struct cyrusdb *db, struct err *e)
{
	size_t at = 0, line = 1;

	db->kind = CYRUSDB_FLAT;
	for (; at < db->n; line++) {
		const uint8_t *p = db->p + at, *nl = memchr(p, '\n', db->n - at);
		size_t len = nl != NULL ? (size_t)(nl - p) : db->n - at;
		const uint8_t *tab = memchr(p, '\t', len);
		struct db_pair pair;

		if (memchr(p, '\0', len) != NULL)
			return err_set(e, ERR_FORMAT, "line %zu holds a NUL byte", line);
		if (nl == NULL && line == 1)
			return err_set(e, ERR_FORMAT, "there is no whole line");
		if (nl == NULL) {
			db->notes |= CYRUSDB_NOTE_TORN;
			break;
		}
		if (tab == NULL || tab == p)
			return err_set(
			    e, ERR_FORMAT, "line %zu has no %s", line, tab == NULL ? "TAB" : "key");
		pair.key = decode(db, p, (size_t)(tab - p), &pair.key_n);
		pair.value = decode(db, tab + 1, (size_t)(nl - tab) - 1, &pair.value_n);
		if (db_set_add(&db->live, &pair, e) == -1)
			return -1;
		at += len + 1;
	}
	return 0;
}

const struct db_backend db_flat = { claims, load };
