/* mboxlist.c: the list of mailboxes in memory: entries, their kinds, order, search. */
#include "cyrus/mboxlist.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/mboxlist_priv.h"

/* ---- the list ---- */

struct mboxlist *mboxlist_new(void)
{
	return mem_alloc(sizeof(struct mboxlist));
}

struct mailbox_entry *mboxlist_push(struct mboxlist *l)
{
	l->entries = mem_grow(l->entries, &l->cap, l->n + 1, sizeof *l->entries);
	memset(&l->entries[l->n], 0, sizeof *l->entries);
	return &l->entries[l->n++];
}

struct mailbox_entry *mboxlist_add(struct mboxlist *l, const struct mailbox_entry *entry)
{
	struct mailbox_entry *m = mboxlist_push(l);

	mailbox_entry_copy(m, entry);
	return m;
}

/* By name, then by place: a sort that keeps the order of equals. */
static int compare_places(const void *a, const void *b)
{
	const struct mailbox_entry *x = *(const struct mailbox_entry *const *)a;
	const struct mailbox_entry *y = *(const struct mailbox_entry *const *)b;
	int r = strcmp(x->name, y->name);

	return r != 0 ? r : (x > y) - (x < y);
}

static bool is_sorted(const struct mboxlist *l)
{
	for (size_t i = 1; i < l->n; i++)
		if (strcmp(l->entries[i - 1].name, l->entries[i].name) > 0)
			return false;
	return true;
}

void mboxlist_sort(struct mboxlist *l)
{
	struct mailbox_entry *sorted;
	const struct mailbox_entry **order;

	if (l->n < 2 || is_sorted(l))
		return;
	order = mem_array(l->n, sizeof(void *));
	for (size_t i = 0; i < l->n; i++)
		order[i] = &l->entries[i];
	qsort(order, l->n, sizeof(void *), compare_places);
	sorted = mem_array(l->n, sizeof *sorted);
	for (size_t i = 0; i < l->n; i++)
		sorted[i] = *order[i];
	free(order);
	free(l->entries);
	l->entries = sorted;
	l->cap = l->n;
}

void mboxlist_finish(struct mboxlist *l)
{
	size_t kept = 0;

	mboxlist_sort(l);
	for (size_t i = 0; i < l->n; i++) {
		if (i + 1 < l->n && strcmp(l->entries[i].name, l->entries[i + 1].name) == 0)
			mailbox_entry_done(&l->entries[i]);
		else
			l->entries[kept++] = l->entries[i];
	}
	l->n = kept;
}

static int compare_name(const void *key, const void *entry)
{
	return strcmp(key, ((const struct mailbox_entry *)entry)->name);
}

const struct mailbox_entry *mboxlist_find(const struct mboxlist *l, const char *name)
{
	return l->n == 0 ? NULL : bsearch(name, l->entries, l->n, sizeof *l->entries, compare_name);
}

size_t mboxlist_find_id(const struct mboxlist *l, const char *uniqueid, size_t from)
{
	for (size_t i = from; uniqueid != NULL && i < l->n; i++) {
		const struct mailbox_entry *m = &l->entries[i];

		if (m->uniqueid != NULL && (m->flags & MBTYPE_DELETED) == 0 &&
		    strcmp(m->uniqueid, uniqueid) == 0)
			return i;
	}
	return (size_t)-1;
}

void mboxlist_free(struct mboxlist *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->n; i++)
		mailbox_entry_done(&l->entries[i]);
	free(l->entries);
	free(l);
}

/* ---- entries ---- */

void mailbox_entry_copy(struct mailbox_entry *dst, const struct mailbox_entry *src)
{
	*dst = *src;
	dst->name = mem_strdup(src->name);
	dst->raw_type = mem_strdup(src->raw_type);
	dst->partition = mem_strdup(src->partition);
	dst->server = mem_strdup(src->server);
	dst->uniqueid = mem_strdup(src->uniqueid);
	dst->legacy_specialuse = mem_strdup(src->legacy_specialuse);
	dst->raw_history = mem_strdup(src->raw_history);
	dst->acl = src->n_acl == 0 ? NULL : mem_array(src->n_acl, sizeof *src->acl);
	for (size_t i = 0; i < src->n_acl; i++) {
		dst->acl[i].user = mem_strdup(src->acl[i].user);
		dst->acl[i].rights = mem_strdup(src->acl[i].rights);
	}
}

