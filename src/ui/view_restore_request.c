/* view_restore_request.c: what was chosen on the restore's screen, as a request and as the command line that does the same. */
#include <stdlib.h>
#include <string.h>

#include "app/words.h"
#include "core/mem.h"
#include "ui/shell.h"
#include "ui/view_restore_priv.h"

#define NAMES_MAX 200 /* on a command line */

void restore_view_request(const struct view_restore *r, struct restore_request *q)
{
	*q = (struct restore_request){ .mailboxes = (const char *const *)r->internal,
		.n_mailboxes = r->scope == SCOPE_USER ? 0 : r->n,
		.recursive = r->scope == SCOPE_BELOW,
		.user = r->scope == SCOPE_USER ? r->user : NULL,
		.to_user = r->to_user,
		.expunged = r->expunged,
		.mode = r->mode };
	if (r->mode == RESTORE_STATE) {
		q->what = r->kinds;
		return;
	}
	q->moved = r->moved;
	q->mark = r->marked ? r->mark : NULL;
	q->picks = r->picks;
	q->n_picks = r->n_picks;
}

static void add_value(struct buf *b, const char *option, const char *value)
{
	char *s = mem_printf("%s=%s", option, value);

	app_command_add(b, s);
	free(s);
}

static void add_mode(const struct view_restore *r, struct buf *b)
{
	static const char *const options[] = { [RESTORE_IDENTICAL] = "--identical",
		[RESTORE_KEEP_UIDS] = "--keep-uids",
		[RESTORE_REPLACE] = "--replace",
		[RESTORE_BESIDE] = "--beside",
		[RESTORE_STATE] = "--state" };
	struct buf list = BUF_INIT;

	if (r->mode == RESTORE_STATE && r->kinds != RESTORE_ALL_STATE) {
		for (unsigned i = 0; i < RESTORE_KINDS; i++)
			if ((r->kinds & 1u << i) != 0)
				buf_printf(&list, "%s%s", list.len > 0 ? "," : "", restore_what_name(i));
		add_value(b, "--state", buf_text(&list));
	} else if (r->mode != RESTORE_DEFAULT) {
		app_command_add(b, options[r->mode]);
	}
	buf_done(&list);
}

/* One command: of all mailboxes, or of those messages of one. */
static void add_command(struct view_restore *r, const struct restore_pick *pick, struct buf *b)
{
	struct buf uids = BUF_INIT;

	shell_begin(b, r->view.console, "restore");
	app_command_add(b, r->archive);
	if (r->scope == SCOPE_USER) {
		app_command_add(b, "--user");
		app_command_add(b, r->user);
	}
	for (size_t i = 0; r->scope != SCOPE_USER && i < r->n && i < NAMES_MAX; i++)
		if (pick == NULL || strcmp(pick->mailbox, r->internal[i]) == 0)
			app_command_add(b, shell_word(r->internal[i], r->shown[i]));
	if (r->scope == SCOPE_BELOW)
		app_command_add(b, "--recursive");
	if (pick != NULL) {
		uids_text(pick->ranges, pick->n_ranges, &uids);
		add_value(b, "--uid", buf_text(&uids));
	}
	if (r->expunged)
		app_command_add(b, "--expunged");
	add_mode(r, b);
	if (r->mode != RESTORE_STATE && r->moved)
		app_command_add(b, "--moved");
	if (r->mode != RESTORE_STATE && r->marked)
		add_value(b, "--mark", r->mark);
	if (r->to_user != NULL)
		add_value(b, "--to-user", r->to_user);
	if (r->into != NULL)
		add_value(b, "--into", r->into);
	buf_done(&uids);
}

/* What the screen does in one go for messages of several mailboxes are as many commands. */
void restore_view_command(struct view_restore *r, struct buf *b)
{
	struct buf one = BUF_INIT;

	if (r->resume != NULL) {
		shell_begin(b, r->view.console, "restore");
		app_command_add(b, "--resume");
		app_command_add(b, r->resume);
		return;
	}
	if (r->n_picks < 2 || r->mode == RESTORE_STATE) {
		add_command(r, r->n_picks == 1 && r->mode != RESTORE_STATE ? &r->picks[0] : NULL, b);
		return;
	}
	for (size_t i = 0; i < r->n_picks; i++) {
		buf_clear(&one);
		add_command(r, &r->picks[i], &one);
		buf_printf(b, "%s%s", i > 0 ? " && " : "", buf_text(&one));
	}
	buf_done(&one);
}
