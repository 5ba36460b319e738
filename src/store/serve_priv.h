/* serve_priv.h: a session of the served store, shared by serve*.c. */
#ifndef STORE_SERVE_PRIV_H
#define STORE_SERVE_PRIV_H

#include "store/serve.h"
#include "store/serve_place.h"
#include "store/sftp_packet.h"

/* What one answer may hold of a file; the rest is for what stands around it. */
#define SERVE_DATA_MAX (SFTP_PACKET_MAX - 1024u)

struct handle {
	uint32_t serial; /* 0: free */
	int fd;          /* of a file, or -1 */
	DIR *dir;        /* of a listing, or NULL */
	bool writable;
	struct place_name name;
	uint64_t written, unflushed;
};

struct serve {
	struct place place;
	bool greeted;
	uint32_t serial;
	unsigned refusals;
	struct handle handles[SERVE_HANDLES];
};

/** A request behind its type and number; answers once. */
typedef void request_fn(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out);

/* serve_file.c */
request_fn serve_open, serve_close, serve_read, serve_write, serve_stat, serve_fstat, serve_setstat,
    serve_fsetstat, serve_fsync;
/* serve_names.c */
request_fn serve_opendir, serve_readdir, serve_remove, serve_realpath, serve_rename, serve_hardlink,
    serve_statvfs;

/* serve_reply.c */

void reply_status(struct buf *out, uint32_t id, enum sftp_status status, const char *text);
void reply_error(struct serve *s, struct buf *out, uint32_t id, const struct err *e);
void reply_attrs(struct buf *out, uint32_t id, const struct stat *st);
struct sftp_attrs reply_attrs_of(const struct stat *st);

/** reply_done(s, out, id, rc, e): "ok", or with ${rc} -1 what failed. */
void reply_done(struct serve *s, struct buf *out, uint32_t id, int rc, const struct err *e);

/** handle_new(s, e): A free one, which reply_handle() gives to the client; NULL: none is left. */
struct handle *handle_new(struct serve *s, struct err *e);
void reply_handle(struct serve *s, struct buf *out, uint32_t id, struct handle *h);

/** handle_get(s, in, e): The one that the request names next, or NULL. */
struct handle *handle_get(struct serve *s, struct sftp_in *in, struct err *e);
void handle_close(struct handle *h);

/** get_name(s, in): What the next string, a path, names. */
struct place_name get_name(struct serve *s, struct sftp_in *in);

#endif
