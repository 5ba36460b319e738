/* source_foreign_scan.c: the one pass over a foreign archive: what is in it, and the small files that tell what it is. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <xxhash.h>
#include <zlib.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/source_foreign.h"

#define ENTRIES_MAX    ((size_t)512 << 20) /* memory for names of entries */
#define RAW_INDEX_MAX  ((size_t)48 << 20)  /* bytes of headers and indexes kept for later */
#define RAW_SMALL_MAX  ((size_t)16 << 20)  /* the same of users' files */
#define HEADER_MAX     (1u << 20)
#define INDEX_SCAN_MAX (64u << 20)
#define DB_SCAN_MAX    (256u << 20)
#define TEXT_MAX       ((size_t)256 << 20)
#define SMALL_FILE_MAX (4u << 20)
#define QUOTA_FILE_MAX 4096
#define LOOK_AT        256 /* bytes by which a list of mailboxes shows itself */

/* ---- entries ---- */

static size_t table_place(const struct foreign *f, const char *path, size_t n)
{
	size_t at = XXH3_64bits(path, n) & (f->table_size - 1);

	while (f->table[at] != FOREIGN_NONE) {
		const char *have = f->dirs[f->table[at]].path;

		if (strncmp(have, path, n) == 0 && have[n] == '\0')
			break;
		at = (at + 1) & (f->table_size - 1);
	}
	return at;
}

uint32_t foreign_dir_find(const struct foreign *f, const char *path, size_t n)
{
	return f->table[table_place(f, path, n)];
}

static void table_grow(struct foreign *f)
{
	f->used_bytes -= f->table_size * sizeof *f->table;
	f->table_size = f->table_size == 0 ? 1024 : f->table_size * 2;
	f->used_bytes += f->table_size * sizeof *f->table;
	f->table = mem_resize(f->table, f->table_size, sizeof *f->table);
	memset(f->table, 0xff, f->table_size * sizeof *f->table);
	for (size_t i = 0; i < f->n_dirs; i++)
		f->table[table_place(f, f->dirs[i].path, strlen(f->dirs[i].path))] = (uint32_t)i;
}

static uint32_t add_dir(struct foreign *f, const char *path, size_t n)
{
	uint32_t found, parent = FOREIGN_NONE;
	size_t cap = f->cap_dirs;

	if (f->table_size > 0 && (found = foreign_dir_find(f, path, n)) != FOREIGN_NONE)
		return found;
	if (n > 0) {
		size_t up = n;

		while (up > 0 && path[up - 1] != '/')
			up--;
		parent = add_dir(f, path, up > 0 ? up - 1 : 0);
	}
	if (f->table_size < (f->n_dirs + 1) * 2)
		table_grow(f);
	f->dirs = mem_grow(f->dirs, &f->cap_dirs, f->n_dirs + 1, sizeof *f->dirs);
	f->used_bytes += (f->cap_dirs - cap) * sizeof *f->dirs + n + 1;
	f->dirs[f->n_dirs] = (struct foreign_dir){ .path = arena_join(f->arena, path, n, "", 0),
		.parent = parent,
		.files = FOREIGN_NONE,
		.facts = FOREIGN_NONE,
		.root = FOREIGN_NONE,
		.box = FOREIGN_NONE };
	f->table[table_place(f, path, n)] = (uint32_t)f->n_dirs;
	return (uint32_t)f->n_dirs++;
}

static void add_message(struct foreign *f, uint32_t dir, uint32_t uid, uint64_t size)
{
	struct foreign_dir *d = &f->dirs[dir];
	size_t cap = d->cap_uids;

	d->uids = mem_grow(d->uids, &cap, (size_t)d->n_uids + 1, sizeof *d->uids);
	f->used_bytes += (cap - d->cap_uids) * sizeof *d->uids;
	d->cap_uids = (uint32_t)cap;
	d->uids[d->n_uids++] = uid;
	d->bytes += size;
	f->n_messages++;
}

