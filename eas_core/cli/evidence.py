"""The commands about records of several seeds: the paper's claims, releases, single tables and figures."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from eas_core.cli import named


def claims(options: Namespace) -> None:
    runs = named.finished_of_seeds(options)
    from eas_core.evidence import claims
    from eas_core.runs import jobs, releases

    collected = [jobs.collect(run, make=False) for run in runs]
    judged = claims.judge(collected)
    for claim in judged:
        print(f"{claim.verdict:14s} {claim.statement} {claim.ours}")
    for path in releases.publish_evidence(collected, Path(options.out)) if options.out else ():
        print(path)


def release(options: Namespace) -> None:
    runs = named.finished_of_seeds(options)
    from eas_core.runs import releases_publish
    from eas_core.show import release_card

    for path in releases_publish.publish(runs, Path(options.out), release_card.card, options.weights, options.partial):
        print(path)


def restore(options: Namespace) -> None:
    from eas_core.runs import releases

    content = named.released_content(options)
    print(releases.restore(content, options.runs, overrides=options.overrides, device=options.device).root)


def reproduce(options: Namespace) -> None:
    """One table, figure or claim by itself: makes what it needs, prints expected beside obtained numbers."""
    runs = named.of_seeds(options)
    from eas_core.show import items, reproduced

    if options.what is None:
        for item in items.ITEMS.values():
            print(f"{item.key:18s} {item.what}")
        return
    wanted = items.item(options.what)
    for run in runs:
        reproduced.check_tasks(wanted, run.profile.name, run.tasks)
        if wanted.needs:
            run.check_data()
    from eas_core.runs import partly

    evidence = [partly.gather(run.ready(), wanted.needs) for run in runs]
    found = reproduced.reproduce(wanted, evidence, runs[0].tasks)
    for path in reproduced.write(found, Path(options.out)) if options.out else ():
        print(path)
    print(found.table.to_string())
    print("\n".join(found.notes))
    reproduced.refuse_unexpected(found)
