/* consistency.c: compare a mailbox's index with its files, and with the mailbox list. */
#include "backup/consistency.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"
#include "cyrus/mailbox.h"
#include "cyrus/userdata.h"

/* Of one mailbox so many single messages are named; then only counted. */
#define NAMED_MESSAGES 20

struct mailbox_check {
	const struct captured_mailbox *m;
	struct findings *findings;
	uint64_t findings_before;
	struct mailbox_index *index; /* NULL: not readable */
	struct mailbox_header *header;
	uint32_t unread;
	size_t next; /* first record not yet compared */
	uint64_t missing, strays, wrong_size, wrong_guid;
};

static const struct captured_file *find_role(const struct captured_mailbox *m, enum file_role role)
{
	for (size_t i = 0; i < m->n_files; i++)
		if (m->files[i].role == role)
			return &m->files[i];
	return NULL;
}

/* A captured file's content as bytes: its own copy, or read from its descriptor (then free() *ret). */
static const uint8_t *content_of(const struct captured_file *f, uint8_t **heap)
{
	*heap = NULL;
	if (f->fd == -1)
		return (const uint8_t *)f->bytes;
	*heap = mem_alloc((size_t)f->st.st_size + 1);
	if (io_pread_all(f->fd, *heap, (size_t)f->st.st_size, 0, f->path, NULL) == -1) {
		free(*heap);
		*heap = NULL;
	}
	return *heap;
}

/* By name a mailbox that is deleted, or that Cyrus 3.6 renames, keeps the header it had: then its unique id tells that it is the right one. */
static bool is_name_of(
    const struct mailbox_header *h, const struct mailbox_entry *entry, const struct imapd_conf *conf)
{
	char *before = mboxname_undeleted(conf, entry->name, NULL);
	bool by_name = mailbox_entry_layout(conf, entry) == LAYOUT_BY_NAME;
	bool same = strcmp(h->name, entry->name) == 0 || (before != NULL && strcmp(h->name, before) == 0) ||
	            (by_name && entry->uniqueid != NULL && strcmp(h->uniqueid, entry->uniqueid) == 0);

	free(before);
	return same;
}

static void read_header(struct mailbox_check *c, const struct imapd_conf *conf)
{
	const struct captured_file *f = find_role(c->m, ROLE_HEADER);
	const struct mailbox_entry *entry = c->m->entry;
	const uint8_t *p;
	uint8_t *heap;
	struct err why;

	if (f == NULL) {
		findings_add(c->findings, FINDING_HEADER, c->m->name, "has no cyrus.header");
		return;
	}
	p = content_of(f, &heap);
	if (p == NULL || mailbox_header_parse(p, (size_t)f->st.st_size, &c->header, &why) == -1)
		findings_add(c->findings, FINDING_HEADER, c->m->name, "cyrus.header: %s",
		    p == NULL ? "cannot be read" : why.msg);
	free(heap);
	if (c->header == NULL || entry == NULL)
		return;
	if (entry->uniqueid != NULL && strcmp(entry->uniqueid, c->header->uniqueid) != 0)
		findings_add(c->findings, FINDING_UNIQUEID, c->m->name,
		    "unique id is %s in mailboxes.db, but %s in cyrus.header", entry->uniqueid,
		    c->header->uniqueid);
	if (c->header->name != NULL && !is_name_of(c->header, entry, conf))
		findings_add(c->findings, FINDING_HEADER, c->m->name, "cyrus.header is of mailbox %s",
		    c->header->name);
}

