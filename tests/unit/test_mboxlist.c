/* test_mboxlist.c: the list of mailboxes, out of databases and text of every version and back; the dlist reader. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/mem.h"
#include "cyrus/dlist.h"
#include "cyrus/mboxlist.h"

#define FIXTURES "tests/fixtures/mboxlist/"

/* ---- dlist ---- */

static struct dlist *dparse(const char *text)
{
	struct dlist *d;
	struct err e = { 0 };

	if (dlist_parse(text, strlen(text), NULL, &d, &e) == -1)
		fail_msg("%s: %s", text, e.msg);
	return d;
}

static void dlist_good(void **state)
{
	struct dlist *d = dparse("%(T el I abc P \"a \\\"b\\\\\" V 17 A %(anyone lrs \"b (x)\" lr) H (%(N x "
				 "M 1) %(N y)) U (a NIL {5+}\r\n"
				 "b) c)) Z NIL)\n");
	const struct dlist *a, *h, *u;
	uint64_t v = 99;

	(void)state;
	assert_string_equal(dlist_text(d, "T"), "el");
	assert_string_equal(dlist_text(d, "P"), "a \"b\\");
	assert_int_equal(dlist_u64(d, "V", 17, &v, NULL), 1);
	assert_int_equal(v, 17);
	assert_int_equal(dlist_u64(d, "V", 16, &v, NULL), -1);
	assert_int_equal(dlist_u64(d, "T", 16, &v, NULL), -1);
	assert_int_equal(dlist_u64(d, "X", 16, &v, NULL), 0);
	assert_int_equal(dlist_u64(d, "Z", 16, &v, NULL), 0);
	assert_null(dlist_text(d, "Z"));
	assert_null(dlist_text(d, "A"));
	assert_null(dlist_text(NULL, "A"));
	a = dlist_get(d, "A");
	assert_int_equal(a->kind, DLIST_MAP);
	assert_string_equal(a->child->next->key, "b (x)");
	assert_string_equal(a->child->next->text, "lr");
	assert_null(a->child->next->next);
	h = dlist_get(d, "H");
	assert_int_equal(h->kind, DLIST_LIST);
	assert_int_equal(h->raw_len, strlen("(%(N x M 1) %(N y))"));
	assert_memory_equal(h->raw, "(%(N x M 1) %(N y))", h->raw_len);
	assert_string_equal(dlist_text(h->child->next, "N"), "y");
	u = dlist_get(d, "U");
	assert_int_equal(u->child->next->kind, DLIST_NIL);
	assert_string_equal(u->child->next->next->text, "b) c)");
	dlist_free(d);

	d = dparse("(a)b c)");
	assert_string_equal(d->child->text, "a)b");
	dlist_free(d);
	d = dparse("plain");
	assert_string_equal(d->text, "plain");
	dlist_free(d);
	d = dparse("\"NIL\"");
	assert_int_equal(d->kind, DLIST_TEXT);
	dlist_free(d);
	dlist_free(NULL);
}

static void dlist_bad(void **state)
{
	static const char *const bad[] = { "", "(", "%(", "%", "%x", "(a", "(a ", "%(K", "%(K ", "%(K)",
		"%(K v", "\"", "\"a", "\"a\\", "{", "{5", "{5}", "{5}\r\nabc", "{5}\nabcde",
		"{99999999999999999999999}\r\n", "(a) b", "(\"a\"b)", "( a)", "%(K  v)", ")" };
	char deep[200];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct dlist *d;
		struct err e = { 0 };

		if (dlist_parse(bad[i], strlen(bad[i]), NULL, &d, &e) == 0)
			fail_msg("%s was read", bad[i]);
		assert_int_equal(e.code, ERR_FORMAT);
		assert_null(d);
	}
	memset(deep, '(', 100);
	memset(deep + 100, ')', 100);
	deep[99] = 'x';
	struct dlist *d;

	assert_int_equal(dlist_parse(deep, 200, NULL, &d, NULL), -1);
}

static void dlist_used(void **state)
{
	static const char text[] = "%(A b)\nmore";
	struct dlist *d;
	size_t used;

	(void)state;
	assert_int_equal(dlist_parse(text, strlen(text), &used, &d, NULL), 0);
	assert_int_equal(used, 6);
	dlist_free(d);
	assert_int_equal(dlist_parse(text, strlen(text), NULL, &d, NULL), -1);
}

/* ---- text ---- */

static struct mboxlist *read_form(const char *text, enum mboxlist_form want)
{
	struct mboxlist *l;
	enum mboxlist_form form;
	struct err e = { 0 };

