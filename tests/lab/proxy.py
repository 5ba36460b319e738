"""A line to a server that is slow, thin or breaks: the TCP proxy of tests/tools/proxy.c, driven from a test."""

import os
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("CYRVAULT_PROXY", os.path.join(TOP, "build", "release", "tools", "proxy"))


class Proxy:
    """with Proxy(port, delay_ms=50) as line: connect to 127.0.0.1 and line.port. Ends with the block, or with this process."""

    def __init__(self, port, delay_ms=0, rate=0, host="127.0.0.1", listen="127.0.0.1", listen_port=0):
        self.program = subprocess.Popen(
            [PROGRAM, listen, str(listen_port), host, str(port), str(delay_ms), str(rate)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        said = self.program.stdout.readline().split()
        if said[:1] != ["listening"]:
            raise RuntimeError("%s did not start" % PROGRAM)
        self.port = int(said[1])

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        if self.program.stdin:
            self.program.stdin.close()
            self.program.wait(10)
            self.program.stdout.close()
            self.program.stdin = None

    def ask(self, *words):
        self.program.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.program.stdin.flush()
        answer = self.program.stdout.readline().strip()
        if answer in ("", "what?"):
            raise RuntimeError("proxy: %s: %s" % (" ".join(str(w) for w in words), answer or "it is gone"))
        return answer

    @property
    def counts(self):
        """Bytes let out so far, over all connections: (towards the server, towards the clients)."""
        up, down, unused = self.ask("count").split()
        return int(up), int(down)

    @property
    def connections(self):
        return int(self.ask("count").split()[2])

    def set_delay(self, ms):
        """The round trip, for bytes that come in from now on."""
        self.ask("delay", ms)

    def set_rate(self, bytes_per_second):
        self.ask("rate", bytes_per_second)

    def cut(self):
        """Reset every connection; new ones are let through."""
        self.ask("cut")

    def cut_at(self, up=0, down=0):
        """Reset every connection, and all that follow, when exactly so many bytes (as counts has them) have been let out; 0: never."""
        self.ask("cutat", "up", up)
        self.ask("cutat", "down", down)

    def refuse(self):
        """Stop accepting: who connects is refused. Connections stay."""
        self.ask("refuse")

    def accept(self):
        self.ask("accept")

    def stall(self):
        """Let nothing through and keep the connections, as a line does whose other end lost its power."""
        self.ask("stall")

    def go(self):
        self.ask("go")
