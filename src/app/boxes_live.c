/* boxes_live.c: the mailboxes of an archive against the running server: first its list, then its directories. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "app/boxes_impl.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/compare.h"

#define POST_MS 200

/* An entry of the live list that has the id of a mailbox of the archive, but not its name. */
struct elsewhere {
	char *name, *id;
};

/* What is only live is looked at too, unless it is a whole other server. */
#define ONLY_MAX 10000
struct only {
	uint32_t number;
	struct mailbox_entry entry;
};

struct live {
	struct boxes_job *w;
	struct boxes_mate *mates; /* of the source's mailboxes, then of those that are only listed */
	size_t n;
	struct elsewhere *elsewhere;
	size_t n_elsewhere, cap_elsewhere;
	struct only *only;
	size_t n_only, cap_only;
	char **partitions;
	size_t n_partitions, cap_partitions;
	uint32_t
	    *ids; /* subjects by the hash of their id, index + 1, 0: none; made when it is first needed */
	size_t ids_size;
	size_t next; /* the list's order is nearly that of the archive: where to look first */
	size_t seen; /* entries, to ask now and then for cancelling */
};

/* ---- a mailbox of the archive ---- */

static const char *name_of(const struct live *l, size_t i)
{
	size_t n = source_n(l->w->source);

	return i < n ? source_mailbox(l->w->source, i)->name : l->w->listed[i - n].name;
}

static const char *id_of(const struct live *l, size_t i)
{
	size_t n = source_n(l->w->source);

	return i < n ? source_mailbox(l->w->source, i)->uniqueid : l->w->listed[i - n].uniqueid;
}

static uint32_t number_of(const struct live *l, size_t i)
{
	size_t n = source_n(l->w->source);

	return i < n ? l->w->numbers[i] : l->w->listed[i - n].number;
}

static int by_name(const void *key, const void *listed)
{
	return strcmp(key, ((const struct boxes_listed *)listed)->name);
}

static size_t find_name(struct live *l, const char *name)
{
	const struct boxes_job *w = l->w;
	size_t n = source_n(w->source), i;
	const struct boxes_listed *found;

	i = l->next < n && strcmp(name_of(l, l->next), name) == 0 ? l->next : source_find(w->source, name);
	if (i != (size_t)-1) {
		l->next = i + 1;
		return i;
	}
	found = w->n_listed == 0 ? NULL : bsearch(name, w->listed, w->n_listed, sizeof *found, by_name);
	return found != NULL ? n + (size_t)(found - w->listed) : (size_t)-1;
}

static size_t id_slot(const struct live *l, const char *id)
{
	size_t at = (size_t)XXH3_64bits(id, strlen(id)) & (l->ids_size - 1);

	while (l->ids[at] != 0 && strcmp(id_of(l, l->ids[at] - 1), id) != 0)
		at = (at + 1) & (l->ids_size - 1);
	return at;
}

static size_t find_id(struct live *l, const char *id)
{
	if (l->n == 0 || l->n >= UINT32_MAX / 2)
		return (size_t)-1;
	if (l->ids == NULL) {
		for (l->ids_size = 16; l->ids_size < 2 * l->n;)
			l->ids_size *= 2;
		l->ids = mem_array(l->ids_size, sizeof *l->ids);
		for (size_t i = 0; i < l->n; i++) {
			size_t at = *id_of(l, i) != '\0' ? id_slot(l, id_of(l, i)) : (size_t)-1;

			if (at != (size_t)-1 && l->ids[at] == 0)
				l->ids[at] = (uint32_t)i + 1;
		}
	}
	return (size_t)l->ids[id_slot(l, id)] - 1;
}

/* ---- the live list ---- */

static uint16_t partition_of(struct live *l, const char *name)
{
	for (size_t i = 0; i < l->n_partitions; i++)
		if (strcmp(l->partitions[i], name) == 0)
			return (uint16_t)i;
	if (l->n_partitions == UINT16_MAX)
		return UINT16_MAX;
	l->partitions = mem_grow(l->partitions, &l->cap_partitions, l->n_partitions + 1, sizeof(char *));
	l->partitions[l->n_partitions] = mem_strdup(name);
	return (uint16_t)l->n_partitions++;
}

static void set_place(struct live *l, struct boxes_mate *mate, const struct mailbox_entry *entry)
{
	mate->partition = partition_of(l, entry->partition);
	mate->legacy = (entry->flags & MBTYPE_LEGACY_DIRS) != 0;
}

