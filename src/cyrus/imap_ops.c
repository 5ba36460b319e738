/* imap_ops.c: the IMAP commands a restore needs, each as one call. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "core/mem.h"
#include "core/str.h"
#include "cyrus/imap.h"
#include "cyrus/userdata.h"

static int simple(struct imap *im, const char *verb, const char *mailbox, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	int rc;

	imap_cmd_raw(&c, verb);
	imap_cmd_string(&c, mailbox);
	rc = imap_run(im, &c, NULL, e);
	imap_cmd_done(&c);
	return rc == -1 ? err_wrap(e, "%s", mailbox) : 0;
}

int imap_create(struct imap *im, const char *mailbox, const char *partition, struct err *e)
{
	if (partition == NULL)
		return simple(im, "CREATE", mailbox, e);
	if (imap_command(im, NULL, e, "CREATE %s %s", mailbox, partition) == -1)
		return err_wrap(e, "%s on partition %s", mailbox, partition);
	return 0;
}

int imap_rename(struct imap *im, const char *from, const char *to, struct err *e)
{
	if (imap_command(im, NULL, e, "RENAME %s %s", from, to) == -1)
		return err_wrap(e, "rename %s to %s", from, to);
	return 0;
}

int imap_delete(struct imap *im, const char *mailbox, struct err *e)
{
	return simple(im, "DELETE", mailbox, e);
}

int imap_subscribe(struct imap *im, const char *mailbox, struct err *e)
{
	return simple(im, "SUBSCRIBE", mailbox, e);
}

int imap_unsubscribe(struct imap *im, const char *mailbox, struct err *e)
{
	return simple(im, "UNSUBSCRIBE", mailbox, e);
}

int imap_setacl(struct imap *im, const char *mailbox, const char *user, const char *rights, struct err *e)
{
	int rc = *rights != '\0' ? imap_command(im, NULL, e, "SETACL %s %s %s", mailbox, user, rights)
	                         : imap_command(im, NULL, e, "DELETEACL %s %s", mailbox, user);

	return rc == -1 ? err_wrap(e, "rights of %s on %s", user, mailbox) : 0;
}

int imap_setquota(struct imap *im, const char *root, int64_t storage_kb, int64_t messages, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	char text[96] = "(";
	size_t n = 1;
	int rc;

	if (storage_kb >= 0)
		n += (size_t)snprintf(text + n, sizeof text - n, "STORAGE %lld", (long long)storage_kb);
	if (messages >= 0)
		n += (size_t)snprintf(
		    text + n, sizeof text - n, "%sMESSAGE %lld", n > 1 ? " " : "", (long long)messages);
	snprintf(text + n, sizeof text - n, ")");
	imap_cmd_raw(&c, "SETQUOTA");
	imap_cmd_string(&c, root);
	imap_cmd_raw(&c, text);
	rc = imap_run(im, &c, NULL, e);
	imap_cmd_done(&c);
	return rc == -1 ? err_wrap(e, "quota of %s", root) : 0;
}

/* ---- LIST, NAMESPACE ---- */

struct list_arg {
	imap_list_fn *each;
	void *arg;
};

static int take_list_line(void *arg, const struct imap_response *r, struct err *e)
{
	const struct list_arg *l = arg;
	const struct imap_value *v = r->args.items;
	bool selectable = true;
	const char *separator, *name;

	if (strcmp(r->name, "LIST") != 0)
		return 0;
	if (r->args.n < 3 || v[0].kind != IMAP_LIST || (name = imap_value_text(&v[2])) == NULL)
		return err_set(e, ERR_FORMAT, "the IMAP server's LIST makes no sense");
	for (size_t i = 0; i < v[0].n; i++)
		if (imap_value_is(&v[0].items[i], "\\Noselect") ||
		    imap_value_is(&v[0].items[i], "\\NonExistent"))
			selectable = false;
	separator = imap_value_text(&v[1]);
	return l->each(l->arg, name, separator != NULL ? *separator : '\0', selectable, e);
}

