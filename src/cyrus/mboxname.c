/* mboxname.c: mailbox names: internal, as the administrator writes and sees them, as keys of mailboxes.db. */
#include "cyrus/mboxname.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"

#define DB_SEPARATOR 0x1f
#define DB_DOMAIN    0x1d

/* Where the name begins behind "domain!". */
static const char *skip_domain(const char *internal)
{
	const char *bang = strchr(internal, '!');

	return bang == NULL ? internal : bang + 1;
}

static bool plain_bytes(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f || s[i] == '/')
			return false;
	return true;
}

bool mboxname_valid(const char *internal)
{
	const char *name = skip_domain(internal);
	size_t n = strlen(internal);

	if (n > MBOXNAME_MAX || !plain_bytes(internal, n))
		return false;
	if (name != internal && (internal[0] == '.' || internal[0] == '!'))
		return false;
	if (*name == '\0' || *name == '.' || internal[n - 1] == '.')
		return false;
	return strstr(name, "..") == NULL;
}

/* ---- what somebody typed ---- */

/* One component into modified UTF-7, dots hidden. */
static int add_component(struct buf *b, const char *s, size_t n, bool hide_dots, struct err *e)
{
	struct buf part = BUF_INIT, scratch = BUF_INIT;
	bool ascii = true;
	int rc = -1;

	for (size_t i = 0; i < n; i++)
		ascii = ascii && (unsigned char)s[i] < 0x80;
	if (ascii && str_mutf7_decode(&scratch, s, n) == 0)
		buf_add(&part, s, n);
	else if (str_mutf7_encode(&part, s, n) == -1) {
		err_set(e, ERR_USAGE, "mailbox name: neither UTF-8 nor modified UTF-7: %.*s",
		    (int)(n > 200 ? 200 : n), s);
		goto out;
	}
	for (size_t i = 0; hide_dots && i < part.len; i++)
		if (part.data[i] == '.')
			part.data[i] = '^';
	buf_add(b, buf_text(&part), part.len);
	rc = 0;
out:
	buf_done(&part);
	buf_done(&scratch);
	return rc;
}

static int add_components(struct buf *b, const char *s, const char *end, char sep, struct err *e)
{
	for (;;) {
		const char *next = memchr(s, sep, (size_t)(end - s));

		if (add_component(b, s, (size_t)((next == NULL ? end : next) - s), sep == '/', e) == -1)
			return -1;
		if (next == NULL)
			return 0;
		buf_char(b, '.');
		s = next + 1;
	}
}

/* "user/bob/Work@example.org" and "user/bob@example.org/Work" are both understood; with '.' only the former is possible. */
static int add_with_domain(
    const struct imapd_conf *c, struct buf *b, const char *text, char sep, struct err *e)
{
	const char *end = text + strlen(text), *at = c->virtdomains ? strrchr(text, '@') : NULL;
	const char *domain_end = end;

	if (at == NULL)
		return add_components(b, text, end, sep, e);
	if (sep == '/' && strchr(at, '/') != NULL)
		domain_end = strchr(at, '/');
	if (domain_end == at + 1)
		return err_set(e, ERR_USAGE, "mailbox name: no domain behind the @: %s", text);
	if (c->defaultdomain == NULL || strlen(c->defaultdomain) != (size_t)(domain_end - at - 1) ||
	    strncasecmp(c->defaultdomain, at + 1, (size_t)(domain_end - at - 1)) != 0) {
		buf_add(b, at + 1, (size_t)(domain_end - at - 1));
		buf_char(b, '!');
	}
	if (add_components(b, text, at, sep, e) == -1)
		return -1;
	if (domain_end == end)
		return 0;
	buf_char(b, '.');
	return add_components(b, domain_end + 1, end, sep, e);
}

