/* backup_rows_priv.h: rows that a backup has before, while and after it runs. */
#ifndef UI_BACKUP_ROWS_PRIV_H
#define UI_BACKUP_ROWS_PRIV_H

#include "ui/backup_rows.h"

/** rows_add(s, style, a, b, more, fmt, ...): sheet_add() with its third cell formatted. */
void rows_add(struct sheet *s, enum style style, const char *a, const char *b, const char *more,
    const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/** rows_volume(s, label, v): How full the snapshot of one volume is, or was at most. */
void rows_volume(struct sheet *s, const char *label, const struct snapshot_volume *v);

/** rows_seconds(b, ms): Append "0.4 s", "12 s", "3 min 20 s". */
void rows_seconds(struct buf *b, uint64_t ms);

#endif
