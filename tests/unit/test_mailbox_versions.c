/* test_mailbox_versions.c: cyrus.index of every minor version, written here from the documented layout; and
 * damaged ones. */
#include "test_mailbox_util.h"

#include <time.h>
#include <zlib.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/mailbox.h"

enum { NS = 1 }; /* a time in nanoseconds */

/* Where a field stands: versions, offset, width. The fields of struct index_header and index_record by their own
 * names. */
struct place {
	const char *name;
	unsigned from, to, at, width, kind;
};

static const struct place header_places[] = {
	{ "generation", 6, 20, 0, 4, 0 },
	{ "format", 6, 20, 4, 4, 0 },
	{ "minor", 6, 20, 8, 4, 0 },
	{ "start", 6, 20, 12, 4, 0 },
	{ "record_size", 6, 20, 16, 4, 0 },
	{ "num_records", 6, 20, 20, 4, 0 },
	{ "last_append", 6, 19, 24, 4, 0 },
	{ "last_append", 20, 20, 24, 8, NS },
	{ "last_uid", 6, 19, 28, 4, 0 },
	{ "last_uid", 20, 20, 88, 4, 0 },
	{ "quota_used", 6, 6, 36, 4, 0 },
	{ "quota_used", 7, 20, 32, 8, 0 },
	{ "uidvalidity", 6, 19, 44, 4, 0 },
	{ "uidvalidity", 20, 20, 92, 4, 0 },
	{ "deleted", 6, 20, 48, 4, 0 },
	{ "answered", 6, 20, 52, 4, 0 },
	{ "flagged", 6, 20, 56, 4, 0 },
	{ "options", 6, 18, 60, 4, 0 },
	{ "options", 19, 20, 64, 4, 0 },
	{ "highestmodseq", 8, 18, 68, 8, 0 },
	{ "highestmodseq", 19, 20, 72, 8, 0 },
	{ "deletedmodseq", 12, 18, 76, 8, 0 },
	{ "deletedmodseq", 19, 20, 80, 8, 0 },
	{ "exists", 12, 18, 84, 4, 0 },
	{ "exists", 19, 20, 60, 4, 0 },
	{ "header_file_crc", 12, 20, 96, 4, 0 },
	{ "recentuid", 12, 19, 104, 4, 0 },
	{ "recentuid", 20, 20, 184, 4, 0 },
	{ "recenttime", 12, 19, 108, 4, 0 },
	{ "recenttime", 20, 20, 104, 8, NS },
	{ "unseen", 14, 20, 124, 4, 0 },
	{ "createdmodseq", 16, 20, 128, 8, 0 },
};

static const struct place record_places[] = {
	{ "uid", 6, 20, 0, 4, 0 },
	{ "internaldate", 6, 19, 4, 4, 0 },
	{ "internaldate", 20, 20, 8, 8, NS },
	{ "sentdate", 6, 19, 8, 4, 0 },
	{ "sentdate", 20, 20, 16, 8, NS },
	{ "size", 6, 19, 12, 4, 0 },
	{ "size", 20, 20, 24, 8, 0 },
	{ "header_size", 6, 19, 16, 4, 0 },
	{ "header_size", 20, 20, 32, 4, 0 },
	{ "gmtime", 12, 19, 20, 4, 0 },
	{ "gmtime", 20, 20, 104, 8, NS },
	{ "cache_low", 6, 19, 24, 4, 0 },
	{ "cache_low", 20, 20, 4, 4, 0 },
	{ "flags", 6, 19, 32, 4, 0 },
	{ "flags", 20, 20, 36, 4, 0 },
	{ "user0", 6, 19, 36, 4, 0 },
	{ "user0", 20, 20, 40, 4, 0 },
	{ "user3", 6, 19, 48, 4, 0 },
	{ "user3", 20, 20, 52, 4, 0 },
	{ "cache_version", 6, 20, 56, 4, 0 },
	{ "guid0", 10, 20, 60, 4, 0 },
	{ "guid4", 10, 20, 76, 4, 0 },
	{ "modseq", 8, 9, 72, 8, 0 },
	{ "modseq", 10, 20, 80, 8, 0 },
	{ "createdmodseq", 16, 20, 96, 8, 0 },
	{ "cache_crc", 12, 12, 88, 4, 0 },
	{ "cache_crc", 13, 15, 96, 4, 0 },
	{ "cache_crc", 16, 19, 104, 4, 0 },
	{ "cache_crc", 20, 20, 136, 4, 0 },
};

