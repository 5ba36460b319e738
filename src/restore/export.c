/* export.c: messages of an archive as .eml, mbox or Maildir. */
#include "restore/export.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"
#include "restore/mbox.h"
#include "restore/outdir.h"

/* A message that is asked for. */
struct want {
	uint32_t uid;
	const struct index_record *r;
	bool listed; /* the archive says it has the file */
	bool met;    /* written, or told why not */
};

struct export
{
	struct source *source;
	const struct export_request *req;
	struct job *job;
	export_trouble_fn *trouble;
	void *arg;
	struct export_result *ret;
	struct outdir *out;
	bool ours;
	char *mbox_path; /* EXPORT_MBOX: relative to out */

	/* the mailbox at hand */
	const struct source_mailbox *box;
	struct source_messages *messages; /* NULL: no index could be read, all files are wanted */
	struct want *wants;		  /* ascending by UID */
	size_t n_wants, cap_wants;
	struct buf prefix; /* of its files */
	uint64_t messages_before, bytes_before;

	/* the message at hand */
	struct want *want;
	uint32_t uid;
	int64_t date;
	uint64_t start, size;
	struct mbox_filter filter;
	struct buf piece;
};

static void tell(struct export *x, enum export_trouble kind, uint32_t uid, const char *what)
{
	x->ret->troubles[kind]++;
	if (x->trouble != NULL)
		x->trouble(x->arg, kind, x->box->name, uid, what);
}

/* ---- names ---- */

void export_component(const char *internal, size_t n, struct buf *b)
{
	struct buf text = BUF_INIT, safe = BUF_INIT;
	char *dotted = mem_strndup(internal, n);

	for (char *p = dotted; *p != '\0'; p++) {
		if (*p == '^')
			*p = '.';
	}
	if (str_mutf7_decode(&text, dotted, n) == 0)
		str_safe_buf(&safe, buf_text(&text), text.len);
	/* A name that decodes into a path, a hidden file or control characters stays encoded. */
	if (text.len == 0 || text.len > 200 || strcmp(buf_text(&text), buf_text(&safe)) != 0 ||
	    text.data[0] == '.' || memchr(text.data, '/', text.len) != NULL)
		buf_add(b, internal, n);
	else
		buf_add(b, text.data, text.len);
	free(dotted);
	buf_done(&text);
	buf_done(&safe);
}

/* "A/B/" for the mailbox ROOT.A.B below ROOT. */
static void add_folders(const char *below, struct buf *b)
{
	while (*below != '\0') {
		size_t n = strcspn(below, ".");

		export_component(below, n, b);
		buf_char(b, '/');
		below += n + (below[n] == '.');
	}
}

/* What follows ROOT's name and its dot in the name of a mailbox below it; "" for ROOT itself. */
static const char *below_root(const struct export *x)
{
	size_t n = strlen(source_mailbox(x->source, x->req->mailbox)->name);

	return x->box->name[n] != '\0' ? x->box->name + n + 1 : "";
}

static void make_prefix(struct export *x)
{
	const char *root = source_mailbox(x->source, x->req->mailbox)->name, *below = below_root(x);
	const char *last = strrchr(root, '.') != NULL ? strrchr(root, '.') + 1 : root;

	buf_clear(&x->prefix);
	switch (x->req->format) {
	case EXPORT_EML: add_folders(below, &x->prefix); break;
	case EXPORT_MAILDIR:
		if (below[0] != '\0')
			buf_printf(&x->prefix, ".%s/", below);
		break;
	case EXPORT_MBOX:
		if (!x->req->recursive)
			break;
		export_component(last, strlen(last), &x->prefix);
		if (below[0] != '\0') {
			buf_char(&x->prefix, '/');
			add_folders(below, &x->prefix);
			x->prefix.data[--x->prefix.len] = '\0';
		}
		buf_str(&x->prefix, ".mbox");
		break;
	}
}

/* Names are the archive's, and longer or odder than a file system allows. */
static bool prefix_is_usable(const struct export *x)
{
	const char *s = buf_text(&x->prefix);
	size_t n = x->prefix.len;

	if (n == 0)
		return true;
	if (!io_path_is_safe(s, s[n - 1] == '/' ? n - 1 : n))
		return false;
	for (size_t k; *s != '\0'; s += k + (s[k] == '/')) {
		k = strcspn(s, "/");
		if (k > NAME_MAX)
			return false;
	}
	return true;
}

static bool is_seen(const struct export *x)
{
	return x->want->r != NULL && source_seen_flag(x->messages, x->want->r);
}

