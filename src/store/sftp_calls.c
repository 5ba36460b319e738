/* sftp_calls.c: single requests of SFTP and their answers. */
#include "store/sftp_calls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"

#define READDIRS_AHEAD 4u
#define ENTRIES_MAX    1000000u
#define NAMES_BYTES    (16u << 10) /* of an answer to READDIR, about */

static void answered(void *arg, struct sftp *s, const struct sftp_reply *r)
{
	struct sftp_call *c = arg;

	(void)s;
	c->done = true;
	if (r == NULL) {
		c->lost = true;
		return;
	}
	c->type = r->type;
	c->status = r->status;
	c->attrs = r->attrs;
	c->count = r->count;
	if (r->type == SFTP_HANDLE) {
		memcpy(c->handle.p, r->string.p, r->string.n);
		c->handle.n = r->string.n;
	} else if (r->type == SFTP_STATUS) {
		buf_add(&c->rest, r->string.p, r->string.n < 200 ? r->string.n : 200);
	} else if (r->type == SFTP_NAME || r->type == SFTP_EXTENDED_REPLY) {
		buf_add(&c->rest, r->rest.p, r->rest.left);
	}
}

void sftp_call(struct sftp *s, struct sftp_call *c, size_t reply_bytes)
{
	*c = (struct sftp_call){ 0 };
	c->id = sftp_send_request(s, answered, c, reply_bytes);
}

void sftp_call_done(struct sftp_call *c)
{
	buf_done(&c->rest);
}

int sftp_status_err(uint32_t status, struct sftp_string message, const char *what, struct err *e)
{
	const char *word = sftp_status_word(status);
	/* Many servers only say the same in other words. */
	bool more = message.n > 0 && strncasecmp(message.p, word, message.n) != 0 &&
	            (status == SFTP_FAILURE || status == SFTP_PERMISSION_DENIED);

	switch (status) {
	case SFTP_NO_SUCH_FILE: return err_set(e, ERR_NOT_FOUND, "%s: no such file or directory", what);
	case SFTP_PERMISSION_DENIED:
		if (more)
			err_set(e, ERR_SYS, "%s: permission denied: the server says: %.*s", what,
			    (int)message.n, message.p);
		else
			err_set(e, ERR_SYS, "%s: permission denied", what);
		if (e != NULL)
			e->sys = EACCES;
		return err_hint(e,
		    "the account on that host must be allowed to: look at owner and mode of the store's "
		    "directory there");
	case SFTP_OP_UNSUPPORTED: return err_set(e, ERR_UNSUPPORTED, "%s: the server cannot do that", what);
	default: break;
	}
	/* This version has no number for it; servers that tell say it in the words of the system. */
	if (more && memmem(message.p, message.n, "o space left", 12) != NULL)
		return err_set(e, ERR_SPACE, "%s: the server says: %.*s", what, (int)message.n, message.p);
	if (more)
		return err_set(e, ERR_SYS, "%s: the server says: %.*s", what, (int)message.n, message.p);
	return err_set(e, ERR_SYS, "%s: the server says: %s", what, word);
}

int sftp_answer(struct sftp *s, struct sftp_call *c, struct job *job, enum sftp_type want, const char *what,
    struct err *e)
{
	while (!c->done) {
		if (sftp_step(&s, 1, job, e) == -1) {
			sftp_forget(s, c->id);
			return -1;
		}
	}
	if (c->lost) {
		if (e != NULL)
			*e = *sftp_why(s);
		return -1;
	}
	if (c->type == SFTP_STATUS && (c->status != SFTP_OK || want != SFTP_STATUS))
		return sftp_status_err(
		    c->status, (struct sftp_string){ buf_text(&c->rest), c->rest.len }, what, e);
	if (c->type != want) {
		sftp_break(s, ERR_FORMAT, "%s: the server's answer is of the wrong kind", what);
		return err_set(e, ERR_FORMAT, "%s: the server's answer is of the wrong kind", what);
	}
	return 0;
}

