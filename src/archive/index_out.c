/* index_out.c: tables and root, gathered and written. */
#include "archive/index_out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/cpio.h"
#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define GROUP_MIN    (64u << 10)  /* plain bytes that small tables share */
#define MEMBER_MIN   (256u << 10) /* plain bytes of an index member, lines whole */
#define ENTRY_MIN    (1u << 30) /* plain bytes after which another tables entry begins: newc ends at 4 GiB */
#define STORED_EXTRA 5		/* what a deflate block without compression adds */

struct spool {
	int fd;
	uint64_t len; /* bytes in fd */
	uint64_t members;
	struct buf text; /* of the next member */
	struct digest *sha;
};

struct index_out {
	struct codec *codec, *store;
	struct spool tables, root;
	uint64_t root_plain, n_units, data_bytes, table_bytes;
	uint64_t group_off, group_plain;
	unsigned n_entries;
	bool entry_open;
	uint64_t entry_off, entry_plain;
	size_t entry_lead; /* padding of the entry before it */
	uint8_t *out;
	size_t out_cap;
};

static const char spool_name[] = "the temporary file of the index";

static int spool_open(struct spool *s, const char *dir, struct err *e)
{
	s->sha = digest_new(DIGEST_SHA256);
	s->fd = io_temp_fd(dir, e);
	return s->fd == -1 ? -1 : 0;
}

static void spool_done(struct spool *s)
{
	if (s->fd != -1)
		close(s->fd);
	digest_free(s->sha);
	buf_done(&s->text);
}

int index_out_new(const char *temp_dir, struct index_out **ret, struct err *e)
{
	struct index_out *x = mem_alloc(sizeof *x);

	x->tables.fd = x->root.fd = -1;
	x->codec = codec_new(LEVEL_DEFAULT);
	x->store = codec_new(LEVEL_STORE);
	if (spool_open(&x->tables, temp_dir, e) == -1 || spool_open(&x->root, temp_dir, e) == -1) {
		index_out_free(x);
		return -1;
	}
	buf_str(&x->root.text, ROOT_FIRST_LINE);
	*ret = x;
	return 0;
}

void index_out_free(struct index_out *x)
{
	if (x == NULL)
		return;
	spool_done(&x->tables);
	spool_done(&x->root);
	codec_free(x->codec);
	codec_free(x->store);
	free(x->out);
	free(x);
}

/* Compresses ${n} bytes to x->out; returns the length. */
static size_t encode(
    struct index_out *x, struct codec *c, const struct member_head *h, const void *p, size_t n)
{
	x->out = mem_grow(x->out, &x->out_cap, member_bound(n), 1);
	return member_encode(c, h, p, n, x->out);
}

static int flush(struct index_out *x, struct spool *s, enum member_kind kind, struct err *e)
{
	struct member_head h = { .kind = kind, .first = MEMBER_NO_ENTRY };
	size_t n;

	if (s->text.len == 0)
		return 0;
	digest_add(s->sha, s->text.data, s->text.len);
	n = encode(x, x->codec, &h, s->text.data, s->text.len);
	if (io_pwrite_all(s->fd, x->out, n, s->len, spool_name, e) == -1)
		return -1;
	s->len += n;
	s->members++;
	buf_clear(&s->text);
	return 0;
}

/* A member with the padding of the entry before and the cpio header of ${name}. */
static size_t entry_member(struct index_out *x, size_t lead, const char *name, uint64_t size)
{
	struct cpio_head head = { .mode = 0100600, .size = (uint32_t)size };
	struct member_head h = { .kind = MEMBER_ENTRY, .first = (uint32_t)lead };
	uint8_t plain[4 + CPIO_HEAD + 64] = { 0 };

	return encode(x, x->store, &h, plain, lead + cpio_put(&head, name, plain + lead));
}

static void tables_name(char *dst, size_t size, unsigned n)
{
	snprintf(dst, size, INDEX_PREFIX "%04u", n);
}

static void open_entry(struct index_out *x)
{
	char name[32];

	/* Its size is not known yet, but that of its member is. */
	tables_name(name, sizeof name, ++x->n_entries);
	x->entry_off = x->tables.len;
	x->tables.len +=
	    MEMBER_HEAD + STORED_EXTRA + x->entry_lead + cpio_head_len(strlen(name)) + MEMBER_TAIL;
	x->tables.members++;
	x->entry_plain = 0;
	x->entry_open = true;
}

static int close_entry(struct index_out *x, struct err *e)
{
	char name[32];
	size_t n;

	if (!x->entry_open)
		return 0;
	tables_name(name, sizeof name, x->n_entries);
	n = entry_member(x, x->entry_lead, name, x->entry_plain);
	if (n != MEMBER_HEAD + STORED_EXTRA + x->entry_lead + cpio_head_len(strlen(name)) + MEMBER_TAIL)
		return err_set(e, ERR_FORMAT, "an index header came out %zu bytes long", n);
	x->entry_open = false;
	x->entry_lead = cpio_pad(x->entry_plain);
	return io_pwrite_all(x->tables.fd, x->out, n, x->entry_off, spool_name, e);
}

