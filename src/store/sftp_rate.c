/* sftp_rate.c: a bucket of tokens for each direction. It may be overdrawn by one request, and never holds more than the tokens of 20 ms. */
#include "store/sftp_rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "core/mem.h"

#define BURSTS_PER_SECOND 50u
#define PIECE_MIN         512u

struct sftp_rate {
	pthread_mutex_t lock;
	double rate;
	struct bucket {
		double tokens;
		double filled; /* when, in seconds */
	} buckets[2];
};

static double now_seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct sftp_rate *sftp_rate_new(uint64_t bytes_per_second)
{
	struct sftp_rate *r;

	if (bytes_per_second == 0)
		return NULL;
	r = mem_alloc(sizeof *r);
	pthread_mutex_init(&r->lock, NULL);
	r->rate = (double)bytes_per_second;
	r->buckets[SFTP_UP].filled = r->buckets[SFTP_DOWN].filled = now_seconds();
	return r;
}

void sftp_rate_free(struct sftp_rate *r)
{
	if (r == NULL)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

static void fill(const struct sftp_rate *r, struct bucket *b)
{
	double now = now_seconds(), most = r->rate / BURSTS_PER_SECOND;

	b->tokens += (now - b->filled) * r->rate;
	b->filled = now;
	if (b->tokens > most)
		b->tokens = most;
}

unsigned sftp_rate_wait(struct sftp_rate *r, enum sftp_direction direction)
{
	struct bucket *b;
	double missing;

	if (r == NULL)
		return 0;
	pthread_mutex_lock(&r->lock);
	b = &r->buckets[direction];
	fill(r, b);
	missing = -b->tokens;
	pthread_mutex_unlock(&r->lock);
	return missing < 0 ? 0 : missing / r->rate > 1 ? 1000 : (unsigned)(missing / r->rate * 1000) + 1;
}

void sftp_rate_use(struct sftp_rate *r, enum sftp_direction direction, size_t n)
{
	if (r == NULL)
		return;
	pthread_mutex_lock(&r->lock);
	fill(r, &r->buckets[direction]);
	r->buckets[direction].tokens -= (double)n;
	pthread_mutex_unlock(&r->lock);
}

size_t sftp_rate_piece(const struct sftp_rate *r, size_t max)
{
	double piece;

	if (r == NULL)
		return max;
	piece = r->rate / BURSTS_PER_SECOND;
	if (piece >= (double)max)
		return max;
	return piece < PIECE_MIN ? PIECE_MIN : (size_t)piece;
}
