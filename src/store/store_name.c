/* store_name.c: what an archive may be called. By itself, so that cyrvault-store needs nothing else of a store. */
#include <string.h>

#include "store/store.h"

bool store_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 200 || name[0] == '.' || name[0] == '-')
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-+@:") == n;
}
