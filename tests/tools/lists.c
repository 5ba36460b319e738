/* lists.c: makes archives of any size for the console's lists, and measures how they are listed.
 *
 *   lists make DIR N_MAILBOXES N_MESSAGES      DIR/lists-20261122T010203Z.cpio.gz: so many mailboxes, with so many messages in one
 *                                              amid them, whose internal name is printed as well
 *   lists boxes CONF ARCHIVE WORD [--live] [--print]     how long the list of mailboxes takes, and one scan for WORD
 *   lists mails CONF ARCHIVE MAILBOX WORD [--live] [--print]
 *   lists details CONF ARCHIVE MAILBOX         the page of details
 *
 * The mailboxes are those of 3.6: user.u0000000 and its folders, each with a cyrus.header and an empty cyrus.index; only the large one
 * has messages: index, cache and message files of 3 bytes. */
#include <libdeflate.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "app/mails.h"
#include "archive/writer.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

static const char *const folders[] = { "", ".Archive", ".Drafts", ".Entw&APw-rfe", ".Projects",
	".Projects.2025", ".Projects.2026", ".Sent", ".Spam", ".Trash" };
#define FOLDERS (sizeof folders / sizeof folders[0])

static void must(int rc, const struct err *e)
{
	if (rc != -1)
		return;
	fprintf(stderr, "lists: %s\n", e->msg);
	exit(2);
}

/* ---- making ---- */

static void add(struct archive_writer *w, const char *path, enum file_role role, const void *p, size_t n)
{
	struct entry_meta meta = { .path = path,
		.mode = S_IFREG | 0600,
		.uid = 100,
		.gid = 8,
		.mtime = 1700000000,
		.size = n,
		.role = role };
	struct err e;

	must(archive_writer_add(w, &meta, p, &e), &e);
}

static void end(struct archive_writer *w, enum unit_kind kind, const char *name)
{
	struct unit_info info = {
		.kind = kind, .health = HEALTH_OK, .name = name, .uniqueid = "", .partition = ""
	};
	struct err e;

	must(archive_writer_end(w, &info, &e), &e);
}

/* A cyrus.index of minor version 17. */
static void index_header(uint8_t *p, uint32_t messages, uint32_t unread)
{
	memset(p, 0, 160);
	put_be32(p, 1);
	put_be32(p + 8, 17);
	put_be32(p + 12, 160);
	put_be32(p + 16, 112);
	put_be32(p + 20, messages);
	put_be32(p + 28, messages);
	put_be32(p + 44, 1700000001);
	put_be32(p + 84, messages);
	put_be32(p + 124, unread);
	put_be32(p + 156, libdeflate_crc32(0, p, 156));
}

static void index_record(uint8_t *p, uint32_t uid, uint32_t cache_offset, uint32_t cache_crc)
{
	memset(p, 0, 112);
	put_be32(p, uid);
	put_be32(p + 4, 1600000000 + uid);
	put_be32(p + 8, 1600000000 + uid);
	put_be32(p + 12, 3);
	put_be32(p + 24, cache_offset);
	put_be32(p + 32, uid % 4 != 0 ? FLAG_SEEN : FLAG_FLAGGED);
	put_be32(p + 56, 10);
	put_be32(p + 60, uid);
	put_be32(p + 104, cache_crc);
	put_be32(p + 108, libdeflate_crc32(0, p, 108));
}

/* One item of a cache record: length, bytes, zeros up to a multiple of four. */
static void cache_item(struct buf *b, const char *s)
{
	uint8_t len[4];
	size_t n = strlen(s);

	put_be32(len, (uint32_t)n);
	buf_add(b, len, 4);
	buf_add(b, s, n);
	while (b->len % 4 != 0)
		buf_char(b, '\0');
}

static void cache_record(struct buf *b, uint32_t uid)
{
	struct buf env = BUF_INIT;

	buf_printf(&env,
	    "(\"Mon, 23 Nov 2026 10:%02u:00 +0100\" \"%s %u of the matter that we spoke about\" "
	    "((\"Correspondent %u\" NIL \"c%u\" \"example.org\")) NIL NIL ((NIL NIL \"u0000000\" "
	    "\"example.org\")) NIL NIL "
	    "NIL \"<%u@example.org>\")",
	    uid % 60, uid % 10 == 0 ? "=?UTF-8?Q?Entw=C3=BCrfe?=" : "Number", uid, uid % 977, uid % 977, uid);
	cache_item(b, buf_text(&env));
	for (int i = 1; i < 10; i++)
		cache_item(
		    b, i < 4 ? "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"utf-8\") NIL NIL \"7BIT\" 3 1)" : "");
	buf_done(&env);
}

