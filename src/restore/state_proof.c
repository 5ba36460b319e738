/* state_proof.c: what was set is read back over IMAP, as whom it was set for, and compared with the archive. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "restore/rights.h"
#include "restore/state.h"

struct proving {
	struct run *r;
	const struct restore_item *item;
	size_t item_index;
	struct state_box box;
	/* what is being fetched */
	bool flags, seen;
	const struct uidset *was_seen; /* of a reader, by the archive's UIDs; NULL: the owner's */
	size_t met, other_flags, other_seen;
};

void state_count(struct run *r, unsigned kind, size_t same, size_t differ)
{
	for (unsigned i = 0; i < RESTORE_KINDS; i++)
		if (kind == 1u << i) {
			r->result->kinds[i].same += same;
			r->result->kinds[i].differ += differ;
		}
}

static void warn_of(struct proving *p, unsigned kind, size_t same, size_t differ, const char *who)
{
	char *what;
	struct err why;

	state_count(p->r, kind, same, differ);
	if (differ == 0)
		return;
	what = mem_printf("%s%s%s", p->item->name, who != NULL ? ", for " : "", who != NULL ? who : "");
	err_set(&why, ERR_DAMAGE,
	    "read back, %zu of %zu messages have %s than in the archive: changed meanwhile, or refused",
	    differ, same + differ, kind == RESTORE_SEEN ? "another \\Seen" : "other flags");
	run_warn(p->r, what, &why);
	free(what);
}

/* ---- flags ---- */

static const struct state_pair *pair_of(const struct proving *p, uint64_t uid)
{
	size_t low = 0, high = p->box.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (p->box.pairs[mid].is->uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->box.n && p->box.pairs[low].is->uid == uid ? &p->box.pairs[low] : NULL;
}

static bool has_word(const char *list, const char *word)
{
	size_t n = strlen(word);

	for (const char *s = list; *s != '\0'; s += strcspn(s, " "), s += *s == ' ')
		if (strcspn(s, " ") == n && strncasecmp(s, word, n) == 0)
			return true;
	return false;
}

static size_t count_words(const char *list)
{
	size_t n = *list != '\0';

	for (; *list != '\0'; list++)
		n += *list == ' ';
	return n;
}

static bool same_flags(const struct proving *p, const struct state_pair *pair, const struct imap_value *is)
{
	bool keywords = state_knows_keywords(p->box.pairs, p->box.n, p->box.m->header);
	struct buf want = BUF_INIT;
	size_t found = 0;
	bool same = true;

	index_flags_text(pair->was, keywords ? p->box.m->header : NULL, false, &want);
	for (size_t i = 0; i < is->n && same; i++) {
		const char *flag = imap_value_text(&is->items[i]);

		if (flag == NULL || strcasecmp(flag, "\\Seen") == 0 || strcasecmp(flag, "\\Recent") == 0 ||
		    (!keywords && flag[0] != '\\'))
			continue;
		same = has_word(buf_text(&want), flag);
		found++;
	}
	same = same && found == count_words(buf_text(&want));
	buf_done(&want);
	return same;
}

static bool has_seen(const struct imap_value *is)
{
	for (size_t i = 0; i < is->n; i++)
		if (imap_value_is(&is->items[i], "\\Seen"))
			return true;
	return false;
}

static int on_fetch(void *arg, const struct imap_response *response, struct err *e)
{
	struct proving *p = arg;
	const struct imap_value *list = response->args.n > 0 ? &response->args.items[0] : NULL, *uid, *flags;
	const struct state_pair *pair;
	bool was;

	(void)e;
	if (strcmp(response->name, "FETCH") != 0 || list == NULL || list->kind != IMAP_LIST)
		return 0;
	uid = imap_value_pair(list, "UID");
	flags = imap_value_pair(list, "FLAGS");
	if (uid == NULL || uid->kind != IMAP_NUMBER || flags == NULL || flags->kind != IMAP_LIST ||
	    (pair = pair_of(p, uid->number)) == NULL)
		return 0;
	p->met++;
	was = p->was_seen != NULL ? uidset_contains(p->was_seen, pair->was->uid)
	                          : source_seen_flag(p->box.m, pair->was);
	p->other_flags += p->flags && !same_flags(p, pair, flags);
	p->other_seen += p->seen && was != has_seen(flags);
	return 0;
}

/* As ${who}; NULL: the administrator, who need not have the right: then nothing can be said. */
static int fetch_as(struct proving *p, const char *who, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	struct buf name = BUF_INIT;
	struct imap *im = NULL;
	struct err why;
	int rc = server_imap(p->r->server, who, p->r->job, &im, e);

	p->met = p->other_flags = p->other_seen = 0;
	plan_name_as(p->r->server->conf, p->box.entry->name, who, &name);
	if (rc == 0) {
		rc = imap_select(im, buf_text(&name), true, NULL, &why);
		if (rc == 0) {
			imap_cmd_raw(&c, "UID FETCH 1:* (UID FLAGS)");
			rc = imap_run_each(im, &c, on_fetch, p, &why);
		}
		if (rc == -1 && (why.code == ERR_TOOL || why.code == ERR_NOT_FOUND)) {
			run_warn(p->r, p->item->name, &why);
			rc = 0;
		} else if (rc == -1 && e != NULL) {
			*e = why;
		}
	}
	imap_cmd_done(&c);
	if (rc == 0)
		imap_logout(im);
	else
		imap_close(im);
	buf_done(&name);
	return rc;
}

static int by_uid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* How many messages are to be changed, whatever flags of theirs. */
static size_t touched(const struct state_changes *c)
{
	size_t set, clear, n = 0, unique = 0;
	uint32_t *uids;

	state_changes_count(c, &set, &clear);
	uids = mem_array(set + clear + 1, sizeof *uids);
	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < c->list[i].n_set; k++)
			uids[n++] = c->list[i].set[k];
		for (size_t k = 0; k < c->list[i].n_clear; k++)
			uids[n++] = c->list[i].clear[k];
	}
	if (n > 1)
		qsort(uids, n, sizeof *uids, by_uid);
	for (size_t i = 0; i < n; i++)
		unique += i == 0 || uids[i] != uids[i - 1];
	free(uids);
	return unique;
}

