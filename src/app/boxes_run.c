/* boxes_run.c: the job that reads the mailboxes of an archive and posts them as they come. */
#include <stdlib.h>
#include <string.h>

#include "app/app_impl.h"
#include "app/boxes_impl.h"
#include "app/catalogue.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

/* Rows of the first batch and of the largest: in between each is twice the one before. */
#define BATCH_FIRST 512
#define BATCH_MAX   32768
#define UPDATES_MAX 4096

/* ---- posting ---- */

static void post(struct boxes_job *w, struct boxes_item *item)
{
	job_post(w->job, item, boxes_item_free);
}

void boxes_tell(struct boxes_job *w)
{
	struct boxes_item *item = mem_alloc(sizeof *item);

	item->kind = BOXES_ITEM_NEWS;
	if (w->source != NULL && source_archive(w->source) != NULL)
		w->news.fetched_bytes = archive_bytes_fetched(source_archive(w->source));
	boxes_news_copy(&item->news, &w->news);
	post(w, item);
}

static int by_tree(const void *a, const void *b)
{
	return boxes_compare(a, b);
}

static void post_rows(struct boxes_job *w, struct boxes_fill *f)
{
	struct boxes_item *item;
	bool sorted = true;

	if (f->n == 0)
		return;
	item = mem_alloc(sizeof *item);
	item->kind = BOXES_ITEM_ROWS;
	item->n = f->n;
	item->rows = mem_dup(f->rows, f->n * sizeof *f->rows);
	item->text = mem_alloc(sizeof *item->text + f->text.len);
	memcpy(item->text->bytes, f->text.data, f->text.len);
	for (size_t i = 0; i < f->n; i++) {
		item->rows[i].text = item->text->bytes + (uintptr_t)f->rows[i].text;
		sorted = sorted && (i == 0 || boxes_compare(&item->rows[i - 1], &item->rows[i]) < 0);
	}
	if (!sorted)
		qsort(item->rows, item->n, sizeof *item->rows, by_tree);
	post(w, item);
	f->n = 0;
	buf_clear(&f->text);
}

void boxes_flush(struct boxes_job *w, bool all)
{
	post_rows(w, &w->now);
	if (all)
		post_rows(w, &w->later);
}

void boxes_add(struct boxes_job *w, struct box *row, const char *internal)
{
	/* DELETED.* stand last in the table, and among the others in an archive. */
	struct boxes_fill *f = boxes_is_deleted(w->news.deletedprefix, internal) ? &w->later : &w->now;
	uintptr_t offset = f->text.len;

	boxes_fill_name(&w->news, row, internal, &f->text);
	f->rows = mem_grow(f->rows, &f->cap, f->n + 1, sizeof *f->rows);
	f->rows[f->n] = *row;
	f->rows[f->n++].text = (const char *)offset;
	if (f == &w->now && f->n >= w->limit) {
		post_rows(w, f);
		if (w->limit < BATCH_MAX)
			w->limit *= 2;
	}
}

void boxes_updates_post(struct boxes_job *w)
{
	struct boxes_item *item;

	if (w->n_updates == 0)
		return;
	item = mem_alloc(sizeof *item);
	item->kind = BOXES_ITEM_UPDATES;
	item->n = w->n_updates;
	item->updates = mem_dup(w->updates, w->n_updates * sizeof *w->updates);
	w->n_updates = 0;
	post(w, item);
}

void boxes_update(struct boxes_job *w, uint32_t number, enum box_state state, uint32_t live_messages)
{
	w->updates = mem_grow(w->updates, &w->cap_updates, w->n_updates + 1, sizeof *w->updates);
	w->updates[w->n_updates++] = (struct boxes_update){ number, live_messages, (uint8_t)state };
	if (w->n_updates >= UPDATES_MAX)
		boxes_updates_post(w);
}

/* ---- the archive ---- */

static void open_server(struct boxes_job *w)
{
	if (w->server == NULL && w->server_why.code == ERR_NONE &&
	    app_server(w->q->app, w->q->server, &w->server, &w->server_why) == -1)
		w->server = NULL;
}

