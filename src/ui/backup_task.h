/* backup_task.h: the jobs of the backup screen: one that backs up, and outlives the screen; one that looks what that would do. */
#ifndef UI_BACKUP_TASK_H
#define UI_BACKUP_TASK_H

#include "ui/backup_watch.h"
#include "ui/console.h"

/** A backup. The worker's while it runs, but for what is said to be shared. */
struct backup_work {
	struct app *app;
	char *server;
	struct backup_opts opts;
	struct backup_result result;
	struct backup_watch watch; /* shared */
	bool seen;                 /* the UI thread's: its report was on the screen */
};

/** backup_start(c, opts, open): Begin one; NULL when it could not be begun (said). ${open} makes its screen. */
struct task *backup_start(struct console *c, const struct backup_opts *opts,
    struct view *(*open)(struct console *c, struct task *t));

/** backup_find(c, number): That job, if it is a backup; 0: the newest backup; NULL: there is none. backup_of(t): Its work. */
struct task *backup_find(struct console *c, unsigned number);
struct backup_work *backup_of(const struct task *t);

/** backup_command(c, opts, b): Append the command line that does the same. */
void backup_command(struct console *c, const struct backup_opts *opts, struct buf *b);

/** backup_counts(r, b): Append "12 mailboxes, 1 finding". */
void backup_counts(const struct backup_result *r, struct buf *b);

/** outlook_start(c, owner, took, done): Look what a backup would do; ${took} gets the struct backup_outlook, and frees it with outlook_free().
 * NULL: it could not be started (said). */
struct task *outlook_start(struct console *c, struct view *owner,
    void (*took)(struct view *owner, struct task *t, void *item),
    void (*done)(struct view *owner, struct task *t));
void outlook_free(void *outlook);

#endif
