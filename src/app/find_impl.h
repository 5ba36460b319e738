/* find_impl.h: between the files of app_find(). Only for them. */
#ifndef APP_FIND_IMPL_H
#define APP_FIND_IMPL_H

#include "app/find_match.h"
#include "cyrus/server.h"

/* A message that fits, while it is not told yet. */
struct candidate {
	uint32_t id; /* in the catalogue; 0: only the live server has it */
	uint8_t guid[SHA1_SIZE];
	struct find_mail
	    *mail; /* date, places and what is live; texts only of one that the catalogue does not know */
};

struct candidates {
	struct candidate *list;
	size_t n, cap;
};

/** candidates_add(l, id, mail): A new one, for the text ${mail}. */
struct candidate *candidates_add(struct candidates *l, uint32_t id, const struct catalogue_mail *mail);
void candidates_done(struct candidates *l);

/** find_set_texts(to, mail): Copy its texts and size. find_add_place(to): One more, empty. */
void find_set_texts(struct find_mail *to, const struct catalogue_mail *mail);
struct find_place *find_add_place(struct find_mail *to);

/** find_look_live(r, m, c, l, job, e): Look through the live server: set what is live of each of ${l}, and, unless one archive was asked for, add those that only it
 * has. A mailbox that cannot be read is passed over. */
int find_look_live(const struct find_request *r, const struct find_match *m, struct catalogue *c,
    struct candidates *l, struct job *job, struct err *e);

/** find_bodies_new(r, m, job), find_bodies_free(b): Who looks into messages. find_in_body(b, mail, e): Its text, out of the archive of its first place: 1 it fits, 0,
 * -1 it cannot be read. */
struct find_bodies;
struct find_bodies *find_bodies_new(
    const struct find_request *r, const struct find_match *m, struct job *job);
void find_bodies_free(struct find_bodies *b);
int find_in_body(struct find_bodies *b, const struct find_mail *mail, struct err *e);

#endif