static int prove_messages(struct proving *p, struct err *e)
{
	const struct restore_request *request = &p->r->plan->request;
	struct state_changes none;

	p->flags = restore_wants(request, RESTORE_FLAGS);
	p->seen = restore_wants(request, RESTORE_SEEN) && state_owner_changes(&p->box, &none);
	if (p->seen)
		state_changes_done(&none);
	p->was_seen = NULL;
	/* The administrator has given the rights back: the files say it. */
	if (p->box.owner == NULL) {
		struct state_changes c;

		state_flag_changes(p->box.pairs, p->box.n, p->box.m->header, p->box.live.mailbox->header, &c);
		if (p->flags)
			warn_of(p, RESTORE_FLAGS, p->box.n - touched(&c), touched(&c), NULL);
		state_changes_done(&c);
		if (p->seen && state_owner_changes(&p->box, &c)) {
			warn_of(p, RESTORE_SEEN, p->box.n - touched(&c), touched(&c), NULL);
			state_changes_done(&c);
		}
		return 0;
	}
	if (!p->flags && !p->seen)
		return 0;
	if (fetch_as(p, p->box.owner, e) == -1)
		return -1;
	if (p->flags)
		warn_of(p, RESTORE_FLAGS, p->met - p->other_flags, p->other_flags, NULL);
	if (p->seen)
		warn_of(p, RESTORE_SEEN, p->met - p->other_seen, p->other_seen, p->box.owner);
	return 0;
}

static int prove_reader(struct proving *p, const char *reader, struct err *e)
{
	struct seen_record was = { 0 };
	struct uidset set = { 0 };
	int r = source_seen(p->box.source, reader, p->box.m->header->uniqueid, &was, e);

	if (r == 1) {
		uidset_parse(was.uids, &set);
		p->flags = false;
		p->seen = true;
		p->was_seen = &set;
		r = fetch_as(p, reader, e);
		if (r == 0)
			warn_of(p, RESTORE_SEEN, p->met - p->other_seen, p->other_seen, reader);
	}
	uidset_done(&set);
	seen_record_done(&was);
	return r == -1 ? -1 : 0;
}

/* ---- the rest ---- */

struct subscription {
	const char *name;
	bool found;
};

static int on_subscription(void *arg, const struct imap_response *response, struct err *e)
{
	struct subscription *f = arg;

	(void)e;
	if (strcmp(response->name, "LSUB") == 0 && response->args.n >= 3 &&
	    imap_value_text(&response->args.items[2]) != NULL)
		f->found = f->found || strcmp(imap_value_text(&response->args.items[2]), f->name) == 0;
	return 0;
}

static bool acl_holds(const struct imap_reply *reply, const struct restore_step *s)
{
	const struct imap_response *acl = imap_reply_find(reply, "ACL", 0, NULL);

	for (size_t i = 1; acl != NULL && i + 1 < acl->args.n; i += 2) {
		const char *who = imap_value_text(&acl->args.items[i]);
		const char *rights = imap_value_text(&acl->args.items[i + 1]);

		if (who != NULL && rights != NULL && strcmp(who, s->detail) == 0)
			return rights_same(rights, s->value);
	}
	return *s->value == '\0';
}

