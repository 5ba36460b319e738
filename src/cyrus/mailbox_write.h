/* mailbox_write.h: cyrus.header and cyrus.index as bytes that Cyrus takes for its own.
 *
 * Pure: on bytes, without files and locks. Nothing is changed on failure. Thread-safe. Formats: docs/cyrus-mailbox-files.md. Sources: Cyrus imap/mailbox.c
 * (mailbox_commit_header, mailbox_index_update_counts, crc_basic, crc_virtannot), lib/prot.c, of 2.4 to 3.13. */
#ifndef CYRUS_MAILBOX_WRITE_H
#define CYRUS_MAILBOX_WRITE_H

#include "core/buf.h"
#include "cyrus/mailbox.h"

/** mailbox_crc(p, n): The CRC-32 that index_header.header_file_crc has of a whole cyrus.header. */
uint32_t mailbox_crc(const void *p, size_t n);

/** mailbox_header_write(h, dlist, b, e): Append a whole cyrus.header: with ${dlist} the form of 3.6 on, else the lines of before. A free slot below a
 * user flag stays free, so that every name keeps its bit (3.6 itself ends the list there, and loses the names above). ERR_FORMAT: what
 * the lines have no way to say: a name with a tab, space or line end in it; no unique id in a dlist. */
int mailbox_header_write(const struct mailbox_header *h, bool dlist, struct buf *b, struct err *e);

/** Changes to the header of a cyrus.index. 0 leaves a field as it is; one that the minor version does not have is passed over. */
struct index_patch {
	uint32_t last_uid;      /* raised to at least this (UIDNEXT - 1) */
	uint64_t highestmodseq; /* raised to at least this (v8+) */
	uint32_t uidvalidity;
	bool set_header_file_crc; /* v12+ */
	uint32_t header_file_crc;
};

/** mailbox_index_patch(p, n, patch, e): Change the header in place, its CRC too. Minor versions 6 to 19 without 11; ERR_UNSUPPORTED for others, ERR_FORMAT
 * when it is no index or its CRC is wrong. */
int mailbox_index_patch(uint8_t *p, size_t n, const struct index_patch *patch, struct err *e);

/** A record to be put into an index. */
struct index_insert {
	const uint8_t
	    *record; /* as it is in an index of the same minor version and record size: all its bytes */
	uint64_t
	    cache_offset; /* where the live cache has its cache record, whose bytes are those of before */
	uint32_t user_flags[4]; /* its keywords, in the slots of the live cyrus.header */
};

/** mailbox_index_insert(p, n, header, list, count, now, ret, e): Append to ${ret} the index ${p} with these messages in it, ascending by UID, under their
 * old UIDs: visible, with the flags and created modseq of before, each with a new modseq above the highest, changed at ${now}. An expunged
 * record of the same UID is replaced. Counts, quota, last UID, sync CRCs (of ${header}, the live one) and CRCs are as Cyrus would have
 * them; bytes past the last record go. Per-message annotations are not counted. The file's generation stays.
 * ERR_FORMAT: a CRC is wrong, or UIDs do not ascend, in either; ERR_REFUSED: a visible message has the UID; ERR_UNSUPPORTED as above, and
 * for messages on an archive partition. */
int mailbox_index_insert(const uint8_t *p, size_t n, const struct mailbox_header *header,
    const struct index_insert *list, size_t count, int64_t now, struct buf *ret, struct err *e);

/** mailbox_index_sync_crcs(p, n, header, basic, annot, e): What the sync CRCs of an index are by its visible records (v12+; ${*annot} v13+, without
 * per-message annotations); 0 where the version has none. mailbox_index_stored_sync_crcs(): what its header says. */
int mailbox_index_sync_crcs(const uint8_t *p, size_t n, const struct mailbox_header *header, uint32_t *basic,
    uint32_t *annot, struct err *e);
int mailbox_index_stored_sync_crcs(
    const uint8_t *p, size_t n, uint32_t *basic, uint32_t *annot, struct err *e);

#endif
