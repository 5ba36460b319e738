/* imap.c: an IMAP session: greeting, capabilities, login, commands and their replies. */
#include "cyrus/imap.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/imap_priv.h"

#define CONNECT_TIMEOUT_MS 10000
#define READ_TIMEOUT_MS    300000
#define RESPONSE_MAX       ((size_t)64 << 20)
#define REPLY_MAX          ((size_t)256 << 20)
#define QUOTED_MAX         1000
#define NONSYNC_MAX        65536 /* longer ones wait for the server's leave: it may refuse them unseen */
#define CAPS_MAX           1000

/* ---- opening and closing ---- */

void imap_take_caps(struct imap *im, const struct imap_value *list)
{
	for (size_t i = 0; i < im->n_caps; i++)
		free(im->caps[i]);
	free(im->caps);
	im->caps = mem_array(list->n, sizeof *im->caps);
	im->n_caps = 0;
	for (size_t i = 0; i < list->n && i < CAPS_MAX; i++)
		if (imap_value_text(&list->items[i]) != NULL)
			im->caps[im->n_caps++] = mem_strdup(list->items[i].text);
}

bool imap_has(const struct imap *im, const char *capability)
{
	for (size_t i = 0; i < im->n_caps; i++)
		if (strcasecmp(im->caps[i], capability) == 0)
			return true;
	return false;
}

/* Capabilities out of a reply, or by asking. */
static int learn_caps(struct imap *im, const struct imap_reply *r, struct err *e)
{
	const struct imap_value *list = r != NULL ? imap_reply_code(r, "CAPABILITY") : NULL;
	struct imap_reply *asked = NULL;
	const struct imap_response *found;

	if (list != NULL) {
		imap_take_caps(im, list);
		return 0;
	}
	if (imap_command(im, &asked, e, "CAPABILITY") == -1) {
		imap_reply_free(asked);
		return -1;
	}
	found = imap_reply_find(asked, "CAPABILITY", 0, NULL);
	if (found != NULL)
		imap_take_caps(im, &found->args);
	imap_reply_free(asked);
	return 0;
}

static int greet(struct imap *im, struct err *e)
{
	struct imap_reply *r = NULL;
	int rc;

	if (imap_conn_response(im, e) == -1 ||
	    imap_response_parse(buf_text(&im->response), im->response.len, &r, e) == -1)
		return -1;
	if (r->n == 1 &&
	    (strcmp(r->responses[0].name, "OK") == 0 || strcmp(r->responses[0].name, "PREAUTH") == 0))
		rc = learn_caps(im, r, e);
	else if (r->n == 1 && strcmp(r->responses[0].name, "BYE") == 0)
		rc = err_set(e, ERR_TOOL, "the IMAP server refuses connections: %s", r->responses[0].text);
	else
		rc = err_set(e, ERR_FORMAT, "what answers is no IMAP server");
	imap_reply_free(r);
	return rc;
}

static void fill_opts(struct imap_opts *o, const struct imap_opts *given)
{
	*o = given != NULL ? *given : (struct imap_opts){ 0 };
	if (o->connect_timeout_ms == 0)
		o->connect_timeout_ms = CONNECT_TIMEOUT_MS;
	if (o->read_timeout_ms == 0)
		o->read_timeout_ms = READ_TIMEOUT_MS;
	if (o->max_response_bytes == 0)
		o->max_response_bytes = RESPONSE_MAX;
	if (o->max_reply_bytes == 0)
		o->max_reply_bytes = REPLY_MAX;
}

int imap_open_fd(int fd, bool local, const struct imap_opts *o, struct imap **ret, struct err *e)
{
	struct imap *im = mem_alloc(sizeof *im);

	im->fd = fd;
	im->local = local;
	fill_opts(&im->o, o);
	im->response.max = im->o.max_response_bytes;
	if (greet(im, e) == -1) {
		imap_close(im);
		return err_wrap(e, "IMAP greeting");
	}
	*ret = im;
	return 0;
}

