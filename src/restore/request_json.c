/* request_json.c: what is asked for as JSON, and back. What is read may have been written by anybody. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/mboxname.h"
#include "restore/json.h"

/* No command line is longer. */
#define NAMES_MAX  1000000
#define RANGES_MAX 1000000
#define USERID_MAX 255

static const char *const what_names[] = { "flags", "seen", "subscriptions", "acl", "annotations", "sieve",
	"quota" };
#define N_WHAT (sizeof what_names / sizeof what_names[0])

/* ---- writing ---- */

static json_t *write_picks(const struct restore_request *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_picks; i++) {
		json_t *pick = json_object(), *ranges = json_array();

		for (size_t k = 0; k < r->picks[i].n_ranges; k++) {
			json_t *range = json_array();

			json_array_append_new(range, json_integer(r->picks[i].ranges[k].first));
			json_array_append_new(range, json_integer(r->picks[i].ranges[k].last));
			json_array_append_new(ranges, range);
		}
		json_set_name(pick, "mailbox", r->picks[i].mailbox);
		json_object_set_new(pick, "uids", ranges);
		json_array_append_new(list, pick);
	}
	return list;
}

json_t *restore_request_write(const struct restore_request *r)
{
	json_t *v = json_object(), *mailboxes = json_array(), *what = json_array();

	for (size_t i = 0; i < r->n_mailboxes; i++)
		json_array_append_new(mailboxes, json_name(r->mailboxes[i]));
	for (size_t i = 0; i < N_WHAT; i++)
		if (r->what & 1u << i)
			json_array_append_new(what, json_string(what_names[i]));
	json_set_name(v, "user", r->user);
	json_object_set_new(v, "mailboxes", mailboxes);
	json_set_flag(v, "recursive", r->recursive);
	json_object_set_new(v, "messages", write_picks(r));
	json_set_flag(v, "expunged", r->expunged);
	json_set_name(v, "mode", restore_mode_name(r->mode));
	json_object_set_new(v, "what", what);
	json_set_name(v, "into", r->into);
	json_set_name(v, "to_user", r->to_user);
	json_set_name(v, "mark", r->mark);
	json_set_flag(v, "moved", r->moved);
	return v;
}

bool restore_request_same(const struct restore_request *a, const struct restore_request *b)
{
	json_t *x = restore_request_write(a), *y = restore_request_write(b);
	bool same = json_equal(x, y);

	json_decref(x);
	json_decref(y);
	return same;
}

/* ---- reading ---- */

static int wrong(struct err *e, const char *key)
{
	return err_set(e, ERR_FORMAT, "the request's \"%s\" is not what it can be", key);
}

/* ${*ret} NULL where it is null or not there. */
static int read_name(const json_t *v, const char *key, const char **ret, struct err *e)
{
	const json_t *m = json_object_get(v, key);

	if (m == NULL || json_is_null(m))
		return 0;
	*ret = json_name_get(m);
	return *ret != NULL ? 0 : wrong(e, key);
}

static int read_mailbox_name(const json_t *v, const char *key, const char **ret, struct err *e)
{
	if (read_name(v, key, ret, e) == -1)
		return -1;
	return *ret == NULL || mboxname_valid(*ret) ? 0 : wrong(e, key);
}

static int read_user(const json_t *v, const char *key, const char **ret, struct err *e)
{
	if (read_name(v, key, ret, e) == -1)
		return -1;
	if (*ret == NULL)
		return 0;
	for (const char *s = *ret; *s != '\0'; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || *s == '/')
			return wrong(e, key);
	return **ret != '\0' && strlen(*ret) <= USERID_MAX ? 0 : wrong(e, key);
}

static int read_flag(const json_t *v, const char *key, bool *ret, struct err *e)
{
	const json_t *m = json_object_get(v, key);

	*ret = json_is_true(m);
	return m == NULL || json_is_boolean(m) ? 0 : wrong(e, key);
}

static int read_mailboxes(const json_t *v, struct restore_request *ret, struct err *e)
{
	const json_t *list = json_object_get(v, "mailboxes");
	size_t n = json_array_size(list);
	const char **names;

	if ((list != NULL && !json_is_array(list)) || n > NAMES_MAX)
		return wrong(e, "mailboxes");
	names = mem_array(n + 1, sizeof *names);
	ret->mailboxes = names;
	for (size_t i = 0; i < n; i++) {
		names[i] = json_name_get(json_array_get(list, i));
		if (names[i] == NULL)
			return wrong(e, "mailboxes");
		ret->n_mailboxes++;
		if (!mboxname_valid(names[i]))
			return wrong(e, "mailboxes");
	}
	return 0;
}

