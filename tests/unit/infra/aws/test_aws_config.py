"""The configuration of a stack on AWS is checked as a whole, before anything is made."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from infra.aws.read import read
from infra.aws.secrets import readable_state
from infra.config import ROOT, ConfigError
from tests.unit.infra.aws.given_values import GIVEN, KEY, REGION, chosen, refused


def test_the_sample_is_right_and_has_its_hosts_and_their_addresses() -> None:
    config = chosen()
    assert {host.name: host.address for host in config.hosts} == {
        "streaming": "10.40.0.10",
        "speech-1": "10.40.0.20",
        "speech-2": "10.40.0.21",
    }
    assert [host.gpu for host in config.hosts] == [False, True, True]


def test_everything_wrong_is_told_at_once() -> None:
    with pytest.raises(ConfigError) as told:
        read(
            "Prod_1",
            {
                "kind": "aws",
                "colour": "red",
                "costCentre": "?*?",
                "zone": "us-east-1a",
                "streamingType": "c7i.large",
                "streamingAmi": "ubuntu",
                "speechType": "m7i.large",
                "speechHosts": "many",
                "speechMarket": "cheap",
                "network": "8.8.8.0/24",
                "ingestCidrs": '["203.0.113.5/24"]',
                "consoleCidrs": "0.0.0.0/0",
                "sshCidrs": "0.0.0.0/0",
                "renewHosts": "speech-9",
                "volumesFrom": json.dumps({"speech-8": "snapshot"}),
                "alarmEmail": "nobody",
                "domain": "live.example.org",
                "services": "nosuch",
                "logs": "perhaps",
                "snapshots": "0",
                "settings": json.dumps({"WEB_PORT": "99999"}),
            },
            "mars-1",
            None,
        )
    for each in (
        "Prod_1", "colour", "owner", "costCentre", "mars-1", "zone", "streamingType", "streamingAmi",
        "speechType", "speechAmi", "speechHosts", "speechMarket", "network", "ingestCidrs", "consoleCidrs",
        "sshCidrs", "sshKey", "renewHosts", "speech-8", "'snapshot'", "alarmEmail", "domain",
        "nosuch", "logs", "snapshots", "WEB_PORT",
    ):  # fmt: skip
        assert each in str(told.value), each


@pytest.mark.parametrize("cidr", ["0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/4"])
def test_nobody_logs_in_from_everywhere(cidr: str) -> None:
    assert "sshCidrs" in refused(sshCidrs=json.dumps([cidr]))
    assert "consoleCidrs" in refused(consoleCidrs=json.dumps([cidr]))


def test_publishing_from_everywhere_needs_a_password_also_where_only_watching_is_open() -> None:
    assert "MEDIA_PUBLISH_PASSWORD" in refused(settings="{}")
    assert chosen(settings="{}", playbackCidrs='["203.0.113.0/24"]').ranges["viewers"] == ("203.0.113.0/24",)


def test_a_released_image_is_named_by_its_version() -> None:
    assert "latest" in refused(tag="latest")


def test_a_read_replica_is_no_service_of_a_stack() -> None:
    assert "replica: a read replica is a machine of its own" in refused(services="sts,dubber,replica")


def test_streaming_is_arm_and_speech_is_not() -> None:
    assert "arm64" in refused(streamingType="g4dn.xlarge")
    assert "arm64" in refused(speechType="g5g.xlarge")
    assert "GPU" in refused(speechType="c7i.xlarge")
    assert chosen(speechType="c7i.xlarge", variant="cpu").hosts[1].gpu is False


def test_machine_images_are_named_by_a_command() -> None:
    assert "python -m infra.aws.images" in refused(streamingAmi="")


def test_with_speech_hosts_what_uses_a_gpu_runs_there() -> None:
    config = chosen()
    assert {service.name for service in config.services_of("speech")} == {"sts", "asr", "tts", "live"}
    assert {service.name for service in config.services_of("streaming")} == {
        "media", "dubber", "sales", "web",
    }  # fmt: skip
    assert config.images_of("speech") == ("speech-cuda",)


def test_without_speech_hosts_everything_runs_on_the_streaming_host() -> None:
    config = chosen(speechHosts="0", speechAmi="")
    assert config.services_of("streaming") == config.services
    assert config.images_of("streaming") == ("speech", "media", "app")


def test_the_streaming_host_knows_every_speech_host_and_its_public_address() -> None:
    settings = chosen().settings_of("streaming", "203.0.113.99")
    assert settings.sts_urls == ("dns+ws://10.40.0.20:5003", "dns+ws://10.40.0.21:5003")
    assert settings.sts_addresses == ("ws://10.40.0.20:5003", "ws://10.40.0.21:5003")
    assert settings.asr_url == "http://10.40.0.20:5001"
    assert (settings.whisper_host, settings.whisper_port) == ("10.40.0.20", 9090)
    assert settings.media_public_host == "203.0.113.99"


def test_the_streaming_host_answers_to_the_domain_too() -> None:
    config = chosen(domain="live.example.org", hostedZone="Z0123456789ABC")
    assert config.settings_of("streaming", "203.0.113.99").allowed_hosts == ("live.example.org",)
    assert "allowed_hosts" not in chosen().settings_of("streaming", "203.0.113.99").model_fields_set


def test_speech_hosts_of_ones_own_are_used_instead() -> None:
    own = json.dumps({**json.loads(GIVEN["settings"]), "STS_URLS": "ws://gpu.example.org:5003"})
    config = chosen(settings=own)
    assert config.settings_of("streaming", "203.0.113.99").sts_urls == ("ws://gpu.example.org:5003",)


def test_what_is_not_a_list_or_a_map_is_told() -> None:
    assert "ingestCidrs" in refused(ingestCidrs='["203.0.113.0/24"')
    assert "volumesFrom" in refused(volumesFrom="[]")


def test_a_state_that_an_empty_passphrase_opens_is_known() -> None:
    local = "encryptionsalt: v1:salt\nconfig: {}\n"
    assert readable_state(local, {"PULUMI_CONFIG_PASSPHRASE": ""})
    assert not readable_state(local, {"PULUMI_CONFIG_PASSPHRASE": "long"})
    assert not readable_state("secretsprovider: awskms://alias/key\nencryptedkey: x\n", {})


def test_the_region_has_to_be_there() -> None:
    with pytest.raises(ConfigError, match="aws:region"):
        read("prod", GIVEN, "", None)
    assert REGION in chosen().region


def test_the_page_of_the_first_deployment_configures_a_stack_of_one_host() -> None:
    page = (ROOT / "docs" / "first-deployment.md").read_text(encoding="utf-8")
    said = yaml.safe_load("\n".join(re.findall(r"^ +((?:aws|voicestack):\w+: .*)", page, re.MULTILINE)))
    delivered = yaml.safe_load((ROOT / "envs" / "Pulumi.prod.yaml").read_text(encoding="utf-8"))["config"]
    chosen = {
        key.removeprefix("voicestack:"): value if isinstance(value, str) else json.dumps(value)
        for key, value in {**delivered, **said}.items()
        if key.startswith("voicestack:")
    }
    config = read("prod", {**chosen, "streamingAmi": GIVEN["streamingAmi"], "sshKey": KEY}, REGION, None)
    assert [(host.name, host.instance_type, host.gpu) for host in config.hosts] == [
        ("streaming", "c7g.2xlarge", False)
    ]
    assert config.roles == ("streaming",)
