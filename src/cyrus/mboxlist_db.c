/* mboxlist_db.c: mailboxes.db of 2.1 to 3.13 into a list of mailboxes.
 *
 * To 3.4 the key is the internal name; from 3.6 on a letter and the name in a form of its own, with records by unique id, by ACL
 * and by JMAP id beside them. The value is "mbtype partition acl" to 2.4, a dlist after; either may stand anywhere. */
#include "cyrus/mboxlist.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/dlist.h"
#include "cyrus/mboxlist_priv.h"

struct reading {
	struct mboxlist *l;	/* where entries go, or NULL and */
	mboxlist_each_fn *each; /* who gets them */
	void *arg;
	bool by_letter; /* keys of 3.6+ */
};

static const struct cyrusdb_bytes names = { (const uint8_t *)"N", 1 };

/* ---- values ---- */

static void add_json_number(struct buf *b, const struct dlist *item, const char *key, const char *name)
{
	uint64_t v = 0;

	(void)dlist_u64(item, key, UINT64_MAX, &v, NULL);
	buf_printf(b, ", \"%s\": \"%llu\"", name, (unsigned long long)v);
}

/* Former names, as the JSON text that ctl_mboxlist prints for them. */
static char *history_json(const struct dlist *h)
{
	struct buf b = BUF_INIT, name = BUF_INIT, type = BUF_INIT;

	if (h == NULL || h->kind != DLIST_LIST || h->child == NULL)
		return NULL;
	buf_char(&b, '[');
	for (const struct dlist *i = h->child; i != NULL; i = i->next) {
		struct mailbox_entry kind = { 0 };
		const char *dbname = dlist_text(i, "N"), *letters = dlist_text(i, "T"),
			   *partition = dlist_text(i, "P");

		buf_clear(&name);
		buf_clear(&type);
		if (dbname != NULL)
			mboxname_from_dbname(dbname, strlen(dbname), &name);
		entry_set_letters(&kind, letters == NULL ? "" : letters);
		entry_letters(&kind, &type);
		mailbox_entry_done(&kind);
		buf_str(&b, i == h->child ? "{\"name\": " : ", {\"name\": ");
		if (json_add_string(&b, buf_text(&name)) == -1)
			buf_str(&b, "\"\"");
		add_json_number(&b, i, "M", "mtime");
		add_json_number(&b, i, "V", "uidvalidity");
		add_json_number(&b, i, "C", "createdmodseq");
		add_json_number(&b, i, "F", "foldermodseq");
		buf_str(&b, ", \"mbtype\": ");
		if (json_add_string(&b, buf_text(&type)) == -1)
			buf_str(&b, "\"e\"");
		if (partition != NULL) {
			buf_str(&b, ", \"partition\": ");
			if (json_add_string(&b, partition) == -1)
				buf_str(&b, "\"\"");
		}
		buf_char(&b, '}');
	}
	buf_char(&b, ']');
	buf_done(&name);
	buf_done(&type);
	return buf_steal(&b);
}

static int parse_dlist_value(struct mailbox_entry *m, const char *p, size_t n)
{
	const struct dlist *acl;
	struct dlist *d;
	uint64_t v = 0;
	const char *letters;

	if (dlist_parse(p, n, NULL, &d, NULL) == -1)
		return -1;
	if (dlist_get(d, "N") != NULL) { /* a record by unique id: of a list that holds nothing else */
		dlist_free(d);
		return 1;
	}
	letters = dlist_text(d, "T");
	entry_set_letters(m, letters == NULL ? "" : letters);
	m->uniqueid = mem_strdup(dlist_text(d, "I"));
	m->partition = mem_strdup(dlist_text(d, "P"));
	m->server = mem_strdup(dlist_text(d, "S"));
	if (dlist_u64(d, "V", UINT32_MAX, &v, NULL) == 1)
		m->uidvalidity = (uint32_t)v;
	(void)dlist_u64(d, "C", UINT64_MAX, &m->createdmodseq, NULL);
	(void)dlist_u64(d, "F", UINT64_MAX, &m->foldermodseq, NULL);
	if (dlist_u64(d, "M", INT64_MAX, &v, NULL) == 1)
		m->mtime = (int64_t)v;
	acl = dlist_get(d, "A");
	for (const struct dlist *i = acl != NULL && acl->kind == DLIST_MAP ? acl->child : NULL; i != NULL;
	     i = i->next)
		if (i->kind == DLIST_TEXT)
			entry_add_acl(m, i->key, i->key_len, i->text, i->text_len);
	m->raw_history = history_json(dlist_get(d, "H"));
	dlist_free(d);
	return 0;
}

