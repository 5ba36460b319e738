/* doctor_nightly.h: doctor on the programs around a backup. */
#ifndef APP_DOCTOR_NIGHTLY_H
#define APP_DOCTOR_NIGHTLY_H

#include "app/app.h"

/** doctor_nightly(server, notify, each, arg): Say whether the programs that these sections name can be run. Returns how many lines were DOCTOR_FAIL. */
int doctor_nightly(
    const struct conf_server *server, const struct conf_notify *notify, doctor_fn *each, void *arg);

#endif