static void set_elsewhere(struct live *l, struct boxes_mate *mate, const struct mailbox_entry *entry)
{
	struct elsewhere *x;

	if (mate->elsewhere == 0) {
		l->elsewhere =
		    mem_grow(l->elsewhere, &l->cap_elsewhere, l->n_elsewhere + 1, sizeof *l->elsewhere);
		l->elsewhere[l->n_elsewhere++] = (struct elsewhere){ 0 };
		mate->elsewhere = (uint32_t)l->n_elsewhere;
	}
	x = &l->elsewhere[mate->elsewhere - 1];
	free(x->name);
	free(x->id);
	x->name = mem_strdup(entry->name);
	x->id = mem_strdup(entry->uniqueid);
	set_place(l, mate, entry);
}

/* The subject of which ${entry} is a copy that was deleted, told by the name alone: where no ids are known. */
static size_t find_undeleted(struct live *l, const struct mailbox_entry *entry)
{
	char *before = mboxname_undeleted(l->w->server->conf, entry->name, NULL);
	size_t i = before != NULL ? find_name(l, before) : (size_t)-1;

	free(before);
	if (i != (size_t)-1 && entry->uniqueid != NULL && *entry->uniqueid != '\0' && *id_of(l, i) != '\0')
		return (size_t)-1;
	return i;
}

static int on_entry(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	struct live *l = arg;
	bool has_id = entry->uniqueid != NULL && *entry->uniqueid != '\0', deleted;
	size_t i, other = (size_t)-1;

	if (l->seen++ % 1024 == 0 && job_cancelled(l->w->job, e))
		return -1;
	if (!mailbox_entry_has_directory(entry))
		return 0;
	i = find_name(l, entry->name);
	if (i != (size_t)-1) {
		struct boxes_mate *mate = &l->mates[i];

		mate->named = true;
		mate->knows_id = has_id && *id_of(l, i) != '\0';
		mate->same_id = !mate->knows_id || strcmp(id_of(l, i), entry->uniqueid) == 0;
		if (mate->same_id) {
			set_place(l, mate, entry);
			/* The archive did not know it: the directory is named by it. */
			if (has_id && *id_of(l, i) == '\0')
				set_elsewhere(l, mate, entry);
			return 0;
		}
	}
	if (has_id)
		other = find_id(l, entry->uniqueid);
	deleted = mboxname_is_deleted(l->w->server->conf, entry->name);
	if (other == (size_t)-1 && deleted)
		other = find_undeleted(l, entry);
	if (other != (size_t)-1 && l->mates[other].named && l->mates[other].same_id)
		other = (size_t)-1;
	if (other != (size_t)-1) {
		/* Of several the one that is not deleted; else the last, which was deleted last. */
		if (l->mates[other].elsewhere == 0 || l->mates[other].gone_deleted || !deleted) {
			set_elsewhere(l, &l->mates[other], entry);
			l->mates[other].gone_deleted = deleted;
		}
	}
	/* What the archive has under another name is told with that one. */
	if (i == (size_t)-1 && other == (size_t)-1) {
		struct box row = { .state = BOX_ONLY_LIVE,
			.health = HEALTH_UNCHECKED,
			.number = (uint32_t)l->w->next_number++ };

		boxes_add(l->w, &row, entry->name);
		if (l->n_only < ONLY_MAX) {
			l->only = mem_grow(l->only, &l->cap_only, l->n_only + 1, sizeof *l->only);
			l->only[l->n_only].number = row.number;
			mailbox_entry_copy(&l->only[l->n_only++].entry, entry);
		}
	}
	return 0;
}

/* States that the list alone decides. */
static void judge_list(struct live *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct boxes_mate *mate = &l->mates[i];

		if (mate->named && mate->same_id)
			continue;
		if (mate->named)
			boxes_update(l->w, number_of(l, i), BOX_REPLACED, 0);
		else if (mate->elsewhere == 0)
			boxes_update(l->w, number_of(l, i), BOX_MISSING, 0);
		else
			boxes_update(
			    l->w, number_of(l, i), mate->gone_deleted ? BOX_DELETED : BOX_RENAMED, 0);
	}
	boxes_updates_post(l->w);
}

/* ---- directories ---- */

static enum box_state judge_look(const struct live *l, size_t i, const struct compare_look *look)
{
	size_t n = source_n(l->w->source);
	const struct source_mailbox *m = i < n ? source_mailbox(l->w->source, i) : NULL;
	uint32_t uidvalidity = m != NULL ? m->uidvalidity : l->w->listed[i - n].uidvalidity;

