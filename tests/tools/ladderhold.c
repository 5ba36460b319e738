/* ladderhold.c: hold a server still as a backup does, from a test: ladderhold CYRVAULT_CONF BOUND_MS MILLISECONDS
 *
 * Prints "held RUNG" when it is, and at the end, when it was let go, "released RUNG, best RUNG, pause MS, wait MS, list BYTES: WHY". With
 * MILLISECONDS 0 it holds until its standard input ends. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/conf.h"
#include "cyrus/ladder.h"

static void say(struct ladder *l)
{
	const struct buf *text = ladder_list_text(l);
	struct ladder_facts f;

	ladder_facts(l, &f);
	printf("released %s, best %s, pause %llu, wait %llu, list %zu: %s\n", ladder_rung_name(f.reached),
	    ladder_rung_name(f.best), (unsigned long long)f.pause_ms, (unsigned long long)f.wait_ms,
	    text != NULL ? text->len : 0, f.why);
}

static int hold(struct ladder *l, long ms, struct err *e)
{
	struct ladder_facts f;
	char c;

	if (ladder_hold(l, e) == -1)
		return -1;
	ladder_facts(l, &f);
	printf("held %s\n", ladder_rung_name(f.reached));
	fflush(stdout);
	if (ms > 0)
		usleep((useconds_t)ms * 1000);
	else
		while (read(STDIN_FILENO, &c, 1) > 0)
			;
	ladder_release(l);
	say(l);
	return 0;
}

int main(int argc, char **argv)
{
	struct conf *conf = NULL;
	struct server *server = NULL;
	struct ladder *l = NULL;
	struct err e = { 0 };
	int rc = -1;

	if (argc != 4) {
		fprintf(stderr, "usage: ladderhold CYRVAULT_CONF BOUND_MS MILLISECONDS\n");
		return 64;
	}
	if (conf_load(argv[1], &conf, &e) == 0 && server_open(&conf->servers[0], &server, &e) == 0 &&
	    ladder_open(server, strtoull(argv[2], NULL, 10), NULL, &l, &e) == 0)
		rc = hold(l, atol(argv[3]), &e);
	if (rc == -1)
		printf("failed: %s\n", e.msg);
	ladder_free(l);
	server_free(server);
	conf_free(conf);
	return rc == -1 ? err_exit_status(e.code) : 0;
}
