/* log.c: one line per event, to a file and to syslog. */
#include "core/log.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/str.h"

static int log_fd = -1;
static int log_syslog;

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

void log_write(enum log_level level, const char *fmt, ...)
{
	static const char *const words[] = { "error", "warning", "info", "debug" };
	static const int priority[] = { LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG };
	char raw[1024], safe[1200], line[1300], when[32];
	va_list ap;
	int n;

	if (log_fd == -1 && !log_syslog)
		return;
	va_start(ap, fmt);
	vsnprintf(raw, sizeof raw, fmt, ap);
	va_end(ap);
	str_safe(safe, sizeof safe, raw, strlen(raw));
	if (log_syslog)
		syslog(priority[level], "%s", safe);
	if (log_fd == -1)
		return;
	n = snprintf(line, sizeof line, "%s [%ld] %s: %s\n", clock_iso(when, sizeof when, clock_now()), (long)getpid(),
	    words[level], safe);
	if (n > 0) {
		/* One write() per line: lines of parallel runs do not mix in a file opened with O_APPEND. */
		ssize_t ignored = write(log_fd, line, (size_t)n < sizeof line ? (size_t)n : sizeof line - 1);

		(void)ignored;
	}
}
