/* run.c: the stages of a backup: look, hold and capture owner by owner, pack, ship, verify. */
#include "backup/run_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "archive/verify.h"
#include "backup/consistency.h"
#include "backup/globals.h"
#include "backup/report.h"
#include "core/bytes.h"
#include "core/clock.h"
#include "core/fault.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/priority.h"
#include "core/str.h"

/* Messages held open at once: enough for a large mailbox, little for the kernel. */
#define MAX_OPEN_MESSAGES 65536
#define NEWS_EVERY_MS     500

/* As many descriptors as we may have; keeping message files open is what makes a live copy consistent. */
static size_t raise_descriptor_limit(void)
{
	struct rlimit rl;

	if (getrlimit(RLIMIT_NOFILE, &rl) == -1)
		return 256;
	if (rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
		getrlimit(RLIMIT_NOFILE, &rl);
	}
	if (rl.rlim_cur > MAX_OPEN_MESSAGES + 1024)
		return MAX_OPEN_MESSAGES;
	return rl.rlim_cur > 1024 ? (size_t)rl.rlim_cur - 1024 : (size_t)rl.rlim_cur / 2;
}

/* What there is to pack, for the progress: each index knows its mailbox's size. */
static uint64_t estimate(const struct run *r)
{
	struct buf b = BUF_INIT;
	uint64_t total = 0;

	for (size_t i = 0; i < r->roster.list->n; i++) {
		const struct mailbox_entry *entry = &r->roster.list->entries[i];
		uint8_t head[40];
		int fd;

		buf_clear(&b);
		if (!mailbox_entry_has_directory(entry) ||
		    server_mailbox_dir(r->server, entry, META_INDEX, &b, NULL) == -1)
			continue;
		buf_str(&b, "/cyrus.index");
		fd = snapshot_open(r->snapshot, buf_text(&b), O_RDONLY, NULL);
		if (fd == -1)
			continue;
		if (io_pread_all(fd, head, sizeof head, 0, "cyrus.index", NULL) == 0)
			total += be64(head + 32) + be32(head + 20) * (uint64_t)112;
		close(fd);
	}
	buf_done(&b);
	return total;
}

/* The newest archive of this server there is, heap, or NULL. */
static char *find_previous(struct store *store, const char *server)
{
	struct store_list l;
	char *found = NULL, *prefix = mem_printf("%s-", server);

	if (store_list(store, &l, NULL) == 0) {
		for (size_t i = 0; i < l.n; i++) {
			int64_t t;

			if (str_starts(l.objects[i].name, prefix) &&
			    str_ends(l.objects[i].name, ".cpio.gz") &&
			    clock_parse_stamp(l.objects[i].name + strlen(prefix), &t) == 0) {
				free(found);
				found = mem_strdup(l.objects[i].name);
			}
		}
		store_list_done(&l);
	}
	free(prefix);
	return found;
}

static int create_object(struct run *r, struct err *e)
{
	char stamp[32];

	for (int tries = 0;; tries++) {
		r->when = clock_now();
		free(r->name);
		r->name =
		    mem_printf("%s-%s.cpio.gz", r->server->name, clock_stamp(stamp, sizeof stamp, r->when));
		if (store_create(r->store, r->name, 0, &r->out, e) == 0)
			return 0;
		/* Two backups within one second: the next second is free. */
		if (e == NULL || e->code != ERR_EXISTS || tries == 2)
			return -1;
		sleep(1);
	}
}

/* What ctl_mboxlist -u takes without a word: no tombstones (it prints "missing mbtype" for its own), and no entries that the form
 * cannot say (a broken mailboxes.db: no unique id), which are findings. */
static struct mboxlist *writable_list(struct run *r, enum mboxlist_form form)
{
	struct mboxlist *l = mboxlist_new();

	for (size_t i = 0; i < r->roster.list->n; i++) {
		const struct mailbox_entry *entry = &r->roster.list->entries[i];

		if (entry->flags & MBTYPE_DELETED)
			continue;
		if (form == MBOXLIST_JSON && mailbox_entry_has_directory(entry) &&
		    (entry->uniqueid == NULL || entry->uidvalidity == 0))
			findings_add(&r->findings, FINDING_UNIQUEID, entry->name,
			    "has no unique id or UIDVALIDITY in mailboxes.db: not in mailboxes.txt");
		else
			mboxlist_add(l, entry);
	}
	return l;
}

