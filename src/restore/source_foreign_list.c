/* source_foreign_list.c: which list of mailboxes, which imapd.conf and which Cyrus a foreign archive is of. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "restore/source_foreign.h"

/* ---- the list ---- */

/* A text that parses may still be something else with tabs in it. */
static bool is_plausible(const struct mboxlist *l)
{
	for (size_t i = 0; i < l->n; i++) {
		const char *bang = strchr(l->entries[i].name, '!');

		if (str_starts(bang != NULL ? bang + 1 : l->entries[i].name, "user."))
			return true;
	}
	return false;
}

static int parse_text(struct source *s, struct foreign *f, const struct buf *b, struct err *e)
{
	if (mboxlist_read_text(buf_text(b), b->len, &s->list, &f->form, e) == -1)
		return -1;
	f->has_form = s->list->n > 0;
	return 0;
}

/* NAME.mailboxes.txt beside the archive: the operator's own word, before all that is in it. 1 if it is there. */
static int read_beside(struct source *s, struct foreign *f, struct err *e)
{
	char *name = mem_printf("%s.mailboxes.txt", s->name);
	struct buf b = BUF_INIT;
	struct stream *in = NULL;
	struct err why = { 0 };
	ssize_t got = 1;
	int r = -1;

	if (!store_name_ok(name) || store_read(s->store, name, &in, &why) == -1) {
		r = why.code == ERR_NOT_FOUND || why.code == ERR_NONE ? 0 : -1;
		if (r == -1 && e != NULL)
			*e = why;
		goto out;
	}
	stream_set_job(in, s->job);
	while (got > 0) {
		char *to = b.len < SOURCE_LIST_MAX ? buf_reserve(&b, 1 << 16) : NULL;

		if (to == NULL) {
			err_set(e, ERR_FORMAT, "%s is too large", name);
			goto out;
		}
		if ((got = stream_read(in, to, 1 << 16, e)) == -1)
			goto out;
		b.len += (size_t)got;
	}
	if (parse_text(s, f, &b, e) == -1) {
		err_wrap(e, "%s", name);
		goto out;
	}
	r = 1;
out:
	stream_close(in);
	buf_done(&b);
	free(name);
	return r;
}

static bool read_inside(struct source *s, struct foreign *f)
{
	for (size_t i = 0; i < f->n_texts && s->list == NULL; i++) {
		struct err why = { 0 };

		if (parse_text(s, f, &f->texts[i].bytes, &why) == -1) {
			if (f->texts[i].rank > 1)
				log_write(LOG_LEVEL_WARNING, "archive %s: %s is passed over: %s", s->name,
				    f->texts[i].path, why.msg);
			continue;
		}
		if (s->list->n > 0 && (f->texts[i].rank == 3 || is_plausible(s->list))) {
			f->list_path = f->texts[i].path;
			f->texts[i].path = NULL;
		} else {
			mboxlist_free(s->list);
			s->list = NULL;
			f->has_form = false;
		}
	}
	for (size_t i = 0; i < f->n_texts; i++) {
		free(f->texts[i].path);
		buf_done(&f->texts[i].bytes);
	}
	f->n_texts = 0;
	return s->list != NULL;
}

static void read_db(struct source *s, struct foreign *f)
{
	struct cyrusdb *db = NULL;
	struct err why = { 0 };

	if (f->db_path == NULL)
		return;
	if (cyrusdb_open_bytes(buf_text(&f->db_bytes), f->db_bytes.len, f->db_path, &db, &why) == -1 ||
	    mboxlist_read_db(db, &s->list, &why) == -1) {
		log_write(LOG_LEVEL_WARNING, "archive %s: %s is not used: %s", s->name, f->db_path, why.msg);
	} else {
		enum cyrusdb_kind kind = cyrusdb_kind(db);

		f->live_copy =
		    s->list->n == 0 && (kind == CYRUSDB_BERKELEY_BTREE || kind == CYRUSDB_BERKELEY_HASH ||
					   (cyrusdb_notes(db) & CYRUSDB_NOTE_NEEDS_LOG) != 0);
	}
	cyrusdb_close(db);
}

