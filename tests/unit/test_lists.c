/* test_lists.c: the tables of mailboxes and messages: order, merging, states, names of any kind, and the jobs that fill them. */
#include "test_archive_util.h"

#include <poll.h>

#include "app/app_impl.h"
#include "app/boxes_impl.h"
#include "app/mails.h"
#include "core/fold.h"
#include "core/str.h"
#include "restore/compare.h"

/* ---- folding ---- */

static void test_fold(void **state)
{
	static const struct {
		const char *typed, *folded;
		bool ascii;
	} cases[] = { { "WorK/ABC-9", "work/abc-9", true }, { "Entwürfe", "entwürfe", true },
		{ "ENTWÜRFE", "entwürfe", false }, { "Ärger ΑΒΓ Жук", "ärger αβγ жук", false },
		{ "文件 😀", "文件 😀", true }, { "a\xff\xc3", "a\xff\xc3", true }, { "", "", true } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;

		fold_add(&b, cases[i].typed, strlen(cases[i].typed));
		assert_string_equal(buf_text(&b), cases[i].folded);
		assert_int_equal(fold_ascii_suffices(cases[i].typed, strlen(cases[i].typed)), cases[i].ascii);
		assert_true(fold_find(cases[i].folded, buf_text(&b), fold_map));
		buf_done(&b);
	}
	assert_true(fold_find("aaab", "aab", fold_map));
	assert_false(fold_find("aaab", "abb", fold_map));
	assert_false(fold_find("aa", "aaa", fold_map));
	assert_false(fold_find("", "a", fold_map));
}

/* ---- the order of a tree ---- */

static void test_compare(void **state)
{
	static const char *const order[] = { "shared", "shared.x", "shared-x", "user.a", "user.a.b",
		"user.a.b.c", "user.a.b d", "user.a.b-d", "user.a b", "user.a-b", "user.a-b.c", "user.aa",
		"user.\xff", "a.org!user.z", "a.org!user.z.y", "b.org!user.a" };
	size_t n = sizeof order / sizeof order[0];

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++) {
			int c = mboxname_compare(order[i], order[k]);

			if ((c > 0) - (c < 0) != (i > k) - (i < k))
				fail_msg("%s and %s: %d", order[i], order[k], c);
		}
}

/* ---- taking in ---- */

static const struct boxes_news slashes = { .decodes = true, .unixhier = true, .kind = ARCHIVE_OURS };

static void take_news(struct boxes *b)
{
	struct boxes_item *item = mem_alloc(sizeof *item);

	item->kind = BOXES_ITEM_NEWS;
	boxes_news_copy(&item->news, &slashes);
	item->news.deletedprefix = mem_strdup("DELETED");
	assert_int_equal(boxes_take(b, item), BOXES_STATES);
}

static int by_tree(const void *a, const void *b)
{
	return boxes_compare(a, b);
}

static struct boxes_item *item_of(const char *const *names, const uint32_t *numbers, size_t n)
{
	struct boxes_item *item = mem_alloc(sizeof *item);
	struct boxes_news news = slashes;
	char prefix[] = "DELETED";
	struct buf text = BUF_INIT;

	news.deletedprefix = prefix;
	item->kind = BOXES_ITEM_ROWS;
	item->rows = mem_array(n + 1, sizeof *item->rows);
	item->n = n;
	for (size_t i = 0; i < n; i++) {
		uintptr_t at = text.len;

		item->rows[i].number = numbers[i];
		item->rows[i].messages = numbers[i];
		boxes_fill_name(&news, &item->rows[i], names[i], &text);
		item->rows[i].text = (const char *)at;
	}
	item->text = mem_alloc(sizeof *item->text + text.len);
	memcpy(item->text->bytes, buf_text(&text), text.len);
	for (size_t i = 0; i < n; i++)
		item->rows[i].text = item->text->bytes + (uintptr_t)item->rows[i].text;
	if (n > 1)
		qsort(item->rows, n, sizeof *item->rows, by_tree);
	buf_done(&text);
	return item;
}

static void must_be_in_order(const struct boxes *b)
{
	for (size_t i = 0; i < boxes_n(b); i++) {
		struct buf name = BUF_INIT;

		if (i > 0)
			assert_true(boxes_compare(boxes_row(b, i - 1), boxes_row(b, i)) < 0);
		boxes_internal(b, i, &name);
		assert_int_equal(boxes_find(b, buf_text(&name)), i);
		buf_done(&name);
	}
}

