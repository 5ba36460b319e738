/* keep.c: messages of an archive into a live mailbox, under their old UIDs. */
#include "restore/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "cyrus/mailbox_write.h"
#include "restore/place_stage.h"
#include "restore/sides.h"
#include "restore/source_impl.h"

/* A mailbox's own files as they are at one moment. */
struct now {
	struct buf index, header;
	uint64_t cache_size; /* 0: there is none */
	uint32_t cache_generation;
};

/* What is put in their place. */
struct made {
	struct now of;                   /* was made of these */
	struct buf index, header, cache; /* header: empty if it stays; cache: what comes to its end */
	bool *wanted;                    /* of each message of merge->archive */
	size_t n;
	uint64_t bytes, modseq;
	bool ready;
};

struct keeping {
	struct keep_context *cx;
	struct server *server;
	const struct restore_item *item;
	const struct mailbox_entry *entry;
	struct source_messages *m;
	struct buf index, cache; /* of the archive, as they are there */
	struct stage stages[IMAPD_ROOTS_MAX];
	size_t n_stages;
	bool *staged; /* of each message of merge->archive */
	struct made made;
	/* the file being read */
	struct buf *to; /* of index or cache; else: */
	size_t at;
	int fd;
	int64_t mtime;
	uint64_t size;
	struct digest *digest;
};

/* ---- from the archive ---- */

static struct stage *stage_for(struct keeping *g, unsigned meta)
{
	const struct imapd_conf *conf = g->server->conf;
	const struct cyrus_partition *part = imapd_conf_partition(conf, g->entry->partition);
	const char *root = meta != 0 ? imapd_conf_meta_root(conf, part, meta) : part->spool;

	for (size_t i = 0; i < g->n_stages; i++)
		if (strcmp(g->stages[i].root, root) == 0)
			return &g->stages[i];
	return &g->stages[0];
}

/* Index in merge->archive, or its n. */
static size_t find_uid(const struct restore_merge *merge, uint32_t uid)
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

static int sink_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct keeping *g = arg;
	const struct restore_merge *merge = g->item->merge;
	bool aside = source_on_archive_partition(g->cx->place->source, file->path);
	uint32_t uid = file->role == ROLE_MESSAGE ? source_message_uid(source_base(file->path)) : 0;
	char name[16];

	g->to = aside                      ? NULL
	        : file->role == ROLE_INDEX ? &g->index
	        : file->role == ROLE_CACHE ? &g->cache
	                                   : NULL;
	if (g->to == NULL) {
		g->at = uid != 0 && !aside ? find_uid(merge, uid) : merge->n;
		if (g->at == merge->n || !merge->append[g->at] || g->staged[g->at])
			return 0;
	}
	if (meta == NULL)
		return 1;
	if (!S_ISREG(meta->mode))
		return 0;
	if (g->to != NULL) {
		buf_clear(g->to);
		g->to->max = SOURCE_CACHE_MAX;
		return 1;
	}
	snprintf(name, sizeof name, "%u.", uid);
	g->mtime = file->mtime;
	g->size = 0;
	digest_start(g->digest);
	g->fd = stage_create(g->server, &g->stages[0], name, e);
	return g->fd == -1 ? -1 : 1;
}

static int sink_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct keeping *g = arg;

	if (job_cancelled(g->cx->place->job, e))
		return -1;
	if (g->to != NULL) {
		buf_add(g->to, p, n);
		return g->to->full ? err_set(e, ERR_FORMAT, "cyrus.index or cyrus.cache is too large") : 0;
	}
	g->size += n;
	digest_add(g->digest, p, n);
	job_advance(g->cx->place->job, n);
	return io_write_all(g->fd, p, n, "message file", e);
}

static void drop_staged(struct keeping *g)
{
	char name[16];

	if (g->fd == -1)
		return;
	close(g->fd);
	g->fd = -1;
	snprintf(name, sizeof name, "%u.", g->item->merge->archive[g->at].uid);
	unlinkat(g->stages[0].dir_fd, name, 0);
}