int imap_connect(const char *address, const struct imap_opts *o, struct imap **ret, struct err *e)
{
	struct imap_opts full;
	bool local;
	int fd;

	fill_opts(&full, o);
	fd = imap_conn_open(address, &full, &local, e);
	return fd == -1 ? -1 : imap_open_fd(fd, local, o, ret, e);
}

void imap_close(struct imap *im)
{
	if (im == NULL)
		return;
	imap_append_drop(im);
	close(im->fd);
	for (size_t i = 0; i < im->n_caps; i++)
		free(im->caps[i]);
	free(im->caps);
	buf_done(&im->in);
	buf_done(&im->response);
	free(im);
}

void imap_logout(struct imap *im)
{
	if (im != NULL && !im->dead && *im->bye == '\0') {
		im->o.read_timeout_ms = 2000;
		imap_command(im, NULL, NULL, "LOGOUT");
	}
	imap_close(im);
}

/* ---- building a command ---- */

static void blank(struct imap_cmd *c)
{
	if (!c->glue)
		buf_char(&c->text, ' ');
	c->glue = false;
}

void imap_cmd_join(struct imap_cmd *c, const char *s)
{
	size_t n = strlen(s);

	buf_add(&c->text, s, n);
	c->glue = n > 0 ? s[n - 1] == '(' || s[n - 1] == ' ' : c->glue;
}

void imap_cmd_raw(struct imap_cmd *c, const char *s)
{
	blank(c);
	imap_cmd_join(c, s);
}

void imap_cmd_literal(struct imap_cmd *c, const void *p, size_t n)
{
	blank(c);
	/* RFC 3516: only "~{n}" may hold a NUL. */
	buf_printf(&c->text, "%s{%zu}\r\n", n > 0 && memchr(p, '\0', n) != NULL ? "~" : "", n);
	c->stops = mem_grow(c->stops, &c->cap_stops, c->n_stops + 1, sizeof *c->stops);
	c->stops[c->n_stops++] = c->text.len;
	buf_add(&c->text, p, n);
}

void imap_cmd_bytes(struct imap_cmd *c, const void *p, size_t n)
{
	const char *s = p;

	for (size_t i = 0; i < n; i++)
		if (n > QUOTED_MAX || (unsigned char)s[i] < ' ' || (unsigned char)s[i] >= 0x7f) {
			imap_cmd_literal(c, p, n);
			return;
		}
	blank(c);
	buf_char(&c->text, '"');
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '"' || s[i] == '\\')
			buf_char(&c->text, '\\');
		buf_char(&c->text, s[i]);
	}
	buf_char(&c->text, '"');
}

void imap_cmd_string(struct imap_cmd *c, const char *s)
{
	imap_cmd_bytes(c, s, strlen(s));
}

void imap_cmd_done(struct imap_cmd *c)
{
	/* It may have held a password. */
	if (c->text.data != NULL)
		explicit_bzero(c->text.data, c->text.cap);
	buf_done(&c->text);
	free(c->stops);
	*c = (struct imap_cmd)IMAP_CMD_INIT;
}

/* ---- running it ---- */

static int protocol_error(struct imap_exchange *x, const char *what)
{
	x->im->dead = true;
	return err_set(x->stopped ? NULL : x->e, ERR_FORMAT, "the IMAP server answered %s", what);
}

static int keep(struct imap_exchange *x, const struct imap_response *r)
{
	if (x->reply == NULL) {
		if (!x->stopped && x->each != NULL && x->each(x->arg, r, x->e) == -1)
			x->stopped = true;
		return 0;
	}
	if (x->arena->total_bytes + x->reply->n * sizeof *r > x->im->o.max_reply_bytes) {
		x->im->dead = true;
		return err_set(x->e, ERR_FORMAT, "the IMAP server's answer is longer than %zu bytes",
		    x->im->o.max_reply_bytes);
	}
	x->reply->responses = mem_grow(x->reply->responses, &x->cap, x->reply->n + 1, sizeof *r);
	x->reply->responses[x->reply->n++] = *r;
	return 0;
}

