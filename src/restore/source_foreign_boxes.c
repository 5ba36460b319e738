/* source_foreign_boxes.c: directories of a foreign archive grouped into mailboxes, and the mailboxes named. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/source_foreign.h"

/* Entries of the list by unique id. */
struct id_row {
	const char *id;
	const struct mailbox_entry *entry;
};
struct id_list {
	struct id_row *rows;
	size_t n;
};

static int id_cmp(const void *pa, const void *pb)
{
	const struct id_row *a = pa, *b = pb;

	return strcmp(a->id, b->id);
}

static void ids_build(const struct mboxlist *l, struct id_list *ret)
{
	ret->rows = mem_array(l->n + 1, sizeof *ret->rows);
	ret->n = 0;
	for (size_t i = 0; i < l->n; i++)
		if (l->entries[i].uniqueid != NULL && mailbox_entry_has_directory(&l->entries[i]))
			ret->rows[ret->n++] = (struct id_row){ l->entries[i].uniqueid, &l->entries[i] };
	if (ret->n > 1)
		qsort(ret->rows, ret->n, sizeof *ret->rows, id_cmp);
}

static const struct mailbox_entry *ids_find(const struct id_list *l, const char *id)
{
	struct id_row key = { id, NULL };
	const struct id_row *r =
	    l->n > 0 && id != NULL ? bsearch(&key, l->rows, l->n, sizeof *l->rows, id_cmp) : NULL;

	return r != NULL ? r->entry : NULL;
}

/* ---- grouping ---- */

/* What the directories of a mailbox say together: the header may lie elsewhere than the index. */
static struct foreign_facts join_facts(const struct foreign *f, const struct foreign_box *box)
{
	struct foreign_facts all = { 0 };

	for (uint32_t i = 0; i < box->n_dirs; i++) {
		const struct foreign_dir *d = &f->dirs[box->dirs[i]];
		const struct foreign_facts *one = d->facts != FOREIGN_NONE ? &f->facts[d->facts] : NULL;

		if (one != NULL && one->has_header && (!all.has_header || all.bad_header)) {
			all.has_header = true;
			all.bad_header = one->bad_header;
			all.dlist = one->dlist;
			all.name = one->name;
			all.uniqueid = one->uniqueid;
		}
		if (one != NULL && one->has_index && (!all.has_index || all.bad_index)) {
			all.has_index = true;
			all.bad_index = one->bad_index;
			all.minor = one->minor;
			all.uidvalidity = one->uidvalidity;
			all.options = one->options;
			all.messages = one->messages;
			all.unread = one->unread;
		}
	}
	return all;
}

static void box_add_dir(const struct foreign *f, struct foreign_box *box, uint32_t dir)
{
	const struct foreign_dir *d = &f->dirs[dir];

	if (d->box != FOREIGN_NONE || (d->files == FOREIGN_NONE && d->n_uids == 0) ||
	    box->n_dirs == FOREIGN_ROOTS)
		return;
	for (uint32_t i = 0; i < box->n_dirs; i++)
		if (box->dirs[i] == dir)
			return;
	box->dirs[box->n_dirs++] = dir;
}

/* All directories that a mailbox of ${partition} has at ${rel} below the partition's roots. */
static void box_gather(
    const struct foreign *f, struct foreign_box *box, const char *partition, const char *rel)
{
	struct buf b = BUF_INIT;

	for (size_t i = 0; i < f->n_roots; i++) {
		const struct foreign_root *r = &f->roots[i];
		uint32_t d;

		if (r->dir == FOREIGN_NONE || r->partition == NULL || strcmp(r->partition, partition) != 0)
			continue;
		buf_clear(&b);
		buf_printf(&b, "%s%s%s", f->dirs[r->dir].path, *f->dirs[r->dir].path != '\0' ? "/" : "", rel);
		if ((d = foreign_dir_find(f, buf_text(&b), b.len)) != FOREIGN_NONE)
			box_add_dir(f, box, d);
	}
	buf_done(&b);
}

/* The root above ${dir} and the rest of the path; NULL when there is none. */
static const struct foreign_root *root_above(const struct foreign *f, uint32_t dir, const char **rel)
{
	for (uint32_t up = f->dirs[dir].parent; up != FOREIGN_NONE; up = f->dirs[up].parent) {
		size_t n = strlen(f->dirs[up].path);

		if (f->dirs[up].root == FOREIGN_NONE)
			continue;
		*rel = f->dirs[dir].path + n + (n > 0);
		return &f->roots[f->dirs[up].root];
	}
	return NULL;
}

static void keep_box(struct foreign *f, struct foreign_box *box, const char *name)
{
	box->name = mem_strdup(name);
	for (uint32_t i = 0; i < box->n_dirs; i++)
		f->dirs[box->dirs[i]].box = (uint32_t)f->n_boxes;
	f->boxes = mem_grow(f->boxes, &f->cap_boxes, f->n_boxes + 1, sizeof *f->boxes);
	f->boxes[f->n_boxes++] = *box;
}

