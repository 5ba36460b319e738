/* audit_impl.h: between the files of the audit log, and for their tests. */
#ifndef APP_AUDIT_IMPL_H
#define APP_AUDIT_IMPL_H

#include "app/audit.h"

/** Who does it; NULL where that is not known. */
struct audit_who {
	char *name, *sudo_user, *tty, *from;
	long uid, pid;
};

/** audit_who(ret): This process. audit_who_done(w). */
void audit_who(struct audit_who *ret);
void audit_who_done(struct audit_who *w);

/** audit_from(text): The address in front of "CLIENT PORT SERVER PORT", heap; NULL if it is none. */
char *audit_from(const char *text);

/** audit_line(a, who, now, reason): The line, with its end; heap. Pure ASCII, whatever the values hold. */
char *audit_line(const struct app_audit *a, const struct audit_who *who, int64_t now, const char *reason);

/** audit_append(path, line, e): Append it whole or not at all, forced to disk; the file is made, 0600, with the directories above it. What a torn line
 * left behind is closed with a newline before. */
int audit_append(const char *path, const char *line, struct err *e);

#endif
