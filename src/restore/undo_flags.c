/* undo_flags.c: flags, and what readers have read, set back message by message where nobody has changed them since. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/userdata.h"
#include "restore/live.h"
#include "restore/plan.h"
#include "restore/undo_change.h"

#define SET_MAX 4000

struct flagging {
	struct undo_context *cx;
	const char *flag;
	struct uidset set, cleared; /* UIDs that the restore has given the flag, or taken it from */
	uint32_t *give, *take;      /* to be done now, ascending */
	size_t n_give, n_take, cap_give, cap_take;
};

static bool has_flag(const struct imap_value *flags, const char *flag)
{
	for (size_t i = 0; flags != NULL && i < flags->n; i++) {
		const char *is = imap_value_text(&flags->items[i]);

		if (is != NULL && strcasecmp(is, flag) == 0)
			return true;
	}
	return false;
}

static int on_fetch(void *arg, const struct imap_response *response, struct err *e)
{
	struct flagging *f = arg;
	const struct imap_value *list = response->args.n > 0 ? &response->args.items[0] : NULL, *uid, *flags;
	uint32_t u;
	bool has;

	(void)e;
	if (strcmp(response->name, "FETCH") != 0 || list == NULL)
		return 0;
	uid = imap_value_pair(list, "UID");
	flags = imap_value_pair(list, "FLAGS");
	if (uid == NULL || uid->kind != IMAP_NUMBER || flags == NULL || uid->number > UINT32_MAX)
		return 0;
	u = (uint32_t)uid->number;
	has = has_flag(flags, f->flag);
	if (has && uidset_contains(&f->set, u)) {
		f->take = mem_grow(f->take, &f->cap_take, f->n_take + 1, sizeof *f->take);
		f->take[f->n_take++] = u;
	} else if (!has && uidset_contains(&f->cleared, u)) {
		f->give = mem_grow(f->give, &f->cap_give, f->n_give + 1, sizeof *f->give);
		f->give[f->n_give++] = u;
	}
	return 0;
}

/* "1,4:6,..." in pieces that a command can take. */
static int fetch(struct flagging *f, struct imap *im, const char *uids, struct err *e)
{
	while (*uids != '\0') {
		struct imap_cmd c = IMAP_CMD_INIT;
		size_t n = strlen(uids);
		char *piece;
		int rc;

		if (n > SET_MAX)
			for (n = SET_MAX; uids[n] != ','; n--)
				if (n == 1)
					return err_set(e, ERR_FORMAT, "the journal is not readable");
		piece = mem_strndup(uids, n);
		imap_cmd_raw(&c, "UID FETCH");
		imap_cmd_raw(&c, piece);
		imap_cmd_raw(&c, "(UID FLAGS)");
		rc = imap_run_each(im, &c, on_fetch, f, e);
		imap_cmd_done(&c);
		free(piece);
		if (rc == -1)
			return -1;
		uids += n + (uids[n] == ',');
	}
	return 0;
}

