#!/usr/bin/python3
"""A private Cyrus IMAP server on loopback in a scratch directory, for tests and demonstrations.

As a module: Lab(dir, ...) starts nothing; lab.start(), lab.stop() or "with Lab(...) as lab" do. Needs root.
As a command: lab.py up DIR | down DIR | dump DIR | ... (lab.py --help)."""

import argparse
import atexit
import contextlib
import json
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import dump as dumps                                                                    # noqa: E402
import losses                                                                           # noqa: E402
import seeding                                                                          # noqa: E402
import storm as storms                                                                  # noqa: E402
from wire import Imap, Lmtp, ProtocolError, Sieve, quote                                # noqa: E402

BIN = "/usr/lib/cyrus/bin"
ADMIN = "cyrus"
REALM = "lab.example"
SETTINGS = "lab.json"


class LabError(Exception):
    """The laboratory could not do what was asked."""


def free_ports(count):
    """Loopback ports nobody listens on, below the range the kernel gives to clients."""
    socks = []
    ports = []
    rng = random.SystemRandom()
    try:
        while len(ports) < count:
            s = socket.socket()
            socks.append(s)
            try:
                s.bind(("127.0.0.1", rng.randrange(20000, 32000)))
            except OSError:
                continue
            ports.append(s.getsockname()[1])
        return ports
    finally:
        for s in socks:
            s.close()