	if (mboxlist_read_text(text, strlen(text), &l, &form, &e) == -1)
		fail_msg("%s", e.msg);
	assert_int_equal(form, want);
	return l;
}

static void refused(const char *text, const char *word)
{
	struct mboxlist *l;
	struct err e = { 0 };

	if (mboxlist_read_text(text, strlen(text), &l, NULL, &e) == 0)
		fail_msg("was read: %s", text);
	assert_null(l);
	assert_int_equal(e.code, ERR_FORMAT);
	if (strstr(e.msg, word) == NULL)
		fail_msg("\"%s\" does not say %s", e.msg, word);
}

static void written(const struct mboxlist *l, enum mboxlist_form form, const char *want)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	if (mboxlist_write_text(l, form, &b, &e) == -1)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_text(&b), want);
	buf_done(&b);
}

static void not_written(const struct mboxlist *l, enum mboxlist_form form, enum err_code code)
{
	struct buf b = BUF_INIT;
	struct err e = { 0 };

	assert_int_equal(mboxlist_write_text(l, form, &b, &e), -1);
	assert_int_equal(e.code, code);
	buf_done(&b);
}

static void form_a(void **state)
{
	static const char text[] = "shared\tdefault\tanyone\tlrs\t\n"
				   "user.alice\tdefault\talice\tlrswipcda\tbob\tlr\t\n"
				   "user.far\tother.example!part\tx\tlrs\t\n"
				   "user.num\t2nd\t\n";
	struct mboxlist *l = read_form(text, MBOXLIST_A);
	const struct mailbox_entry *m = mboxlist_find(l, "user.alice");

	(void)state;
	assert_int_equal(l->n, 4);
	assert_string_equal(m->partition, "default");
	assert_int_equal(m->n_acl, 2);
	assert_string_equal(m->acl[1].user, "bob");
	assert_string_equal(m->acl[1].rights, "lr");
	assert_int_equal(m->type, 'e');
	assert_null(m->uniqueid);
	assert_true(mailbox_entry_has_directory(m));
	m = mboxlist_find(l, "user.far");
	assert_string_equal(m->server, "other.example");
	assert_string_equal(m->partition, "part");
	assert_false(mailbox_entry_has_directory(m));
	assert_string_equal(mboxlist_find(l, "user.num")->partition, "2nd");
	assert_null(mboxlist_find(l, "user.nobody"));
	written(l, MBOXLIST_A, text);
	written(l, MBOXLIST_B,
	    "shared\t0 default anyone\tlrs\t\nuser.alice\t0 default alice\tlrswipcda\tbob\tlr\t\n"
	    "user.far\t1 other.example!part x\tlrs\t\nuser.num\t0 2nd \n");
	mboxlist_free(l);
}

static void form_b(void **state)
{
	static const char text[] = "shared.team x\t0 default anyone\tlrsp\t-bob\tw\t\r\n"
				   "\n"
				   "user.cal\t32 default cal\tlrs\t\n"
				   "user.far\t1 other.example!part far\tlrs\t\n"
				   "user.front\t1 other.example far\tlrs\t\n"
				   "user.gone\t16 (null)\n"
				   "user.none\t0 default \n"
				   "user.weird\t2048 default x\tlrs\t\n";
	struct mboxlist *l = read_form(text, MBOXLIST_B);

	(void)state;
	assert_int_equal(l->n, 7);
	assert_int_equal(mboxlist_find(l, "user.cal")->type, 'c');
	assert_int_equal(mboxlist_find(l, "user.far")->flags, MBTYPE_REMOTE);
	assert_string_equal(mboxlist_find(l, "user.far")->server, "other.example");
	assert_string_equal(mboxlist_find(l, "user.front")->server, "other.example");
	assert_null(mboxlist_find(l, "user.front")->partition);
	assert_int_equal(mboxlist_find(l, "user.gone")->flags, MBTYPE_DELETED);
	assert_null(mboxlist_find(l, "user.gone")->partition);
	assert_int_equal(mboxlist_find(l, "user.none")->n_acl, 0);
	assert_int_equal(mboxlist_find(l, "user.weird")->type, '?');
	assert_string_equal(mboxlist_find(l, "user.weird")->raw_type, "2048");
	assert_string_equal(mboxlist_find(l, "shared.team x")->acl[1].user, "-bob");
	not_written(l, MBOXLIST_B, ERR_UNSUPPORTED);
	mailbox_entry_done(&l->entries[--l->n]);
	written(l, MBOXLIST_B,
	    "shared.team x\t0 default anyone\tlrsp\t-bob\tw\t\n"
	    "user.cal\t32 default cal\tlrs\t\n"
	    "user.far\t1 other.example!part far\tlrs\t\n"
	    "user.front\t1 other.example far\tlrs\t\n"
	    "user.none\t0 default \n");
	not_written(l, MBOXLIST_JSON, ERR_FORMAT);
	not_written(l, MBOXLIST_LEGACY, ERR_FORMAT);
	mboxlist_free(l);
}

