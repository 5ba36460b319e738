/* ssh_tcp.c: a TCP connection to a host by name: each of its addresses in turn, with its share of the time. */
#include "store/ssh_impl.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"

/* The resolver cannot be interrupted: it is asked in a thread of its own, which is left to itself when nobody waits for it any more. */
struct lookup {
	atomic_int users;
	int done_fd;
	char *host, port[8];
	struct addrinfo *list;
	int rc, sys;
};

static void lookup_drop(struct lookup *l)
{
	if (atomic_fetch_sub(&l->users, 1) > 1)
		return;
	if (l->list != NULL)
		freeaddrinfo(l->list);
	close(l->done_fd);
	free(l->host);
	free(l);
}

static void *lookup_main(void *arg)
{
	struct lookup *l = arg;
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV
	};
	uint64_t one = 1;
	ssize_t ignored;

	l->rc = getaddrinfo(l->host, l->port, &hints, &l->list);
	l->sys = errno;
	ignored = write(l->done_fd, &one, sizeof one);
	(void)ignored;
	lookup_drop(l);
	return NULL;
}

static int start_lookup(const struct ssh_try *t, struct lookup **ret, struct err *e)
{
	struct lookup *l = mem_alloc(sizeof *l);
	pthread_attr_t attr;
	pthread_t thread;
	int rc;

	atomic_store(&l->users, 2);
	l->host = mem_strdup(t->target->host);
	snprintf(l->port, sizeof l->port, "%u", t->port);
	l->done_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->done_fd == -1) {
		err_sys(e, "eventfd");
		free(l->host);
		free(l);
		return -1;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	rc = pthread_create(&thread, &attr, lookup_main, l);
	pthread_attr_destroy(&attr);
	if (rc != 0) {
		lookup_drop(l);
		lookup_drop(l);
		errno = rc;
		return err_sys(e, "start a thread that looks up the host");
	}
	*ret = l;
	return 0;
}

static void set_options(int fd, uint64_t timeout_ms)
{
	int on = 1, idle = 30, every = 10, times = 3;
	unsigned lost_ms = timeout_ms > 0 && timeout_ms < 60000 ? 60000 : (unsigned)timeout_ms;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	/* A host that is gone without a word is noticed, while we wait and while we send. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof every);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof times);
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &lost_ms, sizeof lost_ms);
}

static int try_address(const struct ssh_try *t, const struct addrinfo *a, int *ret_fd, struct err *e)
{
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, a->ai_protocol), sys = 0;
	socklen_t len = sizeof sys;

	if (fd == -1)
		return err_sys(e, "socket");
	if (connect(fd, a->ai_addr, a->ai_addrlen) == -1 && errno != EINPROGRESS) {
		err_sys(e, "connect");
	} else if (ssh_wait(t, fd, POLLOUT, e) == 0) {
		if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &sys, &len) == 0 && sys == 0) {
			set_options(fd, t->conf->timeout_ms);
			*ret_fd = fd;
			return 0;
		}
		errno = sys;
		err_sys(e, "connect");
	}
	close(fd);
	return -1;
}

static int unreachable(const struct ssh_try *t, const struct err *last, struct err *e)
{
	/* "connect: Connection refused" -> "Connection refused" */
	const char *why = strncmp(last->msg, "connect: ", 9) == 0 ? last->msg + 9 : last->msg;

	if (last->code == ERR_CANCELLED) {
		*e = *last;
		return -1;
	}
	err_set(e, ERR_CONNECTION, "%s port %u cannot be reached: %s", t->target->host, t->port, why);
	return err_hint(e, "is the host up, and does its SSH server listen on that port?");
}

int ssh_tcp_connect(const struct ssh_try *t, int *ret_fd, struct err *e)
{
	struct lookup *l = NULL;
	struct err last = { 0 };
	size_t left = 0;
	int rc = -1;

	if (start_lookup(t, &l, e) == -1)
		return -1;
	if (ssh_wait(t, l->done_fd, POLLIN, &last) == -1) {
		unreachable(t, &last, e);
		goto out;
	}
	if (l->rc != 0) {
		err_set(e, ERR_CONNECTION, "the host %s is not known: %s", t->target->host,
		    l->rc == EAI_SYSTEM ? strerror(l->sys) : gai_strerror(l->rc));
		err_hint(e,
		    "look at the name in the url of the store; a name from ssh_config needs transport = ssh");
		goto out;
	}
	for (const struct addrinfo *a = l->list; a != NULL; a = a->ai_next)
		left++;
	for (const struct addrinfo *a = l->list; a != NULL && rc == -1; a = a->ai_next, left--) {
		struct ssh_try share = *t;
		uint64_t now = clock_monotonic_ms();

		if (share.deadline_ms > now)
			share.deadline_ms = now + (share.deadline_ms - now) / left;
		rc = try_address(&share, a, ret_fd, &last);
		if (rc == -1 && (last.code == ERR_CANCELLED || left == 1)) {
			unreachable(t, &last, e);
			break;
		}
	}
out:
	lookup_drop(l);
	return rc;
}
