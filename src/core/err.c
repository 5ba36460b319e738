/* err.c: fill, wrap and name failures. */
#include "core/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/str.h"

static const struct {
	const char *name;
	int exit_status;
} codes[] = {
	[ERR_NONE] = { "ok", 0 },
	[ERR_SYS] = { "system", 2 },
	[ERR_FORMAT] = { "format", 2 },
	[ERR_CONFIG] = { "config", 78 },
	[ERR_USAGE] = { "usage", 64 },
	[ERR_NOT_FOUND] = { "not_found", 10 },
	[ERR_EXISTS] = { "exists", 2 },
	[ERR_LOCKED] = { "locked", 11 },
	[ERR_AUTH] = { "auth", 12 },
	[ERR_DAMAGE] = { "damage", 13 },
	[ERR_SPACE] = { "no_space", 14 },
	[ERR_CANCELLED] = { "cancelled", 2 },
	[ERR_REFUSED] = { "refused", 2 },
	[ERR_UNSUPPORTED] = { "unsupported", 2 },
	[ERR_TOOL] = { "tool", 2 },
	[ERR_CONNECTION] = { "connection", 2 },
	[ERR_PARTIAL] = { "partial", 15 },
};

void err_clear(struct err *e)
{
	if (e == NULL)
		return;
	e->code = ERR_NONE;
	e->sys = 0;
	e->msg[0] = e->hint[0] = '\0';
}

static void format_safe(char *dst, size_t size, const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));
static void set_va(struct err *e, enum err_code code, int sys, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));

/* Formats into ${dst}, then escapes what a name from mail or an archive may carry. */
static void format_safe(char *dst, size_t size, const char *fmt, va_list ap)
{
	char raw[1024];
	int n = vsnprintf(raw, sizeof raw, fmt, ap);

	if (n < 0)
		n = 0;
	if ((size_t)n >= sizeof raw)
		n = (int)sizeof raw - 1;
	str_safe(dst, size, raw, (size_t)n);
}

static void set_va(struct err *e, enum err_code code, int sys, const char *fmt, va_list ap)
{
	e->code = code;
	e->sys = sys;
	e->hint[0] = '\0';
	format_safe(e->msg, sizeof e->msg, fmt, ap);
}

/* Puts ": WHY" behind the message. Where both do not fit, the what gives way to the why. */
static void append(struct err *e, const char *why)
{
	size_t room = sizeof e->msg - 1, n = strlen(e->msg), need = strlen(why) + 2;

	if (need > room - n)
		n = str_safe(e->msg, need < room / 2 ? room - need + 1 : room / 2 + 1, e->msg, n);
	n += str_safe(e->msg + n, sizeof e->msg - n, ": ", 2);
	str_safe(e->msg + n, sizeof e->msg - n, why, strlen(why));
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL)
		return -1;
	va_start(ap, fmt);
	set_va(e, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int sys = errno;
	enum err_code code = ERR_SYS;
	va_list ap;

	if (e == NULL)
		return -1;
	switch (sys) {
	case ENOENT: code = ERR_NOT_FOUND; break;
	case EEXIST: code = ERR_EXISTS; break;
	case ENOSPC:
	case EDQUOT: code = ERR_SPACE; break;
	case ECANCELED: code = ERR_CANCELLED; break;
	default: break;
	}
	va_start(ap, fmt);
	set_va(e, code, sys, fmt, ap);
	va_end(ap);
	append(e, strerror(sys));
	if (code == ERR_SPACE)
		err_hint(e, "make room on that file system, then run it again; nothing half-written stays");
	if ((sys == EACCES || sys == EPERM) && geteuid() != 0)
		err_hint(e, "run it as root: only root reads every mailbox and gives restored files to Cyrus");
	return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
	char inner[sizeof e->msg];
	va_list ap;

	if (e == NULL)
		return -1;
	memcpy(inner, e->msg, sizeof inner);
	va_start(ap, fmt);
	format_safe(e->msg, sizeof e->msg, fmt, ap);
	va_end(ap);
	append(e, inner);
	return -1;
}

int err_hint(struct err *e, const char *fmt, ...)
{
	va_list ap;

	if (e == NULL || e->hint[0] != '\0')
		return -1;
	va_start(ap, fmt);
	format_safe(e->hint, sizeof e->hint, fmt, ap);
	va_end(ap);
	return -1;
}

int err_exit_status(enum err_code code)
{
	return (size_t)code < sizeof codes / sizeof codes[0] ? codes[code].exit_status : 2;
}

const char *err_code_name(enum err_code code)
{
	return (size_t)code < sizeof codes / sizeof codes[0] ? codes[code].name : "unknown";
}
