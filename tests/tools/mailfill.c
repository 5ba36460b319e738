/* mailfill.c: a catalogue of many archives with many messages each, as nightly backups of one server make it, and how long filling takes.
 *
 *   mailfill STATE ARCHIVES MESSAGES [PERCENT]
 *
 * STATE/catalogue gets so many archives of so many messages in mailboxes of 100; from one archive to the next so many PERCENT of the messages
 * (1) are replaced by new ones, a tenth of the mailboxes having all of these. Message N of all that ever were is from "person N%997", its
 * subject has three of 2000 words and "number N". */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "db/catalogue_mails.h"

#define PER_BOX 100

static unsigned next_message;

static void must(int rc, const struct err *e)
{
	if (rc != -1)
		return;
	fprintf(stderr, "mailfill: %s\n", e->msg);
	exit(2);
}

static void guid_of(unsigned n, uint8_t guid[SHA1_SIZE])
{
	sha1(&n, sizeof n, guid);
}

static void add_text(struct catalogue_mails *m, unsigned n)
{
	char from[80], to[80], subject[120], id[80];
	struct catalogue_mail mail = { .date = 1600000000 + 600ll * n, .size_bytes = 2000 + n % 90000, .from = from,
		.to = to, .subject = subject, .message_id = id };
	struct err e;

	guid_of(n, mail.guid);
	snprintf(from, sizeof from, "Person %u <person%u@example.org>", n % 997, n % 997);
	snprintf(to, sizeof to, "Reader %u <reader%u@mail.example.org>", n % 83, n % 83);
	snprintf(subject, sizeof subject, "w%u w%u w%u number %u", n * 7919 % 2000, n * 104729 % 2000, n * 31 % 2000, n);
	snprintf(id, sizeof id, "<%08x.%u@mail.example.org>", n * 2654435761u, n);
	must(catalogue_mails_add(m, &mail, &e), &e);
}

static void fill_box(struct catalogue_mails *m, unsigned box, const unsigned *messages, unsigned version)
{
	struct catalogue_place places[PER_BOX];
	uint8_t content[SHA256_SIZE];
	unsigned key[2] = { box, version };
	char name[32];
	struct err e;

	snprintf(name, sizeof name, "user.u%05u", box);
	sha256(key, sizeof key, content);
	if (catalogue_mails_same(m, name, content, &e) == 1)
		return;
	for (unsigned i = 0; i < PER_BOX; i++) {
		places[i] = (struct catalogue_place){ .uid = messages[i] + 1 };
		guid_of(messages[i], places[i].guid);
		if (catalogue_mails_known(m, places[i].guid, &e) == 0)
			add_text(m, messages[i]);
	}
	must(catalogue_mails_box(m, name, content, places, PER_BOX, &e), &e);
}

static void fill(struct catalogue *c, unsigned archive, unsigned n_boxes, unsigned *const *boxes, const unsigned *versions)
{
	char name[64], stamp[32], empty[] = "", store[] = "vault", url[] = "dir:/var/vault", server[] = "mail1";
	struct catalogue_archive a = { .store = store, .url = url, .name = name, .size_bytes = 1, .server = server,
		.when = 1700000000 + 86400ll * archive, .mtime = 1700000000 + 86400ll * archive, .where = empty,
		.readable = true, .why = empty, .quiesce = empty, .deletedprefix = empty, .defaultdomain = empty };
	struct catalogue_fill *f = catalogue_fill_new(c, NULL);
	struct catalogue_mails *m;
	struct err e;

	snprintf(name, sizeof name, "mail1-%s.cpio.gz", clock_stamp(stamp, sizeof stamp, a.when));
	for (unsigned b = 0; b < n_boxes; b++) {
		char box[32];

		snprintf(box, sizeof box, "user.u%05u", b);
		must(catalogue_fill_add(f, &(struct catalogue_box){ .name = box, .uniqueid = "", .partition = "default",
			 .messages = PER_BOX, .has_files = true, .health = '=' }, &e), &e);
	}
	must(catalogue_fill_commit(f, &a, &e), &e);
	catalogue_fill_free(f);
	must(catalogue_mails_begin(c, &a, NULL, &m, &e), &e);
	for (unsigned b = 0; b < n_boxes; b++)
		fill_box(m, b, boxes[b], versions[b]);
	must(catalogue_mails_commit(m, &e), &e);
	catalogue_mails_free(m);
}

int main(int argc, char **argv)
{
	unsigned archives = argc > 3 ? (unsigned)atoi(argv[2]) : 0, messages = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	unsigned percent = argc > 4 ? (unsigned)atoi(argv[4]) : 1, n = messages / PER_BOX;
	unsigned **boxes = mem_array(n + 1, sizeof *boxes), *versions = mem_array(n + 1, sizeof *versions);
	char *directory;
	struct catalogue *c;
	struct err e;

	if (archives == 0 || n == 0) {
		fprintf(stderr, "usage: mailfill STATE ARCHIVES MESSAGES [PERCENT]\n");
		return 64;
	}
	directory = mem_printf("%s/catalogue", argv[1]);
	must(catalogue_open(directory, &c, &e), &e);
	for (unsigned b = 0; b < n; b++) {
		boxes[b] = mem_array(PER_BOX, sizeof **boxes);
		for (unsigned i = 0; i < PER_BOX; i++)
			boxes[b][i] = next_message++;
	}
	for (unsigned a = 0; a < archives; a++) {
		uint64_t began = clock_monotonic_ms();

		for (unsigned b = a % 10; a > 0 && b < n; b += 10) {
			unsigned k = percent * PER_BOX / 10;

			k = k < PER_BOX ? k : PER_BOX;
			memmove(boxes[b], boxes[b] + k, (PER_BOX - k) * sizeof **boxes);
			for (unsigned i = PER_BOX - k; i < PER_BOX; i++)
				boxes[b][i] = next_message++;
			versions[b]++;
		}
		fill(c, a, n, boxes, versions);
		printf("archive %u: %llu ms\n", a, (unsigned long long)(clock_monotonic_ms() - began));
	}
	printf("%u messages ever\n", next_message);
	for (unsigned b = 0; b < n; b++)
		free(boxes[b]);
	catalogue_close(c);
	free(boxes);
	free(versions);
	free(directory);
	return 0;
}
