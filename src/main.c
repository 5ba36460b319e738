/* main.c: where the program begins: the command line. */
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "cli/cli.h"

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

int main(int argc, char **argv)
{
	char help[] = "help", *help_argv[] = { argv[0], help, NULL };

	fill_standard_files();
	/* A reader that went away is an error of write(), not the end of the work. */
	signal(SIGPIPE, SIG_IGN);
	if (argc <= 1 && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)) {
		cli_main(2, help_argv);
		return 64;
	}
	return cli_main(argc, argv);
}
