/* seen.c: seen databases and sets of UIDs. */
#include "cyrus/userdata.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/mailbox.h"

enum { SEEN_IN_INDEX_FROM = 12 };

/* One decimal number and the white space before it. */
static int take_number(const char **p, const char *end, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	const char *start;

	while (*p < end && **p == ' ')
		(*p)++;
	for (start = *p; *p < end && **p >= '0' && **p <= '9'; (*p)++) {
		v = v * 10 + (uint64_t)(**p - '0');
		if (v > max)
			return -1;
	}
	*ret = v;
	return *p > start ? 0 : -1;
}

int seen_parse(const void *bytes, size_t n, struct seen_record *ret, struct err *e)
{
	const char *p = bytes, *end;
	uint64_t version, lastread, lastuid, lastchange;

	if (n == 0)
		return err_set(e, ERR_FORMAT, "seen record is empty");
	end = p + n;
	if (take_number(&p, end, UINT32_MAX, &version) == -1 || version != 1)
		return err_set(e, ERR_FORMAT, "seen record is not of version 1");
	if (take_number(&p, end, INT64_MAX, &lastread) == -1 ||
	    take_number(&p, end, UINT32_MAX, &lastuid) == -1 ||
	    take_number(&p, end, INT64_MAX, &lastchange) == -1)
		return err_set(e, ERR_FORMAT, "seen record lacks its numbers");
	while (p < end && *p == ' ')
		p++;
	while (end > p && (end[-1] == ' ' || end[-1] == '\0' || end[-1] == '\n'))
		end--;
	*ret = (struct seen_record){
		.lastread = (int64_t)lastread,
		.lastchange = (int64_t)lastchange,
		.lastuid = (uint32_t)lastuid,
		.uids = mem_strndup(p, (size_t)(end - p)),
	};
	return 0;
}

int seen_get(struct cyrusdb *db, const char *uniqueid, struct seen_record *ret, struct err *e)
{
	struct cyrusdb_bytes key = { (const uint8_t *)uniqueid, strlen(uniqueid) }, value;
	int r = key.n == 0 ? 0 : cyrusdb_get(db, key, &value, e);

	if (r == 1 && seen_parse(value.p, value.n, ret, e) == -1)
		return err_wrap(e, "mailbox id %s", uniqueid);
	return r;
}

void seen_record_done(struct seen_record *s)
{
	free(s->uids);
	*s = (struct seen_record){ 0 };
}

bool seen_is_in_index(uint32_t minor, uint32_t options, bool owner)
{
	return minor >= SEEN_IN_INDEX_FROM && (owner || (options & OPT_SHAREDSEEN) != 0);
}

static int take_uid(const char **p, uint32_t *ret)
{
	uint64_t v;

	if (**p == '*') {
		(*p)++;
		*ret = UINT32_MAX;
		return 0;
	}
	if (**p == ' ' || take_number(p, *p + strlen(*p), UINT32_MAX, &v) == -1)
		return -1;
	*ret = (uint32_t)v;
	return 0;
}

/* The next range of ${*p}: 1, or 0 at the end or the first bad byte. */
static int take_range(const char **p, struct uidrange *r)
{
	if (take_uid(p, &r->first) == -1)
		return 0;
	r->last = r->first;
	if (**p == ':') {
		(*p)++;
		if (take_uid(p, &r->last) == -1)
			*p = "";
	}
	if (r->last < r->first) {
		uint32_t swap = r->first;

		r->first = r->last;
		r->last = swap;
	}
	*p = **p == ',' ? *p + 1 : "";
	return 1;
}

bool uidset_has(const char *uids, uint32_t uid)
{
	struct uidrange r;

	while (take_range(&uids, &r))
		if (uid >= r.first && uid <= r.last)
			return true;
	return false;
}

static int by_first(const void *a, const void *b)
{
	const struct uidrange *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

void uidset_parse(const char *text, struct uidset *ret)
{
	struct uidset s = { 0 };
	struct uidrange r;
	size_t cap = 0, kept = 0;

	while (take_range(&text, &r)) {
		s.ranges = mem_grow(s.ranges, &cap, s.n + 1, sizeof *s.ranges);
		s.ranges[s.n++] = r;
	}
	if (s.n > 1)
		qsort(s.ranges, s.n, sizeof *s.ranges, by_first);
	for (size_t i = 1; i < s.n; i++) {
		if (s.ranges[i].first > s.ranges[kept].last)
			s.ranges[++kept] = s.ranges[i];
		else if (s.ranges[i].last > s.ranges[kept].last)
			s.ranges[kept].last = s.ranges[i].last;
	}
	if (s.n > 0)
		s.n = kept + 1;
	*ret = s;
}

bool uidset_contains(const struct uidset *set, uint32_t uid)
{
	size_t low = 0, high = set->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (set->ranges[mid].last < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < set->n && uid >= set->ranges[low].first;
}

void uidset_put(struct buf *b, const uint32_t *uids, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t k = i;

		while (k + 1 < n && uids[k + 1] == uids[k] + 1)
			k++;
		buf_printf(b, "%s%u", i > 0 ? "," : "", uids[i]);
		if (k > i)
			buf_printf(b, ":%u", uids[k]);
		i = k + 1;
	}
}

void uidset_done(struct uidset *set)
{
	free(set->ranges);
	*set = (struct uidset){ 0 };
}
