/* ssh.c: the calls of ssh.h, the choice between libssh2 and the ssh program, and waiting with a time limit. */
#include "store/ssh_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/log.h"
#include "core/mem.h"

#define CANCEL_TICK_MS 50
#define DEFAULT_PORT   22

/* ---- waiting, asking ---- */

int ssh_check(const struct ssh_try *t, struct err *e)
{
	if (job_cancelled(t->job, e))
		return -1;
	if (clock_monotonic_ms() < t->deadline_ms)
		return 0;
	err_set(e, ERR_CONNECTION, "%s did not answer within %llu ms", t->target->host,
	    (unsigned long long)t->conf->timeout_ms);
	return err_hint(e, "try again later, or wait longer: timeout_ms in the section of the store");
}

int ssh_wait(const struct ssh_try *t, int fd, short events, struct err *e)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now, left;
		int r;

		if (ssh_check(t, e) == -1)
			return -1;
		now = clock_monotonic_ms();
		left = t->deadline_ms > now ? t->deadline_ms - now : 0;
		r = poll(&p, 1, left > CANCEL_TICK_MS ? CANCEL_TICK_MS : (int)left + 1);
		if (r > 0)
			return 0;
		if (r == -1 && errno != EINTR && errno != EAGAIN)
			return err_sys(e, "poll");
	}
}

int ssh_ask(struct ssh_try *t, const struct question *q, char *answer, size_t size, struct err *e)
{
	uint64_t begun = clock_monotonic_ms();
	int rc = job_ask(t->job, q, answer, size, e);

	t->deadline_ms += clock_monotonic_ms() - begun;
	return rc;
}

/* ---- who and where ---- */

/* A copy of one member of our entry in the list of users. */
static char *passwd_field(bool home)
{
	struct passwd pw, *found = NULL;
	char *room = mem_alloc(65536), *text = NULL;

	if (getpwuid_r(geteuid(), &pw, room, 65536, &found) == 0 && found != NULL)
		text = mem_strdup(home ? pw.pw_dir : pw.pw_name);
	free(room);
	return text;
}

char *ssh_home(void)
{
	return passwd_field(true);
}

int ssh_secret_file(const char *path, char *ret, size_t size, struct err *e)
{
	struct buf b = BUF_INIT;
	struct stat st;
	size_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

	if (fd == -1)
		return err_sys(e, "open the password file %s", path);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
		close(fd);
		err_set(e, ERR_CONFIG, "the password file %s can be read by others", path);
		return err_hint(e, "chmod 600 %s", path);
	}
	buf_reserve(&b, 4096);
	rc = io_read_all(fd, b.data, 4096, path, &n, e);
	close(fd);
	if (rc == 0) {
		b.len = n;
		b.data[n] = '\0';
		n = strcspn(b.data, "\r\n");
		if (n == 0 || n >= size)
			rc = err_set(
			    e, ERR_CONFIG, "the password file %s has no password on its first line", path);
		else
			memcpy(ret, b.data, n), ret[n] = '\0';
	}
	explicit_bzero(b.data, b.cap);
	buf_done(&b);
	return rc;
}

/* ---- which hosts need the program ---- */

/* Found out once in a process: further connections need not fail first. */
static struct need {
	struct need *next;
	char *url, *why;
} * needs;
static pthread_mutex_t needs_lock = PTHREAD_MUTEX_INITIALIZER;

static char *needs_program(const char *url)
{
	char *why = NULL;

	pthread_mutex_lock(&needs_lock);
	for (const struct need *n = needs; n != NULL && why == NULL; n = n->next)
		if (strcmp(n->url, url) == 0)
			why = mem_strdup(n->why);
	pthread_mutex_unlock(&needs_lock);
	return why;
}

static void remember_need(const char *url, const char *why)
{
	char *known = needs_program(url);
	struct need *n;

	if (known == NULL) {
		n = mem_alloc(sizeof *n);
		n->url = mem_strdup(url);
		n->why = mem_strdup(why);
		pthread_mutex_lock(&needs_lock);
		n->next = needs;
		needs = n;
		pthread_mutex_unlock(&needs_lock);
	}
	free(known);
}

