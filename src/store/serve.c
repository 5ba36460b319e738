/* serve.c: SFTP version 3 as a server: packets in, answers out. What may be done is decided in serve_place.c. */
#include "store/serve.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "store/serve_priv.h"

#define OUT_ENOUGH ((size_t)1 << 20)
#define IN_ROOM    ((size_t)1 << 20)

static void do_refuse(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };

	(void)in;
	err_set(&e, ERR_REFUSED, "only archives are kept here");
	reply_error(s, out, id, &e);
}

static void do_limits(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	size_t at = sftp_begin(out, SFTP_EXTENDED_REPLY);

	(void)s;
	(void)in;
	sftp_put_u32(out, id);
	sftp_put_u64(out, SFTP_PACKET_MAX);
	sftp_put_u64(out, SERVE_DATA_MAX);
	sftp_put_u64(out, SERVE_DATA_MAX);
	sftp_put_u64(out, SERVE_HANDLES);
	sftp_end(out, at);
}

static const struct {
	const char *name, *version;
	request_fn *fn;
} extensions[] = {
	{ "posix-rename@openssh.com", "1", serve_rename },
	{ "statvfs@openssh.com", "2", serve_statvfs },
	{ "fstatvfs@openssh.com", "2", serve_statvfs },
	{ "hardlink@openssh.com", "1", serve_hardlink },
	{ "fsync@openssh.com", "1", serve_fsync },
	{ "limits@openssh.com", "1", do_limits },
};
#define N_EXTENSIONS (sizeof extensions / sizeof extensions[0])

static void do_extended(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct sftp_string name = sftp_get_string(in);
	struct err e = { 0 };

	for (size_t i = 0; i < N_EXTENSIONS; i++) {
		if (sftp_string_is(name, extensions[i].name)) {
			extensions[i].fn(s, in, id, out);
			return;
		}
	}
	err_set(&e, ERR_UNSUPPORTED, "no such request here");
	reply_error(s, out, id, &e);
}

/* By their type. */
static request_fn *const requests[] = {
	[SFTP_OPEN] = serve_open,
	[SFTP_CLOSE] = serve_close,
	[SFTP_READ] = serve_read,
	[SFTP_WRITE] = serve_write,
	[SFTP_LSTAT] = serve_stat,
	[SFTP_FSTAT] = serve_fstat,
	[SFTP_SETSTAT] = serve_setstat,
	[SFTP_FSETSTAT] = serve_fsetstat,
	[SFTP_OPENDIR] = serve_opendir,
	[SFTP_READDIR] = serve_readdir,
	[SFTP_REMOVE] = serve_remove,
	[SFTP_MKDIR] = do_refuse,
	[SFTP_RMDIR] = do_refuse,
	[SFTP_REALPATH] = serve_realpath,
	[SFTP_STAT] = serve_stat,
	[SFTP_RENAME] = serve_rename,
	[SFTP_READLINK] = do_refuse,
	[SFTP_SYMLINK] = do_refuse,
	[SFTP_EXTENDED] = do_extended,
};
#define N_REQUESTS (sizeof requests / sizeof requests[0])

static int greet(struct serve *s, struct sftp_in *in, struct buf *out, struct err *e)
{
	size_t at;

	sftp_get_u32(in); /* every version knows 3 */
	if (in->bad)
		return err_set(e, ERR_FORMAT, "the client's greeting is malformed");
	at = sftp_begin(out, SFTP_VERSION_REPLY);
	sftp_put_u32(out, SFTP_VERSION);
	for (size_t i = 0; i < N_EXTENSIONS; i++) {
		sftp_put_text(out, extensions[i].name);
		sftp_put_text(out, extensions[i].version);
	}
	sftp_end(out, at);
	s->greeted = true;
	return 0;
}

