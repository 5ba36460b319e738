/* state_notes.c: annotations of single messages (cyrus.annotations), brought to the messages that a merge has appended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/sides.h"
#include "restore/state.h"

#define NOTES_MAX_BYTES ((size_t)64 << 20)
#define NOTES_MAX       1000000
/* What the server keeps there for itself. */
#define OF_SERVER "/vendor/cmu/"

struct notes {
	struct note {
		uint32_t uid; /* in the archive */
		char *entry;
		char *user; /* "": shared */
		void *value;
		size_t len;
	} * list;
	size_t n, cap;
};

static void notes_done(struct notes *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].entry);
		free(s->list[i].user);
		free(s->list[i].value);
	}
	free(s->list);
	*s = (struct notes){ 0 };
}

/* ---- reading ---- */

static int file_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	(void)e;
	if (file->role != ROLE_ANNOTATIONS || (meta != NULL && meta->size > NOTES_MAX_BYTES))
		return 0;
	buf_clear(arg);
	return 1;
}

static int file_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(arg, p, n);
	return 0;
}

static int file_end(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static void file_abort(void *arg)
{
	buf_clear(arg);
}

struct reading {
	struct notes *notes;
	const char *owner; /* NULL: shared */
};

static bool is_atom(const char *entry)
{
	for (const char *s = entry; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("(){%*\"\\", *s) != NULL)
			return false;
	return entry[0] == '/';
}

static int on_note(void *arg, const struct annotation *a, struct err *e)
{
	struct reading *r = arg;
	struct notes *s = r->notes;
	char *key = mem_strndup(a->mboxkey, a->mboxkey_len);
	bool owners = strcmp(a->userid, "[.OwNeR.]") == 0;
	uint64_t uid = 0;

	(void)e;
	if (str_u64(key, UINT32_MAX, &uid) == 0 && uid > 0 && !a->deleted && a->value_len > 0 &&
	    is_atom(a->entry) && !str_starts(a->entry, OF_SERVER) && s->n < NOTES_MAX &&
	    !(owners && r->owner == NULL)) {
		s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
		s->list[s->n++] = (struct note){ .uid = (uint32_t)uid,
			.entry = mem_strdup(a->entry),
			.user = mem_strdup(owners ? r->owner : a->userid),
			.value = mem_dup(a->value, a->value_len),
			.len = a->value_len };
	}
	free(key);
	return 0;
}

/* What of it can be read. */
static int notes_read(struct source *source, size_t i, const char *owner, struct notes *ret, struct err *e)
{
	struct buf bytes = BUF_INIT;
	struct file_sink sink = { &bytes, true, file_begin, file_data, file_end, file_abort };
	struct reading r = { ret, owner };
	struct cyrusdb *db = NULL;
	int rc = source_extract(source, i, &sink, e);

	*ret = (struct notes){ 0 };
	if (rc == 0 && bytes.len > 0 &&
	    cyrusdb_open_bytes(buf_text(&bytes), bytes.len, "cyrus.annotations", &db, NULL) == 0)
		annotations_each(db, NULL, on_note, &r, NULL);
	cyrusdb_close(db);
	buf_done(&bytes);
	return rc;
}

/* ---- plan ---- */

static bool is_appended(const struct restore_merge *m, uint32_t uid)
{
	size_t at = side_find(m, uid);

	return at < m->n && m->append[at];
}

int plan_append_notes(struct planning *g, size_t item_index, struct err *e)
{
	const struct restore_item *item = &g->plan->items[item_index];
	char *owner = mboxname_user(item->name);
	struct buf shown = BUF_INIT;
	struct notes notes;
	size_t n = 0;
	char count[40];
	int rc = 0;

	if (restore_wants(&g->plan->request, RESTORE_ANNOTATIONS))
		rc = notes_read(g->source, item->source_index, owner, &notes, e);
	else
		notes = (struct notes){ 0 };
	for (size_t i = 0; i < notes.n && rc == 0; i++)
		n += item->merge->cut_off || is_appended(item->merge, notes.list[i].uid);
	mboxname_display(g->server->conf, item->name, &shown);
	str_count(count, sizeof count, n, "annotation", "annotations");
	if (n > 0 && !cyrus_version_at_least(g->server->version, 2, 5))
		plan_note(g, "%s: %s of messages are left out: this server has none of these",
		    buf_text(&shown), count);
	else if (n > 0)
		plan_step(g, STEP_NOTES, item_index, "%s: set %s of messages again", buf_text(&shown), count);
	notes_done(&notes);
	buf_done(&shown);
	free(owner);
	return rc;
}

/* ---- run ---- */

static int by_archive_uid(const void *a, const void *b)
{
	uint32_t x = ((const struct state_pair *)a)->was->uid, y = ((const struct state_pair *)b)->was->uid;

	return x < y ? -1 : x > y;
}

/* The UID that an appended message has now; 0: it is none of those. The pairs ascend by the archive's UID. */
static uint32_t live_uid(const struct state_box *box, uint32_t was)
{
	size_t low = 0, high = box->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (box->pairs[mid].was->uid < was)
			low = mid + 1;
		else
			high = mid;
	}
	return low < box->n && box->pairs[low].was->uid == was ? box->pairs[low].is->uid : 0;
}