static void form_legacy(void **state)
{
	static const char text[] = "user.a\t0 default a\tlrs\t>id1 1700000000 17 5 3\n"
				   "user.b\t512 default >id2 1700000000 18 6 4 \\Sent \\Junk\n"
				   "user.c\t9 default c\tlrs\t>id3 1 19 18446744073709551615 1\n";
	struct mboxlist *l = read_form(text, MBOXLIST_LEGACY);
	const struct mailbox_entry *b = mboxlist_find(l, "user.b");

	(void)state;
	assert_int_equal(b->flags, MBTYPE_LEGACY_DIRS);
	assert_int_equal(b->uidvalidity, 18);
	assert_int_equal(b->foldermodseq, 6);
	assert_int_equal(b->createdmodseq, 4);
	assert_int_equal(b->mtime, 1700000000);
	assert_string_equal(b->uniqueid, "id2");
	assert_string_equal(b->legacy_specialuse, "\\Sent \\Junk");
	assert_int_equal(b->n_acl, 0);
	assert_int_equal(mboxlist_find(l, "user.c")->type, 'c');
	assert_true(mboxlist_find(l, "user.c")->foldermodseq == UINT64_MAX);
	written(l, MBOXLIST_LEGACY, text);
	mboxlist_free(l);
	/* Half a tail is no tail: then it is an odd ACL. */
	l = read_form("user.a\t0 default a\tlrs\t>id1 1700000000 17 5\n", MBOXLIST_B);
	assert_null(l->entries[0].uniqueid);
	mboxlist_free(l);
}

/* B of an old server to what 3.6 takes, once the caller has filled in what the directory knows. */
static void upgrade(void **state)
{
	struct mboxlist *l = read_form("user.a\t0 default a\tlrs\tb\tl\t\n", MBOXLIST_B);
	struct mailbox_entry *m = &l->entries[0];

	(void)state;
	m->uniqueid = mem_strdup("0123456789abcdef");
	not_written(l, MBOXLIST_JSON, ERR_FORMAT);
	m->uidvalidity = 1795391855;
	m->flags |= MBTYPE_LEGACY_DIRS;
	written(l, MBOXLIST_JSON,
	    "{\n\"user.a\": {\"name\": \"user.a\", \"mtime\": \"0\", \"uidvalidity\": \"1795391855\", "
	    "\"createdmodseq\": \"0\", "
	    "\"foldermodseq\": \"0\", \"mbtype\": \"el\", \"partition\": \"default\", \"acl\": {\"a\": "
	    "\"lrs\", \"b\": \"l\"}, "
	    "\"uniqueid\": \"0123456789abcdef\", \"name_history\": []}\n}\n");
	written(l, MBOXLIST_LEGACY, "user.a\t512 default a\tlrs\tb\tl\t>0123456789abcdef 0 1795391855 0 0\n");
	written(l, MBOXLIST_B, "user.a\t0 default a\tlrs\tb\tl\t\n");
	mboxlist_free(l);
}