/* One packet without its length. */
static int answer(struct serve *s, const uint8_t *p, size_t n, struct buf *out, struct err *e)
{
	struct sftp_in in = { p, n, false };
	uint8_t type = sftp_get_u8(&in);
	uint32_t id;

	if (!s->greeted && type != SFTP_INIT)
		return err_set(e, ERR_FORMAT, "the client did not greet");
	if (type == SFTP_INIT)
		return s->greeted ? err_set(e, ERR_FORMAT, "the client greeted twice")
		                  : greet(s, &in, out, e);
	id = sftp_get_u32(&in);
	if (in.bad)
		return err_set(e, ERR_FORMAT, "a request without a number");
	if (type < N_REQUESTS && requests[type] != NULL)
		requests[type](s, &in, id, out);
	else
		reply_status(out, id, SFTP_OP_UNSUPPORTED, "no such request here");
	return 0;
}

int serve_new(const struct serve_opts *o, struct serve **ret, struct err *e)
{
	struct serve *s = mem_alloc(sizeof *s);

	if (place_open(&s->place, o, e) == -1) {
		free(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int serve_take(struct serve *s, const uint8_t *p, size_t n, size_t *ret_used, struct buf *out, struct err *e)
{
	size_t used = 0, len;
	int rc = 0;

	while (out->len < OUT_ENOUGH && (rc = sftp_frame(p + used, n - used, &len, e)) == 1) {
		rc = answer(s, p + used + 4, len, out, e);
		if (rc == -1)
			break;
		used += 4 + len;
	}
	*ret_used = used;
	return rc == -1 ? -1 : 0;
}

void serve_free(struct serve *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < SERVE_HANDLES; i++)
		if (s->handles[i].serial != 0)
			handle_close(&s->handles[i]);
	place_close(&s->place);
	free(s);
}

/* ---- over a connection ---- */

/* The other side may have set our descriptor not to wait. */
static bool again(int fd, short events)
{
	struct pollfd f = { .fd = fd, .events = events };

	if (errno == EINTR)
		return true;
	return errno == EAGAIN && (poll(&f, 1, -1) >= 0 || errno == EINTR);
}

static int send_all(int fd, const char *p, size_t n, struct err *e)
{
	while (n > 0) {
		ssize_t sent = write(fd, p, n);

		if (sent == -1 && !again(fd, POLLOUT))
			return err_set(e, ERR_CONNECTION, "the connection broke: %s", strerror(errno));
		if (sent > 0) {
			p += sent;
			n -= (size_t)sent;
		}
	}
	return 0;
}

/* More bytes of the client's: how many, 0 at the end. */
static ssize_t receive(int fd, uint8_t *p, size_t n, struct err *e)
{
	ssize_t got;

	do
		got = read(fd, p, n);
	while (got == -1 && again(fd, POLLIN));
	if (got == -1)
		err_set(e, ERR_CONNECTION, "the connection broke: %s", strerror(errno));
	return got;
}

int serve_run(const struct serve_opts *o, int in, int out, struct err *e)
{
	uint8_t *room;
	size_t have = 0, used;
	struct buf b = BUF_INIT;
	struct serve *s;
	ssize_t got = 0;
	int rc;

	if (serve_new(o, &s, e) == -1)
		return -1;
	room = mem_alloc(IN_ROOM);
	do {
		do {
			rc = serve_take(s, room, have, &used, &b, e);
			have -= used;
			memmove(room, room + used, have);
			if (send_all(out, buf_text(&b), b.len, rc == 0 ? e : NULL) == -1)
				rc = -1;
			b.len = 0;
		} while (rc == 0 && used > 0);
		if (rc == 0) /* a packet is smaller than the room, so there is some */
			got = receive(in, room + have, IN_ROOM - have, e);
		if (got > 0)
			have += (size_t)got;
	} while (rc == 0 && got > 0);
	if (rc == 0 && got == 0 && have > 0)
		rc = err_set(e, ERR_CONNECTION, "the connection broke in the middle of a packet");
	serve_free(s);
	buf_done(&b);
	free(room);
	return got == -1 ? -1 : rc;
}