int foreign_read_list(struct source *s, struct foreign *f, struct err *e)
{
	int r = read_beside(s, f, e);

	if (r == -1)
		return -1;
	if (r == 0 && !read_inside(s, f))
		read_db(s, f);
	buf_done(&f->db_bytes);
	if (s->list == NULL)
		s->list = mboxlist_new();
	return 0;
}

/* ---- the version ---- */

/* The newest index tells: a server rewrites old ones only when it must. */
static void guess_version(struct source *s, const struct foreign *f)
{
	static const struct {
		uint32_t minor;
		struct cyrus_version v;
	} series[] = {
		{ 6, { 2, 2, 0 } },
		{ 10, { 2, 3, 0 } },
		{ 12, { 2, 4, 0 } },
		{ 13, { 2, 5, 0 } },
		{ 15, { 3, 1, 0 } },
		{ 16, { 3, 2, 0 } },
		{ 17, { 3, 4, 0 } },
		{ 19, { 3, 10, 0 } },
		{ UINT32_MAX, { 3, 13, 0 } },
	};
	struct cyrus_version v36 = { 3, 6, 0 };
	uint32_t minor = 0;
	bool dlist = f->has_form && (f->form == MBOXLIST_JSON || f->form == MBOXLIST_LEGACY);
	size_t k = 0;

	for (size_t i = 0; i < f->n_facts; i++) {
		if (f->facts[i].minor > minor)
			minor = f->facts[i].minor;
		dlist = dlist || f->facts[i].dlist;
	}
	while (series[k].minor < minor)
		k++;
	if (minor > 0)
		s->version = series[k].v;
	if (dlist && (minor == 0 || !cyrus_version_at_least(s->version, 3, 6)))
		s->version = v36;
}

/* ---- imapd.conf ---- */

static void note_partition(const char *names[], size_t *n, size_t max, const char *name)
{
	for (const char *p = name; *p != '\0'; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')))
			return;
	for (size_t i = 0; i < *n; i++)
		if (strcmp(names[i], name) == 0)
			return;
	if (*n < max && *name != '\0')
		names[(*n)++] = name;
}

/* The configuration that such directories come from. Its paths exist nowhere; foreign_map_roots() places them. */
static int make_up_conf(struct source *s, struct foreign *f, struct err *e)
{
	const char *names[32];
	size_t n_names = 0, hashed = 0, plain = 0, full = 0;
	bool domains = false;
	struct buf b = BUF_INIT;
	int rc;

	for (size_t i = 0; i < s->list->n; i++)
		if (s->list->entries[i].partition != NULL)
			note_partition(names, &n_names, 32, s->list->entries[i].partition);
	if (n_names == 0)
		names[n_names++] = "default";
	for (size_t i = 0; i < f->n_dirs; i++) {
		struct foreign_guess g;

		if (f->dirs[i].facts == FOREIGN_NONE || !foreign_guess_root(f->dirs[i].path, &g) || g.uuid)
			continue;
		hashed += g.hashed;
		full += g.full_hash;
		plain += !g.hashed;
		domains = domains || g.domain;
	}
	buf_printf(&b, "configdirectory: /conf\nsievedir: /sieve\ndefaultpartition: %s\n", names[0]);
	for (size_t i = 0; i < n_names; i++)
		buf_printf(&b, "partition-%s: /partition/%s\n", names[i], names[i]);
	buf_printf(&b, "hashimapspool: %s\nfulldirhash: %s\n%s", hashed > plain ? "yes" : "no",
	    full > hashed / 2 ? "yes" : "no", domains ? "virtdomains: userid\n" : "");
	rc = imapd_conf_parse(
	    buf_text(&b), b.len, "imapd.conf made up from the directories", s->version, &f->conf, e);
	f->made_up = true;
	buf_done(&b);
	return rc;
}

int foreign_read_conf(struct source *s, struct foreign *f, struct err *e)
{
	struct err why = { 0 };

	guess_version(s, f);
	if (f->conf_path != NULL) {
		if (imapd_conf_parse(buf_text(&f->conf_text), f->conf_text.len, f->conf_path, s->version,
			&s->conf, &why) == -1)
			log_write(LOG_LEVEL_WARNING, "archive %s: %s is not used: %s", s->name, f->conf_path,
			    why.msg);
		buf_done(&f->conf_text);
	}
	f->conf = s->conf;
	return f->conf == NULL ? make_up_conf(s, f, e) : 0;
}
