/* receipt_state.c: what a mailbox has besides messages, read back after it came back whole.
 *
 * Planned anew: what would still be to do is not as in the archive. Rights are asked for over IMAP where that can be. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/plan.h"
#include "restore/receipt.h"
#include "restore/room.h"
#include "restore/run_priv.h"

/* Number of the bit. */
static unsigned number_of(unsigned what)
{
	unsigned n = 0;

	while ((what >>= 1) != 0)
		n++;
	return n;
}

static void add(struct run *r, struct receipt_box *box, unsigned what, char *why)
{
	unsigned kind = number_of(what);

	box->state = mem_resize(box->state, box->n_state + 1, sizeof *box->state);
	box->state[box->n_state++] = (struct receipt_state){ .kind = kind, .same = why == NULL, .why = why };
	if (why == NULL)
		r->result->kinds[kind].same++;
	else
		r->result->kinds[kind].differ++;
}

static bool same_rights(const char *a, const char *b)
{
	for (const char *s = a; *s != '\0'; s++)
		if (strchr(b, *s) == NULL)
			return false;
	for (const char *s = b; *s != '\0'; s++)
		if (strchr(a, *s) == NULL)
			return false;
	return true;
}

static const char *rights_of(const struct acl_item *acl, size_t n, const char *who)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(acl[i].user, who) == 0)
			return acl[i].rights;
	return "";
}

/* Who has other rights than in ${want}, heap; NULL: nobody. */
static char *other_rights(const struct acl_item *want, size_t n_want, const struct acl_item *is, size_t n_is)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < n_want; i++)
		if (!same_rights(want[i].rights, rights_of(is, n_is, want[i].user)))
			buf_printf(&b, "%s%s has %s, not %s", b.len > 0 ? "; " : "", want[i].user,
			    *rights_of(is, n_is, want[i].user) != '\0' ? rights_of(is, n_is, want[i].user)
								       : "none",
			    want[i].rights);
	for (size_t i = 0; i < n_is; i++)
		if (*rights_of(want, n_want, is[i].user) == '\0' && is[i].rights[0] != '\0')
			buf_printf(&b, "%s%s has %s", b.len > 0 ? "; " : "", is[i].user, is[i].rights);
	return b.len > 0 ? buf_steal(&b) : NULL;
}

/* Over IMAP: 1, 0 when it cannot be asked. */
static int ask_rights(struct run *r, const char *name, struct acl_item **ret, size_t *n)
{
	struct buf box = BUF_INIT;
	struct imap_reply *reply = NULL;
	const struct imap_response *acl;
	char *owner = mboxname_user(name);
	int ok = 0;

	*ret = NULL;
	*n = 0;
	plan_name_as(r->server->conf, name, owner, &box);
	if (r->prover != NULL && imap_command(r->prover, &reply, NULL, "GETACL %s", buf_text(&box)) == 0 &&
	    (acl = imap_reply_find(reply, "ACL", 0, NULL)) != NULL) {
		*ret = mem_array(acl->args.n + 1, sizeof **ret);
		for (size_t i = 1; i + 1 < acl->args.n; i += 2) {
			const char *who = imap_value_text(&acl->args.items[i]);
			const char *rights = imap_value_text(&acl->args.items[i + 1]);

			(*ret)[*n].user = mem_strdup(who != NULL ? who : "");
			(*ret)[(*n)++].rights = mem_strdup(rights != NULL ? rights : "");
		}
		ok = 1;
	}
	imap_reply_free(reply);
	buf_done(&box);
	free(owner);
	return ok;
}

static void prove_acl(
    struct run *r, const struct restore_item *item, const struct mboxlist *live, struct receipt_box *box)
{
	const struct mailbox_entry *was = source_mailbox(r->plan->source, item->source_index)->entry;
	const struct mailbox_entry *want =
	    item->state == STATE_DELETED_COPY && was != NULL ? was : &item->entry;
	const struct mailbox_entry *is = mboxlist_find(live, item->name);
	struct acl_item *acl;
	size_t n;

	if (is == NULL)
		return;
	if (ask_rights(r, item->name, &acl, &n) == 1) {
		add(r, box, RESTORE_ACL, other_rights(want->acl, want->n_acl, acl, n));
		for (size_t i = 0; i < n; i++) {
			free(acl[i].user);
			free(acl[i].rights);
		}
		free(acl);
	} else {
		add(r, box, RESTORE_ACL, other_rights(want->acl, want->n_acl, is->acl, is->n_acl));
	}
}

/* Of the steps that would still be to do, those of this kind, heap; NULL: none. */
static char *still_to_do(const struct restore_plan *p, enum step_kind kind)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < p->n_steps; i++)
		if (p->steps[i].kind == kind)
			buf_printf(&b, "%sstill to do: %s", b.len > 0 ? "; " : "", p->steps[i].words);
	return b.len > 0 ? buf_steal(&b) : NULL;
}

static void prove_limits(struct run *r, size_t item, struct receipt_box *box)
{
	for (size_t i = 0; i < r->plan->n_steps; i++) {
		const struct restore_step *s = &r->plan->steps[i];
		struct quota_root was = { 0 }, is = { 0 };
		char *want, *has;

		if (s->kind != STEP_QUOTA_ROOT || s->item != item ||
		    source_quota(r->plan->source, s->detail, &was, NULL) != 1)
			continue;
		want = room_limits_text(&was);
		has = room_read(r->server, s->detail, &is) ? room_limits_text(&is) : NULL;
		add(r, box, RESTORE_QUOTA,
		    has != NULL && strcmp(want, has) == 0
			? NULL
			: mem_printf("quota root %s has not the limits of the archive", s->detail));
		free(want);
		free(has);
	}
}

static void drop_scratch(struct planning *g, struct restore_plan *p)
{
	plan_steps_free(p);
	mboxlist_free(g->live);
	sessions_done(&g->sessions);
}

int receipt_prove_state(struct run *r, size_t i, struct receipt_box *box, struct err *e)
{
	const struct restore_item *item = &r->plan->items[i];
	struct restore_plan scratch = { .source = r->plan->source,
		.store = r->plan->store,
		.items = r->plan->items,
		.n_items = r->plan->n_items,
		.request = r->plan->request };
	struct planning g = {
		.server = r->server, .source = r->plan->source, .job = r->job, .plan = &scratch
	};
	const struct restore_request *q = &r->plan->request;
	int rc = server_list(r->server, &g.live, e);

	if (rc == 0)
		rc = plan_extras(&g, i, e);
	if (rc == 0) {
		if (restore_wants(q, RESTORE_ACL))
			prove_acl(r, item, g.live, box);
		if (restore_wants(q, RESTORE_SUBSCRIPTIONS))
			add(r, box, RESTORE_SUBSCRIPTIONS, still_to_do(&scratch, STEP_SUBSCRIBE));
		if (restore_wants(q, RESTORE_SEEN))
			add(r, box, RESTORE_SEEN, still_to_do(&scratch, STEP_SEEN));
		if (restore_wants(q, RESTORE_ANNOTATIONS))
			add(r, box, RESTORE_ANNOTATIONS, still_to_do(&scratch, STEP_ANNOTATION));
		if (restore_wants(q, RESTORE_QUOTA))
			prove_limits(r, i, box);
	}
	drop_scratch(&g, &scratch);
	return rc;
}
