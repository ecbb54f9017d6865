# Trains and tests in jobs, executes the book's notebooks from what they made, and builds the book; all by papermill.
#
#   make book PROFILE=demo SEED=0                                  the usual way to run this
#   snakemake -c2 claims --config seeds=0,1,2                      all jobs of three seeds, and the page of claims
#   snakemake claims --profile slurm --config profile=tiny-imagenet-10 seeds=0,1,2  the same on a cluster
#
#   snakemake -c2 book --config from=demo                          the book from a release, without training
#
# --config takes profile, seed or seeds (the book's own seed first), or instead of them from (a release, which has its own),
# runs, set="supernet.batch_size=64 ..." (settings separated by blanks; one with blanks in it in quotes, as in a shell),
# threads (of one job) and gpu: how many GPUs a job takes that trains, searches or tests. On one machine such jobs then run one at a
# time (--resources gpu=4 gpu=1: four); 0 lets all of them share. Without it, it is 1 where PyTorch sees a GPU, which is
# where the jobs train then. A job is made again when a setting that it depends on changes, a notebook of the book also
# when its file or the library changes.

import os
import re
from pathlib import Path

from eas_core.runs import jobs, releases
from eas_core.settings import profiles
from eas_core.base.errors import EASError
from eas_core.runs.run import Run, automatic_device

PROFILE = str(config.get("profile", "demo"))
RUNS = str(config.get("runs", "runs"))
SET = str(config.get("set") or os.environ.get("SET") or "")  # make gives it by the environment
LISTED = str(config.get("seeds", config.get("seed", 0)))
if not all(seed.isdecimal() for seed in LISTED.split(",")):
    sys.exit(f"seeds: {LISTED!r} must be whole numbers separated by commas, such as 0,1,2")
SEEDS = [int(seed) for seed in LISTED.split(",")]
SEED = int(config.get("seed", SEEDS[0]))
FROM = str(config.get("from") or "")
RESTORE_TO = RUNS  # below it
THREADS = int(config.get("threads", 1))
GPU = int(automatic_device() == "cuda" if config.get("gpu") in (None, "") else config["gpu"])
if GPU and workflow.local_exec:
    workflow.global_resources.setdefault("gpu", GPU)

try:
    if FROM:  # nothing is trained: its records and weights come where a run has them
        released = releases.for_book(FROM, RUNS, profiles.words(SET))
        PROFILE, SEED, SEEDS, RUNS = (released[name] for name in ("profile", "seed", "seeds", "runs"))
        LISTED = ",".join(map(str, SEEDS))
    profile = profiles.load(PROFILE, profiles.words(SET))
    Run(profile, SEED).key("data")  # says what is wrong with packed photographs
except EASError as error:
    sys.exit(str(error))
JOBS = {job.name.replace(" ", "_"): job for job in jobs.jobs(profile)}
KINDS = list(dict.fromkeys(job.kind for job in JOBS.values()))
FOLDER = f"{RUNS}/{profile.name}/jobs"

# Each notebook of the book in the order of execution, and the kinds of jobs whose results it uses.
NOTEBOOKS = {
    "00_prologue": [],
    "02_tasks_and_splits": ["teacher"],
    "03_search_space_and_cost": [],
    "04_supernet": ["supernet"],
    "05_task_dropout": ["supernet"],
    "06_generator": ["EAS"],
    "07_specialise": ["EAS"],
    "08_results": ["results"],
    "09_architectures": ["EAS"],
    "10_baselines": KINDS,
    "15_fair_comparison": KINDS,
    "11_ablations": KINDS,
    "12_claims": KINDS,
    "13_photographs": [],
    "14_gate_gradient": ["supernet"],
    "17_in_the_page": [],
    "01_quickstart": ["results"],
    "index": KINDS, # the cover
}
ALL_SEEDS = ("10_baselines", "15_fair_comparison", "11_ablations", "12_claims")  # the others show SEED only
SHOW_RELEASES = (*ALL_SEEDS, "08_results", "13_photographs", "17_in_the_page", "index")
LIBRARY = sorted(
    str(path)
    for folder, pattern in (("eas_core", "**/*.py"), ("eas_core", "widgets/*.[jc]s*"), ("data_prep", "**/*.py"))
    for path in Path(folder).glob(pattern)
)
RELEASES = sorted(str(path) for path in Path("releases").rglob("*") if path.is_file())
EXECUTED = {name: "book/index.ipynb" if name == "index" else f"book/executed/{name}.ipynb" for name in NOTEBOOKS}
CHAPTERS = [path for name, path in EXECUTED.items() if name != "index"]
MADE = {"executed", "unfinished", "index.ipynb", "__pycache__"}
PAGES = sorted(str(path) for path in Path("book").rglob("*") if path.is_file() and not MADE & set(path.parts))
EXECUTE = (
    "python {input.script} {input.notebook} {output:q} --profile {PROFILE:q} --seed {params.seed} --runs {RUNS:q} --set={SET:q} "
)


