/* ssh_program.c: a link over the system's ssh program, which brings ssh_config, jump hosts, security keys, and all algorithms. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/process.h"
#include "core/str.h"
#include "store/ssh_askpass.h"
#include "store/ssh_hosts.h"

#define TICK_MS    50
#define STOP_MS    1000
#define MAX_ERRORS ((size_t)16 << 10)
#define FAST       "aes128-gcm@openssh.com"

/* SSH_FXP_INIT of version 3. Only the answer to it shows that ssh is through, for it says nothing by itself; so it is said here, and not again when
 * the owner of the link says it. */
static const uint8_t init[] = { 0, 0, 0, 5, 1, 0, 0, 0, 3 };

struct program {
	struct ssh_link link;
	struct process *process;
	int fd, err_fd;
	size_t said; /* of init, by the owner */
	struct buf errors;
};

/* ---- what it is given ---- */

struct args {
	const char *argv[96];
	size_t n;
	char *owned[64];
	size_t n_owned;
};

static void add(struct args *a, const char *s)
{
	if (a->n + 1 < sizeof a->argv / sizeof a->argv[0])
		a->argv[a->n++] = s;
}

/* "-o", and a heap string. */
static void option(struct args *a, char *s)
{
	if (a->n_owned == sizeof a->owned / sizeof a->owned[0]) {
		free(s);
		return;
	}
	a->owned[a->n_owned++] = s;
	add(a, "-o");
	add(a, s);
}

static void args_done(struct args *a)
{
	for (size_t i = 0; i < a->n_owned; i++)
		free(a->owned[i]);
}

/* ssh_config's own quoting: % begins a token, and neither quotes nor variables can be taken literally. */
static int path_option(struct args *a, const char *key, const char *path, struct err *e)
{
	struct buf b = BUF_INIT;

	if (strpbrk(path, "\"\\$\n") != NULL)
		return err_set(e, ERR_CONFIG,
		    "ssh cannot be given the path %s: it has a quote, a backslash or a $", path);
	buf_printf(&b, "%s=\"", key);
	for (; *path != '\0'; path++)
		buf_str(&b, *path == '%' ? "%%" : (const char[]){ *path, '\0' });
	buf_char(&b, '"');
	option(a, buf_steal(&b));
	return 0;
}

static const char *strictness(const struct ssh_try *t)
{
	if (t->conf->host_key == CONF_HOST_KEY_ACCEPT_NEW)
		return "accept-new";
	return t->conf->host_key == CONF_HOST_KEY_ASK && job_can_ask(t->job) ? "ask" : "yes";
}

/* Who, and where: as ssh_config says, where the url is silent. */
static void add_host(struct args *a, const struct ssh_try *t)
{
	if (t->target->user != NULL)
		option(a, mem_printf("User=%s", t->target->user));
	if (t->target->port != 0)
		option(a, mem_printf("Port=%u", t->target->port));
	add(a, "--");
	add(a, t->target->host);
}

static int build(struct args *a, const struct ssh_try *t, bool asks, char *ciphers, struct err *e)
{
	static const char *const fixed[] = { "ssh", "-s", "-T", "-a", "-x", "-e", "none", "-o",
		"ClearAllForwardings=yes", "-o", "PermitLocalCommand=no", "-o", "RemoteCommand=none", "-o",
		"ServerAliveInterval=30", "-o", "ServerAliveCountMax=3" };

	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		add(a, fixed[i]);
	option(a, mem_printf("BatchMode=%s", asks ? "no" : "yes"));
	if (t->conf->timeout_ms > 0)
		option(a,
		    mem_printf("ConnectTimeout=%llu", (unsigned long long)(t->conf->timeout_ms / 1000 + 1)));
	option(a, mem_printf("StrictHostKeyChecking=%s", strictness(t)));
	if (t->conf->password_file != NULL && !job_can_ask(t->job))
		option(a, mem_strdup("NumberOfPasswordPrompts=1"));
	if (ciphers != NULL)
		option(a, ciphers);
	if (t->conf->known_hosts != NULL) {
		/* Without its directory ssh would accept a host, and not remember it. */
		if (path_option(a, "UserKnownHostsFile", t->conf->known_hosts, e) == -1 ||
		    ssh_hosts_directory(t->conf->known_hosts, e) == -1)
			return -1;
		option(a, mem_strdup("GlobalKnownHostsFile=/dev/null"));
	}
	for (size_t i = 0; i < t->conf->n_identity && i < 16; i++)
		if (path_option(a, "IdentityFile", t->conf->identity[i], e) == -1)
			return -1;
	if (t->conf->n_identity > 0)
		option(a, mem_strdup("IdentitiesOnly=yes"));
	add_host(a, t);
	add(a, "sftp");
	return 0;
}

