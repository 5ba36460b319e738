/* keep_made.c: the index, cache and header that a mailbox gets, made of those that it has and of the archive's. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "cyrus/mailbox_write.h"
#include "restore/keep_impl.h"
#include "restore/sides.h"

/* ---- what is there now ---- */

void keep_now_done(struct keep_now *n)
{
	buf_done(&n->index);
	buf_done(&n->header);
}

int keep_meta_path(const struct keeping *g, unsigned meta, const char *name, struct buf *path, struct err *e)
{
	buf_clear(path);
	if (server_mailbox_dir(g->server, g->entry, meta, path, e) == -1)
		return -1;
	buf_str(path, name);
	return 0;
}

static int read_cache_head(const char *path, struct keep_now *n, struct err *e)
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

int keep_read_now(const struct keeping *g, struct keep_now *n, struct err *e)
{
	struct buf path = BUF_INIT;
	int rc = keep_meta_path(g, META_INDEX, "/cyrus.index", &path, e);

	*n = (struct keep_now){ 0 };
	if (rc == 0)
		rc = io_read_file(AT_FDCWD, buf_text(&path), SOURCE_INDEX_MAX, &n->index, e);
	if (rc == 0)
		rc = keep_meta_path(g, META_HEADER, "/cyrus.header", &path, e);
	if (rc == 0)
		rc = io_read_file(AT_FDCWD, buf_text(&path), SOURCE_SMALL_MAX, &n->header, e);
	if (rc == 0)
		rc = keep_meta_path(g, META_CACHE, "/cyrus.cache", &path, e);
	if (rc == 0)
		rc = read_cache_head(buf_text(&path), n, e);
	buf_done(&path);
	return rc;
}

static bool same_bytes(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && memcmp(buf_text(a), buf_text(b), a->len) == 0;
}

bool keep_same_now(const struct keep_now *a, const struct keep_now *b)
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

void keep_made_done(struct keep_made *m)
{
	keep_now_done(&m->of);
	buf_done(&m->index);
	buf_done(&m->header);
	buf_done(&m->cache);
	free(m->wanted);
	*m = (struct keep_made){ 0 };
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
    const struct mailbox_header *header, const struct mailbox_index *archive, const struct keep_now *n,
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

static void start_cache(struct keep_made *m, uint32_t generation)
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

static int make_header(struct keep_made *m, const struct mailbox_header *live, struct err *e)
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

static int fill(struct keeping *g, struct keep_made *m, const struct mailbox_index *archive,
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
static int make(struct keeping *g, struct keep_now *of, struct err *e)
{
	struct keep_made *m = &g->made;
	struct mailbox_index *archive = NULL, *live = NULL;
	struct mailbox_header *header = NULL;
	int rc;

	keep_made_done(m);
	m->of = *of;
	*of = (struct keep_now){ 0 };
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
	struct stage *s = keep_stage_for(g, meta);
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

int keep_prepare(struct keeping *g, struct keep_now *now, struct err *e)
{
	if (make(g, now, e) == -1 || write_staged(g, META_INDEX, "cyrus.index", &g->made.index, e) == -1 ||
	    write_staged(g, META_HEADER, "cyrus.header", &g->made.header, e) == -1) {
		g->made.ready = false;
		return -1;
	}
	return 0;
}
