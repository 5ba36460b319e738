/* ssh_url.c: "sftp://[user@]host[:port]/path" taken apart. */
#include "store/ssh.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/str.h"

#define MAX_URL 4096

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 0x20) - 'a' + 10 : -1;
}

/* %XX made the bytes they stand for; NULL: a % without two digits, or a byte that nothing here may have. */
static char *decode(const char *s, size_t n)
{
	char *text = mem_alloc(n + 1);
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		int c = (unsigned char)s[i];

		if (c == '%') {
			int high = n - i > 2 ? hex_digit(s[i + 1]) : -1,
			    low = n - i > 2 ? hex_digit(s[i + 2]) : -1;

			c = high == -1 || low == -1 ? 0 : high << 4 | low;
			i += 2;
		}
		if (c < 0x20 || c == 0x7f) {
			free(text);
			return NULL;
		}
		text[len++] = (char)c;
	}
	text[len] = '\0';
	return text;
}

/* What ssh and the resolver may be given as a name: nothing that could be an option, a pattern or a line of its own. */
static bool host_ok(const char *s, size_t n, bool address)
{
	if (n == 0 || n > 255 || s[0] == '-')
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (!isalnum(c) && strchr(address ? ":.%" : "-._", c) == NULL)
			return false;
		if (c == '%' && i == 0)
			return false;
	}
	return true;
}

/* A name given to ssh stands behind -l: not an option, and nothing for a shell at the other end. */
static bool user_ok(const char *s)
{
	return s[0] != '\0' && s[0] != '-' && strlen(s) <= 255 &&
	       strpbrk(s, " \t'\"`$\\;&<>|(){}@:/") == NULL;
}

static int bad(struct err *e, const char *url, const char *why)
{
	err_set(e, ERR_CONFIG, "\"%s\": %s", url, why);
	return err_hint(e, "write url = sftp://user@host:port/path; /~/path is below the home directory");
}

static int parse_host(const char *url, const char *s, size_t n, struct ssh_target *t, struct err *e)
{
	const char *end = memchr(s, ']', n), *port;
	char digits[8] = "";
	uint64_t number;

	if (n > 0 && s[0] == '[') {
		if (end == NULL || !host_ok(s + 1, (size_t)(end - s - 1), true))
			return bad(e, url, "there is no address in the brackets");
		t->host = mem_strndup(s + 1, (size_t)(end - s - 1));
		port = end + 1;
		if (port < s + n && *port != ':')
			return bad(e, url, "after ] comes :port or the path");
	} else {
		port = memchr(s, ':', n);
		if (port == NULL)
			port = s + n;
		if (!host_ok(s, (size_t)(port - s), false))
			return bad(e, url, port == s ? "no host is named" : "that is no name of a host");
		t->host = mem_strndup(s, (size_t)(port - s));
	}
	if (port == s + n)
		return 0;
	port++;
	if (s + n - port < 1 || s + n - port > 5)
		return bad(e, url, "a port is a number from 1 to 65535");
	memcpy(digits, port, (size_t)(s + n - port));
	if (str_u64(digits, 65535, &number) == -1 || number == 0)
		return bad(e, url, "a port is a number from 1 to 65535");
	t->port = (unsigned)number;
	return 0;
}

static int parse_path(const char *url, const char *s, struct ssh_target *t, struct err *e)
{
	char *path = decode(s, strlen(s));
	size_t n;

	if (path == NULL)
		return bad(e, url, "its path has a control character, or a % without two digits");
	for (n = strlen(path); n > 1 && path[n - 1] == '/'; n--)
		path[n - 1] = '\0';
	if (strcmp(path, "/~") == 0)
		t->path = mem_strdup(".");
	else if (str_starts(path, "/~/"))
		t->path = mem_strdup(path + 3 + strspn(path + 3, "/"));
	else
		t->path = mem_strdup(path);
	free(path);
	return 0;
}

static int parse(const char *url, struct ssh_target *t, struct err *e)
{
	const char *s = url + strlen("sftp://"), *slash, *at;

	if (!str_starts(url, "sftp://") || strlen(url) > MAX_URL)
		return bad(e, url, "that is no sftp url");
	slash = strchr(s, '/');
	if (slash == NULL)
		return bad(e, url, "no path is named");
	at = memrchr(s, '@', (size_t)(slash - s));
	if (at != NULL) {
		if (memchr(s, ':', (size_t)(at - s)) != NULL) {
			err_set(e, ERR_CONFIG, "no password belongs into the url of a store");
			return err_hint(e, "give its file in password_file");
		}
		t->user = decode(s, (size_t)(at - s));
		if (t->user == NULL || !user_ok(t->user))
			return bad(e, url, "that is no name of a user");
		s = at + 1;
	}
	if (parse_host(url, s, (size_t)(slash - s), t, e) == -1)
		return -1;
	return parse_path(url, slash, t, e);
}

int ssh_parse_url(const char *url, struct ssh_target *ret, struct err *e)
{
	*ret = (struct ssh_target){ 0 };
	if (parse(url, ret, e) == 0)
		return 0;
	ssh_target_done(ret);
	return -1;
}

void ssh_target_done(struct ssh_target *t)
{
	free(t->user);
	free(t->host);
	free(t->path);
	*t = (struct ssh_target){ 0 };
}
