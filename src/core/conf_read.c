/* conf_read.c: one file of our configuration, through inih; one table says what keys there are. */
#include "core/conf_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ini.h>

#include "core/mem.h"
#include "core/str.h"

enum key_type {
	KEY_STRING,
	KEY_PATH,
	KEY_EXTRA,
	KEY_IDENTITY,
	KEY_MS,
	KEY_RATE,
	KEY_CONNECTIONS,
	KEY_BOOL,
	KEY_THEME,
	KEY_SWITCH,
	KEY_TRANSPORT,
	KEY_HOST_KEY,
	KEY_ROOM,
	KEY_KEEP_LIVE,
	KEY_KEEP,
	KEY_BLOCK,
	KEY_DAYS,
	KEY_PRIORITY
};

/* The keys of each kind of section. offset is into conf_server, conf_store or conf. */
static const struct key {
	const char *section, *name;
	enum key_type type;
	size_t offset;
	const char *about;
} keys[] = {
#define SERVER(name, type, about) { "server", #name, type, offsetof(struct conf_server, name), about }
#define CONSOLE(name, type, about) { "console", #name, type, offsetof(struct conf, console.name), about }
#define STORE(name, type, about) { "store", #name, type, offsetof(struct conf_store, name), about }
#define TAPE(name, type, about) { "tape", #name, type, offsetof(struct conf_tape, name), about }
	SERVER(imapd_conf, KEY_PATH, "The server's imapd.conf; paths and layout are read from it"),
	SERVER(cyrus_conf, KEY_PATH, "The server's cyrus.conf"),
	SERVER(cyrus_bin, KEY_PATH, "Directory of ctl_mboxlist, quota, ...; found by itself when not set"),
	SERVER(imap, KEY_STRING, "host:port of its IMAP service; found in cyrus.conf when not set"),
	SERVER(imap_admin, KEY_STRING, "An administrator of imapd.conf's admins, for renames and annotations"),
	SERVER(imap_password_file, KEY_PATH, "File with that administrator's password on its first line"),
	SERVER(extra, KEY_EXTRA, "A further file or directory to pack; may be given several times"),
	SERVER(snapshot, KEY_STRING, "auto, lvm, btrfs or none"),
	SERVER(snapshot_size, KEY_ROOM, "Room for what changes while a snapshot is read: auto, 10% of the volume, 512M, 20G"),
	SERVER(lvm, KEY_PATH, "The lvm program; not set: found by itself"),
	SERVER(pause_ms, KEY_MS, "Longest time the whole server is held still while a snapshot is taken, in ms"),
	SERVER(stores, KEY_STRING, "Names of the stores its archives go to; the first one counts; not set: the first store"),
	SERVER(hold_ms, KEY_MS, "Longest time one user's mail is held still during a backup, in ms"),
	SERVER(lock_wait_ms, KEY_MS, "How long to wait for one of Cyrus's locks, in ms"),
	SERVER(before, KEY_PATH, "A program run before each backup; when it fails there is none"),
	SERVER(after, KEY_PATH, "A program run after each backup, whatever came of it"),
	{ "server", "priority", KEY_PRIORITY, offsetof(struct conf_server, low_priority), "low or normal: a backup takes what processor and disks others leave, or its share" },
	STORE(url, KEY_STRING, "Where archives are kept: dir:/path, or sftp://user@host:port/path"),
	STORE(transport, KEY_TRANSPORT, "auto, libssh2 or ssh: how a host is reached; ssh: the system's program, with its ssh_config"),
	STORE(host_key, KEY_HOST_KEY, "ask, strict or accept-new: what to do about a host whose key is not known yet"),
	STORE(identity, KEY_IDENTITY, "File of a private key; may be given several times; none: the agent's keys and those in ~/.ssh"),
	STORE(known_hosts, KEY_PATH, "File of known host keys; not set: ~/.ssh/known_hosts and /etc/ssh/ssh_known_hosts"),
	STORE(password_file, KEY_PATH, "File with the password on its first line, where a key will not do"),
	STORE(limit_rate, KEY_RATE, "Bytes a second at most, in each direction: 500K, 2M; 0: no limit"),
	STORE(connections, KEY_CONNECTIONS, "At most so many connections at once, 1 to 16; 0: as many as latency asks for"),
	STORE(timeout_ms, KEY_MS, "How long to wait for a connection, or an answer, in ms"),
	STORE(keep_live, KEY_KEEP_LIVE, "So many of the newest verified archives of each server always stay; at least 2"),
	STORE(keep_last, KEY_KEEP, "So many of the newest archives stay"),
	STORE(keep_daily, KEY_KEEP, "The newest archive of each of so many days stays"),
	STORE(keep_weekly, KEY_KEEP, "The newest archive of each of so many weeks stays"),
	STORE(keep_monthly, KEY_KEEP, "The newest archive of each of so many months stays"),
	STORE(tape, KEY_STRING, "Name of the [tape] that its archives are handed to; they stay until they are written there"),
	TAPE(device, KEY_PATH, "The drive (the one that does not rewind by itself: /dev/nst0), a file or a FIFO"),
	TAPE(write_command, KEY_STRING, "A command that takes what is to be written from its standard input; %a archive, %l label, %f file"),
	TAPE(read_command, KEY_STRING, "A command that gives back to its standard output what is on the tape; %a archive, %l label, %f file"),
	{ "tape", "block_size", KEY_BLOCK, offsetof(struct conf_tape, block_bytes), "Bytes of one block: 64K, 256K, 1M" },
	{ "notify", "mail", KEY_STRING, offsetof(struct conf, notify.mail), "Who gets mail when a backup fails, and when one succeeds again" },
	{ "notify", "sendmail", KEY_PATH, offsetof(struct conf, notify.sendmail), "The program that takes the mail; not set: /usr/sbin/sendmail" },
	{ "notify", "command", KEY_PATH, offsetof(struct conf, notify.command), "A program run when a backup fails, and when one succeeds again" },
	{ "state", "directory", KEY_PATH, offsetof(struct conf, state_directory), "What cyrvault remembers between runs" },
	{ "state", "catalogue_messages", KEY_BOOL, offsetof(struct conf, catalogue_messages), "yes or no: the catalogue remembers the messages of archives, for find" },
	{ "state", "keep_cases", KEY_DAYS, offsetof(struct conf, keep_cases), "So many days a restore can be undone, after it ended" },
	{ "state", "lock_directory", KEY_PATH, offsetof(struct conf, lock_directory), "Where its lock files are" },
	{ "state", "log_file", KEY_STRING, offsetof(struct conf, log_file), "Its own log; empty: syslog only" },
	{ "audit", "file", KEY_STRING, offsetof(struct conf, audit.file), "Where is recorded who looked at whose mail; empty: syslog only; not set: audit.log in the state directory" },
	{ "audit", "require_reason", KEY_BOOL, offsetof(struct conf, audit.require_reason), "yes or no: nobody's mail is shown or restored without a reason" },
	CONSOLE(theme, KEY_THEME, "auto, dark, light or mono: colors for a dark or a light terminal, or none"),
	CONSOLE(ascii, KEY_SWITCH, "yes, no or auto: lines and marks of plain ASCII; auto: where the terminal has no other"),
	CONSOLE(mouse, KEY_BOOL, "yes or no: the console takes the mouse"),
	CONSOLE(read_only, KEY_BOOL, "yes or no: the console changes nothing, neither mail nor archives"),
};
#define N_KEYS (sizeof keys / sizeof keys[0])

