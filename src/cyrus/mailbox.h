/* mailbox.h: the three files that make a directory a mailbox: cyrus.header, cyrus.index, cyrus.cache.
 *
 * Decoded from bytes that may be hostile; unknown bits are kept raw. The results are immutable and own their
 * memory (a small multiple of the file's size at most); thread-safe then. Formats, by version:
 * docs/cyrus-mailbox-files.md. Sources: Cyrus imap/mailbox.h, mailbox.c and index_file.c of 2.1 to 3.13
 * (cyrus.index minor 6 to 20). */
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
	FLAG_ANSWERED = 1,
	FLAG_FLAGGED = 2,
	FLAG_DELETED = 4,
	FLAG_DRAFT = 8,
	FLAG_SEEN = 16
};
#define FLAG_SNOOZED	   (1u << 26)
#define FLAG_NEEDS_CLEANUP (1u << 28)
#define FLAG_ARCHIVED	   (1u << 29) /* message file and cache record lie under the archive partition */
#define FLAG_UNLINKED	   (1u << 30)
#define FLAG_EXPUNGED	   (1u << 31)

enum { /* struct index_header.options */
	OPT_POP3_NEW_UIDL = 1,
	OPT_CONDSTORE = 2,
	OPT_SHAREDSEEN = 4,
	OPT_DUPDELIVER = 8
};

/** What a version's header does not carry is 0. UIDNEXT is last_uid + 1. */
struct index_header {
	uint32_t generation, format, minor, start_offset, record_size, num_records;
	uint32_t last_uid, uidvalidity, exists, deleted, answered, flagged, unseen, options;
	uint64_t quota_used, highestmodseq, deletedmodseq, createdmodseq; /* quota_used in bytes */
	int64_t last_append;						  /* seconds since 1970 */
	uint32_t recentuid;
	int64_t recenttime;
	uint32_t header_file_crc; /* v12+: crc32 of cyrus.header */
	bool crc_ok;		  /* true also where the format has no CRC */
};

struct index_record {
	uint32_t uid;
	uint32_t recno;				/* place in the file, from 1 */
	uint64_t size;				/* bytes of the message file */
	int64_t internaldate, sentdate, gmtime; /* seconds (v20's nanoseconds are cut); gmtime v12+ */
	uint32_t header_size;
	uint32_t flags;		/* FLAG_* and internal bits, raw */
	uint32_t user_flags[4]; /* bit n of word n/32: n-th name of the header */
	uint64_t cache_offset;
	uint32_t cache_version;
	uint32_t cache_crc;	 /* v12+: crc32 of the cache record */
	uint8_t guid[SHA1_SIZE]; /* SHA-1 of the message; all zero where the format or server had none */
	bool has_guid;
	bool has_cache_crc;
	bool crc_ok; /* true also where the format has no CRC */
	uint64_t modseq, createdmodseq;
};

struct mailbox_index {
	struct index_header h;
	struct index_record *records; /* ascending by UID, whatever the file's order; equal ones in that */
	size_t n;
	size_t n_bad_crc;
	size_t n_bad_uid;  /* records whose UID is 0 or not above the one before it in the file */
	size_t tail_bytes; /* past the last record: an append that was never committed, or junk */
	bool short_file;   /* fewer records than the header promises */
};

/** mailbox_index_parse(p, n, ret, e): Decode a cyrus.index or a cyrus.expunge (2.3: the same form; all its records
 * are expunged, though no flag says so). ERR_FORMAT: no index, or sizes that cannot be. ERR_UNSUPPORTED: a minor
 * version other than 6-10 and 12-20. A record that is out of order or has a bad CRC is kept and counted, for the
 * caller to judge. mailbox_index_free() the result (NULL-safe). */
int mailbox_index_parse(const uint8_t *p, size_t n, struct mailbox_index **ret, struct err *e);
void mailbox_index_free(struct mailbox_index *ix);

/** mailbox_index_header_parse(p, n, ret, e): Only the header, of which ${p} must hold all (at most 256 bytes). Errors as above. */
int mailbox_index_header_parse(const uint8_t *p, size_t n, struct index_header *ret, struct err *e);

/** index_record_visible(r): What IMAP shows: not expunged. index_record_has_file(r): its message file should exist
 * (expunged ones keep theirs until cyr_expire removes it). */
bool index_record_visible(const struct index_record *r);
bool index_record_has_file(const struct index_record *r);

/** mailbox_index_find(ix, uid): The (first) record with that UID or NULL; belongs to ${ix}. Binary search. */
const struct index_record *mailbox_index_find(const struct mailbox_index *ix, uint32_t uid);

#define MAILBOX_USER_FLAGS 128

struct mailbox_header {
	char *name;	 /* internal; NULL before 3.6 */
	char *uniqueid;	 /* never NULL; "" where the file has none */
	char *quotaroot; /* internal; NULL: none */
	char *jmapid;	 /* 3.13+; NULL: none */
	struct acl_item *acl;
	size_t n_acl;
	char *flag_names[MAILBOX_USER_FLAGS]; /* as they are; NULL: free slot */
	char type;			      /* 'e'... as in mailbox_entry; 'e' before 3.6 */
	char *mbtype;			      /* its whole text: "el"; NULL: the file has none */
	bool dlist;			      /* the 3.6+ form */
	uint32_t crc; /* crc32 of the whole file, to compare with index_header.header_file_crc */
};

/** mailbox_header_parse(p, n, ret, e): Decode a cyrus.header of either form. ERR_FORMAT: not one, or a line is
 * missing. mailbox_header_free() the result (NULL-safe). */
int mailbox_header_parse(const uint8_t *p, size_t n, struct mailbox_header **ret, struct err *e);
void mailbox_header_free(struct mailbox_header *h);

/** index_flags_text(r, header, seen, b): Append "\Answered \Seen $Label1" in the order of IMAP; ${seen} tells
 * \Seen (which may live elsewhere); ${header} may be NULL. A name that is no IMAP atom, as no server sets it, is
 * left out: the text may go into an IMAP command or onto a terminal as it is. */
void index_flags_text(
    const struct index_record *r, const struct mailbox_header *header, bool seen, struct buf *b);

/** The envelope of one message, from cyrus.cache: header text as it stood (still RFC 2047, still to be made safe),
 * on one line each; NULL where NIL or empty. Addresses: "Name <local@host>, local@host, group: a@b, c@d;". */
struct envelope {
	char *date, *subject, *from, *to, *cc, *message_id, *in_reply_to;
};

/** mailbox_cache_record(p, n, generation, r, start, len, e): Where in cyrus.cache the record of ${r} lies: all its items, with the CRC (v12+)
 * they should have. ERR_FORMAT as below. */
int mailbox_cache_record(const uint8_t *p, size_t n, uint32_t generation, const struct index_record *r,
    size_t *start, size_t *len, struct err *e);

/** mailbox_cache_envelope(p, n, generation, r, env, e): The envelope of record ${r} out of cyrus.cache (${n} bytes
 * at ${p}, whole file; of the archive partition for FLAG_ARCHIVED). ${generation} is that of the index.
 * ERR_FORMAT when the generation differs, the offset lies outside, the CRC (v12+) is wrong or the text is no
 * envelope: the message file then has the truth. ${*env} is filled only on success; envelope_done() it. */
int mailbox_cache_envelope(const uint8_t *p, size_t n, uint32_t generation, const struct index_record *r,
    struct envelope *env, struct err *e);
void envelope_done(struct envelope *env);

#endif
