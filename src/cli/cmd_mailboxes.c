/* cmd_mailboxes.c: cyrvault mailboxes. */
#include "app/boxes.h"
#include "app/catalogue.h"
#include "app/names.h"
#include "cli/progress.h"
#include "cli/verbs.h"

#include <string.h>

#include "core/str.h"

static const struct cli_option options[] = {
	{ "deleted", 0, OPTION_FLAG, offsetof(struct cli_args, deleted), NULL,
	    "also mailboxes that were already deleted (DELETED.*)" },
	{ "live", 0, OPTION_FLAG, offsetof(struct cli_args, live), NULL,
	    "compare with the running server, both ways" },
	{ "raw", 0, OPTION_FLAG, offsetof(struct cli_args, raw), NULL, "names as Cyrus keeps them" },
	{ 0 },
};

static const struct cli_exit exits[] = {
	{ 0, "listed" },
	{ 10, "no such archive, or no mailbox in it fits PATTERN" },
	{ 0, NULL },
};

static const struct printer_column columns[] = {
	{ "name", "MAILBOX", false, 24, false, 0 }, { "messages", "MSGS", true, 0, false, 0 },
	{ "unread", "UNREAD", true, 0, false, 0 }, { "size_bytes", "SIZE", true, 0, false, 0 },
	{ "partition", "PARTITION", false, 0, false, 1 }, { "health", "HEALTH", false, 0, false, 0 },
	{ "live", "LIVE", false, 0, false, 0 }, /* with --live */
};

struct work {
	struct cli *c;
	const char *archive;
	struct source *source;
	struct store *store;
	struct names names;
	struct boxes *boxes; /* NULL: without --live */
	/* Its store is away: what the catalogue knows of it. */
	bool away;
	struct catalogue_archive known;
	struct imapd_conf known_conf;
};

static int work(struct job *job, void *arg, struct err *e)
{
	struct work *w = arg;

	if (cli_source(w->c, w->archive, job, &w->source, &w->store, e) == -1) {
		w->away = !app_is_live(w->archive) &&
		          app_known_archive(w->c->app, w->archive, job, &w->known, e) == 1;
		if (w->away && app_known_conf(&w->known, &w->known_conf))
			w->names.conf = &w->known_conf;
		return w->away ? 0 : -1;
	}
	names_init(&w->names, w->c->app, w->c->args.server, w->source);
	if (source_count(w->source, e) == -1)
		return -1;
	if (w->boxes == NULL)
		return 0;
	return boxes_run(job,
	    &(struct boxes_request){
		.app = w->c->app, .server = w->c->args.server, .archive = w->archive, .live = true },
	    e);
}

static void take(void *to, void *item)
{
	boxes_take(to, item);
}

static void print_health(struct printer *out, const struct source_mailbox *m)
{
	if (!m->has_files)
		printer_word(out, "health", "no files", TONE_WARN);
	else if (m->health == HEALTH_OK)
		printer_word(out, "health", "ok", TONE_GOOD);
	else if (m->health == HEALTH_FINDINGS)
		printer_word(out, "health", "findings", TONE_WARN);
	else
		printer_word(out, "health", "unchecked", TONE_PLAIN);
}

static void print_name(struct printer *out, const struct work *w, const char *internal)
{
	struct buf shown = BUF_INIT;

	if (w->c->args.raw)
		str_safe_buf(&shown, internal, strlen(internal));
	else
		names_show(&w->names, internal, &shown);
	printer_row(out, "mailbox");
	printer_string(out, "name", buf_text(&shown));
	printer_string(out, "internal", internal);
	buf_done(&shown);
}

static void print_state(struct printer *out, const struct box *row)
{
	static const enum printer_tone tones[BOX_STATES] = { [BOX_SAME] = TONE_GOOD,
		[BOX_DIFFERS] = TONE_WARN,
		[BOX_MISSING] = TONE_BAD,
		[BOX_DELETED] = TONE_BAD,
		[BOX_DAMAGED] = TONE_BAD,
		[BOX_RENAMED] = TONE_WARN,
		[BOX_REPLACED] = TONE_WARN };

	if (row == NULL || row->state == BOX_UNCOMPARED) {
		printer_string(out, "live", NULL);
		return;
	}
	printer_word(out, "live", box_state_name((enum box_state)row->state), tones[row->state]);
	if (row->state != BOX_MISSING && row->state != BOX_REPLACED)
		printer_number(out, "live_messages", row->live_messages);
}

