/* test_ui_backup.c: a backup on the screen: what it would do, what it is at, what came of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "core/clock.h"
#include "ui/backup_rows.h"
#include "ui/gauge.h"

/* ---- what is looked at ---- */

static char spool[] = "vg/spool", conf[] = "vg/conf", picture[] = "vg/cyrvault-1", ext4[] = "ext4",
	    var[] = "/var/spool", lib[] = "/var/lib";
static char no_volume[] = "/var/lib is on no logical volume",
	    slow[] = "the users' locks were not had within 10 s";

static struct snapshot_volume volumes[] = {
	{ .origin = spool,
	    .name = picture,
	    .fs = ext4,
	    .mounted_on = var,
	    .origin_bytes = 100ull << 30,
	    .size_bytes = 5ull << 30,
	    .free_bytes = 20ull << 30,
	    .fill_permille = 416,
	    .extended = 2 },
	{ .origin = conf,
	    .name = picture,
	    .fs = ext4,
	    .mounted_on = lib,
	    .thin = true,
	    .origin_bytes = 1ull << 30,
	    .free_bytes = 3ull << 30,
	    .fill_permille = 4 },
};
static const struct snapshot_facts lvm = { .kind = "lvm", .volumes = volumes, .n = 2, .taken_ms = 1250 };
static const struct snapshot_facts none = { .kind = "none", .why_not = no_volume };

static struct list l;
static struct sheet s;

static void begin(void)
{
	static const struct list_column columns[SHEET_CELLS];

	sheet_init(&s, &l, columns, SHEET_CELLS);
}

/* All rows, each behind '\n', cells separated by '|'. */
static void rows_are(const char *expected)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < s.n; i++)
		buf_printf(&b, "\n%s|%s|%s", s.rows[i].cells[0], s.rows[i].cells[1], s.rows[i].cells[2]);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
	sheet_done(&s);
	list_done(&l);
}

static void gauge_is(unsigned permille, const char *expected)
{
	struct buf b = BUF_INIT;

	gauge_add(&b, permille, 4);
	assert_string_equal(buf_text(&b), expected);
	buf_done(&b);
}

static void test_gauge(void **state)
{
	(void)state;
	gauge_is(0, "[    ]   0%");
	gauge_is(1, "[#   ]   0%");
	gauge_is(500, "[##  ]  50%");
	gauge_is(999, "[### ]  99%");
	gauge_is(1000, "[####] 100%");
	gauge_is(4000000000u, "[####] 100%");
}

/* ---- before ---- */

static void test_outlook(void **state)
{
	struct conf_server server = { .hold_ms = 2000, .pause_ms = 10000 };

	(void)state;
	begin();
	backup_rows_outlook(&s, &(struct backup_outlook){ .snapshot = lvm, .quiesce = "users" }, &server);
	rows_are("\nplan|snapshot|lvm, of 2 volumes"
		 "\nplan|vg/spool|5.0G for changes, of 20G free; 100G ext4 on /var/spool"
		 "\nplan|vg/conf|thin, its pool has 3.0G free; 1.0G ext4 on /var/lib"
		 "\nplan|held still|all users at once, at most 10 s");
	begin();
	backup_rows_outlook(&s, &(struct backup_outlook){ .snapshot = none, .quiesce = "user" }, &server);
	rows_are("\nplan|snapshot|none: the live files are read"
		 "\n|no better one|/var/lib is on no logical volume"
		 "\nplan|held still|one user after the other, at most 2.0 s");
	begin();
	backup_rows_outlook(
	    &s, &(struct backup_outlook){ .snapshot = lvm, .quiesce = "list", .quiesce_why = slow }, &server);
	assert_string_equal(s.rows[s.n - 1].cells[1], "no firmer");
	assert_string_equal(s.rows[s.n - 1].cells[2], slow);
	rows_are("\nplan|snapshot|lvm, of 2 volumes"
		 "\nplan|vg/spool|5.0G for changes, of 20G free; 100G ext4 on /var/spool"
		 "\nplan|vg/conf|thin, its pool has 3.0G free; 1.0G ext4 on /var/lib"
		 "\nplan|held still|the list of mailboxes, at most 10 s"
		 "\n|no firmer|the users' locks were not had within 10 s");
}

/* ---- meanwhile ---- */

