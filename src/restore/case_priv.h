/* case_priv.h: between case.c and case_json.c. Only for them. */
#ifndef RESTORE_CASE_PRIV_H
#define RESTORE_CASE_PRIV_H

#include "restore/case.h"
#include "restore/json.h"

/** case_info_text(i, b): Append case.json. case_info_parse(p, n, ret, e): The same back, without id. */
void case_info_text(const struct case_info *i, struct buf *b);
int case_info_parse(const char *p, size_t n, struct case_info *ret, struct err *e);

#endif
