/* digest.c: SHA-256 and SHA-1 by libcrypto. */
#include "core/digest.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "core/mem.h"

struct digest {
	EVP_MD_CTX *ctx;
	const EVP_MD *md;
};

/* libcrypto fails here only when it is broken or out of memory: nothing that a caller could handle. */
static void must(int ok)
{
	if (ok == 1)
		return;
	fputs("cyrvault: libcrypto cannot compute a digest\n", stderr);
	abort();
}

struct digest *digest_new(enum digest_kind kind)
{
	struct digest *d = mem_alloc(sizeof *d);

	d->ctx = EVP_MD_CTX_new();
	d->md = kind == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
	must(d->ctx != NULL && d->md != NULL);
	digest_start(d);
	return d;
}

void digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

void digest_start(struct digest *d)
{
	must(EVP_DigestInit_ex(d->ctx, d->md, NULL));
}

void digest_add(struct digest *d, const void *p, size_t n)
{
	must(EVP_DigestUpdate(d->ctx, p, n));
}

void digest_end(struct digest *d, uint8_t *out)
{
	must(EVP_DigestFinal_ex(d->ctx, out, NULL));
}

void sha256(const void *p, size_t n, uint8_t out[SHA256_SIZE])
{
	must(EVP_Digest(p, n, out, NULL, EVP_sha256(), NULL));
}

void sha1(const void *p, size_t n, uint8_t out[SHA1_SIZE])
{
	must(EVP_Digest(p, n, out, NULL, EVP_sha1(), NULL));
}