char *sftp_path(const char *dir, const char *name)
{
	return mem_printf("%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
}

/* Requests. */

void sftp_ask_open(struct sftp *s, const char *path, uint32_t flags)
{
	struct sftp_attrs a = { .flags = SFTP_ATTR_MODE, .mode = 0600 };
	struct buf *b = sftp_begin_request(s, SFTP_OPEN);

	if (!(flags & SFTP_OPEN_CREATE))
		a.flags = 0;
	sftp_put_text(b, path);
	sftp_put_u32(b, flags);
	sftp_put_attrs(b, &a);
}

void sftp_ask_path(struct sftp *s, enum sftp_type type, const char *path)
{
	sftp_put_text(sftp_begin_request(s, type), path);
}

void sftp_ask_handle(struct sftp *s, enum sftp_type type, const struct sftp_handle *h)
{
	sftp_put_string(sftp_begin_request(s, type), h->p, h->n);
}

void sftp_ask_two(struct sftp *s, enum sftp_type type, const char *from, const char *to)
{
	struct buf *b = sftp_begin_request(s, type);

	sftp_put_text(b, from);
	sftp_put_text(b, to);
}

/* Sends what was begun and waits for a status. */
static int for_status(struct sftp *s, struct job *job, const char *what, struct err *e)
{
	struct sftp_call c;
	int rc;

	sftp_call(s, &c, 0);
	rc = sftp_answer(s, &c, job, SFTP_STATUS, what, e);
	sftp_call_done(&c);
	return rc;
}

static int for_attrs(struct sftp *s, struct job *job, const char *what, struct sftp_attrs *ret, struct err *e)
{
	struct sftp_call c;
	int rc;

	sftp_call(s, &c, 0);
	rc = sftp_answer(s, &c, job, SFTP_ATTRS, what, e);
	if (rc == 0)
		*ret = c.attrs;
	sftp_call_done(&c);
	return rc;
}

static int for_handle(
    struct sftp *s, struct job *job, const char *what, struct sftp_handle *ret, struct err *e)
{
	struct sftp_call c;
	int rc;

	sftp_call(s, &c, 0);
	rc = sftp_answer(s, &c, job, SFTP_HANDLE, what, e);
	if (rc == 0)
		*ret = c.handle;
	sftp_call_done(&c);
	return rc;
}

int sftp_stat(struct sftp *s, struct job *job, enum sftp_type how, const char *path, struct sftp_attrs *ret,
    struct err *e)
{
	sftp_ask_path(s, how, path);
	return for_attrs(s, job, path, ret, e);
}

int sftp_fstat(
    struct sftp *s, struct job *job, const struct sftp_handle *h, struct sftp_attrs *ret, struct err *e)
{
	sftp_ask_handle(s, SFTP_FSTAT, h);
	return for_attrs(s, job, "stat", ret, e);
}

int sftp_open_file(
    struct sftp *s, struct job *job, const char *path, uint32_t flags, struct sftp_handle *ret, struct err *e)
{
	sftp_ask_open(s, path, flags);
	return for_handle(s, job, path, ret, e);
}

int sftp_close(struct sftp *s, struct job *job, struct sftp_handle *h, struct err *e)
{
	sftp_ask_handle(s, SFTP_CLOSE, h);
	h->n = 0;
	return for_status(s, job, "close", e);
}

int sftp_mkdir(struct sftp *s, struct job *job, const char *path, struct err *e)
{
	struct sftp_attrs a = { .flags = SFTP_ATTR_MODE, .mode = 0700 };
	struct buf *b = sftp_begin_request(s, SFTP_MKDIR);

	sftp_put_text(b, path);
	sftp_put_attrs(b, &a);
	return for_status(s, job, path, e);
}

int sftp_remove(struct sftp *s, struct job *job, const char *path, struct err *e)
{
	sftp_ask_path(s, SFTP_REMOVE, path);
	return for_status(s, job, path, e);
}

int sftp_truncate(struct sftp *s, struct job *job, const char *path, struct err *e)
{
	struct sftp_attrs a = { .flags = SFTP_ATTR_SIZE };
	struct buf *b = sftp_begin_request(s, SFTP_SETSTAT);

	sftp_put_text(b, path);
	sftp_put_attrs(b, &a);
	return for_status(s, job, path, e);
}

int sftp_rename(struct sftp *s, struct job *job, const char *from, const char *to, struct err *e)
{
	sftp_ask_two(s, SFTP_RENAME, from, to);
	return for_status(s, job, to, e);
}

static int no_extension(struct err *e, const char *name)
{
	return err_set(e, ERR_UNSUPPORTED, "the server has no %s", name);
}

int sftp_link(struct sftp *s, struct job *job, const char *from, const char *to, struct err *e)
{
	struct buf *b;

	if (!sftp_limits(s)->hardlink)
		return no_extension(e, "hardlink@openssh.com");
	b = sftp_begin_request(s, SFTP_EXTENDED);
	sftp_put_text(b, "hardlink@openssh.com");
	sftp_put_text(b, from);
	sftp_put_text(b, to);
	return for_status(s, job, to, e);
}

int sftp_fsync(struct sftp *s, struct job *job, const struct sftp_handle *h, struct err *e)
{
	struct buf *b;

	if (!sftp_limits(s)->fsync)
		return no_extension(e, "fsync@openssh.com");
	b = sftp_begin_request(s, SFTP_EXTENDED);
	sftp_put_text(b, "fsync@openssh.com");
	sftp_put_string(b, h->p, h->n);
	return for_status(s, job, "fsync", e);
}

int sftp_free_bytes(struct sftp *s, struct job *job, const char *path, uint64_t *ret, struct err *e)
{
	struct sftp_call c;
	struct sftp_in in;
	struct buf *b;
	uint64_t fragment, available;
	int rc;

	if (!sftp_limits(s)->statvfs)
		return no_extension(e, "statvfs@openssh.com");
	b = sftp_begin_request(s, SFTP_EXTENDED);
	sftp_put_text(b, "statvfs@openssh.com");
	sftp_put_text(b, path);
	sftp_call(s, &c, 0);
	rc = sftp_answer(s, &c, job, SFTP_EXTENDED_REPLY, "ask for free space", e);
	if (rc == 0) {
		/* f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, ... */
		in = (struct sftp_in){ (const uint8_t *)buf_text(&c.rest), c.rest.len, false };
		sftp_get_u64(&in);
		fragment = sftp_get_u64(&in);
		sftp_get_u64(&in);
		sftp_get_u64(&in);
		available = sftp_get_u64(&in);
		if (in.bad)
			rc = err_set(e, ERR_FORMAT, "ask for free space: the server's answer is malformed");
		else if (__builtin_mul_overflow(fragment, available, ret))
			*ret = UINT64_MAX;
	}
	sftp_call_done(&c);
	return rc;
}

static void ignore(void *arg, struct sftp *s, const struct sftp_reply *r)
{
	(void)arg;
	(void)s;
	(void)r;
}

void sftp_forget_handle(struct sftp *s, struct sftp_handle *h)
{
	if (h->n == 0 || sftp_why(s) != NULL)
		return;
	sftp_ask_handle(s, SFTP_CLOSE, h);
	sftp_send_request(s, ignore, NULL, 0);
	h->n = 0;
}

/* Lists: several READDIRs are under way, so that a long list does not cost a round trip for each hundred names. */

static int give_names(struct sftp_call *c, sftp_each_fn *each, void *arg, size_t *n, struct err *e)
{
	struct sftp_reply r = { .type = SFTP_NAME,
		.count = c->count,
		.rest = { (const uint8_t *)buf_text(&c->rest), c->rest.len, false } };
	struct sftp_name name;
	int more;

	while ((more = sftp_next_name(&r, &name, e)) == 1) {
		if (++*n > ENTRIES_MAX)
			return err_set(e, ERR_FORMAT, "more than %u entries", ENTRIES_MAX);
		if (each(arg, &name, e) == -1)
			return -1;
	}
	return more;
}

int sftp_list(struct sftp *s, struct job *job, const char *path, sftp_each_fn *each, void *arg, struct err *e)
{
	struct sftp_call calls[READDIRS_AHEAD];
	struct sftp_handle h;
	size_t n = 0, asked = 0, taken = 0;
	bool end = false;
	int rc = 0;

	sftp_ask_path(s, SFTP_OPENDIR, path);
	if (for_handle(s, job, path, &h, e) == -1)
		return -1;
	while (!end || taken < asked) {
		struct sftp_call *c = &calls[taken % READDIRS_AHEAD];

		while (!end && rc == 0 && asked - taken < READDIRS_AHEAD) {
			sftp_ask_handle(s, SFTP_READDIR, &h);
			sftp_call(s, &calls[asked++ % READDIRS_AHEAD], NAMES_BYTES);
		}
		if (taken == asked)
			break;
		/* After a failure only those under way are waited for. */
		if (sftp_answer(s, c, job, SFTP_NAME, path, rc == 0 ? e : NULL) == -1) {
			if (!c->done || c->lost || c->type != SFTP_STATUS || c->status != SFTP_EOF)
				rc = -1;
			end = true;
		} else if (rc == 0 && give_names(c, each, arg, &n, e) == -1) {
			rc = -1;
			end = true;
		}
		taken++;
		sftp_call_done(c);
	}
	sftp_forget_handle(s, &h);
	return rc;
}
