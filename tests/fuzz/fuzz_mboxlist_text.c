/* fuzz_mboxlist_text.c: any bytes as mailboxes.txt; what was read is written in every form and reads back the same. The bytes
 * are also a dlist, a database key and a name that somebody typed. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "cyrus/dlist.h"
#include "cyrus/mboxlist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int good)
{
	if (!good)
		abort();
}

/* A path must stay where it begins, whatever the name. */
static void check_path(const struct buf *b)
{
	const char *s = buf_text(b);

	check(strstr(s, "/../") == NULL && strstr(s, "/./") == NULL && strstr(s, "//") == NULL);
	check(strncmp(s, "../", 3) != 0 && s[0] != '\0');
	check(b->len < 3 || strcmp(s + b->len - 3, "/..") != 0);
}

static void names(const struct imapd_conf *c, const char *name, const char *id)
{
	struct buf b = BUF_INIT;
	char *s;

	for (int layout = 0; layout < 2; layout++) {
		if (mboxname_dir(c, (enum mailbox_layout)layout, name, id, &b, NULL) == 0)
			check_path(&b);
		buf_clear(&b);
		if (mboxname_lock(c, (enum mailbox_layout)layout, name, id, &b, NULL) == 0)
			check_path(&b);
		buf_clear(&b);
	}
	if (mboxname_quota_file(c, name, &b, NULL) == 0)
		check_path(&b);
	buf_clear(&b);
	mboxname_display(c, name, &b);
	mboxname_admin(c, name, &b);
	buf_clear(&b);
	if ((s = mboxname_user(name)) != NULL) {
		for (int f = 0; f < 2 * USER_FILES; f++) {
			if (mboxname_user_file(c, f % 2 ? LAYOUT_UUID : LAYOUT_BY_NAME,
				(enum user_file)(f / 2), s, id, &b, NULL) == 0)
				check_path(&b);
			buf_clear(&b);
		}
		if (mboxname_user_lock(c, s, &b, NULL) == 0)
			check_path(&b);
		free(s);
	}
	free(mboxname_undeleted(c, name, NULL));
	buf_done(&b);
}

static void round_trip(const struct mboxlist *l)
{
	for (int form = 0; form < 4; form++) {
		struct buf first = BUF_INIT, second = BUF_INIT;
		struct mboxlist *again = NULL;

		if (mboxlist_write_text(l, (enum mboxlist_form)form, &first, NULL) == 0) {
			check(mboxlist_read_text(buf_text(&first), first.len, &again, NULL, NULL) == 0);
			check(mboxlist_write_text(again, (enum mboxlist_form)form, &second, NULL) == 0);
			check(first.len == second.len &&
			      memcmp(buf_text(&first), buf_text(&second), first.len) == 0);
		}
		mboxlist_free(again);
		buf_done(&first);
		buf_done(&second);
	}
}

/* Where no line breaks are left the other reader of JSON is at work: it must see the same. */
static void other_reader(const char *text, size_t size, const struct mboxlist *l)
{
	char *flat = mem_strndup(text, size);
	struct mboxlist *other;
	struct buf a = BUF_INIT, b = BUF_INIT;
	struct err e = { 0 };
	int r, q;

	for (size_t i = 0; i < size; i++)
		if (flat[i] == '\n')
			flat[i] = ' ';
	check(mboxlist_read_text(flat, size, &other, NULL, NULL) == 0);
	check(other->n == l->n);
	r = mboxlist_write_text(l, MBOXLIST_JSON, &a, &e);
	q = mboxlist_write_text(other, MBOXLIST_JSON, &b, NULL);
	check(r == q && (r == -1 || (a.len == b.len && memcmp(buf_text(&a), buf_text(&b), a.len) == 0)));
	mboxlist_free(other);
	buf_done(&a);
	buf_done(&b);
	free(flat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const confs[] = {
		"configdirectory: /c\npartition-p: /s\n",
		"configdirectory: /c\npartition-p: /s\nvirtdomains: on\nhashimapspool: "
		"yes\nunixhierarchysep: no\n",
	};
	static const struct cyrus_version versions[] = { { 0, 0, 0 }, { 2, 4, 0 } };
	const char *text = (const char *)data;
	char *name = mem_strndup(text, size), *typed;
	struct mboxlist *l;
	enum mboxlist_form form;
	struct dlist *d;
	struct buf b = BUF_INIT;

	for (int i = 0; i < 2; i++) {
		struct imapd_conf *c;

		check(imapd_conf_parse(confs[i], strlen(confs[i]), "conf", versions[i], &c, NULL) == 0);
		names(c, name, name);
		if (mboxname_parse(c, name, &typed, NULL) == 0) {
			check(mboxname_valid(typed));
			free(typed);
		}
		if (mboxlist_read_text(text, size, &l, &form, NULL) == 0) {
			for (size_t k = 0; k < l->n && k < 20; k++)
				names(c, l->entries[k].name, l->entries[k].uniqueid);
			if (i == 0)
				round_trip(l);
			if (i == 0 && form == MBOXLIST_JSON)
				other_reader(text, size, l);
			mboxlist_free(l);
		}
		imapd_conf_free(c);
	}
	if (dlist_parse(text, size, NULL, &d, NULL) == 0)
		dlist_free(d);
	mboxname_from_dbname(text, size, &b);
	buf_done(&b);
	free(name);
	return 0;
}
