/* links.h: names that wait for the content that another entry of a foreign archive brings. */
#ifndef ARCHIVE_LINKS_H
#define ARCHIVE_LINKS_H

#include <stdbool.h>
#include <stddef.h>

struct links;

struct link_name {
	struct link_name *next;
	char name[];
};

/** links_new(), links_free(l): links_free() takes NULL. */
struct links *links_new(void);
void links_free(struct links *l);

/** links_wait(l, key, name): ${name} waits for the content of ${key}. */
void links_wait(struct links *l, const char *key, const char *name);

/** links_take(l, key): The names that wait for ${key}, in order, which no longer do; NULL if none. link_names_free() them. */
struct link_name *links_take(struct links *l, const char *key);

/** links_take_any(l): The same for some key that is still waited for; NULL when there is none. */
struct link_name *links_take_any(struct links *l);

bool links_empty(const struct links *l);

void link_names_free(struct link_name *n);

#endif