static int write_list(struct run *r, struct err *e)
{
	enum mboxlist_form form = mboxlist_form_for(r->server->version);
	struct mboxlist *list = writable_list(r, form);
	struct buf b = BUF_INIT;
	int rc = mboxlist_write_text(list, form, &b, e);

	mboxlist_free(list);
	if (rc == 0)
		rc = pack_bytes(&r->pack, "mailboxes.txt", ROLE_MAILBOXES_TXT, buf_text(&b), b.len,
		    r->when + r->list_changed, e);
	buf_done(&b);
	return rc == -1 ? err_wrap(e, "write mailboxes.txt") : 0;
}

static int pack_control(struct run *r, struct err *e)
{
	struct report_facts facts = { .server = r->server,
		.conf = r->conf,
		.result = r->ret,
		.previous = r->previous,
		.when = r->when,
		.sequence = r->opts->sequence };
	struct unit_info info = { .kind = UNIT_CONTROL,
		.health = HEALTH_UNCHECKED,
		.name = "control",
		.uniqueid = "",
		.partition = "" };
	struct buf b = BUF_INIT;
	int rc;

	run_collect(r);
	report_archive_json(&facts, &b);
	rc = pack_begin(&r->pack, UNIT_CONTROL, "control", e);
	if (rc == 0)
		rc = pack_bytes(
		    &r->pack, "cyrvault/archive.json", ROLE_CONTROL, buf_text(&b), b.len, r->when, e);
	if (rc == 0)
		rc = write_list(r, e);
	if (rc == 0)
		rc = pack_end(&r->pack, &info, e);
	buf_done(&b);
	return rc;
}

/* The list as it is while an owner is held: read again only when mailboxes.db has changed. */
static const struct roster *current_roster(void *arg, struct err *e)
{
	struct run *r = arg;
	struct roster fresh;

	if (r->quiesce == NULL || roster_is_current(&r->roster, r->server))
		return &r->roster;
	if (roster_read(r->server, &fresh, e) == -1)
		return NULL;
	roster_done(&r->roster);
	r->roster = fresh;
	r->list_changed = true;
	return &r->roster;
}

static struct cyrusdb *open_owner_seen(const struct capture *c)
{
	struct cyrusdb *db = NULL;

	for (size_t i = 0; i < c->n_user_files; i++)
		if (c->user_files[i].role == ROLE_SEEN && c->user_files[i].bytes != NULL &&
		    cyrusdb_open_bytes(c->user_files[i].bytes, (size_t)c->user_files[i].st.st_size,
			c->user_files[i].path, &db, NULL) == 0)
			break;
	return db;
}

static int pack_owner(struct run *r, const char *owner, struct err *e)
{
	struct capture c;
	struct cyrusdb *seen = NULL;
	const char *inbox_id = "";
	char *inbox = *owner != '\0' ? mboxname_inbox(owner) : NULL;
	int rc;

	if (snapshot_check(r->snapshot, e) == -1)
		return -1;
	if (clock_monotonic_ms() - r->told_ms > NEWS_EVERY_MS)
		run_tell(r);
	job_step(r->job, "%s", *owner != '\0' ? owner : "shared folders");
	rc = capture_owner(&r->capture, owner, current_roster, r, &c, e);
	if (rc == 0 && inbox != NULL) {
		const struct mailbox_entry *entry = mboxlist_find(r->roster.list, inbox);

		if (entry != NULL && entry->uniqueid != NULL)
			inbox_id = entry->uniqueid;
		rc = pack_user(&r->pack, &c, inbox_id, e);
		seen = open_owner_seen(&c);
	}
	for (size_t i = 0; i < c.n_mailboxes && rc == 0; i++)
		rc = pack_mailbox(&r->pack, &c.mailboxes[i], seen, e);
	cyrusdb_close(seen);
	capture_done(&c);
	free(inbox);
	return rc;
}

/* The smallest owner after ${after} in the list as it is now, heap; NULL: none. Owners may come and go meanwhile. */
static char *next_owner(const struct run *r, const char *after)
{
	size_t low = 0, high = r->roster.n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(r->roster.rows[mid].owner, after) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low < r->roster.n ? mem_strdup(r->roster.rows[low].owner) : NULL;
}

