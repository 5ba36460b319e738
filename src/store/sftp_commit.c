/* sftp_commit.c: the beginning and the end of an upload: a partial of our own, and the name that nobody else has. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "store/sftp_upload.h"

#define BEGIN_TRIES 3

int sftp_server_time(struct sftp_host *h, const char *dir, int64_t *ret, struct err *e)
{
	static unsigned number;
	struct sftp *s = sftp_host_main(h);
	char *name = mem_printf(".cyrvault-time-%ld-%llx-%u.partial", (long)getpid(),
	    (unsigned long long)clock_monotonic_ms(), __atomic_add_fetch(&number, 1, __ATOMIC_RELAXED));
	char *path = sftp_path(dir, name);
	struct sftp_handle handle;
	struct sftp_attrs a;
	int rc;

	rc = sftp_open_file(
	    s, h->store->job, path, SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_EXCLUSIVE, &handle, e);
	if (rc == 0) {
		rc = sftp_fstat(s, h->store->job, &handle, &a, e);
		sftp_forget_handle(s, &handle);
		if (sftp_remove(s, NULL, path, NULL) == -1)
			log_write(LOG_LEVEL_DEBUG, "%s stays in the store", path);
		*ret = a.mtime;
	}
	free(path);
	free(name);
	return rc;
}

/* Something has the partial's name: whose is it? 0: it is gone now. */
static int take_over(struct sftp_upload *u, const struct sftp_attrs *there, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct job *job = u->h->store->job;
	int64_t now;

	/* Made by ourselves, just before the connection was lost. */
	if (u->tried_begin && there->size == 0)
		return sftp_remove(s, job, u->partial, e);
	if (sftp_server_time(u->h, u->dir, &now, e) == -1)
		return -1;
	if (now - (int64_t)there->mtime < SFTP_PARTIAL_SECONDS) {
		err_set(e, ERR_LOCKED,
		    "%s is being written by another run, or one that ended less than %d minutes ago", u->name,
		    SFTP_PARTIAL_SECONDS / 60);
		return err_hint(e, "wait for it to end, then run it again");
	}
	if (sftp_remove(s, job, u->partial, e) == -1)
		return err_wrap(e, "remove what an interrupted run left");
	log_write(LOG_LEVEL_WARNING, "removed %s, left by an interrupted run", u->partial);
	return 0;
}

static int make_partial(struct sftp_upload *u, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct job *job = u->h->store->job;
	struct sftp_attrs a;
	int rc = -1;

	if (sftp_stat(s, job, SFTP_LSTAT, u->path, &a, e) == 0)
		return err_set(e, ERR_EXISTS, "%s is there already", u->name);
	if (sftp_why(s) != NULL || (e != NULL && e->code == ERR_CANCELLED))
		return -1;
	for (int tries = 0; tries < BEGIN_TRIES && rc == -1; tries++) {
		err_clear(e);
		rc = sftp_open_file(s, job, u->partial,
		    SFTP_OPEN_WRITE | SFTP_OPEN_CREATE | SFTP_OPEN_EXCLUSIVE, &u->at[0].handle, e);
		/* Taken, or refused? */
		if (rc == -1 && sftp_stat(s, job, SFTP_LSTAT, u->partial, &a, NULL) == -1)
			break;
		if (rc == -1 && take_over(u, &a, e) == -1)
			return -1;
	}
	if (rc == -1)
		return sftp_next_step(e);
	u->at[0].serial = u->h->slots[0].serial;
	return 0;
}

int sftp_upload_begin(struct sftp_upload *u, struct err *e)
{
	int rc;

	do {
		rc = make_partial(u, e);
		u->tried_begin = true;
	} while (rc == -1 && sftp_host_again(u->h, &u->tries, e));
	return rc;
}

/* The name still leads to what we wrote: 1, 0, or -1 when that cannot be known. */
static int is_still(struct sftp_upload *u, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct job *job = u->h->store->job;
	struct sftp_attrs mine, there;

	if (u->at[0].serial != u->h->slots[0].serial || u->at[0].handle.n == 0)
		return err_set(e, ERR_CONNECTION, "the connection was lost");
	if (sftp_fstat(s, job, &u->at[0].handle, &mine, e) == -1)
		return -1;
	if (sftp_stat(s, job, SFTP_LSTAT, u->partial, &there, e) == -1)
		return e != NULL && e->code == ERR_NOT_FOUND ? 0 : -1;
	return mine.size == there.size && mine.mtime == there.mtime;
}

void sftp_upload_discard(struct sftp_upload *u)
{
	struct job *job = u->h->store->job;
	struct err e = { 0 };
	struct sftp *s;

	u->h->store->job = NULL; /* also when the operator wants to stop */
	s = sftp_host_main(u->h);
	if (sftp_why(s) == NULL && is_still(u, &e) == 1 && sftp_remove(s, NULL, u->partial, &e) == -1) {
		/* Who may not remove may empty it, unless it may have got its name. */
		if (u->tried_commit || sftp_truncate(s, NULL, u->partial, NULL) == -1)
			log_write(LOG_LEVEL_WARNING, "%s stays: %s", u->partial, e.msg);
	}
	u->h->store->job = job;
}

/* Committing. */

