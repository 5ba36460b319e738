/* backup_watch.c: the last news of a backup, behind a lock. */
#include "ui/backup_watch.h"

#include <string.h>

#include "core/clock.h"
#include "core/mem.h"

static void copy_facts(const struct snapshot_facts *from, struct snapshot_facts *to)
{
	*to = *from;
	to->why_not = mem_strdup(from->why_not);
	to->volumes = mem_array(from->n, sizeof *to->volumes);
	for (size_t i = 0; i < from->n; i++) {
		struct snapshot_volume *v = &to->volumes[i];

		*v = from->volumes[i];
		v->origin = mem_strdup(v->origin);
		v->name = mem_strdup(v->name);
		v->fs = mem_strdup(v->fs);
		v->mounted_on = mem_strdup(v->mounted_on);
	}
}

void backup_watch_init(struct backup_watch *w)
{
	*w = (struct backup_watch){ .sight = { .begun_ms = clock_monotonic_ms() } };
	pthread_mutex_init(&w->lock, NULL);
}

void backup_watch_done(struct backup_watch *w)
{
	backup_sight_done(&w->sight);
	pthread_mutex_destroy(&w->lock);
}

static void leave(struct backup_sight *s, uint64_t now)
{
	s->been[s->stage] = true;
	s->took_ms[s->stage] += now - s->begun_ms;
}

/* Back to an earlier stage: what follows it is to come once more. */
static void enter(struct backup_sight *s, enum backup_stage stage, uint64_t now)
{
	leave(s, now);
	for (int i = stage; i < BACKUP_STAGES; i++)
		s->been[i] = false;
	s->stage = stage;
	s->begun_ms = now;
}

void backup_watch_news(void *watch, const struct backup_news *n)
{
	struct backup_watch *w = watch;
	struct backup_sight *s = &w->sight;

	pthread_mutex_lock(&w->lock);
	if (s->stage != n->stage)
		enter(s, n->stage, clock_monotonic_ms());
	s->has_ladder = n->ladder != NULL;
	if (n->ladder != NULL)
		s->ladder = *n->ladder;
	if (n->snapshot != NULL) {
		snapshot_facts_done(&s->snapshot);
		copy_facts(n->snapshot, &s->snapshot);
		s->has_snapshot = true;
	}
	s->tries = n->tries;
	s->findings = n->findings;
	pthread_mutex_unlock(&w->lock);
}

void backup_watch_end(struct backup_watch *w)
{
	pthread_mutex_lock(&w->lock);
	leave(&w->sight, clock_monotonic_ms());
	pthread_mutex_unlock(&w->lock);
}

void backup_watch_look(struct backup_watch *w, struct backup_sight *ret)
{
	pthread_mutex_lock(&w->lock);
	*ret = w->sight;
	copy_facts(&w->sight.snapshot, &ret->snapshot);
	pthread_mutex_unlock(&w->lock);
}

void backup_sight_done(struct backup_sight *s)
{
	snapshot_facts_done(&s->snapshot);
}

bool backup_sight_is_live(const struct backup_sight *s)
{
	return s->has_snapshot && s->snapshot.kind != NULL && strcmp(s->snapshot.kind, "none") == 0;
}
