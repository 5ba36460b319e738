/* test_imap_live.c: the IMAP client against a running laboratory server, whose directory CYRVAULT_LAB names; skipped without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/mem.h"
#include "cyrus/cyrus_conf.h"
#include "cyrus/imap.h"

struct scene {
	struct imap *admin, *alice; /* alice: by the administrator's password */
	char separator;
};

static char *lab_file(const char *name)
{
	const char *lab = getenv("CYRVAULT_LAB");

	return lab != NULL ? mem_printf("%s/%s", lab, name) : NULL;
}

static struct imap *log_in(const char *as, const char *password, struct err *e)
{
	char *path = lab_file("cyrus.conf"), *secret = lab_file("secret"), *address;
	struct buf b = BUF_INIT;
	struct cyrus_conf *conf = NULL;
	struct imap *im = NULL;

	if (cyrus_conf_load(path, &conf, e) == -1 || io_read_file(AT_FDCWD, secret, 1000, &b, e) == -1)
		fail_msg("%s", e->msg);
	b.data[strcspn(b.data, "\n")] = '\0';
	address = cyrus_conf_imap_address(conf);
	assert_non_null(address);
	if (imap_connect(address, NULL, &im, e) == 0 &&
	    imap_login_plain(im, "cyrus", as, password != NULL ? password : b.data, e) == -1) {
		imap_close(im);
		im = NULL;
	}
	free(address);
	free(path);
	free(secret);
	cyrus_conf_free(conf);
	buf_done(&b);
	return im;
}

static int setup(void **state)
{
	struct scene *s = mem_alloc(sizeof *s);
	struct err e = { 0 };

	*state = s;
	if (getenv("CYRVAULT_LAB") == NULL)
		return 0;
	s->admin = log_in(NULL, NULL, &e);
	s->alice = log_in("alice", NULL, &e);
	if (s->admin == NULL || s->alice == NULL || imap_separator(s->admin, &s->separator, &e) == -1) {
		fprintf(stderr, "%s\n", e.msg);
		return -1;
	}
	return 0;
}

static int teardown(void **state)
{
	struct scene *s = *state;

	imap_logout(s->admin);
	imap_logout(s->alice);
	free(s);
	return 0;
}

#define NEED_LAB()                    \
	do {                          \
		if (s->admin == NULL) \
			skip();       \
	} while (0)

#define OK(call)                               \
	do {                                   \
		if ((call) == -1)              \
			fail_msg("%s", e.msg); \
	} while (0)

static void test_refused(void **state)
{
	const struct scene *s = *state;
	struct err e = { 0 };

	NEED_LAB();
	assert_null(log_in(NULL, "not-the-password", &e));
	assert_int_equal(e.code, ERR_AUTH);
	assert_null(strstr(e.msg, "not-the-password"));
	assert_true(imap_has(s->alice, "IMAP4rev1"));
	assert_true(imap_has(s->alice, "METADATA"));
}

