/* archive_words.h: what a screen says of one archive. */
#ifndef UI_ARCHIVE_WORDS_H
#define UI_ARCHIVE_WORDS_H

#include "app/prune.h"
#include "ui/canvas.h"
#include "ui/text.h"

/** archive_keep_word(app, a, why, style): In four columns: "yes": protected; "goes": the next rotation removes it; "tape": not before it is on
 * tape; "". ${why} RETENTION_WHYS: not known. */
const char *archive_keep_word(
    struct app *app, const struct app_archive *a, enum retention_why why, enum style *style);

/** archive_write(t, app, a, why): All that the list knows of it, a line for each. */
void archive_write(struct text *t, struct app *app, const struct app_archive *a, enum retention_why why);

#endif