static const struct {
	unsigned header, record;
} sizes[21] = { [6] = { 76, 60 },
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
	[20] = { 192, 144 } };

static const struct place *place_of(const struct place *list, size_t n, const char *name, unsigned minor)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0 && minor >= list[i].from && minor <= list[i].to)
			return &list[i];
	return NULL;
}

static bool put(uint8_t *p, const struct place *f, uint64_t v)
{
	if (f == NULL)
		return false;
	if (f->kind == NS)
		v = v * 1000000000 + 999999999;
	if (f->width == 8)
		put_be64(p + f->at, v);
	else
		put_be32(p + f->at, (uint32_t)v);
	return true;
}

#define HEADER(name) place_of(header_places, sizeof header_places / sizeof header_places[0], name, minor)
#define RECORD(name) place_of(record_places, sizeof record_places / sizeof record_places[0], name, minor)

static void seal(uint8_t *p, unsigned minor, unsigned size)
{
	if (minor >= 12)
		put_be32(p + size - 4, (uint32_t)crc32(0, p, size - 4));
}

/* Every byte that no field names is 0xee in spare room, so that a wrong offset shows. */
static uint8_t *build(unsigned minor, unsigned n, unsigned start, unsigned stride, size_t *len)
{
	uint8_t *p;

	*len = start + (size_t)n * stride;
	p = mem_alloc(*len);
	memset(p, 0xee, *len);
	put(p, HEADER("generation"), 3);
	put(p, HEADER("format"), 0);
	put(p, HEADER("minor"), minor);
	put(p, HEADER("start"), start);
	put(p, HEADER("record_size"), stride);
	put(p, HEADER("num_records"), n);
	put(p, HEADER("last_append"), 1700000001);
	put(p, HEADER("last_uid"), n * 2);
	put(p, HEADER("quota_used"), minor == 6 ? 77777 : 0x123456789a);
	put(p, HEADER("uidvalidity"), 1600000002);
	put(p, HEADER("deleted"), 11);
	put(p, HEADER("answered"), 12);
	put(p, HEADER("flagged"), 13);
	put(p, HEADER("options"), OPT_SHAREDSEEN | 1u << 30);
	put(p, HEADER("highestmodseq"), 0x700000001);
	put(p, HEADER("deletedmodseq"), 0x600000001);
	put(p, HEADER("exists"), 14);
	put(p, HEADER("header_file_crc"), 0xdeadbeef);
	put(p, HEADER("recentuid"), 15);
	put(p, HEADER("recenttime"), 1700000003);
	put(p, HEADER("unseen"), 16);
	put(p, HEADER("createdmodseq"), 0x500000001);
	seal(p, minor, sizes[minor].header);
	for (unsigned i = 0; i < n; i++) {
		uint8_t *r = p + start + (size_t)i * stride;

		put(r, RECORD("uid"), i * 2 + 2);
		put(r, RECORD("internaldate"), 1500000000 + i);
		put(r, RECORD("sentdate"), 1400000000 + i);
		put(r, RECORD("size"), minor >= 20 ? 0x200000000 + i : 3000000000u + i);
		put(r, RECORD("header_size"), 500 + i);
		put(r, RECORD("gmtime"), 1300000000 + i);
		put(r, RECORD("cache_low"), 4 + i * 1000);
		put(r, RECORD("flags"),
		    FLAG_SEEN | FLAG_FLAGGED | (i == 1 ? FLAG_EXPUNGED | FLAG_UNLINKED : 0));
		put(r, RECORD("user0"), 1u << (i % 32));
		put(r, RECORD("user3"), 1u << 31);
		put(r, RECORD("cache_version"), (minor >= 12 ? 5u << 16 : 0) | 3);
		put(r, RECORD("guid0"), 0x01020304);
		put(r, RECORD("guid4"), 0x11121314);
		put(r, RECORD("modseq"), 0x400000000 + i);
		put(r, RECORD("createdmodseq"), 0x300000000 + i);
		put(r, RECORD("cache_crc"), 0xcafe0000 + i);
		seal(r, minor, sizes[minor].record);
	}
	return p;
}

