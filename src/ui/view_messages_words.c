/* view_messages_words.c: what is said around the list of messages: counts, the pane at the right, why there is nothing. */
#include <string.h>

#include "core/clock.h"
#include "core/str.h"
#include "ui/view_messages_priv.h"

static void add_count(struct buf *b, size_t n, const char *what)
{
	if (n > 0)
		buf_printf(b, ", %zu %s", n, what);
}

void messages_status(struct view *v, struct buf *b)
{
	static const char *const shows[SHOWS] = { "", "[only what is lacking there] ",
		"[only what is not the same] " };
	const struct view_messages *m = (const struct view_messages *)v;
	const struct mails_facts *f = mails_facts(m->mails);
	char n[40];
	size_t row;

	if (m->loading && !f->complete && mails_n(m->mails) == 0) {
		buf_str(b, "reading the messages");
		return;
	}
	buf_str(b, shows[m->show]);
	buf_str(b, str_count(n, sizeof n, mails_n_archive(m->mails) - f->expunged, "message", "messages"));
	add_count(b, m->marks.n, "marked");
	add_count(b, f->n[MAIL_MISSING], "missing");
	add_count(b, f->n[MAIL_EXPUNGED], "expunged");
	add_count(b, f->n[MAIL_LOST], "file lost");
	add_count(b, f->n[MAIL_MOVED], "moved");
	add_count(b, f->n[MAIL_FLAGS], "other flags");
	add_count(b, f->n[MAIL_SEEN], "other \\Seen");
	add_count(b, f->n[MAIL_OTHER_UID], "other UID");
	add_count(b, f->only_live, "only live");
	add_count(b, f->expunged, "expunged here");
	add_count(b, f->lacking, "without a file");
	if (m->loading && m->fresh != NULL)
		buf_str(b, "; reading anew");
	else if (m->loading)
		buf_str(b, f->complete ? "; comparing" : "; reading");
	else if (f->why_not[0] != '\0')
		buf_printf(b, "; not compared: %s", f->why_not);
	else if (f->live_name[0] != '\0')
		buf_printf(b, "; there it is %s", f->live_name);
	/* Narrow rows have no room for it. */
	if (messages_selected(m, &row) != NULL && mails_place(m->mails, row)[0] != '\0')
		buf_printf(b, "; UID %u: %s", mails_row(m->mails, row)->uid, mails_place(m->mails, row));
}

void messages_empty(struct view *v, struct buf *b)
{
	const struct view_messages *m = (const struct view_messages *)v;
	const struct mails_facts *f = mails_facts(m->mails);

	if (m->failed.code != ERR_NONE)
		buf_printf(b, "The messages cannot be listed: %s.\n%s\nr tries again.", m->failed.msg,
		    m->failed.hint);
	else if (m->loading && !f->compared)
		return;
	else if (mails_n(m->mails) == 0)
		buf_str(b, "There is no message in this mailbox.");
	else if (m->view.list.filter != NULL)
		buf_str(b, "No message matches.");
	else if (f->why_not[0] != '\0')
		buf_printf(b, "The messages are not compared with the live server: %s.\nm shows all of them.",
		    f->why_not);
	else if (f->live_name[0] != '\0')
		buf_printf(b, "The mailbox is %s there, and has them all.\nR plans its restore, m goes on.",
		    f->live_name);
	else
		buf_printf(b, "%s.\nm shows %s.",
		    m->show == SHOW_LACKING ? "The live server lacks none of these messages"
					    : "All of these messages are the same on the live server",
		    m->show == SHOW_LACKING ? "what is not the same" : "all of them");
}

static void add_letters(struct text *t, const char *letters)
{
	static const struct {
		char letter;
		const char *word;
	} words[] = { { 'N', "not seen by the owner" }, { 'A', "answered" }, { 'F', "flagged" },
		{ 'D', "marked as deleted" }, { 'd', "draft" }, { '*', "other keywords" },
		{ 'x', "expunged already when the backup was taken" } };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strchr(letters, words[i].letter) != NULL)
			text_add(t, STYLE_NORMAL, 10, "  %c       %s", words[i].letter, words[i].word);
}

void messages_detail(struct view *v, struct text *t)
{
	const struct view_messages *m = (const struct view_messages *)v;
	const struct mails_facts *f = mails_facts(m->mails);
	size_t row;
	const struct mail *r = messages_selected(m, &row);
	struct buf words = BUF_INIT;
	char text[32];

	if (r == NULL)
		return;
	text_add(t, STYLE_HEAD, 0, "%s", mails_subject(m->mails, row));
	text_add(t, STYLE_NORMAL, 10, "from      %s", mails_from(m->mails, row));
	text_add(t, STYLE_NORMAL, 10, "arrived   %s", clock_local(text, sizeof text, r->internaldate));
	text_add(t, STYLE_NORMAL, 10, "size      %llu bytes", (unsigned long long)r->size);
	if (r->state != MAIL_ONLY_LIVE)
		text_add(t, STYLE_NORMAL, 10, "UID       %u", r->uid);
	if (r->live_uid != 0)
		text_add(t, STYLE_NORMAL, 10, "live UID  %u", r->live_uid);
	text_add(t, STYLE_NORMAL, 10, "flags     %s", r->letters[0] != '\0' ? r->letters : "none");
	add_letters(t, r->letters);
	if (!r->has_file && r->state != MAIL_ONLY_LIVE)
		text_add(t, STYLE_BAD, 10, "file      the archive knows this message, but does not hold it");
	text_add(t, STYLE_NORMAL, 0, "%s", "");
	mails_live_words(m->mails, row, &words);
	text_add(t, messages_state_style((enum mail_state)r->state), 10, "live      %s", buf_text(&words));
	buf_done(&words);
	if (f->live_name[0] != '\0')
		text_add(t, STYLE_NORMAL, 10, "          (compared with %s)", f->live_name);
	if (!f->has_cache)
		text_add(t, STYLE_DIM, 10,
		    "cache     the archive has no cyrus.cache of this mailbox: no senders and subjects");
}
