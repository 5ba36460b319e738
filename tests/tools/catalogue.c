/* catalogue.c: makes catalogues of any size out of nothing, checks them, and measures.
 *
 *   catalogue fill DIR MAILBOXES ARCHIVES PER_MILLE    take in so many archives, one after the other, those that are not yet; so many of a thousand
 *                                                      mailboxes change from one to the next (come, go, are made anew, are renamed, get mail)
 *   catalogue check DIR MAILBOXES ARCHIVES PER_MILLE   each archive that is filled is as it should be; prints how many are
 *   catalogue make DIR MAILBOXES ARCHIVES              10 of a thousand change a night: the rows as so many fills would have left them, written
 *                                                      at once; then one more archive is filled, and everything is measured
 *   catalogue rows DIR N                               so many rows of a side table, measured
 *
 * What archive A holds follows from its number alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <xxhash.h>

#include "core/clock.h"
#include "core/mem.h"
#include "db/catalogue_impl.h"

static void must(int rc, const struct err *e)
{
	if (rc != -1)
		return;
	fprintf(stderr, "catalogue: %s\n", e->msg);
	exit(2);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- what archives hold ---- */

struct model {
	size_t n;
	unsigned per_mille;
	struct state {
		uint32_t messages;
		uint16_t made; /* how often it was made anew */
		bool there, renamed;
	} * boxes;
};

static uint64_t chance(uint64_t archive, uint64_t box)
{
	uint64_t x[2] = { archive, box };

	return XXH3_64bits(x, sizeof x);
}

static void model_new(struct model *m, size_t n, unsigned per_mille)
{
	*m = (struct model){ n, per_mille, mem_array(n, sizeof *m->boxes) };
	for (size_t i = 0; i < n; i++)
		m->boxes[i] = (struct state){ .there = chance(0, i) % 10 != 0,
			.messages = (uint32_t)(chance(1, i) % 5000) };
}

static void model_step(struct model *m, uint64_t archive)
{
	for (size_t i = 0; i < m->n; i++) {
		uint64_t h = chance(archive + 2, i);
		struct state *s = &m->boxes[i];

		if (h % 1000 >= m->per_mille)
			continue;
		switch (h / 1000 % 8) {
		case 0: s->there = !s->there; break;
		case 1: s->made++; break;
		case 2: s->renamed = !s->renamed; break;
		default: s->messages += (uint32_t)(h >> 60); break;
		}
	}
}

static void name_of(char *dst, size_t size, size_t i, const struct state *s)
{
	snprintf(dst, size, "user.u%07zu.%s%zu", i / 10, s->renamed ? "Renamed-" : "Folder-", i % 10);
}

static void id_of(char *dst, size_t size, size_t i, const struct state *s)
{
	uint64_t h = chance(s->made + 1000000u, i);

	snprintf(dst, size, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)h, (unsigned)(h >> 32) & 0xffff,
	    (unsigned)(h >> 48) & 0xfff, (unsigned)(h >> 52) & 0xfff, (unsigned long long)i);
}

struct filled_box {
	char name[64], id[48];
	struct catalogue_box box;
};

static void box_of(struct filled_box *x, size_t i, const struct state *s)
{
	name_of(x->name, sizeof x->name, i, s);
	id_of(x->id, sizeof x->id, i, s);
	x->box = (struct catalogue_box){ .name = x->name,
		.uniqueid = x->id,
		.partition = "default",
		.uidvalidity = 1700000000u + s->made,
		.messages = s->messages,
		.unread = s->messages / 7,
		.bytes = (uint64_t)s->messages * 30000,
		.health = '=',
		.has_files = true };
}

static char text[12][64];
static void archive_of(struct catalogue_archive *a, size_t number)
{
	static unsigned turn;
	char *name = text[turn++ % 12];

	snprintf(name, 64, "mail1-%08zuT000000Z.cpio.gz", number);
	*a = (struct catalogue_archive){ .store = text[11],
		.url = text[11],
		.name = name,
		.size_bytes = number + 1,
		.mtime = 1000 + (int64_t)number,
		.when = 1000 + (int64_t)number,
		.last_seen = 1000,
		.server = strcpy(text[10], "mail1"),
		.state = CATALOGUE_LOOKED,
		.readable = true,
		.longest_hold_ms = -1 };
	turn %= 10;
	strcpy(text[11], "vault");
}

