/* mails.c: the table of messages. */
#include "app/mails.h"

#include <stdlib.h>
#include <string.h>

#include "app/mails_impl.h"
#include "core/fold.h"
#include "core/mem.h"

struct mails {
	struct mail *rows;
	size_t n, cap;
	size_t n_archive;
	struct mails_text *text;
	char **places;
	size_t n_places, cap_places;
	struct mails_facts facts;
	char *archive, *shown, *live_name, *why_not;
};

const char *mail_state_name(enum mail_state s)
{
	static const char *const names[MAIL_STATES] = { "", "same", "missing", "expunged", "file lost",
		"flags differ", "seen differs", "moved", "other UID", "only live" };

	return names[s];
}

bool mail_is_lacking(enum mail_state s)
{
	return s == MAIL_MISSING || s == MAIL_EXPUNGED || s == MAIL_LOST;
}

bool mail_is_there(enum mail_state s)
{
	return s == MAIL_SAME || s == MAIL_FLAGS || s == MAIL_SEEN || s == MAIL_OTHER_UID;
}

void mail_letters(const struct index_record *r, bool seen, bool expunged, char ret[MAIL_LETTERS])
{
	static const struct {
		uint32_t flag;
		char letter;
	} letters[] = { { FLAG_ANSWERED, 'A' }, { FLAG_FLAGGED, 'F' }, { FLAG_DELETED, 'D' },
		{ FLAG_DRAFT, 'd' } };
	char *p = ret;

	if (!seen)
		*p++ = 'N';
	for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
		if ((r->flags & letters[i].flag) != 0)
			*p++ = letters[i].letter;
	if ((r->user_flags[0] | r->user_flags[1] | r->user_flags[2] | r->user_flags[3]) != 0)
		*p++ = '*';
	if (expunged)
		*p++ = 'x';
	*p = '\0';
}

void mail_sender(const char *from, struct buf *b)
{
	size_t n = strcspn(from, "<");

	if (from[n] != '\0')
		while (n > 0 && (from[n - 1] == ' ' || from[n - 1] == '"'))
			n--;
	if (n == 0 || strchr(from, '<') == NULL)
		buf_str(b, from);
	else
		buf_add(b, from + (from[0] == '"'), n - (from[0] == '"'));
}

struct mails *mails_new(void)
{
	struct mails *m = mem_alloc(sizeof *m);

	m->facts.archive = m->facts.shown = m->facts.live_name = m->facts.why_not = "";
	return m;
}

static void free_text(struct mails_text *t)
{
	while (t != NULL) {
		struct mails_text *next = t->next;

		free(t);
		t = next;
	}
}

static void free_places(char **places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(places[i]);
	free(places);
}

static void free_words(struct mails *m)
{
	free(m->archive);
	free(m->shown);
	free(m->live_name);
	free(m->why_not);
}

void mails_free(struct mails *m)
{
	if (m == NULL)
		return;
	free_text(m->text);
	free_places(m->places, m->n_places);
	free_words(m);
	free(m->rows);
	free(m);
}

void mails_item_free(void *p)
{
	struct mails_item *item = p;

	if (item == NULL)
		return;
	free(item->rows);
	free_text(item->text);
	free(item->states);
	free_places(item->places, item->n_places);
	free(item->archive);
	free(item->shown);
	free(item->live_name);
	free(item->why_not);
	free(item);
}

size_t mails_n(const struct mails *m)
{
	return m->n;
}

size_t mails_n_archive(const struct mails *m)
{
	return m->n_archive;
}

const struct mail *mails_row(const struct mails *m, size_t i)
{
	return &m->rows[i];
}

const struct mails_facts *mails_facts(const struct mails *m)
{
	return &m->facts;
}

const char *mails_from(const struct mails *m, size_t i)
{
	return m->rows[i].text;
}

const char *mails_subject(const struct mails *m, size_t i)
{
	return m->rows[i].text + m->rows[i].subject;
}

const char *mails_place(const struct mails *m, size_t i)
{
	size_t place = m->rows[i].place;

	return place > 0 && place <= m->n_places ? m->places[place - 1] : "";
}

bool mails_matches(const struct mails *m, size_t i, const char *folded)
{
	const struct mail *row = &m->rows[i];

	return fold_find(row->text + row->search_from, folded, fold_map) ||
	       fold_find(row->text + row->search_subject, folded, fold_map) ||
	       (row->place > 0 && fold_find(mails_place(m, i), folded, fold_map));
}

