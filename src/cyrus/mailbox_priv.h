/* mailbox_priv.h: between the files that decode and encode a mailbox's files. Only for this room. */
#ifndef CYRUS_MAILBOX_PRIV_H
#define CYRUS_MAILBOX_PRIV_H

#include "cyrus/mailbox.h"

#define MAILBOX_HEADER_MAGIC                                                    \
	"\241\002\213\015Cyrus mailbox header\n"                                \
	"\"The best thing about this system was that it had lots of goals.\"\n" \
	"\t--Jim Morris on Andrew\n"

/* Sizes of what a version defines. The file says how far apart its records lie; that may be more. */
struct index_layout {
	uint16_t header_size, record_size;
};

/* The first minor version with CRCs, which are the last four bytes of header and record. */
enum { INDEX_FIRST_WITH_CRC = 12 };

/** index_layout(minor): NULL: not a version that is known. */
const struct index_layout *index_layout(uint32_t minor);

#endif
