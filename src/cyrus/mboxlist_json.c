/* mboxlist_json.c: mailboxes.txt of Cyrus 3.6+: one JSON object, one member a line. */
#include "cyrus/mboxlist.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxlist_priv.h"

#define WHOLE_MAX \
	(32u << 20) /* text of another shape than one member a line is parsed in one piece up to this */
#define MEMBER_MAX (4u << 20) /* and so is a longer line */

/* ---- reading ---- */

static int bad(const char *name, const char *what, struct err *e)
{
	return err_set(e, ERR_FORMAT, "mailbox %s: %s", name, what);
}

static char *member_text(json_t *o, const char *key)
{
	return mem_strdup(json_string_value(json_object_get(o, key)));
}

/* Cyrus prints its numbers as strings; a missing one is 0. */
static int member_number(
    json_t *o, const char *key, const char *name, uint64_t max, uint64_t *ret, struct err *e)
{
	json_t *v = json_object_get(o, key);

	*ret = 0;
	if (v == NULL || json_is_null(v))
		return 0;
	if (json_is_string(v) && str_u64(json_string_value(v), max, ret) == 0)
		return 0;
	if (json_is_integer(v) && json_integer_value(v) >= 0 && (uint64_t)json_integer_value(v) <= max) {
		*ret = (uint64_t)json_integer_value(v);
		return 0;
	}
	return err_set(e, ERR_FORMAT, "mailbox %s: its %s is no number, or too large", name, key);
}

static int read_acl(struct mailbox_entry *m, json_t *acl, struct err *e)
{
	const char *user;
	json_t *rights;

	if (acl == NULL || json_is_null(acl))
		return 0;
	if (!json_is_object(acl))
		return bad(m->name, "its acl is no object", e);
	json_object_foreach(acl, user, rights)
	{
		const char *s = json_string_value(rights);

		if (s == NULL)
			return bad(m->name, "rights in its acl are no string", e);
		entry_add_acl(m, user, strlen(user), s, strlen(s));
	}
	return 0;
}

static int read_member(struct mboxlist *l, const char *name, json_t *o, struct err *e)
{
	struct mailbox_entry *m;
	uint64_t uidvalidity, mtime;
	json_t *v;

	if (*name == '\0' || strlen(name) > MBOXLIST_NAME_MAX)
		return err_set(e, ERR_FORMAT, "no possible name of a mailbox");
	if (!json_is_object(o))
		return bad(name, "is no object", e);
	m = mboxlist_push(l);
	m->name = mem_strdup(name);
	v = json_object_get(o, "mbtype");
	entry_set_letters(m, json_is_string(v) ? json_string_value(v) : "");
	m->partition = member_text(o, "partition");
	m->server = member_text(o, "server");
	m->uniqueid = member_text(o, "uniqueid");
	m->legacy_specialuse = member_text(o, "legacy_specialuse");
	if (member_number(o, "uidvalidity", name, UINT32_MAX, &uidvalidity, e) == -1 ||
	    member_number(o, "createdmodseq", name, UINT64_MAX, &m->createdmodseq, e) == -1 ||
	    member_number(o, "foldermodseq", name, UINT64_MAX, &m->foldermodseq, e) == -1 ||
	    member_number(o, "mtime", name, INT64_MAX, &mtime, e) == -1 ||
	    read_acl(m, json_object_get(o, "acl"), e) == -1)
		return -1;
	m->uidvalidity = (uint32_t)uidvalidity;
	m->mtime = (int64_t)mtime;
	v = json_object_get(o, "name_history");
	if (json_is_array(v) && json_array_size(v) > 0) {
		char *text = json_dumps(v, 0);

		m->raw_history = mem_strdup(text);
		free(text);
	}
	return 0;
}

/* One or more members in one object. */
static int read_object(struct mboxlist *l, const char *text, size_t n, size_t line, struct err *e)
{
	json_error_t je;
	json_t *root = json_loadb(text, n, 0, &je), *value;
	const char *name;
	int rc = -1;

	if (root == NULL)
		return err_set(e, ERR_FORMAT, "mailboxes.txt, line %zu: %s",
		    line + (size_t)(je.line > 0 ? je.line - 1 : 0), je.text);
	if (!json_is_object(root)) {
		err_set(e, ERR_FORMAT, "mailboxes.txt, line %zu: no JSON object", line);
		goto out;
	}
	json_object_foreach(root, name, value)
	{
		if (read_member(l, name, value, e) == -1) {
			err_wrap(e, "mailboxes.txt, line %zu or below", line);
			goto out;
		}
	}
	rc = 0;
out:
	json_decref(root);
	return rc;
}

