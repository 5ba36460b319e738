/* lvm_size.c: how much room a classic snapshot gets for what changes while it is read. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/buf.h"
#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"
#include "snapshot/lvm_priv.h"

#define MIB             ((uint64_t)1 << 20)
#define READ_PER_SECOND 30000000 /* of a spool of small files, packed */
#define SAFETY          3
#define LEAST_WANTED    (256 * MIB)
#define LEAST_USEFUL    (8 * MIB)
#define SAMPLE_MS       500

/* Bytes written to a device since it was there: the seventh number, in sectors. */
static uint64_t written(const struct lvm_volume *v)
{
	struct buf b = BUF_INIT;
	unsigned long long sectors = 0;
	char path[64];

	snprintf(path, sizeof path, "/sys/dev/block/%u:%u/stat", v->major, v->minor);
	if (io_read_file(AT_FDCWD, path, 4096, &b, NULL) == -1 ||
	    sscanf(buf_text(&b), "%*u %*u %*u %*u %*u %*u %llu", &sectors) != 1)
		sectors = 0;
	buf_done(&b);
	return sectors * 512;
}

void lvm_size_rates(const struct lvm_volume *v, size_t n, uint64_t *rates)
{
	struct timespec up = { 0 }, pause = { .tv_nsec = SAMPLE_MS * 1000000L };
	uint64_t *before = mem_array(n, sizeof *before), start = clock_monotonic_ms(), took;

	clock_gettime(CLOCK_BOOTTIME, &up);
	for (size_t i = 0; i < n; i++)
		before[i] = written(&v[i]);
	nanosleep(&pause, NULL);
	took = clock_monotonic_ms() - start;
	for (size_t i = 0; i < n; i++) {
		uint64_t now = written(&v[i]), average = now / (uint64_t)(up.tv_sec > 0 ? up.tv_sec : 1);

		rates[i] = now > before[i] ? (now - before[i]) * 1000 / (took > 0 ? took : 1) : 0;
		if (rates[i] < average)
			rates[i] = average;
	}
	free(before);
}

/* Besides the data there is a table of what is where: 16 bytes for each 4 KiB. */
uint64_t lvm_size_most(uint64_t origin_bytes)
{
	return origin_bytes + origin_bytes / 256 + MIB;
}

uint64_t lvm_size_want(const struct snapshot_opts *o, uint64_t origin_bytes, uint64_t rate)
{
	uint64_t most = lvm_size_most(origin_bytes), seconds = o->expected_bytes / READ_PER_SECOND, want;

	if (o->size_bytes > 0)
		return o->size_bytes < most ? o->size_bytes : most;
	if (o->size_percent > 0) {
		want = origin_bytes / 100 * o->size_percent;
		return want < most ? want : most;
	}
	if (seconds < LVM_MIN_SECONDS)
		seconds = LVM_MIN_SECONDS;
	want = rate > most / seconds / SAFETY ? most : rate * seconds * SAFETY;
	if (want < LEAST_WANTED)
		want = LEAST_WANTED;
	if (want < origin_bytes / 20)
		want = origin_bytes / 20;
	return want < most ? want : most;
}

static bool too_small(const struct lvm_vg *vg, uint64_t extents)
{
	return extents < 2 || extents * vg->extent_bytes < LEAST_USEFUL;
}

int lvm_size_share(const struct snapshot_opts *o, const struct lvm_vg *vg, const uint64_t *wants, size_t n,
    uint64_t *ret, struct err *e)
{
	uint64_t sum = 0, room = vg->free_extents, least = LEAST_USEFUL / vg->extent_bytes;
	bool asked = o->size_bytes > 0 || o->size_percent > 0;
	char has[16], needs[16];

	if (least < 2)
		least = 2;
	/* Where the size is ours to choose, something stays for giving more to one that fills up. */
	if (!asked && room - room / 8 >= least * n)
		room -= room / 8;
	for (size_t i = 0; i < n; i++) {
		ret[i] = wants[i] / vg->extent_bytes + (wants[i] % vg->extent_bytes != 0);
		if (ret[i] < least)
			ret[i] = least;
		if (ret[i] > UINT32_MAX)
			ret[i] = UINT32_MAX;
		sum += ret[i];
	}
	if (sum <= room)
		return 0;
	for (size_t i = 0; i < n; i++) {
		/* Each has the least; what is left is shared. Both factors fit 32 bits. */
		uint64_t spare = room > least * n ? room - least * n : 0, over = sum - least * n;

		ret[i] = room < least * n ? 0 : least + (over > 0 ? (ret[i] - least) * spare / over : 0);
		if (too_small(vg, ret[i]))
			return err_set(e, ERR_SPACE,
			    "volume group %s has %s free (%llu extents): %zu snapshot%s need%s at least %s",
			    vg->name, str_size(has, sizeof has, vg->free_extents * vg->extent_bytes),
			    (unsigned long long)vg->free_extents, n, n == 1 ? "" : "s", n == 1 ? "s" : "",
			    str_size(needs, sizeof needs, least * n * vg->extent_bytes));
	}
	return 0;
}
