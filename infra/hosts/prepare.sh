#!/bin/sh
# Gets what a release needs where the machine image does not have it. Run once, at the first boot.
set -eu
export DEBIAN_FRONTEND=noninteractive

install() {
    [ -n "${updated:-}" ] || apt-get update --quiet --quiet
    updated=yes
    apt-get install --quiet --quiet --yes --no-install-recommends "$@"
}

command -v docker > /dev/null || install docker.io
docker compose version > /dev/null 2>&1 || install docker-compose-v2
python3 -c 'import boto3' 2> /dev/null || install python3-boto3
command -v mkfs.ext4 > /dev/null || install e2fsprogs
command -v unattended-upgrade > /dev/null || install unattended-upgrades
systemctl daemon-reload
systemctl enable --now docker
systemctl enable voicestack-converge.service
systemctl enable --now voicestack-report.timer
systemctl start --no-block voicestack-converge.service
