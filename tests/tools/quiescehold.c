/* quiescehold.c: hold a Cyrus server still from a test: quiescehold IMAPD_CONF VERSION WHAT... MILLISECONDS
 *
 * WHAT: user=NAME (user= is the lock of no user), mailbox=INTERNAL,UNIQUEID (by-name when the id is empty), list, all,
 * index=PATH. Prints "held" when everything is, "released MS" at the end; "busy: REASON" and status 11 after five seconds.
 * With MILLISECONDS 0 it holds until its standard input ends. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "cyrus/quiesce.h"

#define TIMEOUT_MS 5000

static int hold_mailbox(struct quiesce *q, const char *arg, struct err *e)
{
	const char *comma = strchr(arg, ',');
	char *name = mem_strndup(arg, comma != NULL ? (size_t)(comma - arg) : strlen(arg));
	const char *id = comma != NULL && comma[1] != '\0' ? comma + 1 : NULL;
	int rc = quiesce_hold_mailbox(q, id != NULL ? LAYOUT_UUID : LAYOUT_BY_NAME, name, id, TIMEOUT_MS, e);

	free(name);
	return rc;
}

static int hold(struct quiesce *q, const char *what, struct err *e)
{
	if (strncmp(what, "user=", 5) == 0)
		return quiesce_hold_user(q, what + 5, TIMEOUT_MS, e);
	if (strncmp(what, "mailbox=", 8) == 0)
		return hold_mailbox(q, what + 8, e);
	if (strncmp(what, "index=", 6) == 0)
		return quiesce_hold_index(q, AT_FDCWD, what + 6, TIMEOUT_MS, e);
	if (strcmp(what, "list") == 0)
		return quiesce_hold_list(q, TIMEOUT_MS, e);
	if (strcmp(what, "all") == 0)
		return quiesce_hold_all(q, NULL, 0, TIMEOUT_MS, e);
	return err_set(e, ERR_USAGE, "what is %s?", what);
}

int main(int argc, char **argv)
{
	struct cyrus_version version;
	struct imapd_conf *conf = NULL;
	struct quiesce_stats stats;
	struct quiesce *q = NULL;
	struct err e = { 0 };
	long ms;
	int rc = 2;
	char c;

	if (argc < 5 || cyrus_version_parse(argv[2], &version) == -1) {
		fprintf(stderr, "usage: quiescehold IMAPD_CONF VERSION WHAT... MILLISECONDS\n");
		return 64;
	}
	if (imapd_conf_load(argv[1], version, &conf, &e) == -1 || quiesce_open(conf, version, &q, &e) == -1)
		goto out;
	for (int i = 3; i < argc - 1; i++)
		if (hold(q, argv[i], &e) == -1)
			goto out;
	printf("held %s\n", quiesce_level_name(quiesce_level(q)));
	fflush(stdout);
	ms = atol(argv[argc - 1]);
	if (ms > 0)
		usleep((useconds_t)ms * 1000);
	else
		while (read(STDIN_FILENO, &c, 1) > 0)
			;
	quiesce_release(q);
	quiesce_stats(q, &stats);
	printf("released %llu ms, %u retries\n", (unsigned long long)stats.longest_ms, stats.retries);
	rc = 0;
out:
	if (rc != 0) {
		printf("busy: %s\n", e.msg);
		rc = err_exit_status(e.code);
	}
	quiesce_free(q);
	imapd_conf_free(conf);
	return rc;
}