/* All bytes on the disk there, and the partial still where it was. */
static int settle(struct sftp_upload *u, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct job *job = u->h->store->job;
	struct sftp_attrs a;
	int still;

	if (u->at[0].serial != u->h->slots[0].serial) {
		if (sftp_open_file(s, job, u->partial, SFTP_OPEN_WRITE, &u->at[0].handle, e) == -1)
			return -1;
		u->at[0].serial = u->h->slots[0].serial;
	}
	if (sftp_limits(s)->fsync && sftp_fsync(s, job, &u->at[0].handle, e) == -1)
		return err_wrap(e, "commit %s", u->name);
	still = is_still(u, e);
	if (still == -1)
		return -1;
	if (still == 0) {
		err_set(e, ERR_SYS, "commit %s: the unfinished archive was removed from the store", u->name);
		return err_hint(e, "nothing was stored; find out who clears %s, then run it again", u->dir);
	}
	if (sftp_stat(s, job, SFTP_LSTAT, u->path, &a, e) == 0)
		return err_set(e, ERR_EXISTS, "commit %s: it is there already", u->name);
	return e != NULL && e->code != ERR_NOT_FOUND ? -1 : 0;
}

/* RENAME refuses to replace; where a server does not have it, a second name does as well. */
static int give_name(struct sftp_upload *u, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct job *job = u->h->store->job;
	struct sftp_attrs a;
	struct err why = { 0 };

	if (sftp_rename(s, job, u->partial, u->path, &why) == 0)
		return 0;
	if (why.code == ERR_UNSUPPORTED && sftp_link(s, job, u->partial, u->path, &why) == 0) {
		if (sftp_remove(s, job, u->partial, NULL) == -1)
			log_write(LOG_LEVEL_WARNING, "%s stays", u->partial);
		return 0;
	}
	if (sftp_why(s) == NULL && why.code == ERR_SYS &&
	    sftp_stat(s, job, SFTP_LSTAT, u->path, &a, NULL) == 0)
		return err_set(e, ERR_EXISTS, "commit %s: it is there already", u->name);
	if (e != NULL)
		*e = why;
	return err_wrap(e, "commit %s", u->name);
}

/* After the connection was lost while the name was given: 1: it has it; 0: not yet. */
static int was_named(struct sftp_upload *u, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct job *job = u->h->store->job;
	struct sftp_attrs named, partial;
	struct err no_partial = { 0 };
	int rc = sftp_stat(s, job, SFTP_LSTAT, u->path, &named, e),
	    rp = sftp_stat(s, job, SFTP_LSTAT, u->partial, &partial, &no_partial);

	if (rc == -1 && (e == NULL || e->code != ERR_NOT_FOUND))
		return -1;
	if (rp == -1 && no_partial.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = no_partial;
		return -1;
	}
	if (rc == -1 && rp == 0)
		return 0;
	if (rc == -1)
		return err_set(
		    e, ERR_SYS, "commit %s: the unfinished archive is gone from the store", u->name);
	/* Nobody else renames our partial. With both names there the server died between the two steps of its rename. */
	if (named.size != u->off || (rp == 0 && (partial.size != named.size || partial.mtime != named.mtime)))
		return err_set(e, ERR_EXISTS, "commit %s: it is there already", u->name);
	if (rp == 0)
		sftp_remove(s, job, u->partial, NULL);
	return 1;
}

static int commit_once(struct sftp_upload *u, struct err *e)
{
	struct sftp *s = sftp_host_main(u->h);
	struct sftp_attrs a;
	int named = 0;

	if (u->tried_commit && (named = was_named(u, e)) == -1)
		return -1;
	if (named == 0) {
		err_clear(e);
		if (sftp_upload_flush(u, e) == -1 || settle(u, e) == -1)
			return -1;
		err_clear(e);
		if (fault_point("store-commit", e) == -1)
			return sftp_next_step(e);
		u->tried_commit = true;
		if (give_name(u, e) == -1)
			return -1;
	}
	s = sftp_host_main(u->h);
	err_clear(e);
	if (sftp_stat(s, u->h->store->job, SFTP_LSTAT, u->path, &a, e) == -1)
		return -1;
	if (a.size != u->off) {
		sftp_remove(s, u->h->store->job, u->path, NULL);
		return err_set(e, ERR_SYS, "commit %s: %llu bytes arrived of %llu", u->name,
		    (unsigned long long)a.size, (unsigned long long)u->off);
	}
	return 0;
}

int sftp_upload_commit(struct sftp_upload *u, struct err *e)
{
	struct err mine = { 0 };
	int rc;

	if (e == NULL)
		e = &mine;
	if (u->committed)
		return err_set(e, ERR_EXISTS, "%s was committed before", u->name);
	do
		rc = commit_once(u, e);
	while (rc == -1 && sftp_host_again(u->h, &u->tries, e));
	if (rc == -1 && e->code == ERR_CONNECTION && u->tried_commit)
		err_hint(
		    e, "whether it was stored is not known: list the store when the host can be reached");
	if (rc == -1)
		return sftp_next_step(e);
	u->committed = true;
	return 0;
}

int sftp_upload_reread(struct sftp_upload *u, struct stream **ret, struct err *e)
{
	struct err why = { 0 };

	if (sftp_upload_flush(u, e) == -1)
		return -1;
	if (sftp_read_new(u->h, u->partial, u->name, ret, &why) == 0)
		return 0;
	if (e != NULL)
		*e = why;
	if (why.code != ERR_NOT_FOUND)
		return sftp_next_step(e);
	err_set(e, ERR_SYS, "read %s back: the unfinished archive was removed from the store", u->name);
	return err_hint(e, "nothing was stored; find out who clears %s, then run it again", u->dir);
}
