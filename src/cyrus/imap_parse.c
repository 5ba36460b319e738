/* imap_parse.c: one response of an IMAP server, as bytes that may be hostile, into tokens. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/imap_priv.h"

#define DEPTH_MAX   64
#define TOKENS_MAX  2000000 /* of one response: memory for a token is fifty times its shortest text */
#define CHUNK_BYTES 4096

/* ---- memory ---- */

struct imap_chunk {
	struct imap_chunk *next;
	size_t size, used;
	_Alignas(max_align_t) char bytes[];
};

static void *arena_get(struct imap_arena *a, size_t n)
{
	struct imap_chunk *c = a->chunks;
	void *p;

	n = (n + 15) & ~(size_t)15;
	if (c == NULL || n > c->size - c->used) {
		size_t size = n > CHUNK_BYTES ? n : CHUNK_BYTES;

		c = mem_alloc(sizeof *c + size);
		c->size = size;
		c->next = a->chunks;
		a->chunks = c;
		a->total_bytes += sizeof *c + size;
	}
	p = c->bytes + c->used;
	c->used += n;
	return p;
}

static char *arena_text(struct imap_arena *a, const char *p, size_t n)
{
	char *s = arena_get(a, n + 1);

	if (n > 0)
		memcpy(s, p, n);
	return s;
}

void imap_arena_done(struct imap_arena *a)
{
	while (a->chunks != NULL) {
		struct imap_chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	a->total_bytes = 0;
}

/* ---- tokens ---- */

struct parser {
	struct imap_arena *a;
	const char *start, *p, *end;
	struct imap_value *stack; /* values of the lists that are still open */
	size_t n, cap;
	size_t tokens;
	struct err *e;
};

static int bad(struct parser *ps, const char *what)
{
	return err_set(ps->e, ERR_FORMAT, "the IMAP server's answer is malformed at byte %zu: %s",
	    (size_t)(ps->p - ps->start), what);
}

static int push(struct parser *ps, struct imap_value v)
{
	if (++ps->tokens > TOKENS_MAX)
		return bad(ps, "too many words");
	ps->stack = mem_grow(ps->stack, &ps->cap, ps->n + 1, sizeof *ps->stack);
	ps->stack[ps->n++] = v;
	return 0;
}

/* Values ${from}... of the stack become one list. */
static struct imap_value close_list(struct parser *ps, size_t from)
{
	size_t n = ps->n - from;
	struct imap_value *items = arena_get(ps->a, (n > 0 ? n : 1) * sizeof *items);

	if (n > 0)
		memcpy(items, ps->stack + from, n * sizeof *items);
	ps->n = from;
	return (struct imap_value){ .kind = IMAP_LIST, .text = "", .items = items, .n = n };
}

static int take_quoted(struct parser *ps)
{
	const char *q = ps->p + 1;
	char *text, *to;

	while (q < ps->end && *q != '"') {
		if (*q == '\\')
			q++;
		if (q < ps->end && (*q == '\r' || *q == '\n' || *q == '\0'))
			return bad(ps, "a line end in a quoted string");
		q++;
	}
	if (q >= ps->end)
		return bad(ps, "a quoted string has no end");
	to = text = arena_get(ps->a, (size_t)(q - ps->p));
	for (const char *s = ps->p + 1; s < q; s++)
		*to++ = *s == '\\' ? *++s : *s;
	ps->p = q + 1;
	return push(ps, (struct imap_value){ .kind = IMAP_STRING, .text = text, .len = (size_t)(to - text) });
}

/* "{5}\r\nhello", with a '+' or '~' where servers put one. */
static int take_literal(struct parser *ps)
{
	const char *q = ps->p + (*ps->p == '~') + 1;
	uint64_t n = 0;

	if (q >= ps->end || !isdigit((unsigned char)*q))
		return bad(ps, "a literal without a length");
	for (; q < ps->end && isdigit((unsigned char)*q); q++) {
		if (n > (uint64_t)(ps->end - ps->start))
			return bad(ps, "a literal passes the end");
		n = n * 10 + (uint64_t)(*q - '0');
	}
	if (q < ps->end && *q == '+')
		q++;
	if (ps->end - q < 3 || memcmp(q, "}\r\n", 3) != 0)
		return bad(ps, "a literal without its line end");
	q += 3;
	if (n > (uint64_t)(ps->end - q))
		return bad(ps, "a literal passes the end");
	ps->p = q + n;
	return push(ps, (struct imap_value){
			    .kind = IMAP_STRING, .text = arena_text(ps->a, q, (size_t)n), .len = (size_t)n });
}

/* The end of "[HEADER.FIELDS (A B)]" after BODY or BINARY; other atoms may have brackets of their own. */
static const char *skip_section(const char *atom, const char *q, const char *end)
{
	size_t n = (size_t)(q - atom);
	const char *close;

	if (n < 4 || (strncasecmp(atom, "BODY", 4) != 0 && (n < 6 || strncasecmp(atom, "BINARY", 6) != 0)))
		return q;
	close = memchr(q, ']', (size_t)(end - q));
	return close != NULL ? close : q;
}

static bool ends_atom(char c, bool in_code)
{
	return c == ' ' || c == '(' || c == ')' || c == '"' || c == '{' || (in_code && c == ']');
}

static int take_atom(struct parser *ps, bool in_code)
{
	const char *atom = ps->p, *q = atom;
	struct imap_value v = { .kind = IMAP_ATOM };
	uint64_t number;

	while (q < ps->end && !ends_atom(*q, in_code)) {
		if (*q == '[')
			q = skip_section(atom, q, ps->end);
		if ((unsigned char)*q < ' ' || *q == 0x7f)
			return bad(ps, "a control character");
		q++;
	}
	if (q == atom)
		return bad(ps, "a word was expected");
	v.text = arena_text(ps->a, atom, (size_t)(q - atom));
	v.len = (size_t)(q - atom);
	ps->p = q;
	if (strcasecmp(v.text, "NIL") == 0) {
		v = (struct imap_value){ .kind = IMAP_NIL, .text = "" };
	} else if (str_u64(v.text, UINT64_MAX, &number) == 0) {
		v.kind = IMAP_NUMBER;
		v.number = number;
	}
	return push(ps, v);
}

/* Everything up to the end, or up to the ']' of a response code, as one list. */
static int take_list(struct parser *ps, bool in_code, struct imap_value *ret)
{
	size_t open[DEPTH_MAX], depth = 0, base = ps->n;
	int rc = 0;

	while (rc == 0) {
		while (ps->p < ps->end && *ps->p == ' ')
			ps->p++;
		if (ps->p == ps->end || (in_code && depth == 0 && *ps->p == ']'))
			break;
		switch (*ps->p) {
		case '(':
			if (depth == DEPTH_MAX)
				return bad(ps, "too many lists within lists");
			open[depth++] = ps->n;
			ps->p++;
			break;
		case ')':
			if (depth == 0)
				return bad(ps, "a list ends that did not begin");
			rc = push(ps, close_list(ps, open[--depth]));
			ps->p++;
			break;
		case '"': rc = take_quoted(ps); break;
		case '{': rc = take_literal(ps); break;
		case '~':
			rc = ps->end - ps->p > 1 && ps->p[1] == '{' ? take_literal(ps)
								    : take_atom(ps, in_code);
			break;
		default: rc = take_atom(ps, in_code); break;
		}
	}
	if (rc == 0 && depth > 0)
		rc = bad(ps, "a list has no end");
	if (rc == 0)
		*ret = close_list(ps, base);
	return rc;
}

/* A word up to a blank or the end. */
static size_t word_len(const struct parser *ps)
{
	const char *blank = memchr(ps->p, ' ', (size_t)(ps->end - ps->p));

	return blank != NULL ? (size_t)(blank - ps->p) : (size_t)(ps->end - ps->p);
}

static void upper_case(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)toupper((unsigned char)*s);
}

