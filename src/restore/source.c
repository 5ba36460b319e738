/* source.c: what both kinds of source share: opening, the list of mailboxes, one mailbox's index and messages. */
#include "restore/source.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/source_impl.h"

void source_find_when(struct source *s)
{
	struct store_object o;

	for (const char *p = s->name; *p != '\0' && s->when == 0; p++)
		if (strlen(p) >= 16 && clock_parse_stamp(p, &s->when) == -1)
			s->when = 0;
	if (s->when == 0 && store_stat(s->store, s->name, &o, NULL) == 0)
		s->when = o.mtime;
}

static int see_foreign(struct source *s, struct err *e)
{
	s->units_only = false;
	s->ops = &source_foreign;
	return source_open_foreign(s, e) == -1 ? err_wrap(e, "archive %s", s->name) : 0;
}

static int see(struct archive *a, struct source *s, struct err *e)
{
	if (archive_get_kind(a) == ARCHIVE_FOREIGN) {
		archive_close(a);
		return see_foreign(s, e);
	}
	s->archive = a;
	s->ops = &source_ours;
	return source_open_ours(s, e) == -1 ? err_wrap(e, "archive %s", s->name) : 0;
}

static struct source *new_source(struct store *store, const char *name, const struct source_opts *o)
{
	struct source *s = mem_alloc(sizeof *s);

	s->store = store;
	s->name = mem_strdup(name);
	s->job = o->job;
	s->json_unit = s->conf_unit = SOURCE_NO_PLACE;
	s->units_only = o->units || o->mailbox != NULL;
	if (o->memory != NULL)
		s->memory = *o->memory;
	s->has_memory = o->memory != NULL;
	return s;
}

/* Whose files are asked for as well. */
struct wanted {
	const char *mailbox;
	char *user; /* or NULL */
};

static bool is_wanted(void *arg, const struct unit_info *u)
{
	const struct wanted *w = arg;

	switch (u->kind) {
	case UNIT_MAILBOX: return strcmp(u->name, w->mailbox) == 0;
	case UNIT_USER: return w->user != NULL && strcmp(u->name, w->user) == 0;
	case UNIT_ORPHAN: return false;
	default: return true;
	}
}

static bool has_left_out(const struct archive *a)
{
	for (size_t i = 0; i < archive_n_units(a); i++)
		if (archive_unit(a, i)->kind == UNIT_LEFT_OUT)
			return true;
	return false;
}

static int open_archive(struct source *s, const struct source_opts *o, struct archive **ret, struct err *e)
{
	struct source_watching watching = { s, o->watch, o->arg };
	struct wanted w = { o->mailbox, o->mailbox != NULL ? mboxname_user(o->mailbox) : NULL };
	int rc;

	if (o->mailbox != NULL)
		rc = archive_open_picked(
		    s->store, s->name, s->job, &(struct archive_pick){ is_wanted, &w, o->many }, ret, e);
	else
		rc = archive_open_watched(s->store, s->name, s->job,
		    o->watch != NULL ? source_ours_watch : NULL, &watching, ret, e);
	free(w.user);
	if (rc == 0 && o->mailbox != NULL && archive_get_kind(*ret) == ARCHIVE_OURS && has_left_out(*ret))
		s->only = mem_strdup(o->mailbox);
	return rc;
}

static int open_source(struct source *s, const struct source_opts *o, struct err *e)
{
	struct archive *a;
	int known = 0;

	/* One that is known to be foreign is not looked at for what it is. */
	if (s->has_memory)
		known = foreign_index_open(s->store, s->name, s->job, &s->memory, &s->index, e);
	if (known == -1)
		return -1;
	if (known == 0)
		return open_archive(s, o, &a, e) == -1 ? -1 : see(a, s, e);
	return see_foreign(s, e);
}

int source_open_as(
    struct store *store, const char *name, const struct source_opts *o, struct source **ret, struct err *e)
{
	struct source *s = new_source(store, name, o);

	*ret = NULL;
	if (open_source(s, o, e) == -1) {
		source_close(s);
		return -1;
	}
	*ret = s;
	return 0;
}

