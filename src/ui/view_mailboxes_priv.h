/* view_mailboxes_priv.h: between the files of the Mailboxes screen: what is asked (view_mailboxes.c), its rows (view_mailboxes_rows.c), the
 * words around them (view_mailboxes_words.c). */
#ifndef UI_VIEW_MAILBOXES_PRIV_H
#define UI_VIEW_MAILBOXES_PRIV_H

#include "app/boxes.h"
#include "ui/views.h"

#define NO_ROW ((size_t)-1)
enum shown { SHOW_ALL, SHOW_LOST, SHOW_OTHER };

struct view_mailboxes {
	struct view view;
	char *archive;
	struct boxes *boxes; /* what is shown */
	struct boxes *fresh; /* being read anew; takes its place when it is complete; NULL */
	bool loading;
	unsigned changes;  /* what the console had changed when it was read */
	struct err failed; /* code ERR_NONE: it could be read */
	enum shown shown;
	uint64_t again_ms; /* when the rows were last looked through again */
	uint8_t *folded;   /* by the box's number; room for n_folded */
	size_t n_folded, folds;
	unsigned fold_depth; /* while rows are looked through in their order: deeper ones are hidden */
};

static inline struct view_mailboxes *mailboxes_of(struct view *v)
{
	return (struct view_mailboxes *)v;
}

/** The columns, and the rows: all of them, or those that are neither folded away nor of no interest now. */
#define MAILBOXES_COLUMNS 7
extern const struct list_column mailboxes_columns[MAILBOXES_COLUMNS];
extern const struct list_ops mailboxes_all_rows, mailboxes_some_rows;

/** mailboxes_has_children(m, row). mailboxes_is_tree(m): Rows are indented below their parents, not each by itself. mailboxes_is_lost(s): The
 * server lacks it. mailboxes_marked(m, row): It is in the basket. mailboxes_is_basket(m): The basket is of this archive, and not empty. */
bool mailboxes_has_children(const struct view_mailboxes *m, size_t row);
bool mailboxes_is_tree(const struct view_mailboxes *m);
bool mailboxes_is_lost(enum box_state s);
bool mailboxes_marked(const struct view_mailboxes *m, size_t row);
bool mailboxes_is_basket(const struct view_mailboxes *m);

/** mailboxes_state_style(s): How the word of that state is meant. mailboxes_is_there(s): live_messages says something. */
enum style mailboxes_state_style(enum box_state s);
bool mailboxes_is_there(enum box_state s);

/** For the view's table: see struct view_ops. */
void mailboxes_title(struct view *v, struct buf *b);
void mailboxes_status(struct view *v, struct buf *b);
void mailboxes_command(struct view *v, struct buf *b);
void mailboxes_empty(struct view *v, struct buf *b);
void mailboxes_detail(struct view *v, struct text *t);
extern const char mailboxes_about[];

#endif
