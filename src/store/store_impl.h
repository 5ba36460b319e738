/* store_impl.h: what a kind of store must do. For the files of this room, and for archive/tape_store.c. */
#ifndef STORE_STORE_IMPL_H
#define STORE_STORE_IMPL_H

#include "store/store.h"

struct store_ops {
	int (*list)(struct store *s, struct store_list *ret, struct err *e);
	int (*stat)(struct store *s, const char *name, struct store_object *ret, struct err *e);
	int (*read)(struct store *s, const char *name, struct stream **ret, struct err *e);
	int (*create)(struct store *s, const char *name, uint64_t size_bytes, struct stream **ret, struct err *e);
	int (*commit)(struct store *s, struct stream *out, struct err *e);
	int (*reread)(struct store *s, struct stream *out, struct stream **ret, struct err *e);
	int (*remove)(struct store *s, const char *name, struct err *e);
	int (*clean)(struct store *s, int64_t min_age_seconds, struct err *e);
	int (*room)(struct store *s, uint64_t *ret, struct err *e);
	void (*free)(struct store *s); /* frees ctx only */
};

struct store {
	struct job *job;
	const struct store_ops *ops;
	void *ctx;
	char *url;
	struct conf_store *own_conf; /* NULL: the caller's */
};

/** store_list_add(l, cap, name, size, mtime): Append a copy while a list is made. */
void store_list_add(struct store_list *l, size_t *cap, const char *name, uint64_t size_bytes, int64_t mtime);

/** store_dir_open(s, path, create, e): Make ${s} a directory store; the other kinds likewise. */
int store_dir_open(struct store *s, const char *path, bool create, struct err *e);

#endif
