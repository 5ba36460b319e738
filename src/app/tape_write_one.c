/* tape_write_one.c: one archive to tape: written, read back, compared, remembered. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/tape_memory.h"
#include "app/tape_write.h"
#include "archive/tape_tar.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"

#define PIECE ((size_t)256 << 10)

static char *server_of(const char *archive)
{
	size_t n = strlen(archive);
	int64_t when;

	/* "mail1-20261122T010203Z.cpio.gz" */
	if (n > 26 && str_ends(archive, ".cpio.gz") && archive[n - 25] == '-' &&
	    clock_parse_stamp(archive + n - 24, &when) == 0)
		return mem_strndup(archive, n - 25);
	return mem_strdup("");
}

static void fill(const struct tape_writer *w, const struct tape_waiting *a, const struct store *store,
    const struct store_object *o, struct tape_copy *c)
{
	*c = (struct tape_copy){ .archive = mem_strdup(a->archive),
		.store = mem_strdup(a->store),
		.url = mem_strdup(store_url(store)),
		.server = server_of(a->archive),
		.tape = mem_strdup(w->conf->name),
		.label = mem_strdup(w->label),
		.box = mem_strdup(w->box),
		.file = w->file,
		.offset_bytes = w->offset_bytes,
		.block_bytes = w->conf->block_bytes,
		.size_bytes = o->size_bytes,
		.mtime = o->mtime,
		.when = a->when,
		.written = clock_now() };
}

static void label_of(const struct tape_copy *c, char host[256], struct tape_label *l)
{
	static char program[] = "cyrvault " CYRVAULT_VERSION;

	if (gethostname(host, 256) == -1)
		snprintf(host, 256, "unknown");
	host[255] = '\0';
	*l = (struct tape_label){ .label = c->label,
		.box = c->box,
		.host = host,
		.program = program,
		.archive = c->archive,
		.store = c->store,
		.url = c->url,
		.server = c->server,
		.file = c->file,
		.block_bytes = c->block_bytes,
		.size_bytes = c->size_bytes,
		.mtime = c->mtime,
		.when = c->when,
		.written = c->written };
}

/* ---- a command that finds the archive itself ---- */

static int sum_stream(struct stream *in, uint64_t size, struct job *job, uint8_t *sha, struct err *e)
{
	struct digest *d = digest_new(DIGEST_SHA256);
	char *piece = mem_alloc(PIECE);
	int rc = 0;

	stream_expect(in, 0, size);
	while (size > 0 && rc == 0) {
		size_t n = size < PIECE ? (size_t)size : PIECE;

		rc = stream_read_full(in, piece, n, e);
		digest_add(d, piece, rc == 0 ? n : 0);
		job_advance(job, n);
		size -= n;
	}
	digest_end(d, sha);
	digest_free(d);
	free(piece);
	return rc;
}

/* It says the SHA-256 of what it has read back. */
static int let_write(struct drive *d, struct tape_copy *c, struct stream *in, struct job *job, struct err *e)
{
	uint8_t said[SHA256_SIZE];

	if (drive_write_end(d, e) == -1 || sum_stream(in, c->size_bytes, job, c->sha256, e) == -1)
		return -1;
	if (strlen(drive_said(d)) < (size_t)2 * SHA256_SIZE ||
	    str_unhex(drive_said(d), said, sizeof said) == -1) {
		err_set(e, ERR_TOOL, "%s has not said the SHA-256 of what is on the tape", drive_name(d));
		return err_hint(
		    e, "a write_command with %%a must print it first, as sha256sum does: see docs/tape.md");
	}
	if (memcmp(said, c->sha256, sizeof said) != 0)
		return err_set(e, ERR_DAMAGE, "SHA-256 mismatch: what %s says is on the tape is not %s",
		    drive_name(d), c->archive);
	return 0;
}

/* ---- writing and reading back ---- */

/* 0, 1 the tape is full, -1. */
static int write_out(
    struct tape_writer *w, struct drive *d, struct tape_copy *c, struct stream *in, struct err *e)
{
	struct tape_written done = { 0 };
	struct err why = { 0 };
	struct tape_label label;
	char host[256];
	int rc;

	if (c->file == 0 && tape_begin(w->app, c, e) == -1)
		return -1;
	rc = drive_write_at(d, c->file, c->offset_bytes, &why);
	/* What may have lain there is not there any more, whatever comes now. */
	job_step(w->job, "writing %s to tape %s", c->archive, c->label);
	if (rc == 0 && drive_takes_archive(d)) {
		rc = let_write(d, c, in, w->job, &why);
	} else if (rc == 0) {
		label_of(c, host, &label);
		rc = tape_tar_write(d, &label, in, w->job, &done, &why);
		c->data_offset = done.data_offset;
		c->stored_bytes = done.stored_bytes;
		memcpy(c->sha256, done.sha256, sizeof c->sha256);
	}
	if (rc == 0)
		return 0;
	drive_write_drop(d);
	if (why.code == ERR_SPACE)
		return 1;
	if (e != NULL)
		*e = why;
	return err_wrap(e, "write %s to tape %s", c->archive, c->label);
}

