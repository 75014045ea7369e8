"""What a stack of production can be configured to have, on the emulator, and what is changed by hand.

Each test goes on where the last ended. Images are built here rather than copied from released ones: with
nothing in them, but for both platforms.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from base64 import b64decode
from pathlib import Path

import httpx
import pytest

from infra.aws.deployer import actions
from tests.rehearsal.by_hand import SECRET as SECRET_BY_HAND
from tests.rehearsal.by_hand import Hands
from tests.rehearsal.emulator.server import REGION, Emulator
from tests.rehearsal.made import distributions, instance, left, records, take_snapshot, volumes
from tests.rehearsal.production import Production
from tests.rehearsal.provider.kind import CALLS

STACK = "options"
# The machine's own registry, in place of ECR: builders and Pulumi take loopback for one without TLS.
REGISTRY = "127.0.0.1:5000"
DOMAIN = "live.example.org"
EMAIL = "operations@example.org"
SECRET = "hush-for-the-options"
NOTHING_IN_IT = "FROM scratch AS {name}\nLABEL made={name}\n"


# What others than the provider do: the rollout, pushes of images, hosts that are given roles.
BESIDE = {
    "ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
    "iam:PassRole", "ssm:SendCommand",
}  # fmt: skip
# What only a pool of speech hosts takes: test_pool.py makes one, changes it and takes it away.
POOL = {
    "autoscaling:CreateAutoScalingGroup", "autoscaling:CreateOrUpdateTags",
    "autoscaling:DeleteAutoScalingGroup", "autoscaling:DeletePolicy", "autoscaling:DeleteTags",
    "autoscaling:PutLifecycleHook", "autoscaling:PutScalingPolicy", "autoscaling:UpdateAutoScalingGroup",
    "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion", "ec2:CreateSubnetCidrReservation",
    "ec2:DeleteLaunchTemplate", "ec2:DeleteSubnetCidrReservation", "ec2:ModifyLaunchTemplate",
    "route53:CreateHostedZone", "route53:DeleteHostedZone",
}  # fmt: skip
# What only streaming hosts in several zones take: test_cells.py.
CELLS = {"ec2:AssociateVpcCidrBlock", "ec2:DisassociateVpcCidrBlock"}
NAMED_ELSE = {
    "cloudfront:CreateDistributionWithTags": "cloudfront:CreateDistribution",
    "s3:DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:DeletePublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}


def action(call: str) -> str:
    """What IAM calls what the API calls so."""
    return NAMED_ELSE.get(call, call)


@pytest.fixture(scope="module")
def snapshot(emulator: Emulator) -> str:
    """The snapshot that the volume of the streaming host begins with."""
    return take_snapshot(emulator)


@pytest.fixture(scope="module")
def options(emulator: Emulator, snapshot: str, tmp_path_factory: pytest.TempPathFactory) -> Production:
    """A stack with everything that can be configured."""
    made = Production(tmp_path_factory.mktemp("checkout"), emulator, stack=STACK)
    made.environment["REHEARSAL_REGISTRY"] = REGISTRY
    made.environment[CALLS] = str(made.folder.parent / "calls")
    # Pulumi runs the program a dozen times: Python may keep what it has compiled.
    made.environment.pop("PYTHONDONTWRITEBYTECODE", None)
    made.environment["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("compiled"))
    for folder, names in (("app", ("app", "speech")), ("media", ("media",)), ("edge", ("edge",))):
        stages = "".join(NOTHING_IN_IT.format(name=name) for name in names)
        (made.folder / "images" / folder / "Dockerfile").write_text(stages, encoding="utf-8")
    zone = emulator.client("route53").create_hosted_zone(Name="example.org", CallerReference=STACK)
    made.say(
        domain=DOMAIN,
        hostedZone=zone["HostedZone"]["Id"].rpartition("/")[2],
        alarmEmail=EMAIL,
        logs="true",
        speechMarket="spot",
        speechHosts="2",
        services="sts,media,dubber,web,api,transcriber,edge",
        cdn="true",
        database="archive.example.org",
        volumesFrom={"streaming": snapshot},
    )
    made.say_secret("MEDIA_PUBLISH_PASSWORD", SECRET)
    made.say_secret("DB_PASSWORD", SECRET)
    made.say_secret("CDN_SECRET", SECRET)
    made.say_setting("DOMAIN", DOMAIN)
    made.say_setting("MEDIA_PUBLISH_USER", "obs")
    return made


def test_the_account_is_asked_what_a_deployment_would_fail_at(options: Production) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.aws.ready", "--stack", STACK, "--json"],
        cwd=options.folder, env=options.environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    found = {each["subject"]: each for each in json.loads(done.stdout)}
    # The images of this stack are made up: that is told.
    assert done.returncode == 1
    assert found.pop("machine image")["state"] == "missing"
    assert {each["state"] for each in found.values()} == {"ok"}, found
    assert {"account", "zone", "instance type", "quota", "Elastic IP", "permissions", "domain"} == set(found)
    assert SECRET not in done.stdout + done.stderr


def test_up_makes_all_of_it_once_and_passes_over_a_spot_host_that_aws_has_stopped(
    options: Production, emulator: Emulator
) -> None:
    options.up()
    made = options.outputs()
    assert made["address"] == DOMAIN
    assert made["health"] == dict.fromkeys(("speech-1", "speech-2", "streaming"), "healthy")
    stopped = {"InstanceIds": [made["hosts"]["speech-2"]]}
    emulator.client("ec2").stop_instances(**stopped)
    done = options.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")
    assert done.returncode == 0, done.stdout
    assert "speech-2: AWS has stopped it" in done.stdout
    emulator.client("ec2").start_instances(**stopped)


@pytest.mark.usefixtures("options")
def test_a_domain_leads_to_the_elastic_ip_and_route_53_follows_the_hosts_health(emulator: Emulator) -> None:
    (address,) = emulator.client("ec2").describe_addresses()["Addresses"]
    (record,) = records(emulator)
    assert record["Name"] == f"{DOMAIN}."
    assert record["ResourceRecords"] == [{"Value": address["PublicIp"]}]
    assert instance(emulator, "streaming")["PublicIpAddress"] == address["PublicIp"]
    (check,) = emulator.client("route53").list_health_checks()["HealthChecks"]
    follows = check["HealthCheckConfig"]["AlarmIdentifier"]
    assert follows == {"Region": REGION, "Name": "voicestack-options-streaming-health"}
    alarms = emulator.client("cloudwatch").describe_alarms(AlarmNames=[follows["Name"]])["MetricAlarms"]
    assert [(each["MetricName"], each["Namespace"]) for each in alarms] == [
        ("Unhealthy", "Voicestack/options/streaming")
    ]


@pytest.mark.usefixtures("options")
def test_cloudfront_stands_before_the_edge_and_comes_in_by_its_own_addresses(emulator: Emulator) -> None:
    (made,) = distributions(emulator)
    assert made["Aliases"]["Items"] == [f"watch.{DOMAIN}"]
    (origin,) = made["Origins"]["Items"]
    assert origin["DomainName"] == DOMAIN
    (shown,) = origin["CustomHeaders"]["Items"]
    assert shown == {"HeaderName": "X-Voicestack-CDN", "HeaderValue": SECRET}
    groups = [each["GroupId"] for each in instance(emulator, "streaming")["SecurityGroups"]]
    rules = emulator.client("ec2").describe_security_group_rules()["SecurityGroupRules"]
    listed = [each for each in rules if each.get("PrefixListId")]
    assert [(each["FromPort"], each["GroupId"] in groups) for each in listed] == [(443, True)]


@pytest.mark.usefixtures("options")
def test_every_alarm_tells_the_address_that_is_told(emulator: Emulator) -> None:
    (told,) = emulator.client("sns").list_subscriptions()["Subscriptions"]
    assert (told["Protocol"], told["Endpoint"]) == ("email", EMAIL)
    alarms = emulator.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert len(alarms) == 12
    assert all(told["TopicArn"] in each["AlarmActions"] for each in alarms)


@pytest.mark.usefixtures("options")
def test_logs_are_kept_for_a_month_and_speech_hosts_are_spot(emulator: Emulator) -> None:
    (group,) = emulator.client("logs").describe_log_groups()["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == ("/voicestack/options", 30)
    lifecycles = {host: instance(emulator, host).get("InstanceLifecycle") for host in volumes(emulator)}
    assert lifecycles == {"streaming": None, "speech-1": "spot", "speech-2": "spot"}


def test_images_are_built_for_both_processors_and_named_by_digest(
    options: Production, emulator: Emulator
) -> None:
    made = options.outputs()
    found = emulator.client("s3").get_object(Bucket=made["bucket"], Key=made["releases"]["speech"])
    reference = json.loads(found["Body"].read())["compose"]["services"]["sts"]["image"]
    repository, _, digest = reference.partition("@")
    assert repository == f"{REGISTRY}/voicestack-options/speech"
    manifests = httpx.get(
        f"http://{REGISTRY}/v2/voicestack-options/speech/manifests/{digest}",
        headers={"Accept": "application/vnd.oci.image.index.v1+json"},
    ).raise_for_status().json()["manifests"]  # fmt: skip
    assert {"amd64", "arm64"} <= {each["platform"]["architecture"] for each in manifests}


@pytest.mark.usefixtures("options")
def test_a_volume_begins_with_the_snapshot_that_is_named(emulator: Emulator, snapshot: str) -> None:
    listed = emulator.client("ec2").describe_volumes(VolumeIds=list(volumes(emulator).values()))["Volumes"]
    begun = {each["VolumeId"]: each["SnapshotId"] for each in listed if each.get("SnapshotId")}
    assert begun == {volumes(emulator)["streaming"]: snapshot}


def test_what_was_changed_by_hand_is_named_after_a_refresh(options: Production, emulator: Emulator) -> None:
    wanted = Hands(emulator, STACK).change()
    done = options.pulumi("refresh", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert options.changes() == wanted
    states = [path.read_text(encoding="utf-8") for path in (options.folder / "state").rglob("*.json")]
    assert states
    assert not [text for text in states if SECRET in text or SECRET_BY_HAND in text]


def test_up_puts_it_right_and_changes_sizes_types_and_tags_where_they_are(
    options: Production, emulator: Emulator
) -> None:
    kept = volumes(emulator)
    options.say(costCentre="4712", speechType="c7i.2xlarge", streamingVolume="120")
    hosts = options.outputs()["hosts"]
    options.up()
    done = options.pulumi("preview", "--refresh", "--expect-no-changes")
    assert done.returncode == 0, done.stdout
    assert options.outputs()["hosts"] == hosts
    assert kept.items() <= volumes(emulator).items()
    assert instance(emulator, "speech-1")["InstanceType"] == "c7i.2xlarge"
    (grown,) = emulator.client("ec2").describe_volumes(VolumeIds=[kept["streaming"]])["Volumes"]
    assert grown["Size"] == 120
    assert {"Key": "cost-centre", "Value": "4712"} in grown["Tags"]


def test_fewer_speech_hosts_take_no_volume_with_them_unless_that_is_said(
    options: Production, emulator: Emulator
) -> None:
    options.say(speechHosts="1")
    done = options.pulumi("up", "--yes")
    assert done.returncode != 0
    assert "cannot be deleted" in done.stdout
    (command,) = {line.strip(" `") for line in done.stdout.splitlines() if "pulumi state unprotect" in line}
    assert "speech-2-data" in command
    assert set(volumes(emulator)) == {"streaming", "speech-1", "speech-2"}
    assert instance(emulator, "speech-2")
    urn = command.rpartition(" ")[2].strip("'")
    options.pulumi("state", "unprotect", urn, "--yes", check=True)


def test_a_lost_volume_is_restored_and_what_is_switched_off_goes(
    options: Production, emulator: Emulator
) -> None:
    ec2, before = emulator.client("ec2"), volumes(emulator)
    kept = take_snapshot(emulator)
    ec2.detach_volume(VolumeId=before["speech-1"], InstanceId=instance(emulator, "speech-1")["InstanceId"])
    ec2.delete_volume(VolumeId=before["speech-1"])
    options.say(volumesFrom={"speech-1": kept}, renewHosts=["speech-1", "streaming"], logs="false")
    off = [f"voicestack:{key}" for key in ("cdn", "domain", "hostedZone", "alarmEmail")]
    options.pulumi("config", "rm-all", *off, check=True)
    done = options.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert done.returncode == 0, done.stdout
    after = volumes(emulator)
    assert set(after) == {"streaming", "speech-1"}
    assert after["streaming"] == before["streaming"]
    (restored,) = ec2.describe_volumes(VolumeIds=[after["speech-1"]])["Volumes"]
    assert restored["SnapshotId"] == kept
    assert restored["Encrypted"]
    host = instance(emulator, "speech-1")
    assert [each["InstanceId"] for each in restored["Attachments"]] == [host["InstanceId"]]
    text = ec2.describe_instance_attribute(InstanceId=host["InstanceId"], Attribute="userData")
    assert after["speech-1"] in b64decode(text["UserData"]["Value"]).decode()
    gone = {"records", "checks", "topics", "subscriptions", "logs", "distributions", "certificates"}
    assert not gone & left(emulator).keys()


def test_without_speech_hosts_the_streaming_host_runs_everything(
    options: Production, emulator: Emulator
) -> None:
    options.say(speechHosts="0", renewHosts=[], volumesFrom={})
    options.pulumi("state", "unprotect", "--all", "--yes", check=True)
    options.up()
    assert set(volumes(emulator)) == {"streaming"}
    made = options.outputs()
    assert set(made["hosts"]) == {"streaming"}
    release = emulator.client("s3").get_object(Bucket=made["bucket"], Key=made["releases"]["streaming"])
    assert {"media", "dubber", "sts"} <= json.loads(release["Body"].read())["compose"]["services"].keys()


def test_destroy_leaves_nothing(options: Production, emulator: Emulator) -> None:
    options.pulumi("state", "unprotect", "--all", "--yes", check=True)
    done = options.pulumi("destroy", "--yes", "--skip-preview")
    assert done.returncode == 0, done.stdout
    assert left(emulator) == {}


def test_the_deployers_policy_allows_what_was_done_and_nothing_else_that_changes_something(
    options: Production,
) -> None:
    text = Path(options.environment[CALLS]).read_text(encoding="utf-8")
    reads = re.compile(r"[\w-]+:(Describe|Get|List|Head)")
    done = {action(call) for call in text.split() if not reads.match(call)}
    assert done | BESIDE | POOL | CELLS == set(actions())
