/* ssh_methods.c: the algorithms that we want of a host, and what it is when there are none in common. */
#include <stdlib.h>
#include <string.h>

#include "core/bytes.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/ssh_lib.h"

#define N_LISTS       8
#define KEXINIT       20
#define KEXINIT_LISTS 17 /* where its lists begin: after the kind and the cookie */

/* What is wanted, best first; libssh2 drops what it does not know. Nothing with SHA-1 signatures or key exchange, no CBC, no DSA. SHA-512 would cost 15 % less
 * of a processor without SHA-256 instructions, but its MACs are twice as long, and what goes over the wire is counted.
 * GCM is fastest, where libssh2 (1.11) has it. */
#define CIPHERS                                                                                             \
	"aes128-gcm@openssh.com,aes256-gcm@openssh.com,aes128-ctr,aes256-ctr,aes192-ctr,chacha20-poly1305@" \
	"openssh.com"
#define MACS                                                                                                 \
	"hmac-sha2-256-etm@openssh.com,hmac-sha2-256,hmac-sha2-512-etm@openssh.com,hmac-sha2-512,"            \
	"hmac-sha1-etm@openssh.com,hmac-sha1"
static const struct {
	int method;
	const char *list, *name;
} wanted[N_LISTS] = {
	{ LIBSSH2_METHOD_KEX,
	    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-"
	    "nistp521,"
	    "diffie-hellman-group16-sha512,diffie-hellman-group18-sha512,diffie-hellman-group14-sha256,"
	    "diffie-hellman-group-exchange-sha256",
	    "key exchanges" },
	{ LIBSSH2_METHOD_HOSTKEY,
	    "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-"
	    "256",
	    "kinds of host key" },
	{ LIBSSH2_METHOD_CRYPT_CS, CIPHERS, "ciphers" },
	{ LIBSSH2_METHOD_CRYPT_SC, CIPHERS, "ciphers" },
	{ LIBSSH2_METHOD_MAC_CS, MACS, "MACs" },
	{ LIBSSH2_METHOD_MAC_SC, MACS, "MACs" },
	{ LIBSSH2_METHOD_COMP_CS, "none", "compressions" },
	{ LIBSSH2_METHOD_COMP_SC, "none", "compressions" },
};
#define HOST_KEYS 1

/* ${word} is an item of a list with commas. */
static bool listed(const char *list, size_t n, const char *word, size_t len)
{
	while (n > 0) {
		const char *comma = memchr(list, ',', n);
		size_t m = comma != NULL ? (size_t)(comma - list) : n;

		if (m == len && memcmp(list, word, len) == 0)
			return true;
		list += m + (comma != NULL);
		n -= m + (comma != NULL);
	}
	return false;
}

/* Those of ${list} that libssh2 knows, in a list; free() it. */
static char *supported(struct ssh_lib *l, int method, const char *list)
{
	const char **known = NULL;
	int n = libssh2_session_supported_algs(l->session, method, &known);
	struct buf b = BUF_INIT;

	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		for (int i = 0; i < n; i++)
			if (strlen(known[i]) == len && memcmp(known[i], list, len) == 0) {
				buf_printf(&b, "%s%s", b.len > 0 ? "," : "", known[i]);
				break;
			}
		list += len + (list[len] == ',');
	}
	if (n > 0)
		libssh2_free(l->session, known);
	return buf_steal(&b);
}

/* The kind of key that a way of signing belongs to. */
static const char *key_type(const char *method, size_t len)
{
	static const char rsa[] = "ssh-rsa";

	return len > 8 && memcmp(method, "rsa-sha2", 8) == 0 ? rsa : NULL;
}

static bool is_known(const struct ssh_hosts *hosts, const char *method, size_t len)
{
	const char *type = key_type(method, len);

	for (size_t i = 0; i < hosts->n; i++) {
		const struct ssh_known *k = &hosts->list[i];

		if (k->kind == SSH_KNOWN_KEY &&
		    (type != NULL ? strcmp(k->type, type) == 0
				  : strlen(k->type) == len && memcmp(k->type, method, len) == 0))
			return true;
	}
	return false;
}