/* ---- names ---- */

/* "a/user/alice/Work" -> "user.alice.Work", by what the components say, then checked by making the path of the name. */
static int name_from_rel(const struct foreign *f, const char *rel, bool hashed, bool check, struct buf *name)
{
	const struct imapd_conf *c = f->conf;
	struct buf again = BUF_INIT;
	const char *p = rel;
	bool good;

	buf_clear(name);
	if (str_starts(p, "domain/")) {
		p += 7;
		if (hashed && p[0] != '\0' && p[1] == '/')
			p += 2;
		buf_add(name, p, strcspn(p, "/"));
		buf_char(name, '!');
		p += strcspn(p, "/");
		p += *p == '/';
	}
	if (hashed && p[0] != '\0' && p[1] == '/')
		p += 2;
	for (; *p != '\0'; p++)
		buf_char(name, *p == '/' ? '.' : *p);
	good = mboxname_valid(buf_text(name));
	if (good && check)
		good = mboxname_dir(c, LAYOUT_BY_NAME, buf_text(name), NULL, &again, NULL) == 0 &&
		       strcmp(buf_text(&again), rel) == 0;
	buf_done(&again);
	return good ? 0 : -1;
}

/* 0 and the name, or -1: nothing says what it is. */
static int name_box(const struct foreign *f, const struct id_list *ids, const struct foreign_facts *facts,
    const char *path, const char *rel, struct buf *name)
{
	const struct mailbox_entry *entry;
	struct foreign_guess g;

	if (facts->name != NULL && mboxname_valid(facts->name)) {
		buf_str(name, facts->name);
		return 0;
	}
	if ((entry = ids_find(ids, facts->uniqueid)) != NULL) {
		buf_str(name, entry->name);
		return 0;
	}
	if (rel != NULL && str_starts(rel, "uuid/")) {
		if ((entry = ids_find(ids, source_base(rel))) == NULL)
			return -1;
		buf_str(name, entry->name);
		return 0;
	}
	if (rel != NULL && name_from_rel(f, rel, f->conf->hashimapspool, true, name) == 0)
		return 0;
	if (!foreign_guess_root(path, &g) || g.uuid)
		return -1;
	return name_from_rel(f, path + g.root_len + (g.root_len > 0), g.hashed, false, name);
}

/* First the mailboxes that are listed, at the places where the list says they are. */
static void find_listed(const struct source *s, struct foreign *f)
{
	struct buf rel = BUF_INIT;

	for (size_t i = 0; i < s->list->n; i++) {
		const struct mailbox_entry *m = &s->list->entries[i];
		struct foreign_box box = { .partition = m->partition };
		enum mailbox_layout layout = mailbox_entry_layout(f->conf, m);
		struct foreign_facts facts;

		buf_clear(&rel);
		if (!mailbox_entry_has_directory(m) || m->partition == NULL ||
		    mboxname_dir(f->conf, layout, m->name, m->uniqueid, &rel, NULL) == -1)
			continue;
		box_gather(f, &box, m->partition, buf_text(&rel));
		facts = join_facts(f, &box);
		if (box.n_dirs == 0 || (facts.name != NULL && strcmp(facts.name, m->name) != 0))
			continue;
		box.uuid = layout == LAYOUT_UUID;
		box.uniqueid = facts.uniqueid != NULL ? facts.uniqueid : "";
		keep_box(f, &box, m->name);
	}
	buf_done(&rel);
}

/* Then those that are only there. */
static void find_others(const struct source *s, struct foreign *f, const struct id_list *ids)
{
	struct buf name = BUF_INIT;
	size_t unnamed = 0;

	for (size_t i = 0; i < f->n_dirs; i++) {
		struct foreign_box box = { .partition = "" };
		struct foreign_facts facts;
		const struct foreign_root *root;
		const struct mailbox_entry *entry;
		const char *rel = NULL;

		if (f->dirs[i].box != FOREIGN_NONE || !foreign_is_mailbox(f, (uint32_t)i))
			continue;
		/* Files called "1." without header and index are no mailbox just anywhere. */
		root = root_above(f, (uint32_t)i, &rel);
		if (root == NULL && f->dirs[i].facts == FOREIGN_NONE)
			continue;
		if (root != NULL) {
			box.partition = root->partition;
			box_gather(f, &box, root->partition, rel);
		}
		box_add_dir(f, &box, (uint32_t)i);
		facts = join_facts(f, &box);
		box.uuid = rel != NULL && str_starts(rel, "uuid/");
		box.uniqueid = facts.uniqueid != NULL ? facts.uniqueid : box.uuid ? source_base(rel) : "";
		buf_clear(&name);
		if (name_box(f, ids, &facts, f->dirs[i].path, rel, &name) == -1) {
			if (unnamed++ < 10)
				log_write(LOG_LEVEL_WARNING,
				    "archive %s: the mailbox in %s has no name: no header, no list, no path "
				    "says it",
				    s->name, f->dirs[i].path);
			continue;
		}
		if (*box.partition == '\0' && (entry = mboxlist_find(s->list, buf_text(&name))) != NULL &&
		    entry->partition != NULL)
			box.partition = entry->partition;
		keep_box(f, &box, buf_text(&name));
	}
	buf_done(&name);
}