void mailbox_entry_done(struct mailbox_entry *m)
{
	for (size_t i = 0; i < m->n_acl; i++) {
		free(m->acl[i].user);
		free(m->acl[i].rights);
	}
	free(m->acl);
	free(m->name);
	free(m->raw_type);
	free(m->partition);
	free(m->server);
	free(m->uniqueid);
	free(m->legacy_specialuse);
	free(m->raw_history);
	memset(m, 0, sizeof *m);
}

enum mailbox_layout mailbox_entry_layout(const struct imapd_conf *c, const struct mailbox_entry *entry)
{
	if (!cyrus_version_at_least(c->version, 3, 6) || (entry->flags & MBTYPE_LEGACY_DIRS) != 0 ||
	    entry->uniqueid == NULL)
		return LAYOUT_BY_NAME;
	return LAYOUT_UUID;
}

bool mailbox_entry_has_directory(const struct mailbox_entry *entry)
{
	return (entry->flags & (MBTYPE_DELETED | MBTYPE_REMOTE | MBTYPE_INTERMEDIATE)) == 0 &&
	       entry->partition != NULL;
}

void entry_add_acl(
    struct mailbox_entry *m, const char *user, size_t n_user, const char *rights, size_t n_rights)
{
	m->acl = mem_resize(m->acl, m->n_acl + 1, sizeof *m->acl);
	m->acl[m->n_acl].user = mem_strndup(user, n_user);
	m->acl[m->n_acl].rights = mem_strndup(rights, n_rights);
	m->n_acl++;
}

void entry_parse_acl(struct mailbox_entry *m, const char *s, size_t n)
{
	const char *end = s + n;

	while (s < end) {
		const char *user = s, *tab = memchr(s, '\t', (size_t)(end - s)), *rights;

		if (tab == NULL)
			break;
		rights = tab + 1;
		s = memchr(rights, '\t', (size_t)(end - rights));
		if (s == NULL)
			s = end;
		if (tab > user)
			entry_add_acl(m, user, (size_t)(tab - user), rights, (size_t)(s - rights));
		s++;
	}
}

/* "(null)" is printf's word for what a tombstone does not have. */
static char *place(const char *s, const char *end)
{
	if (end <= s || (end - s == 6 && memcmp(s, "(null)", 6) == 0))
		return NULL;
	return mem_strndup(s, (size_t)(end - s));
}

void entry_parse_place(struct mailbox_entry *m, const char *s, const char *end)
{
	const char *stop = s, *bang;

	while (stop < end && *stop != ' ' && *stop != '\t')
		stop++;
	bang = memchr(s, '!', (size_t)(stop - s));
	if (bang == NULL && (m->flags & MBTYPE_REMOTE) != 0)
		bang = stop;
	if (bang != NULL) {
		m->server = place(s, bang);
		s = bang < stop ? bang + 1 : stop;
	}
	m->partition = place(s, stop);
	if (stop < end)
		entry_parse_acl(m, stop + 1, (size_t)(end - stop - 1));
}

/* ---- kinds: letters, the bits of 2.x to 3.4, the bits of 3.6+ ---- */

static const struct {
	char letter;
	long old_bits, new_bits;
} types[] = {
	{ 'e', 0, 0 },
	{ 'n', 4, 1 },
	{ 's', 512, 2 },
	{ 'p', 1024, 3 },
	{ 'j', -1, 4 },
	{ 'f', -1, 5 },
	{ 'b', 128, 8 },
	{ 'c', 32, 9 },
	{ 'a', 64, 10 },
};