/* The kinds of key by which the host is known first: it may have several, and shows one. Those only, if there are any. */
static char *host_keys(const struct ssh_hosts *hosts, const char *list)
{
	struct buf known = BUF_INIT;

	for (const char *s = list; *s != '\0';) {
		size_t len = strcspn(s, ",");

		if (is_known(hosts, s, len))
			buf_printf(&known, "%s%.*s", known.len > 0 ? "," : "", (int)len, s);
		s += len + (s[len] == ',');
	}
	return buf_steal(&known);
}

static int known_otherwise(struct ssh_lib *l, const struct ssh_hosts *hosts, struct err *e)
{
	const struct ssh_known *k = &hosts->list[0];
	char *what;

	for (size_t i = 0; i < hosts->n && k->kind == SSH_KNOWN_REVOKED; i++)
		k = &hosts->list[i];
	if (k->kind == SSH_KNOWN_AUTHORITY)
		what = mem_printf("host certificates (%s line %u)", k->file, k->line);
	else
		what = mem_printf("a host key of the kind %s (%s line %u)", k->type, k->file, k->line);
	l->t->why_program = mem_printf("libssh2 %s cannot check %s", libssh2_version(0), what);
	err_set(e, ERR_UNSUPPORTED, "%s: libssh2 %s cannot check %s", l->t->target->host, libssh2_version(0),
	    what);
	free(what);
	return -1;
}

int lib_methods_set(struct ssh_lib *l, const struct ssh_hosts *hosts, struct err *e)
{
	for (size_t i = 0; i < N_LISTS; i++) {
		char *list = supported(l, wanted[i].method, wanted[i].list);

		if (i == HOST_KEYS) {
			char *known = host_keys(hosts, list);
			bool told = false;

			for (size_t k = 0; k < hosts->n; k++)
				told = told || hosts->list[k].kind != SSH_KNOWN_REVOKED;
			if (known[0] == '\0' && told) {
				free(known);
				free(list);
				return known_otherwise(l, hosts, e);
			}
			if (known[0] != '\0') {
				char *all = mem_printf("%s,%s", known, list);

				free(list);
				list = all;
			}
			free(known);
		}
		libssh2_session_method_pref(l->session, wanted[i].method, list);
		free(list);
	}
	return 0;
}

bool lib_can_sign(const char *type)
{
	static const char *const types[] = { "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
		"ecdsa-sha2-nistp521" };

	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	/* Before 1.11 it signs with SHA-1 only. */
	return strcmp(type, "ssh-rsa") == 0 && libssh2_version(0x010b00) != NULL;
}

/* The host's lists of algorithms: its first packet, in the clear behind the line with its version. */
static bool find_lists(const struct buf *greeting, const uint8_t **ret, size_t *ret_n)
{
	const uint8_t *p = (const uint8_t *)greeting->data;
	size_t n = greeting->len;
	bool version = false;

	while (!version) {
		const uint8_t *end = n > 0 ? memchr(p, '\n', n) : NULL;

		if (end == NULL)
			return false;
		version = n >= 4 && memcmp(p, "SSH-", 4) == 0;
		n -= (size_t)(end + 1 - p);
		p = end + 1;
	}
	if (n < 5 + KEXINIT_LISTS || p[5] != KEXINIT)
		return false;
	*ret = p + 5 + KEXINIT_LISTS;
	*ret_n = n - 5 - KEXINIT_LISTS;
	return true;
}

char *lib_methods_why(struct ssh_lib *l)
{
	const uint8_t *p;
	size_t n;

	if (!find_lists(&l->greeting, &p, &n))
		return NULL;
	for (size_t i = 0; i < N_LISTS; i++) {
		size_t len = n >= 4 ? be32(p) : 0;
		char *ours, shown[200];
		bool common = false;

		if (n < 4 || len > n - 4)
			return NULL;
		ours = supported(l, wanted[i].method, wanted[i].list);
		for (const char *s = ours; *s != '\0' && !common;) {
			size_t word = strcspn(s, ",");

			common = listed((const char *)p + 4, len, s, word);
			s += word + (s[word] == ',');
		}
		free(ours);
		if (!common) {
			str_safe(shown, sizeof shown, (const char *)p + 4, len);
			return mem_printf("its %s (%s)", wanted[i].name, shown);
		}
		p += 4 + len;
		n -= 4 + len;
	}
	return NULL;
}
