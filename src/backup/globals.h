/* globals.h: everything of the server that belongs to no mailbox and no user: configuration, global databases, extra paths. */
#ifndef BACKUP_GLOBALS_H
#define BACKUP_GLOBALS_H

#include "backup/capture.h"
#include "backup/pack.h"
#include "backup/roster.h"
#include "core/conf.h"

/** globals_pack(cx, p, conf, roster, e): The global unit. What belongs to a user of ${roster} is left to that user's unit. */
int globals_pack(struct capture_context *cx, struct pack_context *p, const struct conf_server *conf,
    const struct roster *roster, struct err *e);

/** globals_left_out: What is never packed, in words, NULL-terminated: for archive.json. */
extern const char *const globals_left_out[];

/** orphans_pack(cx, p, roster, since, e): Every directory below the partitions that holds mail but is no mailbox's, as units of their own. Those
 * changed after ${since} (unix time) may belong to a mailbox made meanwhile and are passed over. */
int orphans_pack(struct capture_context *cx, struct pack_context *p, const struct roster *roster,
    int64_t since, struct err *e);

#endif
