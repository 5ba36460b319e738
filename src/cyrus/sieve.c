/* sieve.c: ManageSieve, over the bytes of imap_conn.c: the same lines and literals, without tags. */
#include "cyrus/sieve.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/imap_priv.h"

#define SCRIPT_MAX  ((size_t)16 << 20)
#define SCRIPTS_MAX 10000
#define CONNECT_MS  10000
#define READ_MS     60000

struct sieve {
	struct imap line; /* only its connection is used */
	bool dead;
};

/* ---- lines ---- */

enum answer { ANSWER_OK, ANSWER_NO, ANSWER_BYE, ANSWER_DATA };

static bool is_word(const char *s, const char *word)
{
	size_t n = strlen(word);

	return strncasecmp(s, word, n) == 0 && (s[n] == '\0' || s[n] == ' ');
}

/* A line has come; what follows OK, NO, BYE may be a literal, which ends that line. */
static int next_line(struct sieve *s, enum answer *ret, struct err *e)
{
	const char *text;

	if (imap_conn_response(&s->line, e) == -1) {
		s->dead = true;
		return -1;
	}
	text = buf_text(&s->line.response);
	*ret = is_word(text, "OK")    ? ANSWER_OK
	       : is_word(text, "NO")  ? ANSWER_NO
	       : is_word(text, "BYE") ? ANSWER_BYE
	                              : ANSWER_DATA;
	return 0;
}

/* The words that explain a NO, wherever the line has them. */
static const char *explanation(const char *text)
{
	const char *quote = strchr(text, '"'), *literal = strstr(text, "}\r\n");

	if (quote != NULL && (literal == NULL || quote < literal))
		return quote;
	return literal != NULL ? literal + 3 : text;
}

/* The string (quoted, or a literal) at the start of a line into ${b}; what follows it, or NULL: there is none. */
static const char *take_string(const struct buf *line, struct buf *b)
{
	const char *p = buf_text(line), *end = p + line->len;
	uint64_t n = 0;

	if (*p == '"') {
		for (p++; p < end && *p != '"'; p++) {
			if (*p == '\\' && p + 1 < end)
				p++;
			buf_char(b, *p);
		}
		return p < end ? p + 1 : NULL;
	}
	if (*p != '{')
		return NULL;
	for (p++; p < end && *p >= '0' && *p <= '9' && n <= SCRIPT_MAX; p++)
		n = n * 10 + (uint64_t)(*p - '0');
	if (p < end && *p == '+')
		p++;
	if (end - p < 3 || strncmp(p, "}\r\n", 3) != 0 || n > (uint64_t)(end - p - 3))
		return NULL;
	buf_add(b, p + 3, (size_t)n);
	return p + 3 + n;
}

