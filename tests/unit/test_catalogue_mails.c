/* test_catalogue_mails.c: messages in the catalogue, against a model of what each archive holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "db/catalogue_mail_rows.h"

#define BOXES	 6
#define MESSAGES 40 /* there are, of which each mailbox has some */
#define ARCHIVES 9

/* What an archive has: for each mailbox the UIDs, 0: not there; which message a UID is never changes. */
struct model {
	bool box[BOXES];
	bool has[BOXES][MESSAGES + 1], expunged[BOXES][MESSAGES + 1];
	bool filled;
	uint32_t id;
};

static char directory[64];
static unsigned seed;

static unsigned roll(unsigned n)
{
	seed = seed * 1103515245u + 12345u;
	return (seed >> 16) % n;
}

static int set_up(void **state)
{
	(void)state;
	/* It syncs at every step. */
	snprintf(directory, sizeof directory, "%s/cyrvault-mails.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	return mkdtemp(directory) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return io_remove_tree(AT_FDCWD, directory, NULL);
}

static const char *box_name(unsigned b)
{
	static const char *const names[BOXES] = { "user.a", "user.a.x", "user.b", "user.bb", "shared", "user.c" };

	return names[b];
}

/* Message ${uid} of mailbox ${b}: every third one lies in all mailboxes. */
static void guid_of(unsigned b, unsigned uid, uint8_t guid[SHA1_SIZE])
{
	char text[32];

	snprintf(text, sizeof text, uid % 3 == 0 ? "all %u" : "%u %u", uid % 3 == 0 ? uid : b, uid);
	sha1(text, strlen(text), guid);
}

static int add_text(struct catalogue_mails *m, unsigned b, unsigned uid)
{
	char from[64], subject[64], id[64];
	struct catalogue_mail mail = {
		.date = 1000000 - (int64_t)uid, .size_bytes = uid, .from = from, .to = "B\xc3\x96RSE <b@example.org>",
		.subject = subject, .message_id = id
	};

	guid_of(b, uid, mail.guid);
	snprintf(from, sizeof from, "Sender %u <s%u@example.org>", uid, uid);
	snprintf(subject, sizeof subject, "About %u", uid);
	snprintf(id, sizeof id, "<%02x%02x@example.org>", mail.guid[0], mail.guid[1]);
	return catalogue_mails_add(m, &mail, NULL);
}

static void change(struct model *m)
{
	for (unsigned b = 0; b < BOXES; b++) {
		if (roll(4) == 0)
			m->box[b] = !m->box[b];
		for (unsigned k = roll(6); k > 0; k--) {
			unsigned uid = 1 + roll(MESSAGES);

			if (m->has[b][uid] && roll(2) == 0)
				m->expunged[b][uid] = true;
			else
				m->has[b][uid] = !m->has[b][uid];
		}
	}
}

static void content_of(const struct model *m, unsigned b, uint8_t ret[SHA256_SIZE])
{
	uint8_t bytes[2 * MESSAGES];

	for (unsigned uid = 1; uid <= MESSAGES; uid++) {
		bytes[2 * uid - 2] = m->has[b][uid];
		bytes[2 * uid - 1] = m->expunged[b][uid];
	}
	sha256(bytes, sizeof bytes, ret);
}

static void fill_box(struct catalogue_mails *mails, const struct model *m, unsigned b)
{
	struct catalogue_place places[MESSAGES];
	uint8_t content[SHA256_SIZE];
	size_t n = 0;
	int same;

	content_of(m, b, content);
	same = catalogue_mails_same(mails, box_name(b), content, NULL);
	assert_int_not_equal(same, -1);
	if (same == 1)
		return;
	for (unsigned uid = 1; uid <= MESSAGES; uid++) {
		if (!m->has[b][uid])
			continue;
		places[n] = (struct catalogue_place){ .uid = uid, .expunged = m->expunged[b][uid] };
		guid_of(b, uid, places[n].guid);
		if (catalogue_mails_known(mails, places[n].guid, NULL) == 0)
			assert_int_equal(add_text(mails, b, uid), 0);
		n++;
	}
	assert_int_equal(catalogue_mails_box(mails, box_name(b), content, places, n, NULL), 0);
}

/* Its mailboxes, and then its messages; ${breaks}: not to the end. */
static void fill(struct catalogue *c, struct model *m, unsigned n, bool breaks)
{
	char name[64];
	struct catalogue_archive a = { .state = CATALOGUE_FILLED, .store = (char[]){ "vault" }, .url = (char[]){ "dir:/x" },
		.name = name, .size_bytes = n + 1, .mtime = n, .when = n, .server = (char[]){ "mail1" }, .where = (char[]){ "" },
		.readable = true, .why = (char[]){ "" }, .quiesce = (char[]){ "" }, .deletedprefix = (char[]){ "" },
		.defaultdomain = (char[]){ "" } };
	struct catalogue_fill *f = catalogue_fill_new(c, NULL);
	struct catalogue_mails *mails;
	struct err e;

	snprintf(name, sizeof name, "mail1-%u.cpio.gz", n);
	for (unsigned b = 0; b < BOXES; b++)
		if (m->box[b])
			assert_int_equal(catalogue_fill_add(f,
						 &(struct catalogue_box){ .name = box_name(b), .uniqueid = "", .partition = "",
						     .has_files = true, .health = '=' },
						 NULL),
			    0);
	assert_int_equal(catalogue_fill_commit(f, &a, &e), 0);
	catalogue_fill_free(f);
	m->id = a.id;
	assert_int_equal(catalogue_mails_begin(c, &a, NULL, &mails, &e), 0);
	for (unsigned b = 0; b < BOXES; b++)
		if (m->box[b] && !(breaks && roll(2) == 0))
			fill_box(mails, m, b);
	if (!breaks || roll(2) == 0)
		m->filled = catalogue_mails_commit(mails, &e) == 0 && !breaks;
	/* One that left mailboxes out has lied: it is no fill to compare with. */
	catalogue_mails_free(mails);
}

struct seen {
	const struct model *models;
	bool told[ARCHIVES][BOXES][MESSAGES + 1];
	bool wrong;
	uint32_t ids[1000];
	size_t n;
	bool text_wrong;
};

static int see_text(void *arg, uint32_t id, const struct catalogue_mail *mail, struct err *e)
{
	struct seen *s = arg;
	unsigned uid = (unsigned)mail->size_bytes;
	char want[64];

	(void)e;
	snprintf(want, sizeof want, "About %u", uid);
	if (strcmp(mail->subject, want) != 0 || mail->date != 1000000 - (int64_t)uid ||
	    strcmp(mail->search_to, "b\xc3\xb6rse <b@example.org>") != 0 || mail->search_subject != mail->subject)
		s->text_wrong = true;
	s->ids[s->n++] = id;
	return 0;
}

static int see_place(void *arg, const struct catalogue_found *f, struct err *e)
{
	struct seen *s = arg;
	unsigned b = 0;

	(void)e;
	while (b < BOXES && strcmp(f->mailbox, box_name(b)) != 0)
		b++;
	if (b == BOXES || f->uid == 0 || f->uid > MESSAGES || strcmp(f->server, "mail1") != 0) {
		s->wrong = true;
		return 0;
	}
	for (size_t i = 0; i < f->n_archives; i++)
		for (unsigned a = 0; a < ARCHIVES; a++)
			if (s->models[a].id == f->archives[i]) {
				s->wrong |= s->told[a][b][f->uid];
				s->told[a][b][f->uid] = true;
			}
	return 0;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void check(struct catalogue *c, const struct model *models)
{
	struct seen *s = mem_alloc(sizeof *s);

	s->models = models;
	assert_int_equal(catalogue_mails_each(c, NULL, see_text, s, NULL), 0);
	assert_false(s->text_wrong);
	qsort(s->ids, s->n, sizeof *s->ids, by_number);
	assert_int_equal(catalogue_places_each(c, s->ids, s->n, NULL, see_place, s, NULL), 0);
	assert_false(s->wrong);
	for (unsigned a = 0; a < ARCHIVES; a++)
		for (unsigned b = 0; b < BOXES; b++)
			for (unsigned uid = 1; uid <= MESSAGES; uid++)
				if (models[a].filled)
					assert_int_equal(
					    s->told[a][b][uid], models[a].box[b] && models[a].has[b][uid]);
	free(s);
}

static void test_model(void **state)
{
	(void)state;
	for (seed = 1; seed < 3000u; seed = seed * 7 + 1) {
		unsigned kept = seed;
		struct model models[ARCHIVES] = { 0 };
		struct catalogue *c;

		set_up(NULL);
		assert_int_equal(catalogue_open(directory, &c, NULL), 0);
		for (unsigned a = 0; a < ARCHIVES; a++) {
			if (a > 0)
				models[a] = models[a - 1];
			models[a].filled = false;
			models[a].id = 0;
			change(&models[a]);
			if (roll(3) == 0)
				fill(c, &models[a], a, true);
			else
				fill(c, &models[a], a, false);
			if (!models[a].filled && roll(2) == 0)
				fill(c, &models[a], a, false);
		}
		check(c, models);
		catalogue_close(c);
		tear_down(NULL);
		seed = kept;
	}
}

/* Whatever a row holds: an error, or values that lie in it. */
static void test_hostile_rows(void **state)
{
	struct buf b = BUF_INIT;
	struct catalogue_mail mail = { .from = "a\xc3\x84", .to = "b", .subject = "c", .message_id = "d" };
	struct mail_place list[] = { { 1, 7, false }, { 5, 3, true }, { 900000, 4000000000u, false } }, place;

	(void)state;
	mail_put_text(&b, &mail);
	for (size_t n = 0; n <= b.len; n++) {
		uint8_t *cut = mem_dup(b.data, n + (n == 0));
		struct catalogue_mail got;

		assert_int_equal(mail_get_text(cut, n, &got, NULL), n == b.len ? 0 : -1);
		free(cut);
	}
	buf_clear(&b);
	mail_put_places(&b, list, 3);
	for (unsigned i = 0; i < 20000; i++) {
		uint8_t *bytes = mem_dup(b.data, b.len);
		size_t n = 1 + roll((unsigned)b.len);
		struct mail_places l = { .at = bytes, .end = bytes + n };
		int rc;

		for (unsigned k = roll(3); k > 0; k--)
			bytes[roll((unsigned)n)] = (uint8_t)roll(256);
		while ((rc = mail_next_place(&l, &place, NULL)) == 1)
			;
		assert_true(rc == 0 || rc == -1);
		free(bytes);
	}
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_hostile_rows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
