/* gauge.c: a bar and a number. */
#include "ui/gauge.h"

void gauge_add(struct buf *b, unsigned permille, unsigned width)
{
	unsigned full;

	if (permille > 1000)
		permille = 1000;
	full = permille * width / 1000;
	if (full == 0 && permille > 0)
		full = 1;
	buf_char(b, '[');
	for (unsigned i = 0; i < width; i++)
		buf_char(b, i < full ? '#' : ' ');
	buf_printf(b, "] %3u%%", permille / 10);
}
