/* plan_sessions.c: who has a mailbox open that a restore is about to change, and what he will notice of it. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/plan.h"

#define NAMED 3

static const struct sessions *sessions(struct planning *g)
{
	struct err why;

	if (!g->knows_sessions && sessions_read(g->server->conf, &g->sessions, &why) == -1)
		log_write(LOG_LEVEL_WARNING, "who is connected: %s", why.msg);
	g->knows_sessions = true;
	return &g->sessions;
}

void plan_sessions(struct planning *g, size_t item_index, enum session_effect effect)
{
	static const char *const one[] = { "it goes on and sees the messages arrive",
		"it is told that the mailbox is gone, and may open it again",
		"it is cut off at its next command, and may connect again" };
	static const char *const many[] = { "they go on and see the messages arrive",
		"they are told that the mailbox is gone, and may open it again",
		"they are cut off at their next command, and may connect again" };
	const struct restore_item *item = &g->plan->items[item_index];
	const struct sessions *all = sessions(g);
	size_t n = sessions_count(all, item->name), named = 0;
	struct buf who = BUF_INIT, shown = BUF_INIT;
	char count[40];

	for (size_t i = 0; i < all->n && named < NAMED; i++) {
		const struct session *s = &all->list[i];

		if (strcmp(s->mailbox, item->name) == 0)
			buf_printf(&who, "%s%s from %s, %s", named++ > 0 ? "; " : "",
			    s->user[0] != '\0' ? s->user : "somebody",
			    s->host[0] != '\0' ? s->host : "somewhere", s->service);
	}
	if (n > named)
		buf_printf(&who, "; and %zu more", n - named);
	mboxname_display(g->server->conf, item->name, &shown);
	if (n > 0) {
		g->plan->moments =
		    mem_resize(g->plan->moments, g->plan->n_moments + 1, sizeof *g->plan->moments);
		g->plan->moments[g->plan->n_moments++] = g->plan->n_notes;
		plan_note(g, "%s %s %s open (%s): %s",
		    str_count(count, sizeof count, n, "session", "sessions"), n == 1 ? "has" : "have",
		    buf_text(&shown), buf_text(&who), (n == 1 ? one : many)[effect]);
	}
	buf_done(&who);
	buf_done(&shown);
}
