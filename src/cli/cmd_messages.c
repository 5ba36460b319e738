/* cmd_messages.c: cyrvault messages. */
#include "app/audit.h"
#include "app/mails.h"
#include "app/names.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/message.h"

#define LACKING_SHOWN 20

static const struct cli_option options[] = {
	{ "expunged", 0, OPTION_FLAG, offsetof(struct cli_args, expunged), NULL,
	    "also expunged messages that Cyrus had not removed yet" },
	{ "live", 0, OPTION_FLAG, offsetof(struct cli_args, live), NULL,
	    "compare each message with the running server" },
	{ "reason", 0, OPTION_TEXT, offsetof(struct cli_args, reason), "TEXT", "why, for the audit log" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "listed" },
	{ 1, "listed, but the archive lacks message files (which is said)" },
	{ 10, "no such archive or mailbox" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "uid", "UID", true, 0, false, 0 }, { "letters", "FLAGS", false, 0, false, 0 },
	{ "internaldate", "DATE", false, 0, false, 0 }, { "sender", "FROM", false, 14, false, 0 },
	{ "subject", "SUBJECT", false, 16, false, 0 }, { "size_bytes", "SIZE", true, 0, false, 0 },
	{ "live", "LIVE", false, 0, false, 0 }, /* with --live */
	{ "file", "FILE", false, 0, false, 0 }, /* where something is missing */
};

#define N_COLUMNS (sizeof columns / sizeof columns[0])

struct work {
	struct cli *c;
	const char *archive, *mailbox;
	struct source *source;
	struct store *store;
	struct names names;
	size_t at;
	struct source_messages *messages;
	struct mails *mails; /* NULL: without --live */
};

static int compare(const struct work *w, struct job *job, struct err *e)
{
	return mails_run(job,
	    &(struct mails_request){ .app = w->c->app,
		.server = w->c->args.server,
		.archive = w->archive,
		.mailbox = source_mailbox(w->source, w->at)->name,
		.live = true,
		.recorded = true },
	    e);
}

static void take(void *to, void *item)
{
	mails_take(to, item);
}

static int load(struct work *w, struct job *job, struct err *e)
{
	if (cli_source(w->c, w->archive, job, &w->source, &w->store, e) == -1)
		return -1;
	names_init(&w->names, w->c->app, w->c->args.server, w->source);
	if (names_find(&w->names, w->source, w->mailbox, &w->at, e) == -1)
		return -1;
	w->mailbox = source_mailbox(w->source, w->at)->name;
	if (source_load(w->source, w->at, true, &w->messages, e) == 0)
		return 0;
	if (e->code == ERR_DAMAGE)
		err_hint(e, "the messages may be whole all the same: cyrvault export writes those that are");
	return -1;
}

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;
	struct app_audit a = {
		.verb = "messages", .server = w->c->args.server, .archive = w->archive, .mailbox = w->mailbox
	};
	int rc;

	if (app_audit_ask(w->c->app, &a, e) == -1)
		return -1;
	rc = load(w, job, e);
	a.archive = w->source != NULL ? source_name(w->source) : w->archive;
	a.mailbox = w->mailbox;
	a.messages = w->messages != NULL ? w->messages->index->n : 0;
	if (app_audit_end(w->c->app, &a, rc, e) == -1)
		return -1;
	return w->mails != NULL ? compare(w, job, e) : 0;
}

