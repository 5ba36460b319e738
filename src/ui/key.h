/* key.h: keys, their names, and which request each stands for. */
#ifndef UI_KEY_H
#define UI_KEY_H

#include <stdint.h>

#include "core/conf.h"
#include "core/err.h"
#include "ui/request.h"

/** A key is a Unicode character, a control character ('\t', 0x0c for Ctrl-L), or one of these. */
enum key {
	KEY_NOTHING = -1,
	KEY_NAMED = 0x110000,
	KEY_ARROW_UP = KEY_NAMED,
	KEY_ARROW_DOWN,
	KEY_ARROW_LEFT,
	KEY_ARROW_RIGHT,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_GO_HOME,
	KEY_GO_END,
	KEY_INSERT,
	KEY_DELETE,
	KEY_RUBOUT, /* Backspace, whatever the terminal sends for it */
	KEY_RETURN,
	KEY_ESC,
	KEY_F1,
	KEY_F12 = KEY_F1 + 11,
	KEY_CLICK, /* term_mouse() says where */
	KEY_WHEEL_UP,
	KEY_WHEEL_DOWN,
};

/** key_parse(word): "a", "Enter", "Ctrl-L", "F5", "Space": its number; KEY_NOTHING for a word that is none. */
int key_parse(const char *word);

/** key_word(key, dst, size): The inverse. */
const char *key_word(int key, char *dst, size_t size);

struct keymap;

/** keymap_new(pairs, n, ret, e): The table of requests, with the lines of section [keys] in place of its own: name = words. ERR_CONFIG with file and
 * line for an unknown request or key, or one key for two requests. keymap_free() it. */
int keymap_new(const struct conf_pair *pairs, size_t n, struct keymap **ret, struct err *e);
void keymap_free(struct keymap *m);

/** keymap_request(m, key): REQUEST_NONE when it stands for nothing. */
enum request keymap_request(const struct keymap *m, int key);

/** keymap_keys(m, r): Its keys as words, "" when it has none. keymap_first(m, r, dst, size): The first of them. */
const char *keymap_keys(const struct keymap *m, enum request r);
const char *keymap_first(const struct keymap *m, enum request r, char *dst, size_t size);

#endif
