/* room_plan.c: what a restore does to quota roots: said beforehand, and refused where the server would refuse it. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "restore/plan.h"
#include "restore/room.h"

struct need {
	char *root;
	uint64_t bytes, messages;               /* that come, of all items */
	uint64_t append_bytes, append_messages; /* of these over IMAP, where the server counts */
	bool live;
	struct quota_root q; /* of a root that is not there: as in the archive, nothing used */
};

struct needs {
	struct need *list;
	size_t n, cap;
};

/* The root that a mailbox of this name would count for on the server; heap, or NULL. */
static char *live_root(const struct server *server, const char *name)
{
	char *root = mem_strdup(name), *dot;
	struct quota_root q;

	while (!room_read(server, root, &q)) {
		dot = strrchr(root, '.');
		if (dot == NULL) {
			free(root);
			return NULL;
		}
		*dot = '\0';
	}
	return root;
}

/* Takes ${root}, which may be NULL: none. */
static void add(
    struct planning *g, struct needs *s, char *root, uint64_t bytes, uint64_t messages, bool append)
{
	struct need *need;
	size_t at = 0;

	if (root == NULL || *root == '\0') {
		free(root);
		return;
	}
	while (at < s->n && strcmp(s->list[at].root, root) != 0)
		at++;
	if (at == s->n) {
		s->list = mem_grow(s->list, &s->cap, s->n + 1, sizeof *s->list);
		need = &s->list[s->n++];
		*need = (struct need){ .root = mem_strdup(root) };
		need->live = room_read(g->server, root, &need->q);
		if (!need->live && source_quota(g->source, root, &need->q, NULL) == 1)
			memset(need->q.used, 0, sizeof need->q.used);
	}
	need = &s->list[at];
	need->bytes += bytes;
	need->messages += messages;
	if (append) {
		need->append_bytes += bytes;
		need->append_messages += messages;
	}
	free(root);
}

/* What is there but damaged is counted already. */
static bool comes_back(const struct restore_item *item)
{
	return item->state == STATE_DELETED_COPY || item->aside_name != NULL ||
	       (item->whole && item->state != STATE_DAMAGED);
}

static void add_item(struct planning *g, struct needs *s, const struct restore_item *item)
{
	const struct restore_merge *m = item->merge;
	char *root;

	if (item->state == STATE_OTHER)
		return;
	if (comes_back(item)) {
		root = live_root(g->server, item->name);
		if (root == NULL && item->quota_root != NULL && !item->fresh)
			root = mem_strdup(item->quota_root);
		add(g, s, root, item->quota_bytes, item->quota_messages, false);
	}
	if (m != NULL && m->n_append > 0) {
		root = m->quota_root != NULL ? mem_strdup(m->quota_root) : NULL;
		if (root == NULL && item->state == STATE_DELETED_COPY)
			root = live_root(g->server, item->name);
		add(g, s, root, m->append_bytes, m->n_append, true);
	}
}

static void refuse_all(struct planning *g, const struct need *need, const char *why)
{
	for (size_t i = 0; i < g->plan->n_items; i++) {
		struct restore_item *item = &g->plan->items[i];

		if (item->merge == NULL || item->merge->n_append == 0 || item->merge->quota_root == NULL ||
		    strcmp(item->merge->quota_root, need->root) != 0)
			continue;
		item->state = STATE_OTHER;
		item->next =
		    "raise the quota (SETQUOTA, as the administrator), or let the user make room; or restore "
		    "fewer mailboxes at a time; or take the messages out as files: cyrvault export";
		free(item->why);
		item->why = mem_strdup(why);
	}
}

/* Put in place as files it goes beyond the limit without the server refusing: the mail is back, but new mail has no room. */
static void note(struct planning *g, const struct need *need, bool over)
{
	struct buf limits = BUF_INIT;
	char used[16], after[16];

	room_limits_words(&need->q, &limits);
	plan_note(g, "quota %s%s: %s used now, %s afterwards, %s%s%s", need->root,
	    need->live ? "" : ", which comes back",
	    str_size(used, sizeof used, need->q.used[QUOTA_STORAGE_KB]),
	    str_size(after, sizeof after, need->q.used[QUOTA_STORAGE_KB] + need->bytes),
	    strcmp(buf_text(&limits), "no limit") != 0 ? "the limit is " : "", buf_text(&limits),
	    over ? ": that is more, and until there is room again the server refuses new mail" : "");
	buf_done(&limits);
}

static void check_root(struct planning *g, const struct need *need)
{
	const struct quota_root *q = &need->q;
	uint64_t limit_bytes =
	    q->limit[QUOTA_STORAGE_KB] > 0 ? (uint64_t)q->limit[QUOTA_STORAGE_KB] * 1024 : 0;
	char used[16], limit[16], after[16], *why = NULL;
	bool over_bytes, over_messages;

	over_bytes = q->has[QUOTA_STORAGE_KB] && q->limit[QUOTA_STORAGE_KB] >= 0 &&
	             q->used[QUOTA_STORAGE_KB] + need->bytes > limit_bytes;
	over_messages = q->has[QUOTA_MESSAGES] && q->limit[QUOTA_MESSAGES] >= 0 &&
	                q->used[QUOTA_MESSAGES] + need->messages > (uint64_t)q->limit[QUOTA_MESSAGES];
	str_size(used, sizeof used, q->used[QUOTA_STORAGE_KB]);
	str_size(after, sizeof after, q->used[QUOTA_STORAGE_KB] + need->bytes);
	str_size(limit, sizeof limit, limit_bytes);
	if (over_bytes && need->append_bytes > 0)
		why = mem_printf("it would not fit into quota %s: %s used now, %s with what is missing, the "
				 "limit is %s",
		    need->root, used, after, limit);
	else if (over_messages && need->append_messages > 0)
		why = mem_printf(
		    "it would not fit into quota %s: %llu messages now, %llu with what is missing, the "
		    "limit is %lld",
		    need->root, (unsigned long long)q->used[QUOTA_MESSAGES],
		    (unsigned long long)(q->used[QUOTA_MESSAGES] + need->messages),
		    (long long)q->limit[QUOTA_MESSAGES]);
	if (why != NULL)
		refuse_all(g, need, why);
	else
		note(g, need, over_bytes || over_messages);
	free(why);
}

void plan_room(struct planning *g)
{
	struct needs s = { 0 };

	for (size_t i = 0; i < g->plan->n_items; i++)
		add_item(g, &s, &g->plan->items[i]);
	for (size_t i = 0; i < s.n; i++) {
		if (s.list[i].bytes > 0)
			check_root(g, &s.list[i]);
		free(s.list[i].root);
	}
	free(s.list);
}
