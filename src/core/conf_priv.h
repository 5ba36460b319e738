/* conf_priv.h: what the two files of the configuration share. */
#ifndef CORE_CONF_PRIV_H
#define CORE_CONF_PRIV_H

#include "core/conf.h"

/** conf_read_file(c, path, e): Add what ${path} says to ${c}; ERR_CONFIG. */
int conf_read_file(struct conf *c, const char *path, struct err *e);

/** conf_add_server(c, name), conf_add_store(c, name, url), conf_add_tape(c, name): A further section with its defaults, at the end of its array; ${url} may be NULL. */
void conf_add_server(struct conf *c, const char *name);
void conf_add_store(struct conf *c, const char *name, const char *url);
void conf_add_tape(struct conf *c, const char *name);

#endif