static void form_json(void **state)
{
	static const char text[] =
	    "{\n"
	    "\"example.org!user.x\": {\"name\": \"example.org!user.x\", \"mtime\": \"9\", \"uidvalidity\": "
	    "\"2\", \"createdmodseq\": "
	    "\"3\", \"foldermodseq\": \"4\", \"mbtype\": \"er\", \"partition\": \"p\", \"server\": \"far\", "
	    "\"acl\": {}, "
	    "\"uniqueid\": \"i4\", \"legacy_specialuse\": \"\\\\Sent\", \"name_history\": []},\n"
	    "\"user.a\": {\"name\": \"user.a\", \"mtime\": \"1\", \"uidvalidity\": \"2\", \"createdmodseq\": "
	    "\"3\", \"foldermodseq\": "
	    "\"4\", \"mbtype\": \"e\", \"partition\": \"p\", \"acl\": {\"a \\\"\\\\\\u0001\": \"lrs\", "
	    "\"j\xc3\xbcrgen\": \"lr\"}, "
	    "\"uniqueid\": \"i1\", \"name_history\": [{\"name\": \"user.b\", \"mtime\": \"1\"}]},\n"
	    "\"user.a.b\": {\"name\": \"user.a.b\", \"mtime\": \"1\", \"uidvalidity\": \"2\", "
	    "\"createdmodseq\": \"3\", "
	    "\"foldermodseq\": \"4\", \"mbtype\": \"ed\", \"acl\": {}, \"uniqueid\": \"i2\", "
	    "\"name_history\": []},\n"
	    "\"user.a b\": {\"name\": \"user.a b\", \"mtime\": \"1\", \"uidvalidity\": \"2\", "
	    "\"createdmodseq\": \"3\", "
	    "\"foldermodseq\": \"18446744073709551615\", \"mbtype\": \"fl\", \"partition\": \"p\", \"acl\": "
	    "{}, \"uniqueid\": \"i3\", "
	    "\"name_history\": []}\n"
	    "}\n";
	struct mboxlist *l = read_form(text, MBOXLIST_JSON);
	const struct mailbox_entry *m = mboxlist_find(l, "user.a");

	(void)state;
	assert_int_equal(l->n, 4);
	assert_string_equal(m->acl[0].user, "a \"\\\x01");
	assert_string_equal(m->raw_history, "[{\"name\": \"user.b\", \"mtime\": \"1\"}]");
	assert_int_equal(mboxlist_find(l, "user.a.b")->flags, MBTYPE_DELETED);
	assert_int_equal(mboxlist_find(l, "user.a b")->type, 'f');
	assert_int_equal(mboxlist_find(l, "user.a b")->flags, MBTYPE_LEGACY_DIRS);
	assert_false(mailbox_entry_has_directory(mboxlist_find(l, "example.org!user.x")));
	written(l, MBOXLIST_JSON, text);
	assert_int_equal(mboxlist_find_id(l, "i1", 0), m - l->entries);
	assert_int_equal(mboxlist_find_id(l, "i1", (size_t)(m - l->entries) + 1), (size_t)-1);
	assert_int_equal(mboxlist_find_id(l, "i2", 0), (size_t)-1);
	assert_int_equal(mboxlist_find_id(l, NULL, 0), (size_t)-1);
	mboxlist_free(l);

	/* Another shape, numbers as numbers, things missing, members unknown. */
	l = read_form(" { \"b\" : { \"uidvalidity\" : 5,\n \"partition\":null, \"x\": [1,{}] }, "
		      "\"a\":{\"mbtype\":\"e?\"}}",
	    MBOXLIST_JSON);
	assert_int_equal(l->n, 2);
	assert_int_equal(l->entries[1].uidvalidity, 5);
	assert_int_equal(l->entries[0].type, '?');
	assert_null(l->entries[1].partition);
	mboxlist_free(l);
	l = read_form("{\n\n}\n", MBOXLIST_JSON);
	assert_int_equal(l->n, 0);
	written(l, MBOXLIST_JSON, "{\n\n}\n");
	mboxlist_free(l);
	l = read_form("", MBOXLIST_B);
	assert_int_equal(l->n, 0);
	mboxlist_free(l);
}

