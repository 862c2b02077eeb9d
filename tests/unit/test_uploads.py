"""Files that cross the API: only uploads are read, only copies that were offered are found."""

from pathlib import Path

import pytest

from komadori.domain.ids import ArtifactId
from komadori.errors import RequestRejected
from komadori.ui import uploads as module
from komadori.ui.uploads import Uploads, sweep

pytestmark = pytest.mark.unit

PICTURE = ArtifactId("a" * 20)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "gradio"
    folder.mkdir()
    return folder


async def test_an_uploaded_file_is_read(folder: Path) -> None:
    (folder / "mei.png").write_bytes(b"picture")

    data = await Uploads(folder).read({"path": str(folder / "mei.png")}, "reference")

    assert data == b"picture"


@pytest.mark.parametrize(
    "path",
    ["{out}/secret", "{in}/../secret", "{in}/link", "{in}", "{in}/no", "{in}/\0", "x", "", None, 5],
)
async def test_anything_but_an_uploaded_file_is_refused(folder: Path, path: object) -> None:
    outside = folder.parent
    (outside / "secret").write_text("secret")
    (folder / "link").symlink_to(outside / "secret")
    if isinstance(path, str):
        path = path.replace("{out}", str(outside)).replace("{in}", str(folder))

    with pytest.raises(RequestRejected, match=r"characters\.0\.reference.*handle_file"):
        await Uploads(folder).read({"path": path}, "characters.0.reference")


async def test_a_file_that_is_too_large_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "UPLOAD_MAX_BYTES", 5)
    (folder / "mei.png").write_bytes(b"picture")

    with pytest.raises(RequestRejected, match="larger"):
        await Uploads(folder).read({"path": str(folder / "mei.png")}, "reference")


async def test_an_offered_copy_has_a_path_that_only_this_process_can_compute(folder: Path) -> None:
    source = folder.parent / "full"
    source.write_bytes(b"picture")
    uploads = Uploads(folder)

    first = await uploads.offer(PICTURE, source, "panel-001-v1.webp")
    again = await uploads.offer(PICTURE, source, "panel-001-v1.webp")
    elsewhere = await Uploads(folder).offer(PICTURE, source, "panel-001-v1.webp")

    assert first == again
    assert first["path"] != elsewhere["path"]
    copy = Path(first["path"])
    assert copy.read_bytes() == b"picture"  # noqa: ASYNC240 (a test may wait)
    assert copy.name == "panel-001-v1.webp"
    assert len(copy.parent.name) == 64
    assert [file.name for file in copy.parent.iterdir()] == [copy.name]


async def test_a_copy_is_made_where_files_cannot_be_linked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_link(source: object, target: object) -> None:
        raise OSError("another device")

    monkeypatch.setattr("os.link", no_link)
    source = folder.parent / "full"
    source.write_bytes(b"picture")

    offered = await Uploads(folder).offer(PICTURE, source, "panel.webp")

    assert Path(offered["path"]).read_bytes() == b"picture"  # noqa: ASYNC240 (a test may wait)


def test_files_are_swept_when_their_day_is_over_and_not_before(folder: Path) -> None:
    file = folder / "abc" / "mei.png"
    file.parent.mkdir()
    file.write_bytes(b"picture")

    sweep(folder, older_than_s=60)
    assert file.exists()

    sweep(folder, older_than_s=-60)
    assert list(folder.iterdir()) == []