int index_out_lines(struct index_out *x, const void *p, size_t n, struct err *e)
{
	if (!x->entry_open)
		open_entry(x);
	if (x->group_plain == 0) {
		x->group_off = x->tables.len;
		digest_start(x->tables.sha);
	}
	buf_add(&x->tables.text, p, n);
	x->table_bytes += n;
	x->group_plain += n;
	if (x->table_bytes > TABLE_MAX)
		return err_set(e, ERR_UNSUPPORTED, "too many files in one mailbox for its table");
	return x->tables.text.len >= MEMBER_MIN ? flush(x, &x->tables, MEMBER_TABLES, e) : 0;
}

static int close_group(struct index_out *x, struct err *e)
{
	uint8_t sha[SHA256_SIZE];

	if (x->group_plain == 0)
		return 0;
	if (flush(x, &x->tables, MEMBER_TABLES, e) == -1)
		return -1;
	digest_end(x->tables.sha, sha);
	buf_printf(&x->root.text, "tables\t%ju\t%ju\t%ju\t", (uintmax_t)x->group_off,
	    (uintmax_t)(x->tables.len - x->group_off), (uintmax_t)x->group_plain);
	str_hex(&x->root.text, sha, sizeof sha);
	buf_char(&x->root.text, '\n');
	x->entry_plain += x->group_plain;
	x->group_plain = 0;
	return x->entry_plain >= ENTRY_MIN ? close_entry(x, e) : 0;
}

static int flush_root(struct index_out *x, struct err *e)
{
	x->root_plain += x->root.text.len;
	return flush(x, &x->root, MEMBER_ROOT, e);
}

int index_out_unit(struct index_out *x, const char *row, uint64_t stored, struct err *e)
{
	buf_printf(&x->root.text, "%s\t%ju\t%ju\n", row, (uintmax_t)stored, (uintmax_t)x->table_bytes);
	x->table_bytes = 0;
	x->data_bytes += stored;
	x->n_units++;
	if (x->group_plain >= GROUP_MIN && close_group(x, e) == -1)
		return -1;
	return x->root.text.len >= MEMBER_MIN ? flush_root(x, e) : 0;
}

static int copy_out(const struct spool *s, struct stream *out, struct err *e)
{
	size_t size = 256 << 10;
	char *p = mem_alloc(size);
	int rc = -1;

	for (uint64_t at = 0; at < s->len;) {
		size_t n = s->len - at < size ? (size_t)(s->len - at) : size;

		if (io_pread_all(s->fd, p, n, at, spool_name, e) == -1 || stream_write(out, p, n, e) == -1)
			goto out;
		at += n;
	}
	rc = 0;
out:
	free(p);
	return rc;
}

static int write_trailer(struct index_out *x, struct stream *out, uint64_t *off, struct err *e)
{
	struct cpio_head head = { 0 };
	uint8_t p[4 + 128];
	size_t lead = cpio_pad(x->root_plain), n;
	struct member_head h = { .kind = MEMBER_TRAILER, .first = (uint32_t)lead };

	memset(p, 0, lead);
	n = encode(x, x->codec, &h, p, lead + cpio_put(&head, "TRAILER!!!", p + lead));
	*off += n;
	return stream_write(out, x->out, n, e);
}

int index_out_finish(
    struct index_out *x, struct stream *out, uint64_t off, struct index_out_sums *ret, struct err *e)
{
	struct end_mark mark = { .index_off = off, .units = x->n_units };
	uint8_t end[END_MARK_SIZE];
	size_t n;

	if (close_group(x, e) == -1 || close_entry(x, e) == -1)
		return -1;
	buf_printf(&x->root.text, "end\t%ju\t%ju\n", (uintmax_t)x->n_units, (uintmax_t)x->data_bytes);
	if (flush_root(x, e) == -1)
		return -1;
	if (x->root_plain > CPIO_SIZE_MAX)
		return err_set(e, ERR_UNSUPPORTED, "too many mailboxes for one archive");
	digest_end(x->root.sha, mark.root_sha256);
	if (copy_out(&x->tables, out, e) == -1)
		return -1;
	n = entry_member(x, x->entry_lead, INDEX_ROOT, x->root_plain);
	if (stream_write(out, x->out, n, e) == -1)
		return -1;
	mark.root_off = off + x->tables.len + n;
	mark.root_stored = x->root.len;
	mark.root_plain = x->root_plain;
	if (copy_out(&x->root, out, e) == -1)
		return -1;
	mark.total = mark.root_off + mark.root_stored;
	if (write_trailer(x, out, &mark.total, e) == -1)
		return -1;
	mark.total += END_MARK_SIZE;
	end_mark_put(&mark, end);
	ret->stored = mark.total - off;
	ret->members = x->tables.members + x->root.members + 3;
	memcpy(ret->root_sha256, mark.root_sha256, SHA256_SIZE);
	return stream_write(out, end, sizeof end, e);
}
