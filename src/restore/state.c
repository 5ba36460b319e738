/* state.c: the same messages on both sides -> which flags differ. */
#include "restore/state.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"

/* ---- changes ---- */

static struct state_change *change_of(struct state_changes *c, const char *flag)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcasecmp(c->list[i].flag, flag) == 0)
			return &c->list[i];
	c->list = mem_grow(c->list, &c->cap, c->n + 1, sizeof *c->list);
	c->list[c->n] = (struct state_change){ .flag = mem_strdup(flag) };
	return &c->list[c->n++];
}

/* Room grows at powers of two. */
static void put_uid(uint32_t **list, size_t *n, uint32_t uid)
{
	if ((*n & (*n - 1)) == 0)
		*list = mem_resize(*list, *n == 0 ? 1 : *n * 2, sizeof **list);
	(*list)[(*n)++] = uid;
}

void state_changes_add(struct state_changes *c, const char *flag, uint32_t uid, bool on)
{
	struct state_change *change = change_of(c, flag);

	if (on)
		put_uid(&change->set, &change->n_set, uid);
	else
		put_uid(&change->clear, &change->n_clear, uid);
}

void state_changes_count(const struct state_changes *c, size_t *set, size_t *clear)
{
	*set = *clear = 0;
	for (size_t i = 0; i < c->n; i++) {
		*set += c->list[i].n_set;
		*clear += c->list[i].n_clear;
	}
}

void state_changes_done(struct state_changes *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->list[i].flag);
		free(c->list[i].set);
		free(c->list[i].clear);
	}
	free(c->list);
	*c = (struct state_changes){ 0 };
}

/* ---- flags ---- */

static const struct {
	uint32_t bit;
	const char *flag;
} system_flags[] = {
	{ FLAG_ANSWERED, "\\Answered" },
	{ FLAG_FLAGGED, "\\Flagged" },
	{ FLAG_DELETED, "\\Deleted" },
	{ FLAG_DRAFT, "\\Draft" },
};

static bool has_slot(const struct index_record *r, int slot)
{
	return slot != -1 && (r->user_flags[slot / 32] & 1u << slot % 32) != 0;
}

static int slot_of(const struct mailbox_header *h, const char *name)
{
	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		if (h->flag_names[i] != NULL && strcasecmp(h->flag_names[i], name) == 0)
			return i;
	return -1;
}

bool state_knows_keywords(const struct state_pair *pairs, size_t n, const struct mailbox_header *was)
{
	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		if (was->flag_names[i] != NULL)
			return true;
	for (size_t i = 0; i < n; i++)
		for (int k = 0; k < 4; k++)
			if (pairs[i].was->user_flags[k] != 0)
				return false;
	return true;
}

static void compare_keyword(
    const struct state_pair *pairs, size_t n, const char *name, int was, int is, struct state_changes *ret)
{
	if (!restore_mark_is_valid(name))
		return;
	for (size_t i = 0; i < n; i++) {
		bool on = has_slot(pairs[i].was, was);

		if (on != has_slot(pairs[i].is, is))
			state_changes_add(ret, name, pairs[i].is->uid, on);
	}
}

void state_flag_changes(const struct state_pair *pairs, size_t n, const struct mailbox_header *was,
    const struct mailbox_header *is, struct state_changes *ret)
{
	*ret = (struct state_changes){ 0 };
	for (size_t k = 0; k < sizeof system_flags / sizeof *system_flags; k++)
		for (size_t i = 0; i < n; i++) {
			bool on = pairs[i].was->flags & system_flags[k].bit;

			if (on != ((pairs[i].is->flags & system_flags[k].bit) != 0))
				state_changes_add(ret, system_flags[k].flag, pairs[i].is->uid, on);
		}
	if (!state_knows_keywords(pairs, n, was))
		return;
	/* What goes first makes room for what comes. */
	for (int k = 0; k < MAILBOX_USER_FLAGS; k++)
		if (is->flag_names[k] != NULL && slot_of(is, is->flag_names[k]) == k &&
		    slot_of(was, is->flag_names[k]) == -1)
			compare_keyword(pairs, n, is->flag_names[k], -1, k, ret);
	for (int k = 0; k < MAILBOX_USER_FLAGS; k++)
		if (was->flag_names[k] != NULL && slot_of(was, was->flag_names[k]) == k)
			compare_keyword(
			    pairs, n, was->flag_names[k], k, slot_of(is, was->flag_names[k]), ret);
}

