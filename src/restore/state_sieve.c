/* state_sieve.c: a user's sieve scripts in the archive, on the live server, and from the one to the other. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/fault.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/message.h"
#include "cyrus/sieve.h"
#include "restore/source_impl.h"
#include "restore/state.h"

/* sieve_maxscriptsize is 32 KB by default. */
#define SCRIPT_MAX  ((size_t)4 << 20)
#define SCRIPTS_MAX 1000
#define SUFFIX      ".script"

/* ---- lists ---- */

static bool is_name(const char *name)
{
	for (const char *s = name; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || *s == '/')
			return false;
	return *name != '\0' && strlen(name) < 256;
}

const struct state_script *state_script_find(const struct state_scripts *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	return NULL;
}

static void add(struct state_scripts *s, const char *name, const char *text, size_t n)
{
	if (!is_name(name) || s->n == SCRIPTS_MAX || state_script_find(s, name) != NULL)
		return;
	s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
	s->list[s->n] = (struct state_script){ .name = mem_strdup(name) };
	buf_add(&s->list[s->n++].text, text, n);
}

/* A message of #sieve: the subject is the name, the body the script. */
static void add_message(struct state_scripts *s, const struct buf *message)
{
	const char *body = message->len > 0 ? memmem(message->data, message->len, "\r\n\r\n", 4) : NULL;
	struct buf raw = BUF_INIT, name = BUF_INIT;

	if (body != NULL && message_raw_field(message->data, message->len, "Subject", &raw)) {
		message_header_decode(buf_text(&raw), raw.len, &name);
		body += 4;
		add(s, buf_text(&name), body, message->len - (size_t)(body - message->data));
	}
	buf_done(&raw);
	buf_done(&name);
}

/* "defaultbc" leads to "NAME.bc". */
static void set_active(struct state_scripts *s, const char *target)
{
	const char *base = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	size_t n = strlen(base);

	if (n > 3 && strcmp(base + n - 3, ".bc") == 0 && s->active == NULL)
		s->active = mem_strndup(base, n - 3);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct state_script *)a)->name, ((const struct state_script *)b)->name);
}

static void finish(struct state_scripts *s)
{
	if (s->n > 1)
		qsort(s->list, s->n, sizeof *s->list, by_name);
	if (s->active != NULL && state_script_find(s, s->active) == NULL) {
		free(s->active);
		s->active = NULL;
	}
}

void state_scripts_done(struct state_scripts *s)
{
	for (size_t i = 0; i < s->n; i++) {
		free(s->list[i].name);
		buf_done(&s->list[i].text);
	}
	free(s->list);
	free(s->active);
	*s = (struct state_scripts){ 0 };
}

static char *sieve_box(const char *userid)
{
	char *inbox = mboxname_inbox(userid), *name = mem_printf("%s.#sieve", inbox);

	free(inbox);
	return name;
}

/* ---- archive ---- */

struct gathering {
	struct state_scripts *scripts;
	bool files; /* scripts are wanted, not only which one is active */
	char *name; /* of the one that is being read; NULL: it is the link */
	struct buf text;
};

static int file_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct gathering *g = arg;
	const char *base = source_base(file->path);
	bool link = strcmp(base, "defaultbc") == 0;

	(void)e;
	if (file->role != ROLE_SIEVE || (!link && (!g->files || !str_ends(base, SUFFIX))))
		return 0;
	if (meta == NULL)
		return 1;
	if (meta->size > SCRIPT_MAX || (link ? !S_ISLNK(meta->mode) : !S_ISREG(meta->mode)))
		return 0;
	buf_clear(&g->text);
	free(g->name);
	g->name = link ? NULL : mem_strndup(base, strlen(base) - strlen(SUFFIX));
	return 1;
}

static int file_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(&((struct gathering *)arg)->text, p, n);
	return 0;
}

static int file_end(void *arg, struct err *e)
{
	struct gathering *g = arg;

	(void)e;
	if (g->name != NULL)
		add(g->scripts, g->name, buf_text(&g->text), g->text.len);
	else
		set_active(g->scripts, buf_text(&g->text));
	return 0;
}

static void file_abort(void *arg)
{
	(void)arg;
}

static int read_messages(struct source *source, size_t i, struct state_scripts *ret, struct err *e)
{
	struct source_messages *m;
	int rc = 0;

	if (source_load(source, i, false, &m, e) == -1)
		return -1;
	for (size_t k = 0; k < m->index->n && rc == 0; k++) {
		struct buf message = BUF_INIT;
		struct err why;

		if (index_record_visible(&m->index->records[k]) &&
		    compare_has_uid(m->uids, m->n_uids, m->index->records[k].uid)) {
			rc = source_read_message(
			    source, i, m->index->records[k].uid, SCRIPT_MAX, &message, &why);
			if (rc == 0)
				add_message(ret, &message);
			else if (why.code == ERR_CANCELLED && e != NULL)
				*e = why;
			rc = rc == -1 && why.code == ERR_CANCELLED ? -1 : 0;
		}
		buf_done(&message);
	}
	source_messages_free(m);
	return rc;
}

