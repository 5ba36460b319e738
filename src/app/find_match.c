/* find_match.c: does a message fit what is looked for? */
#include "app/find_match.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/clock.h"
#include "core/fold.h"
#include "core/mem.h"
#include "core/str.h"

char *find_fold(const char *s)
{
	struct buf b = BUF_INIT;

	if (s == NULL)
		return NULL;
	fold_add(&b, s, strlen(s));
	buf_str(&b, "");
	return buf_steal(&b);
}

static char *bare_id(const char *s)
{
	size_t n;

	if (s == NULL)
		return NULL;
	s += *s == '<';
	n = strlen(s);
	return mem_strndup(s, n - (n > 0 && s[n - 1] == '>'));
}

static int split_words(struct find_match *m, const char *words, struct err *e)
{
	for (const char *s = words != NULL ? words + strspn(words, " \t") : ""; *s != '\0'; s += strspn(s, " \t")) {
		size_t n = strcspn(s, " \t");
		char *word = mem_strndup(s, n);

		if (m->n_words == FIND_WORDS) {
			free(word);
			return err_set(e, ERR_USAGE, "more than %d words to look for", FIND_WORDS);
		}
		m->words[m->n_words++] = find_fold(word);
		free(word);
		s += n;
	}
	return 0;
}

int find_match_init(struct find_match *m, const struct find_request *r, struct err *e)
{
	*m = (struct find_match){ .from = find_fold(r->from),
		.to = find_fold(r->to),
		.subject = find_fold(r->subject),
		.body = find_fold(r->body),
		.message_id = bare_id(r->message_id),
		.since = r->since,
		.before = r->before };
	if (split_words(m, r->words, e) == -1)
		return -1;
	if (m->n_words == 0 && m->from == NULL && m->to == NULL && m->subject == NULL && m->body == NULL &&
	    m->message_id == NULL && m->since == 0 && m->before == 0 && r->mailbox == NULL) {
		err_set(e, ERR_USAGE, "nothing is looked for");
		return err_hint(e, "say a word, a sender, a subject, a date or a mailbox");
	}
	return 0;
}

void find_match_done(struct find_match *m)
{
	for (size_t i = 0; i < m->n_words; i++)
		free(m->words[i]);
	free(m->from);
	free(m->to);
	free(m->subject);
	free(m->body);
	free(m->message_id);
}

static bool stands_in(const char *folded, const char *s)
{
	return folded == NULL || fold_find(s, folded, fold_map);
}

bool find_matches(const struct find_match *m, const struct catalogue_mail *mail)
{
	if ((m->since != 0 && mail->date < m->since) || (m->before != 0 && mail->date >= m->before))
		return false;
	if (m->message_id != NULL) {
		const char *id = mail->message_id + (mail->message_id[0] == '<');
		size_t n = strlen(m->message_id);

		if (strncmp(id, m->message_id, n) != 0 || (id[n] != '\0' && strcmp(id + n, ">") != 0))
			return false;
	}
	if (!stands_in(m->from, mail->search_from) || !stands_in(m->to, mail->search_to) ||
	    !stands_in(m->subject, mail->search_subject))
		return false;
	for (size_t i = 0; i < m->n_words; i++)
		if (!stands_in(m->words[i], mail->search_from) && !stands_in(m->words[i], mail->search_to) &&
		    !stands_in(m->words[i], mail->search_subject))
			return false;
	return true;
}

bool find_matches_text(const struct find_match *m, const char *text)
{
	char *folded = fold_ascii_suffices(text, strlen(text)) ? NULL : find_fold(text);
	bool ret = stands_in(m->body, folded != NULL ? folded : text);

	free(folded);
	return ret;
}

static int bad_date(const char *text, struct err *e)
{
	err_set(e, ERR_USAGE, "\"%s\" is no date", text);
	return err_hint(e, "write 2026-11-22, or 6h, 3d, 2w for so long ago");
}

int find_parse_date(const char *text, int64_t *ret, struct err *e)
{
	static const struct {
		char letter;
		int64_t seconds;
	} units[] = { { 'h', 3600 }, { 'd', 86400 }, { 'w', 7 * 86400 }, { 'y', 365 * 86400 } };
	struct tm tm = { .tm_isdst = -1 };
	size_t n = strlen(text);
	const char *end = strptime(text, "%Y-%m-%d", &tm);
	uint64_t count;

	if (end != NULL && *end == '\0') {
		*ret = mktime(&tm);
		return 0;
	}
	for (size_t i = 0; n >= 2 && i < sizeof units / sizeof units[0]; i++) {
		char *number;
		int rc;

		if (text[n - 1] != units[i].letter)
			continue;
		number = mem_strndup(text, n - 1);
		rc = str_u64(number, 100000, &count);
		free(number);
		if (rc == -1)
			break;
		*ret = clock_now() - (int64_t)count * units[i].seconds;
		return 0;
	}
	return bad_date(text, e);
}

/* The next word of a line, its quotes taken away, ended by NUL; NULL: no more. */
static char *next_word(char **line)
{
	char *s = *line + strspn(*line, " \t"), *to = s, *from = s;
	bool quoted = false;

	if (*s == '\0')
		return NULL;
	for (; *from != '\0' && (quoted || (*from != ' ' && *from != '\t')); from++) {
		if (*from == '"')
			quoted = !quoted;
		else
			*to++ = *from;
	}
	*line = *from != '\0' ? from + 1 : from;
	*to = '\0';
	return s;
}

int find_parse_line(char *line, struct find_request *r, struct buf *words, struct err *e)
{
	const struct {
		const char *key;
		const char **text;
		int64_t *date;
	} keys[] = { { "from:", &r->from, NULL }, { "to:", &r->to, NULL }, { "subject:", &r->subject, NULL },
		{ "id:", &r->message_id, NULL }, { "body:", &r->body, NULL }, { "mailbox:", &r->mailbox, NULL },
		{ "archive:", &r->archive, NULL }, { "since:", NULL, &r->since }, { "before:", NULL, &r->before } };
	size_t n = sizeof keys / sizeof keys[0];
	char *word;

	buf_clear(words);
	while ((word = next_word(&line)) != NULL) {
		size_t i = 0;

		while (i < n && !str_starts(word, keys[i].key))
			i++;
		if (i == n) {
			buf_printf(words, "%s%s", words->len > 0 ? " " : "", word);
			continue;
		}
		word += strlen(keys[i].key);
		if (*word == '\0')
			return err_set(e, ERR_USAGE, "nothing stands after %s", keys[i].key);
		if (keys[i].text != NULL)
			*keys[i].text = word;
		else if (find_parse_date(word, keys[i].date, e) == -1)
			return -1;
	}
	if (words->len > 0)
		r->words = buf_text(words);
	return 0;
}
