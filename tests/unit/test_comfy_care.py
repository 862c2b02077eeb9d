"""Limits, plans, logs and answers of a supervised server, without a server."""

import ast
from pathlib import Path
from typing import Any

import pytest

import komadori.monitors.comfy as package
from komadori.domain.servers import Sample
from komadori.monitors.comfy.hands import resolved
from komadori.monitors.comfy.logfile import LogFile, explain, plain, redact
from komadori.monitors.comfy.place import Birth, Place
from komadori.monitors.comfy.planning import Course, Planner
from komadori.monitors.comfy.probe import Look, Queue, may_interrupt_by_id, without_secrets
from komadori.monitors.comfy.reporting import Before
from komadori.monitors.comfy.resources import Pressure, Relief
from komadori.monitors.comfy.rules import Rules
from komadori.monitors.comfy.trend import Leak
from komadori.monitors.comfy.verdicts import Verdict
from komadori.settings import ComfySettings, ServerLimits, load_settings

LIMITS = ServerLimits(memory_percent=85, cpu_percent=80, vram_percent=95)
GB = 10**9
HOUR = 3600.0


def pressure() -> Pressure:
    return Pressure(LIMITS, Rules(), ram_total=100 * GB)


def sample(at: float, **values: Any) -> Sample:
    return Sample(at=at, **({"ram_percent": 50.0, "rss": 40 * GB, "cpu_percent": 10.0} | values))


def follow(
    one: Pressure, seconds: int, *, begin: int = 0, is_idle: bool = True, **values: Any
) -> list[tuple[int, Relief]]:
    """Show the same use every 10 seconds; return what was to be done, and when."""
    found = []
    for at in range(begin, begin + seconds, 10):
        relief = one.see(sample(float(at), **values), is_idle=is_idle)
        if relief != Relief():
            found.append((at, relief))
    return found


def test_too_much_memory_is_freed_then_fewer_prompts_then_a_restart() -> None:
    one = pressure()

    found = follow(one, 70, ram_percent=90.0)

    assert found[0][0] == 20
    assert found[0][1].free == "RAM is at 90 %, over the limit of 85 %"
    assert found[1][0] == 50
    assert "also after its memory was freed" in found[1][1].restart
    assert one.at_once == 1


def test_a_peak_is_let_be() -> None:
    one = pressure()

    found = [
        one.see(sample(10.0 * n, ram_percent=99.0 if n % 3 else 50.0), is_idle=True)
        for n in range(30)
    ]

    assert set(found) == {Relief()}


def test_a_server_that_is_not_the_reason_is_not_started_anew() -> None:
    found = follow(pressure(), 3000, ram_percent=95.0, rss=5 * GB)

    assert all(relief.restart == "" for _, relief in found)
    assert len(found) <= 5, "and it is not freed all the time"


def test_after_a_restart_for_memory_there_is_no_second_one_soon() -> None:
    one = pressure()
    follow(one, 60, ram_percent=90.0)
    one.began_anew(60.0)

    found = follow(one, 1200, begin=60, ram_percent=90.0)

    assert min(at for at, relief in found if relief.restart) > 60 + 600


def test_a_full_gpu_counts_only_while_nothing_runs() -> None:
    assert follow(pressure(), 300, vram_percent=99.0, is_idle=False) == []
    assert follow(pressure(), 300, vram_percent=99.0)[0][1].free.startswith("VRAM is at 99 %")


def test_a_busy_processor_means_one_prompt_at_once_until_it_rests() -> None:
    one = pressure()
    assert one.at_once == 2

    follow(one, 40, cpu_percent=95.0)
    assert one.at_once == 1
    follow(one, 100, begin=40, cpu_percent=75.0)
    assert one.at_once == 1, "a little less is not enough"
    follow(one, 40, begin=140, cpu_percent=20.0)
    assert one.at_once == 2


def settings(**changes: Any) -> ComfySettings:
    return load_settings().comfyui.model_copy(update=changes)


def course(now: float, **more: Any) -> Course:
    return Course(**({"now": now, "started_at": 0.0, "prompts": 0, "idle_since": None} | more))


