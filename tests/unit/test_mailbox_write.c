/* test_mailbox_write.c: cyrus.header as Cyrus writes it, cyrus.index changed as Cyrus would have. */
#include "test_mailbox_util.h"

#include <zlib.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/mailbox_write.h"

static const char *const sets[] = { "cyrus23", "cyrus24", "cyrus36" };
static const char *const dirs[] = { "inbox", "work", "proja", "teamx", "empty" };

#define N(a) (sizeof(a) / sizeof *(a))

static const unsigned sizes[20][2] = {
	[6] = { 76, 60 },
	[7] = { 76, 72 },
	[8] = { 92, 80 },
	[9] = { 96, 80 },
	[10] = { 96, 88 },
	[12] = { 128, 96 },
	[13] = { 128, 104 },
	[14] = { 160, 104 },
	[15] = { 160, 104 },
	[16] = { 160, 112 },
	[17] = { 160, 112 },
	[18] = { 160, 112 },
	[19] = { 160, 112 },
};

struct box {
	struct buf index, header;
	struct mailbox_index *ix;
	struct mailbox_header *h;
};

static bool load(struct box *m, const char *set, const char *dir)
{
	struct err err = { 0 };
	char name[64];

	*m = (struct box){ 0 };
	snprintf(name, sizeof name, "%s/cyrus.index", dir);
	if (!fixture(set, name, &m->index))
		return false;
	OK(mailbox_index_parse(bytes(&m->index), m->index.len, &m->ix, &err));
	snprintf(name, sizeof name, "%s/cyrus.header", dir);
	assert_true(fixture(set, name, &m->header));
	OK(mailbox_header_parse(bytes(&m->header), m->header.len, &m->h, &err));
	return true;
}

static void unload(struct box *m)
{
	buf_done(&m->index);
	buf_done(&m->header);
	mailbox_index_free(m->ix);
	mailbox_header_free(m->h);
}

/* ---- cyrus.header ---- */

static void test_real_headers(void **state)
{
	struct box m;

	(void)state;
	for (size_t i = 0; i < N(sets); i++)
		for (size_t j = 0; j < N(dirs); j++) {
			struct buf b = BUF_INIT;
			struct err err = { 0 };

			if (!load(&m, sets[i], dirs[j]))
				continue;
			OK(mailbox_header_write(m.h, m.h->dlist, &b, &err));
			assert_int_equal(b.len, m.header.len);
			assert_memory_equal(b.data, m.header.data, b.len);
			assert_int_equal(mailbox_crc(b.data, b.len), m.h->crc);
			if (m.ix->h.minor >= 12)
				assert_int_equal(mailbox_crc(b.data, b.len), m.ix->h.header_file_crc);
			buf_done(&b);
			unload(&m);
		}
}

static void same_text(const char *a, const char *b)
{
	if (a == NULL || b == NULL)
		assert_ptr_equal(a, b);
	else
		assert_string_equal(a, b);
}

static void round_trip(const struct mailbox_header *h, bool dlist)
{
	struct mailbox_header *r;
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	OK(mailbox_header_write(h, dlist, &b, &err));
	OK(mailbox_header_parse(bytes(&b), b.len, &r, &err));
	assert_int_equal(r->dlist, dlist);
	if (dlist) {
		same_text(r->name, h->name);
		same_text(r->jmapid, h->jmapid);
		assert_int_equal(r->type, h->type);
	}
	same_text(r->uniqueid, h->uniqueid);
	same_text(r->quotaroot, h->quotaroot);
	assert_int_equal(r->n_acl, h->n_acl);
	for (size_t i = 0; i < h->n_acl; i++) {
		assert_string_equal(r->acl[i].user, h->acl[i].user);
		assert_string_equal(r->acl[i].rights, h->acl[i].rights);
	}
	for (size_t i = 0; i < MAILBOX_USER_FLAGS; i++)
		same_text(r->flag_names[i], h->flag_names[i]);
	assert_int_equal(r->crc, mailbox_crc(b.data, b.len));
	mailbox_header_free(r);
	buf_done(&b);
}

