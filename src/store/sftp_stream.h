/* sftp_stream.h: a file on another host as a stream: read by ranges, written with many requests in flight. Each takes up a lost connection where it stopped. */
#ifndef STORE_SFTP_STREAM_H
#define STORE_SFTP_STREAM_H

#include "store/sftp_host.h"

/** sftp_read_new(h, path, name, ret, e): ERR_NOT_FOUND: not there, or no regular file. Lives no longer than ${h}. */
int sftp_read_new(
    struct sftp_host *h, const char *path, const char *name, struct stream **ret, struct err *e);

/** An object being written: a file at ${partial}, which gets its name when it is committed. */
struct sftp_upload;

/** sftp_upload_new(h, dir, name, ret, e): Takes over the partial that somebody left ${dir}/.NAME.partial, if nobody has written to it for a while; else ERR_LOCKED. */
int sftp_upload_new(
    struct sftp_host *h, const char *dir, const char *name, struct stream **ret, struct err *e);

/** sftp_upload_of(out): NULL if ${out} is none. */
struct sftp_upload *sftp_upload_of(struct stream *out);

/** sftp_upload_commit(u, e): All of it acknowledged, on the disk, under its name. */
int sftp_upload_commit(struct sftp_upload *u, struct err *e);

/** sftp_upload_reread(u, ret, e): Read what was written so far. */
int sftp_upload_reread(struct sftp_upload *u, struct stream **ret, struct err *e);

/** How long a partial is left alone after the last byte: whoever writes it may be held up. */
#define SFTP_PARTIAL_SECONDS 600

/** sftp_server_time(h, dir, ret, e): What the server's clock says, as a file that is made there tells; ours may differ. */
int sftp_server_time(struct sftp_host *h, const char *dir, int64_t *ret, struct err *e);

/** sftp_next_step(e): The hint that nothing was stored. */
int sftp_next_step(struct err *e);

#endif