static uint32_t add_file(struct foreign *f, uint32_t dir, const char *name, uint64_t size)
{
	struct foreign_dir *d = &f->dirs[dir];
	size_t n = strlen(name), cap = f->cap_files;

	f->files = mem_grow(f->files, &f->cap_files, f->n_files + 1, sizeof *f->files);
	f->used_bytes += (f->cap_files - cap) * sizeof *f->files + n + 1;
	f->files[f->n_files] = (struct foreign_file){ .name = arena_join(f->arena, name, n, "", 0),
		.size = size,
		.dir = dir,
		.next = d->files,
		.raw = FOREIGN_NONE };
	d->files = (uint32_t)f->n_files;
	d->bytes += size;
	return (uint32_t)f->n_files++;
}

uint32_t foreign_file_in(const struct foreign *f, uint32_t dir, const char *name)
{
	uint32_t i = f->dirs[dir].files;

	while (i != FOREIGN_NONE && strcmp(f->files[i].name, name) != 0)
		i = f->files[i].next;
	return i;
}

uint32_t foreign_file_find(const struct foreign *f, const char *path)
{
	const char *base = source_base(path);
	uint32_t dir = foreign_dir_find(f, path, base > path ? (size_t)(base - path) - 1 : 0);

	return dir == FOREIGN_NONE ? FOREIGN_NONE : foreign_file_in(f, dir, base);
}

void foreign_file_path(const struct foreign *f, uint32_t file, struct buf *b)
{
	const char *dir = f->dirs[f->files[file].dir].path;

	buf_clear(b);
	buf_printf(b, "%s%s%s", dir, *dir != '\0' ? "/" : "", f->files[file].name);
}

bool foreign_is_mailbox(const struct foreign *f, uint32_t dir)
{
	return f->dirs[dir].facts != FOREIGN_NONE || f->dirs[dir].n_uids > 0;
}

/* ---- what is looked at on the way ---- */

enum capture {
	CAPTURE_NONE,
	CAPTURE_HEADER,
	CAPTURE_INDEX,
	CAPTURE_EXPUNGE,
	CAPTURE_SMALL,
	CAPTURE_CONF,
	CAPTURE_TEXT,
	CAPTURE_DB
};

struct scan {
	struct source *s;
	struct foreign *f;
	enum capture capture; /* of the entry that is being read */
	uint32_t file;
	size_t max;
	bool dropped;
	struct buf bytes;
	struct foreign_text text;
};

static unsigned depth_of(const char *path)
{
	unsigned n = 0;

	for (; *path != '\0'; path++)
		n += *path == '/';
	return n;
}

/* Of several files of one name: the one in a directory etc, else the one nearest the top. */
static bool is_better(const char *path, const char *have, const char *preferred)
{
	bool good = str_ends(path, preferred);

	if (have == NULL || good != str_ends(have, preferred))
		return have == NULL || good;
	return depth_of(path) < depth_of(have);
}

/* How much a name says that the file is a list of mailboxes; 0: nothing. */
static int list_rank(const char *base, bool *gzip)
{
	bool named = strncasecmp(base, "mailboxes", 9) == 0 || strncasecmp(base, "mboxlist", 8) == 0;

	*gzip = str_ends(base, ".gz");
	if (strcmp(base, "mailboxes.txt") == 0)
		return 3;
	if (named && !str_ends(base, ".db") && strstr(base, ".db.") == NULL)
		return 2;
	return str_ends(base, ".txt");
}

static bool is_small_user_file(const char *path, const char *base, uint64_t size)
{
	if (str_ends(base, ".seen") || str_ends(base, ".sub") || strcmp(base, "seen.db") == 0 ||
	    strcmp(base, "sub.db") == 0 || strcmp(base, "annotations.db") == 0)
		return true;
	return size <= QUOTA_FILE_MAX && (str_starts(path, "quota/") || strstr(path, "/quota/") != NULL);
}

static enum capture classify(struct scan *sc, const char *path, const char *base, uint64_t size)
{
	struct foreign *f = sc->f;

