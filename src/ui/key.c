/* key.c: names of keys, and the map from keys to requests. */
#include "ui/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/mem.h"
#include "core/str.h"

static const struct {
	const char *name;
	int key;
} names[] = {
	{ "Up", KEY_ARROW_UP },
	{ "Down", KEY_ARROW_DOWN },
	{ "Left", KEY_ARROW_LEFT },
	{ "Right", KEY_ARROW_RIGHT },
	{ "PgUp", KEY_PAGE_UP },
	{ "PgDn", KEY_PAGE_DOWN },
	{ "Home", KEY_GO_HOME },
	{ "End", KEY_GO_END },
	{ "Ins", KEY_INSERT },
	{ "Del", KEY_DELETE },
	{ "Backspace", KEY_RUBOUT },
	{ "Enter", KEY_RETURN },
	{ "Esc", KEY_ESC },
	{ "Tab", '\t' },
	{ "Space", ' ' },
};

int key_parse(const char *word)
{
	uint64_t f;
	uint32_t cp = 0;
	size_t n = strlen(word);

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcasecmp(names[i].name, word) == 0)
			return names[i].key;
	if (strncasecmp(word, "Ctrl-", 5) == 0 && n == 6) {
		int c = word[5] & ~0x20;

		return c >= 'A' && c <= 'Z' ? c - 'A' + 1 : KEY_NOTHING;
	}
	if (n >= 2 && n <= 3 && (word[0] == 'F' || word[0] == 'f') && str_u64(word + 1, 12, &f) == 0 &&
	    f >= 1)
		return KEY_F1 + (int)f - 1;
	return n > 0 && str_utf8_next(word, n, &cp) == n && cp > ' ' ? (int)cp : KEY_NOTHING;
}

const char *key_word(int key, char *dst, size_t size)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (names[i].key == key) {
			snprintf(dst, size, "%s", names[i].name);
			return dst;
		}
	}
	if (key >= KEY_F1 && key <= KEY_F12)
		snprintf(dst, size, "F%d", key - KEY_F1 + 1);
	else if (key > 0 && key < ' ')
		snprintf(dst, size, "Ctrl-%c", key + 'A' - 1);
	else if (key > ' ' && key < KEY_NAMED) {
		str_utf8_put(&b, (uint32_t)key);
		snprintf(dst, size, "%s", buf_text(&b));
		buf_done(&b);
	} else
		snprintf(dst, size, "?");
	return dst;
}

struct binding {
	int key;
	enum request request;
};

struct keymap {
	struct binding *list;
	size_t n, cap;
	char *words[REQUEST_COUNT];
};

static const struct binding *find(const struct keymap *m, int key)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].key == key)
			return &m->list[i];
	return NULL;
}

static int bind_words(struct keymap *m, enum request r, const char *words, const char **bad)
{
	char word[32];

	for (const char *s = words + strspn(words, " \t"); *s != '\0'; s += strspn(s, " \t")) {
		size_t n = strcspn(s, " \t");
		const struct binding *taken;
		int key;

		snprintf(word, sizeof word, "%.*s", (int)n, s);
		key = key_parse(word);
		*bad = s;
		s += n;
		if (key == KEY_NOTHING)
			return -1;
		taken = find(m, key);
		if (taken != NULL && taken->request == r)
			continue;
		if (taken != NULL)
			return -2;
		m->list = mem_grow(m->list, &m->cap, m->n + 1, sizeof *m->list);
		m->list[m->n++] = (struct binding){ key, r };
	}
	return 0;
}

static int complain(const struct conf_pair *p, int why, const char *bad, struct err *e)
{
	if (why == -2)
		err_set(e, ERR_CONFIG, "%s line %u: %s: key %.*s stands for something else already", p->file,
		    p->line, p->name, (int)strcspn(bad, " \t"), bad);
	else
		err_set(e, ERR_CONFIG, "%s line %u: %s: there is no key \"%.*s\"", p->file, p->line, p->name,
		    (int)strcspn(bad, " \t"), bad);
	return err_hint(
	    e, "keys are letters, F1 to F12, Ctrl-A, Enter, Space, Tab, Esc, Up, PgDn, Home, Ins, ...");
}

static int unknown_request(const struct conf_pair *p, struct err *e)
{
	const char *best = NULL;
	unsigned least = 4;

	for (int r = 1; r < REQUEST_COUNT; r++) {
		unsigned d = str_distance(p->name, request_info((enum request)r)->name);

		if (d < least) {
			least = d;
			best = request_info((enum request)r)->name;
		}
	}
	err_set(e, ERR_CONFIG, "%s line %u: [keys] has no \"%s\"", p->file, p->line, p->name);
	if (best != NULL)
		err_hint(e, "did you mean \"%s\"?", best);
	return err_hint(e, "the names are those that ? shows in the console");
}

/* As everywhere in the configuration, the last one counts. */
static bool comes_again(const struct conf_pair *pairs, size_t n, size_t i)
{
	for (size_t k = i + 1; k < n; k++)
		if (strcmp(pairs[k].name, pairs[i].name) == 0)
			return true;
	return false;
}

int keymap_new(const struct conf_pair *pairs, size_t n, struct keymap **ret, struct err *e)
{
	struct keymap *m = mem_alloc(sizeof *m);
	bool own[REQUEST_COUNT] = { false };
	const char *bad = NULL;

	for (size_t i = 0; i < n; i++) {
		enum request r = request_find(pairs[i].name);
		int why;

		if (r == REQUEST_NONE) {
			keymap_free(m);
			return unknown_request(&pairs[i], e);
		}
		if (comes_again(pairs, n, i))
			continue;
		why = bind_words(m, r, pairs[i].value, &bad);
		if (why != 0) {
			keymap_free(m);
			return complain(&pairs[i], why, bad, e);
		}
		own[r] = true;
		free(m->words[r]);
		m->words[r] = mem_strdup(pairs[i].value);
	}
	for (int r = 1; r < REQUEST_COUNT; r++) {
		struct buf words = BUF_INIT;
		const char *keys = request_info((enum request)r)->keys;

		if (own[r])
			continue;
		/* A key that the configuration gave to another request is no longer this one's. */
		for (const char *s = keys; *s != '\0'; s += strspn(s, " ")) {
			size_t len = strcspn(s, " ");
			char word[32];

			snprintf(word, sizeof word, "%.*s", (int)len, s);
			if (bind_words(m, (enum request)r, word, &bad) == 0)
				buf_printf(&words, "%s%s", words.len > 0 ? " " : "", word);
			s += len;
		}
		m->words[r] = buf_steal(&words);
	}
	*ret = m;
	return 0;
}

void keymap_free(struct keymap *m)
{
	if (m == NULL)
		return;
	for (size_t r = 0; r < REQUEST_COUNT; r++)
		free(m->words[r]);
	free(m->list);
	free(m);
}

enum request keymap_request(const struct keymap *m, int key)
{
	const struct binding *b = find(m, key);

	return b != NULL ? b->request : REQUEST_NONE;
}

const char *keymap_keys(const struct keymap *m, enum request r)
{
	return m->words[r] != NULL ? m->words[r] : "";
}

const char *keymap_first(const struct keymap *m, enum request r, char *dst, size_t size)
{
	const char *words = keymap_keys(m, r);

	snprintf(dst, size, "%.*s", (int)strcspn(words, " "), words);
	return dst;
}
