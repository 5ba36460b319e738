/* ssh_hosts.c: known host keys: reading, comparing and adding. libssh2's own reader knows neither patterns nor markers. */
#include "store/ssh_hosts.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/digest.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/ssh_impl.h"

#define MAX_FILE    ((size_t)16 << 20)
#define GLOBAL_FILE "/etc/ssh/ssh_known_hosts"
#define SHA1_BLOCK  64

/* ---- bytes ---- */

static int base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

uint8_t *ssh_unbase64(const char *s, size_t n, size_t *ret_len)
{
	uint8_t *out;
	size_t pad = 0, len = 0;
	unsigned bits = 0, n_bits = 0;

	if (n == 0 || n % 4 != 0)
		return NULL;
	while (pad < 2 && s[n - 1 - pad] == '=')
		pad++;
	out = mem_alloc(n / 4 * 3);
	for (size_t i = 0; i < n - pad; i++) {
		int digit = base64_digit(s[i]);

		if (digit == -1) {
			free(out);
			return NULL;
		}
		bits = (bits << 6 | (unsigned)digit) & 0xffffff;
		n_bits += 6;
		if (n_bits >= 8) {
			n_bits -= 8;
			out[len++] = (uint8_t)(bits >> n_bits);
		}
	}
	*ret_len = len;
	return out;
}

char *ssh_blob_type(const uint8_t *blob, size_t n)
{
	size_t len = n >= 4 ? be32(blob) : 0;

	if (len == 0 || len > 64 || len > n - 4)
		return NULL;
	for (size_t i = 0; i < len; i++)
		if (!isgraph(blob[4 + i]) || blob[4 + i] == ',')
			return NULL;
	return mem_strndup((const char *)blob + 4, len);
}

char *ssh_fingerprint(const uint8_t *blob, size_t n)
{
	uint8_t sum[SHA256_SIZE];
	struct buf b = BUF_INIT;

	sha256(blob, n, sum);
	buf_str(&b, "SHA256:");
	str_base64(&b, sum, sizeof sum);
	while (b.len > 0 && b.data[b.len - 1] == '=')
		b.data[--b.len] = '\0';
	return buf_steal(&b);
}

/* ---- names ---- */

char *ssh_hosts_name(const char *host, unsigned port)
{
	char *name = port == 22 ? mem_strdup(host) : mem_printf("[%s]:%u", host, port);

	for (char *s = name; *s != '\0'; s++)
		*s = (char)tolower((unsigned char)*s);
	return name;
}

/* "*" and "?" as in ssh_config(5), without regard to case. */
static bool matches(const char *pattern, size_t n, const char *name)
{
	size_t p = 0, star = n;
	const char *again = NULL;

	while (*name != '\0') {
		if (p < n && pattern[p] == '*') {
			star = p++;
			again = name;
		} else if (p < n && (pattern[p] == '?' || tolower((unsigned char)pattern[p]) == *name)) {
			p++;
			name++;
		} else if (star < n) {
			p = star + 1;
			name = ++again;
		} else {
			return false;
		}
	}
	while (p < n && pattern[p] == '*')
		p++;
	return p == n;
}

static void hmac_sha1(const uint8_t *key, size_t key_len, const char *text, uint8_t out[SHA1_SIZE])
{
	uint8_t pad[SHA1_BLOCK], inner[SHA1_SIZE];
	struct digest *d = digest_new(DIGEST_SHA1);

	memset(pad, 0x36, sizeof pad);
	for (size_t i = 0; i < key_len; i++)
		pad[i] ^= key[i];
	digest_add(d, pad, sizeof pad);
	digest_add(d, text, strlen(text));
	digest_end(d, inner);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	digest_start(d);
	digest_add(d, pad, sizeof pad);
	digest_add(d, inner, sizeof inner);
	digest_end(d, out);
	digest_free(d);
}