/* The same members in a line each, which the line reader takes, and in one piece, which the parser takes. */
static void two_readers(void **state)
{
	static const char *const members[] = {
		"\"a\": {\"name\": \"a\", \"mbtype\": \"e\", \"uidvalidity\": \"7\", \"acl\": {\"x\": "
		"\"l\"}, \"partition\": \"p\", "
		"\"uniqueid\": \"i\", \"name_history\": []}",
		"\"b\": {\"mbtype\": \"el\", \"uidvalidity\": \"7\", \"uidvalidity\": \"8\", \"partition\": "
		"\"p\", \"uniqueid\": \"i\"}",
		"\"c\": {\"mbtype\": \"e\", \"uidvalidity\": \"7\", \"partition\": \"p\", \"partition\": "
		"\"q\", \"uniqueid\": \"i\"}",
		"\"d\": {\"mbtype\": \"e\", \"uidvalidity\": \"7\", \"acl\": {\"x\": \"l\", \"y\": \"l\", "
		"\"x\": \"r\"}, \"uniqueid\": \"i\"}",
		"\"e\\u0041\": {\"mbtype\": \"e\", \"uidvalidity\": \"007\", \"acl\": {}, \"uniqueid\": "
		"\"i\", \"unknown\": [\"}\"]}",
		"\"f\": {\"mbtype\":\"e\",\"uidvalidity\":\"7\",\"name_history\": [{\"name\": \"x\"}], "
		"\"uniqueid\": \"i\"}",
		"\"g\": {\"acl\": {}, \"acl\": {\"z\": \"l\"}, \"uniqueid\": \"i\", \"uidvalidity\": \"1\"}",
		"\"h\": {}",
	};
	struct buf lines = BUF_INIT, whole = BUF_INIT, a = BUF_INIT, b = BUF_INIT;
	struct mboxlist *l, *w;

	(void)state;
	buf_str(&lines, "{\n");
	buf_str(&whole, "{");
	for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
		buf_printf(&lines, "%s%s", i > 0 ? ",\n" : "", members[i]);
		buf_printf(&whole, "%s%s", i > 0 ? "," : "", members[i]);
	}
	buf_str(&lines, "\n}\n");
	buf_str(&whole, "}");
	l = read_form(buf_text(&lines), MBOXLIST_JSON);
	w = read_form(buf_text(&whole), MBOXLIST_JSON);
	assert_int_equal(mboxlist_write_text(l, MBOXLIST_JSON, &a, NULL), 0);
	assert_int_equal(mboxlist_write_text(w, MBOXLIST_JSON, &b, NULL), 0);
	assert_string_equal(buf_text(&a), buf_text(&b));
	assert_int_equal(l->n, 8);
	assert_int_equal(mboxlist_find(l, "b")->uidvalidity, 8);
	assert_string_equal(mboxlist_find(l, "c")->partition, "q");
	mboxlist_free(l);
	mboxlist_free(w);
	buf_done(&lines);
	buf_done(&whole);
	buf_done(&a);
	buf_done(&b);
}

static void text_errors(void **state)
{
	(void)state;
	refused("user.a\n", "line 1");
	refused("user.a\t0 default a\tlrs\t\nuser.b\n", "line 2: no tab");
	refused("\tdefault\tx\tlrs\t\n", "line 1");
	refused("user.a\t0  \n", "line 1: no partition");
	refused("user.a\t\tx\tlrs\n", "line 1: no partition");
	refused("user.a\tdefault\n", "line 1: no partition");
	refused("{", "line 1");
	refused("{\n\"a\": {},\n\"b\": []\n}\n", "mailbox b");
	refused("{\n\"a\": {},\n\"b\": {\"acl\": {\"x\": {}}},\n\"c\": {}\n}\n", "line 3");
	refused("{\n\"a\": {}\n\"b\": {}}\n", "line");
	refused("{\n\"a\": {\"uidvalidity\": \"x\"}\n}\n", "line 2");
	refused("{\n\"a\": {\"uidvalidity\": \"4294967296\"}\n}\n", "mailbox a: its uidvalidity");
	refused("{\n\"a\": {\"acl\": []}\n}\n", "acl");
	refused("{\n\"a\": {\"acl\": {\"x\": 1}}\n}\n", "acl");
	refused("{\n\"\": {}\n}\n", "name");
	refused("{\n\"a\\u0000b\": {}\n}\n", "line");
	refused("{\n\"\xff\": {}\n}\n", "line");
	refused("{\n\"a\": {}\n}\n}\n", "line");
}

static void doubles(void **state)
{
	struct mboxlist *l =
	    read_form("b\t0 one x\tl\t\na\t0 p \nb\t0 two \nb\t0 three y\tl\t\n", MBOXLIST_B);

	(void)state;
	assert_int_equal(l->n, 2);
	assert_string_equal(mboxlist_find(l, "b")->partition, "three");
	mboxlist_free(l);
}

/* Bytes that would break a line are never written. */
static void injection(void **state)
{
	struct acl_item acl = { NULL, NULL };
	char name[] = "user.a\nuser.root\t0 x", user[] = "x\ty", rights[] = "lrs", part[] = "p", id[] = "ii";
	char good[] = "user.a", latin[] = "\xe4";
	struct mailbox_entry m = {
		.name = name, .type = 'e', .partition = part, .uniqueid = id, .uidvalidity = 1
	};
	struct mboxlist *l = mboxlist_new();

	(void)state;
	mboxlist_add(l, &m);
	not_written(l, MBOXLIST_B, ERR_FORMAT);
	not_written(l, MBOXLIST_LEGACY, ERR_FORMAT);
	mboxlist_free(l);
	m.name = good;
	acl = (struct acl_item){ user, rights };
	m.acl = &acl;
	m.n_acl = 1;
	l = mboxlist_new();
	mboxlist_add(l, &m);
	not_written(l, MBOXLIST_A, ERR_FORMAT);
	mboxlist_free(l);
	/* A name in an ACL that is not UTF-8 is left out of JSON, as Cyrus does; a mailbox so named cannot be written. */
	acl.user = latin;
	l = mboxlist_new();
	mboxlist_add(l, &m);
	written(l, MBOXLIST_JSON,
	    "{\n\"user.a\": {\"name\": \"user.a\", \"mtime\": \"0\", \"uidvalidity\": \"1\", "
	    "\"createdmodseq\": \"0\", "
	    "\"foldermodseq\": \"0\", \"mbtype\": \"e\", \"partition\": \"p\", \"acl\": {}, \"uniqueid\": "
	    "\"ii\", \"name_history\": []}\n}\n");
	mboxlist_free(l);
	m.name = latin;
	l = mboxlist_new();
	mboxlist_add(l, &m);
	not_written(l, MBOXLIST_JSON, ERR_FORMAT);
	mboxlist_free(l);
}

