/* store_sftp.h: a store on another host, for store.c and for tests that bring their own channel. */
#ifndef STORE_STORE_SFTP_H
#define STORE_STORE_SFTP_H

#include "store/sftp_host.h"

/** store_sftp_open(s, conf, links, path, create, dial, e): Make ${s} the store in directory ${path} of the host that ${dial} leads to. ${conf} outlives it. */
int store_sftp_open(struct store *s, const struct conf_store *conf, struct store_links *links,
    const char *path, bool create, sftp_dial_fn *dial, struct err *e);

#endif