int state_scripts_archive(struct source *source, const char *userid, struct state_scripts *ret, struct err *e)
{
	char *box = sieve_box(userid);
	size_t i = source_find(source, box);
	struct gathering g = { .scripts = ret };
	struct file_sink sink = { &g, true, file_begin, file_data, file_end, file_abort };
	struct err why;
	int rc = 0;

	*ret = (struct state_scripts){ 0 };
	free(box);
	if (i != (size_t)-1 && source_mailbox(source, i)->has_files)
		rc = read_messages(source, i, ret, e);
	g.files = ret->n == 0;
	if (rc == 0 && source_extract_user(source, userid, &sink, &why) == -1 && why.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = why;
		rc = -1;
	}
	buf_done(&g.text);
	free(g.name);
	finish(ret);
	return rc == -1 ? err_wrap(e, "sieve scripts of %s", userid) : 0;
}

/* ---- live ---- */

static void read_live_messages(
    const struct server *server, const struct mailbox_entry *entry, struct state_scripts *ret)
{
	struct live_mailbox *l;

	if (live_load(server, entry, &l, NULL) == -1)
		return;
	for (size_t i = 0; l->index != NULL && i < l->index->n; i++) {
		struct buf message = BUF_INIT;
		char path[4200];

		snprintf(path, sizeof path, "%s/%u.", l->dir, l->index->records[i].uid);
		if (index_record_visible(&l->index->records[i]) &&
		    io_read_file(AT_FDCWD, path, SCRIPT_MAX, &message, NULL) == 0)
			add_message(ret, &message);
		buf_done(&message);
	}
	live_free(l);
}

static void read_live_files(const char *dir, bool files, struct state_scripts *ret)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	char target[PATH_MAX];
	ssize_t n;

	if (d == NULL)
		return;
	while (files && (de = readdir(d)) != NULL) {
		char *name = mem_strdup(de->d_name);
		struct buf text = BUF_INIT;

		if (str_ends(name, SUFFIX) && io_read_file(dirfd(d), name, SCRIPT_MAX, &text, NULL) == 0) {
			name[strlen(name) - strlen(SUFFIX)] = '\0';
			add(ret, name, buf_text(&text), text.len);
		}
		buf_done(&text);
		free(name);
	}
	n = readlinkat(dirfd(d), "defaultbc", target, sizeof target - 1);
	if (n > 0) {
		target[n] = '\0';
		set_active(ret, target);
	}
	closedir(d);
}

void state_scripts_live(const struct server *server, const struct mboxlist *live,
    const struct restore_plan *plan, const char *userid, struct state_scripts *ret)
{
	char *box = sieve_box(userid);
	const struct mailbox_entry *entry = mboxlist_find(live, box);
	struct buf dir = BUF_INIT;

	*ret = (struct state_scripts){ 0 };
	if (entry != NULL && mailbox_entry_has_directory(entry))
		read_live_messages(server, entry, ret);
	if (restore_user_path(server, live, plan, USER_SIEVE_DIR, userid, &dir, NULL) == 0)
		read_live_files(buf_text(&dir), ret->n == 0, ret);
	finish(ret);
	buf_done(&dir);
	free(box);
}

/* ---- plan ---- */

static bool same_text(const struct state_script *a, const struct state_script *b)
{
	return a != NULL && b != NULL && a->text.len == b->text.len &&
	       (a->text.len == 0 || memcmp(a->text.data, b->text.data, a->text.len) == 0);
}

