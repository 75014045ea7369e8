"""The versions of every tool that containers need, in one place, and what each is built from.

Later versions of the language host, buildkitd, buildx, Compose and LiveKit can't be built from modules alone:
docs/decisions/0010-tools-from-go-modules.md says why.
"""

from __future__ import annotations

from app import catalog
from app.render import edge
from tools.go_modules import Program

SDK = "github.com/pulumi/pulumi/sdk/v3"
# An older one is passed over, and ours is built: before it Pulumi.yaml could declare no map.
OLDEST_PULUMI = (3, 190)

PULUMI = Program(
    "pulumi",
    "3.259.0",
    "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
    "pulumi",
    f"{SDK}/go/common/version.Version=v3.259.0",
)
LANGUAGE_HOST = Program(
    "pulumi-language-python",
    "3.78.1",
    f"{SDK}/python/cmd/pulumi-language-python",
    "pulumi-language-python",
    f"{SDK}/go/common/version.Version=v3.78.1",
)
# For tests alone: programs in YAML.
YAML_HOST = Program(
    "pulumi-language-yaml",
    "1.25.0",
    "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml",
    "pulumi-language-yaml",
)
DOCKER_PLUGIN = Program(
    "pulumi-docker", "5.2.0", ".", "pulumi-resource-docker", version_variable="main.Version=5.2.0"
)
DOCKER_BUILD_PLUGIN = Program(
    "pulumi-docker-build",
    "0.0.22",
    "github.com/pulumi/pulumi-docker-build/provider/cmd/pulumi-resource-docker-build",
    "pulumi-resource-docker-build",
    "github.com/pulumi/pulumi-docker-build/provider.Version=0.0.22",
)
BUILDX = Program(
    "buildx",
    "0.29.0",
    "github.com/docker/buildx/cmd/buildx",
    "docker-buildx",
    "github.com/docker/buildx/version.Version=v0.29.0",
)
COMPOSE = Program(
    "compose",
    "2.40.3",
    "github.com/docker/compose/v2/cmd",
    "docker-compose",
    "github.com/docker/compose/v2/internal.Version=v2.40.3",
)
BUILDKITD = Program(
    "buildkitd",
    "0.28.0",
    "github.com/moby/buildkit/cmd/buildkitd",
    "buildkitd",
    "github.com/moby/buildkit/version.Version=v0.28.0",
)
LIVEKIT = Program(
    "livekit", catalog.LIVEKIT, "github.com/livekit/livekit-server/cmd/server", "livekit-server"
)

CADDY = Program(
    "caddy",
    edge.VERSION,
    "github.com/caddyserver/caddy/v2/cmd/caddy",
    "caddy",
    f"github.com/caddyserver/caddy/v2.CustomVersion=v{edge.VERSION}",
)
# A certificate authority for tests alone.
PEBBLE = Program("pebble", "2.10.3", "github.com/letsencrypt/pebble/v2/cmd/pebble", "pebble")
PEBBLE_NAMES = Program(
    "pebble-challtestsrv",
    "2.10.3",
    "github.com/letsencrypt/pebble/v2/cmd/pebble-challtestsrv",
    "pebble-challtestsrv",
    folder="pebble",
)

# A plugin and the name that programs give it.
PLUGINS = {"docker": DOCKER_PLUGIN, "docker-build": DOCKER_BUILD_PLUGIN}
CLI_PLUGINS = {"buildx": BUILDX, "compose": COMPOSE}
