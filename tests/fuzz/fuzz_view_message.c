/* fuzz_view_message.c: any bytes as a message, in every form that the console shows it in: harmless, and bounded. */
#include <stdint.h>
#include <string.h>

#include "harmless.h"
#include "ui/message_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void show(const struct message *m, const uint8_t *data, size_t size, enum message_form form,
    int columns, bool ascii)
{
	struct canvas c;
	struct list l;
	struct text t;
	size_t top;

	canvas_init(&c, 20, columns, ascii);
	text_ascii(ascii);
	text_init(&t, &l);
	text_layout(&t, columns);
	message_text(&t, form, m, (const char *)data, size);
	/* Bytes become at most nine columns each. */
	if (t.n_lines > 9 * size + 100)
		abort();
	do {
		canvas_clear(&c);
		top = l.top;
		list_draw(&l, &c, 0, 0, c.rows, c.columns);
		must_be_harmless(&c);
		list_move(&l, REQUEST_PAGE_DOWN);
	} while (l.top != top);
	text_layout(&t, columns + 7);
	list_draw(&l, &c, 0, 0, c.rows, c.columns);
	must_be_harmless(&c);
	list_done(&l);
	text_done(&t);
	canvas_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct message *m = message_open(data, size);

	if (!ready)
		use_utf8();
	ready = true;
	for (int form = 0; form < MESSAGE_FORMS; form++) {
		show(m, data, size, (enum message_form)form, 20, true);
		show(m, data, size, (enum message_form)form, 80, false);
	}
	message_free(m);
	return 0;
}
