/* plan_json.c: a plan as JSON, and two of them compared. */
#include "restore/plan_json.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/digest.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "cyrus/userdata.h"

#define FORMAT    "cyrvault-plan"
#define MAX_BYTES ((size_t)256 << 20)
/* Longer values are cut in a line of differences. */
#define SHOWN_MAX 100

const char *step_kind_name(enum step_kind k)
{
	static const char *const names[] = { [STEP_CLEAN] = "clean",
		[STEP_RENAME] = "rename",
		[STEP_FILES] = "files",
		[STEP_USER_FILES] = "user files",
		[STEP_QUOTA_ROOT] = "quota root",
		[STEP_ENTRIES] = "entries",
		[STEP_ACL] = "acl",
		[STEP_SEEN] = "seen",
		[STEP_SUBSCRIBE] = "subscribe",
		[STEP_ASIDE] = "aside",
		[STEP_CREATE] = "create",
		[STEP_CARRY] = "carry",
		[STEP_KEEP] = "keep",
		[STEP_FLAGS] = "flags",
		[STEP_READER] = "reader",
		[STEP_NOTES] = "notes",
		[STEP_QUOTA_LIMIT] = "quota limit",
		[STEP_SIEVE] = "sieve",
		[STEP_ANNOTATION] = "annotation",
		[STEP_APPEND] = "append",
		[STEP_RECONSTRUCT] = "reconstruct",
		[STEP_QUOTA_FIX] = "quota count",
		[STEP_PROVE] = "prove" };

	return names[k];
}

/* ---- writing ---- */

static void set_uids(json_t *o, const char *key, const uint32_t *uids, size_t n)
{
	struct buf b = BUF_INIT;

	uidset_put(&b, uids, n);
	json_set_name(o, key, buf_text(&b));
	buf_done(&b);
}

static void add_merge(json_t *o, const struct restore_merge *m)
{
	uint32_t *uids = mem_array(m->n + 1, sizeof *uids);
	size_t n = 0;

	for (size_t i = 0; i < m->n; i++)
		if (m->append[i])
			uids[n++] = m->archive[i].uid;
	json_set_number(o, "append", m->n_append);
	json_set_number(o, "archived", m->n);
	json_set_number(o, "present", m->same + m->flags);
	json_set_number(o, "other_flags", m->flags);
	json_set_number(o, "only_live", m->only_live);
	json_set_number(o, "moved", m->moved);
	json_set_number(o, "expunged", m->kept);
	json_set_number(o, "in_deleted", m->in_deleted);
	json_set_number(o, "lacking", m->lacking);
	json_set_flag(o, "recreated", m->recreated);
	json_set_flag(o, "keep_uids", m->keep);
	set_uids(o, "append_uids", uids, n);
	free(uids);
}

static json_t *live_json(const struct item_live *l)
{
	json_t *o;

	if (!l->there)
		return json_null();
	o = json_object();
	json_set_name(o, "uniqueid", l->uniqueid);
	json_set_number(o, "uidvalidity", l->uidvalidity);
	json_set_number(o, "uidnext", l->uidnext);
	json_set_number(o, "highestmodseq", l->modseq);
	json_set_number(o, "messages", l->messages);
	return o;
}

json_t *restore_item_json(const struct restore_plan *p, size_t i)
{
	const struct restore_item *item = &p->items[i];
	json_t *o = json_object(), *missing;

	json_set_name(o, "internal", item->name);
	json_set_name(o, "archived_as", source_mailbox(p->source, item->source_index)->name);
	json_set_name(o, "state", mailbox_state_name(item->state));
	json_set_name(o, "why", item->why);
	json_set_name(o, "uniqueid", item->entry.uniqueid);
	json_set_number(o, "uidvalidity", item->entry.uidvalidity);
	json_object_set_new(o, "live", live_json(&item->live));
	json_set_number(o, "messages", item->messages);
	json_set_number(o, "bytes", item->bytes);
	json_set_flag(o, "whole", item->whole);
	json_set_name(o, "deleted_name", item->deleted_name);
	json_set_name(o, "aside_name", item->aside_name);
	json_set_flag(o, "unfinished", item->unfinished);
	if (item->n_missing > 0) {
		missing = json_array();
		for (size_t k = 0; k < item->n_missing; k++)
			json_array_append_new(missing, json_integer(item->missing[k]));
		json_object_set_new(o, "missing_uids", missing);
	}
	if (item->merge != NULL)
		add_merge(o, item->merge);
	json_set_name(o, "quota_root", item->quota_root);
	json_set_number(o, "quota_bytes", item->quota_bytes);
	json_set_number(o, "quota_messages", item->quota_messages);
	return o;
}

