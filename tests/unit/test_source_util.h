/* test_source_util.h: foreign archives for tests: real ones, repacked in other formats and with other paths, and what IMAP
 * showed of the servers they come from. Needs tests/unit to be run from the top of the tree. */
#ifndef TEST_SOURCE_UTIL_H
#define TEST_SOURCE_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>
#include <zlib.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/source.h"

#define OK(call)                                                                            \
	do {                                                                                \
		if ((call) == -1) {                                                         \
			print_error("%s:%d: %s: %s\n", __FILE__, __LINE__, #call, err.msg); \
			fail();                                                             \
		}                                                                           \
	} while (0)

#define FIXTURES "tests/fixtures/foreign/"

/* ---- a store in a directory of its own ---- */

struct vault {
	char path[64];
	struct store *store;
};

static inline void vault_new(struct vault *v)
{
	struct err err = { 0 };

	strcpy(v->path, "/tmp/cyrvault-test-XXXXXX");
	assert_non_null(mkdtemp(v->path));
	OK(store_open(v->path, true, &v->store, &err));
}

static inline void vault_done(struct vault *v)
{
	store_free(v->store);
	io_remove_tree(-100, v->path, NULL);
}

static inline void vault_put(struct vault *v, const char *name, const void *p, size_t n)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", v->path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* ---- the entries of a fixture ---- */

struct entry {
	char *path;
	mode_t mode;
	int64_t mtime;
	struct buf data;
};

struct tree {
	struct entry *entries;
	size_t n, cap;
};

static inline struct entry *tree_add(struct tree *t, const char *path, mode_t mode, const void *p, size_t n)
{
	t->entries = mem_grow(t->entries, &t->cap, t->n + 1, sizeof *t->entries);
	t->entries[t->n] = (struct entry){ .path = mem_strdup(path), .mode = mode, .mtime = 1700000000 };
	buf_add(&t->entries[t->n].data, p, n);
	return &t->entries[t->n++];
}

/* The large sparse files of the Berkeley environment are cut: nobody reads them. */
static inline void tree_load(struct tree *t, const char *fixture)
{
	struct archive *a = archive_read_new();
	struct archive_entry *ae;
	char *path = mem_printf(FIXTURES "%s", fixture);

	memset(t, 0, sizeof *t);
	archive_read_support_filter_gzip(a);
	archive_read_support_format_tar(a);
	assert_int_equal(archive_read_open_filename(a, path, 65536), ARCHIVE_OK);
	while (archive_read_next_header(a, &ae) == ARCHIVE_OK) {
		const char *p = archive_entry_pathname(ae);
		struct entry *en;
		char piece[4096];
		la_ssize_t n;

		if (strcmp(p, "./") == 0)
			continue;
		en = tree_add(t, p + 2, archive_entry_mode(ae), "", 0);
		en->mtime = archive_entry_mtime(ae);
		if (en->path[strlen(en->path) - 1] == '/')
			en->path[strlen(en->path) - 1] = '\0';
		while ((n = archive_read_data(a, piece, sizeof piece)) > 0 && en->data.len < (1 << 20))
			buf_add(&en->data, piece, (size_t)n);
	}
	archive_read_free(a);
	free(path);
}

static inline struct entry *tree_find(struct tree *t, const char *path)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->entries[i].path, path) == 0)
			return &t->entries[i];
	return NULL;
}

/* Entries at and below ${path} go away, or get another beginning. */
static inline void tree_remove(struct tree *t, const char *path)
{
	size_t n = strlen(path), kept = 0;

	for (size_t i = 0; i < t->n; i++) {
		struct entry *en = &t->entries[i];

		if (strncmp(en->path, path, n) == 0 && (en->path[n] == '/' || en->path[n] == '\0')) {
			free(en->path);
			buf_done(&en->data);
		} else {
			t->entries[kept++] = *en;
		}
	}
	t->n = kept;
}

static inline void tree_move(struct tree *t, const char *from, const char *to)
{
	size_t n = strlen(from);

	for (size_t i = 0; i < t->n; i++) {
		struct entry *en = &t->entries[i];
		char *path;

		if (strncmp(en->path, from, n) != 0 || (en->path[n] != '/' && en->path[n] != '\0'))
			continue;
		path = *to != '\0' ? mem_printf("%s%s", to, en->path + n)
				   : mem_strdup(en->path + n + (en->path[n] == '/'));
		free(en->path);
		en->path = path;
	}
}

