/* serve_reply.c: answers of the served store, and the handles that are in them. */
#include <errno.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/log.h"
#include "store/serve_priv.h"

#define HANDLE_SIZE 8u

/* A hostile client must not fill the log. */
#define REFUSALS_LOGGED 100u

void reply_status(struct buf *out, uint32_t id, enum sftp_status status, const char *text)
{
	size_t at = sftp_begin(out, SFTP_STATUS);

	sftp_put_u32(out, id);
	sftp_put_u32(out, status);
	sftp_put_text(out, text);
	sftp_put_text(out, "");
	sftp_end(out, at);
}

void reply_error(struct serve *s, struct buf *out, uint32_t id, const struct err *e)
{
	enum sftp_status status = SFTP_FAILURE;

	if (e->code == ERR_NOT_FOUND)
		status = SFTP_NO_SUCH_FILE;
	else if (e->code == ERR_REFUSED || e->sys == EACCES || e->sys == EPERM || e->sys == EROFS)
		status = SFTP_PERMISSION_DENIED;
	else if (e->code == ERR_UNSUPPORTED)
		status = SFTP_OP_UNSUPPORTED;
	else if (e->code == ERR_FORMAT)
		status = SFTP_BAD_MESSAGE;
	if (e->code != ERR_NOT_FOUND && s->refusals <= REFUSALS_LOGGED) {
		bool last = s->refusals++ == REFUSALS_LOGGED;

		log_write(LOG_LEVEL_WARNING, "store: refused: %s%s", e->msg,
		    last ? "; further refusals are not logged" : "");
	}
	reply_status(out, id, status, e->msg);
}

/* 0 or -1 as what was asked for went. */
void reply_done(struct serve *s, struct buf *out, uint32_t id, int rc, const struct err *e)
{
	if (rc == 0)
		reply_status(out, id, SFTP_OK, "ok");
	else
		reply_error(s, out, id, e);
}

struct sftp_attrs reply_attrs_of(const struct stat *st)
{
	return (
	    struct sftp_attrs){ .flags = SFTP_ATTR_SIZE | SFTP_ATTR_OWNER | SFTP_ATTR_MODE | SFTP_ATTR_TIMES,
		.size = (uint64_t)st->st_size,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mode = st->st_mode,
		.atime = (uint32_t)st->st_atime,
		.mtime = (uint32_t)st->st_mtime };
}

void reply_attrs(struct buf *out, uint32_t id, const struct stat *st)
{
	struct sftp_attrs a = reply_attrs_of(st);
	size_t at = sftp_begin(out, SFTP_ATTRS);

	sftp_put_u32(out, id);
	sftp_put_attrs(out, &a);
	sftp_end(out, at);
}

struct handle *handle_new(struct serve *s, struct err *e)
{
	for (size_t i = 0; i < SERVE_HANDLES; i++) {
		struct handle *h = &s->handles[i];

		if (h->serial != 0)
			continue;
		*h = (struct handle){ .fd = -1 };
		return h;
	}
	err_set(e, ERR_SYS, "too many open files");
	return NULL;
}

void reply_handle(struct serve *s, struct buf *out, uint32_t id, struct handle *h)
{
	uint8_t name[HANDLE_SIZE];
	size_t at = sftp_begin(out, SFTP_HANDLE);

	/* Never that of a closed one before four milliards more. */
	if (++s->serial == 0)
		s->serial = 1;
	h->serial = s->serial;
	put_be32(name, (uint32_t)(h - s->handles));
	put_be32(name + 4, h->serial);
	sftp_put_u32(out, id);
	sftp_put_string(out, name, sizeof name);
	sftp_end(out, at);
}

struct handle *handle_get(struct serve *s, struct sftp_in *in, struct err *e)
{
	struct sftp_string name = sftp_get_string(in);
	uint32_t i = name.n == HANDLE_SIZE ? be32((const uint8_t *)name.p) : SERVE_HANDLES;

	if (i < SERVE_HANDLES && s->handles[i].serial != 0 &&
	    be32((const uint8_t *)name.p + 4) == s->handles[i].serial)
		return &s->handles[i];
	err_set(e, ERR_SYS, "no such handle");
	return NULL;
}

void handle_close(struct handle *h)
{
	if (h->fd != -1)
		close(h->fd);
	if (h->dir != NULL)
		closedir(h->dir);
	*h = (struct handle){ .fd = -1 };
}

struct place_name get_name(struct serve *s, struct sftp_in *in)
{
	struct sftp_string path = sftp_get_string(in);
	struct place_name name;

	place_parse(&s->place, path.p, path.n, &name);
	return name;
}
