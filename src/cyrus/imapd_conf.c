/* imapd_conf.c: reads imapd.conf: lines, includes, and what they say about places. */
#include "cyrus/imapd_conf.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define FILE_MAX    (1u << 20)
#define INCLUDE_MAX 16 /* files in all */
#define ITEMS_MAX   5000

struct reader {
	struct imapd_conf *c;
	size_t cap;
	bool follow; /* @include is followed */
	char *files[INCLUDE_MAX];
	size_t n_files;
	struct err *e;
};

static int read_file(struct reader *r, const char *path);

/* ---- lines ---- */

static int add_item(struct reader *r, const char *key, const char *value, const char *file, unsigned line)
{
	struct imapd_conf *c = r->c;

	for (size_t i = 0; i < c->n_items; i++)
		if (strcmp(c->items[i].key, key) == 0 && key[0] != '@')
			return err_set(r->e, ERR_CONFIG,
			    "%s, line %u: %s is given a second time (first in %s)", file, line, key,
			    c->items[i].where);
	if (c->n_items == ITEMS_MAX)
		return err_set(r->e, ERR_CONFIG, "%s, line %u: more than %u options", file, line, ITEMS_MAX);
	c->items = mem_grow(c->items, &r->cap, c->n_items + 1, sizeof *c->items);
	c->items[c->n_items++] = (struct imapd_conf_item){
		.key = mem_strdup(key),
		.value = mem_strdup(value),
		.where = mem_printf("%s, line %u", file, line),
	};
	return 0;
}

static int read_line(struct reader *r, char *p, const char *file, unsigned line)
{
	char *key, *end;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '\0' || *p == '#')
		return 0;
	key = p;
	if (*p == '@')
		p++;
	for (; isalnum((unsigned char)*p) || *p == '-' || *p == '_'; p++)
		*p = (char)tolower((unsigned char)*p);
	if (*p != ':')
		return err_set(
		    r->e, ERR_CONFIG, "%s, line %u: not of the form \"option: value\"", file, line);
	*p++ = '\0';
	while (isspace((unsigned char)*p))
		p++;
	for (end = p + strlen(p); end > p && isspace((unsigned char)end[-1]); end--)
		end[-1] = '\0';
	if (*p == '\0')
		return err_set(r->e, ERR_CONFIG, "%s, line %u: %s has no value", file, line, key);
	if (key[0] != '@')
		return add_item(r, key, p, file, line);
	if (strcmp(key, "@include") != 0)
		return err_set(r->e, ERR_CONFIG, "%s, line %u: unknown directive %s", file, line, key);
	if (!r->follow)
		return add_item(r, key, p, file, line);
	if (*p != '/')
		return err_set(
		    r->e, ERR_CONFIG, "%s, line %u: @include of %s: not an absolute path", file, line, p);
	if (read_file(r, p) == 0)
		return 0;
	err_wrap(r->e, "%s, line %u: @include", file, line);
	if (r->e != NULL)
		r->e->code = ERR_CONFIG;
	return -1;
}

static int read_text(struct reader *r, const char *text, size_t n, const char *file)
{
	struct buf line = BUF_INIT;
	unsigned lineno = 0;
	int rc = -1;

	for (const char *p = text, *end = text + n; p < end;) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((nl == NULL ? end : nl) - p);

		lineno++;
		if (memchr(p, '\0', len) != NULL) {
			err_set(r->e, ERR_CONFIG, "%s, line %u: holds a NUL byte", file, lineno);
			goto out;
		}
		buf_add(&line, p, len);
		p += len + (nl != NULL);
		if (nl != NULL && line.len > 0 && line.data[line.len - 1] == '\\' && p < end) {
			line.data[--line.len] = '\0';
			continue;
		}
		if (line.len > 0 && read_line(r, line.data, file, lineno) == -1)
			goto out;
		buf_clear(&line);
	}
	rc = 0;
out:
	buf_done(&line);
	return rc;
}

