/* gauge.h: how full something is, as a bar and a number, in characters that every terminal has. Pure. */
#ifndef UI_GAUGE_H
#define UI_GAUGE_H

#include "core/buf.h"

/** gauge_add(b, permille, width): Append "[####      ]  41%", the bar ${width} characters wide. The bar is full at 1000 only, and empty at 0 only. */
void gauge_add(struct buf *b, unsigned permille, unsigned width);

#endif