int source_open(struct store *store, const char *name, struct job *job, struct source **ret, struct err *e)
{
	return source_open_as(store, name, &(struct source_opts){ .job = job }, ret, e);
}

int source_open_units(struct store *store, const char *name, struct job *job, source_watch_fn *watch,
    void *arg, struct source **ret, struct err *e)
{
	return source_open_as(store, name,
	    &(struct source_opts){ .job = job, .units = true, .watch = watch, .arg = arg }, ret, e);
}

int source_open_mailbox(struct store *store, const char *name, const char *mailbox, size_t many,
    struct job *job, struct source **ret, struct err *e)
{
	return source_open_as(
	    store, name, &(struct source_opts){ .job = job, .mailbox = mailbox, .many = many }, ret, e);
}

const char *source_only(const struct source *s)
{
	return s->only;
}

bool source_is_whole(const struct source *s)
{
	return !s->units_only;
}

void source_set_job(struct source *s, struct job *job)
{
	s->job = job;
	if (s->store != NULL)
		store_set_job(s->store, job);
	if (s->archive != NULL)
		archive_set_job(s->archive, job);
}

int source_each_listed(struct source *s,
    int (*each)(void *arg, const struct mailbox_entry *entry, struct err *e), void *arg, struct err *e)
{
	if (s->units_only)
		return s->ops->each_listed(s, each, arg, e);
	for (size_t i = 0; i < s->n; i++)
		if (!s->boxes[i].has_files && s->boxes[i].entry != NULL &&
		    each(arg, s->boxes[i].entry, e) == -1)
			return -1;
	return 0;
}

void source_close(struct source *s)
{
	if (s == NULL)
		return;
	source_cache_free(s->cache);
	if (s->ctx != NULL)
		s->ops->close(s);
	archive_close(s->archive);
	foreign_index_close(s->index);
	if (s->has_memory && s->memory.close != NULL)
		s->memory.close(s->memory.arg);
	imapd_conf_free(s->conf);
	mboxlist_free(s->list);
	for (size_t i = 0; i < s->n_archive_roots; i++)
		free(s->archive_roots[i]);
	free(s->archive_roots);
	free(s->boxes);
	free(s->places);
	free(s->only);
	free(s->name);
	free(s);
}

enum archive_kind source_kind(const struct source *s)
{
	return s->archive != NULL ? ARCHIVE_OURS : ARCHIVE_FOREIGN;
}

struct archive *source_archive(const struct source *s)
{
	return s->archive;
}

const char *source_name(const struct source *s)
{
	return s->name;
}

const struct imapd_conf *source_conf(const struct source *s)
{
	return s->conf;
}

struct cyrus_version source_version(const struct source *s)
{
	return s->version;
}

const struct mboxlist *source_list(const struct source *s)
{
	return s->list;
}

int64_t source_when(const struct source *s)
{
	return s->when;
}

int source_text(struct source *s, const char *which, struct buf *b, struct err *e)
{
	return s->ops->text(s, which, b, e);
}

uint64_t source_bytes_fetched(const struct source *s)
{
	if (s->archive != NULL)
		return archive_bytes_fetched(s->archive);
	return s->index != NULL ? foreign_index_fetched(s->index) : 0;
}

size_t source_n(const struct source *s)
{
	return s->n;
}

const struct source_mailbox *source_mailbox(const struct source *s, size_t i)
{
	return &s->boxes[i];
}

size_t source_find(const struct source *s, const char *internal)
{
	size_t lo = 0, hi = s->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(s->boxes[mid].name, internal);

		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (size_t)-1;
}

size_t source_unit(const struct source *s, size_t i)
{
	return s->archive != NULL ? s->places[i] : SOURCE_NO_PLACE;
}

/* The list of mailboxes: directories joined with mailboxes.txt. */

static int box_cmp(const void *pa, const void *pb)
{
	const struct source_box *a = pa, *b = pb;
	int c = strcmp(a->box.name, b->box.name);

	/* qsort is not stable, and the first of equals must stay first. */
	return c != 0 ? c : (a->place > b->place) - (a->place < b->place);
}

