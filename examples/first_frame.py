"""Draw a first frame from reference pictures, through the API of a running Komadori.

    python examples/first_frame.py "Mara reads" --scene room.jpg --character Mara=mara.png

Shows the draft, asks whether to draw the final picture (or takes --yes), and saves it. Without
--scene and --character it draws two references of its own.

Ends with 0 when the picture is saved, 1 when the job failed or Komadori refused it, 2 when the
command was wrong, 3 when some pictures are missing, and 130 after Ctrl-C; the job goes on then.
"""

import argparse
import concurrent.futures
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

PROMPT = "Mara stands at the window of her room and looks at the first snow. Dusk, a warm lamp."
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
        print(f"Session key, to come back to this picture later: {key}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            client = Client(
                arguments.url, verbose=False, download_files=folder, analytics_enabled=False
            )
        except (httpx.HTTPError, ValueError) as exc:
            print(f"No Komadori answers at {arguments.url} ({exc}).", file=sys.stderr)
            return 1
        try:
            return make_frame(client, arguments, key, Path(folder))
        except AppError as exc:
            print(f"Komadori says: {exc.message}", file=sys.stderr)
            return 1


def make_frame(client: Client, arguments: argparse.Namespace, key: str, folder: Path) -> int:
    """Submit the prompt, unless a job is given; approve its draft, and save what was drawn."""
    job_id = arguments.job or submit(client, arguments, key, folder)
    way_back = (
        f"To come back to it:\n  KOMADORI_SESSION_KEY={key} python {sys.argv[0]} "
        f"--job {job_id} --url {arguments.url} --out {arguments.out}"
    )
    try:
        job = follow(client, job_id, key)
        while not job["is_final"]:
            save(client, job_id, key, arguments.out)
            approve(client, job, key, arguments)
            job = follow(client, job_id, key)
        saved = save(client, job_id, key, arguments.out)
    except (KeyboardInterrupt, EOFError):
        print(f"\nStopped watching; the job is kept. {way_back}")
        return 130
    except LOST as exc:
        reason = str(exc) or type(exc).__name__
        print(f"\nThe connection was lost ({reason}); the job is kept. {way_back}")
        return 1
    tell(job, saved)
    return EXIT_CODES.get(job["state"], 1)


def submit(client: Client, arguments: argparse.Namespace, key: str, folder: Path) -> str:
    """Send the prompt with its references; return the job's id."""
    scene, characters = arguments.scene, dict(arguments.character)
    if scene is None and not characters:
        scene, characters = draw_references(folder)
    tell_providers(client)
    job = client.predict(
        prompt=arguments.prompt,
        scene_reference=handle_file(scene) if scene else None,
        characters=[
            {"name": name, "reference": handle_file(file)} for name, file in characters.items()
        ],
        size=arguments.size,
        provider=arguments.provider,
        candidates=arguments.candidates,
        draft=None if arguments.draft == "none" else arguments.draft,
        session_key=key,
        api_name="/create_frame",
    )
    return str(job["id"])


def draw_references(folder: Path) -> tuple[Path, dict[str, Path]]:
    """Draw a room and a person, for want of pictures; return the files."""
    room, person = folder / "room.png", folder / "mara.png"
    picture = Image.new("RGB", (1280, 720), "#e8dcc8")
    pen = ImageDraw.Draw(picture)
    pen.rectangle((0, 560, 1280, 720), fill="#8a6a4a")
    pen.rectangle((760, 120, 1100, 460), fill="#9db8cc", outline="#4a3a2a", width=14)
    pen.line((930, 120, 930, 460), fill="#4a3a2a", width=10)
    picture.save(room)
    picture = Image.new("RGB", (480, 720), "#f6f1e7")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((170, 70, 310, 230), fill="#e6b894", outline="#3a2a20", width=5)
    pen.pieslice((155, 50, 325, 230), 180, 360, fill="#3a2a20")
    pen.polygon(((240, 230), (110, 690), (370, 690)), fill="#5f7d68", outline="#3a2a20")
    picture.save(person)
    return room, {"Mara": person}


def tell_providers(client: Client) -> None:
    """Say who can draw now."""
    ready = [one for one in client.predict(api_name="/providers") if one["is_ready"]]
    names = [f"{one['name']} (auto)" if one["is_auto"] else one["name"] for one in ready]
    print(f"Can draw now: {', '.join(names) or 'not known before a worker has started'}")


