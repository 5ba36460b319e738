/* mailboxdump.c: what our readers make of a Cyrus 3.6 server's files, in the lines of tests/lab/dump.py, with
 * internal names: mailboxdump IMAPD_CONF USER...
 *
 * Lines that begin with "PROBLEM" tell what does not fit together: sizes, GUIDs, CRCs, cached envelopes. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/bytes.h"
#include "core/digest.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mailbox.h"
#include "cyrus/mboxlist.h"
#include "cyrus/message.h"
#include "cyrus/userdata.h"

#define FILE_MAX ((size_t)1 << 30)

struct box {
	const struct mailbox_entry *entry;
	struct mailbox_index *ix;
	struct mailbox_header *h;
	char (*sha256)[2 * SHA256_SIZE + 1]; /* of each record's message */
	char *owner;			     /* NULL: shared */
	char *annotations;		     /* path of cyrus.annotations */
};

static struct imapd_conf *conf;
static struct mboxlist *list;
static struct cyrusdb *global_annotations;
static struct err err;

static void die(const char *what)
{
	printf("PROBLEM %s: %s\n", what, err.msg);
	exit(1);
}

/* ---- loading ---- */

static char *path_of(const struct mailbox_entry *entry, unsigned meta, const char *file)
{
	const struct cyrus_partition *p = imapd_conf_partition(conf, entry->partition);
	struct buf b = BUF_INIT;

	if (p == NULL) {
		err_set(&err, ERR_CONFIG, "no partition %s", entry->partition);
		die(entry->name);
	}
	buf_printf(&b, "%s/", (conf->meta_files & meta) != 0 && p->meta != NULL ? p->meta : p->spool);
	if (mboxname_dir(conf, mailbox_entry_layout(conf, entry), entry->name, entry->uniqueid, &b, &err) ==
	    -1)
		die(entry->name);
	buf_printf(&b, "/%s", file);
	return buf_steal(&b);
}

static bool read_path(char *path, struct buf *b)
{
	int rc;

	buf_clear(b);
	rc = io_read_file(AT_FDCWD, path, FILE_MAX, b, &err);
	free(path);
	return rc == 0;
}

