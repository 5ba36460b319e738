/* mailbox_index.c: cyrus.index and cyrus.expunge, minor versions 6 to 20. */
#include "cyrus/mailbox.h"

#include <libdeflate.h>
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/mailbox_priv.h"

static const struct index_layout layouts[] = {
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
	[20] = { 192, 144 },
};
#define N_LAYOUTS (sizeof layouts / sizeof layouts[0])

const struct index_layout *index_layout(uint32_t minor)
{
	return minor < N_LAYOUTS && layouts[minor].header_size > 0 ? &layouts[minor] : NULL;
}

/* v20 times: nanoseconds since 1970, of which the seconds are kept, rounded down. */
static int64_t seconds(const uint8_t *p)
{
	int64_t ns = (int64_t)be64(p);

	return ns / 1000000000 - (ns % 1000000000 < 0);
}

static bool crc_matches(const uint8_t *p, size_t size)
{
	return libdeflate_crc32(0, p, size - 4) == be32(p + size - 4);
}

static void header_v6(struct index_header *h, const uint8_t *p)
{
	h->last_append = be32(p + 24);
	h->last_uid = be32(p + 28);
	h->quota_used = h->minor == 6 ? be32(p + 36) : be64(p + 32);
	h->uidvalidity = be32(p + 44);
	h->deleted = be32(p + 48);
	h->answered = be32(p + 52);
	h->flagged = be32(p + 56);
	h->options = be32(p + 60);
	h->exists = h->num_records;
	if (h->minor >= 8)
		h->highestmodseq = be64(p + 68);
	if (h->minor >= 12) {
		h->deletedmodseq = be64(p + 76);
		h->exists = be32(p + 84);
		h->header_file_crc = be32(p + 96);
		h->recentuid = be32(p + 104);
		h->recenttime = be32(p + 108);
	}
	if (h->minor >= 14)
		h->unseen = be32(p + 124);
	if (h->minor >= 16)
		h->createdmodseq = be64(p + 128);
}

/* v19 moved fields so that 64-bit ones are aligned; all before offset 60 stayed. */
static void header_v19(struct index_header *h, const uint8_t *p)
{
	header_v6(h, p);
	h->exists = be32(p + 60);
	h->options = be32(p + 64);
	h->highestmodseq = be64(p + 72);
	h->deletedmodseq = be64(p + 80);
}

static void header_v20(struct index_header *h, const uint8_t *p)
{
	h->last_append = seconds(p + 24);
	h->quota_used = be64(p + 32);
	h->deleted = be32(p + 48);
	h->answered = be32(p + 52);
	h->flagged = be32(p + 56);
	h->exists = be32(p + 60);
	h->options = be32(p + 64);
	h->highestmodseq = be64(p + 72);
	h->deletedmodseq = be64(p + 80);
	h->last_uid = be32(p + 88);
	h->uidvalidity = be32(p + 92);
	h->header_file_crc = be32(p + 96);
	h->recenttime = seconds(p + 104);
	h->unseen = be32(p + 124);
	h->createdmodseq = be64(p + 128);
	h->recentuid = be32(p + 184);
}

static void set_cache_place(struct index_record *r, uint32_t offset, uint32_t version)
{
	/* The version's high half extends the offset since caches may pass 4 GB. */
	r->cache_offset = (uint64_t)(version >> 16) << 32 | offset;
	r->cache_version = version & 0xffff;
}

static void set_guid(struct index_record *r, const uint8_t *p)
{
	static const uint8_t zero[SHA1_SIZE];

	memcpy(r->guid, p, SHA1_SIZE);
	r->has_guid = memcmp(p, zero, SHA1_SIZE) != 0;
}

static void set_user_flags(struct index_record *r, const uint8_t *p)
{
	for (int i = 0; i < 4; i++)
		r->user_flags[i] = be32(p + 4 * i);
}

static void record_v6(struct index_record *r, uint32_t minor, const uint8_t *p)
{
	r->uid = be32(p);
	r->internaldate = be32(p + 4);
	r->sentdate = be32(p + 8);
	r->size = be32(p + 12);
	r->header_size = be32(p + 16);
	r->flags = be32(p + 32);
	set_user_flags(r, p + 36);
	set_cache_place(r, be32(p + 24), be32(p + 56));
	if (minor == 8 || minor == 9)
		r->modseq = be64(p + 72);
	if (minor < 10)
		return;
	set_guid(r, p + 60);
	r->modseq = be64(p + 80);
	if (minor < 12)
		return;
	r->gmtime = be32(p + 20); /* until v10 the field held the offset of the body */
	r->has_cache_crc = true;
	r->cache_crc = be32(p + (minor < 13 ? 88 : minor < 16 ? 96 : 104));
	if (minor >= 16)
		r->createdmodseq = be64(p + 96);
}

static void record_v20(struct index_record *r, const uint8_t *p)
{
	r->uid = be32(p);
	r->internaldate = seconds(p + 8);
	r->sentdate = seconds(p + 16);
	r->size = be64(p + 24);
	r->header_size = be32(p + 32);
	r->flags = be32(p + 36);
	set_user_flags(r, p + 40);
	set_cache_place(r, be32(p + 4), be32(p + 56));
	set_guid(r, p + 60);
	r->modseq = be64(p + 80);
	r->createdmodseq = be64(p + 96);
	r->gmtime = seconds(p + 104);
	r->has_cache_crc = true;
	r->cache_crc = be32(p + 136);
}

