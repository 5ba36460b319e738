/* clock.c: time, as text and as a number. */
#include "core/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/str.h"

int64_t clock_now(void)
{
	const char *fixed = getenv("CYRVAULT_NOW");
	uint64_t t;

	if (fixed != NULL && str_u64(fixed, INT64_MAX, &t) == 0)
		return (int64_t)t;
	return (int64_t)time(NULL);
}

uint64_t clock_monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* gmtime() and localtime() refuse years that do not fit an int. */
static const char *checked(char *dst, size_t size, size_t written)
{
	if (written == 0)
		snprintf(dst, size, "?");
	return dst;
}

const char *clock_stamp(char *dst, size_t size, int64_t t)
{
	time_t tt = (time_t)t;
	struct tm tm;

	return checked(dst, size, gmtime_r(&tt, &tm) ? strftime(dst, size, "%Y%m%dT%H%M%SZ", &tm) : 0);
}

const char *clock_iso(char *dst, size_t size, int64_t t)
{
	time_t tt = (time_t)t;
	struct tm tm;

	return checked(dst, size, gmtime_r(&tt, &tm) ? strftime(dst, size, "%Y-%m-%dT%H:%M:%SZ", &tm) : 0);
}

const char *clock_local(char *dst, size_t size, int64_t t)
{
	time_t tt = (time_t)t;
	struct tm tm;

	return checked(dst, size, localtime_r(&tt, &tm) ? strftime(dst, size, "%Y-%m-%d %H:%M", &tm) : 0);
}

int clock_parse_stamp(const char *s, int64_t *ret)
{
	char copy[17], again[17];
	struct tm tm = { 0 };
	const char *end;

	if (strnlen(s, 16) != 16)
		return -1;
	memcpy(copy, s, 16);
	copy[16] = '\0';
	end = strptime(copy, "%Y%m%dT%H%M%SZ", &tm);
	if (end == NULL || *end != '\0')
		return -1;
	*ret = (int64_t)timegm(&tm);
	return strcmp(clock_stamp(again, sizeof again, *ret), copy) == 0 ? 0 : -1;
}

const char *clock_age(char *dst, size_t size, int64_t s)
{
	if (s < 0)
		snprintf(dst, size, "?");
	else if (s < 100)
		snprintf(dst, size, "%ds", (int)s);
	else if (s < 100 * 60)
		snprintf(dst, size, "%dm", (int)(s / 60));
	else if (s < 49 * 3600)
		snprintf(dst, size, "%dh", (int)(s / 3600));
	else if (s < 71 * 86400)
		snprintf(dst, size, "%dd", (int)(s / 86400));
	else if (s < 1000 * INT64_C(604800))
		snprintf(dst, size, "%dw", (int)(s / 604800));
	else
		snprintf(dst, size, "%dy", (int)(s / 31556952 > 999 ? 999 : s / 31556952));
	return dst;
}