/* Of the rows from ${low} to before ${high}, ascending by UID. */
static size_t find_uid(const struct mails *m, size_t low, size_t high, uint32_t uid)
{
	size_t end = high;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (m->rows[mid].uid < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < end && m->rows[low].uid == uid ? low : (size_t)-1;
}

size_t mails_find(const struct mails *m, uint32_t uid)
{
	return find_uid(m, 0, m->n_archive, uid);
}

size_t mails_find_live(const struct mails *m, uint32_t uid)
{
	return find_uid(m, m->n_archive, m->n, uid);
}

/* ---- words ---- */

static const char *state_words(const struct mails_facts *f, enum mail_state s)
{
	switch (s) {
	case MAIL_SAME: return "the same";
	case MAIL_MISSING: return "missing: the live mailbox has no such message. A restore brings it back";
	case MAIL_EXPUNGED: return "expunged there; its file is still kept";
	case MAIL_LOST: return "listed there, but its file is gone";
	case MAIL_FLAGS: return "there; flags differ";
	case MAIL_SEEN: return "there; only whether the owner has seen it differs";
	case MAIL_MOVED: return "moved";
	case MAIL_OTHER_UID: return "there, the same";
	case MAIL_ONLY_LIVE: return "only there: the archive does not have it";
	default: return f->why_not[0] != '\0' ? f->why_not : "not compared yet";
	}
}

void mails_live_words(const struct mails *m, size_t i, struct buf *b)
{
	const struct mail *row = &m->rows[i];
	const char *place = mails_place(m, i);

	buf_str(b, state_words(&m->facts, (enum mail_state)row->state));
	if (row->state == MAIL_MOVED)
		buf_printf(b, " to %s", place);
	else if (place[0] != '\0')
		buf_printf(b, "; but it is still in %s", place);
	if (row->state != MAIL_ONLY_LIVE && row->live_uid != 0 && row->live_uid != row->uid)
		buf_printf(b, ", under UID %u", row->live_uid);
}

/* ---- taking in ---- */

static void count(struct mails_facts *f, const struct mail *row, int by)
{
	/* What its owner had already thrown away is not missed. */
	if (!row->expunged)
		f->n[row->state] += (size_t)by;
}

static void take_rows(struct mails *m, struct mails_item *item)
{
	if (item->text != NULL) {
		item->text->next = m->text;
		m->text = item->text;
		item->text = NULL;
	}
	m->rows = mem_grow(m->rows, &m->cap, m->n + item->n, sizeof *m->rows);
	memcpy(&m->rows[m->n], item->rows, item->n * sizeof *m->rows);
	for (size_t i = m->n; i < m->n + item->n; i++) {
		const struct mail *row = &m->rows[i];

		count(&m->facts, row, 1);
		m->n_archive += row->state != MAIL_ONLY_LIVE;
		m->facts.expunged += row->expunged;
		m->facts.bytes += row->expunged || row->state == MAIL_ONLY_LIVE ? 0 : row->size;
	}
	m->n += item->n;
}

static void take_states(struct mails *m, const struct mails_item *item)
{
	for (size_t i = 0; i < item->n && item->first + i < m->n; i++) {
		struct mail *row = &m->rows[item->first + i];

		count(&m->facts, row, -1);
		row->state = item->states[i].state;
		row->place = item->states[i].place;
		row->live_uid = item->states[i].live_uid;
		count(&m->facts, row, 1);
	}
}

static void take_places(struct mails *m, struct mails_item *item)
{
	if (item->n_places == 0)
		return;
	m->places = mem_grow(m->places, &m->cap_places, m->n_places + item->n_places, sizeof *m->places);
	memcpy(&m->places[m->n_places], item->places, item->n_places * sizeof *m->places);
	m->n_places += item->n_places;
	item->n_places = 0;
}

static const char *take_words(char **to, char **from)
{
	*to = *from;
	*from = NULL;
	return *to != NULL ? *to : "";
}

static void take_facts(struct mails *m, struct mails_item *item)
{
	struct mails_facts *f = &m->facts, old = *f;

	*f = item->facts;
	memcpy(f->n, old.n, sizeof f->n);
	f->expunged = old.expunged;
	f->bytes = old.bytes;
	free_words(m);
	f->archive = take_words(&m->archive, &item->archive);
	f->shown = take_words(&m->shown, &item->shown);
	f->live_name = take_words(&m->live_name, &item->live_name);
	f->why_not = take_words(&m->why_not, &item->why_not);
}

unsigned mails_take(struct mails *m, void *p)
{
	struct mails_item *item = p;
	unsigned changed = MAILS_STATES;

	take_facts(m, item);
	take_places(m, item);
	if (item->rows != NULL) {
		take_rows(m, item);
		changed |= MAILS_ROWS;
	} else if (item->states != NULL) {
		take_states(m, item);
	}
	mails_item_free(item);
	return changed;
}