static void print_mailbox(struct printer *out, const struct work *w, const struct source_mailbox *m)
{
	print_name(out, w, m->name);
	printer_string(out, "uniqueid", m->uniqueid[0] != '\0' ? m->uniqueid : NULL);
	printer_number(out, "uidvalidity", m->uidvalidity);
	printer_number(out, "messages", m->messages);
	printer_number(out, "unread", m->unread);
	printer_size(out, "size_bytes", m->bytes);
	printer_string(out, "partition", m->partition);
	printer_bool(out, "deleted", m->deleted);
	print_health(out, m);
	if (w->boxes != NULL) {
		size_t at = boxes_find(w->boxes, m->name);

		print_state(out, at != (size_t)-1 ? boxes_row(w->boxes, at) : NULL);
	}
	printer_row_end(out);
}

/* What only the running server has; returns how many. */
static uint64_t print_only_live(const struct work *w, const char *pattern)
{
	static const char *const archive_keys[] = { "uniqueid", "uidvalidity", "messages", "unread",
		"size_bytes", "partition", "health" };
	struct printer *out = w->c->out;
	uint64_t n = 0;

	for (size_t i = 0; i < boxes_n(w->boxes) && !printer_broken(out); i++) {
		const struct box *row = boxes_row(w->boxes, i);
		struct buf internal = BUF_INIT;

		boxes_internal(w->boxes, i, &internal);
		if (row->state == BOX_ONLY_LIVE && (!row->deleted || w->c->args.deleted) &&
		    (pattern == NULL || names_match(&w->names, buf_text(&internal), pattern))) {
			print_name(out, w, buf_text(&internal));
			for (size_t k = 0; k < sizeof archive_keys / sizeof archive_keys[0]; k++)
				printer_string(out, archive_keys[k], NULL);
			printer_bool(out, "deleted", row->deleted);
			print_state(out, row);
			printer_row_end(out);
			n++;
		}
		buf_done(&internal);
	}
	return n;
}

static void say_live(const struct work *w)
{
	const struct boxes_facts *f = boxes_facts(w->boxes);
	struct buf b = BUF_INIT;

	if (f->why_not[0] != '\0')
		printer_warn(w->c->out, "%s%s",
		    f->comparing ? "" : "not compared with the running server: ", f->why_not);
	if (!f->comparing)
		return;
	for (int i = BOX_SAME; i < BOX_STATES; i++)
		if (f->n[i] > 0)
			buf_printf(&b, "%s%zu %s", b.len > 0 ? ", " : "", f->n[i],
			    box_state_name((enum box_state)i));
	printer_say(w->c->out, "Of all, on the running server: %s", buf_text(&b));
	buf_done(&b);
}

/* What was printed, and what not. */
struct totals {
	struct work *w;
	const char *pattern;
	uint64_t n, hidden, messages, bytes;
};

static void print_one(struct totals *t, const struct source_mailbox *m)
{
	const struct work *w = t->w;

	if (t->pattern != NULL && !names_match(&w->names, m->name, t->pattern))
		return;
	if (m->deleted && !w->c->args.deleted) {
		t->hidden++;
		return;
	}
	print_mailbox(w->c->out, w, m);
	t->n++;
	t->messages += m->messages;
	t->bytes += m->bytes;
}

static int print_known(void *arg, const struct catalogue_box *box, struct err *e)
{
	struct totals *t = arg;

	(void)e;
	print_one(
	    t, &(struct source_mailbox){ .name = box->name,
		   .uniqueid = box->uniqueid,
		   .partition = box->partition,
		   .uidvalidity = box->uidvalidity,
		   .messages = box->messages,
		   .unread = box->unread,
		   .bytes = box->bytes,
		   .health = (enum unit_health)box->health,
		   .has_files = box->has_files,
		   .deleted = t->w->names.conf != NULL && mboxname_is_deleted(t->w->names.conf, box->name) });
	return printer_broken(t->w->c->out);
}

