/* conf.h: cyrvault's own configuration: /etc/cyrvault.conf and /etc/cyrvault.conf.d/ *.conf, INI through inih.
 *
 * Immutable after loading; thread-safe then. Every key is documented in cyrvault.conf(5), which lists the same table. */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define CONF_DEFAULT_PATH "/etc/cyrvault.conf"

struct conf_server {
	char *name;
	char *imapd_conf;         /* "/etc/imapd.conf" */
	char *cyrus_conf;         /* "/etc/cyrus.conf" */
	char *cyrus_bin;          /* NULL: found by itself */
	char *imap;               /* "host:port"; NULL: found in cyrus.conf */
	char *imap_admin;         /* NULL: none; restores that need IMAP say so */
	char *imap_password_file; /* NULL: none */
	char **extra;             /* further paths to pack */
	size_t n_extra;
	char *snapshot;           /* "auto", "lvm", "btrfs", "none" */
	struct conf_room {
		uint64_t bytes;   /* 0: percent */
		unsigned percent; /* 0 too: found by itself */
	} snapshot_size;          /* room for what changes while a snapshot is read */
	char *lvm;                /* the program; NULL: looked for */
	uint64_t pause_ms;        /* longest time the whole server is held still for a snapshot */
	char *stores;             /* names, separated by blanks or commas; NULL: all */
	uint64_t hold_ms;         /* longest time one user is held still */
	uint64_t lock_wait_ms;    /* how long to wait for a lock of Cyrus's */
	char *before, *after;     /* programs run before and after a backup; NULL: none */
	bool low_priority;        /* a backup takes what processor and disks others leave */
};

/** How a store on another host is reached, and what is done about a host key that is not known yet. */
enum conf_transport { CONF_TRANSPORT_AUTO, CONF_TRANSPORT_LIBSSH2, CONF_TRANSPORT_SSH };
enum conf_host_key { CONF_HOST_KEY_ASK, CONF_HOST_KEY_STRICT, CONF_HOST_KEY_ACCEPT_NEW };

struct conf_store {
	char *name;
	char *url;
	/* The rest is of sftp:// only. */
	unsigned transport;      /* enum conf_transport */
	unsigned host_key;       /* enum conf_host_key; ask: refused where there is nobody to ask */
	char **identity;         /* files of private keys; none: the agent's and those in ~/.ssh */
	size_t n_identity;
	char *known_hosts;       /* NULL: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts */
	char *password_file;     /* NULL: none */
	uint64_t limit_rate;     /* bytes a second, in each direction; 0: no limit */
	uint64_t connections;    /* at most so many at once; 0: as latency asks for */
	uint64_t timeout_ms;     /* of connecting, and of an answer */
	/* Of every kind: which archives stay. */
	uint64_t keep_live;      /* the newest verified ones of each server, whatever else is said; at least 2 */
	uint64_t keep_last, keep_daily, keep_weekly, keep_monthly; /* newest ones, and the newest of so many days, weeks, months */
	bool keeps;              /* one of the five was set: archives are removed after a backup */
	char *tape;              /* archives are handed to this [tape]; NULL: none */
};

/** Fewer than this many verified archives of a server are never left. */
#define CONF_KEEP_LIVE_MIN 2

/** A tape drive, or whatever takes archives one after the other. */
struct conf_tape {
	char *name;
	char *device;            /* "/dev/nst0", a file, a FIFO; NULL: the commands */
	char *write_command, *read_command; /* words of a command line, run without a shell; NULL: none */
	uint64_t block_bytes;    /* of one write to it */
};

/** Who is told when a backup fails, and when one succeeds again. */
struct conf_notify {
	char *mail;              /* an address; NULL: nobody */
	char *sendmail;          /* the program, NULL: /usr/sbin/sendmail */
	char *command;           /* a program; NULL: none */
};

/** The record of who looked at, or restored, whose mail. */
struct conf_audit {
	char *file;              /* "": syslog only; not set: audit.log in the state directory */
	bool file_given;         /* it was set */
	bool require_reason;     /* what shows or restores mail is refused without a reason */
};

/** The console. */
enum conf_theme { CONF_THEME_AUTO, CONF_THEME_DARK, CONF_THEME_LIGHT, CONF_THEME_MONO };
enum conf_switch { CONF_AUTO, CONF_YES, CONF_NO };
struct conf_console {
	enum conf_theme theme;
	enum conf_switch ascii; /* lines and marks of plain ASCII; auto: where the terminal has no other */
	bool mouse;
	bool read_only;
};

/** A line of a section whose words only the console knows: it checks them, and complains with file and line. */
struct conf_pair {
	char *name, *value; /* the value may be "" */
	char *file;
	unsigned line;
};

struct conf {
	char *path;               /* the file read, NULL: none was there, this host's defaults */
	struct conf_server *servers;
	size_t n_servers;
	struct conf_store *stores;
	size_t n_stores;
	struct conf_tape *tapes;
	size_t n_tapes;
	struct conf_notify notify;
	char *state_directory;    /* "/var/lib/cyrvault" */
	uint64_t keep_cases;      /* days that a restore can be undone */
	bool catalogue_messages;  /* the catalogue remembers messages, too */
	char *lock_directory;     /* "/run/cyrvault" */
	char *log_file;           /* "/var/log/cyrvault.log"; "": none */
	struct conf_audit audit;
	struct conf_console console;
	struct conf_pair *keys;   /* [keys]: request = key ..., in the order read; names may come again */
	size_t n_keys;
	struct conf_pair *colors; /* [colors]: style = color ..., likewise */
	size_t n_colors;
};

/** conf_load(path, ret, e): Read ${path} (NULL: CONF_DEFAULT_PATH and its .conf.d, which may both be missing: then one server named after this host, one
 * store dir:/var/backups/cyrvault). ERR_CONFIG names file, line, and for an unknown key the nearest known one. conf_free() it. */
int conf_load(const char *path, struct conf **ret, struct err *e);
void conf_free(struct conf *c);

/** conf_find_server(c, name, e): That section, the first one when ${name} is NULL; NULL with ERR_NOT_FOUND. conf_find_store,
 * conf_find_tape likewise. */
const struct conf_server *conf_find_server(const struct conf *c, const char *name, struct err *e);
const struct conf_store *conf_find_store(const struct conf *c, const char *name, struct err *e);
const struct conf_tape *conf_find_tape(const struct conf *c, const char *name, struct err *e);

/** conf_keys(i, section, key, about): The i-th known key and what it is for (NULL section: no more); for help and the manual's test. */
void conf_keys(size_t i, const char **section, const char **key, const char **about);

#endif
