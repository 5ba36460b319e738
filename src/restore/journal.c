/* journal.c: write and read what a restore has changed. */
#include "restore/journal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define MAX_BYTES ((size_t)1 << 30)
#define MAGIC     "cyrvault-journal"

struct journal {
	int fd;
	char *path;
};

static const char *const words[] = { "sending", "appended", "refused", "rights", "changing", "end",
	"undone" };

/* ---- reading ---- */

#define FIELDS_MAX 7

static size_t split(char *line, char *field[FIELDS_MAX])
{
	size_t n = 0;

	for (char *s = line; s != NULL && n < FIELDS_MAX;) {
		char *tab = strchr(s, '\t');

		field[n++] = s;
		if (tab != NULL)
			*tab++ = '\0';
		s = tab;
	}
	return n;
}

static bool number(const char *s, uint64_t max, uint32_t *ret)
{
	uint64_t v;

	if (str_u64(s, max, &v) == -1)
		return false;
	*ret = (uint32_t)v;
	return true;
}

/* Decodes in place; false: malformed. ${*ret} NULL for "-". */
static bool unescape(char *s, const char **ret, size_t *len)
{
	char *to = s;
	uint8_t byte;

	*ret = NULL;
	*len = 0;
	if (strcmp(s, "-") == 0)
		return true;
	if (*s++ != '=')
		return false;
	*ret = to = s;
	for (; *s != '\0'; s++, to++) {
		*to = *s;
		if (*s == '%') {
			char hex[3] = { s[1], s[1] != '\0' ? s[2] : '\0', '\0' };

			if (str_unhex(hex, &byte, 1) == -1)
				return false;
			*to = (char)byte;
			s += 2;
		}
	}
	*to = '\0';
	*len = (size_t)(to - *ret);
	return true;
}

static void escape(struct buf *b, const char *s, size_t n)
{
	buf_str(b, s != NULL ? "\t=" : "\t-");
	for (size_t i = 0; s != NULL && i < n; i++)
		if ((unsigned char)s[i] < ' ' || s[i] == '%' || s[i] == 0x7f)
			buf_printf(b, "%%%02x", (unsigned char)s[i]);
		else
			buf_char(b, s[i]);
}

/* 1; 0: of a later version, not ours to know. */
static int read_record(char *const field[FIELDS_MAX], size_t n, struct journal_record *r)
{
	size_t kind = 0;

	while (kind < sizeof words / sizeof *words && strcmp(field[0], words[kind]) != 0)
		kind++;
	*r = (struct journal_record){ .kind = (enum journal_kind)kind };
	switch (kind) {
	case JOURNAL_SENDING:
	case JOURNAL_APPENDED:
	case JOURNAL_REFUSED:
		if (n != 7 || strlen(field[5]) != 2 * (size_t)SHA1_SIZE ||
		    str_unhex(field[5], r->guid, SHA1_SIZE) == -1 ||
		    !number(field[3], UINT32_MAX, &r->uidvalidity) ||
		    !number(field[4], UINT32_MAX, &r->uid) || !number(field[6], UINT32_MAX, &r->flags))
			return 0;
		break;
	case JOURNAL_RIGHTS:
		if (n != 5)
			return 0;
		r->who = field[3];
		r->rights = field[4];
		break;
	case JOURNAL_CHANGING: {
		const char *key;
		size_t key_len;

		if (n != 7 || !unescape(field[4], &key, &key_len) ||
		    !unescape(field[5], &r->before, &r->before_len) ||
		    !unescape(field[6], &r->after, &r->after_len))
			return 0;
		r->what = field[1];
		r->key = key != NULL ? key : "";
		r->mailbox = field[2];
		r->uniqueid = field[3];
		return 1;
	}
	case JOURNAL_END:
	case JOURNAL_UNDONE: return 1;
	default: return 0;
	}
	r->mailbox = field[1];
	r->uniqueid = field[2];
	return 1;
}

static bool read_head(char *line, struct journal_log *ret)
{
	char *field[FIELDS_MAX];
	uint64_t begun;

	if (split(line, field) != 5 || strcmp(field[0], MAGIC) != 0 || strcmp(field[1], "1") != 0 ||
	    str_u64(field[4], INT64_MAX, &begun) == -1)
		return false;
	ret->server = mem_strdup(field[2]);
	ret->archive = mem_strdup(field[3]);
	ret->begun = (int64_t)begun;
	return true;
}

int journal_read(const char *path, struct journal_log *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	size_t cap = 0;
	bool first = true;

	*ret = (struct journal_log){ 0 };
	if (io_read_file(AT_FDCWD, path, MAX_BYTES, &b, e) == -1)
		return -1;
	ret->text = buf_steal(&b);
	for (char *s = ret->text, *end; (end = strchr(s, '\n')) != NULL; s = end + 1) {
		char *field[FIELDS_MAX];
		struct journal_record r;

		*end = '\0';
		if (first && !read_head(s, ret))
			break;
		if (!first && read_record(field, split(s, field), &r) == 1) {
			ret->records = mem_grow(ret->records, &cap, ret->n + 1, sizeof *ret->records);
			ret->records[ret->n++] = r;
			ret->ended = r.kind == JOURNAL_END || (ret->ended && r.kind == JOURNAL_UNDONE);
			ret->undone = r.kind == JOURNAL_UNDONE;
		}
		first = false;
	}
	if (ret->server != NULL)
		return 0;
	journal_log_done(ret);
	return err_set(e, ERR_FORMAT, "%s is no journal of a restore", path);
}

