/* proxy.c: a TCP proxy that is a long, thin or broken line: proxy LISTEN_ADDRESS LISTEN_PORT ADDRESS PORT [DELAY_MS [RATE]]
 *
 * Bytes come out half of DELAY_MS after they went in, each way. That is a delay and no brake: what is under way waits in a queue. RATE,
 * bytes a second each way and connection, 0: none, is one. Prints "listening PORT"; then a line of standard input is a command, which is answered by
 * a line, "ok" where there is nothing to tell:
 *   count           bytes that were let out towards the server, towards the clients, and open connections
 *   delay MS        for bytes that come in from now on          rate BYTES
 *   cut             reset all connections
 *   cutat up|down N reset them, and all new ones, when N bytes have been let out that way: exactly N; 0: never
 *   refuse, accept  close the listening socket, open it again
 *   stall, go       let nothing in or out, and keep the connections; go on
 * It ends when its standard input does. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/str.h"

#define MAX_PAIRS  64
#define QUEUE_SIZE ((size_t)32 << 20) /* what fits on the line: 600 MB/s for 50 ms */
#define CHUNK      ((size_t)256 << 10)
#define MAX_MARKS  ((size_t)1 << 16)

/* Bytes up to ${end} may come out at ${due_ns}. */
struct mark {
	uint64_t end;
	int64_t due_ns;
};

/* One way of a connection: in and out count bytes since it began; the queue is a ring. */
struct way {
	int from, to;
	uint8_t *queue;
	uint64_t in, out;
	struct mark *marks;
	uint64_t first_mark, end_mark;
	int64_t paid_ns; /* with a rate: nothing comes out before */
	bool eof, shut;
};

struct pair {
	struct way ways[2]; /* towards the server, towards the client */
	bool connecting;
};