static inline void tree_done(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->entries[i].path);
		buf_done(&t->entries[i].data);
	}
	free(t->entries);
	memset(t, 0, sizeof *t);
}

enum packing { TAR, NEWC, ODC };

/* Packs the tree as others would: ${prefix} before each path. */
static inline void tree_pack(const struct tree *t, struct vault *v, const char *name, enum packing packing,
    bool gz, const char *prefix)
{
	struct archive *a = archive_write_new();
	char *path = mem_printf("%s/%s", v->path, name);

	if (packing == TAR)
		archive_write_set_format_gnutar(a);
	else if (packing == NEWC)
		archive_write_set_format_cpio_newc(a);
	else
		archive_write_set_format_cpio(a);
	if (gz)
		archive_write_add_filter_gzip(a);
	assert_int_equal(archive_write_open_filename(a, path), ARCHIVE_OK);
	for (size_t i = 0; i < t->n; i++) {
		const struct entry *en = &t->entries[i];
		struct archive_entry *ae = archive_entry_new();
		char *full = mem_printf("%s%s", prefix, en->path);

		archive_entry_set_pathname(ae, *full != '\0' ? full : ".");
		archive_entry_set_mode(ae, en->mode);
		archive_entry_set_mtime(ae, en->mtime, 0);
		archive_entry_set_nlink(ae, 1);
		archive_entry_set_ino(ae, (la_int64_t)i + 1);
		archive_entry_set_uid(ae, 104);
		archive_entry_set_gid(ae, 8);
		archive_entry_set_size(ae, S_ISREG(en->mode) ? (la_int64_t)en->data.len : 0);
		if (S_ISLNK(en->mode))
			archive_entry_set_symlink(ae, buf_text(&en->data));
		assert_int_equal(archive_write_header(a, ae), ARCHIVE_OK);
		if (S_ISREG(en->mode) && en->data.len > 0)
			assert_int_equal(archive_write_data(a, en->data.data, en->data.len), en->data.len);
		archive_entry_free(ae);
		free(full);
	}
	assert_int_equal(archive_write_close(a), ARCHIVE_OK);
	archive_write_free(a);
	free(path);
}

/* ---- what IMAP showed ---- */

static inline char *slurp_gz(const char *fixture)
{
	char *path = mem_printf(FIXTURES "%s", fixture), piece[4096];
	gzFile f = gzopen(path, "r");
	struct buf b = BUF_INIT;
	int n;

	assert_non_null(f);
	while ((n = gzread(f, piece, sizeof piece)) > 0)
		buf_add(&b, piece, (size_t)n);
	gzclose(f);
	free(path);
	return buf_steal(&b);
}

/* The name that ${user} has for a mailbox -> internal. */
static inline void internal_name(char *dst, size_t size, const char *user, const char *box, size_t n)
{
	if (n >= 5 && strncmp(box, "INBOX", 5) == 0)
		snprintf(dst, size, "user.%s%.*s", user, (int)n - 5, box + 5);
	else
		snprintf(dst, size, "%.*s", (int)n, box);
}

enum {			/* what the archive at hand has lost */
	LOST_USERS = 1, /* seen, subscriptions, quota, annotations */
	LOST_LIST = 2,	/* no list: rights are those of the headers */
	LOST_NOTHING = 0,
};

struct checker {
	struct source *s;
	unsigned lost;
	char user[32];
	char name[256];
	size_t at;
	struct source_messages *m; /* of mailbox at */
	unsigned messages, lines;
};

static inline void add_word(struct buf *b, const char *word)
{
	if (b->len > 0)
		buf_char(b, ' ');
	buf_str(b, word);
}