/* Of our own environment only what ssh and its configuration are about. */
static const char *const *environment(const struct ssh_askpass *ask, char *owned[8], const char *env[16])
{
	static const char *const names[] = { "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "KRB5CCNAME",
		"XDG_RUNTIME_DIR", "SSH_SK_PROVIDER" };
	size_t n = 0, n_owned = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const char *value = getenv(names[i]);

		if (value != NULL)
			env[n++] = owned[n_owned++] = mem_printf("%s=%s", names[i], value);
	}
	for (size_t i = 0; ask->env[i] != NULL; i++)
		env[n++] = ask->env[i];
	return env;
}

/* GCM costs least, and ssh does not prefer it. The list is that of the user's configuration, in another order; NULL: as it is. */
static char *fast_ciphers(const struct ssh_try *t, const char *const *env)
{
	struct args a = { 0 };
	struct process_opts o = { .argv = a.argv, .env = env, .timeout_ms = 5000, .job = t->job };
	struct process_result r;
	char *ret = NULL;

	add(&a, "ssh");
	add(&a, "-G");
	add_host(&a, t);
	if (process_run(&o, &r, NULL) == 0 && r.status == 0) {
		const char *line = strstr(buf_text(&r.out), "\nciphers "), *fast;
		size_t n;

		if (line != NULL) {
			line += strlen("\nciphers ");
			n = strcspn(line, "\n");
			fast = memmem(line, n, "," FAST, sizeof FAST);
			if (fast != NULL && (fast[sizeof FAST] == ',' || fast[sizeof FAST] == '\n'))
				ret = mem_printf("Ciphers=" FAST ",%.*s%.*s", (int)(fast - line), line,
				    (int)(n - (size_t)(fast - line) - sizeof FAST), fast + sizeof FAST);
		}
	}
	process_result_done(&r);
	args_done(&a);
	return ret;
}

/* ---- what it says ---- */

static void drain_errors(struct program *p)
{
	char chunk[4096];
	ssize_t n;

	while ((n = read(p->err_fd, chunk, sizeof chunk)) > 0)
		buf_add(&p->errors, chunk,
		    (size_t)n < p->errors.max - p->errors.len ? (size_t)n : p->errors.max - p->errors.len);
}

/* The text behind ${mark}, up to a blank or the end of the line; "" if there is none. */
static void word_after(const char *s, const char *mark, char *ret, size_t size)
{
	const char *at = strstr(s, mark);

	ret[0] = '\0';
	if (at != NULL) {
		at += strlen(mark);
		str_safe(ret, size, at, strcspn(at, " \r\n"));
	}
}

static int refused_key(const struct ssh_try *t, const char *s, struct err *e)
{
	char shown[120], offending[300];

	word_after(s, "SHA256:", shown, sizeof shown);
	word_after(s, " key in ", offending, sizeof offending);
	if (strstr(s, "REVOKED") != NULL) {
		err_set(e, ERR_AUTH, "%s shows a host key that was revoked", t->target->host);
		return err_hint(e, "do not connect before the keeper of the host has explained it");
	}
	if (strstr(s, "IDENTIFICATION HAS CHANGED") != NULL) {
		err_set(e, ERR_AUTH,
		    "the host key of %s is not the one that is known: it shows SHA256:%s, but %s says "
		    "another. Somebody may be between us and the host",
		    t->target->host, shown, offending[0] != '\0' ? offending : "known_hosts");
		return err_hint(e, "only if the host was set up anew, and its keeper confirms the "
		                   "fingerprint: ssh-keygen -R for it, then again");
	}
	err_set(e, ERR_AUTH, "the host %s is not known, and was not accepted", t->target->host);
	return err_hint(e,
	    "compare its fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: "
	    "ssh-keyscan -p %u %s >> %s; or once host_key = accept-new",
	    t->port, t->target->host,
	    t->conf->known_hosts != NULL ? t->conf->known_hosts : "~/.ssh/known_hosts");
}