/* ---- filling and checking ---- */

static void fill_one(struct catalogue *c, const struct model *m, size_t number)
{
	struct catalogue_fill *f = catalogue_fill_new(c, NULL);
	struct catalogue_archive a;
	struct err e = { 0 };

	for (size_t i = 0; i < m->n; i++) {
		struct filled_box x;

		if (!m->boxes[i].there)
			continue;
		box_of(&x, i, &m->boxes[i]);
		must(catalogue_fill_add(f, &x.box, &e), &e);
	}
	archive_of(&a, number);
	must(catalogue_fill_commit(f, &a, &e), &e);
	catalogue_fill_free(f);
}

static const struct catalogue_archive *known(const struct catalogue_archives *l, size_t number)
{
	struct catalogue_archive a;

	archive_of(&a, number);
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].name, a.name) == 0 && l->list[i].state == CATALOGUE_FILLED)
			return &l->list[i];
	return NULL;
}

static void fill(struct catalogue *c, size_t n, size_t archives, unsigned per_mille)
{
	struct catalogue_archives l;
	struct model m;
	struct err e = { 0 };

	must(catalogue_archives(c, &l, &e), &e);
	model_new(&m, n, per_mille);
	for (size_t a = 0; a < archives; a++) {
		if (known(&l, a) == NULL)
			fill_one(c, &m, a);
		model_step(&m, a);
	}
	free(m.boxes);
	catalogue_archives_done(&l);
}

struct check {
	const struct model *m;
	uint8_t *seen;
	size_t n;
};

static int check_box(void *arg, const struct catalogue_box *box, struct err *e)
{
	struct check *k = arg;
	unsigned long user, folder;
	struct filled_box x;
	size_t i;
	char word[16];

	if (sscanf(box->name, "user.u%lu.%15[A-Z a-z]-%lu", &user, word, &folder) != 3)
		return err_set(e, ERR_DAMAGE, "no name of ours: %s", box->name);
	i = user * 10 + folder;
	if (i >= k->m->n || !k->m->boxes[i].there || k->seen[i])
		return err_set(e, ERR_DAMAGE, "%s should not be there", box->name);
	k->seen[i] = 1;
	k->n++;
	box_of(&x, i, &k->m->boxes[i]);
	if (strcmp(x.name, box->name) != 0 || !rows_same(&x.box, box))
		return err_set(e, ERR_DAMAGE, "%s is not as it should be", box->name);
	return 0;
}

static int find_name(void *arg, const char *name, struct err *e)
{
	(void)e;
	return strcmp(name, arg) == 0;
}

/* A renamed one is found under its other name too. */
static void check_renamed(struct catalogue *c, const struct model *m, size_t i)
{
	struct state other = m->boxes[i];
	struct filled_box x;
	struct catalogue_spans spans;
	struct err e = { 0 };
	bool same = false;

	other.renamed = !other.renamed;
	box_of(&x, i, &other);
	if (catalogue_box_spans(c, "mail1", x.name, &spans, &e) != 1)
		return;
	for (size_t k = 0; k < spans.n; k++)
		same = same || strcmp(spans.list[k].box.uniqueid, x.id) == 0;
	catalogue_spans_done(&spans);
	if (same && catalogue_names(c, "mail1", x.id, find_name, x.name, &e) != 1) {
		fprintf(stderr, "catalogue: %s is not known by its id\n", x.name);
		exit(1);
	}
}

