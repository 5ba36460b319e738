/* words.h: words that the command line and the console say alike. Pure; thread-safe. */
#ifndef APP_WORDS_H
#define APP_WORDS_H

#include "app/app.h"

/** app_archive_health(a): "verified" (whole, and the mailboxes were consistent), "findings" (whole, but something was off in the spool),
 * "unverified", "foreign" or "damaged". */
const char *app_archive_health(const struct app_archive *a);

/** app_archive_quiesce(dst, size, a): How the server was held still and the longest pause: "user 12ms", "mailbox", ""  if not known. */
const char *app_archive_quiesce(char *dst, size_t size, const struct app_archive *a);

/** app_quiesce_words(level): What was held still, for the word of it in backup_result.quiesce or app_archive.quiesce: "all users at once"; that word itself
 * where it is none of ours. */
const char *app_quiesce_words(const char *level);

/** app_command_add(b, word): Append a word to a command line, behind a blank unless ${b} is empty. It stands as it is where a shell leaves
 * it so, else in single quotes; with bytes that would disturb a terminal as $'...' (bash, zsh, ksh), so the line can be shown and pasted. */
void app_command_add(struct buf *b, const char *word);

/** app_command_begin(b, app, server, verb): "cyrvault VERB", with the options that lead to this configuration and server where they are not
 * the default ones. ${server} NULL: the first. */
void app_command_begin(struct buf *b, struct app *app, const char *server, const char *verb);

#endif