static void test_round_trip(void **state)
{
	char user[] = "anna b", rights[] = "lrs", minus[] = "-NIL", w[] = "w", name[] = "user.anna",
	     id[] = "abc";
	char big[3000], first[] = "$Label1", last[] = "Z", jmapid[] = "P7Zx";
	struct acl_item acl[] = { { .user = user, .rights = rights }, { .user = minus, .rights = w } };
	struct mailbox_header h = { .name = name,
		.uniqueid = id,
		.type = 'e',
		.acl = acl,
		.n_acl = 2,
		.flag_names = { [0] = first, [3] = last } };
	char odd[][16] = { "NIL", "a b", "a\"b", "100%", "back\\slash", "h\303\266lzern", "a*b", "(x)", "{3}",
		"line\r\nend", "x" };

	(void)state;
	memset(big, 'x', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	round_trip(&h, true);
	round_trip(&h, false);
	h.flag_names[127] = last;
	round_trip(&h, true);
	round_trip(&h, false);
	h.jmapid = jmapid;
	h.n_acl = 0;
	for (size_t i = 0; i < N(odd); i++) {
		h.name = h.quotaroot = h.flag_names[1] = odd[i];
		round_trip(&h, true);
	}
	h.name = h.flag_names[2] = big;
	round_trip(&h, true);
}

static void test_as_cyrus_quotes(void **state)
{
	static const struct {
		const char *s, *as;
	} list[] = { { "a", "a" }, { "a b", "\"a b\"" }, { "NIL", "\"NIL\"" }, { "nil", "nil" },
		{ "a*", "\"a*\"" }, { "a%", "{2}\r\na%" }, { "a\\", "{2}\r\na\\" },
		{ "\303\266", "{2}\r\n\303\266" }, { "a\tb", "\"a\tb\"" }, { "a]", "a]" }, { "{", "\"{\"" } };
	char id[] = "i", type[] = "el";
	struct mailbox_header h = { .uniqueid = id, .type = 'e', .mbtype = type };

	(void)state;
	for (size_t i = 0; i < N(list); i++) {
		struct buf b = BUF_INIT;
		struct err err = { 0 };
		char *want = mem_printf("%%(T el N %s I i A %%())\n", list[i].as);

		h.name = mem_strdup(list[i].s);
		OK(mailbox_header_write(&h, true, &b, &err));
		assert_string_equal(b.data + b.len - strlen(want), want);
		free(h.name);
		free(want);
		buf_done(&b);
	}
}

static void test_header_refused(void **state)
{
	char bad[] = "two words", id[] = "a\tb", good[] = "abc";
	struct mailbox_header h = { .type = 'e', .uniqueid = good, .flag_names = { bad } };
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	(void)state;
	assert_int_equal(mailbox_header_write(&h, false, &b, &err), -1);
	assert_int_equal(err.code, ERR_FORMAT);
	assert_int_equal(mailbox_header_write(&h, true, &b, &err), -1); /* no name */
	h.flag_names[0] = NULL;
	h.uniqueid = id;
	assert_int_equal(mailbox_header_write(&h, false, &b, &err), -1);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

/* ---- cyrus.index ---- */

/* The CRCs that Cyrus keeps for its replicas are those that we make. */
static void test_sync_crcs(void **state)
{
	struct box m;
	unsigned compared = 0;

	(void)state;
	for (size_t i = 0; i < N(sets); i++)
		for (size_t j = 0; j < N(dirs); j++) {
			uint32_t basic, annot, was_basic, was_annot;
			struct err err = { 0 };

			if (!load(&m, sets[i], dirs[j]))
				continue;
			OK(mailbox_index_sync_crcs(bytes(&m.index), m.index.len, m.h, &basic, &annot, &err));
			OK(mailbox_index_stored_sync_crcs(
			    bytes(&m.index), m.index.len, &was_basic, &was_annot, &err));
			assert_int_equal(basic, was_basic);
			compared += m.ix->h.exists > 0 && basic != 0;
			/* Annotations of messages, as these two have, are in that one too. */
			if (strcmp(dirs[j], "inbox") != 0 && strcmp(dirs[j], "work") != 0)
				assert_int_equal(annot, was_annot);
			unload(&m);
		}
	assert_true(compared >= 6);
}

static void patch_one(unsigned minor)
{
	unsigned size = sizes[minor][0];
	uint8_t *p = mem_alloc(size);
	struct index_header h;
	struct err err = { 0 };
	struct index_patch patch = { .last_uid = 70,
		.highestmodseq = 0x500000000,
		.uidvalidity = 99,
		.set_header_file_crc = true,
		.header_file_crc = 0xabcdef };
	struct index_patch lower = { .last_uid = 5, .highestmodseq = 6 };

	put_be32(p + 8, minor);
	put_be32(p + 12, size);
	put_be32(p + 16, sizes[minor][1]);
	put_be32(p + 28, 50);
	put_be32(p + 44, 98);
	if (minor >= 12)
		put_be32(p + size - 4, (uint32_t)crc32(0, p, size - 4));
	for (int i = 0; i < 2; i++) {
		OK(mailbox_index_patch(p, size, i == 0 ? &patch : &lower, &err));
		OK(mailbox_index_header_parse(p, size, &h, &err));
		assert_true(h.crc_ok);
		assert_int_equal(h.last_uid, 70);
		assert_int_equal(h.uidvalidity, 99);
		assert_int_equal(h.highestmodseq, minor >= 8 ? 0x500000000 : 0);
		assert_int_equal(h.header_file_crc, minor >= 12 ? 0xabcdef : 0);
		assert_int_equal(h.deleted + h.answered + h.flagged + h.unseen + h.options, 0);
		assert_int_equal(h.quota_used + h.deletedmodseq + h.createdmodseq, 0);
	}
	assert_int_equal(mailbox_index_patch(p, size - 1, &patch, &err), -1);
	p[33] ^= 1;
	if (minor >= 12) {
		assert_int_equal(mailbox_index_patch(p, size, &patch, &err), -1);
		assert_int_equal(err.code, ERR_FORMAT);
	}
	free(p);
}

static void test_patch(void **state)
{
	(void)state;
	for (unsigned minor = 6; minor < 20; minor++)
		if (sizes[minor][0] > 0)
			patch_one(minor);
}

/* Records i of ${m} whose bit is in ${mask} leave the index; counts as Cyrus would have them. ${expunge}: they stay, as
 * expunged records. */
static struct buf without(const struct box *m, unsigned mask, bool expunge)
{
	struct buf b = BUF_INIT;
	const struct index_header *h = &m->ix->h;
	unsigned size = sizes[h->minor][0], record = sizes[h->minor][1];
	uint32_t basic, annot, counts[5] = { 0 };
	uint64_t quota = 0;
	struct err err = { 0 };
	uint8_t *p;

	buf_add(&b, m->index.data, h->start_offset);
	for (unsigned i = 0; i < m->ix->n; i++) {
		const struct index_record *r = &m->ix->records[i];
		bool out = mask >> i & 1;

		if (out && !expunge)
			continue;
		buf_add(&b, m->index.data + h->start_offset + i * h->record_size, h->record_size);
		if (out) {
			p = (uint8_t *)b.data + b.len - h->record_size;
			put_be32(p + 32, be32(p + 32) | FLAG_EXPUNGED);
			if (h->minor >= 12)
				put_be32(p + record - 4, (uint32_t)crc32(0, p, record - 4));
		} else if (index_record_visible(r)) {
			counts[0]++;
			counts[1] += (r->flags & FLAG_DELETED) != 0;
			counts[2] += (r->flags & FLAG_ANSWERED) != 0;
			counts[3] += (r->flags & FLAG_FLAGGED) != 0;
			counts[4] += (r->flags & FLAG_SEEN) == 0;
			quota += r->size;
		}
	}
	p = (uint8_t *)b.data;
	put_be32(p + 20, (uint32_t)((b.len - h->start_offset) / h->record_size));
	put_be64(p + 32, quota);
	for (int i = 1; i <= 3; i++)
		put_be32(p + 44 + i * 4, counts[i]);
	if (h->minor >= 12)
		put_be32(p + 84, counts[0]);
	if (h->minor >= 14)
		put_be32(p + 124, counts[4]);
	if (h->minor >= 12) {
		put_be32(p + size - 4, (uint32_t)crc32(0, p, size - 4));
		OK(mailbox_index_sync_crcs(p, b.len, m->h, &basic, &annot, &err));
		put_be32(p + 100, basic);
		if (h->minor >= 13)
			put_be32(p + 120, annot);
		put_be32(p + size - 4, (uint32_t)crc32(0, p, size - 4));
	}
	return b;
}

static size_t list_of(const struct box *m, unsigned mask, struct index_insert *list)
{
	size_t n = 0;

	for (unsigned i = 0; i < m->ix->n; i++)
		if (mask >> i & 1) {
			list[n].record = bytes(&m->index) + m->ix->h.start_offset + i * m->ix->h.record_size;
			list[n].cache_offset = m->ix->h.minor >= 12 ? 0x1200000034 : 0x34;
			memcpy(list[n++].user_flags, m->ix->records[i].user_flags, 16);
		}
	return n;
}

static void check_back(
    const struct box *m, const struct box *before, unsigned mask, const struct mailbox_index *ix)
{
	uint64_t modseq = before->ix->h.highestmodseq;

	assert_int_equal(ix->n, m->ix->n);
	assert_int_equal(ix->n_bad_crc + ix->n_bad_uid + ix->tail_bytes + ix->short_file, 0);
	assert_true(ix->h.crc_ok);
	assert_int_equal(ix->h.exists, m->ix->h.exists);
	assert_int_equal(ix->h.deleted, m->ix->h.deleted);
	assert_int_equal(ix->h.answered, m->ix->h.answered);
	assert_int_equal(ix->h.flagged, m->ix->h.flagged);
	assert_int_equal(ix->h.unseen, m->ix->h.unseen);
	assert_int_equal(ix->h.quota_used, m->ix->h.quota_used);
	assert_int_equal(ix->h.last_uid, m->ix->h.last_uid);
	assert_int_equal(ix->h.generation, m->ix->h.generation);
	for (unsigned i = 0; i < ix->n; i++) {
		const struct index_record *a = &m->ix->records[i], *b = &ix->records[i];

		assert_int_equal(a->uid, b->uid);
		assert_int_equal(a->flags, b->flags);
		assert_memory_equal(a->user_flags, b->user_flags, sizeof a->user_flags);
		assert_memory_equal(a->guid, b->guid, SHA1_SIZE);
		assert_int_equal(a->size, b->size);
		assert_int_equal(a->internaldate, b->internaldate);
		assert_int_equal(a->createdmodseq, b->createdmodseq);
		assert_int_equal(a->cache_crc, b->cache_crc);
		assert_int_equal(a->cache_version, b->cache_version);
		if (mask >> i & 1) {
			assert_int_equal(b->modseq, ++modseq);
			assert_int_equal(b->cache_offset, m->ix->h.minor >= 12 ? 0x1200000034 : 0x34);
		} else {
			assert_int_equal(a->modseq, b->modseq);
			assert_int_equal(a->cache_offset, b->cache_offset);
		}
	}
	assert_int_equal(ix->h.highestmodseq, modseq);
}

static unsigned visible_mask(const struct box *m)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < m->ix->n; i++)
		mask |= (unsigned)index_record_visible(&m->ix->records[i]) << i;
	return mask;
}

