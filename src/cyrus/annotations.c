/* annotations.c: records of annotations.db and cyrus.annotations. */
#include "cyrus/userdata.h"

#include <string.h>

#include "core/bytes.h"

enum { FLAG_IS_DELETED = 1 };

/* What follows the value, as far as it is there: NUL, content type, NUL, a C long (modified since), u64 modseq,
 * flags. */
static int read_tail(const uint8_t *p, size_t n, size_t long_size, struct annotation *ret)
{
	const uint8_t *type_end;

	if (n == 0)
		return 0;
	if (*p != '\0')
		return -1;
	if (n == 1)
		return 0;
	type_end = memchr(p + 1, '\0', n - 1);
	if (type_end == NULL)
		return -1;
	n -= (size_t)(type_end + 1 - p);
	p = type_end + 1;
	if (n < long_size)
		return -1;
	p += long_size;
	n -= long_size;
	if (n == 0)
		return 0;
	if (n < 8)
		return -1;
	ret->modseq = be64(p);
	ret->deleted = n > 8 && (p[8] & FLAG_IS_DELETED) != 0;
	return 0;
}

static int read_value(const uint8_t *p, size_t n, size_t long_size, size_t len, struct annotation *ret)
{
	struct annotation a = *ret;

	if (len > n - long_size || read_tail(p + long_size + len, n - long_size - len, long_size, &a) == -1)
		return -1;
	a.value = p + long_size;
	a.value_len = a.deleted ? 0 : len;
	*ret = a;
	return 0;
}

/* The length is a C long in which htonl() put four bytes: first in a 64-bit little-endian one, last in a
 * big-endian one. */
static int parse_value(const uint8_t *p, size_t n, struct annotation *ret)
{
	if (n >= 8 && be32(p + 4) == 0 && read_value(p, n, 8, be32(p), ret) == 0)
		return 0;
	if (n >= 8 && be32(p) == 0 && read_value(p, n, 8, be32(p + 4), ret) == 0)
		return 0;
	return n >= 4 ? read_value(p, n, 4, be32(p), ret) : -1;
}

int annotation_parse(
    struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct annotation *ret, struct err *e)
{
	struct annotation a = { .mboxkey = (const char *)key.p };
	const uint8_t *end, *entry, *userid;

	entry = key.n > 0 ? memchr(key.p, '\0', key.n) : NULL;
	if (entry == NULL)
		return err_set(e, ERR_FORMAT, "annotation key has no entry name");
	end = key.p + key.n;
	a.mboxkey_len = (size_t)(entry - key.p);
	entry++;
	userid = entry < end ? memchr(entry, '\0', (size_t)(end - entry)) : NULL;
	if (userid == NULL)
		return err_set(e, ERR_FORMAT, "annotation key of %s has no user", a.mboxkey);
	userid++;
	if (userid == end || memchr(userid, '\0', (size_t)(end - userid)) == NULL)
		return err_set(e, ERR_FORMAT, "annotation key of %s is cut short", a.mboxkey);
	a.entry = (const char *)entry;
	a.userid = (const char *)userid;
	if (parse_value(value.p, value.n, &a) == -1)
		return err_set(
		    e, ERR_FORMAT, "annotation %s of %s: its value passes the end", a.entry, a.mboxkey);
	*ret = a;
	return 0;
}

struct annotation_walk {
	annotations_each_fn *each;
	void *arg;
	unsigned bad;
	struct err first;
};

static int one_record(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct annotation_walk *w = arg;
	struct annotation a;

	/* "\037VER\037" and its like are the database's own. */
	if (key.n > 0 && *key.p == 037)
		return 0;
	if (annotation_parse(key, value, &a, w->bad == 0 ? &w->first : NULL) == -1) {
		w->bad++;
		return 0;
	}
	return a.deleted || a.value_len == 0 ? 0 : w->each(w->arg, &a, e);
}

int annotations_each(
    struct cyrusdb *db, const char *mboxkey, annotations_each_fn *each, void *arg, struct err *e)
{
	struct annotation_walk w = { .each = each, .arg = arg };
	struct cyrusdb_bytes prefix = { 0 };
	int rc;

	if (mboxkey != NULL) /* with its NUL, so that "user.a" does not bring "user.ab" */
		prefix = (struct cyrusdb_bytes){ (const uint8_t *)mboxkey, strlen(mboxkey) + 1 };
	rc = cyrusdb_foreach(db, prefix, one_record, &w, e);
	if (rc == 0 && w.bad > 0)
		return err_set(
		    e, w.first.code, "%u annotations cannot be read; the first: %s", w.bad, w.first.msg);
	return rc;
}
