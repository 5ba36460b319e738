/* diff_run.c: the job that compares: which mailbox is which on the other side, and each pair of them. */
#include <stdlib.h>
#include <string.h>

#include "app/diff_impl.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

/* A mailbox on both sides, or on one. */
struct match {
	struct diff_side_box *first, *second;
};

struct run {
	struct job *job;
	const struct diff_request *q;
	struct diff_side sides[2];
	struct names names;
	char **only; /* internal names */
	size_t n_only;
	struct match *matches;
	size_t n, cap;
	struct diff_facts facts;
	struct diff_found found;
};

static void post(struct run *w, struct diff_box *box)
{
	struct diff_item *item = mem_alloc(sizeof *item);

	w->facts.fetched_bytes = diff_side_fetched(&w->sides[0]) + diff_side_fetched(&w->sides[1]);
	item->box = box;
	item->facts = w->facts;
	for (int i = 0; i < 2; i++)
		item->facts.sides[i] = mem_strdup(w->facts.sides[i]);
	job_post(w->job, item, diff_item_free);
}

/* ---- which mailboxes ---- */

static bool is_known(const struct run *w, const char *name)
{
	return diff_side_find(&w->sides[0], name) != NULL || diff_side_find(&w->sides[1], name) != NULL;
}

static char *resolve(struct run *w, const char *typed, struct err *e)
{
	char *internal = NULL;
	size_t at;

	if (is_known(w, typed))
		return mem_strdup(typed);
	if (w->names.conf != NULL && mboxname_parse(w->names.conf, typed, &internal, NULL) == 0) {
		if (is_known(w, internal))
			return internal;
		free(internal);
	}
	/* For its words, and the names that are near. */
	if (names_find(&w->names, w->sides[0].source, typed, &at, e) == 0)
		err_set(e, ERR_NOT_FOUND, "%s is a deleted mailbox, or only listed in the archive", typed);
	return NULL;
}

static int resolve_all(struct run *w, struct err *e)
{
	w->only = mem_array(w->q->n_mailboxes + 1, sizeof *w->only);
	for (size_t i = 0; i < w->q->n_mailboxes; i++) {
		char *name = resolve(w, w->q->mailboxes[i], e);

		if (name == NULL)
			return -1;
		w->only[w->n_only++] = name;
	}
	return 0;
}

static bool is_asked(const struct run *w, const struct diff_side_box *b)
{
	for (size_t i = 0; b != NULL && i < w->n_only; i++) {
		size_t n = strlen(w->only[i]);

		if (strcmp(b->name, w->only[i]) == 0 ||
		    (w->q->recursive && strncmp(b->name, w->only[i], n) == 0 && b->name[n] == '.'))
			return true;
	}
	return false;
}

static void add_match(struct run *w, struct diff_side_box *first, struct diff_side_box *second)
{
	if (first != NULL)
		first->used = true;
	if (second != NULL)
		second->used = true;
	if (w->n_only > 0 && !is_asked(w, first) && !is_asked(w, second))
		return;
	w->matches = mem_grow(w->matches, &w->cap, w->n + 1, sizeof *w->matches);
	w->matches[w->n++] = (struct match){ first, second };
}

static int by_id(const void *a, const void *b)
{
	const struct diff_side_box *const *x = a, *const *y = b;

	return strcmp((*x)->id, (*y)->id);
}

static int id_is(const void *key, const void *box)
{
	return strcmp(key, (*(const struct diff_side_box *const *)box)->id);
}

/* Those of ${boxes} whose id is known, ascending by it. */
static struct diff_side_box **sorted_ids(struct diff_side_box *boxes, size_t n, size_t *ret_n)
{
	struct diff_side_box **list = mem_array(n + 1, sizeof(struct diff_side_box *));

	*ret_n = 0;
	for (size_t i = 0; i < n; i++)
		if (boxes[i].id[0] != '\0')
			list[(*ret_n)++] = &boxes[i];
	if (*ret_n > 1)
		qsort(list, *ret_n, sizeof *list, by_id);
	return list;
}

static struct diff_side_box *find_id(struct diff_side_box **list, size_t n, const char *id)
{
	struct diff_side_box **found =
	    n == 0 || id[0] == '\0' ? NULL : bsearch(id, list, n, sizeof(struct diff_side_box *), id_is);

	return found != NULL ? *found : NULL;
}

static int by_match_name(const void *a, const void *b)
{
	const struct match *x = a, *y = b;

	return strcmp((x->second != NULL ? x->second : x->first)->name,
	    (y->second != NULL ? y->second : y->first)->name);
}

