/* sftp_packet.h: the packets of the SSH file transfer protocol, version 3 (draft-ietf-secsh-filexfer-02), as bytes. Pure.
 *
 * A packet is a length (4 bytes), a type (1 byte) and the rest; all but INIT and VERSION begin their rest with the request's number. Used by
 * the client (sftp.h) and by the server on a store's host. */
#ifndef STORE_SFTP_PACKET_H
#define STORE_SFTP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/err.h"

#define SFTP_VERSION 3u
/** What no side of ours sends or takes more of: the longest packet, without its length. As OpenSSH has it. */
#define SFTP_PACKET_MAX (256u << 10)
/** The longest handle a server may give. */
#define SFTP_HANDLE_MAX 256u

enum sftp_type {
	SFTP_INIT = 1,
	SFTP_VERSION_REPLY = 2,
	SFTP_OPEN = 3,
	SFTP_CLOSE = 4,
	SFTP_READ = 5,
	SFTP_WRITE = 6,
	SFTP_LSTAT = 7,
	SFTP_FSTAT = 8,
	SFTP_SETSTAT = 9,
	SFTP_FSETSTAT = 10,
	SFTP_OPENDIR = 11,
	SFTP_READDIR = 12,
	SFTP_REMOVE = 13,
	SFTP_MKDIR = 14,
	SFTP_RMDIR = 15,
	SFTP_REALPATH = 16,
	SFTP_STAT = 17,
	SFTP_RENAME = 18,
	SFTP_READLINK = 19,
	SFTP_SYMLINK = 20,
	SFTP_STATUS = 101,
	SFTP_HANDLE = 102,
	SFTP_DATA = 103,
	SFTP_NAME = 104,
	SFTP_ATTRS = 105,
	SFTP_EXTENDED = 200,
	SFTP_EXTENDED_REPLY = 201,
};

enum sftp_status {
	SFTP_OK = 0,
	SFTP_EOF = 1,
	SFTP_NO_SUCH_FILE = 2,
	SFTP_PERMISSION_DENIED = 3,
	SFTP_FAILURE = 4,
	SFTP_BAD_MESSAGE = 5,
	SFTP_NO_CONNECTION = 6,
	SFTP_CONNECTION_LOST = 7,
	SFTP_OP_UNSUPPORTED = 8,
};

enum sftp_open_flags {
	SFTP_OPEN_READ = 0x01,
	SFTP_OPEN_WRITE = 0x02,
	SFTP_OPEN_APPEND = 0x04,
	SFTP_OPEN_CREATE = 0x08,
	SFTP_OPEN_TRUNCATE = 0x10,
	SFTP_OPEN_EXCLUSIVE = 0x20,
};

enum sftp_attr_flags {
	SFTP_ATTR_SIZE = 0x01,
	SFTP_ATTR_OWNER = 0x02,
	SFTP_ATTR_MODE = 0x04,
	SFTP_ATTR_TIMES = 0x08,
	SFTP_ATTR_EXTENDED = 0x80000000u,
};

/** What a file is; ${flags} says which members count. Extended attributes are read over and never written. */
struct sftp_attrs {
	uint32_t flags;
	uint64_t size;
	uint32_t uid, gid;
	uint32_t mode;
	uint32_t atime, mtime;
};

/* Writing: into a buf, one packet after the other. */

/** sftp_begin(b, type): Begin a packet; returns what sftp_end(b, at) wants, which fills in its length. */
size_t sftp_begin(struct buf *b, enum sftp_type type);
void sftp_end(struct buf *b, size_t at);

/** sftp_put_*(b, ...): The next field. A string is a length and bytes; sftp_put_text() takes a C string. */
void sftp_put_u32(struct buf *b, uint32_t v);
void sftp_put_u64(struct buf *b, uint64_t v);
void sftp_put_string(struct buf *b, const void *p, size_t n);
void sftp_put_text(struct buf *b, const char *s);
void sftp_put_attrs(struct buf *b, const struct sftp_attrs *a);

/* Reading: a cursor that cannot run past its end. What is missing reads as 0 or "" and sets ${bad}, so that a row of reads needs one check at its
 * end. Strings stay in the packet. */

struct sftp_in {
	const uint8_t *p;
	size_t left;
	bool bad;
};

struct sftp_string {
	const char *p; /* not NUL-terminated */
	size_t n;
};

/** sftp_frame(p, n, ret_len, e): Is there a whole packet at ${p}? 1: ${*ret_len} bytes of it, behind the length's four; 0: not yet; -1: longer than
 * SFTP_PACKET_MAX, or empty. */
int sftp_frame(const uint8_t *p, size_t n, size_t *ret_len, struct err *e);

uint8_t sftp_get_u8(struct sftp_in *in);
uint32_t sftp_get_u32(struct sftp_in *in);
uint64_t sftp_get_u64(struct sftp_in *in);
struct sftp_string sftp_get_string(struct sftp_in *in);
void sftp_get_attrs(struct sftp_in *in, struct sftp_attrs *ret);

/** sftp_string_is(s, text): The same bytes. */
bool sftp_string_is(struct sftp_string s, const char *text);

/* Replies, as a client gets them. */

struct sftp_reply {
	enum sftp_type type; /* STATUS, HANDLE, DATA, NAME, ATTRS or EXTENDED_REPLY */
	uint32_t id;
	uint32_t status;           /* STATUS */
	struct sftp_string string; /* STATUS: its message; HANDLE: 1 to SFTP_HANDLE_MAX bytes; DATA */
	uint32_t count;            /* NAME: how many sftp_next_name() gives */
	struct sftp_in rest;       /* NAME: the names; EXTENDED_REPLY: what the extension says */
	struct sftp_attrs attrs;   /* ATTRS */
};

/** sftp_parse_reply(p, n, ret, e): Take apart a packet without its length; ${ret} points into it. ERR_FORMAT. Names are checked as they are taken. */
int sftp_parse_reply(const uint8_t *p, size_t n, struct sftp_reply *ret, struct err *e);

struct sftp_name {
	struct sftp_string name, longname;
	struct sftp_attrs attrs;
};

/** sftp_next_name(r, ret, e): 1 and the next name of a NAME reply, 0 after the last, -1. */
int sftp_next_name(struct sftp_reply *r, struct sftp_name *ret, struct err *e);

/** sftp_parse_version(p, n, ret_version, extension, arg, e): A VERSION packet; ${extension} (NULL: none) is called for each extension. */
typedef void sftp_extension_fn(void *arg, struct sftp_string name, struct sftp_string data);
int sftp_parse_version(const uint8_t *p, size_t n, uint32_t *ret_version, sftp_extension_fn *extension,
    void *arg, struct err *e);

/** sftp_status_word(code): "no such file", "permission denied"... */
const char *sftp_status_word(uint32_t code);

#endif
