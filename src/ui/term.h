/* term.h: the terminal: the only file behind it knows curses.
 *
 * There is one terminal in a process. It belongs to the UI thread. However the process ends (return, signal, crash), the
 * terminal is put back: term_close(), or the handlers of fatal signals that term_open() installs. */
#ifndef UI_TERM_H
#define UI_TERM_H

#include "ui/canvas.h"
#include "ui/key.h"
#include "ui/theme.h"

/** term_open(c, pairs, n, ret_ascii, e): Take over the terminal on standard input and output: theme, colours, mouse, as ${c} (section [console]) and
 * ${colors} ([colors]) say. ERR_UNSUPPORTED: TERM is unknown or cannot move its cursor (the hint names --plain); ERR_CONFIG. ${*ret_ascii}:
 * it shows no more than ASCII. */
int term_open(const struct conf_console *c, const struct conf_pair *colors, size_t n_colors, bool *ret_ascii,
    struct err *e);

/** term_close(): Put the terminal back; harmless when it is not open. */
void term_close(void);

/** term_suspend(): Put it back for a while. term_resume(): Take it again; everything is painted anew. */
void term_suspend(void);
void term_resume(void);

/** term_size(rows, columns): Ask the terminal for its size now, and take it. */
void term_size(int *rows, int *columns);

/** term_draw(c): Make the terminal show ${c}; only what changed is sent. term_repaint(): The next one sends everything. */
void term_draw(const struct canvas *c);
void term_repaint(void);

/** term_key(): The next key that was pressed, KEY_NOTHING if there is none; never waits, but for the rest of an escape sequence (25 ms). */
int term_key(void);

/** term_flush(): Forget what was typed ahead. */
void term_flush(void);

/** term_mouse(row, column): Where the last KEY_CLICK was. */
void term_mouse(int *row, int *column);

/** term_gone(): Reading it failed for good: nobody is there any more. */
bool term_gone(void);

/** term_set_theme(which): Another one from now on. */
void term_set_theme(enum conf_theme which);

#endif
