/* keep_plan.c: whether messages can come back under their old UIDs. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/quiesce.h"
#include "cyrus/userdata.h"
#include "restore/compare.h"
#include "restore/keep.h"
#include "restore/plan.h"

enum { FIRST_MINOR = 12, LAST_MINOR = 19 }; /* with CRCs and GUIDs; written by mailbox_write.h */

/* By more than this nobody's UIDNEXT is behind; an archive may say what it likes, and UIDs would run out. */
#define UID_LEAP (1u << 24)

static bool has_name(const struct mailbox_header *h, const char *name)
{
	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++)
		if (h->flag_names[i] != NULL && strcasecmp(h->flag_names[i], name) == 0)
			return true;
	return false;
}

/* Keywords of the messages that the live mailbox does not know yet. */
static unsigned count_new(const struct restore_merge *merge, const struct source_messages *m,
    const struct mailbox_header *live, const char *mark)
{
	uint32_t used[4] = { 0 };
	unsigned n = mark != NULL && !has_name(live, mark);

	for (size_t i = 0; i < merge->n; i++) {
		const struct index_record *r = mailbox_index_find(m->index, merge->archive[i].uid);

		for (int k = 0; r != NULL && merge->append[i] && k < 4; k++)
			used[k] |= r->user_flags[k];
	}
	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++)
		n += (used[i / 32] >> i % 32 & 1) != 0 && m->header->flag_names[i] != NULL &&
		     !has_name(live, m->header->flag_names[i]);
	return n;
}

static unsigned count_free(const struct mailbox_header *h)
{
	unsigned n = 0;

	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++)
		n += h->flag_names[i] == NULL;
	return n;
}

static char *why_not_message(
    const struct match_message *a, const struct source_messages *m, const struct live_mailbox *l)
{
	const struct index_record *r = mailbox_index_find(m->index, a->uid);
	const struct index_record *there = mailbox_index_find(l->index, a->uid);
	size_t start, len;
	struct err why;

	if (r == NULL || !r->crc_ok || !r->has_guid)
		return mem_printf("the archive's record of message %u is damaged", a->uid);
	if (r->uid > m->index->h.last_uid ||
	    (r->uid > l->index->h.last_uid && r->uid - l->index->h.last_uid > UID_LEAP))
		return mem_printf("UID %u is out of all proportion", r->uid);
	if (r->flags & FLAG_ARCHIVED)
		return mem_printf("message %u was on an archive partition", a->uid);
	if (mailbox_cache_record((const uint8_t *)buf_text(&m->cache), m->cache.len, m->index->h.generation,
		r, &start, &len, &why) == -1)
		return mem_printf("the archive's cyrus.cache: %s", why.msg);
	if (there != NULL && index_record_visible(there))
		return mem_printf("UID %u is another message's by now", a->uid);
	if (there != NULL && !compare_same_message(r, there))
		return mem_printf("UID %u was another message's", a->uid);
	return NULL;
}

char *keep_why_not(const struct restore_item *item, const struct source_messages *m,
    const struct live_mailbox *l, const char *mark)
{
	const struct restore_merge *merge = item->merge;
	const struct index_header *a = &m->index->h, *b = &l->index->h;
	unsigned n_new;
	char *why = NULL;

	if (merge->recreated)
		return mem_strdup("it is another mailbox");
	if (a->uidvalidity != b->uidvalidity)
		return mem_printf("its UIDVALIDITY was %u, and is %u", a->uidvalidity, b->uidvalidity);
	if (a->minor != b->minor || a->record_size != b->record_size)
		return mem_printf("its index had version %u, and has %u", a->minor, b->minor);
	if (b->minor < FIRST_MINOR || b->minor > LAST_MINOR)
		return mem_printf("its index has version %u", b->minor);
	if (l->header == NULL || !l->has_cache || l->index->n_bad_crc > 0 || l->index->n_bad_uid > 0)
		return mem_strdup("it is damaged: run reconstruct first");
	n_new = count_new(merge, m, l->header, mark);
	if (n_new > count_free(l->header))
		return mem_printf("it has no room for %u more keywords", n_new);
	for (size_t i = 0; i < merge->n && why == NULL; i++)
		if (merge->append[i])
			why = why_not_message(&merge->archive[i], m, l);
	return why;
}