	if (strcmp(base, "cyrus.header") == 0) {
		sc->max = HEADER_MAX;
		return CAPTURE_HEADER;
	}
	if (strcmp(base, "cyrus.index") == 0) {
		sc->max = INDEX_SCAN_MAX;
		return CAPTURE_INDEX;
	}
	if (strcmp(base, "cyrus.expunge") == 0) {
		sc->max = INDEX_SCAN_MAX;
		return CAPTURE_EXPUNGE;
	}
	if (strcmp(base, "imapd.conf") == 0 && is_better(path, f->conf_path, "etc/imapd.conf")) {
		sc->max = SOURCE_CONF_MAX;
		return CAPTURE_CONF;
	}
	if (strcmp(base, "mailboxes.db") == 0 && strstr(path, "db.backup") == NULL &&
	    is_better(path, f->db_path, "imap/mailboxes.db")) {
		sc->max = DB_SCAN_MAX;
		return CAPTURE_DB;
	}
	if ((sc->text.rank = list_rank(base, &sc->text.gzip)) > 0) {
		sc->max = TEXT_MAX;
		return CAPTURE_TEXT;
	}
	if (size <= SMALL_FILE_MAX && size <= RAW_SMALL_MAX - f->raw_small_bytes &&
	    is_small_user_file(path, base, size)) {
		sc->max = (size_t)size;
		return CAPTURE_SMALL;
	}
	return CAPTURE_NONE;
}

static int check_memory(const struct foreign *f, struct err *e)
{
	if (f->used_bytes <= ENTRIES_MAX && f->n_files < FOREIGN_NONE - 1 && f->n_dirs < FOREIGN_NONE - 1)
		return 0;
	err_set(e, ERR_UNSUPPORTED,
	    "%zu directories, %zu files and %llu messages, and it does not end there: the names take more "
	    "than "
	    "%zu MiB of memory",
	    f->n_dirs, f->n_files, (unsigned long long)f->n_messages, ENTRIES_MAX >> 20);
	return err_hint(e, "unpack the partition that is needed and pack it anew, by itself");
}

static int scan_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct scan *sc = arg;
	struct foreign *f = sc->f;
	const char *path = file->path, *base;
	uint32_t dir, uid;
	size_t n;

	if (path == NULL || *path == '\0' || (meta != NULL && !S_ISREG(meta->mode) && !S_ISLNK(meta->mode)))
		return 0;
	if ((n = strlen(path)) > FOREIGN_PATH_MAX) {
		log_write(LOG_LEVEL_WARNING, "archive %s: an entry is left out, its path has %zu bytes",
		    sc->s->name, n);
		return 0;
	}
	base = source_base(path);
	dir = add_dir(f, path, base > path ? (size_t)(base - path) - 1 : 0);
	if ((uid = source_message_uid(base)) != 0) {
		add_message(f, dir, uid, file->size);
		return check_memory(f, e);
	}
	sc->file = add_file(f, dir, base, file->size);
	sc->capture = CAPTURE_NONE;
	if (meta == NULL || S_ISREG(meta->mode))
		sc->capture = classify(sc, path, base, file->size);
	if (sc->capture != CAPTURE_NONE) {
		buf_clear(&sc->bytes);
		sc->dropped = file->size > sc->max;
		sc->text.mtime = file->mtime;
	}
	return check_memory(f, e) == -1 ? -1 : sc->capture != CAPTURE_NONE;
}

static bool looks_like_list(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r'))
		i++;
	if (i < n && p[i] == '{')
		return true;
	for (; i < n && p[i] != '\n'; i++) {
		if (p[i] == '\t')
			return true;
		if ((unsigned char)p[i] < ' ')
			return false;
	}
	return false;
}

static int scan_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct scan *sc = arg;
	size_t before = sc->bytes.len;

	(void)e;
	if (sc->dropped)
		return 0;
	if (n > sc->max - before) {
		sc->dropped = true;
		buf_done(&sc->bytes);
		return 0;
	}
	buf_add(&sc->bytes, p, n);
	if (sc->capture == CAPTURE_TEXT && !sc->text.gzip && before < LOOK_AT && sc->bytes.len >= LOOK_AT)
		sc->dropped = !looks_like_list(sc->bytes.data, sc->bytes.len);
	return 0;
}

static struct foreign_facts *facts_of(struct foreign *f, uint32_t dir)
{
	struct foreign_dir *d = &f->dirs[dir];

