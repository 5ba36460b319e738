/* catalogue_mails.h: which messages every known archive holds, so that one is found without opening an archive.
 *
 * A message has one text, however many mailboxes and archives it is in: what is told of it in lists, and searched. A mailbox has one list of
 * messages for each state of its cyrus.index that an archive had; one that did not change from fill to fill has one list for all of them.
 * Filling is apart from that of mailboxes (catalogue.h): it may take long, may be broken off at any time and begun again, and counts once
 * it has come to its end. */
#ifndef DB_CATALOGUE_MAILS_H
#define DB_CATALOGUE_MAILS_H

#include "core/digest.h"
#include "db/catalogue.h"

/** A message. Strings are UTF-8 on one line, safe to show, never NULL. */
struct catalogue_mail {
	uint8_t guid[SHA1_SIZE]; /* made up by who fills where the archive has none */
	int64_t date;
	uint64_t size_bytes;
	const char *from, *to, *subject, *message_id;
	/* Read back: the first three as fold_add() makes them where fold_ascii_suffices() is not so, else the same ones. */
	const char *search_from, *search_to, *search_subject;
};

/** Where it is. */
struct catalogue_place {
	uint32_t uid;
	bool expunged; /* it was already, in the archive */
	uint8_t guid[SHA1_SIZE];
};

/* ---- filling ---- */

struct catalogue_mails;

/** catalogue_mails_begin(c, archive, job, ret, e): Take in the messages of a filled archive; ${archive} outlives it. What comes goes to the catalogue
 * piece by piece, and the lock of who writes is held only then. ERR_NOT_FOUND: it is not filled. It belongs to one thread. */
int catalogue_mails_begin(struct catalogue *c, const struct catalogue_archive *archive, struct job *job,
    struct catalogue_mails **ret, struct err *e);

/** catalogue_mails_same(m, name, content, e): 1: the newest list of that mailbox was made of a cyrus.index with this SHA-256, and nothing is left to do; 0; -1. */
int catalogue_mails_same(
    struct catalogue_mails *m, const char *name, const uint8_t content[SHA256_SIZE], struct err *e);

/** catalogue_mails_known(m, guid, e): 1: its text is there, 0, -1. catalogue_mails_add(m, mail, e): Here is one. */
int catalogue_mails_known(struct catalogue_mails *m, const uint8_t guid[SHA1_SIZE], struct err *e);
int catalogue_mails_add(struct catalogue_mails *m, const struct catalogue_mail *mail, struct err *e);

/** catalogue_mails_box(m, name, content, places, n, e): The messages of a mailbox, ascending by UID; those whose text is neither known nor was added are
 * left out. */
int catalogue_mails_box(struct catalogue_mails *m, const char *name, const uint8_t content[SHA256_SIZE],
    const struct catalogue_place *places, size_t n, struct err *e);

/** catalogue_mails_commit(m, e): That was all: mailboxes of which nothing was said (by one of the calls above with a name) have no messages in this archive. ERR_NOT_FOUND:
 * the archive was replaced or forgotten meanwhile. catalogue_mails_free(): NULL-safe. */
int catalogue_mails_commit(struct catalogue_mails *m, struct err *e);
void catalogue_mails_free(struct catalogue_mails *m);

/* ---- finding ---- */

/** catalogue_mails_have(c, list, ret, e): For each archive of ${list} whether its messages are known, into ${ret}. */
int catalogue_mails_have(struct catalogue *c, const struct catalogue_archives *list, bool *ret, struct err *e);

/** catalogue_mails_each(c, job, each, arg, e): All messages there are, in no order; ${id} is the catalogue's number of it. ${each} returns 0, 1 to stop, -1; strings
 * live for the call, in which no lock is held. */
typedef int catalogue_mail_fn(void *arg, uint32_t id, const struct catalogue_mail *mail, struct err *e);
int catalogue_mails_each(
    struct catalogue *c, struct job *job, catalogue_mail_fn *each, void *arg, struct err *e);

/** catalogue_mail_get(c, id, room, ret, e): One of them: 1, 0: there is none, -1. Strings lie in ${room}, which is cleared first. catalogue_mail_known(c, guid, e): 1, 0, -1. */
int catalogue_mail_get(
    struct catalogue *c, uint32_t id, struct buf *room, struct catalogue_mail *ret, struct err *e);
int catalogue_mail_known(struct catalogue *c, const uint8_t guid[SHA1_SIZE], struct err *e);

/** A message in one mailbox, under one UID, and which archives have it there. */
struct catalogue_found {
	uint32_t id, uid;
	const char *server, *mailbox;          /* lineage; internal name */
	bool expunged;                         /* in the newest of them */
	const uint32_t *archives;              /* ids, in the order in which they were filled */
	size_t n_archives;
};

/** catalogue_places_each(c, ids, n, job, each, arg, e): Every place of the messages whose numbers are in ${ids} (ascending), mailbox after mailbox. ${each} as
 * above. */
typedef int catalogue_found_fn(void *arg, const struct catalogue_found *f, struct err *e);
int catalogue_places_each(struct catalogue *c, const uint32_t *ids, size_t n, struct job *job,
    catalogue_found_fn *each, void *arg, struct err *e);

#endif