def follow(client: Client, job_id: str, key: str) -> dict[str, Any]:
    """Show the job's progress until it has ended, or has a draft that waits for approval."""
    while True:
        job = client.predict(job_id=job_id, session_key=key, api_name="/job_status")
        line = f"{job['progress']:4.0%}  {job['state']}  {job['stage'] or ''}"
        print(f"\r{line:<{LINE_WIDTH}}", end="", flush=True)
        if job["is_final"] or is_awaited(job):
            print()
            return dict(job)
        time.sleep(POLL_S)


def is_awaited(job: dict[str, Any]) -> bool:
    """Whether the next word is ours."""
    return job["state"] == "WAITING" and (job["error"] or {}).get("code") == "approval"


def approve(client: Client, job: dict[str, Any], key: str, arguments: argparse.Namespace) -> None:
    """Have the final picture drawn, or another draft, as the person at the keyboard wishes."""
    answer = ""
    if not arguments.yes:
        print(f"The draft is in {arguments.out}.")
        answer = input("Enter draws the final picture; or say what should be different: ").strip()
    if answer:
        client.predict(job_id=job["id"], request=answer, session_key=key, api_name="/redo_draft")
    else:
        client.predict(job_id=job["id"], session_key=key, api_name="/approve_draft")


def save(client: Client, job_id: str, key: str, folder: Path) -> list[Path]:
    """Save the drafts and pictures that are drawn; return where the pictures lie."""
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    for one in client.predict(job_id=job_id, session_key=key, api_name="/job_pictures"):
        if one["picture"]:
            file = folder / f"{one['kind']}-{one['number']:03d}.webp"
            shutil.move(one["picture"], file)
            if one["kind"] == "frame":
                saved.append(file)
    return saved


def tell(job: dict[str, Any], saved: list[Path]) -> None:
    """Say where the pictures are, who drew them from what, and what they cost."""
    for file in saved:
        print(f"Saved {file}")
    for step in job["steps"]:
        made = step["making"]
        if made and step["kind"] == "frame":
            seed = "" if made["seed"] is None else f", seed {made['seed']}"  # not all take one
            print(f"  drawn by {made['label']} ({made['why']}){seed}")
            for one in made["references"]:
                sizes = f"{one['source_bytes']:,} -> {one['sent_bytes']:,} bytes"
                print(f"    {one['name'] or one['role']}: {sizes} in {one['seconds']:.3f} s")
    for price in job["cost"]:
        print(f"  cost: {price['amount']} {price['currency']}")
    for price in job["cost_unknown"]:
        print(f"  and up to {price['amount']} {price['currency']} for what was not answered")
    if job["error"]:
        print(f"{job['state']}: {job['error']['message']}", file=sys.stderr)


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Draw a first frame from reference pictures.")
    parser.add_argument("prompt", nargs="?", default=PROMPT, help="what is to be seen")
    parser.add_argument("--scene", type=picture_file, help="a picture of the place")
    parser.add_argument(
        "--character",
        nargs="+",
        action="extend",
        default=[],
        type=character,
        metavar="NAME=FILE",
        help="who is in the shot, with a picture",
    )
    parser.add_argument("--size", default="1280x720", help="width x height (default: 1280x720)")
    parser.add_argument("--provider", default="auto", help="who draws (default: auto)")
    parser.add_argument("--candidates", type=int, default=1, help="pictures to choose from")
    parser.add_argument(
        "--draft",
        choices=("sketch", "provider", "none"),
        default="sketch",
        help="what kind of draft comes first (default: sketch)",
    )
    parser.add_argument("--yes", action="store_true", help="approve the draft without asking")
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="where Komadori runs")
    parser.add_argument("--out", type=Path, default=Path("first-frame"), help="folder for pictures")
    parser.add_argument("--job", help="go on with this job instead of making a new one")
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


def character(text: str) -> tuple[str, Path]:
    """Split NAME=FILE."""
    name, is_pair, file = text.partition("=")
    if not is_pair or not name:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=FILE")
    return name, picture_file(file)


if __name__ == "__main__":
    sys.exit(main())
