/* columns.c: text measured and cut by what it takes on a terminal. */
#include "core/columns.h"

#include <langinfo.h>
#include <locale.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "core/str.h"

static bool utf8;

void columns_setup(void)
{
	setlocale(LC_CTYPE, "");
	utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	/* wcwidth() only knows the characters of the locale. */
	if (!utf8)
		setlocale(LC_CTYPE, "C.UTF-8");
}

bool columns_utf8(void)
{
	return utf8;
}

static size_t char_columns(uint32_t cp)
{
	int w = cp < 0x80 ? 1 : wcwidth((wchar_t)cp);

	return w < 0 ? 1 : (size_t)w;
}

size_t columns_of(const char *s)
{
	size_t n = strlen(s), columns = 0, len;
	uint32_t cp = 0;

	for (size_t i = 0; i < n; i += len) {
		len = str_utf8_next(s + i, n - i, &cp);
		columns += len != 0 ? char_columns(cp) : 1;
		if (len == 0)
			len = 1;
	}
	return columns;
}

size_t columns_cut(struct buf *b, const char *s, size_t max)
{
	size_t n = strlen(s), used = 0, len;
	uint32_t cp = 0;

	if (columns_of(s) <= max) {
		buf_str(b, s);
		return columns_of(s);
	}
	if (max == 0)
		return 0;
	for (size_t i = 0; i < n; i += len) {
		size_t w;

		len = str_utf8_next(s + i, n - i, &cp);
		w = len != 0 ? char_columns(cp) : 1;
		if (len == 0)
			len = 1;
		if (used + w > max - 1)
			break;
		buf_add(b, s + i, len);
		used += w;
	}
	buf_str(b, utf8 ? "\u2026" : "~");
	return used + 1;
}

void columns_plain(struct buf *b, const char *s)
{
	size_t n = strlen(s), len;
	uint32_t cp = 0;

	for (size_t i = 0; i < n; i += len) {
		len = str_utf8_next(s + i, n - i, &cp);
		if (len > 1)
			buf_printf(b, "\\u{%x}", (unsigned)cp);
		else
			buf_char(b, s[i]);
		if (len == 0)
			len = 1;
	}
}

static size_t word_columns(const char *s, size_t n)
{
	char word[512];

	if (n >= sizeof word)
		return n;
	memcpy(word, s, n);
	word[n] = '\0';
	return columns_of(word);
}

void columns_wrap(struct buf *b, const char *s, size_t first, size_t indent, size_t max)
{
	size_t at = first;

	while (*s != '\0') {
		size_t blanks = strspn(s, " "), n = strcspn(s + blanks, " "), w = word_columns(s + blanks, n);

		if (at + blanks + w > max && blanks > 0 && at > indent && n > 0) {
			buf_printf(b, "\n%*s", (int)indent, "");
			at = indent;
		} else {
			buf_add(b, s, blanks);
			at += blanks;
		}
		buf_add(b, s + blanks, n);
		at += w;
		s += blanks + n;
	}
}

size_t columns_terminal(int fd)
{
	struct winsize ws;

	if (!isatty(fd))
		return 0;
	return ioctl(fd, TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0 ? ws.ws_col : 80;
}

void columns_share(const size_t *want, const size_t *least, size_t n, size_t room, size_t *ret)
{
	size_t total = 0;

	for (size_t i = 0; i < n; i++) {
		ret[i] = want[i];
		total += want[i];
	}
	while (total > room) {
		size_t widest = n;

		for (size_t i = 0; i < n; i++) {
			if (ret[i] > least[i] && (widest == n || ret[i] > ret[widest]))
				widest = i;
		}
		if (widest == n)
			break;
		ret[widest]--;
		total--;
	}
}