static int read_file(struct reader *r, const char *path)
{
	struct buf b = BUF_INIT;
	int rc = -1;

	for (size_t i = 0; i < r->n_files; i++)
		if (strcmp(r->files[i], path) == 0)
			return err_set(r->e, ERR_CONFIG, "%s is included twice", path);
	if (r->n_files == INCLUDE_MAX)
		return err_set(r->e, ERR_CONFIG, "more than %u files are included", INCLUDE_MAX - 1);
	r->files[r->n_files++] = mem_strdup(path);
	if (io_read_file(AT_FDCWD, path, FILE_MAX, &b, r->e) == 0)
		rc = read_text(r, buf_text(&b), b.len, path);
	buf_done(&b);
	return rc;
}

/* ---- values ---- */

const char *imapd_conf_get(const struct imapd_conf *c, const char *key)
{
	for (size_t i = 0; i < c->n_items; i++)
		if (strcmp(c->items[i].key, key) == 0)
			return c->items[i].value;
	return NULL;
}

static const char *where(const struct imapd_conf *c, const char *key)
{
	for (size_t i = 0; i < c->n_items; i++)
		if (strcmp(c->items[i].key, key) == 0)
			return c->items[i].where;
	return c->path;
}

/* 1, 0, or -1 for neither: the same first letters count as in Cyrus. */
static int parse_switch(const char *v)
{
	if (*v == '0' || *v == 'n' || *v == 'f' || (*v == 'o' && v[1] == 'f'))
		return 0;
	if (*v == '1' || *v == 'y' || *v == 't' || (*v == 'o' && v[1] == 'n'))
		return 1;
	return -1;
}

bool imapd_conf_switch(const struct imapd_conf *c, const char *key, bool fallback)
{
	const char *v = imapd_conf_get(c, key);
	int r = v == NULL ? -1 : parse_switch(v);

	return r == -1 ? fallback : r == 1;
}

static int get_switch(const struct imapd_conf *c, const char *key, bool fallback, bool *ret, struct err *e)
{
	const char *v = imapd_conf_get(c, key);

	if (v != NULL && parse_switch(v) == -1)
		return err_set(e, ERR_CONFIG, "%s: %s is neither yes nor no: %s", where(c, key), key, v);
	*ret = imapd_conf_switch(c, key, fallback);
	return 0;
}

/* The place of a word in a NULL-ended list; several spellings of yes and no count as "on" and "off". */
static int get_word(const struct imapd_conf *c, const char *key, const char *const *words, int fallback,
    int *ret, struct err *e)
{
	const char *v = imapd_conf_get(c, key);

	*ret = fallback;
	if (v == NULL)
		return 0;
	if (strcmp(v, "1") == 0 || strcmp(v, "yes") == 0 || strcmp(v, "t") == 0 || strcmp(v, "true") == 0)
		v = "on";
	else if (strcmp(v, "0") == 0 || strcmp(v, "no") == 0 || strcmp(v, "f") == 0 ||
		 strcmp(v, "false") == 0)
		v = "off";
	for (int i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], v) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(e, ERR_CONFIG, "%s: unknown value of %s: %s", where(c, key), key, v);
}

