/* mounts.c: read mountinfo; which mount a path lies on. */
#include "snapshot/mounts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define MAX_TEXT ((size_t)16 << 20)

/* ---- paths ---- */

const char *path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return *path == '/' ? path + 1 : NULL;
	if (strncmp(path, dir, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	return path[n] == '/' ? path + n + 1 : path + n;
}

char *path_join(const char *dir, const char *rest)
{
	if (*rest == '\0')
		return mem_strdup(dir);
	return mem_printf("%s%s%s", dir, strcmp(dir, "/") == 0 || *dir == '\0' ? "" : "/", rest);
}

/* ---- the text ---- */

/* The next word of a line; it ends at a blank. Empty at the end. */
static size_t word(const char **p, const char *end, const char **ret)
{
	const char *s = *p;

	while (s < end && *s == ' ')
		s++;
	*ret = s;
	while (s < end && *s != ' ')
		s++;
	*p = s;
	return (size_t)(s - *ret);
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

/* Blank, tab, newline and backslash are written as \040 and the like. */
static char *unescape(const char *s, size_t n)
{
	char *d = mem_alloc(n + 1);
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\\' && n - i > 3 && s[i + 1] <= '3' && is_octal(s[i + 1]) &&
		    is_octal(s[i + 2]) && is_octal(s[i + 3])) {
			d[k++] = (char)((s[i + 1] - '0') * 64 + (s[i + 2] - '0') * 8 + (s[i + 3] - '0'));
			i += 3;
		} else {
			d[k++] = s[i];
		}
	}
	return d;
}

static int number(const char *s, size_t n, unsigned *ret)
{
	char digits[16];
	uint64_t v;

	if (n == 0 || n >= sizeof digits)
		return -1;
	memcpy(digits, s, n);
	digits[n] = '\0';
	if (str_u64(digits, UINT32_MAX, &v) == -1)
		return -1;
	*ret = (unsigned)v;
	return 0;
}

static int device(const char *s, size_t n, struct mount *m)
{
	const char *colon = memchr(s, ':', n);

	if (colon == NULL)
		return -1;
	return number(s, (size_t)(colon - s), &m->major) == -1 ||
	               number(colon + 1, n - (size_t)(colon - s) - 1, &m->minor) == -1
	           ? -1
	           : 0;
}

static void mount_done(struct mount *m)
{
	free(m->root);
	free(m->point);
	free(m->fs);
	free(m->source);
	free(m->super);
}

/* "36 35 98:0 /root /point rw,noatime [master:1 ...] - ext3 /dev/root rw,errors=continue" */
static int parse_line(const char *p, const char *end, struct mount *m)
{
	const char *w[6], *s;
	size_t n[6], len;

	for (int i = 0; i < 6; i++)
		n[i] = word(&p, end, &w[i]);
	if (number(w[0], n[0], &m->id) == -1 || number(w[1], n[1], &m->parent) == -1 ||
	    device(w[2], n[2], m) == -1 || n[3] == 0 || n[4] == 0 || *w[4] != '/' || n[5] == 0)
		return -1;
	do
		len = word(&p, end, &s);
	while (len > 0 && !(len == 1 && *s == '-'));
	if (len == 0)
		return -1;
	for (int i = 0; i < 3; i++)
		n[i] = word(&p, end, &w[i]);
	if (n[0] == 0)
		return -1;
	m->root = unescape(w[3], n[3]);
	m->point = unescape(w[4], n[4]);
	m->fs = unescape(w[0], n[0]);
	/* A source may be empty: then two blanks follow each other, and what was taken for it are the options. */
	m->source = unescape(w[1], n[2] > 0 ? n[1] : 0);
	m->super = n[2] > 0 ? unescape(w[2], n[2]) : unescape(w[1], n[1]);
	return 0;
}

int mounts_parse(const char *text, size_t n, struct mounts *ret, struct err *e)
{
	const char *p = text, *end = text + n;
	size_t cap = 0;

	*ret = (struct mounts){ 0 };
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline != NULL ? newline : end;
		struct mount m = { 0 };

		if (memchr(p, '\0', (size_t)(stop - p)) != NULL || parse_line(p, stop, &m) == -1) {
			mounts_done(ret);
			return err_set(e, ERR_FORMAT,
			    "/proc/self/mountinfo: line %zu is not understood: %.*s", ret->n + 1,
			    (int)(stop - p > 200 ? 200 : stop - p), p);
		}
		ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = m;
		p = stop + 1;
	}
	return 0;
}

int mounts_read(struct mounts *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	*ret = (struct mounts){ 0 };
	rc = io_read_file(AT_FDCWD, "/proc/self/mountinfo", MAX_TEXT, &b, e);
	if (rc == 0)
		rc = mounts_parse(buf_text(&b), b.len, ret, e);
	buf_done(&b);
	return rc;
}

void mounts_done(struct mounts *m)
{
	for (size_t i = 0; i < m->n; i++)
		mount_done(&m->list[i]);
	free(m->list);
	m->list = NULL;
	m->n = 0;
}

/* ---- which one ---- */

/* The one that a walk begins at: its parent lies outside of what this process sees. */
static bool is_outermost(const struct mounts *m, const struct mount *x)
{
	for (size_t i = 0; i < m->n; i++)
		if (m->list[i].id == x->parent)
			return &m->list[i] == x;
	return true;
}

/* The first mount that a walk along ${path} meets when it is on ${on}: the nearest mount point. */
static const struct mount *next_mount(const struct mounts *m, const struct mount *on, const char *path)
{
	const struct mount *best = NULL;

	for (size_t i = 0; i < m->n; i++) {
		const struct mount *x = &m->list[i];

		if (x == on || path_below(path, x->point) == NULL)
			continue;
		if (on != NULL ? x->parent != on->id || path_below(x->point, on->point) == NULL
			       : !is_outermost(m, x))
			continue;
		if (best == NULL || strlen(x->point) < strlen(best->point))
			best = x;
	}
	return best;
}

const struct mount *mounts_of(const struct mounts *m, const char *path)
{
	const struct mount *on = NULL, *next;

	/* Each step goes deeper or higher in the stack; a table that leads in circles ends after as many steps as it has lines. */
	for (size_t i = 0; i <= m->n && (next = next_mount(m, on, path)) != NULL; i++)
		on = next;
	return on;
}

bool mounts_visible(const struct mounts *m, const struct mount *mount)
{
	return mounts_of(m, mount->point) == mount;
}

bool mount_is_memory(const struct mount *mount)
{
	static const char *const kinds[] = { "tmpfs", "ramfs", "devtmpfs", "proc", "sysfs", "autofs",
		"devpts", "mqueue", "cgroup", "cgroup2", "hugetlbfs", "securityfs", "debugfs", "tracefs",
		"configfs", "bpf", "pstore" };

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(mount->fs, kinds[i]) == 0)
			return true;
	return false;
}

bool mount_has_option(const struct mount *mount, const char *option)
{
	size_t n = strlen(option);
	const char *p = mount->super;

	while (*p != '\0') {
		size_t len = strcspn(p, ",");

		if (str_ends(option, "=") ? len >= n && strncmp(p, option, n) == 0
					  : len == n && strncmp(p, option, n) == 0)
			return true;
		p += len + (p[len] == ',');
	}
	return false;
}
