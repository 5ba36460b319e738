/* imap_conn.c: the socket below the IMAP client: connect, send, gather one response, all with time-outs and bounds. */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/imap_priv.h"

#define CANCEL_TICK_MS 100
#define READ_BYTES     65536

/* Until the socket is ready. A cancel is seen within a tick. */
static int wait_ready(int fd, short events, uint64_t timeout_ms, struct job *job, struct err *e)
{
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = clock_monotonic_ms(), left = now < deadline ? deadline - now : 0;
		int ready;

		if (job_cancelled(job, e))
			return -1;
		if (job != NULL && left > CANCEL_TICK_MS)
			left = CANCEL_TICK_MS;
		ready = poll(&p, 1, left > INT32_MAX ? INT32_MAX : (int)left);
		if (ready > 0)
			return 0;
		if (ready == -1 && errno != EINTR)
			return err_sys(e, "wait for the IMAP server");
		if (clock_monotonic_ms() >= deadline) {
			errno = ETIMEDOUT;
			return err_sys(e, "no answer from the IMAP server");
		}
	}
}

/* ---- connecting ---- */

static bool is_loopback(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_UNIX)
		return true;
	if (sa->sa_family == AF_INET) {
		struct sockaddr_in in;

		memcpy(&in, sa, sizeof in);
		return ntohl(in.sin_addr.s_addr) >> 24 == 127;
	}
	if (sa->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;

		memcpy(&in6, sa, sizeof in6);
		return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) ||
		       (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) && in6.sin6_addr.s6_addr[12] == 127);
	}
	return false;
}

static int connect_one(const struct sockaddr *sa, socklen_t len, const struct imap_opts *o, struct err *e)
{
	int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), why = 0, one = 1;
	socklen_t size = sizeof why;

	if (fd == -1)
		return err_sys(e, "make a socket");
	if (connect(fd, sa, len) == -1) {
		if (errno != EINPROGRESS) {
			err_sys(e, "connect");
			goto fail;
		}
		if (wait_ready(fd, POLLOUT, o->connect_timeout_ms, o->job, e) == -1)
			goto fail;
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) == -1 || why != 0) {
			errno = why != 0 ? why : errno;
			err_sys(e, "connect");
			goto fail;
		}
	}
	if (sa->sa_family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
fail:
	close(fd);
	return -1;
}

static int connect_path(const char *path, const struct imap_opts *o, struct err *e)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };

	if (strlen(path) >= sizeof un.sun_path)
		return err_set(e, ERR_CONFIG, "the socket path is too long");
	memcpy(un.sun_path, path, strlen(path));
	return connect_one((const struct sockaddr *)&un, sizeof un, o, e);
}

/* "host:port", "[::1]:port", "host" -> both, heap. */
static int split_address(const char *address, char **host, char **port, struct err *e)
{
	const char *end = *address == '[' ? strchr(address, ']') : NULL, *colon = strrchr(address, ':');

	if (end != NULL && (end[1] == '\0' || end[1] == ':')) {
		*host = mem_strndup(address + 1, (size_t)(end - address - 1));
		*port = mem_strdup(end[1] == ':' ? end + 2 : "143");
	} else if (*address != '[' && colon != NULL && strchr(address, ':') == colon) {
		*host = mem_strndup(address, (size_t)(colon - address));
		*port = mem_strdup(colon + 1);
	} else if (*address != '[' && colon == NULL) {
		*host = mem_strdup(address);
		*port = mem_strdup("143");
	} else {
		return err_set(e, ERR_CONFIG, "%s is no host:port", address);
	}
	return 0;
}

static int connect_host(const char *address, const struct imap_opts *o, bool *local, struct err *e)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *found = NULL;
	char *host = NULL, *port = NULL;
	int fd = -1, why;

	if (split_address(address, &host, &port, e) == -1)
		return -1;
	why = getaddrinfo(host, port, &hints, &found);
	if (why != 0)
		err_set(e, ERR_NOT_FOUND, "%s", gai_strerror(why));
	for (struct addrinfo *a = found; a != NULL && fd == -1; a = a->ai_next) {
		fd = connect_one(a->ai_addr, a->ai_addrlen, o, e);
		if (fd != -1)
			*local = is_loopback(a->ai_addr);
		else if (e != NULL && e->code == ERR_CANCELLED)
			break;
	}
	if (found != NULL)
		freeaddrinfo(found);
	free(host);
	free(port);
	return fd;
}

/* A connection to an address of this host never leaves it, whichever address that is. */
static bool is_own_address(int fd)
{
	struct sockaddr_storage here, there;
	socklen_t here_len = sizeof here, there_len = sizeof there;
	struct sockaddr_in *a = (struct sockaddr_in *)&here, *b = (struct sockaddr_in *)&there;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)&here, *b6 = (struct sockaddr_in6 *)&there;

	if (getsockname(fd, (struct sockaddr *)&here, &here_len) == -1 ||
	    getpeername(fd, (struct sockaddr *)&there, &there_len) == -1 || here.ss_family != there.ss_family)
		return false;
	if (here.ss_family == AF_INET)
		return a->sin_addr.s_addr == b->sin_addr.s_addr;
	return here.ss_family == AF_INET6 &&
	       memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof a6->sin6_addr) == 0;
}

int imap_conn_open(const char *address, const struct imap_opts *o, bool *local, struct err *e)
{
	int fd;

	*local = true;
	if (fault_point("imap-connect", e) == -1)
		fd = -1;
	else if (*address == '/')
		fd = connect_path(address, o, e);
	else
		fd = connect_host(address, o, local, e);
	if (fd == -1)
		return err_wrap(e, "connect to the IMAP server at %s", address);
	*local = *local || is_own_address(fd);
	return fd;
}

