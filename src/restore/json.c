/* json.c: names and numbers as JSON. */
#include "restore/json.h"

#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

json_t *json_name(const char *s)
{
	struct buf hex = BUF_INIT;
	json_t *v;

	if (s == NULL)
		return json_null();
	v = json_string(s);
	if (v != NULL)
		return v;
	str_hex(&hex, s, strlen(s));
	v = json_object();
	json_object_set_new(v, "hex", json_string(buf_text(&hex)));
	buf_done(&hex);
	return v;
}

char *json_name_get(const json_t *v)
{
	const json_t *hex = json_object_get(v, "hex");
	size_t n = json_string_length(hex) / 2;
	char *s;

	if (json_is_string(v))
		return strlen(json_string_value(v)) == json_string_length(v)
		           ? mem_strdup(json_string_value(v))
		           : NULL;
	if (!json_is_string(hex) || json_string_length(hex) % 2 != 0)
		return NULL;
	s = mem_alloc(n + 1);
	if (str_unhex(json_string_value(hex), s, n) == -1 || strlen(s) != n) {
		free(s);
		return NULL;
	}
	return s;
}

void json_set_name(json_t *o, const char *key, const char *s)
{
	json_object_set_new(o, key, json_name(s));
}

void json_set_number(json_t *o, const char *key, uint64_t n)
{
	json_object_set_new(o, key, json_integer((json_int_t)n));
}

void json_set_flag(json_t *o, const char *key, bool v)
{
	json_object_set_new(o, key, json_boolean(v));
}

int json_get_number(const json_t *o, const char *key, uint64_t max, uint64_t *ret)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
		return -1;
	*ret = (uint64_t)json_integer_value(v);
	return 0;
}

void json_text(const json_t *v, struct buf *ret)
{
	char *text = json_dumps(v, JSON_INDENT(1) | JSON_PRESERVE_ORDER);

	buf_str(ret, text != NULL ? text : "null");
	buf_char(ret, '\n');
	free(text);
}

json_t *json_parse(const char *p, size_t n, const char *what, struct err *e)
{
	json_error_t why;
	json_t *v = json_loadb(p, n, JSON_REJECT_DUPLICATES, &why);

	if (v == NULL)
		err_set(e, ERR_FORMAT, "%s, line %d: %s", what, why.line, why.text);
	return v;
}
