/* test_source_foreign.c: archives of two real Cyrus 2.x servers, as they are and packed in other ways, give what IMAP
 * showed; what cannot be read is refused in words. */
#include "test_source_util.h"

struct server {
	const char *ckpt, *live, *dump, *home;
	unsigned version;
};

static const struct server servers[] = {
	{ "cyrus23-ckpt.tar.gz", "cyrus23-live.tar.gz", "cyrus23-dump.txt.gz", "srv/cyrus23/", 3 },
	{ "cyrus24-ckpt.tar.gz", "cyrus24-live.tar.gz", "cyrus24-dump.txt.gz", "srv/cyrus24/", 4 },
};
#define N_SERVERS (sizeof servers / sizeof *servers)

static void open_and_check(struct vault *v, const char *name, const struct server *sv, unsigned lost)
{
	struct source *s = NULL;
	struct err err = { 0 };

	OK(source_open(v->store, name, NULL, &s, &err));
	assert_int_equal(source_kind(s), ARCHIVE_FOREIGN);
	assert_null(source_archive(s));
	assert_int_equal(source_n(s), 38);
	assert_int_equal(source_list(s)->n, 38);
	assert_int_equal(source_version(s).major, 2);
	assert_int_equal(source_version(s).minor, sv->version);
	for (size_t i = 0; i < source_n(s); i++) {
		assert_true(source_mailbox(s, i)->has_files);
		assert_int_equal(source_mailbox(s, i)->health, HEALTH_UNCHECKED);
		assert_string_equal(source_mailbox(s, i)->partition, "default");
		assert_int_equal(strlen(source_mailbox(s, i)->uniqueid), 16);
	}
	check_dump(s, sv->dump, lost);
	source_close(s);
}

static void expect_refusal(
    struct vault *v, const char *name, enum err_code code, const char *words, const char *hint)
{
	struct source *s = NULL;
	struct err err = { 0 };

	assert_int_equal(source_open(v->store, name, NULL, &s, &err), -1);
	if (err.code != code || strstr(err.msg, words) == NULL || strstr(err.hint, hint) == NULL)
		print_error("%d: %s (%s)\n", err.code, err.msg, err.hint);
	assert_int_equal(err.code, code);
	assert_non_null(strstr(err.msg, words));
	assert_non_null(strstr(err.hint, hint));
	assert_null(s);
}

/* The fixtures as they are. */
static void test_as_it_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * N_SERVERS; i++) {
		const struct server *sv = &servers[i / 2];
		char *path = mem_printf(FIXTURES "%s", i % 2 == 0 ? sv->ckpt : sv->live);
		struct err err = { 0 };
		struct buf b = BUF_INIT;
		struct vault v;

		vault_new(&v);
		OK(io_read_file(-100, path, 1 << 24, &b, &err));
		vault_put(&v, "mail.tar.gz", b.data, b.len);
		open_and_check(&v, "mail.tar.gz", sv, LOST_NOTHING);
		buf_done(&b);
		free(path);
		vault_done(&v);
	}
}

/* Every format, and every place from which somebody may have packed. */
static void test_packings(void **state)
{
	static const char *const prefixes[] = { "", "./", "/", "@", "/@", "mnt/snapshot/@",
		"var/backups/2026/" };

	(void)state;
	for (size_t i = 0; i < N_SERVERS; i++) {
		struct vault v;
		struct tree t;

		vault_new(&v);
		tree_load(&t, servers[i].ckpt);
		for (size_t k = 0; k < sizeof prefixes / sizeof *prefixes; k++) {
			const char *at = strchr(prefixes[k], '@');
			char *prefix = at == NULL ? mem_strdup(prefixes[k])
						  : mem_printf("%.*s%s", (int)(at - prefixes[k]), prefixes[k],
							servers[i].home);

			tree_pack(&t, &v, "newc.cpio", NEWC, false, prefix);
			open_and_check(&v, "newc.cpio", &servers[i], LOST_NOTHING);
			tree_pack(&t, &v, "odc.cpio.gz", ODC, true, prefix);
			open_and_check(&v, "odc.cpio.gz", &servers[i], LOST_NOTHING);
			tree_pack(&t, &v, "mail.tar", TAR, false, prefix);
			open_and_check(&v, "mail.tar", &servers[i], LOST_NOTHING);
			free(prefix);
		}
		tree_done(&t);
		vault_done(&v);
	}
}

