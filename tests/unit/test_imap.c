/* test_imap.c: the IMAP client against a scripted server in a thread: good manners, refusals, disconnects, floods. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/job.h"
#include "core/mem.h"
#include "cyrus/imap.h"

#define GREETING \
	"* OK [CAPABILITY IMAP4rev1 LITERAL+ AUTH=PLAIN SASL-IR CONDSTORE METADATA UIDPLUS] ready\r\n"
#define PLAIN "* OK [CAPABILITY IMAP4rev1] ready\r\n"

/* ---- the scripted server ---- */

enum {
	END,
	SAY,
	HEAR,
	FLOOD,
	WAIT
}; /* FLOOD: endless bytes until the client hangs up; WAIT: milliseconds in text's length */

struct act {
	int what;
	const char *text;
};

struct fake {
	int fd; /* a connection, or a listener to accept one from */
	bool accepts;
	const struct act *acts;
	char error[512];
	pthread_t thread;
};

static bool say_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent <= 0)
			return false;
		p += sent;
		n -= (size_t)sent;
	}
	return true;
}

static bool hear(struct fake *f, const char *expected)
{
	size_t n = strlen(expected), got = 0;
	char *line = mem_alloc(n + 1);
	bool same;

	while (got < n) {
		ssize_t r = recv(f->fd, line + got, n - got, 0);

		if (r <= 0)
			break;
		got += (size_t)r;
	}
	same = got == n && memcmp(line, expected, n) == 0;
	if (!same)
		snprintf(f->error, sizeof f->error, "heard \"%.*s\", not \"%s\"", (int)got, line, expected);
	free(line);
	return same;
}

static void *serve(void *arg)
{
	struct fake *f = arg;
	char block[4096];

	if (f->accepts)
		f->fd = accept(f->fd, NULL, NULL);
	memset(block, 'x', sizeof block);
	for (const struct act *a = f->acts; a->what != END; a++) {
		if (a->what == HEAR && !hear(f, a->text))
			break;
		if (a->what == SAY && !say_all(f->fd, a->text, strlen(a->text)))
			break;
		if (a->what == WAIT)
			usleep((useconds_t)strtoul(a->text, NULL, 10) * 1000);
		while (a->what == FLOOD && say_all(f->fd, block, sizeof block))
			;
	}
	close(f->fd);
	return NULL;
}

static struct imap_opts quick = { .read_timeout_ms = 5000, .connect_timeout_ms = 2000 };

/* Starts the server; 0 or -1 as imap_open_fd(). */
static int start(
    struct fake *f, const struct act *acts, const struct imap_opts *o, struct imap **im, struct err *e)
{
	int fds[2];

	*f = (struct fake){ .acts = acts };
	*im = NULL;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f->fd = fds[1];
	assert_int_equal(pthread_create(&f->thread, NULL, serve, f), 0);
	return imap_open_fd(fds[0], true, o, im, e);
}

static struct imap *must_start(struct fake *f, const struct act *acts)
{
	struct imap *im;
	struct err e = { 0 };

	if (start(f, acts, &quick, &im, &e) == -1)
		fail_msg("%s", e.msg);
	return im;
}

static void finish(struct fake *f, struct imap *im)
{
	imap_close(im);
	pthread_join(f->thread, NULL);
	assert_string_equal(f->error, "");
}

/* ---- conversations ---- */