#define CARRIED(list, value) ((list) != NULL ? (uint64_t)(value) : 0)

static void check_header(const struct index_header *h, unsigned minor, unsigned n)
{
	assert_int_equal(h->generation, 3);
	assert_int_equal(h->minor, minor);
	assert_int_equal(h->num_records, n);
	assert_int_equal(h->last_append, 1700000001);
	assert_int_equal(h->last_uid, n * 2);
	assert_int_equal(h->quota_used, minor == 6 ? 77777 : 0x123456789a);
	assert_int_equal(h->uidvalidity, 1600000002);
	assert_int_equal(h->deleted, 11);
	assert_int_equal(h->answered, 12);
	assert_int_equal(h->flagged, 13);
	assert_int_equal(h->options, OPT_SHAREDSEEN | 1u << 30);
	assert_int_equal(h->highestmodseq, CARRIED(HEADER("highestmodseq"), 0x700000001));
	assert_int_equal(h->deletedmodseq, CARRIED(HEADER("deletedmodseq"), 0x600000001));
	assert_int_equal(h->exists, minor >= 12 ? 14 : n);
	assert_int_equal(h->header_file_crc, CARRIED(HEADER("header_file_crc"), 0xdeadbeef));
	assert_int_equal(h->recentuid, CARRIED(HEADER("recentuid"), 15));
	assert_int_equal(h->recenttime, CARRIED(HEADER("recenttime"), 1700000003));
	assert_int_equal(h->unseen, CARRIED(HEADER("unseen"), 16));
	assert_int_equal(h->createdmodseq, CARRIED(HEADER("createdmodseq"), 0x500000001));
	assert_true(h->crc_ok);
}

static void check_record(const struct index_record *r, unsigned minor, unsigned i)
{
	assert_int_equal(r->uid, i * 2 + 2);
	assert_int_equal(r->recno, i + 1);
	assert_int_equal(r->internaldate, 1500000000 + i);
	assert_int_equal(r->sentdate, 1400000000 + i);
	assert_int_equal(r->size, minor >= 20 ? 0x200000000 + i : 3000000000u + i);
	assert_int_equal(r->header_size, 500 + i);
	assert_int_equal(r->gmtime, CARRIED(RECORD("gmtime"), 1300000000 + i));
	assert_int_equal(r->cache_offset, (minor >= 12 ? (uint64_t)5 << 32 : 0) + 4 + i * 1000);
	assert_int_equal(r->cache_version, 3);
	assert_int_equal(r->flags & 31, FLAG_SEEN | FLAG_FLAGGED);
	assert_int_equal(index_record_visible(r), i != 1);
	assert_int_equal(index_record_has_file(r), i != 1);
	assert_int_equal(r->user_flags[0], 1u << (i % 32));
	assert_int_equal(r->user_flags[3], 1u << 31);
	assert_int_equal(r->has_guid, minor >= 10);
	if (r->has_guid) {
		assert_int_equal(be32(r->guid), 0x01020304);
		assert_int_equal(be32(r->guid + 16), 0x11121314);
	}
	assert_int_equal(r->modseq, CARRIED(RECORD("modseq"), 0x400000000 + i));
	assert_int_equal(r->createdmodseq, CARRIED(RECORD("createdmodseq"), 0x300000000 + i));
	assert_int_equal(r->has_cache_crc, minor >= 12);
	assert_int_equal(r->cache_crc, CARRIED(RECORD("cache_crc"), 0xcafe0000 + i));
	assert_true(r->crc_ok);
}