static void test_running(void **state)
{
	struct backup_sight sight = { .stage = BACKUP_PACK,
		.begun_ms = 5000,
		.has_ladder = true,
		.has_snapshot = true,
		.ladder = { .best = RUNG_GLOBAL,
		    .reached = RUNG_USERS,
		    .pause_ms = 140,
		    .tries = 1,
		    .why = "no reason" },
		.snapshot = lvm,
		.tries = 2,
		.findings = 3 };
	struct backup_pace pace = { .now_ms = 9000,
		.rate = 2 << 20,
		.progress = { .done_bytes = 64 << 20, .total_bytes = 256 << 20, .step = "alice" } };

	(void)state;
	for (int i = 0; i < BACKUP_PACK; i++) {
		sight.been[i] = true;
		sight.took_ms[i] = (uint64_t)(i + 1) * 100;
	}
	begin();
	assert_int_equal(backup_rows_running(&s, &sight, &pace), 4);
	assert_string_equal(s.rows[1].more, "no reason");
	rows_are("\ndone|look|0.1 s"
		 "\ndone|hold|0.2 s; all users at once, 140 ms"
		 "\ndone|snapshot|0.3 s; the 2. try"
		 "\ndone|mount|0.4 s"
		 "\ndoing|pack|4 s; alice"
		 "\n|25 %|64M of 256M, 2.0M/s, ETA 1 min 36 s"
		 "\nto come|verify|read its end mark and index back"
		 "\nto come|commit|the archive gets its name"
		 "\nto come|rotate|older archives go, as the store's keep keys say"
		 "\nvolume|vg/spool|[####      ]  41% of 5.0G, got more room 2 times"
		 "\nvolume|vg/conf|[#         ]   0% of its pool"
		 "\n|noticed|3 findings");
}

/* What reads the live files takes no snapshot; a trial writes nothing; before the first news it looks. */
static void test_running_without(void **state)
{
	struct backup_sight sight = { .stage = BACKUP_LOOK, .has_snapshot = true, .snapshot = none };
	struct backup_pace pace = { .now_ms = 0, .verify_all = true };

	(void)state;
	begin();
	assert_int_equal(backup_rows_running(&s, &sight, &pace), 0);
	rows_are("\ndoing|look|0 s"
		 "\nto come|pack|read, check, pack and send"
		 "\nto come|verify|read all of it back"
		 "\nto come|commit|the archive gets its name"
		 "\nto come|rotate|older archives go, as the store's keep keys say"
		 "\n|noticed|0 findings");
	pace.dry_run = true;
	sight = (struct backup_sight){ 0 };
	begin();
	assert_int_equal(backup_rows_running(&s, &sight, &pace), 0);
	rows_are("\ndoing|look|0 s"
		 "\nto come|pack|read and check all that is there"
		 "\n|noticed|0 findings");
}

/* A picture that ran full is said in words. */
static void test_lost(void **state)
{
	struct snapshot_volume v = volumes[0];
	struct backup_sight sight = { .stage = BACKUP_PACK,
		.has_snapshot = true,
		.snapshot = { .kind = "lvm", .volumes = &v, .n = 1 } };
	struct backup_pace pace = { 0 };
	size_t last;

	(void)state;
	v.invalid = true;
	v.fill_permille = 1000;
	begin();
	backup_rows_running(&s, &sight, &pace);
	last = s.n - 2;
	assert_string_equal(s.rows[last].cells[0], "LOST");
	assert_int_equal(s.rows[last].style, STYLE_BAD);
	assert_non_null(strstr(s.rows[last].cells[2], "does not count"));
	sheet_done(&s);
	list_done(&l);
}

/* Some snapshots share the room of their file system: there is no level to show. */
static void test_without_limit(void **state)
{
	struct snapshot_volume v = { .origin = spool, .name = picture, .free_bytes = 20ull << 30 };
	struct backup_sight sight = { .stage = BACKUP_VERIFY,
		.has_snapshot = true,
		.snapshot = { .kind = "btrfs", .volumes = &v, .n = 1 } };
	struct backup_pace pace = { 0 };

	(void)state;
	begin();
	backup_rows_running(&s, &sight, &pace);
	assert_string_equal(s.rows[s.n - 2].cells[0], "was");
	assert_string_equal(s.rows[s.n - 2].cells[2], "no limit of its own; 20G free when it was taken");
	sheet_done(&s);
	list_done(&l);
}

/* ---- the way there ---- */

static void tell(
    struct backup_watch *w, enum backup_stage stage, const struct snapshot_facts *f, unsigned tries)
{
	struct ladder_facts ladder = { .reached = RUNG_LIST, .tries = tries };

	backup_watch_news(
	    w, &(struct backup_news){ .stage = stage, .ladder = &ladder, .snapshot = f, .tries = tries });
}

static void test_watch(void **state)
{
	struct backup_watch w;
	struct backup_sight sight;

	(void)state;
	backup_watch_init(&w);
	backup_watch_look(&w, &sight);
	assert_int_equal(sight.stage, BACKUP_LOOK);
	backup_sight_done(&sight);
	tell(&w, BACKUP_LOOK, NULL, 0);
	tell(&w, BACKUP_HOLD, &lvm, 0);
	tell(&w, BACKUP_MOUNT, &lvm, 1);
	tell(&w, BACKUP_HOLD, &lvm, 1); /* it could not be read: once more */
	backup_watch_look(&w, &sight);
	assert_true(sight.been[BACKUP_LOOK] && !sight.been[BACKUP_HOLD] && !sight.been[BACKUP_MOUNT]);
	assert_int_equal(sight.stage, BACKUP_HOLD);
	assert_int_equal(sight.tries, 1);
	assert_string_equal(sight.snapshot.volumes[1].origin, conf);
	assert_ptr_not_equal(sight.snapshot.volumes[1].origin, conf);
	assert_false(backup_sight_is_live(&sight));
	backup_sight_done(&sight);
	tell(&w, BACKUP_VERIFY, NULL, 2);
	backup_watch_end(&w);
	backup_watch_look(&w, &sight);
	assert_true(sight.been[BACKUP_VERIFY]);
	assert_int_equal(sight.snapshot.n, 2); /* how full it was is known all the same */
	backup_sight_done(&sight);
	backup_watch_done(&w);
}