static int pack_owners(struct run *r, struct err *e)
{
	char *owner = mem_strdup("");
	int rc = 0;

	while (rc == 0) {
		char *next = next_owner(r, owner);

		free(owner);
		owner = next;
		if (owner == NULL)
			break;
		rc = pack_owner(r, owner, e);
	}
	free(owner);
	return rc == 0 ? pack_owner(r, "", e) : -1; /* shared folders follow */
}

static int pack_report(struct run *r, struct err *e)
{
	struct unit_info info = { .kind = UNIT_REPORT, .name = "report", .uniqueid = "", .partition = "" };
	struct buf b = BUF_INIT;
	int rc;

	run_collect(r);
	info.health = r->findings.n > 0 ? HEALTH_FINDINGS : HEALTH_OK;
	report_json(r->ret, r->opts->sequence, &b);
	rc = pack_begin(&r->pack, UNIT_REPORT, "report", e);
	if (rc == 0)
		rc = pack_bytes(
		    &r->pack, "cyrvault/report.json", ROLE_CONTROL, buf_text(&b), b.len, r->when, e);
	/* The later copy wins when the archive is unpacked by hand: its mtime is newer. */
	if (rc == 0 && r->list_changed)
		rc = write_list(r, e);
	if (rc == 0)
		rc = pack_end(&r->pack, &info, e);
	buf_done(&b);
	return rc;
}

/* Where list and directories are of one moment every directory must be listed; else what was made meanwhile need not be. */
static int64_t orphans_since(const struct run *r)
{
	struct ladder_facts f;

	if (r->ladder == NULL)
		return r->when;
	ladder_facts(r->ladder, &f);
	return f.reached >= RUNG_USERS ? INT64_MAX : r->when;
}

static int pack_all(struct run *r, struct err *e)
{
	run_stage(r, BACKUP_PACK);
	job_set_total(r->job, estimate(r));
	if (pack_control(r, e) == -1)
		return -1;
	job_step(r->job, "configuration and databases");
	if (globals_pack(&r->capture, &r->pack, r->conf, &r->roster, e) == -1 || pack_owners(r, e) == -1)
		return -1;
	job_step(r->job, "directories without a mailbox");
	if (current_roster(r, e) == NULL ||
	    orphans_pack(&r->capture, &r->pack, &r->roster, orphans_since(r), e) == -1 ||
	    pack_directories(&r->pack, e) == -1)
		return -1;
	check_list(r->roster.list, &r->findings);
	if (snapshot_health(r->snapshot, e) == -1)
		return -1;
	return pack_report(r, e);
}

static void on_bad(void *arg, const struct archive_finding *f)
{
	log_write(LOG_LEVEL_ERROR, "verify: %s %s: %s", f->unit, f->path, f->what);
	(void)arg;
}

/* Reads the archive back from the store, before it has its name there: one that does not prove is never taken for a backup. */
static int verify(struct run *r, struct err *e)
{
	struct archive *a = NULL;
	struct stream *in;
	struct verify_result v;
	int rc;

	run_stage(r, BACKUP_VERIFY);
	job_step(r->job, r->opts->verify_all ? "verify everything" : "verify");
	rc = store_reread(r->store, r->out, &in, e);
	if (rc == 0)
		rc = archive_open_stream(in, r->name, r->job, &a, e);
	if (rc == 0 && fault_point("backup-verify", e) == -1)
		rc = -1;
	if (rc == 0)
		rc = archive_verify(a, !r->opts->verify_all, r->job, on_bad, NULL, &v, e);
	if (rc == 0 && v.files_bad + v.units_bad > 0)
		rc = err_set(e, ERR_DAMAGE, "%llu files and %llu units differ from what was written",
		    (unsigned long long)v.files_bad, (unsigned long long)v.units_bad);
	archive_close(a);
	if (rc == 0)
		return 0;
	if (e != NULL && e->code == ERR_DAMAGE)
		err_hint(e, "nothing was stored; check the store's disk, then run the backup again");
	return err_wrap(e, "verify %s", r->name);
}

