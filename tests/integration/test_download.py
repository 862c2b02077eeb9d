"""Pictures fetched from a server that lies, stalls, redirects, and never ends."""

import asyncio
import json
import logging
import socket
import subprocess
import sys
import time
import traceback
import urllib.request
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from yarl import URL

from komadori.backends.addresses import LinkNotAllowed, next_url
from komadori.backends.download import DownloadLimits, download_picture
from komadori.errors import BackendDown, BackendError, BackendRefused
from tests.integration.processes import Program, until

INSIDE = DownloadLimits(total_s=10, allow_private=True)
HASTY = DownloadLimits(total_s=0.3, allow_private=True)
PUBLIC = "93.184.215.14"


class Web:
    """The misbehaving server, and what it was asked."""

    def __init__(self, program: Program) -> None:
        self._program = program
        until(lambda: "serving:" in program.output, "the web serves")
        self.port, self.tls_port = map(int, program.output.split("serving:")[1].split())

    def url(self, path: str, *, host: str = "127.0.0.1") -> str:
        """A link to it, signed."""
        return f"http://{host}:{self.port}/{path}?sig=s3cret"

    def seen(self) -> list[dict[str, str]]:
        """All requests so far."""
        # The opener that urllib keeps would remember a proxy that one of the tests sets.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{self.port}/seen") as answer:
            seen: list[dict[str, str]] = json.load(answer)
            return seen


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """A server of this module, over TLS with a certificate that nobody trusts, too."""
    folder = tmp_path_factory.mktemp("web")
    certificate = _certificate(folder)
    program = Program([sys.executable, "-m", "tests.fakes.web", certificate], folder / "log")
    yield Web(program)
    program.kill_all()


