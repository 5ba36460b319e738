/* lvm_clean.c: leftovers of killed runs: found by their tags, removed when their process is gone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "snapshot/lvm_priv.h"

/* What follows a prefix in the one tag that has it, heap; NULL: none has. */
static char *tag_rest(const struct lvm_lv *lv, const char *prefix)
{
	size_t n = strlen(prefix);

	for (const char *p = lv->tags; *p != '\0'; p += strcspn(p, ","), p += *p == ',')
		if (strncmp(p, prefix, n) == 0)
			return mem_strndup(p + n, strcspn(p + n, ","));
	return NULL;
}

int lvm_tags_owner(const struct lvm_lv *lv, struct owner *ret)
{
	char *host = tag_rest(lv, LVM_TAG "_host_"), *pid = tag_rest(lv, LVM_TAG "_pid_");
	char *start = tag_rest(lv, LVM_TAG "_start_");
	uint64_t number = 0;
	int rc = -1;

	*ret = (struct owner){ 0 };
	if (lvm_lv_has_tag(lv, LVM_TAG) && host != NULL && pid != NULL && start != NULL &&
	    strlen(host) < sizeof ret->host && str_u64(pid, INT32_MAX, &number) == 0 && number > 0 &&
	    strcspn(start, "_") == sizeof ret->boot - 1 && start[sizeof ret->boot - 1] == '_' &&
	    str_u64(start + sizeof ret->boot, UINT64_MAX, &ret->start) == 0) {
		snprintf(ret->host, sizeof ret->host, "%s", host);
		snprintf(ret->boot, sizeof ret->boot, "%.*s", (int)sizeof ret->boot - 1, start);
		ret->pid = (pid_t)number;
		rc = 0;
	}
	free(host);
	free(pid);
	free(start);
	return rc;
}

bool lvm_is_ours_to_remove(const struct lvm_lv *lv)
{
	if (!str_starts(lv->name, LVM_PREFIX))
		return false;
	if (*lv->origin != '\0')
		return lvm_lv_is_snapshot(lv) || lvm_lv_is_thin(lv);
	/* lvcreate makes a plain volume first. Broken off there it is left active, or is so after the next boot. */
	return str_starts(lv->attr, "-wi-") && lv->attr[5] == '-';
}

/* Another run may be using it, or it is of another host. One of our own that nothing uses any more is left of an earlier run of ours. */
static bool is_left_over(const struct owner *o, const char *full)
{
	if (owner_state(o) == OWNER_GONE)
		return true;
	return owner_is_self(o) && !owner_holds(full);
}

int lvm_clean(const struct snapshot_opts *o, bool remove, char **ret_what, struct err *e)
{
	struct buf what = BUF_INIT, left = BUF_INIT;
	struct lvm_lvs l = { 0 };
	struct err why = { 0 };
	char *lvm = NULL;
	int n = 0;

	if (geteuid() != 0 || lvm_find(o->lvm, &lvm, NULL) == -1)
		return 0;
	if (lvm_lvs(lvm, o->job, (const char *const[]){ "@" LVM_TAG, NULL }, &l, e) == -1) {
		free(lvm);
		return err_wrap(e, "look for leftover snapshots");
	}
	for (size_t i = 0; i < l.n; i++) {
		const struct lvm_lv *lv = &l.list[i];
		char *full = mem_printf("%s/%s", lv->vg, lv->name);
		struct owner owner;

		if (lvm_tags_owner(lv, &owner) == 0 && is_left_over(&owner, full)) {
			if (!lvm_is_ours_to_remove(lv))
				log_write(LOG_LEVEL_WARNING,
				    "%s carries our tags but is no snapshot (%s): left alone", full,
				    lv->attr);
			else if (remove && lvm_remove(lvm, full, &why) == -1)
				buf_printf(&left, "%s%s", left.len > 0 ? " " : "", full);
			else if (++n > 0)
				buf_printf(&what, "%s%s", what.len > 0 ? ", " : "", full);
		}
		free(full);
	}
	if (left.len > 0) {
		err_set(e, why.code, "left over and not removed: %s: %s", buf_text(&left), why.msg);
		err_hint(e,
		    "a damaged one can keep its origin from coming up after a reboot; then: lvremove -y %s",
		    buf_text(&left));
		n = -1;
	}
	if (what.len > 0)
		*ret_what = buf_steal(&what);
	buf_done(&what);
	buf_done(&left);
	lvm_lvs_done(&l);
	free(lvm);
	return n;
}
