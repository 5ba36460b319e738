/* source_live.c: what is on the running server as a source, beside archives: above all what was deleted or expunged and is still kept.
 *
 * Nothing is locked: Cyrus may change all of it meanwhile. What belongs together is read until it fits together; a message file is
 * proved by its GUID. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/live.h"
#include "restore/safety.h"
#include "restore/source_impl.h"

#define TRIES   5
#define WAIT_US 5000

struct live_source {
	struct server *server;
	char *kept; /* where copies of mailboxes are that count instead; NULL */
	/* Of the mailbox whose messages were asked for last. */
	size_t box;                         /* SOURCE_NO_PLACE: none */
	struct mailbox_index *index, *gone; /* gone: cyrus.expunge of 2.3 */
};

/* ---- files, never through a symlink ---- */

/* A file or directory below ${root}, which the operator named, so that links in its own path are his. 1 and the fd, 0 it is not there, -1. */
static int open_below(const char *root, const char *rel, int flags, int *fd, struct err *e)
{
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct err why = { 0 };

	if (root_fd == -1)
		return errno == ENOENT ? 0 : err_sys(e, "open %s", root);
	*fd = io_open_beneath(root_fd, rel, O_RDONLY | O_NONBLOCK | flags, 0, &why);
	close(root_fd);
	if (*fd != -1)
		return 1;
	if (why.code == ERR_NOT_FOUND || why.sys == ENOTDIR)
		return 0;
	if (e != NULL)
		*e = why;
	return err_wrap(e, "%s", root);
}