static int next(struct imap_exchange *x)
{
	struct imap *im = x->im;
	struct err *e = x->stopped ? NULL : x->e;
	struct imap_response r;
	char tag[32];

	if (x->reply == NULL)
		imap_arena_done(x->arena);
	if (imap_conn_response(im, e) == -1) {
		if (*im->bye != '\0')
			err_set(e, ERR_TOOL, "the IMAP server ended the connection: %s", im->bye);
		return STEP_FAILED;
	}
	if (imap_parse(x->arena, buf_text(&im->response), im->response.len, &r, tag, sizeof tag, e) == -1) {
		im->dead = true;
		return STEP_FAILED;
	}
	if (strcmp(tag, "+") == 0)
		return STEP_CONTINUE;
	if (strcmp(tag, x->tag) == 0) {
		x->final = r;
		return STEP_FINAL;
	}
	if (strcmp(tag, "*") != 0)
		return protocol_error(x, "another command than was sent");
	if (strcmp(r.name, "BYE") == 0)
		snprintf(im->bye, sizeof im->bye, "%s", *r.text != '\0' ? r.text : "BYE");
	if (strcmp(r.name, "CAPABILITY") == 0)
		imap_take_caps(im, &r.args);
	return keep(x, &r) == -1 ? STEP_FAILED : STEP_UNTAGGED;
}

int imap_exchange_await(struct imap_exchange *x, bool want_continue)
{
	int step;

	while ((step = next(x)) == STEP_UNTAGGED)
		;
	if (step == STEP_CONTINUE && !want_continue)
		return protocol_error(x, "a continuation that nobody asked for");
	return step;
}

int imap_exchange_send(struct imap_exchange *x, const struct imap_cmd *c, bool open)
{
	bool nonsync = imap_has(x->im, "LITERAL+");
	struct buf head = BUF_INIT;
	size_t at = 0;
	int step = STEP_CONTINUE;

	if (fault_refuses("imap-command")) {
		x->final = (struct imap_response){ .name = "NO", .text = "refused by a test" };
		return STEP_FINAL;
	}
	buf_reserve(&head, c->text.len + 64);
	buf_printf(&head, "%s ", x->tag);
	for (size_t i = 0; step == STEP_CONTINUE && i <= c->n_stops; i++) {
		size_t end = i < c->n_stops ? c->stops[i] : c->text.len;
		size_t next_stop = i + 1 < c->n_stops ? c->stops[i + 1] : c->text.len;
		bool plus = i < c->n_stops && nonsync && next_stop - end <= NONSYNC_MAX;

		buf_add(&head, c->text.data + at, end - at);
		if (plus) {
			/* "{12}\r\n" becomes "{12+}\r\n" */
			head.len -= 3;
			buf_str(&head, "+}\r\n");
		}
		if (i == c->n_stops && !open)
			buf_str(&head, "\r\n");
		at = end;
		if (plus)
			continue;
		step = imap_conn_send(x->im, head.data, head.len, x->e) == -1 ? STEP_FAILED : STEP_CONTINUE;
		explicit_bzero(head.data, head.cap);
		buf_clear(&head);
		if (step == STEP_CONTINUE && i < c->n_stops)
			step = imap_exchange_await(x, true);
	}
	if (head.data != NULL)
		explicit_bzero(head.data, head.cap);
	buf_done(&head);
	return step;
}

/* "SETMETADATA" of what was sent: the rest may be anybody's secret. */
static void verb_of(const struct imap_cmd *c, char *dst, size_t size)
{
	const char *s = buf_text(&c->text);
	size_t n = strcspn(s, " \r\n");

	if (strncmp(s, "UID ", 4) == 0)
		n = 4 + strcspn(s + 4, " \r\n");
	snprintf(dst, size, "%.*s", (int)(n < size ? n : size - 1), s);
}

