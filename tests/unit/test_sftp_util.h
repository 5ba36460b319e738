/* test_sftp_util.h: the system's sftp-server at the end of a socket, as the channel of a store, without SSH between. */
#ifndef TESTS_SFTP_UTIL_H
#define TESTS_SFTP_UTIL_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mem.h"
#include "store/store_sftp.h"

static const char *const sftp_servers[] = { "/usr/lib/openssh/sftp-server",
	"/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server", "/usr/lib/ssh/sftp-server" };

/** sftp_server_path(): NULL: there is none here. */
static inline const char *sftp_server_path(void)
{
	for (size_t i = 0; i < sizeof sftp_servers / sizeof sftp_servers[0]; i++)
		if (access(sftp_servers[i], X_OK) == 0)
			return sftp_servers[i];
	return NULL;
}

struct piped {
	int fd;
	pid_t pid;
	bool dead; /* what it may still have said is lost */
};

/* Lets the server die at the first request of that kind: before it sees it, or when it has answered. */
static enum sftp_type piped_die_at;
static bool piped_die_after;
/* Bytes of the channel. */
static uint64_t piped_received, piped_sent;

/* The one dialled last, for tests that kill it, and how many there were. */
static struct piped *last_piped;
static unsigned n_piped;
static unsigned piped_latency_ms;

static inline ssize_t piped_result(ssize_t n, size_t wanted, struct err *e)
{
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0 || wanted == 0)
		return n;
	return err_set(e, ERR_CONNECTION, "the server is gone");
}

static inline ssize_t piped_read(void *ctx, void *p, size_t n, struct err *e)
{
	struct piped *c = ctx;
	ssize_t r = c->dead ? err_set(e, ERR_CONNECTION, "the server is gone")
	                    : piped_result(recv(c->fd, p, n, MSG_DONTWAIT), n, e);

	if (r > 0)
		piped_received += (uint64_t)r;
	return r;
}

static inline ssize_t piped_write(void *ctx, const void *p, size_t n, struct err *e)
{
	struct piped *c = ctx;
	bool dies = n > 4 && piped_die_at != 0 && ((const uint8_t *)p)[4] == piped_die_at;
	ssize_t r;

	if (dies && !piped_die_after)
		kill(c->pid, SIGKILL);
	r = c->dead ? err_set(e, ERR_CONNECTION, "the server is gone")
	            : piped_result(send(c->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL), n, e);
	if (r > 0)
		piped_sent += (uint64_t)r;
	if (dies) {
		poll(&(struct pollfd){ .fd = c->fd, .events = POLLIN }, 1, 5000);
		kill(c->pid, SIGKILL);
		c->dead = true;
		piped_die_at = 0;
	}
	return r;
}

static inline size_t piped_polls(const void *ctx, int writing, struct pollfd fds[2])
{
	fds[0] = (struct pollfd){ .fd = ((const struct piped *)ctx)->fd,
		.events = (short)(POLLIN | (writing ? POLLOUT : 0)) };
	return 1;
}

static inline int piped_keepalive(void *ctx, struct err *e)
{
	(void)ctx;
	(void)e;
	return 0;
}

static inline unsigned piped_latency(const void *ctx)
{
	(void)ctx;
	return piped_latency_ms;
}

static inline void piped_close(void *ctx)
{
	struct piped *c = ctx;

	close(c->fd);
	kill(c->pid, SIGKILL);
	waitpid(c->pid, NULL, 0);
	if (last_piped == c)
		last_piped = NULL;
	free(c);
}

static const struct sftp_channel_ops piped_ops = { piped_read, piped_write, piped_polls, piped_keepalive,
	piped_latency, piped_close };

/** dial_piped: a sftp_dial_fn that starts the server. */
static inline int dial_piped(
    const struct conf_store *conf, struct job *job, struct sftp_channel *ret, struct err *e)
{
	const char *path = sftp_server_path();
	struct piped *c;
	int fds[2];

	(void)conf;
	(void)job;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
		return err_sys(e, "socketpair");
	c = mem_alloc(sizeof *c);
	c->fd = fds[0];
	c->pid = fork();
	if (c->pid == 0) {
		dup2(fds[1], 0);
		dup2(fds[1], 1);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	last_piped = c;
	n_piped++;
	*ret = (struct sftp_channel){ &piped_ops, c };
	return 0;
}

/** open_piped(conf, links, path, create, e): A store in directory ${path} of this host, NULL on failure. store_free() it. */
static inline struct store *open_piped(
    const struct conf_store *conf, struct store_links *links, const char *path, bool create, struct err *e)
{
	struct store *s = mem_alloc(sizeof *s);

	s->url = mem_strdup(conf->url);
	if (store_sftp_open(s, conf, links, path, create, dial_piped, e) == 0)
		return s;
	free(s->url);
	free(s);
	return NULL;
}

#endif
