/* mboxlist_json_line.c: one line of mailboxes.txt of Cyrus 3.6+ in exactly the shape that ctl_mboxlist prints, without a parser's
 * tree: several times as quick. What is not so (escapes, bytes beyond ASCII, other members, former names) is left to the parser. */
#include "cyrus/mboxlist_priv.h"

#include <string.h>

#include "core/mem.h"

#define ACL_MAX 64 /* more users than this are compared better by a hash */

struct text {
	const char *p;
	size_t n;
};

static bool is(struct text t, const char *word)
{
	return strlen(word) == t.n && memcmp(t.p, word, t.n) == 0;
}

/* Step over these very bytes. */
static bool skip(const char **p, const char *end, const char *bytes)
{
	size_t n = strlen(bytes);

	if ((size_t)(end - *p) < n || memcmp(*p, bytes, n) != 0)
		return false;
	*p += n;
	return true;
}

static bool string(const char **p, const char *end, struct text *ret)
{
	const char *s = *p;

	if (s == end || *s != '"')
		return false;
	for (s++; s < end && *s != '"'; s++)
		if ((unsigned char)*s < 0x20 || (unsigned char)*s >= 0x80 || *s == '\\')
			return false;
	if (s == end)
		return false;
	*ret = (struct text){ *p + 1, (size_t)(s - *p - 1) };
	*p = s + 1;
	return true;
}

static bool number(struct text t, uint64_t max, uint64_t *ret)
{
	if (t.n == 0)
		return false;
	*ret = 0;
	for (size_t i = 0; i < t.n; i++) {
		unsigned digit = (unsigned)(t.p[i] - '0');

		if (digit > 9 || *ret > (max - digit) / 10)
			return false;
		*ret = *ret * 10 + digit;
	}
	return true;
}

static bool set(char **field, struct text t)
{
	if (*field != NULL)
		return false;
	*field = mem_strndup(t.p, t.n);
	return true;
}

static bool acl(struct mailbox_entry *m, const char **p, const char *end)
{
	if (!skip(p, end, "{"))
		return false;
	if (skip(p, end, "}"))
		return true;
	do {
		struct text user, rights;

		if (m->n_acl == ACL_MAX || !string(p, end, &user) || !skip(p, end, ": ") ||
		    !string(p, end, &rights))
			return false;
		for (size_t i = 0; i < m->n_acl; i++)
			if (is(user, m->acl[i].user))
				return false;
		entry_add_acl(m, user.p, user.n, rights.p, rights.n);
	} while (skip(p, end, ", "));
	return skip(p, end, "}");
}

static bool member(struct mailbox_entry *m, const char **p, const char *end)
{
	struct text key, value;
	uint64_t v;

	if (!string(p, end, &key) || !skip(p, end, ": "))
		return false;
	if (is(key, "acl"))
		return m->acl == NULL && acl(m, p, end);
	if (is(key, "name_history"))
		return skip(p, end, "[]");
	if (!string(p, end, &value))
		return false;
	if (is(key, "name"))
		return true;
	if (is(key, "mbtype")) {
		char letters[16];

		if (m->raw_type != NULL || value.n >= sizeof letters)
			return false;
		memcpy(letters, value.p, value.n);
		letters[value.n] = '\0';
		entry_set_letters(m, letters);
		return true;
	}
	if (is(key, "uniqueid"))
		return set(&m->uniqueid, value);
	if (is(key, "partition"))
		return set(&m->partition, value);
	if (is(key, "server"))
		return set(&m->server, value);
	if (is(key, "legacy_specialuse"))
		return set(&m->legacy_specialuse, value);
	if (is(key, "createdmodseq"))
		return number(value, UINT64_MAX, &m->createdmodseq);
	if (is(key, "foldermodseq"))
		return number(value, UINT64_MAX, &m->foldermodseq);
	if (is(key, "uidvalidity")) {
		bool good = number(value, UINT32_MAX, &v);

		m->uidvalidity = good ? (uint32_t)v : 0;
		return good;
	}
	if (is(key, "mtime")) {
		bool good = number(value, INT64_MAX, &v);

		m->mtime = good ? (int64_t)v : 0;
		return good;
	}
	return false;
}

bool mboxlist_read_json_line(const char *p, const char *end, struct mboxlist *l)
{
	struct mailbox_entry m = { 0 };
	struct text name;

	if (!string(&p, end, &name) || name.n == 0 || name.n > MBOXLIST_NAME_MAX || !skip(&p, end, ": {"))
		return false;
	do {
		if (!member(&m, &p, end))
			goto unusual;
	} while (skip(&p, end, ", "));
	if (!skip(&p, end, "}") || p != end || m.raw_type == NULL)
		goto unusual;
	m.name = mem_strndup(name.p, name.n);
	*mboxlist_push(l) = m;
	return true;
unusual:
	mailbox_entry_done(&m);
	return false;
}
