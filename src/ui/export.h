/* export.h: the task that writes messages of an archive to files, for the views that offer it. */
#ifndef UI_EXPORT_H
#define UI_EXPORT_H

#include "ui/console.h"
#include "ui/uids.h"

struct ui_export {
	const char *archive, *internal, *shown;
	const struct uids *uids;
	const char *path; /* as it was typed */
	bool file;        /* the one message as the file ${path}; else each as PATH/UID.eml */
};

/** ui_export(c, owner, x): Start it; what it needs is copied. It says what came of it, also when ${owner} is gone by then. A file that is
 * there already stays as it is. */
void ui_export(struct console *c, struct view *owner, const struct ui_export *x);

#endif