static int sink_end(void *arg, struct err *e)
{
	struct keeping *g = arg;
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = (time_t)g->mtime } };
	uint8_t guid[SHA1_SIZE];

	if (g->to != NULL)
		return 0;
	digest_end(g->digest, guid);
	if (memcmp(guid, g->item->merge->archive[g->at].guid, SHA1_SIZE) != 0 ||
	    g->size != g->item->merge->archive[g->at].size) {
		drop_staged(g);
		return 0;
	}
	if (futimens(g->fd, times) == -1)
		return err_sys(e, "set the time of a message file");
	close(g->fd);
	g->fd = -1;
	g->staged[g->at] = true;
	return 0;
}

static void sink_abort(void *arg)
{
	struct keeping *g = arg;

	if (g->to != NULL)
		buf_clear(g->to);
	else
		drop_staged(g);
}

static int failed(struct keeping *g, size_t i, struct err *e)
{
	struct restore_result *r = g->cx->place->result;
	const struct match_message *m = &g->item->merge->archive[i];
	struct journal_record record = { .kind = JOURNAL_REFUSED,
		.mailbox = g->item->name,
		.uniqueid = g->entry->uniqueid,
		.uidvalidity = g->m->index->h.uidvalidity };

	memcpy(record.guid, m->guid, SHA1_SIZE);
	r->failures = mem_grow(r->failures, &r->cap_failures, r->n_failures + 1, sizeof *r->failures);
	r->failures[r->n_failures] =
	    mem_printf("%s, message %u of the archive: it is damaged in the archive", g->item->name, m->uid);
	log_write(LOG_LEVEL_WARNING, "%s", r->failures[r->n_failures++]);
	r->failed++;
	return journal_add(g->cx->journal, &record, e);
}

static int stage_all(struct keeping *g, struct err *e)
{
	struct file_sink sink = { .arg = g,
		.damage_ok = true,
		.begin = sink_begin,
		.data = sink_data,
		.end = sink_end,
		.abort = sink_abort };
	int rc = source_extract(g->cx->place->source, g->item->source_index, &sink, e);

	drop_staged(g);
	for (size_t i = 0; i < g->item->merge->n && rc == 0; i++)
		if (g->item->merge->append[i] && !g->staged[i])
			rc = failed(g, i, e);
	for (size_t i = 0; i < g->n_stages && rc == 0; i++)
		if (syncfs(g->stages[i].dir_fd) == -1)
			rc = err_sys(e, "force %s to disk", g->stages[i].root);
	return rc == 0 ? fault_point("keep-staged", e) : -1;
}

/* Before the first of them is there: undo takes away what is there under its UID and with its content, and nothing else. */
static int write_journal(struct keeping *g, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < g->item->merge->n && rc == 0; i++) {
		const struct match_message *m = &g->item->merge->archive[i];
		const struct index_record *r = mailbox_index_find(g->m->index, m->uid);
		struct journal_record record = { .kind = JOURNAL_APPENDED,
			.mailbox = g->item->name,
			.uniqueid = g->entry->uniqueid,
			.uidvalidity = g->m->index->h.uidvalidity,
			.uid = m->uid };

		if (!g->staged[i] || r == NULL)
			continue;
		record.flags =
		    r->flags & (FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT | FLAG_SEEN);
		memcpy(record.guid, m->guid, SHA1_SIZE);
		rc = journal_add(g->cx->journal, &record, e);
	}
	return rc == 0 ? fault_point("keep-journal", e) : -1;
}

/* ---- what is there now ---- */

static void now_done(struct now *n)
{
	buf_done(&n->index);
	buf_done(&n->header);
}

static int meta_path(
    const struct keeping *g, unsigned meta, const char *name, struct buf *path, struct err *e)
{
	buf_clear(path);
	if (server_mailbox_dir(g->server, g->entry, meta, path, e) == -1)
		return -1;
	buf_str(path, name);
	return 0;
}

