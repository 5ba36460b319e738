/* lvm.c: run lvm, read its reports. */
#include "snapshot/lvm.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/process.h"
#include "core/str.h"

#define REPORT_TIMEOUT_MS 60000
#define MAX_ARGS          48

int lvm_find(const char *wanted, char **ret, struct err *e)
{
	static const char *const usual[] = { "/sbin/lvm", "/usr/sbin/lvm" };

	if (wanted != NULL) {
		if (access(wanted, X_OK) == -1)
			return err_sys(e, "%s", wanted);
		*ret = mem_strdup(wanted);
		return 0;
	}
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		if (access(usual[i], X_OK) == 0) {
			*ret = mem_strdup(usual[i]);
			return 0;
		}
	return err_set(e, ERR_NOT_FOUND, "there is no lvm program on this host");
}

/* The line of its errors that says why: warnings come before it. */
static const char *why_line(const char *text, size_t *ret_n)
{
	const char *first = text + strspn(text, " \t\r\n"), *p = first;

	while (*p != '\0') {
		size_t n = strcspn(p, "\r\n");

		if (!str_starts(p, "WARNING:") && !str_starts(p, "File descriptor ")) {
			*ret_n = n;
			return p;
		}
		p += n + strspn(p + n, " \t\r\n");
	}
	*ret_n = strcspn(first, "\r\n");
	return first;
}

static bool says(const struct process_result *r, const char *words)
{
	return strstr(buf_text(&r->err), words) != NULL;
}

static int explain(const char *command, const struct process_result *r, struct err *e)
{
	size_t n;
	const char *why = why_line(buf_text(&r->err), &n);

	if (r->timed_out)
		return err_set(
		    e, ERR_TOOL, "%s did not answer within %d s", command, REPORT_TIMEOUT_MS / 1000);
	if (r->status == 0 && !r->out.full)
		return 0;
	if (r->out.full)
		return err_set(e, ERR_TOOL, "%s wrote more than %zu bytes", command, r->out.max);
	if (n == 0)
		return err_set(e, ERR_TOOL, "%s failed with exit status %d", command, r->status);
	err_set(e, says(r, "insufficient free space") || says(r, "out of data space") ? ERR_SPACE : ERR_TOOL,
	    "%s: %.*s", command, (int)(n > 400 ? 400 : n), why);
	if (says(r, "suspend ioctl"))
		return err_hint(
		    e, "is the file system frozen (fsfreeze)? Thaw it, and look at: lvs -o +lv_suspended");
	if (says(r, "Permission denied"))
		return err_hint(e, "run as root");
	return says(r, "not found: device not cleared")
	           ? err_hint(e, "no udev daemon runs here: set DM_DISABLE_UDEV=1 in the environment")
	           : -1;
}

static int run(const char *lvm, const char *const *args, bool change, struct job *job,
    struct process_result *r, struct err *e)
{
	const char *argv[MAX_ARGS] = { lvm }, *env[3] = { "LVM_SUPPRESS_FD_WARNINGS=1" };
	struct process_opts o = { .argv = argv, .env = env, .job = job, .never_kill = change };
	/* Where no udev runs, LVM must make its devices itself; only whoever started us knows. */
	const char *no_udev = getenv("DM_DISABLE_UDEV");
	char *no_udev_env = NULL;
	size_t n = 1;
	int rc;

	for (size_t i = 0; args[i] != NULL; i++) {
		if (n == MAX_ARGS - 1)
			return err_set(e, ERR_UNSUPPORTED, "too many arguments for %s", args[0]);
		argv[n++] = args[i];
	}
	if (no_udev != NULL)
		env[1] = no_udev_env = mem_printf("DM_DISABLE_UDEV=%s", no_udev);
	if (!change)
		o.timeout_ms = REPORT_TIMEOUT_MS;
	rc = process_run(&o, r, e);
	if (rc == 0)
		rc = explain(args[0], r, e);
	free(no_udev_env);
	return rc;
}

int lvm_change(const char *lvm, const char *const *args, struct err *e)
{
	struct process_result r = { 0 };
	int rc = run(lvm, args, true, NULL, &r, e);

	process_result_done(&r);
	return rc;
}

/* ---- reports ---- */

