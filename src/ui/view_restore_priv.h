/* view_restore_priv.h: between the files of the restore's screen: view_restore.c (planning, and what is asked), _words.c (choices and plan as text)
 * and _request.c (what was chosen as a request, and as a command line). */
#ifndef UI_VIEW_RESTORE_PRIV_H
#define UI_VIEW_RESTORE_PRIV_H

#include "ui/views.h"

enum scope { SCOPE_ONLY, SCOPE_BELOW, SCOPE_USER, SCOPES };

/** What a line does when it is chosen. */
enum act {
	ACT_NONE,
	ACT_SCOPE,   /* value: enum scope */
	ACT_HOW,     /* fold or unfold the choices of how */
	ACT_MODE,    /* value: enum restore_mode */
	ACT_KIND,    /* value: bit of a kind of state */
	ACT_MOVED,   /* turn */
	ACT_MARK,    /* turn; Enter: another keyword */
	ACT_TO_USER, /* ask */
	ACT_INTO,    /* ask */
	ACT_ANSWERS, /* fold or unfold the answers for the item */
	ACT_ANSWER,  /* value: enum restore_mode; of the item */
	ACT_LEAVE,   /* the item */
	ACT_LIVE,    /* what of the item the server itself still keeps */
};

struct action {
	size_t paragraph;
	enum act act;
	int value;
	size_t item;
};

struct view_restore {
	struct view view;
	struct text text;
	struct action *actions; /* ascending by paragraph */
	size_t n_actions, cap_actions;
	struct action want; /* where the cursor goes once it is there again */

	char *archive;
	char **internal, **shown;
	size_t n;
	char *user;                 /* may be restored as a whole; NULL: not */
	char *resume;               /* the case that goes on: nothing is chosen anew; NULL */
	struct restore_pick *picks; /* only these messages: one of each mailbox; its own */
	size_t n_picks, n_picked;   /* n_picked: messages */
	bool expunged;              /* they were expunged, but are still kept */
	bool offers[SCOPES];

	/* What was chosen. */
	enum scope scope;
	enum restore_mode mode;
	unsigned kinds; /* of RESTORE_STATE */
	bool moved, marked;
	char *mark;
	char *to_user, *into; /* as it was typed; NULL */

	bool unfolded;   /* the choices of how */
	size_t answered; /* the item whose answers are unfolded; (size_t)-1 */
	struct task *planning;
	struct restore_plan *plan; /* for what was chosen; NULL while it is made */
	char **item_names;         /* of its items, as they are shown */
	struct err failed;         /* code ERR_NONE: planned, or being so */
};

/** restore_view_write(r): All of it into r->text, with its actions. restore_view_action(r): What the line of the cursor does, or NULL. */
void restore_view_write(struct view_restore *r);
const struct action *restore_view_action(const struct view_restore *r);

/** restore_view_request(r, q, pick): What was chosen; its strings belong to ${r}. r->into is not in it, for it is to be parsed. */
void restore_view_request(const struct view_restore *r, struct restore_request *q);

/** restore_view_command(r, b): The command line that does the same. */
void restore_view_command(struct view_restore *r, struct buf *b);

/** restore_view_mode_words(m): "append what is missing". */
const char *restore_view_mode_words(enum restore_mode m);

#endif