static int holds_acl(struct proving *p, const struct restore_step *s, struct err *e)
{
	struct imap_reply *reply = NULL;
	struct buf name = BUF_INIT;
	int rc = run_admin_imap(p->r, e), holds = -1;

	mboxname_admin(p->r->server->conf, p->item->name, &name);
	if (rc == 0)
		rc = imap_command(p->r->admin, &reply, e, "GETACL %s", buf_text(&name));
	if (rc == 0)
		holds = acl_holds(reply, s);
	imap_reply_free(reply);
	buf_done(&name);
	return holds;
}

static int holds_as_user(struct proving *p, const struct restore_step *s, struct err *e)
{
	struct subscription f = { 0 };
	struct buf name = BUF_INIT, value = BUF_INIT;
	struct imap_cmd c = IMAP_CMD_INIT;
	struct imap *im = NULL;
	int rc = server_imap(p->r->server, s->detail, p->r->job, &im, e), holds = -1;

	plan_name_as(p->r->server->conf, p->item->name, s->detail, &name);
	f.name = buf_text(&name);
	if (rc == 0 && s->kind == STEP_SUBSCRIBE) {
		imap_cmd_raw(&c, "LSUB \"\"");
		imap_cmd_string(&c, buf_text(&name));
		rc = imap_run_each(im, &c, on_subscription, &f, e);
		holds = rc == 0 ? f.found : -1;
	} else if (rc == 0) {
		rc = imap_getmetadata(im, buf_text(&name), s->entry, &value, e);
		holds = rc == -1 ? -1
		                 : rc == 1 && value.len == s->value_len &&
		                       (value.len == 0 || memcmp(value.data, s->value, value.len) == 0);
	}
	imap_cmd_done(&c);
	imap_logout(im);
	buf_done(&name);
	buf_done(&value);
	return holds;
}

static int prove_step(struct proving *p, const struct restore_step *s, struct err *e)
{
	unsigned kind = s->kind == STEP_ACL         ? RESTORE_ACL
	                : s->kind == STEP_SUBSCRIBE ? RESTORE_SUBSCRIPTIONS
	                                            : RESTORE_ANNOTATIONS;
	struct err why;
	int holds = s->kind == STEP_ACL ? holds_acl(p, s, &why) : holds_as_user(p, s, &why);

	if (holds == -1 && why.code == ERR_CANCELLED) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	state_count(p->r, kind, holds == 1, holds != 1);
	if (holds == 1)
		return 0;
	if (holds == 0)
		err_set(&why, ERR_DAMAGE, "read back, it is not as in the archive");
	/* What failed has said so already. */
	if (s->done)
		run_warn(p->r, s->words, &why);
	return 0;
}

int state_prove(struct run *r, const struct restore_step *step, struct err *e)
{
	struct proving p = { .r = r, .item = &r->plan->items[step->item], .item_index = step->item };
	const struct mailbox_entry *entry;
	struct mboxlist *list = NULL;
	int rc = server_list(r->server, &list, e);

	if (rc == 0 && (entry = mboxlist_find(list, p.item->name)) == NULL)
		rc = err_set(e, ERR_REFUSED, "it is no longer there");
	else if (rc == 0)
		rc = state_box_open(r->server, r->plan->source, p.item, entry, r->job, &p.box, e);
	if (rc == 0 && restore_wants(&r->plan->request, RESTORE_FLAGS | RESTORE_SEEN))
		rc = prove_messages(&p, e);
	for (size_t i = 0; i < r->plan->n_steps && rc == 0; i++) {
		const struct restore_step *s = &r->plan->steps[i];

		if (s->item != step->item)
			continue;
		if (s->kind == STEP_READER && s->detail != NULL && s->done &&
		    (p.box.owner == NULL || strcmp(s->detail, p.box.owner) != 0))
			rc = prove_reader(&p, s->detail, e);
		else if (s->kind == STEP_ACL || s->kind == STEP_SUBSCRIBE || s->kind == STEP_ANNOTATION)
			rc = prove_step(&p, s, e);
	}
	state_box_done(&p.box);
	mboxlist_free(list);
	return rc == -1 ? err_wrap(e, "mailbox %s", p.item->name) : 0;
}

void restore_kinds_words(const struct restore_result *r, struct buf *b)
{
	static const char *const words[RESTORE_KINDS] = { "flags of messages", "\\Seen of messages",
		"subscriptions", "rights", "annotations", "sieve scripts", "quota limits" };
	size_t before = b->len;

	for (unsigned i = 0; i < RESTORE_KINDS; i++) {
		const struct restore_kind *k = &r->kinds[i];

		if (k->same + k->differ == 0)
			continue;
		buf_printf(b, "%s%s %llu",
		    b->len > before ? ", " : "Read back, as in the archive: ", words[i],
		    (unsigned long long)k->same);
		if (k->differ > 0)
			buf_printf(b, " of %llu", (unsigned long long)(k->same + k->differ));
	}
	if (b->len > before)
		buf_char(b, '.');
}
