/* tape_drive.c: the drive that is configured; an archive on tape as a store. */
#include "app/tape_drive.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/app_impl.h"
#include "app/lock.h"
#include "app/tape_memory.h"
#include "archive/tape_store.h"
#include "core/io.h"
#include "core/mem.h"

int tape_conf(struct app *app, const char *name, const struct conf_tape **ret, struct err *e)
{
	const struct conf *c = app_conf(app);

	*ret = name != NULL && name[0] != '\0' ? conf_find_tape(c, name, NULL) : NULL;
	if (*ret != NULL || (c->n_tapes == 1 && (*ret = &c->tapes[0]) != NULL))
		return 0;
	if (c->n_tapes > 1 && (name == NULL || name[0] == '\0')) {
		err_set(e, ERR_USAGE, "there are %zu sections [tape]: which one is meant?", c->n_tapes);
		return err_hint(e, "say --tape=%s, for one", c->tapes[0].name);
	}
	conf_find_tape(c, name != NULL && name[0] != '\0' ? name : NULL, e);
	return err_hint(e, "see [tape] in cyrvault.conf(5)");
}

void tape_drive(const struct conf_tape *conf, const char *device, const struct tape_copy *copy,
    struct job *job, struct drive_opts *ret)
{
	*ret = (struct drive_opts){ .device = device != NULL ? device : conf->device,
		.write_command = conf->write_command,
		.read_command = conf->read_command,
		.block_bytes = (size_t)(copy != NULL ? copy->block_bytes : conf->block_bytes),
		.archive = copy != NULL ? copy->archive : NULL,
		.label = copy != NULL ? copy->label : NULL,
		.job = job };
}

void tape_drive_to_read(struct drive_opts *o)
{
	struct stat st;

	if (o->device != NULL && o->read_command != NULL && stat(o->device, &st) == 0 && S_ISFIFO(st.st_mode))
		o->device = NULL;
}

const char *tape_drive_words(const struct drive_opts *o)
{
	return o->device != NULL ? o->device : "the drive of the command";
}

int tape_open_copy(struct app *app, const struct tape_copy *copy, const char *device, bool parts_only,
    struct job *job, struct store **ret, struct err *e)
{
	struct tape_store_opts o = { .archive = copy->archive,
		.label = copy->label,
		.box = copy->box,
		.file = copy->file,
		.offset_bytes = copy->offset_bytes,
		.data_offset = copy->data_offset,
		.size_bytes = copy->size_bytes,
		.mtime = copy->mtime,
		.parts = copy->parts,
		.n_parts = copy->n_parts,
		.parts_fd = -1,
		.parts_only = parts_only,
		.bare = copy->data_offset == 0 };
	const struct conf_tape *conf = NULL;

	if (tape_conf(app, copy->tape, &conf, e) == -1 && !parts_only)
		return err_wrap(e, "%s is on tape %s only", copy->archive, copy->label);
	if (copy->n_parts > 0 && (o.parts_fd = tape_parts_open(app, copy, e)) == -1)
		return -1;
	if (conf != NULL)
		tape_drive(conf, device, copy, job, &o.drive);
	tape_drive_to_read(&o.drive);
	tape_store_open(&o, job, ret);
	return 0;
}

int tape_take_parts(struct tape_copy *copy, struct store *store, struct job *job, int *ret_fd, struct err *e)
{
	struct archive *a = NULL;
	int fd = io_temp_fd(NULL, e), rc = -1;

	free(copy->parts);
	copy->parts = NULL;
	copy->n_parts = 0;
	if (fd != -1 && archive_open(store, copy->archive, job, &a, e) == 0)
		rc = tape_parts_make(a, fd, &copy->parts, &copy->n_parts, copy->parts_sha256, e);
	archive_close(a);
	if (rc == -1 && fd != -1)
		close(fd);
	*ret_fd = rc == 0 ? fd : -1;
	return rc;
}

int tape_lock(struct app *app, const struct conf_tape *conf, const char *what, struct err *e)
{
	char *name = mem_printf("tape-%s", conf->name);
	int fd = lock_take(app_conf(app)->lock_directory, name, what, e);

	free(name);
	return fd;
}
