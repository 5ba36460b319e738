/* ssh_askpass.h: what the ssh program asks reaches whoever answers the questions of our job.
 *
 * ssh runs the program named in SSH_ASKPASS, which is ours, with its prompt; that process hands the prompt over to the one that started ssh. */
#ifndef STORE_SSH_ASKPASS_H
#define STORE_SSH_ASKPASS_H

#include "store/ssh_impl.h"

/** The side that listens. */
struct ssh_askpass {
	struct ssh_try *t;
	int fd;           /* to poll for POLLIN; -1: nobody listens */
	char *env[4];     /* what ssh needs in its environment, NULL at the end */
	unsigned n_file;  /* how often the password of the file was given */
	bool by_password; /* a password was asked for, and given */
	bool declined;    /* a question was not answered */
	struct err why;   /* why not: code ERR_NONE, if there was nobody to ask */
};

/** ssh_askpass_listen(t, ret, e): Begin to listen. ssh_askpass_done() it. */
int ssh_askpass_listen(struct ssh_try *t, struct ssh_askpass *ret, struct err *e);
void ssh_askpass_done(struct ssh_askpass *a);

/** ssh_askpass_serve(a): Somebody has come: answer him. */
void ssh_askpass_serve(struct ssh_askpass *a);

#endif