	if (!look->whole)
		return BOX_DAMAGED;
	/* Without ids on both sides the UIDVALIDITY tells who it is. */
	if (uidvalidity != 0 && look->uidvalidity != uidvalidity)
		return l->mates[i].knows_id ? BOX_DIFFERS : BOX_REPLACED;
	/* Of one that the archive only lists nothing more is known. */
	if (m == NULL || !m->has_files)
		return BOX_SAME;
	return look->messages != m->messages || (look->knows_unread && look->unread != m->unread)
	           ? BOX_DIFFERS
	           : BOX_SAME;
}

static void look_at(struct live *l, size_t i)
{
	const struct boxes_mate *mate = &l->mates[i];
	const struct elsewhere *x = mate->elsewhere != 0 ? &l->elsewhere[mate->elsewhere - 1] : NULL;
	bool here = mate->named && mate->same_id;
	struct mailbox_entry entry = { .type = 'e', .flags = mate->legacy ? MBTYPE_LEGACY_DIRS : 0 };
	struct buf name = BUF_INIT, id = BUF_INIT;
	struct compare_look look;

	buf_str(&name, here ? name_of(l, i) : x->name);
	buf_str(&id, x != NULL && x->id != NULL ? x->id : id_of(l, i));
	entry.name = name.data;
	entry.uniqueid = id.len > 0 ? id.data : NULL;
	entry.partition = l->partitions[mate->partition];
	compare_look(l->w->server, &entry, &look);
	boxes_update(l->w, number_of(l, i),
	    here                 ? judge_look(l, i, &look)
	    : mate->gone_deleted ? BOX_DELETED
				 : BOX_RENAMED,
	    look.messages);
	buf_done(&name);
	buf_done(&id);
}

static int look_at_all(struct live *l, struct err *e)
{
	uint64_t posted = clock_monotonic_ms();

	for (size_t i = 0; i < l->n; i++) {
		const struct boxes_mate *mate = &l->mates[i];

		if (i % 64 == 0) {
			uint64_t now = clock_monotonic_ms();

			if (job_cancelled(l->w->job, e))
				return -1;
			if (now - posted >= POST_MS) {
				boxes_updates_post(l->w);
				job_step(l->w->job, "compare with the running server: %zu of %zu mailboxes",
				    i, l->n);
				posted = now;
			}
		}
		/* Where its name is taken, there is nothing to be looked at. */
		if (mate->partition < l->n_partitions && (mate->named ? mate->same_id : mate->elsewhere != 0))
			look_at(l, i);
	}
	for (size_t i = 0; i < l->n_only; i++) {
		struct compare_look look;

		compare_look(l->w->server, &l->only[i].entry, &look);
		boxes_update(l->w, l->only[i].number, BOX_ONLY_LIVE, look.messages);
	}
	boxes_updates_post(l->w);
	return 0;
}

static void say_why(struct boxes_job *w, const struct err *why)
{
	free(w->news.why_not);
	w->news.why_not = mem_strdup(why->msg);
	w->news.comparing = false;
}

int boxes_compare_live(struct boxes_job *w, struct err *e)
{
	struct live l = { .w = w, .n = source_n(w->source) + w->n_listed };
	struct err why = { 0 };
	unsigned notes = 0;
	int rc = -1;

	l.mates = mem_array(l.n + 1, sizeof *l.mates);
	job_step(w->job, "read the server's list of mailboxes");
	/* What is only live is told when all of the list is read, or not at all. */
	w->limit = SIZE_MAX;
	if (server_each(w->server, on_entry, &l, &notes, &why) == -1) {
		if (job_cancelled(w->job, e))
			goto out;
		say_why(w, &why);
		w->now.n = w->later.n = 0;
		rc = 0;
		goto out;
	}
	if (notes & (CYRUSDB_NOTE_TORN | CYRUSDB_NOTE_DAMAGED)) {
		err_set(&why, ERR_DAMAGE,
		    "the server's mailboxes.db is damaged: what is said to be missing may not be");
		say_why(w, &why);
		w->news.comparing = true;
	}
	boxes_flush(w, true);
	judge_list(&l);
	rc = look_at_all(&l, e);
	w->news.compared = rc == 0;
out:
	for (size_t i = 0; i < l.n_elsewhere; i++) {
		free(l.elsewhere[i].name);
		free(l.elsewhere[i].id);
	}
	for (size_t i = 0; i < l.n_only; i++)
		mailbox_entry_done(&l.only[i].entry);
	free(l.only);
	for (size_t i = 0; i < l.n_partitions; i++)
		free(l.partitions[i]);
	free(l.partitions);
	free(l.elsewhere);
	free(l.ids);
	free(l.mates);
	return rc;
}
