/* source_foreign_roots.c: where the directories that imapd.conf names lie in a foreign archive.
 *
 * Archives are made from "/", from a mounted snapshot, from within a directory: what is sure is only how paths end. So the
 * directory that shares most last components with the server's path and holds the right things is taken for it. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/source_foreign.h"

#define GUESSES_MAX    64
#define SCORE_SAMPLE   2000
#define COMPONENTS_MAX 64

/* ---- a spool told by its own shape ---- */

struct component {
	const char *p;
	size_t n;
};

static bool is_word(const struct component *c, const char *word)
{
	return strlen(word) == c->n && memcmp(c->p, word, c->n) == 0;
}

static size_t split_path(const char *path, struct component c[COMPONENTS_MAX])
{
	size_t n = 0;

	while (*path != '\0' && n < COMPONENTS_MAX) {
		c[n].p = path;
		c[n].n = strcspn(path, "/");
		path += c[n].n;
		path += *path == '/';
		n++;
	}
	return *path == '\0' ? n : 0;
}

/* The letter before "user/alice" is the hash of alice, that before "DELETED/user" of "user". */
static bool is_hash(const struct component *c, const struct component *of, bool *full)
{
	char first = of->p[0];

	*full = false;
	if (c->n != 1)
		return false;
	if (first >= 'A' && first <= 'Z')
		first = (char)(first - 'A' + 'a');
	if (c->p[0] == (first >= 'a' && first <= 'z' ? first : 'q'))
		return true;
	*full = c->p[0] >= 'A' && c->p[0] < 'A' + 23;
	return *full;
}

static bool guess_at(const char *path, const struct component *c, size_t user, struct foreign_guess *g)
{
	size_t first = user > 0 && is_word(&c[user - 1], "DELETED") ? user - 1 : user;

	*g = (struct foreign_guess){ 0 };
	g->hashed = first > 0 && is_hash(&c[first - 1], &c[first + 1], &g->full_hash);
	first -= g->hashed;
	if (first >= 3 && is_word(&c[first - 3], "domain") && c[first - 2].n == 1) {
		g->domain = true;
		first -= 3;
	} else if (first >= 2 && is_word(&c[first - 2], "domain")) {
		g->domain = true;
		first -= 2;
	}
	g->root_len = first == 0 ? 0 : (size_t)(c[first].p - path) - 1;
	return g->hashed;
}

bool foreign_guess_root(const char *path, struct foreign_guess *ret)
{
	struct component c[COMPONENTS_MAX];
	size_t n = split_path(path, c);
	bool any = false;

	for (size_t i = 0; i + 3 < n; i++)
		if (is_word(&c[i], "uuid") && c[i + 1].n == 1 && c[i + 2].n == 1 && c[i + 3].n > 2 &&
		    c[i + 3].p[0] == *c[i + 1].p && c[i + 3].p[1] == *c[i + 2].p) {
			*ret = (struct foreign_guess){ .root_len = i == 0 ? 0 : (size_t)(c[i].p - path) - 1,
				.uuid = true };
			return true;
		}
	/* "home/user/mail/a/user/alice": a hash letter is the better sign, else the first "user" counts. */
	for (size_t i = 0; i + 1 < n; i++) {
		struct foreign_guess g;

		if (!is_word(&c[i], "user"))
			continue;
		if (guess_at(path, c, i, &g)) {
			*ret = g;
			return true;
		}
		if (!any)
			*ret = g;
		any = true;
	}
	return any;
}

/* ---- a directory told by how its path ends ---- */

/* How many last components two paths have in common. */
static size_t common_tail(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), tail = 0;

	while (na > 0 && nb > 0) {
		size_t ea = na, eb = nb;

		while (na > 0 && a[na - 1] != '/')
			na--;
		while (nb > 0 && b[nb - 1] != '/')
			nb--;
		if (ea - na != eb - nb || memcmp(a + na, b + nb, ea - na) != 0 || ea == na)
			break;
		tail++;
		na -= na > 0;
		nb -= nb > 0;
	}
	return tail;
}

/* What speaks for each directory being a configdirectory. */
static uint32_t *weigh_config(const struct foreign *f)
{
	static const char *const names[] = { "mailboxes.db", "annotations.db", "deliver.db" };
	uint32_t *weight = mem_array(f->n_dirs, sizeof *weight);

	for (size_t i = 0; i < f->n_files; i++)
		for (size_t k = 0; k < 3; k++)
			if (strcmp(f->files[i].name, names[k]) == 0)
				weight[f->files[i].dir] += 2;
	for (size_t i = 0; i < f->n_dirs; i++) {
		const struct foreign_dir *d = &f->dirs[i];
		const char *base = source_base(d->path);

		if (strncmp(base, "db.backup", 9) == 0)
			weight[i] = 0;
		if (d->parent != FOREIGN_NONE && d->below == 0 &&
		    (strcmp(base, "quota") == 0 || strcmp(base, "user") == 0))
			weight[d->parent]++;
	}
	return weight;
}

struct match {
	uint32_t dir; /* FOREIGN_NONE: nothing fits */
	size_t tail;
	uint32_t weight;
};