int mboxname_parse(const struct imapd_conf *c, const char *text, char **internal, struct err *e)
{
	struct buf b = BUF_INIT_MAX(4 * MBOXNAME_MAX);
	bool slash = strchr(text, '/') != NULL;
	const char *bang = strchr(text, '!'), *name;
	int rc = -1;

	*internal = NULL;
	for (const char *p = text; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(e, ERR_USAGE, "mailbox name: holds a control character: %s", text);
	if (strlen(text) > 2 * MBOXNAME_MAX)
		return err_set(e, ERR_USAGE, "mailbox name: longer than any server has them");
	if (slash && c->unixhierarchysep && strchr(text, '^') != NULL) {
		err_set(e, ERR_USAGE, "mailbox name: '^' cannot stand in a name with '/': %s", text);
		return err_hint(e, "Write the internal name (user.dot^ty) or the dot itself (user/dot.ty).");
	}
	if (!slash && bang != NULL) {
		buf_add(&b, text, (size_t)(bang + 1 - text));
		if (add_components(&b, bang + 1, text + strlen(text), '.', e) == -1)
			goto out;
	} else if (add_with_domain(c, &b, text, slash ? '/' : '.', e) == -1) {
		goto out;
	}
	name = skip_domain(buf_text(&b));
	if (b.full || !mboxname_valid(buf_text(&b)) || name[0] == '~' || buf_text(&b)[0] == '$' ||
	    strcmp(name, "user") == 0) {
		err_set(e, ERR_USAGE, "not a possible mailbox name: %s", text);
		if (*text != '\0' && (text[strlen(text) - 1] == '/' || text[strlen(text) - 1] == '.'))
			err_hint(e, "Leave out the separator at the end.");
		goto out;
	}
	*internal = buf_steal(&b);
	rc = 0;
out:
	buf_done(&b);
	return rc;
}

/* ---- what the administrator sees ---- */

static void admin_name(const struct imapd_conf *c, const char *internal, bool decode, struct buf *b)
{
	const char *name = skip_domain(internal);
	struct buf part = BUF_INIT;

	for (const char *s = name;; s++) {
		size_t n = strcspn(s, ".");

		buf_clear(&part);
		if (!decode || str_mutf7_decode(&part, s, n) == -1)
			buf_add(&part, s, n);
		for (size_t i = 0; c->unixhierarchysep && i < part.len; i++)
			if (part.data[i] == '^')
				part.data[i] = '.';
		buf_add(b, buf_text(&part), part.len);
		s += n;
		if (*s == '\0')
			break;
		buf_char(b, c->unixhierarchysep ? '/' : '.');
	}
	if (name != internal) {
		buf_char(b, '@');
		buf_add(b, internal, (size_t)(name - 1 - internal));
	}
	buf_done(&part);
}

void mboxname_admin(const struct imapd_conf *c, const char *internal, struct buf *b)
{
	admin_name(c, internal, false, b);
}

void mboxname_display(const struct imapd_conf *c, const char *internal, struct buf *b)
{
	struct buf raw = BUF_INIT;

	admin_name(c, internal, true, &raw);
	str_safe_buf(b, buf_text(&raw), raw.len);
	buf_done(&raw);
}

/* ---- keys of mailboxes.db ---- */

void mboxname_from_dbname(const char *dbname, size_t n, struct buf *b)
{
	size_t i = 0;

	/* The domain keeps its dots. */
	while (i < n && dbname[i] != DB_DOMAIN && dbname[i] != DB_SEPARATOR)
		i++;
	if (i < n && dbname[i] == DB_DOMAIN) {
		buf_add(b, dbname, i);
		buf_char(b, '!');
		i++;
	} else {
		i = 0;
	}
	for (; i < n; i++)
		buf_char(b, dbname[i] == DB_SEPARATOR ? '.' : dbname[i] == '.' ? '^' : dbname[i]);
}

void mboxname_to_dbname(const char *internal, struct buf *b)
{
	const char *name = skip_domain(internal);

	if (name != internal) {
		buf_add(b, internal, (size_t)(name - 1 - internal));
		buf_char(b, DB_DOMAIN);
	}
	for (; *name != '\0'; name++)
		buf_char(b, *name == '.' ? DB_SEPARATOR : *name == '^' ? '.' : *name);
}

/* ---- owners ---- */

/* Behind "PREFIX." or NULL. */
static const char *behind(const char *name, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(name, prefix, n) == 0 && name[n] == '.' ? name + n + 1 : NULL;
}

char *mboxname_user(const char *internal)
{
	const char *name = skip_domain(internal), *deleted = behind(name, "DELETED"), *owner;
	struct buf b = BUF_INIT;

	owner = behind(deleted != NULL ? deleted : name, "user");
	/* "DELETED.user.X": X is the time at which a shared folder called user went. */
	if (owner == NULL || *owner == '\0' || (deleted != NULL && strchr(owner, '.') == NULL))
		return NULL;
	for (; *owner != '\0' && *owner != '.'; owner++)
		buf_char(&b, *owner == '^' ? '.' : *owner);
	if (name != internal) {
		buf_char(&b, '@');
		buf_add(&b, internal, (size_t)(name - 1 - internal));
	}
	return buf_steal(&b);
}

char *mboxname_inbox(const char *userid)
{
	const char *at = strrchr(userid, '@');
	struct buf b = BUF_INIT;

	if (at != NULL) {
		buf_str(&b, at + 1);
		buf_char(&b, '!');
	}
	buf_str(&b, "user.");
	for (const char *p = userid; *p != '\0' && p != at; p++)
		buf_char(&b, *p == '.' ? '^' : *p);
	return buf_steal(&b);
}

bool mboxname_is_deleted(const struct imapd_conf *c, const char *internal)
{
	const char *rest = behind(skip_domain(internal), c->deletedprefix);

	return rest != NULL && *rest != '\0';
}

/* The eight upper-case hex digits that Cyrus puts behind a deleted name. */
static bool is_stamp(const char *s)
{
	return strlen(s) == 8 && strspn(s, "0123456789ABCDEF") == 8;
}

char *mboxname_undeleted(const struct imapd_conf *c, const char *internal, long long *when)
{
	const char *name = skip_domain(internal), *rest, *last;
	struct buf b = BUF_INIT;

	if (when != NULL)
		*when = 0;
	if (!mboxname_is_deleted(c, internal))
		return NULL;
	rest = behind(name, c->deletedprefix);
	last = strrchr(rest, '.');
	buf_add(&b, internal, (size_t)(name - internal));
	if (last != NULL && last > rest && is_stamp(last + 1)) {
		if (when != NULL)
			*when = strtoll(last + 1, NULL, 16);
		buf_add(&b, rest, (size_t)(last - rest));
	} else {
		buf_str(&b, rest);
	}
	return buf_steal(&b);
}

bool mboxname_is_below(const char *internal, const char *root)
{
	size_t n = strlen(root);

	return strncmp(internal, root, n) == 0 && (internal[n] == '\0' || internal[n] == '.');
}

int mboxname_compare(const char *a, const char *b)
{
	const char *in_a = strchr(a, '!'), *in_b = strchr(b, '!');

	if (in_a != NULL || in_b != NULL) {
		size_t n = in_a != NULL ? (size_t)(in_a + 1 - a) : 0, m = in_b != NULL ? (size_t)(in_b + 1 - b) : 0;
		int c = memcmp(a, b, n < m ? n : m);

		if (c != 0)
			return c;
		if (n != m)
			return n < m ? -1 : 1;
		a += n;
		b += m;
	}
	while (*a == *b && *a != '\0') {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (*a == '\0' || *b == '\0')
		return *a == '\0' ? -1 : 1;
	if (*a == '.' || *b == '.')
		return *a == '.' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}
