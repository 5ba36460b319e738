/* tools_find.c: where the server's own programs are, and which version they are of. */
#include "cyrus/tools.h"

#include <ctype.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/io.h"
#include "core/mem.h"
#include "core/process.h"
#include "core/str.h"

#define ASK_TIMEOUT_MS 20000
#define PROGRAM_MAX    ((size_t)64 << 20)
#define VERSION_MAX    64

/* Debian; Red Hat and Fedora; older Red Hat and SUSE; SUSE; source installs of 3.x, 2.x, FreeBSD. */
static const char *const places[] = {
	"/usr/lib/cyrus/bin",
	"/usr/libexec/cyrus-imapd",
	"/usr/lib/cyrus-imapd",
	"/usr/lib64/cyrus-imapd",
	"/usr/libexec/cyrus/bin",
	"/usr/cyrus/sbin",
	"/usr/cyrus/bin",
	"/usr/local/cyrus/sbin",
	"/usr/local/cyrus/bin",
	"/opt/cyrus/sbin",
	"/opt/cyrus/bin",
};

static bool is_program(const char *dir, const char *name)
{
	char *path = mem_printf("%s/%s", dir, name);
	struct stat st;
	bool yes = stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;

	free(path);
	return yes;
}

bool cyrus_tools_has(const struct cyrus_tools *t, const char *name)
{
	return is_program(t->bin, name);
}

/* ---- the version ---- */

static void take_version(struct cyrus_tools *t, const char *text)
{
	size_t n = strcspn(text, "\r\n");
	char *line = mem_strndup(text, n);

	if (cyrus_version_parse(line, &t->version) == 0) {
		free(t->version_text);
		t->version_text =
		    mem_strdup(str_starts(line, "cyrus-imapd ") ? line + strlen("cyrus-imapd ") : line);
	}
	free(line);
}

static void ask_version(struct cyrus_tools *t)
{
	char *path = mem_printf("%s/cyr_info", t->bin);
	struct process_opts o = {
		.argv = (const char *const[]){ path, "-C", t->imapd_conf, "version", NULL },
		.timeout_ms = ASK_TIMEOUT_MS,
	};
	struct process_result res = { 0 };

	if (cyrus_tools_has(t, "cyr_info") && process_run_check(&o, &res, NULL) == 0)
		take_version(t, buf_text(&res.out));
	process_result_done(&res);
	free(path);
}

/* Is the string at ${s}, which ends before ${end}, a version and nothing else: "2.4.18-Debian-2.4.18-3"? */
static bool is_version(const char *s, const char *end)
{
	size_t n = strnlen(s, (size_t)(end - s));
	int dots = 0;

	if (n >= VERSION_MAX || s + n == end || !isdigit((unsigned char)*s))
		return false;
	for (; isdigit((unsigned char)*s) || *s == '.'; s++)
		dots += *s == '.';
	return dots == 2 && isdigit((unsigned char)s[-1]) &&
	       (*s == '\0' || *s == '-' || *s == '+' || *s == '~');
}

static bool is_newer(struct cyrus_version a, struct cyrus_version b)
{
	if (a.major != b.major)
		return a.major > b.major;
	return a.minor != b.minor ? a.minor > b.minor : a.patch > b.patch;
}

/* The newest version among the texts of a program or library. ${prefix} stands before it: "v" in programs of 2.x, nothing
 * in libraries of 2.5+, which also name the older versions in which options changed. */
static void read_version(struct cyrus_tools *t, const char *path, const char *prefix)
{
	struct cyrus_version v;
	size_t skip = strlen(prefix);
	struct buf b = BUF_INIT;

	if (io_read_file(AT_FDCWD, path, PROGRAM_MAX, &b, NULL) == 0) {
		const char *end = buf_text(&b) + b.len;

		for (const char *s = buf_text(&b); s < end; s += strnlen(s, (size_t)(end - s)) + 1)
			if ((size_t)(end - s) > skip && strncmp(s, prefix, skip) == 0 &&
			    is_version(s + skip, end) && cyrus_version_parse(s + skip, &v) == 0 &&
			    is_newer(v, t->version))
				take_version(t, s + skip);
	}
	buf_done(&b);
}

