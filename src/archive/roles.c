/* roles.c: file roles and their words. */
#include "archive/archive.h"

#include <string.h>

static const char *const words[ROLE_COUNT] = {
	[ROLE_OTHER] = "other",
	[ROLE_DIRECTORY] = "directory",
	[ROLE_CONTROL] = "control",
	[ROLE_MAILBOXES_TXT] = "mailboxes.txt",
	[ROLE_IMAPD_CONF] = "imapd.conf",
	[ROLE_CYRUS_CONF] = "cyrus.conf",
	[ROLE_DATABASE] = "database",
	[ROLE_HEADER] = "header",
	[ROLE_INDEX] = "index",
	[ROLE_CACHE] = "cache",
	[ROLE_EXPUNGE] = "expunge",
	[ROLE_ANNOTATIONS] = "annotations",
	[ROLE_MESSAGE] = "message",
	[ROLE_MAILBOX_OTHER] = "mailbox-other",
	[ROLE_SEEN] = "seen",
	[ROLE_SUBS] = "subscriptions",
	[ROLE_CONVERSATIONS] = "conversations",
	[ROLE_COUNTERS] = "counters",
	[ROLE_XAPIAN] = "xapian",
	[ROLE_DAV] = "dav",
	[ROLE_MBOXKEY] = "mboxkey",
	[ROLE_SIEVE] = "sieve",
	[ROLE_QUOTA] = "quota",
	[ROLE_EXTRA] = "extra",
};

const char *file_role_name(enum file_role role)
{
	return role >= 0 && role < ROLE_COUNT && words[role] != NULL ? words[role] : words[ROLE_OTHER];
}

enum file_role file_role_parse(const char *word)
{
	for (int i = 0; i < ROLE_COUNT; i++) {
		if (words[i] != NULL && strcmp(words[i], word) == 0)
			return (enum file_role)i;
	}
	return ROLE_OTHER;
}
