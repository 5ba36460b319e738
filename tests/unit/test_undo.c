/* test_undo.c: what undo makes of journals that were edited by hand, and of a server whose list knows no unique ids. */
#include "test_source_util.h"

#include <sys/stat.h>
#include <unistd.h>

#include "cyrus/mailbox.h"
#include "cyrus/server.h"
#include "restore/undo.h"

#define CASE "old-20261122T010203Z"

struct place {
	char path[64];
	struct server *server;
	char *id; /* of bob's INBOX, as its cyrus.header has it */
	uint32_t uidvalidity;
};

static void write_file(const char *dir, const char *name, const void *p, size_t n)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct err err = { 0 };

	OK(io_replace(-100, path, p, n, 0600, &err));
	free(path);
}

static void read_bob(struct place *at)
{
	char *header = mem_printf("%s/spool/b/user/bob/cyrus.header", at->path),
	     *index = mem_printf("%s/spool/b/user/bob/cyrus.index", at->path);
	struct mailbox_header *h;
	struct mailbox_index *ix;
	struct buf b = BUF_INIT;
	struct err err = { 0 };

	OK(io_read_file(-100, header, 1 << 20, &b, &err));
	OK(mailbox_header_parse((const uint8_t *)b.data, b.len, &h, &err));
	at->id = mem_strdup(h->uniqueid);
	mailbox_header_free(h);
	buf_clear(&b);
	OK(io_read_file(-100, index, 1 << 24, &b, &err));
	OK(mailbox_index_parse((const uint8_t *)b.data, b.len, &ix, &err));
	at->uidvalidity = ix->h.uidvalidity;
	mailbox_index_free(ix);
	buf_done(&b);
	free(header);
	free(index);
}

/* A real Cyrus 2.4's directories. */
static void place_new(struct place *at)
{
	struct cyrus_version version = { 2, 4, 22 };
	struct err err = { 0 };
	struct tree t;
	char *conf, *dir;

	strcpy(at->path, "/tmp/cyrvault-test-XXXXXX");
	assert_non_null(mkdtemp(at->path));
	tree_load(&t, "cyrus24-ckpt.tar.gz");
	for (size_t i = 0; i < t.n; i++) {
		char *path = mem_printf("%s/%s", at->path, t.entries[i].path), *slash = strrchr(path, '/');

		if (S_ISDIR(t.entries[i].mode)) {
			OK(io_mkdirs(-100, path, 0700, &err));
		} else if (S_ISREG(t.entries[i].mode)) {
			*slash = '\0';
			OK(io_mkdirs(-100, path, 0700, &err));
			write_file(path, slash + 1, buf_text(&t.entries[i].data), t.entries[i].data.len);
		}
		free(path);
	}
	tree_done(&t);
	conf =
	    mem_printf("configdirectory: %s/conf\npartition-default: %s/spool\npartition-second: %s/spool2\n"
		       "sievedir: %s/sieve\nhashimapspool: yes\naltnamespace: no\nunixhierarchysep: no\n",
		at->path, at->path, at->path, at->path);
	at->server = mem_alloc(sizeof *at->server);
	at->server->name = mem_strdup("old");
	at->server->version = version;
	OK(imapd_conf_parse(conf, strlen(conf), "imapd.conf", version, &at->server->conf, &err));
	free(conf);
	read_bob(at);
	dir = mem_printf("%s/cases/" CASE, at->path);
	OK(io_mkdirs(-100, dir, 0700, &err));
	free(dir);
}

static void place_done(struct place *at)
{
	server_free(at->server);
	free(at->id);
	io_remove_tree(-100, at->path, NULL);
}

static struct undo_plan *plan_of(struct place *at, const char *lines)
{
	char *dir = mem_printf("%s/cases/" CASE, at->path),
	     *text = mem_printf("cyrvault-journal\t1\told\tarchive\t1000\n%s", lines);
	struct err err = { 0 };
	struct undo_plan *plan;

	write_file(dir, "journal", text, strlen(text));
	OK(undo_plan_build(at->server, at->path, CASE, &plan, &err));
	free(text);
	free(dir);
	return plan;
}

