/* digest.h: SHA-256 (what an archive promises) and SHA-1 (what Cyrus calls a GUID), by OpenSSL's libcrypto.
 *
 * A digest belongs to one thread at a time. */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define SHA256_SIZE 32
#define SHA1_SIZE   20

enum digest_kind { DIGEST_SHA256, DIGEST_SHA1 };

struct digest;

/** digest_new(kind), digest_free(d): digest_free() takes NULL. */
struct digest *digest_new(enum digest_kind kind);
void digest_free(struct digest *d);

/** digest_start(d): Begin anew (digest_new() has begun). digest_add(d, p, n): More bytes. */
void digest_start(struct digest *d);
void digest_add(struct digest *d, const void *p, size_t n);

/** digest_end(d, out): Write SHA256_SIZE or SHA1_SIZE bytes to ${out}; digest_start() before the next use. */
void digest_end(struct digest *d, uint8_t *out);

/** sha256(p, n, out), sha1(p, n, out): All at once. */
void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE]);
void sha1(const void *p, size_t n, uint8_t out[SHA1_SIZE]);

#endif
