/* mboxlist_text.c: mailboxes.txt: the forms with one line for each mailbox, and telling the forms apart. */
#include "cyrus/mboxlist.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/mboxlist_priv.h"

#define LINE_MAX_BYTES 16383 /* what ctl_mboxlist -u reads at once, its newline counted */

/* ---- reading ---- */

static const char *parse_number(const char *p, const char *end, uint64_t max, uint64_t *ret)
{
	const char *start = p;

	for (*ret = 0; p < end && *p >= '0' && *p <= '9'; p++) {
		if (*ret > (max - (uint64_t)(*p - '0')) / 10)
			return NULL;
		*ret = *ret * 10 + (uint64_t)(*p - '0');
	}
	return p == start ? NULL : p;
}

/* ">uniqueid mtime uidvalidity foldermodseq createdmodseq [specialuse]" at the end of a line, or NULL if there is none. */
static const char *parse_legacy(struct mailbox_entry *m, const char *p, const char *end)
{
	static const uint64_t max[4] = { INT64_MAX, UINT32_MAX, UINT64_MAX, UINT64_MAX };
	const char *mark = memchr(p, '>', (size_t)(end - p)), *id;
	uint64_t v[4];
	size_t n_id;

	/* A tab behind it: a '>' in a user's name of form B. */
	if (mark == NULL || memchr(mark, '\t', (size_t)(end - mark)) != NULL)
		return NULL;
	for (id = p = mark + 1; p < end && *p != ' ';)
		p++;
	n_id = (size_t)(p - id);
	for (int i = 0; i < 4; i++) {
		if (p == end || *p != ' ' || (p = parse_number(p + 1, end, max[i], &v[i])) == NULL)
			return NULL;
	}
	if (n_id == 0 || (p < end && *p != ' '))
		return NULL;
	m->uniqueid = mem_strndup(id, n_id);
	m->mtime = (int64_t)v[0];
	m->uidvalidity = (uint32_t)v[1];
	m->foldermodseq = v[2];
	m->createdmodseq = v[3];
	if (end - p > 1)
		m->legacy_specialuse = mem_strndup(p + 1, (size_t)(end - p - 1));
	return mark;
}

static int bad_line(size_t line, const char *what, struct err *e)
{
	return err_set(e, ERR_FORMAT, "mailboxes.txt, line %zu: %s", line, what);
}

static int parse_line(struct mailbox_entry *m, const char *p, const char *end, size_t line,
    enum mboxlist_form *form, struct err *e)
{
	const char *tab = memchr(p, '\t', (size_t)(end - p)), *q;
	uint64_t bits;

	if (memchr(p, '\0', (size_t)(end - p)) != NULL)
		return bad_line(line, "holds a NUL byte", e);
	if (tab == NULL)
		return bad_line(line, "no tab behind the name of a mailbox", e);
	if (tab == p || tab - p > MBOXLIST_NAME_MAX)
		return bad_line(line, "no possible name of a mailbox", e);
	m->name = mem_strndup(p, (size_t)(tab - p));
	p = tab + 1;
	q = parse_number(p, end, UINT32_MAX, &bits);
	if (q == NULL || q == end || *q != ' ') {
		/* Form A. A partition may begin with a digit too, but is followed by a tab. */
		*form = MBOXLIST_A;
		m->type = 'e';
		if ((tab = memchr(p, '\t', (size_t)(end - p))) == NULL || tab == p)
			return bad_line(line, "no partition", e);
		entry_parse_place(m, p, end);
		if (m->server != NULL)
			m->flags |= MBTYPE_REMOTE;
		return 0;
	}
	p = q + 1;
	q = parse_legacy(m, p, end);
	*form = q == NULL ? MBOXLIST_B : MBOXLIST_LEGACY;
	if (q == NULL)
		entry_set_old_bits(m, (unsigned long)bits);
	else
		entry_set_new_bits(m, (unsigned long)bits);
	entry_parse_place(m, p, q == NULL ? end : q);
	if (m->partition == NULL && m->server == NULL &&
	    (m->flags & (MBTYPE_DELETED | MBTYPE_INTERMEDIATE)) == 0)
		return bad_line(line, "no partition", e);
	return 0;
}

