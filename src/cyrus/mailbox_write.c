/* mailbox_write.c: cyrus.header written, cyrus.index changed. */
#include "cyrus/mailbox_write.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/dlist.h"
#include "cyrus/mailbox_priv.h"

enum { LAST_WRITTEN = 19 }; /* v20 moved everything, and no released server has it */
enum { CRC_ANNOT_START = 12345678 };
enum { GUID_AT = 60 };

uint32_t mailbox_crc(const void *p, size_t n)
{
	return libdeflate_crc32(0, p, n);
}

/* ---- cyrus.header ---- */

static size_t slots_of(const struct mailbox_header *h)
{
	size_t n = MAILBOX_USER_FLAGS;

	while (n > 0 && h->flag_names[n - 1] == NULL)
		n--;
	return n;
}

static void write_pair(struct buf *b, const char *key, const char *value)
{
	buf_char(b, ' ');
	buf_str(b, key);
	buf_char(b, ' ');
	dlist_write(b, value);
}

static int write_dlist(const struct mailbox_header *h, struct buf *b, struct err *e)
{
	size_t slots = slots_of(h);
	char type[2] = { h->type != '\0' ? h->type : 'e', '\0' };

	if (h->name == NULL || h->uniqueid == NULL || h->uniqueid[0] == '\0')
		return err_set(e, ERR_FORMAT, "a mailbox header of this form needs a name and a unique id");
	buf_str(b, "%(T ");
	dlist_write(b, h->mbtype != NULL ? h->mbtype : type);
	write_pair(b, "N", h->name);
	write_pair(b, "I", h->uniqueid);
	if (h->jmapid != NULL)
		write_pair(b, "J", h->jmapid);
	if (h->quotaroot != NULL)
		write_pair(b, "Q", h->quotaroot);
	buf_str(b, " A %(");
	for (size_t i = 0; i < h->n_acl; i++) {
		if (i > 0)
			buf_char(b, ' ');
		dlist_write(b, h->acl[i].user);
		buf_char(b, ' ');
		dlist_write(b, h->acl[i].rights);
	}
	buf_char(b, ')');
	for (size_t i = 0; i < slots; i++) {
		buf_str(b, i == 0 ? " U (" : " ");
		dlist_write(b, h->flag_names[i]);
	}
	buf_str(b, slots > 0 ? "))\n" : ")\n");
	return 0;
}

static int write_field(struct buf *b, const char *s, const char *never, struct err *e)
{
	if (s != NULL && s[strcspn(s, never)] != '\0')
		return err_set(e, ERR_FORMAT, "\"%s\" cannot stand in a mailbox header of this form", s);
	if (s != NULL)
		buf_str(b, s);
	return 0;
}

static int write_lines(const struct mailbox_header *h, struct buf *b, struct err *e)
{
	size_t slots = slots_of(h);

	if (write_field(b, h->quotaroot, "\t\n", e) == -1)
		return -1;
	buf_char(b, '\t');
	if (write_field(b, h->uniqueid, "\t\n", e) == -1)
		return -1;
	buf_char(b, '\n');
	for (size_t i = 0; i < slots; i++) {
		if (write_field(b, h->flag_names[i], " \n", e) == -1)
			return -1;
		buf_char(b, ' ');
	}
	buf_char(b, '\n');
	for (size_t i = 0; i < h->n_acl; i++) {
		if (write_field(b, h->acl[i].user, "\t\n", e) == -1)
			return -1;
		buf_char(b, '\t');
		if (write_field(b, h->acl[i].rights, "\t\n", e) == -1)
			return -1;
		buf_char(b, '\t');
	}
	buf_char(b, '\n');
	return 0;
}

int mailbox_header_write(const struct mailbox_header *h, bool dlist, struct buf *b, struct err *e)
{
	struct buf text = BUF_INIT;
	int rc;

	buf_str(&text, MAILBOX_HEADER_MAGIC);
	rc = dlist ? write_dlist(h, &text, e) : write_lines(h, &text, e);
	if (rc == 0)
		buf_add(b, text.data, text.len);
	buf_done(&text);
	return rc;
}

/* ---- where things are in cyrus.index ---- */

static unsigned at_exists(uint32_t minor)
{
	return minor >= 19 ? 60 : 84; /* v12+ */
}

