/* source_listed.c: the mailboxes that an archive of ours only lists: its mailboxes.txt is taken apart as it comes, piece by piece, each as a
 * list of its own, so that a list of any size takes little memory. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/source_impl.h"

#define PIECE_BYTES (1u << 20)

struct listed {
	struct source *s;
	struct buf piece; /* begins with a line */
	bool begun, json;
	size_t next;            /* the list's order is that of the mailboxes: where to look first */
	struct mboxlist *found; /* held back until the text has proved whole */
};

static bool is_known(struct listed *l, const char *name)
{
	size_t i = l->next < l->s->n && strcmp(l->s->boxes[l->next].name, name) == 0
	               ? l->next
	               : source_find(l->s, name);

	if (i != SOURCE_NO_PLACE)
		l->next = i + 1;
	return i != SOURCE_NO_PLACE;
}

/* The JSON that ctl_mboxlist prints has a line "{", one for each mailbox, and a line "}". */
static bool is_bracket(const char *p, const char *end)
{
	return end > p && (*p == '{' || *p == '}') && (end - p == 1 || (end - p == 2 && p[1] == '\n'));
}

/* Whole lines, as a list. */
static int each_of(struct listed *l, const char *p, const char *end, struct err *e)
{
	struct buf text = BUF_INIT;
	struct mboxlist *list;
	int rc;

	if (!l->begun)
		l->json = end - p >= 2 && *p == '{' && is_bracket(p, p + 2);
	l->begun = true;
	if (l->json && is_bracket(p, p + 2))
		p += 2;
	if (l->json && end - p >= 2 && is_bracket(end - 2, end))
		end -= 2;
	buf_str(&text, l->json ? "{\n" : "");
	buf_add(&text, p, (size_t)(end - p));
	buf_str(&text, l->json ? "}\n" : "");
	rc = job_cancelled(l->s->job, e) ? -1 : mboxlist_read_text(buf_text(&text), text.len, &list, NULL, e);
	buf_done(&text);
	if (rc == -1)
		return -1;
	for (size_t i = 0; i < list->n; i++)
		if (mailbox_entry_has_directory(&list->entries[i]) && !is_known(l, list->entries[i].name))
			mboxlist_add(l->found, &list->entries[i]);
	mboxlist_free(list);
	return 0;
}

static int listed_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	(void)arg;
	(void)meta;
	(void)e;
	return strcmp(source_base(file->path), "mailboxes.txt") == 0 && file->role != ROLE_DIRECTORY;
}

static int listed_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct listed *l = arg;
	const char *end;

	if (n > SOURCE_LIST_MAX - l->piece.len)
		return err_set(e, ERR_FORMAT, "a line is too long");
	buf_add(&l->piece, p, n);
	if (l->piece.len < PIECE_BYTES)
		return 0;
	end = memrchr(l->piece.data, '\n', l->piece.len);
	if (end == NULL)
		return 0;
	if (each_of(l, l->piece.data, end + 1, e) == -1)
		return -1;
	l->piece.len -= (size_t)(end + 1 - l->piece.data);
	memmove(l->piece.data, end + 1, l->piece.len);
	return 0;
}

static int listed_end(void *arg, struct err *e)
{
	struct listed *l = arg;
	int rc = l->piece.len > 0 ? each_of(l, l->piece.data, l->piece.data + l->piece.len, e) : 0;

	buf_clear(&l->piece);
	return rc;
}

static void listed_abort(void *arg)
{
	struct listed *l = arg;

	buf_clear(&l->piece);
}

/* The unit that holds the list: the newer one stands in the report. 1, 0 none, -1. */
static int unit_of_list(struct source *s, size_t *ret, struct err *e)
{
	const size_t units[] = { archive_find(s->archive, UNIT_REPORT, "report"),
		archive_find(s->archive, UNIT_CONTROL, "control") };
	const struct archive_table *t;

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (units[i] == (size_t)-1)
			continue;
		if (archive_table(s->archive, units[i], &t, e) == -1)
			return -1;
		for (size_t k = 0; k < t->n_files; k++)
			if (strcmp(source_base(t->files[k].path), "mailboxes.txt") == 0) {
				*ret = units[i];
				return 1;
			}
	}
	return 0;
}

int source_ours_each_listed(struct source *s,
    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg, struct err *e)
{
	struct listed l = { .s = s, .found = mboxlist_new() };
	struct file_sink sink = { .arg = &l,
		.begin = listed_begin,
		.data = listed_data,
		.end = listed_end,
		.abort = listed_abort };
	size_t unit = 0;
	int rc = unit_of_list(s, &unit, e);

	if (rc == 1)
		rc = archive_read_unit(s->archive, unit, &sink, e);
	for (size_t i = 0; i < l.found->n && rc == 0; i++)
		rc = each(arg, &l.found->entries[i], e);
	mboxlist_free(l.found);
	buf_done(&l.piece);
	return rc == -1 ? err_wrap(e, "mailboxes.txt") : 0;
}
