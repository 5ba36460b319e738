/* whereabouts.c: look for the messages that a mailbox lacks in all places where their user may have left them. */
#include "restore/whereabouts.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"

void whereabouts_add(struct whereabouts *w, const uint8_t guid[SHA1_SIZE], size_t at)
{
	w->list = mem_grow(w->list, &w->cap, w->n + 1, sizeof *w->list);
	w->list[w->n] = (struct whereabouts_message){ .at = at };
	memcpy(w->list[w->n++].guid, guid, SHA1_SIZE);
	w->sorted = false;
}

void whereabouts_done(struct whereabouts *w)
{
	free(w->list);
	w->list = NULL;
	w->n = w->cap = 0;
}

static int by_guid(const void *a, const void *b)
{
	const struct whereabouts_message *x = a, *y = b;
	int c = memcmp(x->guid, y->guid, SHA1_SIZE);

	return c != 0 ? c : x->at < y->at ? -1 : x->at > y->at;
}

static void sort(struct whereabouts *w)
{
	if (!w->sorted && w->n > 1)
		qsort(w->list, w->n, sizeof *w->list, by_guid);
	w->sorted = true;
}

/* The first of those with this GUID, or NULL. */
static struct whereabouts_message *find_guid(const struct whereabouts *w, const uint8_t *guid)
{
	size_t low = 0, high = w->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (memcmp(w->list[mid].guid, guid, SHA1_SIZE) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < w->n && memcmp(w->list[low].guid, guid, SHA1_SIZE) == 0 ? &w->list[low] : NULL;
}

static size_t count_guid(const struct mailbox_index *ix, const uint8_t *guid)
{
	size_t n = 0;

	for (size_t i = 0; ix != NULL && i < ix->n; i++)
		n += index_record_visible(&ix->records[i]) && ix->records[i].has_guid &&
		     memcmp(ix->records[i].guid, guid, SHA1_SIZE) == 0;
	return n;
}

/* Each copy is where one message went: the next of its GUID of which that is not known yet. */
static void note_place(struct whereabouts *w, const uint8_t *guid, const char *name, bool deleted)
{
	struct whereabouts_message *m = find_guid(w, guid);

	for (; m != NULL && m < w->list + w->n && memcmp(m->guid, guid, SHA1_SIZE) == 0; m++) {
		const char **place = deleted ? &m->deleted_in : &m->moved_to;

		if (*place == NULL) {
			*place = name;
			return;
		}
	}
}

void whereabouts_kept(struct whereabouts *w, const struct live_mailbox *l)
{
	sort(w);
	for (size_t i = 0; i < l->index->n; i++) {
		const struct index_record *r = &l->index->records[i];
		struct whereabouts_message *m;

		if (index_record_visible(r) || !r->has_guid || !live_has_file(l, r->uid))
			continue;
		m = find_guid(w, r->guid);
		while (m != NULL && m < w->list + w->n && memcmp(m->guid, r->guid, SHA1_SIZE) == 0 && m->kept)
			m++;
		if (m != NULL && m < w->list + w->n && memcmp(m->guid, r->guid, SHA1_SIZE) == 0) {
			m->kept = true;
			m->kept_uid = r->uid;
		}
	}
}

/* The archive's mailbox that this one was then, also if it had another name; (size_t)-1: there was none. */
static size_t find_before(const struct whereabouts *w, const struct mailbox_entry *entry)
{
	size_t at = source_find(w->source, entry->name);
	const char *id = entry->uniqueid != NULL ? entry->uniqueid : "";

	if (id[0] == '\0' ||
	    (at != (size_t)-1 && (source_mailbox(w->source, at)->uniqueid[0] == '\0' ||
				     strcmp(source_mailbox(w->source, at)->uniqueid, id) == 0)))
		return at;
	for (size_t i = 0; i < source_n(w->source); i++)
		if (strcmp(source_mailbox(w->source, i)->uniqueid, id) == 0)
			return i;
	return (size_t)-1;
}

static void search_mailbox(struct whereabouts *w, const struct mailbox_entry *entry)
{
	struct mailbox_index *ix = live_index(w->server, entry);
	struct source_messages *was = NULL;
	bool looked = false;

	for (size_t i = 0; ix != NULL && i < ix->n; i++) {
		const struct index_record *r = &ix->records[i];
		size_t at, before;

		if (!index_record_visible(r) || !r->has_guid || find_guid(w, r->guid) == NULL)
			continue;
		if (!looked) {
			at = w->source != NULL ? find_before(w, entry) : (size_t)-1;
			if (at != (size_t)-1 && source_load(w->source, at, false, &was, NULL) == -1)
				was = NULL;
			looked = true;
		}
		before = was != NULL ? count_guid(was->index, r->guid) : 0;
		if (before == 0 || count_guid(ix, r->guid) > before)
			note_place(w, r->guid, entry->name, false);
	}
	source_messages_free(was);
	mailbox_index_free(ix);
}

static void search_deleted(struct whereabouts *w, const struct mailbox_entry *entry)
{
	struct mailbox_index *ix = live_index(w->server, entry);

	for (size_t i = 0; ix != NULL && i < ix->n; i++)
		if (index_record_visible(&ix->records[i]) && ix->records[i].has_guid)
			note_place(w, ix->records[i].guid, entry->name, true);
	mailbox_index_free(ix);
}

static bool is_name(const char *name, const struct mailbox_entry *entry)
{
	return name != NULL && strcmp(name, entry->name) == 0;
}

int whereabouts_user(
    struct whereabouts *w, const char *owner, const struct mailbox_entry *entries, size_t n, struct err *e)
{
	const struct imapd_conf *conf = w->server->conf;
	char *inbox = mboxname_inbox(owner);
	int rc = 0;

	sort(w);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct mailbox_entry *entry = &entries[i];

		if (!mailbox_entry_has_directory(entry) || entry->type != 'e' || is_name(w->mailbox, entry) ||
		    is_name(w->copy, entry))
			continue;
		if (mboxname_is_deleted(conf, entry->name)) {
			char *before = mboxname_undeleted(conf, entry->name, NULL);

			if (before != NULL && mboxname_is_below(before, inbox))
				search_deleted(w, entry);
			free(before);
		} else if (mboxname_is_below(entry->name, inbox)) {
			rc = job_cancelled(w->job, e) ? -1 : 0;
			if (rc == 0)
				search_mailbox(w, entry);
		}
	}
	free(inbox);
	return rc;
}