void conf_keys(size_t i, const char **section, const char **key, const char **about)
{
	*section = i < N_KEYS ? keys[i].section : NULL;
	*key = i < N_KEYS ? keys[i].name : NULL;
	*about = i < N_KEYS ? keys[i].about : NULL;
}

struct reading {
	struct conf *c;
	FILE *f;
	const char *path;
	unsigned line;
	struct err *e;
	bool failed;
};

static const char section_hint[] = "sections are [server \"NAME\"], [store \"NAME\"], [tape \"NAME\"], [notify], [state], [audit], [console], [keys] and [colors]";

static bool split_section(const char *section, char kind[16], char name[64]);

static int fail(struct reading *r, const char *what, const char *word);

static int fail_section(struct reading *r, const char *section)
{
	fail(r, "unknown section", section);
	err_hint(r->e, "%s", section_hint);
	return 0;
}

/* inih says nothing of a section without keys: a misspelt one must not pass unnoticed. */
static void check_section(struct reading *r, const char *line)
{
	char section[128], kind[16], name[64];
	size_t n = strcspn(line, "]");

	if (line[0] != '[' || n > sizeof section)
		return;
	/* inih would go on, and blame the keys that follow. */
	if (line[n] != ']') {
		r->failed = true;
		err_set(r->e, ERR_CONFIG, "%s line %u: a section without its closing ]", r->path, r->line);
		err_hint(r->e, "%s", section_hint);
		return;
	}
	memcpy(section, line + 1, n - 1);
	section[n - 1] = '\0';
	if (!split_section(section, kind, name))
		fail_section(r, section);
}