void journal_log_done(struct journal_log *l)
{
	free(l->server);
	free(l->archive);
	free(l->records);
	free(l->text);
	*l = (struct journal_log){ 0 };
}

/* ---- writing ---- */

static int put(struct journal *j, const struct buf *line, struct err *e)
{
	off_t end = lseek(j->fd, 0, SEEK_END);

	if (io_write_all(j->fd, line->data, line->len, j->path, e) == -1) {
		/* No later line may be joined to a part of this one. */
		int ignored = end != -1 ? ftruncate(j->fd, end) : -1;

		(void)ignored;
		return -1;
	}
	return fdatasync(j->fd) == -1 ? err_sys(e, "force %s to disk", j->path) : 0;
}

static const char *safe_field(const char *s)
{
	return s == NULL || strpbrk(s, "\t\n") != NULL ? "" : s;
}

int journal_add(struct journal *j, const struct journal_record *r, struct err *e)
{
	struct buf line = BUF_INIT;
	int rc;

	buf_str(&line, words[r->kind]);
	if (r->kind == JOURNAL_END || r->kind == JOURNAL_UNDONE) {
		buf_printf(&line, "\t%lld", (long long)clock_now());
	} else if (r->kind == JOURNAL_RIGHTS) {
		buf_printf(&line, "\t%s\t%s\t%s\t%s", safe_field(r->mailbox), safe_field(r->uniqueid),
		    safe_field(r->who), safe_field(r->rights));
	} else if (r->kind == JOURNAL_CHANGING) {
		buf_printf(&line, "\t%s\t%s\t%s", r->what, safe_field(r->mailbox), safe_field(r->uniqueid));
		escape(&line, r->key, r->key != NULL ? strlen(r->key) : 0);
		escape(&line, r->before, r->before_len);
		escape(&line, r->after, r->after_len);
	} else {
		buf_printf(&line, "\t%s\t%s\t%u\t%u\t", safe_field(r->mailbox), safe_field(r->uniqueid),
		    r->uidvalidity, r->uid);
		str_hex(&line, r->guid, SHA1_SIZE);
		buf_printf(&line, "\t%u", r->flags);
	}
	buf_char(&line, '\n');
	rc = put(j, &line, e);
	buf_done(&line);
	return rc;
}

int journal_changing(struct journal *j, const char *what, const char *mailbox, const char *uniqueid,
    const char *key, const char *before, const char *after, struct err *e)
{
	struct journal_record r = { .kind = JOURNAL_CHANGING,
		.what = what,
		.mailbox = mailbox,
		.uniqueid = uniqueid,
		.key = key,
		.before = before,
		.after = after,
		.before_len = before != NULL ? strlen(before) : 0,
		.after_len = after != NULL ? strlen(after) : 0 };

	return j != NULL ? journal_add(j, &r, e) : 0;
}

/* A line that was cut off is none. */
static int drop_torn_line(int fd, const char *path, struct err *e)
{
	struct buf b = BUF_INIT;
	const char *last;
	int rc = io_read_file(AT_FDCWD, path, MAX_BYTES, &b, e);

	if (rc == 0) {
		last = b.len > 0 ? memrchr(b.data, '\n', b.len) : NULL;
		if (last != NULL && (size_t)(last + 1 - b.data) != b.len &&
		    ftruncate(fd, last + 1 - b.data) == -1)
			rc = err_sys(e, "cut %s", path);
	}
	buf_done(&b);
	return rc;
}

int journal_open(const char *path, struct journal **ret, struct err *e)
{
	struct journal *j;
	int fd = open(path, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW);

	if (fd == -1)
		return err_sys(e, "open %s", path);
	if (drop_torn_line(fd, path, e) == -1) {
		close(fd);
		return -1;
	}
	j = mem_alloc(sizeof *j);
	j->fd = fd;
	j->path = mem_strdup(path);
	*ret = j;
	return 0;
}

int journal_create(const char *path, const char *server, const char *archive, struct err *e)
{
	struct journal j = { .fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600) };
	struct buf head = BUF_INIT;
	int rc;

	if (j.fd == -1)
		return err_sys(e, "create %s", path);
	j.path = mem_strdup(path);
	buf_printf(&head, "%s\t1\t%s\t%s\t%lld\n", MAGIC, safe_field(server), safe_field(archive),
	    (long long)clock_now());
	rc = put(&j, &head, e);
	buf_done(&head);
	close(j.fd);
	free(j.path);
	return rc;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->fd != -1)
		close(j->fd);
	free(j->path);
	free(j);
}

const char *journal_path(const struct journal *j)
{
	return j->path;
}
