/* cyrus_conf.c: cyrus.conf as the master reads it, a little more forgiving: we look, we do not run it. */
#include "cyrus/cyrus_conf.h"

#include <ctype.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/buf.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define FILE_MAX    ((size_t)1 << 20)
#define ENTRIES_MAX 10000
#define ITEMS_MAX   64 /* of one line, as in the master */

/* A cursor over one line, which is NUL-terminated and ours to cut up. */
struct line {
	char *p;
	size_t number;
	const char *path;
};

static int bad_line(const struct line *l, const char *what, struct err *e)
{
	return err_set(e, ERR_CONFIG, "%s line %zu: %s", l->path, l->number, what);
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '-' || c == '_';
}

static void skip_blanks(struct line *l)
{
	while (isspace((unsigned char)*l->p))
		l->p++;
}

/* Cuts off the word at the cursor; NULL when there is none. */
static char *take_word(struct line *l)
{
	char *start = l->p;

	while (is_word(*l->p))
		l->p++;
	return l->p == start ? NULL : mem_strndup(start, (size_t)(l->p - start));
}

static void lower_case(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
}

/* key=value or key="value with blanks". */
static int take_item(struct line *l, struct cyrus_conf_entry *entry, struct err *e)
{
	struct cyrus_conf_item *item;
	char *key = take_word(l), *start;

	if (key == NULL || *l->p != '=') {
		free(key);
		return bad_line(l, "expected key=value", e);
	}
	if (entry->n_items == ITEMS_MAX) {
		free(key);
		return bad_line(l, "too many values", e);
	}
	entry->items = mem_resize(entry->items, entry->n_items + 1, sizeof *entry->items);
	item = &entry->items[entry->n_items++];
	lower_case(key);
	item->key = key;
	item->value = NULL;
	l->p++;
	if (*l->p == '"') {
		start = ++l->p;
		l->p += strcspn(l->p, "\"");
		if (*l->p == '\0')
			return bad_line(l, "a quoted value has no end", e);
		item->value = mem_strndup(start, (size_t)(l->p++ - start));
		return 0;
	}
	start = l->p;
	while (*l->p != '\0' && !isspace((unsigned char)*l->p) && *l->p != '}')
		l->p++;
	item->value = mem_strndup(start, (size_t)(l->p - start));
	return 0;
}

static int take_entry(struct cyrus_conf *c, size_t *cap, struct line *l, const char *section, struct err *e)
{
	struct cyrus_conf_entry *entry;
	char *name = take_word(l);

	if (name == NULL || (*l->p != '\0' && !isspace((unsigned char)*l->p))) {
		free(name);
		return bad_line(l, "expected a name", e);
	}
	if (c->n == ENTRIES_MAX) {
		free(name);
		return bad_line(l, "too many entries", e);
	}
	c->entries = mem_grow(c->entries, cap, c->n + 1, sizeof *c->entries);
	entry = &c->entries[c->n++];
	*entry = (struct cyrus_conf_entry){ .section = mem_strdup(section), .name = name };
	for (;;) {
		skip_blanks(l);
		if (*l->p == '\0' || *l->p == '}')
			return 0;
		if (take_item(l, entry, e) == -1)
			return -1;
	}
}

/* One line without its comment. ${*section} is NULL between sections, heap within one. */
static int take_line(struct cyrus_conf *c, size_t *cap, struct line *l, char **section, struct err *e)
{
	for (;;) {
		skip_blanks(l);
		if (*l->p == '\0')
			return 0;
		if (*section == NULL) {
			char *word = take_word(l);

			skip_blanks(l);
			if (word == NULL || *l->p != '{') {
				free(word);
				return bad_line(l, "expected a section, as in SERVICES {", e);
			}
			for (char *s = word; *s != '\0'; s++)
				*s = (char)toupper((unsigned char)*s);
			*section = word;
			l->p++;
		} else if (*l->p == '}') {
			free(*section);
			*section = NULL;
			l->p++;
		} else if (take_entry(c, cap, l, *section, e) == -1) {
			return -1;
		}
	}
}