static void bring_back(const struct box *m, unsigned mask, bool expunged)
{
	struct buf b = without(m, mask, expunged), back = BUF_INIT;
	struct box before = { 0 };
	struct index_insert list[32];
	struct mailbox_index *ix;
	uint32_t basic, annot, was_basic, was_annot;
	struct err err = { 0 };
	size_t n = list_of(m, mask, list);

	buf_str(&b, "an append that was never committed");
	OK(mailbox_index_parse(bytes(&b), b.len, &before.ix, &err));
	buf_str(&back, "x"); /* it appends */
	OK(mailbox_index_insert(bytes(&b), b.len, m->h, list, n, 1700000000, &back, &err));
	OK(mailbox_index_parse(bytes(&back) + 1, back.len - 1, &ix, &err));
	check_back(m, &before, mask, ix);
	if (m->ix->h.minor >= 12) {
		OK(mailbox_index_sync_crcs(bytes(&back) + 1, back.len - 1, m->h, &basic, &annot, &err));
		OK(mailbox_index_stored_sync_crcs(
		    bytes(&back) + 1, back.len - 1, &was_basic, &was_annot, &err));
		assert_int_equal(basic, was_basic);
		assert_int_equal(annot, was_annot);
	}
	if (n > 0) { /* once more is once too often */
		struct buf again = BUF_INIT;

		assert_int_equal(
		    mailbox_index_insert(bytes(&back) + 1, back.len - 1, m->h, list, n, 1, &again, &err), -1);
		assert_int_equal(err.code, ERR_REFUSED);
		assert_int_equal(again.len, 0);
	}
	mailbox_index_free(ix);
	mailbox_index_free(before.ix);
	buf_done(&back);
	buf_done(&b);
}

