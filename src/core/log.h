/* log.h: what happened, for syslog, the program's own log file, and a screen that shows the last lines. Thread-safe.
 *
 * Lines are one event each, safe text. Nothing leaves the process before log_open(); secrets are never passed here. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include <stddef.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** log_open(file, use_syslog): Append to ${file} (NULL: none), created 0640, and/or to syslog (facility mail). A file
 * that cannot be opened is said to syslog only: logging never stops the work. */
void log_open(const char *file, int use_syslog);

/** log_write(level, fmt, ...): One line. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** log_close(): Close both. What is remembered stays. */
void log_close(void);

/** One line as it was written. */
struct log_line {
	int64_t when; /* unix time */
	enum log_level level;
	char *text; /* safe */
};

/** How many lines this process remembers, whether or not they could be written anywhere. */
#define LOG_REMEMBERED 500

/** log_level_word(level): "error", "warning", "info", "debug". */
const char *log_level_word(enum log_level level);

/** log_serial(): How many lines there have been; another number than before means that there is something new. */
uint64_t log_serial(void);

/** log_snapshot(ret_n, ret_serial): Copies of the last lines, the oldest first; NULL if there are none. The last of them is number
 * ${*ret_serial} (NULL: not asked for). log_snapshot_free(lines, n). */
struct log_line *log_snapshot(size_t *ret_n, uint64_t *ret_serial);
void log_snapshot_free(struct log_line *lines, size_t n);

#endif
