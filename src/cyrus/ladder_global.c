/* ladder_global.c: cyr_withlock_run, with cat for its program. */
#include "cyrus/ladder_global.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/process.h"
#include "cyrus/mboxname.h"
#include "cyrus/quiesce_priv.h"

#define PROGRAM "cyr_withlock_run"
#define TICK_MS 50  /* between looks at the job */
#define END_MS  500 /* for it to end by itself */

struct ladder_global {
	struct process *process;
	int talk, errors;
	uint64_t since_ms;
};

bool ladder_global_offered(const struct server *s)
{
	return s->tools != NULL && cyrus_tools_has(s->tools, PROGRAM) &&
	       imapd_conf_switch(s->conf, "global_lock", true);
}

static int start(const struct server *s, struct ladder_global *g, struct err *e)
{
	char *path = mem_printf("%s/" PROGRAM, s->tools->bin);
	const char *argv[] = { path, "-C", s->tools->imapd_conf, "/bin/cat", NULL };
	struct process_opts o = { .argv = argv };
	int rc = process_start(&o, &g->talk, &g->errors, &g->process, e);

	free(path);
	return rc;
}

static int say_who(const struct server *s, uint64_t timeout_ms, struct err *e)
{
	struct buf path = BUF_INIT;
	char holder[160] = "others";
	int fd = -1;

	if (mboxname_lock(s->conf, LAYOUT_BY_NAME, "$GLOBAL", NULL, &path, NULL) == 0)
		fd = open(buf_text(&path), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd != -1) {
		quiesce_name_holder(fd, holder, sizeof holder);
		close(fd);
	}
	buf_done(&path);
	err_set(e, ERR_LOCKED, "the lock of the whole server is held by %s, for %llu ms and more", holder,
	    (unsigned long long)timeout_ms);
	return 0;
}

/* It ended, or closed its output, without having run cat. */
static int say_failed(struct ladder_global *g, struct err *e)
{
	char said[256];
	ssize_t n = -1;
	struct pollfd fd = { .fd = g->errors, .events = POLLIN };

	if (poll(&fd, 1, TICK_MS) > 0)
		n = read(g->errors, said, sizeof said - 1);
	said[n > 0 ? n : 0] = '\0';
	said[strcspn(said, "\r\n")] = '\0';
	err_set(e, ERR_TOOL, PROGRAM ": %s", *said != '\0' ? said : "it ended without the lock");
	return 0;
}

int ladder_global_hold(
    const struct server *s, uint64_t timeout_ms, struct job *job, struct ladder_global **ret, struct err *e)
{
	struct ladder_global *g = mem_alloc(sizeof *g);
	uint64_t begin = clock_monotonic_ms(), asked = begin;
	char byte = '.';
	int r = 0;

	if (start(s, g, e) == -1) {
		free(g);
		return 0;
	}
	if (send(g->talk, &byte, 1, MSG_NOSIGNAL) != 1)
		r = say_failed(g, e);
	else
		r = 1;
	while (r == 1) {
		struct pollfd fd = { .fd = g->talk, .events = POLLIN };
		int ready = poll(&fd, 1, TICK_MS);

		if (job_cancelled(job, e)) {
			r = -1;
		} else if (ready > 0) {
			g->since_ms = asked;
			if (read(g->talk, &byte, 1) != 1)
				r = say_failed(g, e);
			break;
		} else if (clock_monotonic_ms() - begin >= timeout_ms) {
			r = say_who(s, timeout_ms, e);
		}
		asked = clock_monotonic_ms();
	}
	if (r == 1)
		*ret = g;
	else
		ladder_global_release(g);
	return r;
}

uint64_t ladder_global_since_ms(const struct ladder_global *g)
{
	return g->since_ms;
}

void ladder_global_release(struct ladder_global *g)
{
	uint64_t end = clock_monotonic_ms() + END_MS;

	if (g == NULL)
		return;
	close(g->talk);
	while (g->since_ms != 0 && !process_ended(g->process, NULL) && clock_monotonic_ms() < end)
		usleep(1000);
	process_stop(g->process, END_MS);
	close(g->errors);
	free(g);
}
