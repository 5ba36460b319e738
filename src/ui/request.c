/* request.c: the table of requests. */
#include "ui/request.h"

#include <string.h>

#define GROUP_MOVE   "Moving"
#define GROUP_FIND   "Finding"
#define GROUP_CHOOSE "Choosing"
#define GROUP_LOOK   "Looking"
#define GROUP_DO     "Doing"
#define GROUP_SCREEN "Screens"

static const struct request_info table[] = { { "", "", "", "" },
#define R(id, keys, name, help, group) { keys, name, help, GROUP_##group },
	REQUESTS(R)
#undef R
};

const struct request_info *request_info(enum request r)
{
	return &table[r];
}

enum request request_find(const char *name)
{
	for (int r = REQUEST_NONE + 1; r < REQUEST_COUNT; r++)
		if (strcmp(table[r].name, name) == 0)
			return (enum request)r;
	return REQUEST_NONE;
}