size_t state_new_keywords(const struct state_changes *c, const struct mailbox_header *is)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n; i++)
		n += c->list[i].flag[0] != '\\' && c->list[i].n_set > 0 && slot_of(is, c->list[i].flag) == -1;
	return n;
}

void state_seen_changes(const struct state_pair *pairs, size_t n, state_seen_fn *was, const void *was_arg,
    state_seen_fn *is, const void *is_arg, struct state_changes *ret)
{
	*ret = (struct state_changes){ 0 };
	for (size_t i = 0; i < n; i++) {
		bool on = was(was_arg, pairs[i].was);

		if (on != is(is_arg, pairs[i].is))
			state_changes_add(ret, "\\Seen", pairs[i].is->uid, on);
	}
}

/* ---- both sides ---- */

static int by_live_uid(const void *a, const void *b)
{
	uint32_t x = ((const struct state_pair *)a)->is->uid, y = ((const struct state_pair *)b)->is->uid;

	return x < y ? -1 : x > y;
}

static void pair_up(struct state_box *box)
{
	struct match_result r;

	match_messages(box->merge->archive, box->merge->n, box->side.list, box->side.n, NULL, NULL, &r);
	box->pairs = mem_array(box->merge->n + 1, sizeof *box->pairs);
	for (size_t i = 0; i < box->merge->n; i++) {
		const struct index_record *was =
		    r.live[i] != MATCH_NONE ? mailbox_index_find(box->m->index, box->merge->archive[i].uid)
					    : NULL;

		if (was != NULL)
			box->pairs[box->n++] = (struct state_pair){ was, box->side.records[r.live[i]] };
	}
	if (box->n > 1)
		qsort(box->pairs, box->n, sizeof *box->pairs, by_live_uid);
	match_done(&r);
}

int state_box_open(struct server *server, struct source *source, const struct restore_item *item,
    const struct mailbox_entry *entry, struct job *job, struct state_box *ret, struct err *e)
{
	size_t i = item->source_index;

	*ret = (struct state_box){ .server = server, .source = source, .entry = entry };
	ret->owner = mboxname_user(entry->name);
	ret->merge = mem_alloc(sizeof *ret->merge);
	if (source_load(source, i, false, &ret->m, e) == -1 ||
	    live_load(server, entry, &ret->live.mailbox, e) == -1)
		return -1;
	if (ret->live.mailbox->index == NULL || ret->live.mailbox->header == NULL) {
		err_set(e, ERR_REFUSED, "its %s cannot be read",
		    ret->live.mailbox->index == NULL ? "cyrus.index" : "cyrus.header");
		return -1;
	}
	if (side_archive_read(source, i, ret->m, item->pick, job, ret->merge, e) == -1)
		return -1;
	side_live_read(server, entry, ret->live.mailbox, true, &ret->side);
	if (ret->side.message_ids != NULL && side_archive_ids(source, i, ret->merge, e) == -1)
		return -1;
	compare_live_flags(server, entry, ret->m, &ret->live);
	pair_up(ret);
	return 0;
}

void state_box_done(struct state_box *box)
{
	side_live_done(&box->side);
	compare_live_done(&box->live);
	source_messages_free(box->m);
	restore_merge_free(box->merge);
	free(box->pairs);
	free(box->owner);
	*box = (struct state_box){ 0 };
}

void state_box_keep(struct state_box *box, const uint32_t *uids, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < box->n; i++)
		if (compare_has_uid(uids, n, box->pairs[i].is->uid))
			box->pairs[kept++] = box->pairs[i];
	box->n = kept;
}

