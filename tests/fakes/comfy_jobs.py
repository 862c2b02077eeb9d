"""The jobs of the fake ComfyUI as /api/jobs tells of them: queue and history in one look."""

from typing import Any

from tests.fakes.comfy_queue import Item, PromptQueue

STATES = ("pending", "in_progress", "completed", "failed", "cancelled")


def all_jobs(queue: PromptQueue) -> list[dict[str, Any]]:
    """Return all jobs in short, the youngest first."""
    running, pending = queue.current()
    jobs = [_waiting(item, "pending") for item in pending]
    jobs += [_waiting(item, "in_progress") for item in running]
    jobs += [_ended(prompt_id, entry) for prompt_id, entry in queue.history().items()]
    return sorted(jobs, key=lambda job: job["create_time"] or 0, reverse=True)


def one_job(queue: PromptQueue, prompt_id: str, *, is_newer: bool) -> dict[str, Any] | None:
    """Return all that is known of a job, or None."""
    if entry := queue.history(prompt_id).get(prompt_id):
        extra = {
            "outputs": entry["outputs"],
            "execution_status": entry["status"],
            "workflow": {"prompt": entry["prompt"][2], "extra_data": entry["prompt"][3]},
        }
        return {**_ended(prompt_id, entry), **extra}
    running, pending = queue.current()
    for items, state in ((running, "in_progress"), (pending, "pending")):
        for item in items:
            if item[1] == prompt_id:
                workflow = {"workflow": {"prompt": item[2], "extra_data": item[3]}}
                return {**_waiting(item, state), **(workflow if is_newer else {})}
    return None


def _waiting(item: Item, state: str) -> dict[str, Any]:
    number, prompt_id, _, extra, _ = item
    return {
        "id": prompt_id,
        "status": state,
        "priority": number,
        "create_time": extra.get("create_time"),
        "outputs_count": 0,
    }


def _ended(prompt_id: str, entry: dict[str, Any]) -> dict[str, Any]:
    messages = dict(entry["status"]["messages"])
    told: dict[str, Any] = {
        "id": prompt_id,
        "status": _state(entry, messages),
        "priority": entry["prompt"][0],
        "create_time": entry["prompt"][3].get("create_time"),
    }
    if start := messages.get("execution_start"):
        told["execution_start_time"] = start["timestamp"]
    for kind in ("execution_success", "execution_error", "execution_interrupted"):
        if kind in messages:
            told["execution_end_time"] = messages[kind]["timestamp"]
    if "execution_error" in messages:
        told["execution_error"] = messages["execution_error"]
    shown = [
        {**file, "nodeId": node_id, "mediaType": "images"}
        for node_id, output in entry["outputs"].items()
        for file in output.get("images", [])
    ]
    told["outputs_count"] = len(shown)
    if shown:
        kept = [one for one in shown if one["type"] == "output"]
        told["preview_output"] = (kept or shown)[0]
    return told


def _state(entry: dict[str, Any], messages: dict[str, Any]) -> str:
    if entry["status"]["status_str"] == "success":
        return "completed"
    return "cancelled" if "execution_interrupted" in messages else "failed"
