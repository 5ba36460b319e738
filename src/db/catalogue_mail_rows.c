/* catalogue_mail_rows.c: rows about messages, to and from bytes. */
#include "db/catalogue_mail_rows.h"

#include <stdlib.h>
#include <string.h>

#include "core/fold.h"
#include "core/mem.h"

static int damaged(struct err *e)
{
	return err_set(e, ERR_FORMAT, "the catalogue is damaged: a row about messages");
}

/* ---- varints ---- */

static int get_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 64 && *p < end; shift += 7) {
		uint8_t byte = *(*p)++;

		v |= (uint64_t)(byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			*ret = v;
			return 0;
		}
	}
	return -1;
}

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0);
}

static int64_t unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ ((v & 1) != 0 ? UINT64_MAX : 0));
}

/* ---- keys ---- */

void mail_key_guid(struct buf *b, const uint8_t guid[SHA1_SIZE])
{
	buf_clear(b);
	buf_char(b, 'G');
	buf_add(b, guid, SHA1_SIZE);
}

static void add_be32(struct buf *b, uint32_t v)
{
	uint8_t bytes[4];

	put_be32(bytes, v);
	buf_add(b, bytes, sizeof bytes);
}

void mail_key_list(struct buf *b, uint32_t lineage, const char *name, uint32_t first)
{
	buf_clear(b);
	buf_char(b, 'P');
	add_be32(b, lineage);
	buf_add(b, name, strlen(name) + 1);
	add_be32(b, first);
}

const char *mail_key_name(const uint8_t *key, size_t n, bool list, size_t *ret_n)
{
	size_t tail = list ? 5 : 0;

	if (n < 5 + tail || (list && key[n - tail] != '\0'))
		return NULL;
	*ret_n = n - 5 - tail;
	return memchr(key + 5, '\0', *ret_n) == NULL ? (const char *)key + 5 : NULL;
}

uint32_t mail_key_first(const uint8_t *key, size_t n)
{
	return be32(key + n - 4);
}

/* ---- texts ---- */

#define TEXT_STRINGS 4
#define TEXT_FOLDED  3

void mail_put_text(struct buf *b, const struct catalogue_mail *mail)
{
	const char *const strings[TEXT_STRINGS] = { mail->from, mail->to, mail->subject, mail->message_id };
	unsigned folded = 0;

	for (unsigned i = 0; i < TEXT_FOLDED; i++)
		if (!fold_ascii_suffices(strings[i], strlen(strings[i])))
			folded |= 1u << i;
	buf_char(b, (char)folded);
	buf_add(b, mail->guid, SHA1_SIZE);
	rows_put_number(b, zigzag(mail->date));
	rows_put_number(b, mail->size_bytes);
	for (unsigned i = 0; i < TEXT_STRINGS; i++)
		buf_add(b, strings[i], strlen(strings[i]) + 1);
	for (unsigned i = 0; i < TEXT_FOLDED; i++)
		if ((folded & 1u << i) != 0) {
			fold_add(b, strings[i], strlen(strings[i]));
			buf_char(b, '\0');
		}
}

static const char *get_string(const uint8_t **p, const uint8_t *end)
{
	const uint8_t *s = *p, *nul = s < end ? memchr(s, '\0', (size_t)(end - s)) : NULL;

	if (nul == NULL)
		return NULL;
	*p = nul + 1;
	return (const char *)s;
}

int mail_get_text(const uint8_t *p, size_t n, struct catalogue_mail *ret, struct err *e)
{
	const uint8_t *end = p + n;
	const char *strings[TEXT_STRINGS], *search[TEXT_FOLDED];
	uint64_t date, size;
	unsigned folded;

	if (n < 1 + SHA1_SIZE)
		return damaged(e);
	folded = *p++;
	memcpy(ret->guid, p, SHA1_SIZE);
	p += SHA1_SIZE;
	if (get_varint(&p, end, &date) == -1 || get_varint(&p, end, &size) == -1)
		return damaged(e);
	for (unsigned i = 0; i < TEXT_STRINGS; i++)
		if ((strings[i] = get_string(&p, end)) == NULL)
			return damaged(e);
	for (unsigned i = 0; i < TEXT_FOLDED; i++) {
		search[i] = (folded & 1u << i) != 0 ? get_string(&p, end) : strings[i];
		if (search[i] == NULL)
			return damaged(e);
	}
	ret->date = unzigzag(date);
	ret->size_bytes = size;
	ret->from = strings[0];
	ret->to = strings[1];
	ret->subject = strings[2];
	ret->message_id = strings[3];
	ret->search_from = search[0];
	ret->search_to = search[1];
	ret->search_subject = search[2];
	return 0;
}

/* ---- places ---- */

void mail_put_places(struct buf *b, const struct mail_place *list, size_t n)
{
	uint32_t uid = 0, id = 0;

	for (size_t i = 0; i < n; i++) {
		rows_put_number(b, (uint64_t)(list[i].uid - uid) << 1 | list[i].expunged);
		rows_put_number(b, zigzag((int64_t)list[i].id - id));
		uid = list[i].uid;
		id = list[i].id;
	}
}

int mail_next_place(struct mail_places *l, struct mail_place *ret, struct err *e)
{
	uint64_t uid, id;
	int64_t to;

	if (l->at == l->end)
		return 0;
	if (get_varint(&l->at, l->end, &uid) == -1 || get_varint(&l->at, l->end, &id) == -1 ||
	    uid >> 1 > UINT32_MAX - l->uid)
		return damaged(e);
	to = unzigzag(id);
	if (to > (int64_t)UINT32_MAX - l->id || to < -(int64_t)l->id)
		return damaged(e);
	l->uid += (uint32_t)(uid >> 1);
	l->id = (uint32_t)(l->id + to);
	*ret = (struct mail_place){ l->uid, l->id, (uid & 1) != 0 };
	return 1;
}
