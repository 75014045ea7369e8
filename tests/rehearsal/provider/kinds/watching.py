"""What watches the hosts: alarms, logs, topics, names and their health, snapshots."""

from __future__ import annotations

import uuid
from typing import Any

from tests.rehearsal.provider.kind import FixedKind, Kind, Values, pairs, tags


class MetricAlarm(Kind):
    token = "aws:cloudwatch/metricAlarm:MetricAlarm"
    theirs = {
        "name": "AlarmName",
        "alarmDescription": "AlarmDescription",
        "namespace": "Namespace",
        "metricName": "MetricName",
        "statistic": "Statistic",
        "comparisonOperator": "ComparisonOperator",
        "threshold": "Threshold",
        "period": "Period",
        "evaluationPeriods": "EvaluationPeriods",
        "treatMissingData": "TreatMissingData",
        "alarmActions": "AlarmActions",
        "okActions": "OKActions",
    }
    inputs = {**dict.fromkeys(theirs, "update"), "name": "replace", "dimensions": "update", "tags": "update"}
    computed = ("arn",)
    named = "name"

    def create(self, given: Values) -> str:
        self._put(given, Tags=pairs(given.get("tags")))
        return str(given["name"])

    def _put(self, given: Values, **more: Any) -> None:
        wanted = {theirs: given[ours] for ours, theirs in self.theirs.items() if given.get(ours) is not None}
        dimensions = [{"Name": key, "Value": value} for key, value in given["dimensions"].items()]
        self.aws.client("cloudwatch").put_metric_alarm(**wanted, Dimensions=dimensions, **more)

    def read(self, name: str, given: Values) -> Values | None:
        cloudwatch = self.aws.client("cloudwatch")
        listed = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        if not listed:
            return None
        found = listed[0]
        arn = found["AlarmArn"]
        return {
            **{ours: found[theirs] for ours, theirs in self.theirs.items() if theirs in found},
            "dimensions": {each["Name"]: each["Value"] for each in found["Dimensions"]},
            "tags": tags(cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]),
            "arn": arn,
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        cloudwatch = self.aws.client("cloudwatch")
        if changed - {"tags"}:
            self._put(given)
        if "tags" in changed:
            arn = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["AlarmArn"]
            cloudwatch.untag_resource(ResourceARN=arn, TagKeys=list(before.get("tags") or {}))
            cloudwatch.tag_resource(ResourceARN=arn, Tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("cloudwatch").delete_alarms(AlarmNames=[name])


class LogGroup(Kind):
    token = "aws:cloudwatch/logGroup:LogGroup"
    inputs = {"name": "replace", "retentionInDays": "update", "tags": "update"}
    computed = ("arn",)
    named = "name"

    def create(self, given: Values) -> str:
        name = str(given["name"])
        self.aws.client("logs").create_log_group(logGroupName=name, tags=given.get("tags") or {})
        self.update(name, given, {}, {"retentionInDays"})
        return name

    def read(self, name: str, given: Values) -> Values | None:
        logs = self.aws.client("logs")
        for found in logs.describe_log_groups(logGroupNamePrefix=name)["logGroups"]:
            if found["logGroupName"] == name:
                arn = found["arn"].removesuffix(":*")
                return {
                    "name": name,
                    "retentionInDays": found.get("retentionInDays", 0),
                    "tags": tags(logs.list_tags_for_resource(resourceArn=arn)["tags"]),
                    "arn": arn,
                }
        return None

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        logs = self.aws.client("logs")
        if "retentionInDays" in changed:
            logs.put_retention_policy(logGroupName=name, retentionInDays=given["retentionInDays"])
        if "tags" in changed:
            arn = self.aws.arn("", name, "logs").replace(":/", ":log-group:")
            logs.untag_resource(resourceArn=arn, tagKeys=list(before.get("tags") or {}))
            logs.tag_resource(resourceArn=arn, tags=given.get("tags") or {})

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("logs").delete_log_group(logGroupName=name)


class Topic(Kind):
    token = "aws:sns/topic:Topic"
    inputs = {"name": "replace", "tags": "update"}
    computed = ("arn",)
    named = "name"

    def create(self, given: Values) -> str:
        made = self.aws.client("sns").create_topic(Name=given["name"], Tags=pairs(given.get("tags")))
        return str(made["TopicArn"])

    def read(self, name: str, given: Values) -> Values | None:
        sns = self.aws.client("sns")
        sns.get_topic_attributes(TopicArn=name)
        return {
            "name": name.rpartition(":")[2],
            "tags": tags(sns.list_tags_for_resource(ResourceArn=name)["Tags"]),
            "arn": name,
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        sns = self.aws.client("sns")
        sns.untag_resource(ResourceArn=name, TagKeys=list(before.get("tags") or {}))
        sns.tag_resource(ResourceArn=name, Tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("sns").delete_topic(TopicArn=name)


class TopicSubscription(FixedKind):
    token = "aws:sns/topicSubscription:TopicSubscription"
    inputs = {"topic": "replace", "protocol": "replace", "endpoint": "replace"}
    computed = ("arn",)

    def create(self, given: Values) -> str:
        made = self.aws.client("sns").subscribe(
            TopicArn=given["topic"],
            Protocol=given["protocol"],
            Endpoint=given["endpoint"],
            ReturnSubscriptionArn=True,
        )
        return str(made["SubscriptionArn"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("sns").get_subscription_attributes(SubscriptionArn=name)["Attributes"]
        return {
            "topic": found["TopicArn"],
            "protocol": found["Protocol"],
            "endpoint": found["Endpoint"],
            "arn": name,
        }

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("sns").unsubscribe(SubscriptionArn=name)


class Record(Kind):
    token = "aws:route53/record:Record"
    inputs = {"zoneId": "replace", "name": "replace", "type": "replace", "ttl": "update", "records": "update"}
    computed = ("fqdn",)
    named = "name"

    def create(self, given: Values) -> str:
        self._change("CREATE", given)
        return f"{given['zoneId']}_{given['name']}_{given['type']}"

    def _find(self, given: Values) -> dict[str, Any] | None:
        listed = self.aws.client("route53").list_resource_record_sets(HostedZoneId=given["zoneId"])
        for found in listed["ResourceRecordSets"]:
            if (found["Name"].rstrip("."), found["Type"]) == (given["name"].rstrip("."), given["type"]):
                return dict(found)
        return None

    def _change(self, action: str, given: Values) -> None:
        record = {
            "Name": given["name"],
            "Type": given["type"],
            "TTL": given["ttl"],
            "ResourceRecords": [{"Value": value} for value in given["records"]],
        }
        self.aws.client("route53").change_resource_record_sets(
            HostedZoneId=given["zoneId"],
            ChangeBatch={"Changes": [{"Action": action, "ResourceRecordSet": record}]},
        )

    def read(self, name: str, given: Values) -> Values | None:
        found = self._find(given)
        if found is None:
            return None
        records = [each["Value"] for each in found["ResourceRecords"]]
        return {**given, "ttl": found["TTL"], "records": records, "fqdn": given["name"]}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        self._change("UPSERT", given)

    def delete(self, name: str, given: Values) -> None:
        # Route 53 deletes a record that is described as it is, which may not be as it was given.
        if (found := self.read(name, given)) is not None:
            self._change("DELETE", found)


class HealthCheck(Kind):
    token = "aws:route53/healthCheck:HealthCheck"
    inputs = {
        "type": "replace",
        "cloudwatchAlarmName": "update",
        "cloudwatchAlarmRegion": "update",
        "insufficientDataHealthStatus": "update",
        "tags": "update",
    }
    computed = ("arn",)

    def create(self, given: Values) -> str:
        made = self.aws.client("route53").create_health_check(
            CallerReference=str(uuid.uuid4()),
            HealthCheckConfig={"Type": given["type"], **self._alarm(given)},
        )
        name = str(made["HealthCheck"]["Id"])
        self.update(name, given, {}, {"tags"})
        return name

    def _alarm(self, given: Values) -> dict[str, Any]:
        return {
            "AlarmIdentifier": {
                "Region": given["cloudwatchAlarmRegion"],
                "Name": given["cloudwatchAlarmName"],
            },
            "InsufficientDataHealthStatus": given["insufficientDataHealthStatus"],
        }

    def read(self, name: str, given: Values) -> Values | None:
        route53 = self.aws.client("route53")
        found = route53.get_health_check(HealthCheckId=name)["HealthCheck"]["HealthCheckConfig"]
        listed = route53.list_tags_for_resource(ResourceType="healthcheck", ResourceId=name)
        state = {
            "type": found["Type"],
            "tags": tags(listed["ResourceTagSet"]["Tags"]),
            "arn": f"arn:aws:route53:::healthcheck/{name}",
        }
        if "AlarmIdentifier" in found:
            state |= {
                "cloudwatchAlarmName": found["AlarmIdentifier"]["Name"],
                "cloudwatchAlarmRegion": found["AlarmIdentifier"]["Region"],
                "insufficientDataHealthStatus": found["InsufficientDataHealthStatus"],
            }
        return state

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        route53 = self.aws.client("route53")
        if changed - {"tags"}:
            route53.update_health_check(HealthCheckId=name, **self._alarm(given))
        if "tags" in changed:
            lost = [key for key in before.get("tags") or {} if key not in (given.get("tags") or {})]
            removed = {"RemoveTagKeys": lost} if lost else {}
            route53.change_tags_for_resource(
                ResourceType="healthcheck", ResourceId=name, AddTags=pairs(given.get("tags")), **removed
            )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("route53").delete_health_check(HealthCheckId=name)


class SnapshotPolicy(Kind):
    token = "aws:dlm/lifecyclePolicy:LifecyclePolicy"
    inputs = {
        "description": "update",
        "executionRoleArn": "update",
        "state": "update",
        "policyDetails": "update",
        "tags": "update",
    }
    computed = ("arn",)

    def _request(self, given: Values) -> dict[str, Any]:
        return {
            "Description": given["description"],
            "ExecutionRoleArn": given["executionRoleArn"],
            "State": given["state"],
            "PolicyDetails": details(given["policyDetails"]),
        }

    def create(self, given: Values) -> str:
        made = self.aws.client("dlm").create_lifecycle_policy(
            **self._request(given), Tags=given.get("tags") or {}
        )
        return str(made["PolicyId"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("dlm").get_lifecycle_policy(PolicyId=name)["Policy"]
        same = found["PolicyDetails"] == details(given["policyDetails"])
        return {
            "description": found["Description"],
            "executionRoleArn": found["ExecutionRoleArn"],
            "state": found["State"],
            "policyDetails": given["policyDetails"] if same else found["PolicyDetails"],
            "tags": tags(found["Tags"]),
            "arn": found["PolicyArn"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        dlm = self.aws.client("dlm")
        if changed - {"tags"}:
            dlm.update_lifecycle_policy(PolicyId=name, **self._request(given))
        if "tags" in changed:
            arn = dlm.get_lifecycle_policy(PolicyId=name)["Policy"]["PolicyArn"]
            dlm.untag_resource(ResourceArn=arn, TagKeys=list(before.get("tags") or {}))
            dlm.tag_resource(ResourceArn=arn, Tags=given.get("tags") or {})

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("dlm").delete_lifecycle_policy(PolicyId=name)


def details(given: Values) -> dict[str, Any]:
    """What a policy takes snapshots of, and when, as Data Lifecycle Manager writes it."""
    return {
        "ResourceTypes": given["resourceTypes"],
        "TargetTags": pairs(given["targetTags"]),
        "Schedules": [
            {
                "Name": each["name"],
                "CreateRule": {
                    "Interval": each["createRule"]["interval"],
                    "IntervalUnit": each["createRule"]["intervalUnit"],
                    "Times": [each["createRule"]["times"]],
                },
                "RetainRule": {"Count": each["retainRule"]["count"]},
                "CopyTags": bool(each.get("copyTags")),
            }
            for each in given["schedules"]
        ],
    }
