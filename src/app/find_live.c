/* find_live.c: the same search on the live server, and which of the messages found are still there. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "app/find_fill.h"
#include "app/find_impl.h"
#include "app/names.h"
#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"
#include "restore/live.h"

#define CACHE_MAX ((size_t)2048 << 20)

struct look {
	const struct find_request *r;
	const struct find_match *match;
	struct catalogue *catalogue;
	struct candidates *l;
	size_t *table;   /* of candidates, by GUID: 0 or index + 1 */
	size_t table_size;
	struct server *server;
	const struct names *names;
	/* The mailbox at hand. */
	const struct mailbox_entry *entry;
	const struct live_mailbox *mailbox;
	struct buf cache;
	bool cache_read;
	struct buf text;
};

/* ---- candidates by GUID ---- */

static struct candidate *find_candidate(const struct look *k, const uint8_t guid[SHA1_SIZE])
{
	for (size_t at = be32(guid) & (k->table_size - 1); k->table[at] != 0; at = (at + 1) & (k->table_size - 1)) {
		struct candidate *c = &k->l->list[k->table[at] - 1];

		if (memcmp(c->guid, guid, SHA1_SIZE) == 0)
			return c;
	}
	return NULL;
}

static void enter(struct look *k, size_t i)
{
	size_t at = be32(k->l->list[i].guid) & (k->table_size - 1);

	while (k->table[at] != 0)
		at = (at + 1) & (k->table_size - 1);
	k->table[at] = i + 1;
}

static void make_table(struct look *k)
{
	free(k->table);
	for (k->table_size = 1024; k->table_size < 4 * k->l->n;)
		k->table_size *= 2;
	k->table = mem_array(k->table_size, sizeof *k->table);
	for (size_t i = 0; i < k->l->n; i++)
		enter(k, i);
}

/* ---- a message ---- */

static bool had_it(const struct find_mail *mail, const char *mailbox)
{
	for (size_t i = 0; i < mail->n; i++)
		if (mail->places[i].archive != NULL && strcmp(mail->places[i].mailbox, mailbox) == 0)
			return true;
	return false;
}

static void note_live(const struct look *k, struct candidate *c, const struct index_record *r)
{
	struct find_mail *mail = c->mail;
	enum find_live now = !index_record_visible(r)              ? FIND_EXPUNGED
	                     : had_it(mail, k->entry->name) ? FIND_THERE
	                                                    : FIND_ELSEWHERE;
	struct buf shown = BUF_INIT;

	if (!live_has_file(k->mailbox, r->uid) || now >= mail->live)
		return;
	mail->live = now;
	free(mail->live_shown);
	names_show(k->names, k->entry->name, &shown);
	mail->live_shown = buf_steal(&shown);
}

static void add_place(const struct look *k, struct candidate *c, const struct index_record *r)
{
	struct find_place *p = find_add_place(c->mail);
	struct buf shown = BUF_INIT;

	names_show(k->names, k->entry->name, &shown);
	*p = (struct find_place){ .mailbox = mem_strdup(k->entry->name),
		.shown = buf_steal(&shown),
		.uid = r->uid,
		.expunged = !index_record_visible(r) };
}

/* The message's texts as the live cache has them; a cache that does not tell gives empty ones. */
static void read_texts(struct look *k, const struct index_record *r, struct catalogue_mail *ret)
{
	struct envelope env = { 0 };
	struct buf dir = BUF_INIT;
	bool have;

	if (!k->cache_read && server_mailbox_dir(k->server, k->entry, META_CACHE, &dir, NULL) == 0) {
		buf_str(&dir, "/cyrus.cache");
		io_read_file(AT_FDCWD, buf_text(&dir), CACHE_MAX, &k->cache, NULL);
	}
	k->cache_read = true;
	have = k->cache.len > 0 && mailbox_cache_envelope((const uint8_t *)k->cache.data, k->cache.len,
	                               k->mailbox->index->h.generation, r, &env, NULL) == 0;
	find_texts(&env, r, ret, &k->text);
	if (have)
		envelope_done(&env);
	buf_done(&dir);
}

/* Searched in as the catalogue keeps it. */
static bool fits(struct look *k, struct catalogue_mail *mail)
{
	char *from = find_fold(mail->from), *to = find_fold(mail->to), *subject = find_fold(mail->subject);
	struct catalogue_mail folded = *mail;
	bool ret;

	folded.search_from = from;
	folded.search_to = to;
	folded.search_subject = subject;
	ret = find_matches(k->match, &folded);
	free(from);
	free(to);
	free(subject);
	return ret;
}

static int look_at(struct look *k, const struct index_record *r, bool mailbox_wanted, struct err *e)
{
	struct candidate *c = r->has_guid ? find_candidate(k, r->guid) : NULL;
	struct catalogue_mail mail;
	int known = 0;

	if (c == NULL && !mailbox_wanted)
		return 0;
	/* What the catalogue knows was compared already; but it may have been in other mailboxes than are asked for. */
	if (c == NULL && r->has_guid && k->r->mailbox == NULL &&
	    (known = catalogue_mail_known(k->catalogue, r->guid, e)) != 0)
		return known == -1 ? -1 : 0;
	if (c == NULL) {
		read_texts(k, r, &mail);
		c = find_candidate(k, mail.guid);
	}
	if (c == NULL) {
		if (!live_has_file(k->mailbox, r->uid) || !fits(k, &mail))
			return 0;
		c = candidates_add(k->l, 0, &mail);
		find_set_texts(c->mail, &mail);
		c->mail->live = FIND_MISSING;
		if (k->l->n * 2 > k->table_size)
			make_table(k);
		else
			enter(k, k->l->n - 1);
	}
	note_live(k, c, r);
	if (c->id == 0)
		add_place(k, c, r);
	return 0;
}

static int look_into(struct look *k, const struct mailbox_entry *entry, struct err *e)
{
	struct live_mailbox *mailbox;
	bool wanted = k->r->archive == NULL &&
	              (k->r->mailbox == NULL || names_match(k->names, entry->name, k->r->mailbox));
	int rc = 0;

	if (!mailbox_entry_has_directory(entry) || live_load(k->server, entry, &mailbox, NULL) == -1)
		return 0;
	k->entry = entry;
	k->mailbox = mailbox;
	k->cache_read = false;
	buf_clear(&k->cache);
	for (size_t i = 0; mailbox->index != NULL && i < mailbox->index->n && rc == 0; i++)
		if (index_record_has_file(&mailbox->index->records[i]))
			rc = look_at(k, &mailbox->index->records[i], wanted, e);
	live_free(mailbox);
	return rc;
}

int find_look_live(const struct find_request *r, const struct find_match *m, struct catalogue *c, struct candidates *l,
    struct job *job, struct err *e)
{
	struct look k = { .r = r, .match = m, .catalogue = c, .l = l };
	struct names names;
	struct mboxlist *list = NULL;
	int rc = app_server(r->app, r->server, &k.server, e);

	if (rc == -1)
		return -1;
	names = (struct names){ .conf = k.server->conf };
	k.names = &names;
	job_step(job, "look through the live server");
	for (size_t i = 0; i < l->n; i++)
		l->list[i].mail->live = FIND_MISSING;
	make_table(&k);
	rc = server_list(k.server, &list, e);
	for (size_t i = 0; rc == 0 && i < list->n; i++)
		rc = job_cancelled(job, e) ? -1 : look_into(&k, &list->entries[i], e);
	mboxlist_free(list);
	server_free(k.server);
	buf_done(&k.cache);
	buf_done(&k.text);
	free(k.table);
	return rc;
}
