"""A host of the rehearsal boots the user data of production with real cloud-init, systemd and Docker."""

from __future__ import annotations

from pathlib import Path

from infra import hosts
from tests.rehearsal.emulator.agents import run_in
from tests.rehearsal.guests.guest import Guest, Hardware, build_image

SPEC = hosts.HostSpec(
    stack="rehearsal", role="streaming", name="streaming", region="eu-central-1",
    volume="vol-0123456789abcdef0", bucket="releases", registry="registry", gpu=False,
)  # fmt: skip


def test_a_guest_is_prepared_by_the_user_data_of_production_and_runs_commands(tmp_path: Path) -> None:
    build_image()
    guest = Guest(Hardware("i-0123456789abcdef0", hosts.cloud_init(SPEC)), tmp_path)
    guest.start()
    try:
        assert guest.prepared() == "done", guest.run("tail -n 40 /var/log/cloud-init-output.log")
        units = guest.run("systemctl is-active docker ssh voicestack-report.timer", check=False)
        assert units.split() == ["active", "active", "active"]
        assert guest.run("hostname").strip() == "voicestack-rehearsal-streaming"
        assert guest.run("docker compose ls --quiet") == ""
        assert "streaming: no release yet" in guest.run("journalctl --unit voicestack-converge --no-pager")
        ended = run_in(guest.name, "echo out; echo err >&2; exit 3", within=30)
        assert ended == {
            "Status": "Failed", "StandardOutputContent": "out\n", "StandardErrorContent": "err\n",
            "ResponseCode": 3,
        }  # fmt: skip
    finally:
        guest.remove()