/* inih reads through this, so that we know the line and refuse one that would be cut. */
static char *read_line(char *line, int size, void *stream)
{
	struct reading *r = stream;
	size_t n;

	if (r->failed || fgets(line, size, r->f) == NULL)
		return NULL;
	r->line++;
	n = strlen(line);
	if (n + 1 == (size_t)size && line[n - 1] != '\n') {
		r->failed = true;
		err_set(r->e, ERR_CONFIG, "%s line %u: longer than %d bytes", r->path, r->line, size - 2);
		err_hint(r->e, "a key that takes a list may be given several times");
		return NULL;
	}
	/* For inih an indented line goes on with the value before; a key that was indented would be lost in it. */
	memmove(line, line + strspn(line, " \t"), n - strspn(line, " \t") + 1);
	check_section(r, line);
	return r->failed ? NULL : line;
}

static int fail(struct reading *r, const char *what, const char *word)
{
	r->failed = true;
	err_set(r->e, ERR_CONFIG, "%s line %u: %s \"%s\"", r->path, r->line, what, word);
	return 0;
}

static int fail_value(struct reading *r, const char *what, const struct key *k, const char *value)
{
	fail(r, what, value);
	err_hint(r->e, "%s: %s", k->name, k->about);
	return 0;
}

static int fail_unknown(struct reading *r, const char *section, const char *name)
{
	const char *best = NULL;
	unsigned least = 5;

	for (size_t i = 0; i < N_KEYS; i++) {
		unsigned d = str_distance(name, keys[i].name);

		if (strcmp(keys[i].section, section) == 0 && d < least) {
			least = d;
			best = keys[i].name;
		}
	}
	fail(r, "unknown key", name);
	if (best != NULL)
		err_hint(r->e, "did you mean \"%s\"? cyrvault.conf(5) lists all keys", best);
	else
		err_hint(r->e, "cyrvault.conf(5) lists all keys of [%s]", section);
	return 0;
}

/* "server \"mail1\"" -> kind and name; false when it is no section of ours. */
static bool split_section(const char *section, char kind[16], char name[64])
{
	static const char *const nameless[] = { "state", "audit", "console", "notify", "keys", "colors" };
	size_t n = strcspn(section, " \t");
	const char *q = section + n + strspn(section + n, " \t");

	if (n >= 16)
		return false;
	memcpy(kind, section, n);
	kind[n] = name[0] = '\0';
	for (size_t i = 0; i < sizeof nameless / sizeof nameless[0]; i++)
		if (strcmp(kind, nameless[i]) == 0)
			return *q == '\0';
	if (strcmp(kind, "server") != 0 && strcmp(kind, "store") != 0 && strcmp(kind, "tape") != 0)
		return false;
	n = strlen(q);
	if (n < 3 || n - 2 >= 64 || q[0] != '"' || q[n - 1] != '"' || memchr(q + 1, '"', n - 2) != NULL)
		return false;
	memcpy(name, q + 1, n - 2);
	name[n - 2] = '\0';
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.") == n - 2 &&
	       name[0] != '.' && name[0] != '-';
}

/* The struct that a section's keys go to, made when the section is new. */
static void *section_target(struct conf *c, const char *kind, const char *name)
{
	if (strcmp(kind, "state") == 0 || strcmp(kind, "audit") == 0 || strcmp(kind, "console") == 0 || strcmp(kind, "notify") == 0)
		return c;
	if (strcmp(kind, "server") == 0) {
		for (size_t i = 0; i < c->n_servers; i++)
			if (strcmp(c->servers[i].name, name) == 0)
				return &c->servers[i];
		conf_add_server(c, name);
		return &c->servers[c->n_servers - 1];
	}
	if (strcmp(kind, "tape") == 0) {
		for (size_t i = 0; i < c->n_tapes; i++)
			if (strcmp(c->tapes[i].name, name) == 0)
				return &c->tapes[i];
		conf_add_tape(c, name);
		return &c->tapes[c->n_tapes - 1];
	}
	for (size_t i = 0; i < c->n_stores; i++)
		if (strcmp(c->stores[i].name, name) == 0)
			return &c->stores[i];
	conf_add_store(c, name, NULL);
	return &c->stores[c->n_stores - 1];
}

