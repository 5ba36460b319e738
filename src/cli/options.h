/* options.h: what the parser and the help share. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "cli/cli.h"

/** cli_nearest(word, known, n): The known word that ${word} was most likely meant to be, or NULL. */
const char *cli_nearest(const char *word, const char *const *known, size_t n);

#endif
