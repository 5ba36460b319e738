/* words.c: words that the command line and the console say alike. */
#include "app/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

const char *app_archive_health(const struct app_archive *a)
{
	if (!a->looked)
		return "";
	if (!a->readable || a->damaged)
		return "damaged";
	if (a->kind == ARCHIVE_FOREIGN)
		return "foreign";
	return a->health == HEALTH_OK ? "verified" : a->health == HEALTH_FINDINGS ? "findings" : "unverified";
}

const char *app_archive_quiesce(char *dst, size_t size, const struct app_archive *a)
{
	const char *level = a->quiesce != NULL ? a->quiesce : "";

	/* Where nothing was held there is no pause to tell. */
	if (a->longest_hold_ms < 0 || level[0] == '\0' || strcmp(level, "none") == 0)
		snprintf(dst, size, "%s", level);
	else
		snprintf(dst, size, "%s %lldms", level, (long long)a->longest_hold_ms);
	return dst;
}

const char *app_quiesce_words(const char *level)
{
	static const char *const words[][2] = {
		{ "global", "all of Cyrus, by its own global lock" },
		{ "users", "all users at once" },
		{ "list", "the list of mailboxes" },
		{ "checkpoint", "nothing, just behind a checkpoint of its databases" },
		{ "filesystem", "nothing but the file system" },
		{ "user", "one user after the other" },
		{ "index", "one mailbox after the other" },
		{ "none", "nothing" },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(words[i][0], level) == 0)
			return words[i][1];
	return level;
}

/* No shell reads anything into these. A leading '=' is a lookup in zsh. */
static bool is_plain(const char *word)
{
	return *word != '\0' && *word != '=' &&
	       word[strspn(
		   word, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:@%+,=")] == '\0';
}

/* It can be shown as it is. */
static bool is_showable(const char *word)
{
	struct buf b = BUF_INIT;
	bool same;

	str_safe_buf(&b, word, strlen(word));
	same = strcmp(buf_text(&b), word) == 0;
	buf_done(&b);
	return same;
}

static void add_quoted(struct buf *b, const char *word)
{
	buf_char(b, '\'');
	for (; *word != '\0'; word++) {
		if (*word == '\'')
			buf_str(b, "'\\''");
		else
			buf_char(b, *word);
	}
	buf_char(b, '\'');
}

/* Only printable ASCII stands for itself; '!' not, which some shells expand even here. */
static void add_escaped(struct buf *b, const char *word)
{
	buf_str(b, "$'");
	for (; *word != '\0'; word++) {
		unsigned char c = (unsigned char)*word;

		if (c == '\'' || c == '\\')
			buf_printf(b, "\\%c", c);
		else if (c < 0x20 || c >= 0x7f || c == '!')
			buf_printf(b, "\\x%02x", c);
		else
			buf_char(b, (char)c);
	}
	buf_char(b, '\'');
}

void app_command_add(struct buf *b, const char *word)
{
	if (b->len > 0)
		buf_char(b, ' ');
	if (is_plain(word))
		buf_str(b, word);
	else if (is_showable(word))
		add_quoted(b, word);
	else
		add_escaped(b, word);
}

void app_command_begin(struct buf *b, struct app *app, const char *server, const char *verb)
{
	const struct conf *c = app_conf(app);

	app_command_add(b, "cyrvault");
	if (c->path != NULL && strcmp(c->path, CONF_DEFAULT_PATH) != 0) {
		app_command_add(b, "-C");
		app_command_add(b, c->path);
	}
	app_command_add(b, verb);
	if (server != NULL && strcmp(server, c->servers[0].name) != 0) {
		char *word = mem_printf("--server=%s", server);

		app_command_add(b, word);
		free(word);
	}
}