static int run(struct imap_exchange *x, const struct imap_cmd *c)
{
	char verb[40];
	int step;

	snprintf(x->tag, sizeof x->tag, "c%u", ++x->im->tag);
	step = imap_exchange_send(x, c, false);
	if (step == STEP_CONTINUE)
		step = imap_exchange_await(x, false);
	if (step == STEP_FAILED || x->stopped)
		return -1;
	if (imap_status_of(x->final.name) == IMAP_OK)
		return 0;
	verb_of(c, verb, sizeof verb);
	return err_set(x->e, ERR_TOOL, "%s: the IMAP server said %s: %s", verb, x->final.name, x->final.text);
}

int imap_run(struct imap *im, const struct imap_cmd *c, struct imap_reply **ret, struct err *e)
{
	struct imap_reply *reply = mem_alloc(sizeof *reply);
	struct imap_exchange x = { .im = im, .reply = reply, .e = e };
	int rc;

	reply->memory = x.arena = mem_alloc(sizeof *x.arena);
	rc = run(&x, c);
	if (x.final.name == NULL) {
		imap_reply_free(reply);
		reply = NULL;
	} else {
		reply->tagged = x.final;
		reply->status = (enum imap_status)imap_status_of(x.final.name);
	}
	if (ret != NULL)
		*ret = reply;
	else
		imap_reply_free(reply);
	return rc;
}

int imap_run_each(struct imap *im, const struct imap_cmd *c, imap_each_fn *each, void *arg, struct err *e)
{
	struct imap_arena arena = { 0 };
	struct imap_exchange x = { .im = im, .arena = &arena, .each = each, .arg = arg, .e = e };
	int rc = run(&x, c);

	imap_arena_done(&arena);
	return rc;
}

/* Data for one directive of imap_command(); the text around it stands as it is. */
static const char *add_directive(struct imap_cmd *c, const char *p, va_list *ap)
{
	char number[32];

	c->glue = true;
	if (str_starts(p, "%s")) {
		imap_cmd_string(c, va_arg(*ap, const char *));
		return p + 2;
	}
	if (str_starts(p, "%.*s")) {
		int n = va_arg(*ap, int);

		imap_cmd_bytes(c, va_arg(*ap, const char *), n > 0 ? (size_t)n : 0);
		return p + 4;
	}
	if (str_starts(p, "%d")) {
		snprintf(number, sizeof number, "%d", va_arg(*ap, int));
		p += 2;
	} else if (str_starts(p, "%u")) {
		snprintf(number, sizeof number, "%u", va_arg(*ap, unsigned));
		p += 2;
	} else if (str_starts(p, "%lu")) {
		snprintf(number, sizeof number, "%lu", va_arg(*ap, unsigned long));
		p += 3;
	} else if (str_starts(p, "%llu")) {
		snprintf(number, sizeof number, "%llu", va_arg(*ap, unsigned long long));
		p += 4;
	} else {
		/* A directive we do not have would shift all arguments behind it. */
		abort();
	}
	imap_cmd_join(c, number);
	return p;
}

int imap_command(struct imap *im, struct imap_reply **ret, struct err *e, const char *fmt, ...)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	const char *p = fmt;
	va_list ap;
	int rc;

	va_start(ap, fmt);
	while (*p != '\0') {
		if (p[0] == '%' && p[1] == '%') {
			buf_char(&c.text, '%');
			p += 2;
		} else if (*p == '%') {
			p = add_directive(&c, p, &ap);
		} else {
			buf_char(&c.text, *p++);
		}
	}
	va_end(ap);
	rc = imap_run(im, &c, ret, e);
	imap_cmd_done(&c);
	return rc;
}

/* ---- login ---- */

static int send_line(struct imap *im, struct buf *line, struct err *e)
{
	int rc;

	buf_str(line, "\r\n");
	rc = imap_conn_send(im, line->data, line->len, e);
	explicit_bzero(line->data, line->cap);
	buf_clear(line);
	return rc;
}

