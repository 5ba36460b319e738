/* views_later.c: screens that are being written. */
#include "ui/views.h"

struct view *view_details_new(struct console *c, const char *archive, const char *internal, const char *shown)
{
	(void)archive;
	(void)internal;
	return view_text_new(c, "details", shown, "being written");
}

/* The other front end. */
#include "ui/console_priv.h"
int plain_run(struct console *c, struct err *e)
{
	(void)c;
	return err_set(e, ERR_UNSUPPORTED, "--plain is being written");
}