static bool same(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* The cached envelope of a message must be what the message says; addresses are compared by their presence, as
 * they may be written in many ways. */
static void check_envelope(
    const struct box *box, const struct index_record *r, const struct buf *cache, const struct buf *mail)
{
	struct envelope c, m;
	char *bare;

	if (mailbox_cache_envelope(
		(const uint8_t *)buf_text(cache), cache->len, box->ix->h.generation, r, &c, &err) == -1) {
		printf("PROBLEM %s UID %u: %s\n", box->entry->name, r->uid, err.msg);
		return;
	}
	message_envelope(mail->data, mail->len, &m);
	if (!same(c.subject, m.subject) || !same(c.date, m.date) || !same(c.message_id, m.message_id) ||
	    !same(c.in_reply_to, m.in_reply_to) || (c.from == NULL) != (m.from == NULL) ||
	    (c.to == NULL) != (m.to == NULL))
		printf("PROBLEM %s UID %u: cached envelope: %s, %s\n", box->entry->name, r->uid, c.subject,
		    m.subject);
	bare = m.from != NULL && *m.from == '<' ? mem_strndup(m.from + 1, strcspn(m.from, ">") - 1)
						: mem_strdup(m.from);
	if (!same(c.from, bare))
		printf(
		    "PROBLEM %s UID %u: cached From: %s, not %s\n", box->entry->name, r->uid, c.from, bare);
	free(bare);
	envelope_done(&c);
	envelope_done(&m);
}

static void check_message(struct box *box, size_t i, const struct buf *cache)
{
	const struct index_record *r = &box->ix->records[i];
	uint8_t digest[SHA256_SIZE], guid[SHA1_SIZE];
	struct buf mail = BUF_INIT, hex = BUF_INIT;
	char name[32];

	snprintf(name, sizeof name, "%u.", r->uid);
	if (!index_record_has_file(r))
		return;
	if (!read_path(path_of(box->entry, 0, name), &mail)) {
		printf("PROBLEM %s UID %u: %s\n", box->entry->name, r->uid, err.msg);
		return;
	}
	sha256(mail.data, mail.len, digest);
	sha1(mail.data, mail.len, guid);
	str_hex(&hex, digest, sizeof digest);
	memcpy(box->sha256[i], hex.data, hex.len);
	if (mail.len != r->size || !r->crc_ok || !r->has_guid || memcmp(guid, r->guid, sizeof guid) != 0)
		printf("PROBLEM %s UID %u: size, GUID or CRC\n", box->entry->name, r->uid);
	check_envelope(box, r, cache, &mail);
	buf_done(&mail);
	buf_done(&hex);
}

static void load(const struct mailbox_entry *entry, struct box *box)
{
	struct buf b = BUF_INIT, cache = BUF_INIT;

	*box = (struct box){ .entry = entry, .owner = mboxname_user(entry->name) };
	if (!read_path(path_of(entry, META_INDEX, "cyrus.index"), &b) ||
	    mailbox_index_parse((const uint8_t *)b.data, b.len, &box->ix, &err) == -1)
		die(entry->name);
	if (!read_path(path_of(entry, META_HEADER, "cyrus.header"), &b) ||
	    mailbox_header_parse((const uint8_t *)b.data, b.len, &box->h, &err) == -1)
		die(entry->name);
	read_path(path_of(entry, META_CACHE, "cyrus.cache"), &cache); /* there is none in an empty mailbox */
	box->annotations = path_of(entry, META_ANNOTATIONS, "cyrus.annotations");
	if (!box->ix->h.crc_ok || box->ix->h.header_file_crc != box->h->crc || box->ix->n_bad_uid > 0 ||
	    box->ix->short_file || box->ix->h.uidvalidity != entry->uidvalidity ||
	    !same(box->h->name, entry->name) || !same(box->h->uniqueid, entry->uniqueid))
		printf("PROBLEM %s: header and index do not fit\n", entry->name);
	box->sha256 = mem_array(box->ix->n, sizeof *box->sha256);
	for (size_t i = 0; i < box->ix->n; i++)
		check_message(box, i, &cache);
	buf_done(&b);
	buf_done(&cache);
}

static void unload(struct box *box)
{
	mailbox_index_free(box->ix);
	mailbox_header_free(box->h);
	free(box->sha256);
	free(box->owner);
	free(box->annotations);
}

/* ---- printing ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_sorted(const char *text)
{
	char *copy = mem_strdup(text), *words[MAILBOX_USER_FLAGS + 8], *save;
	size_t n = 0;

	for (char *w = strtok_r(copy, " ", &save); w != NULL; w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	qsort(words, n, sizeof *words, by_text);
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i > 0 ? " " : "", words[i]);
	free(copy);
}

static struct cyrusdb *open_user_file(const char *user, enum user_file which)
{
	char *inbox = mboxname_inbox(user);
	const struct mailbox_entry *entry = mboxlist_find(list, inbox);
	enum mailbox_layout layout = entry != NULL ? mailbox_entry_layout(conf, entry) : LAYOUT_BY_NAME;
	struct buf path = BUF_INIT;
	struct cyrusdb *db = NULL;

	if (mboxname_user_file(
		conf, layout, which, user, entry != NULL ? entry->uniqueid : NULL, &path, &err) == -1)
		die(user);
	if (cyrusdb_open(AT_FDCWD, path.data, &db, &err) == -1 && err.code != ERR_NOT_FOUND)
		die(path.data);
	buf_done(&path);
	free(inbox);
	return db;
}

static int print_subscription(void *arg, const char *internal, struct err *e)
{
	(void)e;
	printf("%s LSUB %s\n", (const char *)arg, internal);
	return 0;
}

struct seat { /* who looks at what */
	const char *user;
	const struct box *box;
	bool owner;
};