/* Appends all of a regular file, or nothing. */
static int read_fd(int fd, const char *path, uint64_t max_bytes, struct buf *b, struct err *e)
{
	size_t start = b->len, n;
	struct stat st;
	char *to;

	if (fstat(fd, &st) == -1)
		return err_sys(e, "stat %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FORMAT, "%s is not a regular file", path);
	for (uint64_t ask = (uint64_t)st.st_size + 1;; ask = 1 << 20) {
		if (b->len - start > max_bytes || ask > max_bytes + 1 || (to = buf_reserve(b, ask)) == NULL) {
			b->len = start;
			return err_set(e, ERR_FORMAT, "%s is larger than %llu bytes", path,
			    (unsigned long long)max_bytes);
		}
		if (io_read_all(fd, to, ask, path, &n, e) == -1) {
			b->len = start;
			return -1;
		}
		b->len += n;
		b->data[b->len] = '\0';
		if (n < ask)
			return 0;
	}
}

/* 1 and the bytes appended, 0, -1. */
static int read_below(const char *root, const char *rel, uint64_t max_bytes, struct buf *b, struct err *e)
{
	int fd, r = open_below(root, rel, 0, &fd, e);

	if (r != 1)
		return r;
	r = read_fd(fd, rel, max_bytes, b, e) == -1 ? -1 : 1;
	close(fd);
	return r;
}

/* The same by its whole path, which must lie below ${root}. */
static int read_path(const char *root, const char *path, uint64_t max_bytes, struct buf *b, struct err *e)
{
	size_t n = strlen(root);

	if (strncmp(path, root, n) != 0 || path[n] != '/')
		return err_set(e, ERR_FORMAT, "%s is not below %s", path, root);
	return read_below(root, path + n + 1, max_bytes, b, e);
}

/* ---- a mailbox's places ---- */

static const struct live_source *ctx_of(const struct source *s)
{
	return s->ctx;
}

/* Where a mailbox's files lie: the same path below each root. */
struct place {
	const struct cyrus_partition *part; /* NULL: a copy below kept */
	const char *kept;
	struct buf rel; /* "a/user/alice/Work" */
};

static int place_of(const struct source *s, size_t i, struct place *ret, struct err *e)
{
	const struct mailbox_entry *entry = s->boxes[i].entry;
	const char *kept = ctx_of(s)->kept;

	*ret = (struct place){ .rel = BUF_INIT };
	if (kept != NULL && safety_is_whole(kept, s->boxes[i].name)) {
		ret->kept = kept;
		safety_name(s->boxes[i].name, &ret->rel);
		return 0;
	}
	ret->part = imapd_conf_partition(s->conf, entry->partition);
	if (ret->part == NULL)
		return err_set(e, ERR_CONFIG, "mailbox %s is on partition %s, which %s does not have",
		    entry->name, entry->partition, s->conf->path);
	return mboxname_dir(
	    s->conf, mailbox_entry_layout(s->conf, entry), entry->name, entry->uniqueid, &ret->rel, e);
}

static const char *meta_root(const struct source *s, const struct place *at, unsigned meta)
{
	return at->part != NULL ? imapd_conf_meta_root(s->conf, at->part, meta) : at->kept;
}

/* Where messages are: the second may be NULL. */
static const char *message_root(const struct place *at, int which)
{
	if (at->part == NULL)
		return which == 0 ? at->kept : NULL;
	return which == 0 ? at->part->spool : at->part->archive;
}

static size_t all_roots(const struct source *s, const struct place *at, const char *roots[IMAPD_ROOTS_MAX])
{
	if (at->part != NULL)
		return imapd_conf_roots(s->conf, at->part, roots);
	roots[0] = at->kept;
	return 1;
}

static void place_done(struct place *at)
{
	buf_done(&at->rel);
}

static int by_uid(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return (a > b) - (a < b);
}

/* A link called "5." is no message. */
static bool is_regular(int dir_fd, const struct dirent *de)
{
	struct stat st;

	if (de->d_type != DT_UNKNOWN)
		return de->d_type == DT_REG;
	return fstatat(dir_fd, de->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

struct listing {
	uint32_t *uids; /* of message files, ascending */
	size_t n_uids, cap_uids;
	char **others; /* names of all other files */
	size_t n_others, cap_others;
};

static void listing_done(struct listing *l)
{
	for (size_t i = 0; i < l->n_others; i++)
		free(l->others[i]);
	free(l->others);
	free(l->uids);
}

/* Adds what one directory has; 1, 0 there is none, -1. */
static int list_below(const char *root, const char *rel, struct listing *l, struct err *e)
{
	struct dirent *de;
	uint32_t uid;
	DIR *d;
	int fd, r = open_below(root, rel, O_DIRECTORY, &fd, e);

	if (r != 1)
		return r;
	if ((d = fdopendir(fd)) == NULL) {
		close(fd);
		return err_sys(e, "list %s/%s", root, rel);
	}
	while ((de = readdir(d)) != NULL) {
		if (de->d_name[0] == '.' || !is_regular(dirfd(d), de))
			continue;
		if ((uid = source_message_uid(de->d_name)) != 0) {
			l->uids = mem_grow(l->uids, &l->cap_uids, l->n_uids + 1, sizeof *l->uids);
			l->uids[l->n_uids++] = uid;
		} else {
			l->others = mem_grow(l->others, &l->cap_others, l->n_others + 1, sizeof *l->others);
			l->others[l->n_others++] = mem_strdup(de->d_name);
		}
	}
	closedir(d);
	if (l->n_uids > 1)
		qsort(l->uids, l->n_uids, sizeof *l->uids, by_uid);
	return 1;
}

/* ---- index, header, cache ---- */

/* What was read belongs together, as far as it can be told. */
static bool fits_together(const struct source_parts *p, bool with_cache)
{
	struct mailbox_header *header = NULL;
	struct mailbox_index *ix;
	bool ok;

	if (mailbox_index_parse((const uint8_t *)buf_text(&p->index), p->index.len, &ix, NULL) == -1)
		return false;
	ok = ix->h.crc_ok && !ix->short_file && ix->n_bad_crc == 0;
	if (ok && p->has_header)
		ok = mailbox_header_parse(
			 (const uint8_t *)buf_text(&p->header), p->header.len, &header, NULL) == 0 &&
		     (ix->h.header_file_crc == 0 || ix->h.header_file_crc == header->crc);
	if (ok && with_cache && p->cache.len >= 4)
		ok = be32((const uint8_t *)p->cache.data) == ix->h.generation;
	mailbox_header_free(header);
	mailbox_index_free(ix);
	return ok;
}

static int read_part(const struct source *s, const struct place *at, unsigned meta, const char *name,
    uint64_t max_bytes, struct buf *b, struct err *e)
{
	char *path = mem_printf("%s/%s", buf_text(&at->rel), name);
	int r = read_below(meta_root(s, at, meta), path, max_bytes, b, e);

	free(path);
	return r;
}

static int read_parts(
    const struct source *s, const struct place *at, bool with_cache, struct source_parts *p, struct err *e)
{
	struct err why;
	int r;

	buf_clear(&p->header);
	buf_clear(&p->index);
	buf_clear(&p->expunge);
	buf_clear(&p->cache);
	/* The index first: it speaks only of what is in the cache already. */
	r = read_part(s, at, META_INDEX, "cyrus.index", SOURCE_INDEX_MAX, &p->index, e);
	p->has_index = r == 1;
	if (r != -1) {
		r = read_part(s, at, META_HEADER, "cyrus.header", SOURCE_SMALL_MAX, &p->header, e);
		p->has_header = r == 1;
	}
	if (r != -1) {
		r = read_part(s, at, META_EXPUNGE, "cyrus.expunge", SOURCE_INDEX_MAX, &p->expunge, e);
		p->has_expunge = r == 1;
	}
	if (r == -1)
		return -1;
	/* Only a convenience: the messages say the same. */
	if (with_cache &&
	    read_part(s, at, META_CACHE, "cyrus.cache", SOURCE_CACHE_MAX, &p->cache, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "%s", why.msg);
	return 0;
}

/* Cyrus writes an index in pieces: read until it fits together. One that does not, but stays as it is, is not being written. */
static int parts_until_whole(const struct source *s, size_t i, const struct place *at, bool with_cache,
    struct source_parts *p, struct err *e)
{
	struct buf before = BUF_INIT;
	bool good = false, stays = false;
	int rc = 0;

	for (int k = 0; k < TRIES && rc == 0 && !good; k++) {
		if (k > 0)
			usleep(WAIT_US);
		rc = read_parts(s, at, with_cache, p, e);
		good = rc == 0 && (!p->has_index || fits_together(p, with_cache));
		stays = k > 0 && before.len == p->index.len &&
		        memcmp(buf_text(&before), buf_text(&p->index), p->index.len) == 0;
		buf_clear(&before);
		buf_add(&before, buf_text(&p->index), p->index.len);
	}
	if (rc == 0 && !good && !stays) {
		rc = err_set(
		    e, ERR_LOCKED, "cyrus.index of %s changes faster than it can be read", s->boxes[i].name);
		err_hint(e, "try again in a moment");
	}
	buf_done(&before);
	return rc;
}

/* Until 3.4 the list does not know what the directory does. */
static void complete(struct source *s, size_t i, const struct place *at, uint32_t uidvalidity)
{
	struct mailbox_entry *entry = &s->list->entries[s->places[i]];
	struct mailbox_header *header;
	struct buf b = BUF_INIT;

	if (entry->uidvalidity == 0)
		entry->uidvalidity = uidvalidity;
	s->boxes[i].uidvalidity = entry->uidvalidity;
	if (s->boxes[i].uniqueid[0] == '\0' &&
	    read_part(s, at, META_HEADER, "cyrus.header", SOURCE_SMALL_MAX, &b, NULL) == 1 &&
	    mailbox_header_parse((const uint8_t *)buf_text(&b), b.len, &header, NULL) == 0) {
		free(entry->uniqueid);
		entry->uniqueid = mem_strdup(header->uniqueid);
		s->boxes[i].uniqueid = entry->uniqueid;
		mailbox_header_free(header);
	}
	buf_done(&b);
}

static uint32_t uidvalidity_of(const struct source_parts *p)
{
	struct index_header h;

	return p->has_index && mailbox_index_header_parse(
				   (const uint8_t *)buf_text(&p->index), p->index.len, &h, NULL) == 0
	           ? h.uidvalidity
	           : 0;
}

static int live_parts(struct source *s, size_t i, bool with_cache, struct source_parts *p, struct err *e)
{
	struct listing l = { 0 };
	struct place at;
	int rc = place_of(s, i, &at, e);

	if (rc == 0)
		rc = parts_until_whole(s, i, &at, with_cache, p, e);
	if (rc == 0)
		complete(s, i, &at, uidvalidity_of(p));
	for (int k = 0; k < 2 && rc == 0; k++)
		if (message_root(&at, k) != NULL &&
		    list_below(message_root(&at, k), buf_text(&at.rel), &l, e) == -1)
			rc = -1;
	for (size_t k = 0; k < l.n_uids; k++)
		source_parts_add_uid(p, l.uids[k]);
	listing_done(&l);
	place_done(&at);
	return rc == -1 ? err_wrap(e, "mailbox %s", s->boxes[i].name) : 0;
}

/* ---- messages ---- */

static void forget_index(struct live_source *x)
{
	mailbox_index_free(x->index);
	mailbox_index_free(x->gone);
	x->index = x->gone = NULL;
	x->box = SOURCE_NO_PLACE;
}

static int know_index(struct source *s, size_t i, struct err *e)
{
	struct live_source *x = s->ctx;
	struct source_parts p = { 0 };
	struct place at;
	int rc = place_of(s, i, &at, e);

	forget_index(x);
	if (rc == 0)
		rc = parts_until_whole(s, i, &at, false, &p, e);
	if (rc == 0 && p.has_index)
		mailbox_index_parse((const uint8_t *)buf_text(&p.index), p.index.len, &x->index, NULL);
	if (rc == 0 && p.has_expunge && p.expunge.len > 0)
		mailbox_index_parse((const uint8_t *)buf_text(&p.expunge), p.expunge.len, &x->gone, NULL);
	source_parts_done(&p);
	place_done(&at);
	x->box = rc == 0 ? i : SOURCE_NO_PLACE;
	return rc;
}

static const struct index_record *known_record(const struct live_source *x, uint32_t uid)
{
	const struct index_record *r = x->index != NULL ? mailbox_index_find(x->index, uid) : NULL;

	return r == NULL && x->gone != NULL ? mailbox_index_find(x->gone, uid) : r;
}

/* Its record, for its GUID; a message that has come in since is in the index by now. */
static const struct index_record *record_of(struct source *s, size_t i, uint32_t uid)
{
	struct live_source *x = s->ctx;
	const struct index_record *r = x->box == i ? known_record(x, uid) : NULL;

	if (r == NULL && know_index(s, i, NULL) == 0)
		r = known_record(x, uid);
	return r;
}

static int wrong_content(const char *path, struct err *e)
{
	return err_set(e, ERR_DAMAGE, "%s is not what its index says", path);
}

static int live_read_message(
    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e)
{
	const struct index_record *rec;
	uint8_t guid[SHA1_SIZE];
	size_t start = b->len;
	struct place at;
	int r = place_of(s, i, &at, e);

	buf_printf(&at.rel, "/%u.", uid);
	for (int k = 0; k < 2 && r == 0; k++)
		if (message_root(&at, k) != NULL)
			r = read_below(message_root(&at, k), buf_text(&at.rel), max_bytes, b, e);
	if (r == 0)
		r = err_set(e, ERR_NOT_FOUND, "the server has no such message file");
	if (r == 1 && (rec = record_of(s, i, uid)) != NULL) {
		sha1(b->data + start, b->len - start, guid);
		if (rec->has_guid ? memcmp(guid, rec->guid, SHA1_SIZE) != 0 : b->len - start != rec->size) {
			b->len = start;
			r = wrong_content(buf_text(&at.rel), e);
		}
	}
	place_done(&at);
	return r == 1 ? 0 : -1;
}

/* ---- all files of a mailbox ---- */

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
	    uid != 0 && g->box != SOURCE_NO_PLACE ? record_of(g->s, g->box, uid) : NULL;

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
	int fd, r = open_below(g->root, rel, 0, &fd, e);
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
				r = wrong_content(path, e);
		}
	}
	close(fd);
	free(path);
	return r == -1 ? -1 : 0;
}

static int give_listed(struct giving *g, const char *rel, bool messages, struct err *e)
{
	struct listing l = { 0 };
	int rc = list_below(g->root, rel, &l, e) == -1 ? -1 : 0;

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
	listing_done(&l);
	return rc;
}

static int live_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e)
{
	const char *roots[IMAPD_ROOTS_MAX];
	struct giving *g = mem_alloc(sizeof *g);
	struct place at;
	size_t n;
	int rc = place_of(s, i, &at, e) == -1 ? -1 : know_index(s, i, e);

	*g = (struct giving){ .s = s, .box = i, .sink = sink };
	n = rc == 0 ? all_roots(s, &at, roots) : 0;
	for (size_t pass = 0; pass < 2 && rc == 0; pass++)
		for (size_t k = 0; k < n && rc == 0; k++) {
			g->root = roots[k];
			rc = give_listed(g, buf_text(&at.rel), pass == 1, e);
		}
	place_done(&at);
	free(g);
	return rc;
}

