/* shell.c: command lines from what a view knows. */
#include "ui/shell.h"

#include <string.h>

#include "app/words.h"
#include "ui/console.h"

const char *shell_word(const char *internal, const char *shown)
{
	/* Where something in the name had to be made harmless, what is shown does not lead back to it. */
	return strchr(shown, '\\') == NULL ? shown : internal;
}

void shell_begin(struct buf *b, struct console *c, const char *verb)
{
	app_command_begin(b, console_app(c), console_server(c), verb);
}

void shell_mailbox(struct buf *b, struct console *c, const char *verb, const char *archive,
    const char *internal, const char *shown)
{
	shell_begin(b, c, verb);
	app_command_add(b, archive);
	app_command_add(b, shell_word(internal, shown));
}
