/* log.c: one line per event, to a file, to syslog, and into a ring in memory. */
#include "core/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

static int log_fd = -1;
static int log_syslog;

/* The last lines; number n (from 1) lies at (n - 1) % LOG_REMEMBERED. */
static pthread_mutex_t ring_lock = PTHREAD_MUTEX_INITIALIZER;
static struct log_line ring[LOG_REMEMBERED];
static uint64_t ring_serial;

void log_open(const char *file, int use_syslog)
{
	log_close();
	log_syslog = use_syslog;
	if (use_syslog)
		openlog("cyrvault", LOG_PID, LOG_MAIL);
	if (file != NULL)
		log_fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	if (file != NULL && log_fd == -1 && use_syslog)
		syslog(LOG_WARNING, "cannot write the log file %s: %m", file);
}

void log_close(void)
{
	if (log_fd != -1)
		close(log_fd);
	if (log_syslog)
		closelog();
	log_fd = -1;
	log_syslog = 0;
}

static void remember(enum log_level level, int64_t when, const char *text)
{
	char *copy = mem_strdup(text), *old;
	struct log_line *line;

	pthread_mutex_lock(&ring_lock);
	line = &ring[ring_serial++ % LOG_REMEMBERED];
	old = line->text;
	*line = (struct log_line){ when, level, copy };
	pthread_mutex_unlock(&ring_lock);
	free(old);
}

uint64_t log_serial(void)
{
	uint64_t serial;

	pthread_mutex_lock(&ring_lock);
	serial = ring_serial;
	pthread_mutex_unlock(&ring_lock);
	return serial;
}

struct log_line *log_snapshot(size_t *ret_n, uint64_t *ret_serial)
{
	struct log_line *lines = NULL;
	size_t n;

	pthread_mutex_lock(&ring_lock);
	n = ring_serial < LOG_REMEMBERED ? (size_t)ring_serial : LOG_REMEMBERED;
	if (n > 0)
		lines = mem_array(n, sizeof *lines);
	for (size_t i = 0; i < n; i++) {
		lines[i] = ring[(ring_serial - n + i) % LOG_REMEMBERED];
		lines[i].text = mem_strdup(lines[i].text);
	}
	if (ret_serial != NULL)
		*ret_serial = ring_serial;
	pthread_mutex_unlock(&ring_lock);
	*ret_n = n;
	return lines;
}

void log_snapshot_free(struct log_line *lines, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(lines[i].text);
	free(lines);
}

const char *log_level_word(enum log_level level)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };

	return words[level];
}

void log_write(enum log_level level, const char *fmt, ...)
{
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	char raw[1024], safe[1200], line[1300], when[32];
	int64_t now = clock_now();
	va_list ap;
	int n;

	va_start(ap, fmt);
	vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	str_safe(safe, sizeof safe, raw, strlen(raw));
	remember(level, now, safe);
	if (log_syslog)
		syslog(priority[level], "%s", safe);
	if (log_fd == -1)
		return;
	n = snprintf(line, sizeof line, "%s [%ld] %s: %s\n", clock_iso(when, sizeof when, now), (long)getpid(),
	    log_level_word(level), safe);
	if (n > 0) {
		/* One write() per line: lines of parallel runs do not mix in a file opened with O_APPEND. */
		ssize_t ignored = write(log_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);

		(void)ignored;
	}
}
