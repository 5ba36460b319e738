/* db_berkeley.c: Berkeley DB btree and hash files, page by page.
 *
 * libdb itself reads hostile pages past their ends, and its verifier prints on the program's own output
 * (docs/cyrus-databases.md has the numbers), so the pages are read here; the tests compare with libdb. */
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "db/db_backend.h"

#define BTREE_MAGIC 0x053162u
#define HASH_MAGIC  0x061561u
#define META_BYTES  512
#define PAGE_HEADER 26

enum {
	PAGE_UNUSED = 0,
	PAGE_HASH_UNSORTED = 2,
	PAGE_INTERNAL = 3,
	PAGE_LEAF = 5,
	PAGE_OVERFLOW = 7,
	PAGE_HASH_META = 8,
	PAGE_BTREE_META = 9,
	PAGE_HASH = 13
};

enum { ITEM_INLINE = 1, ITEM_OVERFLOW = 3, ITEM_DELETED = 0x80 };

struct file {
	struct cyrusdb *db;
	bool big_endian;
	size_t page_size;
	uint32_t pages;
	uint8_t *met; /* a bit for each page that was read: none is read twice */
};

struct item {
	const uint8_t *p;
	size_t n;
};

static uint16_t u16(const struct file *f, const uint8_t *p)
{
	return f->big_endian ? be16(p) : le16(p);
}

static uint32_t u32(const struct file *f, const uint8_t *p)
{
	return f->big_endian ? be32(p) : le32(p);
}

static bool claims(const uint8_t *p, size_t n)
{
	return n >= 16 && (le32(p + 12) == BTREE_MAGIC || be32(p + 12) == BTREE_MAGIC ||
			      le32(p + 12) == HASH_MAGIC || be32(p + 12) == HASH_MAGIC);
}

static void damaged(const struct file *f)
{
	f->db->notes |= CYRUSDB_NOTE_DAMAGED;
}

/* The page of that number, once; NULL with a note when it is not what its number says. */
static const uint8_t *take_page(struct file *f, uint32_t no)
{
	const uint8_t *page;

	if (no >= f->pages) {
		f->db->notes |= CYRUSDB_NOTE_TORN;
		return NULL;
	}
	page = f->db->p + no * f->page_size;
	if (no == 0 || (f->met[no / 8] & 1 << no % 8) || u32(f, page + 8) != no) {
		damaged(f);
		return NULL;
	}
	f->met[no / 8] |= (uint8_t)(1 << no % 8);
	return page;
}

static uint8_t type_of(const uint8_t *page)
{
	return page[25];
}

/* How many items a page has, 0 when their offsets cannot fit. */
static size_t entries_of(const struct file *f, const uint8_t *page)
{
	size_t n = u16(f, page + 20);

	if (n > (f->page_size - PAGE_HEADER) / 2) {
		damaged(f);
		return 0;
	}
	return n;
}

/* Where item i begins; 0 when that is outside the page's data. */
static size_t offset_of(const struct file *f, const uint8_t *page, size_t entries, size_t i)
{
	size_t at = u16(f, page + PAGE_HEADER + 2 * i);

	return at >= PAGE_HEADER + 2 * entries && at < f->page_size ? at : 0;
}

/* An item that fills a chain of pages of its own. Nothing is allocated before the chain is known to be whole, and no
 * page is in two chains, so all such items together are no more than the file. */
static bool take_overflow(struct file *f, uint32_t first, uint32_t len, struct item *ret)
{
	uint32_t no = first, left = len;
	uint8_t *to;

	while (left > 0) {
		const uint8_t *page = take_page(f, no);
		size_t here = page != NULL ? u16(f, page + 22) : 0;

		if (here == 0 || type_of(page) != PAGE_OVERFLOW || here > left ||
		    here > f->page_size - PAGE_HEADER)
			return false;
		left -= (uint32_t)here;
		no = u32(f, page + 16);
	}
	to = db_hold(f->db, len);
	ret->p = to;
	ret->n = len;
	for (no = first, left = len; left > 0;) {
		const uint8_t *page = f->db->p + no * f->page_size;
		size_t here = u16(f, page + 22);

		memcpy(to, page + PAGE_HEADER, here);
		to += here;
		left -= (uint32_t)here;
		no = u32(f, page + 16);
	}
	return true;
}

