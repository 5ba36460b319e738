"""A virtual machine for one command: the host's files read-only with memory on top, a kernel of its own, as many disks as wanted.

    machine = Machine(disks=[Disk("1G")], job=DIR)
    status = machine.run(["tests/vm/guest", "..."], seconds=300)

The command runs as root, in this directory, with the same paths as here; its output comes out line by line, its exit status
comes back. Only /job can be written: that is the directory job of the host. TIMED_OUT: it took too long; DIED: the machine ended without
a status (the end of the kernel's log is in machine.last_words); CUT: the command asked for a power cut by making /job/cut.
Disks that have a path are kept, and a second machine can be started on them."""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
QEMU = "qemu-system-x86_64"
TIMED_OUT, DIED, CUT = 124, 125, 137
# A processor that is emulated and one that is not take the same options; kvm that does not work starves without a word, so it must be asked for.
ACCELERATOR = os.environ.get("VM_ACCEL", "tcg,thread=multi")
APPEND = ("console=ttyS0 quiet reboot=t panic=-1 mitigations=off nokaslr no_timer_check tsc=reliable random.trust_cpu=on "
          + os.environ.get("VM_APPEND", ""))


class MachineError(Exception):
    """There can be no virtual machine here; says why."""


def kernel():
    """(directory of the kernel, initramfs); fetched if they are not there."""
    done = subprocess.run([os.path.join(HERE, "kernel")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise MachineError("no kernel: " + (done.stderr.strip().splitlines() or ["exit %d" % done.returncode])[-1])
    return done.stdout.split()


def why_not():
    """None, or why there can be no virtual machine here."""
    if os.geteuid() != 0:
        return "needs root"
    if not shutil.which(QEMU):
        return QEMU + " is not installed"
    if not os.path.exists(VIRTIOFSD):
        return VIRTIOFSD + " is not installed"
    if subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode != 0:
        return "mount namespaces are refused"
    try:
        kernel()
    except MachineError as e:
        return str(e)
    return None


class Disk:
    """A sparse disk. path: kept there, with what was flushed to it; None: gone with the machine."""

    def __init__(self, size, path=None):
        self.size = size
        self.path = path


class Machine:
    def __init__(self, disks=(), memory=1024, processors=2, job=None):
        self.disks = list(disks)
        self.memory = memory
        self.processors = processors
        self.job = job
        self.last_words = ""
        self.helpers = []
        self.qemu = None

    def run(self, command, seconds=300, out=None):
        """Start it, run the command, end. out(line) is called with each line of output; None: it goes to standard output."""
        directory, initramfs = kernel()
        self.scratch = tempfile.mkdtemp(prefix="cyrvault-vm.")
        try:
            job = self.job or os.path.join(self.scratch, "job")
            os.makedirs(job, exist_ok=True)
            for name in ("status", "cut"):
                if os.path.exists(os.path.join(job, name)):
                    os.unlink(os.path.join(job, name))
            with open(os.path.join(directory, "version")) as f:
                version = f.read().strip()
            write_main(os.path.join(job, ".main"), command, os.path.join(directory, "lib", "modules", version))
            shares = self.share_root() + self.share("job", [], job)
            return self.boot(directory, initramfs, shares, job, seconds, out or show)
        finally:
            self.end()
            shutil.rmtree(self.scratch)

    # ---- the host's files ----

    def share(self, tag, before, source):
        """Serve a directory to the machine; the options that QEMU needs for it. before: the words that start the server."""
        socket = os.path.join(self.scratch, tag + ".socket")
        with open(os.path.join(self.scratch, tag + ".log"), "wb") as log:
            self.helpers.append(subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL"] + before
                + [VIRTIOFSD, "--socket-path=" + socket, "-o", "source=%s,cache=always,sandbox=chroot,log_level=warn" % source],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        until = time.monotonic() + 10
        while not os.path.exists(socket):
            if self.helpers[-1].poll() is not None or time.monotonic() > until:
                with open(os.path.join(self.scratch, tag + ".log"), errors="backslashreplace") as f:
                    raise MachineError("%s did not start: %s" % (VIRTIOFSD, f.read().strip()))
            time.sleep(0.02)
        return ["-chardev", "socket,id=%s,path=%s" % (tag, socket), "-device", "vhost-user-fs-pci,chardev=%s,tag=%s" % (tag, tag)]

    def share_root(self):
        """/ by way of a mount that is read-only in the server's own namespace: a mistake in the machine must not reach the host."""
        root = os.path.join(self.scratch, "root")
        os.mkdir(root)
        # This project may be mounted from elsewhere, and a bind mount takes no other mounts along.
        more = TOP if os.stat(TOP).st_dev != os.stat("/").st_dev else ""
        script = ('for d in "" $2; do mount --bind "/$d" "$1/$d" && mount -o remount,bind,ro "$1/$d" || exit; done; shift 2; exec "$@"')
        return self.share("host", ["unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", root, more], root)

    # ---- the machine ----

    def arguments(self, directory, initramfs, shares):
        args = [QEMU, "-accel", ACCELERATOR, "-m", str(self.memory), "-smp", str(self.processors), "-M", "pc,memory-backend=ram",
                "-object", "memory-backend-memfd,id=ram,size=%dM,share=on" % self.memory,
                "-nodefaults", "-no-reboot", "-display", "none",
                "-kernel", os.path.join(directory, "vmlinux"), "-initrd", initramfs, "-append", APPEND,
                "-serial", "file:" + os.path.join(self.scratch, "kernel.log"),
                "-device", "virtio-serial-pci", "-chardev", "stdio,id=out,signal=off", "-device", "virtconsole,chardev=out"] + shares
        for n, disk in enumerate(self.disks):
            path = disk.path or os.path.join(self.scratch, "disk%d" % n)
            if not os.path.exists(path):
                subprocess.run(["truncate", "-s", disk.size, path], check=True)
            cache = "writeback" if disk.path else "unsafe"
            args += ["-drive", "file=%s,if=none,id=disk%d,format=raw,discard=unmap,cache=%s" % (path, n, cache),
                     "-device", "virtio-blk-pci,drive=disk%d" % n]
        return args

    def boot(self, directory, initramfs, shares, job, seconds, out):
        errors = os.path.join(self.scratch, "qemu.log")
        with open(errors, "wb") as log:
            self.qemu = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL"] + self.arguments(directory, initramfs, shares),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        reader = threading.Thread(target=read_lines, args=(self.qemu.stdout, out))
        reader.start()
        until = time.monotonic() + seconds
        why = DIED
        while self.qemu.poll() is None:
            if os.path.exists(os.path.join(job, "cut")):
                why = CUT
            elif time.monotonic() > until:
                why = TIMED_OUT
            if why != DIED:
                self.qemu.send_signal(signal.SIGKILL)
                self.qemu.wait()
            time.sleep(0.02)
        reader.join()
        try:
            with open(os.path.join(job, "status")) as f:
                return int(f.read())
        except (FileNotFoundError, ValueError):
            words = [tail(os.path.join(self.scratch, name)) for name in ("kernel.log", "qemu.log", "host.log", "job.log")]
            self.last_words = "\n".join(w for w in words if w)
            return why

    def end(self):
        for process in [self.qemu] + self.helpers:
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.helpers = []


def write_main(path, command, modules):
    """What the machine runs once it has its root."""
    with open(path, "w") as f:
        f.write("""export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8
# There is no udev here that would make device nodes for LVM.
export DM_DISABLE_UDEV=1
exec </dev/null >/dev/hvc0 2>&1
stty -F /dev/hvc0 raw 2>/dev/null
mkdir -p /lib/modules
ln -sfn {modules} /lib/modules/
busybox ip link set lo up
cd {cwd}
( exec {command} )
echo $? >/job/status
sync
busybox reboot -f
""".format(modules=shlex.quote(modules), cwd=shlex.quote(os.getcwd()), command=shlex.join(command)))


def read_lines(stream, out):
    for line in stream:
        out(line.decode("utf-8", "backslashreplace").rstrip("\r\n"))


def show(line):
    print(line, flush=True)


def tail(path, lines=25):
    try:
        with open(path, errors="backslashreplace") as f:
            return "".join(f.readlines()[-lines:]).strip()
    except FileNotFoundError:
        return ""
