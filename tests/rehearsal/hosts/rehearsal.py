"""Production with machines behind its instances, which run the released images."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from app.release.names import DATA
from infra.hosts.converge.engine import LABEL
from tests.docker.offline import hub
from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.guests.guest import Guest
from tests.rehearsal.guests.hypervisor import Hypervisor
from tests.rehearsal.guests.metadata import Metadata
from tests.rehearsal.guests.outside import outside
from tests.rehearsal.guests.resolver import Resolver
from tests.rehearsal.hosts.releases import RELEASED, release
from tests.rehearsal.made import instance
from tests.rehearsal.production import Production
from tests.rehearsal.registry import Registry
from tests.stack import ROOT
from tests.unit.speech import tiny_models
from tools import mirror

TAG = "1.0.0"
NETWORK = "10.44.0.0/24"
OPERATOR = "10.44.0.1/32"  # this machine, the router of that network
HOSTS = ("streaming", "speech-1")
LOGIN = "debian"
ENDS_WITHIN = 900.0
HUB = "127.0.0.1:5000"  # the mirror of this machine
SERVICES = "sts,media,dubber,asr,tts,live,sales,web,api,transcriber"
SECRETS = {
    "DB_PASSWORD": "hush-for-the-database",
    "MEDIA_PUBLISH_PASSWORD": "hush-for-publishers",
    "MEDIA_READ_PASSWORD": "hush-for-viewers",
}
SETTINGS = {
    "MEDIA_PUBLISH_USER": "obs",
    "MEDIA_READ_USER": "viewer",
    "ASR_ENGINE": "pocketsphinx",
    # A model that comes from a hub, onto the volume; what it would say is gibberish, so nothing uses it.
    "PRELOAD_MODELS": "tiny",
}


@dataclass(frozen=True)
class Rehearsal:
    """Production, and all that stands in for AWS."""

    production: Production
    emulator: Emulator
    machines: Hypervisor
    hub: hub.Hub
    key: Path
    metadata: Metadata

    @property
    def ways_in(self) -> list[str]:
        """The options with which the smoke tests reach the hosts: at their private addresses."""
        addresses = [f"--address={name}={self.address(name)}" for name in HOSTS]
        return [*addresses, f"--ssh-user={LOGIN}", f"--ssh-key={self.key}"]

    def smoke(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Runs the smoke tests, as people do; their words in `stdout`."""
        return self._run("pytest", "tests/smoke", "--stack", self.production.stack, *self.ways_in, *options)

    def commentary_demo(self) -> subprocess.CompletedProcess[str]:
        """The demo of commentary against the streaming host, as people give it; its words in `stdout`."""
        host = self.address("streaming")
        there = {"MEDIA_HOST": host, "COMMENTARY_URL": f"http://{host}:8199"}
        return self._run("app", "demo-commentary", "--quick", **SETTINGS, **SECRETS, **there)

    def release(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`python -m app release`, as operators give it; its words in `stdout`."""
        return self._run("app", "release", *words, "--stack", self.production.stack)

    def _run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *words], cwd=ROOT, env={**self.production.environment, **variables},
            timeout=ENDS_WITHIN, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip

    def guest(self, host: str) -> Guest:
        """The machine that is a host now."""
        return self.machines.guests[instance(self.emulator, host)["InstanceId"]]

    def containers(self, host: str) -> dict[str, tuple[str, str]]:
        """The id of each service's container on a host, and since when it runs."""
        found = self.inspected(host)
        return {name: (each["Id"], each["State"]["StartedAt"]) for name, each in found.items()}

    def images(self, host: str) -> dict[str, str]:
        """The image of each service on a host, by digest."""
        return {name: each["Config"]["Image"] for name, each in self.inspected(host).items()}

    def inspected(self, host: str) -> dict[str, dict[str, Any]]:
        """What a host's engine says of each service's container."""
        asked: list[dict[str, Any]] = json.loads(
            self.guest(host).run("docker inspect $(docker ps --quiet --no-trunc)")
        )
        return {each["Config"]["Labels"][f"{LABEL}.service"]: each for each in asked}

    def files(self, host: str) -> str:
        """The models and recordings on a host's volume: a line a file, with its inode and age."""
        look = f"cd {DATA} && find . -path './[mr]*' -type f -printf '%P %s %i %T@\\n' | sort"
        return self.guest(host).run(look)

    @property
    def uploads(self) -> dict[str, int]:
        """What lies in the bucket of the uploads: sizes by key."""
        bucket, s3 = self.production.outputs()["uploads"], self.emulator.client("s3")
        listed = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
        return {each["Key"]: each["Size"] for each in listed}

    def empty_uploads(self) -> None:
        """Deletes all of it, as who wants the bucket gone has to."""
        bucket, s3 = self.production.outputs()["uploads"], self.emulator.client("s3")
        for key in self.uploads:
            s3.delete_object(Bucket=bucket, Key=key)

    def address(self, host: str) -> str:
        """Where a host is reached."""
        return str(instance(self.emulator, host)["PrivateIpAddress"])


@contextmanager
def rehearsal(folder: Path) -> Iterator[Rehearsal]:
    """Production, configured but not made, with everything in that folder for the time of a `with` block."""
    mirror.ensure(extra=True)
    release(TAG)
    model, checkout, machines = folder / "tiny", folder / "checkout", folder / "machines"
    tiny_models.whisper(model)
    key = write_key(folder / "key")
    for each in (checkout, machines, folder / "registry"):
        each.mkdir()
    with (
        outside() as address,
        Emulator(folder / "emulator.log", address=address) as emulator,
        Registry(folder / "registry", address) as registry,
        hub.running(model) as shelf,
        Metadata(emulator, address) as metadata,
        Resolver(emulator, address),
        Hypervisor(
            emulator,
            machines,
            machine_image(
                folder,
                registry,
                address,
                {
                    **emulator.environment,
                    "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url,
                    "HF_ENDPOINT": f"http://{address}:{shelf.port}",
                },
            ),
        ) as hypervisor,
    ):
        production = Production(checkout, emulator, registry)
        production.say(
            services=SERVICES, livekit="true", hub=HUB, registry=RELEASED, tag=TAG, network=NETWORK,
            streamingVolume="2", speechVolume="2",
            ingestCidrs=[OPERATOR], playbackCidrs=[OPERATOR], consoleCidrs=[OPERATOR], sshCidrs=[OPERATOR],
            sshKey=f"{key.get_name()} {key.get_base64()}",
        )  # fmt: skip
        for variable, value in SETTINGS.items():
            production.say_setting(variable, value)
        for variable, value in SECRETS.items():
            production.say_secret(variable, value)
        yield Rehearsal(production, emulator, hypervisor, shelf, folder / "key", metadata)


def write_key(file: Path) -> paramiko.PKey:
    """The key of who logs in."""
    key = paramiko.RSAKey.generate(3072)
    key.write_private_key_file(str(file))
    return key


def machine_image(
    folder: Path, registry: Registry, resolver: str, environment: Mapping[str, str]
) -> dict[str, Path]:
    """What the machine image of a company behind a proxy holds: whom to trust, and where everything is."""
    settings, names = folder / "voicestack.env", folder / "resolv.conf"
    settings.write_text("".join(f"{name}={value}\n" for name, value in environment.items()), encoding="utf-8")
    names.write_text(f"nameserver {resolver}\n", encoding="utf-8")
    return {
        "/etc/resolv.conf": names,
        "/etc/default/voicestack": settings,
        f"/etc/docker/certs.d/{registry.host}/ca.crt": registry.certificate,
    }
