/* walk.c: a step machine over cpio newc. */
#include "archive/walk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/cpio.h"
#include "core/io.h"
#include "core/mem.h"

enum walk_state {
	LOST, /* until the next header that somebody vouches for */
	HEAD,
	DATA,
	PAD,
};

struct walk {
	const struct file_sink *sink;
	walk_lost_fn *lost;
	void *arg;
	enum walk_state state;
	uint8_t head[CPIO_HEAD + CPIO_NAME_MAX + 4];
	size_t head_len; /* gathered */
	uint64_t left;	 /* of data, or of padding */
	size_t pad;
	bool open; /* the sink waits for data */
	bool wanted;
	char path[CPIO_NAME_MAX];
	uint64_t files;
};

struct walk *walk_new(const struct file_sink *sink, walk_lost_fn *lost, void *arg)
{
	struct walk *w = mem_alloc(sizeof *w);

	w->sink = sink;
	w->lost = lost;
	w->arg = arg;
	w->state = LOST;
	return w;
}

void walk_free(struct walk *w)
{
	free(w);
}

uint64_t walk_files(const struct walk *w)
{
	return w->files;
}

void walk_gap(struct walk *w, const char *why)
{
	if (w->open)
		w->sink->abort(w->sink->arg);
	if (w->state == DATA)
		w->lost(w->arg, w->path, why);
	w->open = false;
	w->state = LOST;
	w->head_len = 0;
}

static int end_data(struct walk *w, struct err *e)
{
	bool open = w->open;

	w->open = false;
	w->state = PAD;
	w->left = w->pad;
	if (!open)
		return 0;
	w->files++;
	return w->sink->end(w->sink->arg, e);
}

static int begin_entry(struct walk *w, const struct cpio_head *h, struct err *e)
{
	struct archive_file file = { .path = w->path, .size = h->size, .mtime = h->mtime };
	struct entry_meta meta = { .path = w->path,
		.mode = (mode_t)h->mode,
		.uid = h->uid,
		.gid = h->gid,
		.mtime = h->mtime,
		.size = h->size,
		.rdev = h->rdev };
	int wanted = w->sink->begin(w->sink->arg, &file, &meta, e);

	if (wanted == -1)
		return -1;
	w->open = wanted == 1;
	w->state = DATA;
	w->left = h->size;
	w->pad = cpio_pad(h->size);
	return w->left == 0 ? end_data(w, e) : 0;
}

/* Gathers header and name; returns how many bytes it used, or -1. */
static ssize_t gather_head(struct walk *w, const uint8_t *p, size_t n, struct err *e)
{
	size_t need = CPIO_HEAD, used;
	struct cpio_head h;

	if (w->head_len >= CPIO_HEAD) {
		cpio_parse(w->head, &h);
		need = cpio_head_len(h.name_size - 1);
	}
	used = need - w->head_len < n ? need - w->head_len : n;
	memcpy(w->head + w->head_len, p, used);
	w->head_len += used;
	if (w->head_len < need)
		return (ssize_t)used;
	if (cpio_parse(w->head, &h) == -1) {
		walk_gap(w, "no cpio header where one should be");
		return (ssize_t)used;
	}
	if (need == CPIO_HEAD)
		return (ssize_t)used;
	w->head_len = 0;
	memcpy(w->path, w->head + CPIO_HEAD, h.name_size);
	if (w->path[h.name_size - 1] != '\0' || !io_path_is_safe(w->path, h.name_size - 1)) {
		walk_gap(w, "a name that cannot be");
		return (ssize_t)used;
	}
	return begin_entry(w, &h, e) == -1 ? -1 : (ssize_t)used;
}

static ssize_t step(struct walk *w, const uint8_t *p, size_t n, struct err *e)
{
	if (w->state == HEAD)
		return gather_head(w, p, n, e);
	if (n > w->left)
		n = (size_t)w->left;
	w->left -= n;
	if (w->state == DATA) {
		if (w->open && n > 0 && w->sink->data(w->sink->arg, p, n, e) == -1)
			return -1;
		if (w->left == 0 && end_data(w, e) == -1)
			return -1;
	}
	if (w->state == PAD && w->left == 0)
		w->state = HEAD;
	return (ssize_t)n;
}

int walk_piece(struct walk *w, const uint8_t *p, size_t n, size_t first, struct err *e)
{
	size_t at = 0;

	/* Up to the first header: the rest of the entry before, and just that. */
	while (at < n && at < first && w->state != LOST) {
		size_t room = first < n ? first - at : n - at;
		ssize_t used;

		if (w->state == HEAD && w->head_len == 0)
			break;
		used = step(w, p + at, room, e);
		if (used == -1)
			return -1;
		at += (size_t)used;
	}
	if (w->state == PAD && w->left == 0)
		w->state = HEAD;
	if (first >= n && at == n)
		return 0;
	if (at != first || w->state != HEAD || w->head_len != 0) {
		walk_gap(w, "the bytes that follow are not its own");
		if (first >= n)
			return 0;
		at = first;
		w->state = HEAD;
	}
	while (at < n) {
		ssize_t used;

		if (w->state == LOST)
			return 0;
		used = step(w, p + at, n - at, e);
		if (used == -1)
			return -1;
		at += (size_t)used;
	}
	return 0;
}
