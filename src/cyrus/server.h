/* server.h: the live server: its configuration, its programs, its mailbox list, who it runs as.
 *
 * Immutable after server_open(), thread-safe then; server_list() reads anew each time. */
#ifndef CYRUS_SERVER_H
#define CYRUS_SERVER_H

#include <sys/types.h>

#include "core/conf.h"
#include "core/err.h"
#include "core/job.h"
#include "cyrus/imap.h"
#include "cyrus/imapd_conf.h"
#include "cyrus/mboxlist.h"
#include "cyrus/tools.h"

struct server {
	char *name;
	struct imapd_conf *conf;
	struct cyrus_tools *tools; /* NULL: the server's programs were not found: tools_why says so */
	char *tools_why;
	struct cyrus_version version;
	uid_t uid; /* owner of the spool */
	gid_t gid;
	char *imap_address;                    /* "host:port" or a socket path; NULL: not known */
	char *sieve_address;                   /* of timsieved, the same; NULL: cyrus.conf has none */
	char *imap_admin, *imap_password_file; /* NULL: not configured */
};

/** server_open(c, ret, e): Read the server's imapd.conf and find its programs. Programs that are missing are no error here (a backup can do
 * without); an unreadable imapd.conf is. server_free() it. */
int server_open(const struct conf_server *c, struct server **ret, struct err *e);
void server_free(struct server *s);

/** server_list(s, ret, e): The mailbox list as mailboxes.db has it now, read under a shared lock. A damaged database
 * gives what could be read, with CYRUSDB_NOTE_TORN or CYRUSDB_NOTE_DAMAGED in ret->notes. ERR_UNSUPPORTED: a Berkeley database
 * whose entries are still in its log. */
int server_list(const struct server *s, struct mboxlist **ret, struct err *e);

/** server_each(s, each, arg, notes, e): The same entry by entry, as mboxlist_each_db(), without a list, for servers of any size;
 * ${*notes} gets the CYRUSDB_NOTE_* bits. The database's lock is held meanwhile. */
int server_each(const struct server *s, mboxlist_each_fn *each, void *arg, unsigned *notes, struct err *e);

/** server_imap(s, as_user, job, ret, e): A connection logged in as the admin, or by proxy as ${as_user}. ERR_CONFIG when no
 * admin is configured, with the keys to set; ERR_AUTH when refused. imap_close() it. */
int server_imap(
    const struct server *s, const char *as_user, struct job *job, struct imap **ret, struct err *e);

/** server_sieve(s, userid, job, ret, e): The same over ManageSieve, as ${userid}. ERR_CONFIG also when cyrus.conf starts no timsieved that can be
 * reached from here. sieve_close() it. */
struct sieve;
int server_sieve(
    const struct server *s, const char *userid, struct job *job, struct sieve **ret, struct err *e);

/** server_lock_file(fd, type, timeout_ms): Lock a whole file (F_RDLCK, F_WRLCK, F_UNLCK) by an open file description lock, which conflicts
 * with Cyrus's own fcntl locks; polled until the time-out, so that nothing ever waits in the kernel. 0 or -1 with errno. */
int server_lock_file(int fd, short type, uint64_t timeout_ms);

/** server_mailbox_dir(s, entry, which_meta, b, e): Append the absolute directory of a mailbox's spool (${which_meta} 0), or of those
 * of its files that a META_* bit stands for. ERR_CONFIG: its partition is not in imapd.conf. */
int server_mailbox_dir(const struct server *s, const struct mailbox_entry *entry, unsigned which_meta,
    struct buf *b, struct err *e);

#endif