int imap_list(struct imap *im, const char *pattern, imap_list_fn *each, void *arg, struct err *e)
{
	struct list_arg l = { each, arg };
	struct imap_cmd c = IMAP_CMD_INIT;
	int rc;

	imap_cmd_raw(&c, "LIST \"\"");
	imap_cmd_string(&c, pattern);
	rc = imap_run_each(im, &c, take_list_line, &l, e);
	imap_cmd_done(&c);
	return rc;
}

static int take_separator(void *arg, const char *name, char separator, bool selectable, struct err *e)
{
	(void)name;
	(void)selectable;
	(void)e;
	*(char *)arg = separator;
	return 0;
}

int imap_separator(struct imap *im, char *ret, struct err *e)
{
	*ret = '\0';
	if (imap_list(im, "", take_separator, ret, e) == -1)
		return -1;
	return *ret != '\0' ? 0
	                    : err_set(e, ERR_FORMAT, "the IMAP server does not tell its hierarchy separator");
}

/* The prefix of the first namespace of a kind, heap or NULL. */
static char *first_prefix(const struct imap_value *v)
{
	if (v->kind != IMAP_LIST || v->n == 0 || v->items[0].kind != IMAP_LIST || v->items[0].n == 0)
		return NULL;
	return mem_strdup(imap_value_text(&v->items[0].items[0]));
}

int imap_namespace(struct imap *im, char **personal, char **other, char **shared, struct err *e)
{
	struct imap_reply *r = NULL;
	const struct imap_response *found;
	int rc = imap_command(im, &r, e, "NAMESPACE");

	if (rc == 0) {
		found = imap_reply_find(r, "NAMESPACE", 0, NULL);
		if (found == NULL || found->args.n < 3) {
			rc = err_set(e, ERR_FORMAT, "the IMAP server's NAMESPACE makes no sense");
		} else {
			*personal = first_prefix(&found->args.items[0]);
			*other = first_prefix(&found->args.items[1]);
			*shared = first_prefix(&found->args.items[2]);
		}
	}
	imap_reply_free(r);
	return rc;
}

/* ---- STATUS, SELECT ---- */

static uint64_t number_of(const struct imap_value *v)
{
	return v != NULL && v->kind == IMAP_NUMBER ? v->number : 0;
}

static bool says_not_there(const struct imap_reply *r)
{
	return r != NULL && r->status == IMAP_NO &&
	       ((r->tagged.code != NULL && strcmp(r->tagged.code, "NONEXISTENT") == 0) ||
		   strcasestr(r->tagged.text, "does not exist") != NULL);
}

int imap_status(struct imap *im, const char *mailbox, struct imap_mailbox_status *ret, struct err *e)
{
	struct imap_reply *r = NULL;
	const struct imap_response *found;
	const struct imap_value *v;
	int rc;

	*ret = (struct imap_mailbox_status){ 0 };
	if (imap_has(im, "CONDSTORE"))
		rc = imap_command(
		    im, &r, e, "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ)", mailbox);
	else
		rc = imap_command(im, &r, e, "STATUS %s (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)", mailbox);
	if (rc == -1 && says_not_there(r)) {
		err_set(e, ERR_NOT_FOUND, "the IMAP server has no mailbox %s", mailbox);
	} else if (rc == -1) {
		err_wrap(e, "%s", mailbox);
	} else if ((found = imap_reply_find(r, "STATUS", 0, NULL)) == NULL || found->args.n < 2) {
		rc = err_set(e, ERR_FORMAT, "the IMAP server's STATUS makes no sense");
	} else {
		v = &found->args.items[1];
		ret->messages = number_of(imap_value_pair(v, "MESSAGES"));
		ret->unseen = number_of(imap_value_pair(v, "UNSEEN"));
		ret->uidnext = (uint32_t)number_of(imap_value_pair(v, "UIDNEXT"));
		ret->uidvalidity = (uint32_t)number_of(imap_value_pair(v, "UIDVALIDITY"));
		ret->highestmodseq = number_of(imap_value_pair(v, "HIGHESTMODSEQ"));
	}
	imap_reply_free(r);
	return rc;
}

