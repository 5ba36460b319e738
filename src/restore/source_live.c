/* source_live.c: what is on the running server as a source, beside archives: above all what was deleted or expunged and is still kept.
 *
 * Nothing is locked: Cyrus may change all of it meanwhile. What belongs together is read until it fits together; a message file is
 * proved by its GUID. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/log.h"
#include "core/mem.h"
#include "restore/safety.h"
#include "restore/source_live_impl.h"

#define TRIES   5
#define WAIT_US 5000

/* ---- a mailbox's places ---- */

static const struct live_source *ctx_of(const struct source *s)
{
	return s->ctx;
}

int live_place_of(const struct source *s, size_t i, struct live_place *ret, struct err *e)
{
	const struct mailbox_entry *entry = s->boxes[i].entry;
	const char *kept = ctx_of(s)->kept;

	*ret = (struct live_place){ .rel = BUF_INIT };
	if (kept != NULL && safety_is_whole(kept, s->boxes[i].name)) {
		ret->kept = kept;
		safety_name(s->boxes[i].name, &ret->rel);
		return 0;
	}
	ret->part = imapd_conf_partition(s->conf, entry->partition);
	if (ret->part == NULL)
		return err_set(e, ERR_CONFIG, "mailbox %s is on partition %s, which %s does not have",
		    entry->name, entry->partition, s->conf->path);
	return mboxname_dir(
	    s->conf, mailbox_entry_layout(s->conf, entry), entry->name, entry->uniqueid, &ret->rel, e);
}

static const char *meta_root(const struct source *s, const struct live_place *at, unsigned meta)
{
	return at->part != NULL ? imapd_conf_meta_root(s->conf, at->part, meta) : at->kept;
}

/* Where messages are: the second may be NULL. */
static const char *message_root(const struct live_place *at, int which)
{
	if (at->part == NULL)
		return which == 0 ? at->kept : NULL;
	return which == 0 ? at->part->spool : at->part->archive;
}

size_t live_place_roots(
    const struct source *s, const struct live_place *at, const char *roots[IMAPD_ROOTS_MAX])
{
	if (at->part != NULL)
		return imapd_conf_roots(s->conf, at->part, roots);
	roots[0] = at->kept;
	return 1;
}

void live_place_done(struct live_place *at)
{
	buf_done(&at->rel);
}

/* ---- index, header, cache ---- */

/* What was read belongs together, as far as it can be told. */
static bool fits_together(const struct source_parts *p, bool with_cache)
{
	struct mailbox_header *header = NULL;
	struct mailbox_index *ix;
	bool ok;

	if (mailbox_index_parse((const uint8_t *)buf_text(&p->index), p->index.len, &ix, NULL) == -1)
		return false;
	ok = ix->h.crc_ok && !ix->short_file && ix->n_bad_crc == 0;
	if (ok && p->has_header)
		ok = mailbox_header_parse(
			 (const uint8_t *)buf_text(&p->header), p->header.len, &header, NULL) == 0 &&
		     (ix->h.header_file_crc == 0 || ix->h.header_file_crc == header->crc);
	if (ok && with_cache && p->cache.len >= 4)
		ok = be32((const uint8_t *)p->cache.data) == ix->h.generation;
	mailbox_header_free(header);
	mailbox_index_free(ix);
	return ok;
}

static int read_part(const struct source *s, const struct live_place *at, unsigned meta, const char *name,
    uint64_t max_bytes, struct buf *b, struct err *e)
{
	char *path = mem_printf("%s/%s", buf_text(&at->rel), name);
	int r = live_files_read(meta_root(s, at, meta), path, max_bytes, b, e);

	free(path);
	return r;
}

static int read_parts(const struct source *s, const struct live_place *at, bool with_cache,
    struct source_parts *p, struct err *e)
{
	struct err why;
	int r;

