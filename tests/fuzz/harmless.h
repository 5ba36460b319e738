/* harmless.h: what every cell of a canvas must be, whatever was painted on it. For fuzzers and unit tests. */
#ifndef TESTS_HARMLESS_H
#define TESTS_HARMLESS_H

#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

#include "core/columns.h"
#include "ui/canvas.h"

/* Characters that a terminal obeys instead of showing them: controls, and those of category Cf, Zl and Zp. Written down here
 * independently of core/str.c. */
static inline bool disturbs(uint32_t cp)
{
	static const struct {
		uint32_t first, last;
	} bad[] = { { 0, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x600, 0x605 }, { 0x61c, 0x61c },
		{ 0x6dd, 0x6dd }, { 0x70f, 0x70f }, { 0x890, 0x891 }, { 0x8e2, 0x8e2 }, { 0x180e, 0x180e },
		{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0xd800, 0xdfff },
		{ 0xfeff, 0xfeff }, { 0xfff9, 0xfffb }, { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
		{ 0x13430, 0x1343f }, { 0x1d173, 0x1d17a }, { 0xe0001, 0xe007f }, { 0x110000, 0xffffffff } };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		if (cp >= bad[i].first && cp <= bad[i].last)
			return true;
	return false;
}

/** fault_of(c, row, column): What is wrong with that cell, or NULL. Wants columns_setup(). */
static inline const char *fault_of(const struct canvas *c, int row, int column)
{
	const struct cell *line = &c->cells[(size_t)row * (size_t)c->columns], *cell = &line[column];

	if (cell->cp == 0) {
		if (column == 0 || line[column - 1].cp == 0 || wcwidth((wchar_t)line[column - 1].cp) != 2)
			return "a right half without its left one";
		return NULL;
	}
	if (disturbs(cell->cp))
		return "a character that disturbs";
	if (c->ascii && cell->cp > 0x7e)
		return "not ASCII";
	if (wcwidth((wchar_t)cell->cp) == 0)
		return "a combining character without one before it";
	if (wcwidth((wchar_t)cell->cp) == 2 && (column + 1 >= c->columns || line[column + 1].cp != 0))
		return "a left half without its right one";
	for (size_t i = 0; i < CELL_MARKS; i++) {
		if (cell->marks[i] == 0)
			continue;
		if (disturbs(cell->marks[i]))
			return "a mark that disturbs";
		if (c->ascii || wcwidth((wchar_t)cell->marks[i]) != 0)
			return "a mark that takes room";
	}
	return cell->style < STYLE_COUNT ? NULL : "no such style";
}

static inline void must_be_harmless(const struct canvas *c)
{
	for (int row = 0; row < c->rows; row++) {
		for (int column = 0; column < c->columns; column++) {
			const char *what = fault_of(c, row, column);

			if (what == NULL)
				continue;
			fprintf(stderr, "row %d, column %d: U+%04X: %s\n", row, column,
			    (unsigned)c->cells[(size_t)row * (size_t)c->columns + (size_t)column].cp, what);
			abort();
		}
	}
}

/** use_utf8(): Widths of all characters are known from here on. */
static inline void use_utf8(void)
{
	setenv("LC_ALL", "C.UTF-8", 1);
	columns_setup();
}

#endif