	if (d->facts == FOREIGN_NONE) {
		size_t cap = f->cap_facts;

		f->facts = mem_grow(f->facts, &f->cap_facts, f->n_facts + 1, sizeof *f->facts);
		f->used_bytes += (f->cap_facts - cap) * sizeof *f->facts;
		f->facts[f->n_facts] = (struct foreign_facts){ 0 };
		d->facts = (uint32_t)f->n_facts++;
	}
	return &f->facts[d->facts];
}

static void keep_raw(struct scan *sc, size_t *total, size_t max)
{
	struct foreign *f = sc->f;

	if (sc->bytes.len > max - *total)
		return;
	*total += sc->bytes.len;
	f->raws = mem_grow(f->raws, &f->cap_raws, f->n_raws + 1, sizeof *f->raws);
	f->raws[f->n_raws] = (struct buf)BUF_INIT;
	buf_add(&f->raws[f->n_raws], buf_text(&sc->bytes), sc->bytes.len);
	f->files[sc->file].raw = (uint32_t)f->n_raws++;
}

static const char *keep_text(struct foreign *f, const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	if (n == 0)
		return NULL;
	f->used_bytes += n + 1;
	return arena_join(f->arena, text, n, "", 0);
}

static void see_header(struct scan *sc)
{
	struct foreign *f = sc->f;
	struct foreign_facts *facts = facts_of(f, f->files[sc->file].dir);
	struct mailbox_header *h;

	facts->has_header = true;
	facts->bad_header = sc->dropped || mailbox_header_parse((const uint8_t *)buf_text(&sc->bytes),
					       sc->bytes.len, &h, NULL) == -1;
	if (facts->bad_header)
		return;
	facts->dlist = h->dlist;
	facts->name = keep_text(f, h->name);
	facts->uniqueid = keep_text(f, h->uniqueid);
	mailbox_header_free(h);
	keep_raw(sc, &f->raw_index_bytes, RAW_INDEX_MAX);
}

static void see_index(struct scan *sc)
{
	struct foreign *f = sc->f;
	struct foreign_facts *facts = facts_of(f, f->files[sc->file].dir);
	struct mailbox_index *ix;

	facts->has_index = true;
	if (sc->dropped) /* too large to be looked at now; that is no damage */
		return;
	facts->bad_index =
	    mailbox_index_parse((const uint8_t *)buf_text(&sc->bytes), sc->bytes.len, &ix, NULL) == -1;
	if (facts->bad_index)
		return;
	facts->minor = ix->h.minor;
	facts->uidvalidity = ix->h.uidvalidity;
	facts->options = ix->h.options;
	facts->messages = facts->unread = 0;
	for (size_t i = 0; i < ix->n; i++) {
		if (!index_record_visible(&ix->records[i]))
			continue;
		facts->messages++;
		facts->unread += (ix->records[i].flags & FLAG_SEEN) == 0;
	}
	/* Where the flag is elsewhere, the count has to wait. */
	if (!seen_is_in_index(ix->h.minor, ix->h.options, true))
		facts->unread = 0;
	mailbox_index_free(ix);
	keep_raw(sc, &f->raw_index_bytes, RAW_INDEX_MAX);
}

/* gzip -dc, bounded. */
static bool gunzip(struct buf *b)
{
	struct buf out = BUF_INIT_MAX(TEXT_MAX);
	z_stream z = { 0 };
	int r = Z_OK;

	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return false;
	z.next_in = (Bytef *)b->data;
	z.avail_in = (uInt)b->len;
	while (r == Z_OK) {
		char *to = buf_reserve(&out, 1 << 16);

		if (to == NULL)
			break;
		z.next_out = (Bytef *)to;
		z.avail_out = 1 << 16;
		r = inflate(&z, Z_NO_FLUSH);
		out.len += (size_t)(1 << 16) - z.avail_out;
	}
	inflateEnd(&z);
	buf_done(b);
	*b = out;
	b->max = 0;
	return r == Z_STREAM_END;
}

