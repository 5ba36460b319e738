/* html_text.c: HTML reduced to its text. */
#include "cyrus/html_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "core/str.h"

/* The named character references of HTML 4 that mail uses: those of Latin-1 in order from 160, then others. */
static const char latin1[] =
    "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 "
    "acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc "
    "Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde "
    "Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave "
    "aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml eth "
    "ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml ";

static const struct {
	const char *name;
	uint32_t cp;
} others[] = {
	{ "amp", '&' },
	{ "lt", '<' },
	{ "gt", '>' },
	{ "quot", '"' },
	{ "apos", '\'' },
	{ "euro", 0x20ac },
	{ "ndash", 0x2013 },
	{ "mdash", 0x2014 },
	{ "lsquo", 0x2018 },
	{ "rsquo", 0x2019 },
	{ "sbquo", 0x201a },
	{ "ldquo", 0x201c },
	{ "rdquo", 0x201d },
	{ "bdquo", 0x201e },
	{ "bull", 0x2022 },
	{ "hellip", 0x2026 },
	{ "trade", 0x2122 },
	{ "rarr", 0x2192 },
	{ "larr", 0x2190 },
	{ "OElig", 0x152 },
	{ "oelig", 0x153 },
	{ "Scaron", 0x160 },
	{ "scaron", 0x161 },
	{ "Yuml", 0x178 },
	{ "minus", 0x2212 },
	{ "ensp", ' ' },
	{ "emsp", ' ' },
	{ "thinsp", ' ' },
	{ "zwnj", 0 },
	{ "zwj", 0 },
};

/* Tags that begin a line of their own. */
static const char *const blocks[] = { "address", "article", "blockquote", "br", "center", "dd", "div", "dl",
	"dt", "fieldset", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main",
	"nav", "ol", "p", "pre", "section", "table", "tr", "ul" };

/* Tags whose content nobody reads. */
static const char *const hidden[] = { "script", "style", "title", "template" };

struct reducer {
	struct buf *b;
	size_t start;
	bool space;	/* white space is due before the next character */
	unsigned lines; /* line ends are due */
};

static void put(struct reducer *z, uint32_t cp)
{
	if (cp == ' ' || cp == 0xa0) {
		z->space = true;
		return;
	}
	if (z->b->len > z->start) {
		for (unsigned i = 0; i < z->lines; i++)
			buf_char(z->b, '\n');
		if (z->lines == 0 && z->space)
			buf_char(z->b, ' ');
	}
	z->lines = 0;
	z->space = false;
	str_utf8_put(z->b, cp);
}

static void break_line(struct reducer *z, unsigned lines)
{
	if (z->lines < lines)
		z->lines = lines;
}

static uint32_t named(const char *name, size_t n)
{
	const char *at = latin1;

	for (uint32_t cp = 160; *at != '\0'; cp++) {
		size_t len = strcspn(at, " ");

		if (len == n && memcmp(at, name, n) == 0)
			return cp == 0xad ? 0 : cp; /* a soft hyphen is not seen */
		at += len + 1;
	}
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
		if (strlen(others[i].name) == n && memcmp(others[i].name, name, n) == 0)
			return others[i].cp;
	return UINT32_MAX;
}

static uint32_t numbered(const char *p, size_t n)
{
	uint32_t base = 10, cp = 0;

	if (n > 0 && (*p == 'x' || *p == 'X')) {
		base = 16;
		p++;
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		const char *digits = "0123456789abcdef", *at;
		char c = p[i] >= 'A' && p[i] <= 'F' ? (char)(p[i] + 32) : p[i];

		at = c != '\0' ? strchr(digits, c) : NULL;
		if (at == NULL || (uint32_t)(at - digits) >= base)
			return UINT32_MAX;
		cp = cp * base + (uint32_t)(at - digits);
		if (cp > 0x10ffff)
			return UINT32_MAX;
	}
	return n == 0 || (cp >= 0xd800 && cp <= 0xdfff) || cp == 0 ? UINT32_MAX : cp;
}

