/* view_archives_priv.h: what the files of the start screen share. */
#ifndef UI_VIEW_ARCHIVES_PRIV_H
#define UI_VIEW_ARCHIVES_PRIV_H

#include "app/prune.h"
#include "app/status.h"
#include "ui/first_look.h"
#include "ui/views.h"

#define ARCHIVES_COLUMNS 12
#define ARCHIVES_FIRST   1 /* row of the first archive: before it stands the running server */

struct view_archives {
	struct view view;
	struct app_archives list; /* as it was last read */
	size_t cap;
	enum retention_why *whys; /* of each on the list, what rotation makes of it; NULL: not known yet */
	bool loaded, loading, again;
	struct err failed; /* why it could not be read; code ERR_NONE: it could */
	struct first_look look;
	struct app_status standing; /* how the backups stand; no server: not known yet */
	struct app_unfinished unfinished;
	struct list_column columns[ARCHIVES_COLUMNS];
	char *comparing; /* the archive that is asked about: with what? */
};

/** archives_rows_init(a): Its list. archives_choose_columns(a): As the list needs them now. */
void archives_rows_init(struct view_archives *a);
void archives_choose_columns(struct view_archives *a);

/** archives_selected(a): The archive the cursor is on, or NULL. archives_selected_store(a): The store that is away, or NULL. archives_selected_live(a): It
 * is on the running server. */
const struct app_archive *archives_selected(struct view_archives *a);
const struct app_store_away *archives_selected_store(struct view_archives *a);
bool archives_selected_live(struct view_archives *a);

/** archives_selected_why(a): What rotation makes of the selected one; RETENTION_WHYS: not known. */
enum retention_why archives_selected_why(struct view_archives *a);

/** archives_reload(a): Read the list anew, in a task. */
void archives_reload(struct view_archives *a);

#endif
