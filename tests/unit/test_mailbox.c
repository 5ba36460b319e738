/* test_mailbox.c: index, header, expunge, cache and \Seen of mailboxes of real servers, against what IMAP showed
 * of them. */
#include "test_mailbox_util.h"

#include <time.h>

#include "core/mem.h"
#include "cyrus/mailbox.h"
#include "cyrus/userdata.h"
#include "db/cyrusdb.h"

static const char *const sets[] = { "cyrus23", "cyrus24", "cyrus36" };

static const struct box {
	const char *dir;
	const char *as_alice, *as_bob; /* its name to them; NULL: not theirs */
	bool of_alice;
} boxes[] = {
	{ "inbox", "INBOX", NULL, true },
	{ "work", "INBOX.Work", "user.alice.Work", true },
	{ "proja", "INBOX.Work.Proj A", "user.alice.Work.Proj A", true },
	{ "teamx", "shared.team x", "shared.team x", false },
	{ "empty", "shared", NULL, false },
};

struct loaded {
	struct buf index, header, cache;
	struct mailbox_index *ix;
	struct mailbox_header *h;
};

static bool load(struct loaded *m, const char *set, const char *dir)
{
	struct err err = { 0 };
	char name[64];

	*m = (struct loaded){ 0 };
	snprintf(name, sizeof name, "%s/cyrus.index", dir);
	if (!fixture(set, name, &m->index))
		return false;
	OK(mailbox_index_parse(bytes(&m->index), m->index.len, &m->ix, &err));
	snprintf(name, sizeof name, "%s/cyrus.header", dir);
	assert_true(fixture(set, name, &m->header));
	OK(mailbox_header_parse(bytes(&m->header), m->header.len, &m->h, &err));
	snprintf(name, sizeof name, "%s/cyrus.cache", dir);
	fixture(set, name, &m->cache);
	return true;
}

