/* reader.h: what the readers of an archive share. */
#ifndef ARCHIVE_READER_H
#define ARCHIVE_READER_H

#include "archive/archive.h"
#include "archive/crew.h"
#include "archive/index.h"

struct unpack;

#define TABLES_KEPT 2
#define PIECES_KEPT 8

struct archive {
	char *name;
	struct job *job;
	struct store *store;
	struct stream *in;
	uint64_t size, fetched;
	/* Small pieces that were fetched lately: what is read again and again (a group of tables, the control files) is fetched once. */
	struct kept_piece {
		uint64_t off;
		size_t n;
		uint8_t *p;
	} pieces[PIECES_KEPT];
	unsigned next_piece;
	size_t kept_bytes;
	uint64_t expect_from, expect_end; /* see archive_expect_all() */
	enum archive_kind kind;
	struct end_mark mark;
	struct root root;

	uint8_t *tail; /* the tail_len bytes before tail_end, until the root is read */
	size_t tail_len;
	uint64_t tail_end;

	struct decoder *decoder;
	struct unpack *unpack; /* made at the first unit that is read */
	uint32_t *
	    find; /* units by hash of their name; 0: none, else index + 1; made at the first archive_find() */
	size_t find_size;

	/* The group of tables read last, if it is small: neighbours' tables are in it. */
	size_t group; /* (size_t)-1: none */
	uint8_t *group_text;
	struct cached_table {
		size_t unit; /* (size_t)-1: none */
		struct table table;
	} tables[TABLES_KEPT];
	unsigned next_table;
};

/** archive_open_raw(store, in, name, job, ret, e): Open without looking at any byte; ${in} (NULL: the store's) is taken over. archive_load_root(a, look, e): Read the root that
 * a->mark tells of; ${look}: as in archive_open_watched() and archive_open_picked(), each NULL, or NULL. */
int archive_open_raw(struct store *store, struct stream *in, const char *name, struct job *job,
    struct archive **ret, struct err *e);
struct root_look {
	archive_watch_fn *watch;
	void *arg;
	const struct archive_pick *pick;
};
int archive_load_root(struct archive *a, const struct root_look *look, struct err *e);

/** archive_fetch(a, off, p, n, e): Read ${n} bytes at ${off}. Beyond the archive: ERR_DAMAGE. */
int archive_fetch(struct archive *a, uint64_t off, void *p, size_t n, struct err *e);

/** archive_expect(a, off, n, more): These bytes will be fetched next, or, with ${more}, behind those that were told before. archive_expect_all(a, from, end): All
 * between will be, in order, whatever is read besides: until this is said of another range, archive_expect() within it does nothing. */
void archive_expect(struct archive *a, uint64_t off, uint64_t n, bool more);
void archive_expect_all(struct archive *a, uint64_t from, uint64_t end);

/** archive_each_plain(a, off, stored, kind, each, arg, e): Decode the members of ${kind} that fill this range, one after the other, and
 * give each one's plain bytes, which may be changed, to ${each} (NULL: only check). */
typedef int archive_plain_fn(void *arg, uint8_t *p, size_t n, struct err *e);
int archive_each_plain(struct archive *a, uint64_t off, uint64_t stored, enum member_kind kind,
    archive_plain_fn *each, void *arg, struct err *e);

/** archive_load_table(a, i, ret, e): Unit ${i}'s table, not from the cache; table_done() it. */
int archive_load_table(struct archive *a, size_t i, struct table *ret, struct err *e);

/** unpack_new(a, ret, e), unpack_free(u): Decoders ahead of the reader. unpack_free() takes NULL. */
int unpack_new(struct archive *a, struct unpack **ret, struct err *e);
void unpack_free(struct unpack *u);

/** unpack_start(u, members, wanted, n): Begin with these ${n} members, of which those with ${wanted} set will be asked for. Both stay the
 * caller's and must live until the next unpack_start(). */
void unpack_start(struct unpack *u, const struct archive_member *members, const bool *wanted, size_t n);

/** unpack_member(u, i, ret_p, e): The plain bytes of wanted member ${i}; ascending, but the same may be asked for again. They live until the
 * next call. 0; 1 when the member is damaged (${e} says how; ${*ret_p} is what could be inflated before the damage, then zeros:
 * good for nothing without a hash); -1 when reading failed. */
int unpack_member(struct unpack *u, size_t i, const uint8_t **ret_p, struct err *e);

/* What the readers of whole units want to know beyond a sink. */
struct unit_hooks {
	void *arg;
	/* ${f} cannot be had, ${why}; the reader goes on with the next. */
	void (*damaged)(void *arg, const struct archive_file *f, const struct err *why);
	/* A member was decoded, or could not be. May be NULL. */
	void (*member)(void *arg, const struct archive_member *m, bool good);
	/* Also give files out of damaged members, if their SHA-256 holds; their mode and owner are then the neighbours'. */
	bool rescue;
};

/** archive_read_table(a, t, sink, hooks, e): As archive_read_unit(), of the unit with table ${t}. With ${hooks} damage does not end it. */
int archive_read_table(struct archive *a, const struct archive_table *t, const struct file_sink *sink,
    const struct unit_hooks *hooks, struct err *e);

#endif
