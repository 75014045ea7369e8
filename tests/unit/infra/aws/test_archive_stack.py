"""The archive in production: who runs what, who reaches database and uploads, and that nobody else does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.release.bundle import IDENTITY
from infra.aws import access, uploads
from infra.config import ConfigError
from infra.policy.rules import POLICIES, Resource
from tests.unit.infra.aws.evaluation import allows
from tests.unit.infra.aws.given_values import ARCHIVE, chosen
from tests.unit.infra.aws.recorded import ACCOUNT, Recorded, stack

BUCKET = f"voicestack-prod-uploads-{ACCOUNT}-eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/voicestack-prod-uploads"
ADDRESS = "archive.abcd.eu-central-1.rds.amazonaws.com"


@pytest.fixture(scope="module")
def made() -> Recorded:
    """A stack with the archive on two kinds of hosts."""
    return stack(chosen(**ARCHIVE))


def services(made: Recorded, role: str) -> dict[str, Any]:
    """The services of the hosts of a role."""
    bundle = made.of("s3/bucketObjectv2:BucketObjectv2")[f"{role}-bundle"]["content"]
    found: dict[str, Any] = json.loads(bundle)["compose"]["services"]
    return found


def rules(made: Recorded, way: str, port: int) -> list[dict[str, Any]]:
    """The rules for a port."""
    kind = f"vpc/securityGroup{way}Rule:SecurityGroup{way}Rule"
    return [rule for rule in made.of(kind).values() if rule.get("fromPort") == port]


def test_the_database_is_the_streaming_hosts_and_transcribers_find_it_and_the_bucket(made: Recorded) -> None:
    streaming, speech = services(made, "streaming"), services(made, "speech")
    assert {"db", "api"} <= streaming.keys()
    assert {"transcriber", "sts"} == speech.keys()
    assert streaming["api"]["environment"]["DB_HOST"] == "db"
    told = speech["transcriber"]["environment"]
    assert (told["DB_HOST"], told["DB_PORT"], told["DB_PASSWORD"]) == ("10.40.0.10", "5432", "${DB_PASSWORD}")
    for service in (streaming["api"], speech["transcriber"]):
        assert service["environment"]["UPLOADS_BUCKET"] == BUCKET
        assert IDENTITY in [each["source"] for each in service["volumes"]]
    assert streaming["db"]["ports"][0]["published"] == "5432"
    assert "hush-database" not in json.dumps([streaming, speech])


def test_the_database_is_open_to_speech_hosts_alone(made: Recorded) -> None:
    (rule,) = rules(made, "Ingress", 5432)
    assert (rule["securityGroupId"], rule["referencedSecurityGroupId"]) == ("streaming-id", "speech-id")
    assert "cidrIpv4" not in rule
    (out,) = rules(made, "Egress", 5432)
    assert out["securityGroupId"] == "speech-id"
    # What a transcriber tells of its health is for its own host.
    assert rules(made, "Ingress", 8004) == []
    assert {rule["cidrIpv4"] for rule in rules(made, "Ingress", 8001)} == {"198.51.100.7/32"}


def test_the_bucket_is_closed_encrypted_protected_and_keeps_no_broken_off_uploads(made: Recorded) -> None:
    assert made.of("s3/bucket:Bucket")["uploads"]["bucket"] == BUCKET
    assert made.options["aws:s3/bucket:Bucket", "uploads"].protect
    assert not made.of("s3/bucket:Bucket")["uploads"].get("forceDestroy")
    block = made.of("s3/bucketPublicAccessBlock:BucketPublicAccessBlock")["uploads"]
    assert all(value is True for key, value in block.items() if key != "bucket")
    kind = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    (rule,) = made.of(kind)["uploads"]["rules"]
    assert rule["applyServerSideEncryptionByDefault"] == {"sseAlgorithm": "AES256"}
    kind = "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    broken_off, backups = made.of(kind)["uploads"]["rules"]
    assert broken_off["abortIncompleteMultipartUpload"] == {"daysAfterInitiation": 2}
    assert "expiration" not in broken_off
    assert (backups["filter"], backups["expiration"]) == ({"prefix": "backups/"}, {"days": 7})


def test_the_role_of_the_uploads_is_taken_by_hosts_and_reaches_files_alone(made: Recorded) -> None:
    role = made.of("iam/role:Role")["uploads"]
    (statement,) = json.loads(role["assumeRolePolicy"])["Statement"]
    assert statement["Principal"] == {"AWS": ["arn:aws:x:streaming", "arn:aws:x:speech"]}
    may: Any = uploads.permissions(BUCKET)
    assert json.loads(made.of("iam/rolePolicy:RolePolicy")["uploads"]["policy"]) == may
    file = f"arn:aws:s3:::{BUCKET}/transcripts/1/file"
    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert allows(may, action, file)
        assert not allows(may, action, f"arn:aws:s3:::{BUCKET}/other")
        assert not allows(may, action, "arn:aws:s3:::another/transcripts/1/file")
    backup = f"arn:aws:s3:::{BUCKET}/backups/2030-01-31.tar"
    assert allows(may, "s3:PutObject", backup)
    assert not allows(may, "s3:DeleteObject", backup)
    for action in ("s3:DeleteBucket", "s3:PutBucketPolicy", "s3:PutLifecycleConfiguration"):
        assert not allows(may, action, f"arn:aws:s3:::{BUCKET}")
    for action in ("ssm:GetParameter", "sts:AssumeRole", "iam:PassRole"):
        assert not allows(may, action)


def test_a_host_itself_reaches_no_file_and_takes_that_role_only_where_it_archives() -> None:
    config, plain = chosen(**ARCHIVE), chosen()
    for role in config.roles:
        own: Any = access.permissions(config, role, ACCOUNT, "releases", [])
        assert allows(own, "sts:AssumeRole", ROLE)
        assert not allows(own, "sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/voicestack-prod-{role}")
        assert not allows(own, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/transcripts/1/file")
        without: Any = access.permissions(plain, role, ACCOUNT, "releases", [])
        assert not allows(without, "sts:AssumeRole", ROLE)
    assert "uploads" not in stack(plain).of("s3/bucket:Bucket")


def test_a_password_of_the_database_is_a_secret_of_both_roles(made: Recorded) -> None:
    kept = {
        inputs["name"]
        for inputs in made.of("ssm/parameter:Parameter").values()
        if inputs["name"].endswith("DB_PASSWORD")
    }
    assert kept == {f"/voicestack/prod/{role}/secrets/DB_PASSWORD" for role in ("streaming", "speech")}


def test_a_database_of_ones_own_takes_the_place_of_the_stacks() -> None:
    own = stack(chosen(**ARCHIVE, database=f"{ADDRESS}:5433"))
    assert "db" not in services(own, "streaming")
    for role, name in (("streaming", "api"), ("speech", "transcriber")):
        told = services(own, role)[name]["environment"]
        assert (told["DB_HOST"], told["DB_PORT"]) == (ADDRESS, "5433")
    assert rules(own, "Ingress", 5432) == []
    assert [rule["securityGroupId"] for rule in rules(own, "Egress", 5433)] == ["speech-id"]


def test_one_host_has_database_and_transcriber_and_opens_neither() -> None:
    small = stack(chosen(**ARCHIVE, speechHosts="0", speechAmi=""))
    assert {"db", "api", "transcriber"} <= services(small, "streaming").keys()
    assert "ports" not in services(small, "streaming")["db"]
    assert rules(small, "Ingress", 5432) == []


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({**ARCHIVE, "settings": "{}", "playbackCidrs": ""}, "DB_PASSWORD"),
        ({**ARCHIVE, "settings": "{}", "playbackCidrs": "", "database": ADDRESS}, "DB_PASSWORD"),
        ({**ARCHIVE, "database": "postgres://x"}, "HOST or HOST:PORT"),
        ({**ARCHIVE, "services": "media,web", "database": ADDRESS}, "no service uses it"),
    ],
)
def test_what_is_wrong_with_the_database_is_told(changed: dict[str, str], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        chosen(**changed)


def test_no_policy_is_broken(made: Recorded) -> None:
    shielded = {key for key, options in made.options.items() if options.protect}
    found = [
        f"{policy.name}: {name}: {problem}"
        for (kind, name), inputs in made.made.items()
        for policy in POLICIES
        for problem in policy.find(Resource(kind, name, inputs, protected=(kind, name) in shielded))
    ]
    assert found == []