static void test_insert(void **state)
{
	struct box m;
	unsigned done = 0;

	(void)state;
	for (size_t i = 0; i < N(sets); i++)
		for (size_t j = 0; j < N(dirs); j++) {
			unsigned all;

			if (!load(&m, sets[i], dirs[j]))
				continue;
			all = visible_mask(&m);
			for (unsigned k = 0; k < m.ix->n; k++) {
				bring_back(&m, all & 1u << k, false);
				done++;
			}
			bring_back(&m, all, false);
			bring_back(&m, 0, false);
			if (m.ix->h.minor >= 12) {
				bring_back(&m, all, true);
				bring_back(&m, all & 0x55555555, true);
			}
			unload(&m);
		}
	assert_true(done >= 20);
}

/* Versions of which there is no server here: from nothing to two messages. */
static void insert_made(unsigned minor)
{
	unsigned size = sizes[minor][0], record = sizes[minor][1], stride = record + 8;
	uint8_t *p = mem_alloc(size), *r = mem_alloc(2 * stride);
	struct mailbox_header h = { 0 };
	struct index_insert list[2] = { { .record = r, .cache_offset = 4 },
		{ .record = r + stride, .cache_offset = 80 } };
	struct buf b = BUF_INIT;
	struct mailbox_index *ix;
	struct err err = { 0 };

	put_be32(p + 8, minor);
	put_be32(p + 12, size);
	put_be32(p + 16, stride);
	put_be32(p + 28, 6);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *at = r + i * stride;

		put_be32(at, 5 + i * 4);
		put_be32(at + 12, 1000);
		put_be32(at + 32, i == 0 ? FLAG_DELETED | FLAG_SEEN : FLAG_ANSWERED);
		if (minor >= 12)
			put_be32(at + record - 4, (uint32_t)crc32(0, at, record - 4));
	}
	if (minor >= 12)
		put_be32(p + size - 4, (uint32_t)crc32(0, p, size - 4));
	OK(mailbox_index_insert(p, size, &h, list, 2, 1700000000, &b, &err));
	OK(mailbox_index_parse(bytes(&b), b.len, &ix, &err));
	assert_int_equal(ix->n, 2);
	assert_int_equal(ix->n_bad_crc + ix->n_bad_uid + ix->tail_bytes, 0);
	assert_true(ix->h.crc_ok);
	assert_int_equal(ix->h.exists, 2);
	assert_int_equal(ix->h.deleted, 1);
	assert_int_equal(ix->h.answered, 1);
	assert_int_equal(ix->h.flagged, 0);
	assert_int_equal(ix->h.unseen, minor >= 14);
	assert_int_equal(ix->h.quota_used, 2000);
	assert_int_equal(ix->h.last_uid, 9);
	assert_int_equal(ix->h.highestmodseq, minor >= 8 ? 2 : 0);
	assert_int_equal(ix->records[1].modseq, minor >= 8 ? 2 : 0);
	assert_int_equal(ix->records[1].cache_offset, 80);
	if (minor >= 18)
		assert_int_equal(be64(bytes(&b) + (minor == 18 ? 140 : 136)), 1000);
	mailbox_index_free(ix);
	buf_done(&b);
	free(p);
	free(r);
}

