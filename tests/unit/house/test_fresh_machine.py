"""What a bare machine is told of this one: registries, certificates, and the README's commands."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from tests.fresh import clients, readme
from tests.stack import ROOT

PAGES = ("README.md", "docs/streams.md", "docs/speech.md", "docs/containers.md")


def test_every_command_of_the_readme_is_typed_or_there_is_a_reason_why_not() -> None:
    told = {target for page in PAGES for target in readme.targets((ROOT / page).read_text(encoding="utf-8"))}
    assert told <= readme.typed() | set(readme.ELSEWHERE)
    assert not readme.typed() & set(readme.ELSEWHERE)


def test_variables_of_registries_proxies_and_certificates_go_along_and_others_stay(tmp_path: Path) -> None:
    passed = {
        "https_proxy": "http://proxy:3128", "NO_PROXY": "localhost", "PIP_INDEX_URL": "https://pypi.example",
        "UV_DEFAULT_INDEX": "https://pypi.example", "npm_config_registry": "https://npm.example",
        "GOPROXY": "https://go.example", "GOFLAGS": "-mod=mod", "SSL_CERT_FILE": "/etc/ssl/certs/x.pem",
        "SSL_CERT_DIR": "/etc/ssl/certs", "REQUESTS_CA_BUNDLE": "/ca.pem",
    }  # fmt: skip
    others = {
        "PATH": "/bin", "HOME": "/root", "GOPATH": "/go", "API_KEYS": "k", "AWS_SECRET_ACCESS_KEY": "s",
        "PIP_CACHE_DIR": str(tmp_path), "VIRTUAL_ENV": "/venv",
    }  # fmt: skip
    assert clients.variables(passed | others) == passed


def test_configuration_files_and_certificates_are_found_where_clients_keep_them(tmp_path: Path) -> None:
    (tmp_path / ".npmrc").write_text("registry=https://npm.example", encoding="utf-8")
    (tmp_path / ".config" / "go").mkdir(parents=True)
    (tmp_path / ".config" / "go" / "env").write_text("GOPROXY=https://go.example", encoding="utf-8")
    (tmp_path / "company.pem").write_text("", encoding="utf-8")
    (tmp_path / ".netrc").write_text("", encoding="utf-8")
    found = dict(clients.files({"PIP_CERT": str(tmp_path / "company.pem")}, tmp_path))
    mine = {here: there for here, there in found.items() if tmp_path in here.parents}
    assert mine == {
        tmp_path / ".npmrc": PurePosixPath("/root/.npmrc"),
        tmp_path / ".config" / "go" / "env": PurePosixPath("/root/.config/go/env"),
        tmp_path / "company.pem": PurePosixPath(tmp_path / "company.pem"),
    }
