"""Somebody at AWS's console: what is changed by hand, and how a preview has to name it after a refresh."""

from __future__ import annotations

import json
from typing import Any

from tests.rehearsal.emulator.server import Emulator
from tests.rehearsal.made import instance, volumes

EVERYTHING: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
ANYBODY: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
ENCRYPTION = "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
SECRET = "hush-changed-by-hand"

Seen = dict[str, str]  # what a preview does about it, by the type and name of the resource


class Hands:
    """Changes a stack that is named `voicestack-<stack>` and has logs, a domain and two speech hosts."""

    def __init__(self, emulator: Emulator, stack: str) -> None:
        self.emulator, self.stack, self.name = emulator, stack, f"voicestack-{stack}"
        self.ec2 = emulator.client("ec2")

    def change(self) -> Seen:
        """Changes something of every type; what a preview has to name."""
        return {
            f"aws:{kind}": change
            for part in (self.access, self.network, self.reach, self.hosts, self.stores, self.watching)
            for kind, change in part().items()
        }

    def access(self) -> Seen:
        """A host may do everything, anybody may be another, a profile gives nothing."""
        iam = self.emulator.client("iam")
        iam.put_role_policy(
            RoleName=f"{self.name}-speech", PolicyName="host", PolicyDocument=json.dumps(EVERYTHING)
        )
        iam.update_assume_role_policy(RoleName=f"{self.name}-streaming", PolicyDocument=json.dumps(ANYBODY))
        iam.remove_role_from_instance_profile(
            InstanceProfileName=f"{self.name}-speech", RoleName=f"{self.name}-speech"
        )
        return {
            "iam/rolePolicy:RolePolicy::voicestack-speech-access": "update",
            "iam/role:Role::voicestack-streaming-access": "update",
            "iam/instanceProfile:InstanceProfile::voicestack-speech-access": "update",
        }

    def tagged(self, name: str) -> dict[str, Any]:
        """The filter for what has a name of this stack."""
        return {"Filters": [{"Name": "tag:Name", "Values": [f"{self.name}-{name}"]}]}

    def network(self) -> Seen:
        """No way out, no names, no addresses, and other tags."""
        vpc = self.ec2.describe_vpcs(**self.tagged("vpc"))["Vpcs"][0]["VpcId"]
        self.ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": False})
        subnet = self.ec2.describe_subnets(**self.tagged("subnet"))["Subnets"][0]["SubnetId"]
        self.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": False})
        table = self.ec2.describe_route_tables(**self.tagged("routes"))["RouteTables"][0]
        self.ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
        self.ec2.disassociate_route_table(AssociationId=table["Associations"][0]["RouteTableAssociationId"])
        gateway = self.ec2.describe_internet_gateways(**self.tagged("gateway"))["InternetGateways"][0]
        self.ec2.create_tags(
            Resources=[table["RouteTableId"], gateway["InternetGatewayId"]],
            Tags=[{"Key": "owner", "Value": "somebody else"}],
        )
        return {
            "ec2/vpc:Vpc::voicestack-network-vpc": "update",
            "ec2/subnet:Subnet::voicestack-network-subnet": "update",
            "ec2/routeTable:RouteTable::voicestack-network-routes": "update",
            "ec2/internetGateway:InternetGateway::voicestack-network-gateway": "update",
            "ec2/route:Route::voicestack-network-out": "create",
            "ec2/routeTableAssociation:RouteTableAssociation::voicestack-network-subnet-routes": "create",
        }

    def reach(self) -> Seen:
        """Nobody logs in at the streaming host, speech hosts reach everything; its address is elsewhere."""
        rules = self.ec2.describe_security_group_rules()["SecurityGroupRules"]
        by_name = {tag["Value"]: each for each in rules for tag in each["Tags"] if tag["Key"] == "Name"}
        ssh = by_name[f"{self.name}-streaming-ssh-198.51.100.0/24"]
        self.ec2.revoke_security_group_ingress(
            GroupId=ssh["GroupId"], SecurityGroupRuleIds=[ssh["SecurityGroupRuleId"]]
        )
        out = by_name[f"{self.name}-speech-out-443"]
        self.ec2.modify_security_group_rules(
            GroupId=out["GroupId"],
            SecurityGroupRules=[
                {
                    "SecurityGroupRuleId": out["SecurityGroupRuleId"],
                    "SecurityGroupRule": {
                        "IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, "CidrIpv4": "0.0.0.0/0",
                    },
                }
            ],
        )  # fmt: skip
        address = self.ec2.describe_addresses(**self.tagged("address"))["Addresses"][0]
        self.ec2.disassociate_address(AssociationId=address["AssociationId"])
        named = [out["GroupId"], address["AllocationId"]]
        self.ec2.delete_tags(Resources=named, Tags=[{"Key": "owner"}])
        return {
            "vpc/securityGroupIngressRule:SecurityGroupIngressRule::"
            "voicestack-network-streaming-ssh-198.51.100.0/24": "create",
            "vpc/securityGroupEgressRule:SecurityGroupEgressRule::"
            "voicestack-network-speech-out-443": "update",
            "ec2/securityGroup:SecurityGroup::voicestack-network-speech": "update",
            "ec2/eip:Eip::voicestack-address": "update",
            "ec2/eipAssociation:EipAssociation::voicestack-address": "create",
        }

    def hosts(self) -> Seen:
        """A host without its volume, another in the wrong group; a volume without snapshots; no key."""
        kept = volumes(self.emulator)
        first = instance(self.emulator, "speech-1")["InstanceId"]
        self.ec2.detach_volume(VolumeId=kept["speech-1"], InstanceId=first)
        self.ec2.delete_tags(Resources=[kept["speech-2"]], Tags=[{"Key": "snapshots"}])
        wrong = instance(self.emulator, "streaming")["SecurityGroups"][0]["GroupId"]
        changed = instance(self.emulator, "speech-2")["InstanceId"]
        self.ec2.modify_instance_attribute(InstanceId=changed, Groups=[wrong])
        key = self.ec2.describe_key_pairs()["KeyPairs"][0]["KeyName"]
        self.ec2.delete_key_pair(KeyName=key)
        return {
            "ec2/volumeAttachment:VolumeAttachment::voicestack-speech-1-data": "create",
            "ebs/volume:Volume::voicestack-speech-2-data": "update",
            "ec2/instance:Instance::voicestack-speech-2": "update",
            "ec2/keyPair:KeyPair::voicestack-operators": "create",
        }

    def stores(self) -> Seen:
        """Images that nobody scans and that never go, an open bucket, another release, another secret."""
        ecr, s3, ssm = (self.emulator.client(name) for name in ("ecr", "s3", "ssm"))
        never = {
            "rulePriority": 1,
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9999},
            "action": {"type": "expire"},
        }
        ecr.put_lifecycle_policy(
            repositoryName=f"{self.name}/media", lifecyclePolicyText=json.dumps({"rules": [never]})
        )
        ecr.put_image_scanning_configuration(
            repositoryName=f"{self.name}/app", imageScanningConfiguration={"scanOnPush": False}
        )
        named = [each["Name"] for each in s3.list_buckets()["Buckets"] if self.name in each["Name"]]
        bucket = next(name for name in named if "-releases-" in name)
        s3.delete_public_access_block(Bucket=bucket)
        s3.delete_bucket_tagging(Bucket=bucket)
        release = f"/voicestack/{self.stack}/streaming/release"
        key = ssm.get_parameter(Name=release)["Parameter"]["Value"]
        uploads = next(name for name in named if "-uploads-" in name)
        s3.delete_bucket_encryption(Bucket=uploads)
        s3.delete_bucket_lifecycle(Bucket=uploads)
        s3.put_object(Bucket=bucket, Key=key, Body=b"{}", ContentType="application/json")
        ssm.put_parameter(Name=release, Value="releases/streaming/other.json", Overwrite=True)
        secret = f"/voicestack/{self.stack}/streaming/secrets/MEDIA_PUBLISH_PASSWORD"
        ssm.put_parameter(Name=secret, Type="SecureString", Value=SECRET, Overwrite=True)
        return {
            "ecr/lifecyclePolicy:LifecyclePolicy::voicestack-registry-media": "update",
            "ecr/repository:Repository::voicestack-registry-app": "update",
            "s3/bucketPublicAccessBlock:BucketPublicAccessBlock::voicestack-releases": "create",
            "s3/bucket:Bucket::voicestack-releases": "update",
            f"{ENCRYPTION}::voicestack-uploads": "create",
            "s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration::voicestack-uploads": "create",
            "s3/bucketObjectv2:BucketObjectv2::voicestack-streaming-release-bundle": "update",
            "ssm/parameter:Parameter::voicestack-streaming-release": "update",
            "ssm/parameter:Parameter::voicestack-streaming-secrets-media-publish-password": "update",
        }

    def watching(self) -> Seen:
        """Alarms that never fire or are gone, that nobody is told of; logs for ever; no snapshots."""
        cloudwatch, route53, sns, dlm = (
            self.emulator.client(name) for name in ("cloudwatch", "route53", "sns", "dlm")
        )
        found = cloudwatch.describe_alarms(AlarmNames=[f"{self.name}-speech-1-disk"])["MetricAlarms"][0]
        kept = ("AlarmName", "MetricName", "Namespace", "Statistic", "Dimensions", "Period",
                "EvaluationPeriods", "ComparisonOperator", "AlarmActions", "OKActions",
                "AlarmDescription", "TreatMissingData")  # fmt: skip
        cloudwatch.put_metric_alarm(**{key: found[key] for key in kept}, Threshold=100)
        cloudwatch.delete_alarms(AlarmNames=[f"{self.name}-streaming-system"])
        self.emulator.client("logs").delete_retention_policy(logGroupName=f"/voicestack/{self.stack}")
        topic = sns.list_topics()["Topics"][0]["TopicArn"]
        for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]:
            sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])
        sns.untag_resource(ResourceArn=topic, TagKeys=["owner"])
        check = route53.list_health_checks()["HealthChecks"][0]["Id"]
        route53.update_health_check(HealthCheckId=check, InsufficientDataHealthStatus="Healthy")
        zone = route53.list_hosted_zones()["HostedZones"][0]["Id"]
        record = next(
            each
            for each in route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
            if each["Type"] == "A"
        )
        elsewhere = {**record, "ResourceRecords": [{"Value": "192.0.2.99"}]}
        route53.change_resource_record_sets(
            HostedZoneId=zone,
            ChangeBatch={"Changes": [{"Action": "UPSERT", "ResourceRecordSet": elsewhere}]},
        )
        policy = dlm.get_lifecycle_policies()["Policies"][0]["PolicyId"]
        dlm.update_lifecycle_policy(PolicyId=policy, State="DISABLED")
        return {
            "cloudwatch/metricAlarm:MetricAlarm::voicestack-speech-1-alarms-disk": "update",
            "cloudwatch/metricAlarm:MetricAlarm::voicestack-streaming-alarms-system": "create",
            "cloudwatch/logGroup:LogGroup::voicestack-logs": "update",
            "sns/topicSubscription:TopicSubscription::voicestack-alarms": "create",
            "sns/topic:Topic::voicestack-alarms": "update",
            "route53/healthCheck:HealthCheck::voicestack-domain": "update",
            "route53/record:Record::voicestack-domain": "update",
            "dlm/lifecyclePolicy:LifecyclePolicy::voicestack-snapshots": "update",
        }