/* A name goes into a line: nothing may end that. */
static int check_name(const char *name, struct err *e)
{
	for (const char *s = name; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return err_set(e, ERR_USAGE, "\"%s\" can be no name of a sieve script", name);
	return 0;
}

static void put_string(struct buf *b, const char *s)
{
	buf_char(b, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			buf_char(b, '\\');
		buf_char(b, *s);
	}
	buf_char(b, '"');
}

typedef int each_fn(void *arg, const struct buf *line, struct err *e);

/* Sends a command and reads up to its end: 1 OK, 0 NO with the reason in ${why}, -1. */
static int command(
    struct sieve *s, const void *p, size_t n, each_fn *each, void *arg, struct buf *why, struct err *e)
{
	enum answer a = ANSWER_DATA;
	int rc = 0;

	if (s->dead)
		return err_set(e, ERR_TOOL, "the ManageSieve connection is closed");
	if (fault_refuses("sieve-command")) {
		buf_str(why, "refused by a test");
		return 0;
	}
	if (imap_conn_send(&s->line, p, n, e) == -1) {
		s->dead = true;
		return -1;
	}
	while (a == ANSWER_DATA) {
		if (next_line(s, &a, rc == 0 ? e : NULL) == -1)
			return -1;
		if (a == ANSWER_DATA && rc == 0 && each != NULL)
			rc = each(arg, &s->line.response, e);
	}
	if (a != ANSWER_OK)
		buf_str(why, explanation(buf_text(&s->line.response)));
	if (a == ANSWER_BYE) {
		s->dead = true;
		return err_set(e, ERR_TOOL, "the ManageSieve server says: %s", buf_text(why));
	}
	return rc == -1 ? -1 : a == ANSWER_OK;
}

/* One whose NO is an error. */
static int must(struct sieve *s, const struct buf *c, const char *what, struct err *e)
{
	struct buf why = BUF_INIT;
	int r = command(s, c->data, c->len, NULL, NULL, &why, e);

	if (r == 0)
		r = err_set(e, ERR_TOOL, "%s: the server says: %s", what, buf_text(&why));
	buf_done(&why);
	return r == -1 ? -1 : 0;
}

/* ---- connection ---- */

static int greet(struct sieve *s, struct err *e)
{
	enum answer a = ANSWER_DATA;

	while (a == ANSWER_DATA)
		if (next_line(s, &a, e) == -1)
			return -1;
	return a == ANSWER_OK ? 0
	                      : err_set(e, ERR_TOOL, "the ManageSieve server says: %s",
				    explanation(buf_text(&s->line.response)));
}

static int login(
    struct sieve *s, const char *authcid, const char *authzid, const char *password, struct err *e)
{
	size_t n = strlen(authcid) + strlen(authzid) + strlen(password) + 2;
	struct buf plain = BUF_INIT, c = BUF_INIT, why = BUF_INIT;
	int r;

	/* Room from the start: growing would leave copies of the secret behind. */
	buf_reserve(&plain, n);
	buf_reserve(&c, n * 2 + 64);
	buf_str(&plain, authzid);
	buf_char(&plain, '\0');
	buf_str(&plain, authcid);
	buf_char(&plain, '\0');
	buf_str(&plain, password);
	buf_str(&c, "AUTHENTICATE \"PLAIN\" \"");
	str_base64(&c, plain.data, plain.len);
	buf_str(&c, "\"\r\n");
	r = command(s, c.data, c.len, NULL, NULL, &why, e);
	if (r == 0)
		err_set(e, ERR_AUTH, "the ManageSieve server did not accept %s acting as %s: %s", authcid,
		    authzid, buf_text(&why));
	explicit_bzero(plain.data, plain.cap);
	explicit_bzero(c.data, c.cap);
	buf_done(&plain);
	buf_done(&c);
	buf_done(&why);
	return r == 1 ? 0 : -1;
}

int sieve_connect(const char *address, const char *authcid, const char *authzid, const char *password,
    const struct imap_opts *o, struct sieve **ret, struct err *e)
{
	struct sieve *s = mem_alloc(sizeof *s);
	struct imap_opts *opts = &s->line.o;

	if (o != NULL)
		*opts = *o;
	if (opts->connect_timeout_ms == 0)
		opts->connect_timeout_ms = CONNECT_MS;
	if (opts->read_timeout_ms == 0)
		opts->read_timeout_ms = READ_MS;
	opts->max_response_bytes = SCRIPT_MAX;
	s->line.response.max = SCRIPT_MAX;
	s->line.fd = imap_conn_open(address, opts, &s->line.local, e);
	if (s->line.fd == -1)
		goto fail;
	if (!s->line.local) {
		err_set(e, ERR_REFUSED,
		    "the ManageSieve server is not on this host: the password would cross the net in clear");
		goto fail;
	}
	if (greet(s, e) == -1 || login(s, authcid, authzid, password, e) == -1)
		goto fail;
	*ret = s;
	return 0;
fail:
	s->dead = true;
	sieve_close(s);
	return -1;
}

void sieve_close(struct sieve *s)
{
	struct buf why = BUF_INIT;

	if (s == NULL)
		return;
	s->line.o.read_timeout_ms = 2000;
	if (!s->dead)
		command(s, "LOGOUT\r\n", 8, NULL, NULL, &why, NULL);
	buf_done(&why);
	if (s->line.fd != -1)
		close(s->line.fd);
	buf_done(&s->line.in);
	buf_done(&s->line.response);
	free(s);
}

/* ---- scripts ---- */

static int take_name(void *arg, const struct buf *line, struct err *e)
{
	struct sieve_list *l = arg;
	struct buf name = BUF_INIT;
	const char *rest = take_string(line, &name);

	if (rest == NULL || (*rest != '\0' && strcasecmp(rest, " ACTIVE") != 0) || l->n == SCRIPTS_MAX ||
	    check_name(buf_text(&name), NULL) == -1) {
		buf_done(&name);
		return err_set(e, ERR_FORMAT, "the ManageSieve server's LISTSCRIPTS makes no sense");
	}
	l->names = mem_grow(l->names, &l->cap, l->n + 1, sizeof *l->names);
	if (strcasecmp(rest, " ACTIVE") == 0)
		l->active = l->n;
	l->names[l->n++] = buf_steal(&name);
	return 0;
}

int sieve_names(struct sieve *s, struct sieve_list *ret, struct err *e)
{
	struct buf why = BUF_INIT;
	int r;

	*ret = (struct sieve_list){ .active = (size_t)-1 };
	r = command(s, "LISTSCRIPTS\r\n", 13, take_name, ret, &why, e);
	if (r == 0)
		r = err_set(e, ERR_TOOL, "LISTSCRIPTS: the server says: %s", buf_text(&why));
	buf_done(&why);
	return r == -1 ? -1 : 0;
}

void sieve_list_done(struct sieve_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->names[i]);
	free(l->names);
	*l = (struct sieve_list){ .active = (size_t)-1 };
}

