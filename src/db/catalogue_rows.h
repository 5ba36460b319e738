/* catalogue_rows.h: keys and rows of the catalogue as bytes, and what becomes of a mailbox's spans; private to src/db. Pure.
 *
 *   '!'                                    meta: version, next archive, next set, time of the last change
 *   'a' ARCHIVE:4                          an archive
 *   'l' SERVER                             a lineage: its number, the last number given to a fill
 *   'm' LINEAGE:4 NAME                     a mailbox: its spans
 *   'u' LINEAGE:4 HASH:8 NAME              a mailbox that has had the unique id of that hash, if it came, went or was made anew; no value
 *   'x' OWNER                              a side table: the number of its set, a file of its own (keys: KIND AT:8)
 *
 * Numbers in keys are big-endian; in values they are varints, strings have their length before them. Whatever a file holds, decoding it ends
 * with a row or with ERR_FORMAT. */
#ifndef DB_CATALOGUE_ROWS_H
#define DB_CATALOGUE_ROWS_H

#include "core/buf.h"
#include "core/bytes.h"
#include "db/catalogue.h"

#define ROWS_VERSION   2
#define ROWS_NAME_MAX  4000 /* bytes of a mailbox's name */
#define ROWS_OWNER_MAX 2000

struct rows_meta {
	uint64_t version, next_archive, next_set;
	int64_t changed;
};

struct rows_lineage {
	uint64_t number, last_seq;
};

/** Keys, appended to ${b}, which is cleared first. */
void rows_key(struct buf *b, char kind, uint32_t number);
void rows_key_text(struct buf *b, char kind, const char *text);
void rows_key_box(struct buf *b, uint32_t lineage, const char *name);
void rows_key_uid(struct buf *b, uint32_t lineage, const char *uniqueid, const char *name);
#define ROWS_BOX_PREFIX 5
#define ROWS_UID_PREFIX 13

/** Values, appended. */
void rows_put_number(struct buf *b, uint64_t n);
void rows_put_meta(struct buf *b, const struct rows_meta *m);
void rows_put_lineage(struct buf *b, const struct rows_lineage *l);
void rows_put_archive(struct buf *b, const struct catalogue_archive *a);
void rows_put_box(struct buf *b, const struct catalogue_box *box); /* without its name */
void rows_put_spans(struct buf *b, const struct catalogue_span *list, size_t n);

/** Decoded: 0, or -1 with ERR_FORMAT. rows_get_archive() allocates: catalogue_archive_done() it, also after -1. */
int rows_get_number(const void *p, size_t n, uint64_t *ret, struct err *e);
int rows_get_meta(const void *p, size_t n, struct rows_meta *ret, struct err *e);
int rows_get_lineage(const void *p, size_t n, struct rows_lineage *ret, struct err *e);
int rows_get_archive(const void *p, size_t n, struct catalogue_archive *ret, struct err *e);

/** Room for spans that are decoded again and again. */
struct rows_spans {
	struct catalogue_span *list;
	size_t n, cap;
	char *text;
	size_t text_cap;
};

/** rows_get_spans(p, n, s, e), rows_get_box(p, n, s, ret, e): Decode into ${s}, to which the strings belong; names are NULL. rows_spans_done(s). */
int rows_get_spans(const void *p, size_t n, struct rows_spans *s, struct err *e);
int rows_get_box(const void *p, size_t n, struct rows_spans *s, struct catalogue_box *ret, struct err *e);
void rows_spans_done(struct rows_spans *s);

/** The fills of a lineage that count, ascending. */
struct rows_fills {
	uint32_t *list;
	size_t n;
};

/** rows_filled(f, first, last): One of these numbers is filled. */
bool rows_filled(const struct rows_fills *f, uint32_t first, uint32_t last);

/** rows_same(a, b): Two states of one mailbox are the same. */
bool rows_same(const struct catalogue_box *a, const struct catalogue_box *b);

/** rows_merge(s, f, seq, box): The fill ${seq}, larger than any before, has the mailbox as ${box} (its strings outlive the use of ${s}), or not at all
 * (NULL). Returns whether ${s} was changed; a row whose s->n is 0 then goes. For each number of ${f} the spans say what they said before. */
bool rows_merge(
    struct rows_spans *s, const struct rows_fills *f, uint32_t seq, const struct catalogue_box *box);

#endif