def test_a_restart_by_count_waits_until_nothing_runs() -> None:
    planner = Planner(settings(recycle_after_prompts=100))

    assert planner.see(course(1.0, prompts=99)).text == ""
    plan = planner.see(course(2.0, prompts=100))
    assert (plan.drains, plan.is_due) == (True, False)
    assert plan.text == "restart between prompts: it has done 100 prompts"
    planner.see(course(3.0, prompts=100, idle_since=3.0))
    assert planner.see(course(6.0, prompts=100, idle_since=3.0)).is_due


def test_a_restart_by_age_says_so() -> None:
    plan = Planner(settings(recycle_after_hours=12)).see(course(12.5 * HOUR))

    assert plan.reason == "it has run for 12.5 hours"


def test_memory_that_needs_a_restart_is_not_forgotten_while_prompts_run() -> None:
    planner = Planner(settings())
    planner.see(course(1.0, relief="RAM is at 90 %"))

    assert planner.see(course(2.0)).drains
    planner.began_anew()
    assert planner.see(course(3.0)).text == ""


def test_a_leak_waits_for_a_gap_and_says_until_when() -> None:
    planner = Planner(settings())
    leak = Leak(210e6 / HOUR, reaches_at=9 * HOUR, reaches_early_at=8 * HOUR)

    busy = planner.see(course(HOUR, leak=leak))
    short = planner.see(course(HOUR, leak=leak, idle_since=HOUR - 30))
    gap = planner.see(course(HOUR, leak=leak, idle_since=HOUR - 60))
    work = planner.see(course(HOUR, leak=leak, idle_since=HOUR - 60, backlog=1))

    assert busy.text.startswith("restart in a gap before ")
    assert busy.text.endswith("its memory grows by 210 MB an hour")
    assert [one.is_due for one in (busy, short, gap, work)] == [False, False, True, False]
    assert not busy.drains


def test_a_leak_that_is_about_to_reach_the_limit_takes_no_more_prompts() -> None:
    leak = Leak(1e6, reaches_at=1000.0, reaches_early_at=800.0)

    assert Planner(settings()).see(course(100.0, leak=leak)).drains


def test_a_leak_that_takes_days_is_not_worth_a_plan() -> None:
    leak = Leak(1.0, reaches_at=99 * HOUR, reaches_early_at=90 * HOUR)

    assert Planner(settings()).see(course(0.0, leak=leak)).text == ""


@pytest.mark.parametrize(
    "text",
    [
        "api_key=Kd83hs8Hs82",
        '"HF_TOKEN": "Kd83hs8Hs82"',
        "Authorization: Bearer Kd83hs8Hs82",
        "password: Kd83hs8Hs82",
        "http://user:Kd83hs8Hs82@host/",
        "https://civitai.com/model?token=Kd83hs8Hs82&x=1",
        "using sk-abcdKd83hs8Hs82xyzt for this",
        "hf_abcdKd83hs8Hs82xyzt",
    ],
)
def test_secrets_are_taken_out_of_logs(text: str) -> None:
    assert "Kd83hs8Hs82" not in redact(text)


def test_what_is_no_secret_stays_in_logs() -> None:
    text = "got prompt\nTokenizing 12 tokens; seed=8839922; loaded /models/sk_xl.safetensors"

    assert redact(text) == text


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ModuleNotFoundError: No module named 'torch'", "a Python package is missing: torch"),
        ("Port 8188 is already in use on address 127.0.0.1.", "its port is in use"),
        ("OSError: [Errno 98] ... address already in use", "its port is in use"),
        ("main.py: error: unrecognized arguments: --fast", "does not know the options --fast"),
        ("ASSETS_STARTUP_FAILED: in_use", "its own --database-url"),
        ("torch.OutOfMemoryError: CUDA out of memory.", "the GPU ran out of memory"),
        ("RuntimeError: [enforce fail] DefaultCPUAllocator: not enough memory", "the machine ran"),
        ("all is well", ""),
    ],
)
def test_known_faults_in_logs_are_told_in_words(line: str, words: str) -> None:
    assert words in explain(f"Starting\n{line}\n", is_start=True)
    assert bool(explain(line, is_start=True)) == bool(words)


def test_warnings_of_a_start_are_no_reason_of_a_later_end() -> None:
    log = "No module named 'triton'\nCUDA out of memory\nTo see the GUI go to: http://x\ngot prompt"

    assert explain(log) == ""
    assert explain(log + "\nFatal Python error: Segmentation fault") == "Python: Segmentation fault"


