/* sftp_ssh.c: a connection by SSH as the channel of a session. */
#include "store/sftp.h"
#include "store/ssh.h"

static ssize_t link_read(void *ctx, void *p, size_t n, struct err *e)
{
	return ssh_read(ctx, p, n, e);
}

static ssize_t link_write(void *ctx, const void *p, size_t n, struct err *e)
{
	return ssh_write(ctx, p, n, e);
}

static size_t link_polls(const void *ctx, int writing, struct pollfd fds[2])
{
	return ssh_polls(ctx, writing, fds);
}

static int link_keepalive(void *ctx, struct err *e)
{
	return ssh_keepalive(ctx, e);
}

static unsigned link_latency(const void *ctx)
{
	return ssh_latency_ms(ctx);
}

static void link_close(void *ctx)
{
	ssh_close(ctx);
}

int sftp_dial_ssh(const struct conf_store *conf, struct job *job, struct sftp_channel *ret, struct err *e)
{
	static const struct sftp_channel_ops ops = { link_read, link_write, link_polls, link_keepalive,
		link_latency, link_close };
	struct ssh_link *l;

	if (ssh_connect(conf, job, &l, e) == -1)
		return -1;
	*ret = (struct sftp_channel){ &ops, l };
	return 0;
}
