"""What a host decides: which release to start, when one has failed, what may be formatted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.hosts import BY_LABEL
from infra.hosts.converge import decide
from infra.hosts.converge.decide import Standing, State

WELL = Standing("dubber", "c1", "app@sha256:a", "running", "healthy", 0, 0, "old")
RELEASES = st.sampled_from([f"release-{number}" for number in range(9)])


def seen(
    standing: Standing | None, *, before: int = 0, ill_for: float = 0.0, settled: bool = True
) -> decide.Verdict:
    standings = [] if standing is None else [standing]
    return decide.verdict(["dubber"], standings, {"c1": before}, {"dubber": ill_for}, settled=settled)


def test_a_healthy_service_is_neither_awaited_nor_broken() -> None:
    assert seen(WELL) == decide.Verdict((), {})
    assert seen(replace(WELL, health="")) == decide.Verdict((), {})


@pytest.mark.parametrize(
    ("standing", "awaited"),
    [
        (None, "dubber (not made yet)"),
        (replace(WELL, health="starting"), "dubber (starting)"),
        (replace(WELL, status="created", health=""), "dubber (created)"),
        (replace(WELL, status="restarting", restarts=1), "dubber (restarting)"),
        (replace(WELL, health="unhealthy"), "dubber (unhealthy)"),
        (replace(WELL, health="starting", restarts=5), "dubber (starting)"),
        (replace(WELL, health="", restarts=5), "dubber (running)"),
    ],
)
def test_a_service_on_its_way_is_awaited(standing: Standing | None, awaited: str) -> None:
    assert seen(standing) == decide.Verdict((awaited,), {})


@pytest.mark.parametrize(
    ("standing", "reason"),
    [
        (replace(WELL, status="exited", exit_code=2), "ended with exit code 2"),
        (replace(WELL, status="restarting", restarts=3, exit_code=7, health="unhealthy"), "3 times"),
        (replace(WELL, health="unhealthy"), "is unhealthy"),
    ],
)
def test_a_service_that_will_not_come_up_is_broken(standing: Standing, reason: str) -> None:
    assert reason in seen(standing, ill_for=decide.UNHEALTHY_FOR).failed["dubber"]


def test_a_container_that_ended_may_be_one_that_is_being_replaced() -> None:
    assert not seen(replace(WELL, status="exited"), settled=False).failed


def test_restarts_of_the_days_before_are_not_held_against_a_release() -> None:
    assert not seen(replace(WELL, status="restarting", restarts=40), before=39).failed
    assert seen(replace(WELL, restarts=40), before=0) == decide.Verdict((), {})


@pytest.mark.parametrize(
    ("found", "handed_over"),
    [
        ([WELL], {"dubber": "c1"}),
        ([replace(WELL, health="")], {"dubber": "c1"}),
        ([replace(WELL, configuration="new")], {}),
        ([replace(WELL, health="unhealthy")], {}),
        ([replace(WELL, status="exited")], {}),
        ([WELL, replace(WELL, container="c2")], {}),
        ([replace(WELL, service="media")], {}),
        ([], {}),
    ],
)
def test_only_what_runs_well_and_changes_is_handed_over(
    found: list[Standing], handed_over: dict[str, str]
) -> None:
    media = Standing("media", "m1", "media@sha256:b", "running", "healthy", 0, 0, "old")
    assert decide.to_hand_over({"dubber": "new"}, [media, *found]) == handed_over


@given(st.lists(RELEASES), RELEASES)
def test_five_good_releases_are_remembered_newest_first(history: list[str], last: str) -> None:
    state = State()
    for release in [*history, last]:
        state = decide.succeeded(state, release)
    assert state.good[0] == last
    assert len(state.good) == len(set(state.good)) == min(decide.KEPT, len({*history, last}))


@given(st.lists(RELEASES, min_size=1, unique=True), RELEASES)
def test_what_failed_is_never_put_back_and_a_boot_does_not_try_it_again(good: list[str], bad: str) -> None:
    state = State()
    for release in good:
        state = decide.succeeded(state, release)
    state = decide.failed(state, bad)
    assert bad not in state.good
    assert decide.previous(state, bad) in {*good, ""} - {bad}
    assert decide.to_start(bad, state, boot=False) == bad
    if state.good:
        assert decide.to_start(bad, state, boot=True) == state.good[0]


def test_a_release_that_failed_once_and_works_now_is_good() -> None:
    state = decide.succeeded(decide.failed(State(("a",)), "b"), "b")
    assert state == State(("b", "a"), "")


@pytest.mark.parametrize(
    ("status", "beginning", "blank"),
    [
        (decide.NO_SIGNATURE, bytes(4096), True),
        (decide.NO_SIGNATURE, bytes(4000) + b"x", False),
        (decide.NO_SIGNATURE, b"", False),
        (0, bytes(4096), False),
        (1, bytes(4096), False),
    ],
)
def test_only_a_device_that_was_read_and_holds_nothing_is_formatted(
    status: int, beginning: bytes, blank: bool
) -> None:
    assert decide.is_blank(status, beginning) is blank


def test_a_volume_is_found_by_its_own_id_alone() -> None:
    volume = "vol-0123456789abcdef0"
    in_name = volume.replace("-", "")
    assert decide.device_names(volume) == (f"/dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_{in_name}",)


def test_a_volume_whose_id_nobody_knows_is_found_by_the_label_of_our_file_systems() -> None:
    assert decide.device_names(BY_LABEL) == ("/dev/disk/by-label/voicestack",)


def test_fstab_keeps_everything_else_and_mounts_once() -> None:
    before = (
        "# /srv/voicestack is ours\nUUID=root / ext4 defaults 0 1\n\nUUID=old /srv/voicestack ext4 x 0 2\n"
    )
    once = decide.with_mount(before, "new", "/srv/voicestack")
    assert once == decide.with_mount(once, "new", "/srv/voicestack")
    assert once.startswith("# /srv/voicestack is ours\nUUID=root / ext4 defaults 0 1\n")
    assert "UUID=old" not in once
    assert "UUID=new /srv/voicestack ext4 defaults,nofail" in once


def test_images_that_a_kept_release_uses_stay() -> None:
    assert decide.superseded([["a", "b"], ["b", "c"]], [["a", "x"], ["y", "x"]]) == ["x", "y"]


def test_secrets_are_blotted_out_the_longest_first() -> None:
    assert decide.hidden("key=abcdef abc", ["abc", "", "abcdef"]) == "key=••• •••"


def test_a_secret_of_two_lines_is_refused_by_name_and_not_shown() -> None:
    with pytest.raises(ValueError, match="API_KEYS") as told:
        decide.secrets_file({"API_KEYS": "hidden\nword"})
    assert "hidden" not in str(told.value)


def test_secrets_that_are_empty_or_absent_are_missing() -> None:
    assert decide.missing(["A", "B", "C"], {"A": "1", "B": ""}) == ["B", "C"]


@pytest.mark.parametrize(
    ("registry", "region"),
    [
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com", "eu-central-1"),
        ("registry.example.org", ""),
        ("123456789012.dkr.ecr.eu-central-1.amazonaws.com.example.org", ""),
    ],
)
def test_only_a_registry_of_ecr_is_given_a_login(registry: str, region: str) -> None:
    assert decide.registry_region(registry) == region


def test_a_host_is_given_what_its_release_has_for_it_alone() -> None:
    bundle = {"role": "streaming", "compose": "all", "hosts": {"streaming-2": {"compose": "streams"}}}
    assert decide.own(bundle, "streaming")["compose"] == "all"
    assert decide.own(bundle, "streaming-2") == {**bundle, "compose": "streams"}
    assert decide.own({"compose": "all"}, "streaming") == {"compose": "all"}
