/* room.h: quota roots: what they are now, what they will be, and their limits as text. Only for this room. */
#ifndef RESTORE_ROOM_H
#define RESTORE_ROOM_H

#include "cyrus/server.h"
#include "cyrus/userdata.h"

/** room_read(server, root, ret): The live quota root: false when there is none, or none that can be read. */
bool room_read(const struct server *server, const char *root, struct quota_root *ret);

/** room_limits_text(q): "STORAGE MESSAGES ANNOTATION FOLDERS", -1 where there is no limit; heap. room_limits_parse(text, ret, e): Back. */
char *room_limits_text(const struct quota_root *q);
int room_limits_parse(const char *text, struct quota_root *ret, struct err *e);

/** room_limits_words(q, b): Append "50M, 5000 messages" or "no limit". room_limits_command(q, b): "STORAGE 51200 MESSAGE 5000". */
void room_limits_words(const struct quota_root *q, struct buf *b);
void room_limits_command(const struct quota_root *q, struct buf *b);

/** room_set_limits(im, name, q, e): SETQUOTA of all limits at once, as the administrator, who calls the root ${name}; makes the root if there is none. */
int room_set_limits(struct imap *im, const char *name, const struct quota_root *q, struct err *e);

/** room_get_limits(im, name, ret, e): GETQUOTA: what the server says of storage and messages; -1 in ret->limit where there is none. */
int room_get_limits(struct imap *im, const char *name, struct quota_root *ret, struct err *e);

#endif