static inline int word_cmp(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "\Seen $Label1" -> "$Label1 \Seen", as the dumps have it. */
static inline void sort_words(struct buf *b)
{
	char *words[160], *text = mem_strdup(buf_text(b)), *save = NULL;
	size_t n = 0;

	for (char *w = strtok_r(text, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	qsort(words, n, sizeof *words, word_cmp);
	buf_clear(b);
	for (size_t i = 0; i < n; i++)
		add_word(b, words[i]);
	free(text);
}

static inline void check_message(struct checker *c, const char *rest)
{
	struct err err = { 0 };
	const struct source_mailbox *box = source_mailbox(c->s, c->at);
	const char *flags = strchr(rest, '('), *close = strchr(rest, ')');
	uint32_t uid = (uint32_t)strtoul(rest, NULL, 10);
	const struct index_record *r = mailbox_index_find(c->m->index, uid);
	char *owner = mboxname_user(c->name), date[64], want[256], hex[2 * SHA256_SIZE + 1];
	struct buf text = BUF_INIT, body = BUF_INIT;
	uint8_t sha[SHA256_SIZE];
	struct tm tm;
	time_t t;
	bool seen, known = true;

	assert_non_null(flags);
	assert_non_null(close);
	assert_non_null(r);
	assert_true(index_record_visible(r));
	if (owner != NULL && strcmp(owner, c->user) == 0) {
		seen = source_seen_flag(c->m, r);
		known = !(c->lost & LOST_USERS) || c->m->owner_seen == NULL;
	} else {
		struct seen_record rec = { 0 };
		int got = source_seen(c->s, c->user, box->uniqueid, &rec, &err);

		OK(got);
		seen = got == 1 && uidset_has(rec.uids, uid);
		seen_record_done(&rec);
		known = !(c->lost & LOST_USERS);
	}
	index_flags_text(r, c->m->header, seen, &text);
	sort_words(&text);
	snprintf(want, sizeof want, "%.*s", (int)(close - flags) - 1, flags + 1);
	if (known)
		assert_string_equal(buf_text(&text), want);
	t = (time_t)r->internaldate;
	gmtime_r(&t, &tm);
	strftime(date, sizeof date, "%e-%b-%Y %H:%M:%S +0000", &tm);
	assert_int_equal(strncmp(close + 2, date, strlen(date)), 0);
	OK(source_read_message(c->s, c->at, uid, 1 << 24, &body, &err));
	assert_int_equal(body.len, r->size);
	assert_int_equal(strtoull(close + 2 + strlen(date), NULL, 10), r->size);
	sha256(buf_text(&body), body.len, sha);
	for (size_t i = 0; i < sizeof sha; i++)
		snprintf(hex + 2 * i, 3, "%02x", sha[i]);
	assert_non_null(strstr(rest, "sha256:"));
	assert_string_equal(strstr(rest, "sha256:") + 7, hex);
	buf_done(&text);
	buf_done(&body);
	free(owner);
	c->messages++;
}

/* "-carol w": rights sorted, as the dumps have them. */
static inline void check_acl(struct checker *c, const char *rest)
{
	const struct mailbox_entry *m = source_mailbox(c->s, c->at)->entry;
	const char *sp = strchr(rest, ' ');
	bool found = false;

	assert_non_null(m);
	for (size_t i = 0; i < m->n_acl; i++) {
		char rights[64];
		size_t n = strlen(m->acl[i].rights);

		if (strncmp(m->acl[i].user, rest, (size_t)(sp - rest)) != 0 ||
		    m->acl[i].user[sp - rest] != '\0')
			continue;
		memcpy(rights, m->acl[i].rights, n + 1);
		for (size_t a = 0; a < n; a++)
			for (size_t b = a + 1; b < n; b++)
				if (rights[b] < rights[a]) {
					char x = rights[a];

					rights[a] = rights[b];
					rights[b] = x;
				}
		assert_string_equal(rights, sp + 1);
		found = true;
	}
	assert_true(found);
}

static inline void check_quota(struct checker *c, const char *rest)
{
	char root[128];
	unsigned long long used, limit;
	struct quota_root q;
	struct err err = { 0 };

	assert_int_equal(sscanf(rest, "%127s (STORAGE %llu %llu)", root, &used, &limit), 3);
	assert_int_equal(source_quota(c->s, root, &q, &err), 1);
	assert_int_equal(q.used[QUOTA_STORAGE_KB] / 1024, used);
	assert_int_equal(q.limit[QUOTA_STORAGE_KB], limit);
}

struct annotation_ask {
	const char *entry, *user, *value;
	bool found;
};

static inline int ask_annotation(void *arg, const struct annotation *a, struct err *e)
{
	struct annotation_ask *q = arg;

	(void)e;
	if (strcmp(a->entry, q->entry) == 0 && strcmp(a->userid, q->user) == 0 &&
	    a->value_len == strlen(q->value) && memcmp(a->value, q->value, a->value_len) == 0)
		q->found = true;
	return 0;
}

static inline void check_annotation(struct checker *c, const char *rest)
{
	struct annotation_ask q = { "/comment", strncmp(rest, "/private", 8) == 0 ? c->user : "", NULL,
		false };
	struct err err = { 0 };

	if (strncmp(rest, "/shared/comment ", 16) != 0 && strncmp(rest, "/private/comment ", 17) != 0)
		return;
	q.value = strchr(rest, ' ') + 1;
	OK(source_annotations(c->s, c->at, ask_annotation, &q, &err));
	assert_true(q.found);
}

static inline void switch_mailbox(struct checker *c, const char *name)
{
	struct err err = { 0 };

	if (strcmp(c->name, name) == 0)
		return;
	source_messages_free(c->m);
	snprintf(c->name, sizeof c->name, "%s", name);
	c->at = source_find(c->s, name);
	if (c->at == (size_t)-1)
		print_error("no mailbox %s\n", name);
	assert_int_not_equal(c->at, (size_t)-1);
	assert_true(source_mailbox(c->s, c->at)->has_files);
	OK(source_load(c->s, c->at, false, &c->m, &err));
}

static inline void check_line(struct checker *c, char *line)
{
	char name[256], *box, *end, *key, *rest;
	struct err err = { 0 };
	uint32_t visible = 0;

	if (strncmp(line, "USER ", 5) == 0) {
		snprintf(c->user, sizeof c->user, "%s", line + 5);
		return;
	}
	rest = line + strlen(c->user) + 1;
	c->lines++;
	if (strncmp(rest, "LSUB ", 5) == 0) {
		internal_name(name, sizeof name, c->user, rest + 5, strlen(rest + 5));
		if (!(c->lost & LOST_USERS))
			assert_int_equal(source_subscribed(c->s, c->user, name, &err), 1);
		return;
	}
	box = rest + 1;
	end = strstr(box, "] ");
	assert_non_null(end);
	internal_name(name, sizeof name, c->user, box, (size_t)(end - box));
	switch_mailbox(c, name);
	key = end + 2;
	rest = strchr(key, ' ') + 1;
	if (strncmp(key, "UID ", 4) == 0)
		check_message(c, rest);
	else if (strncmp(key, "UIDVALIDITY ", 12) == 0) {
		assert_int_equal(strtoul(rest, NULL, 10), c->m->index->h.uidvalidity);
		assert_int_equal(strtoul(rest, NULL, 10), source_mailbox(c->s, c->at)->uidvalidity);
		assert_int_equal(strtoul(rest, NULL, 10), source_mailbox(c->s, c->at)->entry->uidvalidity);
	} else if (strncmp(key, "UIDNEXT ", 8) == 0)
		assert_int_equal(strtoul(rest, NULL, 10), c->m->index->h.last_uid + 1);
	else if (strncmp(key, "EXISTS ", 7) == 0) {
		for (size_t i = 0; i < c->m->index->n; i++)
			visible += index_record_visible(&c->m->index->records[i]);
		assert_int_equal(strtoul(rest, NULL, 10), visible);
		assert_int_equal(source_mailbox(c->s, c->at)->messages, visible);
	} else if (strncmp(key, "ACL ", 4) == 0)
		check_acl(c, rest);
	else if (strncmp(key, "QUOTA ", 6) == 0 && !(c->lost & LOST_USERS))
		check_quota(c, rest);
	else if (strncmp(key, "META ", 5) == 0 && !(c->lost & LOST_USERS))
		check_annotation(c, rest);
	else if (strncmp(key, "QUOTAROOT ", 10) == 0)
		assert_string_equal(rest, c->m->header->quotaroot != NULL ? c->m->header->quotaroot : "");
}

/* Everything the dump says, against the source. */
static inline void check_dump(struct source *s, const char *dump, unsigned lost)
{
	struct checker c = { .s = s, .lost = lost };
	char *text = slurp_gz(dump), *save = NULL;

	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		check_line(&c, line);
	assert_true(c.messages > 100);
	source_messages_free(c.m);
	free(text);
}

#endif