static char *strip_slashes(char *path)
{
	for (size_t n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	return path;
}

/* An absolute path, or NULL where the option is not set; "{configdirectory}" in front means what it says. */
static int get_path(const struct imapd_conf *c, const char *key, char **ret, struct err *e)
{
	static const char magic[] = "{configdirectory}";
	const char *v = imapd_conf_get(c, key);

	*ret = NULL;
	if (v == NULL)
		return 0;
	if (strncasecmp(v, magic, sizeof magic - 1) == 0 && c->configdirectory != NULL)
		*ret = strip_slashes(mem_printf("%s%s", c->configdirectory, v + sizeof magic - 1));
	else if (v[0] == '/')
		*ret = strip_slashes(mem_strdup(v));
	else
		return err_set(e, ERR_CONFIG, "%s: %s is not an absolute path: %s", where(c, key), key, v);
	return 0;
}

/* The same with a name below configdirectory as fallback. */
static int get_path_or(
    const struct imapd_conf *c, const char *key, const char *fallback, char **ret, struct err *e)
{
	if (get_path(c, key, ret, e) == -1)
		return -1;
	if (*ret == NULL)
		*ret = mem_printf("%s%s", c->configdirectory, fallback);
	return 0;
}

static char *get_text(const struct imapd_conf *c, const char *key, const char *fallback)
{
	const char *v = imapd_conf_get(c, key);

	return mem_strdup(v != NULL ? v : fallback);
}

/* ---- partitions ---- */

static const struct {
	const char *word;
	unsigned bit;
} meta_words[] = { { "header", META_HEADER }, { "index", META_INDEX }, { "cache", META_CACHE },
	{ "expunge", META_EXPUNGE }, { "squat", META_SQUAT }, { "annotations", META_ANNOTATIONS },
	{ "lock", META_LOCK }, { "dav", META_DAV }, { "archivecache", META_ARCHIVECACHE } };

static int load_meta_files(struct imapd_conf *c, struct err *e)
{
	const char *v = imapd_conf_get(c, "metapartition_files");

	for (const char *p = v == NULL ? "" : v; *p != '\0';) {
		size_t n = strcspn(p, " \t"), i;

		for (i = 0; i < sizeof meta_words / sizeof *meta_words; i++)
			if (strlen(meta_words[i].word) == n && memcmp(meta_words[i].word, p, n) == 0)
				break;
		if (i == sizeof meta_words / sizeof *meta_words)
			return err_set(e, ERR_CONFIG, "%s: metapartition_files: unknown kind of file: %.*s",
			    where(c, "metapartition_files"), (int)n, p);
		c->meta_files |= meta_words[i].bit;
		p += n;
		p += strspn(p, " \t");
	}
	return 0;
}

static int load_partitions(struct imapd_conf *c, struct err *e)
{
	size_t cap = 0;

	for (size_t i = 0; i < c->n_items; i++) {
		const char *key = c->items[i].key;
		struct cyrus_partition *p;
		char other[128];

		if (!str_starts(key, "partition-") || key[10] == '\0')
			continue;
		if (strlen(key) > 80)
			return err_set(
			    e, ERR_CONFIG, "%s: the name of the partition is too long", c->items[i].where);
		c->partitions = mem_grow(c->partitions, &cap, c->n_partitions + 1, sizeof *c->partitions);
		p = &c->partitions[c->n_partitions++];
		*p = (struct cyrus_partition){ .name = mem_strdup(key + 10) };
		if (c->items[i].value[0] != '/')
			return err_set(e, ERR_CONFIG, "%s: %s is not an absolute path: %s", c->items[i].where,
			    key, c->items[i].value);
		p->spool = strip_slashes(mem_strdup(c->items[i].value));
		snprintf(other, sizeof other, "metapartition-%s", p->name);
		if (get_path(c, other, &p->meta, e) == -1)
			return -1;
		snprintf(other, sizeof other, "archivepartition-%s", p->name);
		if (get_path(c, other, &p->archive, e) == -1)
			return -1;
	}
	if (c->n_partitions == 0) {
		err_set(e, ERR_CONFIG, "%s: no partition-NAME option", c->path);
		return err_hint(
		    e, "A server that only forwards to others (a Murder frontend) holds no mail to back up.");
	}
	if ((c->defaultpartition = get_text(c, "defaultpartition", NULL)) == NULL)
		return 0;
	for (char *s = c->defaultpartition; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	if (imapd_conf_partition(c, c->defaultpartition) == NULL)
		return err_set(e, ERR_CONFIG, "%s: there is no partition-%s option",
		    where(c, "defaultpartition"), c->defaultpartition);
	return 0;
}

const struct cyrus_partition *imapd_conf_partition(const struct imapd_conf *c, const char *name)
{
	for (size_t i = 0; name != NULL && i < c->n_partitions; i++)
		if (strcmp(c->partitions[i].name, name) == 0)
			return &c->partitions[i];
	return NULL;
}

const char *imapd_conf_meta_root(const struct imapd_conf *c, const struct cyrus_partition *p, unsigned file)
{
	/* cyrus.annotations has no option of its own: it follows the index. */
	const char *word = file == META_ANNOTATIONS ? "index" : NULL;
	char key[128];
	const char *v;

	for (size_t i = 0; word == NULL && i < sizeof meta_words / sizeof *meta_words; i++)
		if (meta_words[i].bit == file)
			word = meta_words[i].word;
	if (word != NULL && file != META_EXPUNGE && file != META_LOCK) {
		snprintf(key, sizeof key, "metadir-%s-%s", word, p->name);
		if ((v = imapd_conf_get(c, key)) != NULL && v[0] == '/')
			return v;
	}
	if (p->meta != NULL && (c->meta_files & file) != 0)
		return p->meta;
	if (file == META_ARCHIVECACHE && p->archive != NULL)
		return p->archive;
	return p->spool;
}

size_t imapd_conf_roots(const struct imapd_conf *c, const struct cyrus_partition *p, const char *roots[IMAPD_ROOTS_MAX])
{
	static const unsigned files[] = { META_HEADER, META_INDEX, META_CACHE, META_EXPUNGE, META_SQUAT, META_ANNOTATIONS,
		META_ARCHIVECACHE };
	size_t n = 0;

	roots[n++] = p->spool;
	for (size_t i = 0; i <= sizeof files / sizeof files[0]; i++) {
		const char *root = i == 0 ? p->archive : imapd_conf_meta_root(c, p, files[i - 1]);
		bool seen = root == NULL;

		for (size_t k = 0; k < n; k++)
			seen = seen || strcmp(roots[k], root) == 0;
		if (!seen)
			roots[n++] = root;
	}
	return n;
}

/* ---- the whole ---- */

static int load_places(struct imapd_conf *c, struct err *e)
{
	char *quota_db_path;

	if (imapd_conf_get(c, "configdirectory") == NULL)
		return err_set(e, ERR_CONFIG, "%s: no configdirectory option", c->path);
	if (get_path(c, "configdirectory", &c->configdirectory, e) == -1)
		return -1;
	if (strcmp(c->configdirectory, "/") == 0)
		return err_set(
		    e, ERR_CONFIG, "%s: configdirectory must not be /", where(c, "configdirectory"));
	if (get_path_or(c, "mboxname_userpath", "", &c->userpath, e) == -1 ||
	    get_path_or(c, "mboxname_lockpath", "/lock", &c->lockpath, e) == -1 ||
	    get_path_or(c, "proc_path", "/proc", &c->procpath, e) == -1 ||
	    get_path_or(c, "mboxlist_db_path", "/mailboxes.db", &c->mboxlist_path, e) == -1 ||
	    get_path_or(c, "annotation_db_path", "/annotations.db", &c->annotation_path, e) == -1 ||
	    get_path_or(c, "duplicate_db_path", "/deliver.db", &c->duplicate_path, e) == -1 ||
	    get_path(c, "sievedir", &c->sievedir, e) == -1 ||
	    get_path(c, "quota_db_path", &quota_db_path, e) == -1)
		return -1;
	if (c->sievedir == NULL)
		c->sievedir = mem_strdup("/usr/sieve");
	c->quota_db = get_text(c, "quota_db", "quotalegacy");
	c->quota_root = mem_strdup(c->configdirectory);
	if (strcmp(c->quota_db, "quotalegacy") != 0) {
		c->quota_path =
		    quota_db_path != NULL ? quota_db_path : mem_printf("%s/quotas.db", c->configdirectory);
	} else if (quota_db_path != NULL) {
		/* Cyrus takes the directory of this path; the file of that name is never made. */
		free(c->quota_root);
		*strrchr(quota_db_path, '/') = '\0';
		c->quota_root = quota_db_path;
	}
	return 0;
}

static int load_behaviour(struct imapd_conf *c, struct err *e)
{
	static const char *const virt[] = { "off", "userid", "on", NULL };
	static const char *const delete[] = { "immediate", "delayed", NULL };
	static const char *const expunge[] = { "immediate", "default", "semidelayed", "delayed", NULL };
	bool three = cyrus_version_at_least(c->version, 3, 0);
	bool delayed = cyrus_version_at_least(c->version, 2, 5);
	int word;

	if (get_switch(c, "hashimapspool", false, &c->hashimapspool, e) == -1 ||
	    get_switch(c, "fulldirhash", false, &c->fulldirhash, e) == -1 ||
	    get_switch(c, "unixhierarchysep", three, &c->unixhierarchysep, e) == -1 ||
	    get_switch(c, "altnamespace", three, &c->altnamespace, e) == -1 ||
	    get_switch(c, "mailbox_legacy_dirs", false, &c->legacy_dirs, e) == -1 ||
	    get_switch(c, "improved_mboxlist_sort", false, &c->improved_sort, e) == -1 ||
	    get_switch(c, "sieveusehomedir", false, &c->sieve_in_home, e) == -1 ||
	    get_switch(c, "archive_enabled", false, &c->archive_enabled, e) == -1)
		return -1;
	if (!cyrus_version_at_least(c->version, 3, 6))
		c->legacy_dirs = true;
	if (get_word(c, "virtdomains", virt, 0, &word, e) == -1)
		return -1;
	c->virtdomains = word != 0;
	if (get_word(c, "delete_mode", delete, delayed ? 1 : 0, &word, e) == -1)
		return -1;
	c->delete_delayed = word == 1;
	if (get_word(c, "expunge_mode", expunge, delayed ? 3 : 1, &word, e) == -1)
		return -1;
	c->expunge_delayed = word == 3;
	c->deletedprefix = get_text(c, "deletedprefix", "DELETED");
	c->userprefix = get_text(c, "userprefix", "Other Users");
	c->sharedprefix = get_text(c, "sharedprefix", "Shared Folders");
	c->defaultdomain = get_text(c, "defaultdomain", three ? "internal" : NULL);
	c->admins = get_text(c, "admins", "");
	c->servername = get_text(c, "servername", NULL);
	return 0;
}

static int load(struct reader *r, const char *text, size_t n, const char *path, struct cyrus_version version,
    struct imapd_conf **ret)
{
	struct imapd_conf *c = mem_alloc(sizeof *c);
	int rc;

	*ret = NULL;
	c->path = mem_strdup(path);
	c->version = version;
	r->c = c;
	rc = text == NULL ? read_file(r, path) : read_text(r, text, n, path);
	for (size_t i = 0; i < r->n_files; i++)
		free(r->files[i]);
	if (rc == -1 || load_places(c, r->e) == -1 || load_meta_files(c, r->e) == -1 ||
	    load_partitions(c, r->e) == -1 || load_behaviour(c, r->e) == -1) {
		imapd_conf_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

int imapd_conf_load(const char *path, struct cyrus_version version, struct imapd_conf **ret, struct err *e)
{
	struct reader r = { .follow = true, .e = e };

	return load(&r, NULL, 0, path, version, ret);
}

int imapd_conf_parse(const char *text, size_t n, const char *path, struct cyrus_version version,
    struct imapd_conf **ret, struct err *e)
{
	struct reader r = { .follow = false, .e = e };

	return load(&r, text, n, path, version, ret);
}

void imapd_conf_free(struct imapd_conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_partitions; i++) {
		free(c->partitions[i].name);
		free(c->partitions[i].spool);
		free(c->partitions[i].meta);
		free(c->partitions[i].archive);
	}
	for (size_t i = 0; i < c->n_items; i++) {
		free(c->items[i].key);
		free(c->items[i].value);
		free(c->items[i].where);
	}
	char *const strings[] = { c->path, c->configdirectory, c->userpath, c->lockpath, c->procpath,
		c->sievedir, c->defaultpartition, c->mboxlist_path, c->annotation_path, c->duplicate_path,
		c->quota_path, c->quota_db, c->quota_root, c->deletedprefix, c->userprefix, c->sharedprefix,
		c->defaultdomain, c->admins, c->servername };

	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		free(strings[i]);
	free(c->partitions);
	free(c->items);
	free(c);
}

int cyrus_version_parse(const char *text, struct cyrus_version *v)
{
	for (const char *p = text; *p != '\0'; p++) {
		struct cyrus_version got = { 0 };

		if (!isdigit((unsigned char)*p) ||
		    (p > text && (isalnum((unsigned char)p[-1]) && p[-1] != 'v')))
			continue;
		if (sscanf(p, "%4u.%4u.%4u", &got.major, &got.minor, &got.patch) >= 2) {
			*v = got;
			return 0;
		}
	}
	return -1;
}

bool cyrus_version_at_least(struct cyrus_version v, unsigned major, unsigned minor)
{
	if (v.major == 0 && v.minor == 0 && v.patch == 0)
		return true;
	return v.major > major || (v.major == major && v.minor >= minor);
}
