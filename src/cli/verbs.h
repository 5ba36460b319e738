/* verbs.h: the verbs there are, each in its cmd_*.c. */
#ifndef CLI_VERBS_H
#define CLI_VERBS_H

#include "cli/cli.h"

extern const struct cli_verb verb_backup, verb_archives, verb_mailboxes, verb_messages, verb_show, verb_find,
    verb_export, verb_restore, verb_verify, verb_salvage, verb_diff, verb_history, verb_catalogue,
    verb_doctor, verb_console, verb_help, verb_prune, verb_protect, verb_status, verb_tape, verb_audit, verb_lost, verb_cases;

#endif
