/* tools.h: the server's own programs: find them, and run those that change or list what is Cyrus's own.
 *
 * Cyrus's databases are changed by Cyrus's own tools only. Every run gets -C with the configured imapd.conf; started by
 * root, the tools become the cyrus user by themselves. They wait for Cyrus's locks: undump, quota and reconstruct take the user
 * lock of 3.4+, so run none of them while quiesce_hold_user() holds it (the time-out then ends them, ERR_TOOL). A handle belongs
 * to one thread at a time. All fail with ERR_TOOL and the tool's first line of errors. Sources: Cyrus 2.3.19, 2.4.22, 2.5.17, 3.0.18, 3.2.12, 3.4.8, 3.6.1, 3.8, 3.10, 3.12. */
#ifndef CYRUS_TOOLS_H
#define CYRUS_TOOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/buf.h"
#include "core/err.h"
#include "core/job.h"
#include "cyrus/imapd_conf.h"

struct cyrus_tools {
	char *bin;		      /* directory of ctl_mboxlist, quota, reconstruct, ... */
	char *imapd_conf;	      /* absolute; given to each with -C */
	struct cyrus_version version; /* all zero when no program told it */
	char *version_text; /* as the server says it, "3.6.1-Debian-3.6.1-4+deb12u5"; "" when not known */
	struct imapd_conf *conf; /* as that version reads it: for names as the tools want them */
	struct job *job;	 /* cancels a running tool; may be NULL */
};

/** cyrus_tools_find(cyrus_bin, imapd_conf, ret, e): Look in ${cyrus_bin}, or, when it is NULL, where Debian, Red
 * Hat, SUSE and source installs put them; learn the version: from cyr_info where it tells it (3.6), else from the
 * texts in the programs (2.x) or in libcyrus_min (2.5+), starting none of them. ERR_NOT_FOUND lists the
 * directories that were tried; an imapd.conf that cannot be read is an error as of imapd_conf_load().
 * cyrus_tools_free() the result. */
int cyrus_tools_find(const char *cyrus_bin, const char *imapd_conf, struct cyrus_tools **ret, struct err *e);
void cyrus_tools_free(struct cyrus_tools *t);

/** cyrus_tools_set_job(t, job): Cancel with ${job} from now on; it must outlive ${t} or be unset with NULL. */
void cyrus_tools_set_job(struct cyrus_tools *t, struct job *job);

/** cyrus_tools_has(t, name): That program is there and can be run. */
bool cyrus_tools_has(const struct cyrus_tools *t, const char *name);

/** cyrus_mboxlist_dump(t, b, e): `ctl_mboxlist -d`: append its text to ${b} (its form:
 * mboxlist_form_for(t->version)). Takes Cyrus's locks: do not call while holding mailboxes.db still. */
int cyrus_mboxlist_dump(struct cyrus_tools *t, struct buf *b, struct err *e);

/** cyrus_checkpoint(t, e): `ctl_cyrusdb -c`: what a Berkeley environment has in its cache goes into its files; it also makes db.backup1. */
int cyrus_checkpoint(struct cyrus_tools *t, struct err *e);

/** cyrus_mboxlist_undump(t, text, n, legacy, e): `ctl_mboxlist -u`: merge these entries into mailboxes.db; safe
 * on a running server. ${legacy}: the text is MBOXLIST_LEGACY (3.6+, -L). The tool exits 0 even when it did not
 * understand a line; what it says on stderr is an error here, but silence is no proof: the caller reads the
 * database again. */
int cyrus_mboxlist_undump(struct cyrus_tools *t, const char *text, size_t n, bool legacy, struct err *e);

/** cyrus_quota_fix(t, userid, e): `quota -f` for all roots of that user: count again what is used. No root:
 * nothing to do, 0. cyrus_quota_fix_root(t, root_internal, e): for one root, or all of the user who owns it. Run
 * it when the mailboxes are in mailboxes.db: a root without a mailbox below it is removed. Versions before 3.2
 * know prefixes only: other users whose names begin so are counted again too, which is harmless. */
int cyrus_quota_fix(struct cyrus_tools *t, const char *userid, struct err *e);
int cyrus_quota_fix_root(struct cyrus_tools *t, const char *root_internal, struct err *e);

/** How reconstruct shall work. */
struct cyrus_reconstruct_opts {
	bool recursive;		/* -r: the mailboxes below too */
	bool find;		/* -f: directories that mailboxes.db does not know */
	bool guid;		/* -G: read every message again */
	bool dry_run;		/* -n (2.4+) */
	const char *to_version; /* -V: "max" or a minor version, or NULL */
};

/** cyrus_reconstruct(t, o, names, n, out, e): Run reconstruct on ${n} mailboxes by internal name; what it says is
 * appended to ${out} (may be NULL). ERR_NOT_FOUND names a mailbox that it did not know (it would say nothing).
 * This is no restore: messages without an index get new UIDs and lose their flags. */
int cyrus_reconstruct(struct cyrus_tools *t, const struct cyrus_reconstruct_opts *o, const char *const *names,
    size_t n, struct buf *out, struct err *e);

/** cyrus_dbtool_set(t, file, kind, key, value, e), cyrus_dbtool_delete(t, file, kind, key, e),
 * cyrus_dbtool_get(t, file, kind, key, value, e): One record of one existing database file by cyr_dbtool, under
 * the lock of that file only; ${kind} is "twoskip", "skiplist", "flat"... (cyrusdb_kind_name()). Keys and values
 * are text: no TAB, CR or LF in a key, no CR or LF in a value, together below 100000 bytes (ERR_USAGE). set and
 * delete verify by reading the record again. get: 1 and the value appended, 0 when the key is not there, -1. */
int cyrus_dbtool_set(struct cyrus_tools *t, const char *file, const char *kind, const char *key,
    const char *value, struct err *e);
int cyrus_dbtool_delete(
    struct cyrus_tools *t, const char *file, const char *kind, const char *key, struct err *e);
int cyrus_dbtool_get(struct cyrus_tools *t, const char *file, const char *kind, const char *key,
    struct buf *value, struct err *e);

/** cyrus_user_ids(conf, uid, gid, e): Who Cyrus is on this host, as numbers: the owner of the configuration
 * directory (or, when root owns that, of mailboxes.db, or the default partition). Never by name: a name may mean
 * another number here. ERR_CONFIG: all of them belong to root. */
int cyrus_user_ids(const struct imapd_conf *conf, uid_t *uid, gid_t *gid, struct err *e);

#endif
