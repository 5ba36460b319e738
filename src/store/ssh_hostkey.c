/* ssh_hostkey.c: whether the key that a host has proved is accepted: known, asked for, remembered, refused. */
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "core/mem.h"
#include "store/ssh_lib.h"

/* The key shown, in words. */
struct shown {
	const uint8_t *blob;
	size_t len;
	char *type, *fingerprint;
};

static int refuse_changed(const struct ssh_try *t, const struct ssh_hosts *h, const struct shown *s,
    const struct ssh_known *k, struct err *e)
{
	char *known = ssh_fingerprint(k->blob, k->len);

	err_set(e, ERR_AUTH,
	    "the host key of %s is not the one that is known: it shows %s %s, but line %u of %s says %s %s. "
	    "Somebody may be between us and the host",
	    t->target->host, s->type, s->fingerprint, k->line, k->file, k->type, known);
	free(known);
	return err_hint(e,
	    "only if the host was set up anew, and its keeper confirms the fingerprint: ssh-keygen -R '%s' "
	    "-f %s, then again",
	    h->name, k->file);
}

static int refuse_revoked(
    const struct ssh_try *t, const struct shown *s, const struct ssh_known *k, struct err *e)
{
	err_set(e, ERR_AUTH, "%s shows a host key that was revoked: %s %s, line %u of %s", t->target->host,
	    s->type, s->fingerprint, k->line, k->file);
	return err_hint(e, "do not connect before the keeper of the host has explained it");
}

static int refuse_unknown(
    const struct ssh_try *t, const struct ssh_hosts *h, const struct shown *s, const char *why, struct err *e)
{
	err_set(
	    e, ERR_AUTH, "the host %s is not known: it shows %s %s%s", h->name, s->type, s->fingerprint, why);
	return err_hint(e,
	    "compare the fingerprint on the host (ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub), then: "
	    "ssh-keyscan -p %u %s >> %s; or once host_key = accept-new",
	    t->port, t->target->host, h->home);
}

static int accept(const struct ssh_try *t, const struct ssh_hosts *h, const struct shown *s, struct err *e)
{
	if (ssh_hosts_add(h, s->blob, s->len, e) == -1)
		return -1;
	log_write(
	    LOG_LEVEL_INFO, "%s: host key %s %s is now in %s", t->where, s->type, s->fingerprint, h->home);
	return 0;
}

static int ask(struct ssh_try *t, const struct ssh_hosts *h, const struct shown *s, struct err *e)
{
	char *text = mem_printf("It shows this key:\n%s\n%s\nCompare it with what the keeper of the host "
	                        "says, or on the host with\n"
				"ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub",
	    s->type, s->fingerprint,
	    strstr(s->type, "ed25519") != NULL ? "ed25519"
	    : strstr(s->type, "ecdsa") != NULL ? "ecdsa"
					       : "rsa");
	char *title = mem_printf("The host %s is not known", h->name), answer[16] = "";
	const struct question q = {
		.title = title, .text = text, .prompt = "Is it the right host", .yes_no = true
	};
	int rc = ssh_ask(t, &q, answer, sizeof answer, e);

	free(title);
	free(text);
	if (rc == 0)
		return refuse_unknown(t, h, s, ", and there is nobody to ask", e);
	if (rc == 1 && strcmp(answer, "yes") == 0)
		return accept(t, h, s, e);
	return rc == -1 ? -1 : refuse_unknown(t, h, s, ", and was not accepted", e);
}

static int unknown(struct ssh_try *t, const struct ssh_hosts *h, const struct shown *s, struct err *e)
{
	switch (t->conf->host_key) {
	case CONF_HOST_KEY_ACCEPT_NEW: return accept(t, h, s, e);
	case CONF_HOST_KEY_STRICT: return refuse_unknown(t, h, s, ", and host_key is strict", e);
	default: return ask(t, h, s, e);
	}
}

int lib_host_check(struct ssh_lib *l, struct ssh_hosts *hosts, struct err *e)
{
	struct shown s = { 0 };
	const struct ssh_known *k = NULL;
	int kind, rc = -1;

	s.blob = (const uint8_t *)libssh2_session_hostkey(l->session, &s.len, &kind);
	s.type = s.blob != NULL ? ssh_blob_type(s.blob, s.len) : NULL;
	if (s.type == NULL)
		return err_set(e, ERR_AUTH, "%s shows no host key", l->t->target->host);
	s.fingerprint = ssh_fingerprint(s.blob, s.len);
	switch (ssh_hosts_check(hosts, s.blob, s.len, &k)) {
	case SSH_HOST_KNOWN: rc = 0; break;
	case SSH_HOST_OTHER: rc = refuse_changed(l->t, hosts, &s, k, e); break;
	case SSH_HOST_REVOKED: rc = refuse_revoked(l->t, &s, k, e); break;
	case SSH_HOST_UNKNOWN: rc = unknown(l->t, hosts, &s, e); break;
	}
	free(s.type);
	free(s.fingerprint);
	return rc;
}
