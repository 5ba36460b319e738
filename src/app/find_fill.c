/* find_fill.c: the messages of an archive, mailbox by mailbox, into the catalogue. */
#include "app/find_fill.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "app/find_spool.h"
#include "core/bytes.h"
#include "core/mem.h"
#include "cyrus/message.h"

#define RAW_BYTES     4096 /* of a header as it stands */
#define ADDRESS_BYTES 300  /* of what is remembered */
#define SUBJECT_BYTES 500
#define ID_BYTES      300

struct fill {
	struct catalogue_mails *mails;
	struct source *source;
	struct job *job;
	/* The cyrus.cache of the mailbox at hand; NULL: there is none. */
	const uint8_t *cache;
	size_t cache_len;
	struct find_spool spool; /* of an archive of ours its index, and then its cache, lie there */
	size_t looked;
	struct catalogue_place *places; /* of the mailbox at hand */
	size_t n, cap;
	struct buf text;
};

/* ---- a message ---- */

/* At most ${max} bytes from ${from} on, whole characters, and NUL. */
static void end_text(struct buf *b, size_t from, size_t max)
{
	if (b->len - from > max) {
		b->len = from + max;
		while (b->len > from && (b->data[b->len] & 0xc0) == 0x80)
			b->len--;
	}
	buf_char(b, '\0');
}

static void decode(struct buf *b, const char *raw)
{
	if (raw != NULL)
		message_header_decode(raw, strnlen(raw, RAW_BYTES), b);
}

/* Where a version knew no GUIDs, what makes one message: the same one elsewhere gets the same. */
static void make_guid(const struct envelope *env, const struct index_record *r, uint8_t ret[SHA1_SIZE])
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "%s\n%s\n%s\n%s\n%llu\n%lld", env->message_id != NULL ? env->message_id : "",
	    env->date != NULL ? env->date : "", env->from != NULL ? env->from : "",
	    env->subject != NULL ? env->subject : "", (unsigned long long)r->size,
	    env->message_id == NULL ? (long long)r->internaldate : 0);
	sha1(b.data, b.len, ret);
	buf_done(&b);
}

void find_texts(
    const struct envelope *env, const struct index_record *r, struct catalogue_mail *ret, struct buf *text)
{
	size_t at[4];

	buf_clear(text);
	at[0] = text->len;
	decode(text, env->from);
	end_text(text, at[0], ADDRESS_BYTES);
	at[1] = text->len;
	decode(text, env->to);
	if (env->to != NULL && env->cc != NULL)
		buf_str(text, ", ");
	decode(text, env->cc);
	end_text(text, at[1], ADDRESS_BYTES);
	at[2] = text->len;
	decode(text, env->subject);
	end_text(text, at[2], SUBJECT_BYTES);
	at[3] = text->len;
	decode(text, env->message_id);
	end_text(text, at[3], ID_BYTES);
	*ret = (struct catalogue_mail){ .date = r->sentdate > 0 ? r->sentdate : r->internaldate,
		.size_bytes = r->size,
		.from = text->data + at[0],
		.to = text->data + at[1],
		.subject = text->data + at[2],
		.message_id = text->data + at[3] };
	if (r->has_guid)
		memcpy(ret->guid, r->guid, SHA1_SIZE);
	else
		make_guid(env, r, ret->guid);
}

/* ---- a mailbox ---- */

/* By what it is told whether it is as it was: of an archive of ours its table has that. 1, 0: not to be had so, -1. */
static int content_of_table(struct fill *f, size_t i, uint8_t ret[SHA256_SIZE], struct err *e)
{
	const struct archive_table *t;
	size_t unit = source_unit(f->source, i);
	struct digest *d;
	size_t n = 0;

	if (unit == (size_t)-1)
		return 0;
	if (archive_table(source_archive(f->source), unit, &t, e) == -1)
		return -1;
	d = digest_new(DIGEST_SHA256);
	for (size_t k = 0; k < t->n_files; k++)
		if (t->files[k].role == ROLE_INDEX || t->files[k].role == ROLE_EXPUNGE) {
			digest_add(d, t->files[k].sha256, SHA256_SIZE);
			n++;
		}
	digest_end(d, ret);
	digest_free(d);
	return n > 0;
}

static void add_record_to(struct digest *d, const struct index_record *r, bool expunged)
{
	uint8_t bytes[13];

	put_be32(bytes, r->uid);
	put_be64(bytes + 4, r->size);
	bytes[12] = expunged;
	digest_add(d, bytes, sizeof bytes);
	digest_add(d, r->guid, sizeof r->guid);
}

