/* unit_read.c: the files of a unit: found by its table, checked against their headers and hashes. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/cpio.h"
#include "archive/reader.h"
#include "core/mem.h"

enum { GOOD = 0, DAMAGED = 1, FATAL = -1 };

struct unit_reader {
	struct unpack *unpack;
	const struct archive_table *t;
	bool *wanted_file, *wanted_member;
	/* The member looked at: where it lies in the unit's plain bytes. */
	size_t member;
	uint64_t begin;
	struct digest *sha;
	const struct unit_hooks *hooks;
	size_t told;		/* members before this one were told to hooks->member */
	struct entry_meta last; /* of the last good regular file, for those whose header is lost */
};

/* Bytes at ${pos} of the unit's plain bytes, which only grows: a pointer and how many there are. */
static int plain_at(struct unit_reader *r, uint64_t pos, const uint8_t **p, size_t *n, struct err *e)
{
	const struct archive_member *m = &r->t->members[r->member];
	int rc;

	while (pos - r->begin >= m->plain_size) {
		r->begin += m->plain_size;
		m = &r->t->members[++r->member];
	}
	rc = unpack_member(r->unpack, r->member, p, e);
	if (rc == FATAL)
		return FATAL;
	if (r->member >= r->told && r->hooks != NULL && r->hooks->member != NULL)
		r->hooks->member(r->hooks->arg, m, rc == GOOD);
	r->told = r->member + 1;
	*p += pos - r->begin;
	*n = (size_t)(m->plain_size - (pos - r->begin));
	return rc;
}

static int copy_plain(struct unit_reader *r, uint64_t pos, void *to, size_t n, struct err *e)
{
	uint8_t *out = to;

	while (n > 0) {
		const uint8_t *p;
		size_t have;
		int rc = plain_at(r, pos, &p, &have, e);

		if (rc != GOOD)
			return rc;
		if (have > n)
			have = n;
		memcpy(out, p, have);
		out += have;
		pos += have;
		n -= have;
	}
	return GOOD;
}

static int disagree(struct err *e, const struct archive_file *f, const char *what)
{
	err_set(e, ERR_DAMAGE, "%s: %s is not what the table says", f->path, what);
	return DAMAGED;
}

/* The cpio header of ${f}, or of one part of it, at ${*pos}, which moves behind it. */
static int read_head(struct unit_reader *r, const struct archive_file *f, unsigned part, uint64_t size,
    uint64_t *pos, struct cpio_head *h, struct err *e)
{
	uint8_t bytes[CPIO_HEAD + CPIO_NAME_MAX + 4];
	char name[CPIO_NAME_MAX];
	size_t name_len = cpio_part_name(name, sizeof name, f->path, part), len = cpio_head_len(name_len);
	int rc = copy_plain(r, *pos, bytes, len, e);

	if (rc != GOOD)
		return rc;
	if (cpio_parse(bytes, h) == -1 || h->name_size != name_len + 1 ||
	    memcmp(bytes + CPIO_HEAD, name, name_len + 1) != 0)
		return disagree(e, f, "its cpio header");
	if (h->size != size || (size > 0 && !S_ISREG(h->mode) && !S_ISLNK(h->mode)))
		return disagree(e, f, "its size");
	if (h->mtime != cpio_mtime(f->mtime))
		return disagree(e, f, "its time");
	*pos += len;
	return GOOD;
}

static int copy_content(
    struct unit_reader *r, const struct file_sink *sink, uint64_t pos, uint64_t size, struct err *e)
{
	while (size > 0) {
		const uint8_t *p;
		size_t n;
		int rc = plain_at(r, pos, &p, &n, e);

		if (rc != GOOD)
			return rc;
		if (n > size)
			n = (size_t)size;
		digest_add(r->sha, p, n);
		if (sink->data(sink->arg, p, n, e) == -1)
			return FATAL;
		pos += n;
		size -= n;
	}
	return GOOD;
}

