/* diff_side.c: one side of a comparison: an archive, or the live server, as mailboxes that can be read. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/diff_impl.h"
#include "core/io.h"
#include "core/mem.h"

static void add_box(struct diff_side *s, bool deleted, const struct diff_side_box *b)
{
	if (deleted) {
		s->deleted = mem_grow(s->deleted, &s->cap_deleted, s->n_deleted + 1, sizeof *s->deleted);
		s->deleted[s->n_deleted++] = *b;
	} else {
		s->boxes = mem_grow(s->boxes, &s->cap, s->n + 1, sizeof *s->boxes);
		s->boxes[s->n++] = *b;
	}
}

static void list_archive(struct diff_side *s)
{
	for (size_t i = 0; i < source_n(s->source); i++) {
		const struct source_mailbox *m = source_mailbox(s->source, i);

		if (m->has_files)
			add_box(s, m->deleted,
			    &(struct diff_side_box){ m->name, m->uniqueid, m->uidvalidity, i, false });
	}
}

struct listing {
	struct diff_side *s;
	struct job *job;
};

/* What a mailbox is found by; the rest of an entry, its ACL above all, is not kept. */
static int on_entry(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	struct listing *l = arg;
	struct diff_side *s = l->s;
	struct mailbox_entry *mine;

	if (s->n_entries % 1024 == 0 && job_cancelled(l->job, e))
		return -1;
	if (!mailbox_entry_has_directory(entry))
		return 0;
	s->entries = mem_grow(s->entries, &s->cap_entries, s->n_entries + 1, sizeof *s->entries);
	mine = &s->entries[s->n_entries++];
	*mine = (struct mailbox_entry){ .name = mem_strdup(entry->name),
		.type = entry->type,
		.flags = entry->flags,
		.partition = mem_strdup(entry->partition),
		.uniqueid = mem_strdup(entry->uniqueid),
		.uidvalidity = entry->uidvalidity };
	return 0;
}

static int by_entry_name(const void *a, const void *b)
{
	return strcmp(((const struct mailbox_entry *)a)->name, ((const struct mailbox_entry *)b)->name);
}

static int list_live(struct diff_side *s, struct job *job, struct err *e)
{
	struct listing l = { s, job };
	unsigned notes;

	if (server_each(s->server, on_entry, &l, &notes, e) == -1)
		return -1;
	if (s->n_entries > 1)
		qsort(s->entries, s->n_entries, sizeof *s->entries, by_entry_name);
	for (size_t i = 0; i < s->n_entries; i++) {
		const struct mailbox_entry *m = &s->entries[i];

		add_box(s, mboxname_is_deleted(s->server->conf, m->name),
		    &(struct diff_side_box){
			m->name, m->uniqueid != NULL ? m->uniqueid : "", m->uidvalidity, i, false });
	}
	return 0;
}

int diff_side_open(
    struct diff_side *s, const struct diff_request *q, const char *what, struct job *job, struct err *e)
{
	*s = (struct diff_side){ 0 };
	if (strcmp(what, DIFF_LIVE) == 0) {
		job_step(job, "read the list of the running server");
		return app_server(q->app, q->server, &s->server, e) == -1 ? -1 : list_live(s, job, e);
	}
	job_step(job, "open %s", what);
	if (app_source_take(q->app, what, false, job, &s->source, &s->store, e) == -1)
		return -1;
	list_archive(s);
	return 0;
}

void diff_side_done(struct diff_side *s, struct app *app)
{
	for (size_t i = 0; i < s->n_entries; i++)
		mailbox_entry_done(&s->entries[i]);
	free(s->entries);
	free(s->boxes);
	free(s->deleted);
	server_free(s->server);
	app_source_give(app, s->source, s->store);
}

static int by_name(const void *key, const void *box)
{
	return strcmp(key, ((const struct diff_side_box *)box)->name);
}

struct diff_side_box *diff_side_find(const struct diff_side *s, const char *name)
{
	return s->n == 0 ? NULL : bsearch(name, s->boxes, s->n, sizeof *s->boxes, by_name);
}

uint32_t diff_side_messages(const struct diff_side *s, const struct diff_side_box *b)
{
	return s->source != NULL ? source_mailbox(s->source, b->at)->messages : 0;
}