static struct pair *pairs[MAX_PAIRS];
static uint64_t counts[2], cut_at[2];
static int64_t delay_ns;
static uint64_t rate;
static bool stalled;
static struct addrinfo *here, *there;
static unsigned listen_port;
static int listener = -1;

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void drop(size_t i, bool reset)
{
	struct pair *p = pairs[i];
	struct linger hard = { .l_onoff = 1 };

	pairs[i] = NULL;
	for (int w = 0; w < 2; w++) {
		if (reset)
			setsockopt(p->ways[w].from, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		close(p->ways[w].from);
		free(p->ways[w].queue);
		free(p->ways[w].marks);
	}
	free(p);
}

static void cut(void)
{
	for (size_t i = 0; i < MAX_PAIRS; i++)
		if (pairs[i] != NULL)
			drop(i, true);
}

static bool is_cut(void)
{
	return (cut_at[0] != 0 && counts[0] >= cut_at[0]) || (cut_at[1] != 0 && counts[1] >= cut_at[1]);
}

static int listen_now(void)
{
	int on = 1;

	listener = socket(here->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(listener, here->ai_addr, here->ai_addrlen) == -1 || listen(listener, 16) == -1)
		return -1;
	if (listen_port == 0) {
		struct sockaddr_storage a;
		socklen_t n = sizeof a;
		char port[16];

		getsockname(listener, (struct sockaddr *)&a, &n);
		getnameinfo((struct sockaddr *)&a, n, NULL, 0, port, sizeof port, NI_NUMERICSERV);
		listen_port = (unsigned)atoi(port);
		memcpy(here->ai_addr, &a, n);
	}
	return 0;
}

static void take(void)
{
	int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), server, on = 1;
	struct linger hard = { .l_onoff = 1 };
	struct pair *p;
	size_t i = 0;

	if (client == -1)
		return;
	while (i < MAX_PAIRS && pairs[i] != NULL)
		i++;
	if (i == MAX_PAIRS || is_cut()) {
		setsockopt(client, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
		close(client);
		return;
	}
	server = socket(there->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	p = mem_alloc(sizeof *p);
	p->connecting = connect(server, there->ai_addr, there->ai_addrlen) == -1;
	p->ways[0].from = p->ways[1].to = client;
	p->ways[0].to = p->ways[1].from = server;
	for (int w = 0; w < 2; w++) {
		p->ways[w].queue = mem_alloc(QUEUE_SIZE);
		p->ways[w].marks = mem_alloc(MAX_MARKS * sizeof(struct mark));
	}
	pairs[i] = p;
	if (p->connecting && errno != EINPROGRESS)
		drop(i, true);
}

static bool has_room(const struct way *w)
{
	return !w->eof && w->in - w->out < QUEUE_SIZE && w->end_mark - w->first_mark < MAX_MARKS;
}

/* When the next byte may come out; INT64_MAX: there is none. */
static int64_t due(const struct way *w)
{
	int64_t t;

	if (w->first_mark == w->end_mark)
		return INT64_MAX;
	t = w->marks[w->first_mark % MAX_MARKS].due_ns;
	return rate != 0 && w->paid_ns > t ? w->paid_ns : t;
}

static int fill(struct way *w, int64_t now)
{
	while (has_room(w)) {
		size_t at = w->in % QUEUE_SIZE, n = QUEUE_SIZE - (size_t)(w->in - w->out);
		ssize_t got;

		n = n < QUEUE_SIZE - at ? n : QUEUE_SIZE - at;
		n = n < CHUNK ? n : CHUNK;
		got = recv(w->from, w->queue + at, n, 0);
		if (got == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (got == -1)
			return -1;
		w->eof = got == 0;
		w->in += (uint64_t)got;
		w->marks[w->end_mark++ % MAX_MARKS] = (struct mark){ w->in, now + delay_ns / 2 };
		if ((size_t)got < n)
			return 0;
	}
	return 0;
}

static int drain(struct way *w, int which, int64_t now)
{
	while (due(w) <= now) {
		struct mark *m = &w->marks[w->first_mark % MAX_MARKS];
		size_t at = w->out % QUEUE_SIZE, n = (size_t)(m->end - w->out);
		ssize_t sent;

		n = n < QUEUE_SIZE - at ? n : QUEUE_SIZE - at;
		if (rate != 0 && n > rate / 100 + 1)
			n = (size_t)(rate / 100 + 1);
		if (cut_at[which] != 0 && n > cut_at[which] - counts[which])
			n = (size_t)(cut_at[which] - counts[which]);
		sent = n == 0 ? 0 : send(w->to, w->queue + at, n, MSG_NOSIGNAL);
		if (sent == -1 && (errno == EAGAIN || errno == EINTR))
			return 0;
		if (sent == -1)
			return -1;
		w->out += (uint64_t)sent;
		counts[which] += (uint64_t)sent;
		if (rate != 0)
			w->paid_ns = (w->paid_ns > now ? w->paid_ns : now) +
			             (int64_t)((uint64_t)sent * 1000000000 / rate);
		if (w->out == m->end)
			w->first_mark++;
		if (is_cut())
			return 0;
	}
	if (w->eof && w->first_mark == w->end_mark && !w->shut) {
		shutdown(w->to, SHUT_WR);
		w->shut = true;
	}
	return 0;
}

static void command(char *line)
{
	unsigned long long n;
	char way[8];

	if (strcmp(line, "count") == 0) {
		size_t open = 0;

		for (size_t i = 0; i < MAX_PAIRS; i++)
			open += pairs[i] != NULL;
		printf("%llu %llu %zu\n", (unsigned long long)counts[0], (unsigned long long)counts[1], open);
		fflush(stdout);
		return;
	}
	if (strcmp(line, "cut") == 0) {
		cut();
	} else if (strcmp(line, "refuse") == 0) {
		if (listener != -1)
			close(listener);
		listener = -1;
	} else if (strcmp(line, "accept") == 0) {
		if (listener == -1 && listen_now() == -1)
			exit(2);
	} else if (strcmp(line, "stall") == 0 || strcmp(line, "go") == 0) {
		stalled = line[0] == 's';
	} else if (sscanf(line, "delay %llu", &n) == 1) {
		delay_ns = (int64_t)n * 1000000;
	} else if (sscanf(line, "rate %llu", &n) == 1) {
		rate = n;
	} else if (sscanf(line, "cutat %7s %llu", way, &n) == 2) {
		cut_at[strcmp(way, "down") == 0] = n;
	} else {
		puts("what?");
		fflush(stdout);
		return;
	}
	puts("ok");
	fflush(stdout);
}

/* The lines that are there; false at the end of standard input. */
static bool commands(void)
{
	static char line[256];
	static size_t n;
	ssize_t got = read(STDIN_FILENO, line + n, sizeof line - 1 - n);
	char *end;

	if (got <= 0)
		return false;
	n += (size_t)got;
	while ((end = memchr(line, '\n', n)) != NULL) {
		*end = '\0';
		command(line);
		n -= (size_t)(end + 1 - line);
		memmove(line, end + 1, n);
	}
	return n < sizeof line - 1;
}

static bool turn(void)
{
	struct pollfd fds[2 + 2 * MAX_PAIRS] = { { .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = listener, .events = POLLIN } };
	struct timespec wait;
	int64_t now = now_ns(), next = INT64_MAX;

	for (size_t i = 0; i < MAX_PAIRS; i++) {
		struct pollfd *f = fds + 2 + 2 * i;

		f[0].fd = f[1].fd = -1;
		if (pairs[i] == NULL || stalled)
			continue;
		for (int w = 0; w < 2; w++) { /* f[0] is the client */
			const struct way *way = &pairs[i]->ways[w];
			int64_t t = due(way);

			if (has_room(way) && !pairs[i]->connecting)
				f[w].events |= POLLIN;
			if (t <= now || (w == 0 && pairs[i]->connecting))
				f[1 - w].events |= POLLOUT;
			else if (t < next)
				next = t;
		}
		/* Without events a socket that is over would wake us for ever. */
		f[0].fd = f[0].events != 0 ? pairs[i]->ways[0].from : -1;
		f[1].fd = f[1].events != 0 ? pairs[i]->ways[1].from : -1;
	}
	next = next == INT64_MAX ? INT64_C(3600000000000) : next - now;
	wait = (struct timespec){ next / 1000000000, next % 1000000000 };
	if (ppoll(fds, sizeof fds / sizeof *fds, &wait, NULL) == -1)
		return errno == EINTR;
	if (fds[0].revents != 0 && !commands())
		return false;
	if (listener != -1 && fds[1].fd == listener && fds[1].revents != 0)
		take();
	now = now_ns();
	for (size_t i = 0; i < MAX_PAIRS && !stalled; i++) {
		struct pair *p = pairs[i];
		bool broken = false;

		if (p == NULL)
			continue;
		if (p->connecting) {
			int why = 0;
			socklen_t n = sizeof why;

			if (fds[3 + 2 * i].revents == 0)
				continue;
			getsockopt(p->ways[1].from, SOL_SOCKET, SO_ERROR, &why, &n);
			broken = why != 0;
			p->connecting = false;
		}
		for (int w = 0; w < 2 && !broken; w++)
			broken = fill(&p->ways[w], now) == -1 || drain(&p->ways[w], w, now) == -1;
		if (is_cut()) {
			cut();
			break;
		}
		if (broken || (p->ways[0].shut && p->ways[1].shut))
			drop(i, broken);
	}
	return true;
}

int main(int argc, char **argv)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV };
	uint64_t n;

	if (argc < 5 || getaddrinfo(argv[1], argv[2], &hints, &here) != 0 ||
	    getaddrinfo(argv[3], argv[4], &hints, &there) != 0) {
		fprintf(stderr, "usage: proxy LISTEN_ADDRESS LISTEN_PORT ADDRESS PORT [DELAY_MS [RATE]]\n");
		return 64;
	}
	if (argc > 5 && str_u64(argv[5], 60000, &n) == 0)
		delay_ns = (int64_t)n * 1000000;
	if (argc > 6 && str_u64(argv[6], UINT32_MAX, &n) == 0)
		rate = n;
	if (listen_now() == -1) {
		perror("listen");
		return 2;
	}
	printf("listening %u\n", listen_port);
	fflush(stdout);
	while (turn())
		continue;
	cut();
	freeaddrinfo(here);
	freeaddrinfo(there);
	return 0;
}
