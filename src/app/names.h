/* names.h: a mailbox as it was typed -> one of an archive's, and what may have been meant when there is none. */
#ifndef APP_NAMES_H
#define APP_NAMES_H

#include "app/app.h"

/** What turns names into what is typed and shown: an imapd.conf, the archive's or the live one. */
struct names {
	const struct imapd_conf *conf; /* NULL: none could be had; names are then internal */
	struct server *server;         /* whose conf it is, if not the archive's */
};

/** names_init(n, app, server, source): The archive's (NULL: no archive) imapd.conf if it holds one, else the live server's. names_done(n). */
void names_init(struct names *n, struct app *app, const char *server, const struct source *source);
void names_done(struct names *n);

/** names_show(n, internal, b): Append the name for people, safe. */
void names_show(const struct names *n, const char *internal, struct buf *b);

/** names_typed(n, internal, b): Append the name as a command takes it, not quoted: as people see it where that leads back to it, else the
 * internal one. It may hold any bytes. */
void names_typed(const struct names *n, const char *internal, struct buf *b);

/** names_find(n, source, text, ret, e): The mailbox that ${text} means, internal or as the administrator sees it. ERR_NOT_FOUND with the
 * nearest ones as the hint. */
int names_find(
    const struct names *n, const struct source *source, const char *text, size_t *ret, struct err *e);

/** names_live(app, server, text): The live mailbox that ${text} means, by its internal name (heap); NULL: there is none, or the server cannot
 * be asked. */
char *names_live(struct app *app, const char *server, const char *text);

/** names_deleted(n, source, text): Of a source that is the running server: the name, internal and on the heap, that a mailbox it has kept as DELETED.*, or one above such,
 * had; NULL: there is none. */
char *names_deleted(const struct names *n, const struct source *source, const char *text);

/** names_match(n, internal, pattern): ${pattern} is a shell pattern over the whole name; without any of "*?[" it may stand anywhere in it.
 * Letter case does not count. */
bool names_match(const struct names *n, const char *internal, const char *pattern);

#endif
