/* ssh_askpass.c: the questions of the ssh program: both ends of the way from its prompt to our job. */
#include "store/ssh_askpass.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

/* In the environment of ssh: the name of the socket. A packet there is the kind of question and its text; the answer's is '+' and the answer, or '-'. */
#define VARIABLE   "CYRVAULT_ASKPASS"
#define MAX_TEXT   4096
#define MAX_SECRET 1024

enum kind { KIND_ASK = 'a', KIND_CONFIRM = 'c', KIND_NOTE = 'n' };

/* An abstract address: there is no file that a kill would leave behind. Who may speak there is decided by his uid. */
static socklen_t address_of(const char *name, struct sockaddr_un *a)
{
	size_t n = strlen(name);

	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n > sizeof a->sun_path - 1)
		n = sizeof a->sun_path - 1;
	memcpy(a->sun_path + 1, name, n);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + n);
}

/* ---- the process that ssh has started ---- */

bool ssh_askpass_main(int argc, char **argv, int *ret_status)
{
	const char *name = getenv(VARIABLE), *hint = getenv("SSH_ASKPASS_PROMPT");
	char text[MAX_TEXT + 1], answer[MAX_SECRET + 1] = "";
	struct sockaddr_un a;
	socklen_t len;
	ssize_t n = -1;
	int fd;

	if (name == NULL || name[0] == '\0')
		return false;
	*ret_status = 1;
	len = address_of(name, &a);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return true;
	text[0] = hint == NULL ? KIND_ASK : strcmp(hint, "confirm") == 0 ? KIND_CONFIRM : KIND_NOTE;
	snprintf(text + 1, sizeof text - 1, "%s", argc > 1 ? argv[1] : "");
	if (connect(fd, (struct sockaddr *)&a, len) == 0 && send(fd, text, strlen(text), MSG_NOSIGNAL) > 0)
		n = recv(fd, answer, sizeof answer - 1, 0);
	close(fd);
	if (n > 0 && answer[0] == '+') {
		answer[n] = '\0';
		*ret_status = text[0] == KIND_CONFIRM && strcmp(answer + 1, "yes") != 0;
		if (text[0] == KIND_ASK && (puts(answer + 1) == EOF || fflush(stdout) == EOF))
			*ret_status = 1;
	}
	explicit_bzero(answer, sizeof answer);
	return true;
}

/* ---- the process that has started ssh ---- */

int ssh_askpass_listen(struct ssh_try *t, struct ssh_askpass *ret, struct err *e)
{
	uint8_t random[16];
	struct sockaddr_un a;
	socklen_t len;
	struct buf name = BUF_INIT;
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	*ret = (struct ssh_askpass){ .t = t, .fd = -1 };
	if (n <= 0 || getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
		return err_sys(e, "prepare for the questions of ssh");
	self[n] = '\0';
	buf_str(&name, "cyrvault-askpass-");
	str_hex(&name, random, sizeof random);
	len = address_of(buf_text(&name), &a);
	ret->env[0] = mem_printf("SSH_ASKPASS=%s", self);
	ret->env[1] = mem_strdup("SSH_ASKPASS_REQUIRE=force");
	ret->env[2] = mem_printf(VARIABLE "=%s", buf_text(&name));
	buf_done(&name);
	ret->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (ret->fd == -1 || bind(ret->fd, (struct sockaddr *)&a, len) == -1 || listen(ret->fd, 4) == -1) {
		err_sys(e, "listen for the questions of ssh");
		ssh_askpass_done(ret);
		return -1;
	}
	return 0;
}

void ssh_askpass_done(struct ssh_askpass *a)
{
	if (a->fd != -1)
		close(a->fd);
	a->fd = -1;
	for (size_t i = 0; i < sizeof a->env / sizeof a->env[0]; i++) {
		free(a->env[i]);
		a->env[i] = NULL;
	}
}

/* The prompt is the last line, what it is about the lines before. */
static void split(const char *s, struct buf *text, struct buf *prompt)
{
	size_t n = strlen(s);
	const char *last;

	while (n > 0 && (isspace((unsigned char)s[n - 1]) || s[n - 1] == ':'))
		n--;
	last = memrchr(s, '\n', n);
	str_safe_lines(text, s, last != NULL ? (size_t)(last - s) : 0);
	last = last != NULL ? last + 1 : s;
	str_safe_buf(prompt, last, (size_t)(s + n - last));
}

/* 1: answered, 0: not. */
static int answer(struct ssh_askpass *a, enum kind kind, const char *s, char *ret, size_t size)
{
	struct buf text = BUF_INIT, prompt = BUF_INIT;
	char *title = mem_printf("ssh asks, to connect to %s", a->t->where);
	struct question q = { .title = title,
		.yes_no = kind == KIND_CONFIRM || strstr(s, "(yes/no") != NULL ||
		          str_starts(s, "Please type 'yes'") };
	int rc = 0;

	split(s, &text, &prompt);
	q.secret = !q.yes_no;
	q.text = buf_text(&text);
	q.prompt = q.yes_no ? "Is it right" : buf_text(&prompt);
	if (q.yes_no && prompt.len > 0) {
		buf_printf(&text, "%s%s", text.len > 0 ? "\n" : "", buf_text(&prompt));
		q.text = buf_text(&text);
	}
	if (a->t->conf->password_file != NULL && a->n_file == 0 && q.secret &&
	    strcasestr(s, "passphrase") == NULL) {
		a->n_file++;
		rc = ssh_secret_file(a->t->conf->password_file, ret, size, &a->why) == 0;
	} else {
		rc = ssh_ask(a->t, &q, ret, size, &a->why);
	}
	a->declined = a->declined || rc != 1;
	a->by_password = a->by_password || (rc == 1 && q.secret && strcasestr(s, "password") != NULL);
	buf_done(&text);
	buf_done(&prompt);
	free(title);
	return rc == 1;
}

static bool is_ours(int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.uid == geteuid();
}

void ssh_askpass_serve(struct ssh_askpass *a)
{
	int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char text[MAX_TEXT + 1], reply[MAX_SECRET + 1] = "-";
	ssize_t n;

	if (fd == -1)
		return;
	if (is_ours(fd) && ssh_wait(a->t, fd, POLLIN, NULL) == 0 &&
	    (n = recv(fd, text, sizeof text - 1, 0)) > 0) {
		text[n] = '\0';
		if (text[0] == KIND_NOTE) {
			/* "Confirm user presence for key ...": there is something to do, but nothing to say. */
			job_step(a->t->job, "%s", text + 1);
		} else {
			reply[0] =
			    answer(a, (enum kind)text[0], text + 1, reply + 1, sizeof reply - 1) ? '+' : '-';
		}
		if (send(fd, reply, reply[0] == '+' ? strlen(reply) : 1, MSG_NOSIGNAL) == -1)
			log_write(LOG_LEVEL_WARNING, "%s: the question of ssh could not be answered: %s",
			    a->t->where, strerror(errno));
	}
	explicit_bzero(reply, sizeof reply);
	close(fd);
}