json_t *restore_step_json(const struct restore_plan *p, size_t i)
{
	const struct restore_step *s = &p->steps[i];
	json_t *o = json_object();

	json_set_number(o, "number", i + 1);
	json_set_name(o, "kind", step_kind_name(s->kind));
	json_set_name(o, "mailbox", s->item != (size_t)-1 ? p->items[s->item].name : NULL);
	json_set_name(o, "of", s->detail);
	json_set_name(o, "entry", s->entry);
	json_set_name(o, "value", s->kind == STEP_ANNOTATION ? NULL : s->value);
	json_set_name(o, "words", s->words);
	json_set_name(o, "command", s->command);
	return o;
}

/* What tells this archive from another one of the same name. */
static json_t *archive_json(const struct restore_plan *p, const char *word, struct err *e)
{
	json_t *o = json_object();
	struct store_object object = { 0 };
	struct buf text = BUF_INIT, hex = BUF_INIT;
	uint8_t sum[SHA256_SIZE];
	struct digest *d;

	json_set_name(o, "word", word);
	json_set_name(o, "name", source_name(p->source));
	if (p->store == NULL)
		return o;
	if (store_stat(p->store, source_name(p->source), &object, e) == -1) {
		json_decref(o);
		return NULL;
	}
	json_set_number(o, "bytes", object.size_bytes);
	if (source_archive(p->source) == NULL) {
		json_set_number(o, "modified", (uint64_t)object.mtime);
	} else if (source_text(p->source, "archive.json", &text, NULL) == 0) {
		d = digest_new(DIGEST_SHA256);
		digest_add(d, buf_text(&text), text.len);
		digest_end(d, sum);
		digest_free(d);
		str_hex(&hex, sum, sizeof sum);
		json_set_name(o, "sha256_of_description", buf_text(&hex));
	}
	buf_done(&text);
	buf_done(&hex);
	return o;
}

static bool is_of_moment(const struct restore_plan *p, size_t note)
{
	for (size_t i = 0; i < p->n_moments; i++)
		if (p->moments[i] == note)
			return true;
	return false;
}

json_t *restore_plan_json(
    const struct restore_plan *p, const char *server, const char *archive, struct err *e)
{
	json_t *o = json_object(), *items = json_array(), *steps = json_array(), *notes = json_array();
	json_t *connected = json_array(), *a = archive_json(p, archive, e);

	for (size_t i = 0; i < p->n_items; i++)
		json_array_append_new(items, restore_item_json(p, i));
	for (size_t i = 0; i < p->n_steps; i++)
		json_array_append_new(steps, restore_step_json(p, i));
	for (size_t i = 0; i < p->n_notes; i++)
		json_array_append_new(is_of_moment(p, i) ? connected : notes, json_name(p->notes[i]));
	json_set_name(o, "format", FORMAT);
	json_set_number(o, "version", 1);
	json_set_name(o, "server", server);
	json_set_number(o, "made", (uint64_t)clock_now());
	json_object_set_new(o, "archive", a != NULL ? a : json_null());
	json_object_set_new(o, "request", restore_request_write(&p->request));
	json_set_number(o, "refused", p->n_refused);
	json_set_number(o, "bytes", p->bytes);
	json_object_set_new(o, "mailboxes", items);
	json_object_set_new(o, "steps", steps);
	json_object_set_new(o, "notes", notes);
	json_object_set_new(o, "connected", connected);
	if (a != NULL)
		return o;
	json_decref(o);
	return NULL;
}

/* ---- reading ---- */

void restore_plan_file_done(struct restore_plan_file *f)
{
	free(f->server);
	free(f->archive);
	restore_request_done(&f->request);
	json_decref(f->plan);
	*f = (struct restore_plan_file){ 0 };
}

static int read_plan(struct restore_plan_file *ret, struct err *e)
{
	const char *format = json_string_value(json_object_get(ret->plan, "format"));
	uint64_t version;

	if (format == NULL || strcmp(format, FORMAT) != 0 ||
	    json_get_number(ret->plan, "version", INT32_MAX, &version) == -1)
		return err_set(e, ERR_FORMAT, "it is no plan (cyrvault restore --plan-out writes one)");
	if (version != 1)
		return err_set(e, ERR_UNSUPPORTED, "a later version of cyrvault has written it");
	ret->server = json_name_get(json_object_get(ret->plan, "server"));
	ret->archive = json_name_get(json_object_get(json_object_get(ret->plan, "archive"), "word"));
	if (ret->server == NULL || ret->archive == NULL || *ret->archive == '\0')
		return err_set(e, ERR_FORMAT, "it does not say of which server and archive");
	return restore_request_read(json_object_get(ret->plan, "request"), &ret->request, e);
}

