/* request.c: what is asked for, kept beyond the moment it was asked. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "restore/restore.h"

const char *restore_mode_name(enum restore_mode m)
{
	static const char *const names[] = { "merge", "identical", "keep UIDs", "replace", "beside",
		"state" };

	return names[m];
}

static const char *const what_names[RESTORE_KINDS] = { "flags", "seen", "subscriptions", "acl", "annotations",
	"sieve", "quota" };

const char *restore_what_name(unsigned i)
{
	return what_names[i];
}

int restore_what_parse(const char *list, unsigned *ret, struct err *e)
{
	unsigned what = 0;

	for (const char *s = list; *s != '\0';) {
		size_t n = strcspn(s, ","), k = 0;

		while (k < RESTORE_KINDS && (strlen(what_names[k]) != n || strncmp(what_names[k], s, n) != 0))
			k++;
		if (n == 3 && strncmp(s, "all", 3) == 0) {
			what |= RESTORE_ALL_STATE;
		} else if (k < RESTORE_KINDS) {
			what |= 1u << k;
		} else {
			err_set(e, ERR_USAGE, "\"%.*s\" is nothing that belongs to a mailbox", (int)n, s);
			return err_hint(
			    e, "it is flags, seen, subscriptions, acl, annotations, sieve, quota, or all");
		}
		s += n + (s[n] == ',');
	}
	*ret = what != 0 ? what : RESTORE_ALL_STATE;
	return 0;
}

bool restore_wants(const struct restore_request *r, unsigned what)
{
	return r->what == 0 || (r->what & what) != 0;
}

static const char **copy_names(const char *const *names, size_t n)
{
	const char **copy = mem_array(n + 1, sizeof *copy);

	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(names[i]);
	return copy;
}

static struct restore_pick *copy_picks(const struct restore_pick *picks, size_t n)
{
	struct restore_pick *copy = mem_array(n + 1, sizeof *copy);

	for (size_t i = 0; i < n; i++)
		copy[i] = (struct restore_pick){ .mailbox = mem_strdup(picks[i].mailbox),
			.ranges = mem_dup(picks[i].ranges, picks[i].n_ranges * sizeof *picks[i].ranges),
			.n_ranges = picks[i].n_ranges };
	return copy;
}

void restore_request_copy(struct restore_request *dst, const struct restore_request *src)
{
	*dst = *src;
	dst->mailboxes = copy_names(src->mailboxes, src->n_mailboxes);
	dst->picks = copy_picks(src->picks, src->n_picks);
	dst->user = mem_strdup(src->user);
	dst->to_user = mem_strdup(src->to_user);
	dst->into = mem_strdup(src->into);
	dst->mark = mem_strdup(src->mark);
	dst->unfinished = dst->cut_off = NULL;
	dst->n_unfinished = dst->n_cut_off = 0;
	dst->earlier = NULL;
}

/* What a copy owns is const for all others. */
static void drop(const void *p)
{
	free((void *)(uintptr_t)p);
}

void restore_request_done(struct restore_request *r)
{
	for (size_t i = 0; i < r->n_mailboxes; i++)
		drop(r->mailboxes[i]);
	for (size_t i = 0; i < r->n_picks; i++) {
		drop(r->picks[i].mailbox);
		drop(r->picks[i].ranges);
	}
	drop(r->mailboxes);
	drop(r->picks);
	drop(r->user);
	drop(r->to_user);
	drop(r->into);
	drop(r->mark);
	*r = (struct restore_request){ 0 };
}