static bool same_active(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void put_words(const struct state_scripts *was, const struct state_scripts *is, struct buf *b)
{
	for (int gone = 1; gone >= 0; gone--)
		for (size_t i = 0, n = 0; i < was->n; i++) {
			const struct state_script *there = state_script_find(is, was->list[i].name);

			if (same_text(&was->list[i], there) || (there == NULL) != (gone == 1))
				continue;
			if (n++ == 0)
				buf_printf(b, "%s%s ", b->len > 0 ? "; " : "",
				    gone ? "put back" : "put as in the archive");
			else
				buf_str(b, ", ");
			buf_str(b, was->list[i].name);
		}
	if (same_active(was->active, is->active))
		return;
	buf_str(b, b->len > 0 ? "; " : "");
	if (was->active != NULL)
		buf_printf(b, "make %s the active one", was->active);
	else
		buf_str(b, "make none the active one");
}

int state_plan_sieve(struct planning *g, const char *userid, struct err *e)
{
	struct state_scripts was, is;
	struct buf words = BUF_INIT;
	struct restore_step *s;

	if (state_scripts_archive(g->source, userid, &was, e) == -1) {
		state_scripts_done(&was);
		return -1;
	}
	state_scripts_live(g->server, g->live, g->plan, userid, &is);
	if (was.n > 0)
		put_words(&was, &is, &words);
	if (words.len > 0 && g->server->sieve_address == NULL) {
		plan_note(g,
		    "sieve scripts of %s differ from the archive's, but are left out: cyrus.conf starts no "
		    "timsieved that can be reached from here",
		    userid);
	} else if (words.len > 0) {
		s = plan_step(g, STEP_SIEVE, (size_t)-1, "sieve scripts of %s: %s", userid, buf_text(&words));
		s->detail = mem_strdup(userid);
		s->command = mem_printf("ManageSieve as %s: PUTSCRIPT, SETACTIVE", userid);
	}
	state_scripts_done(&was);
	state_scripts_done(&is);
	buf_done(&words);
	return 0;
}

/* ---- run ---- */

static int remember(struct run *r, const char *what, const char *key, const struct buf *before,
    const struct buf *after, struct err *e)
{
	struct journal_record record = {
		.kind = JOURNAL_CHANGING, .what = what, .mailbox = "", .uniqueid = "", .key = key
	};

	if (before != NULL) {
		record.before = buf_text(before);
		record.before_len = before->len;
	}
	if (after != NULL) {
		record.after = buf_text(after);
		record.after_len = after->len;
	}
	if (r->journal != NULL && journal_add(r->journal, &record, e) == -1)
		return -1;
	return fault_point("state-change", e);
}

static int put_script(
    struct run *r, struct sieve *sieve, const char *userid, const struct state_script *s, struct err *e)
{
	struct buf is = BUF_INIT;
	char *key = mem_printf("%s %s", userid, s->name);
	int there = sieve_get(sieve, s->name, &is, e), rc = there == -1 ? -1 : 0;

	if (rc == 0 && (there == 0 || is.len != s->text.len ||
			   (is.len > 0 && memcmp(is.data, s->text.data, is.len) != 0))) {
		rc = remember(r, "sieve", key, there == 1 ? &is : NULL, &s->text, e);
		if (rc == 0)
			rc = sieve_put(sieve, s->name, buf_text(&s->text), s->text.len, e);
	}
	buf_done(&is);
	free(key);
	return rc;
}

static int put_active(struct run *r, struct sieve *sieve, const char *userid, const char *want, struct err *e)
{
	struct sieve_list l;
	struct buf before = BUF_INIT, after = BUF_INIT;
	int rc = sieve_names(sieve, &l, e);
	const char *is = rc == 0 && l.active != (size_t)-1 ? l.names[l.active] : NULL;

	if (rc == 0 && !same_active(want, is)) {
		buf_str(&before, is != NULL ? is : "");
		buf_str(&after, want != NULL ? want : "");
		rc = remember(r, "sieve-active", userid, &before, &after, e);
		if (rc == 0)
			rc = sieve_activate(sieve, buf_text(&after), e);
	}
	sieve_list_done(&l);
	buf_done(&before);
	buf_done(&after);
	return rc;
}

/* What the server gives out now. */
static int prove(struct run *r, struct sieve *sieve, const struct state_scripts *was, struct err *e)
{
	struct sieve_list l;
	size_t same = 0;
	int rc = 0;

	for (size_t i = 0; i < was->n && rc == 0; i++) {
		struct state_script is = { 0 };
		int there = sieve_get(sieve, was->list[i].name, &is.text, e);

		same += there == 1 && same_text(&was->list[i], &is);
		rc = there == -1 ? -1 : 0;
		buf_done(&is.text);
	}
	if (rc == 0 && (rc = sieve_names(sieve, &l, e)) == 0) {
		same += same_active(was->active, l.active != (size_t)-1 ? l.names[l.active] : NULL);
		sieve_list_done(&l);
		/* And which of them is active. */
		state_count(r, RESTORE_SIEVE, same, was->n + 1 - same);
	}
	return rc;
}

int state_run_sieve(struct run *r, const struct restore_step *s, struct err *e)
{
	struct state_scripts was;
	struct sieve *sieve = NULL;
	struct err why;
	int rc = state_scripts_archive(r->plan->source, s->detail, &was, e);

	if (rc == 0)
		rc = server_sieve(r->server, s->detail, r->job, &sieve, e);
	for (size_t i = 0; i < was.n && rc == 0; i++) {
		rc = put_script(r, sieve, s->detail, &was.list[i], &why);
		if (rc == -1 && why.code == ERR_TOOL) {
			/* A script that this server does not take, such as one with an extension it lacks. */
			run_warn(r, was.list[i].name, &why);
			rc = 0;
		} else if (rc == -1 && e != NULL) {
			*e = why;
		}
	}
	if (rc == 0)
		rc = put_active(r, sieve, s->detail, was.active, e);
	if (rc == 0)
		rc = prove(r, sieve, &was, e);
	sieve_close(sieve);
	state_scripts_done(&was);
	return rc == -1 ? err_wrap(e, "sieve scripts of %s", s->detail) : 0;
}
