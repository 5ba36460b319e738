/* dlist.h: Cyrus's nested text form: atoms, quoted strings, literals, NIL, lists "(a b)" and maps "%(K v K v)".
 *
 * Used in mailboxes.db (2.5+), cyrus.header (3.6+), quota files (2.5+). Input may be hostile: depth is bounded, memory is a
 * small multiple of the input. A tree is immutable and may be shared between threads. Sources: Cyrus imap/dlist.c, lib/prot.c, lib/imparse.c. */
#ifndef CYRUS_DLIST_H
#define CYRUS_DLIST_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define DLIST_DEPTH_MAX 32

enum dlist_kind { DLIST_NIL, DLIST_TEXT, DLIST_LIST, DLIST_MAP };

/** One item. key: its name when it stands in a map, else NULL. text: the decoded value of DLIST_TEXT, otherwise NULL. Both are
 * followed by a NUL that their length does not count; they may hold NULs themselves. */
struct dlist {
	enum dlist_kind kind;
	const char *key;
	size_t key_len;
	const char *text;
	size_t text_len;
	const char *raw; /* the bytes the value was read from, within the caller's input: gone when that is */
	size_t raw_len;
	struct dlist *child, *next; /* first item of a list or map; next item of the parent */
};

/** dlist_parse(p, n, used, ret, e): Read one item at ${p}. ${used} NULL: nothing but white space may follow; else ${*used} is
 * how many bytes it took. As Cyrus does, an atom reaches to the next space or end of line, less closing parentheses at
 * its end, so that any other byte may stand in one. ERR_FORMAT names the byte. dlist_free() the result (NULL-safe). */
int dlist_parse(const char *p, size_t n, size_t *used, struct dlist **ret, struct err *e);
void dlist_free(struct dlist *d);

/** dlist_get(map, key): The item of that name (the first if there are several), or NULL; also when ${map} is NULL or no map. */
const struct dlist *dlist_get(const struct dlist *map, const char *key);

/** dlist_text(map, key): Its text as a C string, NULL when it is missing, NIL, not text, or holds a NUL. */
const char *dlist_text(const struct dlist *map, const char *key);

/** dlist_u64(map, key, max, ret, e): Its value as an unsigned decimal: 1, 0 when missing or NIL (${*ret} is left alone), -1 when it is
 * something else or above ${max}. */
int dlist_u64(const struct dlist *map, const char *key, uint64_t max, uint64_t *ret, struct err *e);

/** dlist_write(b, s): Append one string as Cyrus writes it: as an atom, quoted, or as a literal; NULL as NIL. */
void dlist_write(struct buf *b, const char *s);

#endif