static bool is_deleted(const struct source *s, const char *name)
{
	const char *bang = strchr(name, '!');

	if (s->conf != NULL)
		return mboxname_is_deleted(s->conf, name);
	return str_starts(bang != NULL ? bang + 1 : name, "DELETED.");
}

static void merge_one(struct source *s, const struct source_box *box, struct mailbox_entry *entry)
{
	struct source_mailbox *to = &s->boxes[s->n];

	if (box != NULL) {
		*to = box->box;
		to->has_files = true;
		s->places[s->n] = box->place;
	} else {
		to->name = entry->name;
		to->health = HEALTH_UNCHECKED;
		s->places[s->n] = SOURCE_NO_PLACE;
	}
	if (entry != NULL && !(entry->flags & MBTYPE_DELETED)) {
		/* Text of 2.x to 3.4 does not carry what the directory knows. */
		if ((entry->uniqueid == NULL || *entry->uniqueid == '\0') && to->uniqueid != NULL &&
		    *to->uniqueid != '\0') {
			free(entry->uniqueid);
			entry->uniqueid = mem_strdup(to->uniqueid);
		}
		if (entry->uidvalidity == 0)
			entry->uidvalidity = to->uidvalidity;
		to->entry = entry;
		if (to->uniqueid == NULL || *to->uniqueid == '\0')
			to->uniqueid = entry->uniqueid;
		if (to->partition == NULL || *to->partition == '\0')
			to->partition = entry->partition;
		if (to->uidvalidity == 0)
			to->uidvalidity = entry->uidvalidity;
	}
	if (to->uniqueid == NULL)
		to->uniqueid = "";
	if (to->partition == NULL)
		to->partition = "";
	to->deleted = is_deleted(s, to->name);
	s->n++;
}

void source_merge(struct source *s, struct source_box *boxes, size_t n)
{
	size_t i = 0, k = 0;

	for (size_t j = 1; j < n; j++)
		if (box_cmp(&boxes[j - 1], &boxes[j]) > 0) {
			qsort(boxes, n, sizeof *boxes, box_cmp);
			break;
		}
	s->boxes = mem_array(n + s->list->n + 1, sizeof *s->boxes);
	s->places = mem_array(n + s->list->n + 1, sizeof *s->places);
	while (i < n || k < s->list->n) {
		struct mailbox_entry *entry = k < s->list->n ? &s->list->entries[k] : NULL;
		int c = i == n ? 1 : entry == NULL ? -1 : strcmp(boxes[i].box.name, entry->name);

		if (s->n > 0 && i < n && strcmp(boxes[i].box.name, s->boxes[s->n - 1].name) == 0) {
			log_write(LOG_LEVEL_WARNING,
			    "archive %s: a second directory of mailbox %s is left aside", s->name,
			    boxes[i].box.name);
			i++;
		} else if (c < 0) {
			merge_one(s, &boxes[i++], NULL);
		} else if (c == 0) {
			merge_one(s, &boxes[i++], entry);
			k++;
		} else {
			if (mailbox_entry_has_directory(entry) &&
			    (s->n == 0 || strcmp(entry->name, s->boxes[s->n - 1].name) != 0))
				merge_one(s, NULL, entry);
			k++;
		}
	}
}

/* Files of a mailbox. */

const char *source_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

uint32_t source_message_uid(const char *base)
{
	uint64_t uid = 0;
	const char *p = base;

	if (*p < '1' || *p > '9')
		return 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		uid = uid * 10 + (uint64_t)(*p - '0');
		if (uid > UINT32_MAX)
			return 0;
	}
	return p[0] == '.' && p[1] == '\0' ? (uint32_t)uid : 0;
}

enum file_role source_role_of(const char *base)
{
	static const struct {
		const char *name;
		enum file_role role;
	} names[] = {
		{ "cyrus.header", ROLE_HEADER },
		{ "cyrus.index", ROLE_INDEX },
		{ "cyrus.cache", ROLE_CACHE },
		{ "cyrus.expunge", ROLE_EXPUNGE },
		{ "cyrus.annotations", ROLE_ANNOTATIONS },
	};