static int read_cache_head(const char *path, struct now *n, struct err *e)
{
	uint8_t head[4];
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;

	if (fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", path);
	if (fstat(fd, &st) == -1)
		rc = err_sys(e, "stat %s", path);
	else if (st.st_size > 0 && io_pread_all(fd, head, sizeof head, 0, path, e) == -1)
		rc = -1;
	if (rc == 0 && st.st_size > 0) {
		n->cache_size = (uint64_t)st.st_size;
		n->cache_generation = be32(head);
	}
	close(fd);
	return rc;
}

static int read_now(const struct keeping *g, struct now *n, struct err *e)
{
	struct buf path = BUF_INIT;
	int rc = meta_path(g, META_INDEX, "/cyrus.index", &path, e);

	*n = (struct now){ 0 };
	if (rc == 0)
		rc = io_read_file(AT_FDCWD, buf_text(&path), SOURCE_INDEX_MAX, &n->index, e);
	if (rc == 0)
		rc = meta_path(g, META_HEADER, "/cyrus.header", &path, e);
	if (rc == 0)
		rc = io_read_file(AT_FDCWD, buf_text(&path), SOURCE_SMALL_MAX, &n->header, e);
	if (rc == 0)
		rc = meta_path(g, META_CACHE, "/cyrus.cache", &path, e);
	if (rc == 0)
		rc = read_cache_head(buf_text(&path), n, e);
	buf_done(&path);
	return rc;
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(buf_text(a), buf_text(b), a->len) == 0;
}

static bool same_now(const struct now *a, const struct now *b)
{
	return same_bytes(&a->index, &b->index) && same_bytes(&a->header, &b->header) &&
	       a->cache_size == b->cache_size && a->cache_generation == b->cache_generation;
}

/* ---- what is put in its place ---- */

/* Keywords of the archive -> their slots over here; names that are new get free ones. */
struct keywords {
	const struct mailbox_header *archive;
	struct mailbox_header *live;
	int slot[MAILBOX_USER_FLAGS]; /* -1: not asked for yet */
	bool added;
};

static int slot_of(struct keywords *k, const char *name, struct err *e)
{
	int free_slot = -1;

	for (int i = 0; i < MAILBOX_USER_FLAGS; i++) {
		if (k->live->flag_names[i] == NULL)
			free_slot = free_slot == -1 ? i : free_slot;
		else if (strcasecmp(k->live->flag_names[i], name) == 0)
			return i;
	}
	if (free_slot == -1)
		return err_set(e, ERR_REFUSED, "there is no room for the keyword %s", name);
	k->live->flag_names[free_slot] = mem_strdup(name);
	k->added = true;
	return free_slot;
}

static void set_bit(uint32_t flags[4], int slot)
{
	flags[slot / 32] |= 1u << slot % 32;
}

static int map_keywords(
    struct keywords *k, const struct index_record *r, const char *mark, uint32_t to[4], struct err *e)
{
	int slot;

	memset(to, 0, 4 * sizeof *to);
	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++) {
		const char *name = k->archive->flag_names[i];

		/* What could not be shown as a flag is none. */
		if ((r->user_flags[i / 32] >> i % 32 & 1) == 0 || name == NULL ||
		    !restore_mark_is_valid(name))
			continue;
		if (k->slot[i] == -1 && (k->slot[i] = slot_of(k, name, e)) == -1)
			return -1;
		set_bit(to, k->slot[i]);
	}
	if (mark == NULL)
		return 0;
	slot = slot_of(k, mark, e);
	if (slot != -1)
		set_bit(to, slot);
	return slot == -1 ? -1 : 0;
}

static void made_done(struct made *m)
{
	now_done(&m->of);
	buf_done(&m->index);
	buf_done(&m->header);
	buf_done(&m->cache);
	free(m->wanted);
	*m = (struct made){ 0 };
}

/* Still missing, counted one to one by content: somebody may have put one back meanwhile. */
static void match_now(struct keeping *g, struct mailbox_index *ix, bool *wanted)
{
	const struct restore_merge *merge = g->item->merge;
	struct live_mailbox l = { .dir = g->item->dir, .index = ix };
	struct side_live side;
	struct match_result r;

	side_live_read(g->server, g->entry, &l, false, &side);
	match_messages(merge->archive, merge->n, side.list, side.n, NULL, NULL, &r);
	for (size_t i = 0; i < merge->n; i++)
		wanted[i] = g->staged[i] && r.states[i] == MATCH_MISSING;
	match_done(&r);
	side_live_done(&side);
}