	buf_clear(&p->header);
	buf_clear(&p->index);
	buf_clear(&p->expunge);
	buf_clear(&p->cache);
	/* The index first: it speaks only of what is in the cache already. */
	r = read_part(s, at, META_INDEX, "cyrus.index", SOURCE_INDEX_MAX, &p->index, e);
	p->has_index = r == 1;
	if (r != -1) {
		r = read_part(s, at, META_HEADER, "cyrus.header", SOURCE_SMALL_MAX, &p->header, e);
		p->has_header = r == 1;
	}
	if (r != -1) {
		r = read_part(s, at, META_EXPUNGE, "cyrus.expunge", SOURCE_INDEX_MAX, &p->expunge, e);
		p->has_expunge = r == 1;
	}
	if (r == -1)
		return -1;
	/* Only a convenience: the messages say the same. */
	if (with_cache &&
	    read_part(s, at, META_CACHE, "cyrus.cache", SOURCE_CACHE_MAX, &p->cache, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", why.msg);
	return 0;
}

/* Cyrus writes an index in pieces: read until it fits together. One that does not, but stays as it is, is not being written. */
static int parts_until_whole(const struct source *s, size_t i, const struct live_place *at, bool with_cache,
    struct source_parts *p, struct err *e)
{
	struct buf before = BUF_INIT;
	bool good = false, stays = false;
	int rc = 0;

	for (int k = 0; k < TRIES && rc == 0 && !good; k++) {
		if (k > 0)
			usleep(WAIT_US);
		rc = read_parts(s, at, with_cache, p, e);
		good = rc == 0 && (!p->has_index || fits_together(p, with_cache));
		stays = k > 0 && before.len == p->index.len &&
		        memcmp(buf_text(&before), buf_text(&p->index), p->index.len) == 0;
		buf_clear(&before);
		buf_add(&before, buf_text(&p->index), p->index.len);
	}
	if (rc == 0 && !good && !stays) {
		rc = err_set(
		    e, ERR_LOCKED, "cyrus.index of %s changes faster than it can be read", s->boxes[i].name);
		err_hint(e, "try again in a moment");
	}
	buf_done(&before);
	return rc;
}

/* Until 3.4 the list does not know what the directory does. */
static void complete(struct source *s, size_t i, const struct live_place *at, uint32_t uidvalidity)
{
	struct mailbox_entry *entry = &s->list->entries[s->places[i]];
	struct mailbox_header *header;
	struct buf b = BUF_INIT;

	if (entry->uidvalidity == 0)
		entry->uidvalidity = uidvalidity;
	s->boxes[i].uidvalidity = entry->uidvalidity;
	if (s->boxes[i].uniqueid[0] == '\0' &&
	    read_part(s, at, META_HEADER, "cyrus.header", SOURCE_SMALL_MAX, &b, NULL) == 1 &&
	    mailbox_header_parse((const uint8_t *)buf_text(&b), b.len, &header, NULL) == 0) {
		free(entry->uniqueid);
		entry->uniqueid = mem_strdup(header->uniqueid);
		s->boxes[i].uniqueid = entry->uniqueid;
		mailbox_header_free(header);
	}
	buf_done(&b);
}

static uint32_t uidvalidity_of(const struct source_parts *p)
{
	struct index_header h;

	return p->has_index && mailbox_index_header_parse(
				   (const uint8_t *)buf_text(&p->index), p->index.len, &h, NULL) == 0
	           ? h.uidvalidity
	           : 0;
}

static int live_parts(struct source *s, size_t i, bool with_cache, struct source_parts *p, struct err *e)
{
	struct live_listing l = { 0 };
	struct live_place at;
	int rc = live_place_of(s, i, &at, e);

	if (rc == 0)
		rc = parts_until_whole(s, i, &at, with_cache, p, e);
	if (rc == 0)
		complete(s, i, &at, uidvalidity_of(p));
	for (int k = 0; k < 2 && rc == 0; k++)
		if (message_root(&at, k) != NULL &&
		    live_files_list(message_root(&at, k), buf_text(&at.rel), &l, e) == -1)
			rc = -1;
	for (size_t k = 0; k < l.n_uids; k++)
		source_parts_add_uid(p, l.uids[k]);
	live_listing_done(&l);
	live_place_done(&at);
	return rc == -1 ? err_wrap(e, "mailbox %s", s->boxes[i].name) : 0;
}

/* ---- messages ---- */

static void forget_index(struct live_source *x)
{
	mailbox_index_free(x->index);
	mailbox_index_free(x->gone);
	x->index = x->gone = NULL;
	x->box = SOURCE_NO_PLACE;
}

int live_know_index(struct source *s, size_t i, struct err *e)
{
	struct live_source *x = s->ctx;
	struct source_parts p = { 0 };
	struct live_place at;
	int rc = live_place_of(s, i, &at, e);

	forget_index(x);
	if (rc == 0)
		rc = parts_until_whole(s, i, &at, false, &p, e);
	if (rc == 0 && p.has_index)
		mailbox_index_parse((const uint8_t *)buf_text(&p.index), p.index.len, &x->index, NULL);
	if (rc == 0 && p.has_expunge && p.expunge.len > 0)
		mailbox_index_parse((const uint8_t *)buf_text(&p.expunge), p.expunge.len, &x->gone, NULL);
	source_parts_done(&p);
	live_place_done(&at);
	x->box = rc == 0 ? i : SOURCE_NO_PLACE;
	return rc;
}

static const struct index_record *known_record(const struct live_source *x, uint32_t uid)
{
	const struct index_record *r = x->index != NULL ? mailbox_index_find(x->index, uid) : NULL;

	return r == NULL && x->gone != NULL ? mailbox_index_find(x->gone, uid) : r;
}

const struct index_record *live_record_of(struct source *s, size_t i, uint32_t uid)
{
	struct live_source *x = s->ctx;
	const struct index_record *r = x->box == i ? known_record(x, uid) : NULL;

	if (r == NULL && live_know_index(s, i, NULL) == 0)
		r = known_record(x, uid);
	return r;
}

int live_wrong_content(const char *path, struct err *e)
{
	return err_set(e, ERR_DAMAGE, "%s is not what its index says", path);
}

static int live_read_message(
    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e)
{
	const struct index_record *rec;
	uint8_t guid[SHA1_SIZE];
	size_t start = b->len;
	struct live_place at;
	int r = live_place_of(s, i, &at, e);

	buf_printf(&at.rel, "/%u.", uid);
	for (int k = 0; k < 2 && r == 0; k++)
		if (message_root(&at, k) != NULL)
			r = live_files_read(message_root(&at, k), buf_text(&at.rel), max_bytes, b, e);
	if (r == 0)
		r = err_set(e, ERR_NOT_FOUND, "the server has no such message file");
	if (r == 1 && (rec = live_record_of(s, i, uid)) != NULL) {
		sha1(b->data + start, b->len - start, guid);
		if (rec->has_guid ? memcmp(guid, rec->guid, SHA1_SIZE) != 0 : b->len - start != rec->size) {
			b->len = start;
			r = live_wrong_content(buf_text(&at.rel), e);
		}
	}
	live_place_done(&at);
	return r == 1 ? 0 : -1;
}

/* ---- users ---- */

int live_user_path(
    const struct source *s, const char *userid, enum user_file which, struct buf *path, struct err *e)
{
	char *inbox = mboxname_inbox(userid);
	const struct mailbox_entry *entry = mboxlist_find(s->list, inbox);
	enum mailbox_layout layout = entry != NULL && mailbox_entry_has_directory(entry)
	                                 ? mailbox_entry_layout(s->conf, entry)
	                                 : LAYOUT_BY_NAME;

	free(inbox);
	return mboxname_user_file(
	    s->conf, layout, which, userid, layout == LAYOUT_UUID ? entry->uniqueid : NULL, path, e);
}

static int live_user_file(
    struct source *s, const char *userid, enum file_role role, struct buf *b, struct err *e)
{
	struct buf path = BUF_INIT;
	int r = live_user_path(s, userid, role == ROLE_SEEN ? USER_SEEN : USER_SUBS, &path, e);

	if (r == 0)
		r = live_files_read_path(s->conf->userpath, buf_text(&path), SOURCE_DB_MAX, b, e);
	buf_done(&path);
	return r;
}

/* ---- what lies beside ---- */

static int live_quota_file(struct source *s, const char *root, struct buf *b, struct err *e)
{
	struct buf path = BUF_INIT;
	int r = mboxname_quota_file(s->conf, root, &path, e);

	if (r == 0)
		r = live_files_read_path(s->conf->quota_root, buf_text(&path), SOURCE_SMALL_MAX, b, e);
	buf_done(&path);
	return r;
}

static int live_database(struct source *s, const char *path, struct buf *b, struct err *e)
{
	char *dir = mem_strndup(path, (size_t)(source_base(path) - path));
	int r;

	(void)s;
	r = live_files_read(dir[0] != '\0' ? dir : "/", source_base(path), SOURCE_DB_MAX, b, e);
	free(dir);
	return r;
}

static int live_text(struct source *s, const char *which, struct buf *b, struct err *e)
{
	if (strcmp(which, "mailboxes.txt") != 0)
		return err_set(e, ERR_NOT_FOUND, "the running server has no %s", which);
	return mboxlist_write_text(s->list, mboxlist_form_for(s->version), b, e);
}

static int live_each_listed(struct source *s,
    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg, struct err *e)
{
	(void)s;
	(void)each;
	(void)arg;
	(void)e;
	return 0;
}

/* All who have a mailbox; nobody asks a server for the files of others. */
static int live_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e)
{
	(void)s;
	(void)each;
	(void)arg;
	(void)e;
	return 0;
}

/* ---- opening ---- */

static void live_close(struct source *s)
{
	struct live_source *x = s->ctx;

	forget_index(x);
	s->conf = NULL; /* the server's */
	server_free(x->server);
	free(x->kept);
	free(x);
}

const struct source_ops source_live = {
	.close = live_close,
	.text = live_text,
	.extract = live_extract,
	.extract_user = live_extract_user,
	.read_message = live_read_message,
	.parts = live_parts,
	.user_file = live_user_file,
	.quota_file = live_quota_file,
	.database = live_database,
	.each_listed = live_each_listed,
	.users = live_users,
};

static void add_archive_roots(struct source *s)
{
	for (size_t i = 0; i < s->conf->n_partitions; i++) {
		const char *root = s->conf->partitions[i].archive;

		if (root == NULL)
			continue;
		s->archive_roots =
		    mem_resize(s->archive_roots, s->n_archive_roots + 1, sizeof *s->archive_roots);
		s->archive_roots[s->n_archive_roots++] = mem_strdup(root + strspn(root, "/"));
	}
}

static void add_boxes(struct source *s)
{
	struct source_box *boxes = mem_array(s->list->n + 1, sizeof *boxes);
	size_t n = 0;

	for (size_t i = 0; i < s->list->n; i++) {
		const struct mailbox_entry *entry = &s->list->entries[i];

		if (mailbox_entry_has_directory(entry))
			boxes[n++] = (struct source_box){ .place = i,
				.box = { .name = entry->name, .health = HEALTH_UNCHECKED } };
	}
	source_merge(s, boxes, n);
	free(boxes);
}

int source_open_live(struct server *server, struct job *job, struct source **ret, struct err *e)
{
	struct source *s = mem_alloc(sizeof *s);
	struct live_source *x = mem_alloc(sizeof *x);

	*ret = NULL;
	x->server = server;
	x->box = SOURCE_NO_PLACE;
	s->ops = &source_live;
	s->ctx = x;
	s->name = mem_strdup(SOURCE_LIVE);
	s->job = job;
	s->json_unit = s->conf_unit = SOURCE_NO_PLACE;
	s->conf = server->conf;
	s->version = server->version;
	s->when = clock_now();
	if (server_list(server, &s->list, e) == -1) {
		source_close(s);
		return -1;
	}
	add_archive_roots(s);
	add_boxes(s);
	*ret = s;
	return 0;
}

void source_live_keep(struct source *s, const char *dir)
{
	struct live_source *x = s->ctx;

	forget_index(x);
	free(x->kept);
	x->kept = mem_strdup(dir);
}

bool source_is_live(const struct source *s)
{
	return s->ops == &source_live;
}

int source_count(struct source *s, struct err *e)
{
	if (!source_is_live(s))
		return 0;
	for (size_t i = 0; i < s->n; i++) {
		struct source_mailbox *box = &s->boxes[i];
		struct index_header h;
		struct live_place at;

		if (i % 64 == 0 && job_cancelled(s->job, e))
			return -1;
		if (live_index_head(ctx_of(s)->server, box->entry, &h) == -1) {
			box->health = HEALTH_FINDINGS;
			continue;
		}
		if (live_place_of(s, i, &at, NULL) == 0)
			complete(s, i, &at, h.uidvalidity);
		live_place_done(&at);
		box->messages = h.exists;
		box->unread = h.minor >= 14 ? h.unseen : 0;
		box->bytes = h.quota_used;
	}
	return 0;
}
