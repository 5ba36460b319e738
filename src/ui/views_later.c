/* views_later.c: screens that are being written. */
/* The other front end. */
#include "ui/console_priv.h"
int plain_run(struct console *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_UNSUPPORTED, "--plain is being written");
}