static int check_same_mailbox(const struct keeping *g, const struct mailbox_index *live,
    const struct mailbox_header *header, const struct mailbox_index *archive, const struct now *n,
    struct err *e)
{
	const struct index_header *a = &archive->h, *b = &live->h;

	if (g->entry->uniqueid != NULL && strcmp(header->uniqueid, g->entry->uniqueid) != 0)
		return err_set(e, ERR_REFUSED, "its cyrus.header is of another mailbox");
	if (a->uidvalidity != b->uidvalidity || a->minor != b->minor || a->record_size != b->record_size)
		return err_set(e, ERR_REFUSED, "it was made anew, or its index has another version now");
	if (n->cache_size > 0 ? n->cache_generation != b->generation : live->n > 0)
		return err_set(e, ERR_REFUSED, "its cyrus.cache is not that of its index");
	return 0;
}

static int check_uid(const struct mailbox_index *live, const struct index_record *r, struct err *e)
{
	const struct index_record *there = mailbox_index_find(live, r->uid);

	if (there != NULL && (index_record_visible(there) || memcmp(there->guid, r->guid, SHA1_SIZE) != 0))
		return err_set(e, ERR_REFUSED, "UID %u is another message's by now", r->uid);
	return 0;
}

static void start_cache(struct made *m, uint32_t generation)
{
	uint8_t head[4];
	static const char zero[4];

	if (m->of.cache_size == 0) {
		put_be32(head, generation);
		buf_add(&m->cache, head, sizeof head);
	} else {
		buf_add(&m->cache, zero, (4 - m->of.cache_size % 4) % 4);
	}
}

static int make_header(struct made *m, const struct mailbox_header *live, struct err *e)
{
	struct buf unchanged = BUF_INIT;
	struct mailbox_header *was = NULL;
	int rc = mailbox_header_parse((const uint8_t *)buf_text(&m->of.header), m->of.header.len, &was, e);

	/* One that we would not have written so has something that we do not know. */
	if (rc == 0)
		rc = mailbox_header_write(was, was->dlist, &unchanged, e);
	if (rc == 0 && !same_bytes(&unchanged, &m->of.header))
		rc = err_set(e, ERR_UNSUPPORTED,
		    "its cyrus.header is of an unknown form, and new keywords cannot be put into it");
	if (rc == 0)
		rc = mailbox_header_write(live, live->dlist, &m->header, e);
	mailbox_header_free(was);
	buf_done(&unchanged);
	return rc;
}

static int fill(struct keeping *g, struct made *m, const struct mailbox_index *archive,
    const struct mailbox_index *live, struct mailbox_header *header, struct err *e)
{
	const struct restore_merge *merge = g->item->merge;
	struct keywords k = { .archive = g->m->header, .live = header };
	struct index_insert *list = mem_array(merge->n + 1, sizeof *list);
	struct index_patch patch = { .set_header_file_crc = true };
	size_t start, len;
	int rc = 0;

	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		k.slot[i] = -1;
	start_cache(m, live->h.generation);
	for (size_t i = 0; i < merge->n && rc == 0; i++) {
		const struct index_record *r = mailbox_index_find(archive, merge->archive[i].uid);

		if (!m->wanted[i])
			continue;
		if (r == NULL)
			rc = err_set(
			    e, ERR_FORMAT, "the archive's index has no message %u", merge->archive[i].uid);
		if (rc == 0)
			rc = check_uid(live, r, e);
		if (rc == 0)
			rc = mailbox_cache_record((const uint8_t *)buf_text(&g->cache), g->cache.len,
			    archive->h.generation, r, &start, &len, e);
		if (rc == 0)
			rc = map_keywords(&k, r, g->cx->mark, list[m->n].user_flags, e);
		if (rc == -1)
			break;
		list[m->n].record = (const uint8_t *)g->index.data + archive->h.start_offset +
		                    (size_t)(r->recno - 1) * archive->h.record_size;
		list[m->n++].cache_offset = m->of.cache_size + m->cache.len;
		buf_add(&m->cache, g->cache.data + start, len);
		m->bytes += r->size;
	}
	if (rc == 0)
		rc = mailbox_index_insert((const uint8_t *)buf_text(&m->of.index), m->of.index.len, header,
		    list, m->n, clock_now(), &m->index, e);
	if (rc == 0 && k.added)
		rc = make_header(m, header, e);
	if (rc == 0) {
		const struct buf *h = k.added ? &m->header : &m->of.header;

		patch.header_file_crc = mailbox_crc(buf_text(h), h->len);
		rc = mailbox_index_patch((uint8_t *)m->index.data, m->index.len, &patch, e);
	}
	m->modseq = live->h.highestmodseq;
	free(list);
	return rc;
}

