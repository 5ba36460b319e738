/* printer.c: rows, as JSON objects or as lines of a table. */
#include "cli/printer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/columns.h"
#include "cli/printer_priv.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

struct printer *printer_new(const struct printer_opts *o)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool may = o->color == COLOR_AUTO && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
		   strcmp(term, "dumb") != 0;
	struct printer *p = mem_alloc(sizeof *p);

	p->o = *o;
	p->color_out = o->color == COLOR_ALWAYS || (may && isatty(STDOUT_FILENO));
	p->color_err = o->color == COLOR_ALWAYS || (may && isatty(STDERR_FILENO));
	p->out_columns = columns_terminal(STDOUT_FILENO);
	p->out_plain = !columns_utf8() && isatty(STDOUT_FILENO);
	p->err_plain = !columns_utf8() && isatty(STDERR_FILENO);
	p->status_on = !o->quiet && isatty(STDERR_FILENO);
	return p;
}

void printer_free(struct printer *p)
{
	if (p == NULL)
		return;
	printer_cells_clear(p);
	free(p->cells);
	json_decref(p->object);
	free(p);
}

bool printer_is_json(const struct printer *p)
{
	return p->o.json;
}

bool printer_is_verbose(const struct printer *p)
{
	return p->o.verbose;
}

bool printer_is_quiet(const struct printer *p)
{
	return p->o.quiet;
}

bool printer_broken(const struct printer *p)
{
	return p->broken != 0;
}

/* ---- output ---- */

void printer_put(struct printer *p, const char *s, size_t n)
{
	if (p->broken == 0 && n > 0 && fwrite(s, 1, n, stdout) != n)
		p->broken = errno;
}

void printer_put_buf(struct printer *p, struct buf *b)
{
	printer_put(p, buf_text(b), b->len);
	buf_done(b);
}

void printer_flush(struct printer *p)
{
	if (p->broken == 0 && fflush(stdout) == EOF)
		p->broken = errno;
}

int printer_close(struct printer *p, struct err *e)
{
	printer_status(p, NULL);
	printer_flush(p);
	if (p->broken == 0)
		return 0;
	errno = p->broken;
	return err_sys(e, "write the output");
}

/* Text that is already safe, fit for the terminal's character set. */
void printer_add_fit(struct buf *b, bool plain, const char *s)
{
	if (plain)
		columns_plain(b, s);
	else
		buf_str(b, s);
}

static const char *tone_start(enum printer_tone tone)
{
	switch (tone) {
	case TONE_GOOD: return "\033[32m";
	case TONE_WARN: return "\033[33m";
	case TONE_BAD: return "\033[31m";
	case TONE_HEAD: return "\033[1m";
	case TONE_PLAIN: break;
	}
	return NULL;
}

void printer_add_toned(struct buf *b, bool color, enum printer_tone tone, const char *s)
{
	const char *start = color && s[0] != '\0' ? tone_start(tone) : NULL;

	if (start != NULL)
		buf_str(b, start);
	buf_str(b, s);
	if (start != NULL)
		buf_str(b, "\033[0m");
}

/* ---- rows ---- */

void printer_row(struct printer *p, const char *type)
{
	if (p->o.json) {
		p->object = json_object();
		json_object_set_new(p->object, "type", json_string(type));
		return;
	}
	if (p->columns == NULL)
		return;
	p->cells = mem_grow(p->cells, &p->cap_cells, (p->n_rows + 1) * p->n_columns, sizeof *p->cells);
	for (size_t c = 0; c < p->n_columns; c++)
		p->cells[p->n_rows * p->n_columns + c] = (struct cell){ 0 };
	p->in_row = true;
}

void printer_row_end(struct printer *p)
{
	if (p->o.json) {
		char *text = json_dumps(p->object, JSON_COMPACT | JSON_ENSURE_ASCII);

		printer_status(p, NULL);
		if (text != NULL) {
			printer_put(p, text, strlen(text));
			printer_put(p, "\n", 1);
		}
		free(text);
		json_decref(p->object);
		p->object = NULL;
	} else if (p->in_row) {
		p->in_row = false;
		p->n_rows++;
		if (p->measured || p->n_rows == ROWS_MEASURED)
			printer_table_flush(p);
	}
}

