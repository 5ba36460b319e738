/* serve_names.c: requests of the served store about names: the list, paths, remove, commit; and free space. */
#include <stdio.h>

#include "core/bytes.h"
#include "core/clock.h"
#include "core/log.h"
#include "store/serve_priv.h"

#define NAMES_ONCE 100u

void serve_opendir(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct place_name name = get_name(s, in);
	struct err e = { 0 };
	struct handle *h = NULL;

	if (in->bad)
		err_set(&e, ERR_FORMAT, "malformed request");
	else if (name.kind != PLACE_DIRECTORY)
		err_set(&e, ERR_NOT_FOUND, "no such directory");
	else
		h = handle_new(s, &e);
	if (h != NULL)
		h->dir = place_list(&s->place, &e);
	if (h == NULL || h->dir == NULL)
		reply_error(s, out, id, &e);
	else
		reply_handle(s, out, id, h);
}

static void put_name(struct buf *out, const char *name, const struct stat *st)
{
	struct sftp_attrs a = reply_attrs_of(st);
	char when[32], line[512];

	clock_iso(when, sizeof when, st->st_mtime);
	snprintf(line, sizeof line, "%c%s   1 %-8u %-8u %12llu %s %s", S_ISDIR(st->st_mode) ? 'd' : '-',
	    st->st_mode & S_IWUSR ? "rw-------" : "r--------", (unsigned)st->st_uid, (unsigned)st->st_gid,
	    (unsigned long long)st->st_size, when, name);
	sftp_put_text(out, name);
	sftp_put_text(out, line);
	sftp_put_attrs(out, &a);
}

void serve_readdir(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct handle *h = handle_get(s, in, &e);
	size_t at, count_at;
	uint32_t n = 0;
	int rc = 1;

	if (h != NULL && h->dir == NULL)
		err_set(&e, ERR_SYS, "not a directory");
	if (e.code != ERR_NONE) {
		reply_error(s, out, id, &e);
		return;
	}
	at = sftp_begin(out, SFTP_NAME);
	sftp_put_u32(out, id);
	count_at = out->len;
	sftp_put_u32(out, 0);
	while (n < NAMES_ONCE) {
		struct place_name name;
		struct stat st;

		rc = place_next(&s->place, h->dir, &name, &st, &e);
		if (rc != 1)
			break;
		put_name(out, name.file, &st);
		n++;
	}
	if (n == 0) {
		out->len = at;
		if (rc == -1)
			reply_error(s, out, id, &e);
		else
			reply_status(out, id, SFTP_EOF, "end of the list");
		return;
	}
	put_be32((uint8_t *)out->data + count_at, n);
	sftp_end(out, at);
}

void serve_remove(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct place_name name = get_name(s, in);
	struct err e = { 0 };
	int rc = -1;

	if (in->bad)
		err_set(&e, ERR_FORMAT, "malformed request");
	else
		rc = place_remove(&s->place, &name, &e);
	if (rc == 0)
		log_write(LOG_LEVEL_INFO, "store: removed the upload %s", name.file);
	reply_done(s, out, id, rc, &e);
}

void serve_realpath(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct sftp_string path = sftp_get_string(in);
	struct place_name name;
	struct sftp_attrs none = { 0 };
	struct err e = { 0 };
	char text[258];
	size_t at;

	place_parse(&s->place, path.p, path.n, &name);
	if (in->bad || name.kind == PLACE_NOTHING || name.kind == PLACE_OUTSIDE) {
		err_set(&e, in->bad ? ERR_FORMAT : ERR_NOT_FOUND, "no such file");
		reply_error(s, out, id, &e);
		return;
	}
	snprintf(text, sizeof text, "/%s", name.file);
	at = sftp_begin(out, SFTP_NAME);
	sftp_put_u32(out, id);
	sftp_put_u32(out, 1);
	sftp_put_text(out, text);
	sftp_put_text(out, text);
	sftp_put_attrs(out, &none);
	sftp_end(out, at);
}

static void commit(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out, bool keep)
{
	struct place_name from = get_name(s, in), to = get_name(s, in);
	struct err e = { 0 };
	int rc = -1;

	if (in->bad)
		err_set(&e, ERR_FORMAT, "malformed request");
	else
		rc = place_commit(&s->place, &from, &to, keep, &e);
	if (rc == 0)
		log_write(LOG_LEVEL_INFO, "store: committed %s", to.file);
	reply_done(s, out, id, rc, &e);
}

void serve_rename(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	commit(s, in, id, out, false);
}

void serve_hardlink(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	commit(s, in, id, out, true);
}

void serve_statvfs(struct serve *s, struct sftp_in *in, uint32_t id, struct buf *out)
{
	struct err e = { 0 };
	struct statvfs v;
	size_t at;

	(void)in;
	if (place_space(&s->place, &v, &e) == -1) {
		reply_error(s, out, id, &e);
		return;
	}
	at = sftp_begin(out, SFTP_EXTENDED_REPLY);
	sftp_put_u32(out, id);
	sftp_put_u64(out, v.f_bsize);
	sftp_put_u64(out, v.f_frsize);
	sftp_put_u64(out, v.f_blocks);
	sftp_put_u64(out, v.f_bfree);
	sftp_put_u64(out, v.f_bavail);
	sftp_put_u64(out, v.f_files);
	sftp_put_u64(out, v.f_ffree);
	sftp_put_u64(out, v.f_favail);
	sftp_put_u64(out, v.f_fsid);
	/* Bit 0: read-only. */
	sftp_put_u64(out, (v.f_flag & ST_RDONLY) ? 1 : 0);
	sftp_put_u64(out, v.f_namemax);
	sftp_end(out, at);
}