/* Takes ${of} over. */
static int make(struct keeping *g, struct now *of, struct err *e)
{
	struct made *m = &g->made;
	struct mailbox_index *archive = NULL, *live = NULL;
	struct mailbox_header *header = NULL;
	int rc;

	made_done(m);
	m->of = *of;
	*of = (struct now){ 0 };
	m->wanted = mem_array(g->item->merge->n + 1, sizeof *m->wanted);
	rc = mailbox_index_parse((const uint8_t *)buf_text(&g->index), g->index.len, &archive, e);
	if (rc == 0)
		rc = mailbox_index_parse((const uint8_t *)buf_text(&m->of.index), m->of.index.len, &live, e);
	if (rc == 0)
		rc = mailbox_header_parse(
		    (const uint8_t *)buf_text(&m->of.header), m->of.header.len, &header, e);
	if (rc == 0)
		rc = check_same_mailbox(g, live, header, archive, &m->of, e);
	if (rc == 0) {
		match_now(g, live, m->wanted);
		rc = fill(g, m, archive, live, header, e);
	}
	mailbox_index_free(archive);
	mailbox_index_free(live);
	mailbox_header_free(header);
	m->ready = rc == 0;
	return rc;
}

static int write_staged(
    struct keeping *g, unsigned meta, const char *name, const struct buf *b, struct err *e)
{
	struct stage *s = stage_for(g, meta);
	int fd, rc;

	if (b->len == 0)
		return 0;
	if (unlinkat(s->dir_fd, name, 0) == -1 && errno != ENOENT)
		return err_sys(e, "remove %s/%s/%s", s->root, s->name, name);
	fd = stage_create(g->server, s, name, e);
	if (fd == -1)
		return -1;
	rc = io_write_all(fd, b->data, b->len, name, e);
	if (rc == 0)
		rc = io_fsync(fd, name, e);
	close(fd);
	return rc;
}

static int prepare(struct keeping *g, struct now *now, struct err *e)
{
	if (make(g, now, e) == -1 || write_staged(g, META_INDEX, "cyrus.index", &g->made.index, e) == -1 ||
	    write_staged(g, META_HEADER, "cyrus.header", &g->made.header, e) == -1) {
		g->made.ready = false;
		return -1;
	}
	return 0;
}

/* ---- under the locks ---- */

static int hold(struct keeping *g, struct err *e)
{
	struct place_context *p = g->cx->place;
	char *owner = mboxname_user(g->entry->name);
	struct buf path = BUF_INIT;
	int rc = quiesce_hold_user(p->quiesce, owner != NULL ? owner : "", p->lock_wait_ms, e);

	if (rc == 0)
		rc = quiesce_hold_mailbox(p->quiesce, mailbox_entry_layout(g->server->conf, g->entry),
		    g->entry->name, g->entry->uniqueid, p->lock_wait_ms, e);
	if (rc == 0)
		rc = meta_path(g, META_INDEX, "/cyrus.index", &path, e);
	if (rc == 0)
		rc = quiesce_hold_index(p->quiesce, AT_FDCWD, buf_text(&path), p->lock_wait_ms, e);
	buf_done(&path);
	free(owner);
	return rc == 0 ? fault_point("keep-locked", e) : -1;
}