/* ---- users ---- */

static int user_path(
    const struct source *s, const char *userid, enum user_file which, struct buf *path, struct err *e)
{
	char *inbox = mboxname_inbox(userid);
	const struct mailbox_entry *entry = mboxlist_find(s->list, inbox);
	enum mailbox_layout layout = entry != NULL && mailbox_entry_has_directory(entry)
	                                 ? mailbox_entry_layout(s->conf, entry)
	                                 : LAYOUT_BY_NAME;

	free(inbox);
	return mboxname_user_file(
	    s->conf, layout, which, userid, layout == LAYOUT_UUID ? entry->uniqueid : NULL, path, e);
}

static int live_user_file(
    struct source *s, const char *userid, enum file_role role, struct buf *b, struct err *e)
{
	struct buf path = BUF_INIT;
	int r = user_path(s, userid, role == ROLE_SEEN ? USER_SEEN : USER_SUBS, &path, e);

	if (r == 0)
		r = read_path(s->conf->userpath, buf_text(&path), SOURCE_DB_MAX, b, e);
	buf_done(&path);
	return r;
}

static int give_scripts(struct giving *g, const char *rel, struct err *e)
{
	struct listing l = { 0 };
	int rc = list_below(g->root, rel, &l, e) == -1 ? -1 : 0;

	for (size_t k = 0; k < l.n_others && rc == 0; k++) {
		char *path = mem_printf("%s/%s", rel, l.others[k]);

		rc = give(g, path, ROLE_SIEVE, e);
		free(path);
	}
	listing_done(&l);
	return rc;
}

