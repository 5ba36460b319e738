/* match.h: which messages of an archived mailbox are in the live one, whatever UIDs they have by now. Pure.
 *
 * Two messages are the same if their content is: by GUID (the SHA-1 of it) where both have one, else by Message-ID and size, without a
 * Message-ID by size and internal date. Equal ones are counted one to one: of two equal messages in the archive and one in the live
 * mailbox one is missing. */
#ifndef RESTORE_MATCH_H
#define RESTORE_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/digest.h"

struct match_message {
	uint32_t uid;
	bool has_guid;
	uint8_t guid[SHA1_SIZE];
	uint64_t size;
	int64_t internaldate;
	const char *message_id; /* NULL: none, or not looked for: asked only where one side has no GUID */
};

#define MATCH_NONE ((size_t)-1)

/** match_flags_fn(arg, a, l): Message ${a} of the archive and ${l} of the live mailbox have the same flags. */
typedef bool match_flags_fn(const void *arg, size_t a, size_t l);

enum match_state { MATCH_MISSING, MATCH_SAME, MATCH_FLAGS };

struct match_result {
	enum match_state *states; /* of each message of the archive */
	size_t *live;             /* its partner, or MATCH_NONE */
	size_t same, flags, missing, only_live;
};

/** match_messages(archive, n, live, m, same_flags, arg, ret): Pair them; among equal ones those of the same UID first, then in the order of
 * the UIDs. ${same_flags} may be NULL: then MATCH_FLAGS does not occur. match_done() the result. */
void match_messages(const struct match_message *archive, size_t n, const struct match_message *live, size_t m,
    match_flags_fn *same_flags, const void *arg, struct match_result *ret);
void match_done(struct match_result *r);

#endif
