/* quota.c: quota files, the two lines of 2.x and the dlist of 2.5 on. */
#include "cyrus/userdata.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"
#include "cyrus/dlist.h"

static const char *const names[QUOTA_RESOURCES] = {
	[QUOTA_STORAGE_KB] = "S",
	[QUOTA_MESSAGES] = "M",
	[QUOTA_ANNOTATION_KB] = "AS",
	[QUOTA_FOLDERS] = "NF",
};

/* Some versions let what is used fall below zero; that is nothing used. */
static int set_used(struct quota_root *q, int which, const char *text)
{
	uint64_t v = 0;

	if (str_u64(text[0] == '-' ? text + 1 : text, INT64_MAX, &v) == -1)
		return -1;
	q->used[which] = text[0] == '-' ? 0 : v;
	q->has[which] = true;
	return 0;
}

static int set_limit(struct quota_root *q, int which, const char *text)
{
	uint64_t v = 0;

	if (str_u64(text[0] == '-' ? text + 1 : text, INT64_MAX, &v) == -1)
		return -1;
	q->limit[which] = text[0] == '-' ? -1 : (int64_t)v;
	return 0;
}

static int parse_dlist(const char *p, size_t n, struct quota_root *q, struct err *e)
{
	struct dlist *d;
	int rc = 0;

	if (dlist_parse(p, n, NULL, &d, e) == -1)
		return err_wrap(e, "quota root");
	for (int i = 0; i < QUOTA_RESOURCES && rc == 0; i++) {
		const struct dlist *item = dlist_get(d, names[i]);
		const struct dlist *used = item != NULL ? item->child : NULL;
		const struct dlist *limit = used != NULL ? used->next : NULL;

		if (used != NULL && (used->kind != DLIST_TEXT || set_used(q, i, used->text) == -1))
			rc = err_set(e, ERR_FORMAT, "quota root: what is used of %s is no number", names[i]);
		else if (limit != NULL && (limit->kind != DLIST_TEXT || set_limit(q, i, limit->text) == -1))
			rc = err_set(e, ERR_FORMAT, "quota root: the limit of %s is no number", names[i]);
	}
	dlist_free(d);
	return rc;
}

/* Cuts the next word off ${*p} into ${word}; 0 when there is none. */
static size_t next_word(const char **p, const char *end, char *word, size_t size)
{
	size_t n = 0;

	while (*p < end && strchr(" \t\r\n", **p) != NULL) /* a NUL is white space too: strchr finds it */
		(*p)++;
	for (; *p < end && strchr(" \t\r\n", **p) == NULL; (*p)++)
		if (n < size - 1)
			word[n++] = **p;
	word[n] = '\0';
	return n;
}

static int resource_named(const char *word)
{
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		if (strcasecmp(word, names[i]) == 0)
			return i;
	return -1;
}

/* "used limit", then perhaps "NAME used limit" more than once, as versions between 2.4 and 2.5 wrote. */
static int parse_words(const char *p, size_t n, struct quota_root *q, struct err *e)
{
	const char *end = p + n;
	char word[32];
	int which = QUOTA_STORAGE_KB;
	size_t len;

	for (;;) {
		if (next_word(&p, end, word, sizeof word) == 0 || set_used(q, which, word) == -1)
			return err_set(e, ERR_FORMAT, "quota root: what is used is no number");
		if (next_word(&p, end, word, sizeof word) == 0 || set_limit(q, which, word) == -1)
			return err_set(e, ERR_FORMAT, "quota root: the limit is no number");
		len = next_word(&p, end, word, sizeof word);
		/* A third number is left over from a quota -f that was broken off. */
		if (len > 0 && (word[0] == '-' || (word[0] >= '0' && word[0] <= '9')))
			len = next_word(&p, end, word, sizeof word);
		if (len == 0)
			return 0;
		which = resource_named(word);
		if (which == -1)
			return err_set(e, ERR_FORMAT, "quota root: unknown resource %s", word);
	}
}

int quota_parse(const char *p, size_t n, struct quota_root *ret, struct err *e)
{
	struct quota_root q = { 0 };

	if (n == 0)
		return err_set(e, ERR_FORMAT, "quota root is empty");
	for (int i = 0; i < QUOTA_RESOURCES; i++)
		q.limit[i] = -1;
	if ((*p == '%' ? parse_dlist(p, n, &q, e) : parse_words(p, n, &q, e)) == -1)
		return -1;
	*ret = q;
	return 0;
}
