/* receipt.c: what came of a restore, put together and written down. */
#include "restore/receipt.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/json.h"

const char *receipt_proof_name(enum receipt_proof p)
{
	static const char *const names[] = { "not proved", "proved", "differs" };

	return names[p];
}

void receipt_boxes_free(struct receipt_box *boxes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < boxes[i].n_state; k++)
			free(boxes[i].state[k].why);
		free(boxes[i].state);
		free(boxes[i].name);
		free(boxes[i].why);
	}
	free(boxes);
}

static struct receipt_box *copy_boxes(const struct receipt_box *boxes, size_t n)
{
	struct receipt_box *copy = mem_array(n + 1, sizeof *copy);

	for (size_t i = 0; i < n; i++) {
		copy[i] = boxes[i];
		copy[i].name = mem_strdup(boxes[i].name);
		copy[i].why = mem_strdup(boxes[i].why);
		copy[i].state = mem_array(boxes[i].n_state + 1, sizeof *copy[i].state);
		for (size_t k = 0; k < boxes[i].n_state; k++) {
			copy[i].state[k] = boxes[i].state[k];
			copy[i].state[k].why = mem_strdup(boxes[i].state[k].why);
		}
	}
	return copy;
}

static char **copy_lines(char *const *lines, size_t n)
{
	char **copy = mem_array(n + 1, sizeof *copy);

	for (size_t i = 0; i < n; i++)
		copy[i] = mem_strdup(lines[i]);
	return copy;
}

void receipt_make(const struct restore_case *c, const struct restore_result *result, const struct err *e,
    const char *undo, struct receipt *ret)
{
	const struct case_info *i = case_about(c);

	*ret = (struct receipt){ .case_id = mem_strdup(i->id),
		.server = mem_strdup(i->server),
		.archive = mem_strdup(i->archive),
		.who = mem_strdup(i->who),
		.reason = mem_strdup(i->reason),
		.begun = i->begun,
		.ended = clock_now(),
		.elapsed_ms = result->elapsed_ms,
		.done = e == NULL,
		.error = e != NULL ? mem_strdup(e->msg) : NULL,
		.undo = mem_strdup(undo),
		.boxes = copy_boxes(result->boxes, result->n_boxes),
		.n_boxes = result->n_boxes,
		.counts = *result };
	ret->counts.case_id = NULL;
	ret->counts.boxes = NULL;
	ret->counts.n_boxes = 0;
	ret->counts.warnings = copy_lines(result->warnings, result->n_warnings);
	ret->counts.failures = copy_lines(result->failures, result->n_failures);
}

void receipt_done(struct receipt *r)
{
	receipt_boxes_free(r->boxes, r->n_boxes);
	restore_result_done(&r->counts);
	free(r->case_id);
	free(r->server);
	free(r->archive);
	free(r->who);
	free(r->reason);
	free(r->error);
	free(r->undo);
	*r = (struct receipt){ 0 };
}

/* ---- JSON ---- */

static json_t *lines_json(char *const *lines, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_name(lines[i]));
	return list;
}

static json_t *box_json(const struct receipt_box *box)
{
	json_t *o = json_object(), *list = json_array();

	for (size_t i = 0; i < box->n_state; i++) {
		json_t *s = json_object();

		json_set_name(s, "kind", restore_what_name(box->state[i].kind));
		json_set_flag(s, "same", box->state[i].same);
		json_set_name(s, "why", box->state[i].why);
		json_array_append_new(list, s);
	}
	json_set_name(o, "internal", box->name);
	json_set_name(o, "was", mailbox_state_name(box->was));
	json_set_number(o, "created", box->created);
	json_set_number(o, "merged", box->merged);
	json_set_number(o, "skipped", box->skipped);
	json_set_number(o, "failed", box->failed);
	json_set_number(o, "files", box->files);
	json_set_number(o, "bytes", box->bytes);
	json_set_name(o, "proof", receipt_proof_name(box->proof));
	json_set_name(o, "why", box->why);
	json_object_set_new(o, "state", list);
	return o;
}

