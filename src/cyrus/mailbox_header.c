/* mailbox_header.c: cyrus.header, the lines of 2.1 to 3.4 and the dlist of 3.6 on. */
#include "cyrus/mailbox.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/dlist.h"
#include "cyrus/mailbox_priv.h"

static const char magic[] = MAILBOX_HEADER_MAGIC;
#define MAGIC_LEN (sizeof magic - 1)

/* Far above what anybody sets; keeps what a hostile file can make us allocate small. */
enum { ACL_MAX = 65536 };

static int add_acl(struct mailbox_header *h, size_t *cap, const char *user, size_t user_len,
    const char *rights, size_t rights_len, struct err *e)
{
	if (h->n_acl >= ACL_MAX)
		return err_set(e, ERR_FORMAT, "mailbox header has more than %d rights", ACL_MAX);
	h->acl = mem_grow(h->acl, cap, h->n_acl + 1, sizeof *h->acl);
	h->acl[h->n_acl].user = mem_strndup(user, user_len);
	h->acl[h->n_acl].rights = mem_strndup(rights, rights_len);
	h->n_acl++;
	return 0;
}

/* Cuts the next line off ${*p}; -1 when no newline ends it. */
static int next_line(const char **p, const char *end, const char **line, size_t *n)
{
	const char *nl = memchr(*p, '\n', (size_t)(end - *p));

	if (nl == NULL)
		return -1;
	*line = *p;
	*n = (size_t)(nl - *p);
	*p = nl + 1;
	return 0;
}

/* Length of the field at ${s} up to ${sep} or the end. */
static size_t field(const char *s, const char *end, char sep)
{
	const char *at = s < end ? memchr(s, sep, (size_t)(end - s)) : NULL;

	return (size_t)((at != NULL ? at : end) - s);
}

static void parse_ids(struct mailbox_header *h, const char *s, size_t n)
{
	const char *end = s + n;
	size_t len = field(s, end, '\t');

	if (len > 0)
		h->quotaroot = mem_strndup(s, len);
	s += len < n ? len + 1 : len;
	h->uniqueid = mem_strndup(s, field(s, end, '\t'));
}

/* The place of a name is its bit, so two spaces in a row leave a slot free. */
static void parse_flags(struct mailbox_header *h, const char *s, size_t n)
{
	const char *end = s + n;

	for (int i = 0; i < MAILBOX_USER_FLAGS && s < end; i++) {
		size_t len = field(s, end, ' ');

		if (len > 0)
			h->flag_names[i] = mem_strndup(s, len);
		s += len < (size_t)(end - s) ? len + 1 : len;
	}
}

static int parse_acl(struct mailbox_header *h, const char *s, size_t n, struct err *e)
{
	const char *end = s + n;
	size_t cap = 0;

	while (s < end) {
		size_t user = field(s, end, '\t');
		const char *rights = s + user < end ? s + user + 1 : end;
		size_t len = field(rights, end, '\t');

		if (user > 0 && add_acl(h, &cap, s, user, rights, len, e) == -1)
			return -1;
		s = rights + len < end ? rights + len + 1 : end;
	}
	return 0;
}

static int parse_lines(struct mailbox_header *h, const char *p, const char *end, struct err *e)
{
	const char *line;
	size_t n;

	h->type = 'e';
	if (next_line(&p, end, &line, &n) == -1)
		return err_set(
		    e, ERR_FORMAT, "mailbox header ends within the line of quota root and unique id");
	parse_ids(h, line, n);
	if (next_line(&p, end, &line, &n) == -1)
		return err_set(e, ERR_FORMAT, "mailbox header ends within the line of user flags");
	parse_flags(h, line, n);
	if (next_line(&p, end, &line, &n) == -1)
		return err_set(e, ERR_FORMAT, "mailbox header ends within the line of rights");
	return parse_acl(h, line, n, e);
}

static int parse_dlist(struct mailbox_header *h, const char *p, const char *end, struct err *e)
{
	struct dlist *d;
	const struct dlist *item;
	const char *text;
	size_t cap = 0;
	int i = 0, rc = 0;

	h->dlist = true;
	/* One line, as Cyrus reads it; unless a literal in it has brought line ends of its own. */
	if (dlist_parse(p, field(p, end, '\n'), NULL, &d, NULL) == -1 &&
	    dlist_parse(p, (size_t)(end - p), NULL, &d, e) == -1)
		return err_wrap(e, "mailbox header");
	if (d->kind != DLIST_MAP) {
		dlist_free(d);
		return err_set(e, ERR_FORMAT, "mailbox header is no map");
	}
	h->name = mem_strdup(dlist_text(d, "N"));
	text = dlist_text(d, "I");
	h->uniqueid = mem_strdup(text != NULL ? text : "");
	h->quotaroot = mem_strdup(dlist_text(d, "Q"));
	h->jmapid = mem_strdup(dlist_text(d, "J"));
	text = dlist_text(d, "T");
	h->type = text != NULL && *text != '\0' ? *text : 'e';
	h->mbtype = mem_strdup(text);
	item = dlist_get(d, "A");
	for (item = item != NULL ? item->child : NULL; item != NULL && rc == 0; item = item->next)
		if (item->kind == DLIST_TEXT && item->key_len > 0)
			rc = add_acl(h, &cap, item->key, item->key_len, item->text, item->text_len, e);
	item = dlist_get(d, "U");
	for (item = item != NULL ? item->child : NULL; item != NULL && i < MAILBOX_USER_FLAGS;
	     item = item->next, i++)
		if (item->kind == DLIST_TEXT && item->text_len > 0)
			h->flag_names[i] = mem_strndup(item->text, item->text_len);
	dlist_free(d);
	return rc;
}

int mailbox_header_parse(const uint8_t *p, size_t n, struct mailbox_header **ret, struct err *e)
{
	const char *s, *end;
	struct mailbox_header *h;
	int rc;

	if (n < MAGIC_LEN || memcmp(p, magic, MAGIC_LEN) != 0)
		return err_set(e, ERR_FORMAT, "%zu bytes that do not begin as a mailbox header does", n);
	h = mem_alloc(sizeof *h);
	h->crc = libdeflate_crc32(0, p, n);
	end = (const char *)p + n;
	s = (const char *)p + MAGIC_LEN;
	rc = s < end && *s == '%' ? parse_dlist(h, s, end, e) : parse_lines(h, s, end, e);
	if (rc == -1)
		mailbox_header_free(h);
	else
		*ret = h;
	return rc;
}

void mailbox_header_free(struct mailbox_header *h)
{
	if (h == NULL)
		return;
	free(h->name);
	free(h->uniqueid);
	free(h->quotaroot);
	free(h->jmapid);
	free(h->mbtype);
	for (size_t i = 0; i < h->n_acl; i++) {
		free(h->acl[i].user);
		free(h->acl[i].rights);
	}
	free(h->acl);
	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		free(h->flag_names[i]);
	free(h);
}