/* Two volumes, mounted at places that have nothing to do with the server's paths. */
static void test_strange_mounts(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SERVERS; i++) {
		struct vault v;
		struct tree t;

		vault_new(&v);
		tree_load(&t, servers[i].ckpt);
		tree_move(&t, "spool", "mnt/lv_mail");
		tree_move(&t, "conf", "mnt/lv_state");
		tree_move(&t, "imapd.conf", "etc/imapd.conf");
		tree_pack(&t, &v, "mail.cpio", NEWC, false, "");
		open_and_check(&v, "mail.cpio", &servers[i], LOST_NOTHING);
		/* The spool packed from within itself, and nothing else. */
		tree_move(&t, "mnt/lv_mail", "");
		tree_remove(&t, "mnt");
		tree_pack(&t, &v, "mail.cpio", NEWC, false, "");
		open_and_check(&v, "mail.cpio", &servers[i], LOST_USERS);
		tree_done(&t);
		vault_done(&v);
	}
}

/* What may be missing beside the spool. */
static void test_without(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SERVERS; i++) {
		struct vault v;
		struct tree t;

		vault_new(&v);
		tree_load(&t, servers[i].ckpt);
		tree_remove(&t, "imapd.conf");
		tree_pack(&t, &v, "a.cpio", NEWC, false, "./");
		open_and_check(&v, "a.cpio", &servers[i], LOST_NOTHING);
		/* Neither text nor database: names from directories, rights from headers. */
		tree_remove(&t, "mboxlist.txt");
		tree_remove(&t, "conf/mailboxes.db");
		tree_pack(&t, &v, "b.cpio", NEWC, false, "./");
		open_and_check(&v, "b.cpio", &servers[i], LOST_NOTHING);
		tree_remove(&t, "conf");
		tree_pack(&t, &v, "c.cpio", NEWC, false, "./");
		open_and_check(&v, "c.cpio", &servers[i], LOST_USERS);
		tree_done(&t);
		/* The database instead of the text. */
		tree_load(&t, servers[i].ckpt);
		tree_remove(&t, "mboxlist.txt");
		tree_pack(&t, &v, "d.cpio", NEWC, true, "/srv/");
		open_and_check(&v, "d.cpio", &servers[i], LOST_NOTHING);
		tree_done(&t);
		vault_done(&v);
	}
}

static void gzip_entry(struct entry *en)
{
	char out[1 << 16];
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (Bytef *)en->data.data;
	z.avail_in = (uInt)en->data.len;
	z.next_out = (Bytef *)out;
	z.avail_out = sizeof out;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	buf_clear(&en->data);
	buf_add(&en->data, out, sizeof out - z.avail_out);
	deflateEnd(&z);
}

