/* find_body.c: look into messages themselves, each out of an archive that has it. */
#include <stdlib.h>
#include <string.h>

#include "app/find_impl.h"
#include "core/mem.h"
#include "cyrus/message.h"

/* Longer ones are looked at so far. */
#define MESSAGE_MAX ((size_t)64 << 20)

struct find_bodies {
	const struct find_request *r;
	const struct find_match *m;
	struct job *job;
	/* What is open: most messages of one search lie side by side. */
	char *archive, *mailbox;
	struct source *source;
	struct store *store;
	size_t at;
};

struct find_bodies *find_bodies_new(const struct find_request *r, const struct find_match *m, struct job *job)
{
	struct find_bodies *b = mem_alloc(sizeof *b);

	b->r = r;
	b->m = m;
	b->job = job;
	return b;
}

static void give_back(struct find_bodies *b)
{
	app_source_give(b->r->app, b->source, b->store);
	free(b->archive);
	free(b->mailbox);
	b->source = NULL;
	b->store = NULL;
	b->archive = b->mailbox = NULL;
}

void find_bodies_free(struct find_bodies *b)
{
	give_back(b);
	free(b);
}

static int take(struct find_bodies *b, const struct find_place *p, struct err *e)
{
	if (b->archive != NULL && strcmp(b->archive, p->archive) == 0 && strcmp(b->mailbox, p->mailbox) == 0)
		return 0;
	give_back(b);
	if (app_source_take_mailbox(b->r->app, p->archive, p->mailbox, b->job, &b->source, &b->store, e) == -1)
		return -1;
	b->archive = mem_strdup(p->archive);
	b->mailbox = mem_strdup(p->mailbox);
	b->at = source_find(b->source, p->mailbox);
	return b->at != (size_t)-1 ? 0 : err_set(e, ERR_NOT_FOUND, "%s does not hold it any more", p->archive);
}

int find_in_body(struct find_bodies *b, const struct find_mail *mail, struct err *e)
{
	const struct find_place *p = &mail->places[0];
	struct buf bytes = BUF_INIT;
	struct message *message;
	int rc;

	if (p->archive == NULL)
		return err_set(e, ERR_UNSUPPORTED, "only the live server has it: its text was not looked at");
	job_step(b->job, "text of messages in %s", p->archive);
	if (take(b, p, e) == -1) {
		give_back(b);
		return -1;
	}
	rc = source_read_message(b->source, b->at, p->uid, MESSAGE_MAX, &bytes, e);
	if (rc == 0) {
		message = message_open(bytes.data, bytes.len);
		rc = find_matches_text(b->m, message->text);
		message_free(message);
	}
	buf_done(&bytes);
	return rc;
}
