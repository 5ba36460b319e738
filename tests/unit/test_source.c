/* test_source.c: an archive of ours as a source: made here out of a real server's files, unit by unit, and compared with
 * what IMAP showed; what is fetched; what is missing or damaged. */
#include "test_source_util.h"

#include "archive/writer.h"

#define HOME "srv/cyrus24/"

/* ---- an archive as a backup makes it ---- */

static void add(struct archive_writer *w, const char *path, enum file_role role, const void *p, size_t n)
{
	struct entry_meta meta = { .path = path,
		.mode = S_IFREG | 0600,
		.uid = 104,
		.gid = 8,
		.mtime = 1700000000,
		.size = n,
		.role = role };
	struct err err = { 0 };

	OK(archive_writer_add(w, &meta, p, &err));
}

static void add_entry(struct archive_writer *w, const struct entry *en, enum file_role role)
{
	char *path = mem_printf(HOME "%s", en->path);

	add(w, path, role, buf_text(&en->data), en->data.len);
	free(path);
}

static void begin(struct archive_writer *w, enum unit_kind kind, const char *name)
{
	struct err err = { 0 };

	OK(archive_writer_begin(w, kind, name, &err));
}

static void end(struct archive_writer *w, struct unit_info info)
{
	struct err err = { 0 };

	info.uniqueid = info.uniqueid != NULL ? info.uniqueid : "";
	info.partition = info.partition != NULL ? info.partition : "";
	OK(archive_writer_end(w, &info, &err));
}

static enum file_role role_of(const char *base)
{
	static const char *const names[] = { "cyrus.header", "cyrus.index", "cyrus.cache" };
	static const enum file_role roles[] = { ROLE_HEADER, ROLE_INDEX, ROLE_CACHE };

	for (int i = 0; i < 3; i++)
		if (strcmp(base, names[i]) == 0)
			return roles[i];
	return base[0] >= '0' && base[0] <= '9' ? ROLE_MESSAGE : ROLE_MAILBOX_OTHER;
}

static void add_mailbox(struct archive_writer *w, struct tree *t, const char *dir, const char *name)
{
	char *header_path = mem_printf("%s/cyrus.header", dir),
	     *index_path = mem_printf("%s/cyrus.index", dir);
	const struct entry *he = tree_find(t, header_path), *ie = tree_find(t, index_path);
	struct unit_info info = { .health = HEALTH_OK, .partition = "default" };
	struct mailbox_header *h;
	struct mailbox_index *ix;
	struct err err = { 0 };
	size_t n = strlen(dir);

	OK(mailbox_header_parse((const uint8_t *)he->data.data, he->data.len, &h, &err));
	OK(mailbox_index_parse((const uint8_t *)ie->data.data, ie->data.len, &ix, &err));
	info.uniqueid = h->uniqueid;
	info.uidvalidity = ix->h.uidvalidity;
	for (size_t i = 0; i < ix->n; i++)
		if (index_record_visible(&ix->records[i])) {
			info.messages++;
			info.unread += !(ix->records[i].flags & FLAG_SEEN);
		}
	begin(w, UNIT_MAILBOX, name);
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *en = &t->entries[i];

		if (strncmp(en->path, dir, n) == 0 && en->path[n] == '/' &&
		    strchr(en->path + n + 1, '/') == NULL && S_ISREG(en->mode))
			add_entry(w, en, role_of(en->path + n + 1));
	}
	end(w, info);
	mailbox_header_free(h);
	mailbox_index_free(ix);
	free(header_path);
	free(index_path);
}

static void add_user(struct archive_writer *w, struct tree *t, const char *user)
{
	static const enum file_role roles[] = { ROLE_SEEN, ROLE_SUBS, ROLE_QUOTA, ROLE_QUOTA };

	begin(w, UNIT_USER, user);
	for (size_t i = 0; i < 4; i++) {
		char path[64];
		const struct entry *en;

		snprintf(path, sizeof path, "conf/%s/%c/%s%s%s", i < 2 ? "user" : "quota", user[0],
		    i < 2 ? "" : "user.", user,
		    i == 0   ? ".seen"
		    : i == 1 ? ".sub"
		    : i == 2 ? ""
			     : ".Work");
		if ((en = tree_find(t, path)) != NULL)
			add_entry(w, en, roles[i]);
	}
	end(w, (struct unit_info){ 0 });
}