/* Reads ${f}; ${*begun} tells whether the sink has an end or abort to expect. */
static int read_file(struct unit_reader *r, const struct file_sink *sink, const struct archive_file *f,
    bool *begun, struct err *e)
{
	uint64_t pos = f->plain_off, left = f->size;
	unsigned part = f->split_bytes > 0 ? 1 : 0;
	uint8_t sha[SHA256_SIZE];

	digest_start(r->sha);
	do {
		uint64_t n = f->split_bytes > 0 && left > f->split_bytes ? f->split_bytes : left;
		struct cpio_head h;
		int rc = read_head(r, f, part, n, &pos, &h, e);

		if (rc != GOOD)
			return rc;
		if (part <= 1) {
			struct entry_meta meta = {
				.path = f->path,
				.mode = (mode_t)h.mode,
				.uid = h.uid,
				.gid = h.gid,
				.mtime = f->mtime,
				.size = f->size,
				.rdev = h.rdev,
				.role = f->role,
				.link_group = f->link_group,
			};
			int wanted = sink->begin(sink->arg, f, &meta, e);

			if (S_ISREG(meta.mode))
				r->last = meta;
			if (wanted != 1)
				return wanted == 0 ? GOOD : FATAL;
			*begun = true;
		}
		rc = copy_content(r, sink, pos, n, e);
		if (rc != GOOD)
			return rc;
		pos += n + cpio_pad(n);
		left -= n;
		part++;
	} while (left > 0);
	digest_end(r->sha, sha);
	return memcmp(sha, f->sha256, sizeof sha) == 0 ? GOOD : disagree(e, f, "its SHA-256");
}

/* A file in a damaged member, taken if it lies in that member alone and its hash holds. */
static int rescue_file(
    struct unit_reader *r, const struct file_sink *sink, const struct archive_file *f, struct err *e)
{
	uint64_t pos = f->plain_off + cpio_head_len(strlen(f->path));
	struct entry_meta meta = r->last;
	uint8_t sha[SHA256_SIZE];
	const uint8_t *p = NULL;
	size_t n = 0;
	int wanted;

	/* What has no content cannot be proved to be a file. */
	if (f->split_bytes > 0 || f->size == 0 || plain_at(r, pos, &p, &n, e) == FATAL || n < f->size)
		return DAMAGED;
	sha256(p, (size_t)f->size, sha);
	if (memcmp(sha, f->sha256, sizeof sha) != 0)
		return DAMAGED;
	meta.path = f->path;
	meta.mtime = f->mtime;
	meta.size = f->size;
	meta.role = f->role;
	meta.link_group = f->link_group;
	if (meta.mode == 0)
		meta.mode = S_IFREG | 0600;
	wanted = sink->begin(sink->arg, f, &meta, e);
	if (wanted != 1)
		return wanted == 0 ? GOOD : FATAL;
	if (sink->data(sink->arg, p, (size_t)f->size, e) == -1) {
		sink->abort(sink->arg);
		return FATAL;
	}
	return sink->end(sink->arg, e) == -1 ? FATAL : GOOD;
}

/* Asks for every file whether it is wanted, and marks the members that hold one. 1 if there is any. */
static int mark_wanted(struct unit_reader *r, const struct file_sink *sink, struct err *e)
{
	const struct archive_table *t = r->t;
	uint64_t begin = 0;
	size_t m = 0;
	int any = 0;

	for (size_t i = 0; i < t->n_files; i++) {
		const struct archive_file *f = &t->files[i];
		uint64_t end = f->plain_off + cpio_entry_len(strlen(f->path), f->size, f->split_bytes);
		int wanted = sink->begin(sink->arg, f, NULL, e);

		if (wanted == -1)
			return -1;
		while (m < t->n_members && begin + t->members[m].plain_size <= f->plain_off)
			begin += t->members[m++].plain_size;
		if (wanted != 1)
			continue;
		r->wanted_file[i] = true;
		any = 1;
		for (uint64_t k = m, at = begin; k < t->n_members && at < end;
		     at += t->members[k++].plain_size)
			r->wanted_member[k] = true;
	}
	return any;
}

static int read_files(struct archive *a, struct unit_reader *r, const struct file_sink *sink,
    const struct unit_hooks *hooks, struct err *e)
{
	for (size_t i = 0; i < r->t->n_files; i++) {
		const struct archive_file *f = &r->t->files[i];
		bool begun = false;
		int rc;

		if (!r->wanted_file[i])
			continue;
		if (job_cancelled(a->job, e))
			return -1;
		rc = read_file(r, sink, f, &begun, e);
		if (rc == GOOD) {
			if (begun && sink->end(sink->arg, e) == -1)
				return -1;
			continue;
		}
		if (begun)
			sink->abort(sink->arg);
		else if (rc == DAMAGED && hooks != NULL && hooks->rescue) {
			struct err mine = { 0 };

			rc = rescue_file(r, sink, f, &mine);
			if (rc == GOOD)
				continue;
			if (rc == FATAL)
				*e = mine;
		}
		if (rc == FATAL)
			return -1;
		if (hooks != NULL)
			hooks->damaged(hooks->arg, f, e);
		else if (!sink->damage_ok)
			return -1;
		err_clear(e);
	}
	return 0;
}

