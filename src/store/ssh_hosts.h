/* ssh_hosts.h: files of known host keys, as sshd(8) describes them (SSH_KNOWN_HOSTS FILE FORMAT). */
#ifndef STORE_SSH_HOSTS_H
#define STORE_SSH_HOSTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/conf.h"
#include "core/err.h"

enum ssh_known_kind { SSH_KNOWN_KEY, SSH_KNOWN_REVOKED, SSH_KNOWN_AUTHORITY };

/** A line that is about the host. */
struct ssh_known {
	enum ssh_known_kind kind;
	char *type; /* "ssh-ed25519" */
	uint8_t *blob;
	size_t len;
	char *file;
	unsigned line;
};

/** All lines that are about one host. */
struct ssh_hosts {
	char *name; /* "host" or "[host]:port", as it is called in such files */
	char *home; /* file to which accepted keys are added */
	struct ssh_known *list;
	size_t n, cap;
};

/** ssh_hosts_load(conf, host, port, ret, e): What the files say of that host: ${conf}->known_hosts, or those of OpenSSH. A file that is not there
 * knows nothing; one that cannot be read is an error. ssh_hosts_done() it. */
int ssh_hosts_load(
    const struct conf_store *conf, const char *host, unsigned port, struct ssh_hosts *ret, struct err *e);
void ssh_hosts_done(struct ssh_hosts *h);

/** ssh_hosts_name(host, port): How it is called in such a file; free() it. */
char *ssh_hosts_name(const char *host, unsigned port);

/** ssh_hosts_parse(h, text, n, file): Add the lines of a file's text that are about h->name; others, and those without sense, are passed over. Pure. */
void ssh_hosts_parse(struct ssh_hosts *h, const char *text, size_t n, const char *file);

enum ssh_verdict { SSH_HOST_KNOWN, SSH_HOST_UNKNOWN, SSH_HOST_OTHER, SSH_HOST_REVOKED };

/** ssh_hosts_check(h, blob, n, ret): Is it the key of that host? SSH_HOST_OTHER: the host is known by other keys; the line that says so, or
 * revokes the key, is ${*ret}. Pure. */
enum ssh_verdict ssh_hosts_check(
    const struct ssh_hosts *h, const uint8_t *blob, size_t n, const struct ssh_known **ret);

/** ssh_hosts_add(h, blob, n, e): Append the key to h->home, made with mode 0600 in a directory with 0700, and force it to disk. */
int ssh_hosts_add(const struct ssh_hosts *h, const uint8_t *blob, size_t n, struct err *e);

/** ssh_hosts_directory(path, e): Make the directory of such a file, with mode 0700, if it is not there. */
int ssh_hosts_directory(const char *path, struct err *e);

/** ssh_blob_type(blob, n): The kind of key that it says it is: "ssh-ed25519"; free() it. NULL: it is no key. */
char *ssh_blob_type(const uint8_t *blob, size_t n);

/** ssh_fingerprint(blob, n): "SHA256:...", as ssh-keygen -l prints it; free() it. */
char *ssh_fingerprint(const uint8_t *blob, size_t n);

/** ssh_unbase64(s, n, ret_len): The bytes that ${n} characters of base64 stand for, NULL if they are none; free() it. */
uint8_t *ssh_unbase64(const char *s, size_t n, size_t *ret_len);

#endif