/* Where the message at hand goes, relative to the output. */
static void message_path(const struct export *x, uint64_t size, struct buf *b)
{
	uint32_t flags = x->want->r != NULL ? x->want->r->flags : 0;

	buf_str(b, buf_text(&x->prefix));
	if (x->req->format == EXPORT_EML) {
		buf_printf(b, "%u.eml", x->uid);
		return;
	}
	/* The letters in ascending order, as the Maildir specification wants them. */
	buf_printf(b, "cur/%lld.U%uV%u.cyrvault,S=%llu:2,%s%s%s%s%s", (long long)x->date, x->uid,
	    x->box->uidvalidity, (unsigned long long)size, (flags & FLAG_DRAFT) != 0 ? "D" : "",
	    (flags & FLAG_FLAGGED) != 0 ? "F" : "", (flags & FLAG_ANSWERED) != 0 ? "R" : "",
	    is_seen(x) ? "S" : "", (flags & FLAG_DELETED) != 0 ? "T" : "");
}

/* ---- what is wanted ---- */

static bool in_ranges(const struct export_request *r, uint32_t uid)
{
	if (r->n_ranges == 0 || r->recursive)
		return true;
	for (size_t i = 0; i < r->n_ranges; i++) {
		if (uid >= r->ranges[i].first && uid <= r->ranges[i].last)
			return true;
	}
	return false;
}

static int compare_wants(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static void add_want(struct export *x, uint32_t uid, const struct index_record *r)
{
	x->wants = mem_grow(x->wants, &x->cap_wants, x->n_wants + 1, sizeof *x->wants);
	x->wants[x->n_wants++] = (struct want){ .uid = uid, .r = r };
}

static void add_records(struct export *x, const struct mailbox_index *index, bool all_expunged)
{
	for (size_t i = 0; i < index->n; i++) {
		const struct index_record *r = &index->records[i];

		if (!in_ranges(x->req, r->uid) || (r->flags & FLAG_UNLINKED) != 0)
			continue;
		if (x->req->expunged || (!all_expunged && index_record_visible(r)))
			add_want(x, r->uid, r);
	}
}

/* A file of a mailbox without an index; they come in order, or nearly so. */
static struct want *insert_want(struct export *x, uint32_t uid)
{
	size_t at = x->n_wants;

	x->wants = mem_grow(x->wants, &x->cap_wants, x->n_wants + 1, sizeof *x->wants);
	while (at > 0 && x->wants[at - 1].uid > uid)
		at--;
	memmove(x->wants + at + 1, x->wants + at, (x->n_wants - at) * sizeof *x->wants);
	x->n_wants++;
	x->wants[at] = (struct want){ .uid = uid };
	return &x->wants[at];
}

static struct want *find_want(const struct export *x, uint32_t uid)
{
	struct want key = { .uid = uid };

	return x->n_wants > 0 ? bsearch(&key, x->wants, x->n_wants, sizeof key, compare_wants) : NULL;
}

/* A single UID that was asked for by its number and is not there is worth a word; a range is not. */
static void tell_unknown(struct export *x)
{
	for (size_t i = 0; i < x->req->n_ranges && !x->req->recursive; i++) {
		const struct export_range *range = &x->req->ranges[i];

		if (range->first == range->last && find_want(x, range->first) == NULL)
			tell(x, EXPORT_OTHER, range->first, "no such message in the mailbox");
	}
}

/* Other failures than of the archive's content end the whole export. */
static bool is_content(const struct err *e)
{
	return e->code == ERR_DAMAGE || e->code == ERR_FORMAT || e->code == ERR_NOT_FOUND ||
	       e->code == ERR_UNSUPPORTED;
}

static int load(struct export *x, size_t at, struct err *e)
{
	struct err why;

	err_clear(&why);
	x->n_wants = 0;
	if (source_load(x->source, at, false, &x->messages, &why) == -1) {
		if (!is_content(&why)) {
			if (e != NULL)
				*e = why;
			return -1;
		}
		x->messages = NULL;
		tell(x, why.code == ERR_DAMAGE ? EXPORT_DAMAGED : EXPORT_OTHER, 0, why.msg);
		return 0;
	}
	add_records(x, x->messages->index, false);
	if (x->messages->expunged != NULL)
		add_records(x, x->messages->expunged, true);
	if (x->n_wants > 0)
		qsort(x->wants, x->n_wants, sizeof *x->wants, compare_wants);
	tell_unknown(x);
	return 0;
}

/* ---- the sink ---- */

static uint32_t uid_of(const char *path)
{
	const char *base = strrchr(path, '/');
	char digits[12];
	uint64_t uid = 0;
	size_t n;

	base = base != NULL ? base + 1 : path;
	n = strspn(base, "0123456789");
	if (n == 0 || n >= sizeof digits || strcmp(base + n, ".") != 0)
		return 0;
	memcpy(digits, base, n);
	digits[n] = '\0';
	return str_u64(digits, UINT32_MAX, &uid) == 0 ? (uint32_t)uid : 0;
}

static int start_mbox_message(struct export *x, struct err *e)
{
	struct mbox_flags flags = { .seen = is_seen(x) };
	const struct index_record *r = x->want->r;
	struct buf words = BUF_INIT;

	if (r != NULL) {
		struct index_record keywords = *r;

		keywords.flags = 0;
		index_flags_text(&keywords, x->messages->header, false, &words);
		flags.answered = (r->flags & FLAG_ANSWERED) != 0;
		flags.flagged = (r->flags & FLAG_FLAGGED) != 0;
		flags.deleted = (r->flags & FLAG_DELETED) != 0;
		flags.draft = (r->flags & FLAG_DRAFT) != 0;
		flags.keywords = buf_text(&words);
	}
	buf_clear(&x->piece);
	mbox_begin(&x->filter, x->date, &flags, &x->piece);
	buf_done(&words);
	x->start = outdir_tell(x->out);
	return outdir_write(x->out, buf_text(&x->piece), x->piece.len, e);
}

static int sink_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct export *x = arg;
	struct buf path = BUF_INIT;
	int rc;

	if (file->role != ROLE_MESSAGE || (x->uid = uid_of(file->path)) == 0)
		return 0;
	x->want = find_want(x, x->uid);
	if (x->want == NULL && (x->messages != NULL || !in_ranges(x->req, x->uid)))
		return 0;
	if (x->want == NULL)
		x->want = insert_want(x, x->uid);
	x->want->listed = true;
	if (meta == NULL)
		return 1;
	if (x->want->met)
		return 0; /* a second file of that UID */
	x->date = x->want->r != NULL ? x->want->r->internaldate : meta->mtime;
	x->size = 0;
	if (x->req->format == EXPORT_MBOX)
		return start_mbox_message(x, e) == -1 ? -1 : 1;
	message_path(x, meta->size, &path);
	rc = outdir_begin(x->out, buf_text(&path), 0600, e);
	buf_done(&path);
	return rc == -1 ? -1 : 1;
}