static int print_all(struct work *w, const char *pattern, struct err *e)
{
	struct printer *out = w->c->out;
	struct totals t = { .w = w, .pattern = pattern };
	const char *archive = w->away ? w->known.name : source_name(w->source);
	uint64_t only_live = 0;
	char boxes[40], mails[40], size[16];

	if (w->away) {
		printer_warn(out, "from the catalogue: store %s is away", w->known.store);
		if (w->boxes != NULL)
			printer_warn(out, "not compared with the running server: the archive cannot be read");
	}
	printer_table(out, columns, sizeof columns / sizeof columns[0] - (w->boxes == NULL || w->away));
	if (w->away && catalogue_boxes(app_catalogue(w->c->app), &w->known, "", print_known, &t, e) == -1)
		return -1;
	for (size_t i = 0; !w->away && i < source_n(w->source) && !printer_broken(out); i++)
		print_one(&t, source_mailbox(w->source, i));
	if (w->boxes != NULL && !w->away)
		only_live = print_only_live(w, pattern);
	printer_table_end(out);
	if (t.n + only_live == 0 && pattern != NULL && t.hidden == 0) {
		err_set(e, ERR_NOT_FOUND, "no mailbox in %s fits \"%s\"", archive, pattern);
		return err_hint(e, "cyrvault mailboxes %s lists all", w->archive);
	}
	printer_say(out, "%s, %s, %s", str_count(boxes, sizeof boxes, t.n, "mailbox", "mailboxes"),
	    str_count(mails, sizeof mails, t.messages, "message", "messages"),
	    str_size(size, sizeof size, t.bytes));
	if (t.hidden > 0)
		printer_say(out, "%s not shown, see --deleted",
		    str_count(boxes, sizeof boxes, t.hidden, "deleted mailbox", "deleted mailboxes"));
	if (w->boxes != NULL && !w->away)
		say_live(w);
	printer_row(out, "summary");
	printer_string(out, "archive", archive);
	printer_time(out, "when", w->away ? w->known.when : source_when(w->source));
	printer_bool(out, "from_catalogue", w->away);
	printer_number(out, "mailboxes", t.n);
	printer_number(out, "deleted_not_shown", t.hidden);
	printer_number(out, "messages", t.messages);
	printer_size(out, "bytes", t.bytes);
	printer_row_end(out);
	return 0;
}

static int run(struct cli *c, int argc, char **argv, struct err *e)
{
	struct work w = { .c = c, .archive = argv[0] };
	int status = -1;

	if (c->args.live)
		w.boxes = boxes_new();
	if (progress_run_posts(c, work, &w, take, w.boxes, e) == 0)
		status = print_all(&w, argc > 1 ? argv[1] : NULL, e);
	boxes_free(w.boxes);
	names_done(&w.names);
	source_close(w.source);
	store_free(w.store);
	catalogue_archive_done(&w.known);
	return status;
}

const struct cli_verb verb_mailboxes = {
	.name = "mailboxes",
	.usage = { "ARCHIVE [PATTERN]" },
	.purpose = "list the mailboxes of an archive",
	.about = "Names are shown as the administrator sees them over IMAP. PATTERN is a shell\n"
	         "pattern (* ? [a-z]) over the whole name; without these characters it may stand\n"
	         "anywhere in it. Letter case does not count.\n"
	         "HEALTH is what the backup found: \"ok\", \"findings\" (see the archive's report),\n"
	         "\"unchecked\", or \"no files\" when only the list of mailboxes knows it.\n"
	         "LIVE, with --live, is the mailbox on the running server: \"same\" (as many\n"
	         "messages, as many unread), \"differs\", \"missing\", \"deleted\" (but still there as\n"
	         "DELETED.*), \"damaged\" (files are missing), \"renamed\", \"replaced\" (another one\n"
	         "has its name), or \"only live\". cyrvault messages --live compares exactly.\n"
	         "While its store is away, the catalogue says what an archive holds.\n",
	.least = 1,
	.most = 2,
	.options = options,
	.exits = exits,
	.examples = {
	    { "All of the newest archive", "cyrvault mailboxes latest" },
	    { "What is lost or damaged now", "cyrvault mailboxes latest --live" },
	    { "What alice had, deleted folders too", "cyrvault mailboxes latest 'user?alice*' --deleted" },
	},
	.run = run,
};