static int live_extract_user(
    struct source *s, const char *userid, const struct file_sink *sink, struct err *e)
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
		if (user_path(s, userid, (enum user_file)which, &path, NULL) == -1)
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

/* ---- what lies beside ---- */

static int live_quota_file(struct source *s, const char *root, struct buf *b, struct err *e)
{
	struct buf path = BUF_INIT;
	int r = mboxname_quota_file(s->conf, root, &path, e);

	if (r == 0)
		r = read_path(s->conf->quota_root, buf_text(&path), SOURCE_SMALL_MAX, b, e);
	buf_done(&path);
	return r;
}

static int live_database(struct source *s, const char *path, struct buf *b, struct err *e)
{
	char *dir = mem_strndup(path, (size_t)(source_base(path) - path));
	int r;

	(void)s;
	r = read_below(dir[0] != '\0' ? dir : "/", source_base(path), SOURCE_DB_MAX, b, e);
	free(dir);
	return r;
}

static int live_text(struct source *s, const char *which, struct buf *b, struct err *e)
{
	if (strcmp(which, "mailboxes.txt") != 0)
		return err_set(e, ERR_NOT_FOUND, "the running server has no %s", which);
	return mboxlist_write_text(s->list, mboxlist_form_for(s->version), b, e);
}

static int live_each_listed(struct source *s,
    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg, struct err *e)
{
	(void)s;
	(void)each;
	(void)arg;
	(void)e;
	return 0;
}

