/* server.c: what there is to know of the live server before anything is done to it. */
#include "cyrus/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "cyrus/cyrus_conf.h"
#include "cyrus/sieve.h"

int server_open(const struct conf_server *c, struct server **ret, struct err *e)
{
	struct server *s = mem_alloc(sizeof *s);
	struct cyrus_conf *cc = NULL;
	struct err why;

	s->name = mem_strdup(c->name);
	s->imap_admin = mem_strdup(c->imap_admin);
	s->imap_password_file = mem_strdup(c->imap_password_file);
	if (cyrus_tools_find(c->cyrus_bin, c->imapd_conf, &s->tools, &why) == -1)
		s->tools_why = mem_strdup(why.msg);
	else
		s->version = s->tools->version;
	if (imapd_conf_load(c->imapd_conf, s->version, &s->conf, e) == -1) {
		err_hint(e, "set imapd_conf in [server \"%s\"]", c->name);
		goto misconfigured;
	}
	if (cyrus_user_ids(s->conf, &s->uid, &s->gid, e) == -1) {
		err_hint(e, "is %s that of the server, and its configdirectory there?", c->imapd_conf);
		goto misconfigured;
	}
	if (c->imap != NULL)
		s->imap_address = mem_strdup(c->imap);
	if (c->cyrus_conf != NULL && cyrus_conf_load(c->cyrus_conf, &cc, NULL) == 0) {
		if (s->imap_address == NULL)
			s->imap_address = cyrus_conf_imap_address(cc);
		s->sieve_address = cyrus_conf_sieve_address(cc);
		cyrus_conf_free(cc);
	}
	*ret = s;
	return 0;
misconfigured:
	/* Whatever the system said: it is the configuration that leads there. */
	if (e != NULL)
		e->code = ERR_CONFIG;
	server_free(s);
	return -1;
}

void server_free(struct server *s)
{
	if (s == NULL)
		return;
	imapd_conf_free(s->conf);
	cyrus_tools_free(s->tools);
	free(s->name);
	free(s->tools_why);
	free(s->imap_address);
	free(s->sieve_address);
	free(s->imap_admin);
	free(s->imap_password_file);
	free(s);
}

int server_lock_file(int fd, short type, uint64_t timeout_ms)
{
	struct flock fl = { .l_type = type, .l_whence = SEEK_SET };
	uint64_t deadline = clock_monotonic_ms() + timeout_ms;

	while (fcntl(fd, F_OFD_SETLK, &fl) == -1) {
		if ((errno != EAGAIN && errno != EACCES && errno != EINTR) ||
		    clock_monotonic_ms() >= deadline)
			return -1;
		usleep(2000);
	}
	return 0;
}

/* Opens mailboxes.db under its shared lock: the caller closes both, the database first. */
static int open_list(const struct server *s, struct cyrusdb **ret, int *fd, struct err *e)
{
	*fd = open(s->conf->mboxlist_path, O_RDONLY | O_CLOEXEC);
	if (*fd == -1)
		return err_sys(e, "open %s", s->conf->mboxlist_path);
	/* Held while it is read, so that no half-made change is seen; a Berkeley file is not locked so and not harmed. */
	if (server_lock_file(*fd, F_RDLCK, 10000) == -1)
		return err_set(e, ERR_LOCKED, "%s is held by another process", s->conf->mboxlist_path);
	return cyrusdb_open(AT_FDCWD, s->conf->mboxlist_path, ret, e);
}

static int still_in_log(struct err *e)
{
	err_set(e, ERR_UNSUPPORTED, "mailboxes.db is a Berkeley database whose entries are still in its log");
	return err_hint(e, "run ctl_cyrusdb -c, then try again");
}

int server_list(const struct server *s, struct mboxlist **ret, struct err *e)
{
	struct cyrusdb *db = NULL;
	int fd, rc = -1;

	*ret = NULL;
	if (open_list(s, &db, &fd, e) == 0 && mboxlist_read_db(db, ret, e) == 0) {
		rc = 0;
		(*ret)->notes = cyrusdb_notes(db);
		if ((*ret)->n == 0 && cyrusdb_notes(db) & CYRUSDB_NOTE_NEEDS_LOG) {
			mboxlist_free(*ret);
			*ret = NULL;
			rc = still_in_log(e);
		}
	}
	cyrusdb_close(db);
	if (fd != -1)
		close(fd);
	return rc == -1 ? err_wrap(e, "read the server's mailbox list") : 0;
}

/* Counts what goes by. */
struct counting {
	mboxlist_each_fn *each;
	void *arg;
	size_t n;
};

static int count_each(void *arg, const struct mailbox_entry *entry, struct err *e)
{
	struct counting *c = arg;

	c->n++;
	return c->each(c->arg, entry, e);
}