static char *take_name(struct parser *ps)
{
	size_t n = word_len(ps);
	char *name = arena_text(ps->a, ps->p, n);

	upper_case(name);
	ps->p += n;
	if (ps->p < ps->end)
		ps->p++;
	return name;
}

/* "[CODE arguments] text for people". Codes of other servers may hold what is no list of words: they lose their
 * arguments, not the connection. */
static void take_state(struct parser *ps, struct imap_response *r)
{
	const char *close = memchr(ps->p, ']', (size_t)(ps->end - ps->p));

	if (ps->p < ps->end && *ps->p == '[' && close != NULL) {
		struct err *e = ps->e;
		const char *word = ++ps->p;
		char *code;

		while (*ps->p != ' ' && *ps->p != ']')
			ps->p++;
		code = arena_text(ps->a, word, (size_t)(ps->p - word));
		upper_case(code);
		r->code = code;
		ps->e = NULL;
		if (take_list(ps, true, &r->code_args) == -1 || ps->p == ps->end) {
			ps->n = 0;
			ps->p = close;
		}
		ps->e = e;
		ps->p++;
		if (ps->p < ps->end && *ps->p == ' ')
			ps->p++;
	}
	r->text = arena_text(ps->a, ps->p, (size_t)(ps->end - ps->p));
	ps->p = ps->end;
}

