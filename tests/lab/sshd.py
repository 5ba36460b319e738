"""A private sshd on loopback in a scratch directory, for tests. Needs root; the system's own sshd and its files are not touched.

    with Sshd(dir) as s:                      # 127.0.0.1 and ::1, s.port; users root and, where s.own_users, keeper
        key = s.key("id", "ed25519")          # made and let in
        s.known_hosts(dir + "/known_hosts")

The server sees its own /etc/passwd and /etc/shadow, in a mount namespace: root's home is s.path("home") with sh for a shell,
keeper (no rights, home s.path("keeper"), password s.password) is there only for it. Where the namespace is refused, own_users is false:
root is the system's and there are no passwords."""

import base64
import crypt
import hashlib
import hmac
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from lab import free_ports

SSHD = "/usr/sbin/sshd"
SFTP_SERVER = "/usr/lib/openssh/sftp-server"
KEEPER_ID = 64321


class SshdError(Exception):
    """The private sshd could not do what was asked."""


def available():
    """None, or why there can be no private sshd here."""
    if os.geteuid() != 0:
        return "needs root to run a private sshd"
    return None if os.path.exists(SSHD) else "openssh-server is not installed"


def run(*command, **more):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise SshdError("%s: %s" % (" ".join(command), done.stdout.strip()))
    return done.stdout


def make_key(path, type="ed25519", passphrase="", comment="test"):
    """A key pair, path and path + ".pub": ed25519, ecdsa, rsa, or rsa-3072 and the like."""
    kind, _, bits = type.partition("-")
    bits = bits or {"rsa": "2048", "ecdsa": "256"}.get(kind)
    run("ssh-keygen", "-q", "-t", kind, *(["-b", bits] if bits else []), "-N", passphrase, "-C", comment, "-f", path)
    return path


def descendants(pid):
    """Processes below one, found by their parents."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as f:
                    parents.setdefault(int(f.read().rpartition(")")[2].split()[1]), []).append(int(name))
            except OSError:
                pass
    found, todo = [], [pid]
    while todo:
        children = parents.get(todo.pop(), [])
        found += children
        todo += children
    return found


class Sshd:
    """One server. host_keys: types as for make_key. config: more lines of sshd_config, before ours (the first counts). password: keeper's and
    root's, None: passwords are not asked for. subsystem: the program behind sftp. shell: of both users."""

    def __init__(self, dir, host_keys=("ed25519",), config=(), password=None, port=None, subsystem="internal-sftp", shell="/bin/sh"):
        self.dir = os.path.abspath(dir)
        self.host_keys = tuple(host_keys)
        self.config = list(config)
        self.password = password
        self.port = port
        self.subsystem = subsystem
        self.shell = shell
        self.process = None
        self.own_users = False

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", opener=lambda p, f: os.open(p, f, mode)) as f:
            f.write(text)

    # ---- files ----

    def create(self):
        os.makedirs(self.dir, exist_ok=True)
        os.chmod(self.dir, 0o755)
        for name, owner in (("home", 0), ("keeper", KEEPER_ID)):
            os.makedirs(self.path(name), exist_ok=True)
            os.chown(self.path(name), owner, owner)
        for type in self.host_keys:
            make_key(self.path("host_" + type), type)
        self.write("authorized_keys", "", 0o644)
        secret = crypt.crypt(self.password, crypt.mksalt(crypt.METHOD_SHA256, rounds=1000)) if self.password is not None else "*"
        self.write("passwd", "root:x:0:0::%s:%s\nkeeper:x:%d:%d::%s:%s\nsshd:x:64320:65534::/run/sshd:/usr/sbin/nologin\n" % (
            self.path("home"), self.shell, KEEPER_ID, KEEPER_ID, self.path("keeper"), self.shell), 0o644)
        self.write("shadow", "".join("%s:%s:19000:0:99999:7:::\n" % (n, s) for n, s in
                                     (("root", secret), ("keeper", secret), ("sshd", "*"))))
        self.port = self.port or free_ports(1)[0]
        self.configure()

    def configure(self):
        """Write sshd_config; after a change of config, restart()."""
        yes = "yes" if self.password is not None else "no"
        self.write("sshd_config", "\n".join(self.config + [
            "Port %d" % self.port, "ListenAddress 127.0.0.1"] + (["ListenAddress ::1"] if has_ipv6() else []) + [
            "HostKey " + self.path("host_" + type) for type in self.host_keys] + [
            "AuthorizedKeysFile " + self.path("authorized_keys"), "StrictModes no", "UsePAM no", "UseDNS no", "PidFile none",
            "PermitRootLogin yes", "PasswordAuthentication " + yes, "KbdInteractiveAuthentication no", "PrintMotd no",
            "PrintLastLog no", "MaxStartups 100", "MaxSessions 100", "LogLevel VERBOSE", "Subsystem sftp " + self.subsystem, ""]))

    def key(self, name="id", type="ed25519", passphrase="", options=None):
        """A user's key, made and let in (options: what stands before it in authorized_keys); the path of its private half."""
        path = make_key(self.path(name), type, passphrase, comment=name)
        self.authorize(path, options)
        return path

    def authorize(self, path, options=None):
        with open(path + ".pub") as f, open(self.path("authorized_keys"), "a") as to:
            to.write((options + " " if options else "") + f.read())

    def known_hosts(self, path, hashed=False, wrong=False, types=None, port=None, hosts=("127.0.0.1", "::1", "localhost")):
        """Add this server to a known_hosts file: wrong: with keys that are not its own; types: these of its keys only; port: another than its
        own, of a proxy."""
        lines = []
        for type in types or self.host_keys:
            where = self.path("host_" + type)
            if wrong:
                where = self.path("wrong_" + type)
                if not os.path.exists(where):
                    make_key(where, type)
            with open(where + ".pub") as f:
                key = " ".join(f.read().split()[:2])
            for host in hosts:
                lines.append("%s %s\n" % (host_word(host, port or self.port, hashed), key))
        with open(path, "a") as f:
            f.writelines(lines)
        return path

    # ---- running ----

    def start(self):
        why = available()
        if why:
            raise SshdError(why)
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        if not os.path.exists(self.path("sshd_config")):
            self.create()
        self.own_users = subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode == 0
        command = [SSHD, "-D", "-e", "-f", self.path("sshd_config")]
        if self.own_users:
            command = ["unshare", "--mount", "sh", "-c", 'mount --bind "$1/passwd" /etc/passwd && mount --bind "$1/shadow" /etc/shadow '
                       '&& shift && exec "$@"', "sh", self.dir] + command
        # With setpriv it ends when this process does, however that ends.
        with open(self.path("log"), "ab") as log:
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL"] + command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > end:
                    self.stop()
                    raise SshdError("sshd did not start:\n" + self.log())
                time.sleep(0.01)

    def kill(self):
        """Everything at once: the server, its connections, what runs in them."""
        if self.process is None:
            return
        for unused in range(2):
            for pid in [self.process.pid] + descendants(self.process.pid) if self.process.poll() is None else []:
                try:
                    os.kill(pid, signal.SIGSTOP)
                except ProcessLookupError:
                    pass
        for pid in descendants(self.process.pid) + [self.process.pid]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None

    stop = kill

    def restart(self):
        """On the same port with the same keys, and sshd_config as config is now."""
        self.kill()
        self.configure()
        return self.start()

    def __enter__(self):
        return self.start()

    def __exit__(self, *unused):
        self.stop()

    def log(self):
        with open(self.path("log"), errors="backslashreplace") as f:
            return f.read()

    # ---- clients ----

    def options(self, key=None, known_hosts=None, user="root"):
        """Options for ssh, sftp and scp that keep away from this host's own configuration: -F none, key, known_hosts."""
        known_hosts = known_hosts or self.path("known_hosts")
        if not os.path.exists(known_hosts):
            self.known_hosts(known_hosts)
        words = ["-F", "none", "-o", "BatchMode=yes", "-o", "UserKnownHostsFile=" + known_hosts, "-o", "GlobalKnownHostsFile=none",
                 "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none", "-o", "User=" + user, "-o", "Port=%d" % self.port]
        return words + (["-o", "IdentityFile=" + key] if key else [])


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