static void test_login(void **state)
{
	static const struct act at_once[] = { { SAY, GREETING },
		{ HEAR, "c1 AUTHENTICATE PLAIN YWxpY2UAY3lydXMAc2VjcmV0\r\n" },
		{ SAY, "c1 OK [CAPABILITY IMAP4rev1 X-IN] in\r\n" }, { END, NULL } };
	static const struct act in_steps[] = { { SAY, "* OK hello {5}\r\n" }, { HEAR, "c1 CAPABILITY\r\n" },
		{ SAY, "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nc1 OK done\r\n" },
		{ HEAR, "c2 AUTHENTICATE PLAIN\r\n" }, { SAY, "+ \r\n" },
		{ HEAR, "AGN5cnVzAHNlY3JldA==\r\n" }, { SAY, "c2 OK in\r\n" }, { HEAR, "c3 CAPABILITY\r\n" },
		{ SAY, "* CAPABILITY IMAP4rev1 X-IN\r\nc3 OK done\r\n" }, { END, NULL } };
	static const struct act by_login[] = { { SAY, PLAIN },
		{ HEAR, "c1 LOGIN \"cyrus\" \"se\\\"cret\"\r\n" },
		{ SAY, "c1 OK [CAPABILITY IMAP4rev1] in\r\n" }, { END, NULL } };
	static const struct act odd_password[] = { { SAY, PLAIN }, { HEAR, "c1 LOGIN \"cyrus\" {3}\r\n" },
		{ SAY, "+ go\r\n" }, { HEAR, "\xc3\xa9x\r\n" },
		{ SAY, "c1 OK [CAPABILITY IMAP4rev1] in\r\n" }, { END, NULL } };
	static const struct act refused[] = { { SAY, GREETING },
		{ HEAR, "c1 AUTHENTICATE PLAIN AGN5cnVzAHNlY3JldA==\r\n" },
		{ SAY, "c1 NO authentication failure\r\n" }, { END, NULL } };
	static const struct act refused_early[] = { { SAY, "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] x\r\n" },
		{ HEAR, "c1 AUTHENTICATE PLAIN\r\n" }, { SAY, "c1 NO not here\r\n" }, { END, NULL } };
	static const struct act disabled[] = {
		{ SAY, "* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] x\r\n" }, { END, NULL }
	};
	struct fake f;
	struct imap *im;
	struct err e = { 0 };

	(void)state;
	im = must_start(&f, at_once);
	assert_int_equal(imap_login_plain(im, "cyrus", "alice", "secret", &e), 0);
	assert_true(imap_has(im, "x-in"));
	assert_false(imap_has(im, "SASL-IR"));
	finish(&f, im);
	im = must_start(&f, in_steps);
	assert_int_equal(imap_login_plain(im, "cyrus", NULL, "secret", &e), 0);
	assert_true(imap_has(im, "X-IN"));
	finish(&f, im);
	im = must_start(&f, by_login);
	assert_int_equal(imap_login_plain(im, "cyrus", NULL, "se\"cret", &e), 0);
	finish(&f, im);
	im = must_start(&f, odd_password);
	assert_int_equal(imap_login_plain(im, "cyrus", NULL, "\xc3\xa9x", &e), 0);
	finish(&f, im);
	im = must_start(&f, refused);
	assert_int_equal(imap_login_plain(im, "cyrus", NULL, "secret", &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_string_equal(e.msg, "the IMAP server did not accept cyrus: authentication failure");
	finish(&f, im);
	im = must_start(&f, refused_early);
	assert_int_equal(imap_login_plain(im, "cyrus", "alice", "secret", &e), -1);
	assert_string_equal(e.msg, "the IMAP server did not accept cyrus acting as alice: not here");
	finish(&f, im);
	im = must_start(&f, disabled);
	assert_int_equal(imap_login_plain(im, "cyrus", NULL, "secret", &e), -1);
	assert_int_equal(e.code, ERR_AUTH);
	assert_null(strstr(e.msg, "secret"));
	finish(&f, im);
}

static void test_not_local(void **state)
{
	static const struct act acts[] = { { SAY, GREETING }, { END, NULL } };
	struct fake f = { .acts = acts };
	struct imap *im = NULL;
	struct err e = { 0 };
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	f.fd = fds[1];
	assert_int_equal(pthread_create(&f.thread, NULL, serve, &f), 0);
	assert_int_equal(imap_open_fd(fds[0], false, &quick, &im, &e), 0);
	assert_int_equal(imap_login_plain(im, "cyrus", NULL, "secret", &e), -1);
	assert_int_equal(e.code, ERR_REFUSED);
	finish(&f, im);
}

static void test_arguments(void **state)
{
	static const struct act nonsync[] = { { SAY, GREETING },
		{ HEAR, "c1 RENAME \"a \\\"b\\\\\" {4+}\r\n\xc3\xa9\r\n\r\n" }, { SAY, "c1 OK done\r\n" },
		{ HEAR, "c2 UID FETCH 1:*,7 (FLAGS) {3+}\r\na\nb {2+}\r\n\r\n\r\n" },
		{ SAY, "c2 OK done\r\n" }, { HEAR, "c3 SETQUOTA \"r\" (STORAGE 10 MESSAGE 5)\r\n" },
		{ SAY, "c3 OK done\r\n" }, { HEAR, "c4 SETQUOTA \"r\" ()\r\n" }, { SAY, "c4 OK done\r\n" },
		{ HEAR, "c5 X \"\" ~{3+}\r\na" }, { END, NULL } };
	static const struct act sync[] = { { SAY, PLAIN }, { HEAR, "c1 X {1}\r\n" },
		{ SAY, "* 3 EXISTS\r\n+ go\r\n" }, { HEAR, "\n {2}\r\n" }, { SAY, "+\r\n" },
		{ HEAR, "\r\n end\r\n" }, { SAY, "c1 OK done\r\n" }, { HEAR, "c2 X {5}\r\n" },
		{ SAY, "c2 NO [OVERQUOTA] no room\r\n" }, { HEAR, "c3 X\r\n" }, { SAY, "c3 BAD what?\r\n" },
		{ END, NULL } };
	struct imap_cmd c = IMAP_CMD_INIT;
	struct imap_reply *r = NULL;
	struct fake f;
	struct imap *im;
	struct err e = { 0 };

	(void)state;
	im = must_start(&f, nonsync);
	assert_int_equal(imap_command(im, NULL, &e, "RENAME %s %.*s", "a \"b\\", 4, "\xc3\xa9\r\n!"), 0);
	imap_cmd_raw(&c, "UID FETCH");
	imap_cmd_raw(&c, "1:*,7");
	imap_cmd_raw(&c, "(");
	imap_cmd_raw(&c, "FLAGS");
	imap_cmd_join(&c, ")");
	imap_cmd_string(&c, "a\nb");
	imap_cmd_bytes(&c, "\r\n", 2);
	assert_int_equal(imap_run(im, &c, NULL, &e), 0);
	imap_cmd_done(&c);
	assert_int_equal(imap_setquota(im, "r", 10, 5, &e), 0);
	assert_int_equal(imap_setquota(im, "r", -1, -1, &e), 0);
	imap_cmd_raw(&c, "X");
	imap_cmd_string(&c, "");
	imap_cmd_bytes(&c, "a\0b", 3);
	imap_run(im, &c, NULL, &e);
	imap_cmd_done(&c);
	finish(&f, im);

	im = must_start(&f, sync);
	imap_cmd_raw(&c, "X");
	imap_cmd_string(&c, "\n");
	imap_cmd_literal(&c, "\r\n", 2);
	imap_cmd_raw(&c, "end");
	assert_int_equal(imap_run(im, &c, &r, &e), 0);
	assert_int_equal(imap_reply_find(r, "EXISTS", 0, NULL)->number, 3);
	imap_reply_free(r);
	imap_cmd_done(&c);
	imap_cmd_raw(&c, "X");
	imap_cmd_literal(&c, "hello", 5);
	assert_int_equal(imap_run(im, &c, &r, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	assert_string_equal(e.msg, "X: the IMAP server said NO: no room");
	assert_int_equal(r->status, IMAP_NO);
	assert_non_null(imap_reply_code(r, "OVERQUOTA"));
	imap_reply_free(r);
	imap_cmd_done(&c);
	assert_int_equal(imap_command(im, &r, &e, "X"), -1);
	assert_int_equal(r->status, IMAP_BAD);
	assert_string_equal(e.msg, "X: the IMAP server said BAD: what?");
	imap_reply_free(r);
	finish(&f, im);
}

/* A secret in a failing command is not repeated. */
static void test_no_secret_in_errors(void **state)
{
	static const struct act acts[] = { { SAY, GREETING },
		{ HEAR, "c1 SETMETADATA \"b\" (\"/private/x\" \"hush\")\r\n" }, { SAY, "c1 NO denied\r\n" },
		{ END, NULL } };
	struct fake f;
	struct imap *im = must_start(&f, acts);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(imap_setmetadata(im, "b", "/private/x", "hush", 4, &e), -1);
	assert_string_equal(
	    e.msg, "annotation /private/x of b: SETMETADATA: the IMAP server said NO: denied");
	finish(&f, im);
}

static int collect(void *arg, const char *name, char separator, bool selectable, struct err *e)
{
	struct buf *b = arg;

	if (strcmp(name, "stop") == 0)
		return err_set(e, ERR_USAGE, "stopped at %s", name);
	buf_printf(b, "%s%c%d ", name, separator != '\0' ? separator : '-', selectable);
	return 0;
}

static void test_convenience(void **state)
{
	static const struct act acts[] = { { SAY, GREETING }, { HEAR, "c1 LIST \"\" \"user.%\"\r\n" },
		{ SAY, "* LIST (\\HasNoChildren) \".\" user.a\r\n* LIST (\\Noselect) NIL {6}\r\nuser.b\r\n* "
		       "1 EXISTS\r\nc1 OK done\r\n" },
		{ HEAR, "c2 STATUS \"a\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)\r\n" },
		{ SAY, "* STATUS a (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 4294967295 UNSEEN 1 HIGHESTMODSEQ "
		       "77)\r\nc2 OK done\r\n" },
		{ HEAR, "c3 STATUS \"b\" (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)\r\n" },
		{ SAY, "c3 NO Mailbox does not exist\r\n" }, { HEAR, "c4 EXAMINE \"a\"\r\n" },
		{ SAY, "* 7 EXISTS\r\n* OK [UIDVALIDITY 12] ok\r\n* OK [UIDNEXT 9] ok\r\n* FLAGS (\\Seen)\r\n"
		       "* OK [HIGHESTMODSEQ 5] ok\r\nc4 OK [READ-ONLY] done\r\n" },
		{ HEAR, "c5 APPEND \"a\" (\\Seen $x) \"17-Jul-1996 02:44:25 +0000\" {5}\r\n" },
		{ SAY, "+ go\r\n" }, { HEAR, "hello\r\n" }, { SAY, "c5 OK [APPENDUID 12 9] done\r\n" },
		{ HEAR, "c6 GETMETADATA \"a\" (\"/private/comment\")\r\n" },
		{ SAY, "* METADATA a (\"/private/comment\" {2}\r\n\r\n)\r\nc6 OK done\r\n" },
		{ HEAR, "c7 GETMETADATA \"a\" (\"/private/comment\")\r\n" },
		{ SAY, "* METADATA a (\"/private/comment\" NIL)\r\nc7 OK done\r\n" },
		{ HEAR, "c8 SETMETADATA \"a\" (\"/private/comment\" NIL)\r\n" }, { SAY, "c8 OK done\r\n" },
		{ HEAR, "c9 SETACL \"a\" \"bob\" \"lrs\"\r\n" }, { SAY, "c9 OK done\r\n" },
		{ HEAR, "c10 DELETEACL \"a\" \"bob\"\r\n" }, { SAY, "c10 OK done\r\n" },
		{ HEAR, "c11 CREATE \"x\" \"second\"\r\n" }, { SAY, "c11 OK done\r\n" },
		{ HEAR, "c12 NAMESPACE\r\n" },
		{ SAY, "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) NIL\r\nc12 OK done\r\n" },
		{ HEAR, "c13 LIST \"\" \"\"\r\n" },
		{ SAY, "* LIST (\\Noselect) \"/\" \"\"\r\nc13 OK done\r\n" },
		{ HEAR, "c14 LIST \"\" \"*\"\r\n" },
		{ SAY, "* LIST () \".\" a\r\n* LIST () \".\" stop\r\n* LIST () \".\" b\r\nc14 OK done\r\n" },
		{ HEAR, "c15 SUBSCRIBE \"a\"\r\n" }, { SAY, "c15 OK done\r\n" },
		{ HEAR, "c16 UNSUBSCRIBE \"a\"\r\n" }, { SAY, "c16 OK done\r\n" },
		{ HEAR, "c17 DELETE \"a\"\r\n" }, { SAY, "c17 OK done\r\n" }, { HEAR, "c18 LOGOUT\r\n" },
		{ SAY, "* BYE so long\r\nc18 OK done\r\n" }, { END, NULL } };
	struct imap_append a = { .mailbox = "a", .flags = "\\Seen $x", .bytes = "hello", .len = 5 };
	char date[40], *personal = NULL, *other = NULL, *shared = NULL, separator;
	struct imap_mailbox_status st;
	struct buf b = BUF_INIT;
	struct fake f;
	struct imap *im = must_start(&f, acts);
	struct err e = { 0 };
	uint32_t uidvalidity, uid;

	(void)state;
	assert_int_equal(imap_list(im, "user.%", collect, &b, &e), 0);
	assert_string_equal(buf_text(&b), "user.a.1 user.b-0 ");
	assert_int_equal(imap_status(im, "a", &st, &e), 0);
	assert_int_equal(st.messages, 3);
	assert_int_equal(st.uidnext, 4);
	assert_int_equal(st.uidvalidity, 4294967295);
	assert_int_equal(st.highestmodseq, 77);
	assert_int_equal(imap_status(im, "b", &st, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(imap_select(im, "a", true, &st, &e), 0);
	assert_int_equal(st.messages, 7);
	assert_int_equal(st.uidvalidity, 12);
	assert_int_equal(st.uidnext, 9);
	assert_int_equal(st.highestmodseq, 5);
	a.internaldate = imap_internaldate(date, sizeof date, 837571465);
	assert_int_equal(imap_append(im, &a, &uidvalidity, &uid, &e), 0);
	assert_int_equal(uidvalidity, 12);
	assert_int_equal(uid, 9);
	buf_clear(&b);
	assert_int_equal(imap_getmetadata(im, "a", "/private/comment", &b, &e), 1);
	assert_int_equal(b.len, 2);
	assert_int_equal(imap_getmetadata(im, "a", "/private/comment", &b, &e), 0);
	assert_int_equal(imap_setmetadata(im, "a", "/private/comment", NULL, 0, &e), 0);
	assert_int_equal(imap_setacl(im, "a", "bob", "lrs", &e), 0);
	assert_int_equal(imap_setacl(im, "a", "bob", "", &e), 0);
	assert_int_equal(imap_create(im, "x", "second", &e), 0);
	assert_int_equal(imap_namespace(im, &personal, &other, &shared, &e), 0);
	assert_string_equal(personal, "INBOX.");
	assert_string_equal(other, "user.");
	assert_null(shared);
	assert_int_equal(imap_separator(im, &separator, &e), 0);
	assert_int_equal(separator, '/');
	/* A callback that fails: the rest is read, the connection lives. */
	buf_clear(&b);
	assert_int_equal(imap_list(im, "*", collect, &b, &e), -1);
	assert_string_equal(e.msg, "stopped at stop");
	assert_string_equal(buf_text(&b), "a.1 ");
	assert_int_equal(imap_subscribe(im, "a", &e), 0);
	assert_int_equal(imap_unsubscribe(im, "a", &e), 0);
	assert_int_equal(imap_delete(im, "a", &e), 0);
	imap_logout(im);
	pthread_join(f.thread, NULL);
	assert_string_equal(f.error, "");
	free(personal);
	free(other);
	free(shared);
	buf_done(&b);
}

static void test_append_by_pieces(void **state)
{
	static const struct act acts[] = { { SAY, GREETING }, { HEAR, "c1 APPEND \"a\" {6}\r\n" },
		{ SAY, "* 5 EXISTS\r\n+ go\r\n" }, { HEAR, "abcdef\r\n" }, { SAY, "c1 OK done\r\n" },
		{ HEAR, "c2 APPEND \"a\" {6}\r\n" }, { SAY, "c2 NO [OVERQUOTA] Over quota\r\n" },
		{ HEAR, "c3 APPEND \"a\" {6}\r\n" }, { SAY, "+ go\r\n" }, { HEAR, "abcdef\r\n" },
		{ SAY, "c3 NO Message contains NUL characters\r\n" },
		{ HEAR, "c4 UID STORE 3:5,9 +FLAGS.SILENT (\\Deleted)\r\n" }, { SAY, "c4 OK done\r\n" },
		{ HEAR, "c5 UID EXPUNGE 3:5,9\r\n" }, { SAY, "* 1 EXPUNGE\r\nc5 OK done\r\n" },
		{ HEAR, "c6 APPEND \"a\" {6}\r\n" }, { SAY, "+ go\r\n" }, { HEAR, "abc" }, { END, NULL } };
	static const uint32_t uids[] = { 3, 4, 5, 9 };
	struct imap_append a = { .mailbox = "a", .len = 6 };
	struct fake f;
	struct imap *im = must_start(&f, acts);
	struct err e = { 0 };
	uint32_t uidvalidity = 1, uid = 1;

	(void)state;
	assert_int_equal(imap_append_begin(im, &a, &e), 0);
	assert_int_equal(imap_append_data(im, "abc", 3, &e), 0);
	assert_int_equal(imap_append_data(im, "def", 3, &e), 0);
	assert_int_equal(imap_append_end(im, &uidvalidity, &uid, &e), 0);
	assert_int_equal(uidvalidity, 0);
	assert_int_equal(uid, 0);
	/* Refused before a byte of it is sent. */
	assert_int_equal(imap_append_begin(im, &a, &e), -1);
	assert_int_equal(e.code, ERR_SPACE);
	assert_int_equal(imap_append_begin(im, &a, &e), 0);
	assert_int_equal(imap_append_data(im, "abcdef", 6, &e), 0);
	assert_int_equal(imap_append_end(im, &uidvalidity, &uid, &e), -1);
	assert_int_equal(e.code, ERR_TOOL);
	assert_int_equal(imap_expunge_uids(im, uids, 4, &e), 0);
	/* Too few bytes: it is never ended, and the connection is of no more use. */
	assert_int_equal(imap_append_begin(im, &a, &e), 0);
	assert_int_equal(imap_append_data(im, "abc", 3, &e), 0);
	assert_int_equal(imap_append_end(im, &uidvalidity, &uid, &e), -1);
	assert_int_equal(e.code, ERR_DAMAGE);
	assert_int_equal(imap_subscribe(im, "a", &e), -1);
	finish(&f, im);
}

static void test_old_annotations(void **state)
{
	static const struct act acts[] = { { SAY, "* OK [CAPABILITY IMAP4 ANNOTATEMORE] Cyrus 2.3\r\n" },
		{ HEAR, "c1 SETANNOTATION \"a\" \"/comment\" (\"value.priv\" \"x\")\r\n" },
		{ SAY, "c1 OK done\r\n" },
		{ HEAR, "c2 GETANNOTATION \"a\" \"/vendor/cmu\" \"value.shared\"\r\n" },
		{ SAY, "* ANNOTATION \"a\" \"/vendor/cmu\" (\"value.shared\" \"y\")\r\nc2 OK done\r\n" },
		{ END, NULL } };
	static const struct act none[] = { { SAY, PLAIN }, { END, NULL } };
	struct buf b = BUF_INIT;
	struct fake f;
	struct imap *im = must_start(&f, acts);
	struct err e = { 0 };

	(void)state;
	assert_int_equal(imap_setmetadata(im, "a", "/private/comment", "x", 1, &e), 0);
	assert_int_equal(imap_getmetadata(im, "a", "/shared/vendor/cmu", &b, &e), 1);
	assert_string_equal(buf_text(&b), "y");
	assert_int_equal(imap_setmetadata(im, "a", "/comment", "x", 1, &e), -1);
	assert_int_equal(e.code, ERR_USAGE);
	finish(&f, im);
	im = must_start(&f, none);
	assert_int_equal(imap_setmetadata(im, "a", "/private/comment", "x", 1, &e), -1);
	assert_int_equal(e.code, ERR_UNSUPPORTED);
	finish(&f, im);
	buf_done(&b);
}

static void test_disconnects(void **state)
{
	static const struct act at_once[] = { { END, NULL } };
	static const struct act half[] = { { SAY, "* OK [CAPAB" }, { END, NULL } };
	static const struct act bye[] = { { SAY, "* BYE too many connections\r\n" }, { END, NULL } };
	static const struct act no_imap[] = { { SAY, "220 mail.example ESMTP\r\n" }, { END, NULL } };
	static const struct act in_literal[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" },
		{ SAY, "* X {100}\r\nabc" }, { END, NULL } };
	static const struct act with_bye[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" },
		{ SAY, "* BYE shutting down\r\n" }, { END, NULL } };
	static const struct act strange[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" },
		{ SAY, "c9 OK done\r\n" }, { WAIT, "200" }, { END, NULL } };
	static const struct act leave[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" }, { SAY, "+ go\r\n" },
		{ WAIT, "200" }, { END, NULL } };
	static const struct act bare[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" }, { SAY, "c1 OK done\n" },
		{ WAIT, "200" }, { END, NULL } };
	static const struct {
		const struct act *acts;
		enum err_code code;
		const char *says;
	} in_greeting[] = { { at_once, ERR_SYS, "closed the connection" },
		{ half, ERR_SYS, "closed the connection" },
		{ bye, ERR_TOOL, "refuses connections: too many" }, { no_imap, ERR_FORMAT, "" } },
	  in_command[] = { { in_literal, ERR_SYS, "closed the connection" },
		  { with_bye, ERR_TOOL, "ended the connection: shutting down" },
		  { strange, ERR_FORMAT, "another command" }, { leave, ERR_FORMAT, "continuation" },
		  { bare, ERR_FORMAT, "line feed" } };
	struct fake f;
	struct imap *im;
	struct err e = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof in_greeting / sizeof *in_greeting; i++) {
		assert_int_equal(start(&f, in_greeting[i].acts, &quick, &im, &e), -1);
		assert_int_equal(e.code, in_greeting[i].code);
		assert_non_null(strstr(e.msg, in_greeting[i].says));
		pthread_join(f.thread, NULL);
	}
	for (size_t i = 0; i < sizeof in_command / sizeof *in_command; i++) {
		struct imap_reply *r = (void *)&f;

		im = must_start(&f, in_command[i].acts);
		assert_int_equal(imap_command(im, &r, &e, "X"), -1);
		assert_null(r);
		assert_int_equal(e.code, in_command[i].code);
		assert_non_null(strstr(e.msg, in_command[i].says));
		/* It stays dead. */
		assert_int_equal(imap_command(im, NULL, &e, "X"), -1);
		assert_int_equal(e.code, ERR_SYS);
		assert_int_equal(e.sys, ENOTCONN);
		imap_logout(im);
		pthread_join(f.thread, NULL);
	}
}

static int ignore(void *arg, const struct imap_response *r, struct err *e)
{
	(void)r;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

static void test_bounds(void **state)
{
	static const struct act long_line[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" }, { SAY, "* X " },
		{ FLOOD, NULL }, { END, NULL } };
	static const struct act huge_literal[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" },
		{ SAY, "* X {99999999999}\r\n" }, { FLOOD, NULL }, { END, NULL } };
	static const struct act silly_literal[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" },
		{ SAY, "* X {99999999999999999999999999999999}\r\n" }, { FLOOD, NULL }, { END, NULL } };
	static const struct act long_greeting[] = { { FLOOD, NULL }, { END, NULL } };
	static const struct act *const floods[] = { long_line, huge_literal, silly_literal };
	struct imap_opts o = {
		.read_timeout_ms = 5000, .max_response_bytes = 100000, .max_reply_bytes = 200000
	};
	struct imap_cmd c = IMAP_CMD_INIT;
	struct fake f;
	struct imap *im;
	struct err e = { 0 };
	char *many = mem_alloc(40 * 20000 + 64);
	size_t n = 0, count = 0;

	(void)state;
	for (size_t i = 0; i < sizeof floods / sizeof *floods; i++) {
		assert_int_equal(start(&f, floods[i], &o, &im, &e), 0);
		assert_int_equal(imap_command(im, NULL, &e, "X"), -1);
		assert_int_equal(e.code, ERR_FORMAT);
		assert_non_null(strstr(e.msg, "longer than 100000 bytes"));
		finish(&f, im);
	}
	assert_int_equal(start(&f, long_greeting, &o, &im, &e), -1);
	assert_int_equal(e.code, ERR_FORMAT);
	pthread_join(f.thread, NULL);

	/* Many small responses: kept up to a limit, or handed on without one. */
	for (int i = 0; i < 20000; i++)
		n += (size_t)sprintf(many + n, "* LIST () \".\" mailbox.%d\r\n", i);
	sprintf(many + n, "c1 OK done\r\n");
	for (int round = 0; round < 2; round++) {
		const struct act acts[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" }, { SAY, many },
			{ END, NULL } };

		assert_int_equal(start(&f, acts, &o, &im, &e), 0);
		imap_cmd_raw(&c, "X");
		if (round == 0) {
			assert_int_equal(imap_run(im, &c, NULL, &e), -1);
			assert_non_null(strstr(e.msg, "longer than 200000 bytes"));
		} else {
			assert_int_equal(imap_run_each(im, &c, ignore, &count, &e), 0);
			assert_int_equal(count, 20000);
		}
		imap_cmd_done(&c);
		finish(&f, im);
	}
	free(many);
}

static void *cancel_soon(void *job)
{
	usleep(150000);
	job_cancel(job);
	return NULL;
}

static void test_timeout_and_cancel(void **state)
{
	static const struct act silent[] = { { SAY, GREETING }, { HEAR, "c1 X\r\n" }, { WAIT, "1500" },
		{ END, NULL } };
	struct imap_opts o = { .read_timeout_ms = 200 };
	struct job *job = job_new();
	uint64_t begin = clock_monotonic_ms();
	pthread_t t;
	struct fake f;
	struct imap *im;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(start(&f, silent, &o, &im, &e), 0);
	assert_int_equal(imap_command(im, NULL, &e, "X"), -1);
	assert_int_equal(e.code, ERR_SYS);
	assert_int_equal(e.sys, ETIMEDOUT);
	assert_true(clock_monotonic_ms() - begin < 1300);
	finish(&f, im);
	o.read_timeout_ms = 60000;
	o.job = job;
	assert_int_equal(start(&f, silent, &o, &im, &e), 0);
	assert_int_equal(pthread_create(&t, NULL, cancel_soon, job), 0);
	assert_int_equal(imap_command(im, NULL, &e, "X"), -1);
	assert_int_equal(e.code, ERR_CANCELLED);
	pthread_join(t, NULL);
	finish(&f, im);
	job_free(job);
}

static void test_connect(void **state)
{
	static const struct act acts[] = { { SAY, GREETING }, { HEAR, "c1 AUTHENTICATE PLAIN AGEAYg==\r\n" },
		{ SAY, "c1 OK [CAPABILITY IMAP4rev1] in\r\n" }, { END, NULL } };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	socklen_t len = sizeof in;
	int listeners[2] = { socket(AF_INET, SOCK_STREAM, 0), socket(AF_UNIX, SOCK_STREAM, 0) };
	char *addresses[2];
	struct imap *im = NULL;
	struct err e = { 0 };

	(void)state;
	snprintf(un.sun_path, sizeof un.sun_path, "/tmp/cyrvault-imap.%ld", (long)getpid());
	unlink(un.sun_path);
	assert_int_equal(bind(listeners[0], (struct sockaddr *)&in, sizeof in), 0);
	assert_int_equal(bind(listeners[1], (struct sockaddr *)&un, sizeof un), 0);
	assert_int_equal(getsockname(listeners[0], (struct sockaddr *)&in, &len), 0);
	addresses[0] = mem_printf("127.0.0.1:%u", ntohs(in.sin_port));
	addresses[1] = mem_strdup(un.sun_path);
	for (int i = 0; i < 2; i++) {
		struct fake f = { .fd = listeners[i], .accepts = true, .acts = acts };

		assert_int_equal(listen(listeners[i], 1), 0);
		assert_int_equal(pthread_create(&f.thread, NULL, serve, &f), 0);
		if (imap_connect(addresses[i], &quick, &im, &e) == -1)
			fail_msg("%s", e.msg);
		assert_int_equal(imap_login_plain(im, "a", NULL, "b", &e), 0);
		finish(&f, im);
		close(listeners[i]);
		/* Nobody listens there now. */
		assert_int_equal(imap_connect(addresses[i], &quick, &im, &e), -1);
		assert_non_null(strstr(e.msg, addresses[i]));
		free(addresses[i]);
	}
	unlink(un.sun_path);
	assert_int_equal(imap_connect("[::1", &quick, &im, &e), -1);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_int_equal(imap_connect("a:b:c", &quick, &im, &e), -1);
	assert_int_equal(imap_connect("no such host:143", &quick, &im, &e), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_login),
		cmocka_unit_test(test_not_local),
		cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_no_secret_in_errors),
		cmocka_unit_test(test_convenience),
		cmocka_unit_test(test_append_by_pieces),
		cmocka_unit_test(test_old_annotations),
		cmocka_unit_test(test_disconnects),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_timeout_and_cancel),
		cmocka_unit_test(test_connect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
