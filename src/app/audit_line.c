/* audit_line.c: who it is, and the line that says so. */
#include "app/audit_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "core/clock.h"
#include "core/io.h"
#include "core/mem.h"
#include "core/str.h"

#define ENVIRONMENT_MAX (256u << 10)
#define ANCESTORS_MAX   16

/* ---- who ---- */

static char *login_name(unsigned long uid)
{
	char room[4096];
	struct passwd pw, *found = NULL;

	if (getpwuid_r((uid_t)uid, &pw, room, sizeof room, &found) != 0 || found == NULL)
		return mem_printf("%lu", uid);
	return mem_strdup(found->pw_name);
}

static int read_proc(long pid, const char *name, struct buf *b)
{
	char path[64];
	size_t got = 0;
	int fd, rc = -1;
	char *room;

	snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	buf_clear(b);
	room = buf_reserve(b, ENVIRONMENT_MAX);
	if (io_read_all(fd, room, ENVIRONMENT_MAX - 1, path, &got, NULL) == 0) {
		room[got] = '\0';
		b->len = got;
		rc = 0;
	}
	close(fd);
	return rc;
}

/* The user who logged in, whatever he has become since: as the kernel keeps it. */
static char *kernel_login(void)
{
	struct buf b = BUF_INIT;
	uint64_t uid = UINT32_MAX;

	if (read_proc(getpid(), "loginuid", &b) == 0) {
		b.data[strcspn(b.data, "\n")] = '\0';
		if (str_u64(b.data, UINT32_MAX, &uid) == -1)
			uid = UINT32_MAX;
	}
	buf_done(&b);
	return uid != UINT32_MAX ? login_name(uid) : NULL;
}

static long parent_of(long pid)
{
	struct buf b = BUF_INIT;
	const char *s;
	long ret = 0;

	/* The name in brackets may hold anything. */
	if (read_proc(pid, "stat", &b) == 0 && (s = strrchr(buf_text(&b), ')')) != NULL &&
	    sscanf(s, ") %*c %ld", &ret) != 1)
		ret = 0;
	buf_done(&b);
	return ret;
}

char *audit_from(const char *text)
{
	size_t n = text != NULL ? strcspn(text, " ") : 0;

	return n > 0 && n < 256 ? mem_strndup(text, n) : NULL;
}

/* sudo takes SSH_CONNECTION out of the environment of what it runs, and not out of its own. */
static char *client_address(void)
{
	static const char name[] = "SSH_CONNECTION=";
	char *ret = audit_from(getenv("SSH_CONNECTION"));
	struct buf b = BUF_INIT;
	long pid = getppid();

	for (int i = 0; ret == NULL && pid > 1 && i < ANCESTORS_MAX; i++, pid = parent_of(pid)) {
		if (read_proc(pid, "environ", &b) == -1)
			continue;
		for (size_t at = 0; at < b.len && ret == NULL; at += strlen(b.data + at) + 1)
			if (str_starts(b.data + at, name))
				ret = audit_from(b.data + at + sizeof name - 1);
	}
	buf_done(&b);
	return ret;
}

static char *terminal_name(void)
{
	char path[256];

	for (int fd = 0; fd <= 2; fd++)
		if (ttyname_r(fd, path, sizeof path) == 0)
			return mem_strdup(str_starts(path, "/dev/") ? path + 5 : path);
	return NULL;
}

void audit_who(struct audit_who *ret)
{
	const char *sudo = getenv("SUDO_USER");

	*ret = (struct audit_who){ .uid = (long)getuid(), .pid = (long)getpid() };
	if (sudo != NULL && sudo[0] != '\0')
		ret->sudo_user = mem_strdup(sudo);
	ret->name = kernel_login();
	if (ret->name == NULL)
		ret->name =
		    ret->sudo_user != NULL ? mem_strdup(ret->sudo_user) : login_name((unsigned long)ret->uid);
	ret->tty = terminal_name();
	ret->from = client_address();
}

void audit_who_done(struct audit_who *w)
{
	free(w->name);
	free(w->sudo_user);
	free(w->tty);
	free(w->from);
	*w = (struct audit_who){ 0 };
}

/* ---- the line ---- */

/* A string, or null; bytes that are no UTF-8 as \xNN. */
static json_t *string_of(const char *s)
{
	json_t *v = s != NULL ? json_string(s) : json_null();
	struct buf b = BUF_INIT;

	if (v == NULL) {
		str_safe_buf(&b, s, strlen(s));
		v = json_string(buf_text(&b));
		buf_done(&b);
	}
	return v != NULL ? v : json_null();
}

