/* rights.c: a connection for one mailbox, and the rights it needs. */
#include "restore/rights.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/plan.h"

/* Read and insert, flags and \Seen, delete and expunge: as nobody would give them by hand, so that they are known again. */
#define GRANTED "lrswite"

static const char *rights_of(const struct mailbox_entry *entry, const char *who)
{
	for (size_t i = 0; i < entry->n_acl; i++)
		if (strcmp(entry->acl[i].user, who) == 0)
			return entry->acl[i].rights;
	return "";
}

static bool has_all(const char *has, const char *needed)
{
	for (; *needed != '\0'; needed++)
		if (strchr(has, *needed) == NULL)
			return false;
	return true;
}

bool rights_same(const char *a, const char *b)
{
	return has_all(a, b) && has_all(b, a);
}

/* What he had before a run that was cut off, heap; NULL: there was none. */
static char *remembered(struct journal *journal, const char *mailbox, const char *uniqueid, const char *who)
{
	struct journal_log log;
	char *found = NULL;

	if (journal_read(journal_path(journal), &log, NULL) == -1)
		return NULL;
	for (size_t i = 0; i < log.n; i++)
		if (log.records[i].kind == JOURNAL_RIGHTS && strcmp(log.records[i].uniqueid, uniqueid) == 0 &&
		    (*uniqueid != '\0' || strcmp(log.records[i].mailbox, mailbox) == 0) &&
		    strcmp(log.records[i].who, who) == 0) {
			free(found);
			found = mem_strdup(log.records[i].rights);
		}
	journal_log_done(&log);
	return found;
}

/* Groups and negative rights are not reckoned with: giving too much for a moment does no harm. */
static int grant(struct rights *r, struct journal *journal, struct err *e)
{
	const char *who = r->server->imap_admin, *has = rights_of(r->entry, who);
	const char *id = r->entry->uniqueid != NULL ? r->entry->uniqueid : "";
	struct journal_record record = {
		.kind = JOURNAL_RIGHTS, .mailbox = r->entry->name, .uniqueid = id, .who = who, .rights = has
	};

	if (rights_same(has, GRANTED)) {
		r->before = remembered(journal, r->entry->name, id, who);
		return 0;
	}
	if (has_all(has, GRANTED))
		return 0;
	if (journal_add(journal, &record, e) == -1)
		return -1;
	r->before = mem_strdup(has);
	return imap_setacl(r->im, buf_text(&r->name), who, GRANTED, e);
}

int rights_get(struct server *server, const struct mailbox_entry *entry, struct journal *journal,
    struct job *job, struct rights *ret, struct err *e)
{
	*ret = (struct rights){ .server = server, .entry = entry, .job = job };
	ret->owner = mboxname_user(entry->name);
	plan_name_as(server->conf, entry->name, ret->owner, &ret->name);
	if (rights_imap(ret, e) == NULL)
		return -1;
	if (!imap_has(ret->im, "UIDPLUS"))
		return err_set(
		    e, ERR_UNSUPPORTED, "this IMAP server does not tell where a message went (UIDPLUS)");
	return ret->owner == NULL ? grant(ret, journal, e) : 0;
}

struct imap *rights_imap(struct rights *r, struct err *e)
{
	if (r->im == NULL && server_imap(r->server, r->owner, r->job, &r->im, e) == -1)
		return NULL;
	return r->im;
}

void rights_drop(struct rights *r)
{
	imap_close(r->im);
	r->im = NULL;
}

int rights_give_back(struct rights *r, struct err *e)
{
	struct imap *im;
	int rc = 0;

	if (r->before != NULL) {
		/* Also when the operator said stop. */
		rights_drop(r);
		r->job = NULL;
		im = rights_imap(r, e);
		rc = im != NULL ? imap_setacl(im, buf_text(&r->name), r->server->imap_admin, r->before, e)
		                : -1;
		if (rc == -1)
			err_wrap(e, "give the rights of %s on %s back as they were", r->server->imap_admin,
			    r->entry->name);
	}
	imap_logout(r->im);
	buf_done(&r->name);
	free(r->owner);
	free(r->before);
	*r = (struct rights){ 0 };
	return rc;
}