	if (source_message_uid(base) != 0)
		return ROLE_MESSAGE;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(base, names[i].name) == 0)
			return names[i].role;
	return ROLE_MAILBOX_OTHER;
}

bool source_on_archive_partition(const struct source *s, const char *path)
{
	for (size_t i = 0; i < s->n_archive_roots; i++) {
		size_t n = strlen(s->archive_roots[i]);

		if (strncmp(path, s->archive_roots[i], n) == 0 && path[n] == '/')
			return true;
	}
	return false;
}

static int parts_begin(
    void *arg, const struct archive_file *file, const struct entry_meta *meta, struct err *e)
{
	struct source_parts_arg *a = arg;
	struct source_parts *p = a->p;
	uint64_t max = SOURCE_INDEX_MAX;

	a->to = NULL;
	switch (file->role) {
	case ROLE_HEADER: a->to = &p->header, a->has = &p->has_header, max = SOURCE_SMALL_MAX; break;
	case ROLE_INDEX: a->to = &p->index, a->has = &p->has_index; break;
	case ROLE_EXPUNGE: a->to = &p->expunge, a->has = &p->has_expunge; break;
	case ROLE_CACHE:
		if (a->with_cache && p->cache.len == 0)
			a->to = &p->cache, a->has = NULL, max = SOURCE_CACHE_MAX;
		break;
	default: break;
	}
	/* An archive partition has a cache of its own beside that of the spool, under the same name. */
	if (a->to == NULL || source_on_archive_partition(a->s, file->path))
		return 0;
	if (file->size > max) {
		if (file->role == ROLE_CACHE)
			return 0; /* only a convenience: the messages say the same */
		return err_set(e, ERR_UNSUPPORTED, "%s has %llu bytes, more than the %llu this program reads",
		    file->path, (unsigned long long)file->size, (unsigned long long)max);
	}
	if (meta != NULL)
		buf_clear(a->to);
	return 1;
}

static int parts_data(void *arg, const void *p, size_t n, struct err *e)
{
	struct source_parts_arg *a = arg;

	if (n > SOURCE_CACHE_MAX - a->to->len)
		return err_set(e, ERR_DAMAGE, "a file is longer than its entry says");
	buf_add(a->to, p, n);
	return 0;
}

static int parts_end(void *arg, struct err *e)
{
	struct source_parts_arg *a = arg;

	(void)e;
	if (a->has != NULL)
		*a->has = true;
	return 0;
}

static void parts_abort(void *arg)
{
	struct source_parts_arg *a = arg;

	buf_clear(a->to);
}

void source_parts_sink(struct source *s, bool with_cache, struct source_parts *p, struct file_sink *sink,
    struct source_parts_arg *arg)
{
	*arg = (struct source_parts_arg){ .s = s, .p = p, .with_cache = with_cache };
	*sink = (struct file_sink){
		.arg = arg, .begin = parts_begin, .data = parts_data, .end = parts_end, .abort = parts_abort
	};
}

void source_parts_add_uid(struct source_parts *p, uint32_t uid)
{
	p->uids = mem_grow(p->uids, &p->cap_uids, p->n_uids + 1, sizeof *p->uids);
	p->uids[p->n_uids++] = uid;
}

void source_parts_done(struct source_parts *p)
{
	buf_done(&p->header);
	buf_done(&p->index);
	buf_done(&p->expunge);
	buf_done(&p->cache);
	free(p->uids);
}

/* One mailbox. */

static int uid_cmp(const void *pa, const void *pb)
{
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;

	return (a > b) - (a < b);
}

/* A header that is gone must not hide the messages: flag names and rights are all that is lost with it. */
static struct mailbox_header *empty_header(const struct source_mailbox *box)
{
	struct mailbox_header *h = mem_alloc(sizeof *h);

	h->uniqueid = mem_strdup(box->uniqueid);
	h->type = 'e';
	return h;
}

static int load_parts(
    struct source *s, size_t i, const struct source_parts *p, struct source_messages *m, struct err *e)
{
	const struct source_mailbox *box = &s->boxes[i];
	struct err why;