/* What is replaced, as it was. */
static int save(const struct keeping *g, struct err *e)
{
	const struct now *of = &g->made.of;
	char *dir, text[32];
	int fd, rc;

	if (g->cx->safety == NULL)
		return 0;
	dir = mem_printf("%s/%s", g->cx->safety, g->entry->uniqueid);
	snprintf(text, sizeof text, "%llu\n", (unsigned long long)of->cache_size);
	rc = io_mkdirs(AT_FDCWD, dir, 0700, e);
	fd = rc == 0 ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (rc == 0 && fd == -1)
		rc = err_sys(e, "open %s", dir);
	/* The first state is the one to go back to, however often it was cut off. */
	if (rc == 0 && faccessat(fd, "cyrus.index", F_OK, 0) == -1) {
		rc = io_replace(fd, "cyrus.header", of->header.data, of->header.len, 0600, e);
		if (rc == 0)
			rc = io_replace(fd, "cyrus.cache.size", text, strlen(text), 0600, e);
		if (rc == 0)
			rc = io_replace(fd, "cyrus.index", of->index.data, of->index.len, 0600, e);
	}
	if (fd != -1)
		close(fd);
	free(dir);
	return rc == -1 ? err_wrap(e, "keep a copy of what is replaced") : 0;
}

static int move_messages(struct keeping *g, struct err *e)
{
	struct stage *s = &g->stages[0];

	for (size_t i = 0; i < g->item->merge->n; i++) {
		char name[16];

		if (!g->made.wanted[i])
			continue;
		snprintf(name, sizeof name, "%u.", g->item->merge->archive[i].uid);
		if (stage_move(s, name, true, e) == -1 || fault_point("keep-move", e) == -1)
			return -1;
	}
	return io_fsync(s->target_fd, s->target, e);
}

/* Behind what the index speaks of: until the new index is there nobody looks. */
static int append_cache(struct keeping *g, struct err *e)
{
	struct buf path = BUF_INIT;
	int fd = -1, rc = meta_path(g, META_CACHE, "/cyrus.cache", &path, e);

	if (rc == 0) {
		fd = open(buf_text(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd == -1 ||
		    (g->made.of.cache_size == 0 && fchown(fd, g->server->uid, g->server->gid) == -1))
			rc = err_sys(e, "open %s", buf_text(&path));
	}
	if (rc == 0)
		rc = io_pwrite_all(
		    fd, g->made.cache.data, g->made.cache.len, g->made.of.cache_size, buf_text(&path), e);
	if (rc == 0)
		rc = io_fsync(fd, buf_text(&path), e);
	if (fd != -1)
		close(fd);
	buf_done(&path);
	return rc == 0 ? fault_point("keep-cache", e) : -1;
}

static int move_header(struct keeping *g, struct err *e)
{
	struct stage *s = stage_for(g, META_HEADER);

	if (g->made.header.len == 0)
		return 0;
	if (stage_move(s, "cyrus.header", false, e) == -1 || io_fsync(s->target_fd, s->target, e) == -1)
		return -1;
	return fault_point("keep-header", e);
}

/* Back aside, where they go: nobody should find message files that no record speaks of. What is not aside was moved by us. */
static void take_back(struct keeping *g)
{
	struct stage *s = &g->stages[0];

	for (size_t i = 0; i < g->item->merge->n && s->target_fd != -1; i++) {
		char name[16];

		snprintf(name, sizeof name, "%u.", g->item->merge->archive[i].uid);
		if (g->made.wanted[i] && faccessat(s->dir_fd, name, F_OK, 0) == -1 && errno == ENOENT &&
		    renameat(s->target_fd, name, s->dir_fd, name) == -1)
			log_write(LOG_LEVEL_WARNING, "%s/%s/%s stays: %s", s->root, s->target, name,
			    strerror(errno));
	}
}

static int put_in_place(struct keeping *g, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < g->n_stages && rc == 0; i++)
		if (&g->stages[i] == stage_for(g, 0) || &g->stages[i] == stage_for(g, META_INDEX) ||
		    &g->stages[i] == stage_for(g, META_HEADER))
			rc = stage_target(g->server, &g->stages[i], e);
	if (rc == -1 || save(g, e) == -1 || move_messages(g, e) == -1 || append_cache(g, e) == -1)
		return -1;
	return move_header(g, e);
}

static int commit(struct keeping *g, struct err *e)
{
	if (put_in_place(g, e) == -1 || stage_move(stage_for(g, META_INDEX), "cyrus.index", false, e) == -1) {
		take_back(g);
		return -1;
	}
	if (io_fsync(stage_for(g, META_INDEX)->target_fd, "cyrus.index", e) == -1)
		return -1;
	return fault_point("keep-index", e);
}

