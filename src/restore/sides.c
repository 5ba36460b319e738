/* sides.c: index records -> messages that can be matched, with a GUID for each if it can be had. */
#include "restore/sides.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "restore/compare.h"
#include "restore/source_impl.h"

static void take_record(struct match_message *to, const struct index_record *r)
{
	*to = (struct match_message){
		.uid = r->uid, .has_guid = r->has_guid, .size = r->size, .internaldate = r->internaldate
	};
	memcpy(to->guid, r->guid, sizeof to->guid);
}

static void free_ids(char **ids, size_t n)
{
	for (size_t i = 0; ids != NULL && i < n; i++)
		free(ids[i]);
	free(ids);
}

/* Its Message-ID out of the cache, heap or NULL. */
static char *id_of(const struct buf *cache, uint32_t generation, const struct index_record *r)
{
	struct envelope env;
	char *id;

	if (cache->len == 0 ||
	    mailbox_cache_envelope((const uint8_t *)cache->data, cache->len, generation, r, &env, NULL) == -1)
		return NULL;
	id = mem_strdup(env.message_id);
	envelope_done(&env);
	return id;
}

/* ---- live ---- */

static bool hash_file(const char *dir, struct match_message *m)
{
	struct digest *d;
	char path[4200], chunk[65536];
	uint64_t size = 0;
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof path, "%s/%u.", dir, m->uid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd == -1)
		return false;
	d = digest_new(DIGEST_SHA1);
	while ((n = read(fd, chunk, sizeof chunk)) > 0) {
		digest_add(d, chunk, (size_t)n);
		size += (uint64_t)n;
	}
	digest_end(d, m->guid);
	digest_free(d);
	close(fd);
	return n == 0 && size == m->size;
}

static void live_ids(const struct server *server, const struct mailbox_entry *entry, struct side_live *s)
{
	struct buf path = BUF_INIT, cache = BUF_INIT;

	if (server_mailbox_dir(server, entry, META_CACHE, &path, NULL) == 0) {
		buf_str(&path, "/cyrus.cache");
		io_read_file(AT_FDCWD, buf_text(&path), SOURCE_CACHE_MAX, &cache, NULL);
	}
	s->message_ids = mem_array(s->n + 1, sizeof *s->message_ids);
	for (size_t i = 0; i < s->n; i++) {
		s->message_ids[i] = id_of(&cache, s->mailbox->index->h.generation, s->records[i]);
		s->list[i].message_id = s->message_ids[i];
	}
	buf_done(&path);
	buf_done(&cache);
}

bool side_live_has_guids(const struct side_live *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (!s->list[i].has_guid)
			return false;
	return true;
}

void side_live_read(const struct server *server, const struct mailbox_entry *entry, struct live_mailbox *l,
    bool message_ids, struct side_live *ret)
{
	const struct mailbox_index *ix = l->index;

	*ret = (struct side_live){ .mailbox = l };
	ret->list = mem_array(ix->n + 1, sizeof *ret->list);
	ret->records = mem_array(ix->n + 1, sizeof *ret->records);
	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *r = &ix->records[i];
		struct match_message *to = &ret->list[ret->n];

		if (!index_record_visible(r))
			continue;
		take_record(to, r);
		if (!to->has_guid)
			to->has_guid = hash_file(l->dir, to);
		ret->records[ret->n++] = r;
	}
	if (message_ids && !side_live_has_guids(ret))
		live_ids(server, entry, ret);
}

void side_live_done(struct side_live *s)
{
	free_ids(s->message_ids, s->n);
	free(s->list);
	free(s->records);
	*s = (struct side_live){ 0 };
}

/* ---- archive ---- */

size_t side_find(const struct restore_merge *merge, uint32_t uid)
{
	size_t low = 0, high = merge->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (merge->archive[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < merge->n && merge->archive[low].uid == uid ? low : merge->n;
}

struct hashing {
	struct restore_merge *merge;
	struct job *job;
	struct digest *digest;
	struct match_message *at;
};

static int hash_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct hashing *h = arg;
	uint32_t uid = file->role == ROLE_MESSAGE ? source_message_uid(source_base(file->path)) : 0;
	size_t at = uid != 0 ? side_find(h->merge, uid) : h->merge->n;

	(void)e;
	if (at == h->merge->n || h->merge->archive[at].has_guid)
		return 0;
	if (meta != NULL) {
		h->at = &h->merge->archive[at];
		digest_start(h->digest);
	}
	return 1;
}

static int hash_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct hashing *h = arg;

	if (job_cancelled(h->job, e))
		return -1;
	digest_add(h->digest, p, n);
	return 0;
}

static int hash_end(void *arg, struct err *e)
{
	struct hashing *h = arg;

	(void)e;
	digest_end(h->digest, h->at->guid);
	h->at->has_guid = true;
	return 0;
}

static void hash_abort(void *arg)
{
	(void)arg;
}

