/* room.c: quota roots before, after, and their limits. */
#include "restore/room.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

bool room_read(const struct server *server, const char *root, struct quota_root *ret)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	bool ok = mboxname_quota_file(server->conf, root, &path, NULL) == 0 &&
	          io_read_file(AT_FDCWD, buf_text(&path), 65536, &text, NULL) == 0 &&
	          quota_parse(buf_text(&text), text.len, ret, NULL) == 0;

	buf_done(&path);
	buf_done(&text);
	return ok;
}

char *room_limits_text(const struct quota_root *q)
{
	return mem_printf("%lld %lld %lld %lld", (long long)q->limit[QUOTA_STORAGE_KB],
	    (long long)q->limit[QUOTA_MESSAGES], (long long)q->limit[QUOTA_ANNOTATION_KB],
	    (long long)q->limit[QUOTA_FOLDERS]);
}

int room_limits_parse(const char *text, struct quota_root *ret, struct err *e)
{
	long long v[QUOTA_RESOURCES];
	int end = 0;

	*ret = (struct quota_root){ 0 };
	if (sscanf(text, "%lld %lld %lld %lld%n", &v[QUOTA_STORAGE_KB], &v[QUOTA_MESSAGES],
		&v[QUOTA_ANNOTATION_KB], &v[QUOTA_FOLDERS], &end) != 4 ||
	    text[end] != '\0')
		return err_set(e, ERR_FORMAT, "\"%s\" are no limits of a quota", text);
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		ret->limit[i] = v[i] < 0 ? -1 : v[i];
	return 0;
}

void room_limits_words(const struct quota_root *q, struct buf *b)
{
	size_t before = b->len;
	char size[16];

	if (q->limit[QUOTA_STORAGE_KB] >= 0)
		buf_str(b, str_size(size, sizeof size, (uint64_t)q->limit[QUOTA_STORAGE_KB] * 1024));
	if (q->limit[QUOTA_MESSAGES] >= 0)
		buf_printf(
		    b, "%s%lld messages", b->len > before ? ", " : "", (long long)q->limit[QUOTA_MESSAGES]);
	if (q->limit[QUOTA_ANNOTATION_KB] >= 0)
		buf_printf(b, "%s%s of annotations", b->len > before ? ", " : "",
		    str_size(size, sizeof size, (uint64_t)q->limit[QUOTA_ANNOTATION_KB] * 1024));
	if (q->limit[QUOTA_FOLDERS] >= 0)
		buf_printf(
		    b, "%s%lld mailboxes", b->len > before ? ", " : "", (long long)q->limit[QUOTA_FOLDERS]);
	if (b->len == before)
		buf_str(b, "no limit");
}

void room_limits_command(const struct quota_root *q, struct buf *b)
{
	static const char *const names[QUOTA_RESOURCES] = { [QUOTA_STORAGE_KB] = "STORAGE",
		[QUOTA_MESSAGES] = "MESSAGE",
		[QUOTA_ANNOTATION_KB] = "X-ANNOTATION-STORAGE",
		[QUOTA_FOLDERS] = "X-NUM-FOLDERS" };
	size_t before = b->len;

	for (int i = 0; i < QUOTA_RESOURCES; i++)
		if (q->limit[i] >= 0)
			buf_printf(
			    b, "%s%s %lld", b->len > before ? " " : "", names[i], (long long)q->limit[i]);
}

int room_set_limits(struct imap *im, const char *name, const struct quota_root *q, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	struct buf text = BUF_INIT;
	int rc;

	buf_char(&text, '(');
	room_limits_command(q, &text);
	buf_char(&text, ')');
	imap_cmd_raw(&c, "SETQUOTA");
	imap_cmd_string(&c, name);
	imap_cmd_raw(&c, buf_text(&text));
	rc = imap_run(im, &c, NULL, e);
	imap_cmd_done(&c);
	buf_done(&text);
	return rc == -1 ? err_wrap(e, "quota of %s", name) : 0;
}

int room_get_limits(struct imap *im, const char *name, struct quota_root *ret, struct err *e)
{
	struct imap_reply *reply = NULL;
	const struct imap_response *quota;
	int rc = imap_command(im, &reply, e, "GETQUOTA %s", name);

	*ret = (struct quota_root){ 0 };
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		ret->limit[i] = -1;
	quota = rc == 0 ? imap_reply_find(reply, "QUOTA", 0, NULL) : NULL;
	if (quota != NULL && quota->args.n >= 2 && quota->args.items[1].kind == IMAP_LIST) {
		const struct imap_value *list = &quota->args.items[1];

		/* Name, used, limit. */
		for (size_t i = 0; i + 2 < list->n; i += 3) {
			int which = imap_value_is(&list->items[i], "STORAGE")   ? QUOTA_STORAGE_KB
			            : imap_value_is(&list->items[i], "MESSAGE") ? QUOTA_MESSAGES
			                                                        : -1;

			if (which != -1 && list->items[i + 2].kind == IMAP_NUMBER)
				ret->limit[which] = (int64_t)list->items[i + 2].number;
		}
	}
	imap_reply_free(reply);
	return rc == -1 ? err_wrap(e, "quota of %s", name) : 0;
}
