/* fuzz_imapd_conf.c: any bytes as imapd.conf, for an old and for the newest Cyrus. */
#include <stdint.h>
#include <stdlib.h>

#include "cyrus/imapd_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct cyrus_version versions[] = { { 0, 0, 0 }, { 2, 3, 19 } };

	for (int i = 0; i < 2; i++) {
		struct imapd_conf *c;
		struct err e = { 0 };

		if (imapd_conf_parse((const char *)data, size, "imapd.conf", versions[i], &c, &e) == -1) {
			if (e.msg[0] == '\0')
				abort();
			continue;
		}
		for (size_t k = 0; k < c->n_partitions; k++)
			for (unsigned file = 1; file <= META_ARCHIVECACHE; file *= 2)
				if (imapd_conf_meta_root(c, &c->partitions[k], file)[0] != '/')
					abort();
		imapd_conf_free(c);
	}
	return 0;
}
