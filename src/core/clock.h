/* clock.h: time, as text and as a number. Thread-safe. */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** clock_now(): Seconds since 1970. CYRVAULT_NOW in the environment stands still in its place (for tests). */
int64_t clock_now(void);

/** clock_monotonic_ms(): Milliseconds that never jump. */
uint64_t clock_monotonic_ms(void);

/** clock_stamp(dst, size, t): "20261122T010203Z", as in archive names. */
const char *clock_stamp(char *dst, size_t size, int64_t t);

/** clock_iso(dst, size, t): "2026-11-22T01:02:03Z". */
const char *clock_iso(char *dst, size_t size, int64_t t);

/** clock_local(dst, size, t): "2026-11-22 02:02" in the operator's time zone. */
const char *clock_local(char *dst, size_t size, int64_t t);

/** clock_parse_stamp(s, ret): The inverse of clock_stamp() for the 16 bytes at ${s}; -1 when they are no stamp. */
int clock_parse_stamp(const char *s, int64_t *ret);

/** clock_age(dst, size, seconds): "40s", "12m", "26h", "3d", "14w", "23y": at most four columns. */
const char *clock_age(char *dst, size_t size, int64_t seconds);

#endif