/* "|1|salt|hash" */
static bool hash_matches(const char *s, size_t n, const char *name)
{
	const char *salt = s + 3, *bar = n > 3 ? memchr(salt, '|', n - 3) : NULL;
	uint8_t *key = NULL, *sum = NULL, mine[SHA1_SIZE];
	size_t key_len = 0, sum_len = 0;
	bool same = false;

	if (bar == NULL || memcmp(s, "|1|", 3) != 0)
		return false;
	key = ssh_unbase64(salt, (size_t)(bar - salt), &key_len);
	sum = ssh_unbase64(bar + 1, n - (size_t)(bar + 1 - s), &sum_len);
	if (key != NULL && sum != NULL && key_len <= SHA1_BLOCK && sum_len == SHA1_SIZE) {
		hmac_sha1(key, key_len, name, mine);
		same = memcmp(mine, sum, SHA1_SIZE) == 0;
	}
	free(key);
	free(sum);
	return same;
}

/* A list of patterns with commas between them; one with "!" that matches excludes the host. */
static bool list_matches(const char *s, size_t n, const char *name)
{
	bool found = false;

	if (n > 0 && s[0] == '|')
		return hash_matches(s, n, name);
	while (n > 0) {
		const char *comma = memchr(s, ',', n);
		size_t len = comma != NULL ? (size_t)(comma - s) : n;
		bool not = s[0] == '!';

		if (len > not &&matches(s + not, len - not, name)) {
			if (not )
				return false;
			found = true;
		}
		s += len + (comma != NULL);
		n -= len + (comma != NULL);
	}
	return found;
}

/* ---- lines ---- */

struct word {
	const char *s;
	size_t n;
};

static struct word next_word(const char **s, const char *end)
{
	struct word w;

	while (*s < end && (**s == ' ' || **s == '\t'))
		++*s;
	w.s = *s;
	while (*s < end && **s != ' ' && **s != '\t')
		++*s;
	w.n = (size_t)(*s - w.s);
	return w;
}

static bool is_word(struct word w, const char *text)
{
	return w.n == strlen(text) && memcmp(w.s, text, w.n) == 0;
}

static void parse_line(struct ssh_hosts *h, const char *s, const char *end, const char *file, unsigned line)
{
	struct ssh_known k = { .line = line };
	struct word names = next_word(&s, end), type, key;

	if (names.n == 0 || names.s[0] == '#')
		return;
	if (names.s[0] == '@') {
		if (is_word(names, "@revoked"))
			k.kind = SSH_KNOWN_REVOKED;
		else if (is_word(names, "@cert-authority"))
			k.kind = SSH_KNOWN_AUTHORITY;
		else
			return;
		names = next_word(&s, end);
	}
	type = next_word(&s, end);
	key = next_word(&s, end);
	if (!list_matches(names.s, names.n, h->name))
		return;
	k.blob = ssh_unbase64(key.s, key.n, &k.len);
	k.type = k.blob != NULL ? ssh_blob_type(k.blob, k.len) : NULL;
	if (k.type == NULL || !is_word(type, k.type)) {
		free(k.blob);
		free(k.type);
		return;
	}
	k.file = mem_strdup(file);
	h->list = mem_grow(h->list, &h->cap, h->n + 1, sizeof *h->list);
	h->list[h->n++] = k;
}

void ssh_hosts_parse(struct ssh_hosts *h, const char *text, size_t n, const char *file)
{
	const char *end = text + n;
	unsigned line = 0;

	while (text < end) {
		const char *stop = memchr(text, '\n', (size_t)(end - text)), *last;

		if (stop == NULL)
			stop = end;
		last = stop > text && stop[-1] == '\r' ? stop - 1 : stop;
		parse_line(h, text, last, file, ++line);
		text = stop + (stop < end);
	}
}

static int load_file(struct ssh_hosts *h, const char *path, struct err *e)
{
	struct buf b = BUF_INIT;
	struct err why = { 0 };
	int rc = 0;

	if (io_read_file(AT_FDCWD, path, MAX_FILE, &b, &why) == 0) {
		ssh_hosts_parse(h, buf_text(&b), b.len, path);
	} else if (why.code != ERR_NOT_FOUND) {
		if (e != NULL)
			*e = why;
		rc = err_wrap(e, "known host keys");
	}
	buf_done(&b);
	return rc;
}

