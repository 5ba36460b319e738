/* doctor_snapshot.h: doctor's look at snapshots: which kind a backup will have, how much room, what was left over. */
#ifndef APP_DOCTOR_SNAPSHOT_H
#define APP_DOCTOR_SNAPSHOT_H

#include "app/app.h"

/** doctor_snapshot(conf, server, job, each, arg): Says it, changes nothing. Returns how many failures there were. */
int doctor_snapshot(
    const struct conf_server *conf, const struct server *server, struct job *job, doctor_fn *each, void *arg);

#endif
