# cyrvault: the program, the one of a store's host, one static library of both, tests beside it.
#   make                  build/release/cyrvault            make MODE=asan|tsan|cov|fault   the other builds
#   make check            quick tests (under a minute)      make check-all   everything that CI runs
#   make demo             a private Cyrus, a backup, a lost mailbox, and the way back
#   make screenshots      screens of the console on that server, in screenshots/
#   make install          DESTDIR and PREFIX as usual

MODE    ?= release
CC      ?= cc
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := 0.1.0
B       := build/$(MODE)$(SUFFIX)

PKGS := inih jansson gmime-3.0 libdeflate zlib libarchive libcrypto libxxhash libssh2
# Of ncursesw only the libraries: its flags would set _XOPEN_SOURCE.
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS) ncursesw) -ldb -lpthread

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wvla -Wcast-qual -Wundef -Wstrict-prototypes -Wmissing-prototypes \
        -Wpointer-arith -Wwrite-strings $(if $(WERROR),-Werror)
CFLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
CFLAGS_asan    := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_tsan    := -O1 -g -fsanitize=thread
CFLAGS_cov     := -O0 -g --coverage
CFLAGS_fault   := -O1 -g1 -DCYRVAULT_FAULTS -U_FORTIFY_SOURCE
LDFLAGS_release := -pie -Wl,-z,relro,-z,now
LDFLAGS_asan    := -fsanitize=address,undefined
LDFLAGS_tsan    := -fsanitize=thread
LDFLAGS_cov     := --coverage
# Calls of src/core/fault_wrap.c; a fortified call would pass it by.
LDFLAGS_fault   := $(foreach f,write pwrite64 fsync fdatasync syncfs ftruncate64 rename renameat renameat2 link linkat symlink symlinkat \
                   unlink unlinkat rmdir mkdir mkdirat fchmod fchown fchownat lchown futimens open64 openat64,-Wl,--wrap=$(f))

# Scratch directories lie in memory where there is room: Cyrus waits for the disk at every commit.
ifndef TMPDIR
ifneq ($(shell [ -w /dev/shm ] && [ "$$(df --output=avail -k /dev/shm | tail -n 1)" -gt 4000000 ] && echo room),)
export TMPDIR := /dev/shm
endif
endif

# Commands are shown with V=1, else a word and a file.
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1) $@')

ALL_CFLAGS := -std=c17 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DCYRVAULT_VERSION='"$(VERSION)"' -Isrc $(PKG_CFLAGS) \
              $(WARN) $(CFLAGS_$(MODE)) $(CFLAGS)
ALL_LDFLAGS := $(LDFLAGS_$(MODE)) $(LDFLAGS)