def made(name: str, seed: int) -> str:
    return f"{FOLDER}/{seed}/{name.replace(' ', '_')}.ipynb"


def needed(name: str) -> list[str]:
    """The jobs that a notebook needs: of the profile's own supernet, or all of all seeds; with a release, its files only."""
    if FROM:
        return [f"{RUNS}/restored"]
    seeds = SEEDS if name in ALL_SEEDS else [SEED]
    own = profile.supernet.task_dropout
    main = {job: entry for job, entry in JOBS.items() if (entry.q, entry.reading) == (own.q, own.reading)}
    jobs = JOBS if name in ALL_SEEDS else main
    return [made(job, seed) for seed in seeds for job, entry in jobs.items() if entry.kind in NOTEBOOKS[name]]


rule book:
    input: "_build/html.done"


rule claims:
    input: "book/executed/12_claims.ipynb"


# ---------------------------------------------------------------- a release instead of jobs

if FROM:

    rule restore:
        input: LIBRARY # which says where records lie
        output: touch(f"{RUNS}/restored")
        shell: "python -m eas_core.cli restore --release {FROM:q} --runs {RESTORE_TO:q}"


# ---------------------------------------------------------------- jobs: train, search, test

for kind in KINDS:

    rule:
        name: kind
        input:
            lambda wildcards: [made(name, wildcards.seed) for name in JOBS[wildcards.job].after],
            notebook="notebooks/jobs/job.ipynb",
            script="book/execute.py",
        output: FOLDER + "/{seed,[0-9]+}/{job,%s}.ipynb" % "|".join(re.escape(name) for name, job in JOBS.items() if job.kind == kind)
        params:
            seed=lambda wildcards: wildcards.seed,
            job=lambda wildcards: JOBS[wildcards.job].name,
            stage_keys=lambda wildcards: jobs.keys(Run(profile, int(wildcards.seed)), JOBS[wildcards.job]),
        threads: THREADS
        resources: gpu=GPU
        priority: 1000 - 10 * KINDS.index(kind)
        shell: EXECUTE + "-p job {params.job:q}"


# ---------------------------------------------------------------- the book's notebooks

for number, name in enumerate(NOTEBOOKS):

    rule:
        name: name
        input:
            needed(name),
            notebook=f"notebooks/{name}.ipynb",
            library=LIBRARY,
            releases=RELEASES if name in SHOW_RELEASES else [],
            script="book/execute.py",
        output: EXECUTED[name],
        params:
            seed=SEED,
            more=f"-p seeds '{SEEDS}'" if name in ALL_SEEDS else "",
            profile=profile.model_dump_json(),
            runs=RUNS,
        threads: THREADS
        priority: 100 - number
        shell: EXECUTE + "{params.more}"


rule run_times:
    input: CHAPTERS, script="book/run_times.py",
    output: "book/executed/run_times.md"
    shell: "python {input.script} {CHAPTERS} > {output}"


rule gallery:
    input: CHAPTERS, script="book/gallery.py",
    output: "book/executed/gallery.md", directory("book/executed/gallery")
    shell: "python {input.script} {CHAPTERS} > {output[0]}"


rule cost:
    input: "benchmarks/results/throughput.json", LIBRARY, script="book/cost.py",
    output: "book/executed/cost.md"
    shell: "python {input.script} {input[0]} > {output}"


rule html:
    input: EXECUTED.values(), PAGES, LIBRARY, "_config.yml", "book/executed/run_times.md", "book/executed/gallery.md", "book/executed/cost.md"
    output: touch("_build/html.done")
    threads: workflow.cores
    shell: # what was not checked does not become the book
        "python book/build.py _build/unfinished && "
        "python book/check.py _build/unfinished/_build/html "
        "--profile {PROFILE:q} --seed {SEED} --seeds {LISTED} --runs {RUNS:q} --set={SET:q} && "
        "rm -rf _build/html && mv _build/unfinished/_build/html _build/html && rm -r _build/unfinished"