static const char *skip_blank(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++;
	return p;
}

/* The shape that ctl_mboxlist prints: "{", members line by line, "}". Returns 1 when the text has another
 * shape. */
static int read_by_line(const char *text, size_t n, struct mboxlist *l, struct err *e)
{
	const char *end = text + n, *p = text;
	struct buf member = BUF_INIT;
	bool opened = false, closed = false;
	size_t line = 0;
	int rc = 1;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl == NULL ? end : nl,
			   *s = skip_blank(p, stop);

		line++;
		p = nl == NULL ? end : nl + 1;
		while (stop > s && (stop[-1] == ' ' || stop[-1] == '\r' || stop[-1] == '\t'))
			stop--;
		if (s == stop)
			continue;
		if (!opened || closed || stop - s == 1) {
			if (stop - s != 1 || closed || *s != (opened ? '}' : '{'))
				goto out;
			closed = opened;
			opened = true;
			continue;
		}
		if (stop[-1] == ',')
			stop--;
		if (*s != '"' || stop[-1] != '}' || stop - s > MEMBER_MAX)
			goto out;
		if (mboxlist_read_json_line(s, stop, l))
			continue;
		buf_clear(&member);
		buf_char(&member, '{');
		buf_add(&member, s, (size_t)(stop - s));
		buf_char(&member, '}');
		if (read_object(l, member.data, member.len, line, e) == -1) {
			rc = -1;
			goto out;
		}
	}
	rc = closed ? 0 : 1;
out:
	buf_done(&member);
	return rc;
}

int mboxlist_read_json(const char *text, size_t n, struct mboxlist *l, struct err *e)
{
	struct err line_error = { 0 };
	int r = read_by_line(text, n, l, &line_error), whole;

	if (r == 0)
		return 0;
	if (n > WHOLE_MAX) {
		if (r == 1)
			return err_set(e, ERR_FORMAT,
			    "mailboxes.txt: %zu bytes of JSON that are not one mailbox a line", n);
		whole = -1;
	} else {
		for (size_t i = 0; i < l->n; i++)
			mailbox_entry_done(&l->entries[i]);
		l->n = 0;
		whole = read_object(l, text, n, 1, e);
	}
	if (whole == -1 && r == -1 && e != NULL)
		*e = line_error;
	return whole;
}

/* ---- writing ---- */