static void too_long(void **state)
{
	struct buf b = BUF_INIT, out = BUF_INIT;
	struct mboxlist *l;
	struct err e = { 0 };

	(void)state;
	buf_str(&b, "user.a\t0 default ");
	for (int i = 0; i < 1700; i++)
		buf_printf(&b, "user%04d\tl\t", i);
	buf_char(&b, '\n');
	l = read_form(buf_text(&b), MBOXLIST_B);
	assert_int_equal(mboxlist_write_text(l, MBOXLIST_B, &out, &e), -1);
	assert_non_null(strstr(e.msg, "longer than"));
	mboxlist_free(l);
	buf_done(&b);
	buf_done(&out);
}

static void copies(void **state)
{
	struct mboxlist *l = read_form("user.b\t0 p x\tl\ty\tr\t\n", MBOXLIST_B), *l2 = mboxlist_new();
	struct mailbox_entry copy;

	(void)state;
	mailbox_entry_copy(&copy, &l->entries[0]);
	mboxlist_add(l2, &copy);
	free(copy.name);
	copy.name = mem_strdup("user.a");
	mboxlist_add(l2, &copy);
	mailbox_entry_done(&copy);
	mboxlist_free(l);
	mboxlist_sort(l2);
	written(l2, MBOXLIST_B, "user.a\t0 p x\tl\ty\tr\t\nuser.b\t0 p x\tl\ty\tr\t\n");
	mboxlist_free(l2);
	mboxlist_free(NULL);
}

static void forms_and_layouts(void **state)
{
	static const char *const text[] = { "2.1.18", "2.2.13", "2.3.0", "3.4.9", "3.6.0", "3.13.0" };
	static const enum mboxlist_form want[] = { MBOXLIST_A, MBOXLIST_A, MBOXLIST_B, MBOXLIST_B,
		MBOXLIST_JSON, MBOXLIST_JSON };
	static const char conf[] = "configdirectory: /c\npartition-p: /s\n";
	char id[] = "abc";
	struct mailbox_entry m = { .type = 'e', .uniqueid = id };

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct cyrus_version v;
		struct imapd_conf *c;

		assert_int_equal(cyrus_version_parse(text[i], &v), 0);
		assert_int_equal(mboxlist_form_for(v), want[i]);
		assert_int_equal(imapd_conf_parse(conf, strlen(conf), "f", v, &c, NULL), 0);
		m.flags = 0;
		assert_int_equal(mailbox_entry_layout(c, &m), i < 4 ? LAYOUT_BY_NAME : LAYOUT_UUID);
		m.flags = MBTYPE_LEGACY_DIRS;
		assert_int_equal(mailbox_entry_layout(c, &m), LAYOUT_BY_NAME);
		imapd_conf_free(c);
	}
}

/* ---- databases ---- */

static struct mboxlist *read_db(const void *p, size_t n)
{
	struct cyrusdb *db;
	struct mboxlist *l = NULL;
	struct err e = { 0 };

	if (cyrusdb_open_bytes(p, n, "mailboxes.db", &db, &e) == -1 || mboxlist_read_db(db, &l, &e) == -1)
		fail_msg("%s", e.msg);
	cyrusdb_close(db);
	return l;
}

/* A flat database out of "key|value" lines; \x1f stays, a tab and its like are written as flat files have them. */
static struct mboxlist *read_flat(const char *text)
{
	struct buf b = BUF_INIT;
	struct mboxlist *l;

	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '|') {
			buf_char(&b, '\t');
		} else if (*p == '\t' || *p == '\r') {
			buf_char(&b, (char)0xff);
			buf_char(&b, (char)(*p | 0x80));
		} else {
			buf_char(&b, *p);
		}
	}
	l = read_db(buf_text(&b), b.len);
	buf_done(&b);
	return l;
}

