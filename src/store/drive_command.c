/* drive_command.c: a command in place of a drive: its standard input is written to, its standard output is read, in bounded memory. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/drive_priv.h"

#define SAID_MAX   4096
#define ERRORS_MAX ((size_t)64 << 10)
#define TICK_MS    100
#define STOP_MS    5000
#define LINGER_MS  30000 /* for its exit after the end of its output */

/* "%a": what stands for it; the values are no words to be split. */
static char *replace(const struct drive *d, const char *word, size_t n, uint64_t file)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n; i++) {
		if (word[i] != '%' || i + 1 == n || strchr("alf%", word[i + 1]) == NULL) {
			buf_char(&b, word[i]);
			continue;
		}
		switch (word[++i]) {
		case 'a': buf_str(&b, d->archive); break;
		case 'l': buf_str(&b, d->label); break;
		case 'f': buf_printf(&b, "%llu", (unsigned long long)file); break;
		default: buf_char(&b, '%');
		}
	}
	return buf_steal(&b);
}

static char **words_of(const struct drive *d, const char *command, uint64_t file)
{
	size_t n = 0, cap = 0;
	char **words = NULL;

	for (;;) {
		size_t len;

		command += strspn(command, " \t");
		len = strcspn(command, " \t");
		words = mem_grow(words, &cap, n + 2, sizeof(char *));
		words[n] = len > 0 ? replace(d, command, len, file) : NULL;
		if (len == 0)
			return words;
		command += len;
		n++;
	}
}

int drive_command_start(struct drive *d, bool write, uint64_t file, struct err *e)
{
	const char *command = write ? d->write_command : d->read_command;
	char **words;
	int rc = -1;

	if (command == NULL) {
		err_set(e, ERR_CONFIG, "the [tape] has no %s", write ? "write_command" : "read_command");
		return err_hint(e, "see cyrvault.conf(5)");
	}
	words = words_of(d, command, file);
	buf_clear(&d->said);
	d->said = (struct buf)BUF_INIT_MAX(SAID_MAX);
	buf_done(&d->errors);
	d->errors = (struct buf)BUF_INIT_MAX(ERRORS_MAX);
	d->ended = false;
	d->writes = write;
	if (words[0] == NULL)
		err_set(e, ERR_CONFIG, "the [tape]'s %s is empty", write ? "write_command" : "read_command");
	else
		rc = process_start(&(struct process_opts){ .argv = (const char *const *)words }, &d->fd,
		    &d->errors_fd, &d->process, e);
	for (size_t i = 0; words[i] != NULL; i++)
		free(words[i]);
	free(words);
	if (rc == 0 && (!write || drive_takes_archive(d)))
		shutdown(d->fd, SHUT_WR);
	return rc;
}

static void take_errors(struct drive *d)
{
	char chunk[4096];
	ssize_t n = read(d->errors_fd, chunk, sizeof chunk);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		close(d->errors_fd);
		d->errors_fd = -1;
		return;
	}
	if (!d->errors.full)
		buf_add(&d->errors, chunk,
		    (size_t)n < ERRORS_MAX - d->errors.len ? (size_t)n : ERRORS_MAX - d->errors.len);
}

/* What the write command says. */
static void take_said(struct drive *d)
{
	char chunk[4096];
	ssize_t n = recv(d->fd, chunk, sizeof chunk, MSG_DONTWAIT);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0)
		d->ended = true;
	else
		buf_add(
		    &d->said, chunk, (size_t)n < SAID_MAX - d->said.len ? (size_t)n : SAID_MAX - d->said.len);
}

int drive_wait(struct drive *d, short events, struct err *e)
{
	for (;;) {
		struct pollfd fds[2] = { { .fd = d->fd, .events = events },
			{ .fd = d->process != NULL ? d->errors_fd : -1, .events = POLLIN } };

		if (job_cancelled(d->job, e))
			return -1;
		if (poll(fds, 2, TICK_MS) == -1 && errno != EINTR)
			return err_sys(e, "wait for %s", drive_name(d));
		if (fds[1].revents != 0)
			take_errors(d);
		if (fds[0].revents != 0)
			return 0;
	}
}

/* How it ended: 0 well; else -1 with what it said. */
static int judge(struct drive *d, struct err *e)
{
	uint64_t until = clock_monotonic_ms() + LINGER_MS;
	int status = -1;

	while (!process_ended(d->process, &status)) {
		struct pollfd fd = { .fd = d->errors_fd, .events = POLLIN };

		if (job_cancelled(d->job, e))
			return -1;
		if (clock_monotonic_ms() > until)
			return err_set(
			    e, ERR_TOOL, "%s has closed its output and does not end", drive_name(d));
		if (poll(&fd, 1, TICK_MS / 10) > 0)
			take_errors(d);
	}
	while (d->errors_fd != -1) {
		struct pollfd fd = { .fd = d->errors_fd, .events = POLLIN };

		if (poll(&fd, 1, TICK_MS) <= 0)
			break;
		take_errors(d);
	}
	if (status != 0) {
		const char *text = buf_text(&d->errors);
		int n;

		/* dd says so, for one, behind lines of figures. */
		if (strstr(text, "No space left on device") != NULL)
			return err_set(e, ERR_SPACE, "%s: no space left on device", drive_name(d));
		text += strspn(text, " \t\r\n");
		n = (int)strcspn(text, "\r\n");
		if (n > 0)
			return err_set(e, ERR_TOOL, "%s: %.*s", drive_name(d), n, text);
		return err_set(e, ERR_TOOL, "%s failed with exit status %d", drive_name(d), status);
	}
	return 0;
}

ssize_t drive_command_read(struct drive *d, void *p, size_t n, struct err *e)
{
	ssize_t got;

	if (d->ended)
		return 0;
	do {
		if (drive_wait(d, POLLIN, e) == -1)
			return -1;
		got = recv(d->fd, p, n, MSG_DONTWAIT);
	} while (got == -1 && (errno == EINTR || errno == EAGAIN));
	if (got > 0)
		return got;
	if (got == -1 && errno != ECONNRESET)
		return err_sys(e, "read from %s", drive_name(d));
	d->ended = true;
	return judge(d, e);
}

int drive_command_write(struct drive *d, const void *p, size_t n, struct err *e)
{
	const char *from = p;

	while (n > 0) {
		ssize_t sent;

		if (drive_wait(d, d->ended ? POLLOUT : POLLOUT | POLLIN, e) == -1)
			return -1;
		if (!d->ended)
			take_said(d);
		sent = send(d->fd, from, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (sent == -1) {
			/* It has stopped taking; why, it says itself. */
			if (judge(d, e) == -1)
				return -1;
			return err_set(e, ERR_TOOL, "%s ended before it had taken all", drive_name(d));
		}
		from += sent;
		n -= (size_t)sent;
	}
	return 0;
}

int drive_command_end(struct drive *d, struct err *e)
{
	shutdown(d->fd, SHUT_WR);
	while (!d->ended) {
		if (drive_wait(d, POLLIN, e) == -1)
			return -1;
		take_said(d);
	}
	return judge(d, e);
}

void drive_command_stop(struct drive *d)
{
	if (d->process == NULL)
		return;
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
	process_stop(d->process, STOP_MS);
	d->process = NULL;
	if (d->errors_fd != -1)
		close(d->errors_fd);
	d->errors_fd = -1;
}