static uint64_t code_number(const struct imap_reply *r, const char *code)
{
	const struct imap_value *v = imap_reply_code(r, code);

	return v != NULL && v->n > 0 ? number_of(&v->items[0]) : 0;
}

int imap_select(
    struct imap *im, const char *mailbox, bool read_only, struct imap_mailbox_status *ret, struct err *e)
{
	struct imap_reply *r = NULL;
	const struct imap_response *found;
	int rc = read_only ? imap_command(im, &r, e, "EXAMINE %s", mailbox)
	                   : imap_command(im, &r, e, "SELECT %s", mailbox);

	if (rc == -1 && says_not_there(r)) {
		err_set(e, ERR_NOT_FOUND, "the IMAP server has no mailbox %s", mailbox);
	} else if (rc == -1) {
		err_wrap(e, "%s", mailbox);
	} else if (ret != NULL) {
		*ret = (struct imap_mailbox_status){ 0 };
		ret->uidvalidity = (uint32_t)code_number(r, "UIDVALIDITY");
		ret->uidnext = (uint32_t)code_number(r, "UIDNEXT");
		ret->highestmodseq = code_number(r, "HIGHESTMODSEQ");
		found = imap_reply_find(r, "EXISTS", 0, NULL);
		ret->messages = found != NULL ? found->number : 0;
	}
	imap_reply_free(r);
	return rc;
}

/* ---- removing messages, flags ---- */

#define UIDS_AT_ONCE 500

static int with_uids(struct imap *im, const char *verb, const char *set, const char *rest, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	int rc;

	imap_cmd_raw(&c, verb);
	imap_cmd_raw(&c, set);
	imap_cmd_join(&c, rest);
	rc = imap_run(im, &c, NULL, e);
	imap_cmd_done(&c);
	return rc;
}

int imap_expunge_uids(struct imap *im, const uint32_t *uids, size_t n, struct err *e)
{
	int rc = 0;

	if (!imap_has(im, "UIDPLUS"))
		return err_set(
		    e, ERR_UNSUPPORTED, "this IMAP server cannot remove single messages (UIDPLUS)");
	for (size_t i = 0; i < n && rc == 0; i += UIDS_AT_ONCE) {
		struct buf set = BUF_INIT;

		uidset_put(&set, uids + i, n - i < UIDS_AT_ONCE ? n - i : UIDS_AT_ONCE);
		rc = with_uids(im, "UID STORE", buf_text(&set), " +FLAGS.SILENT (\\Deleted)", e);
		if (rc == 0)
			rc = with_uids(im, "UID EXPUNGE", buf_text(&set), "", e);
		buf_done(&set);
	}
	return rc;
}

int imap_copy_uids(struct imap *im, const uint32_t *uids, size_t n, const char *to, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i += UIDS_AT_ONCE) {
		struct imap_cmd c = IMAP_CMD_INIT;
		struct buf set = BUF_INIT;

		uidset_put(&set, uids + i, n - i < UIDS_AT_ONCE ? n - i : UIDS_AT_ONCE);
		imap_cmd_raw(&c, "UID COPY");
		imap_cmd_raw(&c, buf_text(&set));
		imap_cmd_string(&c, to);
		rc = imap_run(im, &c, NULL, e);
		imap_cmd_done(&c);
		buf_done(&set);
	}
	return rc;
}

int imap_store_uids(struct imap *im, const uint32_t *uids, size_t n, const char *flag, bool on, struct err *e)
{
	char *rest = mem_printf(" %sFLAGS.SILENT (%s)", on ? "+" : "-", flag);
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0; i += UIDS_AT_ONCE) {
		struct buf set = BUF_INIT;

		uidset_put(&set, uids + i, n - i < UIDS_AT_ONCE ? n - i : UIDS_AT_ONCE);
		rc = with_uids(im, "UID STORE", buf_text(&set), rest, e);
		buf_done(&set);
	}
	free(rest);
	return rc == -1 ? err_wrap(e, "%s of %zu messages", flag, n) : 0;
}

