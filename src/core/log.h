/* log.h: what happened, for syslog and the program's own log file. Thread-safe.
 *
 * Lines are one event each, safe text. Nothing is written before log_open(); secrets are never passed here. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** log_open(file, use_syslog): Append to ${file} (NULL: none), created 0640, and/or to syslog (facility mail). A file
 * that cannot be opened is said to syslog only: logging never stops the work. */
void log_open(const char *file, int use_syslog);

/** log_write(level, fmt, ...): One line. */
void log_write(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** log_close(): Close both. */
void log_close(void);

#endif
