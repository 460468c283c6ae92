"""What the client raises, in our words."""

from __future__ import annotations

import errno

import pytest

from builders.errors import ShopmixError
from builders.publish.checks import check_formats
from builders.publish.talk import AGAIN, talking


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ConnectionResetError("peer is gone"), f"the connection failed (peer is gone); {AGAIN}"),
        (TimeoutError(), f"the connection failed (TimeoutError); {AGAIN}"),
        (ValueError("not\n a card"), "not a card"),
        (ValueError("403 for 'http://here/a?sign=secret&x=1'."), "403 for 'http://here/a'."),
        (
            OSError(errno.ENOSPC, "No space left on device", "/cache"),
            f"the disk is full (/cache): make room, then {AGAIN}",
        ),
    ],
)
def test_errors(raised: Exception, said: str) -> None:
    wrapped = RuntimeError("Error while uploading 'a' to the Hub.")
    for error, cause in ((raised, None), (wrapped, raised)):
        with pytest.raises(ShopmixError) as told, talking("you/shopmix, sending"):
            raise error from cause
        assert str(told.value) == f"you/shopmix, sending: {said}"


def test_our_own_errors_stay() -> None:
    with pytest.raises(ShopmixError, match=r"^ours$"), talking("doing"):
        raise ShopmixError("ours")


@pytest.mark.parametrize(
    "files", ["a.csv", "[b/*.parquet, a.csv]", "{train: b.parquet, test: a.csv}"]
)
def test_formats(files: str) -> None:
    card = f"---\nconfigs:\n- config_name: raw\n  data_files: {files}\n---\n"
    with pytest.raises(ShopmixError, match=r"config raw of a\.csv"):
        check_formats(card, ["v8"])
    check_formats(card, ["raw"])
    check_formats(card.replace(".csv", ".parquet"), ["v8"])
    check_formats("---\nconfigs:\n- config_name: raw\n  data_dir: raw\n---\n", ["v8"])
