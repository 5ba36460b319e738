/* keep_proof.c: messages that came back are there under their old UIDs, as the archive has them. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "restore/compare.h"
#include "restore/keep.h"
#include "restore/plan.h"

static bool is_kept(const struct restore_merge *merge, const struct mailbox_index *live, size_t i)
{
	const struct index_record *r =
	    merge->append[i] ? mailbox_index_find(live, merge->archive[i].uid) : NULL;

	return r != NULL && index_record_visible(r) && r->has_guid &&
	       memcmp(r->guid, merge->archive[i].guid, SHA1_SIZE) == 0;
}

/* The archive does not know the mark: it makes no difference. */
static void forget_mark(struct compare_live *l, const char *mark)
{
	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++) {
		const char *name = l->mailbox->header != NULL ? l->mailbox->header->flag_names[i] : NULL;

		if (name != NULL && strcasecmp(name, mark) == 0)
			l->compared_live[i / 32] &= ~(1u << i % 32);
	}
}

/* Those that we have put there, and that nobody has changed since, have the flags of the archive. */
static int flags_hold(const struct restore_item *item, const struct source_messages *m,
    const struct compare_live *l, struct buf *why)
{
	const struct restore_merge *merge = item->merge;

	for (size_t i = 0; i < merge->n; i++) {
		const struct index_record *r = mailbox_index_find(l->mailbox->index, merge->archive[i].uid);
		const struct index_record *a = mailbox_index_find(m->index, merge->archive[i].uid);

		if (a == NULL || !is_kept(merge, l->mailbox->index, i) || merge->keep_modseq == 0 ||
		    r->modseq <= merge->keep_modseq || r->modseq > merge->keep_modseq + merge->n_append)
			continue;
		if (!compare_same_flags(l, m, a, r)) {
			buf_printf(why, "message %u has other flags than in the archive", a->uid);
			return 0;
		}
	}
	return 1;
}

struct showing {
	const struct restore_merge *merge;
	bool *shown; /* of each message of merge->archive */
};

static int on_fetch(void *arg, const struct imap_response *response, struct err *e)
{
	struct showing *s = arg;
	const struct imap_value *v = NULL;
	size_t low = 0, high = s->merge->n;

	(void)e;
	if (strcmp(response->name, "FETCH") == 0 && response->args.n > 0)
		v = imap_value_pair(&response->args.items[0], "UID");
	while (v != NULL && low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->merge->archive[mid].uid < v->number)
			low = mid + 1;
		else
			high = mid;
	}
	if (v != NULL && low < s->merge->n && s->merge->archive[low].uid == v->number)
		s->shown[low] = true;
	return 0;
}

/* Asked as the owner; what he may not see, or the administrator in a shared mailbox, is left to the files. */
static int shown_by_imap(struct server *server, const struct restore_item *item,
    const struct mailbox_index *live, struct imap *im, struct buf *why, struct err *e)
{
	const struct restore_merge *merge = item->merge;
	struct showing s = { merge, mem_array(merge->n + 1, sizeof *s.shown) };
	char *owner = mboxname_user(item->name), *fetch;
	struct imap_cmd c = IMAP_CMD_INIT;
	struct buf name = BUF_INIT;
	struct err no;
	int rc;

	plan_name_as(server->conf, item->name, owner, &name);
	rc = imap_select(im, buf_text(&name), true, NULL, &no);
	if (rc == 0 && merge->n > 0) {
		fetch = mem_printf(
		    "UID FETCH %u:%u (UID)", merge->archive[0].uid, merge->archive[merge->n - 1].uid);
		imap_cmd_raw(&c, fetch);
		rc = imap_run_each(im, &c, on_fetch, &s, &no);
		imap_cmd_done(&c);
		free(fetch);
		if (rc == 0)
			rc = 1;
		for (size_t i = 0; i < merge->n && rc == 1; i++)
			if (is_kept(merge, live, i) && !s.shown[i]) {
				buf_printf(why, "over IMAP message %u is not shown", merge->archive[i].uid);
				rc = 0;
			}
	} else if (rc == 0 || no.code == ERR_TOOL || no.code == ERR_NOT_FOUND) {
		rc = 1;
	}
	if (rc == -1 && e != NULL)
		*e = no;
	buf_done(&name);
	free(s.shown);
	free(owner);
	return rc;
}

int keep_prove(struct server *server, struct source *source, const struct restore_item *item,
    const char *mark, struct imap *im, struct buf *why, struct err *e)
{
	struct source_messages *m = NULL;
	struct mboxlist *list = NULL;
	struct compare_live l = { 0 };
	const struct mailbox_entry *entry;
	int rc = -1;

	if (server_list(server, &list, e) == 0 &&
	    source_load(source, item->source_index, false, &m, e) == 0) {
		entry = mboxlist_find(list, item->name);
		rc = entry != NULL && mailbox_entry_has_directory(entry)
		         ? compare_live_open(server, entry, m, &l, e)
		         : 0;
		if (rc == 0)
			buf_str(why, "it is not there, or its index cannot be read");
	}
	if (rc == 1 && mark != NULL)
		forget_mark(&l, mark);
	if (rc == 1)
		rc = flags_hold(item, m, &l, why);
	if (rc == 1 && im != NULL)
		rc = shown_by_imap(server, item, l.mailbox->index, im, why, e);
	compare_live_done(&l);
	source_messages_free(m);
	mboxlist_free(list);
	return rc;
}