static void add_messages(struct archive_writer *w, const char *dir, uint32_t n)
{
	struct buf index = BUF_INIT, cache = BUF_INIT, path = BUF_INIT;
	uint8_t head[160], record[112], one[4] = { 0, 0, 0, 1 };

	index_header(head, n, n / 4);
	buf_add(&index, head, sizeof head);
	buf_add(&cache, one, sizeof one);
	for (uint32_t uid = 1; uid <= n; uid++) {
		size_t at = cache.len;

		cache_record(&cache, uid);
		index_record(record, uid, (uint32_t)at, libdeflate_crc32(0, cache.data + at, cache.len - at));
		buf_add(&index, record, sizeof record);
	}
	buf_printf(&path, "%s/cyrus.index", dir);
	add(w, buf_text(&path), ROLE_INDEX, index.data, index.len);
	if (n > 0) {
		buf_clear(&path);
		buf_printf(&path, "%s/cyrus.cache", dir);
		add(w, buf_text(&path), ROLE_CACHE, cache.data, cache.len);
	}
	for (uint32_t uid = 1; uid <= n; uid++) {
		buf_clear(&path);
		buf_printf(&path, "%s/%u.", dir, uid);
		add(w, buf_text(&path), ROLE_MESSAGE, "a\r\n", 3);
	}
	buf_done(&index);
	buf_done(&cache);
	buf_done(&path);
}

static void add_mailbox(struct archive_writer *w, size_t i, uint32_t messages)
{
	char name[80], id[40], dir[160], path[200], header[300];
	struct unit_info info = { .kind = UNIT_MAILBOX,
		.health = HEALTH_OK,
		.name = name,
		.uniqueid = id,
		.partition = "default",
		.uidvalidity = 1700000001,
		.messages = messages,
		.unread = messages / 4 };
	struct err e;

	snprintf(name, sizeof name, "user.u%07zu%s", i / FOLDERS, folders[i % FOLDERS]);
	snprintf(id, sizeof id, "id%022zu", i);
	snprintf(dir, sizeof dir, "var/spool/cyrus/mail/uuid/i/d/%s", id);
	snprintf(path, sizeof path, "%s/cyrus.header", dir);
	snprintf(header, sizeof header,
	    "\241\002\213\015Cyrus mailbox header\n\"The best thing about this system was that it had lots "
	    "of "
	    "goals.\"\n\t--Jim Morris on Andrew\n\t%s\n\nu%07zu\tlrswipkxtecdan\t\n",
	    id, i / FOLDERS);
	must(archive_writer_begin(w, UNIT_MAILBOX, name, &e), &e);
	add(w, path, ROLE_HEADER, header, strlen(header));
	add_messages(w, dir, messages);
	must(archive_writer_end(w, &info, &e), &e);
}

static void add_list(struct archive_writer *w, size_t n)
{
	struct buf b = BUF_INIT;

	buf_str(&b, "{\n");
	for (size_t i = 0; i < n; i++)
		buf_printf(&b,
		    "\"user.u%07zu%s\": {\"mtime\": \"1700000001\", \"uidvalidity\": \"1700000001\", "
		    "\"createdmodseq\": "
		    "\"1\", \"foldermodseq\": \"1\", \"mbtype\": \"e\", \"partition\": \"default\", "
		    "\"uniqueid\": "
		    "\"id%022zu\", \"acl\": {\"u%07zu\": \"lrswipkxtecdan\"}}%s\n",
		    i / FOLDERS, folders[i % FOLDERS], i, i / FOLDERS, i + 1 < n ? "," : "");
	buf_str(&b, "}\n");
	add(w, "cyrvault/mailboxes.txt", ROLE_MAILBOXES_TXT, b.data, b.len);
	buf_done(&b);
}