static bool is_set(const char *s)
{
	return s == NULL || strspn(s, "0123456789,:") == strlen(s);
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static int set_back(struct flagging *f, struct imap *im, const char *name, uint32_t uidvalidity,
    const struct journal_record *r, struct err *e)
{
	struct imap_mailbox_status st;

	struct err why;

	if (imap_select(im, name, f->cx->journal == NULL, &st, &why) == -1) {
		/* He may have lost his rights since: no reason to leave all that was changed before. */
		if (why.code == ERR_NOT_FOUND || strstr(why.msg, "said NO") != NULL)
			return undo_left(f->cx, "%s", why.msg);
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (st.uidvalidity != uidvalidity)
		return undo_left(f->cx, "it has got a new UIDVALIDITY since");
	if (fetch(f, im, r->after != NULL ? r->after : "", e) == -1 ||
	    fetch(f, im, r->before != NULL ? r->before : "", e) == -1)
		return -1;
	if (f->n_give + f->n_take == 0)
		return undo_nothing(f->cx);
	if (!undo_goes(f->cx))
		return 0;
	if (f->n_give > 1)
		qsort(f->give, f->n_give, sizeof *f->give, by_uid);
	if (f->n_take > 1)
		qsort(f->take, f->n_take, sizeof *f->take, by_uid);
	if (f->n_take > 0 && imap_store_uids(im, f->take, f->n_take, f->flag, false, e) == -1)
		return -1;
	return f->n_give > 0 ? imap_store_uids(im, f->give, f->n_give, f->flag, true, e) : 0;
}

/* As the owner, in shared mailboxes as the administrator, who gets the rights for it. */
static int as_owner(struct flagging *f, const struct mailbox_entry *entry, uint32_t uidvalidity,
    const struct journal_record *r, struct err *e)
{
	struct rights rights;
	struct err why;
	int rc;

	/* While nothing may be changed, rights are not given either. */
	if (f->cx->journal == NULL)
		return undo_goes(f->cx) ? -1 : 0;
	rc = rights_get(f->cx->server, entry, f->cx->journal, f->cx->job, &rights, e);
	if (rc == 0)
		rc = set_back(f, rights.im, buf_text(&rights.name), uidvalidity, r, e);
	if (rights_give_back(&rights, rc == 0 ? e : &why) == -1)
		rc = -1;
	return rc;
}

static int as_user(struct flagging *f, const struct mailbox_entry *entry, const char *user,
    uint32_t uidvalidity, const struct journal_record *r, struct err *e)
{
	struct buf name = BUF_INIT;
	struct imap *im = NULL;
	int rc = server_imap(f->cx->server, user, f->cx->job, &im, e);

	plan_name_as(f->cx->server->conf, entry->name, user, &name);
	if (rc == 0)
		rc = set_back(f, im, buf_text(&name), uidvalidity, r, e);
	imap_logout(im);
	buf_done(&name);
	return rc;
}

/* KEY is "UIDVALIDITY OF": a flag, or a reader; BEFORE the UIDs that have lost the flag, AFTER those that got it. */
static int undo_either(struct undo_context *cx, const struct journal_record *r, bool is_reader, struct err *e)
{
	const struct mailbox_entry *entry = undo_entry(cx, r);
	const char *blank = strchr(r->key, ' '), *of = blank != NULL ? blank + 1 : "";
	char *number = mem_strndup(r->key, blank != NULL ? (size_t)(blank - r->key) : 0), *owner = NULL;
	struct flagging f = { .cx = cx, .flag = is_reader ? "\\Seen" : of };
	struct buf name = BUF_INIT;
	uint64_t uidvalidity = 0;
	int rc = 0;

	undo_name(cx, r->mailbox, &name);
	if (is_reader)
		undo_says(cx, "set back what %s has read of %s", of, buf_text(&name));
	else
		undo_says(cx, "set %s back on messages of %s", of, buf_text(&name));
	buf_done(&name);
	if (entry == NULL)
		undo_nothing(cx);
	else if (str_u64(number, UINT32_MAX, &uidvalidity) == -1 || *of == '\0' || !is_set(r->before) ||
		 !is_set(r->after))
		undo_left(cx, "the journal is not readable");
	else {
		owner = mboxname_user(entry->name);
		uidset_parse(r->after != NULL ? r->after : "", &f.set);
		uidset_parse(r->before != NULL ? r->before : "", &f.cleared);
		if (is_reader)
			rc = as_user(&f, entry, of, (uint32_t)uidvalidity, r, e);
		else if (owner != NULL)
			rc = as_user(&f, entry, owner, (uint32_t)uidvalidity, r, e);
		else
			rc = as_owner(&f, entry, (uint32_t)uidvalidity, r, e);
		uidset_done(&f.set);
		uidset_done(&f.cleared);
	}
	free(f.give);
	free(f.take);
	free(number);
	free(owner);
	return rc;
}

int undo_flags(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	return undo_either(cx, r, false, e);
}

int undo_reader(struct undo_context *cx, const struct journal_record *r, struct err *e)
{
	return undo_either(cx, r, true, e);
}
