"""Signatures, addresses and certificates: what one delivery must and must not do."""

import shutil
import socket
import ssl
import subprocess
from ipaddress import ip_address
from pathlib import Path

import pytest

import models
from service.events import sending
from service.events.addresses import check_url, is_public, resolve
from service.events.signing import signed
from tests.receiver import receiving


def test_the_signature_is_the_conventions_own_example() -> None:
    headers = signed(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        b'{"test": 2432232314}',
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::a00:1", "64:ff9b::7f00:1"),
        *("::127.0.0.1", "::ffff:0:10.0.0.1", "fec0::1", "192.88.99.1"),
    ],
)
def test_addresses_that_are_not_public(address: str) -> None:
    assert not is_public(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_addresses_that_are(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        *("", "ftp://example.com", "http://example.com", "https://", "https://127.0.0.1/", "https://[::1]/"),
        *("https://user:pw@example.com/", "https://example.com/#x", "https://exa mple.com/", "https://[/"),
        *("https://example.com:99999/", "https://example.com/" + "x" * 2_048, "https://bücher.example/"),
    ],
)
def test_addresses_that_cannot_be_added(url: str) -> None:
    with pytest.raises(models.InputError) as caught:
        check_url(url, allow_private=False)
    assert caught.value.code == "invalid_webhook"


def test_a_name_is_refused_if_any_of_its_addresses_is_private() -> None:
    with pytest.raises(models.InputError) as caught:
        resolve("localhost", 443, allow_private=False)
    assert caught.value.code == "private_address"
    with pytest.raises(models.InputError) as caught:
        resolve("no-such-name.invalid", 443, allow_private=False)
    assert caught.value.code == "unresolvable_host"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command to make a certificate")
@pytest.mark.parametrize(
    ("name", "status", "error"), [("localhost", 204, None), ("other", None, "no_connection")]
)
def test_the_certificate_must_be_the_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, status: int | None, error: str | None
) -> None:
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name}"
    subprocess.run(
        [*make.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    sending.trusted.cache_clear()
    with receiving(context) as receiver:
        url = f"https://localhost:{receiver.server_port}/hook"
        assert sending.post(url, {}, b"{}", allow_private=True) == sending.Answer(status, error)
    sending.trusted.cache_clear()


@pytest.mark.parametrize(
    "url", ["https://xn--/", "https://[v1.x]/", "https://a..b/", "https://-a.b/", "https://[::1/"]
)
def test_hosts_that_nobody_can_look_up_are_refused(url: str) -> None:
    with pytest.raises(models.InputError) as caught:
        check_url(url, allow_private=True)
    assert caught.value.code == "invalid_webhook"


@pytest.mark.parametrize(
    "url",
    ["https://xn--strae-oqa.de/x", "http://localhost:80/", "https://a_b.example.com./", "http://[::1]:9/"],
)
def test_hosts_that_can_be(url: str) -> None:
    check_url(url, allow_private=True)


def test_a_name_is_looked_up_as_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def no_address(host: str, port: int, *, allow_private: bool) -> list[str]:
        asked.append(host)
        raise models.InputError("the host has no address", code="unresolvable_host")

    monkeypatch.setattr(sending, "resolve", no_address)
    said = sending.post("https://xn--strae-oqa.de/hook", {}, b"", allow_private=False)
    assert (asked, said.error) == (["xn--strae-oqa.de"], "unresolvable_host")
    assert sending.post("https://xn--/", {}, b"", allow_private=False).error == "unresolvable_host"


def test_an_address_that_swallows_what_is_sent_leaves_time_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "SECONDS", 2.0)
    with receiving() as receiver, socket.socket() as deaf:
        deaf.bind(("127.0.0.2", receiver.server_port))
        deaf.listen(0)
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:  # its queue is full: who comes now is not answered
            one.setblocking(False)
            one.connect_ex(("127.0.0.2", receiver.server_port))
        monkeypatch.setattr(sending, "resolve", lambda *_, **__: ["127.0.0.2", "127.0.0.1"])
        assert sending.post(receiver.url, {}, b"{}", allow_private=True) == sending.Answer(204)
        monkeypatch.setattr(sending, "resolve", lambda *_, **__: ["127.0.0.2"])
        assert sending.post(receiver.url, {}, b"{}", allow_private=True) == sending.Answer(None, "timeout")
        for one in waiting:
            one.close()