/* ${value} is one of the words "A|B|C": its place among them, or -1. */
static int place_of(const char *value, const char *words)
{
	size_t n = strlen(value);
	int i = 0;

	for (const char *s = words;; s++, i++) {
		size_t m = strcspn(s, "|");

		if (m == n && memcmp(s, value, n) == 0)
			return i;
		s += m;
		if (*s == '\0')
			return -1;
	}
}

/* A word out of a few, as the enum that lists them in the same order. */
static int set_word(struct reading *r, const struct key *k, unsigned *target, const char *words, const char *value)
{
	int i = place_of(value, words);

	if (i == -1)
		return fail_value(r, "not a value for it:", k, value);
	*target = (unsigned)i;
	return 1;
}

static int set_bool(struct reading *r, const struct key *k, bool *target, const char *value)
{
	unsigned i;

	if (set_word(r, k, &i, "no|yes", value) == 0)
		return 0;
	*target = i == 1;
	return 1;
}

static int set_priority(struct reading *r, const struct key *k, bool *target, const char *value)
{
	unsigned i;

	if (set_word(r, k, &i, "normal|low", value) == 0)
		return 0;
	*target = i == 1;
	return 1;
}

static int add_path(char ***list, size_t *n, const char *path)
{
	size_t cap = *n;

	*list = mem_grow(*list, &cap, *n + 1, sizeof **list);
	(*list)[(*n)++] = mem_strdup(path);
	return 1;
}

/* "500K", "2M", "1G", or plain bytes. */
static int set_bytes(struct reading *r, const struct key *k, uint64_t *target, const char *value)
{
	static const char units[] = "KMG";
	size_t n = strlen(value);
	const char *unit = n > 1 ? memchr(units, value[n - 1], sizeof units - 1) : NULL;
	char *number = mem_strndup(value, n - (unit != NULL));
	uint64_t limit = (uint64_t)1 << 40;
	int rc = str_u64(number, unit != NULL ? limit >> (10 * (unit - units + 1)) : limit, target);

	free(number);
	if (rc == -1)
		return fail_value(r, "not a number of bytes:", k, value);
	if (unit != NULL)
		*target <<= 10 * (unit - units + 1);
	return 1;
}

/* "auto", "10%", or bytes. */
static int set_room(struct reading *r, const struct key *k, struct conf_room *target, const char *value)
{
	size_t n = strlen(value);
	uint64_t percent;
	char *number;
	int rc;

	*target = (struct conf_room){ 0 };
	if (strcmp(value, "auto") == 0)
		return 1;
	if (n == 0 || value[n - 1] != '%')
		return set_bytes(r, k, &target->bytes, value);
	number = mem_strndup(value, n - 1);
	rc = str_u64(number, 100, &percent);
	free(number);
	if (rc == -1 || percent == 0)
		return fail_value(r, "not 1% to 100%:", k, value);
	target->percent = (unsigned)percent;
	return 1;
}

/* What one block of a tape may be: what every drive takes. */
static int set_block(struct reading *r, const struct key *k, uint64_t *target, const char *value)
{
	if (set_bytes(r, k, target, value) == 0)
		return 0;
	if (*target < 512 || *target > (uint64_t)4 << 20 || *target % 512 != 0)
		return fail_value(r, "not a multiple of 512 up to 4M:", k, value);
	return 1;
}

static int set_keep(struct reading *r, const struct key *k, uint64_t least, uint64_t *target, struct conf_store *store, const char *value)
{
	if (str_u64(value, 10000, target) == -1 || *target < least)
		return fail_value(r, least > 0 ? "not a number from 2 on:" : "not a number:", k, value);
	store->keeps = true;
	return 1;
}