static void unload(struct loaded *m)
{
	buf_done(&m->index);
	buf_done(&m->header);
	buf_done(&m->cache);
	mailbox_index_free(m->ix);
	mailbox_header_free(m->h);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The dump has its flags sorted. */
static char *sorted_words(const char *text)
{
	char *copy = mem_strdup(text), *words[128], *save;
	size_t n = 0;
	struct buf b = BUF_INIT;

	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	qsort(words, n, sizeof *words, by_text);
	for (size_t i = 0; i < n; i++)
		buf_printf(&b, "%s%s", i > 0 ? " " : "", words[i]);
	free(copy);
	return buf_steal(&b);
}

/* What a viewer has read, wherever this mailbox keeps it. */
struct reader {
	bool in_index;
	struct uidset set;
};

static void reader_open(
    struct reader *r, const char *set, const char *viewer, const struct loaded *m, bool owner)
{
	struct err err = { 0 };
	struct buf file = BUF_INIT;
	struct seen_record seen;
	struct cyrusdb *db;
	char name[64];
	int found;

	*r = (struct reader){ .in_index = seen_is_in_index(m->ix->h.minor, m->ix->h.options, owner) };
	if (r->in_index)
		return;
	snprintf(name, sizeof name, "%s.seen", viewer);
	assert_true(fixture(set, name, &file));
	OK(cyrusdb_open_bytes(file.data, file.len, name, &db, &err));
	OK(found = seen_get(db, m->h->uniqueid, &seen, &err));
	if (found == 1) {
		uidset_parse(seen.uids, &r->set);
		for (uint32_t uid = 0; uid < 30; uid++)
			assert_int_equal(uidset_contains(&r->set, uid), uidset_has(seen.uids, uid));
		seen_record_done(&seen);
	}
	cyrusdb_close(db);
	buf_done(&file);
}

/* "3 (\Draft) 14-Feb-2023 12:10:33 +0000 1983 sha256:.. [MODSEQ 4]" or "8 ANNOTATION ..", which is passed over. */
static void compare_message(const struct loaded *m, const struct reader *reader, char *line, unsigned *count)
{
	char *flags, *rest = line, *sorted, *end;
	uint32_t uid = (uint32_t)strtoul(line, &rest, 10);
	const struct index_record *r = mailbox_index_find(m->ix, uid);
	struct buf text = BUF_INIT;
	struct tm tm = { 0 };
	bool seen;

	if (strncmp(rest, " ANNOTATION", 11) == 0)
		return;
	assert_non_null(r);
	assert_int_equal(r->uid, uid);
	assert_true(index_record_visible(r));
	assert_true(index_record_has_file(r));
	assert_true(r->crc_ok);

	flags = strchr(rest, '(') + 1;
	end = strchr(flags, ')');
	*end = '\0';
	seen = reader->in_index ? (r->flags & FLAG_SEEN) != 0 : uidset_contains(&reader->set, uid);
	index_flags_text(r, m->h, seen, &text);
	sorted = sorted_words(buf_text(&text));
	assert_string_equal(sorted, flags);
	free(sorted);
	buf_done(&text);

	end = strptime(end + 1, " %d-%b-%Y %H:%M:%S %z", &tm);
	assert_non_null(end);
	assert_int_equal(timegm(&tm), r->internaldate);
	assert_int_equal(strtoull(end, &end, 10), r->size);
	end = strstr(end, "MODSEQ ");
	if (end != NULL)
		assert_int_equal(strtoull(end + 7, NULL, 10), r->modseq);
	(*count)++;
}

static void compare_acl(const struct loaded *m, const char *line)
{
	for (size_t i = 0; i < m->h->n_acl; i++) {
		size_t n = strlen(m->h->acl[i].user);

		if (strncmp(line, m->h->acl[i].user, n) == 0 && line[n] == ' ') {
			assert_int_equal(strlen(line + n + 1), strlen(m->h->acl[i].rights));
			for (const char *c = m->h->acl[i].rights; *c != '\0'; c++)
				assert_non_null(strchr(line + n + 1, *c));
			return;
		}
	}
	print_error("ACL %s is not in the header\n", line);
	fail();
}

static void compare(const char *set, const char *viewer, const char *name, const struct loaded *m, bool owner)
{
	struct buf dump = BUF_INIT;
	struct reader reader;
	unsigned messages = 0, exists = 0, visible = 0;
	char prefix[128], *p, *line;

	reader_open(&reader, set, viewer, m, owner);
	assert_true(fixture(set, "dump.txt", &dump));
	snprintf(prefix, sizeof prefix, "%s [%s] ", viewer, name);
	for (p = dump.data; (line = dump_line(&p, prefix)) != NULL;) {
		char *value = strchr(line, ' ') + 1;

		if (strncmp(line, "UIDVALIDITY ", 12) == 0)
			assert_int_equal(strtoul(value, NULL, 10), m->ix->h.uidvalidity);
		else if (strncmp(line, "UIDNEXT ", 8) == 0)
			assert_int_equal(strtoul(value, NULL, 10), m->ix->h.last_uid + 1);
		else if (strncmp(line, "HIGHESTMODSEQ ", 14) == 0 && strcmp(value, "None") != 0)
			assert_int_equal(strtoull(value, NULL, 10), m->ix->h.highestmodseq);
		else if (strncmp(line, "EXISTS ", 7) == 0)
			exists = (unsigned)strtoul(value, NULL, 10);
		else if (strncmp(line, "ACL ", 4) == 0)
			compare_acl(m, value);
		else if (strncmp(line, "UID ", 4) == 0)
			compare_message(m, &reader, value, &messages);
	}
	for (size_t i = 0; i < m->ix->n; i++)
		visible += index_record_visible(&m->ix->records[i]);
	assert_int_equal(messages, exists);
	assert_int_equal(messages, visible);
	assert_int_equal(messages, m->ix->h.exists);
	uidset_done(&reader.set);
	buf_done(&dump);
}

static void test_against_dumps(void **state)
{
	unsigned compared = 0;

	(void)state;
	for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
		for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
			const struct box *box = &boxes[i];
			struct loaded m;

			if (!load(&m, sets[s], box->dir))
				continue;
			assert_true(m.ix->h.crc_ok);
			assert_int_equal(m.ix->n_bad_crc + m.ix->n_bad_uid + m.ix->tail_bytes, 0);
			assert_false(m.ix->short_file);
			if (m.ix->h.minor >= 12)
				assert_int_equal(m.ix->h.header_file_crc, m.h->crc);
			compare(sets[s], "alice", box->as_alice, &m, box->of_alice);
			if (box->as_bob != NULL)
				compare(sets[s], "bob", box->as_bob, &m, false);
			unload(&m);
			compared++;
		}
	}
	assert_int_equal(compared, 13);
}