static void add_pair(struct file *f, const struct item *key, const struct item *value, struct err *e, int *rc)
{
	struct db_pair pair = { key->p, value->p, (uint32_t)key->n, (uint32_t)value->n };

	if (db_set_add(&f->db->live, &pair, e) == -1)
		*rc = -1;
}

/* 1: an item, 0: a deleted one, -1: none. Items do not overlap: *page_left is what may still come from this page. */
static int leaf_item(struct file *f, const uint8_t *page, size_t at, size_t *page_left, struct item *ret)
{
	size_t left = f->page_size - at;
	uint8_t type;

	if (at == 0 || left < 3)
		return -1;
	type = page[at + 2];
	ret->n = u16(f, page + at);
	ret->p = page + at + 3;
	if (type & ITEM_DELETED)
		return 0;
	if (type == ITEM_INLINE) {
		if (ret->n > left - 3 || ret->n > *page_left)
			return -1;
		*page_left -= ret->n;
		return 1;
	}
	if (type != ITEM_OVERFLOW || left < 12)
		return -1;
	return take_overflow(f, u32(f, page + at + 4), u32(f, page + at + 8), ret) ? 1 : -1;
}

static int read_leaf(struct file *f, const uint8_t *page, struct err *e)
{
	size_t n = entries_of(f, page), left = f->page_size;
	int rc = 0;

	if (n % 2 != 0)
		damaged(f);
	for (size_t i = 0; i + 1 < n && rc == 0; i += 2) {
		struct item key, value;
		size_t value_at = offset_of(f, page, n, i + 1);
		int r = value_at != 0 && f->page_size - value_at >= 3 && (page[value_at + 2] & ITEM_DELETED)
			    ? 0
			    : leaf_item(f, page, offset_of(f, page, n, i), &left, &key);

		if (r == 1)
			r = leaf_item(f, page, value_at, &left, &value);
		if (r == 1)
			add_pair(f, &key, &value, e, &rc);
		else if (r == -1)
			damaged(f);
	}
	return rc;
}

