"""What keeps things: registry, bucket, parameters."""

from __future__ import annotations

import os

from botocore.exceptions import ClientError

from tests.rehearsal.provider.kind import Kind, Values, pairs, tags


class Repository(Kind):
    token = "aws:ecr/repository:Repository"
    inputs = {
        "name": "replace",
        "imageScanningConfiguration": "update",
        "imageTagMutability": "update",
        "forceDelete": "update",
        "tags": "update",
    }
    computed = ("arn", "repositoryUrl", "registryId")
    named = "name"

    def create(self, given: Values) -> str:
        self.aws.client("ecr").create_repository(
            repositoryName=given["name"],
            imageTagMutability=given.get("imageTagMutability", "MUTABLE"),
            imageScanningConfiguration=given.get("imageScanningConfiguration", {"scanOnPush": False}),
            tags=pairs(given.get("tags")),
        )
        return str(given["name"])

    def read(self, name: str, given: Values) -> Values | None:
        ecr = self.aws.client("ecr")
        found = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]
        arn = found["repositoryArn"]
        return {
            "name": found["repositoryName"],
            "imageScanningConfiguration": found["imageScanningConfiguration"],
            "imageTagMutability": found["imageTagMutability"],
            "tags": tags(ecr.list_tags_for_resource(resourceArn=arn)["tags"]),
            "arn": arn,
            "repositoryUrl": f"{registry(found['repositoryUri'])}/{name}",
            "registryId": found["registryId"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        ecr = self.aws.client("ecr")
        if "imageTagMutability" in changed:
            ecr.put_image_tag_mutability(repositoryName=name, imageTagMutability=given["imageTagMutability"])
        if "imageScanningConfiguration" in changed:
            ecr.put_image_scanning_configuration(
                repositoryName=name, imageScanningConfiguration=given["imageScanningConfiguration"]
            )
        if "tags" in changed:
            arn = ecr.describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryArn"]
            ecr.untag_resource(resourceArn=arn, tagKeys=list(before.get("tags") or {}))
            ecr.tag_resource(resourceArn=arn, tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("ecr").delete_repository(repositoryName=name, force=bool(given.get("forceDelete")))


def registry(uri: str) -> str:
    """The registry that holds the images: Moto's holds none, so the rehearsal names a real one."""
    return os.environ.get("REHEARSAL_REGISTRY") or uri.partition("/")[0]


class RepositoryLifecycle(Kind):
    token = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
    inputs = {"repository": "replace", "policy": "update"}
    named = "repository"

    def create(self, given: Values) -> str:
        self.update("", given, {}, set())
        return str(given["repository"])

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("ecr").get_lifecycle_policy(repositoryName=name)
        return {"repository": name, "policy": found["lifecyclePolicyText"]}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        self.aws.client("ecr").put_lifecycle_policy(
            repositoryName=given["repository"], lifecyclePolicyText=given["policy"]
        )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("ecr").delete_lifecycle_policy(repositoryName=name)


class Bucket(Kind):
    token = "aws:s3/bucket:Bucket"
    inputs = {"bucket": "replace", "forceDestroy": "update", "tags": "update"}
    computed = ("arn", "bucketRegionalDomainName")
    named = "bucket"

    def create(self, given: Values) -> str:
        name = str(given["bucket"])
        where = {"LocationConstraint": self.aws.region}
        self.aws.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=where)
        self.update(name, given, {}, {"tags"})
        return name

    def read(self, name: str, given: Values) -> Values | None:
        s3 = self.aws.client("s3")
        s3.head_bucket(Bucket=name)
        return {
            "bucket": name,
            "tags": self._tags(name),
            "arn": f"arn:aws:s3:::{name}",
            "bucketRegionalDomainName": f"{name}.s3.{self.aws.region}.amazonaws.com",
        }

    def _tags(self, name: str) -> dict[str, str]:
        try:
            return tags(self.aws.client("s3").get_bucket_tagging(Bucket=name)["TagSet"])
        except ClientError as error:
            # Without tags the bucket is as little gone as with them.
            if error.response["Error"]["Code"] != "NoSuchTagSet":
                raise
            return {}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        if "tags" in changed:
            self.aws.client("s3").put_bucket_tagging(
                Bucket=name, Tagging={"TagSet": pairs(given.get("tags"))}
            )

    def delete(self, name: str, given: Values) -> None:
        s3 = self.aws.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=name):
            for each in page.get("Contents", []) if given.get("forceDestroy") else []:
                s3.delete_object(Bucket=name, Key=each["Key"])
        s3.delete_bucket(Bucket=name)


class OfBucket(Kind):
    """What a bucket has one of: it is made by being set, and goes by the bucket's name."""

    named = "bucket"

    def create(self, given: Values) -> str:
        self.update("", given, {}, set())
        return str(given["bucket"])


class PublicAccessBlock(OfBucket):
    token = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    options = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    inputs = {"bucket": "replace", **dict.fromkeys(options, "update")}

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("s3").get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        return {"bucket": name, **{key: found[key[0].upper() + key[1:]] for key in self.options}}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        wanted = {key[0].upper() + key[1:]: bool(given.get(key)) for key in self.options}
        self.aws.client("s3").put_public_access_block(
            Bucket=given["bucket"], PublicAccessBlockConfiguration=wanted
        )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("s3").delete_public_access_block(Bucket=name)


class BucketEncryption(OfBucket):
    token = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
    inputs = {"bucket": "replace", "rules": "update"}

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("s3").get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]
        algorithms = [each["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] for each in found["Rules"]]
        rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": each}} for each in algorithms]
        return {"bucket": name, "rules": rules}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        kept = [each["applyServerSideEncryptionByDefault"]["sseAlgorithm"] for each in given["rules"]]
        rules = [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": each}} for each in kept]
        self.aws.client("s3").put_bucket_encryption(
            Bucket=given["bucket"], ServerSideEncryptionConfiguration={"Rules": rules}
        )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("s3").delete_bucket_encryption(Bucket=name)


class BucketLifecycle(OfBucket):
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
    inputs = {"bucket": "replace", "rules": "update"}

    def read(self, name: str, given: Values) -> Values | None:
        found = self.aws.client("s3").get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        return {"bucket": name, "rules": [ours(each) for each in found]}

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        rules = [
            {
                "ID": each["id"],
                "Status": each["status"],
                "Filter": {"Prefix": each["filter"]["prefix"]},
                **lasting(each),
            }
            for each in given["rules"]
        ]
        self.aws.client("s3").put_bucket_lifecycle_configuration(
            Bucket=given["bucket"], LifecycleConfiguration={"Rules": rules}
        )

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("s3").delete_bucket_lifecycle(Bucket=name)


def lasting(rule: Values) -> Values:
    """How long something lasts by a rule, as S3 writes it."""
    found: Values = {}
    if broken := rule.get("abortIncompleteMultipartUpload"):
        found["AbortIncompleteMultipartUpload"] = {"DaysAfterInitiation": broken["daysAfterInitiation"]}
    if expired := rule.get("expiration"):
        found["Expiration"] = {"Days": expired["days"]}
    return found


def ours(rule: Values) -> Values:
    """A rule of S3 as Pulumi writes it."""
    found: Values = {
        "id": rule["ID"],
        "status": rule["Status"],
        "filter": {"prefix": rule.get("Filter", {}).get("Prefix", "")},
    }
    if broken := rule.get("AbortIncompleteMultipartUpload"):
        found["abortIncompleteMultipartUpload"] = {"daysAfterInitiation": broken["DaysAfterInitiation"]}
    if expired := rule.get("Expiration"):
        found["expiration"] = {"days": expired["Days"]}
    return found


class BucketObject(Kind):
    token = "aws:s3/bucketObjectv2:BucketObjectv2"
    inputs = {
        "bucket": "replace",
        "key": "replace",
        "content": "update",
        "contentType": "update",
        "tags": "update",
    }
    computed = ("arn", "etag")

    def create(self, given: Values) -> str:
        self.update("", given, {}, {"content"})
        return f"{given['bucket']}/{given['key']}"

    def read(self, name: str, given: Values) -> Values | None:
        place = {"Bucket": given["bucket"], "Key": given["key"]}
        found = self.aws.client("s3").get_object(**place)
        return {
            "bucket": given["bucket"],
            "key": given["key"],
            "content": found["Body"].read().decode(),
            "contentType": found["ContentType"],
            "tags": tags(self.aws.client("s3").get_object_tagging(**place)["TagSet"]),
            "arn": f"arn:aws:s3:::{given['bucket']}/{given['key']}",
            "etag": found["ETag"].strip('"'),
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        place = {"Bucket": given["bucket"], "Key": given["key"]}
        if changed - {"tags"}:
            self.aws.client("s3").put_object(
                **place, Body=given["content"].encode(), ContentType=given["contentType"]
            )
        self.aws.client("s3").put_object_tagging(**place, Tagging={"TagSet": pairs(given.get("tags"))})

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("s3").delete_object(Bucket=given["bucket"], Key=given["key"])


class Parameter(Kind):
    token = "aws:ssm/parameter:Parameter"
    inputs = {"name": "replace", "type": "update", "value": "update", "tags": "update"}
    computed = ("arn", "version")
    moving = ("version",)
    named = "name"

    def create(self, given: Values) -> str:
        self.aws.client("ssm").put_parameter(
            Name=given["name"], Type=given["type"], Value=given["value"], Tags=pairs(given.get("tags"))
        )
        return str(given["name"])

    def read(self, name: str, given: Values) -> Values | None:
        ssm = self.aws.client("ssm")
        found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        listed = ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"]
        return {
            "name": found["Name"],
            "type": found["Type"],
            "value": found["Value"],
            "tags": tags(listed),
            "arn": found["ARN"],
            "version": found["Version"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        ssm = self.aws.client("ssm")
        if {"type", "value"} & changed:
            ssm.put_parameter(Name=name, Type=given["type"], Value=given["value"], Overwrite=True)
        if "tags" in changed:
            resource = {"ResourceType": "Parameter", "ResourceId": name}
            ssm.remove_tags_from_resource(**resource, TagKeys=list(before.get("tags") or {}))
            ssm.add_tags_to_resource(**resource, Tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        self.aws.client("ssm").delete_parameter(Name=name)