static void db_old_text(void **state)
{
	struct mboxlist *l = read_flat("$RACL$x|whatever\n"
				       "Inbox|0 default x\tlrs\t\n"
				       "News.a|(uniqueid 0123 specialuse \\Sent) 0 default x\tlrs\t\n"
				       "damaged|\n"
				       "damaged2|nonsense\n"
				       "remote|1 far!part x\tlrs\t\n"
				       "user.alice|0 default alice\tlrswip\tbob\tlr\t\n");

	(void)state;
	assert_int_equal(l->n, 6);
	assert_string_equal(mboxlist_find(l, "News.a")->uniqueid, "0123");
	assert_string_equal(mboxlist_find(l, "News.a")->legacy_specialuse, "\\Sent");
	assert_string_equal(mboxlist_find(l, "News.a")->partition, "default");
	assert_int_equal(mboxlist_find(l, "damaged")->type, '?');
	assert_int_equal(mboxlist_find(l, "damaged2")->type, '?');
	assert_false(mailbox_entry_has_directory(mboxlist_find(l, "damaged2")));
	assert_string_equal(mboxlist_find(l, "remote")->server, "far");
	assert_int_equal(mboxlist_find(l, "user.alice")->n_acl, 2);
	written(l, MBOXLIST_B,
	    "Inbox\t0 default x\tlrs\t\nNews.a\t0 default x\tlrs\t\nremote\t1 far!part x\tlrs\t\n"
	    "user.alice\t0 default alice\tlrswip\tbob\tlr\t\n");
	mboxlist_free(l);
}

struct piecewise {
	struct buf b;
	int n;
	int stop_at;
};

static int add_piece(void *arg, const struct mailbox_entry *m, struct err *e)
{
	struct piecewise *p = arg;

	if (++p->n == p->stop_at)
		return 1;
	return mboxlist_text_add(MBOXLIST_JSON, m, p->n == 1, &p->b, e) == -1 ? -1 : 0;
}

/* Entry by entry comes to the same as the list. */
static void db_each(void **state)
{
	struct buf file = BUF_INIT, want = BUF_INIT;
	struct piecewise p = { .b = BUF_INIT };
	struct cyrusdb *db;

	(void)state;
	assert_int_equal(io_read_file(AT_FDCWD, FIXTURES "cyrus36.db", 1 << 20, &file, NULL), 0);
	assert_int_equal(io_read_file(AT_FDCWD, FIXTURES "cyrus36.json", 1 << 20, &want, NULL), 0);
	assert_int_equal(cyrusdb_open_bytes(file.data, file.len, "mailboxes.db", &db, NULL), 0);
	mboxlist_text_start(MBOXLIST_JSON, &p.b);
	assert_int_equal(mboxlist_each_db(db, add_piece, &p, NULL), 0);
	mboxlist_text_end(MBOXLIST_JSON, &p.b);
	assert_string_equal(buf_text(&p.b), buf_text(&want));
	p.n = 0;
	p.stop_at = 3;
	assert_int_equal(mboxlist_each_db(db, add_piece, &p, NULL), 1);
	assert_int_equal(p.n, 3);
	cyrusdb_close(db);
	buf_done(&p.b);
	buf_done(&file);
	buf_done(&want);
}

static void db_old_dlist(void **state)
{
	struct mboxlist *l =
	    read_flat("$RUNQ$x|whatever\n"
		      "News.a|%(A %(anyone lrs) I 00aa P default V 7 M 1700000000)\n"
		      "user.alice|%(A %(alice lrs \"b c\" lr) I 00bb P default V 8 C 1 F 2 M 1700000000)\n"
		      "user.alice.cal|%(A %(alice lrs) I 00cc P default V 9 T c M 1)\n"
		      "user.alice.gone|%(I 00dd T d M 1)\n"
		      "user.mixed|0 default x\tlrs\t\n"
		      "user.odd|%(A %(x lrs\n");

	(void)state;
	assert_int_equal(l->n, 6);
	assert_string_equal(mboxlist_find(l, "News.a")->uniqueid, "00aa");
	assert_int_equal(mboxlist_find(l, "user.alice")->uidvalidity, 8);
	assert_string_equal(mboxlist_find(l, "user.alice")->acl[1].user, "b c");
	assert_int_equal(mboxlist_find(l, "user.alice.cal")->type, 'c');
	assert_int_equal(mboxlist_find(l, "user.alice.gone")->flags, MBTYPE_DELETED);
	assert_int_equal(mboxlist_find(l, "user.odd")->type, '?');
	assert_string_equal(mboxlist_find(l, "user.mixed")->partition, "default");
	mboxlist_free(l);
}

