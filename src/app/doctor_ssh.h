/* doctor_ssh.h: doctor's look at the way to a store on another host. */
#ifndef APP_DOCTOR_SSH_H
#define APP_DOCTOR_SSH_H

#include "app/app.h"

/** doctor_ssh_keys(c, each, arg): Keys of ours that cannot be used, or not always. */
void doctor_ssh_keys(const struct conf_store *c, doctor_fn *each, void *arg);

/** doctor_ssh(c, job, each, arg): How the host is reached, with which algorithms, how far away it is, and as whom. Returns how many failures there
 * were. */
int doctor_ssh(const struct conf_store *c, struct job *job, doctor_fn *each, void *arg);

#endif