/* What a command of its own has written is given back as it is. */
static int read_bare(struct drive *d, const struct tape_copy *c, struct job *job, struct err *e)
{
	struct digest *sha = digest_new(DIGEST_SHA256);
	uint8_t *piece = mem_alloc(PIECE), got[SHA256_SIZE];
	uint64_t all = 0;
	ssize_t n;

	while ((n = drive_read(d, piece, PIECE, e)) > 0) {
		digest_add(sha, piece, (size_t)n);
		job_advance(job, (uint64_t)n);
		all += (uint64_t)n;
	}
	digest_end(sha, got);
	digest_free(sha);
	free(piece);
	if (n == -1)
		return -1;
	if (all != c->size_bytes || memcmp(got, c->sha256, sizeof got) != 0)
		return err_set(e, ERR_DAMAGE, "SHA-256 mismatch: what was read back is not what was written");
	return 0;
}

int tape_read_back(struct drive *d, const struct tape_copy *c, struct job *job, struct err *e)
{
	struct tape_seen seen;
	int rc = -1;

	if (drive_read_from(d, c->file, c->offset_bytes, e) == -1)
		return -1;
	if (c->data_offset == 0)
		return read_bare(d, c, job, e);
	if (tape_tar_read(d, true, job, &seen, e) == 0) {
		if (seen.state == TAPE_EMPTY)
			err_set(e, ERR_DAMAGE, "nothing is there");
		else if (seen.state == TAPE_OTHER)
			err_set(e, ERR_DAMAGE, "something else is there");
		else if (strcmp(seen.label.label, c->label) != 0)
			err_set(e, ERR_NOT_FOUND, "tape %s is there", seen.label.label);
		else if (strcmp(seen.label.archive, c->archive) != 0)
			err_set(e, ERR_DAMAGE, "another archive is there: %s", seen.label.archive);
		else if (seen.state == TAPE_WHOLE && memcmp(seen.sha256, c->sha256, sizeof seen.sha256) != 0)
			err_set(e, ERR_DAMAGE, "SHA-256 mismatch: it is not what was written");
		else if (seen.state == TAPE_WHOLE)
			rc = 0;
		else if (e != NULL)
			*e = seen.why;
	}
	tape_seen_done(&seen);
	return rc;
}

static int prove(struct tape_writer *w, struct tape_copy *c, struct err *e)
{
	struct drive_opts o;
	struct drive *d;
	int rc;

	tape_drive(w->conf, w->request->device, c, w->job, &o);
	tape_drive_to_read(&o);
	if (o.device == NULL && o.read_command == NULL && c->data_offset == 0) {
		/* A command with %a has proved it. */
		c->verified = clock_now();
		return 0;
	}
	job_step(w->job, "reading %s back from tape %s", c->archive, c->label);
	if (drive_new(&o, &d, e) == -1)
		return -1;
	rc = tape_read_back(d, c, w->job, e);
	drive_free(d);
	c->verified = clock_now();
	if (rc == -1 && !job_cancelled(w->job, e)) {
		err_wrap(e, "read %s back from tape %s", c->archive, c->label);
		err_hint(e,
		    "it does not count as written; clean the drive, or take another tape, and run it again");
	}
	return rc;
}

static int may_write(const struct tape_writer *w, const struct drive *d, struct err *e)
{
	if (drive_kind(d) != DRIVE_COMMAND || drive_takes_archive(d) || w->conf->read_command != NULL)
		return 0;
	err_set(e, ERR_CONFIG, "[tape \"%s\"] has a write_command and no read_command", w->conf->name);
	return err_hint(e, "what is written is read back: see read_command in cyrvault.conf(5)");
}

static int remember(struct tape_writer *w, struct tape_copy *c, struct store *store, struct err *e)
{
	int fd, rc;

	if (tape_take_parts(c, store, w->job, &fd, e) == -1)
		return -1;
	rc = fault_point("tape-remember", e) == -1 ? -1 : tape_remember(w->app, c, fd, e);
	close(fd);
	if (rc == 0)
		rc = tape_marks_set(w->app, c->store, c->archive, -1, e);
	if (rc == 0)
		log_write(LOG_LEVEL_INFO, "%s is on tape %s, file %llu", c->archive, c->label,
		    (unsigned long long)c->file);
	return rc;
}

int tape_write_one(struct tape_writer *w, const struct tape_waiting *a, struct tape_write_result *times,
    struct tape_copy *ret, struct err *e)
{
	struct store *store = NULL;
	struct stream *in = NULL;
	struct drive *d = NULL;
	struct drive_opts o;
	struct store_object object;
	uint64_t begun = clock_monotonic_ms(), written;
	int rc = -1;

	if (app_store(w->app, a->store, false, w->job, &store, e) == -1 ||
	    store_stat(store, a->archive, &object, e) == -1 || store_read(store, a->archive, &in, e) == -1)
		goto out;
	stream_set_job(in, w->job);
	fill(w, a, store, &object, ret);
	tape_drive(w->conf, w->request->device, ret, w->job, &o);
	if (drive_new(&o, &d, e) == -1 || may_write(w, d, e) == -1)
		goto out;
	rc = write_out(w, d, ret, in, e);
	written = clock_monotonic_ms();
	if (rc == 0) {
		times->write_ms += written - begun;
		drive_free(d);
		d = NULL;
		rc = prove(w, ret, e);
		times->verify_ms += clock_monotonic_ms() - written;
	}
	if (rc == 0)
		rc = remember(w, ret, store, e);
out:
	drive_free(d);
	stream_close(in);
	store_free(store);
	return rc;
}