static int read_lines(const char *text, size_t n, struct mboxlist *l, enum mboxlist_form *form, struct err *e)
{
	bool first = true;
	size_t line = 0;

	*form = MBOXLIST_B;
	for (const char *p = text, *end = text + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p)), *stop = nl == NULL ? end : nl;
		enum mboxlist_form this = MBOXLIST_B;

		line++;
		if (stop > p && stop[-1] == '\r')
			stop--;
		if (stop > p) {
			if (parse_line(mboxlist_push(l), p, stop, line, &this, e) == -1)
				return -1;
			if (first)
				*form = this;
			first = false;
		}
		p = nl == NULL ? end : nl + 1;
	}
	return 0;
}

int mboxlist_read_text(
    const char *text, size_t n, struct mboxlist **ret, enum mboxlist_form *form, struct err *e)
{
	struct mboxlist *l = mboxlist_new();
	enum mboxlist_form found = MBOXLIST_JSON;
	size_t i = 0;
	int r;

	*ret = NULL;
	while (i < n && (text[i] == ' ' || text[i] == '\n' || text[i] == '\r'))
		i++;
	r = i < n && text[i] == '{' ? mboxlist_read_json(text, n, l, e) : read_lines(text, n, l, &found, e);
	if (r == -1) {
		mboxlist_free(l);
		return -1;
	}
	mboxlist_finish(l);
	if (form != NULL)
		*form = found;
	*ret = l;
	return 0;
}

/* ---- writing ---- */

/* Bytes that would end a field or a line early. */
static bool fits(const char *s, const char *refused)
{
	return s == NULL || s[strcspn(s, refused)] == '\0';
}

static int check_fields(const struct mailbox_entry *m, enum mboxlist_form form, struct err *e)
{
	bool good = m->name[0] != '\0' && fits(m->name, "\t\r\n") && fits(m->partition, "\t\r\n !>") &&
		    fits(m->server, "\t\r\n !>") && fits(m->legacy_specialuse, "\t\r\n");

	for (size_t i = 0; i < m->n_acl; i++)
		good = good && m->acl[i].user[0] != '\0' && fits(m->acl[i].user, "\t\r\n") &&
		       fits(m->acl[i].rights, "\t\r\n");
	if (form == MBOXLIST_LEGACY) {
		good = good && fits(m->uniqueid, "\t\r\n >");
		for (size_t i = 0; i < m->n_acl; i++)
			good = good && fits(m->acl[i].user, ">") && fits(m->acl[i].rights, ">");
	}
	if (!good)
		return err_set(e, ERR_FORMAT,
		    "mailbox %s: holds bytes that a line of mailboxes.txt cannot carry", m->name);
	return 0;
}

