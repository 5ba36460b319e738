/* imapd_conf.h: what imapd.conf says about where things are, and which Cyrus this is.
 *
 * Immutable after loading; thread-safe then. Syntax as lib/libconfig.c of Cyrus reads it: "key: value" lines, '#' lines, a
 * backslash at the end of a line joins the next one; keys are not case-sensitive; a key given twice, an empty value, an
 * unknown @directive are errors there and here. Defaults depend on the series of Cyrus (lib/imapoptions of each): namespace
 * options, delete_mode, expunge_mode, directory layout. Paths are kept without a slash at their end. */
#ifndef CYRUS_IMAPD_CONF_H
#define CYRUS_IMAPD_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

/** A Cyrus version, 3.6.1 as {3, 6, 1}; all zero when not known. */
struct cyrus_version {
	unsigned major, minor, patch;
};

/** A partition: partition-NAME, with its metapartition-NAME and archivepartition-NAME if set. */
struct cyrus_partition {
	char *name;    /* lower case, as Cyrus has it everywhere */
	char *spool;   /* absolute path */
	char *meta;    /* NULL: not set */
	char *archive; /* NULL: not set */
};

/** metapartition_files: which files live under partition->meta. */
enum {
	META_HEADER = 1,
	META_INDEX = 2,
	META_CACHE = 4,
	META_EXPUNGE = 8,
	META_SQUAT = 16,
	META_ANNOTATIONS = 32,
	META_LOCK = 64,
	META_DAV = 128,
	META_ARCHIVECACHE = 256
};

/** One line of imapd.conf. */
struct imapd_conf_item {
	char *key, *value; /* key in lower case, value as written */
	char *where;	   /* "/etc/imapd.conf, line 12" */
};

struct imapd_conf {
	char *path;		      /* the file read */
	struct cyrus_version version; /* as given to imapd_conf_load */
	char *configdirectory;
	char *userpath; /* mboxname_userpath (3.13+), else configdirectory: holds user/ and domain/ */
	char *lockpath; /* mboxname_lockpath, else configdirectory/lock */
	char *procpath; /* proc_path, else configdirectory/proc */
	char *sievedir;
	bool sieve_in_home;	/* sieveusehomedir: scripts are not ours to find */
	char *defaultpartition; /* may be NULL: the server then chooses */
	struct cyrus_partition *partitions;
	size_t n_partitions;
	unsigned meta_files;   /* META_* */
	bool archive_enabled;  /* the server looks into partition->archive */
	char *mboxlist_path;   /* mboxlist_db_path, else configdirectory/mailboxes.db */
	char *annotation_path; /* annotation_db_path, else configdirectory/annotations.db */
	char *duplicate_path;  /* duplicate_db_path, else configdirectory/deliver.db */
	char *quota_db;	       /* "quotalegacy" or another kind */
	char *quota_path;      /* the database of quotas; NULL: quota files */
	char *quota_root;      /* of quota files: holds quota/ and domain/ (quota_db_path moves it) */
	bool hashimapspool, fulldirhash, unixhierarchysep, altnamespace;
	bool virtdomains;	       /* "on" or "userid" */
	bool legacy_dirs;	       /* new mailboxes get directories by name: always before 3.6 */
	bool improved_sort;	       /* improved_mboxlist_sort */
	bool delete_delayed;	       /* delete_mode: delayed */
	bool expunge_delayed;	       /* expunge_mode: delayed (the default from 2.5 on) */
	char *deletedprefix;	       /* "DELETED" */
	char *userprefix;	       /* "Other Users" */
	char *sharedprefix;	       /* "Shared Folders" */
	char *defaultdomain;	       /* "internal" from 3.0 on; NULL: none */
	char *admins;		       /* as written */
	char *servername;	       /* servername, else NULL */
	struct imapd_conf_item *items; /* every key as read, with @include followed */
	size_t n_items;
};

/** imapd_conf_load(path, version, ret, e): Read imapd.conf (and files it @includes, bounded in depth and size) as that Cyrus
 * would; an all-zero ${version} means "as the newest". ERR_CONFIG names file and line: no configdirectory, no
 * partition, relative paths, values that are none for the options above, unknown
 * syntax. Unknown keys are Cyrus's own business. imapd_conf_free() the result. */
int imapd_conf_load(const char *path, struct cyrus_version version, struct imapd_conf **ret, struct err *e);

/** imapd_conf_parse(text, n, path, version, ret, e): The same from memory (for the copy inside an archive); an @include
 * is then an item like any other. */
int imapd_conf_parse(const char *text, size_t n, const char *path, struct cyrus_version version,
    struct imapd_conf **ret, struct err *e);

void imapd_conf_free(struct imapd_conf *c);

/** imapd_conf_get(c, key): The value as written, or NULL. imapd_conf_switch(c, key, fallback): As a boolean. */
const char *imapd_conf_get(const struct imapd_conf *c, const char *key);
bool imapd_conf_switch(const struct imapd_conf *c, const char *key, bool fallback);

/** imapd_conf_partition(c, name): That partition or NULL. */
const struct cyrus_partition *imapd_conf_partition(const struct imapd_conf *c, const char *name);

/** imapd_conf_meta_root(c, p, file): The directory under which this one kind of file (a single META_*) of the mailboxes of
 * partition ${p} lies: metadir-index-NAME and its like, else ${p}->meta if metapartition_files names it, else ${p}->archive for
 * META_ARCHIVECACHE, else ${p}->spool. Never NULL; belongs to ${c}. */
const char *imapd_conf_meta_root(const struct imapd_conf *c, const struct cyrus_partition *p, unsigned file);

/** imapd_conf_roots(c, p, roots): All directories under which mailboxes of partition ${p} have files, each once, the spool first; returns
 * how many. They belong to ${c}. */
#define IMAPD_ROOTS_MAX 12
size_t imapd_conf_roots(const struct imapd_conf *c, const struct cyrus_partition *p, const char *roots[IMAPD_ROOTS_MAX]);

/** cyrus_version_parse(text, v): Finds "3.6.1" in "cyrus-imapd 3.6.1-Debian-..."; -1 if there is none. */
int cyrus_version_parse(const char *text, struct cyrus_version *v);

/** cyrus_version_at_least(v, major, minor): True also when the version is not known (all zero). */
bool cyrus_version_at_least(struct cyrus_version v, unsigned major, unsigned minor);

#endif