/* By id, those of the same name first; then what is left by name; what is left then is on one side only. */
static void match_all(struct run *w)
{
	struct diff_side *a = &w->sides[0], *b = &w->sides[1];
	struct diff_side_box **ids;
	size_t n_ids;

	for (size_t i = 0; i < a->n; i++) {
		struct diff_side_box *other = diff_side_find(b, a->boxes[i].name);

		if (other != NULL && a->boxes[i].id[0] != '\0' && strcmp(a->boxes[i].id, other->id) == 0)
			add_match(w, &a->boxes[i], other);
	}
	ids = sorted_ids(b->boxes, b->n, &n_ids);
	for (size_t i = 0; i < a->n; i++) {
		struct diff_side_box *other = a->boxes[i].used ? NULL : find_id(ids, n_ids, a->boxes[i].id);

		if (other != NULL && !other->used)
			add_match(w, &a->boxes[i], other);
	}
	free(ids);
	for (size_t i = 0; i < a->n; i++) {
		struct diff_side_box *other = a->boxes[i].used ? NULL : diff_side_find(b, a->boxes[i].name);

		if (other != NULL && !other->used)
			add_match(w, &a->boxes[i], other);
	}
	for (size_t i = 0; i < a->n; i++)
		if (!a->boxes[i].used)
			add_match(w, &a->boxes[i], NULL);
	for (size_t i = 0; i < b->n; i++)
		if (!b->boxes[i].used)
			add_match(w, NULL, &b->boxes[i]);
	if (w->n > 1)
		qsort(w->matches, w->n, sizeof *w->matches, by_match_name);
}

/* ---- each of them ---- */

static bool same_bytes(const struct run *w, const struct match *m)
{
	uint8_t index[2][SHA256_SIZE], header[2][SHA256_SIZE];

	/* What the archives' indexes tell costs nothing. */
	if (w->sides[1].source != NULL &&
	    diff_side_messages(&w->sides[0], m->first) != diff_side_messages(&w->sides[1], m->second))
		return false;
	return diff_side_hashes(&w->sides[0], m->first, index[0], header[0]) &&
	       diff_side_hashes(&w->sides[1], m->second, index[1], header[1]) &&
	       memcmp(index[0], index[1], SHA256_SIZE) == 0 && memcmp(header[0], header[1], SHA256_SIZE) == 0;
}

static char *show(const struct run *w, const char *name)
{
	struct buf b = BUF_INIT;

	names_show(&w->names, name, &b);
	return buf_steal(&b);
}

/* The DELETED.* mailbox that a gone one is now. */
static void find_kept(struct run *w, struct diff_box *box, const struct diff_side_box *b)
{
	const struct diff_side *s = &w->sides[1];

	for (size_t i = 0; b->id[0] != '\0' && i < s->n_deleted && box->other == NULL; i++) {
		if (strcmp(s->deleted[i].id, b->id) != 0)
			continue;
		box->other = mem_strdup(s->deleted[i].name);
		box->other_shown = show(w, box->other);
	}
}

static enum diff_box_state state_of(const struct match *m)
{
	if (m->first == NULL)
		return DIFF_BOX_NEW;
	if (m->second == NULL)
		return DIFF_BOX_GONE;
	if (m->first->id[0] != '\0' && m->second->id[0] != '\0' && strcmp(m->first->id, m->second->id) != 0)
		return DIFF_BOX_RECREATED;
	return strcmp(m->first->name, m->second->name) != 0 ? DIFF_BOX_RENAMED : DIFF_BOX_CHANGED;
}

static struct diff_box *new_box(struct run *w, const struct match *m)
{
	struct diff_box *box =
	    diff_box_new(&w->found, state_of(m), (m->second != NULL ? m->second : m->first)->name);

	if (box->state == DIFF_BOX_RENAMED) {
		box->other = mem_strdup(m->first->name);
		box->other_shown = show(w, box->other);
	} else if (box->state == DIFF_BOX_GONE) {
		find_kept(w, box, m->first);
	}
	return box;
}

static bool differs(const struct diff_box *b)
{
	if (b->state != DIFF_BOX_CHANGED)
		return true;
	for (int i = 0; i < DIFF_MAIL_STATES; i++)
		if (b->n[i] > 0)
			return true;
	return false;
}

/* What ends all of it: the operator, or a line that broke. */
static bool ends_all(const struct err *e)
{
	return e->code == ERR_CANCELLED || e->code == ERR_CONNECTION || e->code == ERR_AUTH;
}

static int load_pair(struct run *w, const struct match *m, struct diff_loaded l[2], struct err *e)
{
	l[0] = l[1] = (struct diff_loaded){ 0 };
	if (m->first != NULL && diff_side_load(&w->sides[0], m->first, &l[0], e) == -1)
		return err_wrap(e, "%s", w->facts.sides[0]);
	if (m->second != NULL && diff_side_load(&w->sides[1], m->second, &l[1], e) == -1)
		return err_wrap(e, "%s", w->facts.sides[1]);
	return 0;
}

