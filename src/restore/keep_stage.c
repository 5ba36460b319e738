/* keep_stage.c: the messages that are to come back, out of the archive into a place beside the spool. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "restore/keep_impl.h"
#include "restore/sides.h"

struct stage *keep_stage_for(struct keeping *g, unsigned meta)
{
	const struct imapd_conf *conf = g->server->conf;
	const struct cyrus_partition *part = imapd_conf_partition(conf, g->entry->partition);
	const char *root = meta != 0 ? imapd_conf_meta_root(conf, part, meta) : part->spool;

	for (size_t i = 0; i < g->n_stages; i++)
		if (strcmp(g->stages[i].root, root) == 0)
			return &g->stages[i];
	return &g->stages[0];
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
		g->at = uid != 0 && !aside ? side_find(merge, uid) : merge->n;
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

int keep_stage_all(struct keeping *g, struct err *e)
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