static void read_index(struct mailbox_check *c)
{
	const struct captured_file *f = find_role(c->m, ROLE_INDEX);
	const struct captured_file *cache = find_role(c->m, ROLE_CACHE);
	const uint8_t *p;
	uint8_t *heap, generation[4];
	struct err why;

	if (f == NULL) {
		findings_add(c->findings, FINDING_HEADER, c->m->name, "has no cyrus.index");
		return;
	}
	p = content_of(f, &heap);
	if (p == NULL || mailbox_index_parse(p, (size_t)f->st.st_size, &c->index, &why) == -1)
		findings_add(c->findings, FINDING_HEADER, c->m->name, "cyrus.index: %s",
		    p == NULL ? "cannot be read" : why.msg);
	free(heap);
	if (c->index == NULL)
		return;
	if (!c->index->h.crc_ok)
		findings_add(
		    c->findings, FINDING_HEADER, c->m->name, "cyrus.index: the header's checksum is wrong");
	if (c->index->n_bad_crc > 0)
		findings_add(c->findings, FINDING_HEADER, c->m->name,
		    "cyrus.index: %zu records have a wrong checksum", c->index->n_bad_crc);
	if (c->index->short_file)
		findings_add(
		    c->findings, FINDING_HEADER, c->m->name, "cyrus.index: ends before its last record");
	if (c->m->entry != NULL && c->m->entry->uidvalidity != 0 &&
	    c->m->entry->uidvalidity != c->index->h.uidvalidity)
		findings_add(c->findings, FINDING_HEADER, c->m->name,
		    "UIDVALIDITY is %u in mailboxes.db, but %u in cyrus.index", c->m->entry->uidvalidity,
		    c->index->h.uidvalidity);
	/* Cyrus makes the cache with the first message. */
	if (c->index->n == 0 && cache == NULL)
		return;
	if (cache == NULL || cache->fd == -1 || cache->st.st_size < 4)
		findings_add(c->findings, FINDING_HEADER, c->m->name, "has no cyrus.cache");
	else if (io_pread_all(cache->fd, generation, 4, 0, "cyrus.cache", NULL) == 0 &&
		 be32(generation) != c->index->h.generation)
		findings_add(c->findings, FINDING_HEADER, c->m->name,
		    "cyrus.cache is of generation %u, cyrus.index of %u", be32(generation),
		    c->index->h.generation);
}

/* \Seen of the owner lives in the index from 2.4 (minor 12) on, before in his seen database. */
static void count_unread(struct mailbox_check *c, struct cyrusdb *owner_seen)
{
	bool in_db = c->index->h.minor < 12;
	struct seen_record seen = { 0 };
	struct uidset set;

	if (in_db && owner_seen != NULL && c->header != NULL)
		seen_get(owner_seen, c->header->uniqueid, &seen, NULL);
	uidset_parse(seen.uids != NULL ? seen.uids : "", &set);
	for (size_t i = 0; i < c->index->n; i++) {
		const struct index_record *r = &c->index->records[i];

		if (index_record_visible(r))
			c->unread += in_db ? !uidset_contains(&set, r->uid) : !(r->flags & FLAG_SEEN);
	}
	uidset_done(&set);
	seen_record_done(&seen);
}

struct mailbox_check *check_new(const struct captured_mailbox *m, const struct imapd_conf *conf,
    struct cyrusdb *owner_seen, struct findings *findings)
{
	struct mailbox_check *c = mem_alloc(sizeof *c);

	c->m = m;
	c->findings = findings;
	c->findings_before = findings->n;
	if (m->lost) {
		findings_add(
		    findings, FINDING_NO_DIRECTORY, m->name, "is in mailboxes.db, but has no directory");
		return c;
	}
	read_header(c, conf);
	read_index(c);
	if (c->index != NULL)
		count_unread(c, owner_seen);
	return c;
}

static void missing(struct mailbox_check *c, uint32_t uid, const char *why)
{
	if (c->missing++ < NAMED_MESSAGES)
		findings_add(
		    c->findings, FINDING_RECORD_WITHOUT_FILE, c->m->name, "message %u: %s", uid, why);
}

/* Records below ${uid} that should have had a file have none. */
static void pass_records(struct mailbox_check *c, uint64_t uid)
{
	for (; c->index != NULL && c->next < c->index->n && c->index->records[c->next].uid < uid; c->next++)
		if (index_record_has_file(&c->index->records[c->next]))
			missing(c, c->index->records[c->next].uid, "its file is missing");
}

/* The record of ${uid}; messages come in ascending order. NULL: a stray file. */
static const struct index_record *record_of(struct mailbox_check *c, uint32_t uid)
{
	pass_records(c, uid);
	if (c->index != NULL && c->next < c->index->n && c->index->records[c->next].uid == uid)
		return &c->index->records[c->next++];
	return NULL;
}