/* All who have a mailbox; nobody asks a server for the files of others. */
static int live_users(
    struct source *s, int (*each)(void *arg, const char *userid, struct err *e), void *arg, struct err *e)
{
	(void)s;
	(void)each;
	(void)arg;
	(void)e;
	return 0;
}

/* ---- opening ---- */

static void live_close(struct source *s)
{
	struct live_source *x = s->ctx;

	forget_index(x);
	s->conf = NULL; /* the server's */
	server_free(x->server);
	free(x->kept);
	free(x);
}

const struct source_ops source_live = {
	.close = live_close,
	.text = live_text,
	.extract = live_extract,
	.extract_user = live_extract_user,
	.read_message = live_read_message,
	.parts = live_parts,
	.user_file = live_user_file,
	.quota_file = live_quota_file,
	.database = live_database,
	.each_listed = live_each_listed,
	.users = live_users,
};

static void add_archive_roots(struct source *s)
{
	for (size_t i = 0; i < s->conf->n_partitions; i++) {
		const char *root = s->conf->partitions[i].archive;

		if (root == NULL)
			continue;
		s->archive_roots =
		    mem_resize(s->archive_roots, s->n_archive_roots + 1, sizeof *s->archive_roots);
		s->archive_roots[s->n_archive_roots++] = mem_strdup(root + strspn(root, "/"));
	}
}

