/* asker.c: questions of a running job on the terminal: shown, read without echo where they are secret. */
#include "cli/asker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "core/asking.h"
#include "core/mem.h"

#define MAX_ANSWER 1024

/* One for each job: what it has opened may ask for as long as it is there. */
struct asking_job {
	struct asking_job *next;
	struct cli_asker *a;
	struct asker asker;
};

struct cli_asker {
	struct cli *c;
	struct asking *asking;
	struct asking_job *jobs;
	int tty;            /* -1: only --yes answers */
	struct question *q; /* that stands on the terminal */
	struct termios normal;
	bool hidden;
};

/* [worker] */
static int ask(void *arg, const struct question *q, char *answer, size_t size, struct err *e)
{
	struct asking_job *j = arg;

	if (j->a->tty == -1 && !q->yes_no)
		return 1;
	return asking_ask(&j->asker, q, answer, size, e);
}

static struct cli_asker *asker_new(struct cli *c)
{
	bool person = !c->args.json && !c->args.quiet && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
	int tty = person ? open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY) : -1;
	struct cli_asker *a;

	if (tty == -1 && !c->args.yes)
		return NULL;
	a = mem_alloc(sizeof *a);
	a->c = c;
	a->tty = tty;
	a->asking = asking_new();
	return a;
}

void cli_asker_attach(struct cli *c, struct job *job)
{
	struct asking_job *j;

	if (c->asker == NULL && (c->asker = asker_new(c)) == NULL)
		return;
	j = mem_alloc(sizeof *j);
	*j = (struct asking_job){ .next = c->asker->jobs, .a = c->asker, .asker = { c->asker->asking, job } };
	c->asker->jobs = j;
	job_set_ask(job, ask, j);
}

/* ---- the terminal ---- */

static void hide(struct cli_asker *a)
{
	struct termios quiet;

	if (tcgetattr(a->tty, &a->normal) == -1)
		return;
	quiet = a->normal;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	quiet.c_lflag |= ECHONL;
	a->hidden = tcsetattr(a->tty, TCSAFLUSH, &quiet) == 0;
}

static void prompt(const struct cli_asker *a)
{
	dprintf(a->tty, a->q->yes_no ? "%s? Type \"yes\" or \"no\": " : "%s: ", a->q->prompt);
}

/* The question is over: the terminal is as it was. */
void cli_asker_leave(struct cli_asker *a)
{
	if (a == NULL)
		return;
	if (a->hidden)
		tcsetattr(a->tty, TCSAFLUSH, &a->normal);
	a->hidden = false;
	asking_question_free(a->q);
	a->q = NULL;
}

void cli_asker_free(struct cli_asker *a)
{
	struct asking_job *j;

	if (a == NULL)
		return;
	cli_asker_leave(a);
	while ((j = a->jobs) != NULL) {
		a->jobs = j->next;
		free(j);
	}
	if (a->tty != -1)
		close(a->tty);
	asking_free(a->asking);
	free(a);
}

static void yes_to(struct cli_asker *a)
{
	char *text = mem_strdup(a->q->text);

	for (char *s = text; *s != '\0'; s++)
		*s = *s == '\n' ? ' ' : *s;
	printer_warn(a->c->out, "%s. %s. Answered with yes, as --yes says", a->q->title, text);
	free(text);
	asking_answer(a->asking, "yes");
	cli_asker_leave(a);
}

static void show(struct cli_asker *a)
{
	printer_status(a->c->out, NULL);
	if (a->c->args.yes && a->q->yes_no) {
		yes_to(a);
		return;
	}
	/* What was typed before the question was seen is no answer to it. */
	tcflush(a->tty, TCIFLUSH);
	dprintf(a->tty, "%s.\n%s%s", a->q->title, a->q->text, a->q->text[0] != '\0' ? "\n" : "");
	if (a->q->secret)
		hide(a);
	prompt(a);
}

static void take_line(struct cli_asker *a)
{
	char line[MAX_ANSWER];
	ssize_t n = read(a->tty, line, sizeof line - 1);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		/* The end of input is no answer. */
		dprintf(a->tty, "\n");
		asking_answer(a->asking, NULL);
		cli_asker_leave(a);
		return;
	}
	line[n] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	if (a->q->yes_no && line[0] != '\0' && strcmp(line, "yes") != 0 && strcmp(line, "no") != 0) {
		prompt(a);
		return;
	}
	asking_answer(a->asking, a->q->yes_no && line[0] == '\0' ? "no" : line);
	explicit_bzero(line, sizeof line);
	cli_asker_leave(a);
}

size_t cli_asker_polls(const struct cli_asker *a, struct pollfd fds[2])
{
	if (a == NULL)
		return 0;
	fds[0] = (struct pollfd){ .fd = asking_fd(a->asking), .events = POLLIN };
	if (a->q == NULL)
		return 1;
	fds[1] = (struct pollfd){ .fd = a->tty, .events = POLLIN };
	return 2;
}

void cli_asker_serve(struct cli_asker *a)
{
	struct pollfd ready;
	struct question *next;

	if (a == NULL)
		return;
	ready = (struct pollfd){ .fd = a->tty, .events = POLLIN };
	if (a->q != NULL && asking_waits(a->asking) && poll(&ready, 1, 0) > 0)
		take_line(a);
	next = asking_take(a->asking);
	/* Stopped by a signal: the line that it stands on is over. */
	if (a->q != NULL && (next != NULL || !asking_waits(a->asking))) {
		dprintf(a->tty, "\n");
		cli_asker_leave(a);
	}
	if (next != NULL) {
		a->q = next;
		show(a);
	}
}

bool cli_asker_busy(const struct cli_asker *a)
{
	return a != NULL && a->q != NULL;
}
