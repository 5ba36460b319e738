/* compare_live.c: find the live mailbox that one of an archive is, and compare the two message by message. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "restore/compare.h"
#include "restore/match.h"

/* ---- which mailbox ---- */

struct finding {
	const struct server *server;
	const char *name, *id;
	struct job *job;
	struct compare_found *ret;
	size_t cap, seen;
};

static bool is_copy(const struct finding *f, const struct mailbox_entry *entry)
{
	char *before = mboxname_undeleted(f->server->conf, entry->name, NULL);
	bool yes = before != NULL && strcmp(before, f->name) == 0;

	free(before);
	return yes;
}

static void set_there(struct compare_found *ret, const struct mailbox_entry *entry, bool deleted)
{
	/* Of several the one that is not deleted, else the last, which was deleted last. */
	if (ret->elsewhere && !ret->deleted && deleted)
		return;
	mailbox_entry_done(&ret->there);
	mailbox_entry_copy(&ret->there, entry);
	ret->elsewhere = true;
	ret->deleted = deleted;
}

static int on_entry(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	struct finding *f = arg;
	struct compare_found *ret = f->ret;
	bool known = f->id[0] != '\0' && entry->uniqueid != NULL && entry->uniqueid[0] != '\0', copy, deleted;

	if (f->seen++ % 1024 == 0 && job_cancelled(f->job, e))
		return -1;
	if (!mailbox_entry_has_directory(entry))
		return 0;
	if (strcmp(entry->name, f->name) == 0) {
		mailbox_entry_done(&ret->here);
		mailbox_entry_copy(&ret->here, entry);
		ret->named = true;
		ret->knows_id = known;
		ret->same_id = !known || strcmp(entry->uniqueid, f->id) == 0;
		return 0;
	}
	deleted = mboxname_is_deleted(f->server->conf, entry->name);
	copy = deleted && is_copy(f, entry);
	if (copy) {
		ret->copies = mem_grow(ret->copies, &f->cap, ret->n_copies + 1, sizeof *ret->copies);
		mailbox_entry_copy(&ret->copies[ret->n_copies++], entry);
	}
	if (known ? strcmp(entry->uniqueid, f->id) == 0 : copy)
		set_there(ret, entry, deleted);
	return 0;
}

int compare_find(const struct server *server, const char *name, const char *uniqueid, struct job *job,
    struct compare_found *ret, struct err *e)
{
	struct finding f = { .server = server, .name = name, .id = uniqueid, .job = job, .ret = ret };
	unsigned notes;

	*ret = (struct compare_found){ 0 };
	return server_each(server, on_entry, &f, &notes, e) == -1 ? -1 : 0;
}

void compare_found_done(struct compare_found *f)
{
	mailbox_entry_done(&f->here);
	mailbox_entry_done(&f->there);
	for (size_t i = 0; i < f->n_copies; i++)
		mailbox_entry_done(&f->copies[i]);
	free(f->copies);
	*f = (struct compare_found){ 0 };
}

/* ---- its messages ---- */

/* The owner's seen record where \Seen is not in the index: 2.3 and older. */
static void read_seen(const struct server *server, const struct mailbox_entry *entry, struct compare_live *l)
{
	const struct live_mailbox *box = l->mailbox;
	char *owner =
	    box->index->h.options & OPT_SHAREDSEEN ? mem_strdup("anyone") : mboxname_user(entry->name);
	const char *id = box->header != NULL ? box->header->uniqueid : "";
	struct cyrusdb *db = NULL;
	struct seen_record record;
	struct buf path = BUF_INIT;

	if (owner != NULL && id[0] != '\0' &&
	    mboxname_user_file(server->conf, LAYOUT_BY_NAME, USER_SEEN, owner, NULL, &path, NULL) == 0 &&
	    cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0) {
		int r = seen_get(db, id, &record, NULL);

		l->seen_known = r != -1;
		if (r == 1) {
			uidset_parse(record.uids, &l->seen);
			seen_record_done(&record);
		}
	}
	cyrusdb_close(db);
	buf_done(&path);
	free(owner);
}

void compare_map_flags(struct compare_live *l, const struct mailbox_header *archive)
{
	const struct mailbox_header *live = l->mailbox->header;

	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++) {
		l->flags[i] = -1;
		if (live == NULL || archive == NULL)
			continue;
		for (unsigned k = 0; k < MAILBOX_USER_FLAGS && archive->flag_names[i] != NULL; k++)
			if (live->flag_names[k] != NULL &&
			    strcasecmp(live->flag_names[k], archive->flag_names[i]) == 0)
				l->flags[i] = (int)k;
		if (archive->flag_names[i] != NULL)
			l->compared[i / 32] |= 1u << i % 32;
		if (live->flag_names[i] != NULL)
			l->compared_live[i / 32] |= 1u << i % 32;
	}
}

void compare_live_flags(const struct server *server, const struct mailbox_entry *entry,
    const struct source_messages *m, struct compare_live *l)
{
	l->seen_in_index = seen_is_in_index(l->mailbox->index->h.minor, l->mailbox->index->h.options, true);
	l->seen_known = l->seen_in_index;
	if (!l->seen_in_index)
		read_seen(server, entry, l);
	compare_map_flags(l, m->header);
}

int compare_live_open(const struct server *server, const struct mailbox_entry *entry,
    const struct source_messages *m, struct compare_live *ret, struct err *e)
{
	*ret = (struct compare_live){ 0 };
	if (live_load(server, entry, &ret->mailbox, e) == -1)
		return -1;
	if (ret->mailbox->index == NULL)
		return 0;
	compare_live_flags(server, entry, m, ret);
	return 1;
}