/* How many bytes at ${s} stand for themselves. */
static size_t plain(const char *s)
{
	size_t n = 0;

	while ((unsigned char)s[n] >= 0x20 && (unsigned char)s[n] < 0x80 && s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void add_escaped(struct buf *b, const char *s, size_t n, uint32_t cp)
{
	static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
	const char *at = cp < 0x80 ? strchr(from, (int)cp) : NULL;

	if (at != NULL) {
		buf_char(b, '\\');
		buf_char(b, to[at - from]);
	} else if (cp < 0x20) {
		buf_printf(b, "\\u%04X", (unsigned)cp);
	} else {
		buf_add(b, s, n);
	}
}

int json_add_string(struct buf *b, const char *s)
{
	size_t left = strlen(s), start = b->len, step;
	uint32_t cp;

	buf_char(b, '"');
	while (left > 0) {
		if ((step = plain(s)) > 0) {
			buf_add(b, s, step);
		} else if ((step = str_utf8_next(s, left, &cp)) > 0) {
			add_escaped(b, s, step, cp);
		} else {
			if (!b->full) {
				b->len = start;
				b->data[start] = '\0';
			}
			return -1;
		}
		s += step;
		left -= step;
	}
	buf_char(b, '"');
	return 0;
}

static int add_member(struct buf *b, const char *key, const char *value)
{
	if (value == NULL)
		return 0;
	buf_printf(b, "\"%s\": ", key);
	if (json_add_string(b, value) == -1)
		return -1;
	buf_str(b, ", ");
	return 0;
}

/* As Cyrus: a user whose name is not UTF-8 cannot be written, and one that comes again has the rights of the last time at the
 * place of the first. */
static void add_acl(struct buf *b, const struct mailbox_entry *m)
{
	bool any = false;

	buf_str(b, "\"acl\": {");
	for (size_t i = 0; i < m->n_acl; i++) {
		const char *rights = m->acl[i].rights;
		size_t start = b->len;
		bool again = false;

		for (size_t k = 0; k < i; k++)
			again = again || strcmp(m->acl[k].user, m->acl[i].user) == 0;
		for (size_t k = i + 1; k < m->n_acl; k++)
			if (strcmp(m->acl[k].user, m->acl[i].user) == 0)
				rights = m->acl[k].rights;
		if (again)
			continue;
		buf_str(b, any ? ", " : "");
		if (json_add_string(b, m->acl[i].user) == 0) {
			buf_str(b, ": ");
			if (json_add_string(b, rights) == 0) {
				any = true;
				continue;
			}
		}
		if (!b->full) {
			b->len = start;
			b->data[start] = '\0';
		}
	}
	buf_str(b, "}, ");
}

int mboxlist_write_json_entry(const struct mailbox_entry *m, struct buf *b, struct err *e)
{
	struct buf kind = BUF_INIT;
	int rc = -1;

	entry_letters(m, &kind);
	if (buf_text(&kind)[0] >= '0' && buf_text(&kind)[0] <= '9') {
		buf_done(&kind);
		return err_set(e, ERR_UNSUPPORTED, "mailbox %s: of a kind (%s) that has no letter", m->name,
		    m->raw_type);
	}
	if (json_add_string(b, m->name) == -1)
		goto out;
	buf_str(b, ": {");
	if (add_member(b, "name", m->name) == -1)
		goto out;
	buf_printf(b, "\"mtime\": \"%lld\", \"uidvalidity\": \"%lu\", ", (long long)m->mtime,
	    (unsigned long)m->uidvalidity);
	buf_printf(b, "\"createdmodseq\": \"%llu\", \"foldermodseq\": \"%llu\", ",
	    (unsigned long long)m->createdmodseq, (unsigned long long)m->foldermodseq);
	if (add_member(b, "mbtype", buf_text(&kind)) == -1 ||
	    add_member(b, "partition", m->partition) == -1 || add_member(b, "server", m->server) == -1)
		goto out;
	add_acl(b, m);
	if (add_member(b, "uniqueid", m->uniqueid) == -1 ||
	    add_member(b, "legacy_specialuse", m->legacy_specialuse) == -1)
		goto out;
	buf_printf(b, "\"name_history\": %s}", m->raw_history == NULL ? "[]" : m->raw_history);
	rc = 0;
out:
	buf_done(&kind);
	return rc == 0 ? 0
		       : err_set(e, ERR_FORMAT,
			     "mailbox %s: holds text that is not UTF-8, which JSON cannot carry", m->name);
}

/* Key bytes of mailboxes.db: the order in which Cyrus prints the list. */
static unsigned char db_byte(char c, bool in_domain)
{
	if (in_domain)
		return c == '!' ? 0x1d : (unsigned char)c;
	return c == '.' ? 0x1f : c == '^' ? '.' : (unsigned char)c;
}

static int compare_db_order(const void *a, const void *b)
{
	const char *x = (*(const struct mailbox_entry *const *)a)->name,
		   *y = (*(const struct mailbox_entry *const *)b)->name;
	bool x_domain = strchr(x, '!') != NULL, y_domain = strchr(y, '!') != NULL;

	for (;; x++, y++) {
		unsigned char p = db_byte(*x, x_domain), q = db_byte(*y, y_domain);

		if (p != q || p == '\0')
			return (p > q) - (p < q);
		x_domain = x_domain && *x != '!';
		y_domain = y_domain && *y != '!';
	}
}

const struct mailbox_entry **mboxlist_db_order(const struct mboxlist *l)
{
	const struct mailbox_entry **order = mem_array(l->n + 1, sizeof(void *));
	bool sorted = true;

	for (size_t i = 0; i < l->n; i++) {
		order[i] = &l->entries[i];
		sorted = sorted && (i == 0 || compare_db_order(&order[i - 1], &order[i]) <= 0);
	}
	if (!sorted)
		qsort(order, l->n, sizeof(void *), compare_db_order);
	return order;
}