static int sink_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct export *x = arg;

	x->size += n;
	/* Where there is no index, what is read is counted by the reading itself. */
	if (x->ours)
		job_advance(x->job, n);
	if (x->req->format != EXPORT_MBOX)
		return outdir_write(x->out, p, n, e);
	buf_clear(&x->piece);
	mbox_add(&x->filter, p, n, &x->piece);
	return outdir_write(x->out, buf_text(&x->piece), x->piece.len, e);
}

static int sink_end(void *arg, struct err *e)
{
	struct export *x = arg;

	x->want->met = true;
	x->ret->messages++;
	x->ret->bytes += x->size;
	if (x->req->format == EXPORT_MBOX) {
		buf_clear(&x->piece);
		mbox_end(&x->filter, &x->piece);
		if (outdir_write(x->out, buf_text(&x->piece), x->piece.len, e) == -1)
			return -1;
	} else if (outdir_end(x->out, x->date, e) == -1) {
		return -1;
	}
	return job_cancelled(x->job, e) ? -1 : 0;
}

static void sink_abort(void *arg)
{
	struct export *x = arg;

	if (x->req->format == EXPORT_MBOX)
		outdir_truncate(x->out, x->start, NULL);
	else
		outdir_abort(x->out);
	if (x->want != NULL && !x->want->met) {
		x->want->met = true;
		tell(x, EXPORT_DAMAGED, x->uid, "damaged in the archive, not written");
	}
}

/* ---- one mailbox ---- */

static void existed(void *arg, const char *path, uint64_t size)
{
	struct export *x = arg;

	/* It was counted when it was whole; an mbox with all that is in it. */
	if (x->req->format == EXPORT_MBOX) {
		x->ret->messages = x->messages_before;
		x->ret->bytes = x->bytes_before;
	} else {
		x->ret->messages--;
		x->ret->bytes -= size;
	}
	x->ret->troubles[EXPORT_KEPT]++;
	if (x->trouble != NULL)
		x->trouble(x->arg, EXPORT_KEPT, x->box->name, 0, path);
}

static int make_maildir(struct export *x, struct err *e)
{
	static const char *const dirs[] = { "cur", "new", "tmp" };

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++) {
		struct buf path = BUF_INIT;
		int rc;

		buf_printf(&path, "%s%s", buf_text(&x->prefix), dirs[i]);
		rc = outdir_mkdir(x->out, buf_text(&path), e);
		buf_done(&path);
		if (rc == -1)
			return -1;
	}
	return 0;
}

