/* test_foreign_memory.h: what is kept of a foreign archive, in a table, for tests. */
#ifndef TEST_FOREIGN_MEMORY_H
#define TEST_FOREIGN_MEMORY_H

#include <stdlib.h>

#include "archive/foreign.h"
#include "core/buf.h"
#include "core/mem.h"

struct test_piece {
	uint8_t kind;
	uint64_t number;
	struct buf bytes;
};

struct test_memory {
	struct test_piece *pieces, *coming;
	size_t n, cap, n_coming, cap_coming;
	size_t begun, ended, dropped, asked;
	size_t fail_put; /* the put of this number fails; 0: none */
};

static inline void test_pieces_free(struct test_piece **p, size_t *n, size_t *cap)
{
	for (size_t i = 0; i < *n; i++)
		buf_done(&(*p)[i].bytes);
	free(*p);
	*p = NULL;
	*n = *cap = 0;
}

static inline int test_memory_begin(void *arg, struct err *e)
{
	struct test_memory *m = arg;

	(void)e;
	test_pieces_free(&m->coming, &m->n_coming, &m->cap_coming);
	m->begun++;
	return 0;
}

static inline int test_memory_put(
    void *arg, uint8_t kind, uint64_t number, const void *p, size_t n, struct err *e)
{
	struct test_memory *m = arg;
	struct test_piece *to;

	m->coming = mem_grow(m->coming, &m->cap_coming, m->n_coming + 1, sizeof *m->coming);
	to = &m->coming[m->n_coming++];
	*to = (struct test_piece){ .kind = kind, .number = number };
	buf_add(&to->bytes, p, n);
	return m->n_coming == m->fail_put ? err_set(e, ERR_SPACE, "no space left") : 0;
}

static inline int test_memory_end(void *arg, struct err *e)
{
	struct test_memory *m = arg;

	(void)e;
	test_pieces_free(&m->pieces, &m->n, &m->cap);
	m->pieces = m->coming;
	m->n = m->n_coming;
	m->cap = m->cap_coming;
	m->coming = NULL;
	m->n_coming = m->cap_coming = 0;
	m->ended++;
	return 0;
}

static inline int test_memory_get(void *arg, uint8_t kind, uint64_t number, struct buf *b, struct err *e)
{
	struct test_memory *m = arg;

	(void)e;
	m->asked++;
	for (size_t i = 0; i < m->n; i++)
		if (m->pieces[i].kind == kind && m->pieces[i].number == number) {
			buf_add(b, m->pieces[i].bytes.data, m->pieces[i].bytes.len);
			return 1;
		}
	return 0;
}

static inline void test_memory_drop(void *arg, bool all)
{
	struct test_memory *m = arg;

	if (all)
		test_pieces_free(&m->pieces, &m->n, &m->cap);
	test_pieces_free(&m->coming, &m->n_coming, &m->cap_coming);
	m->dropped += all;
}

static inline struct foreign_memory test_memory_ops(struct test_memory *m)
{
	return (struct foreign_memory){ m, test_memory_begin, test_memory_put, test_memory_end,
		test_memory_get, test_memory_drop, NULL };
}

static inline void test_memory_done(struct test_memory *m)
{
	test_memory_drop(m, true);
	*m = (struct test_memory){ 0 };
}

#endif
