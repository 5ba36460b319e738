/* json.h: requests and names as JSON, for the files of a case and for plan files. */
#ifndef RESTORE_JSON_H
#define RESTORE_JSON_H

#include <jansson.h>

#include "restore/restore.h"

/** json_name(s): A string; NULL: null. Bytes that are not UTF-8 become {"hex": "..."}, so that nothing is lost. json_name_get(v): The same
 * back, heap; NULL when ${v} is neither, or holds a NUL. */
json_t *json_name(const char *s);
char *json_name_get(const json_t *v);

/** json_set_name(o, key, s), json_set_number(o, key, n), json_set_flag(o, key, v): A member of an object. */
void json_set_name(json_t *o, const char *key, const char *s);
void json_set_number(json_t *o, const char *key, uint64_t n);
void json_set_flag(json_t *o, const char *key, bool v);

/** json_get_number(o, key, max, ret): 0; -1 when it is not there, no number, negative, or more than ${max}. */
int json_get_number(const json_t *o, const char *key, uint64_t max, uint64_t *ret);

/** json_text(v, ret): Append it as lines for people and programs, members in the order in which they were set. json_parse(p, n, what, e): One value, or
 * NULL with ERR_FORMAT; ${what} names it in errors. json_decref() it. */
void json_text(const json_t *v, struct buf *ret);
json_t *json_parse(const char *p, size_t n, const char *what, struct err *e);

/** restore_request_write(r): What is asked for, complete, without what is of one moment (unfinished, cut_off, earlier). restore_request_read(v, ret,
 * e): The same back: ERR_FORMAT names what is wrong; nothing is believed that a command line could not say. restore_request_done() it. */
json_t *restore_request_write(const struct restore_request *r);
int restore_request_read(const json_t *v, struct restore_request *ret, struct err *e);

/** restore_request_same(a, b): They ask for the same. */
bool restore_request_same(const struct restore_request *a, const struct restore_request *b);

#endif