enum weigh { BY_MAIL, BY_CONFIG, BY_BEING_THERE };

static struct match best_match(const struct foreign *f, const char *server, enum weigh weigh,
    const uint32_t *config, const bool *claimed)
{
	struct match best = { FOREIGN_NONE, 0, 0 };

	for (size_t i = 0; i < f->n_dirs; i++) {
		uint32_t weight = weigh == BY_MAIL ? f->dirs[i].below : weigh == BY_CONFIG ? config[i] : 1;
		size_t tail;

		if (weight == 0 || (claimed != NULL && claimed[i]))
			continue;
		tail = common_tail(server, f->dirs[i].path);
		if (tail == 0 || tail < best.tail)
			continue;
		if (best.dir == FOREIGN_NONE || tail > best.tail || weight > best.weight ||
		    (weight == best.weight && strlen(f->dirs[i].path) < strlen(f->dirs[best.dir].path)))
			best = (struct match){ (uint32_t)i, tail, weight };
	}
	return best;
}

/* ---- roots ---- */

static struct foreign_root *add_root(struct foreign *f, const char *server)
{
	f->roots = mem_grow(f->roots, &f->cap_roots, f->n_roots + 1, sizeof *f->roots);
	f->roots[f->n_roots] = (struct foreign_root){ .server = mem_strdup(server), .dir = FOREIGN_NONE };
	return &f->roots[f->n_roots++];
}

/* Every directory that mailboxes of a partition are spread over, once. */
static void add_partition(struct foreign *f, const struct cyrus_partition *p)
{
	const char *paths[FOREIGN_ROOTS] = { p->spool };
	size_t n = 1;

	for (unsigned bit = 1; bit <= META_ARCHIVECACHE; bit <<= 1)
		paths[n++] = imapd_conf_meta_root(f->conf, p, bit);
	paths[n++] = p->archive;
	for (size_t i = 0; i < n; i++) {
		bool known = paths[i] == NULL;

		for (size_t k = 0; k < i && !known; k++)
			known = paths[k] != NULL && strcmp(paths[i], paths[k]) == 0;
		if (!known) {
			struct foreign_root *r = add_root(f, paths[i]);

			r->partition = p->name;
			r->spool = i == 0;
			r->archive = p->archive != NULL && strcmp(paths[i], p->archive) == 0;
		}
	}
}

/* How many mailboxes of the list lie below ${dir} if that is the root of their partition; a sample of them. */
static size_t score(const struct source *s, const struct foreign *f, const char *partition, uint32_t dir)
{
	struct buf b = BUF_INIT;
	size_t hits = 0, asked = 0;

	for (size_t i = 0; i < s->list->n && asked < SCORE_SAMPLE; i++) {
		const struct mailbox_entry *m = &s->list->entries[i];
		uint32_t d;

		if (!mailbox_entry_has_directory(m) || m->partition == NULL ||
		    strcmp(m->partition, partition) != 0)
			continue;
		asked++;
		buf_clear(&b);
		buf_printf(&b, "%s%s", f->dirs[dir].path, *f->dirs[dir].path != '\0' ? "/" : "");
		if (mboxname_dir(f->conf, mailbox_entry_layout(f->conf, m), m->name, m->uniqueid, &b, NULL) ==
			0 &&
		    (d = foreign_dir_find(f, buf_text(&b), b.len)) != FOREIGN_NONE)
			hits += foreign_is_mailbox(f, d);
	}
	buf_done(&b);
	return hits;
}

static void claim(struct foreign *f, struct foreign_root *r, uint32_t dir, bool *claimed)
{
	r->dir = dir;
	f->dirs[dir].root = (uint32_t)(r - f->roots);
	claimed[dir] = true;
}

/* The best fits first, so that of two partitions "spool" the one that matches longer gets the directory. */
static void match_partitions(const struct source *s, struct foreign *f, bool *claimed)
{
	struct match *found = mem_array(f->n_roots, sizeof *found);

	for (size_t i = 0; i < f->n_roots; i++)
		found[i] = best_match(f, f->roots[i].server, BY_MAIL, NULL, claimed);
	for (;;) {
		size_t top = f->n_roots, top_score = 0;

		for (size_t i = 0; i < f->n_roots; i++) {
			size_t points;

			if (f->roots[i].dir != FOREIGN_NONE)
				continue;
			if (found[i].dir != FOREIGN_NONE && claimed[found[i].dir])
				found[i] = best_match(f, f->roots[i].server, BY_MAIL, NULL, claimed);
			if (found[i].dir == FOREIGN_NONE ||
			    (top < f->n_roots && found[i].tail < found[top].tail))
				continue;
			points = score(s, f, f->roots[i].partition, found[i].dir);
			if (top == f->n_roots || found[i].tail > found[top].tail || points > top_score) {
				top = i;
				top_score = points;
			}
		}
		if (top == f->n_roots)
			break;
		claim(f, &f->roots[top], found[top].dir, claimed);
	}
	free(found);
}