def _certificate(folder: Path) -> str:
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made = [str(folder / "cert.pem"), str(folder / "key.pem")]
    command = ["openssl", "req", "-x509", *key, *subject, "-out", made[0], "-keyout", made[1]]
    subprocess.run(command, check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text("".join(Path(path).read_text(encoding="ascii") for path in made), "ascii")
    return str(both)


class Names:
    """A DNS of ours. `answers`: what it says, one after another; the last one for good."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        """Look up."""
        self.asked.append(host)
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


_connections: list[list[str]] = []


def _note_connection(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _connections:
        _connections[-1].append(str(arguments[1][0]))
        if arguments[1][0] == PUBLIC:
            raise ConnectionRefusedError(111, "tests stay on this machine")


@pytest.fixture(scope="module")
def _hook() -> None:
    sys.addaudithook(_note_connection)  # it cannot be taken away again: it notes only when asked


@pytest.fixture
def connections(_hook: None) -> Iterator[list[str]]:
    """Addresses that a socket was really told to connect to."""
    noted: list[str] = []
    _connections.append(noted)
    yield noted
    _connections.pop()


@pytest.mark.parametrize("kind", ["jpeg", "png", "webp", "gif", "avif"])
async def test_a_picture_comes_as_it_was_encoded(web: Web, kind: str) -> None:
    data = await download_picture(web.url(f"picture/{kind}"), INSIDE)

    with Image.open(BytesIO(data)) as picture:
        assert (picture.format, picture.size) == (kind.upper(), (96, 64))


@pytest.mark.parametrize("path", ["no-length", "chunked/whole", "redirect/1", "redirect/3"])
async def test_a_picture_comes_without_a_length_in_chunks_or_by_redirects(
    web: Web, path: str
) -> None:
    assert (await download_picture(web.url(path), INSIDE)).startswith(b"\x89PNG")


async def test_a_redirect_is_not_read_to_its_end(web: Web) -> None:
    assert await download_picture(web.url("endless-redirect"), INSIDE)


async def test_the_link_arrives_as_it_was_signed(web: Web) -> None:
    await download_picture(web.url("picture/png") + "&a=%2F%2b+%3D&b=%e5%9b%be#part", INSIDE)

    assert web.seen()[-1]["path"] == "/picture/png?sig=s3cret&a=%2F%2b+%3D&b=%e5%9b%be"


async def test_nothing_of_ours_goes_along(
    web: Web, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password mine\n", encoding="ascii")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    await download_picture(web.url("redirect/2"), INSIDE)  # which sets a cookie

    for request in web.seen()[-3:]:
        assert request["accept-encoding"] == "identity"
        assert not {"cookie", "authorization", "referer", "proxy-authorization"} & request.keys()


@pytest.mark.parametrize(
    "path",
    ["drip", "drip-headers", "hang-before-headers", "hang-after-headers", "slow-loop"],
)
async def test_a_server_that_is_slow_in_any_way_is_left_in_time(web: Web, path: str) -> None:
    began = time.monotonic()

    with pytest.raises(BackendDown, match=r"127\.0\.0\.1 did not .*defaults\.image\.download_time"):
        await download_picture(web.url(path), HASTY)

    assert 0.25 < time.monotonic() - began < 2


async def test_a_slow_look_up_counts_too() -> None:
    async def never(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(BackendDown, match=r"images\.example\.com did not send the picture within"):
        await download_picture("http://images.example.com/x", HASTY, resolve=never)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("status/500", "answered 500"),
        ("status/503", "answered 503"),
        ("status/429", "answered 429"),
        ("announces-more", "less of the picture than it announced"),
        ("chunked/cut", "less of the picture than it announced"),
        ("no-length-cut", "damaged, or was cut short"),
        ("no-length-empty", "an empty picture, or was cut short"),
        ("nothing", "broke the connection"),
        ("no-http", "did not answer in HTTP"),
        ("long-header", "did not answer in HTTP"),
    ],
)
async def test_what_may_work_later_says_so(web: Web, path: str, says: str) -> None:
    with pytest.raises(BackendDown, match=rf"^127\.0\.0\.1 .*{says}.*Try again later\.$") as error:
        await download_picture(web.url(path), INSIDE)

    assert "s3cret" not in _all_told(error)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("status/403", "answered 403: the link has expired or is gone"),
        ("status/404", "answered 404: the link has expired or is gone"),
        ("status/410", "answered 410: the link has expired or is gone"),
        ("status/401", "answered 401 instead"),
        ("status/304", "answered 304 instead"),
        ("page", r"sent a web page \(text/html\) instead of a picture"),
        ("page-as-png", r"sent something \(image/png\) instead of a picture"),
        ("page-no-length", r"sent a web page \(text/html\) instead of a picture"),
        ("empty", "sent an empty picture"),
        ("status/204", "sent an empty picture"),
        ("truncated", "sent a picture that is damaged"),
        ("truncated-jpeg", "sent a picture that is damaged"),
        ("gzip-bomb", "packed once more"),
        ("pixel-bomb", "more than 64 megapixels"),
        ("large-pixel-bomb", "more than 64 megapixels"),  # a warning of Pillow's, here an error
        ("huge-pixel-bomb", "more than 64 megapixels"),
        ("nowhere", "redirects without saying where"),
        ("to/ftp://127.0.0.1/x", "begins with ftp:"),
        ("to/http://me:mine@127.0.0.1/x", "holds a user or password"),
        ("to/http://127.1/x", "writes it in an unusual way"),
    ],
)
async def test_what_never_will_says_why(web: Web, path: str, says: str) -> None:
    with pytest.raises(BackendRefused, match=says) as error:
        await download_picture(web.url(path), INSIDE)

    assert not isinstance(error.value, LinkNotAllowed)
    assert "s3cret" not in _all_told(error)
    assert "mine" not in _all_told(error)


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("announces-too-much", r"more than 20 MB.*defaults\.image\.download_max_mb"),
        ("endless", r"more than 20 MB.*defaults\.image\.download_max_mb"),
        ("redirect/4", "one redirect too many.*no setting allows more"),
        ("loop", "one redirect too many.*no setting allows more"),
    ],
)
async def test_what_our_own_limits_forbid_is_told_from_what_is_gone(
    web: Web, path: str, says: str
) -> None:
    with pytest.raises(LinkNotAllowed, match=says) as error:
        await download_picture(web.url(path), INSIDE)

    assert "s3cret" not in _all_told(error)


def test_a_redirect_into_the_open_is_one_of_our_own_limits_too() -> None:
    with pytest.raises(LinkNotAllowed, match="from https to http"):
        next_url(URL("https://a.example.com/x"), "http://a.example.com/x", allow_private=False)


async def test_more_than_was_announced_is_no_picture(web: Web) -> None:
    with pytest.raises(BackendError):  # of which kind depends on how the packets fall
        await download_picture(web.url("announces-less"), INSIDE)


@pytest.mark.filterwarnings("default::PIL.Image.DecompressionBombWarning")
async def test_a_bomb_that_pillow_only_warns_of_is_refused(web: Web) -> None:
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(BackendRefused, match="more than 64 megapixels"),
    ):
        await download_picture(web.url("large-pixel-bomb"), INSIDE)


def _all_told(error: pytest.ExceptionInfo[BaseException]) -> str:
    """What a log would show of an error, its causes included."""
    return "".join(traceback.format_exception_only(error.value)) + "".join(
        str(cause) for cause in _causes(error.value)
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    while cause := error.__cause__ or (None if error.__suppress_context__ else error.__context__):
        yield cause
        error = cause


async def test_a_server_that_is_not_there_is_down(free_port: int) -> None:
    with pytest.raises(BackendDown, match=r"127\.0\.0\.1 cannot be reached \(Connection refused\)"):
        await download_picture(f"http://127.0.0.1:{free_port}/x", INSIDE)


@pytest.fixture
def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_certificate_that_nobody_vouches_for_is_not_taken(web: Web, host: str) -> None:
    asked = len(web.seen())

    with pytest.raises(BackendDown, match=rf"{host} could not prove who it is \(self-signed cert"):
        await download_picture(f"https://{host}:{web.tls_port}/picture/png", INSIDE)

    assert len(web.seen()) == asked


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001"])
async def test_a_server_inside_is_never_asked_unless_allowed(
    web: Web, host: str, connections: list[str]
) -> None:
    with pytest.raises(BackendRefused):
        await download_picture(web.url("picture/png", host=host), DownloadLimits(total_s=5))

    assert connections == []


async def test_a_name_that_leads_inside_is_refused(
    web: Web, connections: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    names = Names(["127.0.0.1", "::1"])

    inside = r"images\.example\.com is an address inside.* set allow_private"
    with pytest.raises(LinkNotAllowed, match=inside):
        await download_picture(
            web.url("picture/png", host="images.example.com"), DownloadLimits(), resolve=names
        )

    assert connections == []
    assert "host=images.example.com addresses=127.0.0.1,::1" in caplog.text


async def test_the_address_that_was_checked_is_the_one_connected_to(connections: list[str]) -> None:
    """A DNS that answers publicly for the check would answer with loopback for the connection."""
    names = Names([PUBLIC], ["127.0.0.1"])

    with pytest.raises(BackendDown, match="cannot be reached"):
        await download_picture("http://images.example.com/x", DownloadLimits(), resolve=names)

    assert names.asked == ["images.example.com"]
    assert connections == [PUBLIC]


async def test_only_the_public_ones_of_several_addresses_are_tried(connections: list[str]) -> None:
    names = Names(["127.0.0.1", PUBLIC, "169.254.169.254", "::1"])

    with pytest.raises(BackendDown, match="cannot be reached"):
        await download_picture("http://images.example.com/x", DownloadLimits(), resolve=names)

    assert connections == [PUBLIC]


async def test_each_hop_is_looked_up_once_and_asked_by_its_own_name(
    web: Web, connections: list[str]
) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.1"], ["10.0.0.1"])
    onward = web.url("picture/png", host="b.example.com")

    await download_picture(web.url(f"to/{onward}", host="a.example.com"), INSIDE, resolve=names)

    assert names.asked == ["a.example.com", "b.example.com"]
    assert connections[:2] == ["127.0.0.1", "127.0.0.1"]
    assert [request["host"].partition(":")[0] for request in web.seen()[-2:]] == names.asked


async def test_a_name_is_not_looked_up_again_when_the_server_hangs_up(
    web: Web, connections: list[str]
) -> None:
    names = Names(["127.0.0.1"], ["127.0.0.2"])

    with pytest.raises(BackendDown, match="broke the connection"):
        await download_picture(web.url("nothing", host="a.example.com"), INSIDE, resolve=names)

    assert names.asked == ["a.example.com"]
    assert set(connections) == {"127.0.0.1"}


async def test_the_log_names_the_host_and_no_secret(
    web: Web, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    await download_picture(web.url("redirect/1"), INSIDE)

    assert "picture downloaded: host=127.0.0.1" in caplog.text
    assert "s3cret" not in caplog.text


async def test_a_job_that_is_cancelled_leaves_the_server_at_once(web: Web) -> None:
    before = len(web.seen())
    download = asyncio.create_task(download_picture(web.url("hang-after-headers"), INSIDE))
    while len(web.seen()) == before:  # noqa: ASYNC110  # it is another process's
        await asyncio.sleep(0.01)

    download.cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(download, timeout=2)