/* ---- afterwards ---- */

static void test_report(void **state)
{
	static char name[] = "mail1-20261122T020311Z.cpio.gz", url[] = "dir:/vault", box[] = "user.a",
		    nobody[] = "", what[] = "message 3: its file is missing", other[] = "slower than usual",
		    late[] = "rotation: refused";
	static char *warnings[] = { late };
	struct backup_finding findings[] = { { FINDING_RECORD_WITHOUT_FILE, box, what },
		{ FINDING_OTHER, nobody, other } };
	struct backup_result r = { .archive = name,
		.store = url,
		.mailboxes = 2,
		.messages = 30,
		.users = 1,
		.plain_bytes = 4 << 20,
		.stored_bytes = 2 << 20,
		.holds = 2,
		.longest_hold_ms = 140,
		.quiesce = "users",
		.quiesce_why = slow,
		.snapshot = lvm,
		.tries = 2,
		.elapsed_ms = 2000,
		.removed = 2,
		.warnings = warnings,
		.n_warnings = 1,
		.findings = findings,
		.n_kept = 2,
		.n_findings = 5,
		.by_kind = { [FINDING_OTHER] = 1, [FINDING_RECORD_WITHOUT_FILE] = 4 } };
	struct backup_sight sight = { .stage = BACKUP_COMMIT,
		.been = { [BACKUP_PACK] = true, [BACKUP_COMMIT] = true },
		.took_ms = { [BACKUP_PACK] = 1900, [BACKUP_COMMIT] = 100 } };

	(void)state;
	begin();
	backup_rows_report(&s, &r, &sight);
	rows_are("\ndone|archive|mail1-20261122T020311Z.cpio.gz"
		 "\nwarn|consistency|5 findings; each is listed below"
		 "\nwarn|afterwards|rotation: refused"
		 "\n|store|dir:/vault"
		 "\n|contents|2 mailboxes, 30 messages, 1 user"
		 "\n|size|4.0M in 2.0M (2.0 : 1)"
		 "\n|time|2.0 s, 2.0M/s"
		 "\n|held still|all users at once, 140 ms"
		 "\n|no firmer|the users' locks were not had within 10 s"
		 "\n|snapshot|lvm, of 2 volumes, taken in 1.2 s, at the 2. try"
		 "\nat most|vg/spool|[####      ]  41% of 5.0G, got more room 2 times"
		 "\nat most|vg/conf|[#         ]   0% of its pool"
		 "\n|stages|pack 1.9 s, commit 0.1 s"
		 "\n|rotation|2 older archives removed"
		 "\nkind|1 time|about the run, or a file that is no mailbox's"
		 "\nkind|4 times|in the index, without a message file"
		 "\nfinding|user.a|message 3: its file is missing"
		 "\nfinding|the run|slower than usual"
		 "\nfinding||3 more");
}

static void test_report_of_nothing(void **state)
{
	struct backup_result r = {
		.quiesce = "user", .holds = 7, .longest_hold_ms = 12, .elapsed_ms = 100, .snapshot = none
	};
	struct backup_sight sight = {
		.stage = BACKUP_HOLD, .been = { [BACKUP_LOOK] = true }, .took_ms = { 61000 }
	};

	(void)state;
	begin();
	backup_rows_report(&s, &r, &sight);
	rows_are("\ndone|archive|none: it was a trial run"
		 "\nok|consistency|nothing is wrong with the mailboxes"
		 "\n|contents|0 mailboxes, 0 messages, 0 users"
		 "\n|size|0"
		 "\n|time|0.1 s, 0/s"
		 "\n|held still|one user after the other, 7 times, at most 12 ms"
		 "\n|snapshot|none: the live files were read"
		 "\n|no better one|/var/lib is on no logical volume"
		 "\n|stages|look 1 min 1 s, then hold");
	r.snapshot = lvm; /* a trial: it would be */
	begin();
	backup_rows_report(&s, &r, &sight);
	assert_string_equal(s.rows[6].cells[2], "lvm, of 2 volumes, would be taken");
	assert_int_equal(s.n, 8);
	sheet_done(&s);
	list_done(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gauge),
		cmocka_unit_test(test_outlook),
		cmocka_unit_test(test_running),
		cmocka_unit_test(test_running_without),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_without_limit),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_report),
		cmocka_unit_test(test_report_of_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
