/* fold.c: text without its letter case. */
#include "core/fold.h"

#include <locale.h>
#include <pthread.h>
#include <string.h>
#include <wctype.h>

#include "core/str.h"

#define UP4(n)  (n), (n) + 1, (n) + 2, (n) + 3
#define UP16(n) UP4(n), UP4((n) + 4), UP4((n) + 8), UP4((n) + 12)
const unsigned char fold_map[256] = {
	UP16(0x00), UP16(0x10), UP16(0x20), UP16(0x30),
	0x40, 'a', 'b', 'c', UP4('d'), UP4('h'), UP4('l'),
	UP4('p'), UP4('t'), 'x', 'y', 'z', 0x5b, UP4(0x5c),
	UP16(0x60), UP16(0x70), UP16(0x80), UP16(0x90), UP16(0xa0), UP16(0xb0),
	UP16(0xc0), UP16(0xd0), UP16(0xe0), UP16(0xf0)
};

static locale_t letters;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_letters(void)
{
	letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

static uint32_t small(uint32_t cp)
{
	if (cp < 0x80)
		return fold_map[cp];
	pthread_once(&once, make_letters);
	return letters != (locale_t)0 ? (uint32_t)towlower_l((wint_t)cp, letters) : cp;
}

void fold_add(struct buf *b, const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len = str_utf8_next(s + i, n - i, &cp);

		if (len == 0)
			buf_char(b, s[i]);
		else
			str_utf8_put(b, small(cp));
		i += len != 0 ? len : 1;
	}
}

bool fold_ascii_suffices(const char *s, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t cp;
		size_t len = str_utf8_next(s + i, n - i, &cp);

		if (len > 1 && small(cp) != cp)
			return false;
		i += len != 0 ? len : 1;
	}
	return true;
}

bool fold_find(const char *s, const char *folded, const unsigned char map[256])
{
	const unsigned char *p = (const unsigned char *)s, *want = (const unsigned char *)folded;

	if (*want == '\0')
		return true;
	for (; *p != '\0'; p++) {
		size_t k = 1;

		if (map[*p] != *want)
			continue;
		while (want[k] != '\0' && p[k] != '\0' && map[p[k]] == want[k])
			k++;
		if (want[k] == '\0')
			return true;
	}
	return false;
}
