/* source_impl.h: what a kind of archive must do to be a source. Only for the source files of this room. */
#ifndef RESTORE_SOURCE_IMPL_H
#define RESTORE_SOURCE_IMPL_H

#include "restore/source.h"

/* Ceilings of what is read into memory whole. */
#define SOURCE_JSON_MAX  (64u << 20)
#define SOURCE_LIST_MAX  (2048ull << 20)
#define SOURCE_CONF_MAX  (1u << 20)
#define SOURCE_INDEX_MAX (1024u << 20)
#define SOURCE_CACHE_MAX (2048ull << 20)
#define SOURCE_DB_MAX    (1024u << 20)
#define SOURCE_SMALL_MAX (16u << 20)

/** The files of a mailbox that are not messages, as bytes, and the UIDs of those that are. */
struct source_parts {
	struct buf header, index, expunge, cache;
	bool has_header, has_index, has_expunge;
	uint32_t *uids; /* any order, may repeat */
	size_t n_uids, cap_uids;
};

/** What tells ours and foreign archives apart. Each is called with valid indices only. */
struct source_ops {
	void (*close)(struct source *s); /* frees ctx */

	/** As the calls of source.h. */
	int (*text)(struct source *s, const char *which, struct buf *b, struct err *e);
	int (*extract)(struct source *s, size_t i, const struct file_sink *sink, struct err *e);
	int (*extract_user)(
	    struct source *s, const char *userid, const struct file_sink *sink, struct err *e);
	int (*read_message)(
	    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e);

	/** Fill ${p} for mailbox ${i}; the cache only if asked for. */
	int (*parts)(struct source *s, size_t i, bool with_cache, struct source_parts *p, struct err *e);

	/** Append the bytes of a user's seen or subscription file, of a quota root's file, of a global database
	 * (${path}: as imapd.conf has it, absolute): 1, 0 the archive has none, -1. */
	int (*user_file)(
	    struct source *s, const char *userid, enum file_role role, struct buf *b, struct err *e);
	int (*quota_file)(struct source *s, const char *root, struct buf *b, struct err *e);
	int (*database)(struct source *s, const char *path, struct buf *b, struct err *e);

	/** As source_each_listed(). */
	int (*each_listed)(struct source *s,
	    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg,
	    struct err *e);

	/** Call ${each} for every user with files of his own, any order. */
	int (*users)(struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg,
	    struct err *e);
};

struct source_cache;

struct source {
	const struct source_ops *ops;
	void *ctx;
	struct store *store; /* NULL: live */
	char *name;
	struct job *job;
	struct archive *archive;      /* NULL: foreign, or live */
	struct foreign_memory memory; /* of a foreign one, if has_memory */
	bool has_memory;
	struct foreign_index *index; /* of a foreign one that was read before, else NULL */
	bool units_only;             /* source_open_units() of an archive of ours */
	char *only; /* the mailbox of source_open_mailbox(), if others were left out; else NULL */
	size_t json_unit,
	    conf_unit; /* ours: the units whose archive.json and imapd.conf were read; else SOURCE_NO_PLACE */
	struct imapd_conf *conf; /* as found in the archive, or NULL */
	struct cyrus_version version;
	struct mboxlist *list; /* entries are completed with what the archive's directories say */
	int64_t when;
	struct source_mailbox *boxes; /* ascending by name */
	size_t *places;               /* the kind's own number of each mailbox; SOURCE_NO_PLACE: no files */
	size_t n;
	char **archive_roots; /* below these paths of the archive lie archive partitions */
	size_t n_archive_roots;
	struct source_cache *cache;
};
#define SOURCE_NO_PLACE ((size_t)-1)

/** Who looks on while an archive of ours is opened. */
struct source_watching {
	struct source *s;
	source_watch_fn *watch;
	void *arg;
};

/** source_ours_watch: an archive_watch_fn for a struct source_watching. */
int source_ours_watch(void *arg, struct archive *a, size_t ready, struct err *e);

/** source_ours_each_listed(): As source_each_listed(). */
int source_ours_each_listed(struct source *s,
    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg, struct err *e);

extern const struct source_ops source_ours;
extern const struct source_ops source_foreign;
extern const struct source_ops source_live;

/** source_open_ours(s, e), source_open_foreign(s, e): Fill a source whose store, name, job (and archive) are set. */
int source_open_ours(struct source *s, struct err *e);
int source_open_foreign(struct source *s, struct err *e);

/** source_find_when(s): Fill s->when, unless it is known, from the archive's name or its time in the store. */
void source_find_when(struct source *s);

/** A mailbox with files, while the list is put together. */
struct source_box {
	struct source_mailbox box; /* entry not yet set; name and uniqueid belong to the kind */
	size_t place;
};

/** source_merge(s, boxes, n): Sort ${boxes} and join them with s->list into s->boxes and s->places. Of several boxes of one name the
 * first counts. */
void source_merge(struct source *s, struct source_box *boxes, size_t n);

/** source_role_of(base): What a file of a mailbox directory is for, by its name. source_message_uid(base): The UID
 * of a message file's name ("12."), or 0. source_base(path): Behind the last slash. */
enum file_role source_role_of(const char *base);
uint32_t source_message_uid(const char *base);
const char *source_base(const char *path);

/** source_parts_sink(s, with_cache, p, sink, arg): Prepare ${sink} so that it collects ${p}; ${arg} lives as long as it. */
struct source_parts_arg {
	struct source *s;
	struct source_parts *p;
	struct buf *to;
	bool *has;
	bool with_cache;
};
void source_parts_sink(struct source *s, bool with_cache, struct source_parts *p, struct file_sink *sink,
    struct source_parts_arg *arg);
void source_parts_add_uid(struct source_parts *p, uint32_t uid);
void source_parts_done(struct source_parts *p);

/** source_cache_free(c): The opened databases. */
void source_cache_free(struct source_cache *c);

/** source_owner_seen(s, i, h, e): The uid set of the one whose \Seen counts in mailbox ${i} with index header ${h}; heap, "" when
 * nothing was read, NULL on failure. */
char *source_owner_seen(struct source *s, size_t i, const struct index_header *h, struct err *e);

#endif
