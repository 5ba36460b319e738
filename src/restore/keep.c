/* keep.c: messages of an archive into a live mailbox, under their old UIDs: made ready, then moved into place under Cyrus's locks. */
#include "restore/keep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "restore/keep_impl.h"

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
		rc = keep_meta_path(g, META_INDEX, "/cyrus.index", &path, e);
	if (rc == 0)
		rc = quiesce_hold_index(p->quiesce, AT_FDCWD, buf_text(&path), p->lock_wait_ms, e);
	buf_done(&path);
	free(owner);
	return rc == 0 ? fault_point("keep-locked", e) : -1;
}

/* What is replaced, as it was. */
static int save(const struct keeping *g, struct err *e)
{
	const struct keep_now *of = &g->made.of;
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
	int fd = -1, rc = keep_meta_path(g, META_CACHE, "/cyrus.cache", &path, e);

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
	struct stage *s = keep_stage_for(g, META_HEADER);

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
		if (&g->stages[i] == keep_stage_for(g, 0) || &g->stages[i] == keep_stage_for(g, META_INDEX) ||
		    &g->stages[i] == keep_stage_for(g, META_HEADER))
			rc = stage_target(g->server, &g->stages[i], e);
	if (rc == -1 || save(g, e) == -1 || move_messages(g, e) == -1 || append_cache(g, e) == -1)
		return -1;
	return move_header(g, e);
}

static int commit(struct keeping *g, struct err *e)
{
	if (put_in_place(g, e) == -1 ||
	    stage_move(keep_stage_for(g, META_INDEX), "cyrus.index", false, e) == -1) {
		take_back(g);
		return -1;
	}
	if (io_fsync(keep_stage_for(g, META_INDEX)->target_fd, "cyrus.index", e) == -1)
		return -1;
	return fault_point("keep-index", e);
}

static int commit_held(struct keeping *g, struct err *e)
{
	struct keep_now now = { 0 };
	int rc = hold(g, e);
	uint64_t ms;

	if (rc == 0)
		rc = keep_read_now(g, &now, e);
	/* It has changed since it was made ready. */
	if (rc == 0 && (!g->made.ready || !keep_same_now(&now, &g->made.of)))
		rc = keep_prepare(g, &now, e);
	if (rc == 0 && g->made.n > 0)
		rc = commit(g, e);
	ms = quiesce_release(g->cx->place->quiesce);
	log_write(LOG_LEVEL_INFO, "%s: held for %llu ms", g->item->name, (unsigned long long)ms);
	keep_now_done(&now);
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
	struct keep_now now = { 0 };
	struct err early;

	if (open_stages(g, e) == -1)
		return -1;
	job_step(job, "%s: read from the archive", g->item->name);
	if (keep_stage_all(g, e) == -1 || write_journal(g, e) == -1)
		return -1;
	job_step(job, "%s: move into place", g->item->name);
	/* Read without locks, in which case it may be half written: what fails now is done under the lock. */
	if (keep_read_now(g, &now, &early) == 0)
		keep_prepare(g, &now, &early);
	keep_now_done(&now);
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
	keep_made_done(&g.made);
	source_messages_free(g.m);
	mboxlist_free(list);
	digest_free(g.digest);
	buf_done(&g.index);
	buf_done(&g.cache);
	free(g.staged);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}