static int compare_u32(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static bool has_file(const struct source_messages *m, uint32_t uid)
{
	return bsearch(&uid, m->uids, m->n_uids, sizeof uid, compare_u32) != NULL;
}

static void print_header(struct printer *out, const char *key, const char *raw)
{
	struct buf b = BUF_INIT;

	if (raw == NULL) {
		printer_string(out, key, NULL);
		return;
	}
	message_header_decode(raw, strlen(raw), &b);
	printer_string(out, key, buf_text(&b));
	buf_done(&b);
}

static void show_sender(struct printer *out, const char *raw)
{
	struct buf from = BUF_INIT, name = BUF_INIT;

	if (raw == NULL)
		return;
	message_header_decode(raw, strlen(raw), &from);
	mail_sender(buf_text(&from), &name);
	printer_shown(out, "sender", buf_text(&name));
	buf_done(&from);
	buf_done(&name);
}

static const enum printer_tone tones[MAIL_STATES] = { [MAIL_SAME] = TONE_GOOD,
	[MAIL_MISSING] = TONE_BAD,
	[MAIL_EXPUNGED] = TONE_WARN,
	[MAIL_LOST] = TONE_BAD,
	[MAIL_FLAGS] = TONE_WARN,
	[MAIL_SEEN] = TONE_WARN,
	[MAIL_MOVED] = TONE_WARN,
	[MAIL_OTHER_UID] = TONE_GOOD,
	[MAIL_ONLY_LIVE] = TONE_WARN };

/* As text with where it is, which JSON has by itself. */
static void print_live(struct printer *out, const struct mails *mails, size_t at)
{
	const struct mail *row = mails_row(mails, at);
	enum mail_state state = (enum mail_state)row->state;
	const char *place = mails_place(mails, at);
	struct buf b = BUF_INIT;

	buf_str(&b, mail_state_name(state));
	if (!printer_is_json(out) && place[0] != '\0')
		buf_printf(&b, state == MAIL_MOVED ? " to %s" : ", in %s", place);
	else if (!printer_is_json(out) && state == MAIL_OTHER_UID)
		buf_printf(&b, " %u", row->live_uid);
	if (state == MAIL_UNCOMPARED)
		printer_string(out, "live", NULL);
	else
		printer_word(out, "live", buf_text(&b), tones[state]);
	if (row->live_uid != 0)
		printer_number(out, "live_uid", row->live_uid);
	printer_string(out, "live_mailbox", place[0] != '\0' ? place : NULL);
	buf_done(&b);
}

static void print_state(struct printer *out, const struct mails *mails, uint32_t uid)
{
	size_t at = mails_find(mails, uid);

	if (at != (size_t)-1)
		print_live(out, mails, at);
	else
		printer_string(out, "live", NULL);
}

/* Messages of the live mailbox that the archive does not have. */
static void print_only_live(const struct work *w)
{
	struct printer *out = w->c->out;

	for (size_t i = mails_n_archive(w->mails); i < mails_n(w->mails) && !printer_broken(out); i++) {
		const struct mail *row = mails_row(w->mails, i);

		printer_row(out, "live_message");
		printer_number(out, "uid", row->uid);
		printer_shown(out, "letters", row->letters);
		printer_time(out, "internaldate", row->internaldate);
		printer_string(out, "sender", mails_from(w->mails, i));
		printer_string(out, "subject", mails_subject(w->mails, i));
		printer_size(out, "size_bytes", row->size);
		print_live(out, w->mails, i);
		printer_row_end(out);
	}
}

/* Where the cache has nothing to say, the row stays without it: reading each message would fetch the whole mailbox. */
static void print_envelope(struct printer *out, const struct source_messages *m,
    const struct mailbox_index *index, const struct index_record *r)
{
	struct envelope env = { 0 };
	bool have = m->cache.len > 0 && mailbox_cache_envelope((const uint8_t *)m->cache.data, m->cache.len,
					    index->h.generation, r, &env, NULL) == 0;

	print_header(out, "from", env.from);
	show_sender(out, env.from);
	print_header(out, "to", env.to);
	print_header(out, "subject", env.subject);
	print_header(out, "message_id", env.message_id);
	print_header(out, "date", env.date);
	if (have)
		envelope_done(&env);
}

static void print_message(
    const struct work *w, const struct mailbox_index *index, const struct index_record *r, bool expunged)
{
	struct printer *out = w->c->out;
	const struct source_messages *m = w->messages;
	bool seen = source_seen_flag(m, r), file = has_file(m, r->uid);
	struct buf flags = BUF_INIT, guid = BUF_INIT;
	char letters[MAIL_LETTERS];

	mail_letters(r, seen, expunged, letters);
	index_flags_text(r, m->header, seen, &flags);
	if (r->has_guid)
		str_hex(&guid, r->guid, sizeof r->guid);
	printer_row(out, "message");
	printer_number(out, "uid", r->uid);
	printer_shown(out, "letters", letters);
	printer_words(out, "flags", buf_text(&flags));
	printer_time(out, "internaldate", r->internaldate);
	print_envelope(out, m, index, r);
	printer_size(out, "size_bytes", r->size);
	printer_number(out, "modseq", r->modseq);
	printer_string(out, "guid", guid.len > 0 ? buf_text(&guid) : NULL);
	printer_bool(out, "expunged", expunged);
	printer_word(out, "file",
	    printer_is_json(out) ? (file ? "present" : "missing")
	    : file               ? ""
				 : "missing",
	    TONE_BAD);
	if (w->mails != NULL)
		print_state(out, w->mails, r->uid);
	printer_row_end(out);
	buf_done(&flags);
	buf_done(&guid);
}

struct totals {
	uint64_t messages, hidden, bytes;
	uint32_t *lacking;
	size_t n_lacking, cap_lacking;
};

static void print_index(
    const struct work *w, const struct mailbox_index *index, bool all_expunged, struct totals *t)
{
	for (size_t i = 0; i < index->n && !printer_broken(w->c->out); i++) {
		const struct index_record *r = &index->records[i];
		bool expunged = all_expunged || !index_record_visible(r);

		if (expunged && !w->c->args.expunged) {
			t->hidden++;
			continue;
		}
		print_message(w, index, r, expunged);
		t->messages++;
		t->bytes += r->size;
		if (index_record_has_file(r) && !has_file(w->messages, r->uid)) {
			t->lacking =
			    mem_grow(t->lacking, &t->cap_lacking, t->n_lacking + 1, sizeof *t->lacking);
			t->lacking[t->n_lacking++] = r->uid;
		}
	}
}

static void warn_lacking(struct printer *out, const struct totals *t)
{
	struct buf list = BUF_INIT;

	for (size_t i = 0; i < t->n_lacking && i < LACKING_SHOWN; i++)
		buf_printf(&list, "%s%u", i > 0 ? ", " : "", t->lacking[i]);
	if (t->n_lacking > LACKING_SHOWN)
		buf_printf(&list, " and %zu more", t->n_lacking - LACKING_SHOWN);
	printer_warn(out, "the archive lacks the message file%s of UID %s", t->n_lacking == 1 ? "" : "s",
	    buf_text(&list));
	buf_done(&list);
}

static void say_live(const struct work *w)
{
	const struct mails_facts *f = mails_facts(w->mails);
	struct printer *out = w->c->out;
	struct buf b = BUF_INIT;

	if (f->why_not[0] != '\0')
		printer_warn(out, "not compared with the running server: %s", f->why_not);
	if (f->box != BOX_UNCOMPARED)
		printer_say(out, "The mailbox on the running server: %s%s%s", box_state_name(f->box),
		    f->live_name[0] != '\0' ? "; compared with " : "", f->live_name);
	if (!f->compared)
		return;
	for (int i = MAIL_SAME; i < MAIL_ONLY_LIVE; i++)
		if (f->n[i] > 0)
			buf_printf(&b, "%s%zu %s", b.len > 0 ? ", " : "", f->n[i],
			    mail_state_name((enum mail_state)i));
	printer_say(out, "Of all: %s%s%zu only live", buf_text(&b), b.len > 0 ? "; " : "", f->only_live);
	buf_done(&b);
}

/* The columns there are: without --live not LIVE, and FILE only where something is missing. */
static size_t choose_columns(const struct work *w, struct printer_column ret[])
{
	const struct source_messages *m = w->messages;
	bool lacking = false;
	size_t n = 0;

	for (size_t i = 0; i < m->index->n && !lacking; i++)
		lacking =
		    index_record_has_file(&m->index->records[i]) && !has_file(m, m->index->records[i].uid);
	for (size_t i = 0; i < N_COLUMNS; i++)
		if ((strcmp(columns[i].key, "live") != 0 || w->mails != NULL) &&
		    (strcmp(columns[i].key, "file") != 0 || lacking || m->index->n == 0))
			ret[n++] = columns[i];
	return n;
}

static int print_all(struct work *w)
{
	struct printer *out = w->c->out;
	const struct source_messages *m = w->messages;
	struct totals t = { 0 };
	char mails[40], size[16];
	struct printer_column chosen[N_COLUMNS];
	int status;

	printer_table(out, chosen, choose_columns(w, chosen));
	print_index(w, m->index, false, &t);
	if (m->expunged != NULL)
		print_index(w, m->expunged, true, &t);
	if (w->mails != NULL)
		print_only_live(w);
	printer_table_end(out);
	printer_say(out, "%s, %s%s", str_count(mails, sizeof mails, t.messages, "message", "messages"),
	    str_size(size, sizeof size, t.bytes),
	    m->cache.len > 0 || t.messages == 0 ? "" : "; no cyrus.cache: no senders and subjects");
	if (t.hidden > 0)
		printer_say(out, "%s not shown, see --expunged",
		    str_count(mails, sizeof mails, t.hidden, "expunged message", "expunged messages"));
	if (t.n_lacking > 0)
		warn_lacking(out, &t);
	if (w->mails != NULL)
		say_live(w);
	printer_row(out, "summary");
	printer_string(out, "archive", source_name(w->source));
	printer_string(out, "mailbox", source_mailbox(w->source, w->at)->name);
	printer_number(out, "messages", t.messages);
	printer_number(out, "expunged_not_shown", t.hidden);
	printer_size(out, "bytes", t.bytes);
	printer_numbers(out, "lacking_uids", t.lacking, t.n_lacking);
	if (w->mails != NULL) {
		const struct mails_facts *f = mails_facts(w->mails);

		printer_string(out, "live", f->box != BOX_UNCOMPARED ? box_state_name(f->box) : NULL);
		printer_string(out, "live_name", f->live_name[0] != '\0' ? f->live_name : NULL);
		printer_number(out, "only_live", f->only_live);
	}
	printer_row_end(out);
	status = t.n_lacking > 0 ? 1 : 0;
	free(t.lacking);
	return status;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0], .mailbox = argv[1] };
	int status = -1;

	(void)argc;
	if (c->args.live)
		w.mails = mails_new();
	if (progress_run_posts(c, work, &w, take, w.mails, e) == 0)
		status = print_all(&w);
	source_messages_free(w.messages);
	mails_free(w.mails);
	names_done(&w.names);
	source_close(w.source);
	store_free(w.store);
	return status;
}

const struct cli_verb verb_messages = {
	.name = "messages",
	.usage = { "ARCHIVE MAILBOX" },
	.purpose = "list the messages of a mailbox in an archive",
	.about = "Only the mailbox's index and cache are read, not its messages.\n"
	         "FLAGS: N not seen by the owner, A answered, F flagged, D marked as deleted,\n"
	         "d draft, * other keywords (--json names them), x expunged. FILE says \"missing\"\n"
	         "where the archive lacks the message itself.\n"
	         "LIVE, with --live, is the message on the running server, told by its content:\n"
	         "\"same\", \"missing\", \"expunged\" (but its file is still kept), \"file lost\",\n"
	         "\"flags differ\", \"seen differs\", \"moved to\" another mailbox of the user, \"other\n"
	         "UID\" (the same, as after a merge). Last come those that are \"only live\".\n",
	.least = 2,
	.most = 2,
	.options = options,
	.exits = exits,
	.examples = {
	    { "What was in alice's Work last night", "cyrvault messages latest user/alice/Work" },
	    { "Which of them are lost now", "cyrvault messages latest user/alice/Work --live" },
	    { "Also what she had expunged", "cyrvault messages latest user/alice/Work --expunged" },
	},
	.run = run,
};