class Lab:
    """One server. layout: "uuid" (Cyrus 3.6 default) or "legacy" (directories by name). places: where some of its directories are
    instead of below dir: {"spool": "/srv/mail/spool"}. fixed_ports: where the network is ours alone, the ports of IMAP, LMTP, ManageSieve."""

    fixed_ports = None

    def __init__(self, dir, layout="uuid", hashimapspool=True, unixhierarchysep=False, altnamespace=False,
                 second_partition=False, metapartition=False, extra=None, password="secret-of-the-lab",
                 places=None):
        if layout not in ("uuid", "legacy"):
            raise LabError("layout is uuid or legacy, not %s" % layout)
        self.dir = os.path.abspath(dir)
        self.layout = layout
        self.hashimapspool = bool(hashimapspool)
        self.unixhierarchysep = bool(unixhierarchysep)
        self.altnamespace = bool(altnamespace)
        self.second_partition = bool(second_partition)
        self.metapartition = bool(metapartition)
        self.extra = dict(extra or {})
        self.password = password
        self.places = dict(places or {})
        self.ports = {}
        self.users = []
        self.master = None
        self.guard = None

    # ---- names and places ----

    @property
    def sep(self):
        return "/" if self.unixhierarchysep else "."

    def path(self, *names):
        if names and names[0] in self.places:
            return os.path.join(self.places[names[0]], *names[1:])
        return os.path.join(self.dir, *names)

    @property
    def imapd_conf(self):
        return self.path("imapd.conf")

    @property
    def cyrvault_conf(self):
        return self.path("cyrvault.conf")

    @property
    def imap_address(self):
        return ("127.0.0.1", self.ports["imap"])

    @property
    def lmtp_address(self):
        return ("127.0.0.1", self.ports["lmtp"])

    @property
    def lmtp_socket(self):
        return self.path("socket", "lmtp")

    def box(self, owner, *folders):
        """The administrator's name of a user's mailbox: box("alice", "Work", "deep")."""
        return self.sep.join(("user", owner) + folders)

    def own(self, *folders):
        """The owner's name of the same mailbox: own("Work", "deep"); own() is INBOX."""
        if self.altnamespace and folders:
            return self.sep.join(folders)
        return self.sep.join(("INBOX",) + folders)

    def shared(self, *folders):
        """A shared mailbox, as everybody sees it without altnamespace and the administrator always."""
        return self.sep.join(folders)

    def internal(self, box):
        """The server's internal name (as in mailboxes.txt) of an administrator's name."""
        return box.replace(".", "^").replace("/", ".") if self.unixhierarchysep else box

    # ---- files ----

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w", opener=lambda p, f: os.open(p, f, mode)) as f:
            f.write(text)
        os.chmod(self.path(name), mode)

    def create(self):
        """Make the directories and configuration files."""
        cyrus = pwd.getpwnam("cyrus")
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        made = [("conf",), ("conf", "db"), ("spool",), ("proc",), ("lock",), ("sieve",), ("socket",)]
        made += [("spool2",)] if self.second_partition else []
        made += [("meta",)] if self.metapartition else []
        for names in made:
            os.makedirs(self.path(*names), exist_ok=True)
            os.chown(self.path(*names), cyrus.pw_uid, cyrus.pw_gid)
            os.chmod(self.path(*names), 0o755 if names[0] == "socket" else 0o750)
        os.makedirs(self.path("vault"), mode=0o700, exist_ok=True)
        self.write("secret", self.password + "\n", 0o600)
        self.configure()

    def configure(self):
        """Choose ports and write imapd.conf, cyrus.conf, cyrvault.conf."""
        self.ports = dict(zip(("imap", "lmtp", "sieve"), self.fixed_ports or free_ports(3)))
        word = {True: "yes", False: "no"}
        keys = {
            "servername": REALM,
            "configdirectory": self.path("conf"),
            "defaultpartition": "default",
            "partition-default": self.path("spool"),
            "proc_path": self.path("proc"),
            "mboxname_lockpath": self.path("lock"),
            "sievedir": self.path("sieve"),
            "lmtpsocket": self.path("socket", "lmtp"),
            "idlesocket": self.path("socket", "idle"),
            "notifysocket": self.path("socket", "notify"),
            "admins": ADMIN,
            "allowplaintext": "yes",
            "sasl_pwcheck_method": "auxprop",
            "sasl_auxprop_plugin": "sasldb",
            "sasl_sasldb_path": self.path("sasldb2"),
            "sasl_mech_list": "PLAIN LOGIN",
            "hashimapspool": word[self.hashimapspool],
            "unixhierarchysep": word[self.unixhierarchysep],
            "altnamespace": word[self.altnamespace],
            "mailbox_legacy_dirs": word[self.layout == "legacy"],
            "delete_mode": "delayed",
            "expunge_mode": "delayed",
            "umask": "077",
        }
        if self.second_partition:
            keys["partition-second"] = self.path("spool2")
        if self.metapartition:
            keys["metapartition-default"] = self.path("meta")
            keys["metapartition_files"] = "header index cache annotations"
        keys.update(self.extra)
        self.write("imapd.conf", "".join("%s: %s\n" % item for item in keys.items()))

        conf = "-C " + self.imapd_conf
        self.write("cyrus.conf", """START {{
	recover		cmd="{bin}/ctl_cyrusdb {conf} -r"
}}
SERVICES {{
	imap		cmd="{bin}/imapd {conf} -U 30" listen="127.0.0.1:{imap}" prefork=0 maxchild=100
	lmtp		cmd="{bin}/lmtpd {conf} -a" listen="127.0.0.1:{lmtp}" prefork=0 maxchild=50
	lmtpunix	cmd="{bin}/lmtpd {conf}" listen="{unix}" prefork=0 maxchild=50
	sieve		cmd="{bin}/timsieved {conf}" listen="127.0.0.1:{sieve}" prefork=0 maxchild=20
}}
EVENTS {{
	checkpoint	cmd="{bin}/ctl_cyrusdb {conf} -c" period=30
}}
""".format(bin=BIN, conf=conf, unix=self.lmtp_socket, **self.ports))

        self.write("cyrvault.conf", """[server "lab"]
imapd_conf = {imapd}
cyrus_conf = {cyrus}
cyrus_bin = {bin}
imap = 127.0.0.1:{imap}
imap_admin = {admin}
imap_password_file = {secret}
snapshot = none
stores = vault

[store "vault"]
url = dir:{vault}

[state]
directory = {state}
""".format(imapd=self.imapd_conf, cyrus=self.path("cyrus.conf"), bin=BIN, imap=self.ports["imap"], admin=ADMIN,
           secret=self.path("secret"), vault=self.path("vault"), state=self.path("state")))

    def save(self):
        """Remember what the command line needs to find this server again."""
        kept = ("layout", "hashimapspool", "unixhierarchysep", "altnamespace", "second_partition", "metapartition",
                "extra", "password", "places", "ports", "users", "master")
        self.write(SETTINGS, json.dumps({k: getattr(self, k) for k in kept}, indent=1) + "\n", 0o600)

    @classmethod
    def load(cls, dir):
        """The server that was started in dir."""
        try:
            with open(os.path.join(dir, SETTINGS)) as f:
                kept = json.load(f)
        except FileNotFoundError:
            raise LabError("%s: no server was started here" % dir) from None
        late = {k: kept.pop(k) for k in ("ports", "users", "master")}
        lab = cls(dir, **kept)
        for k, v in late.items():
            setattr(lab, k, v)
        return lab

    # ---- start and stop ----

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.stop()

    def start(self, guarded=True):
        """Start the server and wait until it answers. guarded: it also stops if this process dies in any way."""
        if os.geteuid() != 0:
            raise LabError("the laboratory server needs root (its master drops to user cyrus itself)")
        if not os.path.exists(self.imapd_conf):
            self.create()
            self.add_password(ADMIN, self.password)
        for attempt in range(5):
            self.launch()
            if self.answers(15):
                break
            self.kill()
            if attempt == 4:
                raise LabError("the server in %s does not answer; see %s" % (self.dir, self.path("master.log")))
            self.configure()
        self.save()
        if guarded:
            atexit.register(self.stop)
            self.guard = subprocess.Popen(
                [sys.executable, os.path.abspath(__file__), "guard", self.dir, str(self.master)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        return self

    def launch(self):
        os.makedirs(self.path("conf"), exist_ok=True)
        with open(self.path("master.log"), "ab") as log:
            child = subprocess.Popen(
                [BIN + "/master", "-C", self.imapd_conf, "-M", self.path("cyrus.conf"), "-p", self.path("master.pid")],
                cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        self.master = child.pid
        self.child = child

    def answers(self, seconds):
        """True once IMAP and LMTP greet."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if getattr(self, "child", None) and self.child.poll() is not None:
                return False
            try:
                with Imap(self.imap_address, ADMIN, self.password, timeout=10), Lmtp(self.lmtp_address, timeout=10):
                    return True
            except (OSError, ProtocolError):
                time.sleep(0.02)
        return False

    def processes(self):
        """Every process of this server: they share the master's session."""
        found = []
        for name in os.listdir("/proc"):
            if not name.isdigit():
                continue
            try:
                with open("/proc/%s/stat" % name) as f:
                    fields = f.read().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[3]) == self.master:
                found.append(int(name))
        return found

    def is_ours(self):
        """The recorded session is still this server's, not a later process with the same number."""
        for pid in self.processes():
            try:
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    if self.dir.encode() in f.read():
                        return True
            except OSError:
                pass
        return False

    def reap(self):
        child = getattr(self, "child", None)
        if child is not None:
            child.poll()

    def kill(self):
        """End every process of this server, kindly first."""
        if self.master is None or not self.is_ours():
            return
        for number, seconds in ((signal.SIGQUIT, 5), (signal.SIGTERM, 2), (signal.SIGKILL, 2)):
            for pid in [self.master] if number == signal.SIGQUIT else self.processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                self.reap()
                if not self.processes():
                    return
                time.sleep(0.01)

    def stop(self):
        """Stop the server; the directory stays."""
        atexit.unregister(self.stop)
        self.kill()
        self.master = None
        self.child = None
        if self.guard:
            self.guard.stdin.close()
            self.guard.wait()
            self.guard = None
        if os.path.isdir(self.dir):
            self.save()

    def restart(self):
        self.kill()
        self.launch()
        if not self.answers(15):
            raise LabError("the server in %s did not come back" % self.dir)
        self.save()

    def destroy(self):
        """Stop the server and remove its directory."""
        self.stop()
        if os.path.isdir(self.dir) and os.path.exists(self.path(SETTINGS)):
            shutil.rmtree(self.dir)

    # ---- users, connections, tools ----

    def add_password(self, user, password):
        subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", self.path("sasldb2"), "-u", REALM, user],
                       input=password.encode(), check=True, stdout=subprocess.DEVNULL)
        shutil.chown(self.path("sasldb2"), "cyrus", "mail")
        os.chmod(self.path("sasldb2"), 0o600)

    def add_user(self, user, password=None, admin=None):
        """A password and an INBOX; admin: a connection that makes it."""
        self.add_password(user, password or "pass-" + user)
        with contextlib.nullcontext(admin) if admin else self.admin() as c:
            c.run(b"CREATE " + quote(self.box(user)))
        if user not in self.users:
            self.users.append(user)
        self.save()

    def admin(self):
        """An IMAP connection as the administrator."""
        return Imap(self.imap_address, ADMIN, self.password)

    def user(self, name, password=None):
        """An IMAP connection as a user with his own password."""
        return Imap(self.imap_address, name, password or "pass-" + name)

    def proxy(self, name):
        """An IMAP connection as a user with the administrator's password."""
        return Imap(self.imap_address, ADMIN, self.password, authzid=name)

    def sieve(self, name):
        """A ManageSieve connection as a user with the administrator's password."""
        return Sieve(("127.0.0.1", self.ports["sieve"]), name, ADMIN, self.password)

    def lmtp(self, unix=False):
        return Lmtp(self.lmtp_socket if unix else self.lmtp_address)

    def tool(self, name, *args, input=None, check=True):
        """Run one of Cyrus's own programs on this server; its output as text."""
        done = subprocess.run([os.path.join(BIN, name), "-C", self.imapd_conf] + list(args), input=input,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", timeout=300)
        if check and done.returncode != 0:
            raise LabError("%s %s: exit %d: %s" % (
                name, " ".join(args), done.returncode, (done.stderr.strip() or done.stdout.strip())[-300:]))
        return done.stdout

    def directories(self, box):
        """{"data": path, ...} of a mailbox by its administrator's name."""
        answer = json.loads(self.tool("mbpath", "-j", "-a", box))
        return answer

    # ---- mail ----

    def seed(self, users=None, seed=1, big=False):
        """Fill the server with deterministic mail (seeding.py says what)."""
        seeding.seed(self, users, seed, big)

    def dump(self, users=None, deleted=False):
        """Everything visible over IMAP, as sorted lines (dump.py says which)."""
        return dumps.dump(self, users, deleted)

    def storm(self, **options):
        """Deliveries from several clients until stopped (storm.py)."""
        return storms.Storm(self, **options)


    def diff(self, before, after, **options):
        return dumps.diff_dumps(before, after, **options)


# ---- the command -------------------------------------------------------------------------------

def guard(dir, master):
    """Wait until the process that started the server is gone, then stop the server it left behind."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.stdin.buffer.read()
    lab = Lab(dir)
    lab.master = master
    lab.kill()


def command_up(args):
    extra = dict(item.split("=", 1) for item in args.set)
    lab = Lab(args.dir, layout=args.layout, hashimapspool=args.hashimapspool == "yes", unixhierarchysep=args.sep == "/",
              altnamespace=args.altnamespace, second_partition=args.second_partition, metapartition=args.metapartition,
              extra=extra)
    if os.path.exists(lab.path(SETTINGS)):
        lab = Lab.load(args.dir)
        if lab.master and lab.is_ours():
            raise LabError("%s: the server is running" % args.dir)
    lab.start(guarded=False)
    if args.seed_mail:
        try:
            lab.seed(seed=args.seed, big=args.big)
        except BaseException:
            lab.stop()
            raise
    print("IMAP 127.0.0.1:%(imap)d  LMTP 127.0.0.1:%(lmtp)d  ManageSieve 127.0.0.1:%(sieve)d" % lab.ports)
    print("configuration for cyrvault: " + lab.cyrvault_conf)


def command_imap(args):
    """Each command given (or each line of standard input) is run; every response is printed."""
    lab = Lab.load(args.dir)
    with lab.admin() if args.user == ADMIN else lab.proxy(args.user) as c:
        bad = 0
        for line in args.command or (raw.rstrip("\r\n") for raw in sys.stdin):
            reply = c.do(line)
            for pieces in reply.untagged:
                print("* " + "\n".join(piece.decode("utf-8", "backslashreplace") for piece in pieces))
            print(reply.status, reply.text)
            bad += not reply.ok
    return 1 if bad else 0


def command_storm(args):
    lab = Lab.load(args.dir)
    storm = lab.storm(clients=args.clients, rate=args.rate).start()
    with contextlib.suppress(KeyboardInterrupt):
        time.sleep(args.seconds)
    storm.stop()
    problems = storm.check()
    print("\n".join([storm.figures()] + problems))
    return 1 if problems else 0


def command_lose(args):
    lab = Lab.load(args.dir)
    how = {"delete": losses.delete_mailbox, "purge": losses.delete_and_purge, "directory": losses.remove_directory,
           "messages": losses.remove_messages, "user": losses.delete_user}[args.how]
    how(lab, args.name)


def command_diff(args):
    with open(args.before) as a, open(args.after) as b:
        found = dumps.diff_dumps(a.read().splitlines(), b.read().splitlines(), ignore=args.ignore)
    print("\n".join(found) if found else "no difference")
    return 1 if found else 0


def main(argv=None):
    parser = argparse.ArgumentParser(prog="lab.py", description="A private Cyrus IMAP server for tests and demonstrations.")
    sub = parser.add_subparsers(dest="verb", required=True, metavar="verb")

    def verb(name, function, help, dir=True):
        p = sub.add_parser(name, help=help)
        if dir:
            p.add_argument("dir", help="the server's directory")
        p.set_defaults(run=function)
        return p

    p = verb("up", command_up, "start a server (again) in DIR; it keeps running")
    p.add_argument("--layout", choices=("uuid", "legacy"), default="uuid")
    p.add_argument("--sep", choices=(".", "/"), default=".", help="hierarchy separator")
    p.add_argument("--hashimapspool", choices=("yes", "no"), default="yes")
    p.add_argument("--altnamespace", action="store_true")
    p.add_argument("--second-partition", action="store_true")
    p.add_argument("--metapartition", action="store_true")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a further line for imapd.conf")
    p.add_argument("--seed-mail", action="store_true", help="fill it with users and mail")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--big", action="store_true", help="with one message of 20 MB")
    verb("down", lambda a: Lab.load(a.dir).stop(), "stop the server")
    verb("destroy", lambda a: Lab.load(a.dir).destroy(), "stop the server and remove DIR")
    p = verb("dump", lambda a: print("\n".join(Lab.load(a.dir).dump(deleted=a.deleted))), "everything visible over IMAP")
    p.add_argument("--deleted", action="store_true", help="the administrator's DELETED mailboxes too")
    p = verb("diff", command_diff, "compare two dumps", dir=False)
    p.add_argument("before")
    p.add_argument("after")
    p.add_argument("--ignore", metavar="PATTERN")
    p = verb("imap", command_imap, "run IMAP commands as USER (or as the administrator, cyrus)")
    p.add_argument("user")
    p.add_argument("command", nargs="*")
    p = verb("tool", lambda a: print(Lab.load(a.dir).tool(a.name, *a.args), end=""), "run one of Cyrus's own programs")
    p.add_argument("name")
    p.add_argument("args", nargs=argparse.REMAINDER)
    p = verb("lose", command_lose, "lose mail: delete, purge, directory, messages (NAME is a mailbox) or user")
    p.add_argument("how", choices=("delete", "purge", "directory", "messages", "user"))
    p.add_argument("name")
    p = verb("maintain", lambda a: print(losses.maintenance(Lab.load(a.dir)), end=""), "cyr_expire -E 1 -D 0 -X 0, reconstruct -r")
    p = verb("storm", command_storm, "deliver by LMTP from several clients, then prove nothing was lost")
    p.add_argument("--seconds", type=float, default=5)
    p.add_argument("--rate", type=float, default=40)
    p.add_argument("--clients", type=int, default=4)

    args = parser.parse_args(argv)
    try:
        return args.run(args) or 0
    except (LabError, ProtocolError, OSError) as e:
        print("lab.py: %s" % e, file=sys.stderr)
        return 2


if __name__ == "__main__":
    if sys.argv[1:2] == ["guard"]:
        guard(sys.argv[2], int(sys.argv[3]))
    else:
        # One copy of this module, under its own name, for the modules that import it.
        import lab as itself
        sys.exit(itself.main())
