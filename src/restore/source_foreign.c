/* source_foreign.c: anyone's cpio or tar as a source. */
#include "restore/source_foreign.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"

void foreign_free(struct foreign *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n_dirs; i++)
		free(f->dirs[i].uids);
	for (size_t i = 0; i < f->n_raws; i++)
		buf_done(&f->raws[i]);
	for (size_t i = 0; i < f->n_texts; i++) {
		free(f->texts[i].path);
		buf_done(&f->texts[i].bytes);
	}
	for (size_t i = 0; i < f->n_roots; i++)
		free(f->roots[i].server);
	for (size_t i = 0; i < f->n_boxes; i++)
		free(f->boxes[i].name);
	if (f->made_up)
		imapd_conf_free(f->conf);
	foreign_hoard_free(f->box_hoard);
	foreign_hoard_free(f->file_hoard);
	arena_free(f->arena);
	buf_done(&f->conf_text);
	buf_done(&f->db_bytes);
	free(f->dirs);
	free(f->table);
	free(f->files);
	free(f->facts);
	free(f->raws);
	free(f->roots);
	free(f->boxes);
	free(f->list_path);
	free(f->conf_path);
	free(f->db_path);
	free(f);
}

static void forget_index(struct source *s)
{
	foreign_index_drop(s->index);
	foreign_index_close(s->index);
	s->index = NULL;
}

bool foreign_try_front(struct source *s, const struct err *why)
{
	if (why->code == ERR_UNSUPPORTED) /* some of it is so compressed that there is no other way */
		return true;
	if (why->code != ERR_DAMAGE)
		return false;
	log_write(LOG_LEVEL_WARNING, "archive %s: it is read from the front again: %s", s->name, why->msg);
	forget_index(s);
	return true;
}

static void foreign_close(struct source *s)
{
	foreign_free(s->ctx);
}

/* An archive without mailboxes is of no use; one whose list is known to be lost must not look as if it had none. */
static int check_found(const struct source *s, const struct foreign *f, struct err *e)
{
	if (f->n_boxes == 0) {
		err_set(e, ERR_FORMAT,
		    "no mailbox is in it: %zu files in %zu directories, but no cyrus.header", f->n_files,
		    f->n_dirs);
		return err_hint(e, "is the mail spool (partition-... of imapd.conf) part of this archive?");
	}
	if (!f->live_copy)
		return 0;
	err_set(e, ERR_REFUSED,
	    "its %s holds no mailbox: it is a copy of a Berkeley database that a running server had open, "
	    "whose content was "
	    "in memory and log, and no text dump is in the archive",
	    f->db_path);
	return err_hint(e,
	    "put that server's list (ctl_mboxlist -d) beside the archive as %s.mailboxes.txt; if there is "
	    "none, put an empty "
	    "file there: names then come from directories, rights from cyrus.header",
	    s->name);
}

static struct foreign *new_foreign(struct source *s)
{
	struct foreign *f = mem_alloc(sizeof *f);

	s->ctx = f;
	f->opening = true;
	return f;
}

/* What is known from before spares the pass; what of it is damaged is forgotten, and the archive read anew. */
static int find_out(struct source *s, struct err *e)
{
	struct err why = { 0 };

	if (s->index == NULL)
		return foreign_scan(s, new_foreign(s), e);
	if (foreign_scan(s, new_foreign(s), &why) == 0)
		return 0;
	if (!foreign_try_front(s, &why)) {
		if (e != NULL)
			*e = why;
		return -1;
	}
	foreign_free(s->ctx);
	s->ctx = NULL;
	/* Not even the entries: all is learnt anew. */
	if (s->index != NULL)
		forget_index(s);
	return foreign_scan(s, new_foreign(s), e);
}

int source_open_foreign(struct source *s, struct err *e)
{
	struct foreign *f;

	if (find_out(s, e) == -1)
		return -1;
	f = s->ctx;
	/* From now on the memory serves, if the pass has filled it. */
	if (s->has_memory && s->index == NULL &&
	    foreign_index_open(s->store, s->name, s->job, &s->memory, &s->index, e) == -1)
		return -1;
	if (foreign_read_list(s, f, e) == -1 || foreign_read_conf(s, f, e) == -1)
		return -1;
	foreign_map_roots(s, f);
	foreign_find_boxes(s, f);
	f->opening = false;
	source_find_when(s);
	return check_found(s, f, e);
}

static int foreign_text(struct source *s, const char *which, struct buf *b, struct err *e)
{
	struct foreign *f = s->ctx;
	uint32_t file = FOREIGN_NONE;

	if (strcmp(which, "mailboxes.txt") == 0 && f->list_path != NULL)
		file = foreign_file_find(f, f->list_path);
	if (file == FOREIGN_NONE)
		return err_set(e, ERR_NOT_FOUND, "the archive holds no %s", which);
	return foreign_read_file(s, f, file, SOURCE_LIST_MAX, b, e);
}

static int foreign_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e)
{
	return foreign_give_box(s, s->ctx, (uint32_t)s->places[i], true, sink, e);
}

static int foreign_read_message(
    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e)
{
	return foreign_give_message(s, s->ctx, (uint32_t)s->places[i], uid, max_bytes, b, e);
}

/* The files that the first pass has kept, if these are all that there are. */
static bool kept_parts(const struct foreign *f, const struct foreign_box *box, struct source_parts *p)
{
	static const char *const names[] = { "cyrus.header", "cyrus.index", "cyrus.expunge" };
	struct buf *to[] = { &p->header, &p->index, &p->expunge };
	bool *has[] = { &p->has_header, &p->has_index, &p->has_expunge };
	const struct buf *raw[3];

	for (size_t k = 0; k < 3; k++) {
		raw[k] = foreign_box_raw(f, box, names[k]);
		for (uint32_t i = 0; i < box->n_dirs && raw[k] == NULL; i++)
			if (foreign_file_in(f, box->dirs[i], names[k]) != FOREIGN_NONE)
				return false;
	}
	for (size_t k = 0; k < 3; k++)
		if (raw[k] != NULL) {
			buf_add(to[k], buf_text(raw[k]), raw[k]->len);
			*has[k] = true;
		}
	return true;
}

static int foreign_parts(struct source *s, size_t i, bool with_cache, struct source_parts *p, struct err *e)
{
	struct foreign *f = s->ctx;
	const struct foreign_box *box = &f->boxes[s->places[i]];
	struct source_parts_arg arg;
	struct file_sink sink;
	int r;

	for (uint32_t k = 0; k < box->n_dirs; k++)
		for (uint32_t u = 0; u < f->dirs[box->dirs[k]].n_uids; u++)
			source_parts_add_uid(p, f->dirs[box->dirs[k]].uids[u]);
	if (!with_cache && kept_parts(f, box, p))
		return 0;
	source_parts_sink(s, with_cache, p, &sink, &arg);
	if (!foreign_box_hoarded(f, (uint32_t)s->places[i]) &&
	    (r = foreign_pick_parts(s, f, (uint32_t)s->places[i], with_cache, &sink, e)) != 0)
		return r == 1 ? 0 : -1;
	return foreign_give_box(s, f, (uint32_t)s->places[i], false, &sink, e);
}

const struct source_ops source_foreign = {
	.close = foreign_close,
	.text = foreign_text,
	.extract = foreign_extract,
	.extract_user = foreign_extract_user,
	.read_message = foreign_read_message,
	.parts = foreign_parts,
	.user_file = foreign_user_file,
	.quota_file = foreign_quota_file,
	.database = foreign_database,
	.users = foreign_users,
};