static int make(const char *dir, size_t n_boxes, uint32_t n_messages)
{
	static const char json[] =
	    "{\"format\": 1, \"created_unix\": 1795309323, \"cyrus_version\": \"3.6.1\"}\n";
	static const char conf[] =
	    "configdirectory: /var/lib/cyrus\npartition-default: /var/spool/cyrus/mail\n"
	    "unixhierarchysep: yes\nvirtdomains: no\n";
	static const char name[] = "lists-20261122T010203Z.cpio.gz";
	struct archive_writer_opts opts = { .level = LEVEL_FAST };
	struct archive_writer *w;
	struct archive_totals t;
	struct store *store;
	struct stream *out;
	struct err e;

	must(store_open(dir, true, &store, &e), &e);
	must(store_create(store, name, 0, &out, &e), &e);
	must(archive_writer_new(out, &opts, &w, &e), &e);
	must(archive_writer_begin(w, UNIT_CONTROL, "control", &e), &e);
	add(w, "cyrvault/archive.json", ROLE_CONTROL, json, strlen(json));
	add_list(w, n_boxes);
	end(w, UNIT_CONTROL, "control");
	must(archive_writer_begin(w, UNIT_GLOBAL, "global", &e), &e);
	add(w, "etc/imapd.conf", ROLE_IMAPD_CONF, conf, strlen(conf));
	end(w, UNIT_GLOBAL, "global");
	for (size_t i = 0; i < n_boxes; i++)
		add_mailbox(w, i, i == n_boxes / 20 * FOLDERS ? n_messages : 0);
	must(archive_writer_begin(w, UNIT_REPORT, "report", &e), &e);
	add(w, "cyrvault/report.json", ROLE_CONTROL, "{}\n", 3);
	end(w, UNIT_REPORT, "report");
	must(archive_writer_finish(w, &t, &e), &e);
	must(store_commit(store, out, &e), &e);
	archive_writer_free(w);
	stream_close(out);
	store_free(store);
	printf("%s/%s\nuser.u%07zu\n", dir, name, n_boxes / 20);
	return 0;
}

/* ---- measuring ---- */

