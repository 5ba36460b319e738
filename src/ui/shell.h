/* shell.h: the command lines that views show beside what they do. */
#ifndef UI_SHELL_H
#define UI_SHELL_H

#include <stdint.h>

#include "core/buf.h"

struct console;

/** shell_begin(b, c, verb): Append "cyrvault VERB" with the options that lead to this console's configuration and server. */
void shell_begin(struct buf *b, struct console *c, const char *verb);

/** shell_mailbox(b, c, verb, archive, internal, shown): Append "cyrvault VERB ARCHIVE MAILBOX" likewise. The mailbox as people see it, where a command takes it back so. */
void shell_mailbox(struct buf *b, struct console *c, const char *verb, const char *archive,
    const char *internal, const char *shown);

/** shell_word(internal, shown): The one of the two that a command takes. */
const char *shell_word(const char *internal, const char *shown);

#endif