static void db_new(void **state)
{
	struct mboxlist *l = read_flat(
	    "AU\x1e"
	    "bob\x1euser\x1f"
	    "alice|\n"
	    "Ii1|%(T e N user\x1f"
	    "a.b J Pxyz P default V 5 C 1 F 2 M 3 A %(a.b lrs) H (%(N user\x1fold M 1 V 5 C 1 F 1 T ed)))\n"
	    "Ipurged|%(T e N DELETED\x1fuser\x1fz\x1f"
	    "6B03E128 P default V 1 M 1 A %() H ())\n"
	    "Jbob\x1ePxyz|%(T e N user\x1f"
	    "a.b I i1 P default)\n"
	    "Nuser\x1f"
	    "a.b|%(T e I i1 J Pxyz P default V 5 C 1 F 2 M 3 A %(a.b lrs) H (%(N user\x1fold M 1 V 5 C 1 F 1 "
	    "T ed P p)))\n"
	    "Nuser\x1fold|%(T ed I i1 V 5 C 1 F 1 M 1)\n"
	    "Nuser\x1fplace|%(T i M 1)\n");
	const struct mailbox_entry *m = mboxlist_find(l, "user.a^b");

	(void)state;
	assert_int_equal(l->n, 3);
	assert_non_null(m);
	assert_string_equal(m->uniqueid, "i1");
	assert_string_equal(m->raw_history, "[{\"name\": \"user.old\", \"mtime\": \"1\", \"uidvalidity\": "
					    "\"5\", \"createdmodseq\": \"1\", \"foldermodseq\": \"1\", "
					    "\"mbtype\": \"ed\", \"partition\": \"p\"}]");
	assert_int_equal(mboxlist_find(l, "user.place")->flags, MBTYPE_INTERMEDIATE);
	assert_int_equal(mboxlist_find_id(l, "i1", 0), m - l->entries);
	mboxlist_free(l);
	/* All gone but the records by id. */
	l = read_flat("Ipurged|%(T e N DELETED\x1fx P default V 1 M 1 A %() H ())\n");
	assert_int_equal(l->n, 0);
	mboxlist_free(l);
	l = read_db("", 0);
	assert_int_equal(l->n, 0);
	mboxlist_free(l);
}

/* mailboxes.db of a 3.6.1 server and what its ctl_mboxlist -d printed; texts of 2.3 and 2.4 servers. */
static void fixtures(void **state)
{
	static const char *const names[] = { "cyrus23.txt", "cyrus24.txt", "cyrus36.json" };
	struct buf b = BUF_INIT;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char path[128];
		struct mboxlist *l;

		snprintf(path, sizeof path, FIXTURES "%s", names[i]);
		buf_clear(&b);
		assert_int_equal(io_read_file(AT_FDCWD, path, 1 << 20, &b, NULL), 0);
		l = read_form(buf_text(&b), i < 2 ? MBOXLIST_B : MBOXLIST_JSON);
		written(l, i < 2 ? MBOXLIST_B : MBOXLIST_JSON, buf_text(&b));
		mboxlist_free(l);
	}
	struct buf db = BUF_INIT;
	struct mboxlist *l;

	assert_int_equal(io_read_file(AT_FDCWD, FIXTURES "cyrus36.db", 1 << 20, &db, NULL), 0);
	l = read_db(db.data, db.len);
	written(l, MBOXLIST_JSON, buf_text(&b));
	assert_int_equal(l->n, 20);
	mboxlist_free(l);
	buf_done(&db);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dlist_good),
		cmocka_unit_test(dlist_bad),
		cmocka_unit_test(dlist_used),
		cmocka_unit_test(form_a),
		cmocka_unit_test(form_b),
		cmocka_unit_test(form_legacy),
		cmocka_unit_test(upgrade),
		cmocka_unit_test(form_json),
		cmocka_unit_test(two_readers),
		cmocka_unit_test(text_errors),
		cmocka_unit_test(doubles),
		cmocka_unit_test(injection),
		cmocka_unit_test(too_long),
		cmocka_unit_test(copies),
		cmocka_unit_test(forms_and_layouts),
		cmocka_unit_test(db_old_text),
		cmocka_unit_test(db_each),
		cmocka_unit_test(db_old_dlist),
		cmocka_unit_test(db_new),
		cmocka_unit_test(fixtures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