/* What has nothing to do with the messages. */
static char *why_not_server(const struct planning *g)
{
	const struct imapd_conf *conf = g->server->conf;
	struct quiesce *q = NULL;
	struct err why;
	bool held;

	if (imapd_conf_switch(conf, "conversations", false))
		return mem_strdup("conversations are on, and would not know of them");
	if (imapd_conf_switch(conf, "statuscache", false))
		return mem_strdup("statuscache is on, and would not know of them");
	if (imapd_conf_switch(conf, "sync_log", false))
		return mem_strdup(
		    "the server is replicated (sync_log), and its replicas have let these UIDs go");
	if (quiesce_open(conf, g->server->version, &q, &why) == -1)
		return mem_strdup(why.msg);
	held = quiesce_level(q) == QUIESCE_USER;
	quiesce_free(q);
	return held ? NULL : mem_strdup("this server cannot be held user by user (Cyrus 3.4 can)");
}

static int is_of_missing(void *arg, const struct annotation *a, struct err *e)
{
	const struct restore_merge *merge = arg;
	char digits[16];
	uint64_t uid;

	(void)e;
	snprintf(digits, sizeof digits, "%.*s", (int)(a->mboxkey_len < 15 ? a->mboxkey_len : 15), a->mboxkey);
	for (size_t i = 0;
	     str_u64(digits, UINT32_MAX, &uid) == 0 && i < merge->n && merge->archive[i].uid <= uid; i++)
		if (merge->archive[i].uid == uid)
			return merge->append[i];
	return 0;
}

/* Those of messages that are still kept as expunged ones count again once they are back. What cannot be read may be such. */
static bool has_annotations(
    const struct planning *g, const struct mailbox_entry *entry, struct restore_merge *merge)
{
	struct buf path = BUF_INIT;
	struct cyrusdb *db = NULL;
	bool yes = false;

	if (server_mailbox_dir(g->server, entry, META_ANNOTATIONS, &path, NULL) == 0) {
		buf_str(&path, "/cyrus.annotations");
		yes = access(buf_text(&path), F_OK) == 0;
	}
	if (yes && cyrusdb_open(AT_FDCWD, buf_text(&path), &db, NULL) == 0)
		yes = annotations_each(db, NULL, is_of_missing, merge, NULL) != 0;
	cyrusdb_close(db);
	buf_done(&path);
	return yes;
}

int plan_keep(struct planning *g, struct restore_item *item, const struct mailbox_entry *entry,
    const struct live_mailbox *l, struct err *e)
{
	struct source_messages *m = NULL;
	char *why_not, *words;

	if ((g->plan->request.mode != RESTORE_KEEP_UIDS && g->plan->request.mode != RESTORE_REPLACE) ||
	    item->merge == NULL || item->merge->n_append == 0 || item->merge->expunged)
		return 0;
	why_not = why_not_server(g);
	if (why_not == NULL && source_load(g->source, item->source_index, true, &m, e) == -1)
		return -1;
	if (why_not == NULL)
		why_not = keep_why_not(item, m, l, g->plan->request.mark);
	item->merge->keep = why_not == NULL;
	item->merge->annotated = has_annotations(g, entry, item->merge);
	words = why_not == NULL ? mem_printf("%s; they get their UIDs again", item->why)
	                        : mem_printf("%s; they get new UIDs: %s", item->why, why_not);
	free(item->why);
	item->why = words;
	free(why_not);
	source_messages_free(m);
	return 0;
}

void plan_keep_step(struct planning *g, size_t i)
{
	struct restore_item *item = &g->plan->items[i];
	const struct restore_merge *m = item->merge;
	struct buf shown = BUF_INIT;
	char size[16], n[40];
	struct restore_step *s;

	mboxname_display(g->server->conf, item->name, &shown);
	plan_step(g, STEP_KEEP, i, "put %s (%s) back into %s under %s old UIDs%s%s",
	    str_count(n, sizeof n, m->n_append, "message", "messages"),
	    str_size(size, sizeof size, m->append_bytes), buf_text(&shown),
	    m->n_append == 1 ? "its" : "their", g->plan->request.mark != NULL ? ", marked " : "",
	    g->plan->request.mark != NULL ? g->plan->request.mark : "");
	g->plan->bytes += m->append_bytes;
	if (m->annotated) {
		s = plan_step(
		    g, STEP_RECONSTRUCT, i, "let the server count the annotations of %s again", item->name);
		s->command = mem_printf("reconstruct -C %s %s", g->server->conf->path, item->name);
	}
	plan_sessions(g, i, SESSION_DROPPED);
	buf_done(&shown);
}
