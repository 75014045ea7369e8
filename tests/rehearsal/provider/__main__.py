"""The stand-in of the AWS provider, as a plugin that the Pulumi engine starts: it prints its port and serves.

Test equipment. It refuses any endpoint that is not on this machine, and knows the types that the program of
this project uses, with the inputs that it gives them; anything else is an error that says so.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from tests.rehearsal.provider.kind import NOT_OURS, Aws, Kind, Values
from tests.rehearsal.provider.registry import INVOKES, kinds

NAME = "aws-stand-in (test equipment, no AWS)"
PARALLEL = 8
Difference = provider_pb2.PropertyDiff


class Refused(ValueError):
    """What the stand-in won't or can't do; the message is for whoever runs Pulumi."""


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine."""

    aws: Aws

    def __init__(self) -> None:
        self.kinds = kinds()

    def Handshake(self, request: Any, context: Any) -> Any:
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version=metadata.version("pulumi_aws"))

    def CheckConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:
        return provider_pb2.DiffResponse()

    def Configure(self, request: Any, context: Any) -> Any:
        given = values(request.args)
        region = given.get("region") or os.environ.get("AWS_REGION", "")
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        with told(context):
            refuse_others(endpoint)
        self.aws = Aws(region, endpoint)
        print(f"{NAME}: region {region} at {endpoint}", file=sys.stderr, flush=True)
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request: Any, context: Any) -> Any:
        with told(context):
            kind, news = self._kind(request.urn), values(request.news)
        unknown = sorted(set(news) - set(kind.inputs) - set(NOT_OURS) - {"__defaults"})
        failures = [
            provider_pb2.CheckFailure(property=key, reason=f"{NAME} does not know {key} of {kind.token}")
            for key in unknown
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def Diff(self, request: Any, context: Any) -> Any:
        kind, before, news = self._kind(request.urn), values(request.old_inputs), values(request.news)
        changed = [key for key in differences(before, news) if key in news or key not in kind.kept]
        replaces = [key for key in changed if kind.inputs.get(key) == "replace"]
        detailed = {
            key: Difference(kind=how(key, before, news, key in replaces), inputDiff=True) for key in changed
        }
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE,
            diffs=changed,
            replaces=replaces,
            deleteBeforeReplace=bool(replaces and kind.named and kind.named not in changed),
            detailedDiff=detailed,
            hasDetailedDiff=True,
        )

    def Create(self, request: Any, context: Any) -> Any:
        kind, given = self._kind(request.urn), values(request.properties)
        if request.preview:
            known = {**given, **dict.fromkeys(kind.computed, UNKNOWN)}
            return provider_pb2.CreateResponse(properties=struct(known))
        with told(context):
            name = kind.create(given)
            return provider_pb2.CreateResponse(id=name, properties=struct(self._state(kind, name, given)))

    def Read(self, request: Any, context: Any) -> Any:
        kind, given = self._kind(request.urn), values(request.inputs)
        if not given:
            given = {key: value for key, value in values(request.properties).items() if key in kind.inputs}
        with told(context):
            found = kind.state(request.id, given)
        if found is None:
            return provider_pb2.ReadResponse()
        inputs = {key: found.get(key, value) for key, value in given.items()}
        if found.get("tags"):
            inputs["tags"] = found["tags"]
        return provider_pb2.ReadResponse(
            id=request.id, properties=struct({**given, **found}), inputs=struct(inputs)
        )

    def Update(self, request: Any, context: Any) -> Any:
        kind, given = self._kind(request.urn), values(request.news)
        before = values(request.old_inputs)
        if request.preview:
            outputs = {key: value for key, value in values(request.olds).items() if key in kind.computed}
            known = {**outputs, **given, **dict.fromkeys(kind.moving, UNKNOWN)}
            return provider_pb2.UpdateResponse(properties=struct(known))
        with told(context):
            kind.update(request.id, given, before, set(differences(before, given)))
            return provider_pb2.UpdateResponse(properties=struct(self._state(kind, request.id, given)))

    def Delete(self, request: Any, context: Any) -> Any:
        kind = self._kind(request.urn)
        with told(context):
            kind.remove(request.id, values(request.old_inputs) or values(request.properties))
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Any) -> Any:
        with told(context):
            if request.tok not in INVOKES:
                raise Refused(f"{NAME} does not know the function {request.tok}")
            found = INVOKES[request.tok](self.aws)
        return provider_pb2.InvokeResponse(**{"return": struct(found)})

    def Cancel(self, request: Any, context: Any) -> Any:
        return empty_pb2.Empty()

    def _kind(self, urn: str) -> Kind:
        token = urn.split("::")[2].rpartition("$")[2]
        if token not in self.kinds:
            raise Refused(f"{NAME} does not know the type {token}")
        return self.kinds[token](getattr(self, "aws", Aws("", "")))

    def _state(self, kind: Kind, name: str, given: Values) -> Values:
        found = kind.state(name, given)
        if found is None:
            raise Refused(f"{kind.token} {name} was made, but the emulator does not show it")
        return {**given, **found}


class told:
    """Errors inside of it become the answer to the engine."""

    def __init__(self, context: Any) -> None:
        self.context = context

    def __enter__(self) -> None:
        """Nothing to do before."""

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            self.context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"{type(error).__name__}: {error}")


def refuse_others(endpoint: str) -> None:
    """Raises Refused for any endpoint that is not on this machine."""
    host = urlsplit(endpoint).hostname
    if not host:
        raise Refused(f"{NAME} needs AWS_ENDPOINT_URL, the address of an emulator on this machine")
    found = {each[4][0] for each in socket.getaddrinfo(host, None)}
    if not all(is_this_machine(each) for each in found):
        raise Refused(f"{NAME} talks to emulators on this machine alone, and {endpoint} is none")


def is_this_machine(address: str | int) -> bool:
    """Whether an address is this machine's: nobody can listen on another's."""
    with socket.socket(socket.AF_INET6 if ":" in str(address) else socket.AF_INET) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def differences(before: Values, after: Values) -> list[str]:
    """The inputs that are not the same; one that is null is as good as absent."""
    return sorted(
        key
        for key in {*before, *after}
        if key not in NOT_OURS and not key.startswith("__") and before.get(key) != after.get(key)
    )


def how(key: str, before: Values, after: Values, replaces: bool) -> Any:
    """The kind of a difference, for whoever reads a preview."""
    if key not in before:
        return Difference.ADD_REPLACE if replaces else Difference.ADD
    if key not in after:
        return Difference.DELETE_REPLACE if replaces else Difference.DELETE
    return Difference.UPDATE_REPLACE if replaces else Difference.UPDATE


def values(given: Any) -> Values:
    """What a message of the engine holds; whole numbers as whole numbers."""
    return dict(whole(json_format.MessageToDict(given)))


def whole(value: Any) -> Any:
    """The value with numbers such as 3.0 as 3."""
    if isinstance(value, dict):
        return {key: whole(each) for key, each in value.items()}
    if isinstance(value, list):
        return [whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def struct(given: Values) -> Any:
    """A message for the engine."""
    made = struct_pb2.Struct()
    json_format.ParseDict(given, made)
    return made


def main() -> None:
    """Serves until the engine ends it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    server = grpc.server(
        ThreadPoolExecutor(PARALLEL),
        options=[("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)],
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # The engine ends its plugins by this signal; what they do for it is done by then.
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    server.stop(0)


main()