int imap_status_of(const char *name)
{
	if (strcmp(name, "OK") == 0)
		return IMAP_OK;
	if (strcmp(name, "NO") == 0)
		return IMAP_NO;
	return strcmp(name, "BAD") == 0 ? (int)IMAP_BAD : -1;
}

static int parse(struct parser *ps, struct imap_response *r, char *tag, size_t tag_size)
{
	size_t n = word_len(ps);
	uint64_t number;

	if (n == 0 || n >= tag_size || memchr(ps->p, '\0', n) != NULL)
		return bad(ps, "no tag");
	memcpy(tag, ps->p, n);
	tag[n] = '\0';
	ps->p += n;
	if (ps->p < ps->end)
		ps->p++;
	if (strcmp(tag, "+") == 0) {
		r->name = "+";
		r->text = arena_text(ps->a, ps->p, (size_t)(ps->end - ps->p));
		return 0;
	}
	r->name = take_name(ps);
	if (strcmp(tag, "*") == 0 && str_u64(r->name, UINT64_MAX, &number) == 0) {
		r->number = number;
		r->name = take_name(ps);
	}
	if (*r->name == '\0')
		return bad(ps, "no name");
	if (imap_status_of(r->name) != -1 ||
	    (strcmp(tag, "*") == 0 && (strcmp(r->name, "BYE") == 0 || strcmp(r->name, "PREAUTH") == 0))) {
		take_state(ps, r);
		return 0;
	}
	if (strcmp(tag, "*") != 0)
		return bad(ps, "a final response that is none of OK, NO, BAD");
	return take_list(ps, false, &r->args);
}

int imap_parse(struct imap_arena *a, const char *p, size_t n, struct imap_response *r, char *tag,
    size_t tag_size, struct err *e)
{
	struct parser ps = { .a = a, .start = p, .p = p, .end = p + n, .e = e };
	const struct imap_value none = { .kind = IMAP_LIST, .text = "" };
	int rc;

	*r = (struct imap_response){ .args = none, .code_args = none, .text = "" };
	rc = parse(&ps, r, tag, tag_size);
	free(ps.stack);
	return rc;
}

int imap_response_parse(const char *p, size_t n, struct imap_reply **ret, struct err *e)
{
	struct imap_reply *reply = mem_alloc(sizeof *reply);
	struct imap_arena *a = mem_alloc(sizeof *a);
	struct imap_response r;
	char tag[32];
	int status;

	reply->memory = a;
	if (imap_parse(a, p, n, &r, tag, sizeof tag, e) == -1) {
		imap_reply_free(reply);
		return -1;
	}
	status = imap_status_of(r.name);
	if (strcmp(tag, "*") != 0 && status != -1) {
		reply->tagged = r;
		reply->status = (enum imap_status)status;
	} else {
		reply->responses = mem_dup(&r, sizeof r);
		reply->n = 1;
	}
	*ret = reply;
	return 0;
}

/* ---- reading a reply ---- */

void imap_reply_free(struct imap_reply *r)
{
	if (r == NULL)
		return;
	if (r->memory != NULL)
		imap_arena_done(r->memory);
	free(r->memory);
	free(r->responses);
	free(r);
}

const struct imap_response *imap_reply_find(
    const struct imap_reply *r, const char *name, size_t from, size_t *at)
{
	for (size_t i = from; i < r->n; i++)
		if (strcmp(r->responses[i].name, name) == 0) {
			if (at != NULL)
				*at = i;
			return &r->responses[i];
		}
	return NULL;
}

const struct imap_value *imap_reply_code(const struct imap_reply *r, const char *code)
{
	if (r->tagged.code != NULL && strcmp(r->tagged.code, code) == 0)
		return &r->tagged.code_args;
	for (size_t i = 0; i < r->n; i++)
		if (r->responses[i].code != NULL && strcmp(r->responses[i].code, code) == 0)
			return &r->responses[i].code_args;
	return NULL;
}

bool imap_value_is(const struct imap_value *v, const char *atom)
{
	return v != NULL && v->kind == IMAP_ATOM && strcasecmp(v->text, atom) == 0;
}

const struct imap_value *imap_value_pair(const struct imap_value *list, const char *key)
{
	if (list == NULL || list->kind != IMAP_LIST)
		return NULL;
	for (size_t i = 0; i + 1 < list->n; i += 2) {
		const struct imap_value *k = &list->items[i];

		if ((k->kind == IMAP_ATOM || k->kind == IMAP_STRING) && strcasecmp(k->text, key) == 0)
			return &list->items[i + 1];
	}
	return NULL;
}

const char *imap_value_text(const struct imap_value *v)
{
	return v == NULL || v->kind == IMAP_NIL || v->kind == IMAP_LIST ? NULL : v->text;
}