/* AUTHENTICATE PLAIN, in one line where the server takes that. The final step, or STEP_FAILED. */
static int authenticate(
    struct imap_exchange *x, const char *authcid, const char *authzid, const char *password)
{
	struct buf plain = BUF_INIT, line = BUF_INIT;
	size_t n = strlen(authcid) + strlen(password) + (authzid != NULL ? strlen(authzid) : 0) + 2;
	bool at_once = imap_has(x->im, "SASL-IR");
	int step = STEP_CONTINUE;

	/* Room from the start: growing would leave copies of the secret behind. */
	buf_reserve(&plain, n);
	buf_reserve(&line, n * 2 + 64);
	buf_str(&plain, authzid != NULL ? authzid : "");
	buf_char(&plain, '\0');
	buf_str(&plain, authcid);
	buf_char(&plain, '\0');
	buf_str(&plain, password);
	buf_printf(&line, "%s AUTHENTICATE PLAIN", x->tag);
	if (at_once)
		buf_char(&line, ' ');
	else if (send_line(x->im, &line, x->e) == -1)
		step = STEP_FAILED;
	else
		step = imap_exchange_await(x, true);
	if (step == STEP_CONTINUE) {
		str_base64(&line, plain.data, plain.len);
		step = send_line(x->im, &line, x->e) == -1 ? STEP_FAILED : imap_exchange_await(x, false);
	}
	explicit_bzero(plain.data, plain.cap);
	explicit_bzero(line.data, line.cap);
	buf_done(&plain);
	buf_done(&line);
	return step;
}

static int login(struct imap_exchange *x, const char *user, const char *password)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	int step;

	buf_reserve(&c.text, 2 * (strlen(user) + strlen(password)) + 128);
	imap_cmd_raw(&c, "LOGIN");
	imap_cmd_string(&c, user);
	imap_cmd_string(&c, password);
	step = imap_exchange_send(x, &c, false);
	if (step == STEP_CONTINUE)
		step = imap_exchange_await(x, false);
	imap_cmd_done(&c);
	return step;
}

int imap_login_plain(
    struct imap *im, const char *authcid, const char *authzid, const char *password, struct err *e)
{
	struct imap_arena *arena = mem_alloc(sizeof *arena);
	struct imap_reply *reply = mem_alloc(sizeof *reply);
	struct imap_exchange x = { .im = im, .arena = arena, .reply = reply, .e = e };
	int rc = -1, step;

	reply->memory = arena;
	snprintf(x.tag, sizeof x.tag, "c%u", ++im->tag);
	if (!im->local) {
		err_set(e, ERR_REFUSED,
		    "the IMAP server is not on this host: the password would cross the net in clear");
		err_hint(e, "use an address of this host, such as 127.0.0.1:143");
		goto out;
	}
	if (imap_has(im, "AUTH=PLAIN")) {
		step = authenticate(&x, authcid, authzid, password);
	} else if (authzid == NULL && !imap_has(im, "LOGINDISABLED")) {
		step = login(&x, authcid, password);
	} else {
		err_set(e, ERR_AUTH, "the IMAP server takes no password here without TLS");
		err_hint(e, "give the service on this loopback address NAME_allowplaintext: yes in "
			    "imapd.conf, and PLAIN in "
			    "sasl_mech_list");
		goto out;
	}
	if (step == STEP_FAILED)
		goto out;
	if (imap_status_of(x.final.name) != IMAP_OK) {
		err_set(e, ERR_AUTH, "the IMAP server did not accept %s%s%s: %s", authcid,
		    authzid != NULL ? " acting as " : "", authzid != NULL ? authzid : "", x.final.text);
		goto out;
	}
	reply->tagged = x.final;
	rc = learn_caps(im, reply, e);
out:
	imap_reply_free(reply);
	return rc;
}
