/* dbdump.c: dbdump FILE: hex(key) TAB hex(value) of every live key on stdout; kind and notes on stderr. */
#include <fcntl.h>
#include <stdio.h>

#include "core/str.h"
#include "db/cyrusdb.h"

static int print(void *arg, struct cyrusdb_bytes key, struct cyrusdb_bytes value, struct err *e)
{
	struct buf *b = arg;

	(void)e;
	buf_clear(b);
	str_hex(b, key.p, key.n);
	buf_char(b, '\t');
	str_hex(b, value.p, value.n);
	puts(buf_text(b));
	return 0;
}

int main(int argc, char **argv)
{
	static const char *const notes[] = { "dirty", "tail", "replayed", "torn", "needs-log", "damaged" };
	struct buf line = BUF_INIT;
	struct err e = { 0 };
	struct cyrusdb *db;

	if (argc != 2) {
		fprintf(stderr, "usage: dbdump FILE\n");
		return 64;
	}
	if (cyrusdb_open(AT_FDCWD, argv[1], &db, &e) == -1) {
		fprintf(stderr, "%s: %s\n", err_code_name(e.code), e.msg);
		return 2;
	}
	cyrusdb_foreach(db, (struct cyrusdb_bytes){ 0 }, print, &line, &e);
	fprintf(stderr, "%s", cyrusdb_kind_name(cyrusdb_kind(db)));
	for (unsigned i = 0; i < sizeof notes / sizeof *notes; i++)
		if (cyrusdb_notes(db) & 1u << i)
			fprintf(stderr, " %s", notes[i]);
	fprintf(stderr, "\n");
	buf_done(&line);
	cyrusdb_close(db);
	return 0;
}