/* The list under other names; texts that are none; the newest of several. */
static void test_lists(void **state)
{
	static const char junk[] = "name\tvalue\nanother\tline of a table\n";
	struct source *s = NULL;
	struct err err = { 0 };
	struct vault v;
	struct tree t;
	struct buf text = BUF_INIT;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[0].live);
	tree_add(&t, "conf/notes.txt", S_IFREG | 0644, junk, sizeof junk - 1)->mtime = 1900000000;
	tree_add(&t, "conf/mboxlist.old.txt", S_IFREG | 0644, "user.old\t0 default old\tlrs\t\n", 28)->mtime =
	    1;
	tree_move(&t, "mboxlist.txt", "conf/backup/mboxlist.1.gz");
	gzip_entry(tree_find(&t, "conf/backup/mboxlist.1.gz"));
	tree_pack(&t, &v, "a.cpio.gz", NEWC, true, "./");
	open_and_check(&v, "a.cpio.gz", &servers[0], LOST_NOTHING);
	tree_move(&t, "conf/backup/mboxlist.1.gz", "conf/backup/whatever");
	tree_move(&t, "conf/mboxlist.old.txt", "mailboxes.txt");
	tree_pack(&t, &v, "b.cpio.gz", NEWC, true, "./");
	OK(source_open(v.store, "b.cpio.gz", NULL, &s, &err));
	/* user.old is listed and not there; the others are there and not listed. */
	assert_int_equal(source_n(s), 39);
	assert_false(source_mailbox(s, source_find(s, "user.old"))->has_files);
	assert_string_equal(source_mailbox(s, source_find(s, "user.old"))->partition, "default");
	assert_null(source_mailbox(s, source_find(s, "user.alice"))->entry);
	assert_true(source_mailbox(s, source_find(s, "user.alice"))->has_files);
	OK(source_text(s, "mailboxes.txt", &text, &err));
	assert_string_equal(buf_text(&text), "user.old\t0 default old\tlrs\t\n");
	assert_int_equal(source_text(s, "archive.json", &text, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	source_close(s);
	buf_done(&text);
	tree_done(&t);
	vault_done(&v);
}

/* A Berkeley database under a running server holds nothing: said, with the two ways out. */
static void test_live_copy(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_SERVERS; i++) {
		struct entry *text;
		struct vault v;
		struct tree t;

		vault_new(&v);
		tree_load(&t, servers[i].live);
		text = tree_find(&t, "mboxlist.txt");
		assert_non_null(text);
		vault_put(&v, "listed.cpio.mailboxes.txt", text->data.data, text->data.len);
		vault_put(&v, "bare.cpio.mailboxes.txt", "", 0);
		tree_remove(&t, "mboxlist.txt");
		tree_pack(&t, &v, "mail.cpio", NEWC, false, "./");
		expect_refusal(
		    &v, "mail.cpio", ERR_REFUSED, "mailboxes.db holds no mailbox", "mail.cpio.mailboxes.txt");
		tree_pack(&t, &v, "listed.cpio", NEWC, false, "./");
		open_and_check(&v, "listed.cpio", &servers[i], LOST_NOTHING);
		tree_pack(&t, &v, "bare.cpio", NEWC, false, "./");
		open_and_check(&v, "bare.cpio", &servers[i], LOST_NOTHING);
		vault_put(&v, "bare.cpio.mailboxes.txt", "no list\n", 8);
		expect_refusal(&v, "bare.cpio", ERR_FORMAT, "bare.cpio.mailboxes.txt", "");
		tree_done(&t);
		vault_done(&v);
	}
}

/* cyrus.header, cyrus.index and cyrus.cache on a partition of their own. */
static void test_metapartition(void **state)
{
	static const char conf[] = "\nmetapartition-default: /srv/cyrus23/meta\n"
				   "metapartition_files: header index cache expunge\n";
	struct vault v;
	struct tree t;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[0].ckpt);
	buf_str(&tree_find(&t, "imapd.conf")->data, conf);
	for (size_t i = 0; i < t.n; i++)
		if (strncmp(t.entries[i].path, "spool/", 6) == 0 &&
		    strstr(t.entries[i].path, "/cyrus.") != NULL) {
			char *path = mem_printf("meta/%s", t.entries[i].path + 6);

			free(t.entries[i].path);
			t.entries[i].path = path;
		}
	tree_pack(&t, &v, "meta.cpio", NEWC, false, "./");
	open_and_check(&v, "meta.cpio", &servers[0], LOST_NOTHING);
	tree_done(&t);
	vault_done(&v);
}

/* ---- layouts ---- */

static int count_user(void *arg, const char *userid, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	buf_printf(b, "%s ", userid);
	return 0;
}

/* A tree of one real mailbox's files at each of the given places, and an imapd.conf. */
static void plant(struct tree *t, struct tree *from, const char *conf, const char *const dirs[])
{
	static const char *const names[] = { "cyrus.header", "cyrus.index", "cyrus.cache", "1.", "2.", "3." };

	memset(t, 0, sizeof *t);
	if (conf != NULL)
		tree_add(t, "etc/imapd.conf", S_IFREG | 0644, conf, strlen(conf));
	for (size_t i = 0; dirs[i] != NULL; i++)
		for (size_t k = 0; k < 6; k++) {
			char *old = mem_printf("spool/b/user/bob/Work/%s", names[k]);
			char *path = mem_printf("%s/%s", dirs[i], names[k]);
			const struct entry *en = tree_find(from, old);

			tree_add(t, path, S_IFREG | 0600, en->data.data, en->data.len);
			free(old);
			free(path);
		}
}

