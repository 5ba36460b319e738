/* test_imapd_conf.c: imapd.conf as Cyrus reads it: lines, includes, defaults of each series, places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"
#include "cyrus/imapd_conf.h"

#define BASE "configdirectory: /var/lib/cyrus\npartition-default: /var/spool/cyrus/mail\n"

static const struct cyrus_version newest, v23 = { 2, 3, 19 }, v25 = { 2, 5, 11 }, v30 = { 3, 0, 13 },
					  v36 = { 3, 6, 1 };

static struct imapd_conf *parse(const char *text, struct cyrus_version v)
{
	struct imapd_conf *c;
	struct err e = { 0 };

	if (imapd_conf_parse(text, strlen(text), "/etc/imapd.conf", v, &c, &e) == -1)
		fail_msg("%s", e.msg);
	return c;
}

static void refused(const char *text, const char *word)
{
	struct imapd_conf *c;
	struct err e = { 0 };

	assert_int_equal(imapd_conf_parse(text, strlen(text), "/etc/imapd.conf", newest, &c, &e), -1);
	assert_null(c);
	assert_int_equal(e.code, ERR_CONFIG);
	if (strstr(e.msg, word) == NULL)
		fail_msg("\"%s\" does not say %s", e.msg, word);
}

static void syntax(void **state)
{
	struct imapd_conf *c = parse("# a comment\n\n  \t\n"
				     "ConfigDirectory:/var/lib/cyrus/\r\n"
				     "  partition-Default: \t/var/spool/cyrus/mail// \n"
				     "   # indented\n"
				     "admins: cyrus \\\n"
				     "   root\n"
				     "sasl_foo: a # not a comment: b\n"
				     "last: line",
	    v36);

	(void)state;
	assert_string_equal(c->configdirectory, "/var/lib/cyrus");
	assert_string_equal(c->partitions[0].name, "default");
	assert_string_equal(c->partitions[0].spool, "/var/spool/cyrus/mail");
	assert_string_equal(c->admins, "cyrus    root");
	assert_string_equal(imapd_conf_get(c, "sasl_foo"), "a # not a comment: b");
	assert_string_equal(imapd_conf_get(c, "last"), "line");
	assert_null(imapd_conf_get(c, "nothing"));
	assert_int_equal(c->n_items, 5);
	assert_string_equal(c->items[0].where, "/etc/imapd.conf, line 4");
	assert_string_equal(c->items[4].where, "/etc/imapd.conf, line 10");
	imapd_conf_free(c);
	imapd_conf_free(NULL);
}

static void errors(void **state)
{
	(void)state;
	refused("", "no configdirectory");
	refused("configdirectory: /c\n", "no partition");
	refused(BASE "no colon\n", "line 3");
	refused(BASE "key : value\n", "line 3");
	refused(BASE "key:\n", "line 3: key has no value");
	refused(BASE "@nonsense: x\n", "unknown directive @nonsense");
	refused(BASE "a: 1\nA: 2\n", "line 4: a is given a second time (first in /etc/imapd.conf, line 3)");
	refused("configdirectory: here\npartition-a: /x\n", "not an absolute path");
	refused("configdirectory: /\npartition-a: /x\n", "must not be /");
	refused("configdirectory: /c\npartition-a: x\n", "line 2: partition-a is not an absolute path");
	refused("configdirectory: /c\npartition-a: {configdirectory}/x\n", "not an absolute path");
	refused(BASE "defaultpartition: other\n", "no partition-other");
	refused(BASE "hashimapspool: maybe\n", "line 3: hashimapspool is neither yes nor no");
	refused(BASE "virtdomains: perhaps\n", "virtdomains");
	refused(BASE "expunge_mode: now\n", "expunge_mode");
	refused(BASE "metapartition_files: header bone\n", "bone");
	refused(BASE "mboxname_lockpath: lock\n", "line 3: mboxname_lockpath");
	refused(BASE "key: \x01\x02\n\xff: x\n", "line 4");
}

static void nul_byte(void **state)
{
	static const char text[] = BASE "a: b\0c\n";
	struct imapd_conf *c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(imapd_conf_parse(text, sizeof text - 1, "f", newest, &c, &e), -1);
	assert_non_null(strstr(e.msg, "line 3"));
}

static void defaults(void **state)
{
	struct imapd_conf *c = parse(BASE, v36);

	(void)state;
	assert_string_equal(c->path, "/etc/imapd.conf");
	assert_string_equal(c->userpath, "/var/lib/cyrus");
	assert_string_equal(c->lockpath, "/var/lib/cyrus/lock");
	assert_string_equal(c->procpath, "/var/lib/cyrus/proc");
	assert_string_equal(c->mboxlist_path, "/var/lib/cyrus/mailboxes.db");
	assert_string_equal(c->annotation_path, "/var/lib/cyrus/annotations.db");
	assert_string_equal(c->duplicate_path, "/var/lib/cyrus/deliver.db");
	assert_string_equal(c->quota_db, "quotalegacy");
	assert_string_equal(c->quota_root, "/var/lib/cyrus");
	assert_null(c->quota_path);
	assert_string_equal(c->sievedir, "/usr/sieve");
	assert_string_equal(c->deletedprefix, "DELETED");
	assert_string_equal(c->defaultdomain, "internal");
	assert_null(c->defaultpartition);
	assert_null(c->servername);
	assert_true(c->unixhierarchysep && c->altnamespace && c->delete_delayed && c->expunge_delayed);
	assert_false(
	    c->hashimapspool || c->fulldirhash || c->virtdomains || c->legacy_dirs || c->improved_sort);
	imapd_conf_free(c);

	c = parse(BASE, newest);
	assert_true(c->unixhierarchysep && c->altnamespace && !c->legacy_dirs);
	imapd_conf_free(c);

	c = parse(BASE, v30);
	assert_true(c->unixhierarchysep && c->legacy_dirs);
	imapd_conf_free(c);

	c = parse(BASE, v25);
	assert_false(c->unixhierarchysep || c->altnamespace);
	assert_true(c->delete_delayed && c->expunge_delayed && c->legacy_dirs);
	imapd_conf_free(c);

	c = parse(BASE, v23);
	assert_false(c->unixhierarchysep || c->altnamespace || c->delete_delayed || c->expunge_delayed);
	assert_null(c->defaultdomain);
	imapd_conf_free(c);
}

static void places(void **state)
{
	struct imapd_conf *c =
	    parse("configdirectory: /c\n"
		  "partition-default: /s\npartition-fast: /f\n"
		  "metapartition-default: /m\nmetapartition-unknown: /u\narchivepartition-fast: /a/\n"
		  "metapartition_files: header  index\tcache archivecache\n"
		  "metadir-index-fast: /ssd\n"
		  "defaultpartition: Fast\n"
		  "mboxname_userpath: /users\nmboxname_lockpath: /run/lock\nproc_path: {ConfigDirectory}/p\n"
		  "mboxlist_db_path: {configdirectory}/x/boxes.db\nannotation_db_path: /db/annots\n"
		  "duplicate_db_path: /tmp/deliver.db\nquota_db_path: /q/quotas\nsievedir: /sieve\n"
		  "sieveusehomedir: 1\nservername: mail.example.org\n",
		v36);
	const struct cyrus_partition *d = imapd_conf_partition(c, "default"),
				     *f = imapd_conf_partition(c, "fast");

	(void)state;
	assert_int_equal(c->n_partitions, 2);
	assert_null(imapd_conf_partition(c, "unknown"));
	assert_null(imapd_conf_partition(c, NULL));
	assert_string_equal(d->meta, "/m");
	assert_null(d->archive);
	assert_null(f->meta);
	assert_string_equal(f->archive, "/a");
	assert_string_equal(c->defaultpartition, "fast");
	assert_int_equal(c->meta_files, META_HEADER | META_INDEX | META_CACHE | META_ARCHIVECACHE);
	assert_string_equal(imapd_conf_meta_root(c, d, META_HEADER), "/m");
	assert_string_equal(imapd_conf_meta_root(c, d, META_ANNOTATIONS), "/s");
	assert_string_equal(imapd_conf_meta_root(c, f, META_INDEX), "/ssd");
	assert_string_equal(imapd_conf_meta_root(c, f, META_ANNOTATIONS), "/ssd");
	assert_string_equal(imapd_conf_meta_root(c, f, META_HEADER), "/f");
	assert_string_equal(imapd_conf_meta_root(c, f, META_ARCHIVECACHE), "/a");
	assert_string_equal(imapd_conf_meta_root(c, d, META_ARCHIVECACHE), "/m");
	assert_string_equal(c->userpath, "/users");
	assert_string_equal(c->lockpath, "/run/lock");
	assert_string_equal(c->procpath, "/c/p");
	assert_string_equal(c->mboxlist_path, "/c/x/boxes.db");
	assert_string_equal(c->annotation_path, "/db/annots");
	assert_string_equal(c->duplicate_path, "/tmp/deliver.db");
	assert_string_equal(c->quota_root, "/q");
	assert_null(c->quota_path);
	assert_true(c->sieve_in_home);
	assert_string_equal(c->servername, "mail.example.org");
	imapd_conf_free(c);

	c = parse(BASE "quota_db: twoskip\n", v36);
	assert_string_equal(c->quota_path, "/var/lib/cyrus/quotas.db");
	imapd_conf_free(c);
	c = parse(BASE "quota_db: skiplist\nquota_db_path: /q/db\n", v36);
	assert_string_equal(c->quota_path, "/q/db");
	imapd_conf_free(c);
	c = parse(BASE "quota_db_path: /quotas.db\n", v36);
	assert_string_equal(c->quota_root, "");
	imapd_conf_free(c);
}

static void switches(void **state)
{
	static const char *const yes[] = { "1", "y", "yes", "on", "t", "true" };
	static const char *const no[] = { "0", "n", "no", "off", "f", "false" };
	char text[256];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct imapd_conf *c;

		snprintf(text, sizeof text, BASE "hashimapspool: %s\nunixhierarchysep: %s\n", yes[i], no[i]);
		c = parse(text, v36);
		assert_true(c->hashimapspool);
		assert_false(c->unixhierarchysep);
		assert_true(imapd_conf_switch(c, "hashimapspool", false));
		assert_false(imapd_conf_switch(c, "nothing", false));
		assert_true(imapd_conf_switch(c, "nothing", true));
		imapd_conf_free(c);
	}
	for (size_t i = 0; i < 6; i++) {
		static const char *const words[] = { "off", "userid", "on", "yes", "0", "true" };
		static const bool meant[] = { false, true, true, true, false, true };
		struct imapd_conf *c;

		snprintf(text, sizeof text,
		    BASE "virtdomains: %s\nexpunge_mode: semidelayed\ndelete_mode: immediate\n", words[i]);
		c = parse(text, v36);
		assert_int_equal(c->virtdomains, meant[i]);
		assert_false(c->expunge_delayed || c->delete_delayed);
		imapd_conf_free(c);
	}
}

static void put(const char *dir, const char *name, const char *text, char *path, size_t size)
{
	struct err e = { 0 };

	snprintf(path, size, "%s/%s", dir, name);
	assert_int_equal(io_replace(AT_FDCWD, path, text, strlen(text), 0644, &e), 0);
}

static void includes(void **state)
{
	char dir[] = "/tmp/test_imapd_conf.XXXXXX", path[256], other[256], text[1024];
	struct imapd_conf *c;
	struct err e = { 0 };

	(void)state;
	assert_non_null(mkdtemp(dir));
	put(dir, "more", "partition-default: /s\nhashimapspool: yes\n", other, sizeof other);
	snprintf(text, sizeof text, "configdirectory: /c\n@include: %s\naltnamespace: no\n", other);
	put(dir, "imapd.conf", text, path, sizeof path);
	assert_int_equal(imapd_conf_load(path, v36, &c, &e), 0);
	assert_true(c->hashimapspool);
	assert_false(c->altnamespace);
	assert_int_equal(c->n_items, 4);
	assert_non_null(strstr(c->items[2].where, "more, line 2"));
	imapd_conf_free(c);

	/* From an archive: the include is only an item. */
	snprintf(text, sizeof text, BASE "@include: /nowhere\n@include: /elsewhere\n");
	c = parse(text, v36);
	assert_string_equal(imapd_conf_get(c, "@include"), "/nowhere");
	imapd_conf_free(c);

	snprintf(text, sizeof text, "@include: %s\n", path);
	put(dir, "more", text, other, sizeof other);
	assert_int_equal(imapd_conf_load(path, v36, &c, &e), -1);
	assert_non_null(strstr(e.msg, "included twice"));
	put(dir, "more", "@include: relative\n", other, sizeof other);
	assert_int_equal(imapd_conf_load(path, v36, &c, &e), -1);
	assert_non_null(strstr(e.msg, "not an absolute path"));
	assert_int_equal(unlink(other), 0);
	assert_int_equal(imapd_conf_load(path, v36, &c, &e), -1);
	assert_non_null(strstr(e.msg, "line 2: @include"));
	assert_int_equal(e.code, ERR_CONFIG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(imapd_conf_load(path, v36, &c, &e), -1);
	assert_int_equal(e.code, ERR_NOT_FOUND);
	assert_int_equal(rmdir(dir), 0);
}