static void put(json_t *j, const char *key, const char *s)
{
	json_object_set_new(j, key, string_of(s));
}

static void put_known(json_t *j, const char *key, const char *s)
{
	if (s != NULL && s[0] != '\0')
		put(j, key, s);
}

static void put_users(json_t *j, const struct app_audit *a)
{
	json_t *list = json_array();
	char *owner = a->users == NULL && a->mailbox != NULL ? mboxname_user(a->mailbox) : NULL;

	if (owner != NULL)
		json_array_append_new(list, string_of(owner));
	for (size_t i = 0; a->users != NULL && i < a->n_users && i < AUDIT_USERS_MAX; i++)
		json_array_append_new(list, string_of(a->users[i]));
	json_object_set_new(j, "users", list);
	if (a->everybody || (a->users != NULL && a->n_users > AUDIT_USERS_MAX))
		json_object_set_new(j, "users_cut", json_true());
	free(owner);
}

char *audit_line(const struct app_audit *a, const struct audit_who *who, int64_t now, const char *reason)
{
	static const char *const outcomes[] = { "begun", "done", "failed", "refused" };
	json_t *j = json_object();
	struct buf line = BUF_INIT;
	char when[32], *text;

	put(j, "time", clock_iso(when, sizeof when, now));
	put(j, "operator", who->name);
	put_known(j, "sudo_user", who->sudo_user);
	json_object_set_new(j, "uid", json_integer(who->uid));
	put(j, "tty", who->tty);
	put(j, "from", who->from);
	json_object_set_new(j, "pid", json_integer(who->pid));
	put(j, "verb", a->verb);
	put(j, "server", a->server);
	put(j, "archive", a->archive);
	put_users(j, a);
	put(j, "mailbox", a->mailbox);
	put_known(j, "uids", a->uids);
	json_object_set_new(j, "messages", json_integer((json_int_t)a->messages));
	put_known(j, "query", a->query);
	put_known(j, "receipt", a->receipt);
	put(j, "reason", reason);
	put(j, "outcome", outcomes[a->outcome]);
	put_known(j, "message", a->message);
	text = json_dumps(j, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII);
	json_decref(j);
	for (const char *s = text != NULL ? text : "{}"; *s != '\0'; s++)
		if (*s != 0x7f)
			buf_char(&line, *s);
		else
			buf_str(&line, "\\u007f");
	buf_char(&line, '\n');
	free(text);
	return buf_steal(&line);
}

/* ---- the file ---- */

static int make_directory(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash != NULL && slash != path ? mem_strndup(path, (size_t)(slash - path)) : NULL;
	int rc = dir != NULL ? io_mkdirs(AT_FDCWD, dir, 0700, e) : 0;

	free(dir);
	return rc;
}

static int open_log(const char *path, bool *made, struct err *e)
{
	const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, flags);

	*made = false;
	if (fd == -1 && errno == ENOENT) {
		if (make_directory(path, e) == -1)
			return -1;
		fd = open(path, flags | O_CREAT, 0600);
		*made = fd != -1;
	}
	return fd != -1 ? fd : err_sys(e, "open %s", path);
}

static int append(int fd, const char *path, const char *line, struct err *e)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	char last = '\n';

	/* Lines of others come before or behind this one; the lock goes with the descriptor. */
	while (fcntl(fd, F_OFD_SETLKW, &lock) == -1)
		if (errno != EINTR)
			return err_sys(e, "lock %s", path);
	if (fstat(fd, &st) == -1)
		return err_sys(e, "look at %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "%s is no regular file", path);
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		return err_sys(e, "read %s", path);
	if ((last != '\n' && io_write_all(fd, "\n", 1, path, e) == -1) ||
	    io_write_all(fd, line, strlen(line), path, e) == -1) {
		/* Half a line says nothing; where it cannot be taken away, the next one ends it. */
		int ignored = ftruncate(fd, st.st_size);

		(void)ignored;
		return -1;
	}
	return fdatasync(fd) == 0 ? 0 : err_sys(e, "write %s to disk", path);
}

int audit_append(const char *path, const char *line, struct err *e)
{
	bool made;
	int fd = open_log(path, &made, e), rc;

	if (fd == -1)
		return -1;
	rc = append(fd, path, line, e);
	close(fd);
	if (rc == 0 && made) {
		const char *slash = strrchr(path, '/');
		char *dir = slash != NULL && slash != path ? mem_strndup(path, (size_t)(slash - path))
		                                           : mem_strdup(slash == path ? "/" : ".");

		rc = io_fsync_dir(AT_FDCWD, dir, e);
		free(dir);
	}
	return rc;
}