typedef int record_fn(
    struct fill *f, const struct source_messages *m, const struct mailbox_index *ix, const struct index_record *r,
    bool expunged, void *arg, struct err *e);

/* Each message whose file there may be: 0, or what ${each} returned. */
static int each_record(struct fill *f, const struct source_messages *m, record_fn *each, void *arg, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < m->index->n && rc == 0; i++) {
		const struct index_record *r = &m->index->records[i];

		if (index_record_has_file(r))
			rc = each(f, m, m->index, r, !index_record_visible(r), arg, e);
	}
	for (size_t i = 0; m->expunged != NULL && i < m->expunged->n && rc == 0; i++)
		rc = each(f, m, m->expunged, &m->expunged->records[i], true, arg, e);
	return rc;
}

static int digest_record(struct fill *f, const struct source_messages *m, const struct mailbox_index *ix,
    const struct index_record *r, bool expunged, void *arg, struct err *e)
{
	(void)f;
	(void)m;
	(void)ix;
	(void)e;
	add_record_to(arg, r, expunged);
	return 0;
}

static void content_of_records(struct fill *f, const struct source_messages *m, uint8_t ret[SHA256_SIZE])
{
	struct digest *d = digest_new(DIGEST_SHA256);

	each_record(f, m, digest_record, d, NULL);
	digest_end(d, ret);
	digest_free(d);
}

/* 1: its text is not known yet. */
static int is_new(struct fill *f, const struct source_messages *m, const struct mailbox_index *ix,
    const struct index_record *r, bool expunged, void *arg, struct err *e)
{
	int rc = r->has_guid ? catalogue_mails_known(f->mails, r->guid, e) : 0;

	(void)m;
	(void)ix;
	(void)expunged;
	(void)arg;
	return rc == -1 ? -1 : !rc;
}

/* What was looked at goes out of memory again. */
#define LOOKED_AT_MOST 4096

static bool look_up(struct fill *f, uint32_t generation, const struct index_record *r, struct envelope *env)
{
	if (f->spool.mapped != NULL && ++f->looked % LOOKED_AT_MOST == 0)
		madvise(f->spool.mapped, f->spool.len, MADV_DONTNEED);
	return f->cache_len > 0 && mailbox_cache_envelope(f->cache, f->cache_len, generation, r, env, NULL) == 0;
}

static int add_record(struct fill *f, const struct source_messages *m, const struct mailbox_index *ix,
    const struct index_record *r, bool expunged, void *arg, struct err *e)
{
	struct catalogue_mail mail;
	struct catalogue_place *p;
	struct envelope env = { 0 };
	bool *all_known = arg, have;
	int rc = r->has_guid && *all_known ? 1 : r->has_guid ? catalogue_mails_known(f->mails, r->guid, e) : 0;

	if (rc == -1)
		return -1;
	f->places = mem_grow(f->places, &f->cap, f->n + 1, sizeof *f->places);
	p = &f->places[f->n++];
	*p = (struct catalogue_place){ .uid = r->uid, .expunged = expunged };
	memcpy(p->guid, r->guid, SHA1_SIZE);
	if (rc == 1)
		return 0;
	(void)m;
	have = look_up(f, ix->h.generation, r, &env);
	find_texts(&env, r, &mail, &f->text);
	if (have)
		envelope_done(&env);
	memcpy(p->guid, mail.guid, SHA1_SIZE);
	return catalogue_mails_add(f->mails, &mail, e);
}

