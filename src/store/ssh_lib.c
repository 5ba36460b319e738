/* ssh_lib.c: a link over libssh2: session, channel, and its bytes. */
#include "store/ssh_lib.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

#define WINDOW        (32u << 20) /* what may be on its way to us: 50 ms of 5 Gbit/s */
#define PACKET        32768u
#define OUT_FULL      ((size_t)512 << 10) /* no more is taken from our caller */
#define OUT_MAX       ((size_t)8 << 20)   /* no more is taken from libssh2 */
#define MAX_GREETING  ((size_t)64 << 10)
#define MAX_ERRORS    ((size_t)4 << 10)
#define KEEPALIVE_SEC 30

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void start_library(void)
{
	libssh2_init(0);
}

/* ---- memory ---- */

/* What libssh2 allocates belongs to the link, which frees at its end what libssh2 has forgotten: 1.10 loses some of it when a session ends in the
 * middle of something. */
struct lib_block {
	struct lib_block *prev, *next;
	size_t size;
	max_align_t bytes[];
};

static struct lib_block *block_of(void *p)
{
	return (struct lib_block *)(void *)((char *)p - offsetof(struct lib_block, bytes));
}

void *lib_alloc(struct ssh_lib *l, size_t n)
{
	struct lib_block *b = n < SIZE_MAX / 2 ? malloc(sizeof *b + n) : NULL;

	if (b == NULL)
		return NULL;
	*b = (struct lib_block){ .next = l->blocks, .size = n };
	if (b->next != NULL)
		b->next->prev = b;
	l->blocks = b;
	return b->bytes;
}

static void free_block(struct ssh_lib *l, struct lib_block *b)
{
	if (b->prev != NULL)
		b->prev->next = b->next;
	else
		l->blocks = b->next;
	if (b->next != NULL)
		b->next->prev = b->prev;
	if (l->secret)
		explicit_bzero(b->bytes, b->size);
	free(b);
}

static void *on_alloc(size_t n, void **abstract)
{
	return lib_alloc(*abstract, n);
}

static void on_free(void *p, void **abstract)
{
	if (p != NULL)
		free_block(*abstract, block_of(p));
}

static void *on_realloc(void *p, size_t n, void **abstract)
{
	void *q = lib_alloc(*abstract, n);

	if (q != NULL && p != NULL) {
		size_t old = block_of(p)->size;

		memcpy(q, p, old < n ? old : n);
		free_block(*abstract, block_of(p));
	}
	return q;
}

/* ---- the socket ---- */

/* An agent's socket: libssh2 reads from it as if it could block, and takes a part of an answer for the whole. */
static ssize_t agent_recv(const struct ssh_lib *l, int fd, void *p, size_t n)
{
	ssize_t r;

	if (l->t != NULL && ssh_wait(l->t, fd, POLLIN, NULL) == -1)
		return -ECANCELED;
	r = recv(fd, p, n, MSG_WAITALL | MSG_NOSIGNAL);
	return r == -1 ? -errno : r == 0 ? -ECONNRESET : r;
}