static void compare_pair(struct run *w, const struct match *m, struct diff_box *box, struct diff_loaded l[2])
{
	const struct diff_loaded *a = m->first != NULL ? &l[0] : NULL, *b = m->second != NULL ? &l[1] : NULL;

	if (a != NULL && b != NULL) {
		if (a->live.mailbox->index->h.uidvalidity != b->live.mailbox->index->h.uidvalidity)
			box->state = DIFF_BOX_RECREATED;
		compare_map_flags(&l[1].live, a->live.mailbox->header);
	}
	diff_mails(&w->found, box, a, b, box->state != DIFF_BOX_RECREATED);
}

static int compare_one(struct run *w, const struct match *m, struct err *e)
{
	struct diff_loaded l[2];
	struct diff_box *box;
	struct err why = { 0 };
	int rc;

	w->facts.compared++;
	if (m->first != NULL && m->second != NULL && state_of(m) == DIFF_BOX_CHANGED && same_bytes(w, m)) {
		w->facts.same++;
		w->facts.unread++;
		return 0;
	}
	rc = load_pair(w, m, l, &why);
	if (rc == -1 && (ends_all(&why) || job_cancelled(w->job, &why))) {
		if (e != NULL)
			*e = why;
		goto out;
	}
	box = new_box(w, m);
	if (rc == 0) {
		compare_pair(w, m, box, l);
	} else {
		box->state = DIFF_BOX_UNREADABLE;
		box->why = mem_strdup(why.msg);
		rc = 0;
	}
	if (differs(box)) {
		diff_add(&w->found, box);
	} else {
		w->facts.same++;
		diff_box_free(box);
	}
out:
	diff_loaded_done(&l[0]);
	diff_loaded_done(&l[1]);
	return rc;
}

/* ---- all ---- */

static int open_sides(struct run *w, struct err *e)
{
	for (int i = 0; i < 2; i++) {
		const char *what = i == 0 ? w->q->first : w->q->second;
		struct buf b = BUF_INIT;
		const char *name;

		if (diff_side_open(&w->sides[i], w->q, what, w->job, e) == -1)
			return -1;
		name = w->sides[i].source != NULL ? source_name(w->sides[i].source) : DIFF_LIVE;
		str_safe_buf(&b, name, strlen(name));
		w->facts.sides[i] = buf_steal(&b);
		w->facts.when[i] = w->sides[i].source != NULL ? source_when(w->sides[i].source) : clock_now();
	}
	names_init(&w->names, w->q->app, w->q->server, w->sides[0].source);
	return resolve_all(w, e);
}

static void post_all(struct run *w)
{
	for (size_t i = 0; i < w->found.n; i++) {
		const struct diff_box *b = w->found.boxes[i];

		w->facts.boxes[b->state]++;
		for (int k = 0; k < DIFF_MAIL_STATES; k++)
			w->facts.mails[k] += b->n[k];
	}
	for (size_t i = 0; i < w->found.n; i++) {
		post(w, w->found.boxes[i]);
		w->found.boxes[i] = NULL;
	}
	w->facts.complete = true;
	post(w, NULL);
}

static int compare_all(struct run *w, struct err *e)
{
	for (size_t i = 0; i < w->n; i++) {
		if (i % 16 == 0)
			job_step(w->job, "compare mailbox %zu of %zu", i + 1, w->n);
		if (job_cancelled(w->job, e) || compare_one(w, &w->matches[i], e) == -1)
			return -1;
	}
	return 0;
}

int diff_run(struct job *job, void *request, struct err *e)
{
	struct run w = { .job = job, .q = request };
	int rc;

	w.found.names = &w.names;
	w.found.facts = &w.facts;
	if (strcmp(w.q->first, DIFF_LIVE) == 0) {
		err_set(e, ERR_USAGE, "the first side is an archive");
		return err_hint(e, "the running server can be the second: cyrvault diff ARCHIVE live");
	}
	rc = open_sides(&w, e);
	if (rc == 0) {
		post(&w, NULL);
		match_all(&w);
		rc = compare_all(&w, e);
	}
	if (rc == 0) {
		diff_moves(&w.found);
		post_all(&w);
	}
	for (size_t i = 0; i < w.found.n; i++)
		diff_box_free(w.found.boxes[i]);
	free(w.found.boxes);
	free(w.matches);
	for (size_t i = 0; i < w.n_only; i++)
		free(w.only[i]);
	free(w.only);
	free(w.facts.sides[0]);
	free(w.facts.sides[1]);
	names_done(&w.names);
	diff_side_done(&w.sides[1], w.q->app);
	diff_side_done(&w.sides[0], w.q->app);
	return rc;
}
