/* damage.h: which archives were found damaged by a verification. Remembered in the state directory, so that none of them is taken for a good one
 * later, though its end mark and index be whole. A mark means the object as it was then: of that size and time. */
#ifndef APP_DAMAGE_H
#define APP_DAMAGE_H

#include "app/app.h"

struct damage {
	struct damage_mark {
		const char *store, *name; /* the store's section */
		uint64_t size_bytes;
		int64_t mtime;
	} * list;
	size_t n;
	char *text; /* all of these lie in it */
};

/** damage_read(app, ret): All marks; none if they cannot be read (that is in the log). damage_done() it. */
void damage_read(struct app *app, struct damage *ret);
void damage_done(struct damage *d);

/** damage_is(d, a): That archive was found damaged, and is as it was. damage_is_object(d, store, name, size_bytes, mtime): The same. */
bool damage_is(const struct damage *d, const struct app_archive *a);
bool damage_is_object(
    const struct damage *d, const char *store, const char *name, uint64_t size_bytes, int64_t mtime);

/** damage_note(app, store, name, o, damaged): Remember, or forget, that the object was found damaged; a failure is logged. ${store}: its section. */
void damage_note(
    struct app *app, const char *store, const char *name, const struct store_object *o, bool damaged);

#endif
