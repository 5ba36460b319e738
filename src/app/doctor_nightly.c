/* doctor_nightly.c: can the programs be run that are to be run before and after a backup, and to tell of it? */
#include "app/doctor_nightly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/hook.h"
#include "core/mem.h"

struct nightly {
	doctor_fn *each;
	void *arg;
	int failures;
};

static void check(struct nightly *d, const char *subject, const char *path, const char *next)
{
	struct stat st;
	const char *why = NULL;
	char *what;

	if (path == NULL)
		return;
	if (stat(path, &st) == -1 || access(path, X_OK) == -1)
		why = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		why = "it is no file";
	else if (st.st_mode & S_IWOTH)
		why = "everybody may write to it";
	d->failures += why != NULL;
	what = why != NULL ? mem_printf("%s: %s", path, why) : mem_strdup(path);
	d->each(d->arg, why != NULL ? DOCTOR_FAIL : DOCTOR_OK, subject, what, why != NULL ? next : "");
	free(what);
}

int doctor_nightly(
    const struct conf_server *server, const struct conf_notify *notify, doctor_fn *each, void *arg)
{
	struct nightly d = { each, arg, 0 };

	check(&d, "before", server->before, "put it right: without it there are no backups");
	check(&d, "after", server->after, "put it right, or take the key out of the configuration");
	if (notify->mail != NULL)
		check(&d, "notify", notify->sendmail != NULL ? notify->sendmail : HOOK_SENDMAIL,
		    "install a mail program, or set sendmail in [notify]: nobody is told of failures");
	check(&d, "notify", notify->command, "put it right: nobody is told of failures");
	return d.failures;
}