/* What cannot be asked is looked up. None is started but cyr_info: some programs of 2.x take an option they do not know for
 * nothing, and become a server. */
static void look_up_version(struct cyrus_tools *t, bool usual_place)
{
	static const char *const programs[] = { "lmtpd", "imapd", "ctl_mboxlist" };
	static const char *const libraries[] = { "/lib*/libcyrus_min.so*", "/lib/*/libcyrus_min.so*",
		"/usr/lib*/libcyrus_min.so*", "/usr/lib/*/libcyrus_min.so*",
		"/usr/local/lib/libcyrus_min.so*" };
	char *beside = mem_printf("%s/../lib*/libcyrus_min.so*", t->bin);
	glob_t found = { 0 };

	for (size_t i = 0; i < sizeof programs / sizeof *programs && t->version.major == 0; i++) {
		char *path = mem_printf("%s/%s", t->bin, programs[i]);

		read_version(t, path, "v");
		free(path);
	}
	if (t->version.major == 0 && glob(beside, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc && t->version.major == 0; i++)
			read_version(t, found.gl_pathv[i], "");
		globfree(&found);
	}
	for (size_t k = 0; usual_place && k < sizeof libraries / sizeof *libraries && t->version.major == 0;
	     k++) {
		if (glob(libraries[k], 0, NULL, &found) != 0)
			continue;
		for (size_t i = 0; i < found.gl_pathc && t->version.major == 0; i++)
			read_version(t, found.gl_pathv[i], "");
		globfree(&found);
	}
	free(beside);
}

/* ---- the directory ---- */

static char *find_directory(const char *cyrus_bin, bool *usual_place, struct err *e)
{
	struct buf tried = BUF_INIT;
	char *found = NULL;

	*usual_place = true;
	for (size_t i = 0; i < sizeof places / sizeof *places && found == NULL; i++) {
		if ((cyrus_bin == NULL || strcmp(cyrus_bin, places[i]) == 0) &&
		    is_program(places[i], "ctl_mboxlist"))
			found = mem_strdup(places[i]);
		buf_printf(&tried, "%s%s", i > 0 ? ", " : "", places[i]);
	}
	if (found == NULL && cyrus_bin != NULL && is_program(cyrus_bin, "ctl_mboxlist")) {
		*usual_place = false;
		found = mem_strdup(cyrus_bin);
	}
	if (found == NULL && cyrus_bin != NULL)
		err_set(
		    e, ERR_NOT_FOUND, "Cyrus's programs are not in %s: there is no ctl_mboxlist", cyrus_bin);
	else if (found == NULL)
		err_set(e, ERR_NOT_FOUND, "Cyrus's programs were not found in %s", buf_text(&tried));
	if (found == NULL)
		err_hint(e, "set cyrus_bin to the directory that has ctl_mboxlist");
	buf_done(&tried);
	return found;
}

int cyrus_tools_find(const char *cyrus_bin, const char *imapd_conf, struct cyrus_tools **ret, struct err *e)
{
	struct cyrus_tools *t = mem_alloc(sizeof *t);
	bool usual_place;

	t->version_text = mem_strdup("");
	if ((t->bin = find_directory(cyrus_bin, &usual_place, e)) == NULL)
		goto fail;
	/* Programs run in "/": a relative name would be another file there. */
	if ((t->imapd_conf = realpath(imapd_conf, NULL)) == NULL) {
		err_sys(e, "open %s", imapd_conf);
		goto fail;
	}
	ask_version(t);
	if (t->version.major == 0)
		look_up_version(t, usual_place);
	if (imapd_conf_load(t->imapd_conf, t->version, &t->conf, e) == -1)
		goto fail;
	*ret = t;
	return 0;
fail:
	cyrus_tools_free(t);
	return -1;
}

void cyrus_tools_free(struct cyrus_tools *t)
{
	if (t == NULL)
		return;
	imapd_conf_free(t->conf);
	free(t->bin);
	free(t->imapd_conf);
	free(t->version_text);
	free(t);
}

void cyrus_tools_set_job(struct cyrus_tools *t, struct job *job)
{
	t->job = job;
}