/* A line goes to its end, or through a backslash before the end on to the next. A comment goes to the end of its line;
 * the master knows no '#' within quotes either. */
static size_t cut_line(const char *text, size_t n, struct buf *line, size_t *lines)
{
	size_t at = 0;

	buf_clear(line);
	while (at < n) {
		const char *nl = memchr(text + at, '\n', n - at);
		size_t end = nl != NULL ? (size_t)(nl - text) : n, len = end - at;
		const char *hash;

		while (len > 0 && (text[at + len - 1] == '\r' || text[at + len - 1] == '\0'))
			len--;
		hash = memchr(text + at, '#', len);
		if (hash != NULL)
			len = (size_t)(hash - text) - at;
		buf_add(line, text + at, len);
		at = nl != NULL ? end + 1 : n;
		(*lines)++;
		if (hash != NULL || len == 0 || line->data[line->len - 1] != '\\')
			break;
		line->data[line->len - 1] = ' ';
	}
	return at;
}

int cyrus_conf_parse(const char *text, size_t n, const char *path, struct cyrus_conf **ret, struct err *e)
{
	struct cyrus_conf *c = mem_alloc(sizeof *c);
	struct buf line = BUF_INIT;
	size_t cap = 0, lines = 0;
	char *section = NULL;
	int rc = 0;

	c->path = mem_strdup(path);
	if (n > FILE_MAX)
		rc = err_set(e, ERR_CONFIG, "%s is larger than %zu bytes", path, FILE_MAX);
	while (rc == 0 && n > 0) {
		size_t first = lines + 1, used = cut_line(text, n, &line, &lines);
		struct line l = { line.data, first, path };

		text += used;
		n -= used;
		if (line.len == 0)
			continue;
		if (memchr(line.data, '\0', line.len) != NULL)
			rc = bad_line(&l, "a NUL byte", e);
		else
			rc = take_line(c, &cap, &l, &section, e);
	}
	if (rc == 0 && section != NULL)
		rc = err_set(e, ERR_CONFIG, "%s: section %s has no end", path, section);
	free(section);
	buf_done(&line);
	if (rc == -1) {
		cyrus_conf_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

int cyrus_conf_load(const char *path, struct cyrus_conf **ret, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = io_read_file(AT_FDCWD, path, FILE_MAX, &b, e);

	if (rc == 0)
		rc = cyrus_conf_parse(buf_text(&b), b.len, path, ret, e);
	buf_done(&b);
	return rc;
}

void cyrus_conf_free(struct cyrus_conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n; i++) {
		struct cyrus_conf_entry *entry = &c->entries[i];

		for (size_t k = 0; k < entry->n_items; k++) {
			free(entry->items[k].key);
			free(entry->items[k].value);
		}
		free(entry->items);
		free(entry->section);
		free(entry->name);
	}
	free(c->entries);
	free(c->path);
	free(c);
}

const char *cyrus_conf_get(const struct cyrus_conf_entry *entry, const char *key)
{
	for (size_t i = 0; i < entry->n_items; i++)
		if (strcmp(entry->items[i].key, key) == 0)
			return entry->items[i].value;
	return NULL;
}

/* ---- where services listen ---- */

/* Does the command run ${program}, whatever its directory? ${*args} is what follows. */
static bool runs(const char *cmd, const char *program, const char **args)
{
	size_t n = strcspn(cmd, " \t"), len = strlen(program);
	const char *base = cmd + n;

	while (base > cmd && base[-1] != '/')
		base--;
	*args = cmd + n;
	return (size_t)(cmd + n - base) == len && strncmp(base, program, len) == 0;
}

static bool has_flag(const char *args, const char *flag)
{
	size_t n = strlen(flag);

	for (const char *p = args; (p = strstr(p, flag)) != NULL; p++)
		if ((p == args || strchr(" \t", p[-1]) != NULL) &&
		    (p[n] == '\0' || strchr(" \t", p[n]) != NULL))
			return true;
	return false;
}

/* "143" from "143", "imap" or another name of services(5); 0 when it is none. */
static unsigned port_number(const char *text)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE },
			*found = NULL;
	unsigned port = 0;
	uint64_t number;

	if (str_u64(text, 65535, &number) == 0)
		return (unsigned)number;
	/* Small systems have no /etc/services. */
	if (strcmp(text, "imap") == 0 || strcmp(text, "imap2") == 0)
		return 143;
	/* getaddrinfo() would take a number that is too large for a port. */
	if (*text == '\0' || isdigit((unsigned char)*text) || getaddrinfo(NULL, text, &hints, &found) != 0)
		return strcmp(text, "lmtp") == 0 ? 24 : strcmp(text, "sieve") == 0 ? 4190 : 0;
	for (struct addrinfo *a = found; a != NULL && port == 0; a = a->ai_next) {
		char digits[16];

		if (getnameinfo(a->ai_addr, a->ai_addrlen, NULL, 0, digits, sizeof digits, NI_NUMERICSERV) ==
			0 &&
		    str_u64(digits, 65535, &number) == 0)
			port = (unsigned)number;
	}
	freeaddrinfo(found);
	return port;
}