/* Rows of {"report":[{"lv":[{...}]}]}; ${*ret_root} holds them. */
static int report(const char *lvm, struct job *job, const char *command, const char *fields, const char *key,
    const char *const *what, json_t **ret_root, json_t **ret_rows, struct err *e)
{
	const char *args[MAX_ARGS] = { command, "--reportformat", "json", "--units", "b", "--nosuffix", "-o",
		fields };
	struct process_result r = { 0 };
	json_error_t why;
	size_t n = 8;
	int rc;

	*ret_root = *ret_rows = NULL;
	for (size_t i = 0; what != NULL && what[i] != NULL; i++) {
		if (n == MAX_ARGS - 2)
			return err_set(e, ERR_UNSUPPORTED, "too many volumes for one report");
		args[n++] = what[i];
	}
	rc = run(lvm, args, false, job, &r, e);
	if (rc == 0) {
		*ret_root = json_loadb(buf_text(&r.out), r.out.len, 0, &why);
		*ret_rows = json_object_get(json_array_get(json_object_get(*ret_root, "report"), 0), key);
		if (!json_is_array(*ret_rows)) {
			rc = err_set(e, ERR_TOOL, "%s: its report is not understood%s%s", command,
			    *ret_root == NULL ? ": " : "", *ret_root == NULL ? why.text : "");
			json_decref(*ret_root);
			*ret_root = NULL;
		}
	}
	process_result_done(&r);
	return rc;
}

static const char *text(const json_t *row, const char *field)
{
	const char *s = json_string_value(json_object_get(row, field));

	return s != NULL ? s : "";
}

/* A name that LVM allows, so that it is no option and no path. */
static bool is_name(const char *s)
{
	const char *p = s;

	while (isalnum((unsigned char)*p) || (*p != '\0' && strchr("+_.-", *p) != NULL))
		p++;
	return *s != '\0' && *s != '-' && *p == '\0' && p - s < 128 && strcmp(s, ".") != 0 &&
	       strcmp(s, "..") != 0;
}

static int number(const json_t *row, const char *field, uint64_t *ret, struct err *e)
{
	const char *s = text(row, field);

	if (*s == '\0') {
		*ret = 0;
		return 0;
	}
	if (str_u64(s, INT64_MAX, ret) == -1)
		return err_set(e, ERR_TOOL, "lvm reports %s as \"%s\", which is no number", field, s);
	return 0;
}

/* "72.99" -> 729; "" or anything else: -1. */
static int permille(const char *s)
{
	char *end;
	double v = strtod(s, &end);

	return end == s || *end != '\0' || !(v >= 0 && v <= 100) ? -1 : (int)(v * 10 + 1e-6);
}

static int device_number(const char *s)
{
	uint64_t v;

	return str_u64(s, INT32_MAX, &v) == 0 ? (int)v : -1;
}

static int read_lv(const json_t *row, struct lvm_lv *lv, struct err *e)
{
	const char *attr = text(row, "lv_attr");

	if (!is_name(text(row, "vg_name")) || !is_name(text(row, "lv_name")) || strlen(attr) < 9 ||
	    (*text(row, "origin") != '\0' && !is_name(text(row, "origin"))))
		return err_set(e, ERR_TOOL, "lvm reports a volume \"%s/%s\" with attributes \"%s\"",
		    text(row, "vg_name"), text(row, "lv_name"), attr);
	if (number(row, "lv_size", &lv->bytes, e) == -1)
		return -1;
	lv->vg = mem_strdup(text(row, "vg_name"));
	lv->name = mem_strdup(text(row, "lv_name"));
	lv->path = mem_strdup(text(row, "lv_path"));
	lv->attr = mem_strdup(attr);
	lv->origin = mem_strdup(text(row, "origin"));
	lv->pool = mem_strdup(text(row, "pool_lv"));
	lv->health = mem_strdup(text(row, "lv_health_status"));
	lv->tags = mem_strdup(text(row, "lv_tags"));
	lv->major = device_number(text(row, "lv_kernel_major"));
	lv->minor = device_number(text(row, "lv_kernel_minor"));
	lv->fill_permille = permille(text(row, "data_percent"));
	lv->meta_permille = permille(text(row, "metadata_percent"));
	lv->suspended = strcmp(text(row, "lv_suspended"), "suspended") == 0;
	lv->invalid = strcmp(text(row, "lv_snapshot_invalid"), "snapshot invalid") == 0 || attr[4] == 'I' ||
	              attr[4] == 'S' || (lvm_lv_is_snapshot(lv) && lv->fill_permille >= 1000);
	return 0;
}

