/* hook.c: run a program with the facts of a backup in its environment; send them as mail. */
#include "app/hook.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/process.h"
#include "core/str.h"

#define TIMEOUT_MS ((uint64_t)600 * 1000)
#define MAX_FACTS  20

/* "NAME=value" for each fact. */
struct facts {
	char *env[MAX_FACTS + 1];
	size_t n;
};

static void add(struct facts *f, const char *name, const char *value)
{
	struct buf b = BUF_INIT;

	buf_printf(&b, "CYRVAULT_%s=", name);
	str_safe_buf(&b, value != NULL ? value : "", value != NULL ? strlen(value) : 0);
	f->env[f->n++] = buf_steal(&b);
}

static void add_number(struct facts *f, const char *name, bool known, uint64_t n)
{
	char *value = known ? mem_printf("%llu", (unsigned long long)n) : NULL;

	add(f, name, value);
	free(value);
}

static void gather(const struct hook_facts *h, struct facts *f)
{
	const struct backup_result none = { 0 }, *r = h->result != NULL ? h->result : &none;
	bool done = r->archive != NULL, tried = h->result != NULL;

	add(f, "WHEN", h->when);
	add(f, "SERVER", h->server);
	add(f, "STORE", h->store);
	add(f, "ARCHIVE", r->archive);
	add_number(f, "STATUS", h->status >= 0, (uint64_t)h->status);
	add(f, "ERROR", h->why != NULL ? h->why->msg : NULL);
	add(f, "NEXT", h->why != NULL ? h->why->hint : NULL);
	add_number(f, "FINDINGS", tried, r->n_findings);
	add_number(f, "MAILBOXES", done, r->mailboxes);
	add_number(f, "MESSAGES", done, r->messages);
	add_number(f, "BYTES", done, r->stored_bytes);
	add_number(f, "SECONDS", tried, r->elapsed_ms / 1000);
	add(f, "QUIESCE", done ? r->quiesce : NULL);
	add_number(f, "PAUSE_MS", done, r->pause_ms);
	add(f, "SNAPSHOT", done ? r->snapshot.kind : NULL);
}

static void facts_done(struct facts *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->env[i]);
}

static void log_lines(const char *path, const struct buf *b)
{
	const char *s = buf_text(b), *name = strrchr(path, '/');

	name = name != NULL ? name + 1 : path;
	while (*s != '\0') {
		size_t n = strcspn(s, "\n");

		if (n > 0)
			log_write(LOG_LEVEL_INFO, "%s: %.*s", name, (int)(n < 500 ? n : 500), s);
		s += n + (s[n] != '\0');
	}
}

int hook_run(const char *path, const struct hook_facts *h, struct job *job, struct err *e)
{
	struct facts f = { 0 };
	struct process_result r = { 0 };
	struct process_opts o = { .argv = (const char *const[]){ path, NULL },
		.env = (const char *const *)f.env,
		.max_output_bytes = 1u << 20,
		.timeout_ms = TIMEOUT_MS,
		.job = job };
	int rc;

	gather(h, &f);
	rc = process_run(&o, &r, e);
	if (rc == 0) {
		log_lines(path, &r.out);
		log_lines(path, &r.err);
		/* That it said very much is no failure. */
		r.out.full = false;
		rc = process_check(&o, &r, e);
	}
	process_result_done(&r);
	facts_done(&f);
	return rc;
}

/* ---- mail ---- */

static void put_fact(struct buf *b, const char *label, const char *value)
{
	if (value == NULL || *value == '\0')
		return;
	buf_printf(b, "  %-10s ", label);
	str_safe_buf(b, value, strlen(value));
	buf_char(b, '\n');
}

static void put_headers(struct buf *b, const char *to, const struct hook_facts *h)
{
	char date[64];
	time_t now = (time_t)clock_now();
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S +0000", &tm);
	buf_str(b, "To: ");
	str_safe_buf(b, to, strlen(to));
	buf_printf(b,
	    "\nSubject: cyrvault: backup of %s %s\nDate: %s\nAuto-Submitted: auto-generated\n"
	    "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8\n"
	    "Content-Transfer-Encoding: 8bit\n\n",
	    h->server, h->when, date);
}

static void put_body(struct buf *b, const struct hook_facts *h)
{
	const struct backup_result *r = h->result;
	char host[256] = "", size[16], *counts;

	gethostname(host, sizeof host - 1);
	if (h->why != NULL)
		buf_printf(b, "The backup of %s failed.\n\n", h->server);
	else
		buf_printf(b, "The backup of %s succeeded again.\n\n", h->server);
	put_fact(b, "host", host);
	put_fact(b, "store", h->store);
	put_fact(b, "why", h->why != NULL ? h->why->msg : NULL);
	put_fact(b, "next", h->why != NULL ? h->why->hint : NULL);
	if (r != NULL && r->archive != NULL) {
		counts = mem_printf("%llu mailboxes, %llu messages, %s; %llu findings",
		    (unsigned long long)r->mailboxes, (unsigned long long)r->messages,
		    str_size(size, sizeof size, r->stored_bytes), (unsigned long long)r->n_findings);
		put_fact(b, "archive", r->archive);
		put_fact(b, "holds", counts);
		free(counts);
	}
	buf_printf(b, "\n\"cyrvault status\" tells more%s.\n",
	    h->why != NULL ? "; the first success will be told, too" : "");
}

static int send_mail(const struct conf_notify *n, const struct hook_facts *h, struct err *e)
{
	const char *argv[] = { n->sendmail != NULL ? n->sendmail : HOOK_SENDMAIL, "-i", "-t", NULL };
	struct buf b = BUF_INIT;
	struct process_result r = { 0 };
	int rc;

	put_headers(&b, n->mail, h);
	put_body(&b, h);
	rc = process_run_check(
	    &(struct process_opts){
		.argv = argv, .input = b.data, .input_len = b.len, .timeout_ms = TIMEOUT_MS },
	    &r, e);
	process_result_done(&r);
	buf_done(&b);
	return rc == -1 ? err_wrap(e, "mail to %s", n->mail) : 0;
}

int hook_notify(const struct conf_notify *n, const struct hook_facts *h, struct err *e)
{
	struct err why;
	int rc = 0;

	if (n->mail != NULL && send_mail(n, h, &why) == -1)
		rc = -1;
	if (n->command != NULL && hook_run(n->command, h, NULL, rc == 0 ? &why : NULL) == -1)
		rc = -1;
	if (rc == -1 && e != NULL)
		*e = why;
	return rc;
}