static int count_mailbox(void *arg, const char *name, char separator, bool selectable, struct err *e)
{
	(void)name;
	(void)separator;
	(void)selectable;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

static void test_mailboxes(void **state)
{
	const struct scene *s = *state;
	char *from = mem_printf("user%calice%cLive 'x' = $1", s->separator, s->separator);
	char *to = mem_printf("user%calice%cLive moved", s->separator, s->separator);
	char *personal = NULL, *other = NULL, *shared = NULL;
	struct imap_mailbox_status st;
	struct err e = { 0 };
	size_t n = 0;

	if (s->admin == NULL) {
		free(from);
		free(to);
		skip();
	}
	OK(imap_list(s->admin, "*", count_mailbox, &n, &e));
	assert_true(n > 10);
	OK(imap_namespace(s->alice, &personal, &other, &shared, &e));
	assert_non_null(personal);
	OK(imap_create(s->admin, from, NULL, &e));
	assert_int_equal(imap_create(s->admin, from, NULL, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	OK(imap_rename(s->admin, from, to, &e));
	assert_int_equal(imap_status(s->admin, from, &st, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	OK(imap_setacl(s->admin, to, "cyrus", "lrswipkxtecda", &e));
	OK(imap_setacl(s->admin, to, "bob", "lrs", &e));
	OK(imap_setacl(s->admin, to, "bob", "", &e));
	OK(imap_status(s->admin, to, &st, &e));
	assert_int_equal(st.messages, 0);
	assert_int_equal(st.uidnext, 1);
	assert_true(st.uidvalidity > 0 && st.highestmodseq > 0);
	OK(imap_setquota(s->admin, to, 12345, 67, &e));
	OK(imap_setquota(s->admin, to, -1, -1, &e));
	OK(imap_delete(s->admin, to, &e));
	free(personal);
	free(other);
	free(shared);
	free(from);
	free(to);
}

static void test_messages(void **state)
{
	static const char bytes[] = "Subject: live\r\nMessage-ID: <live@example.org>\r\n\r\nbody {5}\r\n";
	const struct scene *s = *state;
	struct imap_append a = {
		.mailbox = "INBOX", .flags = "\\Seen \\Flagged $Live", .bytes = bytes, .len = sizeof bytes - 1
	};
	const struct imap_response *f;
	const struct imap_value *v;
	struct imap_mailbox_status st;
	struct imap_reply *r = NULL;
	struct err e = { 0 };
	uint32_t uidvalidity, uid;
	char date[40];

	NEED_LAB();
	a.internaldate = imap_internaldate(date, sizeof date, 837571465);
	OK(imap_append(s->alice, &a, &uidvalidity, &uid, &e));
	OK(imap_select(s->alice, "INBOX", false, &st, &e));
	assert_int_equal(st.uidvalidity, uidvalidity);
	assert_int_equal(st.uidnext, uid + 1);
	OK(imap_command(s->alice, &r, &e,
	    "UID FETCH %u (UID FLAGS INTERNALDATE BODY.PEEK[] BODY.PEEK[HEADER.FIELDS (SUBJECT)])", uid));
	f = imap_reply_find(r, "FETCH", 0, NULL);
	assert_non_null(f);
	v = &f->args.items[0];
	assert_int_equal(imap_value_pair(v, "UID")->number, uid);
	assert_string_equal(imap_value_text(imap_value_pair(v, "INTERNALDATE")), date);
	assert_string_equal(imap_value_text(imap_value_pair(v, "BODY[]")), bytes);
	assert_non_null(imap_value_pair(v, "BODY[HEADER.FIELDS (SUBJECT)]"));
	imap_reply_free(r);
	OK(imap_command(s->alice, NULL, &e, "UID STORE %u +FLAGS (\\Deleted)", uid));
	OK(imap_command(s->alice, NULL, &e, "UID EXPUNGE %u", uid));
	OK(imap_command(s->alice, NULL, &e, "CLOSE"));
	a.mailbox = "INBOX-none";
	assert_int_equal(imap_append(s->alice, &a, &uidvalidity, &uid, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
}

static void test_metadata(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} values[] = { { "plain", 5 }, { "\"quoted\" \\ {4}", 14 }, { "two\r\nlines", 10 },
		{ "\xc3\xa9\xff", 3 } };
	const struct scene *s = *state;
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	NEED_LAB();
	for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
		OK(imap_setmetadata(
		    s->alice, "INBOX", "/private/comment", values[i].bytes, values[i].len, &e));
		buf_clear(&b);
		assert_int_equal(imap_getmetadata(s->alice, "INBOX", "/private/comment", &b, &e), 1);
		assert_int_equal(b.len, values[i].len);
		assert_memory_equal(buf_text(&b), values[i].bytes, values[i].len);
	}
	OK(imap_setmetadata(s->alice, "INBOX", "/private/comment", NULL, 0, &e));
	assert_int_equal(imap_getmetadata(s->alice, "INBOX", "/private/comment", &b, &e), 0);
	OK(imap_subscribe(s->alice, "INBOX", &e));
	OK(imap_unsubscribe(s->alice, "INBOX", &e));
	buf_done(&b);
}

struct names {
	char *name[200];
	size_t n;
};

static int remember(void *arg, const char *name, char separator, bool selectable, struct err *e)
{
	struct names *l = arg;

	(void)separator;
	(void)e;
	if (selectable && l->n < 200)
		l->name[l->n++] = mem_strdup(name);
	return 0;
}

static int count_fetch(void *arg, const struct imap_response *r, struct err *e)
{
	const struct imap_value *v;

	if (strcmp(r->name, "FETCH") != 0)
		return 0;
	v = &r->args.items[0];
	if (imap_value_pair(v, "BODYSTRUCTURE") == NULL || imap_value_pair(v, "ENVELOPE") == NULL ||
	    imap_value_pair(v, "ENVELOPE")->n != 10 || imap_value_pair(v, "BODY[]") == NULL ||
	    imap_value_pair(v, "BODY[]")->len != imap_value_pair(v, "RFC822.SIZE")->number)
		return err_set(e, ERR_FORMAT, "message %llu is incomplete", (unsigned long long)r->number);
	++*(size_t *)arg;
	return 0;
}

/* Everything Cyrus can say of all that mail is understood. */
static void test_everything(void **state)
{
	const struct scene *s = *state;
	struct imap_cmd c = IMAP_CMD_INIT;
	struct names l = { .n = 0 };
	struct imap_mailbox_status st;
	struct err e = { 0 };
	size_t messages = 0, fetched = 0;

	NEED_LAB();
	OK(imap_list(s->alice, "*", remember, &l, &e));
	imap_cmd_raw(&c, "UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[] "
			 "MODSEQ ANNOTATION (/* (value)))");
	for (size_t i = 0; i < l.n; i++) {
		OK(imap_select(s->alice, l.name[i], true, &st, &e));
		messages += st.messages;
		OK(imap_run_each(s->alice, &c, count_fetch, &fetched, &e));
		OK(imap_command(s->alice, NULL, &e, "MYRIGHTS %s", l.name[i]));
		OK(imap_command(s->alice, NULL, &e, "GETQUOTAROOT %s", l.name[i]));
		free(l.name[i]);
	}
	assert_true(messages > 20);
	assert_int_equal(fetched, messages);
	imap_cmd_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_mailboxes),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_metadata),
		cmocka_unit_test(test_everything),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