static void test_every_minor(void **state)
{
	(void)state;
	for (unsigned minor = 6; minor < 20; minor++)
		if (sizes[minor][0] > 0)
			insert_made(minor);
}

/* Every cut and every flipped byte: an index of which something is wrong is left alone. */
static void test_damaged(void **state)
{
	struct box m;
	struct index_insert list[32];
	struct buf ret = BUF_INIT;
	struct err err = { 0 };
	size_t n;

	(void)state;
	assert_true(load(&m, "cyrus36", "work"));
	n = list_of(&m, 1, list);
	for (size_t len = 0; len < m.index.len; len++) {
		uint8_t *cut = mem_dup(bytes(&m.index), len);

		assert_int_equal(mailbox_index_insert(cut, len, m.h, list, n, 1, &ret, &err), -1);
		free(cut);
	}
	for (size_t at = 0; at < m.index.len; at++) {
		uint8_t *bad = mem_dup(bytes(&m.index), m.index.len);

		bad[at] ^= 0x41;
		assert_int_equal(mailbox_index_insert(bad, m.index.len, m.h, list, n, 1, &ret, &err), -1);
		bad[at] ^= 0x41 ^ 0xff;
		assert_int_equal(mailbox_index_insert(bad, m.index.len, m.h, list, n, 1, &ret, &err), -1);
		free(bad);
	}
	assert_int_equal(ret.len, 0);
	unload(&m);
}

