/* view.h: a screen: a list (or a pager), what can be asked of it, and the words around it.
 *
 * A view is a struct that begins with a struct view, made by its file's view_NAME_new() and freed by its ops. The console owns it from
 * console_push() on. Everything here is called in the UI thread and must not wait for anything: what takes time is a task. */
#ifndef UI_VIEW_H
#define UI_VIEW_H

#include "ui/list.h"
#include "ui/task.h"
#include "ui/text.h"

struct view_ops {
	const char *name;  /* "mailboxes" */
	const char *about; /* a sentence or two for the help */
	const char *space; /* what MARK does here, in a word, for the key bar; NULL: mark */
	const enum request *
	    requests; /* what it offers besides moving and finding, the most wanted first; REQUEST_NONE at the end */
	void (*title)(struct view *v, struct buf *b); /* its part of the path in the title line; NULL: none */
	void (*status)(struct view *v, struct buf *b); /* counts, for the status line; NULL: none */
	void (*command)(
	    struct view *v, struct buf *b); /* the command line that does the same; NULL: there is none */
	bool (*request)(struct view *v, enum request r); /* true: done, or refused with a message */
	void (*empty)(struct view *v, struct buf *b);    /* what to say when there is no row; NULL */
	void (*banner)(struct view *v, struct text *t);  /* a few lines above the rows; NULL: none */
	void (*detail)(
	    struct view *v, struct text *t); /* the pane at the right, about the selected row; NULL: none */
	void (*layout)(struct view *v, int columns); /* the screen is so wide now; NULL */
	void (*shown)(struct view *v);               /* it is on top again; NULL */
	void (*refresh)(struct view *v); /* before it is painted: take in what happened elsewhere; NULL */
	bool (*leave)(struct view *v);   /* false: it stays (and says why); NULL: always */
	void (*free)(struct view *v);
};

struct view {
	const struct view_ops *ops;
	struct console *console;
	struct list list;
	struct view *below;
};

#endif
