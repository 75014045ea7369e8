"""A host that commands are run on: over SSH, or any other way that answers alike."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import paramiko

CONNECT_WITHIN = 20.0


class HostError(RuntimeError):
    """A host can't be logged in to or does not answer; the message says what to do."""


@dataclass(frozen=True)
class Answer:
    """What a command said on standard output and error, and how it ended."""

    status: int
    out: str
    err: str


class Host(Protocol):
    """Something that runs a command of sh as root. `name` is the host's in its stack."""

    @property
    def name(self) -> str: ...

    def run(self, command: str, *, given: str = "", within: float = 60.0) -> Answer:
        """Runs it, with `given` as its input. Raises HostError where there is no answer in time."""
        ...


@dataclass(frozen=True)
class Login:
    """How to log in: the user, the private key (empty: the agent's), and where host keys are known from."""

    user: str
    key: str = ""
    known_hosts: str = ""


def private_key(file: str) -> paramiko.PKey:
    """The key in a file. Raises HostError where there is none that can be used.

    Left to itself, paramiko tries every kind of key in turn and tells only what the last one said.
    """
    try:
        return paramiko.PKey.from_path(Path(file).expanduser())
    except paramiko.PasswordRequiredException:
        raise HostError(f"{file} has a passphrase: add it to the agent and leave --ssh-key out") from None
    except (OSError, ValueError, paramiko.SSHException, paramiko.UnknownKeyType) as problem:
        raise HostError(f"{file} is no private key that can be used: {problem}") from None


class SshHost:
    """A host over SSH; the connection lasts until it is closed, and is made anew when it is gone.

    `jump` is a host to go through. Whoever is not root needs sudo without a password.
    """

    def __init__(
        self, name: str, address: str, login: Login, port: int = 22, jump: SshHost | None = None
    ) -> None:
        self.name = name
        self.address = address
        self.port = port
        self.login = login
        self.jump = jump
        self._client: paramiko.SSHClient | None = None

    def run(self, command: str, *, given: str = "", within: float = 60.0) -> Answer:
        """Runs a command as root."""
        if self.login.user != "root":
            command = f"sudo -n sh -c {shlex.quote(command)}"
        try:
            stdin, stdout, stderr = self.client().exec_command(command, timeout=within)
            stdin.write(given)
            stdin.channel.shutdown_write()
            out, err = stdout.read().decode(errors="replace"), stderr.read().decode(errors="replace")
            return Answer(stdout.channel.recv_exit_status(), out, err)
        except TimeoutError:
            self.close()
            raise HostError(f"{self.name}: no answer within {within:g} s: {command}") from None
        except (OSError, EOFError, paramiko.SSHException) as problem:
            self.close()
            raise HostError(f"{self.name} ({self.address}): the connection broke: {problem}") from None

    def client(self) -> paramiko.SSHClient:
        """The connection. Raises HostError where there is none."""
        if self._client is not None:
            return self._client
        client = paramiko.SSHClient()
        if self.login.known_hosts:
            client.load_host_keys(self.login.known_hosts)
        else:
            # A host that was made a moment ago is known to nobody.
            client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        try:
            client.connect(
                self.address, self.port, self.login.user,
                pkey=private_key(self.login.key) if self.login.key else None,
                sock=self.through(), timeout=CONNECT_WITHIN, banner_timeout=CONNECT_WITHIN,
                auth_timeout=CONNECT_WITHIN, look_for_keys=not self.login.key,
            )  # fmt: skip
        except paramiko.AuthenticationException:
            client.close()
            raise HostError(
                f"{self.name}: {self.login.user}@{self.address} is not let in: --ssh-user and --ssh-key say "
                "who logs in"
            ) from None
        except (OSError, EOFError, paramiko.SSHException) as problem:
            client.close()
            raise HostError(
                f"{self.name}: no SSH at {self.address}:{self.port} ({problem}): do sshCidrs let this "
                "machine in, or is a --jump-host needed?"
            ) from None
        self._client = client
        return client

    def through(self) -> paramiko.Channel | None:
        """The way over the jump host, where there is one."""
        if self.jump is None:
            return None
        transport = self.jump.client().get_transport()
        if transport is None:
            raise HostError(f"{self.jump.name}: the connection is gone")
        return transport.open_channel(
            "direct-tcpip", (self.address, self.port), ("127.0.0.1", 0), timeout=CONNECT_WITHIN
        )

    def close(self) -> None:
        """Ends the connection; the next command makes another."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