def host_word(host, port, hashed):
    word = host if port == 22 else "[%s]:%d" % (host, port)
    if not hashed:
        return word
    salt = os.urandom(20)
    return "|1|%s|%s" % tuple(base64.b64encode(x).decode() for x in (salt, hmac.new(salt, word.encode(), hashlib.sha1).digest()))


def jump_config(path, name, target, jump, key, known_hosts):
    """An ssh_config in which host ${name} is the Sshd ${target}, reached through the Sshd ${jump}. known_hosts gets both."""
    target.known_hosts(known_hosts)
    jump.known_hosts(known_hosts)
    common = ("    HostName 127.0.0.1\n    User root\n    IdentityFile %s\n    IdentitiesOnly yes\n    IdentityAgent none\n"
              "    BatchMode yes\n    UserKnownHostsFile %s\n    GlobalKnownHostsFile none\n" % (key, known_hosts))
    with open(path, "w") as f:
        f.write("Host %s\n    Port %d\n    ProxyJump %s-jump\n%s" % (name, target.port, name, common))
        f.write("Host %s-jump\n    Port %d\n%s" % (name, jump.port, common))
    return path


class Agent:
    """with Agent() as a: a.add(key, passphrase); a.socket is SSH_AUTH_SOCK. In the foreground, so that it ends with us."""

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix="cyrvault-agent.")
        self.socket = os.path.join(self.dir, "agent")
        self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", "ssh-agent", "-D", "-a", self.socket],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 5
        while not os.path.exists(self.socket):
            if time.monotonic() > end:
                raise SshdError("ssh-agent did not start")
            time.sleep(0.01)
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def add(self, key, passphrase=""):
        asks = os.path.join(self.dir, "askpass")
        with open(asks, "w") as f:
            f.write("#!/bin/sh\nprintf '%s\\n' \"$PASSPHRASE\"\n")
        os.chmod(asks, 0o700)
        run("ssh-add", "-q", key, env=dict(os.environ, SSH_AUTH_SOCK=self.socket, SSH_ASKPASS=asks, SSH_ASKPASS_REQUIRE="force",
                                            PASSPHRASE=passphrase, DISPLAY=""))
