/* subs.c: a user's subscriptions, of every version of the file. */
#include "cyrus/userdata.h"

#include <stdlib.h>
#include <string.h>

#include "cyrus/mboxname.h"

static const char version_key[] = "\037VER\037";

struct subs_walk {
	int version;	  /* 0: 2.x to 3.4, internal names as keys */
	struct buf inbox; /* database name of the user's INBOX */
	struct buf name;
	subs_each_fn *each;
	void *arg;
};

/* The name under the key, without the N; the user's own tree is written as INBOX. */
static void expand(struct subs_walk *w, const char *p, size_t n)
{
	struct buf db = BUF_INIT;
	const size_t own = strlen("INBOX");

	/* Version 2 cut "user.martin" off "user.martin123" too, so that it must be put back without looking at
	 * what follows; version 3 was made to tell that this is mended (Cyrus issue 5146). */
	if (n >= own && memcmp(p, "INBOX", own) == 0 && (w->version < 3 || n == own || p[own] == '\037')) {
		buf_add(&db, w->inbox.data, w->inbox.len);
		p += own;
		n -= own;
	}
	buf_add(&db, p, n);
	mboxname_from_dbname(buf_text(&db), db.len, &w->name);
	buf_done(&db);
}

static int one_key(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct subs_walk *w = arg;
	const char *p = (const char *)key.p;

	(void)value;
	if (key.n == 0 || memchr(p, '\0', key.n) != NULL || *p == '\037')
		return 0;
	buf_clear(&w->name);
	if (w->version == 0) {
		buf_add(&w->name, p, key.n);
	} else {
		if (*p != 'N' || key.n == 1)
			return 0;
		expand(w, p + 1, key.n - 1);
	}
	return w->each(w->arg, buf_text(&w->name), e);
}

int subs_each(struct cyrusdb *db, const char *userid, subs_each_fn *each, void *arg, struct err *e)
{
	struct subs_walk w = { .each = each, .arg = arg };
	struct cyrusdb_bytes key = { (const uint8_t *)version_key, strlen(version_key) }, value, all = { 0 };
	int rc = cyrusdb_get(db, key, &value, e);
	char *inbox;

	if (rc == -1)
		return -1;
	if (rc == 1) {
		if (value.n != 1 || *value.p < '1' || *value.p > '9')
			return err_set(
			    e, ERR_UNSUPPORTED, "subscriptions of %s are of an unknown version", userid);
		w.version = *value.p - '0';
		inbox = mboxname_inbox(userid);
		mboxname_to_dbname(inbox, &w.inbox);
		free(inbox);
	}
	rc = cyrusdb_foreach(db, all, one_key, &w, e);
	buf_done(&w.inbox);
	buf_done(&w.name);
	return rc;
}