static void check_version(unsigned minor, unsigned n, unsigned start, unsigned stride)
{
	struct mailbox_index *ix;
	struct err err = { 0 };
	size_t len;
	uint8_t *p = build(minor, n, start, stride, &len);

	OK(mailbox_index_parse(p, len, &ix, &err));
	free(p);
	check_header(&ix->h, minor, n);
	assert_int_equal(ix->n, n);
	assert_int_equal(ix->n_bad_crc + ix->n_bad_uid + ix->tail_bytes, 0);
	assert_false(ix->short_file);
	for (unsigned i = 0; i < n; i++)
		check_record(&ix->records[i], minor, i);
	for (unsigned uid = 0; uid <= n * 2 + 3; uid++) {
		const struct index_record *r = mailbox_index_find(ix, uid);

		assert_int_equal(r != NULL, uid >= 2 && uid <= n * 2 && uid % 2 == 0);
		if (r != NULL)
			assert_int_equal(r->uid, uid);
	}
	mailbox_index_free(ix);
}

static void test_every_minor(void **state)
{
	(void)state;
	for (unsigned minor = 6; minor <= 20; minor++) {
		if (sizes[minor].header == 0)
			continue;
		check_version(minor, 0, sizes[minor].header, sizes[minor].record);
		check_version(minor, 5, sizes[minor].header, sizes[minor].record);
		/* The file's own sizes rule; so did development versions that wrote v19 records 144 bytes apart. */
		check_version(minor, 3, sizes[minor].header + 32, sizes[minor].record + 32);
	}
}

static void refuse(unsigned minor, unsigned at, uint32_t value, enum err_code code)
{
	struct mailbox_index *ix = NULL;
	struct err err = { 0 };
	size_t len;
	uint8_t *p = build(minor, 2, sizes[minor].header, sizes[minor].record, &len);

	put_be32(p + at, value);
	assert_int_equal(mailbox_index_parse(p, len, &ix, &err), -1);
	assert_int_equal(err.code, code);
	assert_null(ix);
	free(p);
}

static void test_impossible(void **state)
{
	(void)state;
	refuse(12, 8, 11, ERR_UNSUPPORTED);
	refuse(12, 8, 5, ERR_UNSUPPORTED);
	refuse(20, 8, 21, ERR_UNSUPPORTED);
	refuse(12, 8, 0x4f4f4f4f, ERR_FORMAT);
	refuse(12, 12, 127, ERR_FORMAT);
	refuse(12, 12, 0xffffffff, ERR_FORMAT);
	refuse(12, 12, 60000, ERR_FORMAT);
	refuse(12, 16, 0, ERR_FORMAT);
	refuse(12, 16, 95, ERR_FORMAT);
	refuse(12, 16, 0x80000000, ERR_FORMAT);
}

/* Every cut: an error or fewer records, never more than there are. */
static void test_short(void **state)
{
	size_t len;
	uint8_t *p = build(17, 3, 160, 112, &len);

	(void)state;
	for (size_t n = 0; n <= len; n++) {
		uint8_t *cut = mem_dup(p, n);
		struct mailbox_index *ix;
		struct err err = { 0 };

		if (mailbox_index_parse(cut, n, &ix, &err) == -1) {
			assert_true(n < 160);
			assert_int_equal(err.code, ERR_FORMAT);
		} else {
			assert_int_equal(ix->n, (n - 160) / 112);
			assert_int_equal(ix->short_file, n < len);
			assert_int_equal(ix->tail_bytes, (n - 160) % 112);
			mailbox_index_free(ix);
		}
		free(cut);
	}
	free(p);
}