/* ---- \Seen ---- */

static bool owner_was(const void *arg, const struct index_record *r)
{
	return source_seen_flag(((const struct state_box *)arg)->m, r);
}

static bool owner_is(const void *arg, const struct index_record *r)
{
	const struct compare_live *l = &((const struct state_box *)arg)->live;

	return l->seen_in_index ? (r->flags & FLAG_SEEN) != 0 : uidset_contains(&l->seen, r->uid);
}

static bool set_has(const void *arg, const struct index_record *r)
{
	return uidset_contains(arg, r->uid);
}

static bool one_seen_was(const struct state_box *box)
{
	return box->m->index->h.options & OPT_SHAREDSEEN;
}

static bool one_seen_is(const struct state_box *box)
{
	return box->live.mailbox->index->h.options & OPT_SHAREDSEEN;
}

bool state_owner_changes(const struct state_box *box, struct state_changes *ret)
{
	*ret = (struct state_changes){ 0 };
	if (!box->live.seen_known || (box->owner == NULL && !(one_seen_was(box) && one_seen_is(box))))
		return false;
	state_seen_changes(box->pairs, box->n, owner_was, box, owner_is, box, ret);
	return true;
}

int state_reader_changes(const struct state_box *box, const struct mboxlist *live,
    const struct restore_plan *plan, const char *reader, struct state_changes *ret, struct err *e)
{
	struct seen_record was = { 0 }, is = { 0 };
	struct uidset was_set = { 0 }, is_set = { 0 };
	struct buf path = BUF_INIT;
	struct cyrusdb *db = NULL;
	int r;

	*ret = (struct state_changes){ 0 };
	if (one_seen_was(box) || one_seen_is(box))
		return 0;
	r = source_seen(box->source, reader, box->m->header->uniqueid, &was, e);
	if (r == 1 && restore_user_path(box->server, live, plan, USER_SEEN, reader, &path, e) == -1)
		r = -1;
	if (r == 1) {
		/* Who has never opened it, and so has no record or no database, has read nothing. */
		if (cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0 &&
		    seen_get(db, box->live.mailbox->header->uniqueid, &is, NULL) == 1)
			uidset_parse(is.uids, &is_set);
		uidset_parse(was.uids, &was_set);
		state_seen_changes(box->pairs, box->n, set_has, &was_set, set_has, &is_set, ret);
	}
	cyrusdb_close(db);
	uidset_done(&was_set);
	uidset_done(&is_set);
	seen_record_done(&was);
	seen_record_done(&is);
	buf_done(&path);
	return r;
}

/* ---- rights ---- */

static bool item_has(const struct acl_item *acl, size_t n, const char *who, char right)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(acl[i].user, who) == 0 && strchr(acl[i].rights, right) != NULL)
			return true;
	return false;
}

static bool has_right(const struct acl_item *acl, size_t n, const char *reader, char right)
{
	char *minus = mem_printf("-%s", reader);
	bool no = item_has(acl, n, minus, right) || item_has(acl, n, "-anyone", right);
	bool yes = item_has(acl, n, reader, right) || item_has(acl, n, "anyone", right);

	for (size_t i = 0; i < n && !yes; i++)
		yes = str_starts(acl[i].user, "group:") && strchr(acl[i].rights, right) != NULL;
	free(minus);
	return yes && !no;
}

bool state_may_read(const struct acl_item *acl, size_t n, const char *reader)
{
	return has_right(acl, n, reader, 'r') && has_right(acl, n, reader, 's');
}

bool state_acl(const struct source *source, size_t i, const struct source_messages *m,
    const struct acl_item **acl, size_t *n)
{
	const struct mailbox_entry *entry = source_mailbox(source, i)->entry;

	*acl = entry != NULL ? entry->acl : m->header->acl;
	*n = entry != NULL ? entry->n_acl : m->header->n_acl;
	return *n > 0;
}
