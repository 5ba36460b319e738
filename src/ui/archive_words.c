/* archive_words.c: one archive in words. */
#include "ui/archive_words.h"

#include <string.h>

#include "app/words.h"
#include "core/clock.h"
#include "core/str.h"

/* Without keep keys nothing is removed by itself. */
static bool rotates(struct app *app, const struct app_archive *a)
{
	const struct conf_store *store = conf_find_store(app_conf(app), a->store, NULL);

	return store != NULL && store->keeps;
}

const char *archive_keep_word(
    struct app *app, const struct app_archive *a, enum retention_why why, enum style *style)
{
	if (a->protected)
		return "yes";
	if (why == RETENTION_TAPE)
		return "tape";
	if (why == RETENTION_WHYS || !retention_removes(why) || !rotates(app, a))
		return "";
	*style = STYLE_WARN;
	return "goes";
}

static void write_keep(struct text *t, struct app *app, const struct app_archive *a, enum retention_why why)
{
	if (a->protected)
		text_add(t, STYLE_NORMAL, 12, "protected   no rotation removes it");
	if (why == RETENTION_WHYS || why == RETENTION_PROTECTED)
		return;
	if (!retention_removes(why))
		text_add(t, STYLE_NORMAL, 12, "rotation    stays: %s", retention_words(why));
	else if (rotates(app, a))
		text_add(t, STYLE_WARN, 12, "rotation    goes with the next one: %s", retention_words(why));
	else
		text_add(t, STYLE_NORMAL, 12,
		    "rotation    nothing removes it by itself; cyrvault prune would: %s",
		    retention_words(why));
}

void archive_write(struct text *t, struct app *app, const struct app_archive *a, enum retention_why why)
{
	char text[32];

	text_add(t, STYLE_HEAD, 0, "%s", a->name);
	text_add(t, strcmp(a->where, "away") == 0 ? STYLE_WARN : STYLE_NORMAL, 12, "store       %s (%s)",
	    a->store, a->where);
	if (a->label != NULL)
		text_add(t, STYLE_NORMAL, 12, "on tape     %s%s%s", a->label,
		    a->box != NULL && a->box[0] != '\0' ? ", in box " : "", a->box != NULL ? a->box : "");
	text_add(t, STYLE_NORMAL, 12, "made        %s", clock_iso(text, sizeof text, a->when));
	if (a->sequence > 0)
		text_add(
		    t, STYLE_NORMAL, 12, "number      %llu of its server's", (unsigned long long)a->sequence);
	text_add(t, STYLE_NORMAL, 12, "size        %s", str_size(text, sizeof text, a->size_bytes));
	text_add(t, a->damaged ? STYLE_BAD : STYLE_NORMAL, 12, "health      %s%s", app_archive_health(a),
	    a->damaged ? "; a verification found damage in it" : "");
	if (a->why != NULL)
		text_add(t, STYLE_BAD, 12, "            %s", a->why);
	if (a->readable && a->kind == ARCHIVE_OURS)
		text_add(t, STYLE_NORMAL, 12, "holds       %llu mailboxes, %llu messages",
		    (unsigned long long)a->mailboxes, (unsigned long long)a->messages);
	if (a->quiesce != NULL && a->longest_hold_ms >= 0)
		text_add(t, STYLE_NORMAL, 12, "held still  %s, longest %lld ms",
		    app_quiesce_words(a->quiesce), (long long)a->longest_hold_ms);
	else if (a->quiesce != NULL)
		text_add(t, STYLE_NORMAL, 12, "held still  %s", app_quiesce_words(a->quiesce));
	write_keep(t, app, a, why);
}
