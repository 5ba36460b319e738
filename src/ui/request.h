/* request.h: what the operator can ask for. One table yields the keys, the names for ':' and the configuration, the help, and the
 * manual's list of keys.
 *
 * A row: the request, its keys, its name, what it does. Keys are words separated by blanks (see key.h). The groups are those of the
 * help screen. */
#ifndef UI_REQUEST_H
#define UI_REQUEST_H

#include <stddef.h>

#include "core/buf.h"

#define REQUESTS(R)                                                                                        \
	R(UP, "Up k Ctrl-P", "up", "One row up", MOVE)                                                     \
	R(DOWN, "Down j Ctrl-N", "down", "One row down", MOVE)                                             \
	R(PAGE_UP, "PgUp Ctrl-B", "page-up", "One screen up", MOVE)                                        \
	R(PAGE_DOWN, "PgDn Ctrl-F", "page-down", "One screen down", MOVE)                                  \
	R(FIRST, "Home g", "first", "To the first row", MOVE)                                              \
	R(LAST, "End G", "last", "To the last row", MOVE)                                                  \
	R(OPEN, "Enter Right l", "open", "Open what is selected", MOVE)                                    \
	R(BACK, "Left h Backspace", "back", "Back to the screen before", MOVE)                             \
	R(LEAVE, "q", "leave", "Back to the screen before; from the first one, out", MOVE)                 \
	R(CANCEL, "Esc Ctrl-C", "cancel", "Give up what was begun: a prompt, a search, a filter", MOVE)    \
	R(PANE, "Tab", "pane", "To the pane at the right and back (wide terminals)", MOVE)                 \
	R(SEARCH, "/", "search", "Search as you type", FIND)                                               \
	R(NEXT, "n", "next", "To the next match", FIND)                                                    \
	R(PREVIOUS, "N", "previous", "To the match before", FIND)                                          \
	R(FILTER, "&", "filter", "Show only rows that match", FIND)                                        \
	R(LOST, "m", "lost", "Show all, only what the live server lacks, only what is not the same", FIND) \
	R(FOLD, "z", "fold", "Fold or unfold what is below", FIND)                                         \
	R(MARK, "Space Ins", "mark", "Mark the row, or turn the choice on it", CHOOSE)                     \
	R(MARK_ALL, "+ *", "mark-all", "Mark all rows that are shown", CHOOSE)                             \
	R(UNMARK_ALL, "-", "unmark-all", "Take all marks away", CHOOSE)                                    \
	R(DETAILS, "i F3", "details", "Everything that is known about it", LOOK)                           \
	R(RAW, "w", "raw", "Decoded, all headers, or the raw bytes (made harmless)", LOOK)                 \
	R(SHOW_COMMAND, "=", "command", "The command line that does the same, whole", LOOK)                \
	R(RELOAD, "r Ctrl-R", "reload", "Read this screen anew", LOOK)                                     \
	R(RESTORE, "R F5", "restore", "Plan a restore of what is marked or selected", DO)                  \
	R(GO, "y", "go", "Carry out what this screen has prepared", DO)                                    \
	R(UNDO, "u", "undo", "Plan to take back what a restore has done", DO)                              \
	R(EXPORT, "e", "export", "Write messages to files", DO)                                            \
	R(VERIFY, "v F6", "verify", "Prove an archive", DO)                                                \
	R(BACKUP, "B F7", "backup", "Take a backup now", DO)                                               \
	R(PROTECT, "P", "protect", "Let an archive never be removed by rotation, or take that back", DO)   \
	R(STOP, "x F8", "stop", "Stop the running job at its next safe point", DO)                         \
	R(FIND, "f", "find", "Find messages in all archives", SCREEN)                                      \
	R(HISTORY, "H", "history", "A mailbox in all archives: when it was what", SCREEN)                  \
	R(DIFF, "d", "diff", "What differs from another archive, or from the live server", SCREEN)         \
	R(BETWEEN, "t", "between", "What a user has lost between two dates", SCREEN)                       \
	R(ROTATION, "p", "rotation", "Which archives stay, which go, and why", SCREEN)                     \
	R(CASES, "c", "cases", "Restores: those in progress, and all before", SCREEN)                      \
	R(TAPES, "T", "tapes", "What waits for tape, and what is on which tape", SCREEN)                   \
	R(BASKET, "b F4", "basket", "What is marked", SCREEN)                                              \
	R(JOBS, "J F2", "jobs", "What runs and what has run", SCREEN)                                      \
	R(LOG, "L", "log", "What happened", SCREEN)                                                        \
	R(DOCTOR, "D F9", "doctor", "What would go wrong", SCREEN)                                         \
	R(HELP, "? F1", "help", "This help", SCREEN)                                                       \
	R(COMMAND, ":", "colon", "Type a command by its name", SCREEN)                                     \
	R(REDRAW, "Ctrl-L", "redraw", "Paint the screen anew", SCREEN)                                     \
	R(SUSPEND, "Ctrl-Z", "suspend", "Back to the shell for a while", SCREEN)                           \
	R(QUIT, "Q F10", "quit", "Leave the console", SCREEN)

enum request {
	REQUEST_NONE,
#define R(id, keys, name, help, group) REQUEST_##id,
	REQUESTS(R)
#undef R
	    REQUEST_COUNT
};

/** One row of the table. */
struct request_info {
	const char *keys, *name, *help, *group;
};
const struct request_info *request_info(enum request r);

/** request_find(name): The request of that name, REQUEST_NONE when there is none. */
enum request request_find(const char *name);

#endif