int lvm_lvs(const char *lvm, struct job *job, const char *const *what, struct lvm_lvs *ret, struct err *e)
{
	json_t *root, *rows;
	int rc = 0;

	*ret = (struct lvm_lvs){ 0 };
	if (report(lvm, job, "lvs",
		"vg_name,lv_name,lv_path,lv_attr,lv_kernel_major,lv_kernel_minor,lv_size,origin,pool_lv,data_"
		"percent,"
		"metadata_percent,lv_snapshot_invalid,lv_health_status,lv_suspended,lv_tags",
		"lv", what, &root, &rows, e) == -1)
		return -1;
	ret->list = mem_array(json_array_size(rows) + 1, sizeof *ret->list);
	for (size_t i = 0; i < json_array_size(rows) && rc == 0; i++) {
		rc = read_lv(json_array_get(rows, i), &ret->list[ret->n], e);
		ret->n += rc == 0;
	}
	json_decref(root);
	if (rc == -1)
		lvm_lvs_done(ret);
	return rc;
}

void lvm_lvs_done(struct lvm_lvs *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->list[i].vg);
		free(l->list[i].name);
		free(l->list[i].path);
		free(l->list[i].attr);
		free(l->list[i].origin);
		free(l->list[i].pool);
		free(l->list[i].health);
		free(l->list[i].tags);
	}
	free(l->list);
	*l = (struct lvm_lvs){ 0 };
}

const struct lvm_lv *lvm_lvs_find(const struct lvm_lvs *l, const char *vg, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].vg, vg) == 0 && strcmp(l->list[i].name, name) == 0)
			return &l->list[i];
	return NULL;
}

bool lvm_lv_has_tag(const struct lvm_lv *lv, const char *tag)
{
	size_t n = strlen(tag);

	for (const char *p = lv->tags; *p != '\0'; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, tag, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return true;
	return false;
}

bool lvm_lv_is_thin(const struct lvm_lv *lv)
{
	return lv->attr[0] == 'V' && *lv->pool != '\0';
}

bool lvm_lv_is_snapshot(const struct lvm_lv *lv)
{
	return (lv->attr[0] == 's' || lv->attr[0] == 'S') && *lv->origin != '\0';
}

int lvm_vgs(const char *lvm, struct job *job, const char *vg, struct lvm_vgs *ret, struct err *e)
{
	const char *const what[] = { vg, NULL };
	json_t *root, *rows;
	int rc = 0;

	*ret = (struct lvm_vgs){ 0 };
	if (report(lvm, job, "vgs", "vg_name,vg_free_count,vg_extent_size,vg_missing_pv_count", "vg", what,
		&root, &rows, e) == -1)
		return -1;
	ret->list = mem_array(json_array_size(rows) + 1, sizeof *ret->list);
	for (size_t i = 0; i < json_array_size(rows) && rc == 0; i++) {
		const json_t *row = json_array_get(rows, i);
		struct lvm_vg *g = &ret->list[ret->n];
		uint64_t missing = 0;

		if (number(row, "vg_free_count", &g->free_extents, e) == -1 ||
		    number(row, "vg_extent_size", &g->extent_bytes, e) == -1 ||
		    number(row, "vg_missing_pv_count", &missing, e) == -1)
			rc = -1;
		else if (!is_name(text(row, "vg_name")) || g->extent_bytes == 0 ||
			 g->extent_bytes > (uint64_t)1 << 50 || g->free_extents > UINT32_MAX)
			rc = err_set(e, ERR_TOOL, "lvm reports a volume group \"%s\" that cannot be",
			    text(row, "vg_name"));
		if (rc == -1)
			break;
		g->missing = missing > UINT32_MAX ? UINT32_MAX : (unsigned)missing;
		g->name = mem_strdup(text(row, "vg_name"));
		ret->n++;
	}
	json_decref(root);
	if (rc == -1)
		lvm_vgs_done(ret);
	return rc;
}

void lvm_vgs_done(struct lvm_vgs *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->list[i].name);
	free(l->list);
	*l = (struct lvm_vgs){ 0 };
}

const struct lvm_vg *lvm_vgs_find(const struct lvm_vgs *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (strcmp(l->list[i].name, name) == 0)
			return &l->list[i];
	return NULL;
}
