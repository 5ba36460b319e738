/* sftp_rate.h: so many bytes a second, and no more: one allowance for each direction, shared by all connections to a store. Thread-safe.
 *
 * It holds over every second within a few per cent: what was not used is not saved up. NULL stands for "no limit" everywhere. */
#ifndef STORE_SFTP_RATE_H
#define STORE_SFTP_RATE_H

#include <stddef.h>
#include <stdint.h>

struct sftp_rate;

enum sftp_direction { SFTP_UP, SFTP_DOWN };

/** sftp_rate_new(bytes_per_second): NULL for 0. sftp_rate_free() takes NULL. */
struct sftp_rate *sftp_rate_new(uint64_t bytes_per_second);
void sftp_rate_free(struct sftp_rate *r);

/** sftp_rate_wait(r, direction): Milliseconds until something may be sent that way (or asked for, if that is down); 0: now. */
unsigned sftp_rate_wait(struct sftp_rate *r, enum sftp_direction direction);

/** sftp_rate_use(r, direction, n): ${n} bytes go that way; those that may not yet delay the next. */
void sftp_rate_use(struct sftp_rate *r, enum sftp_direction direction, size_t n);

/** sftp_rate_piece(r, max): How many bytes one request may move at once, so that no burst can be seen: ${max} or fewer. */
size_t sftp_rate_piece(const struct sftp_rate *r, size_t max);

#endif