static void test_edited(void **state)
{
	static const char *const lines[] = {
		"changing\trenamed\tuser.bob\tID\t=1 1\t-\t=user.bob\n",
		"changing\trenamed\tuser.bob\tID\t=1 1\t=DELETED.user.bob.1\t-\n",
		"changing\taside\tuser.bob\tID\t=\t-\t-\n",
		"changing\taside\tuser.bob\tID\t=\t=user.bob\t=user/../bob\n",
		"changing\tquota\tuser.bob\t\t=user.bob\t=many\t=1 1\n",
		"changing\tfile\t\t\t=/etc/hostname\t-\t=0000000000000000000000000000000000000000\n",
		"changing\tfile\t\t\t=PLACE/conf/../../x\t-\t=0000000000000000000000000000000000000000\n",
		"changing\tfile\t\t\t=PLACE/conf/user/b/bob.sub\t=../../x\t=00\n",
		"changing\tlink\t\t\t=/etc/hostname\t-\t=x\n",
		"changing\tlink\t\t\t=here\t-\t=x\n",
		"changing\tno such\tuser.bob\tID\t=\t-\t-\n",
	};
	struct place at;

	(void)state;
	place_new(&at);
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		const char *mark = strstr(lines[i], "PLACE"), *id = strstr(lines[i], "ID");
		char *line = mark != NULL ? mem_printf("%.*s%s%s", (int)(mark - lines[i]), lines[i], at.path,
						mark + strlen("PLACE"))
		             : id != NULL ? mem_printf("%.*s%s%s", (int)(id - lines[i]), lines[i], at.id,
						id + strlen("ID"))
		                          : mem_strdup(lines[i]);
		struct undo_plan *plan = plan_of(&at, line);

		assert_int_equal(plan->n_changes, 1);
		assert_int_equal(plan->changes[0].fate, UNDO_LEFT);
		assert_int_equal(plan->back, 0);
		undo_plan_free(plan);
		free(line);
	}
	place_done(&at);
}

/* Its list has names alone: the unique id of the journal is that of the header, or it is another mailbox of that name. */
static void test_without_ids(void **state)
{
	static const char form[] =
	    "appended\tuser.bob\t%s\t%u\t1\t0000000000000000000000000000000000000000\t0\n"
	    "changing\tacl\tuser.bob\t%s\t=nobody\t=lrs\t=lr\nundone\t1\n";
	struct undo_plan *plan;
	struct place at;
	char *line;

	(void)state;
	place_new(&at);
	line = mem_printf(form, at.id, at.uidvalidity, at.id);
	plan = plan_of(&at, line);
	assert_int_equal(plan->n_boxes, 1);
	assert_null(plan->boxes[0].why);
	assert_int_equal(plan->boxes[0].n, 0);
	assert_int_equal(plan->boxes[0].gone, 1);
	assert_int_equal(plan->changes[0].fate, UNDO_LEFT);
	undo_plan_free(plan);
	free(line);
	line = mem_printf(form, at.id, at.uidvalidity + 1, at.id);
	plan = plan_of(&at, line);
	assert_string_equal(plan->boxes[0].why, "it has got a new UIDVALIDITY since");
	undo_plan_free(plan);
	free(line);
	line = mem_printf(form, "0123456789abcdef", at.uidvalidity, "0123456789abcdef");
	plan = plan_of(&at, line);
	assert_string_equal(plan->boxes[0].why, "the mailbox is not there any more");
	assert_int_equal(plan->changes[0].fate, UNDO_NOTHING);
	undo_plan_free(plan);
	free(line);
	place_done(&at);
}

/* Cut off between the CREATE and its record, or before it: whose the mailbox is cannot be told. */
static void test_made(void **state)
{
	struct undo_plan *plan;
	struct place at;

	(void)state;
	place_new(&at);
	plan = plan_of(&at, "changing\tcreated\tuser.bob\t\t=empty\t-\t=user.bob\n");
	assert_int_equal(plan->changes[0].fate, UNDO_LEFT);
	undo_plan_free(plan);
	plan = plan_of(&at, "changing\tcreated\tuser.bob.no such\t\t=empty\t-\t=user.bob.no such\n");
	assert_int_equal(plan->changes[0].fate, UNDO_NOTHING);
	undo_plan_free(plan);
	place_done(&at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edited),
		cmocka_unit_test(test_without_ids),
		cmocka_unit_test(test_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