static int parse_header(const uint8_t *p, size_t n, struct index_header *h, struct err *e)
{
	const struct index_layout *l;

	if (n < 24)
		return err_set(e, ERR_FORMAT, "%zu bytes are no mailbox index", n);
	h->generation = be32(p);
	h->format = be32(p + 4);
	h->minor = be32(p + 8);
	h->start_offset = be32(p + 12);
	h->record_size = be32(p + 16);
	h->num_records = be32(p + 20);
	if (h->minor > 255 || h->start_offset > UINT16_MAX || h->record_size > UINT16_MAX)
		return err_set(e, ERR_FORMAT,
		    "not a mailbox index: minor version %u, header of %u and records of %u bytes", h->minor,
		    h->start_offset, h->record_size);
	l = index_layout(h->minor);
	if (l == NULL)
		return err_set(e, ERR_UNSUPPORTED,
		    "mailbox index has minor version %u; known are 6 to 10 and 12 to 20", h->minor);
	if (h->start_offset < l->header_size || h->record_size < l->record_size)
		return err_set(e, ERR_FORMAT,
		    "mailbox index of minor version %u has a header of %u and records of %u bytes, not %u "
		    "and %u",
		    h->minor, h->start_offset, h->record_size, l->header_size, l->record_size);
	if (n < h->start_offset)
		return err_set(e, ERR_FORMAT, "mailbox index ends within its header, at byte %zu of %u", n,
		    h->start_offset);
	if (h->minor >= 20)
		header_v20(h, p);
	else if (h->minor == 19)
		header_v19(h, p);
	else
		header_v6(h, p);
	h->crc_ok = h->minor < INDEX_FIRST_WITH_CRC || crc_matches(p, l->header_size);
	return 0;
}

int mailbox_index_header_parse(const uint8_t *p, size_t n, struct index_header *ret, struct err *e)
{
	*ret = (struct index_header){ 0 };
	return parse_header(p, n, ret, e);
}

static int by_uid(const void *a, const void *b)
{
	const struct index_record *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	return x->recno < y->recno ? -1 : 1;
}

int mailbox_index_parse(const uint8_t *p, size_t n, struct mailbox_index **ret, struct err *e)
{
	struct index_header h = { 0 };
	struct mailbox_index *ix;
	size_t there, stride, record_size;
	uint32_t last = 0;

	if (parse_header(p, n, &h, e) == -1)
		return -1;
	ix = mem_alloc(sizeof *ix);
	ix->h = h;
	stride = h.record_size;
	record_size = layouts[h.minor].record_size;
	/* What the file can hold decides, never what it promises. */
	there = (n - h.start_offset) / stride;
	ix->n = h.num_records < there ? h.num_records : there;
	ix->short_file = h.num_records > there;
	ix->tail_bytes = n - h.start_offset - ix->n * stride;
	ix->records = mem_array(ix->n, sizeof *ix->records);
	for (size_t i = 0; i < ix->n; i++) {
		struct index_record *r = &ix->records[i];
		const uint8_t *at = p + h.start_offset + i * stride;

		r->recno = (uint32_t)i + 1;
		if (h.minor >= 20)
			record_v20(r, at);
		else
			record_v6(r, h.minor, at);
		r->crc_ok = h.minor < INDEX_FIRST_WITH_CRC || crc_matches(at, record_size);
		ix->n_bad_crc += !r->crc_ok;
		ix->n_bad_uid += r->uid <= last;
		last = r->uid;
	}
	if (ix->n_bad_uid > 0)
		qsort(ix->records, ix->n, sizeof *ix->records, by_uid);
	*ret = ix;
	return 0;
}

void mailbox_index_free(struct mailbox_index *ix)
{
	if (ix == NULL)
		return;
	free(ix->records);
	free(ix);
}

bool index_record_visible(const struct index_record *r)
{
	return (r->flags & FLAG_EXPUNGED) == 0;
}

bool index_record_has_file(const struct index_record *r)
{
	return (r->flags & FLAG_UNLINKED) == 0;
}

const struct index_record *mailbox_index_find(const struct mailbox_index *ix, uint32_t uid)
{
	size_t low = 0, high = ix->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (ix->records[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ix->n && ix->records[low].uid == uid ? &ix->records[low] : NULL;
}

static const struct {
	uint32_t bit;
	const char *name;
} system_flags[] = {
	/* in the order in which imapd lists them */
	{ FLAG_ANSWERED, "\\Answered" },
	{ FLAG_FLAGGED, "\\Flagged" },
	{ FLAG_DRAFT, "\\Draft" },
	{ FLAG_DELETED, "\\Deleted" },
};

static void add_flag(struct buf *b, size_t start, const char *name)
{
	if (b->len > start)
		buf_char(b, ' ');
	buf_str(b, name);
}

static bool is_atom(const char *s)
{
	for (const char *c = s; *c != '\0'; c++)
		if (*c <= ' ' || *c > '~' || strchr("(){%*\"\\", *c) != NULL)
			return false;
	return *s != '\0';
}

void index_flags_text(
    const struct index_record *r, const struct mailbox_header *header, bool seen, struct buf *b)
{
	size_t start = b->len;

	for (size_t i = 0; i < sizeof system_flags / sizeof system_flags[0]; i++)
		if ((r->flags & system_flags[i].bit) != 0)
			add_flag(b, start, system_flags[i].name);
	if (seen)
		add_flag(b, start, "\\Seen");
	for (unsigned i = 0; header != NULL && i < MAILBOX_USER_FLAGS; i++)
		if ((r->user_flags[i / 32] >> i % 32 & 1) != 0 && header->flag_names[i] != NULL &&
		    is_atom(header->flag_names[i]))
			add_flag(b, start, header->flag_names[i]);
}
