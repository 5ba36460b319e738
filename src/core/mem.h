/* mem.h: allocation that does not fail, and sizes that do not overflow.
 *
 * Every size that comes from outside is bounded by its reader before it gets here, so running out of memory is a
 * state of the machine, not of the input. These calls then say so on stderr and abort(); that is safe because all
 * we do on disk survives a kill at any instant (docs/decisions/0002-out-of-memory.md). All are thread-safe. */
#ifndef CORE_MEM_H
#define CORE_MEM_H

#include <stddef.h>

/** mem_alloc(size_bytes): Zeroed memory; never NULL. free() it. */
void *mem_alloc(size_t size_bytes) __attribute__((malloc, returns_nonnull));

/** mem_array(n, item_bytes): Zeroed room for ${n} items; n * item_bytes is checked. */
void *mem_array(size_t n, size_t item_bytes) __attribute__((malloc, returns_nonnull));

/** mem_resize(p, n, item_bytes): realloc() to ${n} items; new room is not zeroed. */
void *mem_resize(void *p, size_t n, size_t item_bytes) __attribute__((returns_nonnull));

/** mem_grow(p, cap, need, item_bytes): Make room for at least ${need} items, doubling; updates ${*cap}. */
void *mem_grow(void *p, size_t *cap, size_t need, size_t item_bytes) __attribute__((returns_nonnull));

/** mem_strdup(s), mem_strndup(s, n), mem_dup(p, n): Copies; mem_strdup(NULL) is NULL. */
char *mem_strdup(const char *s);
char *mem_strndup(const char *s, size_t n) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t n) __attribute__((returns_nonnull));

/** mem_printf(fmt, ...): A heap string; free() it. */
char *mem_printf(const char *fmt, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#endif