static int check(struct catalogue *c, size_t n, size_t archives, unsigned per_mille)
{
	struct catalogue_archives l;
	struct model m;
	struct err e = { 0 };
	size_t filled = 0;

	must(catalogue_archives(c, &l, &e), &e);
	model_new(&m, n, per_mille);
	for (size_t a = 0; a < archives; a++) {
		const struct catalogue_archive *x = known(&l, a);
		struct check k = { &m, mem_alloc(n), 0 };
		size_t there = 0;

		for (size_t i = 0; i < n; i++)
			there += m.boxes[i].there;
		if (x != NULL) {
			must(catalogue_boxes(c, x, "", check_box, &k, &e), &e);
			filled++;
			if (k.n != there) {
				fprintf(stderr, "catalogue: %s has %zu of %zu\n", x->name, k.n, there);
				return 1;
			}
			for (size_t i = a % 97; i < n; i += 97)
				check_renamed(c, &m, i);
		}
		free(k.seen);
		model_step(&m, a);
	}
	free(m.boxes);
	catalogue_archives_done(&l);
	printf("%zu\n", filled);
	return 0;
}

/* ---- measuring ---- */

static long peak_mib(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss / 1024;
}

struct page {
	size_t left;
};

static int page_box(void *arg, const struct catalogue_box *box, struct err *e)
{
	struct page *p = arg;

	(void)box;
	(void)e;
	return --p->left == 0;
}

/* Rows as ${archives} fills would have left them. */
static void make(const char *dir, size_t n, size_t archives)
{
	struct catalogue *c;
	struct catalogue_writer *w;
	struct catalogue_archives none = { 0 };
	struct catalogue_archive a;
	struct rows_lineage lineage = { 1, archives };
	struct buf key = BUF_INIT, value = BUF_INIT;
	struct model m;
	struct err e = { 0 };

	must(catalogue_open(dir, &c, &e), &e);
	must(catalogue_write(c, NULL, &w, &e), &e);
	model_new(&m, n, 10);
	rows_key_text(&key, 'l', "mail1");
	rows_put_lineage(&value, &lineage);
	catalogue_put(w, &key, &value);
	for (size_t i = 0; i < archives; i++) {
		archive_of(&a, i);
		a.state = CATALOGUE_FILLED;
		a.seq = (uint32_t)i + 1;
		must(catalogue_note_one(w, &none, &a, &e), &e);
	}
	for (size_t i = 0; i < n; i++) {
		struct catalogue_span spans[16];
		struct filled_box x[16];
		size_t k = 0;
		uint32_t seq = 1;

		for (uint64_t h = chance(7, i); k < 16 && seq <= archives; h = chance(h, i)) {
			uint32_t length = 1 + (uint32_t)(h % 200);

			box_of(&x[k], i, &m.boxes[i]);
			spans[k] = (struct catalogue_span){ seq,
				seq + length > archives || k == 15 ? CATALOGUE_OPEN : seq + length - 1,
				x[k].box };
			if (spans[k++].last == CATALOGUE_OPEN)
				break;
			seq += length;
			m.boxes[i].messages += 1 + (uint32_t)(h >> 60);
		}
		m.boxes[i].there = true;
		rows_key_box(&key, 1, x[0].name);
		buf_clear(&value);
		rows_put_spans(&value, spans, k);
		catalogue_put(w, &key, &value);
		if (catalogue_full(w))
			must(catalogue_batch(w, &e), &e);
	}
	must(catalogue_batch(w, &e), &e);
	catalogue_write_end(w);
	buf_done(&key);
	buf_done(&value);
	catalogue_close(c);
	free(m.boxes);
}

/* What the archive after these holds. */
struct next {
	struct model m;
	struct catalogue_fill *f;
	size_t i;
};

static int next_box(void *arg, const struct catalogue_box *box, struct err *e)
{
	struct next *x = arg;
	struct catalogue_box copy = *box;

	if (chance(99, x->i++) % 100 == 0)
		copy.messages++;
	return catalogue_fill_add(x->f, &copy, e);
}

