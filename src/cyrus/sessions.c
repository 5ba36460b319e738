/* sessions.c: read the files that Cyrus's processes keep about themselves. */
#include "cyrus/sessions.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

/* Four names, the longest of them a mailbox's. */
#define FILE_MAX 8192

bool session_parse(const char *text, size_t n, struct session *ret)
{
	char *fields[4] = { NULL };
	const char *end = memchr(text, '\n', n), *p = text;

	*ret = (struct session){ 0 };
	if (end == NULL || memchr(text, '\0', n) != NULL)
		return false;
	if (end > text && end[-1] == '\r')
		end--;
	if (memchr(text, '\t', (size_t)(end - text)) == NULL)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const char *tab = memchr(p, '\t', (size_t)(end - p));
		const char *to = tab != NULL ? tab : end;

		fields[i] = mem_strndup(p, (size_t)(to - p));
		p = tab != NULL ? tab + 1 : end;
	}
	ret->service = fields[0];
	ret->host = fields[1];
	ret->user = fields[2];
	ret->mailbox = fields[3];
	return true;
}

void session_done(struct session *s)
{
	free(s->service);
	free(s->host);
	free(s->user);
	free(s->mailbox);
	*s = (struct session){ 0 };
}

static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno == EPERM;
}

int sessions_read(const struct imapd_conf *conf, struct sessions *ret, struct err *e)
{
	DIR *d = opendir(conf->procpath);
	struct buf b = BUF_INIT;
	struct dirent *de;
	size_t cap = 0;

	*ret = (struct sessions){ 0 };
	if (d == NULL)
		return errno == ENOENT ? 0 : err_sys(e, "list %s", conf->procpath);
	while ((de = readdir(d)) != NULL) {
		struct session s;
		uint64_t pid;

		/* "123.new" is being written. */
		if (str_u64(de->d_name, INT32_MAX, &pid) == -1 || pid == 0 || !is_alive((pid_t)pid))
			continue;
		buf_clear(&b);
		/* One that ended meanwhile. */
		if (io_read_file(dirfd(d), de->d_name, FILE_MAX, &b, NULL) == -1 ||
		    !session_parse(buf_text(&b), b.len, &s))
			continue;
		s.pid = (pid_t)pid;
		ret->list = mem_grow(ret->list, &cap, ret->n + 1, sizeof *ret->list);
		ret->list[ret->n++] = s;
	}
	closedir(d);
	buf_done(&b);
	return 0;
}

void sessions_done(struct sessions *s)
{
	for (size_t i = 0; i < s->n; i++)
		session_done(&s->list[i]);
	free(s->list);
	*s = (struct sessions){ 0 };
}

size_t sessions_count(const struct sessions *s, const char *mailbox)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += strcmp(s->list[i].mailbox, mailbox) == 0;
	return n;
}
