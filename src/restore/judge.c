/* judge.c: how a mailbox of the archive stands against the live server, and what may be done about it.
 *
 * The traps this must not fall into (Cyrus 3.6, uuid layout): a mailbox that is still there as DELETED.*, or lives on
 * under another name, has the same unique id and the same directory; entering its old line would make two names for one
 * directory, and the next cyr_expire would remove it under both. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "restore/compare.h"
#include "restore/fresh.h"
#include "restore/plan.h"

static const struct index_record *archive_record(const struct source_messages *m, uint32_t uid)
{
	return mailbox_index_find(m->index, uid);
}

static bool archive_has_file(const struct source_messages *m, uint32_t uid)
{
	return compare_has_uid(m->uids, m->n_uids, uid);
}

static void refuse(struct restore_item *item, char *why)
{
	item->state = STATE_OTHER;
	free(item->why);
	item->why = why;
}

/* The entry as it will be: the archive's, on a partition that this server has, in a layout that it can serve. */
static void make_entry(struct planning *g, struct restore_item *item, const struct source_messages *m)
{
	const struct source_mailbox *sm = source_mailbox(g->source, item->source_index);
	const struct imapd_conf *conf = g->server->conf;
	struct mailbox_entry *entry = &item->entry;

	if (sm->entry != NULL) {
		mailbox_entry_copy(entry, sm->entry);
	} else {
		/* In no mailboxes.txt: its cyrus.header knows the rest. */
		struct mailbox_entry made = {
			.type = m->header->type, .acl = m->header->acl, .n_acl = m->header->n_acl
		};

		made.name = mem_strdup(sm->name);
		mailbox_entry_copy(entry, &made);
		free(made.name);
	}
	if (entry->uniqueid == NULL || entry->uniqueid[0] == '\0') {
		free(entry->uniqueid);
		entry->uniqueid = mem_strdup(m->header->uniqueid);
	}
	if (entry->uidvalidity == 0)
		entry->uidvalidity = m->index->h.uidvalidity;
	if (entry->foldermodseq == 0)
		entry->foldermodseq = m->index->h.highestmodseq;
	if (entry->partition == NULL || imapd_conf_partition(conf, entry->partition) == NULL) {
		const char *other =
		    conf->defaultpartition != NULL ? conf->defaultpartition : conf->partitions[0].name;

		if (entry->partition != NULL)
			plan_note(g, "%s was on partition %s, which this server does not have: it goes to %s",
			    item->name, entry->partition, other);
		free(entry->partition);
		entry->partition = mem_strdup(other);
	}
	/* By-name directories of older servers stay by name: 3.6 serves both, mailbox by mailbox. */
	if (source_conf(g->source) != NULL && sm->entry != NULL &&
	    mailbox_entry_layout(source_conf(g->source), sm->entry) == LAYOUT_BY_NAME)
		entry->flags |= MBTYPE_LEGACY_DIRS;
	else if (!cyrus_version_at_least(source_version(g->source), 3, 6))
		entry->flags |= MBTYPE_LEGACY_DIRS;
	if (item->fresh) {
		fresh_entry(g, item, entry);
		if (conf->legacy_dirs)
			entry->flags |= MBTYPE_LEGACY_DIRS;
		else if (cyrus_version_at_least(source_version(g->source), 3, 6))
			entry->flags &= ~(unsigned)MBTYPE_LEGACY_DIRS;
	}
}

/* Another live entry with this unique id. */
static const struct mailbox_entry *same_id_elsewhere(
    const struct planning *g, const struct restore_item *item)
{
	for (size_t at = mboxlist_find_id(g->live, item->entry.uniqueid, 0); at != (size_t)-1;
	     at = mboxlist_find_id(g->live, item->entry.uniqueid, at + 1))
		if (strcmp(g->live->entries[at].name, item->name) != 0)
			return &g->live->entries[at];
	return NULL;
}

/* Nothing in the live directory that the archive does not have. */
static bool all_in_archive(const struct live_mailbox *l, const struct source_messages *m)
{
	for (size_t i = 0; i < l->n_uids; i++)
		if (!archive_has_file(m, l->uids[i]))
			return false;
	return true;
}

