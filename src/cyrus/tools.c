/* tools.c: run the server's own programs. */
#include "cyrus/tools.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/process.h"
#include "core/str.h"
#include "cyrus/mboxname.h"

#define ASK_TIMEOUT_MS    20000
#define CHANGE_TIMEOUT_MS 120000
#define LINE_TIMEOUT_MS   100 /* more for each entry: two synchronous commits on a slow disk */
#define LIST_MAX          ((size_t)1 << 30)
#define RECORD_MAX        100000

/* ---- running one ---- */

struct run {
	const char *name;
	const char *const *args; /* after -C imapd.conf */
	const char *input;       /* NULL: none */
	size_t input_len;
	size_t max_output_bytes;
	uint64_t timeout_ms; /* 0: never */
};

/* 0 whatever its exit status was, which process_check() judges when ${check}. */
static int run(
    struct cyrus_tools *t, const struct run *r, bool check, struct process_result *ret, struct err *e)
{
	char *path = mem_printf("%s/%s", t->bin, r->name);
	struct process_opts o = {
		.input = r->input,
		.input_len = r->input_len,
		.max_output_bytes = r->max_output_bytes,
		.timeout_ms = r->timeout_ms,
		.job = t->job,
	};
	size_t n = 0, at = 0;
	const char **argv;
	int rc;

	while (r->args[n] != NULL)
		n++;
	argv = mem_array(n + 4, sizeof *argv);
	argv[at++] = path;
	argv[at++] = "-C";
	argv[at++] = t->imapd_conf;
	for (size_t i = 0; i < n; i++)
		argv[at++] = r->args[i];
	o.argv = argv;
	rc = process_run(&o, ret, e);
	if (rc == 0 && check)
		rc = process_check(&o, ret, e);
	if (rc == -1 && ret->timed_out)
		err_hint(e, "it waits for a lock that another process holds too long");
	free(argv);
	free(path);
	return rc;
}

/* Does the program's usage text mention ${option}? An option no version has makes each print it and do nothing. */
static bool has_option(struct cyrus_tools *t, const char *name, const char *option)
{
	struct run r = {
		.name = name, .args = (const char *const[]){ "-h", NULL }, .timeout_ms = ASK_TIMEOUT_MS
	};
	struct process_result res = { 0 };
	bool yes;

	yes = run(t, &r, false, &res, NULL) == 0 &&
	      (strstr(buf_text(&res.err), option) != NULL || strstr(buf_text(&res.out), option) != NULL);
	process_result_done(&res);
	return yes;
}

/* ---- mailboxes.db ---- */

int cyrus_mboxlist_dump(struct cyrus_tools *t, struct buf *b, struct err *e)
{
	struct run r = { .name = "ctl_mboxlist",
		.args = (const char *const[]){ "-d", NULL },
		.max_output_bytes = LIST_MAX };
	struct process_result res = { 0 };
	int rc = run(t, &r, true, &res, e);

	if (rc == 0)
		buf_add(b, buf_text(&res.out), res.out.len);
	process_result_done(&res);
	return rc == -1 ? err_wrap(e, "list the mailboxes") : 0;
}

int cyrus_checkpoint(struct cyrus_tools *t, struct err *e)
{
	struct run r = { .name = "ctl_cyrusdb",
		.args = (const char *const[]){ "-c", NULL },
		.timeout_ms = CHANGE_TIMEOUT_MS };
	struct process_result res = { 0 };
	int rc = run(t, &r, true, &res, e);

	process_result_done(&res);
	return rc == -1 ? err_wrap(e, "checkpoint the databases") : 0;
}

int cyrus_mboxlist_undump(struct cyrus_tools *t, const char *text, size_t n, bool legacy, struct err *e)
{
	struct run r = { .name = "ctl_mboxlist",
		.args =
		    legacy ? (const char *const[]){ "-L", "-u", NULL } : (const char *const[]){ "-u", NULL },
		.input = text,
		.input_len = n };
	struct process_result res = { 0 };
	const char *said;
	size_t lines = 1;
	int rc;

	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	r.timeout_ms = CHANGE_TIMEOUT_MS + (uint64_t)lines * LINE_TIMEOUT_MS;
	rc = run(t, &r, true, &res, e);
	said = buf_text(&res.err) + strspn(buf_text(&res.err), " \t\r\n");
	if (rc == 0 && *said != '\0')
		rc = err_set(e, ERR_TOOL, "ctl_mboxlist: %.*s", (int)strcspn(said, "\r\n"), said);
	process_result_done(&res);
	return rc == -1 ? err_wrap(e, "enter mailboxes into mailboxes.db") : 0;
}