void compare_live_done(struct compare_live *l)
{
	live_free(l->mailbox);
	uidset_done(&l->seen);
	*l = (struct compare_live){ 0 };
}

/* The archive's keywords, as bits of the live mailbox; false when one has no name over there. */
static bool keywords_there(const struct compare_live *l, const struct index_record *r, uint32_t ret[4])
{
	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++) {
		if ((r->user_flags[i / 32] & l->compared[i / 32] & 1u << i % 32) == 0)
			continue;
		if (l->flags[i] == -1)
			return false;
		ret[l->flags[i] / 32] |= 1u << l->flags[i] % 32;
	}
	return true;
}

static bool same_keywords(
    const struct compare_live *l, const struct index_record *a, const struct index_record *r)
{
	static const uint32_t none[4];
	uint32_t want[4] = { 0 };

	if (l->mailbox->header == NULL ||
	    (memcmp(a->user_flags, none, sizeof none) == 0 && memcmp(r->user_flags, none, sizeof none) == 0))
		return true;
	if (!keywords_there(l, a, want))
		return false;
	for (int i = 0; i < 4; i++)
		if (want[i] != (r->user_flags[i] & l->compared_live[i]))
			return false;
	return true;
}

unsigned compare_flags(const struct compare_live *l, const struct source_messages *m,
    const struct index_record *a, const struct index_record *r)
{
	const uint32_t system = FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT;
	bool seen = l->seen_in_index ? (r->flags & FLAG_SEEN) != 0 : uidset_contains(&l->seen, r->uid);
	unsigned ret = 0;

	if ((a->flags & system) != (r->flags & system) || !same_keywords(l, a, r))
		ret |= COMPARE_DIFF_FLAGS;
	if (l->seen_known && source_seen_flag(m, a) != seen)
		ret |= COMPARE_DIFF_SEEN;
	return ret;
}

bool compare_same_flags(const struct compare_live *l, const struct source_messages *m,
    const struct index_record *a, const struct index_record *r)
{
	return compare_flags(l, m, a, r) == 0;
}

enum compare_message compare_message(
    const struct compare_live *l, const struct source_messages *m, const struct index_record *a)
{
	const struct index_record *r = mailbox_index_find(l->mailbox->index, a->uid);
	bool file = live_has_file(l->mailbox, a->uid);

	/* Until 2.3 what is expunged leaves the index for cyrus.expunge. */
	if (r == NULL)
		return file && l->mailbox->index->h.minor < 12 ? COMPARE_EXPUNGED : COMPARE_MISSING;
	if (!compare_same_message(a, r))
		return COMPARE_OTHER;
	if (!index_record_visible(r))
		return file && index_record_has_file(r) ? COMPARE_EXPUNGED : COMPARE_MISSING;
	if (!file)
		return COMPARE_LOST;
	return compare_same_flags(l, m, a, r) ? COMPARE_SAME : COMPARE_FLAGS;
}

/* ---- counted ---- */

struct visible {
	const struct index_record **records;
	struct match_message *list; /* the same, to be matched */
	size_t n;
	bool guids; /* all have one */
};

static struct visible visible_of(const struct mailbox_index *ix)
{
	struct visible v = { .records = mem_array(ix->n + 1, sizeof *v.records),
		.list = mem_array(ix->n + 1, sizeof *v.list),
		.guids = true };

	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *r = &ix->records[i];

		if (!index_record_visible(r))
			continue;
		v.records[v.n] = r;
		v.list[v.n] = (struct match_message){ .uid = r->uid, .has_guid = r->has_guid };
		memcpy(v.list[v.n++].guid, r->guid, SHA1_SIZE);
		v.guids = v.guids && r->has_guid;
	}
	return v;
}

static void visible_done(struct visible *v)
{
	free(v->records);
	free(v->list);
}

/* The same message over there, as it is shown, or NULL: of each of ${a}, heap. */
static const struct index_record **partners_of(
    const struct visible *a, const struct visible *b, const struct mailbox_index *live)
{
	const struct index_record **partner = mem_array(a->n + 1, sizeof *partner);
	struct match_result match;

	if (a->guids && b->guids) {
		match_messages(a->list, a->n, b->list, b->n, NULL, NULL, &match);
		for (size_t i = 0; i < a->n; i++)
			if (match.live[i] != MATCH_NONE)
				partner[i] = b->records[match.live[i]];
		match_done(&match);
		return partner;
	}
	for (size_t i = 0; i < a->n; i++) {
		const struct index_record *r = mailbox_index_find(live, a->records[i]->uid);

		if (r != NULL && index_record_visible(r) && compare_same_message(a->records[i], r))
			partner[i] = r;
	}
	return partner;
}

void compare_count(const struct compare_live *l, const struct source_messages *m, struct compare_counts *ret)
{
	struct visible a = visible_of(m->index), b = visible_of(l->mailbox->index);
	const struct index_record **partner = partners_of(&a, &b, l->mailbox->index);

	*ret = (struct compare_counts){ .all = a.n, .only_live = b.n };
	for (size_t i = 0; i < a.n; i++) {
		const struct index_record *r = partner[i];

		if (r == NULL) {
			if (compare_message(l, m, a.records[i]) == COMPARE_EXPUNGED)
				ret->expunged++;
			else
				ret->missing++;
			continue;
		}
		ret->only_live--;
		ret->other_uid += r->uid != a.records[i]->uid;
		if (!live_has_file(l->mailbox, r->uid))
			ret->lost++;
		else if (compare_same_flags(l, m, a.records[i], r))
			ret->same++;
		else
			ret->flags++;
	}
	free(partner);
	visible_done(&a);
	visible_done(&b);
}