/* Made anew and empty, as reconstruct leaves an emptied directory. */
static bool is_pristine(const struct live_mailbox *l, const struct source_messages *m)
{
	return l->index != NULL && l->n_uids == 0 && l->index->n == 0 && l->index->h.last_uid == 0 &&
	       m->index->h.last_uid > 0;
}

static void counts(struct restore_item *item, const struct source_messages *m, const struct index_header *h)
{
	free(item->quota_root);
	item->quota_root = mem_strdup(m->header->quotaroot);
	item->quota_bytes = h->quota_used;
	item->quota_messages = h->exists;
}

static void want_whole(struct planning *g, struct restore_item *item, const struct source_messages *m)
{
	item->whole = true;
	item->bytes = source_mailbox(g->source, item->source_index)->bytes;
	item->messages = (uint32_t)m->n_uids;
	counts(item, m, &m->index->h);
}

/* Message files that the live index promises, that are not there, and that the archive has. */
static void find_missing(struct planning *g, struct restore_item *item, const struct live_mailbox *l,
    const struct source_messages *m)
{
	size_t cap = 0, beyond = 0;

	for (size_t i = 0; i < l->index->n; i++) {
		const struct index_record *r = &l->index->records[i], *a;

		if (!index_record_has_file(r) || live_has_file(l, r->uid))
			continue;
		a = archive_record(m, r->uid);
		if (a == NULL || !archive_has_file(m, r->uid) || !compare_same_message(a, r)) {
			beyond += index_record_visible(r);
			continue;
		}
		item->missing = mem_grow(item->missing, &cap, item->n_missing + 1, sizeof *item->missing);
		item->missing[item->n_missing++] = r->uid;
		item->bytes += r->size;
	}
	item->messages = (uint32_t)item->n_missing;
	if (beyond > 0)
		plan_note(g,
		    "%s: the files of %zu more messages are missing, but this archive does not have them",
		    item->name, beyond);
}

/* Messages of the archive that the live mailbox no longer shows. */
static size_t count_gone(const struct live_mailbox *l, const struct source_messages *m)
{
	size_t gone = 0;

	for (size_t i = 0; i < m->index->n; i++) {
		const struct index_record *a = &m->index->records[i], *r;

		if (!index_record_visible(a) || !archive_has_file(m, a->uid))
			continue;
		r = mailbox_index_find(l->index, a->uid);
		gone += r == NULL || !index_record_visible(r) || !compare_same_message(a, r);
	}
	return gone;
}

static bool merges(const struct planning *g)
{
	return g->plan->request.mode != RESTORE_IDENTICAL && g->plan->request.mode != RESTORE_STATE;
}

/* Messages of the archive that are not there: appended, or the reason to refuse. */
static int judge_messages(struct planning *g, struct restore_item *item, struct live_mailbox *l,
    const struct source_messages *m, bool named, struct err *e)
{
	size_t gone;

	if (named && merges(g)) {
		if (plan_merge(g, item, &item->entry, l, m, e) == -1 ||
		    plan_keep(g, item, &item->entry, l, e) == -1)
			return -1;
		if (item->merge->n_append > 0 || item->merge->moved > 0) {
			if (item->state != STATE_LOST_FILES)
				item->state = STATE_DIFFERS;
			return 0;
		}
		if (item->state != STATE_LOST_FILES)
			item->state = STATE_SAME;
		free(item->why);
		item->why = NULL;
		return 0;
	}
	if (item->state == STATE_LOST_FILES)
		return 0;
	gone = count_gone(l, m);
	item->state = STATE_SAME;
	if (gone > 0)
		refuse(item,
		    mem_printf(
			"it is there with other content: %zu messages of the archive were expunged or moved "
			"since; without --identical they are appended",
			gone));
	return 0;
}

