/* case_json.c: case.json. The file is ours, but nothing in it is believed unseen. */
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/mboxname.h"
#include "restore/case_priv.h"
#include "restore/json.h"

#define FORMAT    "cyrvault-case"
#define BOXES_MAX 10000000

static const char *const states[] = { "open", "done", "undone", "failed" };
#define N_STATES (sizeof states / sizeof states[0])

const char *case_state_name(enum case_state s)
{
	return states[s];
}

void case_info_done(struct case_info *i)
{
	for (size_t k = 0; k < i->n_boxes; k++)
		free(i->boxes[k].name);
	free(i->boxes);
	free(i->id);
	free(i->server);
	free(i->archive);
	free(i->who);
	free(i->reason);
	restore_request_done(&i->request);
	*i = (struct case_info){ 0 };
}

void case_info_text(const struct case_info *i, struct buf *b)
{
	json_t *v = json_object(), *boxes = json_array();

	for (size_t k = 0; k < i->n_boxes; k++) {
		json_t *box = json_object();

		json_set_name(box, "name", i->boxes[k].name);
		json_set_flag(box, "merge", i->boxes[k].merge);
		json_array_append_new(boxes, box);
	}
	json_set_name(v, "format", FORMAT);
	json_set_number(v, "version", 1);
	json_set_name(v, "server", i->server);
	json_set_name(v, "archive", i->archive);
	json_set_name(v, "operator", i->who);
	json_set_name(v, "reason", i->reason);
	json_set_number(v, "begun", (uint64_t)i->begun);
	json_set_number(v, "ended", (uint64_t)i->ended);
	json_set_name(v, "state", states[i->state]);
	json_object_set_new(v, "request", restore_request_write(&i->request));
	json_object_set_new(v, "mailboxes", boxes);
	json_text(v, b);
	json_decref(v);
}

static int read_boxes(const json_t *list, struct case_info *ret)
{
	size_t n = json_array_size(list);

	if (n > BOXES_MAX)
		return -1;
	ret->boxes = mem_array(n + 1, sizeof *ret->boxes);
	for (size_t i = 0; i < n; i++) {
		const json_t *box = json_array_get(list, i);
		char *name = json_name_get(json_object_get(box, "name"));

		if (name == NULL)
			return -1;
		ret->boxes[ret->n_boxes++] =
		    (struct case_box){ name, json_is_true(json_object_get(box, "merge")) };
		if (!mboxname_valid(name))
			return -1;
	}
	return 0;
}

static int read_state(const json_t *v, enum case_state *ret)
{
	const char *word = json_string_value(json_object_get(v, "state"));

	for (size_t i = 0; word != NULL && i < N_STATES; i++)
		if (strcmp(word, states[i]) == 0) {
			*ret = (enum case_state)i;
			return 0;
		}
	return -1;
}

static int read_info(const json_t *v, struct case_info *ret, struct err *e)
{
	const char *format = json_string_value(json_object_get(v, "format"));
	uint64_t version, begun, ended;

	if (format == NULL || strcmp(format, FORMAT) != 0 ||
	    json_get_number(v, "version", INT32_MAX, &version) == -1)
		return err_set(e, ERR_FORMAT, "it is no record of a restore");
	if (version != 1)
		return err_set(e, ERR_UNSUPPORTED, "a later version of cyrvault has written it");
	ret->server = json_name_get(json_object_get(v, "server"));
	ret->archive = json_name_get(json_object_get(v, "archive"));
	ret->who = json_name_get(json_object_get(v, "operator"));
	ret->reason = json_name_get(json_object_get(v, "reason"));
	if (ret->server == NULL || ret->archive == NULL || read_state(v, &ret->state) == -1 ||
	    json_get_number(v, "begun", INT64_MAX, &begun) == -1 ||
	    json_get_number(v, "ended", INT64_MAX, &ended) == -1 ||
	    read_boxes(json_object_get(v, "mailboxes"), ret) == -1)
		return err_set(e, ERR_FORMAT, "it is not complete");
	ret->begun = (int64_t)begun;
	ret->ended = (int64_t)ended;
	return restore_request_read(json_object_get(v, "request"), &ret->request, e);
}

int case_info_parse(const char *p, size_t n, struct case_info *ret, struct err *e)
{
	json_t *v = json_parse(p, n, "case.json", e);
	int rc;

	*ret = (struct case_info){ 0 };
	if (v == NULL)
		return -1;
	rc = read_info(v, ret, e);
	json_decref(v);
	if (rc == -1)
		case_info_done(ret);
	return rc;
}