/* ---- bytes ---- */

static int die(struct imap *im)
{
	im->dead = true;
	return -1;
}

static int check_alive(struct imap *im, struct err *e)
{
	if (!im->dead)
		return 0;
	errno = ENOTCONN;
	return err_sys(e, "the IMAP connection is closed");
}

int imap_conn_send(struct imap *im, const void *p, size_t n, struct err *e)
{
	const char *s = p;

	if (check_alive(im, e) == -1)
		return -1;
	if (fault_point("imap-send", e) == -1)
		return die(im);
	while (n > 0) {
		ssize_t sent = send(im->fd, s, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent > 0) {
			s += sent;
			n -= (size_t)sent;
		} else if (sent == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			if (wait_ready(im->fd, POLLOUT, im->o.read_timeout_ms, im->o.job, e) == -1)
				return die(im);
		} else if (sent == -1 && errno != EINTR) {
			err_sys(e, "send to the IMAP server");
			return die(im);
		}
	}
	return 0;
}

static int receive(struct imap *im, struct err *e)
{
	char *to;
	ssize_t got;

	if (im->in_at == im->in.len) {
		buf_clear(&im->in);
		im->in_at = 0;
	}
	to = buf_reserve(&im->in, READ_BYTES);
	for (;;) {
		got = recv(im->fd, to, READ_BYTES, MSG_DONTWAIT);
		if (got > 0)
			break;
		if (got == 0) {
			errno = ECONNRESET;
			err_sys(e, "the IMAP server closed the connection");
			return die(im);
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			err_sys(e, "read from the IMAP server");
			return die(im);
		}
		if (wait_ready(im->fd, POLLIN, im->o.read_timeout_ms, im->o.job, e) == -1)
			return die(im);
	}
	im->in.len += (size_t)got;
	return 0;
}

static int too_long(struct imap *im, struct err *e)
{
	err_set(e, ERR_FORMAT, "the IMAP server's answer is longer than %zu bytes", im->o.max_response_bytes);
	return die(im);
}

/* Moves ${n} received bytes to the response. */
static int move(struct imap *im, size_t n, struct err *e)
{
	buf_add(&im->response, im->in.data + im->in_at, n);
	im->in_at += n;
	return im->response.full ? too_long(im, e) : 0;
}

/* Up to and with the next line feed. */
static int read_line(struct imap *im, struct err *e)
{
	for (;;) {
		const char *p = im->in.data + im->in_at;
		size_t n = im->in.len - im->in_at;
		const char *nl = n > 0 ? memchr(p, '\n', n) : NULL;

		if (nl != NULL)
			return move(im, (size_t)(nl - p) + 1, e);
		if (n > 0 && move(im, n, e) == -1)
			return -1;
		if (receive(im, e) == -1)
			return -1;
	}
}

static int read_bytes(struct imap *im, uint64_t n, struct err *e)
{
	if (n > im->o.max_response_bytes - im->response.len)
		return too_long(im, e);
	while (n > 0) {
		size_t have = im->in.len - im->in_at;

		if (have == 0) {
			if (receive(im, e) == -1)
				return -1;
			continue;
		}
		if (have > n)
			have = (size_t)n;
		if (move(im, have, e) == -1)
			return -1;
		n -= have;
	}
	return 0;
}

/* Text for people may end in anything, "{5}" too: no literal follows it. */
static bool is_text(const char *p, size_t n)
{
	static const char *const words[] = { "OK", "NO", "BAD", "BYE", "PREAUTH" };
	const char *word = memchr(p, ' ', n), *end = p + n;
	size_t len;

	if (n > 0 && *p == '+')
		return true;
	if (word == NULL)
		return false;
	word++;
	for (len = 0; word + len < end && isalpha((unsigned char)word[len]); len++)
		;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strlen(words[i]) == len && strncasecmp(word, words[i], len) == 0)
			return true;
	return false;
}

/* "...{12}\r\n" announces 12 bytes and another line. 1 and ${*n}, 0, -1: the number is none. */
static int announces(const struct buf *b, uint64_t *n)
{
	const char *s = b->data, *close = s + b->len - 3, *open = close;
	char digits[24];
	size_t len;

	if (b->len < 5 || *close != '}')
		return 0;
	if (open > s && open[-1] == '+')
		open--;
	close = open;
	while (open > s && isdigit((unsigned char)open[-1]))
		open--;
	if (open == s || open[-1] != '{')
		return 0;
	len = (size_t)(close - open);
	if (len == 0)
		return 0;
	if (len >= sizeof digits)
		return -1;
	memcpy(digits, open, len);
	digits[len] = '\0';
	return str_u64(digits, UINT64_MAX, n) == -1 ? -1 : 1;
}

int imap_conn_response(struct imap *im, struct err *e)
{
	struct buf *b = &im->response;
	uint64_t n;

	if (check_alive(im, e) == -1)
		return -1;
	if (fault_point("imap-receive", e) == -1)
		return die(im);
	buf_clear(b);
	for (;;) {
		int more;

		if (read_line(im, e) == -1)
			return -1;
		if (b->len < 2 || b->data[b->len - 2] != '\r') {
			err_set(e, ERR_FORMAT, "the IMAP server's answer has a bare line feed");
			return die(im);
		}
		more = is_text(b->data, b->len) ? 0 : announces(b, &n);
		if (more == 0)
			break;
		if (more == -1)
			return too_long(im, e);
		if (read_bytes(im, n, e) == -1)
			return -1;
	}
	b->len -= 2;
	b->data[b->len] = '\0';
	return 0;
}