/* Places that are spools by their shape, for partitions whose path says nothing. */
static size_t guess_spools(const struct foreign *f, const bool *claimed, uint32_t dirs[GUESSES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_dirs; i++) {
		struct foreign_guess g;
		uint32_t root;
		bool known = false;

		if (f->dirs[i].facts == FOREIGN_NONE || !foreign_guess_root(f->dirs[i].path, &g))
			continue;
		root = foreign_dir_find(f, f->dirs[i].path, g.root_len);
		for (uint32_t up = root; up != FOREIGN_NONE && !known; up = f->dirs[up].parent)
			known = claimed[up];
		for (size_t k = 0; k < n && !known; k++)
			known = dirs[k] == root;
		if (!known && n < GUESSES_MAX)
			dirs[n++] = root;
	}
	return n;
}

static void guess_partitions(const struct source *s, struct foreign *f, bool *claimed)
{
	uint32_t guesses[GUESSES_MAX];
	size_t n = guess_spools(f, claimed, guesses);

	while (n > 0) {
		size_t best = 0, best_root = f->n_roots, best_score = 0;

		for (size_t i = 0; i < f->n_roots; i++)
			for (size_t k = 0; k < n && f->roots[i].dir == FOREIGN_NONE; k++) {
				size_t points = score(s, f, f->roots[i].partition, guesses[k]);

				if (points > best_score) {
					best = k;
					best_root = i;
					best_score = points;
				}
			}
		/* Without a list to ask, the one spool there is belongs to the first partition that has none. */
		for (size_t i = 0; i < f->n_roots && best_root == f->n_roots && n == 1; i++)
			if (f->roots[i].spool && f->roots[i].dir == FOREIGN_NONE)
				best_root = i;
		if (best_root == f->n_roots)
			break;
		claim(f, &f->roots[best_root], guesses[best], claimed);
		guesses[best] = guesses[--n];
	}
}

static void place_other(struct foreign *f, const char *server, enum weigh weigh, const uint32_t *config)
{
	struct match m = { FOREIGN_NONE, 0, 0 };

	if (server == NULL)
		return;
	for (size_t i = 0; i < f->n_roots; i++)
		if (strcmp(f->roots[i].server, server) == 0)
			return;
	if (!f->made_up)
		m = best_match(f, server, weigh, config, NULL);
	else if (weigh == BY_BEING_THERE)
		m = best_match(f, source_base(server), weigh, config, NULL);
	if (m.dir == FOREIGN_NONE && weigh == BY_CONFIG)
		for (size_t i = 0; i < f->n_dirs; i++)
			if (config[i] > m.weight)
				m = (struct match){ (uint32_t)i, 0, config[i] };
	add_root(f, server)->dir = m.dir;
}

static void count_below(struct foreign *f)
{
	for (size_t i = 0; i < f->n_dirs; i++)
		if (foreign_is_mailbox(f, (uint32_t)i))
			for (uint32_t up = (uint32_t)i; up != FOREIGN_NONE; up = f->dirs[up].parent)
				f->dirs[up].below++;
}

void foreign_map_roots(struct source *s, struct foreign *f)
{
	bool *claimed = mem_array(f->n_dirs, sizeof *claimed);
	uint32_t *config;

	count_below(f);
	config = weigh_config(f);
	for (size_t i = 0; i < f->conf->n_partitions; i++)
		add_partition(f, &f->conf->partitions[i]);
	if (!f->made_up)
		match_partitions(s, f, claimed);
	guess_partitions(s, f, claimed);
	for (size_t i = 0; i < f->n_roots; i++)
		if (f->roots[i].archive && f->roots[i].dir != FOREIGN_NONE) {
			s->archive_roots =
			    mem_resize(s->archive_roots, s->n_archive_roots + 1, sizeof *s->archive_roots);
			s->archive_roots[s->n_archive_roots++] = mem_strdup(f->dirs[f->roots[i].dir].path);
		}
	place_other(f, f->conf->configdirectory, BY_CONFIG, config);
	place_other(f, f->conf->userpath, BY_BEING_THERE, config);
	place_other(f, f->conf->quota_root, BY_BEING_THERE, config);
	place_other(f, f->conf->sievedir, BY_BEING_THERE, config);
	free(config);
	free(claimed);
}

int foreign_map(const struct foreign *f, const char *server_path, struct buf *b)
{
	const struct foreign_root *best = NULL;
	size_t best_len = 0;
	const char *dir, *rest;

	for (size_t i = 0; i < f->n_roots; i++) {
		size_t n = strlen(f->roots[i].server);

		if (f->roots[i].dir != FOREIGN_NONE && n >= best_len &&
		    strncmp(server_path, f->roots[i].server, n) == 0 &&
		    (server_path[n] == '/' || server_path[n] == '\0')) {
			best = &f->roots[i];
			best_len = n;
		}
	}
	if (best == NULL)
		return -1;
	dir = f->dirs[best->dir].path;
	rest = server_path + best_len;
	buf_printf(b, "%s%s", dir, *dir == '\0' && *rest == '/' ? rest + 1 : rest);
	return 0;
}
