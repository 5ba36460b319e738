/* store_host.c: cyrvault-store: what sshd runs for a key that may add archives and harm none. It serves SFTP (store/serve.h) on its standard
 * input and output, and does nothing else, whatever command the client asked for. */
#include "cli/store_host.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/err.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/serve.h"

const struct store_option store_options[] = {
	{ "directory", "DIR", "where the archives are; it must exist" },
	{ "read-only", NULL, "archives can be read, nothing can be written" },
	{ "keep-free", "SIZE", "refuse writes that would leave less free: 500M, 10G" },
	{ "max-size", "SIZE", "refuse archives that are larger" },
	{ "log", NULL, "tell syslog who came, what was committed, and what was refused" },
	{ "help", NULL, "this help" },
	{ "version", NULL, "the version of this program" },
	{ 0 },
};
#define N_OPTIONS (sizeof store_options / sizeof store_options[0] - 1)

static void help(void)
{
	puts("usage: cyrvault-store --directory DIR [OPTION...]\n\n"
	     "Serves a directory of archives by SFTP on standard input and output, for a line of "
	     "authorized_keys on the host\n"
	     "of a store:\n\n"
	     "    command=\"cyrvault-store --directory /srv/mailvault\",restrict ssh-ed25519 AAAA... "
	     "root@mail\n\n"
	     "Who holds the key can add archives and read them; never change, replace or remove "
	     "one.\n\nOptions:");
	for (size_t i = 0; i < N_OPTIONS; i++) {
		const struct store_option *o = &store_options[i];
		char text[64];

		snprintf(text, sizeof text, "--%s%s%s", o->name, o->value != NULL ? "=" : "",
		    o->value != NULL ? o->value : "");
		printf("  %-20s %s\n", text, o->about);
	}
	puts("\nThe manual is cyrvault-store(8).");
}

/* "4096", "500M": a number and a unit of 1024. */
static int read_size(const char *option, const char *value, uint64_t *ret, struct err *e)
{
	static const char units[] = "KMGT";
	size_t n = strlen(value);
	const char *unit = n > 1 ? strchr(units, value[n - 1]) : NULL;
	unsigned shift = unit != NULL ? 10 * (unsigned)(unit - units + 1) : 0;
	char *number = mem_strndup(value, n - (unit != NULL));
	int rc = str_u64(number, (uint64_t)INT64_MAX >> shift, ret);

	free(number);
	if (rc == -1)
		return err_set(e, ERR_USAGE, "--%s: %s is no size (such as 500M, 10G)", option, value);
	*ret <<= shift;
	return 0;
}

struct wish {
	struct serve_opts serve;
	bool log, help, version;
};

static int set_option(struct wish *w, const char *name, const char *value, struct err *e)
{
	if (strcmp(name, "directory") == 0)
		w->serve.directory = value;
	else if (strcmp(name, "read-only") == 0)
		w->serve.read_only = true;
	else if (strcmp(name, "keep-free") == 0)
		return read_size(name, value, &w->serve.keep_free, e);
	else if (strcmp(name, "max-size") == 0)
		return read_size(name, value, &w->serve.max_size_bytes, e);
	else if (strcmp(name, "log") == 0)
		w->log = true;
	else if (strcmp(name, "help") == 0)
		w->help = true;
	else
		w->version = true;
	return 0;
}

static int parse(int argc, char **argv, struct wish *w, struct err *e)
{
	struct option longs[N_OPTIONS + 1] = { { 0 } };
	int at = 0, c;

	for (size_t i = 0; i < N_OPTIONS; i++)
		longs[i] = (struct option){ store_options[i].name,
			store_options[i].value != NULL ? required_argument : no_argument, NULL, 0 };
	opterr = 0;
	while ((c = getopt_long(argc, argv, "", longs, &at)) != -1) {
		if (c != 0)
			return err_set(
			    e, ERR_USAGE, "%s: no such option, or its value is wrong", argv[optind - 1]);
		if (set_option(w, store_options[at].name, optarg, e) == -1)
			return -1;
	}
	if (optind < argc)
		return err_set(e, ERR_USAGE, "what is %s?", argv[optind]);
	if (w->serve.directory == NULL && !w->help && !w->version)
		return err_set(e, ERR_USAGE, "--directory is missing");
	return 0;
}

/* Is it the program behind an sftp subsystem that sshd was asked for when it ran us instead? */
static bool is_sftp(const char *command)
{
	static const char *const programs[] = { "internal-sftp", "sftp-server", "cyrvault-store" };
	size_t n = strcspn(command, " \t");

	for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
		size_t len = strlen(programs[i]);

		if (n >= len && memcmp(command + n - len, programs[i], len) == 0 &&
		    (n == len || command[n - len - 1] == '/'))
			return true;
	}
	return false;
}

/* Only SFTP; a shell or another command was asked for in vain. */
static int check_request(struct err *e)
{
	const char *command = getenv("SSH_ORIGINAL_COMMAND");

	if (command != NULL && !is_sftp(command))
		return err_set(
		    e, ERR_REFUSED, "this key gives SFTP only, and not the command \"%.200s\"", command);
	if (command == NULL && getenv("SSH_CONNECTION") != NULL)
		return err_set(e, ERR_REFUSED, "this key gives SFTP only, and no shell");
	return 0;
}

static int serve(const struct wish *w, struct err *e)
{
	const char *from = getenv("SSH_CONNECTION");

	if (check_request(e) == -1)
		return -1;
	log_write(LOG_LEVEL_INFO, "store: %.*s came to %s%s", from != NULL ? (int)strcspn(from, " ") : 7,
	    from != NULL ? from : "someone", w->serve.directory, w->serve.read_only ? ", to read" : "");
	return serve_run(&w->serve, STDIN_FILENO, STDOUT_FILENO, e);
}

int store_host_main(int argc, char **argv)
{
	struct wish w = { 0 };
	struct err e = { 0 };
	int rc;

	umask(077);
	signal(SIGPIPE, SIG_IGN);
	rc = parse(argc, argv, &w, &e);
	if (rc == 0 && w.help) {
		help();
		return 0;
	}
	if (rc == 0 && w.version) {
		puts("cyrvault-store " CYRVAULT_VERSION);
		return 0;
	}
	if (w.log)
		log_open(NULL, 1);
	if (rc == 0)
		rc = serve(&w, &e);
	if (rc == -1) {
		log_write(LOG_LEVEL_WARNING, "store: %s", e.msg);
		fprintf(stderr, "cyrvault-store: %s\n", e.msg);
	} else {
		log_write(LOG_LEVEL_INFO, "store: the session is over");
	}
	log_close();
	return rc == 0 ? 0 : err_exit_status(e.code);
}
