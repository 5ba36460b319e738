/* hook.h: the programs that are run around a backup, and who is told what came of it. */
#ifndef APP_HOOK_H
#define APP_HOOK_H

#include "app/app.h"

/** What they are told. Strings may be NULL: not known. */
struct hook_facts {
	const char *when; /* "before", "after", "failed", "recovered" */
	const char *server, *store;
	int status;                         /* -1: not known yet */
	const struct err *why;              /* of a failure */
	const struct backup_result *result; /* NULL: not known yet */
};

/** hook_run(path, f, job, e): Run the program with the facts in its environment (cyrvault.conf(5), HOOKS), for ten minutes at most. What it says goes to the
 * log. -1: it could not be started, did not exit 0, or took too long. */
int hook_run(const char *path, const struct hook_facts *f, struct job *job, struct err *e);

/** Who takes the mail unless another program is configured. */
#define HOOK_SENDMAIL "/usr/sbin/sendmail"

/** hook_notify(notify, f, e): Send the mail and run the command that [notify] names; nothing where it names none. -1: one of them failed; the other was
 * tried. */
int hook_notify(const struct conf_notify *notify, const struct hook_facts *f, struct err *e);

#endif