static int take_script(void *arg, const struct buf *line, struct err *e)
{
	/* The line break after a literal is an empty line. */
	if (line->len == 0)
		return 0;
	return take_string(line, arg) != NULL
	           ? 0
	           : err_set(e, ERR_FORMAT, "the ManageSieve server's GETSCRIPT makes no sense");
}

int sieve_get(struct sieve *s, const char *name, struct buf *b, struct err *e)
{
	struct buf c = BUF_INIT, why = BUF_INIT;
	int r;

	if (check_name(name, e) == -1)
		return -1;
	buf_str(&c, "GETSCRIPT ");
	put_string(&c, name);
	buf_str(&c, "\r\n");
	r = command(s, c.data, c.len, take_script, b, &why, e);
	buf_done(&c);
	buf_done(&why);
	return r;
}

int sieve_put(struct sieve *s, const char *name, const void *p, size_t n, struct err *e)
{
	struct buf c = BUF_INIT;
	int rc;

	if (check_name(name, e) == -1)
		return -1;
	buf_str(&c, "PUTSCRIPT ");
	put_string(&c, name);
	buf_printf(&c, " {%zu+}\r\n", n);
	buf_add(&c, p, n);
	buf_str(&c, "\r\n");
	rc = must(s, &c, name, e);
	buf_done(&c);
	return rc;
}

static int simple(struct sieve *s, const char *verb, const char *name, struct err *e)
{
	struct buf c = BUF_INIT;
	int rc;

	if (check_name(name, e) == -1)
		return -1;
	buf_printf(&c, "%s ", verb);
	put_string(&c, name);
	buf_str(&c, "\r\n");
	rc = must(s, &c, verb, e);
	buf_done(&c);
	return rc;
}

int sieve_activate(struct sieve *s, const char *name, struct err *e)
{
	return simple(s, "SETACTIVE", name, e);
}

int sieve_delete(struct sieve *s, const char *name, struct err *e)
{
	return simple(s, "DELETESCRIPT", name, e);
}