/* There is a readable index: only what it misses may come back. */
static int judge_indexed(struct planning *g, struct restore_item *item, struct live_mailbox *l,
    const struct source_messages *m, bool named, struct err *e)
{
	find_missing(g, item, l, m);
	item->want_header = l->header == NULL;
	if (!l->has_cache) {
		if (m->index->h.generation != l->index->h.generation ||
		    m->index->h.highestmodseq != l->index->h.highestmodseq) {
			refuse(item,
			    mem_printf(
				"cyrus.cache is missing and the mailbox has changed since the archive: run "
				"reconstruct %s, which makes it anew",
				item->name));
			return 0;
		}
		item->want_cache = true;
	}
	if (item->n_missing > 0)
		item->state = STATE_LOST_FILES;
	else if (item->want_header || item->want_cache)
		item->state = STATE_DAMAGED;
	/* Without its header it is not known what its flags mean, nor its quota: run again, it is merged. */
	if (item->want_header || item->want_cache)
		return 0;
	return judge_messages(g, item, l, m, named, e);
}

static int judge_content(struct planning *g, struct restore_item *item, struct live_mailbox *l,
    const struct source_messages *m, enum mailbox_state if_whole, struct err *e)
{
	if (l->index != NULL && !is_pristine(l, m))
		return judge_indexed(g, item, l, m, if_whole == STATE_DAMAGED, e);
	if (!all_in_archive(l, m)) {
		refuse(item, mem_printf("%s holds messages that the archive does not have, but no usable "
					"index: run reconstruct "
					"first, or move the directory away",
				 l->dir));
		return 0;
	}
	item->state = if_whole;
	want_whole(g, item, m);
	return 0;
}

/* Another mailbox of this name, made since: messages may be appended to it, its files are not those of the archive. */
static int judge_recreated(struct planning *g, struct restore_item *item, struct live_mailbox *l,
    const struct source_messages *m, struct err *e)
{
	if (g->plan->request.mode == RESTORE_IDENTICAL) {
		refuse(item,
		    mem_printf("a newer mailbox has this name (unique id %s): rename it first, then restore",
			item->entry.uniqueid));
		return 0;
	}
	if (l->index == NULL || l->header == NULL || !l->has_cache) {
		refuse(item,
		    mem_printf("a newer mailbox has this name, and is damaged: run reconstruct %s first",
			item->name));
		return 0;
	}
	if (plan_merge(g, item, &item->entry, l, m, e) == -1 || plan_keep(g, item, &item->entry, l, e) == -1)
		return -1;
	item->state = item->merge->n_append > 0 || item->merge->moved > 0 ? STATE_DIFFERS : STATE_SAME;
	return 0;
}

/* The mailbox is still there as DELETED.*: it is renamed back, and what its files lack comes from the archive. */
static int judge_deleted_copy(struct planning *g, struct restore_item *item, const struct mailbox_entry *copy,
    struct live_mailbox *l, const struct source_messages *m, struct err *e)
{
	item->deleted_name = mem_strdup(copy->name);
	if (l->index == NULL || l->header == NULL || !l->has_cache) {
		refuse(item, mem_printf("it is still there as %s, but damaged: remove that one for good "
					"(cyr_expire -D 0), then "
					"restore again",
				 copy->name));
		return 0;
	}
	find_missing(g, item, l, m);
	item->state = STATE_DELETED_COPY;
	counts(item, m, &l->index->h);
	if (count_gone(l, m) == 0)
		return 0;
	if (merges(g))
		return plan_merge(g, item, copy, l, m, e) == -1 ? -1 : plan_keep(g, item, copy, l, e);
	plan_note(g,
	    "%s comes back as it was when it was deleted; messages expunged before that are not in it",
	    item->name);
	return 0;
}

/* Single messages of a mailbox that is not there: it is made, empty, for them. */
static int judge_created(
    struct planning *g, struct restore_item *item, const struct source_messages *m, struct err *e)
{
	struct mailbox_index empty = { 0 };
	struct live_mailbox l = { .index = &empty };

	item->create = true;
	item->state = STATE_ABSENT;
	free(item->entry.uniqueid);
	item->entry.uniqueid = NULL;
	if (plan_merge(g, item, &item->entry, &l, m, e) == -1)
		return -1;
	item->merge->quota_root = fresh_quota_root(g->server, item->name);
	return 0;
}

static bool has_children(const struct planning *g, const char *name)
{
	for (size_t i = 0; i < g->live->n; i++)
		if (strcmp(g->live->entries[i].name, name) != 0 &&
		    mboxname_is_below(g->live->entries[i].name, name) &&
		    !(g->live->entries[i].flags & MBTYPE_DELETED))
			return true;
	return false;
}