static bool read_range(const json_t *v, struct export_range *ret)
{
	json_int_t first = json_integer_value(json_array_get(v, 0)),
		   last = json_integer_value(json_array_get(v, 1));

	*ret = (struct export_range){ (uint32_t)first, (uint32_t)last };
	return json_array_size(v) == 2 && first > 0 && first <= last && last <= UINT32_MAX;
}

static int read_pick(const json_t *v, struct restore_pick *ret, struct err *e)
{
	const json_t *list = json_object_get(v, "uids");
	size_t n = json_array_size(list);
	struct export_range *ranges;

	if (!json_is_array(list) || n > RANGES_MAX || read_mailbox_name(v, "mailbox", &ret->mailbox, e) == -1)
		return wrong(e, "messages");
	ranges = mem_array(n + 1, sizeof *ranges);
	ret->ranges = ranges;
	ret->n_ranges = n;
	for (size_t i = 0; i < n; i++)
		if (!read_range(json_array_get(list, i), &ranges[i]))
			return wrong(e, "messages");
	return ret->mailbox != NULL ? 0 : wrong(e, "messages");
}

static int read_picks(const json_t *v, struct restore_request *ret, struct err *e)
{
	const json_t *list = json_object_get(v, "messages");
	size_t n = json_array_size(list);
	struct restore_pick *picks;

	if ((list != NULL && !json_is_array(list)) || n > NAMES_MAX)
		return wrong(e, "messages");
	picks = mem_array(n + 1, sizeof *picks);
	ret->picks = picks;
	for (size_t i = 0; i < n; i++) {
		ret->n_picks++;
		if (read_pick(json_array_get(list, i), &picks[i], e) == -1)
			return -1;
	}
	return 0;
}

static int read_what(const json_t *v, unsigned *ret, struct err *e)
{
	const json_t *list = json_object_get(v, "what");

	if (list != NULL && !json_is_array(list))
		return wrong(e, "what");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *word = json_string_value(json_array_get(list, i));
		size_t k = 0;

		while (k < N_WHAT && (word == NULL || strcmp(word, what_names[k]) != 0))
			k++;
		if (k == N_WHAT)
			return wrong(e, "what");
		*ret |= 1u << k;
	}
	return 0;
}

static int read_mode(const json_t *v, enum restore_mode *ret, struct err *e)
{
	const char *word = json_string_value(json_object_get(v, "mode"));

	for (int i = RESTORE_DEFAULT; word != NULL && i <= RESTORE_STATE; i++)
		if (strcmp(word, restore_mode_name((enum restore_mode)i)) == 0) {
			*ret = (enum restore_mode)i;
			return 0;
		}
	return wrong(e, "mode");
}

static int read_all(const json_t *v, struct restore_request *ret, struct err *e)
{
	if (!json_is_object(v))
		return err_set(e, ERR_FORMAT, "there is no request");
	if (read_user(v, "user", &ret->user, e) == -1 || read_mailboxes(v, ret, e) == -1 ||
	    read_flag(v, "recursive", &ret->recursive, e) == -1 || read_picks(v, ret, e) == -1 ||
	    read_flag(v, "expunged", &ret->expunged, e) == -1 || read_mode(v, &ret->mode, e) == -1 ||
	    read_what(v, &ret->what, e) == -1 || read_mailbox_name(v, "into", &ret->into, e) == -1 ||
	    read_user(v, "to_user", &ret->to_user, e) == -1 || read_name(v, "mark", &ret->mark, e) == -1 ||
	    read_flag(v, "moved", &ret->moved, e) == -1)
		return -1;
	if (ret->mark != NULL && !restore_mark_is_valid(ret->mark))
		return wrong(e, "mark");
	if (ret->user == NULL && ret->n_mailboxes == 0)
		return err_set(e, ERR_FORMAT, "the request names neither a user nor a mailbox");
	return 0;
}

int restore_request_read(const json_t *v, struct restore_request *ret, struct err *e)
{
	*ret = (struct restore_request){ 0 };
	if (read_all(v, ret, e) == 0)
		return 0;
	restore_request_done(ret);
	return -1;
}
