/* dlist.c: the reader of Cyrus's nested text form, and the writer of its strings. */
#include "cyrus/dlist.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

struct parser {
	const char *start, *p, *end;
	struct dlist *node; /* next free one */
	char *text;         /* where the next decoded text goes */
	struct err *e;
};

static int bad(struct parser *s, const char *what)
{
	return err_set(s->e, ERR_FORMAT, "dlist, byte %zu: %s", (size_t)(s->p - s->start), what);
}

static int parse_quoted(struct parser *s)
{
	for (s->p++; s->p < s->end; s->p++) {
		if (*s->p == '"') {
			s->p++;
			return 0;
		}
		if (*s->p == '\\' && ++s->p == s->end)
			break;
		*s->text++ = *s->p;
	}
	return bad(s, "quoted string without end");
}

static int parse_literal(struct parser *s)
{
	size_t len = 0;

	for (s->p++; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		len = len * 10 + (size_t)(*s->p - '0');
		if (len > (size_t)(s->end - s->start))
			return bad(s, "literal passes the end");
	}
	if (s->p < s->end && *s->p == '+')
		s->p++;
	if (s->end - s->p < 3 || memcmp(s->p, "}\r\n", 3) != 0)
		return bad(s, "malformed literal");
	s->p += 3;
	if (len > (size_t)(s->end - s->p))
		return bad(s, "literal passes the end");
	memcpy(s->text, s->p, len);
	s->text += len;
	s->p += len;
	return 0;
}

static int parse_atom(struct parser *s)
{
	const char *sp = s->p;

	while (sp < s->end && *sp != ' ' && *sp != '\n' && *sp != '\r')
		sp++;
	while (sp > s->p && sp[-1] == ')')
		sp--;
	if (sp == s->p)
		return bad(s, "a value is missing");
	memcpy(s->text, s->p, (size_t)(sp - s->p));
	s->text += sp - s->p;
	s->p = sp;
	return 0;
}

/* A string of any notation into the text room; 1 when it was a bare NIL. */
static int parse_string(struct parser *s, const char **text, size_t *len)
{
	const char *from = s->p;
	int r;

	*text = s->text;
	if (*s->p == '"')
		r = parse_quoted(s);
	else if (*s->p == '{')
		r = parse_literal(s);
	else
		r = parse_atom(s);
	if (r == -1)
		return -1;
	*len = (size_t)(s->text - *text);
	*s->text++ = '\0';
	return s->p - from == 3 && memcmp(from, "NIL", 3) == 0;
}

static int parse_item(struct parser *s, int with_key, unsigned depth, struct dlist **ret);

static int parse_children(struct parser *s, struct dlist *d, unsigned depth)
{
	struct dlist **link = &d->child;

	for (;;) {
		if (s->p == s->end)
			return bad(s, "list without end");
		if (*s->p == ')')
			break;
		if (parse_item(s, d->kind == DLIST_MAP, depth + 1, link) == -1)
			return -1;
		link = &(*link)->next;
		if (s->p == s->end)
			return bad(s, "list without end");
		if (*s->p == ' ')
			s->p++;
		else if (*s->p != ')')
			return bad(s, "neither a space nor the end of the list");
	}
	s->p++;
	return 0;
}

static int parse_item(struct parser *s, int with_key, unsigned depth, struct dlist **ret)
{
	struct dlist *d = s->node++;
	int r;

	*ret = d;
	if (depth > DLIST_DEPTH_MAX)
		return bad(s, "nested too deeply");
	if (with_key) {
		if (parse_string(s, &d->key, &d->key_len) == -1)
			return -1;
		if (s->p == s->end || *s->p != ' ')
			return bad(s, "a name without a value");
		s->p++;
	}
	if (s->p == s->end)
		return bad(s, "a value is missing");
	d->raw = s->p;
	if (*s->p == '(' || (s->end - s->p >= 2 && memcmp(s->p, "%(", 2) == 0)) {
		d->kind = *s->p == '(' ? DLIST_LIST : DLIST_MAP;
		s->p += *s->p == '(' ? 1 : 2;
		if (parse_children(s, d, depth) == -1)
			return -1;
	} else if (*s->p == '%') {
		return bad(s, "unknown kind of value");
	} else {
		if ((r = parse_string(s, &d->text, &d->text_len)) == -1)
			return -1;
		d->kind = r == 1 ? DLIST_NIL : DLIST_TEXT;
		if (r == 1)
			d->text = NULL;
	}
	d->raw_len = (size_t)(s->p - d->raw);
	return 0;
}