/* Private notes are seen by who wrote them; the owner's stand under a name of their own. */
static int print_annotation(void *arg, const struct annotation *a, struct err *e)
{
	const struct seat *s = arg;
	bool shared = *a->userid == '\0';
	bool mine = same(a->userid, s->user) || (s->owner && same(a->userid, "[.OwNeR.]"));

	(void)e;
	if (!shared && !mine)
		return 0;
	if (a->mboxkey_len > 0 && a->mboxkey_len < 11) /* a UID, no unique id */
		printf("%s [%s] UID %s ANNOTATION %s value.%s %.*s\n", s->user, s->box->entry->name,
		    a->mboxkey, a->entry, shared ? "shared" : "priv", (int)a->value_len,
		    (const char *)a->value);
	else
		printf("%s [%s] META /%s%s %.*s\n", s->user, s->box->entry->name,
		    shared ? "shared" : "private", a->entry, (int)a->value_len, (const char *)a->value);
	return 0;
}

static void print_annotations(const struct seat *s)
{
	struct cyrusdb *db;
	struct seat arg = *s;

	if (global_annotations != NULL &&
	    annotations_each(global_annotations, s->box->h->uniqueid, print_annotation, &arg, &err) == -1)
		die("annotations.db");
	if (cyrusdb_open(AT_FDCWD, s->box->annotations, &db, &err) == -1) {
		if (err.code != ERR_NOT_FOUND)
			die(s->box->annotations);
		return;
	}
	if (annotations_each(db, NULL, print_annotation, &arg, &err) == -1)
		die(s->box->annotations);
	cyrusdb_close(db);
}

static void print_quota(const struct seat *s)
{
	static const char *const names[] = { "STORAGE", "MESSAGE", "X-ANNOTATION-STORAGE", "X-NUM-FOLDERS" };
	const char *root = s->box->h->quotaroot;
	struct buf path = BUF_INIT, b = BUF_INIT;
	struct quota_root q;
	const char *between = "";

	if (root == NULL)
		return;
	printf("%s [%s] QUOTAROOT %s\n", s->user, s->box->entry->name, root);
	if (mboxname_quota_file(conf, root, &path, &err) == -1 || !read_path(buf_steal(&path), &b) ||
	    quota_parse(b.data, b.len, &q, &err) == -1)
		die(root);
	printf("%s [%s] QUOTA %s (", s->user, s->box->entry->name, root);
	for (int i = 0; i < QUOTA_RESOURCES; i++) {
		bool in_kb = i == QUOTA_STORAGE_KB || i == QUOTA_ANNOTATION_KB;

		if (q.limit[i] == -1)
			continue;
		printf("%s%s %llu %lld", between, names[i],
		    (unsigned long long)(in_kb ? q.used[i] / 1024 : q.used[i]), (long long)q.limit[i]);
		between = " ";
	}
	printf(")\n");
	buf_done(&b);
}

static void print_acl(const struct seat *s)
{
	for (size_t i = 0; i < s->box->h->n_acl; i++) {
		const struct acl_item *a = &s->box->h->acl[i];
		const char *alphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

		printf("%s [%s] ACL %s ", s->user, s->box->entry->name, a->user);
		for (const char *c = alphabet; *c != '\0'; c++)
			if (strchr(a->rights, *c) != NULL)
				putchar(*c);
		putchar('\n');
	}
}

static void print_flags(const struct seat *s)
{
	struct index_record all = { .flags = 15 };
	struct buf b = BUF_INIT;

	memset(all.user_flags, 0xff, sizeof all.user_flags);
	index_flags_text(&all, s->box->h, true, &b);
	printf("%s [%s] FLAGS (", s->user, s->box->entry->name);
	print_sorted(buf_text(&b));
	printf(")\n");
	buf_done(&b);
}