/* The cell of column ${key} in the row being filled, or NULL. */
static struct cell *find_cell(struct printer *p, const char *key)
{
	if (!p->in_row)
		return NULL;
	for (size_t c = 0; c < p->n_columns; c++) {
		if (strcmp(p->columns[c].key, key) == 0)
			return p->cells + p->n_rows * p->n_columns + c;
	}
	return NULL;
}

static void set_cell(struct printer *p, const char *key, const char *s, enum printer_tone tone)
{
	struct cell *cell = find_cell(p, key);
	struct buf b = BUF_INIT, plain = BUF_INIT;

	if (cell == NULL)
		return;
	str_safe_buf(&b, s, strlen(s));
	if (p->out_plain)
		columns_plain(&plain, buf_text(&b));
	free(cell->text);
	cell->text = buf_steal(p->out_plain ? &plain : &b);
	cell->tone = tone;
	buf_done(&b);
	buf_done(&plain);
}

static json_t *json_bytes(const char *s, size_t n)
{
	json_t *v = json_stringn(s, n);

	/* Not UTF-8: the same escapes as in the text form. */
	if (v == NULL) {
		struct buf b = BUF_INIT;

		str_safe_buf(&b, s, n);
		v = json_string(buf_text(&b));
		buf_done(&b);
	}
	return v;
}

void printer_string(struct printer *p, const char *key, const char *s)
{
	if (p->o.json)
		json_object_set_new(p->object, key, s != NULL ? json_bytes(s, strlen(s)) : json_null());
	else
		set_cell(p, key, s != NULL ? s : "", TONE_PLAIN);
}

static json_t *json_u64(uint64_t n)
{
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

void printer_members(struct printer *p, const struct json_t *object)
{
	/* Only read; jansson wants it so. */
	if (p->o.json)
		json_object_update(p->object, (json_t *)(uintptr_t)object);
}

void printer_number(struct printer *p, const char *key, uint64_t n)
{
	char text[24];

	if (p->o.json) {
		json_object_set_new(p->object, key, json_u64(n));
		return;
	}
	snprintf(text, sizeof text, "%llu", (unsigned long long)n);
	set_cell(p, key, text, TONE_PLAIN);
}

void printer_size(struct printer *p, const char *key, uint64_t bytes)
{
	char text[16];

	if (p->o.json)
		json_object_set_new(p->object, key, json_u64(bytes));
	else
		set_cell(p, key, str_size(text, sizeof text, bytes), TONE_PLAIN);
}

void printer_time(struct printer *p, const char *key, int64_t t)
{
	char text[40];

	if (p->o.json)
		json_object_set_new(p->object, key, json_string(clock_iso(text, sizeof text, t)));
	else
		set_cell(p, key, clock_local(text, sizeof text, t), TONE_PLAIN);
}

void printer_bool(struct printer *p, const char *key, bool v)
{
	if (p->o.json)
		json_object_set_new(p->object, key, json_boolean(v));
	else
		set_cell(p, key, v ? key : "", TONE_PLAIN);
}

void printer_word(struct printer *p, const char *key, const char *word, enum printer_tone tone)
{
	if (p->o.json)
		json_object_set_new(p->object, key, json_bytes(word, strlen(word)));
	else
		set_cell(p, key, word, tone);
}

void printer_words(struct printer *p, const char *key, const char *s)
{
	json_t *array;

	if (!p->o.json) {
		set_cell(p, key, s, TONE_PLAIN);
		return;
	}
	array = json_array();
	for (size_t n; *s != '\0'; s += n) {
		s += strspn(s, " ");
		n = strcspn(s, " ");
		if (n > 0)
			json_array_append_new(array, json_bytes(s, n));
	}
	json_object_set_new(p->object, key, array);
}

void printer_numbers(struct printer *p, const char *key, const uint32_t *v, size_t n)
{
	json_t *array;

	if (!p->o.json)
		return;
	array = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_integer(v[i]));
	json_object_set_new(p->object, key, array);
}

void printer_shown(struct printer *p, const char *key, const char *s)
{
	if (!p->o.json)
		set_cell(p, key, s, TONE_PLAIN);
}
