/* sftp_upload.h: what the files that make an upload share: sftp_write.c sends it, sftp_commit.c begins and ends it. */
#ifndef STORE_SFTP_UPLOAD_H
#define STORE_SFTP_UPLOAD_H

#include "store/sftp_stream.h"

enum chunk_state { CHUNK_FILLING, CHUNK_FULL, CHUNK_SENT, CHUNK_SAFE };

/* Some bytes of it, behind the room for their packet's head. */
struct chunk {
	struct sftp_upload *u;
	uint64_t off;
	size_t len;
	enum chunk_state state;
	uint8_t *mem;
};

struct sftp_upload {
	struct sftp_host *h;
	char *dir, *name, *path, *partial;
	struct {
		unsigned serial; /* of the slot it belongs to */
		struct sftp_handle handle;
	} at[SFTP_SLOTS];
	struct chunk **chunks; /* a ring: those from head on are not known to be safe */
	size_t head, n, chunk_bytes, bytes, under_way;
	uint64_t off, safe; /* taken from the caller; acknowledged without a gap */
	unsigned tries;
	struct err refused;
	bool tried_begin, tried_commit, committed;
};

/** sftp_upload_wait(u, most, e): Until at most ${most} bytes are not acknowledged. sftp_upload_flush(u, e): All of them are.
 * sftp_upload_again(u, e): After a loss: a new connection on which the partial is as it should be. */
int sftp_upload_wait(struct sftp_upload *u, size_t most, struct err *e);
int sftp_upload_flush(struct sftp_upload *u, struct err *e);
int sftp_upload_again(struct sftp_upload *u, struct err *e);

/** sftp_upload_begin(u, e): Make the partial. sftp_upload_discard(u): Remove it, if it is still ours and that is possible. */
int sftp_upload_begin(struct sftp_upload *u, struct err *e);
void sftp_upload_discard(struct sftp_upload *u);

#endif