struct made {
	bool no_report_list, no_conf, bad_list, twice;
	const char *json;
};

static void make_archive(struct vault *v, const char *name, struct tree *t, struct made how)
{
	static const char json[] =
	    "{\"format\": 1, \"cyrus_version\": \"2.4.22-x\", \"created_unix\": 1795400000}";
	static const char *const users[] = { "alice", "bob", "carol" };
	struct archive_writer_opts opts = { .threads = 1 };
	struct entry *list = tree_find(t, "mboxlist.txt");
	struct archive_writer *w;
	struct archive_totals totals;
	struct stream *out;
	struct err err = { 0 };

	OK(store_create(v->store, name, 0, &out, &err));
	OK(archive_writer_new(out, &opts, &w, &err));
	begin(w, UNIT_CONTROL, "control");
	add(w, "cyrvault/archive.json", ROLE_CONTROL, how.json != NULL ? how.json : json,
	    strlen(how.json != NULL ? how.json : json));
	if (how.bad_list)
		add(w, "mailboxes.txt", ROLE_MAILBOXES_TXT, "nothing\n", 8);
	else if (how.no_report_list)
		add(w, "mailboxes.txt", ROLE_MAILBOXES_TXT, list->data.data, list->data.len);
	else
		add(w, "mailboxes.txt", ROLE_MAILBOXES_TXT, "user.early\t0 default x\tlrs\t\n", 28);
	end(w, (struct unit_info){ 0 });
	for (size_t i = 0; i < t->n; i++) {
		const char *p = strstr(t->entries[i].path, "/cyrus.header");
		char dir[128], internal[128];

		if (p == NULL)
			continue;
		snprintf(dir, sizeof dir, "%.*s", (int)(p - t->entries[i].path), t->entries[i].path);
		snprintf(internal, sizeof internal, "%s", dir + strlen("spool/a/"));
		for (char *c = internal; *c != '\0'; c++)
			if (*c == '/')
				*c = '.';
		add_mailbox(w, t, dir, internal);
		if (how.twice && strcmp(internal, "user.bob.Work") == 0)
			add_mailbox(w, t, "spool/b/user/bob/Sent", internal);
	}
	for (size_t i = 0; i < 3; i++)
		add_user(w, t, users[i]);
	begin(w, UNIT_GLOBAL, "global");
	if (!how.no_conf)
		add(w, "etc/imapd.conf", ROLE_IMAPD_CONF, tree_find(t, "imapd.conf")->data.data,
		    tree_find(t, "imapd.conf")->data.len);
	add_entry(w, tree_find(t, "conf/annotations.db"), ROLE_DATABASE);
	add_entry(w, tree_find(t, "conf/user/c/cyrus.seen"), ROLE_SEEN);
	add(w, HOME "conf/quota/s/shared", ROLE_OTHER, "100\n2048\n", 9);
	end(w, (struct unit_info){ 0 });
	begin(w, UNIT_REPORT, "report");
	add(w, "cyrvault/report.json", ROLE_CONTROL, "{}", 2);
	if (!how.no_report_list)
		add(w, "mailboxes.txt", ROLE_MAILBOXES_TXT, list->data.data, list->data.len);
	end(w, (struct unit_info){ 0 });
	OK(archive_writer_finish(w, &totals, &err));
	OK(store_commit(v->store, out, &err));
	archive_writer_free(w);
	stream_close(out);
}

#define NAME "mail1-20261123T010203Z.cpio.gz"

struct fixture {
	struct vault v;
	struct tree t;
	struct source *s;
};

static void fixture_open(struct fixture *f, struct made how)
{
	struct err err = { 0 };

	memset(f, 0, sizeof *f);
	vault_new(&f->v);
	tree_load(&f->t, "cyrus24-ckpt.tar.gz");
	make_archive(&f->v, NAME, &f->t, how);
	OK(source_open(f->v.store, NAME, NULL, &f->s, &err));
}

static void fixture_close(struct fixture *f)
{
	source_close(f->s);
	tree_done(&f->t);
	vault_done(&f->v);
}

/* ---- tests ---- */