static int set_key(struct reading *r, const struct key *k, char *target, const char *value)
{
	char **text;
	void *place = target + k->offset;
	struct conf_server *server = (struct conf_server *)(void *)target;
	struct conf_store *store = (struct conf_store *)(void *)target;

	switch (k->type) {
	case KEY_PATH:
	case KEY_EXTRA:
	case KEY_IDENTITY:
		if (value[0] != '/')
			return fail_value(r, "not an absolute path:", k, value);
		if (k->type == KEY_EXTRA)
			return add_path(&server->extra, &server->n_extra, value);
		if (k->type == KEY_IDENTITY)
			return add_path(&store->identity, &store->n_identity, value);
		break;
	case KEY_MS:
		return str_u64(value, 3600000, place) == 0 ? 1 : fail_value(r, "not a number of milliseconds:", k, value);
	case KEY_RATE: return set_bytes(r, k, place, value);
	case KEY_CONNECTIONS: return str_u64(value, 16, place) == 0 ? 1 : fail_value(r, "not a number up to 16:", k, value);
	case KEY_TRANSPORT: return set_word(r, k, place, "auto|libssh2|ssh", value);
	case KEY_HOST_KEY: return set_word(r, k, place, "ask|strict|accept-new", value);
	case KEY_ROOM: return set_room(r, k, place, value);
	case KEY_BLOCK: return set_block(r, k, place, value);
	case KEY_DAYS: return str_u64(value, 36500, place) == 0 ? 1 : fail_value(r, "not a number of days:", k, value);
	case KEY_KEEP: return set_keep(r, k, 0, place, store, value);
	case KEY_KEEP_LIVE: return set_keep(r, k, CONF_KEEP_LIVE_MIN, place, store, value);
	case KEY_PRIORITY: return set_priority(r, k, place, value);
	case KEY_BOOL: return set_bool(r, k, place, value);
	case KEY_THEME: return set_word(r, k, place, "auto|dark|light|mono", value);
	case KEY_SWITCH: return set_word(r, k, place, "auto|yes|no", value);
	case KEY_STRING: break;
	}
	text = place;
	free(*text);
	*text = mem_strdup(value);
	return 1;
}

static int add_pair(const struct reading *r, struct conf_pair **list, size_t *n, const char *name, const char *value)
{
	size_t cap = *n;

	*list = mem_grow(*list, &cap, *n + 1, sizeof **list);
	(*list)[(*n)++] = (struct conf_pair){ mem_strdup(name), mem_strdup(value), mem_strdup(r->path), r->line };
	return 1;
}

static int on_key(void *arg, const char *section, const char *name, const char *value)
{
	struct reading *r = arg;
	char kind[16], section_name[64];

	if (r->failed)
		return 0;
	if (!split_section(section, kind, section_name))
		return fail_section(r, section);
	if (value == NULL) {
		fail(r, "no value for", name);
		err_hint(r->e, "write %s = VALUE", name);
		return 0;
	}
	if (strcmp(kind, "keys") == 0)
		return add_pair(r, &r->c->keys, &r->c->n_keys, name, value);
	if (strcmp(kind, "colors") == 0)
		return add_pair(r, &r->c->colors, &r->c->n_colors, name, value);
	for (size_t i = 0; i < N_KEYS; i++)
		if (strcmp(keys[i].section, kind) == 0 && strcmp(keys[i].name, name) == 0)
			return set_key(r, &keys[i], section_target(r->c, kind, section_name), value);
	return fail_unknown(r, kind, name);
}

int conf_read_file(struct conf *c, const char *path, struct err *e)
{
	struct reading r = { .c = c, .path = path, .e = e };
	int bad;

	r.f = fopen(path, "re");
	if (r.f == NULL) {
		err_sys(e, "open configuration %s", path);
		if (e != NULL)
			e->code = ERR_CONFIG;
		return err_hint(e, "-C FILE names the configuration; without one %s is read, if it is there", CONF_DEFAULT_PATH);
	}
	bad = ini_parse_stream(read_line, &r, on_key, &r);
	if (ferror(r.f) && !r.failed) {
		r.failed = true;
		err_sys(e, "read configuration %s", path);
		err_hint(e, "-C FILE names the configuration");
		if (e != NULL)
			e->code = ERR_CONFIG;
	}
	fclose(r.f);
	if (bad != 0 && !r.failed) {
		err_set(e, ERR_CONFIG, "%s line %d: neither [section] nor key = value", path, bad);
		return err_hint(e, "comments begin with # or ;");
	}
	return r.failed ? -1 : 0;
}