static ssize_t on_recv(libssh2_socket_t fd, void *p, size_t n, int flags, void **abstract)
{
	struct ssh_lib *l = *abstract;
	ssize_t r;

	if (fd != l->fd)
		return agent_recv(l, fd, p, n);
	if (l->closing || l->broken != 0)
		return 0;
	r = recv(fd, p, n, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	if (r == -1 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		l->broken = errno;
	else if (r == 0)
		l->broken = ENOTCONN;
	if (r == -1)
		return l->broken != 0 ? -l->broken : -EAGAIN;
	if (!l->greeted) {
		buf_add(&l->greeting, p, (size_t)r);
		if (l->greeting.full) {
			l->broken = EPROTO;
			return -EPROTO;
		}
	}
	return r;
}

static ssize_t on_send(libssh2_socket_t fd, const void *p, size_t n, int flags, void **abstract)
{
	struct ssh_lib *l = *abstract;

	if (fd != l->fd) {
		ssize_t r = send(fd, p, n, flags | MSG_NOSIGNAL);

		return r == -1 ? -errno : r;
	}
	if (l->closing)
		return (ssize_t)n;
	if (l->broken != 0)
		return -l->broken;
	if (n > OUT_MAX - l->out_len)
		return -EAGAIN;
	if (l->out_at > 0 && l->out_at >= l->out_len) {
		memcpy(l->out, l->out + l->out_at, l->out_len);
		l->out_at = 0;
	}
	l->out = mem_grow(l->out, &l->out_cap, l->out_at + l->out_len + n, 1);
	memcpy(l->out + l->out_at + l->out_len, p, n);
	l->out_len += n;
	return (ssize_t)n;
}

static void flush_out(struct ssh_lib *l)
{
	while (l->out_len > 0 && l->broken == 0) {
		ssize_t r = send(l->fd, l->out + l->out_at, l->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1) {
			if (errno != EAGAIN && errno != EWOULDBLOCK)
				l->broken = errno;
			return;
		}
		l->out_at += (size_t)r;
		l->out_len -= (size_t)r;
	}
	if (l->out_len == 0)
		l->out_at = 0;
}

int lib_wait(struct ssh_lib *l, struct err *e)
{
	flush_out(l);
	return ssh_wait(l->t, l->fd, l->out_len > 0 ? POLLIN | POLLOUT : POLLIN, e);
}

/* ---- errors ---- */

int lib_failed(struct ssh_lib *l, const char *what, struct err *e)
{
	char *why = NULL;

	if (l->t != NULL && ssh_check(l->t, e) == -1)
		return -1;
	if (l->broken == ENOTCONN)
		return err_set(e, ERR_CONNECTION, "%s: the host closed the connection", what);
	if (l->broken != 0)
		return err_set(e, ERR_CONNECTION, "%s: %s", what, strerror(l->broken));
	libssh2_session_last_error(l->session, &why, NULL, 0);
	return err_set(e, ERR_CONNECTION, "%s: %s", what, why != NULL ? why : "libssh2 does not say why");
}

/* ---- connecting ---- */

/* The first line of what the host said, for people. */
static void first_line(const struct ssh_lib *l, char *dst, size_t size)
{
	size_t n = l->greeting.len < 80 ? l->greeting.len : 80;
	const char *end = l->greeting.data != NULL ? memchr(l->greeting.data, '\n', n) : NULL;

	if (end != NULL)
		n = (size_t)(end - l->greeting.data);
	while (n > 0 && l->greeting.data[n - 1] == '\r')
		n--;
	str_safe(dst, size, l->greeting.data != NULL ? l->greeting.data : "", n);
}

static int handshake_failed(struct ssh_lib *l, struct err *e)
{
	struct ssh_try *t = l->t;
	char line[400];
	char *why;

	if (ssh_check(t, e) == -1) {
		if (e != NULL && e->code == ERR_CONNECTION && l->greeting.len == 0)
			err_wrap(
			    e, "%s port %u takes connections, but says nothing", t->target->host, t->port);
		return -1;
	}
	first_line(l, line, sizeof line);
	if (l->greeting.len == 0 && l->broken == ENOTCONN) {
		err_set(e, ERR_CONNECTION, "%s port %u closed the connection without a word", t->target->host,
		    t->port);
		return err_hint(e, "its SSH server may refuse this host, or have too many connections");
	}
	if (l->greeting.len > 0 && !str_starts(line, "SSH-") && (l->broken != 0 || l->greeting.full)) {
		err_set(e, ERR_CONNECTION, "what answers at %s port %u is no SSH server: it says \"%s\"",
		    t->target->host, t->port, line);
		return err_hint(e, "look at host and port in the url of the store");
	}
	why = lib_methods_why(l);
	if (why != NULL) {
		t->why_program = mem_printf("libssh2 %s knows none of %s", libssh2_version(0), why);
		err_set(e, ERR_UNSUPPORTED, "%s: libssh2 %s knows none of %s", t->target->host,
		    libssh2_version(0), why);
		free(why);
		return -1;
	}
	lib_failed(l, t->target->host, e);
	return err_hint(e, "it answers, but the key exchange ends in the middle: its log may say why");
}

static int shake_hands(struct ssh_lib *l, struct err *e)
{
	int rc;

	while ((rc = libssh2_session_handshake(l->session, l->fd)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(l, e) == -1)
			return handshake_failed(l, e);
	if (rc != 0)
		return handshake_failed(l, e);
	l->greeted = true;
	buf_done(&l->greeting);
	return 0;
}

void lib_latency(struct ssh_lib *l, uint64_t ms)
{
	if (l->link.latency_ms == 0 || ms < l->link.latency_ms)
		l->link.latency_ms = ms > 0 ? (unsigned)ms : 1;
}

static int open_channel(struct ssh_lib *l, struct err *e)
{
	uint64_t begun = clock_monotonic_ms();
	int rc;

	while ((l->channel = libssh2_channel_open_ex(l->session, "session", 7, WINDOW, PACKET, NULL, 0)) ==
	       NULL) {
		if (libssh2_session_last_errno(l->session) != LIBSSH2_ERROR_EAGAIN)
			return lib_failed(l, "open a channel", e);
		if (lib_wait(l, e) == -1)
			return -1;
	}
	lib_latency(l, clock_monotonic_ms() - begun);
	while ((rc = libssh2_channel_subsystem(l->channel, "sftp")) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(l, e) == -1)
			return -1;
	if (rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED) {
		err_set(e, ERR_UNSUPPORTED, "%s has no sftp subsystem", l->t->target->host);
		return err_hint(e, "its sshd_config needs a line such as: Subsystem sftp internal-sftp");
	}
	return rc == 0 ? 0 : lib_failed(l, "begin the sftp subsystem", e);
}

static const char *method(const struct ssh_lib *l, int kind)
{
	const char *name = libssh2_session_methods(l->session, kind);

	return name != NULL ? name : "?";
}

static char *words_of(const struct ssh_lib *l)
{
	const char *banner = libssh2_session_banner_get(l->session);
	char *raw =
	    mem_printf("libssh2 %s, %s, %s, %s, %s, %s", libssh2_version(0), method(l, LIBSSH2_METHOD_KEX),
		method(l, LIBSSH2_METHOD_HOSTKEY), method(l, LIBSSH2_METHOD_CRYPT_SC),
		method(l, LIBSSH2_METHOD_MAC_SC), banner != NULL ? banner : "?");
	struct buf safe = BUF_INIT;

	str_safe_buf(&safe, raw, strlen(raw));
	free(raw);
	return buf_steal(&safe);
}

static int set_up(struct ssh_lib *l, struct err *e)
{
	l->session = libssh2_session_init_ex(on_alloc, on_free, on_realloc, l);
	if (l->session == NULL)
		return err_set(e, ERR_UNSUPPORTED, "libssh2 makes no session");
	libssh2_session_set_blocking(l->session, 0);
	/* The callbacks have types of their own; the library takes them all through one pointer. */
	libssh2_session_callback_set(l->session, LIBSSH2_CALLBACK_RECV, (void *)on_recv);
	libssh2_session_callback_set(l->session, LIBSSH2_CALLBACK_SEND, (void *)on_send);
	return 0;
}

static const struct ssh_ops lib_ops;

int ssh_lib_connect(struct ssh_try *t, struct ssh_link **ret, struct err *e)
{
	struct ssh_lib *l = mem_alloc(sizeof *l);
	struct ssh_hosts hosts = { 0 };
	int rc = -1;

	pthread_once(&once, start_library);
	l->link.ops = &lib_ops;
	l->t = t;
	l->fd = -1;
	l->greeting.max = MAX_GREETING;
	l->errors.max = MAX_ERRORS;
	if (ssh_hosts_load(t->conf, t->target->host, t->port, &hosts, e) == -1 || set_up(l, e) == -1 ||
	    lib_methods_set(l, &hosts, e) == -1 || ssh_tcp_connect(t, &l->fd, e) == -1 ||
	    shake_hands(l, e) == -1 || lib_host_check(l, &hosts, e) == -1)
		goto out;
	l->secret = true;
	rc = lib_auth(l, e);
	l->secret = false;
	if (rc == 0)
		rc = open_channel(l, e);
	if (rc == 0) {
		libssh2_keepalive_config(l->session, 0, KEEPALIVE_SEC);
		l->link.words = words_of(l);
		l->link.user = mem_strdup(t->user);
	}
out:
	ssh_hosts_done(&hosts);
	if (rc == -1) {
		ssh_close(&l->link);
		return -1;
	}
	l->t = NULL;
	*ret = &l->link;
	return 0;
}

/* ---- bytes ---- */

static struct ssh_lib *lib_of(struct ssh_link *link)
{
	return (struct ssh_lib *)(void *)link;
}

/* What the subsystem says besides: read, for it takes room in the window, and kept for when it ends. */
static void drain_errors(struct ssh_lib *l)
{
	char chunk[1024];
	ssize_t n;

	while (libssh2_poll_channel_read(l->channel, 1) > 0 &&
	       (n = libssh2_channel_read_stderr(l->channel, chunk, sizeof chunk)) > 0)
		buf_add(&l->errors, chunk, (size_t)n);
}

static int channel_ended(struct ssh_lib *l, struct err *e)
{
	char said[300];
	size_t n;

	drain_errors(l);
	str_safe(said, sizeof said, buf_text(&l->errors), l->errors.len);
	for (n = strlen(said); n > 0 && (said[n - 1] == ' '); n--)
		said[n - 1] = '\0';
	err_set(e, ERR_CONNECTION, "the sftp subsystem of the host ended%s%s%s", l->used ? "" : " at once",
	    n > 0 ? ": " : "", said);
	return l->used ? -1
	               : err_hint(e, "on the host: is the Subsystem line of sshd_config right, and does the "
	                             "user's shell allow it?");
}

static ssize_t lib_read(struct ssh_link *link, void *p, size_t n, struct err *e)
{
	struct ssh_lib *l = lib_of(link);
	ssize_t r;

	if (l->out_len > 0)
		flush_out(l);
	r = libssh2_channel_read(l->channel, p, n);
	/* Reading may have had something to send: more window, answers to the host. */
	if (l->out_len > 0)
		flush_out(l);
	if (r > 0) {
		l->used = true;
		return r;
	}
	if (r == LIBSSH2_ERROR_EAGAIN || (r == 0 && l->broken == 0 && libssh2_channel_eof(l->channel) == 0)) {
		drain_errors(l);
		return l->broken == 0 ? 0 : lib_failed(l, "the connection broke", e);
	}
	return r == 0 && l->broken == 0 ? channel_ended(l, e) : lib_failed(l, "the connection broke", e);
}

static ssize_t lib_write(struct ssh_link *link, const void *p, size_t n, struct err *e)
{
	struct ssh_lib *l = lib_of(link);
	const char *s = p;
	size_t done = 0;
	ssize_t r = 0;

	while (done < n && l->out_len < OUT_FULL) {
		r = libssh2_channel_write(l->channel, s + done, n - done < PACKET ? n - done : PACKET);
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	if (l->out_len > 0)
		flush_out(l);
	if (l->broken != 0 || (r < 0 && r != LIBSSH2_ERROR_EAGAIN)) {
		if (libssh2_channel_eof(l->channel) > 0 && l->broken == 0)
			return channel_ended(l, e);
		return lib_failed(l, "the connection broke", e);
	}
	return (ssize_t)done;
}

static size_t lib_polls(const struct ssh_link *link, int writing, struct pollfd fds[2])
{
	const struct ssh_lib *l = (const struct ssh_lib *)(const void *)link;

	/* A writer waits for the socket, or, when the host's window is full, for the host. */
	fds[0] = (struct pollfd){ .fd = l->fd, .events = l->out_len > 0 ? POLLIN | POLLOUT : POLLIN };
	if (writing && l->out_len == 0 && libssh2_channel_window_write(l->channel) > 0)
		fds[0].events |= POLLOUT;
	return 1;
}

static int lib_keepalive(struct ssh_link *link, struct err *e)
{
	struct ssh_lib *l = lib_of(link);
	int next;

	libssh2_keepalive_send(l->session, &next);
	flush_out(l);
	return l->broken == 0 ? 0 : lib_failed(l, "the connection broke", e);
}

static void lib_close(struct ssh_link *link)
{
	struct ssh_lib *l = lib_of(link);

	if (l->session != NULL) {
		if (l->broken == 0 && l->greeted) {
			libssh2_session_disconnect(l->session, "");
			flush_out(l);
		}
		/* From here on all goes nowhere: freeing a session would wait for the host's last words. */
		l->closing = true;
		for (int i = 0; i < 16 && libssh2_session_free(l->session) == LIBSSH2_ERROR_EAGAIN; i++)
			;
	}
	l->secret = true;
	while (l->blocks != NULL)
		free_block(l, l->blocks);
	if (l->fd != -1)
		close(l->fd);
	if (l->out != NULL)
		explicit_bzero(l->out, l->out_cap);
	free(l->out);
	buf_done(&l->greeting);
	buf_done(&l->errors);
	ssh_link_done(&l->link);
	free(l);
}

static const struct ssh_ops lib_ops = { lib_read, lib_write, lib_polls, lib_keepalive, lib_close };
