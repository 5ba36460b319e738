/* diff.c: words of a comparison, and what is posted. */
#include "app/diff.h"

#include <stdlib.h>

#include "app/diff_impl.h"

const char *diff_box_word(enum diff_box_state s)
{
	static const char *const words[DIFF_BOX_STATES] = { "changed", "new", "gone", "renamed", "recreated",
		"unreadable" };

	return words[s];
}

const char *diff_mail_word(enum diff_mail_state s)
{
	static const char *const words[DIFF_MAIL_STATES] = { "new", "gone", "moved here", "moved away",
		"flags", "file lost" };

	return words[s];
}

void diff_item_free(void *item)
{
	struct diff_item *i = item;

	if (i == NULL)
		return;
	diff_box_free(i->box);
	free(i->facts.sides[0]);
	free(i->facts.sides[1]);
	free(i);
}
