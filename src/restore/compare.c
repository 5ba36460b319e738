/* compare.c: look at live mailboxes as cheaply as can be, and tell messages apart. */
#include "restore/compare.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "core/io.h"

#define HEADER_MAX 256 /* of a cyrus.index */
#define TRIES      3

bool compare_same_message(const struct index_record *a, const struct index_record *b)
{
	if (a->has_guid && b->has_guid)
		return memcmp(a->guid, b->guid, SHA1_SIZE) == 0;
	return a->size == b->size && a->internaldate == b->internaldate;
}

bool compare_has_uid(const uint32_t *uids, size_t n, uint32_t uid)
{
	size_t low = 0, high = n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (uids[mid] < uid)
			low = mid + 1;
		else
			high = mid;
	}
	return low < n && uids[low] == uid;
}

/* Sets ${*h} from the index; 0, or -1 when there is none that can be read. */
static int read_header(const char *path, struct index_header *h)
{
	uint8_t head[HEADER_MAX];
	struct stat st;
	size_t n = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = -1;

	if (fd == -1)
		return -1;
	/* The server writes the header in one go, but not in one instant: a bad check sum may be one that is being written. */
	for (int i = 0; i < TRIES && rc == -1; i++) {
		if (i > 0)
			usleep(1000);
		if (lseek(fd, 0, SEEK_SET) != 0 || io_read_all(fd, head, sizeof head, path, &n, NULL) == -1 ||
		    fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
		    mailbox_index_header_parse(head, n, h, NULL) == -1)
			break;
		if (h->crc_ok && h->num_records <= ((uint64_t)st.st_size - h->start_offset) / h->record_size)
			rc = 0;
	}
	close(fd);
	return rc;
}

static bool is_message(const char *name)
{
	size_t n = strspn(name, "0123456789");

	return n > 0 && n <= 10 && name[n] == '.' && name[n + 1] == '\0';
}

/* Message files there, up to ${enough}; SIZE_MAX: no such directory. */
static size_t count_messages(const char *dir, size_t enough)
{
	DIR *d = opendir(dir);
	struct dirent *de;
	size_t n = 0;

	if (d == NULL)
		return SIZE_MAX;
	while (n < enough && (de = readdir(d)) != NULL)
		n += is_message(de->d_name);
	closedir(d);
	return n;
}

static bool has_header(const struct server *server, const struct mailbox_entry *entry, struct buf *path)
{
	buf_clear(path);
	if (server_mailbox_dir(server, entry, META_HEADER, path, NULL) == -1)
		return false;
	buf_str(path, "/cyrus.header");
	return access(buf_text(path), F_OK) == 0;
}

static bool has_messages(
    const struct server *server, const struct mailbox_entry *entry, uint32_t messages, struct buf *path)
{
	const struct cyrus_partition *part = imapd_conf_partition(server->conf, entry->partition);
	size_t n, more;

	buf_clear(path);
	if (server_mailbox_dir(server, entry, 0, path, NULL) == -1)
		return false;
	n = count_messages(buf_text(path), messages);
	if (n == SIZE_MAX)
		return false;
	if (n < messages && part != NULL && part->archive != NULL) {
		buf_clear(path);
		buf_printf(path, "%s/", part->archive);
		if (mboxname_dir(server->conf, mailbox_entry_layout(server->conf, entry), entry->name,
			entry->uniqueid, path, NULL) == 0) {
			more = count_messages(buf_text(path), messages - n);
			n += more != SIZE_MAX ? more : 0;
		}
	}
	return n >= messages;
}

static void look(const struct server *server, const struct mailbox_entry *entry, struct compare_look *ret)
{
	struct buf path = BUF_INIT;
	struct index_header h;

	*ret = (struct compare_look){ 0 };
	if (server_mailbox_dir(server, entry, META_INDEX, &path, NULL) == 0) {
		buf_str(&path, "/cyrus.index");
		if (read_header(buf_text(&path), &h) == 0) {
			ret->uidvalidity = h.uidvalidity;
			ret->messages = h.exists;
			ret->unread = h.unseen;
			ret->knows_unread = h.minor >= 14;
			ret->whole =
			    has_header(server, entry, &path) && has_messages(server, entry, h.exists, &path);
		}
	}
	buf_done(&path);
}

void compare_look(const struct server *server, const struct mailbox_entry *entry, struct compare_look *ret)
{
	/* A message that comes or goes in between is no damage. */
	look(server, entry, ret);
	if (!ret->whole)
		look(server, entry, ret);
}
