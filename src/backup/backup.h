/* backup.h: take a backup of a running server: quiesce, read, check, pack, ship, verify. */
#ifndef BACKUP_BACKUP_H
#define BACKUP_BACKUP_H

#include <stdbool.h>
#include <stdint.h>

#include "archive/writer.h"
#include "core/conf.h"
#include "core/job.h"
#include "cyrus/ladder.h"
#include "cyrus/server.h"
#include "snapshot/snapshot.h"
#include "store/store.h"

/** What a backup is at, in this order; HOLD to MOUNT may come again. A live one (no snapshot) has neither SNAPSHOT nor MOUNT. */
enum backup_stage {
	BACKUP_LOOK,     /* at the server, and whether there is room */
	BACKUP_HOLD,     /* Cyrus is being held still */
	BACKUP_SNAPSHOT, /* it is, and the snapshot is being taken */
	BACKUP_MOUNT,    /* Cyrus goes on */
	BACKUP_PACK,     /* read, checked, packed and sent */
	BACKUP_VERIFY,
	BACKUP_COMMIT,
	BACKUP_ROTATE, /* the catalogue takes it in; older archives go; by the session, as what follows */
	BACKUP_STAGES,
};

/** What there is new: ${ladder} and ${snapshot} are what is known of them now. Lives for the call. */
struct backup_news {
	enum backup_stage stage;
	const struct ladder_facts *ladder;     /* NULL: no snapshot is being taken */
	const struct snapshot_facts *snapshot; /* NULL: not yet */
	unsigned tries;
	uint64_t findings;
};
typedef void backup_news_fn(void *arg, const struct backup_news *n);

struct backup_opts {
	bool dry_run;    /* look, check and count; write nothing */
	bool verify_all; /* read the whole archive back; else its end mark and index */
	enum writer_level level;
	unsigned threads; /* 0: one per CPU */
	uint64_t
	    sequence; /* the archive's number among those of its server: larger than any before, whatever the clock says */
	backup_news_fn *news; /* NULL: not told; called in the worker's thread */
	void *news_arg;
};

/** What a finding is about. */
enum finding_kind {
	FINDING_OTHER,        /* about the run, or a file that is no mailbox's */
	FINDING_NO_DIRECTORY, /* in the list, without a directory */
	FINDING_NOT_LISTED,   /* a directory with mail that no mailbox of the list has */
	FINDING_HEADER, /* cyrus.header, cyrus.index or cyrus.cache cannot be read, or is another mailbox's */
	FINDING_RECORD_WITHOUT_FILE, /* an index record whose message file is not there */
	FINDING_FILE_WITHOUT_RECORD,
	FINDING_SIZE,     /* a message file of another size than its record says */
	FINDING_GUID,     /* of another content */
	FINDING_UNIQUEID, /* the list and cyrus.header have different unique ids, or two mailboxes have one */
	FINDING_UNREADABLE,
	FINDING_IN_USE, /* could not be held still: read while it may have changed */
	FINDING_KINDS,
};

/** finding_kind_name(k): "no-directory", for JSON. finding_kind_words(k): "in the list, without a directory". Static. */
const char *finding_kind_name(enum finding_kind k);
const char *finding_kind_words(enum finding_kind k);

/** One thing that is off in the spool or went otherwise than it should: listed, in the archive's report too. */
struct backup_finding {
	enum finding_kind kind;
	char *mailbox; /* internal name, or "" */
	char *what;
};

struct backup_result {
	char *archive; /* its name in the store; NULL after a dry run */
	char *store;   /* the store's url */
	uint64_t mailboxes, messages, users, files;
	uint64_t plain_bytes, stored_bytes, index_bytes;
	uint64_t holds, longest_hold_ms, total_hold_ms;
	const char *
	    quiesce; /* how Cyrus was held: a rung of the ladder, or of a live backup "user", "index", "none"; static */
	uint64_t
	    pause_ms; /* how long all of Cyrus stood still, or, of a live backup, the longest any user did */
	char *quiesce_why; /* why no firmer, or NULL */
	struct snapshot_facts snapshot;
	unsigned tries; /* snapshots taken */
	uint64_t elapsed_ms;
	struct backup_finding *findings; /* at most FINDINGS_KEPT; n_findings counts all */
	size_t n_kept;
	uint64_t n_findings;
	uint64_t by_kind[FINDING_KINDS];
	/* by the session, once the archive is stored */
	uint64_t removed;        /* older archives, by the rotation */
	char **warnings;         /* what went wrong afterwards: a hook, the rotation; safe text */
	size_t n_warnings;
};
#define FINDINGS_KEPT 10000

/** What a backup would do. */
struct backup_outlook {
	struct snapshot_facts snapshot; /* as it would be taken; its kind is "none" where the live files would be read */
	const char *quiesce;            /* as in struct backup_result: the best that this server offers */
	char *quiesce_why;              /* why no firmer, or NULL */
};

/** backup_look(server, conf, job, ret, e): Look what backup_run() would do. Nothing is changed, locked or read but what that takes. backup_outlook_done() it,
 * in either case. */
int backup_look(struct server *server, const struct conf_server *conf, struct job *job, struct backup_outlook *ret, struct err *e);
void backup_outlook_done(struct backup_outlook *o);

/** backup_run(server, conf, store, opts, job, ret, e): Back up ${server} into ${store}. Success with findings returns 0 and counts them
 * (a warning exit); -1 leaves nothing in the store that is listed. backup_result_done() in either case. */
int backup_run(struct server *server, const struct conf_server *conf, struct store *store,
    const struct backup_opts *opts, struct job *job, struct backup_result *ret, struct err *e);
void backup_result_done(struct backup_result *r);

#endif