static void expect_names(struct vault *v, const struct tree *t, const char *names)
{
	struct source *s = NULL;
	struct err err = { 0 };
	struct buf b = BUF_INIT;

	tree_pack(t, v, "layout.cpio", NEWC, false, "");
	OK(source_open(v->store, "layout.cpio", NULL, &s, &err));
	for (size_t i = 0; i < source_n(s); i++) {
		const struct source_mailbox *m = source_mailbox(s, i);
		struct source_messages *messages;

		buf_printf(&b, "%s%s%s@%s", i > 0 ? " " : "", m->deleted ? "-" : "", m->name, m->partition);
		assert_non_null(m->entry);
		OK(source_load(s, i, true, &messages, &err));
		assert_int_equal(messages->n_uids, 3);
		assert_int_equal(messages->index->n, 3);
		assert_true(messages->cache.len > 100);
		source_messages_free(messages);
	}
	assert_string_equal(buf_text(&b), names);
	buf_done(&b);
	source_close(s);
}

static void test_layouts(void **state)
{
	static const char *const domains[] = { "var/spool/domain/e/example.org/b/user/bob/Work",
		"var/spool/b/user/bob", "var/spool/u/DELETED/user/bob/Old/65A1B2C3", NULL };
	static const char *const full[] = { "srv/P/user/alice", "srv/I/user/bob", NULL };
	static const char *const twins[] = { "a/mail/spool/b/user/bob", "b/mail/spool/z/user/zoe", NULL };
	static const char *const plain[] = { "x/user/bob", "x/user/bob/user", "x/shared/team x", NULL };
	struct err err = { 0 };
	struct buf users = BUF_INIT;
	struct source *s = NULL;
	struct tree t, from;
	struct entry *en;
	struct vault v;

	(void)state;
	vault_new(&v);
	tree_load(&from, servers[1].ckpt);
	plant(&t, &from,
	    "configdirectory: /var/imap\npartition-default: /var/spool\nhashimapspool: yes\nvirtdomains: "
	    "userid\n",
	    domains);
	en = tree_find(&from, "conf/user/b/bob.seen");
	tree_add(
	    &t, "var/imap/domain/e/example.org/user/b/bob.seen", S_IFREG | 0600, en->data.data, en->data.len);
	tree_add(&t, "var/imap/mailboxes.db", S_IFREG | 0600, "", 0);
	expect_names(&v, &t,
	    "-DELETED.user.bob.Old.65A1B2C3@default example.org!user.bob.Work@default user.bob@default");
	OK(source_open(v.store, "layout.cpio", NULL, &s, &err));
	OK(source_users(s, count_user, &users, &err));
	assert_string_equal(buf_text(&users), "bob bob@example.org ");
	source_close(s);
	buf_done(&users);
	tree_remove(&t, "etc/imapd.conf");
	expect_names(&v, &t,
	    "-DELETED.user.bob.Old.65A1B2C3@default example.org!user.bob.Work@default user.bob@default");
	tree_done(&t);

	plant(&t, &from,
	    "configdirectory: /var/imap\npartition-default: /srv\nhashimapspool: yes\nfulldirhash: yes\n",
	    full);
	expect_names(&v, &t, "user.alice@default user.bob@default");
	tree_remove(&t, "etc");
	expect_names(&v, &t, "user.alice@default user.bob@default");
	tree_done(&t);

	plant(&t, &from,
	    "configdirectory: /var/imap\npartition-default: /b/mail/spool\npartition-two: "
	    "/a/mail/spool\nhashimapspool: yes\n",
	    twins);
	expect_names(&v, &t, "user.bob@two user.zoe@default");
	tree_done(&t);

	plant(&t, &from, "configdirectory: /var/imap\npartition-default: /x\nhashimapspool: no\n", plain);
	expect_names(&v, &t, "shared.team x@default user.bob@default user.bob.user@default");
	tree_done(&t);
	tree_done(&from);
	vault_done(&v);
}

