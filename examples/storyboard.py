"""Make a storyboard from a text file, through the API of a running Komadori.

    python examples/storyboard.py story.txt --panels 8 --style mood=calm --out panels/

Ends with 0 when all panels are drawn, 1 when the job failed or Komadori refused it, 2 when the
command was wrong, 3 when some panels are missing, and 130 after Ctrl-C; the job goes on then.
"""

import argparse
import concurrent.futures
import contextlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from gradio_client import Client
from gradio_client.exceptions import AppError

BAR_WIDTH = 24
LINE_WIDTH = 78
SILENCE_S = 20  # the stream brings something every 5 s; the client does not see a server die
EXIT_CODES = {"COMPLETED": 0, "PARTIAL": 3}
LOST = (httpx.HTTPError, OSError, concurrent.futures.CancelledError)


def main() -> int:
    """Do what the command line says; return the exit code."""
    arguments = parse_arguments()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # the client heeds both, or neither
    key = arguments.session_key or secrets.token_urlsafe(24)
    if not arguments.session_key:
        print(f"Session key, to come back to this storyboard later: {key}")
    with tempfile.TemporaryDirectory() as downloads:
        try:
            client = Client(
                arguments.url, verbose=False, download_files=downloads, analytics_enabled=False
            )
        except (httpx.HTTPError, ValueError) as exc:
            print(f"No Komadori answers at {arguments.url} ({exc}).", file=sys.stderr)
            return 1
        try:
            return make_storyboard(client, arguments, key)
        except AppError as exc:
            print(f"Komadori says: {exc.message}", file=sys.stderr)
            return 1


def make_storyboard(client: Client, arguments: argparse.Namespace, key: str) -> int:
    """Submit the story, unless a job is given, follow it to its end and save its panels."""
    job_id = arguments.job or submit(client, arguments, key)
    way_back = (
        f"To come back to it:\n  KOMADORI_SESSION_KEY={key} python {sys.argv[0]} "
        f"--job {job_id} --url {arguments.url} --out {arguments.out}"
    )
    try:
        job = follow(client, job_id, key)
        saved, total = save(client, job_id, key, arguments.out)
    except KeyboardInterrupt:
        print(f"\nStopped watching; the job goes on. {way_back}")
        return 130
    except LOST as exc:
        reason = str(exc) or type(exc).__name__
        print(f"\nThe connection was lost ({reason}); the job is kept. {way_back}")
        return 1
    print(f"{saved} of {total} panels saved in {arguments.out}")
    if job["error"]:
        print(f"{job['state']}: {job['error']['message']}", file=sys.stderr)
    return EXIT_CODES.get(job["state"], 1)


def submit(client: Client, arguments: argparse.Namespace, key: str) -> str:
    """Send the story; return the job's id."""
    job = client.predict(
        story=arguments.text,
        panels=arguments.panels,
        style=dict(arguments.style),
        session_key=key,
        api_name="/create_storyboard",
    )
    return str(job["id"])


def follow(client: Client, job_id: str, key: str) -> dict[str, Any]:
    """Show the job's progress until it is final; return it then."""
    stream = client.submit(job_id=job_id, session_key=key, api_name="/follow_job")
    shown, heard_at = 0, time.monotonic()
    try:
        while not stream.done():
            views = stream.outputs()
            if len(views) > shown:
                show(views[-1])
                shown, heard_at = len(views), time.monotonic()
            elif time.monotonic() - heard_at > SILENCE_S:
                raise TimeoutError(f"nothing was heard for {SILENCE_S} s")
            time.sleep(0.1)
        job = dict(stream.result())
        show(job)
        print()
        if not job["is_final"]:
            raise ConnectionError("Komadori was stopped")
        return job
    finally:
        if not stream.done():  # else the client would wait for the stream's end
            with contextlib.suppress(*LOST):
                stream.cancel()


def show(job: dict[str, Any]) -> None:
    """Draw the progress bar over the last one."""
    filled = round(job["progress"] * BAR_WIDTH)
    bar = "#" * filled + "." * (BAR_WIDTH - filled)
    notes = [f"position {job['position']}"] if job["position"] else []
    if job["eta_s"]:
        notes.append(f"about {job['eta_s']:.0f} s left")
    line = f"[{bar}] {job['progress']:4.0%}  {job['state']}  {', '.join(notes)}"
    print(f"\r{line:<{LINE_WIDTH}}", end="", flush=True)


def save(client: Client, job_id: str, key: str, folder: Path) -> tuple[int, int]:
    """Save the pictures and panels.json; return how many pictures and panels there are."""
    folder.mkdir(parents=True, exist_ok=True)
    panels = client.predict(job_id=job_id, session_key=key, api_name="/job_panels")
    saved = 0
    for panel in panels:
        if panel["picture"]:
            name = f"panel-{panel['number']:03d}.webp"
            shutil.move(panel["picture"], folder / name)
            panel["picture"] = name
            saved += 1
    text = json.dumps(panels, ensure_ascii=False, indent=2)
    (folder / "panels.json").write_text(text + "\n", encoding="utf-8")
    return saved, len(panels)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Make a storyboard from a text file.")
    parser.add_argument("story", nargs="?", type=Path, help="the text file (UTF-8)")
    parser.add_argument("--panels", type=int, default=6, help="how many panels (default: 6)")
    parser.add_argument(
        "--style",
        nargs="+",
        action="extend",
        default=[],
        type=style_parameter,
        metavar="KEY=VALUE",
        help="for example mood=calm color_palette='warm greys'",
    )
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="where Komadori runs")
    parser.add_argument(
        "--out", type=Path, default=Path("storyboard"), help="folder for the panels"
    )
    parser.add_argument("--job", help="follow and save this job instead of making a new one")
    parser.add_argument(
        "--session-key",
        default=os.environ.get("KOMADORI_SESSION_KEY"),
        help="your own secret, 16 characters or more (default: $KOMADORI_SESSION_KEY, else new)",
    )
    arguments = parser.parse_args()
    if arguments.job is None and (arguments.story is None or not arguments.story.is_file()):
        parser.error(f"there is no text file {arguments.story or '(none was named)'}")
    if arguments.job is None:
        try:
            arguments.text = arguments.story.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError:
            parser.exit(2, f"{arguments.story} is not a text in UTF-8. Save it as UTF-8 first.\n")
    return arguments


def style_parameter(text: str) -> tuple[str, str]:
    """Split KEY=VALUE."""
    name, is_pair, value = text.partition("=")
    if not is_pair:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
