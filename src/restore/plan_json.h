/* plan_json.h: a plan as JSON: what --json prints, what a case keeps, and what a person reviews before it is carried out. */
#ifndef RESTORE_PLAN_JSON_H
#define RESTORE_PLAN_JSON_H

#include "restore/json.h"

/** step_kind_name(k): "rename", "files"..., stable. */
const char *step_kind_name(enum step_kind k);

/** restore_item_json(p, i), restore_step_json(p, i): One mailbox, one step (numbered from 1), as objects; json_decref() them. UIDs are sets: "1:5,7". */
json_t *restore_item_json(const struct restore_plan *p, size_t i);
json_t *restore_step_json(const struct restore_plan *p, size_t i);

/** restore_plan_json(p, server, archive, e): All of it, members always in the same order; ${server} and ${archive} as the command line takes them. NULL with
 * ${e}: the archive's identity cannot be read. */
json_t *restore_plan_json(
    const struct restore_plan *p, const char *server, const char *archive, struct err *e);

/** A plan file that was read. */
struct restore_plan_file {
	char *server, *archive;
	struct restore_request request;
	json_t *plan;
};

/** restore_plan_file_read(path, ret, e): ERR_FORMAT. restore_plan_file_done() it. */
int restore_plan_file_read(const char *path, struct restore_plan_file *ret, struct err *e);
void restore_plan_file_done(struct restore_plan_file *f);

/** restore_plan_compare(was, is, each, arg): Call ${each} with a safe line for everything in which two plans differ but the time they were made, and who is
 * connected: "mailboxes[user.alice].live.uidnext: 12 -> 13". Returns how many. */
size_t restore_plan_compare(
    const json_t *was, const json_t *is, void (*each)(void *arg, const char *line), void *arg);

#endif
