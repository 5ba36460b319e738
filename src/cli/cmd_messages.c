/* cmd_messages.c: cyrvault messages. */
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
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "listed" },
	{ 1, "listed, but the archive lacks message files (which is said)" },
	{ 10, "no such archive or mailbox" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "uid", "UID", true, 0, false, 0 },
	{ "letters", "FLAGS", false, 0, false, 0 },
	{ "internaldate", "DATE", false, 0, false, 0 },
	{ "sender", "FROM", false, 14, false, 0 },
	{ "subject", "SUBJECT", false, 16, false, 0 },
	{ "size_bytes", "SIZE", true, 0, false, 0 },
	{ "file", "FILE", false, 0, false, 0 },
};

struct work {
	struct cli *c;
	const char *archive, *mailbox;
	struct source *source;
	struct store *store;
	struct names names;
	size_t at;
	struct source_messages *messages;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	if (app_source(w->c->app, w->archive, job, &w->source, &w->store, e) == -1)
		return -1;
	names_init(&w->names, w->c->app, w->c->args.server, w->source);
	if (names_find(&w->names, w->source, w->mailbox, &w->at, e) == -1)
		return -1;
	if (source_load(w->source, w->at, true, &w->messages, e) == 0)
		return 0;
	if (e->code == ERR_DAMAGE)
		err_hint(e, "the messages may be whole all the same: cyrvault export writes those that are");
	return -1;
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

/* "N FAD*x": as in the help. */
static void add_letters(struct buf *b, const struct index_record *r, bool seen, bool expunged)
{
	static const struct {
		uint32_t flag;
		char letter;
	} letters[] = { { FLAG_ANSWERED, 'A' }, { FLAG_FLAGGED, 'F' }, { FLAG_DELETED, 'D' },
		{ FLAG_DRAFT, 'd' } };

	if (!seen)
		buf_char(b, 'N');
	for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++) {
		if ((r->flags & letters[i].flag) != 0)
			buf_char(b, letters[i].letter);
	}
	if ((r->user_flags[0] | r->user_flags[1] | r->user_flags[2] | r->user_flags[3]) != 0)
		buf_char(b, '*');
	if (expunged)
		buf_char(b, 'x');
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

/* Of "Name <address>" the name is enough for a line of a list. */
static void show_sender(struct printer *out, const char *raw)
{
	struct buf b = BUF_INIT;
	const char *s;
	size_t n;

	if (raw == NULL)
		return;
	message_header_decode(raw, strlen(raw), &b);
	s = buf_text(&b);
	n = strcspn(s, "<");
	while (n > 0 && (s[n - 1] == ' ' || s[n - 1] == '"'))
		n--;
	if (n > 0 && strchr(s, '<') != NULL) {
		b.data[n] = '\0';
		s += s[0] == '"';
	}
	printer_shown(out, "sender", s);
	buf_done(&b);
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

static void print_message(struct printer *out, const struct source_messages *m,
    const struct mailbox_index *index, const struct index_record *r, bool expunged)
{
	bool seen = source_seen_flag(m, r), file = has_file(m, r->uid);
	struct buf letters = BUF_INIT, flags = BUF_INIT, guid = BUF_INIT;

	add_letters(&letters, r, seen, expunged);
	index_flags_text(r, m->header, seen, &flags);
	if (r->has_guid)
		str_hex(&guid, r->guid, sizeof r->guid);
	printer_row(out, "message");
	printer_number(out, "uid", r->uid);
	printer_shown(out, "letters", buf_text(&letters));
	printer_words(out, "flags", buf_text(&flags));
	printer_time(out, "internaldate", r->internaldate);
	print_envelope(out, m, index, r);
	printer_size(out, "size_bytes", r->size);
	printer_number(out, "modseq", r->modseq);
	printer_string(out, "guid", guid.len > 0 ? buf_text(&guid) : NULL);
	printer_bool(out, "expunged", expunged);
	printer_word(out, "file",
	    printer_is_json(out) ? (file ? "present" : "missing")
	    : file		 ? ""
				 : "missing",
	    TONE_BAD);
	printer_row_end(out);
	buf_done(&letters);
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
		print_message(w->c->out, w->messages, index, r, expunged);
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

static int print_all(struct work *w)
{
	struct printer *out = w->c->out;
	const struct source_messages *m = w->messages;
	struct totals t = { 0 };
	char mails[40], size[16];
	size_t n = sizeof columns / sizeof columns[0];
	int status;

	/* The last column is for what is missing. */
	for (size_t i = 0; i < m->index->n; i++) {
		if (index_record_has_file(&m->index->records[i]) && !has_file(m, m->index->records[i].uid))
			break;
		if (i + 1 == m->index->n)
			n--;
	}
	printer_table(out, columns, n);
	print_index(w, m->index, false, &t);
	if (m->expunged != NULL)
		print_index(w, m->expunged, true, &t);
	printer_table_end(out);
	printer_say(out, "%s, %s%s", str_count(mails, sizeof mails, t.messages, "message", "messages"),
	    str_size(size, sizeof size, t.bytes),
	    m->cache.len > 0 || t.messages == 0 ? "" : "; no cyrus.cache: no senders and subjects");
	if (t.hidden > 0)
		printer_say(out, "%s not shown, see --expunged",
		    str_count(mails, sizeof mails, t.hidden, "expunged message", "expunged messages"));
	if (t.n_lacking > 0)
		warn_lacking(out, &t);
	printer_row(out, "summary");
	printer_string(out, "archive", source_name(w->source));
	printer_string(out, "mailbox", source_mailbox(w->source, w->at)->name);
	printer_number(out, "messages", t.messages);
	printer_number(out, "expunged_not_shown", t.hidden);
	printer_size(out, "bytes", t.bytes);
	printer_numbers(out, "lacking_uids", t.lacking, t.n_lacking);
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
	if (progress_run(c, work, &w, e) == 0)
		status = print_all(&w);
	source_messages_free(w.messages);
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
	         "where the archive lacks the message itself.\n",
	.least = 2,
	.most = 2,
	.options = options,
	.exits = exits,
	.examples = {
	    { "What was in alice's Work last night", "cyrvault messages latest user/alice/Work" },
	    { "Also what she had expunged", "cyrvault messages latest user/alice/Work --expunged" },
	},
	.run = run,
};