/* "&name;" at ${p}: puts what it means and returns its length; 1 when it is a mere ampersand. */
static size_t reference(struct reducer *z, const char *p, size_t n)
{
	size_t len = 1;
	uint32_t cp;

	while (len < n && len < 12 && p[len] != ';' && p[len] != '&' && p[len] != ' ' && p[len] != '<')
		len++;
	if (len < 2 || len >= n || p[len] != ';')
		cp = UINT32_MAX;
	else if (p[1] == '#')
		cp = numbered(p + 2, len - 2);
	else
		cp = named(p + 1, len - 1);
	if (cp == UINT32_MAX) {
		put(z, '&');
		return 1;
	}
	if (cp == '\n' || cp == '\t' || cp == '\r')
		cp = ' ';
	if (cp != 0)
		put(z, cp);
	return len + 1;
}

static bool is_one_of(const char *const *list, size_t count, const char *name, size_t n)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(list[i]) == n && strncasecmp(list[i], name, n) == 0)
			return true;
	return false;
}

#define IS_ONE_OF(list, name, n) is_one_of(list, sizeof(list) / sizeof(list)[0], name, n)

/* Where the tag at ${p} ends, a '>' in a quoted attribute apart; NULL when it does not. */
static const char *tag_end(const char *p, const char *end)
{
	char quote = '\0';

	for (; p < end; p++) {
		if (quote != '\0')
			quote = *p == quote ? '\0' : quote;
		else if (*p == '>')
			return p;
		else if ((*p == '"' || *p == '\'') && p[-1] == '=')
			quote = *p;
	}
	return NULL;
}

/* What follows the end tag of ${name}; the end when there is none. */
static const char *skip_hidden(const char *p, const char *end, const char *name, size_t n)
{
	while ((p = p < end ? memchr(p, '<', (size_t)(end - p)) : NULL) != NULL) {
		if ((size_t)(end - p) > n + 2 && p[1] == '/' && strncasecmp(p + 2, name, n) == 0) {
			const char *close = memchr(p, '>', (size_t)(end - p));

			return close != NULL ? close + 1 : end;
		}
		p++;
	}
	return end;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A tag, comment or declaration at ${p}; returns what follows, or ${p} when it is a mere '<'. */
static const char *tag(struct reducer *z, const char *p, const char *end)
{
	const char *name = p + 1, *close;
	size_t n = 0;
	bool opens = true;

	if (end - p >= 4 && memcmp(p, "<!--", 4) == 0) {
		close = memmem(p + 4, (size_t)(end - p) - 4, "-->", 3);
		return close != NULL ? close + 3 : end;
	}
	if (name < end && *name == '/') {
		opens = false;
		name++;
	}
	if (name >= end || (!is_letter(*name) && *name != '!' && *name != '?'))
		return p;
	while (name + n < end && n < 16 && (is_letter(name[n]) || (name[n] >= '0' && name[n] <= '9')))
		n++;
	close = tag_end(name, end);
	if (close == NULL) /* an unclosed quote, most likely: the next '>' will do */
		close = memchr(name, '>', (size_t)(end - name));
	if (close == NULL)
		return end;
	if (opens && close[-1] != '/' && IS_ONE_OF(hidden, name, n))
		return skip_hidden(close + 1, end, name, n);
	if (IS_ONE_OF(blocks, name, n))
		break_line(z, n == 1 && strncasecmp(name, "p", 1) == 0 ? 2 : 1);
	else if (n == 2 && (strncasecmp(name, "td", 2) == 0 || strncasecmp(name, "th", 2) == 0))
		z->space = true;
	return close + 1;
}

void html_text(const char *p, size_t n, struct buf *b)
{
	struct reducer z = { .b = b, .start = b->len };
	const char *end = p + n;

	while (p < end && !b->full) {
		const char *next = *p == '<' ? tag(&z, p, end) : p;
		uint32_t cp;
		size_t len;

		if (next > p) {
			p = next;
		} else if (*p == '&') {
			p += reference(&z, p, (size_t)(end - p));
		} else if (*p == ' ' || *p == '\t' || *p == '\r' || *p == '\n') {
			z.space = true;
			p++;
		} else if ((len = str_utf8_next(p, (size_t)(end - p), &cp)) > 0) {
			put(&z, cp);
			p += len;
		} else {
			put(&z, 0xfffd);
			p++;
		}
	}
	if (b->len > z.start)
		buf_char(b, '\n');
}
