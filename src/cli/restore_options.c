/* restore_options.c: the options of cyrvault restore -> a request. */
#include "cli/restore_options.h"

#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "core/mem.h"

static int count_modes(const struct cli_args *a)
{
	return a->identical + a->keep_uids + a->replace + a->beside + (a->state != NULL);
}

int restore_options_check(struct cli *c, int argc, struct err *e)
{
	const struct cli_args *a = &c->args;
	unsigned what;

	if (a->resume && (argc > 1 || count_modes(a) > 0 || a->user != NULL || a->mark != NULL || a->moved ||
			     a->expunged || a->recursive || a->what != NULL || a->to_user != NULL ||
			     a->into != NULL || a->uid != NULL))
		err_set(e, ERR_USAGE, "restore --resume: at most the name of one case, and nothing else");
	else if (a->plan != NULL && (argc > 0 || a->resume || count_modes(a) > 0 || a->user != NULL ||
					a->mark != NULL || a->moved || a->recursive || a->what != NULL ||
					a->to_user != NULL || a->into != NULL || a->uid != NULL))
		err_set(e, ERR_USAGE,
		    "restore --plan: all that is wanted stands in the file, nothing goes with it");
	else if (a->resume || a->plan != NULL)
		return 0;
	else if (argc == 0)
		err_set(e, ERR_USAGE, "restore: from which archive?");
	else if (a->state != NULL && restore_what_parse(a->state, &what, e) == -1)
		return err_wrap(e, "--state=%s", a->state);
	else if (a->what != NULL && restore_what_parse(a->what, &what, e) == -1)
		return err_wrap(e, "--what=%s", a->what);
	else if (a->state != NULL &&
		 (a->moved || a->expunged || a->mark != NULL || a->what != NULL || a->uid != NULL))
		err_set(e, ERR_USAGE,
		    "--state brings no message: --moved, --expunged, --mark, --uid and --what do not go with "
		    "it");
	else if (a->mark != NULL && !restore_mark_is_valid(a->mark))
		err_set(e, ERR_USAGE, "--mark=%s: that can be no keyword of a message", a->mark);
	else if (a->user != NULL && argc > 1)
		err_set(e, ERR_USAGE, "restore: either mailboxes or --user, not both");
	else if (a->user == NULL && argc < 2)
		err_set(e, ERR_USAGE, "restore: which mailboxes, or which --user?");
	else if (count_modes(a) > 1)
		err_set(e, ERR_USAGE,
		    "restore: one of --identical, --keep-uids, --replace, --beside and --state");
	else if (a->uid != NULL && (a->user != NULL || argc != 2 || a->recursive))
		err_set(e, ERR_USAGE, "--uid=%s: messages of one mailbox, which?", a->uid);
	else if (a->into != NULL && (a->user != NULL || argc != 2))
		err_set(e, ERR_USAGE, "--into=%s: another name for one mailbox, which?", a->into);
	else
		return 0;
	return err_hint(e, "cyrvault help restore");
}

static enum restore_mode mode_of(const struct cli_args *a)
{
	return a->identical       ? RESTORE_IDENTICAL
	       : a->keep_uids     ? RESTORE_KEEP_UIDS
	       : a->replace       ? RESTORE_REPLACE
	       : a->beside        ? RESTORE_BESIDE
	       : a->state != NULL ? RESTORE_STATE
	                          : RESTORE_DEFAULT;
}

/* A name that need not be there yet, as this server writes names. */
static int parse_name(struct cli *c, const char *typed, char **internal, struct err *e)
{
	struct server *server;
	int rc;

	if (app_server(c->app, c->args.server, &server, e) == -1)
		return -1;
	rc = mboxname_parse(server->conf, typed, internal, e);
	server_free(server);
	return rc;
}

int restore_options_request(
    struct cli *c, const char *const *internal, size_t n, struct restore_request *ret, struct err *e)
{
	const struct cli_args *a = &c->args;
	struct restore_request r = { .mailboxes = internal,
		.n_mailboxes = n,
		.recursive = a->recursive,
		.user = a->user,
		.to_user = a->to_user,
		.mode = mode_of(a),
		.mark = a->mark,
		.moved = a->moved,
		.expunged = a->expunged };
	struct export_range *ranges = NULL;
	struct restore_pick pick = { 0 };
	char *into = NULL;
	int rc = 0;

	if (a->state != NULL || a->what != NULL)
		rc = restore_what_parse(a->state != NULL ? a->state : a->what, &r.what, e);
	if (rc == 0 && a->into != NULL)
		rc = parse_name(c, a->into, &into, e);
	if (rc == 0 && a->uid != NULL) {
		rc = app_uid_ranges(a->uid, &ranges, &pick.n_ranges, e);
		pick.mailbox = internal[0];
		pick.ranges = ranges;
		r.picks = &pick;
		r.n_picks = 1;
	}
	r.into = into;
	if (rc == 0)
		restore_request_copy(ret, &r);
	free(ranges);
	free(into);
	return rc;
}