/* level falls with every step down, so the depth is bounded by its byte. */
static int read_tree(struct file *f, const uint8_t *page, unsigned level, struct err *e)
{
	size_t n;

	if (page[24] != level || type_of(page) != (level > 1 ? PAGE_INTERNAL : PAGE_LEAF)) {
		damaged(f);
		return 0;
	}
	if (level == 1)
		return read_leaf(f, page, e);
	n = entries_of(f, page);
	for (size_t i = 0; i < n; i++) {
		size_t at = offset_of(f, page, n, i);
		const uint8_t *child = NULL;

		if (at != 0 && f->page_size - at >= 12)
			child = take_page(f, u32(f, page + at + 4));
		else
			damaged(f);
		if (child != NULL && read_tree(f, child, level - 1, e) == -1)
			return -1;
	}
	return 0;
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int read_btree(struct file *f, struct err *e)
{
	uint32_t no = u32(f, f->db->p + 88);
	const uint8_t *root;

	/* Right after its creation by a live server the root may not have been written at all. */
	if (no > 0 && no < f->pages && all_zero(f->db->p + no * f->page_size, f->page_size)) {
		damaged(f);
		return 0;
	}
	root = take_page(f, no);
	if (root == NULL || root[24] == 0 || (type_of(root) != PAGE_INTERNAL && type_of(root) != PAGE_LEAF))
		return err_set(e, ERR_FORMAT, "the root page %u is not readable", no);
	return read_tree(f, root, root[24], e);
}

/* Items stand one below the other, so each ends where the one before it begins. */
static int hash_item(struct file *f, const uint8_t *page, size_t n, size_t i, struct item *ret)
{
	size_t at = offset_of(f, page, n, i), end = i > 0 ? offset_of(f, page, n, i - 1) : f->page_size;

	if (at == 0 || end <= at)
		return -1;
	ret->p = page + at + 1;
	ret->n = end - at - 1;
	if (page[at] == ITEM_INLINE)
		return 1;
	if (page[at] != ITEM_OVERFLOW || end - at < 12)
		return -1;
	return take_overflow(f, u32(f, page + at + 4), u32(f, page + at + 8), ret) ? 1 : -1;
}

static int read_hash_page(struct file *f, const uint8_t *page, struct err *e)
{
	size_t n = entries_of(f, page);
	int rc = 0;

	if (n % 2 != 0)
		damaged(f);
	for (size_t i = 0; i + 1 < n && rc == 0; i += 2) {
		struct item key, value;

		if (hash_item(f, page, n, i, &key) == 1 && hash_item(f, page, n, i + 1, &value) == 1)
			add_pair(f, &key, &value, e, &rc);
		else
			damaged(f);
	}
	return rc;
}

static int read_bucket(struct file *f, uint32_t no, struct err *e)
{
	const uint8_t *page;

	/* A bucket that was made but never used may not even have its page number yet. */
	if (no > 0 && no < f->pages && all_zero(f->db->p + no * f->page_size, f->page_size))
		return 0;
	page = take_page(f, no);
	if (page != NULL && type_of(page) == PAGE_UNUSED)
		return 0;
	while (page != NULL) {
		if (type_of(page) != PAGE_HASH && type_of(page) != PAGE_HASH_UNSORTED) {
			damaged(f);
			return 0;
		}
		if (read_hash_page(f, page, e) == -1)
			return -1;
		no = u32(f, page + 16);
		page = no != 0 ? take_page(f, no) : NULL;
	}
	return 0;
}

static int read_hash(struct file *f, struct err *e)
{
	uint32_t last = u32(f, f->db->p + 72);

	if (last >= f->pages)
		f->db->notes |= CYRUSDB_NOTE_TORN;
	for (uint32_t bucket = 0, bits = 0; bucket <= last && bucket < f->pages; bucket++) {
		/* spares[bits]: how many other pages stand before the buckets of this doubling */
		while (bits < 31 && (uint32_t)1 << bits < bucket + 1)
			bits++;
		if (read_bucket(f, bucket + u32(f, f->db->p + 96 + 4 * bits), e) == -1)
			return -1;
	}
	return 0;
}

static int check_meta(struct file *f, bool btree, struct err *e)
{
	const uint8_t *p = f->db->p;
	uint32_t version, flags, last;

	if (f->db->n < META_BYTES)
		return err_set(e, ERR_FORMAT, "%zu bytes are no whole Berkeley DB page", f->db->n);
	version = u32(f, p + 16);
	f->page_size = u32(f, p + 20);
	last = u32(f, p + 32);
	flags = u32(f, p + 48);
	if (version < 8 || version > 9) {
		err_set(e, ERR_UNSUPPORTED, "Berkeley DB %s version %u is not known",
		    btree ? "btree" : "hash", version);
		return err_hint(e, "dump it with the db_dump of the library that wrote it");
	}
	if (type_of(p) != (btree ? PAGE_BTREE_META : PAGE_HASH_META) || f->page_size < META_BYTES ||
	    f->page_size > 65536 || (f->page_size & (f->page_size - 1)) != 0)
		return err_set(e, ERR_FORMAT, "the first Berkeley DB page is damaged");
	if (p[24] != 0 || p[26] != 0)
		return err_set(
		    e, ERR_UNSUPPORTED, "an encrypted, checksummed or partitioned Berkeley DB file");
	/* All but "record numbers are kept", which changes no page that is read here. */
	if (flags & (btree ? ~(uint32_t)0x4 : ~(uint32_t)0))
		return err_set(e, ERR_UNSUPPORTED,
		    "Berkeley DB flags %#x: duplicates or databases within the file", flags);
	if (f->db->n / f->page_size <= last || f->db->n % f->page_size != 0)
		f->db->notes |= CYRUSDB_NOTE_TORN;
	f->pages = (uint32_t)(f->db->n / f->page_size);
	return 0;
}

static int load(struct cyrusdb *db, struct err *e)
{
	struct file f = { .db = db };
	bool btree = le32(db->p + 12) == BTREE_MAGIC || be32(db->p + 12) == BTREE_MAGIC;
	int rc;

	db->kind = btree ? CYRUSDB_BERKELEY_BTREE : CYRUSDB_BERKELEY_HASH;
	f.big_endian = be32(db->p + 12) == (btree ? BTREE_MAGIC : HASH_MAGIC);
	if (check_meta(&f, btree, e) == -1)
		return -1;
	f.met = mem_array(f.pages / 8 + 1, 1);
	rc = btree ? read_btree(&f, e) : read_hash(&f, e);
	free(f.met);
	return rc;
}

const struct db_backend db_berkeley = { claims, load };