void check_message(struct mailbox_check *c, uint32_t uid, uint64_t size, const uint8_t guid[SHA1_SIZE])
{
	const struct index_record *r = record_of(c, uid);

	if (c->index == NULL)
		return;
	if (r == NULL) {
		/* 2.3 moves expunged records to cyrus.expunge: their files are no strays. */
		if (find_role(c->m, ROLE_EXPUNGE) == NULL && c->strays++ < NAMED_MESSAGES)
			findings_add(c->findings, FINDING_FILE_WITHOUT_RECORD, c->m->name,
			    "file %u. is in no record of cyrus.index", uid);
	} else if (r->size != size) {
		if (c->wrong_size++ < NAMED_MESSAGES)
			findings_add(c->findings, FINDING_SIZE, c->m->name,
			    "message %u: %llu bytes, but cyrus.index says %llu", uid,
			    (unsigned long long)size, (unsigned long long)r->size);
	} else if (r->has_guid && memcmp(r->guid, guid, SHA1_SIZE) != 0) {
		if (c->wrong_guid++ < NAMED_MESSAGES)
			findings_add(c->findings, FINDING_GUID, c->m->name,
			    "message %u: its content is not what cyrus.index says (GUID)", uid);
	}
}

void check_message_unreadable(struct mailbox_check *c, uint32_t uid, int errno_value)
{
	const struct index_record *r = record_of(c, uid);

	if (r != NULL && errno_value == ENOENT)
		missing(c, uid, "was removed while the backup ran");
	else if (errno_value != ENOENT)
		missing(c, uid, strerror(errno_value));
}

static void count_rest(struct mailbox_check *c, enum finding_kind kind, uint64_t n, const char *what)
{
	if (n > NAMED_MESSAGES)
		findings_add(
		    c->findings, kind, c->m->name, "%llu messages in all: %s", (unsigned long long)n, what);
}

void check_end(struct mailbox_check *c, struct unit_info *ret)
{
	const struct mailbox_entry *entry = c->m->entry;

	if (!c->m->lost)
		pass_records(c, UINT64_MAX);
	count_rest(c, FINDING_RECORD_WITHOUT_FILE, c->missing, "no file that could be read");
	count_rest(c, FINDING_FILE_WITHOUT_RECORD, c->strays, "no record in cyrus.index");
	count_rest(c, FINDING_SIZE, c->wrong_size, "wrong size");
	count_rest(c, FINDING_GUID, c->wrong_guid, "wrong GUID");
	*ret = (struct unit_info){ .kind = entry != NULL ? UNIT_MAILBOX : UNIT_ORPHAN,
		.health = c->findings->n > c->findings_before ? HEALTH_FINDINGS : HEALTH_OK,
		.name = c->m->name,
		.uniqueid = entry != NULL && entry->uniqueid != NULL ? entry->uniqueid : "",
		.partition = entry != NULL && entry->partition != NULL ? entry->partition : "" };
	if (c->index != NULL) {
		ret->uidvalidity = c->index->h.uidvalidity;
		for (size_t i = 0; i < c->index->n; i++)
			ret->messages += index_record_visible(&c->index->records[i]);
		ret->unread = c->unread;
	}
	mailbox_index_free(c->index);
	mailbox_header_free(c->header);
	free(c);
}

static int by_uniqueid(const void *a, const void *b)
{
	const struct mailbox_entry *const *x = a, *const *y = b;
	int d = strcmp((*x)->uniqueid, (*y)->uniqueid);

	return d != 0 ? d : strcmp((*x)->name, (*y)->name);
}

void check_list(const struct mboxlist *list, struct findings *findings)
{
	const struct mailbox_entry **sorted = mem_array(list->n, sizeof(const struct mailbox_entry *));
	size_t n = 0;

	for (size_t i = 0; i < list->n; i++)
		if (mailbox_entry_has_directory(&list->entries[i]) && list->entries[i].uniqueid != NULL)
			sorted[n++] = &list->entries[i];
	if (n > 1)
		qsort(sorted, n, sizeof *sorted, by_uniqueid);
	for (size_t i = 1; i < n; i++)
		if (strcmp(sorted[i]->uniqueid, sorted[i - 1]->uniqueid) == 0)
			findings_add(findings, FINDING_UNIQUEID, sorted[i]->name,
			    "has the unique id of %s, %s", sorted[i - 1]->name, sorted[i]->uniqueid);
	free(sorted);
}