/* ---- quota, reconstruct ---- */

static int quota_fix_prefix(struct cyrus_tools *t, const char *internal, struct err *e)
{
	const char *bang = strchr(internal, '!');
	bool by_domain = bang != NULL && !cyrus_version_at_least(t->version, 2, 5);
	char *domain = by_domain ? mem_strndup(internal, (size_t)(bang - internal)) : NULL;
	struct buf name = BUF_INIT;
	const char *args[6];
	struct run r = { .name = "quota", .args = args };
	struct process_result res = { 0 };
	size_t at = 0;
	int rc;

	/* An argument it cannot read would make it recount the whole server. */
	mboxname_admin(t->conf, by_domain ? bang + 1 : internal, &name);
	args[at++] = "-f";
	if (by_domain) {
		args[at++] = "-d";
		args[at++] = domain;
	}
	args[at++] = "--";
	args[at++] = buf_text(&name);
	args[at] = NULL;
	rc = run(t, &r, true, &res, e);
	process_result_done(&res);
	buf_done(&name);
	free(domain);
	return rc;
}

int cyrus_quota_fix(struct cyrus_tools *t, const char *userid, struct err *e)
{
	int rc;

	if (has_option(t, "quota", "[-u]")) {
		struct run r = { .name = "quota",
			.args = (const char *const[]){ "-f", "-u", "--", userid, NULL } };
		struct process_result res = { 0 };

		rc = run(t, &r, true, &res, e);
		process_result_done(&res);
	} else {
		char *inbox = mboxname_inbox(userid);

		rc = quota_fix_prefix(t, inbox, e);
		free(inbox);
	}
	return rc == -1 ? err_wrap(e, "recount the quota of %s", userid) : 0;
}

int cyrus_quota_fix_root(struct cyrus_tools *t, const char *root_internal, struct err *e)
{
	char *user = mboxname_user(root_internal);
	int rc;

	if (user != NULL)
		rc = cyrus_quota_fix(t, user, e);
	else if (!mboxname_valid(root_internal))
		rc = err_set(e, ERR_USAGE, "%s is no quota root", root_internal);
	else if (quota_fix_prefix(t, root_internal, e) == -1)
		rc = err_wrap(e, "recount quota root %s", root_internal);
	else
		rc = 0;
	free(user);
	return rc;
}

/* Does one line of ${text} hold exactly ${name}, alone or before a blank or colon? */
static bool is_named(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = text; *p != '\0'; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, n) == 0 && strchr(" :\r\n", p[n]) != NULL)
			return true;
	return false;
}

int cyrus_reconstruct(struct cyrus_tools *t, const struct cyrus_reconstruct_opts *o, const char *const *names,
    size_t n, struct buf *out, struct err *e)
{
	const char **args = mem_array(n + 10, sizeof *args);
	char **admin = mem_array(n, sizeof *admin);
	struct run r = { .name = "reconstruct", .args = args, .max_output_bytes = LIST_MAX };
	struct process_result res = { 0 };
	size_t at = 0;
	int rc;

	if (o->recursive)
		args[at++] = "-r";
	if (o->find)
		args[at++] = "-f";
	if (o->guid)
		args[at++] = "-G";
	if (o->dry_run)
		args[at++] = "-n";
	if (o->to_version != NULL) {
		args[at++] = "-V";
		args[at++] = o->to_version;
	}
	args[at++] = "--";
	for (size_t i = 0; i < n; i++) {
		struct buf b = BUF_INIT;

		mboxname_admin(t->conf, names[i], &b);
		args[at++] = admin[i] = buf_steal(&b);
	}
	args[at] = NULL;
	/* Without names it would take the whole server. */
	rc = n == 0 ? err_set(e, ERR_USAGE, "no mailbox to reconstruct") : run(t, &r, true, &res, e);
	if (out != NULL)
		buf_add(out, buf_text(&res.out), res.out.len);
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (!is_named(buf_text(&res.out), admin[i]))
			rc = err_set(e, ERR_NOT_FOUND, "reconstruct does not know mailbox %s", admin[i]);
	process_result_done(&res);
	for (size_t i = 0; i < n; i++)
		free(admin[i]);
	free(admin);
	free(args);
	return rc;
}

/* ---- single records ---- */