/* A read that failed because the snapshot is gone says so of a file: what there is to do is said by the snapshot. */
static void blame_snapshot(struct run *r, struct err *e)
{
	struct err why;

	if (e != NULL && e->code != ERR_CANCELLED && snapshot_health(r->snapshot, &why) == -1)
		*e = why;
}

static int write_archive(struct run *r, struct err *e)
{
	struct archive_writer_opts wo = {
		.threads = r->opts->threads, .level = r->opts->level, .job = r->job
	};
	struct archive_totals totals;
	int rc = -1;

	r->previous = find_previous(r->store, r->server->name);
	if (create_object(r, e) == -1)
		return -1;
	stream_set_job(r->out, r->job);
	if (archive_writer_new(r->out, &wo, &r->writer, e) == -1)
		goto out;
	r->pack.writer = r->writer;
	if (pack_all(r, e) == -1) {
		blame_snapshot(r, e);
		goto out;
	}
	job_step(r->job, "index");
	if (archive_writer_finish(r->writer, &totals, e) == -1)
		goto out;
	run_let_snapshot_go(r);
	if (verify(r, e) == -1)
		goto out;
	run_stage(r, BACKUP_COMMIT);
	if (fault_point("backup-commit", e) == -1 || store_commit(r->store, r->out, e) == -1)
		goto out;
	r->ret->plain_bytes = totals.plain_bytes;
	r->ret->stored_bytes = totals.stored_bytes;
	r->ret->index_bytes = totals.index_bytes;
	rc = 0;
out:
	archive_writer_free(r->writer);
	stream_close(r->out);
	r->out = NULL;
	if (rc == 0)
		r->ret->archive = mem_strdup(r->name);
	return rc;
}

int backup_run(struct server *server, const struct conf_server *conf, struct store *store,
    const struct backup_opts *opts, struct job *job, struct backup_result *ret, struct err *e)
{
	struct run r = {
		.server = server, .conf = conf, .store = store, .opts = opts, .job = job, .ret = ret
	};
	uint64_t start = clock_monotonic_ms();
	int rc = -1;

	*ret = (struct backup_result){ .store = mem_strdup(store != NULL ? store_url(store) : NULL),
		.quiesce = "none" };
	r.when = clock_now();
	if (run_begin(&r, e) == -1)
		goto out;
	/* Never while somebody's mail is held still: he would wait for all others. */
	if (conf->low_priority && r.quiesce == NULL)
		priority_lower();
	r.capture = (struct capture_context){ server, r.snapshot, r.quiesce, conf->hold_ms,
		conf->lock_wait_ms, raise_descriptor_limit(), &r.findings, job };
	r.pack = (struct pack_context){ .conf = server->conf, .findings = &r.findings, .job = job };
	if (opts->dry_run) {
		rc = pack_all(&r, e);
	} else {
		store_clean(store, 0, NULL);
		rc = write_archive(&r, e);
	}
out:
	run_let_snapshot_go(&r);
	run_collect(&r);
	ret->elapsed_ms = clock_monotonic_ms() - start;
	pack_done(&r.pack);
	ladder_free(r.ladder);
	quiesce_free(r.quiesce);
	run_forget_paths(&r);
	roster_done(&r.roster);
	free(r.name);
	free(r.previous);
	if (rc == -1)
		log_write(LOG_LEVEL_ERROR, "backup of %s failed: %s", server->name, e != NULL ? e->msg : "");
	else
		log_write(LOG_LEVEL_INFO, "backup of %s: %s, %llu mailboxes, %llu messages, %llu findings",
		    server->name, ret->archive != NULL ? ret->archive : "dry run",
		    (unsigned long long)ret->mailboxes, (unsigned long long)ret->messages,
		    (unsigned long long)ret->n_findings);
	return rc == -1 ? err_wrap(e, "backup of %s", server->name) : 0;
}

void backup_result_done(struct backup_result *r)
{
	for (size_t i = 0; i < r->n_kept; i++) {
		free(r->findings[i].mailbox);
		free(r->findings[i].what);
	}
	for (size_t i = 0; i < r->n_warnings; i++)
		free(r->warnings[i]);
	free(r->warnings);
	free(r->findings);
	free(r->archive);
	free(r->store);
	free(r->quiesce_why);
	snapshot_facts_done(&r->snapshot);
	*r = (struct backup_result){ 0 };
}
