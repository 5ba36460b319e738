/* ssh_key.c: files of private keys, as far as they can be read without their passphrase. */
#include "store/ssh_key.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/ssh_hosts.h"
#include "store/ssh_impl.h"

#define MAX_KEY   ((size_t)64 << 10)
#define BEGIN_NEW "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END_NEW   "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC     "openssh-key-v1" /* with its NUL */

/* A length and so many bytes. */
static bool take(const uint8_t **p, size_t *n, const uint8_t **ret, size_t *ret_n)
{
	size_t len = *n >= 4 ? be32(*p) : 0;

	if (*n < 4 || len > *n - 4)
		return false;
	*ret = *p + 4;
	*ret_n = len;
	*p += 4 + len;
	*n -= 4 + len;
	return true;
}

/* cipher, kdf, its options, how many keys, the public half: all in the clear, in front of the private one. */
static int parse_new(const char *s, size_t n, struct ssh_key *ret)
{
	char *packed = mem_alloc(n + 1);
	size_t len = 0, left = 0, m;
	uint8_t *raw;
	const uint8_t *p, *q;
	int rc = -1;

	for (size_t i = 0; i < n; i++)
		if (!isspace((unsigned char)s[i]))
			packed[len++] = s[i];
	raw = ssh_unbase64(packed, len, &left);
	p = raw;
	if (raw != NULL && left > sizeof MAGIC && memcmp(raw, MAGIC, sizeof MAGIC) == 0) {
		p += sizeof MAGIC;
		left -= sizeof MAGIC;
		if (take(&p, &left, &q, &m)) {
			ret->encrypted = !(m == 4 && memcmp(q, "none", 4) == 0);
			if (take(&p, &left, &q, &m) && take(&p, &left, &q, &m) && left >= 4 && be32(p) == 1) {
				p += 4;
				left -= 4;
				if (take(&p, &left, &q, &m) && (ret->type = ssh_blob_type(q, m)) != NULL) {
					ret->blob = mem_dup(q, m);
					ret->len = m;
					rc = 0;
				}
			}
		}
	}
	if (raw != NULL)
		explicit_bzero(raw, len / 4 * 3);
	explicit_bzero(packed, n);
	free(raw);
	free(packed);
	return rc;
}

int ssh_key_parse(const char *text, size_t n, struct ssh_key *ret)
{
	const char *begin = memmem(text, n, BEGIN_NEW, sizeof BEGIN_NEW - 1), *end;

	if (begin != NULL) {
		begin += sizeof BEGIN_NEW - 1;
		end = memmem(begin, n - (size_t)(begin - text), END_NEW, sizeof END_NEW - 1);
		return end != NULL ? parse_new(begin, (size_t)(end - begin), ret) : -1;
	}
	begin = memmem(text, n, "-----BEGIN ", 11);
	if (begin == NULL || memmem(begin, n - (size_t)(begin - text), "PRIVATE KEY-----", 16) == NULL)
		return -1;
	ret->encrypted = memmem(begin, n - (size_t)(begin - text), "ENCRYPTED", 9) != NULL;
	return 0;
}

/* The public half, as ssh-keygen puts it beside the private one. */
static void look_beside(struct ssh_key *k)
{
	char *path = mem_printf("%s.pub", k->path);
	struct buf b = BUF_INIT;

	if (io_read_file(AT_FDCWD, path, MAX_KEY, &b, NULL) == 0) {
		const char *type = buf_text(&b), *data = type + strcspn(type, " \t\r\n");

		data += strspn(data, " \t");
		k->blob = ssh_unbase64(data, strcspn(data, " \t\r\n"), &k->len);
		k->type = k->blob != NULL ? ssh_blob_type(k->blob, k->len) : NULL;
		if (k->type == NULL) {
			free(k->blob);
			k->blob = NULL;
		}
	}
	buf_done(&b);
	free(path);
}

int ssh_key_look(const char *path, struct ssh_key *ret, struct err *e)
{
	struct buf b = BUF_INIT;
	struct stat st;
	size_t n = 0;
	int fd, rc;

	*ret = (struct ssh_key){ .path = mem_strdup(path) };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1 || fstat(fd, &st) == -1) {
		rc = err_sys(e, "private key %s", path);
	} else if (!S_ISREG(st.st_mode)) {
		rc = err_set(e, ERR_FORMAT, "%s is no file of a private key", path);
	} else if ((st.st_mode & 077) != 0 && st.st_uid == geteuid()) {
		err_set(e, ERR_CONFIG, "the private key %s can be read by others", path);
		rc = err_hint(e, "chmod 600 %s", path);
	} else {
		buf_reserve(&b, MAX_KEY);
		rc = io_read_all(fd, b.data, MAX_KEY, path, &n, e);
		if (rc == 0 && ssh_key_parse(b.data, n, ret) == -1)
			rc = err_set(e, ERR_FORMAT, "%s is no file of a private key", path);
		explicit_bzero(b.data, b.cap);
	}
	if (fd != -1)
		close(fd);
	buf_done(&b);
	if (rc == 0 && ret->blob == NULL)
		look_beside(ret);
	if (rc == -1)
		ssh_key_done(ret);
	return rc;
}

void ssh_key_done(struct ssh_key *k)
{
	free(k->path);
	free(k->type);
	free(k->blob);
	*k = (struct ssh_key){ 0 };
}

char **ssh_key_files(const struct conf_store *conf, size_t *ret_n)
{
	static const char *const names[] = { "id_ed25519", "id_ecdsa", "id_rsa" };
	size_t n = sizeof names / sizeof names[0];
	char **list = mem_array(conf->n_identity > n ? conf->n_identity : n, sizeof *list), *home;

	*ret_n = 0;
	for (size_t i = 0; i < conf->n_identity; i++)
		list[(*ret_n)++] = mem_strdup(conf->identity[i]);
	if (conf->n_identity > 0)
		return list;
	home = ssh_home();
	for (size_t i = 0; home != NULL && i < n; i++) {
		char *path = mem_printf("%s/.ssh/%s", home, names[i]);

		if (access(path, F_OK) == 0)
			list[(*ret_n)++] = path;
		else
			free(path);
	}
	free(home);
	return list;
}
