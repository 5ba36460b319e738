/* ssh_program.c: a link over the system's ssh program. */
#include "store/ssh_impl.h"

int ssh_program_connect(struct ssh_try *t, const char *why, struct ssh_link **ret, struct err *e)
{
	(void)ret;
	return err_set(e, ERR_UNSUPPORTED, "%s: this version does not use the ssh program%s%s", t->where, why[0] != '\0' ? ", but " : "", why);
}
