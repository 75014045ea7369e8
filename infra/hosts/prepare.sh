#!/bin/sh
# Gets what a release needs where the machine image does not have it. Run once, at the first boot.
set -eu
export DEBIAN_FRONTEND=noninteractive

# A new host's own upgrades hold the locks for minutes, and its network or mirror may come late.
patiently() {
    for attempt in 1 2 3 4 5 6 7 8 9; do
        "$@" && return
        echo "attempt $attempt failed: $*; the next one in 20 s" >&2
        sleep 20
    done
    "$@"
}

install() {
    [ -n "${updated:-}" ] || patiently apt-get update --quiet --quiet --error-on=any
    updated=yes
    patiently apt-get install --quiet --quiet --yes --no-install-recommends --option DPkg::Lock::Timeout=600 "$@"
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