/* "(uniqueid X specialuse Y) " in front of the old text: development versions between 2.4 and 2.5. */
static const char *parse_extended(struct mailbox_entry *m, const char *p, const char *end)
{
	for (p++; p < end && *p != ')';) {
		const char *key = p, *value;
		size_t n_key, n_value;

		while (p < end && *p != ' ' && *p != ')')
			p++;
		n_key = (size_t)(p - key);
		if (p == end || *p != ' ')
			break;
		for (value = ++p; p < end && *p != ' ' && *p != ')';)
			p++;
		n_value = (size_t)(p - value);
		if (n_key == 8 && memcmp(key, "uniqueid", 8) == 0 && m->uniqueid == NULL)
			m->uniqueid = mem_strndup(value, n_value);
		else if (n_key == 10 && memcmp(key, "specialuse", 10) == 0 && m->legacy_specialuse == NULL)
			m->legacy_specialuse = mem_strndup(value, n_value);
		if (p < end && *p == ' ')
			p++;
	}
	if (p < end && *p == ')')
		p++;
	return p < end && *p == ' ' ? p + 1 : p;
}

static int parse_text_value(struct mailbox_entry *m, const char *p, size_t n)
{
	const char *end = p + n, *digits;
	unsigned long bits = 0;

	if (p < end && *p == '(')
		p = parse_extended(m, p, end);
	for (digits = p; p < end && *p >= '0' && *p <= '9' && p - digits < 9; p++)
		bits = bits * 10 + (unsigned long)(*p - '0');
	if (p == digits || p == end || *p != ' ')
		return -1;
	entry_set_old_bits(m, bits);
	entry_parse_place(m, p + 1, end);
	return 0;
}

/* ---- keys ---- */

static int each(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct reading *r = arg;
	const char *k = (const char *)key.p, *v = (const char *)value.p;
	size_t n = key.n;
	struct mailbox_entry m = { 0 };
	struct buf name = BUF_INIT;
	int rc;

	if (r->by_letter) {
		k++;
		n--;
	} else if (n > 0 && k[0] == '$') {
		return 0;
	}
	if (n == 0)
		return 0;
	if (n > MBOXLIST_NAME_MAX || memchr(k, '\0', n) != NULL)
		return err_set(e, ERR_FORMAT, "mailboxes.db: a key of %zu bytes is no mailbox name", n);
	if (r->by_letter)
		mboxname_from_dbname(k, n, &name);
	else
		buf_add(&name, k, n);
	if (value.n > 0 && v[0] == '%')
		rc = parse_dlist_value(&m, v, value.n);
	else
		rc = parse_text_value(&m, v, value.n);
	if (rc == -1) {
		/* Not dropped: nobody would miss a mailbox that is no longer in the list. */
		mailbox_entry_done(&m);
		m.type = '?';
	}
	m.name = buf_steal(&name);
	if (rc != 1 && r->l != NULL) {
		*mboxlist_push(r->l) = m;
		return 0;
	}
	rc = rc == 1 ? 0 : r->each(r->arg, &m, e);
	mailbox_entry_done(&m);
	return rc;
}

#define PROBES 64

struct probe {
	char *ids[PROBES];
	size_t n;
};

static int probe_each(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct probe *p = arg;
	struct dlist *d;
	const char *id;

	(void)key;
	(void)e;
	if (dlist_parse((const char *)value.p, value.n, NULL, &d, NULL) == -1)
		return 0;
	if ((id = dlist_text(d, "I")) != NULL)
		p->ids[p->n++] = mem_printf("I%s", id);
	dlist_free(d);
	return p->n == PROBES;
}

/* Keys N... are those of 3.6+ if the record of a unique id is there as well, and not merely a mailbox called "News". */
static int probe(struct cyrusdb *db, bool *by_letter, struct err *e)
{
	struct probe p = { .n = 0 };
	struct cyrusdb_bytes record;
	int r = cyrusdb_foreach(db, names, probe_each, &p, e);

	*by_letter = false;
	for (size_t i = 0; i < p.n; i++) {
		if (r != -1 && !*by_letter) {
			r = cyrusdb_get(db,
			    (struct cyrusdb_bytes){ (const uint8_t *)p.ids[i], strlen(p.ids[i]) }, &record,
			    e);
			*by_letter = r == 1;
		}
		free(p.ids[i]);
	}
	return r == -1 ? -1 : 0;
}

static int read_all(struct cyrusdb *db, struct reading *r, struct err *e)
{
	int rc;

	if (probe(db, &r->by_letter, e) == -1)
		return err_wrap(e, "read mailboxes.db");
	rc = cyrusdb_foreach(db, r->by_letter ? names : (struct cyrusdb_bytes){ 0 }, each, r, e);
	return rc == -1 ? err_wrap(e, "read mailboxes.db") : rc;
}

int mboxlist_each_db(struct cyrusdb *db, mboxlist_each_fn *fn, void *arg, struct err *e)
{
	struct reading r = { .each = fn, .arg = arg };

	return read_all(db, &r, e);
}

int mboxlist_read_db(struct cyrusdb *db, struct mboxlist **ret, struct err *e)
{
	struct reading r = { .l = mboxlist_new() };

	*ret = NULL;
	if (read_all(db, &r, e) == -1) {
		mboxlist_free(r.l);
		return -1;
	}
	mboxlist_finish(r.l);
	*ret = r.l;
	return 0;
}