static int check_record(const char *key, const char *value, struct err *e)
{
	if (*key == '\0' || strpbrk(key, "\t\r\n") != NULL)
		return err_set(e, ERR_USAGE, "%s is no key that cyr_dbtool can take", key);
	if (value != NULL && strpbrk(value, "\r\n") != NULL)
		return err_set(
		    e, ERR_USAGE, "the value of %s has line ends, which cyr_dbtool cannot take", key);
	if (strlen(key) + (value != NULL ? strlen(value) : 0) > RECORD_MAX)
		return err_set(e, ERR_USAGE, "the record %.64s is too long for cyr_dbtool", key);
	return 0;
}

static int dbtool(struct cyrus_tools *t, const char *const *args, struct process_result *res, struct err *e)
{
	struct run r = { .name = "cyr_dbtool",
		.args = args,
		.max_output_bytes = LIST_MAX,
		.timeout_ms = CHANGE_TIMEOUT_MS };
	int rc = run(t, &r, true, res, e);

	return rc == -1 ? err_wrap(e, "%s", args[args[0][1] == 'n' ? 2 : 1]) : 0;
}

int cyrus_dbtool_get(struct cyrus_tools *t, const char *file, const char *kind, const char *key,
    struct buf *value, struct err *e)
{
	/* "get" prints an empty line for what is not there; "show" prints every record whose key begins so. */
	const char *const args[] = { "--", file, kind, "show", key, NULL };
	struct process_result res = { 0 };
	size_t n = strlen(key);
	int rc = check_record(key, NULL, e);

	if (rc == 0)
		rc = dbtool(t, args, &res, e);
	for (const char *p = buf_text(&res.out); rc == 0 && *p != '\0';
	     p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, key, n) == 0 && p[n] == '\t') {
			buf_add(value, p + n + 1, strcspn(p + n + 1, "\n"));
			rc = 1;
			break;
		}
	process_result_done(&res);
	return rc;
}

/* It exits 0 whatever became of the record: read it again. */
static int verify(struct cyrus_tools *t, const char *file, const char *kind, const char *key,
    const char *value, struct err *e)
{
	struct buf now = BUF_INIT;
	int r = cyrus_dbtool_get(t, file, kind, key, &now, e);
	bool right = value == NULL ? r == 0 : r == 1 && strcmp(buf_text(&now), value) == 0;

	buf_done(&now);
	if (r == -1)
		return -1;
	return right ? 0 : err_set(e, ERR_TOOL, "%s: cyr_dbtool did not change the record %s", file, key);
}

int cyrus_dbtool_set(struct cyrus_tools *t, const char *file, const char *kind, const char *key,
    const char *value, struct err *e)
{
	/* -n makes a database that is not there: a reader's first seen record. */
	const char *const args[] = { "-n", "--", file, kind, "set", key, value, NULL };
	bool is_new = access(file, F_OK) == -1;
	struct process_result res = { 0 };
	int rc = check_record(key, value, e);

	if (rc == 0)
		rc = dbtool(t, is_new ? args : args + 1, &res, e);
	process_result_done(&res);
	return rc == -1 ? -1 : verify(t, file, kind, key, value, e);
}

int cyrus_dbtool_delete(
    struct cyrus_tools *t, const char *file, const char *kind, const char *key, struct err *e)
{
	const char *const args[] = { "--", file, kind, "delete", key, NULL };
	struct process_result res = { 0 };
	int rc = check_record(key, NULL, e);

	if (rc == 0)
		rc = dbtool(t, args, &res, e);
	process_result_done(&res);
	return rc == -1 ? -1 : verify(t, file, kind, key, NULL, e);
}

/* ---- who Cyrus is ---- */

int cyrus_user_ids(const struct imapd_conf *conf, uid_t *uid, gid_t *gid, struct err *e)
{
	const char *paths[3] = { conf->configdirectory, conf->mboxlist_path, NULL };
	struct stat st;

	if (conf->n_partitions > 0)
		paths[2] = conf->partitions[0].spool;
	for (size_t i = 0; i < 3; i++) {
		if (paths[i] == NULL || stat(paths[i], &st) == -1 || st.st_uid == 0)
			continue;
		*uid = st.st_uid;
		*gid = st.st_gid;
		return 0;
	}
	if (stat(conf->configdirectory, &st) == -1)
		return err_sys(e, "find out who Cyrus is: %s", conf->configdirectory);
	err_set(e, ERR_CONFIG, "%s and the mail belong to root: they should be the cyrus user's",
	    conf->configdirectory);
	return err_hint(e, "chown -R cyrus:mail %s, or as this host names them", conf->configdirectory);
}
