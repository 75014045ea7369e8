"""What delivers streams: certificates and CloudFront's distributions."""

from __future__ import annotations

import uuid
from typing import Any

from tests.rehearsal.provider.kind import Aws, FixedKind, Kind, Values, pairs, settled, tags


class Certificate(Kind):
    token = "aws:acm/certificate:Certificate"
    inputs = {"domainName": "replace", "validationMethod": "replace", "tags": "update"}
    computed = ("arn", "domainValidationOptions", "status")

    def create(self, given: Values) -> str:
        made = acm(self.aws, given).request_certificate(
            DomainName=given["domainName"],
            ValidationMethod=given["validationMethod"],
            Tags=pairs(given.get("tags")),
        )
        return str(made["CertificateArn"])

    def read(self, name: str, given: Values) -> Values | None:
        client = acm(self.aws, given)
        found = client.describe_certificate(CertificateArn=name)["Certificate"]
        options = [(each["DomainName"], each["ResourceRecord"]) for each in found["DomainValidationOptions"]]
        return {
            "domainName": found["DomainName"],
            "validationMethod": found["DomainValidationOptions"][0]["ValidationMethod"],
            "tags": tags(client.list_tags_for_certificate(CertificateArn=name)["Tags"]),
            "arn": name,
            "status": found["Status"],
            "domainValidationOptions": [
                {
                    "domainName": domain,
                    "resourceRecordName": record["Name"],
                    "resourceRecordType": record["Type"],
                    "resourceRecordValue": record["Value"],
                }
                for domain, record in options
            ],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        client = acm(self.aws, given)
        client.remove_tags_from_certificate(CertificateArn=name, Tags=pairs(before.get("tags")))
        client.add_tags_to_certificate(CertificateArn=name, Tags=pairs(given.get("tags")))

    def delete(self, name: str, given: Values) -> None:
        acm(self.aws, given).delete_certificate(CertificateArn=name)


class CertificateValidation(FixedKind):
    """Nothing at AWS: it is there once the certificate is."""

    token = "aws:acm/certificateValidation:CertificateValidation"
    inputs = {"certificateArn": "replace", "validationRecordFqdns": "replace"}

    def create(self, given: Values) -> str:
        settled(f"{given['certificateArn']} issued", lambda: self._status(given) == "ISSUED")
        return str(given["certificateArn"])

    def _status(self, given: Values) -> str:
        found = acm(self.aws, given).describe_certificate(CertificateArn=given["certificateArn"])
        return str(found["Certificate"]["Status"])

    def read(self, name: str, given: Values) -> Values | None:
        return dict(given) if self._status(given) == "ISSUED" else None

    def delete(self, name: str, given: Values) -> None:
        """There is nothing to remove."""


class Distribution(Kind):
    token = "aws:cloudfront/distribution:Distribution"
    inputs = dict.fromkeys(
        (
            "enabled", "comment", "aliases", "httpVersion", "isIpv6Enabled", "priceClass", "origins",
            "defaultCacheBehavior", "customErrorResponses", "restrictions", "viewerCertificate", "tags",
        ),
        "update",
    )  # fmt: skip
    computed = ("arn", "domainName", "status", "etag")
    moving = ("etag",)

    def create(self, given: Values) -> str:
        wanted = configuration(given) | {"CallerReference": str(uuid.uuid4())}
        made = self.aws.client("cloudfront").create_distribution_with_tags(
            DistributionConfigWithTags={
                "DistributionConfig": wanted, "Tags": {"Items": pairs(given.get("tags"))},
            }
        )  # fmt: skip
        return str(made["Distribution"]["Id"])

    def read(self, name: str, given: Values) -> Values | None:
        client = self.aws.client("cloudfront")
        answer = client.get_distribution(Id=name)
        found = answer["Distribution"]
        kept = found["DistributionConfig"]
        listed = client.list_tags_for_resource(Resource=found["ARN"])["Tags"]["Items"]
        wanted = configuration(given)
        return {
            **{
                ours: given[ours] if holds(kept.get(theirs), wanted[theirs]) else kept.get(theirs)
                for ours, theirs in THEIRS.items()
                if ours in given
            },
            "tags": tags(listed),
            "arn": found["ARN"],
            "domainName": found["DomainName"],
            "status": found["Status"],
            "etag": answer["ETag"],
        }

    def update(self, name: str, given: Values, before: Values, changed: set[str]) -> None:
        client = self.aws.client("cloudfront")
        if changed - {"tags"}:
            self._put(name, given)
        if "tags" in changed:
            arn = client.get_distribution(Id=name)["Distribution"]["ARN"]
            client.untag_resource(Resource=arn, TagKeys={"Items": list(before.get("tags") or {})})
            client.tag_resource(Resource=arn, Tags={"Items": pairs(given.get("tags"))})

    def _put(self, name: str, given: Values) -> str:
        client = self.aws.client("cloudfront")
        answer = client.get_distribution(Id=name)
        reference = answer["Distribution"]["DistributionConfig"]["CallerReference"]
        wanted = configuration(given) | {"CallerReference": reference}
        return str(
            client.update_distribution(Id=name, IfMatch=answer["ETag"], DistributionConfig=wanted)["ETag"]
        )

    def delete(self, name: str, given: Values) -> None:
        # As CloudFront insists on: what serves is switched off first.
        etag = self._put(name, {**given, "enabled": False})
        self.aws.client("cloudfront").delete_distribution(Id=name, IfMatch=etag)


THEIRS = {
    "enabled": "Enabled", "comment": "Comment", "aliases": "Aliases", "httpVersion": "HttpVersion",
    "isIpv6Enabled": "IsIPV6Enabled", "priceClass": "PriceClass", "origins": "Origins",
    "defaultCacheBehavior": "DefaultCacheBehavior", "customErrorResponses": "CustomErrorResponses",
    "restrictions": "Restrictions", "viewerCertificate": "ViewerCertificate",
}  # fmt: skip


def acm(aws: Aws, given: Values) -> Any:
    """Certificates, in the region that the resource says."""
    return Aws(given.get("region") or aws.region, aws.endpoint).client("acm")


def items(listed: list[Any]) -> dict[str, Any]:
    """A list as CloudFront writes it."""
    return {"Quantity": len(listed), "Items": listed}


def configuration(given: Values) -> dict[str, Any]:
    """A distribution as CloudFront writes it."""
    caching, certificate = given["defaultCacheBehavior"], given["viewerCertificate"]
    headers = caching.get("responseHeadersPolicyId")
    return {
        "Enabled": given["enabled"],
        "Comment": given["comment"],
        "Aliases": items(given["aliases"]),
        "HttpVersion": given["httpVersion"],
        "IsIPV6Enabled": given["isIpv6Enabled"],
        "PriceClass": given["priceClass"],
        "Origins": items([origin(each) for each in given["origins"]]),
        "DefaultCacheBehavior": {
            "TargetOriginId": caching["targetOriginId"],
            "ViewerProtocolPolicy": caching["viewerProtocolPolicy"],
            "AllowedMethods": {
                **items(caching["allowedMethods"]), "CachedMethods": items(caching["cachedMethods"]),
            },
            "CachePolicyId": caching["cachePolicyId"],
            **({"ResponseHeadersPolicyId": headers} if headers else {}),
            "Compress": caching["compress"],
        },
        "CustomErrorResponses": items(
            [
                {"ErrorCode": each["errorCode"], "ErrorCachingMinTTL": each["errorCachingMinTtl"]}
                for each in given["customErrorResponses"]
            ]
        ),
        "Restrictions": {
            "GeoRestriction": {
                "RestrictionType": given["restrictions"]["geoRestriction"]["restrictionType"], "Quantity": 0,
            }
        },
        "ViewerCertificate": {
            "ACMCertificateArn": certificate["acmCertificateArn"],
            "SSLSupportMethod": certificate["sslSupportMethod"],
            "MinimumProtocolVersion": certificate["minimumProtocolVersion"],
        },
    }  # fmt: skip


def origin(given: Values) -> dict[str, Any]:
    """An origin as CloudFront writes it."""
    how = given["customOriginConfig"]
    return {
        "Id": given["originId"],
        "DomainName": given["domainName"],
        "CustomHeaders": items(
            [{"HeaderName": each["name"], "HeaderValue": each["value"]} for each in given["customHeaders"]]
        ),
        "CustomOriginConfig": {
            "HTTPPort": how["httpPort"],
            "HTTPSPort": how["httpsPort"],
            "OriginProtocolPolicy": how["originProtocolPolicy"],
            "OriginSslProtocols": items(how["originSslProtocols"]),
            "OriginReadTimeout": how["originReadTimeout"],
            "OriginKeepaliveTimeout": how["originKeepaliveTimeout"],
        },
    }


def holds(found: Any, wanted: Any) -> bool:
    """Whether what was found says all that is wanted, and whatever else besides."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(holds(found.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(found) == len(wanted) and all(map(holds, found, wanted))
    return bool(found == wanted)