static void refuse(struct box *m, const struct index_insert *list, size_t n, enum err_code code)
{
	struct buf b = without(m, ~0u, false), ret = BUF_INIT;
	struct err err = { 0 };

	assert_int_equal(mailbox_index_insert(bytes(&b), b.len, m->h, list, n, 1, &ret, &err), -1);
	assert_int_equal(err.code, code);
	assert_int_equal(ret.len, 0);
	buf_done(&b);
}

static void test_refused(void **state)
{
	struct index_insert list[32], turned[2];
	struct box m;
	uint8_t *bad;
	unsigned size;

	(void)state;
	assert_true(load(&m, "cyrus36", "inbox"));
	size = m.ix->h.record_size;
	assert_true(list_of(&m, visible_mask(&m), list) >= 2);
	turned[0] = list[1];
	turned[1] = list[0];
	refuse(&m, turned, 2, ERR_FORMAT);
	turned[0] = list[0];
	refuse(&m, turned, 2, ERR_FORMAT);
	bad = mem_dup(list[0].record, size);
	bad[12] ^= 1;
	turned[0].record = bad;
	refuse(&m, turned, 1, ERR_FORMAT);
	bad[12] ^= 1;
	put_be32(bad + 32, be32(bad + 32) | FLAG_ARCHIVED);
	put_be32(bad + 108, (uint32_t)crc32(0, bad, 108));
	refuse(&m, turned, 1, ERR_UNSUPPORTED);
	free(bad);
	list[0].cache_offset = (uint64_t)1 << 48;
	refuse(&m, list, 1, ERR_UNSUPPORTED);
	unload(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_real_headers),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_as_cyrus_quotes),
		cmocka_unit_test(test_header_refused),
		cmocka_unit_test(test_sync_crcs),
		cmocka_unit_test(test_patch),
		cmocka_unit_test(test_insert),
		cmocka_unit_test(test_every_minor),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests_name("mailbox write", tests, NULL, NULL);
}
