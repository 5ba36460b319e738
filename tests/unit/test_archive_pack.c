/* test_archive_pack.c: pack a directory as it is: for the scripts in tests/archive and tests/bench.
 *	test_archive_pack SOURCE STORE NAME [default|fast|store [THREADS [SPLIT_BYTES]]]
 * Every directory of SOURCE is a unit, each other entry is in the unit "global". Without arguments it tests the writer's
 * cuts: a change somewhere leaves the members elsewhere as they were. */
#include "test_archive_util.h"

#include <dirent.h>
#include <fcntl.h>

static struct archive_writer *writer;

static _Noreturn void die(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->msg);
	exit(2);
}

static void pack_entry(const char *root, const char *path, const struct stat *st)
{
	struct entry_meta meta = { .path = path,
		.mode = st->st_mode,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.mtime = st->st_mtime,
		.size = (uint64_t)st->st_size,
		.rdev = st->st_rdev,
		.role = ROLE_EXTRA };
	char *full = mem_printf("%s/%s", root, path);
	struct err err = { 0 };
	char target[4096];
	int fd = -1, rc;

	if (S_ISREG(st->st_mode)) {
		uint8_t guid[SHA1_SIZE];

		fd = open(full, O_RDONLY);
		rc = archive_writer_add_fd(writer, &meta, fd, guid, NULL, &err);
		close(fd);
	} else {
		if (S_ISLNK(st->st_mode) && readlink(full, target, sizeof target) != st->st_size)
			die(path, &err);
		rc = archive_writer_add(writer, &meta, target, &err);
	}
	if (rc == -1)
		die(path, &err);
	free(full);
}

/* Numbers by value, as messages should lie. */
static int by_number(const struct dirent **a, const struct dirent **b)
{
	return strverscmp((*a)->d_name, (*b)->d_name);
}

static void pack_tree(const char *root, const char *path, bool dirs)
{
	char *full = mem_printf("%s/%s", root, path);
	struct dirent **list;
	int n = scandir(full, &list, NULL, by_number);

	for (int i = 0; i < n; i++) {
		const char *name = list[i]->d_name;
		char *sub = *path == '\0' ? mem_strdup(name) : mem_printf("%s/%s", path, name);
		struct err err = { 0 };
		struct unit_info info = { 0 };
		struct stat st;

		free(full);
		full = mem_printf("%s/%s", root, sub);
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && lstat(full, &st) == 0) {
			bool top = *path == '\0', is_dir = S_ISDIR(st.st_mode);

			if (top && is_dir && dirs &&
			    archive_writer_begin(writer, UNIT_MAILBOX, name, &err) == -1)
				die(name, &err);
			if (!top || is_dir == dirs) {
				pack_entry(root, sub, &st);
				if (is_dir)
					pack_tree(root, sub, true);
			}
			if (top && is_dir && dirs && archive_writer_end(writer, &info, &err) == -1)
				die(name, &err);
		}
		free(sub);
		free(list[i]);
	}
	free(full);
	free(list);
}

static int pack(int argc, char **argv)
{
	struct archive_writer_opts opts = { 0 };
	struct archive_totals t;
	struct store *store;
	struct stream *out;
	struct unit_info info = { 0 };
	struct err err = { 0 };

	if (argc > 4)
		opts.level = strcmp(argv[4], "fast") == 0    ? LEVEL_FAST
			     : strcmp(argv[4], "store") == 0 ? LEVEL_STORE
							     : LEVEL_DEFAULT;
	if (argc > 5)
		opts.threads = (unsigned)atoi(argv[5]);
	if (argc > 6)
		opts.split_bytes = strtoull(argv[6], NULL, 10);
	if (store_open(argv[2], true, &store, &err) == -1 ||
	    store_create(store, argv[3], 0, &out, &err) == -1 ||
	    archive_writer_new(out, &opts, &writer, &err) == -1 ||
	    archive_writer_begin(writer, UNIT_GLOBAL, "global", &err) == -1)
		die(argv[2], &err);
	pack_tree(argv[1], "", false);
	if (archive_writer_end(writer, &info, &err) == -1)
		die("global", &err);
	pack_tree(argv[1], "", true);
	if (archive_writer_finish(writer, &t, &err) == -1 || store_commit(store, out, &err) == -1)
		die(argv[3], &err);
	printf("%ju files, %ju units, %ju members, %ju -> %ju bytes, index %ju\n", (uintmax_t)t.files,
	    (uintmax_t)t.units, (uintmax_t)t.members, (uintmax_t)t.plain_bytes, (uintmax_t)t.stored_bytes,
	    (uintmax_t)t.index_bytes);
	archive_writer_free(writer);
	stream_close(out);
	store_free(store);
	return 0;
}

/* The digests of a mailbox's members, without message ${gone}. */

struct digests {
	uint8_t sha[64][SHA256_SIZE];
	size_t n;
};

static void digests_of(struct test_dir *d, unsigned gone, struct digests *ret)
{
	struct archive_writer_opts opts = { .threads = 2 };
	struct stream *out, *in;
	struct archive_writer *w;
	struct unit_info info = { 0 };
	struct buf b = BUF_INIT;
	const struct archive_table *t;
	struct archive *a;
	struct err err = { 0 };
	char name[16], path[64];

	snprintf(name, sizeof name, "%u", gone);
	w = test_create(d, name, &opts, &out);
	OK(archive_writer_begin(w, UNIT_MAILBOX, "m", &err));
	for (unsigned i = 1; i <= 900; i++) {
		snprintf(path, sizeof path, "spool/m/%u.", i);
		make_message(&b, i, i % 300 == 50 ? 2500000 : i * 7919 % 20000);
		if (i != gone)
			test_add(w, path, ROLE_MESSAGE, b.data, b.len);
	}
	OK(archive_writer_end(w, &info, &err));
	test_commit(d, w, out);
	OK(archive_open(d->store, name, NULL, &a, &err));
	OK(archive_table(a, 0, &t, &err));
	OK(store_read(d->store, name, &in, &err));
	assert_true(t->n_members < 64);
	ret->n = t->n_members;
	for (size_t i = 0; i < t->n_members; i++) {
		assert_true(t->members[i].plain_size <= 1 << 20);
		buf_clear(&b);
		OK(stream_seek(in, t->members[i].off, &err));
		OK(stream_read_full(
		    in, buf_reserve(&b, t->members[i].stored_size), t->members[i].stored_size, &err));
		sha256(b.data, t->members[i].stored_size, ret->sha[i]);
	}
	stream_close(in);
	archive_close(a);
	buf_done(&b);
}

static size_t in_common(const struct digests *a, const struct digests *b)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		for (size_t k = 0; k < b->n; k++) {
			if (memcmp(a->sha[i], b->sha[k], SHA256_SIZE) == 0) {
				n++;
				break;
			}
		}
	}
	return n;
}

static void test_cuts(void **state)
{
	struct test_dir d = test_dir_new();
	struct digests all, less;
	size_t changed = 0, tried = 0;

	(void)state;
	digests_of(&d, 0, &all);
	assert_true(all.n > 15);
	for (unsigned gone = 7; gone <= 900; gone += test_is_slow() ? 500 : 97, tried++) {
		size_t same;

		digests_of(&d, gone, &less);
		same = in_common(&all, &less);
		assert_true(all.n - same <= 4);
		changed += all.n - same;
	}
	print_message("one message less of 900: %.1f of %zu members change on average\n",
	    (double)changed / (double)tried, all.n);
	assert_true(changed <= 2 * tried);
	test_dir_done(&d);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cuts) };

	if (argc >= 4)
		return pack(argc, argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
