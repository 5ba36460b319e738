/* report.c: archive.json and report.json. */
#include "backup/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "backup/globals.h"
#include "core/clock.h"
#include "core/mem.h"
#include "core/str.h"

/* JSON is UTF-8; names of mailboxes and files need not be: what is not is shown escaped. */
static json_t *text(const char *s)
{
	json_t *j = json_string(s);
	struct buf b = BUF_INIT;

	if (j != NULL)
		return j;
	str_safe_buf(&b, s, strlen(s));
	j = json_string(buf_text(&b));
	buf_done(&b);
	return j;
}

static void dump(json_t *j, struct buf *b)
{
	char *s = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER);

	buf_str(b, s != NULL ? s : "{}");
	buf_char(b, '\n');
	free(s);
	json_decref(j);
}

static json_t *layout(const struct imapd_conf *c)
{
	return json_pack("{s:b, s:b, s:b, s:b, s:b, s:b, s:b}", "hashimapspool", c->hashimapspool,
	    "fulldirhash", c->fulldirhash, "virtdomains", c->virtdomains, "unixhierarchysep",
	    c->unixhierarchysep, "altnamespace", c->altnamespace, "mailbox_legacy_dirs", c->legacy_dirs,
	    "improved_mboxlist_sort", c->improved_sort);
}

static json_t *roots(const struct imapd_conf *c)
{
	json_t *partitions = json_object();

	for (size_t i = 0; i < c->n_partitions; i++)
		json_object_set_new(partitions, c->partitions[i].name, text(c->partitions[i].spool));
	return json_pack("{s:o, s:o, s:o}", "configdirectory", text(c->configdirectory), "sievedir",
	    c->sievedir != NULL ? text(c->sievedir) : json_null(), "partitions", partitions);
}

static json_t *volumes(const struct snapshot_facts *f)
{
	json_t *list = json_array();

	for (size_t i = 0; i < f->n; i++) {
		const struct snapshot_volume *v = &f->volumes[i];

		json_array_append_new(list,
		    json_pack("{s:o, s:o, s:o, s:o, s:b, s:I, s:I, s:f, s:i}", "origin", text(v->origin),
			"name", v->name != NULL ? text(v->name) : json_null(), "fs",
			v->fs != NULL ? text(v->fs) : json_null(), "mounted_on",
			v->mounted_on != NULL ? text(v->mounted_on) : json_null(), "thin", v->thin,
			"origin_bytes", (json_int_t)v->origin_bytes, "size_bytes", (json_int_t)v->size_bytes,
			"fill_percent", v->fill_permille / 10.0, "extended", (int)v->extended));
	}
	return list;
}

/* Of what moment it is, and how still everything stood. */
static void set_moment(json_t *j, const struct backup_result *r, uint64_t sequence)
{
	json_object_set_new(j, "sequence", json_integer((json_int_t)sequence));
	json_object_set_new(
	    j, "snapshot", r->snapshot.kind != NULL ? json_string(r->snapshot.kind) : json_null());
	json_object_set_new(j, "volumes", volumes(&r->snapshot));
	if (r->snapshot.why_not != NULL)
		json_object_set_new(j, "snapshot_why", text(r->snapshot.why_not));
	json_object_set_new(j, "quiesce", json_string(r->quiesce));
	json_object_set_new(j, "pause_ms", json_integer((json_int_t)r->pause_ms));
	if (r->quiesce_why != NULL)
		json_object_set_new(j, "quiesce_why", text(r->quiesce_why));
	json_object_set_new(j, "tries", json_integer(r->tries));
}

void report_archive_json(const struct report_facts *f, struct buf *b)
{
	const struct imapd_conf *c = f->server->conf;
	struct cyrus_version v = f->server->version;
	json_t *left_out = json_array(), *extra = json_array(), *j = json_object();
	char when[32], version[48];

	for (size_t i = 0; globals_left_out[i] != NULL; i++)
		json_array_append_new(left_out, json_string(globals_left_out[i]));
	for (size_t i = 0; i < f->conf->n_extra; i++)
		json_array_append_new(extra, text(f->conf->extra[i]));
	snprintf(version, sizeof version, "%u.%u.%u", v.major, v.minor, v.patch);
	json_object_set_new(j, "format", json_integer(1));
	json_object_set_new(j, "program", json_string("cyrvault " CYRVAULT_VERSION));
	json_object_set_new(j, "server", text(f->server->name));
	json_object_set_new(j, "created", json_string(clock_iso(when, sizeof when, f->when)));
	json_object_set_new(j, "created_unix", json_integer(f->when));
	json_object_set_new(j, "cyrus_version", v.major > 0 ? json_string(version) : json_null());
	json_object_set_new(j, "layout", layout(c));
	json_object_set_new(j, "imapd_conf", text(c->path));
	json_object_set_new(j, "roots", roots(c));
	json_object_set_new(j, "extra", extra);
	json_object_set_new(j, "left_out", left_out);
	set_moment(j, f->result, f->sequence);
	json_object_set_new(j, "previous", f->previous != NULL ? text(f->previous) : json_null());
	dump(j, b);
}

void report_json(const struct backup_result *r, uint64_t sequence, struct buf *b)
{
	json_t *findings = json_array(), *kinds = json_object(), *j = json_object();

	for (unsigned k = 0; k < FINDING_KINDS; k++)
		if (r->by_kind[k] > 0)
			json_object_set_new(
			    kinds, finding_kind_name(k), json_integer((json_int_t)r->by_kind[k]));
	for (size_t i = 0; i < r->n_kept; i++)
		json_array_append_new(findings,
		    json_pack("{s:s, s:o, s:o}", "kind", finding_kind_name(r->findings[i].kind), "mailbox",
			text(r->findings[i].mailbox), "what", text(r->findings[i].what)));
	json_object_set_new(j, "mailboxes", json_integer((json_int_t)r->mailboxes));
	json_object_set_new(j, "messages", json_integer((json_int_t)r->messages));
	json_object_set_new(j, "users", json_integer((json_int_t)r->users));
	json_object_set_new(j, "files", json_integer((json_int_t)r->files));
	set_moment(j, r, sequence);
	json_object_set_new(j, "holds", json_integer((json_int_t)r->holds));
	json_object_set_new(j, "longest_hold_ms", json_integer((json_int_t)r->longest_hold_ms));
	json_object_set_new(j, "total_hold_ms", json_integer((json_int_t)r->total_hold_ms));
	json_object_set_new(j, "n_findings", json_integer((json_int_t)r->n_findings));
	json_object_set_new(j, "by_kind", kinds);
	json_object_set_new(j, "findings", findings);
	dump(j, b);
}
