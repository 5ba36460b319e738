/* db_backend.h: what the readers of the single formats share; private to src/db.
 *
 * A reader is one function. It gets the whole file in memory, adds every live pair to db->live and sets db->notes;
 * order is made afterwards, for all formats alike. Nothing is decoded lazily: a database is small beside the mail it
 * speaks of, and what was read whole cannot change under the caller. */
#ifndef DB_BACKEND_H
#define DB_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "db/cyrusdb.h"

/* Larger files and longer tables are refused: both are far beyond any real server, and bound what a hostile file costs. */
#define DB_MAX_BYTES 0xffffffffu
#define DB_MAX_KEYS  (1u << 25)

struct db_pair {
	const uint8_t *key;
	const uint8_t *value;
	uint32_t key_n;
	uint32_t value_n;
};

struct db_set {
	struct db_pair *v;
	size_t n;
	size_t cap;
};

struct db_chunk;

struct cyrusdb {
	const uint8_t *p; /* the file */
	size_t n;
	char *name;
	uint8_t *owned; /* p, when it is ours to free */
	enum cyrusdb_kind kind;
	unsigned notes;
	struct db_set live;
	struct db_chunk *chunks; /* bytes that do not stand in the file as they are */
	size_t chunk_used;
	size_t chunk_size;
};

/** How one format is told and read. load() may be given any bytes that claims() accepted. */
struct db_backend {
	bool (*claims)(const uint8_t *p, size_t n);
	int (*load)(struct cyrusdb *db, struct err *e);
};

extern const struct db_backend db_skiplist, db_twoskip, db_twom, db_berkeley, db_flat;

/** db_set_add(set, pair, e): Append; -1 beyond DB_MAX_KEYS. */
int db_set_add(struct db_set *set, const struct db_pair *pair, struct err *e);

/** db_set_sort(set): Ascending byte order of the keys. Returns how many keys stand twice; of those the one that stands
 * last in the file is kept. */
size_t db_set_sort(struct db_set *set);

/** db_set_done(set): Free its room. */
void db_set_done(struct db_set *set);

/** db_hold(db, n): ${n} bytes that live as long as ${db}. */
uint8_t *db_hold(struct cyrusdb *db, size_t n);

/** db_compare(a, an, b, bn): memcmp order, a prefix first. */
int db_compare(const uint8_t *a, size_t an, const uint8_t *b, size_t bn);

#endif