static unsigned at_highestmodseq(uint32_t minor)
{
	return minor >= 19 ? 72 : 68; /* v8+ */
}

static unsigned at_modseq(uint32_t minor)
{
	return minor >= 10 ? 80 : 72; /* v8+ */
}

static void seal(uint8_t *p, uint32_t minor, size_t size)
{
	if (minor >= INDEX_FIRST_WITH_CRC)
		put_be32(p + size - 4, libdeflate_crc32(0, p, size - 4));
}

static void add32(uint8_t *p, int64_t delta)
{
	int64_t v = (int64_t)be32(p) + delta;

	put_be32(p, v < 0 ? 0 : (uint32_t)v);
}

static void add64(uint8_t *p, uint64_t more)
{
	put_be64(p, be64(p) + more);
}

/* As Cyrus does: never below nothing. */
static void take64(uint8_t *p, uint64_t less)
{
	uint64_t v = be64(p);

	put_be64(p, v > less ? v - less : 0);
}

static int check_header(const uint8_t *p, size_t n, struct index_header *h, struct err *e)
{
	if (mailbox_index_header_parse(p, n, h, e) == -1)
		return -1;
	if (h->minor > LAST_WRITTEN)
		return err_set(e, ERR_UNSUPPORTED,
		    "mailbox index has minor version %u; written are 6 to 10 and 12 to 19", h->minor);
	return h->crc_ok ? 0 : err_set(e, ERR_FORMAT, "mailbox index: the CRC of its header is wrong");
}

int mailbox_index_patch(uint8_t *p, size_t n, const struct index_patch *patch, struct err *e)
{
	struct index_header h = { 0 };

	if (check_header(p, n, &h, e) == -1)
		return -1;
	if (patch->last_uid > h.last_uid)
		put_be32(p + 28, patch->last_uid);
	if (patch->uidvalidity != 0)
		put_be32(p + 44, patch->uidvalidity);
	if (h.minor >= 8 && patch->highestmodseq > h.highestmodseq)
		put_be64(p + at_highestmodseq(h.minor), patch->highestmodseq);
	if (h.minor >= 12 && patch->set_header_file_crc)
		put_be32(p + 96, patch->header_file_crc);
	seal(p, h.minor, index_layout(h.minor)->header_size);
	return 0;
}

/* ---- sync CRCs ---- */

static uint32_t crc_text(const char *s)
{
	return libdeflate_crc32(0, s, strlen(s));
}

/* In any case of letters, and in any order: servers have their names in different slots. */
static uint32_t crc_flags(const uint8_t *r, const struct mailbox_header *header)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} system[] = { { FLAG_DELETED, "\\deleted" }, { FLAG_ANSWERED, "\\answered" },
		{ FLAG_FLAGGED, "\\flagged" }, { FLAG_DRAFT, "\\draft" }, { FLAG_SEEN, "\\seen" } };
	uint32_t crc = 0;

	for (size_t i = 0; i < sizeof system / sizeof *system; i++)
		if (be32(r + 32) & system[i].bit)
			crc ^= crc_text(system[i].name);
	for (unsigned i = 0; i < MAILBOX_USER_FLAGS; i++) {
		char *name;

		if (header->flag_names[i] == NULL || (be32(r + 36 + i / 32 * 4) >> i % 32 & 1) == 0)
			continue;
		name = mem_strdup(header->flag_names[i]);
		for (char *c = name; *c != '\0'; c++)
			if (*c >= 'A' && *c <= 'Z')
				*c = (char)(*c - 'A' + 'a');
		crc ^= crc_text(name);
		free(name);
	}
	return crc;
}