	if (!p->has_index) {
		err_set(e, ERR_DAMAGE, "%s no cyrus.index of %s",
		    source_is_live(s) ? "the server has" : "the archive holds", box->name);
		return err_hint(e, "its message files can still be taken out with cyrvault export");
	}
	if (mailbox_index_parse((const uint8_t *)buf_text(&p->index), p->index.len, &m->index, e) == -1)
		return err_wrap(e, "cyrus.index of %s", box->name);
	if (!p->has_header)
		m->header = empty_header(box);
	else if (mailbox_header_parse((const uint8_t *)buf_text(&p->header), p->header.len, &m->header, e) ==
		 -1)
		return err_wrap(e, "cyrus.header of %s", box->name);
	/* What was already expunged is no reason to refuse what was not. */
	if (p->has_expunge && p->expunge.len > 0 &&
	    mailbox_index_parse((const uint8_t *)buf_text(&p->expunge), p->expunge.len, &m->expunged, &why) ==
		-1)
		log_write(
		    LOG_LEVEL_WARNING, "archive %s: cyrus.expunge of %s: %s", s->name, box->name, why.msg);
	if (seen_is_in_index(m->index->h.minor, m->index->h.options, true))
		return 0;
	if ((m->owner_seen = source_owner_seen(s, i, &m->index->h, e)) == NULL)
		return -1;
	uidset_parse(m->owner_seen, &m->seen_set);
	return 0;
}

int source_load(struct source *s, size_t i, bool with_cache, struct source_messages **ret, struct err *e)
{
	struct source_messages *m = mem_alloc(sizeof *m);
	struct source_parts p = { 0 };
	int rc = -1;

	*ret = NULL;
	if (!s->boxes[i].has_files)
		err_set(e, ERR_NOT_FOUND, "the archive lists mailbox %s, but holds no directory of it",
		    s->boxes[i].name);
	else if (s->ops->parts(s, i, with_cache, &p, e) == 0)
		rc = load_parts(s, i, &p, m, e);
	if (rc == 0) {
		if (p.n_uids > 1)
			qsort(p.uids, p.n_uids, sizeof *p.uids, uid_cmp);
		for (size_t k = 0; k < p.n_uids; k++)
			if (m->n_uids == 0 || p.uids[m->n_uids - 1] != p.uids[k])
				p.uids[m->n_uids++] = p.uids[k];
		m->uids = p.uids;
		p.uids = NULL;
		m->cache = p.cache;
		p.cache = (struct buf)BUF_INIT;
		*ret = m;
	} else {
		source_messages_free(m);
	}
	source_parts_done(&p);
	return rc;
}

void source_messages_free(struct source_messages *m)
{
	if (m == NULL)
		return;
	mailbox_header_free(m->header);
	mailbox_index_free(m->index);
	mailbox_index_free(m->expunged);
	buf_done(&m->cache);
	free(m->owner_seen);
	uidset_done(&m->seen_set);
	free(m->uids);
	free(m);
}

bool source_seen_flag(const struct source_messages *m, const struct index_record *r)
{
	if (m->owner_seen != NULL)
		return uidset_contains(&m->seen_set, r->uid);
	return (r->flags & FLAG_SEEN) != 0;
}

int source_read_message(
    struct source *s, size_t i, uint32_t uid, size_t max_bytes, struct buf *b, struct err *e)
{
	if (!s->boxes[i].has_files)
		return err_set(
		    e, ERR_NOT_FOUND, "the archive holds no directory of mailbox %s", s->boxes[i].name);
	if (s->ops->read_message(s, i, uid, max_bytes, b, e) == -1)
		return err_wrap(e, "message %u of %s", uid, s->boxes[i].name);
	return 0;
}

int source_extract(struct source *s, size_t i, const struct file_sink *sink, struct err *e)
{
	if (!s->boxes[i].has_files)
		return err_set(
		    e, ERR_NOT_FOUND, "the archive holds no directory of mailbox %s", s->boxes[i].name);
	return s->ops->extract(s, i, sink, e);
}

int source_extract_user(struct source *s, const char *userid, const struct file_sink *sink, struct err *e)
{
	return s->ops->extract_user(s, userid, sink, e);
}