def test_a_log_is_read_as_it_grows_and_its_tail_is_short(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "comfyui.log")
    with log.open_for_server() as file:
        file.write(b"\x1b[32m[INFO]\x1b[0m got prompt\n 10%|#\r 20%|##\r")
        file.flush()
        assert log.read_new() == (True, ["got prompt", " 10%|#", " 20%|##"])
        assert log.read_new() == (False, [])
        file.write(b" 30%|##")
        file.flush()
        assert log.read_new() == (True, []), "a bar that moves is a sign of life"
        file.write(b"\n" + b"line\n" * 500)
    assert len(log.tail().splitlines()) == 200
    assert plain("\x1b[1m\x1b[31m[ERROR]\x1b[0m x") == "x"


def test_logs_of_earlier_starts_are_kept_under_numbers(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "comfyui.log")
    for number in range(6):
        with log.open_for_server() as file:
            file.write(f"start {number}\n".encode())

    assert log.tail() == "start 5"
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["comfyui.log", "comfyui.log.1", "comfyui.log.2", "comfyui.log.3"]
    assert (tmp_path / "comfyui.log.1").read_text() == "start 4\n"


def test_a_log_without_end_is_cut_while_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("komadori.monitors.comfy.logfile.MOST_BYTES", 1000)
    log = LogFile(tmp_path / "comfyui.log")
    with log.open_for_server() as file:
        file.write(b"x" * 2000 + b"\n")
        file.flush()
        log.cut()
        file.write(b"after\n")

    assert log.path.read_bytes() == b"after\n"
    assert (tmp_path / "comfyui.log.1").stat().st_size == 2001


def test_a_place_remembers_and_forgets(tmp_path: Path) -> None:
    place = Place(tmp_path / "a")
    birth = Birth(7, 1.5, ("python", "main.py"), 3, 2.0, "http://127.0.0.1:8188")
    assert (place.birth(), place.boots(), place.stopped_because) == (None, 0, "")

    place.intend(birth)
    place.keep_stopped("stopped by operator")

    assert (place.birth(), place.boots()) == (birth, 3)
    assert place.stopped_because == "stopped by operator"
    place.forget()
    place.let_run()
    assert (place.birth(), place.boots(), place.stopped_because) == (None, 3, "")


def test_a_command_is_found_as_from_its_own_folder() -> None:
    home = str(Path.home())

    assert resolved(("venv/bin/python", "main.py", "~/x"), Path("/comfy")) == (
        "/comfy/venv/bin/python",
        "main.py",
        f"{home}/x",
    )
    assert resolved(("python", "main.py"), Path("/comfy")) == ("python", "main.py")
    assert resolved(("/bin/python",), Path("/comfy")) == ("/bin/python",)
    assert resolved(("~/c/python",), Path("/comfy")) == (f"{home}/c/python",)


def test_a_damaged_process_file_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "process.json").write_text('{"pid": 1')

    assert Place(tmp_path).birth() is None


@pytest.mark.parametrize(
    ("version", "may"),
    [("0.3.56", False), ("0.3.57", True), ("0.27.0", True), ("0.3", False), ("", False)],
)
def test_only_servers_that_know_how_are_told_to_interrupt_one_prompt(
    version: str, may: bool
) -> None:
    assert may_interrupt_by_id(version) is may


def test_addresses_are_told_without_their_passwords() -> None:
    assert without_secrets("http://me:secret@host:8188/x") == "http://host:8188/x"


def ok(number: int | None) -> Look:
    return Look(Verdict.OK, queue=Queue(number=number))


def test_a_server_of_others_that_counts_from_zero_again_was_started_anew() -> None:
    before = Before()
    boots = []
    for look in (ok(4), ok(None), ok(9), ok(0), ok(1), Look(Verdict.TIMEOUT), ok(1), ok(None)):
        before = before.seeing(look)
        boots.append(before.boot)
    assert boots == [1, 1, 1, 2, 2, 2, 2, 2]

    before = before.seeing(Look(Verdict.REFUSED)).seeing(ok(None))

    assert (before.boot, before.restarts) == (3, 2)


_ONLY_ON_UNIX = {"fcntl", "pwd", "grp", "resource", "termios", "pty"}


@pytest.mark.parametrize("path", sorted(Path(package.__file__).parent.glob("*.py")), ids=str)
def test_nothing_of_it_needs_unix_to_be_imported(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    assert not names & _ONLY_ON_UNIX
