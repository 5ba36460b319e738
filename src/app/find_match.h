/* find_match.h: what is looked for, made ready to be compared with many messages. Pure. */
#ifndef APP_FIND_MATCH_H
#define APP_FIND_MATCH_H

#include "app/find.h"
#include "db/catalogue_mails.h"

#define FIND_WORDS 16

struct find_match {
	char *words[FIND_WORDS]; /* folded, as all that follows */
	size_t n_words;
	char *from, *to, *subject, *body; /* NULL: does not matter */
	char *message_id;                 /* without <> */
	int64_t since, before;
};

/** find_match_init(m, r, e): ERR_USAGE: nothing, or too much, is asked for. find_match_done(m), in either case. */
int find_match_init(struct find_match *m, const struct find_request *r, struct err *e);
void find_match_done(struct find_match *m);

/** find_fold(s): Folded, on the heap; NULL stays NULL. */
char *find_fold(const char *s);

/** find_matches(m, mail): All but the body. find_matches_text(m, text): Its body. */
bool find_matches(const struct find_match *m, const struct catalogue_mail *mail);
bool find_matches_text(const struct find_match *m, const char *text);

#endif