int dlist_parse(const char *p, size_t n, size_t *used, struct dlist **ret, struct err *e)
{
	struct parser s = { .start = p, .p = p, .end = p + n, .e = e };
	struct dlist *root;
	size_t items = 1;

	/* Every name and value but the first follows a space or an opening parenthesis: counting them first makes the tree
	 * and its texts one allocation. */
	for (size_t i = 0; i < n; i++)
		items += p[i] == ' ' || p[i] == '(';
	if (items > SIZE_MAX / 2 / sizeof *root)
		return err_set(e, ERR_FORMAT, "dlist: %zu items", items);
	root = mem_alloc(items * sizeof *root + n + items);
	s.node = root;
	s.text = (char *)(root + items);
	*ret = NULL;
	if (n == 0)
		(void)bad(&s, "empty");
	if (n == 0 || parse_item(&s, 0, 1, &root) == -1) {
		dlist_free(root);
		return -1;
	}
	if (used == NULL)
		while (s.p < s.end && (*s.p == '\r' || *s.p == '\n' || *s.p == ' '))
			s.p++;
	if (used == NULL && s.p != s.end) {
		dlist_free(root);
		return bad(&s, "text behind the end");
	}
	if (used != NULL)
		*used = (size_t)(s.p - p);
	*ret = root;
	return 0;
}

void dlist_free(struct dlist *d)
{
	free(d);
}

const struct dlist *dlist_get(const struct dlist *map, const char *key)
{
	size_t n = strlen(key);

	if (map == NULL || map->kind != DLIST_MAP)
		return NULL;
	for (const struct dlist *d = map->child; d != NULL; d = d->next)
		if (d->key_len == n && memcmp(d->key, key, n) == 0)
			return d;
	return NULL;
}

const char *dlist_text(const struct dlist *map, const char *key)
{
	const struct dlist *d = dlist_get(map, key);

	if (d == NULL || d->kind != DLIST_TEXT || strlen(d->text) != d->text_len)
		return NULL;
	return d->text;
}

int dlist_u64(const struct dlist *map, const char *key, uint64_t max, uint64_t *ret, struct err *e)
{
	const struct dlist *d = dlist_get(map, key);

	if (d == NULL || d->kind == DLIST_NIL)
		return 0;
	if (d->kind != DLIST_TEXT || strlen(d->text) != d->text_len || str_u64(d->text, max, ret) == -1)
		return err_set(e, ERR_FORMAT, "dlist: %s is not a number", key);
	return 1;
}

/* ---- writing ---- */

/* As long as this, a string is a literal whatever is in it. */
enum { LITERAL_FROM = 1024 };

static bool is_atom(const char *s, size_t n)
{
	for (const char *c = s; *c != '\0'; c++)
		if (*c <= ' ' || *c >= 0x7f || strchr("{()\"%*\\", *c) != NULL)
			return false;
	return n > 0 && n < LITERAL_FROM && strcmp(s, "NIL") != 0;
}

static bool is_quotable(const char *s, size_t n)
{
	for (const char *c = s; *c != '\0'; c++)
		if (*c & 0x80 || strchr("\r\n\"%\\", *c) != NULL)
			return false;
	return n < LITERAL_FROM;
}

void dlist_write(struct buf *b, const char *s)
{
	size_t n = s != NULL ? strlen(s) : 0;

	if (s == NULL)
		buf_str(b, "NIL");
	else if (is_atom(s, n))
		buf_str(b, s);
	else if (is_quotable(s, n))
		buf_printf(b, "\"%s\"", s);
	else
		buf_printf(b, "{%zu}\r\n%s", n, s);
}