static int commit_held(struct keeping *g, struct err *e)
{
	struct now now = { 0 };
	int rc = hold(g, e);
	uint64_t ms;

	if (rc == 0)
		rc = read_now(g, &now, e);
	/* It has changed since it was made ready. */
	if (rc == 0 && (!g->made.ready || !same_now(&now, &g->made.of)))
		rc = prepare(g, &now, e);
	if (rc == 0 && g->made.n > 0)
		rc = commit(g, e);
	ms = quiesce_release(g->cx->place->quiesce);
	log_write(LOG_LEVEL_INFO, "%s: held for %llu ms", g->item->name, (unsigned long long)ms);
	now_done(&now);
	if (rc == -1 && e != NULL && e->code == ERR_REFUSED)
		err_hint(e, "run the restore again: it plans anew");
	return rc;
}

/* ---- one mailbox ---- */

static int open_stages(struct keeping *g, struct err *e)
{
	const struct imapd_conf *conf = g->server->conf;
	const struct cyrus_partition *part = imapd_conf_partition(conf, g->entry->partition);
	const char *roots[IMAPD_ROOTS_MAX];
	size_t n;

	if (part == NULL)
		return err_set(e, ERR_CONFIG, "partition %s is not in imapd.conf", g->entry->partition);
	n = imapd_conf_roots(conf, part, roots);
	for (size_t i = 0; i < n; i++) {
		int rc = stage_open(g->server, g->entry, roots[i], i + 1, &g->stages[i], e);

		g->n_stages++;
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int bring_back(struct keeping *g, struct err *e)
{
	struct job *job = g->cx->place->job;
	struct now now = { 0 };
	struct err early;

	if (open_stages(g, e) == -1)
		return -1;
	job_step(job, "%s: read from the archive", g->item->name);
	if (stage_all(g, e) == -1 || write_journal(g, e) == -1)
		return -1;
	job_step(job, "%s: move into place", g->item->name);
	/* Read without locks, in which case it may be half written: what fails now is done under the lock. */
	if (read_now(g, &now, &early) == 0)
		prepare(g, &now, &early);
	now_done(&now);
	return commit_held(g, e);
}

static void count(const struct keeping *g)
{
	const struct restore_merge *merge = g->item->merge;
	struct restore_result *r = g->cx->place->result;
	size_t there = merge->same + merge->flags, lost = 0;

	for (size_t i = 0; i < merge->n; i++)
		lost += merge->append[i] && !g->staged[i];
	r->created += g->made.n;
	r->messages += g->made.n;
	r->files += g->made.n;
	r->bytes += g->made.bytes;
	r->merged += there;
	r->skipped += merge->n - there - g->made.n - lost;
}

int keep_mailbox(struct keep_context *cx, const struct restore_item *item, struct err *e)
{
	struct keeping g = { .cx = cx, .server = cx->place->server, .item = item, .fd = -1 };
	struct mboxlist *list = NULL;
	int rc = server_list(g.server, &list, e);

	g.staged = mem_array(item->merge->n + 1, sizeof *g.staged);
	g.digest = digest_new(DIGEST_SHA1);
	if (rc == 0) {
		g.entry = mboxlist_find(list, item->name);
		if (g.entry == NULL || !mailbox_entry_has_directory(g.entry) || g.entry->uniqueid == NULL ||
		    item->entry.uniqueid == NULL || strcmp(g.entry->uniqueid, item->entry.uniqueid) != 0)
			rc = err_set(e, ERR_REFUSED, "it is no longer the mailbox that was planned for");
	}
	if (rc == 0)
		rc = source_load(cx->place->source, item->source_index, false, &g.m, e);
	if (rc == 0)
		rc = bring_back(&g, e);
	if (rc == 0) {
		count(&g);
		item->merge->keep_modseq = g.made.modseq;
	}
	for (size_t i = 0; i < g.n_stages; i++)
		stage_done(&g.stages[i]);
	made_done(&g.made);
	source_messages_free(g.m);
	mboxlist_free(list);
	digest_free(g.digest);
	buf_done(&g.index);
	buf_done(&g.cache);
	free(g.staged);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}
