/* source_live_give.c: all files of a mailbox of the running server, and those of a user. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/digest.h"
#include "core/io.h"
#include "core/mem.h"
#include "restore/source_live_impl.h"

struct giving {
	struct source *s;
	size_t box; /* whose index tells GUIDs; SOURCE_NO_PLACE: no mailbox */
	const struct file_sink *sink;
	const char *root;
	char piece[65536];
};

static bool content_holds(struct giving *g, uint32_t uid, const uint8_t guid[SHA1_SIZE], uint64_t size)
{
	const struct index_record *r =
	    uid != 0 && g->box != SOURCE_NO_PLACE ? live_record_of(g->s, g->box, uid) : NULL;

	if (r == NULL)
		return true;
	return r->has_guid ? memcmp(guid, r->guid, SHA1_SIZE) == 0 : size == r->size;
}

/* The bytes of ${fd}, just as many as its entry said: 1 they hold, 0 they do not, -1. */
static int give_bytes(struct giving *g, int fd, uint64_t size, uint32_t uid, const char *path, struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA1);
	uint8_t guid[SHA1_SIZE];
	uint64_t got = 0;
	size_t n = 1;
	int rc = 0;

	while (rc == 0 && got < size && n > 0) {
		size_t ask = size - got < sizeof g->piece ? (size_t)(size - got) : sizeof g->piece;

		if (job_cancelled(g->s->job, e) || io_read_all(fd, g->piece, ask, path, &n, e) == -1) {
			rc = -1;
			break;
		}
		digest_add(d, g->piece, n);
		got += n;
		if (n > 0 && g->sink->data(g->sink->arg, g->piece, n, e) == -1)
			rc = -1;
	}
	digest_end(d, guid);
	digest_free(d);
	return rc == -1 ? -1 : got == size && content_holds(g, uid, guid, got);
}

/* One file of the root, if it is still there and a regular one. */
static int give(struct giving *g, const char *rel, enum file_role role, struct err *e)
{
	struct archive_file file = { .role = role };
	struct entry_meta meta;
	struct stat st;
	int fd, r = live_files_open(g->root, rel, 0, &fd, e);
	char *path;

	if (r != 1)
		return r;
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return 0;
	}
	path = mem_printf("%s/%s", g->root + strspn(g->root, "/"), rel);
	file.path = path;
	file.size = (uint64_t)st.st_size;
	file.mtime = st.st_mtime;
	meta = (struct entry_meta){ .path = path,
		.mode = st.st_mode,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mtime = st.st_mtime,
		.size = file.size,
		.role = role };
	r = g->sink->begin(g->sink->arg, &file, &meta, e);
	if (r == 1) {
		r = give_bytes(g, fd, file.size,
		    role == ROLE_MESSAGE ? source_message_uid(source_base(rel)) : 0, rel, e);
		if (r == 1) {
			r = g->sink->end(g->sink->arg, e);
		} else if (r == 0) {
			g->sink->abort(g->sink->arg);
			if (!g->sink->damage_ok)
				r = live_wrong_content(path, e);
		}
	}
	close(fd);
	free(path);
	return r == -1 ? -1 : 0;
}

static int give_listed(struct giving *g, const char *rel, bool messages, struct err *e)
{
	struct live_listing l = { 0 };
	int rc = live_files_list(g->root, rel, &l, e) == -1 ? -1 : 0;

	for (size_t k = 0; !messages && k < l.n_others && rc == 0; k++) {
		char *path = mem_printf("%s/%s", rel, l.others[k]);

		rc = give(g, path, source_role_of(l.others[k]), e);
		free(path);
	}
	for (size_t k = 0; messages && k < l.n_uids && rc == 0; k++) {
		char *path = mem_printf("%s/%u.", rel, l.uids[k]);

		rc = give(g, path, ROLE_MESSAGE, e);
		free(path);
	}
	live_listing_done(&l);
	return rc;
}

int live_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e)
{
	const char *roots[IMAPD_ROOTS_MAX];
	struct giving *g = mem_alloc(sizeof *g);
	struct live_place at;
	size_t n;
	int rc = live_place_of(s, i, &at, e) == -1 ? -1 : live_know_index(s, i, e);

	*g = (struct giving){ .s = s, .box = i, .sink = sink };
	n = rc == 0 ? live_place_roots(s, &at, roots) : 0;
	for (size_t pass = 0; pass < 2 && rc == 0; pass++)
		for (size_t k = 0; k < n && rc == 0; k++) {
			g->root = roots[k];
			rc = give_listed(g, buf_text(&at.rel), pass == 1, e);
		}
	live_place_done(&at);
	free(g);
	return rc;
}

static int give_scripts(struct giving *g, const char *rel, struct err *e)
{
	struct live_listing l = { 0 };
	int rc = live_files_list(g->root, rel, &l, e) == -1 ? -1 : 0;

	for (size_t k = 0; k < l.n_others && rc == 0; k++) {
		char *path = mem_printf("%s/%s", rel, l.others[k]);

		rc = give(g, path, ROLE_SIEVE, e);
		free(path);
	}
	live_listing_done(&l);
	return rc;
}

int live_extract_user(struct source *s, const char *userid, const struct file_sink *sink, struct err *e)
{
	static const enum file_role roles[USER_FILES] = { [USER_SEEN] = ROLE_SEEN,
		[USER_SUBS] = ROLE_SUBS,
		[USER_CONVERSATIONS] = ROLE_CONVERSATIONS,
		[USER_COUNTERS] = ROLE_COUNTERS,
		[USER_XAPIAN] = ROLE_XAPIAN,
		[USER_DAV] = ROLE_DAV,
		[USER_MBOXKEY] = ROLE_MBOXKEY,
		[USER_SIEVE_DIR] = ROLE_SIEVE };
	struct giving *g = mem_alloc(sizeof *g);
	struct buf path = BUF_INIT;
	int rc = 0;

	*g = (struct giving){ .s = s, .box = SOURCE_NO_PLACE, .sink = sink };
	for (int which = 0; which < USER_FILES && rc == 0; which++) {
		size_t n;

		buf_clear(&path);
		/* Scripts may lie where they cannot be found. */
		if (live_user_path(s, userid, (enum user_file)which, &path, NULL) == -1)
			continue;
		g->root = which == USER_SIEVE_DIR ? s->conf->sievedir : s->conf->userpath;
		n = strlen(g->root);
		if (strncmp(buf_text(&path), g->root, n) != 0 || buf_text(&path)[n] != '/')
			continue;
		rc = which == USER_SIEVE_DIR ? give_scripts(g, buf_text(&path) + n + 1, e)
		                             : give(g, buf_text(&path) + n + 1, roles[which], e);
	}
	buf_done(&path);
	free(g);
	return rc == -1 ? err_wrap(e, "files of user %s", userid) : 0;
}
