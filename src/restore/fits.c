/* fits.c: whether what a plan took for granted is still so: minutes, or a night, may lie between the plan and its being carried out. */
#include <string.h>

#include "restore/plan.h"

static int refuse(const struct restore_item *item, const char *how, const char *what, struct err *e)
{
	err_set(e, ERR_REFUSED, "%s changed since the plan was made: %s %s", item->name, how, what);
	return err_hint(e, "nothing was changed there; plan the restore anew");
}

/* Entered under a name that another mailbox has by now, that one would be gone; entered while its directory is another one's, there
 * would be two names for one directory. */
static int fits(
    const struct server *server, const struct mboxlist *live, const struct restore_item *item, struct err *e)
{
	const struct mailbox_entry *named = mboxlist_find(live, item->name);
	const char *id = item->entry.uniqueid;

	if (named != NULL && named->flags & MBTYPE_DELETED)
		named = NULL;
	/* The one that gives way first. */
	if (named != NULL && named->uniqueid != NULL && item->aside_id != NULL &&
	    strcmp(named->uniqueid, item->aside_id) == 0)
		named = NULL;
	if (item->create && named != NULL)
		return refuse(item, "it is there now, unique id",
		    named->uniqueid != NULL ? named->uniqueid : "none", e);
	if (named != NULL && named->uniqueid != NULL && id != NULL && strcmp(named->uniqueid, id) != 0)
		return refuse(item, "a newer mailbox has its name, unique id", named->uniqueid, e);
	if (named != NULL || id == NULL)
		return 0;
	for (size_t at = mboxlist_find_id(live, id, 0); at != (size_t)-1;
	     at = mboxlist_find_id(live, id, at + 1)) {
		const char *name = live->entries[at].name;

		if (item->deleted_name != NULL && mboxname_is_deleted(server->conf, name))
			continue;
		if (strcmp(name, item->name) != 0)
			return refuse(item, "it is there as", name, e);
	}
	return 0;
}

int restore_fits_list(
    const struct server *server, const struct mboxlist *live, const struct restore_plan *plan, struct err *e)
{
	for (size_t i = 0; i < plan->n_items; i++)
		if (plan->items[i].state != STATE_SAME && plan->items[i].state != STATE_OTHER &&
		    fits(server, live, &plan->items[i], e) == -1)
			return -1;
	return 0;
}

int restore_fits(struct server *server, const struct restore_plan *plan, struct err *e)
{
	struct mboxlist *live = NULL;
	int rc = server_list(server, &live, e);

	if (rc == 0)
		rc = restore_fits_list(server, live, plan, e);
	mboxlist_free(live);
	return rc;
}