static uint32_t crc_basic(const uint8_t *r, const struct mailbox_header *header)
{
	char text[160];
	int n = snprintf(text, sizeof text, "%" PRIu32 " %" PRIu64 " %" PRIu32 " (%" PRIu32 ") %" PRIu32 " ",
	    be32(r), be64(r + 80), be32(r + 28), crc_flags(r, header), be32(r + 4));

	for (int i = 0; i < SHA1_SIZE; i++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%02x", r[GUID_AT + i]);
	return crc_text(text);
}

static uint32_t crc_one_annot(const uint8_t *r, const char *name, const char *format, uint64_t value)
{
	char text[160];
	int n = snprintf(text, sizeof text, "%" PRIu32 " /vendor/cmu/cyrus-imapd/%s  ", be32(r), name);

	if (value == 0)
		return 0;
	n += snprintf(
	    text + n, sizeof text - (size_t)n, strcmp(format, "x") == 0 ? "%" PRIx64 : "%" PRIu64, value);
	return libdeflate_crc32(0, text, (size_t)n);
}

/* What Cyrus sends to a replica as annotations though it has them in the record. */
static uint32_t crc_annot(const uint8_t *r, uint32_t minor)
{
	uint32_t crc = 0;

	if (minor >= 13)
		crc ^= crc_one_annot(r, "thrid", "x", be64(r + 88));
	if (minor >= 15)
		crc ^= crc_one_annot(r, "savedate", "u", be32(r + 52));
	if (minor >= 16)
		crc ^= crc_one_annot(r, "createdmodseq", "u", be64(r + 96));
	return crc;
}

int mailbox_index_sync_crcs(const uint8_t *p, size_t n, const struct mailbox_header *header, uint32_t *basic,
    uint32_t *annot, struct err *e)
{
	struct index_header h = { 0 };
	size_t there;

	if (check_header(p, n, &h, e) == -1)
		return -1;
	*basic = 0;
	*annot = h.minor >= 13 ? CRC_ANNOT_START : 0;
	there = (n - h.start_offset) / h.record_size;
	for (size_t i = 0; h.minor >= 12 && i < there && i < h.num_records; i++) {
		const uint8_t *r = p + h.start_offset + i * h.record_size;

		if (be32(r + 32) & FLAG_EXPUNGED)
			continue;
		*basic ^= crc_basic(r, header);
		*annot ^= crc_annot(r, h.minor);
	}
	return 0;
}

int mailbox_index_stored_sync_crcs(
    const uint8_t *p, size_t n, uint32_t *basic, uint32_t *annot, struct err *e)
{
	struct index_header h = { 0 };

	if (check_header(p, n, &h, e) == -1)
		return -1;
	*basic = h.minor >= 12 ? be32(p + 100) : 0;
	*annot = h.minor >= 13 ? be32(p + 120) : 0;
	return 0;
}

/* ---- new records in cyrus.index ---- */

static int check_records(const uint8_t *p, size_t n, const struct index_header *h, struct err *e)
{
	struct mailbox_index *ix;
	int rc = mailbox_index_parse(p, n, &ix, e);

	if (rc == -1)
		return -1;
	if (ix->short_file)
		rc = err_set(e, ERR_FORMAT, "mailbox index has fewer records than its header says, %u",
		    h->num_records);
	else if (ix->n_bad_crc > 0)
		rc = err_set(e, ERR_FORMAT, "mailbox index: the CRC of %zu records is wrong", ix->n_bad_crc);
	else if (ix->n_bad_uid > 0)
		rc = err_set(e, ERR_FORMAT, "mailbox index: its UIDs do not ascend");
	mailbox_index_free(ix);
	return rc;
}

static int check_list(
    const struct index_header *h, const struct index_insert *list, size_t count, struct err *e)
{
	size_t size = index_layout(h->minor)->record_size;
	uint32_t last = 0;

	for (size_t i = 0; i < count; i++) {
		const uint8_t *r = list[i].record;

		if (be32(r) <= last)
			return err_set(
			    e, ERR_FORMAT, "the UIDs of the messages do not ascend, at %u", be32(r));
		last = be32(r);
		if (h->minor >= INDEX_FIRST_WITH_CRC &&
		    libdeflate_crc32(0, r, size - 4) != be32(r + size - 4))
			return err_set(e, ERR_FORMAT, "the CRC of the record of message %u is wrong", last);
		if (be32(r + 32) & FLAG_ARCHIVED)
			return err_set(e, ERR_UNSUPPORTED, "message %u is on an archive partition", last);
		if (list[i].cache_offset >> (h->minor >= 12 ? 48 : 32) != 0)
			return err_set(e, ERR_UNSUPPORTED, "the cache is too large");
	}
	return 0;
}

/* One message more in the counts of the header at ${p}. */
static void count_in(
    uint8_t *p, const uint8_t *r, const struct index_header *h, const struct mailbox_header *header)
{
	uint32_t flags = be32(r + 32), size = be32(r + 12);

	if (flags & FLAG_DELETED)
		add32(p + 48, 1);
	if (flags & FLAG_ANSWERED)
		add32(p + 52, 1);
	if (flags & FLAG_FLAGGED)
		add32(p + 56, 1);
	if (h->minor == 6)
		add32(p + 36, size);
	else
		add64(p + 32, size);
	if (h->minor >= 12) {
		add32(p + at_exists(h->minor), 1);
		put_be32(p + 100, be32(p + 100) ^ crc_basic(r, header));
	}
	if (h->minor >= 13)
		put_be32(p + 120, be32(p + 120) ^ crc_annot(r, h->minor));
	if (h->minor >= 14 && (flags & FLAG_SEEN) == 0)
		add32(p + 124, 1);
	if (h->minor >= 18 && flags & FLAG_DELETED)
		add64(p + (h->minor >= 19 ? 136 : 140), size);
}

static void make_record(
    uint8_t *r, const struct index_insert *in, const struct index_header *h, uint64_t modseq, int64_t now)
{
	put_be32(r + 24, (uint32_t)in->cache_offset);
	put_be32(r + 28, (uint32_t)now);
	put_be32(r + 32, be32(r + 32) & ~(FLAG_EXPUNGED | FLAG_UNLINKED | FLAG_NEEDS_CLEANUP));
	for (int i = 0; i < 4; i++)
		put_be32(r + 36 + 4 * i, in->user_flags[i]);
	if (h->minor >= 12)
		put_be32(r + 56, (be32(r + 56) & 0xffff) | (uint32_t)(in->cache_offset >> 32) << 16);
	if (h->minor >= 8)
		put_be64(r + at_modseq(h->minor), modseq);
	seal(r, h->minor, index_layout(h->minor)->record_size);
}

int mailbox_index_insert(const uint8_t *p, size_t n, const struct mailbox_header *header,
    const struct index_insert *list, size_t count, int64_t now, struct buf *ret, struct err *e)
{
	struct index_header h = { 0 };
	struct buf b = BUF_INIT;
	uint64_t modseq;
	size_t at = 0, total = 0;
	uint8_t *head;

	if (check_header(p, n, &h, e) == -1 || check_records(p, n, &h, e) == -1 ||
	    check_list(&h, list, count, e) == -1)
		return -1;
	if (count > UINT32_MAX - h.num_records)
		return err_set(e, ERR_FORMAT, "mailbox index: too many records");
	modseq = h.highestmodseq;
	head = buf_reserve(&b, h.start_offset + (h.num_records + count) * h.record_size);
	memcpy(head, p, h.start_offset);
	b.len = h.start_offset;
	for (size_t i = 0; i < count || at < h.num_records; total++) {
		const uint8_t *old = at < h.num_records ? p + h.start_offset + at * h.record_size : NULL;
		uint8_t *to = head + b.len;
		uint32_t uid = i < count ? be32(list[i].record) : 0;

		b.len += h.record_size;
		if (old != NULL && (i == count || be32(old) < uid)) {
			memcpy(to, old, h.record_size);
			at++;
			continue;
		}
		if (old != NULL && be32(old) == uid) {
			/* Until v10 the index has visible messages only. */
			if (h.minor < 12 || (be32(old + 32) & FLAG_EXPUNGED) == 0) {
				buf_done(&b);
				return err_set(e, ERR_REFUSED, "UID %u is that of another message", uid);
			}
			if (h.minor >= 18 && (be32(old + 32) & FLAG_UNLINKED) == 0)
				take64(head + (h.minor >= 19 ? 144 : 148), be32(old + 12));
			at++;
		}
		memcpy(to, list[i].record, h.record_size);
		make_record(to, &list[i++], &h, ++modseq, now);
		count_in(head, to, &h, header);
		if (uid > be32(head + 28))
			put_be32(head + 28, uid);
	}
	put_be32(head + 20, (uint32_t)total);
	if (h.minor >= 8)
		put_be64(head + at_highestmodseq(h.minor), modseq);
	seal(head, h.minor, index_layout(h.minor)->header_size);
	buf_add(ret, b.data, b.len);
	buf_done(&b);
	return 0;
}