static void print_messages(const struct seat *s, struct cyrusdb *seen_db)
{
	const struct mailbox_index *ix = s->box->ix;
	bool in_index = seen_is_in_index(ix->h.minor, ix->h.options, s->owner);
	struct seen_record seen;
	struct uidset set = { 0 };
	int found = in_index || seen_db == NULL ? 0 : seen_get(seen_db, s->box->h->uniqueid, &seen, &err);

	if (found == -1)
		die(s->user);
	if (found == 1) {
		uidset_parse(seen.uids, &set);
		seen_record_done(&seen);
	}
	for (size_t i = 0; i < ix->n; i++) {
		const struct index_record *r = &ix->records[i];
		time_t t = (time_t)r->internaldate;
		struct tm tm;
		char date[64];
		struct buf b = BUF_INIT;

		if (!index_record_visible(r))
			continue;
		index_flags_text(
		    r, s->box->h, in_index ? (r->flags & FLAG_SEEN) != 0 : uidset_contains(&set, r->uid), &b);
		strftime(date, sizeof date, "%e-%b-%Y %H:%M:%S %z", localtime_r(&t, &tm));
		printf("%s [%s] UID %u (", s->user, s->box->entry->name, r->uid);
		print_sorted(buf_text(&b));
		printf(") %s %llu sha256:%s MODSEQ %llu\n", date, (unsigned long long)r->size,
		    s->box->sha256[i], (unsigned long long)r->modseq);
		buf_done(&b);
	}
	uidset_done(&set);
}

static void print_box(const struct seat *s, struct cyrusdb *seen_db)
{
	const struct index_header *h = &s->box->ix->h;
	const char *name = s->box->entry->name;

	printf("%s [%s] UIDVALIDITY %u\n", s->user, name, h->uidvalidity);
	printf("%s [%s] UIDNEXT %u\n", s->user, name, h->last_uid + 1);
	printf("%s [%s] HIGHESTMODSEQ %llu\n", s->user, name, (unsigned long long)h->highestmodseq);
	printf("%s [%s] EXISTS %u\n", s->user, name, h->exists);
	print_acl(s);
	print_flags(s);
	print_quota(s);
	print_messages(s, seen_db);
	print_annotations(s);
}

static void print_user(const char *user, const struct box *boxes, size_t n)
{
	struct cyrusdb *seen_db = open_user_file(user, USER_SEEN), *subs = open_user_file(user, USER_SUBS);
	char *name = mem_strdup(user);

	if (subs != NULL && subs_each(subs, user, print_subscription, name, &err) == -1)
		die(user);
	for (size_t i = 0; i < n; i++) {
		struct seat s = { user, &boxes[i], same(boxes[i].owner, user) };

		print_box(&s, seen_db);
	}
	free(name);
	cyrusdb_close(seen_db);
	cyrusdb_close(subs);
}

int main(int argc, char **argv)
{
	struct cyrus_version v = { 3, 6, 1 };
	struct cyrusdb *db;
	struct box *boxes;
	size_t n = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: mailboxdump IMAPD_CONF USER...\n");
		return 64;
	}
	if (imapd_conf_load(argv[1], v, &conf, &err) == -1)
		die(argv[1]);
	if (cyrusdb_open(AT_FDCWD, conf->mboxlist_path, &db, &err) == -1 ||
	    mboxlist_read_db(db, &list, &err) == -1)
		die(conf->mboxlist_path);
	cyrusdb_close(db);
	if (cyrusdb_open(AT_FDCWD, conf->annotation_path, &global_annotations, &err) == -1 &&
	    err.code != ERR_NOT_FOUND)
		die(conf->annotation_path);
	boxes = mem_array(list->n, sizeof *boxes);
	for (size_t i = 0; i < list->n; i++)
		if (mailbox_entry_has_directory(&list->entries[i]) &&
		    !mboxname_is_deleted(conf, list->entries[i].name))
			load(&list->entries[i], &boxes[n++]);
	for (int i = 2; i < argc; i++)
		print_user(argv[i], boxes, n);
	while (n > 0)
		unload(&boxes[--n]);
	free(boxes);
	cyrusdb_close(global_annotations);
	mboxlist_free(list);
	imapd_conf_free(conf);
	return 0;
}