/* listen= as a client's address: "/path", "127.0.0.1:143", "[::1]:imap", "imap", "*:143". Heap or NULL. */
static char *client_address(const char *listen, const char *proto)
{
	bool six = proto != NULL && strchr(proto, '6') != NULL;
	const char *colon, *port = listen;
	char *host = NULL, *address = NULL;
	unsigned number;

	if (*listen == '/')
		return mem_strdup(listen);
	if (*listen == '[') {
		const char *end = strchr(listen, ']');

		if (end == NULL || end[1] != ':')
			return NULL;
		host = mem_strndup(listen + 1, (size_t)(end - listen - 1));
		port = end + 2;
	} else if ((colon = strrchr(listen, ':')) != NULL) {
		host = mem_strndup(listen, (size_t)(colon - listen));
		port = colon + 1;
	}
	if (host != NULL && strcmp(host, "::") == 0) {
		six = true;
		*host = '\0';
	}
	if (host == NULL || *host == '\0' || strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0) {
		free(host);
		host = mem_strdup(six ? "::1" : "127.0.0.1");
	}
	number = port_number(port);
	if (number != 0)
		address = mem_printf(strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, number);
	free(host);
	return address;
}

static bool is_local(const char *address)
{
	return *address == '/' || str_starts(address, "127.") || str_starts(address, "[::1]:") ||
	       str_starts(address, "localhost:");
}

static bool is_service(const struct cyrus_conf_entry *entry, const char *program, bool plain_only)
{
	const char *cmd = cyrus_conf_get(entry, "cmd"), *args;

	return strcmp(entry->section, "SERVICES") == 0 && cmd != NULL &&
	       cyrus_conf_get(entry, "listen") != NULL && runs(cmd, program, &args) &&
	       !(plain_only && has_flag(args, "-s"));
}

static char *address_of(const struct cyrus_conf *c, const char *program)
{
	char *best = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct cyrus_conf_entry *entry = &c->entries[i];
		char *address;

		if (!is_service(entry, program, true))
			continue;
		address = client_address(cyrus_conf_get(entry, "listen"), cyrus_conf_get(entry, "proto"));
		if (address != NULL && (best == NULL || (is_local(address) && !is_local(best)))) {
			free(best);
			best = address;
		} else {
			free(address);
		}
	}
	return best;
}

char *cyrus_conf_imap_address(const struct cyrus_conf *c)
{
	return address_of(c, "imapd");
}

char *cyrus_conf_sieve_address(const struct cyrus_conf *c)
{
	return address_of(c, "timsieved");
}

char *cyrus_conf_lmtp_address(const struct cyrus_conf *c)
{
	char *best = NULL;

	for (size_t i = 0; i < c->n; i++) {
		const struct cyrus_conf_entry *entry = &c->entries[i];
		char *address;

		if (!is_service(entry, "lmtpd", false))
			continue;
		address = client_address(cyrus_conf_get(entry, "listen"), cyrus_conf_get(entry, "proto"));
		if (address != NULL && (best == NULL || (*address == '/' && *best != '/'))) {
			free(best);
			best = address;
		} else {
			free(address);
		}
	}
	return best;
}