/* ---- connecting ---- */

static uint64_t deadline_of(const struct conf_store *conf)
{
	return conf->timeout_ms > 0 ? clock_monotonic_ms() + conf->timeout_ms : UINT64_MAX / 2;
}

static int by_program(struct ssh_try *t, const char *why, struct ssh_link **ret, struct err *e)
{
	int rc;

	t->deadline_ms = deadline_of(t->conf);
	rc = ssh_program_connect(t, why, ret, e);
	if (rc == -1 && e != NULL && e->code == ERR_NOT_FOUND && why[0] != '\0')
		err_wrap(e, "%s: %s", t->target->host, why);
	return rc;
}

static int try_connect(struct ssh_try *t, struct ssh_link **ret, struct err *e)
{
	char *why;
	int rc;

	if (t->conf->transport == CONF_TRANSPORT_SSH)
		return by_program(t, "", ret, e);
	if (t->conf->transport == CONF_TRANSPORT_AUTO && (why = needs_program(t->conf->url)) != NULL) {
		rc = by_program(t, why, ret, e);
		free(why);
		return rc;
	}
	rc = ssh_lib_connect(t, ret, e);
	if (rc == 0 || t->why_program == NULL)
		return rc;
	if (t->conf->transport != CONF_TRANSPORT_AUTO)
		return err_hint(e, "the system's ssh program can do it: transport = ssh, or auto, in the "
		                   "section of the store");
	log_write(LOG_LEVEL_INFO, "%s: by the ssh program, for %s", t->where, t->why_program);
	rc = by_program(t, t->why_program, ret, e);
	if (rc == 0)
		remember_need(t->conf->url, t->why_program);
	return rc;
}

int ssh_connect(const struct conf_store *conf, struct job *job, struct ssh_link **ret, struct err *e)
{
	struct ssh_target target;
	struct ssh_try t = { .conf = conf, .target = &target, .job = job };
	char *user = NULL;
	int rc;

	if (ssh_parse_url(conf->url, &target, e) == -1)
		return -1;
	if (target.user == NULL)
		user = passwd_field(false);
	t.user = target.user != NULL ? target.user : user;
	t.port = target.port != 0 ? target.port : DEFAULT_PORT;
	t.where = mem_printf("%s%s%s", t.user != NULL ? t.user : "", t.user != NULL ? "@" : "", target.host);
	if (t.port != DEFAULT_PORT) {
		char *longer = mem_printf("%s port %u", t.where, t.port);

		free(t.where);
		t.where = longer;
	}
	t.deadline_ms = deadline_of(conf);
	job_step(job, "connecting to %s", t.where);
	rc = try_connect(&t, ret, e);
	if (rc == 0)
		log_write(LOG_LEVEL_INFO, "connected to %s: %s", t.where, (*ret)->words);
	free(t.why_program);
	free(t.where);
	free(user);
	ssh_target_done(&target);
	return rc;
}

/* ---- a link ---- */

void ssh_close(struct ssh_link *l)
{
	if (l != NULL)
		l->ops->close(l);
}

ssize_t ssh_read(struct ssh_link *l, void *p, size_t n, struct err *e)
{
	return l->ops->read(l, p, n, e);
}

ssize_t ssh_write(struct ssh_link *l, const void *p, size_t n, struct err *e)
{
	return l->ops->write(l, p, n, e);
}

size_t ssh_polls(const struct ssh_link *l, int writing, struct pollfd fds[2])
{
	return l->ops->polls(l, writing, fds);
}

int ssh_keepalive(struct ssh_link *l, struct err *e)
{
	return l->ops->keepalive(l, e);
}

unsigned ssh_latency_ms(const struct ssh_link *l)
{
	return l->latency_ms;
}

const char *ssh_words(const struct ssh_link *l)
{
	return l->words;
}

const char *ssh_login(const struct ssh_link *l, const char **ret_user, bool *ret_by_password)
{
	*ret_user = l->user;
	*ret_by_password = l->by_password;
	return l->login;
}

void ssh_link_done(struct ssh_link *l)
{
	free(l->words);
	free(l->user);
	free(l->login);
}
