/* imap_append.c: APPEND: a message at once, or piece by piece as it is read, so that none need fit into memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/fault.h"
#include "core/mem.h"
#include "cyrus/imap_priv.h"

struct imap_appending {
	struct imap_exchange x;
	char *mailbox;
	uint64_t left; /* bytes of the message that are still to come */
};

const char *imap_internaldate(char *dst, size_t size, int64_t t)
{
	static const char months[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec" };
	time_t when = (time_t)t;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || tm.tm_year < 0 || tm.tm_year > 8099)
		tm = (struct tm){ .tm_mday = 1, .tm_year = 70 };
	snprintf(dst, size, "%2d-%s-%04d %02d:%02d:%02d +0000", tm.tm_mday, months[tm.tm_mon],
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	return dst;
}

void imap_append_drop(struct imap *im)
{
	if (im->appending == NULL)
		return;
	imap_reply_free(im->appending->x.reply);
	free(im->appending->mailbox);
	free(im->appending);
	im->appending = NULL;
}

static void put_command(struct imap_cmd *c, const struct imap_append *a)
{
	char literal[32];

	imap_cmd_raw(c, "APPEND");
	imap_cmd_string(c, a->mailbox);
	if (a->flags != NULL) {
		imap_cmd_raw(c, "(");
		imap_cmd_join(c, a->flags);
		imap_cmd_join(c, ")");
	}
	if (a->internaldate != NULL)
		imap_cmd_string(c, a->internaldate);
	/* Always with the server's leave: it may refuse a message before it is sent. */
	snprintf(literal, sizeof literal, "{%zu}\r\n", a->len);
	imap_cmd_raw(c, literal);
}

static int fail(struct imap *im, struct err *e)
{
	const struct imap_exchange *x = &im->appending->x;
	const struct imap_response *r = &x->final;

	if (r->name != NULL) {
		bool full = r->code != NULL && strcmp(r->code, "OVERQUOTA") == 0;

		err_set(
		    e, full ? ERR_SPACE : ERR_TOOL, "APPEND: the IMAP server said %s: %s", r->name, r->text);
	}
	err_wrap(e, "%s", im->appending->mailbox);
	imap_append_drop(im);
	return -1;
}

int imap_append_begin(struct imap *im, const struct imap_append *a, struct err *e)
{
	struct imap_appending *p = mem_alloc(sizeof *p);
	struct imap_cmd c = IMAP_CMD_INIT;
	int step;

	imap_append_drop(im);
	im->appending = p;
	p->mailbox = mem_strdup(a->mailbox);
	p->left = a->len;
	p->x.im = im;
	p->x.e = e;
	p->x.reply = mem_alloc(sizeof *p->x.reply);
	p->x.reply->memory = p->x.arena = mem_alloc(sizeof *p->x.arena);
	snprintf(p->x.tag, sizeof p->x.tag, "c%u", ++im->tag);
	put_command(&c, a);
	step = imap_exchange_send(&p->x, &c, true);
	if (step == STEP_CONTINUE)
		step = imap_exchange_await(&p->x, true);
	imap_cmd_done(&c);
	return step == STEP_CONTINUE ? 0 : fail(im, e);
}

int imap_append_data(struct imap *im, const void *p, size_t n, struct err *e)
{
	if (im->appending == NULL || n > im->appending->left) {
		/* What was promised cannot be taken back but with the connection. */
		im->dead = true;
		imap_append_drop(im);
		return err_set(e, ERR_DAMAGE, "more bytes than the message was said to have");
	}
	im->appending->left -= n;
	if (imap_conn_send(im, p, n, e) == 0)
		return 0;
	return fail(im, e);
}

int imap_append_end(struct imap *im, uint32_t *uidvalidity, uint32_t *uid, struct err *e)
{
	struct imap_appending *p = im->appending;
	const struct imap_value *v;
	int step = STEP_FAILED;

	*uidvalidity = *uid = 0;
	if (p == NULL || p->left > 0) {
		im->dead = true;
		imap_append_drop(im);
		return err_set(e, ERR_DAMAGE, "fewer bytes than the message was said to have");
	}
	p->x.e = e;
	/* What is no end of a command makes the server itself refuse it, and keep nothing. */
	if (fault_refuses("imap-append") ? imap_conn_send(im, " x\r\n", 4, e) == 0
					 : imap_conn_send(im, "\r\n", 2, e) == 0)
		step = imap_exchange_await(&p->x, false);
	if (step != STEP_FINAL || imap_status_of(p->x.final.name) != IMAP_OK)
		return fail(im, e);
	p->x.reply->tagged = p->x.final;
	v = imap_reply_code(p->x.reply, "APPENDUID");
	if (v != NULL && v->n == 2 && v->items[0].kind == IMAP_NUMBER && v->items[1].kind == IMAP_NUMBER) {
		*uidvalidity = (uint32_t)v->items[0].number;
		*uid = (uint32_t)v->items[1].number;
	}
	imap_append_drop(im);
	return 0;
}

int imap_append(
    struct imap *im, const struct imap_append *a, uint32_t *uidvalidity, uint32_t *uid, struct err *e)
{
	*uidvalidity = *uid = 0;
	if (imap_append_begin(im, a, e) == -1 || imap_append_data(im, a->bytes, a->len, e) == -1)
		return -1;
	return imap_append_end(im, uidvalidity, uid, e);
}
