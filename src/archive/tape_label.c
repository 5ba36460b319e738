/* tape_label.c: the label of a file on tape, as JSON. */
#include "archive/tape_label.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/store.h"

/* What it says, beside the version: texts, counts, times. One table writes and reads it. */
#define TEXTS(X)  X(label) X(box) X(host) X(program) X(archive) X(store) X(url) X(server)
#define COUNTS(X) X(file) X(block_bytes) X(size_bytes)
#define TIMES(X)  X(mtime) X(when) X(written)

bool tape_label_ok(const char *label)
{
	static const char chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	size_t n = strlen(label);

	return n >= 1 && n <= 64 && strspn(label, chars) == n && strchr("._-", label[0]) == NULL;
}

/* Any bytes: what is not UTF-8 is escaped. */
static json_t *text_json(const char *s)
{
	json_t *j = json_string(s != NULL ? s : "");
	struct buf b = BUF_INIT;

	if (j != NULL)
		return j;
	str_safe_buf(&b, s, strlen(s));
	j = json_string(buf_text(&b));
	buf_done(&b);
	return j;
}

void tape_label_text(const struct tape_label *l, struct buf *b)
{
	json_t *j = json_object();
	char stamp[32], *text;

	json_object_set_new(j, "cyrvault_tape", json_integer(1));
#define SET(name) json_object_set_new(j, #name, text_json(l->name));
	TEXTS(SET)
#undef SET
#define SET(name) json_object_set_new(j, #name, json_integer((json_int_t)l->name));
	COUNTS(SET)
	TIMES(SET)
#undef SET
	json_object_set_new(j, "written_at", json_string(clock_iso(stamp, sizeof stamp, l->written)));
	text = json_dumps(j, JSON_INDENT(1) | JSON_ENSURE_ASCII);
	buf_str(b, text);
	buf_char(b, '\n');
	free(text);
	json_decref(j);
}

static int parse(const json_t *j, struct tape_label *l)
{
	const json_t *v;

#define GET(name)                                           \
	if (!json_is_string(v = json_object_get(j, #name))) \
		return -1;                                  \
	l->name = mem_strdup(json_string_value(v));
	TEXTS(GET)
#undef GET
#define GET(name)                                                                         \
	if (!json_is_integer(v = json_object_get(j, #name)) || json_integer_value(v) < 0) \
		return -1;                                                                \
	l->name = (uint64_t)json_integer_value(v);
	COUNTS(GET)
#undef GET
#define GET(name)                                            \
	if (!json_is_integer(v = json_object_get(j, #name))) \
		return -1;                                   \
	l->name = json_integer_value(v);
	TIMES(GET)
#undef GET
	return tape_label_ok(l->label) && store_name_ok(l->archive) && l->block_bytes >= 512 &&
	               l->block_bytes <= (uint64_t)4 << 20 && l->block_bytes % 512 == 0
	           ? 0
	           : -1;
}

int tape_label_parse(const void *p, size_t n, struct tape_label *ret, struct err *e)
{
	json_t *j = n <= TAPE_LABEL_MAX ? json_loadb(p, n, 0, NULL) : NULL;
	const json_t *version = json_object_get(j, "cyrvault_tape");
	int rc = -1;

	*ret = (struct tape_label){ 0 };
	if (!json_is_integer(version))
		err_set(e, ERR_FORMAT, "it has no label of cyrvault's");
	else if (json_integer_value(version) != 1)
		err_set(e, ERR_UNSUPPORTED, "its label was written by a later version of cyrvault");
	else if (parse(j, ret) == -1)
		err_set(e, ERR_FORMAT, "its label is damaged");
	else
		rc = 0;
	json_decref(j);
	if (rc == -1)
		tape_label_done(ret);
	return rc;
}

void tape_label_done(struct tape_label *l)
{
	free(l->label);
	free(l->box);
	free(l->host);
	free(l->program);
	free(l->archive);
	free(l->store);
	free(l->url);
	free(l->server);
	*l = (struct tape_label){ 0 };
}