static int write_mailbox(struct export *x, size_t at, struct err *e)
{
	struct file_sink sink = { .arg = x,
		.damage_ok = true,
		.begin = sink_begin,
		.data = sink_data,
		.end = sink_end,
		.abort = sink_abort };
	const char *mbox = x->mbox_path != NULL ? x->mbox_path : buf_text(&x->prefix);
	struct err why;
	int rc;

	err_clear(&why);
	if (x->req->format == EXPORT_MAILDIR && make_maildir(x, e) == -1)
		return -1;
	if (x->req->format == EXPORT_MBOX && outdir_begin(x->out, mbox, 0600, e) == -1)
		return -1;
	rc = source_extract(x->source, at, &sink, &why);
	if (rc == -1 && is_content(&why)) {
		tell(x, why.code == ERR_DAMAGE ? EXPORT_DAMAGED : EXPORT_OTHER, 0, why.msg);
		rc = 0;
	} else if (rc == -1 && e != NULL) {
		*e = why;
	}
	if (rc == 0 && x->req->format == EXPORT_MBOX)
		rc = outdir_end(x->out, source_when(x->source), e);
	if (rc == 0)
		rc = outdir_flush(x->out, e);
	return rc;
}

static int export_mailbox(struct export *x, size_t at, struct err *e)
{
	int rc = -1;

	x->box = source_mailbox(x->source, at);
	job_step(x->job, "exporting %s", x->box->name);
	x->messages_before = x->ret->messages;
	x->bytes_before = x->ret->bytes;
	make_prefix(x);
	if (!prefix_is_usable(x)) {
		tell(x, EXPORT_OTHER, 0, "its name cannot be made a file name");
		return 0;
	}
	if (load(x, at, e) == -1)
		return -1;
	x->ret->mailboxes++;
	if (x->req->dry_run) {
		for (size_t i = 0; i < x->n_wants; i++) {
			x->ret->messages++;
			x->ret->bytes += x->wants[i].r->size;
		}
		rc = 0;
		goto out;
	}
	if (write_mailbox(x, at, e) == -1)
		goto out;
	for (size_t i = 0; i < x->n_wants; i++) {
		if (!x->wants[i].met && x->wants[i].listed)
			tell(x, EXPORT_DAMAGED, x->wants[i].uid, "damaged in the archive, not written");
		else if (!x->wants[i].met)
			tell(x, EXPORT_LACKING, x->wants[i].uid, "the archive lacks its file");
	}
	rc = 0;
out:
	source_messages_free(x->messages);
	x->messages = NULL;
	return rc;
}

/* ---- all of it ---- */

static bool is_meant(const struct export *x, size_t i)
{
	const struct source_mailbox *m = source_mailbox(x->source, i),
				    *root = source_mailbox(x->source, x->req->mailbox);

	if (i == x->req->mailbox)
		return true;
	return x->req->recursive && mboxname_is_below(m->name, root->name) &&
	       (x->req->deleted || !m->deleted || root->deleted);
}

/* For an mbox FILE the output directory is the one above it. */
static int open_output(struct export *x, struct err *e)
{
	struct outdir_opts opts = { .existed = existed, .arg = x };
	const char *path = x->req->output, *slash = strrchr(path, '/');
	char *above;
	int rc;

	if (x->req->format != EXPORT_MBOX || x->req->recursive)
		return outdir_open(path, &opts, &x->out, e);
	if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return err_set(e, ERR_EXISTS, "%s is there already", path);
	above = slash == NULL	? mem_strdup(".")
		: slash == path ? mem_strdup("/")
				: mem_strndup(path, (size_t)(slash - path));
	x->mbox_path = mem_strdup(slash != NULL ? slash + 1 : path);
	rc = outdir_open(above, &opts, &x->out, e);
	free(above);
	return rc;
}

int export_run(struct source *s, const struct export_request *r, struct job *job, export_trouble_fn *trouble,
    void *arg, struct export_result *ret, struct err *e)
{
	struct export x = { .source = s, .req = r, .job = job, .trouble = trouble, .arg = arg, .ret = ret };
	uint64_t total = 0;
	int rc = -1;

	*ret = (struct export_result){ 0 };
	x.ours = source_kind(s) == ARCHIVE_OURS;
	for (size_t i = 0; i < source_n(s); i++) {
		if (is_meant(&x, i))
			total += source_mailbox(s, i)->bytes;
	}
	if (r->n_ranges == 0 && x.ours)
		job_set_total(job, total);
	if (!r->dry_run && open_output(&x, e) == -1)
		goto out;
	for (size_t i = 0; i < source_n(s); i++) {
		if (!is_meant(&x, i))
			continue;
		if (job_cancelled(job, e) || export_mailbox(&x, i, e) == -1)
			goto out;
	}
	rc = 0;
out:
	outdir_close(x.out);
	free(x.mbox_path);
	free(x.wants);
	buf_done(&x.prefix);
	buf_done(&x.piece);
	return rc;
}