static void test_append_and_merge(void **state)
{
	static const char *const first[] = { "user.a", "user.a.Work", "user.b" },
				 *const next[] = { "user.c" },
				 *const between[] = { "user.a-b", "shared", "DELETED.user.a.X.6A000000" };
	struct boxes *b = boxes_new();

	(void)state;
	take_news(b);
	assert_int_equal(boxes_take(b, item_of(first, (uint32_t[]){ 0, 1, 2 }, 3)), BOXES_ROWS);
	assert_int_equal(boxes_take(b, item_of(next, (uint32_t[]){ 3 }, 1)), BOXES_ROWS);
	assert_int_equal(
	    boxes_take(b, item_of(between, (uint32_t[]){ 4, 5, 6 }, 3)), BOXES_ROWS | BOXES_ORDER);
	must_be_in_order(b);
	assert_int_equal(boxes_find(b, "user.a-b"), 2);
	assert_int_equal(boxes_find(b, "shared"), 5);
	assert_int_equal(boxes_find(b, "DELETED.user.a.X.6A000000"), 6);
	assert_int_equal(boxes_find(b, "user.a.Wor"), (size_t)-1);
	assert_int_equal(boxes_find(b, ""), (size_t)-1);
	assert_int_equal(boxes_facts(b)->in_archive, 7);
	assert_int_equal(boxes_facts(b)->deleted, 1);
	boxes_free(b);
}

/* Batches of all sizes in any order, and states by number whatever moved in between. */
static void test_any_order(void **state)
{
	enum { N = 6000 };
	static char names[N][40];
	static uint32_t order[N];
	struct boxes *b = boxes_new();
	uint64_t seed = 7;

	(void)state;
	take_news(b);
	for (uint32_t i = 0; i < N; i++) {
		snprintf(names[i], sizeof names[i],
		    i % 7 == 0   ? "shared.%u.x"
		    : i % 5 == 0 ? "user.u%u-x"
				 : "user.u%u",
		    i % 5 == 0 ? i - 1 : i);
		order[i] = i;
	}
	for (uint32_t i = N - 1; i > 0; i--) {
		uint32_t k = (uint32_t)(rnd(&seed) % (i + 1)), t = order[i];

		order[i] = order[k];
		order[k] = t;
	}
	for (size_t i = 0, n; i < N; i += n) {
		const char *batch[N];
		struct boxes_item *item;

		n = i % 3 == 0 ? 1 + rnd(&seed) % 3 : 1 + rnd(&seed) % 900;
		n = n < N - i ? n : N - i;
		for (size_t k = 0; k < n; k++)
			batch[k] = names[order[i + k]];
		boxes_take(b, item_of(batch, order + i, n));
		item = mem_alloc(sizeof *item);
		item->kind = BOXES_ITEM_UPDATES;
		item->n = 2;
		item->updates = mem_array(2, sizeof *item->updates);
		item->updates[0] = (struct boxes_update){ order[i], order[i] + 1, BOX_MISSING };
		item->updates[1] = (struct boxes_update){ N + 5, 1, BOX_MISSING }; /* no such row */
		assert_int_equal(boxes_take(b, item), BOXES_STATES);
	}
	assert_int_equal(boxes_n(b), N);
	must_be_in_order(b);
	assert_true(boxes_facts(b)->n[BOX_MISSING] > 5);
	for (size_t i = 0; i < N; i++) {
		const struct box *row = boxes_row(b, i);

		assert_string_equal(row->text, names[row->number]);
		assert_int_equal(row->messages, row->number);
		if (row->state == BOX_MISSING)
			assert_int_equal(row->live_messages, row->number + 1);
	}
	boxes_free(b);
}

/* ---- names ---- */

struct shown_case {
	const char *internal, *shown, *leaf;
	unsigned depth;
	const char *found, *not_found;
};