static int by_uid(const void *a, const void *b)
{
	const struct catalogue_place *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* Of something else's archive it comes with the rest, in memory: ${*ret_with}. */
static int read_cache(struct fill *f, size_t i, struct source_messages **ret_with, struct err *e)
{
	size_t unit = source_unit(f->source, i);

	if (unit != (size_t)-1) {
		if (find_spool_take(&f->spool, f->source, unit, ROLE_CACHE, e) == -1)
			return -1;
		f->cache = f->spool.mapped;
		f->cache_len = f->spool.len;
		return 0;
	}
	if (source_load(f->source, i, true, ret_with, e) == -1)
		return -1;
	f->cache = (const uint8_t *)(*ret_with)->cache.data;
	f->cache_len = (*ret_with)->cache.len;
	return 0;
}

static int add_mailbox(struct fill *f, size_t i, struct source_messages *m, const uint8_t *content, struct err *e)
{
	int fresh = each_record(f, m, is_new, NULL, e);
	struct source_messages *with = NULL;
	bool all_known = fresh == 0;

	f->n = 0;
	if (fresh == -1)
		return -1;
	if (fresh == 1)
		fresh = read_cache(f, i, &with, e);
	if (fresh == 0)
		fresh = each_record(f, m, add_record, &all_known, e);
	source_messages_free(with);
	find_spool_drop(&f->spool);
	f->cache = NULL;
	f->cache_len = 0;
	if (fresh == -1)
		return -1;
	if (m->expunged != NULL && f->n > 1)
		qsort(f->places, f->n, sizeof *f->places, by_uid);
	return catalogue_mails_box(f->mails, source_mailbox(f->source, i)->name, content, f->places, f->n, e);
}

/* ---- its index ---- */

static int parse_spooled(struct fill *f, size_t unit, enum file_role role, struct mailbox_index **ret, struct err *e)
{
	int rc = find_spool_take(&f->spool, f->source, unit, role, e);

	if (rc == 0 && f->spool.mapped != NULL)
		rc = mailbox_index_parse(f->spool.mapped, f->spool.len, ret, e);
	find_spool_drop(&f->spool);
	return rc;
}

/* As source_load(), of an archive of ours, and no more than is needed here: of a mailbox with 100,000 messages the rest, and the table, take 30 MiB. */
static int load_index(struct fill *f, size_t unit, struct source_messages **ret, struct err *e)
{
	struct source_messages *m = mem_alloc(sizeof *m);
	int rc = parse_spooled(f, unit, ROLE_INDEX, &m->index, e);

	if (rc == 0 && m->index == NULL)
		rc = err_set(e, ERR_DAMAGE, "it has no whole cyrus.index");
	/* Where expunged messages had a file of their own. */
	if (rc == 0 && m->index->h.minor < 12)
		rc = parse_spooled(f, unit, ROLE_EXPUNGE, &m->expunged, e);
	if (rc == 0)
		*ret = m;
	else
		source_messages_free(m);
	return rc;
}

static int fill_mailbox(struct fill *f, size_t i, struct err *e)
{
	const char *name = source_mailbox(f->source, i)->name;
	size_t unit = source_unit(f->source, i);
	uint8_t content[SHA256_SIZE] = { 0 };
	struct source_messages *m;
	struct err why = { 0 };
	int rc = content_of_table(f, i, content, e);

	if (rc == 1)
		rc = catalogue_mails_same(f->mails, name, content, e) == 1 ? 2 : 1;
	if (rc == -1 || rc == 2)
		return rc == 2 ? 0 : -1;
	if ((unit != (size_t)-1 ? load_index(f, unit, &m, &why) : source_load(f->source, i, false, &m, &why)) == -1) {
		/* One that cannot be read is no reason to know nothing of the others. */
		if (why.code == ERR_NOT_FOUND || why.code == ERR_DAMAGE || why.code == ERR_FORMAT ||
		    why.code == ERR_UNSUPPORTED)
			return catalogue_mails_box(f->mails, name, content, NULL, 0, e);
		if (e != NULL)
			*e = why;
		return -1;
	}
	if (rc == 0) {
		content_of_records(f, m, content);
		rc = catalogue_mails_same(f->mails, name, content, e);
		rc = rc == 1 ? 2 : rc;
	}
	if (rc == 0 || rc == 1)
		rc = add_mailbox(f, i, m, content, e);
	source_messages_free(m);
	return rc == -1 ? -1 : 0;
}

int find_fill(struct catalogue *c, const struct catalogue_archive *archive, struct source *source, struct job *job,
    struct err *e)
{
	struct fill f = { .source = source, .job = job, .spool = { .fd = -1 } };
	int rc = catalogue_mails_begin(c, archive, job, &f.mails, e);

	job_step(job, "messages of %s", archive->name);
	for (size_t i = 0; i < source_n(source) && rc == 0; i++) {
		if (job_cancelled(job, e))
			rc = -1;
		else if (source_mailbox(source, i)->has_files)
			rc = fill_mailbox(&f, i, e);
	}
	if (rc == 0)
		rc = catalogue_mails_commit(f.mails, e);
	catalogue_mails_free(f.mails);
	free(f.places);
	buf_done(&f.text);
	return rc == -1 ? err_wrap(e, "messages of %s", archive->name) : 0;
}