/* Old messages on an archive partition, with a cache of their own. */
static void test_archive_partition(void **state)
{
	static const char conf[] = "configdirectory: /var/imap\npartition-default: /var/spool\n"
				   "archivepartition-default: /var/old\nhashimapspool: yes\n";
	static const char *const dirs[] = { "var/spool/b/user/bob", NULL };
	struct source_messages *m;
	struct source *s = NULL;
	struct err err = { 0 };
	struct tree t, from;
	struct vault v;

	(void)state;
	vault_new(&v);
	tree_load(&from, servers[1].ckpt);
	plant(&t, &from, conf, dirs);
	tree_move(&t, "var/spool/b/user/bob/1.", "var/old/b/user/bob/1.");
	tree_add(&t, "var/old/b/user/bob/cyrus.cache", S_IFREG | 0600, "cold", 4);
	tree_pack(&t, &v, "old.cpio", NEWC, false, "");
	OK(source_open(v.store, "old.cpio", NULL, &s, &err));
	assert_int_equal(source_n(s), 1);
	assert_true(source_on_archive_partition(s, "var/old/b/user/bob/1."));
	assert_false(source_on_archive_partition(s, "var/spool/b/user/bob/2."));
	OK(source_load(s, 0, true, &m, &err));
	assert_int_equal(m->n_uids, 3);
	assert_true(m->cache.len > 100);
	source_messages_free(m);
	source_close(s);
	tree_done(&t);
	tree_done(&from);
	vault_done(&v);
}

/* ---- extraction ---- */

struct kept {
	unsigned files, roles[ROLE_COUNT], wrong;
	struct tree *tree;
	struct buf data;
	char *path;
	struct digest *digest;
	uint8_t sha256[SHA256_SIZE];
};

static int kept_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct kept *k = arg;

	(void)e;
	assert_non_null(meta);
	assert_string_equal(file->path, meta->path);
	assert_int_equal(file->role, meta->role);
	k->path = mem_strdup(file->path);
	k->roles[file->role]++;
	memcpy(k->sha256, file->sha256, SHA256_SIZE);
	buf_clear(&k->data);
	return 1;
}

static int kept_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(&((struct kept *)arg)->data, p, n);
	return 0;
}

static int kept_end(void *arg, struct err *e)
{
	struct kept *k = arg;
	const struct entry *en = tree_find(k->tree, k->path);
	uint8_t sha[SHA256_SIZE];

	(void)e;
	assert_non_null(en);
	assert_int_equal(k->data.len, en->data.len);
	if (k->data.len > 0)
		assert_memory_equal(k->data.data, en->data.data, k->data.len);
	sha256(buf_text(&k->data), k->data.len, sha);
	assert_memory_equal(sha, k->sha256, SHA256_SIZE);
	free(k->path);
	k->path = NULL;
	k->files++;
	return 0;
}

static void kept_abort(void *arg)
{
	((struct kept *)arg)->wrong++;
}