static bool text_before(const struct foreign_text *a, const struct foreign_text *b)
{
	return a->rank != b->rank ? a->rank > b->rank : a->mtime > b->mtime;
}

/* Keeps the best few in order, within TEXT_MAX bytes together. */
static void see_text(struct scan *sc)
{
	struct foreign *f = sc->f;
	struct foreign_text t = sc->text;
	struct buf path = BUF_INIT;
	size_t at = 0, bytes = 0;

	if (sc->dropped || (t.gzip && !gunzip(&sc->bytes)) ||
	    !looks_like_list(buf_text(&sc->bytes), sc->bytes.len))
		return;
	t.bytes = sc->bytes;
	sc->bytes = (struct buf)BUF_INIT;
	foreign_file_path(f, sc->file, &path);
	t.path = buf_steal(&path);
	while (at < f->n_texts && !text_before(&t, &f->texts[at]))
		at++;
	if (f->n_texts == FOREIGN_TEXTS) {
		struct foreign_text *last = &f->texts[--f->n_texts];

		if (at == FOREIGN_TEXTS) {
			f->n_texts++;
			last = &t;
		}
		free(last->path);
		buf_done(&last->bytes);
		if (last == &t)
			return;
	}
	memmove(&f->texts[at + 1], &f->texts[at], (f->n_texts - at) * sizeof *f->texts);
	f->texts[at] = t;
	f->n_texts++;
	for (size_t i = 0; i < f->n_texts; i++)
		bytes += f->texts[i].bytes.len;
	while (bytes > TEXT_MAX) {
		struct foreign_text *last = &f->texts[--f->n_texts];

		bytes -= last->bytes.len;
		free(last->path);
		buf_done(&last->bytes);
	}
}

static void take_whole(struct scan *sc, char **path, struct buf *to)
{
	struct buf b = BUF_INIT;

	if (sc->dropped)
		return;
	foreign_file_path(sc->f, sc->file, &b);
	free(*path);
	*path = buf_steal(&b);
	buf_done(to);
	*to = sc->bytes;
	sc->bytes = (struct buf)BUF_INIT;
}

static int scan_end(void *arg, struct err *e)
{
	struct scan *sc = arg;

	(void)e;
	switch (sc->capture) {
	case CAPTURE_HEADER: see_header(sc); break;
	case CAPTURE_INDEX: see_index(sc); break;
	case CAPTURE_EXPUNGE:
		if (!sc->dropped)
			keep_raw(sc, &sc->f->raw_index_bytes, RAW_INDEX_MAX);
		break;
	case CAPTURE_SMALL:
		if (!sc->dropped)
			keep_raw(sc, &sc->f->raw_small_bytes, RAW_SMALL_MAX);
		break;
	case CAPTURE_CONF: take_whole(sc, &sc->f->conf_path, &sc->f->conf_text); break;
	case CAPTURE_TEXT: see_text(sc); break;
	case CAPTURE_DB: take_whole(sc, &sc->f->db_path, &sc->f->db_bytes); break;
	case CAPTURE_NONE: break;
	}
	return 0;
}

static void scan_abort(void *arg)
{
	struct scan *sc = arg;

	buf_clear(&sc->bytes);
}

int foreign_scan(struct source *s, struct foreign *f, struct err *e)
{
	struct scan sc = { .s = s, .f = f };
	struct file_sink sink = { &sc, false, scan_begin, scan_data, scan_end, scan_abort };
	int rc;

	f->arena = arena_new(1 << 20);
	add_dir(f, "", 0);
	if (s->index != NULL) {
		job_step(s->job, "opening %s", s->name);
		rc = foreign_index_replay(s->index, s->job, &sink, e);
	} else {
		job_step(s->job, "reading %s from front to end", s->name);
		rc = s->has_memory ? archive_foreign_learn(s->store, s->name, s->job, &s->memory, &sink, e)
		                   : archive_foreign_each(s->store, s->name, s->job, &sink, e);
	}
	buf_done(&sc.bytes);
	if (rc == -1 && e != NULL && e->code == ERR_DAMAGE)
		err_hint(
		    e, "what stands before the damage can be unpacked with cpio or bsdtar and packed anew");
	return rc;
}
