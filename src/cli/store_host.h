/* store_host.h: the command line of cyrvault-store, the program of a store's host. */
#ifndef CLI_STORE_HOST_H
#define CLI_STORE_HOST_H

/** Its options; ends with a name of NULL. The manual is proved against them. */
struct store_option {
	const char *name;
	const char *value; /* NULL: it takes none */
	const char *about;
};
extern const struct store_option store_options[];

/** store_host_main(argc, argv): All of it; returns the exit status. */
int store_host_main(int argc, char **argv);

#endif