/* Its last line that says something. */
static void last_line(const char *s, char *ret, size_t size)
{
	size_t n = strlen(s), from;

	do {
		while (n > 0 && (s[n - 1] == '\n' || s[n - 1] == '\r' || s[n - 1] == ' '))
			n--;
		for (from = n; from > 0 && s[from - 1] != '\n'; from--)
			;
		str_safe(ret, size, s + from, n - from);
		n = from;
	} while (n > 0 && strncmp(ret, "Connection closed", 17) == 0);
}

static int failed(struct program *p, const struct ssh_try *t, const struct ssh_askpass *ask, struct err *e)
{
	const char *s;
	char line[400];
	int status = 0;

	drain_errors(p);
	s = buf_text(&p->errors);
	last_line(s, line, sizeof line);
	if (ask->declined && ask->why.code != ERR_NONE) {
		if (e != NULL)
			*e = ask->why;
		return -1;
	}
	if (strstr(s, "Host key verification failed") != NULL ||
	    strstr(s, "IDENTIFICATION HAS CHANGED") != NULL)
		return refused_key(t, s, e);
	if (strstr(s, "Permission denied") != NULL || strstr(s, "Too many authentication failures") != NULL) {
		err_set(e, ERR_AUTH, "%s does not let us in: %s", t->where, line);
		return err_hint(e,
		    "put the public half of a key into ~/.ssh/authorized_keys of that user on the host; ssh "
		    "-v %s tells more",
		    t->target->host);
	}
	if (strstr(s, "no matching ") != NULL) {
		err_set(e, ERR_UNSUPPORTED, "%s: %s", t->target->host, line);
		return err_hint(e, "the host knows only what the ssh program does not want to use: bring its "
		                   "SSH server up to date");
	}
	if (strstr(s, "subsystem request failed") != NULL) {
		err_set(e, ERR_UNSUPPORTED, "%s has no sftp subsystem", t->target->host);
		return err_hint(e, "its sshd_config needs a line such as: Subsystem sftp internal-sftp");
	}
	if (line[0] == '\0' && process_ended(p->process, &status))
		return err_set(e, ERR_CONNECTION, "%s: ssh ended with status %d", t->where, status);
	err_set(e, ERR_CONNECTION, "%s: %s", t->where, line[0] != '\0' ? line : "the connection was closed");
	return err_hint(e,
	    "is the host up, and does its SSH server listen on that port? ssh -v %s tells more",
	    t->target->host);
}

/* ---- connecting ---- */

static int wait_until_through(struct program *p, struct ssh_try *t, struct ssh_askpass *ask, struct err *e)
{
	for (;;) {
		struct pollfd fds[3] = { { .fd = p->fd, .events = POLLIN },
			{ .fd = p->err_fd, .events = POLLIN }, { .fd = ask->fd, .events = POLLIN } };
		char byte;
		int r;

		if (ssh_check(t, e) == -1)
			return -1;
		r = poll(fds, 3, TICK_MS);
		if (r == -1 && errno != EINTR && errno != EAGAIN)
			return err_sys(e, "poll");
		if (r <= 0)
			continue;
		if (fds[1].revents != 0)
			drain_errors(p);
		if (ask->fd != -1 && fds[2].revents != 0)
			ssh_askpass_serve(ask);
		if (ask->declined && ask->why.code == ERR_CANCELLED)
			return failed(p, t, ask, e);
		if (fds[0].revents != 0)
			return recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1 ? 0 : failed(p, t, ask, e);
	}
}

static int start(
    struct program *p, struct ssh_try *t, const struct ssh_askpass *ask, bool asks, struct err *e)
{
	struct args a = { 0 };
	char *owned[8] = { NULL };
	const char *env[16] = { NULL };
	struct process_opts o = { .argv = a.argv, .env = environment(ask, owned, env) };
	int rc = build(&a, t, asks, fast_ciphers(t, o.env), e);