SRCS := $(sort $(filter-out src/main.c,$(wildcard src/*/*.c)))
OBJS := $(SRCS:%.c=$(B)/%.o)
LIB  := $(B)/libcyrvault.a
UNIT := $(patsubst tests/unit/%.c,$(B)/tests/%,$(wildcard tests/unit/test_*.c))
TOOLS := $(patsubst tests/tools/%.c,$(B)/tools/%,$(wildcard tests/tools/*.c))
FUZZ := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all check check-all check-clang check-asan check-valgrind check-cyrus check-ssh check-tui check-fault check-fault-full \
        check-vm check-vm-full bench bench-smoke demo screenshots clean install unit layers format tools scripts
.SECONDARY:
.DELETE_ON_ERROR:

all: $(B)/cyrvault $(B)/cyrvault-store

$(B)/cyrvault: $(B)/src/main.o $(LIB)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(B)/cyrvault-store: $(B)/src/store_main.o $(LIB)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(LIB): $(OBJS)
	$(call say,AR  )
	$(Q)rm -f $@
	$(Q)ar rcs $@ $^

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC  )
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/%: $(B)/tests/unit/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ -lcmocka $(PKG_LIBS)

# Small programs that the test scripts use.
$(B)/tools/%: $(B)/tests/tools/%.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

# Fuzzers are built with a replay main, which runs a corpus in plain "make check".
$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/tests/fuzz/replay.o $(LIB)
	@mkdir -p $(@D)
	$(call say,LINK)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(PKG_LIBS)

-include $(shell find $(B) -name '*.d' 2>/dev/null)

tools: $(TOOLS)

unit: $(UNIT) $(FUZZ)
	@tests/run-units $(B)

layers:
	@tests/check-layers

# The scripts that need no server.
scripts: all tools $(UNIT)
	@tests/run-scripts -j 2 tests/cli tests/archive tests/snapshot tests/packaging

check: all layers unit scripts

check-clang:
	@$(MAKE) --no-print-directory CC=clang SUFFIX=-clang WERROR=1 all unit

check-asan:
	@$(MAKE) --no-print-directory MODE=asan all unit
	@CYRVAULT=$(CURDIR)/build/asan/cyrvault tests/run-scripts -j 2 tests/archive/test_hostile tests/cyrus/test_by_hand \
		'tests/cyrus/test_restore_matrix "uuid, hashimapspool on, separator ."' 'tests/cyrus/test_histories 6 1000' \
		tests/tui/test_story_lost_mailbox tests/tui/test_story_stores

check-valgrind: all $(UNIT)
	@tests/run-units --valgrind $(B)

check-cyrus: all tools
	@$(MAKE) --no-print-directory MODE=fault all
	@tests/run-scripts -j 3 tests/cyrus

# Archives on another host: a private sshd on loopback.
check-ssh: all tools
	@tests/run-scripts -j 2 tests/ssh

# The console on terminals; some of its stories stand still at the fault build's places.
check-tui: all
	@$(MAKE) --no-print-directory MODE=fault all
	@tests/run-scripts -j 2 tests/tui

check-fault:
	@$(MAKE) --no-print-directory MODE=fault all tools
	@tests/run-scripts -j 2 'tests/fault/restore build/fault' 'tests/fault/store build/fault' 'tests/fault/tape build/fault' \
		'tests/fault/run build/fault'

# Every fault at every point of every restore: in most of an hour.
check-fault-full:
	@$(MAKE) --no-print-directory MODE=fault all tools
	@tests/fault/restore build/fault --full

# Backups on real LVM, in a virtual machine.
check-vm: all tools
	@tests/vm/test_short

check-vm-full: all tools
	@tests/vm/test_snapshot; bad=$$?; tests/vm/test_full && exit $$bad

# find walks a directory in memory in the order in which files were made: a disk is what is compared with.
bench: all tools
	@TMPDIR=/var/tmp tests/bench/run
	@tests/bench/ssh
	@tests/bench/console
	@tests/bench/console_keys
	@tests/bench/catalogue
	@tests/bench/find

bench-smoke: all tools
	@TMPDIR=/var/tmp tests/bench/run --smoke
	@tests/bench/ssh --smoke
	@tests/bench/console --smoke
	@tests/bench/console_keys --smoke
	@tests/bench/catalogue --smoke
	@tests/bench/find --smoke

check-all:
	@scripts/check-all

demo:
	@scripts/demo

screenshots:
	@scripts/screenshots

install: all
	install -D -m 755 $(B)/cyrvault $(DESTDIR)$(PREFIX)/sbin/cyrvault
	install -D -m 755 $(B)/cyrvault-store $(DESTDIR)$(PREFIX)/bin/cyrvault-store
	install -D -m 644 docs/man/cyrvault.1 $(DESTDIR)$(PREFIX)/share/man/man1/cyrvault.1
	install -D -m 644 docs/man/cyrvault.conf.5 $(DESTDIR)$(PREFIX)/share/man/man5/cyrvault.conf.5
	install -D -m 644 docs/man/cyrvault-store.8 $(DESTDIR)$(PREFIX)/share/man/man8/cyrvault-store.8
	install -D -m 644 packaging/systemd/cyrvault-backup.timer $(DESTDIR)$(PREFIX)/lib/systemd/system/cyrvault-backup.timer
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/systemd/cyrvault-backup.service.in >$(DESTDIR)$(PREFIX)/lib/systemd/system/cyrvault-backup.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/cyrvault-backup.service
	install -d -m 755 $(DESTDIR)$(PREFIX)/share/doc/cyrvault
	sed 's|@SBINDIR@|$(PREFIX)/sbin|' packaging/cron.d/cyrvault.in >$(DESTDIR)$(PREFIX)/share/doc/cyrvault/cron.d-cyrvault
	chmod 644 $(DESTDIR)$(PREFIX)/share/doc/cyrvault/cron.d-cyrvault

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

clean:
	rm -rf build