static bool is_picked(const struct restore_pick *pick, uint32_t uid)
{
	for (size_t i = 0; pick != NULL && i < pick->n_ranges; i++)
		if (uid >= pick->ranges[i].first && uid <= pick->ranges[i].last)
			return true;
	return pick == NULL;
}

bool side_record(const struct restore_merge *merge, const struct source_messages *m, uint32_t uid,
    struct index_record *ret)
{
	const struct index_record *r = mailbox_index_find(m->index, uid);

	/* Until 2.3 what was expunged left the index. */
	if (r == NULL && merge->expunged && m->expunged != NULL)
		r = mailbox_index_find(m->expunged, uid);
	if (r == NULL)
		return false;
	*ret = *r;
	if (merge->expunged)
		ret->flags &= ~(uint32_t)FLAG_DELETED;
	return true;
}

/* Adds those of ${ix} that are wanted, in the order of their UIDs. */
static void add_records(struct restore_merge *merge, const struct source_messages *m,
    const struct mailbox_index *ix, bool all_expunged, const struct restore_pick *pick)
{
	for (size_t k = 0; ix != NULL && k < ix->n; k++) {
		const struct index_record *r = &ix->records[k];
		bool expunged = all_expunged || !index_record_visible(r);

		if (expunged != merge->expunged || !is_picked(pick, r->uid) ||
		    (k > 0 && ix->records[k - 1].uid == r->uid))
			continue;
		if (compare_has_uid(m->uids, m->n_uids, r->uid) && (!expunged || index_record_has_file(r)))
			take_record(&merge->archive[merge->n++], r);
		else
			merge->lacking += !expunged;
	}
}

static int by_uid(const void *a, const void *b)
{
	const struct match_message *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int by_guid(const void *a, const void *b)
{
	const struct match_message *x = a, *y = b;
	int c = (x->has_guid > y->has_guid) - (x->has_guid < y->has_guid);

	if (c == 0 && x->has_guid)
		c = memcmp(x->guid, y->guid, SHA1_SIZE);
	return c != 0 ? c : by_uid(a, b);
}

/* What was expunged, brought back, and expunged again is there more than once: one of each is enough. */
static void drop_equal(struct restore_merge *merge)
{
	size_t n = 0;

	if (merge->n < 2)
		return;
	qsort(merge->archive, merge->n, sizeof *merge->archive, by_guid);
	for (size_t i = 0; i < merge->n; i++) {
		const struct match_message *m = &merge->archive[i], *next = m + 1;

		if (i + 1 == merge->n || !m->has_guid || !next->has_guid ||
		    memcmp(m->guid, next->guid, SHA1_SIZE) != 0)
			merge->archive[n++] = *m;
	}
	merge->n = n;
	qsort(merge->archive, merge->n, sizeof *merge->archive, by_uid);
}

int side_archive_read(struct source *source, size_t i, const struct source_messages *m,
    const struct restore_pick *pick, struct job *job, struct restore_merge *merge, struct err *e)
{
	struct hashing h = { .merge = merge, .job = job };
	struct file_sink sink = { &h, true, hash_begin, hash_data, hash_end, hash_abort };
	size_t n = m->index->n + (m->expunged != NULL ? m->expunged->n : 0);
	bool all = true;
	int rc = 0;

	merge->archive = mem_array(n + 1, sizeof *merge->archive);
	merge->append = mem_array(n + 1, sizeof *merge->append);
	add_records(merge, m, m->index, false, pick);
	if (merge->expunged)
		add_records(merge, m, m->expunged, true, pick);
	if (merge->n > 1)
		qsort(merge->archive, merge->n, sizeof *merge->archive, by_uid);
	for (size_t k = 0; k < merge->n; k++)
		all = all && merge->archive[k].has_guid;
	if (!all) {
		job_step(job, "compare the content of the messages");
		h.digest = digest_new(DIGEST_SHA1);
		rc = source_extract(source, i, &sink, e);
		digest_free(h.digest);
	}
	if (rc == 0 && merge->expunged)
		drop_equal(merge);
	return rc;
}

int side_archive_ids(struct source *source, size_t i, struct restore_merge *merge, struct err *e)
{
	struct source_messages *m;

	if (source_load(source, i, true, &m, e) == -1)
		return -1;
	merge->message_ids = mem_array(merge->n + 1, sizeof *merge->message_ids);
	for (size_t k = 0; k < merge->n; k++) {
		struct index_record r;

		if (side_record(merge, m, merge->archive[k].uid, &r))
			merge->message_ids[k] = id_of(&m->cache, m->index->h.generation, &r);
		merge->archive[k].message_id = merge->message_ids[k];
	}
	source_messages_free(m);
	return 0;
}

void restore_merge_free(struct restore_merge *m)
{
	if (m == NULL)
		return;
	free_ids(m->message_ids, m->n);
	free(m->archive);
	free(m->append);
	free(m->quota_root);
	free(m);
}