static void test_all(void **state)
{
	struct fixture f;

	(void)state;
	fixture_open(&f, (struct made){ 0 });
	assert_int_equal(source_kind(f.s), ARCHIVE_OURS);
	assert_non_null(source_archive(f.s));
	assert_string_equal(source_name(f.s), NAME);
	assert_int_equal(source_n(f.s), 38);
	assert_int_equal(source_list(f.s)->n, 38);
	assert_int_equal(source_when(f.s), 1795400000);
	assert_int_equal(source_version(f.s).major, 2);
	assert_int_equal(source_version(f.s).minor, 4);
	assert_int_equal(source_version(f.s).patch, 22);
	assert_string_equal(source_conf(f.s)->configdirectory, "/srv/cyrus24/conf");
	for (size_t i = 0; i < source_n(f.s); i++) {
		const struct source_mailbox *m = source_mailbox(f.s, i);

		assert_true(m->has_files);
		assert_false(m->deleted);
		assert_int_equal(m->health, HEALTH_OK);
		assert_string_equal(m->entry->uniqueid, m->uniqueid);
		assert_int_equal(m->entry->uidvalidity, m->uidvalidity);
		if (i > 0)
			assert_true(strcmp(m->name, source_mailbox(f.s, i - 1)->name) > 0);
	}
	assert_int_equal(source_find(f.s, "user.nobody"), (size_t)-1);
	check_dump(f.s, "cyrus24-dump.txt.gz", LOST_NOTHING);
	fixture_close(&f);
}

static int note_user(void *arg, const char *userid, struct err *e)
{
	(void)e;
	buf_printf(arg, "%s ", userid);
	return 0;
}

static int stop_user(void *arg, const char *userid, struct err *e)
{
	(void)arg;
	return err_set(e, ERR_CANCELLED, "enough of %s", userid);
}

static int count_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	unsigned *roles = arg;

	(void)e;
	roles[file->role] += meta != NULL;
	return 1;
}

static int count_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)arg;
	(void)p;
	(void)n;
	(void)e;
	return 0;
}

