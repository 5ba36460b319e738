/* index.h: the root, the tables and the end mark as they lie in an archive. */
#ifndef ARCHIVE_INDEX_H
#define ARCHIVE_INDEX_H

#include "archive/archive.h"
#include "archive/member.h"

#define INDEX_PREFIX	"cyrvault/tables-"
#define INDEX_ROOT	"cyrvault/index"

#define ROOT_FIRST_LINE "cyrvault-index\t1\n"

/* The end mark: the archive's last END_MARK_SIZE bytes. */
struct end_mark {
	uint64_t index_off; /* where the index begins; offsets in the root's "tables" lines count from here */
	uint64_t root_off, root_stored, root_plain;
	uint64_t total; /* length of the whole archive */
	uint64_t units;
	uint8_t root_sha256[SHA256_SIZE];
	bool guessed; /* made up without an end mark: only root_off and root_stored are known */
};

#define END_MARK_FIELD 132
#define END_MARK_SIZE  (16 + END_MARK_FIELD + 2 + MEMBER_TAIL)

/** end_mark_put(m, out): END_MARK_SIZE bytes. Pure. */
void end_mark_put(const struct end_mark *m, uint8_t *out);

/** end_mark_parse(p, n, off, m): Whether an end mark is at ${p} (${n} bytes are there), which is offset ${off} of the archive, and what it says: 0;
 * 1 if it is of a version that this program does not know; -1 if none, or it contradicts itself. Pure. */
int end_mark_parse(const uint8_t *p, size_t n, uint64_t off, struct end_mark *m);

/* Where a unit's bytes are: kept small, there may be a million. Members and tables end where the next unit's begin. */
struct unit_place {
	uint64_t off;	    /* of its first member */
	uint32_t group;	    /* index of the group of tables */
	uint32_t table_off; /* in the group's plain bytes */
};

struct table_group {
	uint64_t off, stored, plain; /* in the archive */
	uint8_t sha256[SHA256_SIZE];
};

struct root {
	struct unit_info *units;
	struct unit_place *places; /* one more than units: the end */
	size_t n_units;
	struct table_group *groups;
	size_t n_groups;
	struct arena *strings;
};

/** root_table_bytes(r, i): Length of unit ${i}'s table. */
size_t root_table_bytes(const struct root *r, size_t i);

struct root_parser;

/** root_parser_new(m): Takes the root's plain bytes piece by piece, whole lines each. root_parser_add(p, text, n, e): ${text} is changed; -1
 * ERR_DAMAGE. root_parser_end(p, ret, e): All was given: check sums and order. root_parser_free(): NULL-safe. */
struct root_parser *root_parser_new(const struct end_mark *m);
/** root_parser_pick(p, pick): As archive_open_picked(), whatever pick->many says; lives until the end. Before the first line. */
void root_parser_pick(struct root_parser *p, const struct archive_pick *pick);
int root_parser_add(struct root_parser *p, char *text, size_t n, struct err *e);
int root_parser_end(struct root_parser *p, struct root *ret, struct err *e);
void root_parser_free(struct root_parser *p);

/** root_parser_sofar(p, ret): What has been decoded, as ${p}'s own: good until the next call for it, and not for root_done(). Tables of the
 * units of all groups but the one that is being read can be found. Returns how many units these are. */
size_t root_parser_sofar(const struct root_parser *p, struct root *ret);
void root_done(struct root *r);

/* A table, decoded. */
struct table {
	struct archive_table pub;
	struct archive_file *files;
	struct archive_member *members;
	enum unit_kind kind;
	const char *name;
	uint64_t plain; /* of all members */
	uint64_t stored;
	struct arena *strings;
};

#define TABLE_MAX (1u << 30) /* bytes of the longest table; some ten million files */

struct table_parser;

/** table_parser_new(off, n_files, table_bytes): Takes a table's bytes piece by piece, whole lines each; ${off} is where its unit's members
 * begin. table_parser_add(p, text, n, e): ${text} is changed. table_parser_end(p, ret, e): All was given: the number of
 * files is right and the members hold just what they need. Both ERR_DAMAGE. table_parser_free(): NULL-safe. */
struct table_parser *table_parser_new(uint64_t off, uint32_t n_files, size_t table_bytes);
int table_parser_add(struct table_parser *p, char *text, size_t n, struct err *e);
int table_parser_end(struct table_parser *p, struct table *ret, struct err *e);
void table_parser_free(struct table_parser *p);

/** table_done(t): Frees what ${t} holds; a zeroed one is fine. */
void table_done(struct table *t);

#endif
