/* conf.c: our configuration: the files it is in, what they leave open, and finding things in it. */
#include "core/conf_priv.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"

void conf_add_server(struct conf *c, const char *name)
{
	size_t cap = c->n_servers;

	c->servers = mem_grow(c->servers, &cap, c->n_servers + 1, sizeof *c->servers);
	c->servers[c->n_servers++] = (struct conf_server){ .name = mem_strdup(name),
		.imapd_conf = mem_strdup("/etc/imapd.conf"),
		.cyrus_conf = mem_strdup("/etc/cyrus.conf"),
		.snapshot = mem_strdup("auto"),
		.pause_ms = 5000,
		.hold_ms = 2000,
		.lock_wait_ms = 30000,
		.low_priority = true };
}

void conf_add_store(struct conf *c, const char *name, const char *url)
{
	size_t cap = c->n_stores;

	c->stores = mem_grow(c->stores, &cap, c->n_stores + 1, sizeof *c->stores);
	c->stores[c->n_stores++] = (struct conf_store){ .name = mem_strdup(name), .url = mem_strdup(url), .timeout_ms = 30000, .keep_live = CONF_KEEP_LIVE_MIN };
}

void conf_add_tape(struct conf *c, const char *name)
{
	size_t cap = c->n_tapes;

	c->tapes = mem_grow(c->tapes, &cap, c->n_tapes + 1, sizeof *c->tapes);
	c->tapes[c->n_tapes++] = (struct conf_tape){ .name = mem_strdup(name), .block_bytes = (uint64_t)256 << 10 };
}

static int read_conf_directory(struct conf *c, struct err *e)
{
	glob_t g;
	int rc = 0;

	if (glob(CONF_DEFAULT_PATH ".d/*.conf", 0, NULL, &g) != 0)
		return 0;
	for (size_t i = 0; i < g.gl_pathc && rc == 0; i++)
		rc = conf_read_file(c, g.gl_pathv[i], e);
	globfree(&g);
	return rc;
}

/* A server's stores are names of [store] sections. */
static int check_stores(const struct conf *c, const struct conf_server *server, struct err *e)
{
	const char *s = server->stores != NULL ? server->stores : "";

	for (s += strspn(s, " ,\t"); *s != '\0'; s += strspn(s, " ,\t")) {
		size_t n = strcspn(s, " ,\t"), i = 0;

		while (i < c->n_stores && (strncmp(c->stores[i].name, s, n) != 0 || c->stores[i].name[n] != '\0'))
			i++;
		if (i == c->n_stores) {
			err_set(e, ERR_CONFIG, "server \"%s\": there is no [store \"%.*s\"]", server->name, (int)n, s);
			return err_hint(e, "stores = names sections [store \"NAME\"], such as \"%s\"", c->stores[0].name);
		}
		s += n;
	}
	return 0;
}

static int check_tapes(const struct conf *c, struct err *e)
{
	for (size_t i = 0; i < c->n_tapes; i++)
		if (c->tapes[i].device == NULL && c->tapes[i].write_command == NULL && c->tapes[i].read_command == NULL) {
			err_set(e, ERR_CONFIG, "tape \"%s\" has neither a device nor commands", c->tapes[i].name);
			return err_hint(e, "add a line such as device = /dev/nst0 to its section");
		}
	for (size_t i = 0; i < c->n_stores; i++)
		if (c->stores[i].tape != NULL && conf_find_tape(c, c->stores[i].tape, e) == NULL)
			return err_wrap(e, "store \"%s\"", c->stores[i].name);
	return 0;
}

/* What the files left open. */
static int complete(struct conf *c, struct err *e)
{
	bool own_state = c->state_directory != NULL;

	if (c->n_servers == 0) {
		char host[65] = "";

		gethostname(host, sizeof host - 1);
		host[strcspn(host, ".")] = '\0';
		conf_add_server(c, host[0] != '\0' ? host : "localhost");
	}
	if (c->n_stores == 0)
		conf_add_store(c, "local", "dir:/var/backups/cyrvault");
	for (size_t i = 0; i < c->n_stores; i++)
		if (c->stores[i].url == NULL) {
			err_set(e, ERR_CONFIG, "store \"%s\" has no url", c->stores[i].name);
			return err_hint(e, "add a line such as url = dir:/var/backups/cyrvault to its section");
		}
	for (size_t i = 0; i < c->n_servers; i++)
		if (check_stores(c, &c->servers[i], e) == -1)
			return -1;
	if (check_tapes(c, e) == -1)
		return -1;
	if (!own_state)
		c->state_directory = mem_strdup("/var/lib/cyrvault");
	if (c->audit.file != NULL && c->audit.file[0] != '\0' && c->audit.file[0] != '/') {
		err_set(e, ERR_CONFIG, "[audit]: the file \"%s\" is no absolute path", c->audit.file);
		return err_hint(e, "not set, it is audit.log in the state directory; empty, there is none but syslog");
	}
	c->audit.file_given = c->audit.file != NULL;
	if (c->audit.file == NULL)
		c->audit.file = mem_printf("%s/audit.log", c->state_directory);
	if (c->lock_directory == NULL)
		c->lock_directory = own_state ? mem_printf("%s/lock", c->state_directory) : mem_strdup("/run/cyrvault");
	if (c->log_file == NULL)
		c->log_file = own_state ? mem_printf("%s/cyrvault.log", c->state_directory)
		                        : mem_strdup("/var/log/cyrvault.log");
	return 0;
}