static void test_extract(void **state)
{
	struct kept k = { 0 };
	struct file_sink sink = { &k, false, kept_begin, kept_data, kept_end, kept_abort };
	struct source *s = NULL;
	struct err err = { 0 };
	struct buf users = BUF_INIT;
	struct vault v;
	struct tree t;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[0].ckpt);
	tree_add(&t, "sieve/a/alice/x.script", S_IFREG | 0600, "keep;", 5);
	tree_add(&t, "sieve/a/alice/defaultbc", S_IFLNK | 0777, "x.bc", 4);
	tree_add(&t, "conf/quota/a/user.alicea", S_IFREG | 0600, "0\n-1\n", 5);
	k.tree = &t;
	tree_pack(&t, &v, "mail.cpio", NEWC, false, "");
	OK(source_open(v.store, "mail.cpio", NULL, &s, &err));
	OK(source_extract(s, source_find(s, "user.alice.Work.Proj A"), &sink, &err));
	assert_int_equal(k.roles[ROLE_MESSAGE], 7);
	assert_int_equal(k.roles[ROLE_HEADER], 1);
	assert_int_equal(k.roles[ROLE_INDEX], 1);
	assert_int_equal(k.roles[ROLE_CACHE], 1);
	assert_int_equal(k.roles[ROLE_EXPUNGE], 1);
	assert_int_equal(k.files, 11);
	memset(k.roles, 0, sizeof k.roles);
	k.files = 0;
	OK(source_extract_user(s, "alice", &sink, &err));
	assert_int_equal(k.roles[ROLE_SEEN], 1);
	assert_int_equal(k.roles[ROLE_SUBS], 1);
	assert_int_equal(k.roles[ROLE_QUOTA], 2);
	assert_int_equal(k.roles[ROLE_SIEVE], 2);
	assert_int_equal(k.files, 6);
	assert_int_equal(k.wrong, 0);
	assert_int_equal(source_extract_user(s, "nobody", &sink, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	OK(source_users(s, count_user, &users, &err));
	assert_string_equal(buf_text(&users), "alice bob carol cyrus ");
	source_close(s);
	buf_done(&users);
	buf_done(&k.data);
	tree_done(&t);
	vault_done(&v);
}

/* ---- damage and hostility ---- */

static void test_damaged_mailboxes(void **state)
{
	struct source_messages *m;
	struct source *s = NULL;
	struct err err = { 0 };
	struct buf body = BUF_INIT;
	struct vault v;
	struct tree t;
	size_t at;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[1].ckpt);
	tree_remove(&t, "spool/a/user/alice/Sent/cyrus.header");
	tree_remove(&t, "spool/a/user/alice/Sent/cyrus.index");
	tree_remove(&t, "spool/a/user/alice/Trash/cyrus.header");
	tree_remove(&t, "spool/b/user/bob/Work/2.");
	tree_find(&t, "spool/b/user/bob/Sent/cyrus.index")->data.len = 50;
	buf_clear(&tree_find(&t, "spool/b/user/bob/Trash/cyrus.header")->data);
	tree_pack(&t, &v, "mail.cpio", NEWC, false, "");
	OK(source_open(v.store, "mail.cpio", NULL, &s, &err));
	assert_int_equal(source_n(s), 38);

	at = source_find(s, "user.alice.Sent"); /* only messages */
	assert_int_equal(source_mailbox(s, at)->health, HEALTH_FINDINGS);
	assert_int_equal(source_mailbox(s, at)->messages, 5);
	assert_int_equal(source_load(s, at, false, &m, &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	assert_non_null(strstr(err.msg, "cyrus.index"));
	OK(source_read_message(s, at, 3, 1 << 20, &body, &err));
	assert_true(body.len > 100);

	at = source_find(s, "user.alice.Trash"); /* no header */
	assert_int_equal(source_mailbox(s, at)->health, HEALTH_FINDINGS);
	OK(source_load(s, at, true, &m, &err));
	assert_int_equal(m->index->n, 3);
	assert_int_equal(m->n_uids, 3);
	assert_true(m->cache.len > 100);
	source_messages_free(m);

	at = source_find(s, "user.bob.Work"); /* a message is missing */
	assert_int_equal(source_mailbox(s, at)->health, HEALTH_FINDINGS);
	OK(source_load(s, at, false, &m, &err));
	assert_int_equal(m->n_uids, 2);
	source_messages_free(m);
	buf_clear(&body);
	assert_int_equal(source_read_message(s, at, 2, 1 << 20, &body, &err), -1);
	assert_int_equal(err.code, ERR_NOT_FOUND);
	assert_int_equal(source_read_message(s, at, 1, 10, &body, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);

	at = source_find(s, "user.bob.Sent");
	assert_int_equal(source_mailbox(s, at)->health, HEALTH_FINDINGS);
	assert_int_equal(source_load(s, at, false, &m, &err), -1);
	assert_int_equal(source_load(s, source_find(s, "user.bob.Trash"), false, &m, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	source_close(s);
	buf_done(&body);
	tree_done(&t);
	vault_done(&v);
}

/* cpio -A and tar -r put a newer file behind the older one: that one is meant. */
static void test_appended(void **state)
{
	struct source *s = NULL;
	struct err err = { 0 };
	struct buf body = BUF_INIT;
	struct source_messages *m;
	struct vault v;
	struct tree t;
	size_t at;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[1].ckpt);
	tree_add(&t, "spool/b/user/bob/Work/2.", S_IFREG | 0600, "newer", 5);
	tree_pack(&t, &v, "mail.tar", TAR, false, "");
	OK(source_open(v.store, "mail.tar", NULL, &s, &err));
	at = source_find(s, "user.bob.Work");
	OK(source_load(s, at, false, &m, &err));
	assert_int_equal(m->n_uids, 3);
	source_messages_free(m);
	OK(source_read_message(s, at, 2, 1 << 20, &body, &err));
	assert_string_equal(buf_text(&body), "newer");
	source_close(s);
	buf_done(&body);
	tree_done(&t);
	vault_done(&v);
}

static void test_refusals(void **state)
{
	struct tree t = { 0 };
	struct buf b = BUF_INIT;
	struct source *s = NULL;
	struct err err = { 0 };
	struct job *job = job_new();
	struct vault v;
	char *path;

	(void)state;
	vault_new(&v);
	expect_refusal(&v, "none.cpio", ERR_NOT_FOUND, "none.cpio", "");
	tree_add(&t, "etc/passwd", S_IFREG | 0644, "root", 4);
	tree_pack(&t, &v, "other.cpio", NEWC, false, "");
	expect_refusal(&v, "other.cpio", ERR_FORMAT, "no mailbox", "spool");
	vault_put(&v, "noise", "this is no archive at all, whatever it is", 41);
	expect_refusal(&v, "noise", ERR_FORMAT, "noise", "");
	path = mem_printf(FIXTURES "%s", servers[0].ckpt);
	OK(io_read_file(-100, path, 1 << 24, &b, &err));
	vault_put(&v, "short.tar.gz", b.data, b.len / 2);
	expect_refusal(&v, "short.tar.gz", ERR_DAMAGE, "short.tar.gz", "unpacked");
	b.data[b.len / 2] ^= 1;
	vault_put(&v, "flipped.tar.gz", b.data, b.len);
	assert_int_equal(source_open(v.store, "flipped.tar.gz", NULL, &s, &err), -1);
	assert_int_equal(err.code, ERR_DAMAGE);
	b.data[b.len / 2] ^= 1;
	vault_put(&v, "whole.tar.gz", b.data, b.len);
	job_cancel(job);
	assert_int_equal(source_open(v.store, "whole.tar.gz", job, &s, &err), -1);
	assert_int_equal(err.code, ERR_CANCELLED);
	job_free(job);
	free(path);
	buf_done(&b);
	tree_done(&t);
	vault_done(&v);
}

/* Names, sizes and depths that mean harm. */
static void test_hostile(void **state)
{
	static const char *const names[] = { "spool/a/user/../../etc/1.", "spool/a/user/alice/4294967296.",
		"spool/a/user/alice/0.", "spool/q/user//1.", "spool/\n/user/x/cyrus.header",
		"user/x/cyrus.index", "spool/a/user/alice/Work/../x/1.", "spool/uuid/a/b/ab/cyrus.header" };
	struct buf deep = BUF_INIT, header = BUF_INIT;
	struct source *s = NULL;
	struct err err = { 0 };
	struct vault v;
	struct tree t;
	const struct entry *real;

	(void)state;
	vault_new(&v);
	tree_load(&t, servers[1].ckpt);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		tree_add(&t, names[i], S_IFREG | 0600, "x", 1);
	for (int i = 0; i < 3000; i++)
		buf_str(&deep, "a/");
	buf_str(&deep, "cyrus.header");
	real = tree_find(&t, "spool/a/user/alice/cyrus.header");
	buf_add(&header, real->data.data, real->data.len);
	tree_add(&t, buf_text(&deep), S_IFREG | 0600, header.data, header.len);
	/* The same id and name twice: the listed place counts. */
	tree_add(&t, "old/a/user/alice/cyrus.header", S_IFREG | 0600, header.data, header.len);
	while (header.len < (2 << 20))
		buf_add(&header, "xxxxxxxxxxxxxxxx", 16);
	tree_add(&t, "spool/a/user/alice/Huge/cyrus.header", S_IFREG | 0600, header.data, header.len);
	tree_pack(&t, &v, "mail.tar", TAR, false, "");
	OK(source_open(v.store, "mail.tar", NULL, &s, &err));
	check_dump(s, servers[1].dump, LOST_NOTHING);
	assert_int_not_equal(source_find(s, "user.alice.Huge"), (size_t)-1);
	assert_int_equal(source_mailbox(s, source_find(s, "user.alice.Huge"))->health, HEALTH_FINDINGS);
	source_close(s);
	buf_done(&deep);
	buf_done(&header);
	tree_done(&t);
	vault_done(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_as_it_is),
		cmocka_unit_test(test_packings),
		cmocka_unit_test(test_strange_mounts),
		cmocka_unit_test(test_without),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_live_copy),
		cmocka_unit_test(test_metapartition),
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_archive_partition),
		cmocka_unit_test(test_extract),
		cmocka_unit_test(test_damaged_mailboxes),
		cmocka_unit_test(test_appended),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
