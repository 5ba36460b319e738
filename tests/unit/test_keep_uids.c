/* test_keep_uids.c: when messages of an archive may have their old UIDs again. */
#include "test_mailbox_util.h"

#include "core/mem.h"
#include "restore/keep.h"

/* An archive, and a live mailbox that has lost all of its messages. */
struct world {
	struct buf header, index;
	struct source_messages m;
	struct live_mailbox l;
	struct restore_merge merge;
	struct restore_item item;
};

static void make(struct world *w)
{
	struct err err = { 0 };

	*w = (struct world){ 0 };
	assert_true(fixture("cyrus36", "inbox/cyrus.header", &w->header));
	assert_true(fixture("cyrus36", "inbox/cyrus.index", &w->index));
	assert_true(fixture("cyrus36", "inbox/cyrus.cache", &w->m.cache));
	OK(mailbox_header_parse(bytes(&w->header), w->header.len, &w->m.header, &err));
	OK(mailbox_header_parse(bytes(&w->header), w->header.len, &w->l.header, &err));
	OK(mailbox_index_parse(bytes(&w->index), w->index.len, &w->m.index, &err));
	OK(mailbox_index_parse(bytes(&w->index), w->index.len, &w->l.index, &err));
	w->l.index->n = 0;
	w->l.has_cache = true;
	w->merge.archive = mem_array(w->m.index->n, sizeof *w->merge.archive);
	w->merge.append = mem_array(w->m.index->n, sizeof *w->merge.append);
	for (size_t i = 0; i < w->m.index->n; i++)
		if (index_record_visible(&w->m.index->records[i])) {
			w->merge.append[w->merge.n] = true;
			w->merge.archive[w->merge.n++].uid = w->m.index->records[i].uid;
		}
	assert_true(w->merge.n > 3);
	w->item.merge = &w->merge;
}

static void done(struct world *w)
{
	mailbox_header_free(w->m.header);
	mailbox_header_free(w->l.header);
	mailbox_index_free(w->m.index);
	mailbox_index_free(w->l.index);
	buf_done(&w->m.cache);
	buf_done(&w->header);
	buf_done(&w->index);
	free(w->merge.archive);
	free(w->merge.append);
}

static void expect(struct world *w, const char *mark, const char *words)
{
	char *why = keep_why_not(&w->item, &w->m, &w->l, mark);

	if (words == NULL && why != NULL)
		print_error("%s\n", why);
	if (words == NULL)
		assert_null(why);
	else
		assert_non_null(why);
	if (words != NULL && strstr(why, words) == NULL) {
		print_error("\"%s\" is not in: %s\n", words, why);
		fail();
	}
	free(why);
	done(w);
}

/* The archive's record of the second message that is to come back. */
static struct index_record *second(struct world *w)
{
	for (size_t i = 0; i < w->m.index->n; i++)
		if (w->m.index->records[i].uid == w->merge.archive[1].uid)
			return &w->m.index->records[i];
	fail();
	return NULL;
}

static void test_can(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	expect(&w, NULL, NULL);
	make(&w);
	expect(&w, "$Restored", NULL);
	make(&w); /* still there as an expunged one */
	w.l.index->n = 1;
	w.l.index->records[0] = *second(&w);
	w.l.index->records[0].flags |= FLAG_EXPUNGED;
	expect(&w, NULL, NULL);
	make(&w); /* UIDNEXT was set back, as by a restore of files */
	w.l.index->h.last_uid = 1;
	expect(&w, NULL, NULL);
	make(&w); /* a damaged record of a message that is not to come back */
	w.merge.append[1] = false;
	second(&w)->crc_ok = false;
	expect(&w, NULL, NULL);
}

static void test_other_mailbox(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	w.merge.recreated = true;
	expect(&w, NULL, "another mailbox");
	make(&w);
	w.l.index->h.uidvalidity++;
	expect(&w, NULL, "UIDVALIDITY");
	make(&w);
	w.m.index->h.minor = 16;
	expect(&w, NULL, "had version 16, and has 17");
	make(&w);
	w.m.index->h.record_size += 32;
	expect(&w, NULL, "version");
	make(&w);
	w.m.index->h.minor = w.l.index->h.minor = 10;
	expect(&w, NULL, "version 10");
	make(&w);
	w.m.index->h.minor = w.l.index->h.minor = 20;
	expect(&w, NULL, "version 20");
}

static void test_damaged(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	w.l.has_cache = false;
	expect(&w, NULL, "reconstruct");
	make(&w);
	w.l.index->n_bad_crc = 1;
	expect(&w, NULL, "reconstruct");
	make(&w);
	w.l.index->n_bad_uid = 1;
	expect(&w, NULL, "reconstruct");
	make(&w);
	second(&w)->crc_ok = false;
	expect(&w, NULL, "damaged");
	make(&w);
	second(&w)->has_guid = false;
	expect(&w, NULL, "damaged");
	make(&w);
	second(&w)->cache_offset += 4;
	expect(&w, NULL, "cyrus.cache");
	make(&w);
	buf_clear(&w.m.cache);
	expect(&w, NULL, "cyrus.cache");
	make(&w);
	second(&w)->flags |= FLAG_ARCHIVED;
	expect(&w, NULL, "archive partition");
}

static void test_uids(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	w.l.index->n = 1;
	w.l.index->records[0] = *second(&w);
	expect(&w, NULL, "is another message's by now");
	make(&w);
	w.l.index->n = 1;
	w.l.index->records[0] = *second(&w);
	w.l.index->records[0].flags |= FLAG_EXPUNGED;
	w.l.index->records[0].guid[0] ^= 1;
	expect(&w, NULL, "was another message's");
	/* UIDs would run out. */
	make(&w);
	w.m.index->h.last_uid = 1u << 30;
	w.m.index->records[w.m.index->n - 1].uid = w.merge.archive[w.merge.n - 1].uid = 1u << 30;
	w.m.index->records[w.m.index->n - 1].flags &= ~FLAG_EXPUNGED;
	expect(&w, NULL, "out of all proportion");
	make(&w);
	w.m.index->h.last_uid = 1;
	expect(&w, NULL, "out of all proportion");
}

static void test_keywords(void **state)
{
	struct world w;

	(void)state;
	make(&w);
	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		if (w.l.header->flag_names[i] == NULL)
			w.l.header->flag_names[i] = mem_printf("full%d", i);
	expect(&w, NULL, NULL); /* it knows all that come */
	make(&w);
	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		if (w.l.header->flag_names[i] == NULL)
			w.l.header->flag_names[i] = mem_printf("full%d", i);
	expect(&w, "FULL100", NULL); /* in any case of letters */
	make(&w);
	for (int i = 0; i < MAILBOX_USER_FLAGS; i++)
		if (w.l.header->flag_names[i] == NULL)
			w.l.header->flag_names[i] = mem_printf("full%d", i);
	expect(&w, "$Restored", "no room for 1 more");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_can),
		cmocka_unit_test(test_other_mailbox),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_uids),
		cmocka_unit_test(test_keywords),
	};

	return cmocka_run_group_tests_name("keep UIDs", tests, NULL, NULL);
}
