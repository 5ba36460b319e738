/* view_messages_priv.h: between the files of the screen of messages: view_messages.c, _rows.c (the list) and _words.c (what is said
 * around it). */
#ifndef UI_VIEW_MESSAGES_PRIV_H
#define UI_VIEW_MESSAGES_PRIV_H

#include "app/mails.h"
#include "ui/uids.h"
#include "ui/views.h"

#define MESSAGES_COLUMNS 7

enum show { SHOW_ALL, SHOW_LACKING, SHOW_CHANGED, SHOWS };

struct view_messages {
	struct view view;
	struct list_column columns[MESSAGES_COLUMNS]; /* widths as the screen has room */
	bool roomy;
	char *archive, *internal, *shown;
	struct mails *mails;
	struct mails *fresh; /* being read anew, to take the place of the other; NULL: no */
	bool loading;
	struct err failed; /* code ERR_NONE: it could be read */
	enum show show;
	struct uids marks;
	unsigned changes; /* console_changes() when it was read */
};

/** messages_begin(m): Make the list. messages_layout(v, columns): Its columns for a screen so wide. messages_choose(m, show): Which rows are
 * shown. */
void messages_begin(struct view_messages *m);
void messages_layout(struct view *v, int columns);
void messages_choose(struct view_messages *m, enum show show);

/** messages_selected(m, row): The message that the cursor is on and its row, or NULL. */
const struct mail *messages_selected(const struct view_messages *m, size_t *row);

/** messages_state_style(s): Good, bad or in between. */
enum style messages_state_style(enum mail_state s);

/** What view.h calls status, empty and detail. */
void messages_status(struct view *v, struct buf *b);
void messages_empty(struct view *v, struct buf *b);
void messages_detail(struct view *v, struct text *t);

#endif