/* What a mailbox is called that another one takes the place of. */
static char *aside_name(const struct planning *g, const char *name)
{
	char date[32], *aside;

	clock_iso(date, sizeof date, clock_now());
	aside = mem_printf("%s-Replaced-%.10s", name, date);
	for (int n = 2; mboxlist_find(g->live, aside) != NULL; n++) {
		free(aside);
		aside = mem_printf("%s-Replaced-%.10s-%d", name, date, n);
	}
	return aside;
}

/* A mailbox that was made since gives way: renamed, with all its mail. Cyrus takes what is below along in a RENAME, and a user with his INBOX,
 * so that these are merged into instead. */
static bool gives_way(struct planning *g, struct restore_item *item, const struct mailbox_entry *named)
{
	char *owner = mboxname_user(item->name), *inbox = owner != NULL ? mboxname_inbox(owner) : NULL;
	bool is_inbox = inbox != NULL && strcmp(inbox, item->name) == 0;
	bool yes = !is_inbox && !has_children(g, item->name);

	free(owner);
	free(inbox);
	if (yes) {
		item->aside_name = aside_name(g, item->name);
		item->aside_id = mem_strdup(named->uniqueid);
		free(item->why);
		item->why = mem_strdup("a newer mailbox has this name, and gives way");
	} else {
		plan_note(g,
		    "%s was made anew since, and cannot be renamed %s: what the archive has is put into it, "
		    "under new UIDs",
		    item->name, is_inbox ? "as an INBOX" : "without what is below it");
	}
	return yes;
}

static int judge_with(struct planning *g, struct restore_item *item, const struct mailbox_entry *where,
    const struct mailbox_entry *copy, enum mailbox_state if_whole, const struct source_messages *m,
    struct err *e)
{
	struct live_mailbox *l;
	int rc;

	if (live_load(g->server, where, &l, e) == -1)
		return -1;
	item->dir = mem_strdup(l->dir);
	if (copy != NULL)
		rc = judge_deleted_copy(g, item, copy, l, m, e);
	else if (if_whole == STATE_DIFFERS)
		rc = judge_recreated(g, item, l, m, e);
	else
		rc = judge_content(g, item, l, m, if_whole, e);
	live_free(l);
	return rc;
}

/* What was expunged, of an archive or of the server itself, goes into the mailbox that has its name now. */
static int judge_expunged(struct planning *g, struct restore_item *item, const struct mailbox_entry *named,
    const struct source_messages *m, struct err *e)
{
	struct live_mailbox *l;
	int rc = 0;

	if (named == NULL) {
		refuse(item, mem_strdup("it is not on the server"));
		item->next = "restore it first, without --expunged; then what was expunged of it";
		return 0;
	}
	mailbox_entry_copy(&item->entry, named);
	if (live_load(g->server, named, &l, e) == -1)
		return -1;
	item->dir = mem_strdup(l->dir);
	if (l->index == NULL || l->header == NULL || !l->has_cache) {
		refuse(item, mem_strdup("it is damaged"));
		item->next = "restore it first, without --expunged; or run reconstruct";
	} else if ((rc = plan_merge(g, item, named, l, m, e)) == 0) {
		item->state =
		    item->merge->n_append > 0 || item->merge->moved > 0 ? STATE_DIFFERS : STATE_SAME;
	}
	live_free(l);
	return rc;
}

/* Of the server itself: a DELETED.* mailbox gets its name back, or, if that is taken, its messages go into the one that has it. */
static int judge_live(struct planning *g, struct restore_item *item, const struct mailbox_entry *named,
    const struct source_messages *m, struct err *e)
{
	const char *name = source_mailbox(g->source, item->source_index)->name;
	const struct mailbox_entry *copy = mboxlist_find(g->live, name);

	if (strcmp(name, item->name) == 0 && named != NULL) {
		/* A run that was cut off after the RENAME. */
		mailbox_entry_copy(&item->entry, named);
		item->state = STATE_SAME;
		return 0;
	}
	if (copy == NULL || !mailbox_entry_has_directory(copy)) {
		refuse(item, mem_printf("%s is not there any more", name));
		return 0;
	}
	if (named == NULL && item->pick != NULL) {
		refuse(item, mem_printf("it is there as %s, and can be renamed back only as a whole", name));
		item->next = "leave --uid out; or take the messages out as files: cyrvault export";
		return 0;
	}
	mailbox_entry_copy(&item->entry, named != NULL ? named : copy);
	if (named == NULL) {
		free(item->entry.name);
		item->entry.name = mem_strdup(item->name);
	}
	return named != NULL ? judge_with(g, item, named, NULL, STATE_DIFFERS, m, e)
	                     : judge_with(g, item, copy, copy, STATE_DELETED_COPY, m, e);
}

