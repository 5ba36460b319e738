/* view_diff_priv.h: between view_diff.c (mailboxes that differ) and view_diff_mails.c (the messages of one of them). */
#ifndef UI_VIEW_DIFF_PRIV_H
#define UI_VIEW_DIFF_PRIV_H

#include "app/diff.h"
#include "ui/views.h"

/** view_diff_mails_new(c, first, second, box): The messages of that mailbox that differ. All of it stays the caller's, and must outlive the view. */
struct view *view_diff_mails_new(
    struct console *c, const char *first, const char *second, const struct diff_box *box);

/** diff_is_live(name): That side is the running server. */
bool diff_is_live(const char *name);

/** diff_box_style(s), diff_mail_style(s): How the word of that state is meant. */
enum style diff_box_style(enum diff_box_state s);
enum style diff_mail_style(enum diff_mail_state s);

/** diff_add_counts(b, n): Append "3 new, 1 gone". */
void diff_add_counts(struct buf *b, const size_t n[DIFF_MAIL_STATES]);

/** diff_restore(c, first, box): Plan to bring back what the mailbox was on the first side; says why where that cannot be. */
void diff_restore(struct console *c, const char *first, const struct diff_box *box);

#endif
