/* view_question.c: a question that a job has in mid-work: what one must know to answer it, and the answer. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/asking.h"
#include "ui/views.h"

struct view_question {
	struct view view;
	struct text text;
	struct asking *asking;
	struct question *q;
	bool answered;
};

static struct view_question *self(struct view *v)
{
	return (struct view_question *)v;
}

static void title(struct view *v, struct buf *b)
{
	(void)v;
	buf_str(b, "a question");
}

static void layout(struct view *v, int columns)
{
	text_layout(&self(v)->text, columns);
}

static void answer(struct view *v, const char *text)
{
	self(v)->answered = true;
	asking_answer(self(v)->asking, text);
	console_pop(v->console);
}

static void choice(struct view *v, int n)
{
	answer(v, n == 1 ? "yes" : "no");
}

void view_question_ask(struct view *v)
{
	const struct question *q = self(v)->q;
	char *label = mem_printf(q->yes_no ? "%s?" : "%s: ", q->prompt);

	if (q->yes_no)
		console_choose(v->console, v, label, "no yes", choice);
	else
		console_ask_secretly(v->console, v, label, q->secret, answer);
	free(label);
}

static void free_view(struct view *v)
{
	if (!self(v)->answered)
		asking_answer(self(v)->asking, NULL);
	asking_question_free(self(v)->q);
	text_done(&self(v)->text);
	free(v);
}

static const enum request requests[] = { REQUEST_NONE };
static const struct view_ops ops = { .name = "question",
	.about = "What a job must know before it can go on.",
	.requests = requests,
	.title = title,
	.layout = layout,
	.free = free_view };

struct view *view_question_new(struct console *c, struct asking *asking, struct question *q)
{
	struct view_question *v = mem_alloc(sizeof *v);

	v->view.ops = &ops;
	v->view.console = c;
	v->asking = asking;
	v->q = q;
	text_init(&v->text, &v->view.list);
	text_layout(&v->text, console_columns(c));
	text_add(&v->text, STYLE_TITLE, 0, "%s", q->title);
	text_add(&v->text, STYLE_NORMAL, 0, "%s", "");
	text_bytes(&v->text, STYLE_NORMAL, 0, q->text, strlen(q->text));
	return &v->view;
}