	if (rc == 0) {
		rc = process_start(&o, &p->fd, &p->err_fd, &p->process, e);
		if (rc == -1)
			err_hint(e, "the package openssh-client has the ssh program");
	}
	if (rc == 0) {
		fcntl(p->fd, F_SETFL, O_NONBLOCK);
		fcntl(p->err_fd, F_SETFL, O_NONBLOCK);
		if (send(p->fd, init, sizeof init, MSG_NOSIGNAL) != (ssize_t)sizeof init)
			rc = err_sys(e, "speak to ssh");
	}
	for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++)
		free(owned[i]);
	args_done(&a);
	return rc;
}

static const struct ssh_ops program_ops;

int ssh_program_connect(struct ssh_try *t, const char *why, struct ssh_link **ret, struct err *e)
{
	struct program *p = mem_alloc(sizeof *p);
	struct ssh_askpass ask = { .fd = -1 };
	bool asks = job_can_ask(t->job) || t->conf->password_file != NULL;
	int rc = 0;

	*p = (struct program){ .link.ops = &program_ops, .fd = -1, .err_fd = -1, .errors.max = MAX_ERRORS };
	if (asks)
		rc = ssh_askpass_listen(t, &ask, e);
	if (rc == 0)
		rc = start(p, t, &ask, asks, e);
	if (rc == 0)
		rc = wait_until_through(p, t, &ask, e);
	ssh_askpass_done(&ask);
	if (rc == -1) {
		ssh_close(&p->link);
		return -1;
	}
	p->link.words = mem_printf("the ssh program%s%s", why[0] != '\0' ? ", for " : "", why);
	p->link.user = mem_strdup(t->target->user);
	p->link.by_password = ask.by_password;
	p->link.login = ask.by_password ? mem_strdup("a password") : NULL;
	*ret = &p->link;
	return 0;
}

/* ---- bytes ---- */

static struct program *program_of(struct ssh_link *link)
{
	return (struct program *)(void *)link;
}

static int broke(struct program *p, struct err *e)
{
	char line[400];

	drain_errors(p);
	last_line(buf_text(&p->errors), line, sizeof line);
	return err_set(e, ERR_CONNECTION, "the connection broke%s%s", line[0] != '\0' ? ": " : "", line);
}

static ssize_t program_read(struct ssh_link *link, void *buf, size_t n, struct err *e)
{
	struct program *p = program_of(link);
	ssize_t r;

	do {
		r = recv(p->fd, buf, n, MSG_DONTWAIT);
	} while (r == -1 && errno == EINTR);
	if (r > 0)
		return r;
	if (r == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
		drain_errors(p);
		return 0;
	}
	return broke(p, e);
}

static ssize_t program_write(struct ssh_link *link, const void *buf, size_t n, struct err *e)
{
	struct program *p = program_of(link);
	const uint8_t *s = buf;
	size_t skipped = 0;
	ssize_t r;

	while (p->said < sizeof init && skipped < n) {
		if (s[skipped] != init[p->said])
			return err_set(
			    e, ERR_FORMAT, "what is said first to the sftp server is not SSH_FXP_INIT");
		skipped++;
		p->said++;
	}
	if (skipped == n)
		return (ssize_t)n;
	do {
		r = send(p->fd, s + skipped, n - skipped, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (r == -1 && errno == EINTR);
	if (r >= 0)
		return (ssize_t)skipped + r;
	return errno == EAGAIN || errno == EWOULDBLOCK ? (ssize_t)skipped : broke(p, e);
}

static size_t program_polls(const struct ssh_link *link, int writing, struct pollfd fds[2])
{
	const struct program *p = (const struct program *)(const void *)link;

	fds[0] = (struct pollfd){ .fd = p->fd, .events = writing ? POLLIN | POLLOUT : POLLIN };
	return 1;
}

/* ServerAliveInterval does it. */
static int program_keepalive(struct ssh_link *link, struct err *e)
{
	struct program *p = program_of(link);

	return process_ended(p->process, NULL) ? broke(p, e) : 0;
}

static void program_close(struct ssh_link *link)
{
	struct program *p = program_of(link);

	if (p->fd != -1)
		close(p->fd);
	process_stop(p->process, STOP_MS);
	if (p->err_fd != -1)
		close(p->err_fd);
	buf_done(&p->errors);
	ssh_link_done(&p->link);
	free(p);
}

static const struct ssh_ops program_ops = { program_read, program_write, program_polls, program_keepalive,
	program_close };