static uint64_t kb_of(const char *key)
{
	char line[200];
	uint64_t kb = 0;
	FILE *f = fopen("/proc/self/status", "r");

	while (f != NULL && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			kb = strtoull(line + strlen(key), NULL, 10);
	if (f != NULL)
		fclose(f);
	return kb;
}

static double clock_ms(clockid_t which)
{
	struct timespec t;

	clock_gettime(which, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double now_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC);
}

/* What is measured: the table of either kind. */
struct table {
	struct boxes *boxes;
	struct mails *mails;
};

static void take(const struct table *t, void *item)
{
	if (t->boxes != NULL)
		boxes_take(t->boxes, item);
	else
		mails_take(t->mails, item);
}

static size_t rows(const struct table *t)
{
	return t->boxes != NULL ? boxes_n(t->boxes) : mails_n(t->mails);
}

static bool complete(const struct table *t)
{
	return t->boxes != NULL ? boxes_facts(t->boxes)->complete : mails_facts(t->mails)->complete;
}

static void scan(const struct table *t, const char *word)
{
	char *folded = boxes_fold(word);
	double start = now_ms(), cpu = clock_ms(CLOCK_THREAD_CPUTIME_ID);
	size_t hits = 0;

	for (size_t i = 0; i < rows(t); i++)
		hits += t->boxes != NULL ? boxes_matches(t->boxes, i, folded)
		                         : mails_matches(t->mails, i, folded);
	printf("scan_ms %.1f\nscan_cpu_ms %.1f\nscan_hits %zu\n", now_ms() - start,
	    clock_ms(CLOCK_THREAD_CPUTIME_ID) - cpu, hits);
	free(folded);
}

static void watch(struct job *job, const struct table *t, double start)
{
	double first = -1, all = -1, longest = 0;
	bool ended = false;
	void *item;

	while (!ended) {
		struct pollfd p = { .fd = job_fd(job), .events = POLLIN };

		poll(&p, 1, 1000);
		ended = job_ended(job);
		while ((item = job_take(job)) != NULL) {
			double before = now_ms();

			take(t, item);
			if (now_ms() - before > longest)
				longest = now_ms() - before;
			if (first < 0 && rows(t) > 0)
				first = now_ms() - start;
			if (all < 0 && complete(t)) {
				all = now_ms() - start;
				printf("rss_mib_listed %.1f\n", (double)kb_of("VmRSS:") / 1024);
			}
		}
	}
	printf("first_ms %.1f\nall_ms %.1f\nend_ms %.1f\nlongest_take_ms %.2f\n", first, all,
	    now_ms() - start, longest);
}

static void print_boxes(const struct boxes *b)
{
	for (size_t i = 0; i < boxes_n(b); i++) {
		const struct box *row = boxes_row(b, i);
		struct buf shown = BUF_INIT, leaf = BUF_INIT;

		boxes_shown(b, i, &shown);
		boxes_leaf(b, i, &leaf);
		printf("%-12s %6u %6u %6u %u %c %s [%s]\n", box_state_name((enum box_state)row->state),
		    row->messages, row->unread, row->live_messages, row->depth, row->has_files ? 'f' : '-',
		    buf_text(&shown), buf_text(&leaf));
		buf_done(&shown);
		buf_done(&leaf);
	}
	printf("why_not %s\n", boxes_facts(b)->why_not);
}

static void print_mails(const struct mails *m)
{
	for (size_t i = 0; i < mails_n(m); i++) {
		const struct mail *row = mails_row(m, i);

		printf("%-12s %6u %-8s %s | %s\n", mail_state_name((enum mail_state)row->state), row->uid,
		    row->letters, mails_from(m, i), mails_subject(m, i));
	}
	printf("box %s\nonly_live %zu\nlive_name %s\nwhy_not %s\n", box_state_name(mails_facts(m)->box),
	    mails_facts(m)->only_live, mails_facts(m)->live_name, mails_facts(m)->why_not);
}

static int details(const char *conf, const char *archive, const char *mailbox)
{
	struct app_details d;
	struct app *app;
	struct err e = { 0 };

	must(app_open(conf, &app, &e), &e);
	must(app_box_details(app, NULL, archive, mailbox, NULL, &d, &e), &e);
	for (size_t i = 0; i < d.n; i++)
		printf("%-16s%s\n", d.list[i].label != NULL ? d.list[i].label : "", d.list[i].value);
	app_details_done(&d);
	app_close(app);
	return 0;
}

int main(int argc, char **argv)
{
	bool live = false, print = false, boxes;
	struct boxes_request br = { 0 };
	struct mails_request mr = { 0 };
	struct table t = { 0 };
	struct app *app;
	struct job *job;
	struct err e = { 0 };
	double start;

	if (argc == 5 && strcmp(argv[1], "make") == 0)
		return make(argv[2], strtoull(argv[3], NULL, 10), (uint32_t)strtoul(argv[4], NULL, 10));
	if (argc == 5 && strcmp(argv[1], "details") == 0)
		return details(argv[2], argv[3], argv[4]);
	for (; argc > 1 && str_starts(argv[argc - 1], "--"); argc--) {
		live = live || strcmp(argv[argc - 1], "--live") == 0;
		print = print || strcmp(argv[argc - 1], "--print") == 0;
	}
	boxes = argc == 5 && strcmp(argv[1], "boxes") == 0;
	if (!boxes && !(argc == 6 && strcmp(argv[1], "mails") == 0)) {
		fprintf(stderr, "lists: see the top of lists.c\n");
		return 64;
	}
	must(app_open(argv[2], &app, &e), &e);
	printf("rss_mib_before %.1f\n", (double)kb_of("VmRSS:") / 1024);
	start = now_ms();
	job = job_new();
	if (boxes) {
		t.boxes = boxes_new();
		br = (struct boxes_request){ .app = app, .archive = argv[3], .live = live };
		must(job_start(job, boxes_run, &br, &e), &e);
	} else {
		t.mails = mails_new();
		mr = (struct mails_request){
			.app = app, .archive = argv[3], .mailbox = argv[4], .live = live
		};
		must(job_start(job, mails_run, &mr, &e), &e);
	}
	watch(job, &t, start);
	must(job_reap(job, &e), &e);
	job_free(job);
	printf("cpu_ms %.1f\nrows %zu\nrss_mib_end %.1f\nrss_mib_peak %.1f\n",
	    clock_ms(CLOCK_PROCESS_CPUTIME_ID), rows(&t), (double)kb_of("VmRSS:") / 1024,
	    (double)kb_of("VmHWM:") / 1024);
	scan(&t, argv[argc - 1]);
	if (print && boxes)
		print_boxes(t.boxes);
	else if (print)
		print_mails(t.mails);
	boxes_free(t.boxes);
	mails_free(t.mails);
	app_close(app);
	return 0;
}