/* ---- METADATA, and what came before it ---- */

/* "/private/comment" of RFC 5464 is "/comment" "value.priv" of 2.x. */
static int old_entry(const char *entry, const char **name, const char **attribute, struct err *e)
{
	if (str_starts(entry, "/private/"))
		*attribute = "value.priv";
	else if (str_starts(entry, "/shared/"))
		*attribute = "value.shared";
	else
		return err_set(e, ERR_USAGE, "annotation %s is neither private nor shared", entry);
	*name = strchr(entry + 1, '/');
	return 0;
}

static int check_metadata(struct imap *im, struct err *e)
{
	if (imap_has(im, "METADATA") || imap_has(im, "ANNOTATEMORE"))
		return 0;
	return err_set(e, ERR_UNSUPPORTED, "this IMAP server has no annotations");
}

static void value_or_nil(struct imap_cmd *c, const void *p, size_t n)
{
	if (p == NULL)
		imap_cmd_raw(c, "NIL");
	else
		imap_cmd_bytes(c, p, n);
}

int imap_setmetadata(
    struct imap *im, const char *mailbox, const char *entry, const void *p, size_t n, struct err *e)
{
	struct imap_cmd c = IMAP_CMD_INIT;
	const char *name, *attribute;
	int rc = check_metadata(im, e);

	if (rc == -1)
		return -1;
	if (imap_has(im, "METADATA")) {
		imap_cmd_raw(&c, "SETMETADATA");
		imap_cmd_string(&c, mailbox);
		imap_cmd_raw(&c, "(");
		imap_cmd_string(&c, entry);
		value_or_nil(&c, p, n);
		imap_cmd_join(&c, ")");
	} else if ((rc = old_entry(entry, &name, &attribute, e)) == 0) {
		imap_cmd_raw(&c, "SETANNOTATION");
		imap_cmd_string(&c, mailbox);
		imap_cmd_string(&c, name);
		imap_cmd_raw(&c, "(");
		imap_cmd_string(&c, attribute);
		value_or_nil(&c, p, n);
		imap_cmd_join(&c, ")");
	}
	if (rc == 0)
		rc = imap_run(im, &c, NULL, e);
	imap_cmd_done(&c);
	return rc == -1 ? err_wrap(e, "annotation %s of %s", entry, mailbox) : 0;
}

/* The value in METADATA box (entry value) or ANNOTATION box entry (attribute value). */
static int take_value(const struct imap_reply *r, const char *entry, const char *attribute, struct buf *b)
{
	const struct imap_response *found;
	const struct imap_value *v = NULL;

	if ((found = imap_reply_find(r, "METADATA", 0, NULL)) != NULL && found->args.n >= 2)
		v = imap_value_pair(&found->args.items[1], entry);
	else if ((found = imap_reply_find(r, "ANNOTATION", 0, NULL)) != NULL && found->args.n >= 3)
		v = imap_value_pair(&found->args.items[2], attribute);
	if (v == NULL || imap_value_text(v) == NULL)
		return 0;
	buf_add(b, v->text, v->len);
	return 1;
}

int imap_getmetadata(struct imap *im, const char *mailbox, const char *entry, struct buf *b, struct err *e)
{
	const char *name = NULL, *attribute = "";
	struct imap_reply *r = NULL;
	int rc = check_metadata(im, e);

	if (rc == -1)
		return -1;
	if (imap_has(im, "METADATA"))
		rc = imap_command(im, &r, e, "GETMETADATA %s (%s)", mailbox, entry);
	else if ((rc = old_entry(entry, &name, &attribute, e)) == 0)
		rc = imap_command(im, &r, e, "GETANNOTATION %s %s %s", mailbox, name, attribute);
	rc = rc == -1 ? err_wrap(e, "annotation %s of %s", entry, mailbox)
	              : take_value(r, entry, attribute, b);
	imap_reply_free(r);
	return rc;
}
