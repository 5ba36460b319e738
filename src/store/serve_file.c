/* serve_file.c: requests of the served store about one file: open, read, write, its attributes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/log.h"
#include "store/serve_priv.h"

/* The disk is set to work while an upload comes, not all at its end. */
#define FLUSH_EVERY ((uint64_t)32 << 20)

static void malformed(struct serve *s, uint32_t id, struct buf *out)
{
	struct err e = { 0 };

	err_set(&e, ERR_FORMAT, "malformed request");
	reply_error(s, out, id, &e);
}

void serve_open(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct place_name name = get_name(s, in);
	uint32_t flags = sftp_get_u32(in);
	struct sftp_attrs attrs; /* the mode is ours to choose */
	struct err e = { 0 };
	struct handle *h;
	bool writes = (flags & ~(uint32_t)SFTP_OPEN_READ) != 0;

	sftp_get_attrs(in, &attrs);
	if (in->bad) {
		malformed(s, id, out);
		return;
	}
	h = handle_new(s, &e);
	if (h != NULL && writes)
		h->fd = place_begin(&s->place, &name, (flags & SFTP_OPEN_CREATE) != 0,
		    (flags & SFTP_OPEN_EXCLUSIVE) != 0, (flags & SFTP_OPEN_TRUNCATE) != 0, &e);
	else if (h != NULL)
		h->fd = place_read(&s->place, &name, &e);
	if (h == NULL || h->fd == -1) {
		reply_error(s, out, id, &e);
		return;
	}
	h->writable = writes;
	h->name = name;
	log_write(LOG_LEVEL_INFO, "store: %s %s", writes ? "writing" : "reading", name.file);
	reply_handle(s, out, id, h);
}

void serve_close(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);

	if (h != NULL) {
		if (h->writable)
			log_write(LOG_LEVEL_INFO, "store: %llu bytes written to %s",
			    (unsigned long long)h->written, h->name.file);
		handle_close(h);
	}
	reply_done(s, out, id, h != NULL ? 0 : -1, &e);
}

void serve_read(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);
	uint64_t off = sftp_get_u64(in);
	uint32_t n = sftp_get_u32(in);
	size_t at, length_at;
	ssize_t got;
	char *p;

	if (h != NULL && h->fd == -1)
		err_set(&e, ERR_SYS, "not a file");
	if (in->bad)
		err_set(&e, ERR_FORMAT, "malformed request");
	if (e.code != ERR_NONE) {
		reply_error(s, out, id, &e);
		return;
	}
	if (off > INT64_MAX) {
		reply_status(out, id, SFTP_EOF, "end of file");
		return;
	}
	if (n > SERVE_DATA_MAX)
		n = SERVE_DATA_MAX;
	/* Straight into its place in the answer, which is made something else if that fails. */
	at = sftp_begin(out, SFTP_DATA);
	sftp_put_u32(out, id);
	length_at = out->len;
	sftp_put_u32(out, 0);
	p = buf_reserve(out, n);
	do
		got = pread(h->fd, p, n, (off_t)off);
	while (got == -1 && errno == EINTR);
	if (got <= 0 && n > 0) {
		if (got == -1)
			err_sys(&e, "read %s", h->name.file);
		out->len = at;
		if (got == -1)
			reply_error(s, out, id, &e);
		else
			reply_status(out, id, SFTP_EOF, "end of file");
		return;
	}
	put_be32((uint8_t *)out->data + length_at, (uint32_t)got);
	out->len += (size_t)got;
	sftp_end(out, at);
}

void serve_write(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);
	uint64_t off = sftp_get_u64(in);
	struct sftp_string data = sftp_get_string(in);
	int rc = -1;

	if (in->bad)
		err_set(&e, ERR_FORMAT, "malformed request");
	else if (h != NULL && !h->writable)
		err_set(&e, ERR_REFUSED, "not open for writing");
	else if (h != NULL)
		rc = place_write(&s->place, &h->name, h->fd, data.p, data.n, off, &e);
	if (rc == 0) {
		h->written += data.n;
		h->unflushed += data.n;
		if (h->unflushed >= FLUSH_EVERY) {
			sync_file_range(h->fd, 0, 0, SYNC_FILE_RANGE_WRITE);
			h->unflushed = 0;
		}
	}
	reply_done(s, out, id, rc, &e);
}

void serve_stat(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct place_name name = get_name(s, in);
	struct err e = { 0 };
	struct stat st;

	if (in->bad)
		malformed(s, id, out);
	else if (place_stat(&s->place, &name, &st, &e) == -1)
		reply_error(s, out, id, &e);
	else
		reply_attrs(out, id, &st);
}

void serve_fstat(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);
	struct stat st;

	if (h != NULL && fstat(h->fd != -1 ? h->fd : dirfd(h->dir), &st) == -1) {
		err_sys(&e, "%s", h->name.file);
		h = NULL;
	}
	if (h == NULL)
		reply_error(s, out, id, &e);
	else
		reply_attrs(out, id, &st);
}

/* Of attributes only the size of an upload can be set; asking for none is no harm. */
static int set_attrs(
    struct serve *s, const struct place_name *name, int fd, const struct sftp_attrs *a, struct err *e)
{
	if ((a->flags & ~(uint32_t)SFTP_ATTR_SIZE) != 0)
		return err_set(e, ERR_REFUSED, "owner, mode and times are not set here");
	return (a->flags & SFTP_ATTR_SIZE) ? place_truncate(&s->place, name, fd, a->size, e) : 0;
}

void serve_setstat(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct place_name name = get_name(s, in);
	struct err e = { 0 };
	struct sftp_attrs a;
	int fd, rc = -1;

	sftp_get_attrs(in, &a);
	if (in->bad) {
		malformed(s, id, out);
		return;
	}
	fd = place_begin(&s->place, &name, false, false, false, &e);
	if (fd != -1) {
		rc = set_attrs(s, &name, fd, &a, &e);
		close(fd);
	}
	reply_done(s, out, id, rc, &e);
}

void serve_fsetstat(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);
	struct sftp_attrs a;
	int rc = -1;

	sftp_get_attrs(in, &a);
	if (in->bad)
		err_set(&e, ERR_FORMAT, "malformed request");
	else if (h != NULL && !h->writable)
		err_set(&e, ERR_REFUSED, "not open for writing");
	else if (h != NULL)
		rc = set_attrs(s, &h->name, h->fd, &a, &e);
	reply_done(s, out, id, rc, &e);
}

void serve_fsync(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);

	reply_done(
	    s, out, id, h == NULL ? -1 : place_sync(&s->place, h->fd != -1 ? h->fd : dirfd(h->dir), &e), &e);
}
