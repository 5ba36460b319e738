/* fold.h: text without its letter case, for searching as somebody types.
 *
 * Simple case mapping, character by character, the same in every locale. All functions are pure and thread-safe. */
#ifndef CORE_FOLD_H
#define CORE_FOLD_H

#include <stdbool.h>
#include <stddef.h>

#include "core/buf.h"

/** fold_add(b, s, n): Append the UTF-8 text with small letters for capital ones; bytes that are not UTF-8 stay as they are. */
void fold_add(struct buf *b, const char *s, size_t n);

/** fold_ascii_suffices(s, n): Folding changes nothing in it but letters of ASCII, so that fold_find() may search in it as it is. */
bool fold_ascii_suffices(const char *s, size_t n);

/** fold_find(s, folded, map): ${folded}, as fold_add() makes it, stands somewhere in ${s}, each byte of which is first looked up in ${map}.
 * fold_map: small letters for ASCII's capital ones, other bytes as they are. */
bool fold_find(const char *s, const char *folded, const unsigned char map[256]);
extern const unsigned char fold_map[256];

#endif
