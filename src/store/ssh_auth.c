/* ssh_auth.c: proving to a host who we are, over libssh2: keys of the agent, key files, a password. */
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/mem.h"
#include "core/str.h"
#include "store/ssh_key.h"
#include "store/ssh_lib.h"

#define MAX_SECRET  1024
#define MAX_TRIES   3
#define MAX_AGENT   64 /* keys of an agent that are looked at */
#define MAX_PROMPTS 16

/* How one way went. */
enum went { LET_IN, REFUSED, FAILED };

struct auth {
	struct ssh_lib *l;
	struct ssh_try *t;
	char *methods;        /* "publickey,password": what the host takes; NULL: none are left */
	LIBSSH2_AGENT *agent; /* NULL: there is none */
	struct buf tried;     /* for the message */
	char *locked;         /* a key that would have been taken, but for its passphrase */
	/* of keyboard-interactive, which libssh2 calls back */
	const char *password;
	struct err *ask_err;
	bool stopped;
};

static void note(struct auth *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void note(struct auth *a, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = str_safe_vprintf(fmt, ap);
	va_end(ap);
	/* The message is of one line. */
	if (a->tried.len < 360)
		buf_printf(&a->tried, "%s%s", a->tried.len > 0 ? ", " : "", text);
	free(text);
}

/* Let in: by what. */
static enum went let_in_by(struct auth *a, enum went went, const char *what, const char *which)
{
	struct buf safe = BUF_INIT;

	if (went != LET_IN)
		return went;
	buf_str(&safe, what);
	str_safe_buf(&safe, which, strlen(which));
	free(a->l->link.login);
	a->l->link.login = buf_steal(&safe);
	return went;
}

static bool offers(const struct auth *a, const char *method)
{
	const char *s = a->methods != NULL ? a->methods : "";
	size_t n = strlen(method);

	while (*s != '\0') {
		size_t len = strcspn(s, ",");

		if (len == n && memcmp(s, method, n) == 0)
			return true;
		s += len + (s[len] == ',');
	}
	return false;
}

/* What the host takes, now. LET_IN: it wants no proof at all. */
static enum went ask_methods(struct auth *a, struct err *e)
{
	uint64_t begun = clock_monotonic_ms();
	char *list;

	free(a->methods);
	a->methods = NULL;
	while (
	    (list = libssh2_userauth_list(a->l->session, a->t->user, (unsigned)strlen(a->t->user))) == NULL) {
		if (libssh2_userauth_authenticated(a->l->session))
			return LET_IN;
		if (libssh2_session_last_errno(a->l->session) != LIBSSH2_ERROR_EAGAIN) {
			lib_failed(a->l, a->t->where, e);
			return FAILED;
		}
		if (lib_wait(a->l, e) == -1)
			return FAILED;
	}
	/* The first time these are two round trips. */
	lib_latency(a->l, (clock_monotonic_ms() - begun) / 2);
	a->methods = mem_strdup(list);
	return REFUSED;
}

/* What an attempt of libssh2's came to. */
static enum went outcome(struct auth *a, int rc, struct err *e)
{
	if (rc == 0)
		return LET_IN;
	if (a->l->broken == 0 &&
	    (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED))
		return REFUSED;
	lib_failed(a->l, a->t->where, e);
	if (a->l->broken != 0 && a->tried.len > 0)
		err_hint(e,
		    "it may have had enough of refused keys (%s): name the right one with identity = in the "
		    "section of the store",
		    buf_text(&a->tried));
	return FAILED;
}

/* The program could do what libssh2 cannot: remembered for the end, if nothing else helps. */
static void want_program(struct auth *a, const char *type, const char *what)
{
	if (a->t->why_program == NULL)
		a->t->why_program =
		    mem_printf("libssh2 %s cannot use %s (%s)", libssh2_version(0), what, type);
}

/* ---- keys ---- */

/* libssh2 asks the host whether it would take the key before it wants a signature: that is all we want to know. */
static int no_signature(LIBSSH2_SESSION *session, unsigned char **sig, size_t *sig_len,
    const unsigned char *data, size_t n, void **abstract)
{
	bool *wanted = *abstract;

	(void)session;
	(void)sig;
	(void)sig_len;
	(void)data;
	(void)n;
	*wanted = true;
	return -1;
}

static enum went would_take(struct auth *a, const struct ssh_key *k, struct err *e)
{
	bool wanted = false;
	void *abstract = &wanted;
	int rc;

	while ((rc = libssh2_userauth_publickey(a->l->session, a->t->user, k->blob, k->len, no_signature,
		    &abstract)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(a->l, e) == -1)
			return FAILED;
	return wanted ? LET_IN : outcome(a, rc, e);
}

static enum went with_agent(struct auth *a, struct libssh2_agent_publickey *key, struct err *e)
{
	int rc;

	while ((rc = libssh2_agent_userauth(a->agent, a->t->user, key)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(a->l, e) == -1)
			return FAILED;
	/* An agent that will not sign is no reason to give up. */
	if (rc == LIBSSH2_ERROR_AGENT_PROTOCOL && a->l->broken == 0)
		return ssh_check(a->t, e) == -1 ? FAILED : REFUSED;
	return outcome(a, rc, e);
}

static void open_agent(struct auth *a)
{
	const char *path = getenv("SSH_AUTH_SOCK");

	if (path == NULL || path[0] == '\0')
		return;
	a->agent = libssh2_agent_init(a->l->session);
	if (a->agent == NULL)
		return;
	if (libssh2_agent_connect(a->agent) == 0 && libssh2_agent_list_identities(a->agent) == 0)
		return;
	note(a, "the agent at %s does not answer", path);
	libssh2_agent_disconnect(a->agent);
	libssh2_agent_free(a->agent);
	a->agent = NULL;
}

static enum went try_agent(struct auth *a, struct err *e)
{
	struct libssh2_agent_publickey *key = NULL;
	enum went went = REFUSED;

	for (size_t i = 0;
	     went == REFUSED && i < MAX_AGENT && libssh2_agent_get_identity(a->agent, &key, key) == 0; i++) {
		char *type = ssh_blob_type(key->blob, key->blob_len);

		if (type != NULL && !lib_can_sign(type) && a->t->conf->transport == CONF_TRANSPORT_AUTO) {
			want_program(a, type, "a key of the agent");
		} else if (type != NULL) {
			const char *name =
			    key->comment != NULL && key->comment[0] != '\0' ? key->comment : type;

			went = let_in_by(a, with_agent(a, key, e), "the agent's key ", name);
			note(a, "the agent's %s", name);
			if (!lib_can_sign(type))
				want_program(a, type, "a key of the agent");
		}
		free(type);
	}
	return went;
}

/* The agent may have the key of a file already, and its passphrase need not be asked for. */
static struct libssh2_agent_publickey *in_agent(struct auth *a, const struct ssh_key *k)
{
	struct libssh2_agent_publickey *key = NULL;

	for (size_t i = 0; a->agent != NULL && k->blob != NULL && i < MAX_AGENT &&
			   libssh2_agent_get_identity(a->agent, &key, key) == 0;
	     i++)
		if (key->blob_len == k->len && memcmp(key->blob, k->blob, k->len) == 0)
			return key;
	return NULL;
}

/* ${*unreadable}: it is not the host that refuses, but the file that cannot be read so. */
static enum went with_file(
    struct auth *a, const struct ssh_key *k, const char *passphrase, bool *unreadable, struct err *e)
{
	int rc;

	while ((rc = libssh2_userauth_publickey_fromfile_ex(a->l->session, a->t->user,
		    (unsigned)strlen(a->t->user), NULL, k->path, passphrase)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(a->l, e) == -1)
			return FAILED;
	*unreadable = a->l->broken == 0 && rc != 0 && rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED &&
	              rc != LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED;
	return *unreadable ? REFUSED : outcome(a, rc, e);
}

static enum went with_passphrase(struct auth *a, const struct ssh_key *k, struct err *e)
{
	char secret[MAX_SECRET] = "", *prompt = mem_printf("Passphrase of %s", k->path),
	     *title = mem_printf("To be let in as %s", a->t->where);
	enum went went = REFUSED;
	bool unreadable = true;

	for (int i = 0; i < MAX_TRIES && went == REFUSED && unreadable; i++) {
		const struct question q = { .title = title,
			.text = i > 0 ? "That was not it." : "",
			.prompt = prompt,
			.secret = true,
			.lasts = true,
			.again = i > 0 };
		int rc = ssh_ask(a->t, &q, secret, sizeof secret, e);

		if (rc == 1)
			went = with_file(a, k, secret, &unreadable, e);
		else if (rc == -1)
			went = FAILED;
		explicit_bzero(secret, sizeof secret);
		if (rc == 0) {
			note(a, "%s, which needs a passphrase that nobody is there to give", k->path);
			free(a->locked);
			a->locked = mem_strdup(k->path);
			break;
		}
		if (i + 1 == MAX_TRIES && unreadable)
			note(a, "%s, without its passphrase", k->path);
	}
	if (!unreadable)
		note(a, "%s", k->path);
	free(prompt);
	free(title);
	return went;
}

static enum went try_key(struct auth *a, const struct ssh_key *k, struct err *e)
{
	struct libssh2_agent_publickey *held;
	enum went went = LET_IN;
	bool unreadable = false;

	if (k->type != NULL && !lib_can_sign(k->type)) {
		want_program(a, k->type, k->path);
		if (a->t->conf->transport == CONF_TRANSPORT_AUTO)
			return REFUSED;
	}
	held = in_agent(a, k);
	if (held != NULL) {
		note(a, "%s by the agent", k->path);
		return with_agent(a, held, e);
	}
	if (!k->encrypted) {
		went = with_file(a, k, NULL, &unreadable, e);
		note(a, unreadable ? "%s, which libssh2 cannot read" : "%s", k->path);
		if (unreadable)
			want_program(a, k->type != NULL ? k->type : "its file", k->path);
		return went;
	}
	if (k->blob != NULL)
		went = would_take(a, k, e);
	if (went == REFUSED)
		note(a, "%s", k->path);
	return went == LET_IN ? with_passphrase(a, k, e) : went;
}

static enum went try_files(struct auth *a, struct err *e)
{
	size_t n;
	char **files = ssh_key_files(a->t->conf, &n);
	enum went went = REFUSED;

	for (size_t i = 0; i < n; i++) {
		struct ssh_key k;
		struct err why = { 0 };

		if (went == REFUSED && ssh_key_look(files[i], &k, &why) == 0) {
			went = let_in_by(a, try_key(a, &k, e), "the key ", k.path);
			ssh_key_done(&k);
		} else if (went == REFUSED) {
			note(a, "not %s", why.msg);
		}
		free(files[i]);
	}
	free(files);
	return went;
}

/* ---- passwords ---- */

static void answer_prompts(const char *name, int name_len, const char *instruction, int instruction_len,
    int n, const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses,
    void **abstract)
{
	struct ssh_lib *l = *abstract;
	struct auth *a = l->auth;
	char *title = mem_printf("%s asks", a->t->where);
	struct buf text = BUF_INIT;

	str_safe_lines(&text, name, name_len > 0 ? (size_t)name_len : 0);
	if (text.len > 0 && instruction_len > 0)
		buf_char(&text, '\n');
	str_safe_lines(&text, instruction, instruction_len > 0 ? (size_t)instruction_len : 0);
	for (int i = 0; i < n && !a->stopped; i++) {
		char secret[MAX_SECRET] = "", prompt[200];
		const struct question q = { .title = title,
			.text = buf_text(&text),
			.prompt = prompt,
			.secret = prompts[i].echo == 0 };

		str_safe(prompt, sizeof prompt, prompts[i].text, prompts[i].length);
		if (a->password != NULL && prompts[i].echo == 0)
			memcpy(secret, a->password, strlen(a->password) + 1);
		else if (i >= MAX_PROMPTS || ssh_ask(a->t, &q, secret, sizeof secret, a->ask_err) != 1)
			a->stopped = true;
		responses[i].text = lib_alloc(l, sizeof secret);
		if (responses[i].text != NULL) {
			memcpy(responses[i].text, secret, sizeof secret);
			responses[i].length = (unsigned)strlen(secret);
		}
		explicit_bzero(secret, sizeof secret);
	}
	buf_done(&text);
	free(title);
}

static enum went try_prompts(struct auth *a, const char *password, struct err *e)
{
	struct err why = { 0 };
	int rc;

	a->password = password;
	a->ask_err = &why;
	a->stopped = false;
	while ((rc = libssh2_userauth_keyboard_interactive_ex(a->l->session, a->t->user,
		    (unsigned)strlen(a->t->user), answer_prompts)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(a->l, e) == -1)
			return FAILED;
	a->password = NULL;
	if (a->stopped && why.code == ERR_CANCELLED) {
		if (e != NULL)
			*e = why;
		return FAILED;
	}
	return outcome(a, rc, e);
}

static enum went try_password(struct auth *a, const char *password, struct err *e)
{
	int rc;

	while ((rc = libssh2_userauth_password_ex(a->l->session, a->t->user, (unsigned)strlen(a->t->user),
		    password, (unsigned)strlen(password), NULL)) == LIBSSH2_ERROR_EAGAIN)
		if (lib_wait(a->l, e) == -1)
			return FAILED;
	if (rc == LIBSSH2_ERROR_PASSWORD_EXPIRED) {
		err_set(e, ERR_AUTH, "the password of %s has expired", a->t->where);
		return FAILED;
	}
	return outcome(a, rc, e);
}

static enum went password_of_file(struct auth *a, struct err *e)
{
	const char *path = a->t->conf->password_file;
	char secret[MAX_SECRET] = "";
	enum went went = FAILED;

	if (ssh_secret_file(path, secret, sizeof secret, e) == 0)
		went = offers(a, "password") ? try_password(a, secret, e) : try_prompts(a, secret, e);
	explicit_bzero(secret, sizeof secret);
	note(a, "the password of %s", path);
	a->l->link.by_password = went == LET_IN;
	return let_in_by(a, went, "the password of ", path);
}

static enum went password_asked(struct auth *a, struct err *e)
{
	char secret[MAX_SECRET] = "", *prompt = mem_printf("Password of %s", a->t->where);
	enum went went = REFUSED;
	int i, rc = 1;

	for (i = 0; i < MAX_TRIES && went == REFUSED && rc == 1; i++) {
		const struct question q = { .title = "A password is wanted",
			.text = i > 0 ? "That was not it." : "No key was accepted.",
			.prompt = prompt,
			.secret = true,
			.lasts = true,
			.again = i > 0 };

		if (!offers(a, "password")) {
			rc = job_can_ask(a->t->job);
			went = rc ? try_prompts(a, NULL, e) : REFUSED;
			continue;
		}
		rc = ssh_ask(a->t, &q, secret, sizeof secret, e);
		if (rc == 1)
			went = try_password(a, secret, e);
		else if (rc == -1)
			went = FAILED;
		explicit_bzero(secret, sizeof secret);
	}
	if (rc == 1)
		note(a, "a password");
	free(prompt);
	a->l->link.by_password = went == LET_IN;
	return let_in_by(a, went, "a password", "");
}

/* ---- all of it ---- */

static int refused(struct auth *a, struct err *e)
{
	err_set(e, ERR_AUTH, "%s does not let us in; tried: %s; it takes: %s", a->t->where,
	    a->tried.len > 0 ? buf_text(&a->tried) : "nothing",
	    a->methods != NULL ? a->methods : "nothing more");
	if (a->t->why_program != NULL) {
		err_wrap(e, "%s", a->t->why_program);
		return err_hint(e, "the system's ssh program can do it: transport = ssh, or auto, in the "
		                   "section of the store");
	}
	if (a->locked != NULL)
		return err_hint(
		    e, "run the command on a terminal, or let an agent have the key: ssh-add %s", a->locked);
	return err_hint(e, "put the public half of a key into ~/.ssh/authorized_keys of that user on the "
	                   "host, and name the key's file with identity =");
}

static enum went go(struct auth *a, struct err *e)
{
	enum went went = ask_methods(a, e);

	if (went != REFUSED)
		return let_in_by(a, went, "no proof at all", "");
	if (offers(a, "publickey")) {
		open_agent(a);
		if (a->agent != NULL && a->t->conf->n_identity == 0)
			went = try_agent(a, e);
		if (went == REFUSED)
			went = try_files(a, e);
		/* A key may have been the first of two proofs. */
		if (went == REFUSED && (went = ask_methods(a, e)) != REFUSED)
			return went;
	}
	if (went == REFUSED && (offers(a, "password") || offers(a, "keyboard-interactive"))) {
		if (a->t->conf->password_file != NULL)
			went = password_of_file(a, e);
		/* The program is better off with a person's help than we are. */
		else if (a->t->why_program == NULL || a->t->conf->transport != CONF_TRANSPORT_AUTO)
			went = password_asked(a, e);
	}
	return went;
}

int lib_auth(struct ssh_lib *l, struct err *e)
{
	struct auth a = { .l = l, .t = l->t };
	enum went went;

	if (l->t->user == NULL)
		return err_set(e, ERR_CONFIG, "the url %s names no user, and who we are has no name here",
		    l->t->conf->url);
	l->auth = &a;
	went = go(&a, e);
	if (went == REFUSED)
		refused(&a, e);
	if (went != REFUSED) {
		free(l->t->why_program);
		l->t->why_program = NULL;
	}
	if (a.agent != NULL) {
		libssh2_agent_disconnect(a.agent);
		libssh2_agent_free(a.agent);
	}
	l->auth = NULL;
	free(a.methods);
	free(a.locked);
	buf_done(&a.tried);
	return went == LET_IN ? 0 : -1;
}