/* How names are shown: by the archive's imapd.conf, else by that of the live server. */
static void begin(struct boxes_job *w, const struct source *s)
{
	const struct imapd_conf *conf = source_conf(s);
	struct buf name = BUF_INIT;

	if (conf == NULL)
		open_server(w);
	if (conf == NULL && w->server != NULL)
		conf = w->server->conf;
	if (conf != NULL) {
		w->news.decodes = true;
		w->news.unixhier = conf->unixhierarchysep;
	}
	w->news.deletedprefix = mem_strdup(conf != NULL ? conf->deletedprefix : "DELETED");
	str_safe_buf(&name, source_name(s), strlen(source_name(s)));
	w->news.archive = buf_steal(&name);
	w->news.when = source_when(s);
	w->news.kind = source_kind(s);
	boxes_tell(w);
}

static int on_units(void *arg, const struct source *s, const struct archive *a, struct err *e)
{
	struct boxes_job *w = arg;

	if (!w->did_stream)
		begin(w, s);
	w->did_stream = true;
	for (; w->streamed < archive_n_units(a); w->streamed++) {
		const struct unit_info *u = archive_unit(a, w->streamed);
		struct box row = { .messages = u->messages,
			.unread = u->unread,
			.bytes = u->bytes,
			.health = (uint8_t)u->health,
			.has_files = true };

		if (u->kind != UNIT_MAILBOX)
			continue;
		row.number = (uint32_t)w->next_number++;
		boxes_add(w, &row, u->name);
	}
	if (w->limit == BATCH_FIRST)
		boxes_flush(w, false);
	return job_cancelled(w->job, e) ? -1 : 0;
}

/* Which row is which mailbox of the source: rows of units that were streamed have their numbers in the order of the archive. */
static void number_units(struct boxes_job *w)
{
	const struct archive *a = source_archive(w->source);
	size_t n = archive_n_units(a);
	uint32_t *of_unit = mem_array(n + 1, sizeof *of_unit), next = 0;

	for (size_t i = 0; i < n; i++)
		of_unit[i] = archive_unit(a, i)->kind == UNIT_MAILBOX ? next++ : UINT32_MAX;
	for (size_t i = 0; i < source_n(w->source); i++) {
		size_t unit = source_unit(w->source, i);

		w->numbers[i] = unit < n ? of_unit[unit] : UINT32_MAX;
	}
	free(of_unit);
}

static void add_mailboxes(struct boxes_job *w)
{
	for (size_t i = 0; i < source_n(w->source); i++) {
		const struct source_mailbox *m = source_mailbox(w->source, i);
		struct box row = { .messages = m->messages,
			.unread = m->unread,
			.bytes = m->bytes,
			.health = (uint8_t)m->health,
			.has_files = m->has_files,
			.number = (uint32_t)w->next_number++ };

		w->numbers[i] = row.number;
		boxes_add(w, &row, m->name);
	}
}

static int add_listed(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	struct boxes_job *w = arg;
	struct box row = { .health = HEALTH_UNCHECKED, .number = (uint32_t)w->next_number++ };

	(void)e;
	boxes_add(w, &row, entry->name);
	w->listed = mem_grow(w->listed, &w->cap_listed, w->n_listed + 1, sizeof *w->listed);
	w->listed[w->n_listed++] = (struct boxes_listed){ mem_strdup(entry->name),
		mem_strdup(entry->uniqueid != NULL ? entry->uniqueid : ""), entry->uidvalidity, row.number };
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct boxes_listed *)a)->name, ((const struct boxes_listed *)b)->name);
}

static int add_known(void *arg, const struct catalogue_box *box, struct err *e)
{
	struct boxes_job *w = arg;
	struct box row = { .messages = box->messages,
		.unread = box->unread,
		.bytes = box->bytes,
		.health = box->health,
		.has_files = box->has_files,
		.number = (uint32_t)w->next_number++ };

	boxes_add(w, &row, box->name);
	return row.number % 1024 == 0 && job_cancelled(w->job, e) ? -1 : 0;
}