int archive_read_table(struct archive *a, const struct archive_table *t, const struct file_sink *sink,
    const struct unit_hooks *hooks, struct err *e)
{
	struct unit_reader r = { .t = t, .hooks = hooks };
	struct err mine = { 0 };
	int rc = -1, any;

	/* The cause of damage is told to the hooks even if the caller does not ask for it. */
	if (e == NULL)
		e = &mine;
	r.wanted_file = mem_array(t->n_files, sizeof *r.wanted_file);
	r.wanted_member = mem_array(t->n_members, sizeof *r.wanted_member);
	r.sha = digest_new(DIGEST_SHA256);
	any = mark_wanted(&r, sink, e);
	if (any != 1) {
		rc = any;
		goto out;
	}
	if (a->unpack == NULL && unpack_new(a, &a->unpack, e) == -1)
		goto out;
	r.unpack = a->unpack;
	unpack_start(r.unpack, t->members, r.wanted_member, t->n_members);
	rc = read_files(a, &r, sink, hooks, e);
	/* Nothing may be left that points to what is freed here. */
	unpack_start(r.unpack, NULL, NULL, 0);
out:
	digest_free(r.sha);
	free(r.wanted_file);
	free(r.wanted_member);
	return rc;
}

int archive_read_unit(struct archive *a, size_t i, const struct file_sink *sink, struct err *e)
{
	const struct archive_table *t;

	if (archive_table(a, i, &t, e) == -1)
		return -1;
	if (archive_read_table(a, t, sink, NULL, e) == -1)
		return err_wrap(e, "%s: %s", a->name, a->root.units[i].name);
	return 0;
}

struct one_file {
	const struct archive_file *file;
	struct buf *b;
};

static int one_begin(void *arg, const struct archive_file *f, const struct entry_meta *meta, struct err *e)
{
	(void)meta;
	(void)e;
	return f == ((struct one_file *)arg)->file;
}

static int one_data(void *arg, const void *p, size_t n, struct err *e)
{
	(void)e;
	buf_add(((struct one_file *)arg)->b, p, n);
	return 0;
}

static int one_end(void *arg, struct err *e)
{
	(void)arg;
	(void)e;
	return 0;
}

static void one_abort(void *arg)
{
	(void)arg;
}

int archive_read_file(struct archive *a, size_t i, const struct archive_file *file, size_t max_bytes,
    struct buf *b, struct err *e)
{
	struct one_file one = { file, b };
	struct file_sink sink = { &one, false, one_begin, one_data, one_end, one_abort };
	const struct archive_table *t;
	size_t len = b->len;
	int rc = -1;

	if (archive_table(a, i, &t, e) == -1)
		return -1;
	if (file < t->files || file >= t->files + t->n_files) {
		/* The caller's copy, or its pointer from before another table took the place. */
		const struct archive_file *same = NULL;

		for (size_t k = 0; k < t->n_files && same == NULL; k++) {
			if (t->files[k].plain_off == file->plain_off &&
			    strcmp(t->files[k].path, file->path) == 0)
				same = &t->files[k];
		}
		if (same == NULL)
			return err_set(e, ERR_NOT_FOUND, "%s: no file %s", a->name, file->path);
		one.file = same;
	}
	if (one.file->size > max_bytes)
		return err_set(
		    e, ERR_FORMAT, "%s: %s is larger than %zu bytes", a->name, file->path, max_bytes);
	rc = archive_read_table(a, t, &sink, NULL, e);
	if (rc == -1) {
		b->len = len;
		if (b->data != NULL)
			b->data[len] = '\0';
		return err_wrap(e, "%s", a->name);
	}
	if (b->full)
		return err_set(e, ERR_FORMAT, "%s: %s is too large", a->name, file->path);
	return 0;
}
