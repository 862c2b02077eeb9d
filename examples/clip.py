"""Make a clip that begins with a picture, or one for each panel of a storyboard, by the API.

    python examples/clip.py "the camera moves closer" --first-frame room.jpg --seconds 3
    python examples/clip.py "wind" --job 5f1c… --panels 1 3 --workflow wan22-image-to-video

Without --first-frame and --job it draws a first frame of its own. Shows the progress and saves the
clips. It needs a ComfyUI; docs/clips.md says how to add one.

Ends with 0 when all clips are saved, 1 when the job failed or Komadori refused it, 2 when the
command was wrong, 3 when some clips are missing, and 130 after Ctrl-C; the job goes on then.
"""

import argparse
import concurrent.futures
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
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image, ImageDraw

PROMPT = "The camera moves slowly closer, the curtain stirs in the wind."
POLL_S = 0.3
LINE_WIDTH = 78
EXIT_CODES = {"COMPLETED": 0, "PARTIAL": 3}
LOST = (httpx.HTTPError, OSError, concurrent.futures.CancelledError)


def main() -> int:
    """Do what the command line says; return the exit code."""
    arguments = parse_arguments()
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # the client heeds both, or neither
    key = arguments.session_key or secrets.token_urlsafe(24)
    if not arguments.session_key:
        print(f"Session key, to come back to these clips later: {key}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            client = Client(
                arguments.url, verbose=False, download_files=folder, analytics_enabled=False
            )
        except (httpx.HTTPError, ValueError) as exc:
            print(f"No Komadori answers at {arguments.url} ({exc}).", file=sys.stderr)
            return 1
        try:
            return make_clips(client, arguments, key, Path(folder))
        except AppError as exc:
            print(f"Komadori says: {exc.message}", file=sys.stderr)
            return 1


def make_clips(client: Client, arguments: argparse.Namespace, key: str, folder: Path) -> int:
    """Submit, follow, and save what was made."""
    tell_workflows(client)
    job_id = submit(client, arguments, key, folder)
    try:
        job = follow(client, job_id, key)
        saved = save(client, job_id, key, arguments.out)
    except KeyboardInterrupt:
        print(f"\nStopped watching; the job {job_id} is kept, and its clips are in the page.")
        return 130
    except LOST as exc:
        reason = str(exc) or type(exc).__name__
        print(f"\nThe connection was lost ({reason}); the job {job_id} is kept.")
        return 1
    tell(job, saved)
    return EXIT_CODES.get(job["state"], 1)


def tell_workflows(client: Client) -> None:
    """Say which workflows can make clips now, and why the others can't."""
    known = [one for one in client.predict(api_name="/workflows") if one["makes"] == "clip"]
    ready = [one["name"] for one in known if one["is_ready"]]
    print(f"Can make clips now: {', '.join(ready) or 'none'}")
    for one in known:
        if not one["is_ready"]:
            print(f"  {one['name']} cannot: {one['reason']}")


def submit(client: Client, arguments: argparse.Namespace, key: str, folder: Path) -> str:
    """Send the picture, or name the job that has it; return the id of the clips' job."""
    source: dict[str, Any] = {"job_id": arguments.job, "panels": arguments.panels}
    if arguments.job is None:
        picture = arguments.first_frame or draw_first_frame(folder)
        source = {"first_frame": handle_file(picture)}
    job = client.predict(
        prompt=arguments.prompt,
        workflow=arguments.workflow,
        seconds=arguments.seconds,
        fps=arguments.fps,
        seed=arguments.seed,
        options=dict(arguments.option),
        session_key=key,
        api_name="/create_clip",
        **source,
    )
    return str(job["id"])


def draw_first_frame(folder: Path) -> Path:
    """Draw a room, for want of a picture; return the file."""
    file = folder / "room.png"
    picture = Image.new("RGB", (1280, 720), "#e8dcc8")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 560, 1280, 720), fill="#8a6a4a")
    pen.rectangle((760, 120, 1100, 460), fill="#9db8cc", outline="#4a3a2a", width=14)
    pen.line((930, 120, 930, 460), fill="#4a3a2a", width=10)
    pen.polygon(((700, 90), (800, 90), (770, 520), (690, 520)), fill="#b4553a")
    picture.save(file)
    return file


def follow(client: Client, job_id: str, key: str) -> dict[str, Any]:
    """Show the job's progress until it has ended; say what it waits for."""
    while True:
        job = client.predict(job_id=job_id, session_key=key, api_name="/job_status")
        what = running(job) or (job["error"] or {}).get("message", "")
        line = f"{job['progress']:4.0%}  {job['state']}  {what}"
        print(f"\r{line[:LINE_WIDTH]:<{LINE_WIDTH}}", end="", flush=True)
        if job["is_final"]:
            print()
            return dict(job)
        time.sleep(POLL_S)


def running(job: dict[str, Any]) -> str:
    """Return what the first running clip does: "ComfyUI a: Sampler 4 of 20"."""
    messages = [step["message"] for step in job["steps"] if step["state"] == "RUNNING"]
    return str(messages[0]) if messages else ""


def save(client: Client, job_id: str, key: str, out: Path) -> list[Path]:
    """Save the clips that are made; return their files."""
    out.mkdir(parents=True, exist_ok=True)
    saved = []
    for clip in client.predict(job_id=job_id, session_key=key, api_name="/job_clips"):
        if clip["clip"] is not None:
            saved.append(out / Path(clip["clip"]).name)
            shutil.copyfile(clip["clip"], saved[-1])
    return saved


def tell(job: dict[str, Any], saved: list[Path]) -> None:
    """Say how it ended, and where the clips are."""
    if job["error"]:
        print(job["error"]["message"])
    for step in job["steps"]:
        if step["error"]:
            print(f"clip {step['number']}: {step['state']}: {step['error']['message']}")
    for clip in job["clips"]:
        print(f"clip {clip['number']}: {clip['seconds']:.1f} s, {clip['frames']} frames")
    print(f"Saved: {', '.join(map(str, saved))}" if saved else "Nothing was saved.")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("prompt", nargs="?", default=PROMPT, help="how it moves")
    parser.add_argument("--first-frame", type=picture_file, metavar="FILE", help="the picture")
    parser.add_argument("--job", help="a storyboard or frame of this session key instead")
    parser.add_argument(
        "--panels", nargs="+", type=int, metavar="N", help="its panels (default: all)"
    )
    parser.add_argument("--workflow", default="auto", help="who makes it (default: auto)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long (default: 3)")
    parser.add_argument("--fps", type=int, default=16, help="frames a second (default: 16)")
    parser.add_argument("--seed", type=int, help="0 to 2147483647 (default: a new one)")
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        type=option,
        metavar="NAME=VALUE",
        help="an option of the workflow, as /workflows lists them",
    )
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="where Komadori runs")
    parser.add_argument("--out", type=Path, default=Path("clips"), help="folder for the clips")
    parser.add_argument(
        "--session-key",
        default=os.environ.get("KOMADORI_SESSION_KEY"),
        help="your own secret, 16 characters or more (default: $KOMADORI_SESSION_KEY, else new)",
    )
    return parser.parse_args()


def picture_file(text: str) -> Path:
    """Return the path of a file that is there."""
    file = Path(text)
    if not file.is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    return file


def option(text: str) -> tuple[str, Any]:
    """Split NAME=VALUE; numbers, true and false are read as such, all else is text."""
    name, is_pair, value = text.partition("=")
    if not is_pair or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


if __name__ == "__main__":
    sys.exit(main())
