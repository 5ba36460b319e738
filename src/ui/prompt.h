/* prompt.h: one line that is typed. */
#ifndef UI_PROMPT_H
#define UI_PROMPT_H

#include "ui/canvas.h"

#define PROMPT_MAX 1024 /* bytes */

/** What may complete the word that is being typed: append candidates that begin with ${typed} to ${out}, one a line. */
typedef void prompt_complete_fn(void *arg, const char *typed, struct buf *out);

struct prompt {
	bool active;
	bool secret; /* what is typed is not shown */
	char *label;
	char text[PROMPT_MAX + 1];
	size_t len, at; /* bytes; ${at}: where the next character goes */
	prompt_complete_fn *complete;
	void *arg;
	char *stem; /* what was typed before the first Tab */
	size_t candidate;
};

enum prompt_result { PROMPT_GOES_ON, PROMPT_CHANGED, PROMPT_DONE, PROMPT_GIVEN_UP };

/** prompt_begin(p, label, initial): Ask. prompt_end(p): No more. */
void prompt_begin(struct prompt *p, const char *label, const char *initial);
void prompt_end(struct prompt *p);

/** prompt_key(p, key): Take a key in. */
enum prompt_result prompt_key(struct prompt *p, int key);

/** prompt_draw(p, c, row): On that row of the canvas, scrolled so that the cursor is seen. */
void prompt_draw(const struct prompt *p, struct canvas *c, int row);

#endif