int plan_judge(struct planning *g, struct restore_item *item, struct err *e)
{
	const struct mailbox_entry *named = mboxlist_find(g->live, item->name), *other;
	struct source_messages *m;
	int rc;

	if (source_load(g->source, item->source_index, false, &m, e) == -1)
		return err_wrap(e, "mailbox %s", item->name);
	if (named != NULL && named->flags & MBTYPE_DELETED)
		named = NULL;
	if (g->plan->request.expunged || source_is_live(g->source)) {
		rc = g->plan->request.expunged ? judge_expunged(g, item, named, m, e)
		                               : judge_live(g, item, named, m, e);
		source_messages_free(m);
		return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
	}
	make_entry(g, item, m);
	other = same_id_elsewhere(g, item);
	if (g->plan->request.mode == RESTORE_REPLACE && named != NULL && named->uniqueid != NULL &&
	    strcmp(named->uniqueid, item->entry.uniqueid) != 0 && gives_way(g, item, named))
		named = NULL;
	if (named == NULL && item->pick != NULL) {
		rc = judge_created(g, item, m, e);
	} else if (named != NULL && named->uniqueid != NULL &&
		   strcmp(named->uniqueid, item->entry.uniqueid) != 0) {
		mailbox_entry_done(&item->entry);
		mailbox_entry_copy(&item->entry, named);
		rc = judge_with(g, item, named, NULL, STATE_DIFFERS, m, e);
	} else if (named != NULL) {
		mailbox_entry_done(&item->entry);
		mailbox_entry_copy(&item->entry, named);
		rc = judge_with(g, item, named, NULL, STATE_DAMAGED, m, e);
		/* reconstruct gives an emptied mailbox, and its entry, a new UIDVALIDITY: the old one comes back with the index. */
		if (rc == 0 && item->whole)
			item->entry.uidvalidity = m->index->h.uidvalidity;
	} else if (other != NULL && mboxname_is_deleted(g->server->conf, other->name)) {
		/* It keeps partition, id and layout, and gets its name back. */
		mailbox_entry_done(&item->entry);
		mailbox_entry_copy(&item->entry, other);
		free(item->entry.name);
		item->entry.name = mem_strdup(item->name);
		rc = judge_with(g, item, other, other, STATE_DELETED_COPY, m, e);
	} else if (other != NULL) {
		refuse(item, mem_printf("it was renamed and lives on as %s", other->name));
		item->next =
		    "name it as it is called now, to append to it what it lacks; or rename it back first";
		rc = 0;
	} else if (item->aside_name != NULL &&
		   mailbox_entry_layout(g->server->conf, &item->entry) == LAYOUT_BY_NAME) {
		/* Its directory is that of the one which gives way: looked at again when that one has. */
		item->state = STATE_ABSENT;
		want_whole(g, item, m);
		rc = 0;
	} else {
		rc = judge_with(g, item, &item->entry, NULL, STATE_ABSENT, m, e);
		/* An index without an entry: a directory left behind, or a restore that was cut off before its entry. */
		if (rc == 0 && (item->state == STATE_SAME || item->state == STATE_LOST_FILES ||
				   item->state == STATE_DAMAGED))
			item->state = STATE_ABSENT;
	}
	if (rc == 0 && item->fresh && item->why == NULL) {
		struct buf was = BUF_INIT;

		mboxname_display(g->server->conf, source_mailbox(g->source, item->source_index)->name, &was);
		item->why = mem_printf("%s of the archive", buf_text(&was));
		buf_done(&was);
	}
	source_messages_free(m);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}