int server_each(const struct server *s, mboxlist_each_fn *each, void *arg, unsigned *notes, struct err *e)
{
	struct counting c = { each, arg, 0 };
	struct cyrusdb *db = NULL;
	int fd, rc = -1;

	if (open_list(s, &db, &fd, e) == 0 && (rc = mboxlist_each_db(db, count_each, &c, e)) != -1) {
		*notes = cyrusdb_notes(db);
		if (c.n == 0 && *notes & CYRUSDB_NOTE_NEEDS_LOG)
			rc = still_in_log(e);
	}
	cyrusdb_close(db);
	if (fd != -1)
		close(fd);
	return rc == -1 ? err_wrap(e, "read the server's mailbox list") : rc;
}

/* The first line of the password file. free() it, after clearing it. */
static char *read_password(const char *path, struct err *e)
{
	struct buf b = BUF_INIT_MAX(4096);
	char *password;

	if (io_read_file(AT_FDCWD, path, 1024, &b, e) == -1) {
		err_hint(e, "imap_password_file must be readable by who runs cyrvault");
		if (e != NULL)
			e->code = ERR_CONFIG;
		buf_done(&b);
		return NULL;
	}
	password = mem_strndup(buf_text(&b), strcspn(buf_text(&b), "\r\n"));
	explicit_bzero(b.data, b.len);
	buf_done(&b);
	return password;
}

int server_imap(
    const struct server *s, const char *as_user, struct job *job, struct imap **ret, struct err *e)
{
	struct imap_opts opts = { .job = job };
	struct imap *im = NULL;
	char *password;
	int rc;

	if (s->imap_address == NULL || s->imap_admin == NULL || s->imap_password_file == NULL) {
		err_set(e, ERR_CONFIG, "no IMAP administrator is configured for server %s", s->name);
		return err_hint(e, "set imap, imap_admin and imap_password_file in [server \"%s\"]", s->name);
	}
	password = read_password(s->imap_password_file, e);
	if (password == NULL)
		return -1;
	rc = imap_connect(s->imap_address, &opts, &im, e);
	if (rc == 0)
		rc = imap_login_plain(im, s->imap_admin, as_user, password, e);
	explicit_bzero(password, strlen(password));
	free(password);
	if (rc == -1) {
		imap_close(im);
		err_wrap(e, "IMAP at %s", s->imap_address);
		if (e != NULL && e->code == ERR_AUTH)
			return err_hint(e,
			    "check imap_admin and imap_password_file in [server \"%s\"], and admins in %s",
			    s->name, s->conf->path);
		return err_hint(e, "is the server running, and imap right in [server \"%s\"]?", s->name);
	}
	*ret = im;
	return 0;
}

int server_sieve(
    const struct server *s, const char *userid, struct job *job, struct sieve **ret, struct err *e)
{
	struct imap_opts opts = { .job = job };
	char *password;
	int rc;

	if (s->sieve_address == NULL) {
		err_set(e, ERR_CONFIG, "cyrus.conf of server %s starts no timsieved", s->name);
		return err_hint(
		    e, "set cyrus_conf in [server \"%s\"], or let it listen on loopback", s->name);
	}
	if (s->imap_admin == NULL || s->imap_password_file == NULL) {
		err_set(e, ERR_CONFIG, "no IMAP administrator is configured for server %s", s->name);
		return err_hint(e, "set imap_admin and imap_password_file in [server \"%s\"]", s->name);
	}
	password = read_password(s->imap_password_file, e);
	if (password == NULL)
		return -1;
	rc = sieve_connect(s->sieve_address, s->imap_admin, userid, password, &opts, ret, e);
	explicit_bzero(password, strlen(password));
	free(password);
	return rc == -1 ? err_wrap(e, "ManageSieve at %s", s->sieve_address) : 0;
}

int server_mailbox_dir(const struct server *s, const struct mailbox_entry *entry, unsigned which_meta,
    struct buf *b, struct err *e)
{
	const struct cyrus_partition *p =
	    imapd_conf_partition(s->conf, entry->partition != NULL ? entry->partition : "");

	if (p == NULL) {
		err_set(e, ERR_CONFIG, "mailbox %s is on partition %s, which imapd.conf does not have",
		    entry->name, entry->partition != NULL ? entry->partition : "(none)");
		return err_hint(e, "add partition-%s to %s",
		    entry->partition != NULL ? entry->partition : "NAME", s->conf->path);
	}
	buf_str(b, which_meta != 0 ? imapd_conf_meta_root(s->conf, p, which_meta) : p->spool);
	buf_char(b, '/');
	return mboxname_dir(
	    s->conf, mailbox_entry_layout(s->conf, entry), entry->name, entry->uniqueid, b, e);
}