int ssh_hosts_load(
    const struct conf_store *conf, const char *host, unsigned port, struct ssh_hosts *ret, struct err *e)
{
	char *home = NULL;
	int rc;

	*ret = (struct ssh_hosts){ .name = ssh_hosts_name(host, port) };
	if (conf->known_hosts != NULL) {
		ret->home = mem_strdup(conf->known_hosts);
		return load_file(ret, ret->home, e);
	}
	home = ssh_home();
	ret->home = mem_printf("%s/.ssh/known_hosts", home != NULL ? home : "");
	free(home);
	rc = load_file(ret, ret->home, e);
	return rc == 0 ? load_file(ret, GLOBAL_FILE, e) : rc;
}

void ssh_hosts_done(struct ssh_hosts *h)
{
	for (size_t i = 0; i < h->n; i++) {
		free(h->list[i].type);
		free(h->list[i].blob);
		free(h->list[i].file);
	}
	free(h->list);
	free(h->name);
	free(h->home);
	*h = (struct ssh_hosts){ 0 };
}

enum ssh_verdict ssh_hosts_check(
    const struct ssh_hosts *h, const uint8_t *blob, size_t n, const struct ssh_known **ret)
{
	const struct ssh_known *same = NULL, *other = NULL;
	char *type = ssh_blob_type(blob, n);

	for (size_t i = 0; i < h->n; i++) {
		const struct ssh_known *k = &h->list[i];
		bool equal = k->len == n && memcmp(k->blob, blob, n) == 0;

		if (k->kind == SSH_KNOWN_REVOKED && equal) {
			free(type);
			*ret = k;
			return SSH_HOST_REVOKED;
		}
		if (k->kind != SSH_KNOWN_KEY)
			continue;
		if (equal)
			same = k;
		else if (other == NULL ||
			 (type != NULL && strcmp(other->type, type) != 0 && strcmp(k->type, type) == 0))
			other = k;
	}
	free(type);
	*ret = same != NULL ? same : other;
	return same != NULL ? SSH_HOST_KNOWN : other != NULL ? SSH_HOST_OTHER : SSH_HOST_UNKNOWN;
}

/* ---- adding ---- */

int ssh_hosts_directory(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL && slash > path ? mem_strndup(path, (size_t)(slash - path)) : NULL;
	int rc = 0;

	if (dir != NULL && access(dir, F_OK) == -1)
		rc = io_mkdirs(AT_FDCWD, dir, 0700, e);
	free(dir);
	return rc;
}

int ssh_hosts_add(const struct ssh_hosts *h, const uint8_t *blob, size_t n, struct err *e)
{
	struct buf line = BUF_INIT;
	char *type = ssh_blob_type(blob, n), last = '\n';
	off_t size;
	int fd = -1, rc = -1;

	if (type == NULL) {
		err_set(e, ERR_FORMAT, "the host shows a key that is none");
		goto out;
	}
	if (ssh_hosts_directory(h->home, e) == -1)
		goto out;
	fd = open(h->home, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (fd == -1) {
		err_sys(e, "open %s", h->home);
		goto out;
	}
	while (flock(fd, LOCK_EX) == -1 && errno == EINTR)
		;
	/* A last line that somebody left without its end stays a line of its own. */
	size = lseek(fd, 0, SEEK_END);
	if (size > 0 && pread(fd, &last, 1, size - 1) != 1) {
		err_sys(e, "read %s", h->home);
		goto out;
	}
	buf_printf(&line, "%s%s %s ", last == '\n' ? "" : "\n", h->name, type);
	str_base64(&line, blob, n);
	buf_char(&line, '\n');
	if (io_write_all(fd, line.data, line.len, h->home, e) == -1 || io_fsync(fd, h->home, e) == -1)
		goto out;
	rc = 0;
out:
	if (fd != -1)
		close(fd);
	buf_done(&line);
	free(type);
	return rc == -1 ? err_wrap(e, "remember the host key") : 0;
}
