"""A publish from beginning to end: nothing is sent before all that can be checked here is."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from huggingface_hub.utils.tqdm import disable_progress_bars
from rich.text import Text

from builders.console import Reporter
from builders.errors import ShopmixError
from builders.mixture.manifest import Manifest
from builders.publish.checks import benchmarks, check_formats, check_leaks, check_licences, local
from builders.publish.hub import Head, Hub
from builders.publish.overlap import overlaps
from builders.publish.plan import Plan, mixtures_of, plan
from builders.publish.send import send
from builders.publish.settings import Settings
from builders.publish.verify import check_packages, verify
from builders.publish.words import counted

#: Of the files that a version has otherwise so many are named.
_NAMED = 3


def publish(settings: Settings, report: Reporter) -> None:
    """Publish mixtures as a version: one commit, one tag.

    Raises `ShopmixError`. The tag is set when all has been read back, and is never moved; where it
    is set and holds the same, only what comes after it is done.
    """
    check_packages()
    ours = local(settings.folder, settings.mixtures)
    rows = sum(one.rows for one in ours.values())
    report.note(f"{', '.join(ours)}: {counted(rows, 'row')}, all shards are whole")
    known = benchmarks(settings.benchmark)
    check_leaks(ours.values(), known, report)
    report.note(f"no question of {', '.join(one.name for one in known)} is in them")
    for line in overlaps(ours):
        report.note(line)
    guarded = settings.public and not settings.i_have_checked
    if guarded:
        check_licences(one.manifest for one in ours.values())
    hub = Hub(settings.repo)
    user = hub.check_token()
    head = hub.head()
    if head and not head.private and not settings.public:
        raise ShopmixError(f"{hub.repo} is public: add --public, or choose another with --repo")

    def planned(head: Head | None) -> Plan:
        def read(path: str) -> str:
            return hub.text(path, head.commit) if head else ""

        made = plan(head, read, ours, settings.repo, settings.version, report.note)
        check_formats(made.card[1], made.manifests.keys())
        if guarded and head and head.private:
            _check_history(hub, report)
        return made

    done = hub.tagged(settings.tag) if head else None
    if head and done:
        _check_version(planned(replace(head, commit=done, files=hub.files(done))), done, settings)
    if settings.dry_run:
        if done:
            report.note(f"{settings.repo} {settings.tag} is published already, at {done}")
        else:
            _show(planned(head), head, settings, report)
        report.note(f"a dry run: nothing was sent; it would be {_seen(settings)}")
        return
    if not report.console.is_terminal:
        disable_progress_bars()
    if head is None:
        planned(None)
        hub.create()
        report.note(f"{user} has made the data set {settings.repo}, private")
    commit = done
    if commit is None:
        commit = send(hub, planned, f"{settings.tag}: {', '.join(ours)}", report.note)
        verify(hub, commit, ours, report.note)
        hub.tag(settings.tag, commit)
    if settings.public and (head is None or head.private):
        hub.make_public()
    what = f"is published{' already' if done else ''}, {_seen(settings)}, at {commit}"
    report.note(f"{settings.repo} {settings.tag} {what}")
    for name in ours:
        line = f'load_dataset("{settings.repo}", "{name}", revision="{settings.tag}")'
        report.console.print(Text(line), soft_wrap=True)


def _check_version(there: Plan, commit: str, settings: Settings) -> None:
    """Raises `ShopmixError` where the version's commit is not what a publish would make of it."""
    if others := there.changed:
        more = f" and {len(others) - _NAMED:,} more" if len(others) > _NAMED else ""
        raise ShopmixError(
            f"{settings.repo} has {settings.tag} already, at {commit}, with another "
            f"{', '.join(others[:_NAMED])}{more}: a version is never changed, publish as the next "
            f"one"
        )


def _check_history(hub: Hub, report: Reporter) -> None:
    """Who may see a repo sees all that was ever committed to it."""
    known: set[str] = set()
    past: list[Manifest] = []
    for commit in hub.history():
        files = {path: file for path, file in hub.files(commit).items() if file.blob not in known}
        known |= {file.blob for file in files.values()}
        past += mixtures_of(files, partial(hub.text, commit=commit), report.note).values()
    check_licences(past, f"--public, by which all commits of {hub.repo} are seen,")


def _seen(settings: Settings) -> str:
    return "public" if settings.public else "private"


def _show(made: Plan, head: Head | None, settings: Settings, report: Reporter) -> None:
    where = f"upon {head.commit}" if head else "the data set would be made, private"
    report.note(f"the commit on {settings.repo} for {settings.tag}, {where}:")
    for line in made.told():
        report.console.print(Text(line), soft_wrap=True)