static int set_note(struct run *r, struct imap *im, uint32_t uid, const struct note *note, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	char words[32];
	struct err why;
	int rc;

	snprintf(words, sizeof words, "%u", uid);
	imap_cmd_raw(&c, "UID STORE");
	imap_cmd_raw(&c, words);
	imap_cmd_raw(&c, "ANNOTATION (");
	imap_cmd_raw(&c, note->entry);
	imap_cmd_raw(&c, *note->user != '\0' ? "(value.priv" : "(value.shared");
	imap_cmd_bytes(&c, note->value, note->len);
	imap_cmd_join(&c, "))");
	rc = imap_run(im, &c, NULL, &why);
	imap_cmd_done(&c);
	if (rc == -1 && why.code == ERR_TOOL) {
		run_warn(r, note->entry, &why);
		return 0;
	}
	if (rc == -1 && e != NULL)
		*e = why;
	return rc;
}

/* Those of ${user} ("": the shared ones) over ${im}. */
static int set_all(struct run *r, struct imap *im, const char *name, const struct state_box *box,
    const struct notes *notes, const char *user, struct err *e)
{
	int rc = imap_select(im, name, false, NULL, e);

	if (rc == 0 && !imap_has(im, "ANNOTATE-EXPERIMENT-1"))
		return err_set(e, ERR_UNSUPPORTED, "this IMAP server has no annotations of messages");
	for (size_t i = 0; i < notes->n && rc == 0; i++) {
		uint32_t uid = strcmp(notes->list[i].user, user) == 0 ? live_uid(box, notes->list[i].uid) : 0;

		if (uid != 0)
			rc = job_cancelled(r->job, e) ? -1 : set_note(r, im, uid, &notes->list[i], e);
	}
	return rc;
}

static int set_as_user(struct run *r, const struct state_box *box, const struct notes *notes,
    const char *user, bool shared_too, struct err *e)
{
	struct buf name = BUF_INIT;
	struct imap *im = NULL;
	int rc = server_imap(r->server, user, r->job, &im, e);

	plan_name_as(r->server->conf, box->entry->name, user, &name);
	if (rc == 0 && shared_too)
		rc = set_all(r, im, buf_text(&name), box, notes, "", e);
	if (rc == 0)
		rc = set_all(r, im, buf_text(&name), box, notes, user, e);
	imap_logout(im);
	buf_done(&name);
	return rc;
}

static int set_shared(struct run *r, const struct state_box *box, const struct notes *notes, struct err *e)
{
	struct rights rights;
	struct err why;
	int rc = rights_get(r->server, box->entry, r->journal, r->job, &rights, e);

	if (rc == 0)
		rc = set_all(r, rights.im, buf_text(&rights.name), box, notes, "", e);
	if (rights_give_back(&rights, rc == 0 ? e : &why) == -1)
		rc = -1;
	return rc;
}

/* The first note of a user has not been met before. */
static bool is_first(const struct notes *notes, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(notes->list[i].user, notes->list[at].user) == 0)
			return false;
	return true;
}

static int set_notes(struct run *r, const struct state_box *box, const struct notes *notes, struct err *e)
{
	int rc = box->owner != NULL ? set_as_user(r, box, notes, box->owner, true, e)
	                            : set_shared(r, box, notes, e);

	for (size_t i = 0; i < notes->n && rc == 0; i++) {
		const char *user = notes->list[i].user;

		if (*user != '\0' && (box->owner == NULL || strcmp(user, box->owner) != 0) &&
		    is_first(notes, i))
			rc = set_as_user(r, box, notes, user, false, e);
	}
	return rc;
}

int state_run_notes(struct run *r, const struct restore_step *s, struct err *e)
{
	const struct restore_item *item = &r->plan->items[s->item];
	struct state_box box = { 0 };
	struct mboxlist *list = NULL;
	struct notes notes = { 0 };
	int rc = server_list(r->server, &list, e);

	if (rc == 0)
		rc = state_appended_open(r, item, list, &box, e);
	if (rc == 0)
		rc = notes_read(r->plan->source, item->source_index, box.owner, &notes, e);
	if (rc == 0 && box.n > 1)
		qsort(box.pairs, box.n, sizeof *box.pairs, by_archive_uid);
	if (rc == 0)
		rc = set_notes(r, &box, &notes, e);
	notes_done(&notes);
	state_box_done(&box);
	mboxlist_free(list);
	return rc == -1 ? err_wrap(e, "mailbox %s", item->name) : 0;
}
