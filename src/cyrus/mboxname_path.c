/* mboxname_path.c: where mailboxes, users' files, quota roots and locks lie on disk. */
#include "cyrus/mboxname.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/str.h"

#define ID_MAX	 128
#define USER_MAX 512

char mboxname_hash(const struct imapd_conf *c, const char *component)
{
	if (c->fulldirhash) {
		uint32_t n = 0;

		for (const char *p = component; *p != '\0' && *p != '.'; p++)
			n = ((n << 3) ^ (n >> 5)) ^ (unsigned char)*p;
		return (char)('A' + n % 23);
	}
	if (component[0] >= 'A' && component[0] <= 'Z')
		return (char)(component[0] - 'A' + 'a');
	return component[0] >= 'a' && component[0] <= 'z' ? component[0] : 'q';
}

/* The second component (the first if it is alone) is what a mailbox is hashed by. From 3.0 on Cyrus hashes the name with
 * the dots in it, so that the full hash ends at a hidden dot; before, '^' was a byte like any other. */
static char hash_name(const struct imapd_conf *c, const char *name)
{
	const char *dot = strchr(name, '.');
	struct buf b = BUF_INIT;
	char h;

	buf_str(&b, dot == NULL ? name : dot + 1);
	if (cyrus_version_at_least(c->version, 3, 0)) {
		char *p = b.len == 0 ? NULL : b.data;

		for (; p != NULL && *p != '\0' && *p != '.'; p++)
			if (*p == '^')
				*p = '.';
	}
	h = mboxname_hash(c, buf_text(&b));
	buf_done(&b);
	return h;
}

/* "domain/e/example.org", always with the hash letter under configdirectory, with hashimapspool in a spool. */
static void add_domain(const struct imapd_conf *c, const char *domain, size_t n, bool hashed, struct buf *b)
{
	struct buf copy = BUF_INIT;

	buf_add(&copy, domain, n);
	buf_str(b, "domain/");
	if (hashed)
		buf_printf(b, "%c/", mboxname_hash(c, buf_text(&copy)));
	buf_add(b, domain, n);
	buf_done(&copy);
}

/* 3.0+ prints the time of deletion anew when it makes the path, as "%X", and drops the prefix when that is zero. */
static int check_deleted(const struct imapd_conf *c, const char *internal, struct err *e)
{
	const char *last = strrchr(internal, '.');
	long long when;

	if (!cyrus_version_at_least(c->version, 3, 0) || !mboxname_is_deleted(c, internal))
		return 0;
	if (last != NULL && (when = strtoll(last + 1, NULL, 16)) > 0 && when <= UINT32_MAX) {
		struct buf again = BUF_INIT;
		int same;

		buf_printf(&again, "%llX", (unsigned long long)when);
		same = strcmp(buf_text(&again), last + 1) == 0;
		buf_done(&again);
		if (same)
			return 0;
	}
	return err_set(e, ERR_FORMAT,
	    "mailbox %s: below %s, but without a time of deletion: its directory cannot be told", internal,
	    c->deletedprefix);
}

/* The path by name that mailboxes and locks share: [domain/H/example.org/][H/]user/alice/Work */
static void add_by_name(const struct imapd_conf *c, const char *internal, struct buf *b)
{
	const char *bang = strchr(internal, '!'), *name = bang == NULL ? internal : bang + 1;

	if (bang != NULL) {
		add_domain(c, internal, (size_t)(bang - internal), c->hashimapspool, b);
		buf_char(b, '/');
	}
	if (c->hashimapspool)
		buf_printf(b, "%c/", hash_name(c, name));
	for (; *name != '\0'; name++)
		buf_char(b, *name == '.' ? '/' : *name);
}

static int check_id(const char *id, struct err *e)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";

	if (id == NULL)
		return err_set(e, ERR_FORMAT, "the unique id is missing");
	if (strlen(id) < 2 || strlen(id) > ID_MAX || id[strspn(id, good)] != '\0')
		return err_set(e, ERR_FORMAT, "not a unique id: %s", id);
	return 0;
}

static int check_name(const struct imapd_conf *c, const char *internal, struct err *e)
{
	if (!mboxname_valid(internal))
		return err_set(e, ERR_FORMAT, "not a possible mailbox name: %s", internal);
	return check_deleted(c, internal, e);
}

static void add_by_id(const char *id, struct buf *b)
{
	buf_printf(b, "uuid/%c/%c/%s", id[0], id[1], id);
}

int mboxname_dir(const struct imapd_conf *c, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, struct buf *b, struct err *e)
{
	if (layout == LAYOUT_UUID) {
		if (check_id(uniqueid, e) == -1)
			return err_wrap(e, "directory of %s", internal);
		add_by_id(uniqueid, b);
		return 0;
	}
	if (check_name(c, internal, e) == -1)
		return -1;
	add_by_name(c, internal, b);
	return 0;
}

/* ---- users ---- */