uint64_t diff_side_fetched(const struct diff_side *s)
{
	const struct archive *a = s->source != NULL ? source_archive(s->source) : NULL;

	return a != NULL ? archive_bytes_fetched(a) : 0;
}

/* ---- the same bytes ---- */

static bool hash_file(const struct diff_side *s, const struct diff_side_box *b, unsigned meta,
    const char *name, uint8_t ret[SHA256_SIZE])
{
	struct digest *d = digest_new(DIGEST_SHA256);
	struct buf path = BUF_INIT, bytes = BUF_INIT;
	bool known = false;
	size_t got = 1;
	int fd = -1;

	if (server_mailbox_dir(s->server, &s->entries[b->at], meta, &path, NULL) == 0) {
		buf_printf(&path, "/%s", name);
		fd = open(buf_text(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	}
	if (fd != -1) {
		char *room = buf_reserve(&bytes, 64 << 10);

		while ((known = io_read_all(fd, room, 64 << 10, name, &got, NULL) == 0) && got > 0)
			digest_add(d, room, got);
		close(fd);
	}
	digest_end(d, ret);
	digest_free(d);
	buf_done(&path);
	buf_done(&bytes);
	return known;
}

bool diff_side_hashes(const struct diff_side *s, const struct diff_side_box *b, uint8_t index[SHA256_SIZE],
    uint8_t header[SHA256_SIZE])
{
	const struct archive_table *t;
	struct cyrus_version v;
	unsigned found = 0;
	size_t unit;

	if (s->source == NULL)
		return hash_file(s, b, META_INDEX, "cyrus.index", index) &&
		       hash_file(s, b, META_HEADER, "cyrus.header", header);
	/* Before 2.4 what the owner has seen is not in the index. */
	v = source_version(s->source);
	unit = source_unit(s->source, b->at);
	if (unit == (size_t)-1 || v.major < 2 || (v.major == 2 && v.minor < 4) ||
	    archive_table(source_archive(s->source), unit, &t, NULL) == -1)
		return false;
	for (size_t i = 0; i < t->n_files && found != 3; i++) {
		const struct archive_file *f = &t->files[i];

		if (f->role == ROLE_INDEX) {
			memcpy(index, f->sha256, SHA256_SIZE);
			found |= 1;
		} else if (f->role == ROLE_HEADER) {
			memcpy(header, f->sha256, SHA256_SIZE);
			found |= 2;
		}
	}
	return found == 3;
}

/* ---- reading ---- */

static int load_archive(
    const struct diff_side *s, const struct diff_side_box *b, struct diff_loaded *ret, struct err *e)
{
	struct source_messages *m;

	if (source_load(s->source, b->at, false, &ret->m, e) == -1)
		return -1;
	m = ret->m;
	ret->borrowed = (struct live_mailbox){
		.header = m->header, .index = m->index, .uids = m->uids, .n_uids = m->n_uids
	};
	ret->live.mailbox = &ret->borrowed;
	ret->live.seen_in_index = seen_is_in_index(m->index->h.minor, m->index->h.options, true);
	ret->live.seen_known = ret->live.seen_in_index || m->owner_seen != NULL;
	ret->live.seen = m->seen_set;
	return 0;
}

int diff_side_load(
    const struct diff_side *s, const struct diff_side_box *b, struct diff_loaded *ret, struct err *e)
{
	static const struct source_messages nothing;
	int rc;

	*ret = (struct diff_loaded){ 0 };
	if (s->source != NULL)
		return load_archive(s, b, ret, e);
	rc = compare_live_open(s->server, &s->entries[b->at], &nothing, &ret->live, e);
	if (rc == 0)
		return err_set(e, ERR_DAMAGE, "on the live server its cyrus.index is missing or damaged");
	return rc == 1 ? 0 : -1;
}

void diff_loaded_done(struct diff_loaded *l)
{
	/* What is borrowed of an archive's goes with that. */
	if (l->live.mailbox != &l->borrowed)
		compare_live_done(&l->live);
	source_messages_free(l->m);
	l->live = (struct compare_live){ 0 };
	l->m = NULL;
}

bool diff_loaded_seen(const struct diff_loaded *l, const struct index_record *r)
{
	if (l->live.seen_in_index)
		return (r->flags & FLAG_SEEN) != 0;
	return l->live.seen_known && uidset_contains(&l->live.seen, r->uid);
}
