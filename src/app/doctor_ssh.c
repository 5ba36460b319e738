/* doctor_ssh.c: the way to a store on another host, as doctor sees it. */
#include "app/doctor_ssh.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "store/ssh.h"
#include "store/ssh_key.h"

struct look {
	const char *subject;
	doctor_fn *each;
	void *arg;
};

static void say(const struct look *k, enum doctor_state state, const char *next, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void say(const struct look *k, enum doctor_state state, const char *next, const char *fmt, ...)
{
	va_list ap;
	char *what;

	va_start(ap, fmt);
	what = str_safe_vprintf(fmt, ap);
	va_end(ap);
	k->each(k->arg, state, k->subject, what, next);
	free(what);
}

void doctor_ssh_keys(const struct conf_store *c, doctor_fn *each, void *arg)
{
	char *subject = mem_printf("store %s", c->name);
	const struct look look = { subject, each, arg }, *k = &look;
	size_t n;
	char **files = ssh_key_files(c, &n);

	for (size_t i = 0; i < n; i++) {
		struct ssh_key key;
		struct err e = { 0 };

		if (ssh_key_look(files[i], &key, &e) == -1) {
			say(k, DOCTOR_WARN, e.hint, "%s", e.msg);
		} else {
			if (key.encrypted && c->n_identity > 0)
				say(k, DOCTOR_WARN,
				    "where nobody can be asked, such as in a backup by cron, an agent must "
				    "have it, or a key without one be used",
				    "the private key %s has a passphrase", files[i]);
			ssh_key_done(&key);
		}
		free(files[i]);
	}
	free(files);
	free(subject);
}

int doctor_ssh(const struct conf_store *c, struct job *job, doctor_fn *each, void *arg)
{
	char *subject = mem_printf("store %s", c->name), far[40] = "";
	const struct look k = { subject, each, arg };
	struct ssh_link *l;
	struct err e = { 0 };
	const char *user, *by;
	bool by_password;
	int failures = 0;

	if (ssh_connect(c, job, &l, &e) == -1) {
		say(&k, DOCTOR_FAIL, e.hint, "%s", e.msg);
		failures = 1;
	} else {
		by = ssh_login(l, &user, &by_password);
		if (ssh_latency_ms(l) > 0)
			snprintf(far, sizeof far, ", %u ms away", ssh_latency_ms(l));
		say(&k, DOCTOR_OK, "", "by %s%s%s%s", ssh_words(l), far, by != NULL ? ", let in by " : "",
		    by != NULL ? by : "");
		if (by_password)
			say(&k, DOCTOR_WARN,
			    "make a key with ssh-keygen -t ed25519, and put its public half into "
			    "authorized_keys on the host",
			    "let in by a password");
		if (user != NULL && strcmp(user, "root") == 0)
			say(&k, DOCTOR_WARN,
			    "a user of its own, held to its directory by cyrvault-store(8), cannot harm the "
			    "host or its archives",
			    "let in as root");
		ssh_close(l);
	}
	free(subject);
	return failures;
}