static void test_names(void **state)
{
	static const struct shown_case cases[] = {
		{ "user.alice", "user/alice", "user/alice", 0, "ER/AL", "user.alice" },
		{ "user.alice.Work", "user/alice/Work", "Work", 1, "alice/work", "alice//work" },
		{ "user.dot^ty.a^b", "user/dot.ty/a.b", "a.b", 1, "dot.TY/a.b", "dot^ty" },
		{ "user.alice.Entw&APw-rfe", "user/alice/Entwürfe", "Entwürfe", 1, "ENTWÜRFE", "&ap" },
		{ "ex.org!user.bob.x", "user/bob/x@ex.org", "x", 1, "bob/x@EX", "ex.org!" },
		{ "ex.org!user.bob", "user/bob@ex.org", "user/bob@ex.org", 0, "b@e", "!" },
		{ "shared", "shared", "shared", 0, "SHARED", "user" },
		{ "shared.team x", "shared/team x", "team x", 1, "d/t", "d.t" },
		{ "user.e.\033[2Jx", "user/e/\\x1b[2Jx", "\\x1b[2Jx", 1, "\\X1B", "\033" },
		{ "user.e.\xff\xfe", "user/e/\\xff\\xfe", "\\xff\\xfe", 1, "\\xff", "\xff" },
		{ "user.e.&IC4-x", "user/e/\\u{202e}x", "\\u{202e}x", 1, "{202E}", "\xe2\x80\xae" },
		{ "user.e.&broken", "user/e/&broken", "&broken", 1, "&BROKEN", "z" },
		{ "user.e.", "user/e/", "", 1, "e/", "z" },
		{ ".", "/", "", 1, "/", "." },
		{ "", "", "", 0, "", "a" },
		{ "!", "@", "@", 0, "@", "!" },
		{ "DELETED.user.a.X.6A000000", "DELETED/user/a/X/6A000000", "DELETED/user/a/X/6A000000", 0,
		    "deleted/", "e.u" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct shown_case *c = &cases[i];
		struct boxes *b = boxes_new();
		struct buf s = BUF_INIT;
		char *yes = boxes_fold(c->found), *no = boxes_fold(c->not_found);

		take_news(b);
		boxes_take(b, item_of(&c->internal, (uint32_t[]){ 0 }, 1));
		boxes_shown(b, 0, &s);
		assert_string_equal(buf_text(&s), c->shown);
		buf_clear(&s);
		boxes_leaf(b, 0, &s);
		assert_string_equal(buf_text(&s), c->leaf);
		buf_clear(&s);
		boxes_internal(b, 0, &s);
		assert_string_equal(buf_text(&s), c->internal);
		assert_int_equal(boxes_row(b, 0)->depth, c->depth);
		assert_true(boxes_matches(b, 0, yes));
		assert_false(boxes_matches(b, 0, no));
		assert_int_equal(boxes_find(b, c->internal), 0);
		free(yes);
		free(no);
		buf_done(&s);
		boxes_free(b);
	}
}

/* ---- the jobs ---- */

struct world {
	struct test_dir dir;
	struct app *app;
	char conf[120];
};

static void world_new(struct world *w)
{
	struct err err = { 0 };
	FILE *f;

	w->dir = test_dir_new();
	snprintf(w->conf, sizeof w->conf, "%s/conf", w->dir.path);
	f = fopen(w->conf, "w");
	assert_non_null(f);
	fprintf(f,
	    "[store \"s\"]\nurl = dir:%s\n[server \"m\"]\nimapd_conf = %s/none\n[state]\ndirectory = "
	    "%s/state\n",
	    w->dir.path, w->dir.path, w->dir.path);
	fclose(f);
	OK(app_open(w->conf, &w->app, &err));
}

static void world_done(struct world *w)
{
	app_close(w->app);
	test_dir_done(&w->dir);
}

static void unit(struct archive_writer *w, enum unit_kind kind, const char *name, uint32_t messages)
{
	struct unit_info info = { .kind = kind,
		.health = HEALTH_OK,
		.name = name,
		.uniqueid = kind == UNIT_MAILBOX ? name : "",
		.partition = "",
		.uidvalidity = 5,
		.messages = messages,
		.unread = messages / 2 };
	struct err err = { 0 };

	OK(archive_writer_end(w, &info, &err));
}

static const char json[] = "{\"format\": 1, \"created_unix\": 1700000000, \"cyrus_version\": \"3.6.1\"}\n";
static const char imapd_conf[] = "configdirectory: /c\npartition-default: /s\nunixhierarchysep: yes\n";

/* An archive of ours with these mailboxes in this order, and one more that it only lists. */
static void make_archive(struct world *w, const char *const *names, size_t n)
{
	struct stream *out;
	struct archive_writer *a = test_create(
	    &w->dir, "m-20261122T010203Z.cpio.gz", &(struct archive_writer_opts){ .threads = 1 }, &out);
	struct buf list = BUF_INIT;
	struct err err = { 0 };

	for (size_t i = 0; i <= n; i++)
		buf_printf(&list, "%s\t0 default alice\tlrs\t\n", i < n ? names[i] : "user.zz.only listed");
	OK(archive_writer_begin(a, UNIT_CONTROL, "control", &err));
	test_add(a, "cyrvault/archive.json", ROLE_CONTROL, json, strlen(json));
	test_add(a, "cyrvault/mailboxes.txt", ROLE_MAILBOXES_TXT, list.data, list.len);
	unit(a, UNIT_CONTROL, "control", 0);
	OK(archive_writer_begin(a, UNIT_GLOBAL, "global", &err));
	test_add(a, "etc/imapd.conf", ROLE_IMAPD_CONF, imapd_conf, strlen(imapd_conf));
	unit(a, UNIT_GLOBAL, "global", 0);
	for (size_t i = 0; i < n; i++) {
		OK(archive_writer_begin(a, UNIT_MAILBOX, names[i], &err));
		unit(a, UNIT_MAILBOX, names[i], (uint32_t)i);
	}
	test_commit(&w->dir, a, out);
	buf_done(&list);
}

/* Runs the job to its end; the table, and what it failed with. */
static struct boxes *run_boxes(struct app *app, bool live, struct err *err)
{
	struct boxes_request q = { .app = app, .archive = "latest", .live = live };
	struct boxes *b = boxes_new();
	struct job *job = job_new();
	bool ended = false;
	void *item;

	assert_int_equal(job_start(job, boxes_run, &q, err), 0);
	while (!ended) {
		struct pollfd p = { .fd = job_fd(job), .events = POLLIN };

		poll(&p, 1, 1000);
		ended = job_ended(job);
		while ((item = job_take(job)) != NULL)
			boxes_take(b, item);
	}
	job_reap(job, err);
	job_free(job);
	return b;
}

static const char *const odd_order[] = { "user.b", "DELETED.user.b.X.6A000000", "user.b.Sub", "user.a-b",
	"user.a", "user.a.Work", "shared", "ex.org!user.q" };
#define N_ODD (sizeof odd_order / sizeof odd_order[0])

static void check_odd(const struct boxes *b)
{
	static const char *const expected[] = { "user/a", "user/a/Work", "user/a-b", "user/b", "user/b/Sub",
		"user/zz/only listed", "user/q@ex.org", "shared", "DELETED/user/b/X/6A000000" };

	assert_int_equal(boxes_n(b), N_ODD + 1);
	must_be_in_order(b);
	for (size_t i = 0; i < boxes_n(b); i++) {
		struct buf s = BUF_INIT;

		boxes_shown(b, i, &s);
		assert_string_equal(buf_text(&s), expected[i]);
		assert_int_equal(boxes_row(b, i)->has_files, i != 5);
		buf_done(&s);
	}
	for (uint32_t i = 0; i < N_ODD; i++)
		assert_int_equal(boxes_row(b, boxes_find(b, odd_order[i]))->messages, i);
	assert_true(boxes_facts(b)->complete);
	assert_int_equal(boxes_facts(b)->when, 1700000000);
	assert_string_equal(boxes_facts(b)->archive, "m-20261122T010203Z.cpio.gz");
}

static void test_job(void **state)
{
	struct world w;
	struct err err = { 0 };
	struct source *source;
	struct store *store;
	struct boxes *b;

	(void)state;
	world_new(&w);
	make_archive(&w, odd_order, N_ODD);
	/* While it is opened, then as it was kept open, then as a plan had opened it whole. */
	for (int i = 0; i < 3; i++) {
		b = run_boxes(w.app, true, &err);
		assert_int_equal(err.code, ERR_NONE);
		check_odd(b);
		assert_int_equal(boxes_facts(b)->n[BOX_UNCOMPARED], N_ODD + 1);
		assert_false(boxes_facts(b)->comparing);
		assert_non_null(strstr(boxes_facts(b)->why_not, "none"));
		boxes_free(b);
		OK(app_source_take(w.app, "latest", i == 1, NULL, &source, &store, &err));
		assert_int_equal(source_is_whole(source), i >= 1);
		app_source_give(w.app, source, store);
	}
	world_done(&w);
}

/* What is kept open is taken by one at a time, and not when the archive is another by now. */
static void test_kept(void **state)
{
	struct world w;
	struct err err = { 0 };
	struct source *a, *b;
	struct store *sa, *sb;

	(void)state;
	world_new(&w);
	make_archive(&w, odd_order, N_ODD);
	OK(app_source_take(w.app, "latest", false, NULL, &a, &sa, &err));
	OK(app_source_take(w.app, "latest", false, NULL, &b, &sb, &err));
	assert_ptr_not_equal(a, b);
	app_source_give(w.app, a, sa);
	app_source_give(w.app, b, sb);
	OK(app_source_take(w.app, "latest", false, NULL, &a, &sa, &err));
	assert_ptr_equal(a, b);
	app_source_give(w.app, a, sa);
	OK(store_remove(w.dir.store, "m-20261122T010203Z.cpio.gz", &err));
	make_archive(&w, odd_order, 2);
	OK(app_source_take(w.app, "latest", false, NULL, &a, &sa, &err));
	assert_int_equal(source_n(a), 2);
	app_source_give(w.app, a, sa);
	world_done(&w);
}

/* Of one with very many mailboxes only what knows a single one of them is kept. */
static void test_kept_of_many(void **state)
{
	struct world w;
	struct err err = { 0 };
	struct source *a, *b;
	struct store *sa, *sb;
	char *first, *other;

	(void)state;
	world_new(&w);
	make_archive(&w, odd_order, N_ODD);
	w.app->many_units = 2;
	OK(app_source_take(w.app, "latest", false, NULL, &a, &sa, &err));
	assert_int_equal(source_n(a), N_ODD);
	first = mem_strdup(source_mailbox(a, 0)->name);
	other = mem_strdup(source_mailbox(a, 1)->name);
	app_source_give(w.app, a, sa);
	assert_null(w.app->kept.source);
	OK(app_source_take_mailbox(w.app, "latest", first, NULL, &a, &sa, &err));
	assert_int_equal(source_n(a), 1);
	app_source_give(w.app, a, sa);
	OK(app_source_take_mailbox(w.app, "latest", first, NULL, &b, &sb, &err));
	assert_ptr_equal(a, b);
	app_source_give(w.app, b, sb);
	/* It will not do for another one, nor for all. */
	OK(app_source_take_mailbox(w.app, "latest", other, NULL, &a, &sa, &err));
	assert_string_equal(source_only(a), other);
	assert_int_equal(source_find(a, other), 0);
	app_source_give(w.app, a, sa);
	OK(app_source_take(w.app, "latest", false, NULL, &a, &sa, &err));
	assert_int_equal(source_n(a), N_ODD);
	app_source_give(w.app, a, sa);
	/* Where there are few, all are there, and kept. */
	w.app->many_units = 1000;
	OK(app_source_take_mailbox(w.app, "latest", first, NULL, &a, &sa, &err));
	app_source_give(w.app, a, sa);
	OK(app_source_take_mailbox(w.app, "latest", first, NULL, &a, &sa, &err));
	assert_int_equal(source_n(a), N_ODD);
	app_source_give(w.app, a, sa);
	OK(app_source_take_mailbox(w.app, "latest", other, NULL, &b, &sb, &err));
	assert_ptr_equal(a, b);
	app_source_give(w.app, b, sb);
	free(first);
	free(other);
	world_done(&w);
}

static void test_no_archive(void **state)
{
	struct world w;
	struct err err = { 0 };

	(void)state;
	world_new(&w);
	boxes_free(run_boxes(w.app, false, &err));
	assert_int_equal(err.code, ERR_NOT_FOUND);
	world_done(&w);
}

/* ---- messages ---- */

static struct index_record record(uint32_t uid, uint8_t guid, uint32_t flags)
{
	struct index_record r = {
		.uid = uid, .size = 10, .internaldate = 20, .flags = flags, .has_guid = guid != 0
	};

	r.guid[0] = guid;
	return r;
}

static void assert_counts(const struct compare_counts *got, struct compare_counts want)
{
	assert_int_equal(got->all, want.all);
	assert_int_equal(got->same, want.same);
	assert_int_equal(got->flags, want.flags);
	assert_int_equal(got->missing, want.missing);
	assert_int_equal(got->expunged, want.expunged);
	assert_int_equal(got->lost, want.lost);
	assert_int_equal(got->other_uid, want.other_uid);
	assert_int_equal(got->only_live, want.only_live);
	assert_int_equal(got->same + got->flags + got->missing + got->expunged + got->lost, got->all);
}

static void test_messages(void **state)
{
	struct compare_counts n;
	struct index_record there[] = { record(1, 1, 0), record(2, 9, 0), record(3, 3, FLAG_EXPUNGED),
		record(4, 4, FLAG_EXPUNGED | FLAG_UNLINKED), record(5, 5, 0), record(6, 6, FLAG_SEEN),
		record(7, 0, 0), record(8, 8, 0), record(9, 9, 0), record(20, 20, 0) };
	struct index_record here[] = { record(1, 1, 0), record(2, 2, 0), record(3, 3, 0), record(4, 4, 0),
		record(5, 5, 0), record(6, 6, 0), record(7, 7, 0), record(8, 8, 0), record(9, 9, 0),
		record(10, 10, 0) };
	static const enum compare_message expected[] = { COMPARE_SAME, COMPARE_OTHER, COMPARE_EXPUNGED,
		COMPARE_MISSING, COMPARE_LOST, COMPARE_FLAGS, COMPARE_SAME, COMPARE_FLAGS, COMPARE_SAME,
		COMPARE_MISSING };
	uint32_t uids[] = { 1, 2, 3, 6, 7, 8, 9, 20 };
	char red[] = "$Red", also_red[] = "$RED", blue[] = "$Blue";
	struct mailbox_header header_there = { .flag_names = { blue, also_red } },
			      header_here = { .flag_names = { red } };
	struct mailbox_index ix_there = { .h = { .minor = 17 }, .records = there, .n = 10 },
			     ix_here = { .h = { .minor = 17 }, .records = here, .n = 10 };
	struct live_mailbox box = { .header = &header_there, .index = &ix_there, .uids = uids, .n_uids = 8 };
	struct compare_live l = { .mailbox = &box, .seen_known = true, .seen_in_index = true };
	struct source_messages m = { .index = &ix_here, .header = &header_here };

	(void)state;
	/* 8: a keyword that it does not have there. 9: the same keyword, with another number. */
	here[7].user_flags[0] = 1;
	here[8].user_flags[0] = 1;
	there[8].user_flags[0] = 2;
	compare_map_flags(&l, &header_here);
	for (size_t i = 0; i < 10; i++)
		if (compare_message(&l, &m, &here[i]) != expected[i])
			fail_msg("UID %u: %d", here[i].uid, (int)compare_message(&l, &m, &here[i]));
	/* Not all have a GUID, so it is by UID; UID 20, and the other message with UID 2 are only there. */
	compare_count(&l, &m, &n);
	assert_counts(&n, (struct compare_counts){ 10, 3, 2, 3, 1, 1, 0, 2 });
	there[6] = record(7, 7, 0);
	there[9] = record(20, 10, 0);
	compare_count(&l, &m, &n);
	assert_counts(&n, (struct compare_counts){ 10, 4, 2, 2, 1, 1, 1, 1 });
	/* Of 2.3: what is expunged has left the index. */
	ix_there.h.minor = 9;
	ix_there.n = 9;
	assert_int_equal(compare_message(&l, &m, &(struct index_record){ .uid = 20 }), COMPARE_EXPUNGED);
}

static void test_letters(void **state)
{
	struct index_record r = { .flags = FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED | FLAG_DRAFT,
		.user_flags = { 0, 0, 0, 1 } };
	char letters[MAIL_LETTERS];

	(void)state;
	mail_letters(&r, false, true, letters);
	assert_string_equal(letters, "NAFDd*x");
	mail_letters(&(struct index_record){ 0 }, true, false, letters);
	assert_string_equal(letters, "");
}

static void test_sender(void **state)
{
	static const char *const cases[][2] = { { "Erika <e@x>", "Erika" }, { "\"E, M\" <e@x>", "E, M" },
		{ "<e@x>", "<e@x>" }, { "e@x", "e@x" }, { "", "" }, { "\"<e@x>", "\"<e@x>" },
		{ "a <b> <c>", "a" } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct buf b = BUF_INIT;

		mail_sender(cases[i][0], &b);
		assert_string_equal(buf_text(&b), cases[i][1]);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_append_and_merge),
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_kept),
		cmocka_unit_test(test_kept_of_many),
		cmocka_unit_test(test_no_archive),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_sender),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