static void versions(void **state)
{
	static const struct {
		const char *text;
		struct cyrus_version v;
	} good[] = {
		{ "3.6.1", { 3, 6, 1 } },
		{ "cyrus-imapd 3.6.1-Debian-3.6.1-4+deb12u5", { 3, 6, 1 } },
		{ "name       : Cyrus IMAPD\nversion    : v2.4.22 1ed9f3b 2012", { 2, 4, 22 } },
		{ "* OK [CAPABILITY IMAP4rev1 LITERAL+] mail.example.org Cyrus IMAP v2.3.19 server ready",
		    { 2, 3, 19 } },
		{ "Cyrus IMAP 3.13.0-alpha0", { 3, 13, 0 } },
		{ "3.8", { 3, 8, 0 } },
	};
	struct cyrus_version v;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(cyrus_version_parse(good[i].text, &v), 0);
		assert_memory_equal(&v, &good[i].v, sizeof v);
	}
	assert_int_equal(cyrus_version_parse("IMAP4rev1", &v), -1);
	assert_int_equal(cyrus_version_parse("", &v), -1);
	assert_int_equal(cyrus_version_parse("3", &v), -1);
	assert_true(cyrus_version_at_least(v36, 3, 6));
	assert_true(cyrus_version_at_least(v36, 2, 9));
	assert_false(cyrus_version_at_least(v36, 3, 7));
	assert_false(cyrus_version_at_least(v30, 3, 6));
	assert_true(cyrus_version_at_least(newest, 9, 9));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(syntax),
		cmocka_unit_test(errors),
		cmocka_unit_test(nul_byte),
		cmocka_unit_test(defaults),
		cmocka_unit_test(places),
		cmocka_unit_test(switches),
		cmocka_unit_test(includes),
		cmocka_unit_test(versions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