static bool is_dots(const char *s, size_t n)
{
	return (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.');
}

static int check_user(const char *userid, struct err *e)
{
	size_t n = strlen(userid);
	bool good = n > 0 && n <= USER_MAX && userid[0] != '@' && userid[n - 1] != '@' && !is_dots(userid, n);

	for (const char *p = userid; good && *p != '\0'; p++) {
		good = (unsigned char)*p >= 0x20 && *p != 0x7f && *p != '/';
		/* Either half may become a directory, whichever '@' divides them. */
		if (*p == '@' && (is_dots(userid, (size_t)(p - userid)) || is_dots(p + 1, strlen(p + 1))))
			good = false;
	}
	return good ? 0 : err_set(e, ERR_FORMAT, "not a possible user: %s", userid);
}

/* Where the domain of a user id begins (at its '@'), or NULL: 2.x splits with virtdomains only, and at the first. */
static const char *user_domain(const struct imapd_conf *c, const char *userid)
{
	const char *at =
	    cyrus_version_at_least(c->version, 3, 0) ? strrchr(userid, '@') : strchr(userid, '@');

	if (at == NULL || (!c->virtdomains && !cyrus_version_at_least(c->version, 3, 0)))
		return NULL;
	return at;
}

static bool is_default_domain(const struct imapd_conf *c, const char *domain)
{
	return c->defaultdomain != NULL && strcmp(domain, c->defaultdomain) == 0;
}

/* "[/domain/H/example.org]" + MIDDLE + "H/bob" */
static void add_user_path(
    const struct imapd_conf *c, const char *userid, const char *at, const char *middle, struct buf *b)
{
	struct buf local = BUF_INIT;

	buf_add(&local, userid, at == NULL ? strlen(userid) : (size_t)(at - userid));
	if (at != NULL && !is_default_domain(c, at + 1)) {
		buf_char(b, '/');
		add_domain(c, at + 1, strlen(at + 1), true, b);
	}
	buf_printf(b, "%s%c/%s", middle, mboxname_hash(c, buf_text(&local)), buf_text(&local));
	buf_done(&local);
}

int mboxname_user_file(const struct imapd_conf *c, enum mailbox_layout layout, enum user_file which,
    const char *userid, const char *inbox_id, struct buf *b, struct err *e)
{
	static const char *const suffixes[USER_FILES] = {
		[USER_SEEN] = "seen",
		[USER_SUBS] = "sub",
		[USER_CONVERSATIONS] = "conversations",
		[USER_COUNTERS] = "counters",
		[USER_XAPIAN] = "xapianactive",
		[USER_DAV] = "dav",
		[USER_MBOXKEY] = "mboxkey",
	};
	const char *at;

	if (which >= USER_FILES)
		return err_set(e, ERR_USAGE, "no such file of a user");
	if (check_user(userid, e) == -1)
		return -1;
	at = user_domain(c, userid);
	if (which == USER_SIEVE_DIR && c->sieve_in_home)
		return err_set(e, ERR_UNSUPPORTED,
		    "Sieve scripts of %s are in the home directory (sieveusehomedir)", userid);
	if (layout == LAYOUT_UUID) {
		if (check_id(inbox_id, e) == -1)
			return err_wrap(e, "files of user %s", userid);
		buf_printf(b, "%s/", which == USER_SIEVE_DIR ? c->sievedir : c->userpath);
		if (which != USER_SIEVE_DIR)
			buf_str(b, "user/");
		add_by_id(inbox_id, b);
		if (which != USER_SIEVE_DIR)
			buf_printf(b, "/%s.db", suffixes[which]);
		return 0;
	}
	buf_str(b, which == USER_SIEVE_DIR ? c->sievedir : c->userpath);
	if (which == USER_SIEVE_DIR) {
		add_user_path(c, userid, c->virtdomains ? at : NULL, "/", b);
		return 0;
	}
	add_user_path(c, userid, at, "/user/", b);
	buf_printf(b, ".%s", suffixes[which]);
	return 0;
}

int mboxname_quota_file(const struct imapd_conf *c, const char *root_internal, struct buf *b, struct err *e)
{
	const char *bang = c->virtdomains ? strchr(root_internal, '!') : NULL;
	const char *name = bang == NULL ? root_internal : bang + 1, *dot = strchr(name, '.');

	if (bang != NULL && bang[1] == '\0') {
		/* A whole domain: judge it by a name below it. */
		struct buf probe = BUF_INIT;
		bool good;

		buf_printf(&probe, "%sx", root_internal);
		good = mboxname_valid(buf_text(&probe));
		buf_done(&probe);
		if (!good)
			return err_set(e, ERR_FORMAT, "not a possible quota root: %s", root_internal);
	} else if (!mboxname_valid(root_internal)) {
		return err_set(e, ERR_FORMAT, "not a possible quota root: %s", root_internal);
	}
	buf_printf(b, "%s/", c->quota_root);
	if (bang != NULL) {
		add_domain(c, root_internal, (size_t)(bang - root_internal), true, b);
		buf_char(b, '/');
	}
	if (*name == '\0')
		buf_str(b, "quota/root");
	else
		buf_printf(b, "quota/%c/%s", mboxname_hash(c, dot == NULL ? name : dot + 1), name);
	return 0;
}

/* ---- locks ---- */

int mboxname_user_lock(const struct imapd_conf *c, const char *userid, struct buf *b, struct err *e)
{
	struct buf name = BUF_INIT;

	if (*userid != '\0' && check_user(userid, e) == -1)
		return -1;
	buf_str(&name, "*U*");
	for (const char *p = userid; *p != '\0'; p++)
		buf_char(&name, *p == '.' ? '^' : *p);
	buf_printf(b, "%s/", c->lockpath);
	add_by_name(c, buf_text(&name), b);
	buf_str(b, ".lock");
	buf_done(&name);
	return 0;
}

int mboxname_lock(const struct imapd_conf *c, enum mailbox_layout layout, const char *internal,
    const char *uniqueid, struct buf *b, struct err *e)
{
	if ((layout == LAYOUT_UUID ? check_id(uniqueid, e) : check_name(c, internal, e)) == -1)
		return err_wrap(e, "lock of %s", internal);
	buf_printf(b, "%s/", c->lockpath);
	add_by_name(c, layout == LAYOUT_UUID ? uniqueid : internal, b);
	buf_str(b, ".lock");
	return 0;
}