static void add_boxes(struct source *s)
{
	struct source_box *boxes = mem_array(s->list->n + 1, sizeof *boxes);
	size_t n = 0;

	for (size_t i = 0; i < s->list->n; i++) {
		const struct mailbox_entry *entry = &s->list->entries[i];

		if (mailbox_entry_has_directory(entry))
			boxes[n++] = (struct source_box){ .place = i,
				.box = { .name = entry->name, .health = HEALTH_UNCHECKED } };
	}
	source_merge(s, boxes, n);
	free(boxes);
}

int source_open_live(struct server *server, struct job *job, struct source **ret, struct err *e)
{
	struct source *s = mem_alloc(sizeof *s);
	struct live_source *x = mem_alloc(sizeof *x);

	*ret = NULL;
	x->server = server;
	x->box = SOURCE_NO_PLACE;
	s->ops = &source_live;
	s->ctx = x;
	s->name = mem_strdup(SOURCE_LIVE);
	s->job = job;
	s->json_unit = s->conf_unit = SOURCE_NO_PLACE;
	s->conf = server->conf;
	s->version = server->version;
	s->when = clock_now();
	if (server_list(server, &s->list, e) == -1) {
		source_close(s);
		return -1;
	}
	add_archive_roots(s);
	add_boxes(s);
	*ret = s;
	return 0;
}

void source_live_keep(struct source *s, const char *dir)
{
	struct live_source *x = s->ctx;

	forget_index(x);
	free(x->kept);
	x->kept = mem_strdup(dir);
}

bool source_is_live(const struct source *s)
{
	return s->ops == &source_live;
}

int source_count(struct source *s, struct err *e)
{
	if (!source_is_live(s))
		return 0;
	for (size_t i = 0; i < s->n; i++) {
		struct source_mailbox *box = &s->boxes[i];
		struct index_header h;
		struct place at;

		if (i % 64 == 0 && job_cancelled(s->job, e))
			return -1;
		if (live_index_head(ctx_of(s)->server, box->entry, &h) == -1) {
			box->health = HEALTH_FINDINGS;
			continue;
		}
		if (place_of(s, i, &at, NULL) == 0)
			complete(s, i, &at, h.uidvalidity);
		place_done(&at);
		box->messages = h.exists;
		box->unread = h.minor >= 14 ? h.unseen : 0;
		box->bytes = h.quota_used;
	}
	return 0;
}