int restore_plan_file_read(const char *path, struct restore_plan_file *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc = -1;

	*ret = (struct restore_plan_file){ 0 };
	if (io_read_file(AT_FDCWD, path, MAX_BYTES, &b, e) == 0 &&
	    (ret->plan = json_parse(b.data != NULL ? b.data : "", b.len, path, e)) != NULL)
		rc = read_plan(ret, e) == -1 ? err_wrap(e, "%s", path) : 0;
	buf_done(&b);
	if (rc == -1)
		restore_plan_file_done(ret);
	return rc;
}

/* ---- two of them ---- */

struct comparing {
	void (*each)(void *arg, const char *line);
	void *arg;
	size_t n;
};

static void put_value(struct buf *b, const json_t *v)
{
	char *text = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_PRESERVE_ORDER) : NULL;
	size_t n = text != NULL ? strlen(text) : 0;

	if (text == NULL)
		buf_str(b, "nothing");
	else
		str_safe_buf(b, text, n < SHOWN_MAX ? n : SHOWN_MAX);
	if (n > SHOWN_MAX)
		buf_str(b, "...");
	free(text);
}

static void differs(struct comparing *c, const char *path, const json_t *was, const json_t *is)
{
	struct buf b = BUF_INIT;

	str_safe_buf(&b, path, strlen(path));
	buf_str(&b, ": ");
	put_value(&b, was);
	buf_str(&b, " -> ");
	put_value(&b, is);
	c->n++;
	c->each(c->arg, buf_text(&b));
	buf_done(&b);
}

static void compare(struct comparing *c, const char *path, const json_t *was, const json_t *is);

static void compare_objects(struct comparing *c, const char *path, const json_t *was, const json_t *is)
{
	const char *key;
	json_t *v;

	/* Only read; jansson's loop wants it so. */
	json_object_foreach((json_t *)(uintptr_t)was, key, v)
	{
		char *below = mem_printf("%s%s%s", path, *path != '\0' ? "." : "", key);

		compare(c, below, v, json_object_get(is, key));
		free(below);
	}
	json_object_foreach((json_t *)(uintptr_t)is, key, v) if (json_object_get(was, key) == NULL)
	{
		char *below = mem_printf("%s%s%s", path, *path != '\0' ? "." : "", key);

		compare(c, below, NULL, v);
		free(below);
	}
}

/* What a list's member is about: a mailbox's name, a step's words, a note itself; NULL: none of these. */
static const char *about(const json_t *v)
{
	const char *name = json_string_value(json_object_get(v, "internal"));

	if (json_is_string(v))
		return json_string_value(v);
	return name != NULL ? name : json_string_value(json_object_get(v, "words"));
}

static const json_t *find_about(const json_t *list, const char *name)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *other = about(json_array_get(list, i));

		if (other != NULL && strcmp(other, name) == 0)
			return json_array_get(list, i);
	}
	return NULL;
}

static bool all_named(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (about(json_array_get(list, i)) == NULL)
			return false;
	return true;
}

/* Members are told apart by what they are about: one more is one difference. */
static void compare_named(struct comparing *c, const char *path, const json_t *was, const json_t *is)
{
	size_t before = c->n;

	for (size_t i = 0; i < json_array_size(was); i++) {
		const json_t *v = json_array_get(was, i);
		const json_t *other = find_about(is, about(v));
		char *below = mem_printf("%s[%s]", path, about(v));

		if (other == NULL)
			differs(c, path, v, NULL);
		else
			compare(c, below, v, other);
		free(below);
	}
	for (size_t i = 0; i < json_array_size(is); i++)
		if (find_about(was, about(json_array_get(is, i))) == NULL)
			differs(c, path, NULL, json_array_get(is, i));
	/* In another order, or one of them more often. */
	if (c->n == before && !json_equal(was, is))
		differs(c, path, was, is);
}

static void compare(struct comparing *c, const char *path, const json_t *was, const json_t *is)
{
	if (strcmp(path, "made") == 0 || strcmp(path, "connected") == 0 || json_equal(was, is))
		return;
	if (json_is_object(was) && json_is_object(is))
		compare_objects(c, path, was, is);
	else if (json_is_array(was) && json_is_array(is) && all_named(was) && all_named(is))
		compare_named(c, path, was, is);
	else
		differs(c, path, was, is);
}

size_t restore_plan_compare(
    const json_t *was, const json_t *is, void (*each)(void *arg, const char *line), void *arg)
{
	struct comparing c = { each, arg, 0 };

	compare(&c, "", was, is);
	return c.n;
}