/* ---- the list that the archive does not have ---- */

const struct buf *foreign_box_raw(const struct foreign *f, const struct foreign_box *box, const char *name)
{
	for (uint32_t i = 0; i < box->n_dirs; i++) {
		uint32_t file = foreign_file_in(f, box->dirs[i], name);

		if (file != FOREIGN_NONE && f->files[file].raw != FOREIGN_NONE)
			return &f->raws[f->files[file].raw];
	}
	return NULL;
}

/* Cyrus keeps the rights in cyrus.header too. */
static void list_from_headers(struct source *s, const struct foreign *f)
{
	for (size_t i = 0; i < f->n_boxes; i++) {
		struct foreign_box *box = &f->boxes[i];
		const struct buf *raw = foreign_box_raw(f, box, "cyrus.header");
		struct mailbox_header *h;
		struct mailbox_entry m = { 0 };

		if (raw == NULL ||
		    mailbox_header_parse((const uint8_t *)buf_text(raw), raw->len, &h, NULL) == -1)
			continue;
		m.name = box->name;
		m.type = h->type;
		m.partition = mem_strdup(*box->partition != '\0' ? box->partition : "default");
		m.uniqueid = h->uniqueid;
		m.uidvalidity = join_facts(f, box).uidvalidity;
		m.acl = h->acl;
		m.n_acl = h->n_acl;
		if (!box->uuid && cyrus_version_at_least(s->version, 3, 6))
			m.flags = MBTYPE_LEGACY_DIRS;
		mboxlist_add(s->list, &m);
		free(m.partition);
		mailbox_header_free(h);
	}
	mboxlist_sort(s->list);
}

/* ---- together ---- */

static struct source_box describe(const struct foreign *f, size_t place)
{
	const struct foreign_box *box = &f->boxes[place];
	struct foreign_facts facts = join_facts(f, box);
	struct source_box b = { .place = place,
		.box = { .name = box->name,
		    .uniqueid = box->uniqueid,
		    .partition = box->partition,
		    .uidvalidity = facts.uidvalidity,
		    .messages = facts.messages,
		    .unread = facts.unread,
		    .health = HEALTH_UNCHECKED } };
	size_t files = 0;

	for (uint32_t i = 0; i < box->n_dirs; i++) {
		b.box.bytes += f->dirs[box->dirs[i]].bytes;
		files += f->dirs[box->dirs[i]].n_uids;
	}
	if (!facts.has_index)
		b.box.messages = files < UINT32_MAX ? (uint32_t)files : UINT32_MAX;
	if (!facts.has_header || facts.bad_header || !facts.has_index || facts.bad_index ||
	    files < facts.messages)
		b.box.health = HEALTH_FINDINGS;
	return b;
}

/* Before 2.4 what the owner has read is in his seen database. */
static void count_unread(struct source *s, const struct foreign *f)
{
	for (size_t i = 0; i < s->n; i++) {
		const struct foreign_box *box =
		    s->places[i] != SOURCE_NO_PLACE ? &f->boxes[s->places[i]] : NULL;
		const struct buf *raw;
		struct foreign_facts facts;
		struct mailbox_index *ix;
		struct uidset seen;
		char *uids;

		if (box == NULL)
			continue;
		facts = join_facts(f, box);
		if (facts.minor == 0 || seen_is_in_index(facts.minor, facts.options, true) ||
		    (raw = foreign_box_raw(f, box, "cyrus.index")) == NULL ||
		    mailbox_index_parse((const uint8_t *)buf_text(raw), raw->len, &ix, NULL) == -1)
			continue;
		if ((uids = source_owner_seen(s, i, &ix->h, NULL)) != NULL) {
			uidset_parse(uids, &seen);
			for (size_t k = 0; k < ix->n; k++)
				s->boxes[i].unread += index_record_visible(&ix->records[k]) &&
						      !uidset_contains(&seen, ix->records[k].uid);
			uidset_done(&seen);
			free(uids);
		}
		mailbox_index_free(ix);
	}
}

void foreign_find_boxes(struct source *s, struct foreign *f)
{
	struct id_list ids;
	struct source_box *boxes;

	ids_build(s->list, &ids);
	find_listed(s, f);
	find_others(s, f, &ids);
	free(ids.rows);
	if (s->list->n == 0 && !f->live_copy)
		list_from_headers(s, f);
	boxes = mem_array(f->n_boxes + 1, sizeof *boxes);
	for (size_t i = 0; i < f->n_boxes; i++)
		boxes[i] = describe(f, i);
	source_merge(s, boxes, f->n_boxes);
	free(boxes);
	count_unread(s, f);
}
