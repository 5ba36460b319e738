/* sessions.h: who is connected to the server, and which mailbox each has selected.
 *
 * Every process of Cyrus that serves a client keeps one file about itself, PROCPATH/PID (proc_path in imapd.conf, else proc in the
 * configdirectory), written anew at each change and renamed into place: one line of fields with tabs in between: service, client host ("localhost
 * [127.0.0.1]"), user id, internal name of the selected mailbox, command under way. What is not known is empty; up to 2.4 what
 * comes after the last known field is left out. Pure reading; thread-safe. Sources: Cyrus imap/proc.c of 2.1 to 3.12; checked against
 * sessions of 3.6.1 (tests/cyrus/test_live_source). */
#ifndef CYRUS_SESSIONS_H
#define CYRUS_SESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/err.h"
#include "cyrus/imapd_conf.h"

struct session {
	pid_t pid;
	char *service;               /* "imap" */
	char *host, *user, *mailbox; /* "" if there is none, or not yet */
};

struct sessions {
	struct session *list;
	size_t n;
};

/** session_parse(text, n, ret): The content of one such file, which may be hostile. false: it is none. session_done() it. */
bool session_parse(const char *text, size_t n, struct session *ret);
void session_done(struct session *s);

/** sessions_read(conf, ret, e): Those of all processes that are alive; files that a process left behind when it died do not count. No directory: no
 * sessions. sessions_done() it, in either case. */
int sessions_read(const struct imapd_conf *conf, struct sessions *ret, struct err *e);
void sessions_done(struct sessions *s);

/** sessions_count(s, mailbox): How many have that mailbox (internal name) selected. */
size_t sessions_count(const struct sessions *s, const char *mailbox);

#endif
