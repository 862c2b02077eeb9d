"""What of our environment a server gets, and what is never told of it."""

from pathlib import Path

import pytest

from komadori.domain.servers import Command, IncidentKind, Verb
from komadori.monitors.comfy.hands import Hands
from komadori.monitors.comfy.logfile import LogFile
from komadori.monitors.comfy.place import Birth, Place
from komadori.monitors.comfy.process import Patience, Server
from komadori.monitors.comfy.surroundings import clean, hide, untold
from komadori.monitors.comfy.wishes import Wishes
from komadori.settings import ServerSettings

SECRETS = {
    "ARK_API_KEY": "ark-11112222",
    "OPENAI_API_KEY": "sk-proj-1234",
    "OPENAI_BASE_URL": "https://there",
    "PGPASSWORD": "pgsecret",
    "PGHOST": "database",
    "DATABASE_URL": "postgresql://u:dbsecret@h/x",
    "MY_STORE": "redis://:hidden1@h/0",
    "HF_TOKEN": "hf-abcdef",
    "AWS_SECRET_ACCESS_KEY": "amazon",
    "GOOGLE_APPLICATION_CREDENTIALS": "/keys.json",
    "KOMADORI_OPERATOR_PASSWORD": "opsecret",
    "KOMADORI_QUEUE__BACKEND": "sqlite",
    "smtp_passwd": "mailmail",
}
PLAIN = {
    "PATH": "/usr/bin",
    "HOME": "/home/me",
    "LANG": "C.UTF-8",
    "LD_LIBRARY_PATH": "/usr/lib/cuda",
    "CUDA_VISIBLE_DEVICES": "0",
    "HF_HOME": "/models/hf",
    "TOKENIZERS_PARALLELISM": "false",
    "PWD": "/home/me",
    "SSH_AUTH_SOCK": "/run/agent",
    "XKB_KEYBOARD": "us",
    "https_proxy": "http://me:proxypass@proxy:3128",
}


def test_a_server_gets_what_it_needs_and_no_secrets() -> None:
    assert clean(SECRETS | PLAIN) == PLAIN


def test_secrets_and_what_the_setting_names_are_told_to_nobody() -> None:
    values = untold(SECRETS | PLAIN, {"MY_LOGIN": "zzsecret", "N": "0"})

    text = f"{' '.join(SECRETS.values())} zzsecret 0 proxypass dbsecret hidden1 /usr/bin"
    told = hide(text, values)

    for secret in ("ark-1111", "sk-proj", "pgsecret", "dbsecret", "hidden1", "zzsecret",
                   "opsecret", "proxypass", "mailmail"):  # fmt: skip
        assert secret not in told
    assert "sqlite" in told, "a setting that is no secret is a word like others"
    assert told.endswith("/usr/bin")
    assert " 0 " in told


def test_the_tail_of_a_log_has_none_of_them(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a" / "comfyui.log", ("zzsecretvalue",))
    with log.open_for_server() as file:
        file.write(b"using login zzsecretvalue for the registry\n")

    assert log.tail() == "using login *** for the registry"


def test_a_log_and_its_folder_are_for_us_only(tmp_path: Path) -> None:
    place = Place(tmp_path / "a")
    place.make()
    place.log.touch(mode=0o644)
    place.intend(Birth(0, 0.0, ("python", "--token", "x"), 1, 0.0, "http://a:1", "mark"))
    LogFile(place.log).open_for_server().close()

    assert place.folder.stat().st_mode & 0o777 == 0o700
    assert place.log.stat().st_mode & 0o777 == 0o600
    assert (place.folder / "process.json").stat().st_mode & 0o777 == 0o600


def hands_at(folder: Path) -> Hands:
    return Hands(ServerSettings(name="a", url="http://a:1", command=("x",)), Place(folder),
                 Patience())  # fmt: skip


def test_what_cannot_be_written_down_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hands = hands_at(tmp_path)
    (tmp_path / "process.json.part").mkdir()  # as a disk that refuses
    monkeypatch.setattr(Server, "start", lambda *_, **__: pytest.fail("it was started"))

    hands.start(1, 0.0)

    assert hands.process is None
    assert hands.fault.startswith("it cannot be started: ")


@pytest.mark.parametrize(
    ("verb", "is_there", "kind"),
    [
        (Verb.DRAIN, True, IncidentKind.NOTED),
        (Verb.RESUME, True, IncidentKind.NOTED),
        (Verb.STOP, True, IncidentKind.OPERATOR),
        (Verb.STOP, False, IncidentKind.NOTED),
    ],
)
def test_only_what_ends_a_server_is_an_operators_doing(
    tmp_path: Path, verb: Verb, is_there: bool, kind: IncidentKind
) -> None:
    hands = hands_at(tmp_path)
    hands.process = object() if is_there else None  # type: ignore[assignment]  # not looked at
    wishes = Wishes(hands, 1.0)

    happening = wishes.obey(Command(id="1", server="a", verb=verb, by="operator", at=0.0))

    assert happening is not None
    assert happening.kind is kind


def test_one_without_work_is_told_from_one_that_was_stopped(tmp_path: Path) -> None:
    hands = hands_at(tmp_path)
    wishes = Wishes(hands, 1.0)
    assert not wishes.is_only_unneeded

    wishes.unneeded = "it starts when there is work for it"
    assert wishes.is_only_unneeded
    hands.place.keep_stopped("stopped by operator")

    assert not wishes.is_only_unneeded
