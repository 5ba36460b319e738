/* links.c: a table of names by what they wait for. */
#include "archive/links.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "core/mem.h"

struct waiting {
	struct waiting *next;
	struct link_name *first, **last;
	char key[];
};

struct links {
	struct waiting **heads;
	size_t n_heads, n;
	size_t sweep; /* heads before this one are empty, once links_take_any() is used */
};

struct links *links_new(void)
{
	struct links *l = mem_alloc(sizeof *l);

	l->n_heads = 64;
	l->heads = mem_array(l->n_heads, sizeof(struct waiting *));
	return l;
}

void link_names_free(struct link_name *n)
{
	while (n != NULL) {
		struct link_name *next = n->next;

		free(n);
		n = next;
	}
}

void links_free(struct links *l)
{
	struct link_name *n;

	if (l == NULL)
		return;
	while ((n = links_take_any(l)) != NULL)
		link_names_free(n);
	free(l->heads);
	free(l);
}

static size_t head_of(const struct links *l, const char *key)
{
	return (size_t)XXH3_64bits(key, strlen(key)) & (l->n_heads - 1);
}

static void grow(struct links *l)
{
	struct waiting **old = l->heads;
	size_t n_old = l->n_heads;

	l->n_heads *= 4;
	l->heads = mem_array(l->n_heads, sizeof(struct waiting *));
	for (size_t i = 0; i < n_old; i++) {
		while (old[i] != NULL) {
			struct waiting *w = old[i];
			size_t at = head_of(l, w->key);

			old[i] = w->next;
			w->next = l->heads[at];
			l->heads[at] = w;
		}
	}
	free(old);
}

static struct waiting **find(struct links *l, const char *key)
{
	struct waiting **at = &l->heads[head_of(l, key)];

	while (*at != NULL && strcmp((*at)->key, key) != 0)
		at = &(*at)->next;
	return at;
}

void links_wait(struct links *l, const char *key, const char *name)
{
	struct link_name *n = mem_alloc(sizeof *n + strlen(name) + 1);
	struct waiting **at = find(l, key);

	memcpy(n->name, name, strlen(name) + 1);
	if (*at == NULL) {
		struct waiting *w = mem_alloc(sizeof *w + strlen(key) + 1);

		memcpy(w->key, key, strlen(key) + 1);
		w->last = &w->first;
		*at = w;
		if (++l->n > l->n_heads)
			grow(l);
		at = find(l, key);
	}
	*(*at)->last = n;
	(*at)->last = &n->next;
	l->sweep = 0;
}

static struct link_name *take(struct links *l, struct waiting **at)
{
	struct waiting *w = *at;
	struct link_name *names;

	if (w == NULL)
		return NULL;
	names = w->first;
	*at = w->next;
	free(w);
	l->n--;
	return names;
}

struct link_name *links_take(struct links *l, const char *key)
{
	return take(l, find(l, key));
}

struct link_name *links_take_any(struct links *l)
{
	while (l->sweep < l->n_heads && l->heads[l->sweep] == NULL)
		l->sweep++;
	return l->sweep == l->n_heads ? NULL : take(l, &l->heads[l->sweep]);
}

bool links_empty(const struct links *l)
{
	return l->n == 0;
}