static int write_line(const struct mailbox_entry *m, enum mboxlist_form form, struct buf *b, struct err *e)
{
	long bits = form == MBOXLIST_LEGACY ? entry_new_bits(m) : entry_old_bits(m);
	size_t start = b->len;

	if (check_fields(m, form, e) == -1)
		return -1;
	if (bits == -1)
		return err_set(e, ERR_UNSUPPORTED,
		    "mailbox %s: of a kind (%s) that this form of mailboxes.txt does not know", m->name,
		    m->raw_type == NULL ? "?" : m->raw_type);
	buf_printf(b, "%s\t", m->name);
	if (form != MBOXLIST_A)
		buf_printf(b, "%ld ", bits);
	if (m->server != NULL)
		buf_printf(b, "%s%s", m->server, m->partition != NULL ? "!" : "");
	if (m->partition != NULL)
		buf_str(b, m->partition);
	buf_char(b, form == MBOXLIST_A ? '\t' : ' ');
	for (size_t i = 0; i < m->n_acl; i++)
		buf_printf(b, "%s\t%s\t", m->acl[i].user, m->acl[i].rights);
	if (form == MBOXLIST_LEGACY) {
		buf_printf(b, ">%s %lld %lu %llu %llu", m->uniqueid, (long long)m->mtime,
		    (unsigned long)m->uidvalidity, (unsigned long long)m->foldermodseq,
		    (unsigned long long)m->createdmodseq);
		if (m->legacy_specialuse != NULL && m->legacy_specialuse[0] != '\0')
			buf_printf(b, " %s", m->legacy_specialuse);
	}
	buf_char(b, '\n');
	if (b->len - start > LINE_MAX_BYTES)
		return err_set(e, ERR_FORMAT,
		    "mailbox %s: its line would be longer than the %d bytes ctl_mboxlist -u reads", m->name,
		    LINE_MAX_BYTES);
	return 0;
}

/* What this form has a line for. */
static bool is_carried(const struct mailbox_entry *m, enum mboxlist_form form)
{
	/* Placeholders of parents that do not exist, and what could not be read, are not printed by Cyrus either. */
	if ((m->flags & MBTYPE_INTERMEDIATE) != 0 || (m->type == '?' && m->raw_type == NULL))
		return false;
	if (form == MBOXLIST_JSON)
		return true;
	if ((m->flags & MBTYPE_DELETED) != 0 || (m->partition == NULL && m->server == NULL))
		return false;
	return form != MBOXLIST_LEGACY || m->uniqueid != NULL || mailbox_entry_has_directory(m);
}

void mboxlist_text_start(enum mboxlist_form form, struct buf *b)
{
	if (form == MBOXLIST_JSON)
		buf_str(b, "{\n");
}

int mboxlist_text_add(
    enum mboxlist_form form, const struct mailbox_entry *m, bool first, struct buf *b, struct err *e)
{
	bool by_id = form == MBOXLIST_JSON || form == MBOXLIST_LEGACY;

	if (!is_carried(m, form))
		return 0;
	if (by_id && mailbox_entry_has_directory(m) && (m->uniqueid == NULL || m->uidvalidity == 0)) {
		err_set(e, ERR_FORMAT,
		    "mailbox %s: its %s is not known, and mailboxes.txt of Cyrus 3.6 needs it", m->name,
		    m->uniqueid == NULL ? "unique id" : "uidvalidity");
		return err_hint(e, "They are in cyrus.header and cyrus.index in the mailbox's directory.");
	}
	if (form == MBOXLIST_JSON && !first)
		buf_str(b, ",\n");
	if ((form == MBOXLIST_JSON ? mboxlist_write_json_entry(m, b, e) : write_line(m, form, b, e)) == -1)
		return -1;
	if (b->full)
		return err_set(e, ERR_SPACE, "mailboxes.txt is larger than the room for it");
	return 1;
}

void mboxlist_text_end(enum mboxlist_form form, struct buf *b)
{
	if (form == MBOXLIST_JSON)
		buf_str(b, "\n}\n");
}

int mboxlist_write_text(const struct mboxlist *list, enum mboxlist_form form, struct buf *b, struct err *e)
{
	const struct mailbox_entry **order = form == MBOXLIST_JSON ? mboxlist_db_order(list) : NULL;
	bool first = true;
	int r = 0;

	mboxlist_text_start(form, b);
	for (size_t i = 0; i < list->n && r != -1; i++) {
		r = mboxlist_text_add(form, order != NULL ? order[i] : &list->entries[i], first, b, e);
		first = first && r == 0;
	}
	free(order);
	if (r == -1)
		return -1;
	mboxlist_text_end(form, b);
	return b->full ? err_set(e, ERR_SPACE, "mailboxes.txt is larger than the room for it") : 0;
}
