/* mailbox.h: the three files that make a directory a mailbox: cyrus.header, cyrus.index, cyrus.cache.
 *
 * Decoded from bytes that may be hostile; unknown bits are kept raw. The results are immutable and own their memory;
 * thread-safe then. Sources: Cyrus imap/mailbox.h and mailbox.c of 2.1 to 3.13 (cyrus.index minor 6 to 20). */
#ifndef CYRUS_MAILBOX_H
#define CYRUS_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/digest.h"
#include "core/err.h"
#include "cyrus/mboxlist.h"

enum { /* struct index_record.flags: system flags as on disk */
	FLAG_ANSWERED = 1, FLAG_FLAGGED = 2, FLAG_DELETED = 4, FLAG_DRAFT = 8, FLAG_SEEN = 16
};
#define FLAG_SNOOZED       (1u << 26)
#define FLAG_NEEDS_CLEANUP (1u << 28)
#define FLAG_ARCHIVED      (1u << 29)
#define FLAG_UNLINKED      (1u << 30)
#define FLAG_EXPUNGED      (1u << 31)

enum { /* struct index_header.options */
	OPT_POP3_NEW_UIDL = 1, OPT_CONDSTORE = 2, OPT_SHAREDSEEN = 4, OPT_DUPDELIVER = 8
};

struct index_header {
	uint32_t generation, format, minor, start_offset, record_size, num_records;
	uint32_t last_uid, uidvalidity, exists, deleted, answered, flagged, unseen, options;
	uint64_t quota_used, highestmodseq, deletedmodseq, createdmodseq;
	int64_t last_append;
	uint32_t recentuid;
	int64_t recenttime;
	uint32_t header_file_crc; /* v12+: crc32 of cyrus.header */
	bool crc_ok;              /* true also where the format has no CRC */
};

struct index_record {
	uint32_t uid;
	uint64_t size;
	int64_t internaldate, sentdate, gmtime; /* seconds (v20's nanoseconds are cut) */
	uint32_t header_size;
	uint32_t flags;                 /* FLAG_* and internal bits, raw */
	uint32_t user_flags[4];         /* bit n of word n/32: n-th name of the header */
	uint64_t cache_offset;
	uint32_t cache_version;
	uint8_t guid[SHA1_SIZE];        /* all zero where the format or server had none */
	bool has_guid;
	uint64_t modseq, createdmodseq;
	bool crc_ok;
};

struct mailbox_index {
	struct index_header h;
	struct index_record *records; /* ascending by UID */
	size_t n;
	size_t n_bad_crc;
	bool short_file;              /* fewer records than the header promises */
};

/** mailbox_index_parse(p, n, ret, e): Decode a cyrus.index or cyrus.expunge. ERR_FORMAT: no index, or sizes that cannot be; a record that
 * is out of order or has a bad CRC is kept and counted, for the caller to judge. */
int mailbox_index_parse(const uint8_t *p, size_t n, struct mailbox_index **ret, struct err *e);
void mailbox_index_free(struct mailbox_index *ix);

/** index_record_visible(r): What IMAP shows: not expunged. index_record_has_file(r): its message file should exist. */
bool index_record_visible(const struct index_record *r);
bool index_record_has_file(const struct index_record *r);

/** mailbox_index_find(ix, uid): The record with that UID or NULL (binary search). */
const struct index_record *mailbox_index_find(const struct mailbox_index *ix, uint32_t uid);

struct mailbox_header {
	char *name;        /* internal; NULL before 3.6 */
	char *uniqueid;    /* never NULL */
	char *quotaroot;   /* internal; NULL: none */
	struct acl_item *acl;
	size_t n_acl;
	char *flag_names[128]; /* NULL: free slot */
	char type;         /* 'e'... as in mailbox_entry; 'e' before 3.6 */
	bool dlist;        /* the 3.6+ form */
	uint32_t crc;      /* crc32 of the whole file */
};

/** mailbox_header_parse(p, n, ret, e): Decode a cyrus.header of either form. */
int mailbox_header_parse(const uint8_t *p, size_t n, struct mailbox_header **ret, struct err *e);
void mailbox_header_free(struct mailbox_header *h);

/** index_flags_text(ix_record, header, seen, b): "\Answered \Seen $Label1" in the order of IMAP; ${seen} tells \Seen (which
 * may live elsewhere); ${header} may be NULL. */
void index_flags_text(const struct index_record *r, const struct mailbox_header *header, bool seen, struct buf *b);

/** The envelope of one message, from cyrus.cache: raw header text (still RFC 2047), NULL where NIL. */
struct envelope {
	char *date, *subject, *from, *to, *cc, *message_id, *in_reply_to;
};

/** mailbox_cache_envelope(p, n, generation, r, env, e): The envelope of record ${r} out of cyrus.cache (${n} bytes at ${p}, whole
 * file). ERR_FORMAT when the generation differs or the offset lies outside. envelope_done() it. */
int mailbox_cache_envelope(const uint8_t *p, size_t n, uint32_t generation, const struct index_record *r,
    struct envelope *env, struct err *e);
void envelope_done(struct envelope *env);

#endif