static void measure(const char *dir, size_t archives)
{
	struct catalogue *c;
	struct catalogue_archives l;
	struct catalogue_archive a;
	struct catalogue_spans spans;
	struct catalogue_status s;
	struct next x = { .i = 0 };
	struct page page = { 200 };
	struct err e = { 0 };
	double t;

	must(catalogue_open(dir, &c, &e), &e);
	t = now_ms();
	must(catalogue_archives(c, &l, &e), &e);
	printf("archives_ms %.1f\n", now_ms() - t);
	must(catalogue_status(c, &s, &e), &e);
	printf("file_mib %.0f\n", (double)s.size_bytes / 1048576);
	catalogue_close(c);

	must(catalogue_open(dir, &c, &e), &e);
	t = now_ms();
	must(catalogue_box_spans(c, "mail1", "user.u0050000.Folder-3", &spans, &e), &e);
	printf("history_ms %.1f\n", now_ms() - t);
	catalogue_spans_done(&spans);
	catalogue_close(c);

	must(catalogue_open(dir, &c, &e), &e);
	t = now_ms();
	must(catalogue_boxes(c, &l.list[l.n / 2], "user.u0050000", page_box, &page, &e), &e);
	printf("page_ms %.1f\n", now_ms() - t);
	page.left = (size_t)-1;
	t = now_ms();
	must(catalogue_boxes(c, &l.list[l.n / 2], "", page_box, &page, &e), &e);
	printf("all_ms %.1f\n", now_ms() - t);

	x.f = catalogue_fill_new(c, NULL);
	t = now_ms();
	must(catalogue_boxes(c, &l.list[l.n - 1], "", next_box, &x, &e), &e);
	printf("collect_ms %.1f\n", now_ms() - t);
	t = now_ms();
	archive_of(&a, archives);
	must(catalogue_fill_commit(x.f, &a, &e), &e);
	printf("fill_ms %.1f\n", now_ms() - t);
	catalogue_fill_free(x.f);
	catalogue_archives_done(&l);
	must(catalogue_status(c, &s, &e), &e);
	printf("file_mib_then %.0f\n", (double)s.size_bytes / 1048576);
	catalogue_close(c);
	printf("peak_mib %ld\n", peak_mib());
}

static void rows(const char *dir, size_t n)
{
	struct catalogue *c;
	struct catalogue_blobs *b;
	struct catalogue_status s;
	struct err e = { 0 };
	double t = now_ms(), t2;

	must(catalogue_open(dir, &c, &e), &e);
	must(catalogue_blobs_begin(c, "rows", NULL, &b, &e), &e);
	for (size_t i = 0; i < n; i++) {
		uint64_t h[4] = { chance(3, i), i, i * 7, 1 };

		must(catalogue_blobs_put(b, 1, i, h, sizeof h, &e), &e);
	}
	t2 = now_ms();
	must(catalogue_blobs_commit(b, &e), &e);
	catalogue_blobs_free(b);
	printf("rows %zu\nrows_collect_ms %.0f\nrows_write_ms %.0f\n", n, t2 - t, now_ms() - t2);
	must(catalogue_status(c, &s, &e), &e);
	printf("rows_file_mib %.0f\nrows_peak_mib %ld\n", (double)s.size_bytes / 1048576, peak_mib());
	catalogue_close(c);
}

int main(int argc, char **argv)
{
	struct catalogue *c;
	struct err e = { 0 };
	int rc = 0;
	size_t v[3] = { 0 };

	for (int i = 3; i < argc && i < 6; i++)
		v[i - 3] = strtoul(argv[i], NULL, 10);
	if (argc == 6 && (strcmp(argv[1], "fill") == 0 || strcmp(argv[1], "check") == 0)) {
		must(catalogue_open(argv[2], &c, &e), &e);
		if (strcmp(argv[1], "fill") == 0)
			fill(c, v[0], v[1], (unsigned)v[2]);
		else
			rc = check(c, v[0], v[1], (unsigned)v[2]);
		catalogue_close(c);
	} else if (argc == 5 && strcmp(argv[1], "make") == 0) {
		double t = now_ms();

		make(argv[2], v[0], v[1]);
		printf("make_ms %.0f\n", now_ms() - t);
		fflush(stdout);
		measure(argv[2], v[1]);
	} else if (argc == 4 && strcmp(argv[1], "rows") == 0) {
		rows(argv[2], v[0]);
	} else {
		fprintf(stderr, "usage: see tests/tools/catalogue.c\n");
		return 2;
	}
	return rc;
}
