/* store_main.c: where cyrvault-store begins, the program of a store's host. */
#include <fcntl.h>
#include <unistd.h>

#include "cli/store_host.h"

int main(int argc, char **argv)
{
	int fd;

	/* With a standard descriptor closed, the first archive opened would take its place. */
	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return store_host_main(argc, argv);
}