int conf_load(const char *path, struct conf **ret, struct err *e)
{
	struct conf *c = mem_dup(&(struct conf){ .catalogue_messages = true, .keep_cases = 90 }, sizeof *c);
	bool is_default = path == NULL;
	int rc = 0;

	if (is_default)
		path = CONF_DEFAULT_PATH;
	if (!is_default || access(path, F_OK) == 0) {
		c->path = mem_strdup(path);
		rc = conf_read_file(c, path, e);
	}
	if (rc == 0 && is_default)
		rc = read_conf_directory(c, e);
	if (rc == -1 || complete(c, e) == -1) {
		conf_free(c);
		return -1;
	}
	*ret = c;
	return 0;
}

static void free_list(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void free_server(struct conf_server *s)
{
	free_list(s->extra, s->n_extra);
	free(s->name);
	free(s->imapd_conf);
	free(s->cyrus_conf);
	free(s->cyrus_bin);
	free(s->imap);
	free(s->imap_admin);
	free(s->imap_password_file);
	free(s->snapshot);
	free(s->lvm);
	free(s->stores);
	free(s->before);
	free(s->after);
}

static void free_store(struct conf_store *s)
{
	free_list(s->identity, s->n_identity);
	free(s->name);
	free(s->url);
	free(s->known_hosts);
	free(s->password_file);
	free(s->tape);
}

static void free_tape(struct conf_tape *t)
{
	free(t->name);
	free(t->device);
	free(t->write_command);
	free(t->read_command);
}

static void free_pairs(struct conf_pair *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].name);
		free(list[i].value);
		free(list[i].file);
	}
	free(list);
}

void conf_free(struct conf *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->n_servers; i++)
		free_server(&c->servers[i]);
	for (size_t i = 0; i < c->n_stores; i++)
		free_store(&c->stores[i]);
	for (size_t i = 0; i < c->n_tapes; i++)
		free_tape(&c->tapes[i]);
	free(c->servers);
	free(c->stores);
	free(c->tapes);
	free(c->notify.mail);
	free(c->notify.sendmail);
	free(c->notify.command);
	free_pairs(c->keys, c->n_keys);
	free_pairs(c->colors, c->n_colors);
	free(c->state_directory);
	free(c->lock_directory);
	free(c->log_file);
	free(c->audit.file);
	free(c->path);
	free(c);
}

const struct conf_server *conf_find_server(const struct conf *c, const char *name, struct err *e)
{
	for (size_t i = 0; i < c->n_servers; i++)
		if (name == NULL || strcmp(c->servers[i].name, name) == 0)
			return &c->servers[i];
	err_set(e, ERR_NOT_FOUND, "no [server \"%s\"] in the configuration", name);
	err_hint(e, "there is [server \"%s\"]", c->servers[0].name);
	return NULL;
}

const struct conf_store *conf_find_store(const struct conf *c, const char *name, struct err *e)
{
	for (size_t i = 0; i < c->n_stores; i++)
		if (name == NULL || strcmp(c->stores[i].name, name) == 0)
			return &c->stores[i];
	err_set(e, ERR_NOT_FOUND, "no [store \"%s\"] in the configuration", name);
	err_hint(e, "there is [store \"%s\"]", c->stores[0].name);
	return NULL;
}

const struct conf_tape *conf_find_tape(const struct conf *c, const char *name, struct err *e)
{
	for (size_t i = 0; i < c->n_tapes; i++)
		if (name == NULL || strcmp(c->tapes[i].name, name) == 0)
			return &c->tapes[i];
	if (c->n_tapes == 0) {
		err_set(e, ERR_NOT_FOUND, "there is no [tape \"%s\"] in the configuration", name != NULL ? name : "NAME");
		err_hint(e, "cyrvault.conf(5) says what belongs into one");
		return NULL;
	}
	err_set(e, ERR_NOT_FOUND, "no [tape \"%s\"] in the configuration", name);
	err_hint(e, "there is [tape \"%s\"]", c->tapes[0].name);
	return NULL;
}
