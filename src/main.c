/* main.c: where the program begins: the command line, which gets the console from here. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "store/ssh.h"
#include "ui/console.h"

/* With a standard descriptor closed, the first file opened would take its place, and talk would be written into it. */
static void fill_standard_files(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static int console(struct app *app, const struct cli_args *args, struct err *e)
{
	const char *term = getenv("TERM");
	struct console_opts opts = { .server = args->server,
		.plain = args->plain || term == NULL || strcmp(term, "dumb") == 0,
		.read_only = args->read_only };

	return console_run(app, &opts, e);
}

int main(int argc, char **argv)
{
	int status;

	fill_standard_files();
	if (ssh_askpass_main(argc, argv, &status))
		return status;
	/* A reader that went away is an error of write(), not the end of the work. */
	signal(SIGPIPE, SIG_IGN);
	return cli_main(argc, argv, console);
}