/* In the order in which Cyrus writes the letters. Directories by name are no flag before 3.6: there are no others. */
static const struct {
	unsigned flag;
	char letter;
	long old_bits, new_bits;
} flags[] = {
	{ MBTYPE_DELETED, 'd', 16, 128 },
	{ MBTYPE_MOVING, 'm', 8, 64 },
	{ MBTYPE_REMOTE, 'r', 1, 16 },
	{ MBTYPE_RESERVE, 'z', 2, 32 },
	{ MBTYPE_INTERMEDIATE, 'i', 256, 256 },
	{ MBTYPE_LEGACY_DIRS, 'l', 0, 512 },
};

#define N_TYPES (sizeof types / sizeof *types)
#define N_FLAGS (sizeof flags / sizeof *flags)

static void set_raw(struct mailbox_entry *m, char *raw)
{
	free(m->raw_type);
	m->raw_type = raw;
}

void entry_set_letters(struct mailbox_entry *m, const char *letters)
{
	m->type = 'e';
	m->flags = 0;
	for (const char *p = letters; *p != '\0'; p++) {
		size_t t = 0, f = 0;

		while (t < N_TYPES && types[t].letter != *p)
			t++;
		while (f < N_FLAGS && flags[f].letter != *p)
			f++;
		if (f < N_FLAGS)
			m->flags |= flags[f].flag;
		else
			m->type = t < N_TYPES && m->type != '?' ? *p : '?';
	}
	set_raw(m, mem_strdup(letters));
}

void entry_set_old_bits(struct mailbox_entry *m, unsigned long bits)
{
	unsigned long left = bits;

	m->flags = 0;
	for (size_t f = 0; f < N_FLAGS; f++) {
		if (flags[f].old_bits != 0 && (left & (unsigned long)flags[f].old_bits) != 0) {
			m->flags |= flags[f].flag;
			left &= ~(unsigned long)flags[f].old_bits;
		}
	}
	m->type = '?';
	for (size_t t = 0; t < N_TYPES; t++)
		if (types[t].old_bits >= 0 && left == (unsigned long)types[t].old_bits)
			m->type = types[t].letter;
	set_raw(m, mem_printf("%lu", bits));
}

void entry_set_new_bits(struct mailbox_entry *m, unsigned long bits)
{
	unsigned long left = bits;

	m->flags = 0;
	for (size_t f = 0; f < N_FLAGS; f++) {
		if ((left & (unsigned long)flags[f].new_bits) != 0) {
			m->flags |= flags[f].flag;
			left &= ~(unsigned long)flags[f].new_bits;
		}
	}
	m->type = '?';
	for (size_t t = 0; t < N_TYPES; t++)
		if (left == (unsigned long)types[t].new_bits)
			m->type = types[t].letter;
	set_raw(m, mem_printf("%lu", bits));
}

void entry_letters(const struct mailbox_entry *m, struct buf *b)
{
	if (m->type == '?' && m->raw_type != NULL) {
		buf_str(b, m->raw_type);
		return;
	}
	buf_char(b, m->type == '\0' ? 'e' : m->type);
	for (size_t f = 0; f < N_FLAGS; f++)
		if ((m->flags & flags[f].flag) != 0)
			buf_char(b, flags[f].letter);
}

static long to_bits(const struct mailbox_entry *m, bool old)
{
	char letter = m->type == '\0' ? 'e' : m->type;
	long bits = -1;

	for (size_t t = 0; t < N_TYPES; t++)
		if (types[t].letter == letter)
			bits = old ? types[t].old_bits : types[t].new_bits;
	for (size_t f = 0; bits >= 0 && f < N_FLAGS; f++)
		if ((m->flags & flags[f].flag) != 0)
			bits |= old ? flags[f].old_bits : flags[f].new_bits;
	return bits;
}

long entry_old_bits(const struct mailbox_entry *m)
{
	return to_bits(m, true);
}

long entry_new_bits(const struct mailbox_entry *m)
{
	return to_bits(m, false);
}

enum mboxlist_form mboxlist_form_for(struct cyrus_version v)
{
	if (cyrus_version_at_least(v, 3, 6))
		return MBOXLIST_JSON;
	return cyrus_version_at_least(v, 2, 3) ? MBOXLIST_B : MBOXLIST_A;
}