static void test_absurd_count(void **state)
{
	struct mailbox_index *ix;
	struct err err = { 0 };
	size_t len;
	uint8_t *p = build(20, 3, 192, 144, &len);

	(void)state;
	put_be32(p + 20, 0xffffffff);
	OK(mailbox_index_parse(p, len, &ix, &err));
	assert_int_equal(ix->n, 3);
	assert_true(ix->short_file);
	assert_false(ix->h.crc_ok);
	assert_int_equal(ix->n_bad_crc, 0);
	mailbox_index_free(ix);

	put_be32(p + 20, 1); /* two more were being appended */
	OK(mailbox_index_parse(p, len, &ix, &err));
	assert_int_equal(ix->n, 1);
	assert_int_equal(ix->tail_bytes, 288);
	assert_false(ix->short_file);
	mailbox_index_free(ix);
	free(p);
}

static void test_damage_is_counted(void **state)
{
	struct mailbox_index *ix;
	struct err err = { 0 };
	size_t len;
	uint8_t *p = build(17, 4, 160, 112, &len);

	(void)state;
	p[160 + 112 + 13] ^= 1;		/* size of the second */
	put_be32(p + 160 + 2 * 112, 2); /* UIDs 2, 4, 2, 8 */
	OK(mailbox_index_parse(p, len, &ix, &err));
	assert_int_equal(ix->n_bad_crc, 2);
	assert_int_equal(ix->n_bad_uid, 1);
	assert_int_equal(ix->records[0].uid, 2);
	assert_int_equal(ix->records[0].recno, 1);
	assert_int_equal(ix->records[1].uid, 2);
	assert_int_equal(ix->records[1].recno, 3);
	assert_false(ix->records[2].crc_ok);
	assert_int_equal(mailbox_index_find(ix, 2)->recno, 1);
	assert_int_equal(mailbox_index_find(ix, 8)->recno, 4);
	mailbox_index_free(ix);

	put_be32(p + 160, 0); /* UID 0 */
	OK(mailbox_index_parse(p, len, &ix, &err));
	assert_int_equal(ix->n_bad_uid, 2);
	mailbox_index_free(ix);
	free(p);
}

/* Before 1970, where a sent date may lie in v20. */
static void test_negative_time(void **state)
{
	struct mailbox_index *ix;
	struct err err = { 0 };
	size_t len;
	uint8_t *p = build(20, 1, 192, 144, &len);

	(void)state;
	put_be64(p + 192 + 16, (uint64_t)-1);
	OK(mailbox_index_parse(p, len, &ix, &err));
	assert_int_equal(ix->records[0].sentdate, -1);
	mailbox_index_free(ix);
	free(p);
}

static bool runs_slowly(void)
{
	const char *preload = getenv("LD_PRELOAD");

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__OPTIMIZE__)
	return true;
#endif
	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static void test_large(void **state)
{
	struct mailbox_index *ix;
	struct err err = { 0 };
	size_t len;
	uint8_t *p = build(17, 200000, 160, 112, &len);
	clock_t start = clock();
	double ms;

	(void)state;
	OK(mailbox_index_parse(p, len, &ix, &err));
	ms = (double)(clock() - start) * 1000 / CLOCKS_PER_SEC;
	print_message("200000 records: %.1f ms\n", ms);
	if (!runs_slowly())
		assert_true(ms < 100);
	assert_int_equal(ix->n, 200000);
	assert_int_equal(ix->n_bad_crc, 0);
	assert_int_equal(mailbox_index_find(ix, 399998)->recno, 199999);
	mailbox_index_free(ix);
	free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_minor),
		cmocka_unit_test(test_impossible),
		cmocka_unit_test(test_short),
		cmocka_unit_test(test_absurd_count),
		cmocka_unit_test(test_damage_is_counted),
		cmocka_unit_test(test_negative_time),
		cmocka_unit_test(test_large),
	};

	return cmocka_run_group_tests_name("mailbox versions", tests, NULL, NULL);
}