void receipt_json(const struct receipt *r, struct buf *b)
{
	const struct restore_result *x = &r->counts;
	json_t *o = json_object(), *boxes = json_array();

	for (size_t i = 0; i < r->n_boxes; i++)
		json_array_append_new(boxes, box_json(&r->boxes[i]));
	json_set_name(o, "format", "cyrvault-receipt");
	json_set_number(o, "version", 1);
	json_set_name(o, "case", r->case_id);
	json_set_name(o, "server", r->server);
	json_set_name(o, "archive", r->archive);
	json_set_name(o, "operator", r->who);
	json_set_name(o, "reason", r->reason);
	json_set_number(o, "begun", (uint64_t)r->begun);
	json_set_number(o, "ended", (uint64_t)r->ended);
	json_set_number(o, "elapsed_ms", r->elapsed_ms);
	json_set_flag(o, "done", r->done);
	json_set_name(o, "error", r->error);
	json_set_name(o, "undo", r->undo);
	json_set_number(o, "mailboxes_proved", x->mailboxes);
	json_set_number(o, "messages", x->messages);
	json_set_number(o, "created", x->created);
	json_set_number(o, "merged", x->merged);
	json_set_number(o, "skipped", x->skipped);
	json_set_number(o, "failed", x->failed);
	json_set_number(o, "files", x->files);
	json_set_number(o, "bytes", x->bytes);
	json_set_number(o, "fetched_bytes", x->fetched_bytes);
	json_object_set_new(o, "mailboxes", boxes);
	json_object_set_new(o, "warnings", lines_json(x->warnings, x->n_warnings));
	json_object_set_new(o, "failures", lines_json(x->failures, x->n_failures));
	json_text(o, b);
	json_decref(o);
}

/* ---- text ---- */

static void box_text(const struct receipt_box *box, const struct imapd_conf *conf, struct buf *b)
{
	struct buf name = BUF_INIT;
	char size[16];

	mboxname_display(conf, box->name, &name);
	buf_printf(b, "%s\n", buf_text(&name));
	buf_done(&name);
	buf_printf(b, "  before:   %s\n", mailbox_state_name(box->was));
	buf_printf(b, "  messages: created %llu, merged %llu, skipped %llu, failed %llu; %s written\n",
	    (unsigned long long)box->created, (unsigned long long)box->merged,
	    (unsigned long long)box->skipped, (unsigned long long)box->failed,
	    str_size(size, sizeof size, box->bytes));
	buf_printf(b, "  proof:    %s%s%s\n", receipt_proof_name(box->proof), box->why != NULL ? ": " : "",
	    box->why != NULL ? box->why : "");
	for (size_t i = 0; i < box->n_state; i++)
		buf_printf(b, "  %s: %s%s\n", restore_what_name(box->state[i].kind),
		    box->state[i].same ? "as in the archive" : "not as in the archive: ",
		    box->state[i].same || box->state[i].why == NULL ? "" : box->state[i].why);
}

static void line_text(struct buf *b, const char *label, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(b, "%s", label);
	str_safe_buf(b, text, strlen(text));
	buf_char(b, '\n');
}

void receipt_text(const struct receipt *r, const struct imapd_conf *conf, struct buf *b)
{
	const struct restore_result *x = &r->counts;
	char begun[32], ended[32];
	struct buf words = BUF_INIT;

	buf_printf(b, "Restore %s: %s\n", r->case_id, r->done ? "done" : "not at its end");
	line_text(b, "Failed:   ", r->error);
	line_text(b, "Server:   ", r->server);
	line_text(b, "Archive:  ", r->archive);
	line_text(b, "By:       ", r->who);
	line_text(b, "Reason:   ", r->reason);
	buf_printf(b, "Time:     %s to %s; the last run took %.2f s\n",
	    clock_local(begun, sizeof begun, r->begun), clock_local(ended, sizeof ended, r->ended),
	    (double)r->elapsed_ms / 1000);
	line_text(b, "Undo:     ", r->undo);
	buf_char(b, '\n');
	for (size_t i = 0; i < r->n_boxes; i++)
		box_text(&r->boxes[i], conf, b);
	restore_kinds_words(x, &words);
	if (words.len > 0)
		buf_printf(b, "%s\n", buf_text(&words));
	for (size_t i = 0; i < x->n_warnings; i++)
		line_text(b, "Warning: ", x->warnings[i]);
	for (size_t i = 0; i < x->n_failures; i++)
		line_text(b, "Not appended: ", x->failures[i]);
	buf_done(&words);
}

int receipt_keep(
    struct restore_case *c, const struct receipt *r, const struct imapd_conf *conf, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	receipt_json(r, &b);
	rc = case_put(c, "receipt.json", b.data, b.len, e);
	buf_clear(&b);
	receipt_text(r, conf, &b);
	if (rc == 0)
		rc = case_put(c, "receipt.txt", b.data, b.len, e);
	buf_done(&b);
	return rc;
}