static void test_headers(void **state)
{
	struct loaded m;

	(void)state;
	assert_true(load(&m, "cyrus23", "work"));
	assert_int_equal(m.ix->h.minor, 10);
	assert_false(m.h->dlist);
	assert_null(m.h->name);
	assert_string_equal(m.h->uniqueid, "4e2c73946b038e00");
	assert_string_equal(m.h->quotaroot, "user.alice.Work");
	assert_string_equal(m.h->flag_names[0], "$Label1");
	assert_string_equal(m.h->flag_names[1], "MyKeyword");
	assert_null(m.h->flag_names[2]);
	assert_int_equal(m.h->n_acl, 3);
	assert_string_equal(m.h->acl[2].user, "-carol");
	assert_string_equal(m.h->acl[2].rights, "w");
	assert_false(m.ix->records[0].has_guid);
	unload(&m);

	assert_true(load(&m, "cyrus36", "teamx"));
	assert_int_equal(m.ix->h.minor, 17);
	assert_true(m.h->dlist);
	assert_string_equal(m.h->name, "shared.team x");
	assert_int_equal(strlen(m.h->uniqueid), 24);
	assert_null(m.h->quotaroot);
	assert_null(m.h->jmapid);
	assert_int_equal(m.h->type, 'e');
	assert_true(m.ix->records[0].has_guid);
	assert_int_not_equal(m.ix->records[0].createdmodseq, 0);
	unload(&m);
}

static void test_expunged(void **state)
{
	struct buf file = BUF_INIT;
	struct err err = { 0 };
	struct mailbox_index *ix;
	struct loaded m;

	(void)state;
	assert_true(fixture("cyrus23", "inbox/cyrus.expunge", &file));
	OK(mailbox_index_parse(bytes(&file), file.len, &ix, &err));
	assert_int_equal(ix->n, 2);
	assert_int_equal(ix->records[0].uid, 2);
	assert_int_equal(ix->records[1].uid, 5);
	assert_true((ix->records[1].flags & FLAG_DELETED) != 0);
	mailbox_index_free(ix);
	buf_done(&file);

	for (size_t s = 1; s < 3; s++) {
		assert_true(load(&m, sets[s], "inbox"));
		for (uint32_t uid = 2; uid <= 5; uid += 3) {
			const struct index_record *r = mailbox_index_find(m.ix, uid);

			assert_non_null(r);
			assert_false(index_record_visible(r));
			assert_true(index_record_has_file(r));
		}
		unload(&m);
	}
}

static void test_envelopes(void **state)
{
	struct envelope env;
	struct err err = { 0 };
	struct loaded m;

	(void)state;
	for (size_t s = 0; s < sizeof sets / sizeof sets[0]; s++) {
		for (size_t i = 0; i < sizeof boxes / sizeof boxes[0]; i++) {
			if (!load(&m, sets[s], boxes[i].dir))
				continue;
			for (size_t k = 0; k < m.ix->n; k++) {
				const struct index_record *r = &m.ix->records[k];

				assert_int_equal(r->has_cache_crc, m.ix->h.minor >= 12);
				OK(mailbox_cache_envelope(
				    bytes(&m.cache), m.cache.len, m.ix->h.generation, r, &env, &err));
				if (r->size > 100) {
					assert_non_null(strstr(env.message_id, "@"));
					assert_non_null(strstr(env.date, "202"));
					assert_non_null(env.to);
				}
				envelope_done(&env);
			}
			unload(&m);
		}
	}

	assert_true(load(&m, "cyrus24", "inbox"));
	OK(mailbox_cache_envelope(
	    bytes(&m.cache), m.cache.len, m.ix->h.generation, mailbox_index_find(m.ix, 3), &env, &err));
	assert_string_equal(env.date, "Mon, 04 Jan 2024 10:03:00 +0000");
	assert_string_equal(env.subject, "test 3 in INBOX");
	assert_string_equal(env.from, "sender3@example.org");
	assert_string_equal(env.to, "alice@example.net");
	assert_null(env.cc);
	assert_null(env.in_reply_to);
	assert_string_equal(env.message_id, "<alice.3.7e33429f@lab.example>");
	envelope_done(&env);
	/* An address without a domain. */
	OK(mailbox_cache_envelope(
	    bytes(&m.cache), m.cache.len, m.ix->h.generation, mailbox_index_find(m.ix, 13), &env, &err));
	assert_string_equal(env.to, "alice");
	envelope_done(&env);
	unload(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_dumps),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_expunged),
		cmocka_unit_test(test_envelopes),
	};

	return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