/* Its store is away (${why}): what the catalogue knows of it; that is not compared with anything. 1, 0 it knows nothing, -1. */
static int read_known(struct boxes_job *w, const struct err *why, struct err *e)
{
	struct catalogue_archive k;
	struct imapd_conf conf;
	struct buf name = BUF_INIT;
	int rc;

	if (w->did_stream || app_known_archive(w->q->app, w->q->archive, w->job, &k, why) != 1)
		return 0;
	w->news.decodes = app_known_conf(&k, &conf);
	w->news.unixhier = conf.unixhierarchysep;
	w->news.deletedprefix = mem_strdup(w->news.decodes ? conf.deletedprefix : "DELETED");
	str_safe_buf(&name, k.name, strlen(k.name));
	w->news.archive = buf_steal(&name);
	w->news.when = k.when;
	w->news.kind = k.foreign ? ARCHIVE_FOREIGN : ARCHIVE_OURS;
	w->news.why_not = mem_printf("from the catalogue: store %s is away", k.store);
	boxes_tell(w);
	rc = catalogue_boxes(app_catalogue(w->q->app), &k, "", add_known, w, e);
	boxes_flush(w, true);
	w->news.complete = rc == 0;
	boxes_tell(w);
	catalogue_archive_done(&k);
	return rc == 0 ? 1 : -1;
}

static int read_archive(struct boxes_job *w, struct err *e)
{
	char *archive = app_archive_of(w->q->archive, w->q->server);
	struct err why = { 0 };
	int known, rc;

	job_step(w->job, "read the list of mailboxes");
	rc = app_source_watch(w->q->app, archive, w->job, on_units, w, &w->source, &w->store, &why);
	free(archive);
	if (rc == -1) {
		known = app_is_live(w->q->archive) ? 0 : read_known(w, &why, e);
		if (known == 0 && e != NULL)
			*e = why;
		return known == 1 ? 0 : -1;
	}
	if (source_count(w->source, e) == -1)
		return -1;
	if (!w->did_stream)
		begin(w, w->source);
	w->numbers = mem_array(source_n(w->source) + 1, sizeof *w->numbers);
	if (!w->did_stream) {
		add_mailboxes(w);
	} else {
		struct archive *a = source_archive(w->source);

		/* What came with the last piece of the root. */
		if (on_units(w, w->source, a, e) == -1)
			return -1;
		number_units(w);
	}
	boxes_flush(w, true);
	if (!source_is_whole(w->source)) {
		if (source_each_listed(w->source, add_listed, w, &why) == -1) {
			if (job_cancelled(w->job, e))
				return -1;
			/* Its mailboxes are there all the same. */
			log_write(LOG_LEVEL_WARNING, "archive %s: %s", source_name(w->source), why.msg);
		}
		if (w->n_listed > 1)
			qsort(w->listed, w->n_listed, sizeof *w->listed, by_name);
		boxes_flush(w, true);
	}
	w->news.complete = true;
	boxes_tell(w);
	return 0;
}

static int run(struct boxes_job *w, struct err *e)
{
	if (read_archive(w, e) == -1)
		return -1;
	if (!w->q->live || w->source == NULL)
		return 0;
	open_server(w);
	if (w->server != NULL) {
		w->news.comparing = true;
		boxes_tell(w);
		if (boxes_compare_live(w, e) == -1)
			return -1;
	} else {
		w->news.why_not = mem_strdup(w->server_why.msg);
	}
	boxes_tell(w);
	return 0;
}

static void fill_done(struct boxes_fill *f)
{
	free(f->rows);
	buf_done(&f->text);
}

int boxes_run(struct job *job, void *request, struct err *e)
{
	struct boxes_job w = { .job = job, .q = request, .limit = BATCH_FIRST };
	int rc = run(&w, e);

	fill_done(&w.now);
	fill_done(&w.later);
	for (size_t i = 0; i < w.n_listed; i++) {
		free(w.listed[i].name);
		free(w.listed[i].uniqueid);
	}
	free(w.listed);
	free(w.numbers);
	free(w.updates);
	boxes_news_done(&w.news);
	server_free(w.server);
	app_source_give(w.q->app, w.source, w.store);
	return rc;
}