static int count_end(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static void count_abort(void *arg)
{
	(void)arg;
}

/* Texts, users, quota roots, files of users with and without mailboxes. */
static void test_others(void **state)
{
	unsigned roles[ROLE_COUNT] = { 0 };
	struct file_sink sink = { roles, false, count_begin, count_data, count_end, count_abort };
	struct seen_record seen;
	struct quota_root q;
	struct err err = { 0 };
	struct buf b = BUF_INIT;
	struct fixture f;

	(void)state;
	fixture_open(&f, (struct made){ 0 });
	OK(source_text(f.s, "report.json", &b, &err));
	assert_string_equal(buf_text(&b), "{}");
	buf_clear(&b);
	OK(source_text(f.s, "archive.json", &b, &err));
	assert_non_null(strstr(buf_text(&b), "1795400000"));
	buf_clear(&b);
	OK(source_text(f.s, "mailboxes.txt", &b, &err));
	assert_int_equal(b.len, tree_find(&f.t, "mboxlist.txt")->data.len);
	assert_int_equal(source_text(f.s, "other.txt", &b, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	buf_clear(&b);
	OK(source_users(f.s, note_user, &b, &err));
	assert_string_equal(buf_text(&b), "alice bob carol cyrus ");
	assert_int_equal(source_users(f.s, stop_user, NULL, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	assert_int_equal(source_quota(f.s, "shared", &q, &err), 1);
	assert_int_equal(q.limit[QUOTA_STORAGE_KB], 2048);
	assert_int_equal(source_quota(f.s, "user.alice.Work", &q, &err), 1);
	assert_int_equal(source_quota(f.s, "user.alice.Sent", &q, &err), 0);
	assert_int_equal(source_quota(f.s, "user.nobody", &q, &err), 0);
	assert_int_equal(source_seen(f.s, "nobody", "x", &seen, &err), 0);
	assert_int_equal(source_subscribed(f.s, "nobody", "user.alice", &err), 0);
	assert_int_equal(source_subscribed(f.s, "bob", "user.alice.Work", &err), 1);
	assert_int_equal(source_subscribed(f.s, "bob", "user.alice.Sent", &err), 0);
	OK(source_extract_user(f.s, "alice", &sink, &err));
	assert_int_equal(roles[ROLE_SEEN], 1);
	assert_int_equal(roles[ROLE_SUBS], 1);
	assert_int_equal(roles[ROLE_QUOTA], 2);
	OK(source_extract_user(f.s, "cyrus", &sink, &err)); /* has no mailbox: with the global files */
	assert_int_equal(roles[ROLE_SEEN], 2);
	assert_int_equal(source_extract_user(f.s, "nobody", &sink, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	memset(roles, 0, sizeof roles);
	OK(source_extract(f.s, source_find(f.s, "user.bob.Work"), &sink, &err));
	assert_int_equal(roles[ROLE_MESSAGE], 3);
	assert_int_equal(roles[ROLE_INDEX] + roles[ROLE_HEADER] + roles[ROLE_CACHE], 3);
	buf_done(&b);
	fixture_close(&f);
}

/* Loading a mailbox fetches its table and the members of header and index, not its messages. */
static void test_fetch(void **state)
{
	struct source_messages *m;
	struct err err = { 0 };
	struct fixture f;
	uint64_t before, all;

	(void)state;
	fixture_open(&f, (struct made){ 0 });
	before = archive_bytes_fetched(source_archive(f.s));
	all = archive_size(source_archive(f.s));
	OK(source_load(f.s, source_find(f.s, "user.carol.Trash"), false, &m, &err));
	assert_int_equal(m->cache.len, 0);
	assert_int_equal(m->n_uids, 3);
	assert_true(archive_bytes_fetched(source_archive(f.s)) - before < all / 4);
	source_messages_free(m);
	OK(source_load(f.s, source_find(f.s, "user.carol.Trash"), true, &m, &err));
	assert_int_equal(m->cache.len, tree_find(&f.t, "spool/c/user/carol/Trash/cyrus.cache")->data.len);
	source_messages_free(m);
	fixture_close(&f);
}

/* One mailbox and its owner's files, of an archive with many others: as in the whole of it. */
static void test_only_one(void **state)
{
	struct source_messages *m, *same;
	struct source *s;
	struct err err = { 0 };
	struct buf b = BUF_INIT, whole = BUF_INIT;
	struct fixture f;
	size_t at;

	(void)state;
	fixture_open(&f, (struct made){ 0 });
	OK(source_open_mailbox(f.v.store, NAME, "user.carol.Trash", 1, NULL, &s, &err));
	assert_string_equal(source_only(s), "user.carol.Trash");
	assert_false(source_is_whole(s));
	assert_int_equal(source_n(s), 1);
	assert_int_equal(source_when(s), source_when(f.s));
	assert_non_null(source_conf(s));
	at = source_find(f.s, "user.carol.Trash");
	assert_string_equal(source_mailbox(s, 0)->uniqueid, source_mailbox(f.s, at)->uniqueid);
	assert_int_equal(source_mailbox(s, 0)->messages, source_mailbox(f.s, at)->messages);
	OK(source_load(s, 0, true, &m, &err));
	OK(source_load(f.s, at, true, &same, &err));
	assert_int_equal(m->n_uids, 3);
	assert_int_equal(m->cache.len, same->cache.len);
	assert_string_equal(
	    m->owner_seen != NULL ? m->owner_seen : "-", same->owner_seen != NULL ? same->owner_seen : "-");
	OK(source_read_message(s, 0, m->uids[2], 1 << 20, &b, &err));
	OK(source_read_message(f.s, at, m->uids[2], 1 << 20, &whole, &err));
	assert_string_equal(buf_text(&b), buf_text(&whole));
	source_messages_free(same);
	source_messages_free(m);
	source_close(s);
	/* One that is not there, and an archive that has not so many. */
	OK(source_open_mailbox(f.v.store, NAME, "user.nobody", 1, NULL, &s, &err));
	assert_int_equal(source_n(s), 0);
	source_close(s);
	OK(source_open_mailbox(f.v.store, NAME, "user.carol.Trash", 1000, NULL, &s, &err));
	assert_null(source_only(s));
	assert_true(source_n(s) > 30);
	source_close(s);
	buf_done(&b);
	buf_done(&whole);
	fixture_close(&f);
}

/* The list and the directories do not agree. */
static void test_merge(void **state)
{
	static const char list[] = "DELETED.user.alice.Old.65A1B2C3\t0 default alice\tlrs\t\n"
				   "user.alice\t0 default alice\tlrs\t\n"
				   "user.alice.Gone\t0 default alice\tlrs\t\n"
				   "user.alice.Tomb\t16 (null)\n"
				   "user.zoe\t1 backend2!default zoe\tlrs\t\n";
	struct source_messages *m;
	struct err err = { 0 };
	struct buf b = BUF_INIT;
	struct fixture f = { 0 };
	size_t at;

	(void)state;
	vault_new(&f.v);
	tree_load(&f.t, "cyrus24-ckpt.tar.gz");
	buf_clear(&tree_find(&f.t, "mboxlist.txt")->data);
	buf_str(&tree_find(&f.t, "mboxlist.txt")->data, list);
	make_archive(
	    &f.v, NAME, &f.t, (struct made){ .no_report_list = true, .no_conf = true, .twice = true });
	OK(source_open(f.v.store, NAME, NULL, &f.s, &err));
	assert_null(source_conf(f.s));
	assert_int_equal(source_n(f.s), 40);
	at = source_find(f.s, "DELETED.user.alice.Old.65A1B2C3");
	assert_int_not_equal(at, (size_t)-1);
	assert_true(source_mailbox(f.s, at)->deleted);
	assert_false(source_mailbox(f.s, at)->has_files);
	assert_int_equal(source_load(f.s, at, false, &m, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(source_read_message(f.s, at, 1, 100, &b, &err), -1);
	assert_int_equal(source_extract(f.s, at, NULL, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	at = source_find(f.s, "user.alice.Gone");
	assert_false(source_mailbox(f.s, at)->has_files);
	assert_string_equal(source_mailbox(f.s, at)->uniqueid, "");
	assert_string_equal(source_mailbox(f.s, at)->partition, "default");
	assert_int_equal(source_find(f.s, "user.alice.Tomb"), (size_t)-1);
	assert_int_equal(source_find(f.s, "user.zoe"), (size_t)-1);
	assert_non_null(source_mailbox(f.s, source_find(f.s, "user.alice"))->entry);
	assert_null(source_mailbox(f.s, source_find(f.s, "user.bob"))->entry);
	/* Of two units of one name the first counts. */
	OK(source_load(f.s, source_find(f.s, "user.bob.Work"), false, &m, &err));
	assert_int_equal(m->n_uids, 3);
	source_messages_free(m);
	fixture_close(&f);
}

static void expect(struct vault *v, enum err_code code, const char *words)
{
	struct source *s = NULL;
	struct err err = { 0 };

	assert_int_equal(source_open(v->store, NAME, NULL, &s, &err), -1);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.msg, words));
	assert_null(s);
	OK(store_remove(v->store, NAME, &err));
}

static void test_damage(void **state)
{
	struct vault v;
	struct tree t;
	struct source *s;
	struct err err = { 0 };
	struct buf b = BUF_INIT;
	char path[256];

	(void)state;
	vault_new(&v);
	tree_load(&t, "cyrus24-ckpt.tar.gz");
	make_archive(&v, NAME, &t, (struct made){ .json = "{\"format\": 1" });
	expect(&v, ERR_FORMAT, "archive.json");
	make_archive(&v, NAME, &t, (struct made){ .bad_list = true, .no_report_list = true });
	expect(&v, ERR_FORMAT, "mailboxes.txt");
	make_archive(&v, NAME, &t, (struct made){ 0 });
	snprintf(path, sizeof path, "%s/%s", v.path, NAME);
	assert_int_equal(truncate(path, 5000), 0);
	expect(&v, ERR_DAMAGE, NAME);
	assert_int_equal(source_open(v.store, NAME, NULL, &s, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	/* No time in archive.json: that of the name. A configuration that Cyrus would refuse is left aside. */
	buf_str(&tree_find(&t, "imapd.conf")->data, "\nadmins: twice\n");
	make_archive(&v, NAME, &t, (struct made){ .json = "{}" });
	OK(source_open(v.store, NAME, NULL, &s, &err));
	assert_int_equal(source_when(s), 1795395723);
	assert_int_equal(source_version(s).major, 0);
	assert_null(source_conf(s));
	source_close(s);
	buf_done(&b);
	tree_done(&t);
	vault_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_fetch),
		cmocka_unit_test(test_only_one),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
