# Executes the notebooks one at a time by papermill and builds the book from the executed copies.
#
#   make book PROFILE=demo SEED=0          the usual way to run this
#   snakemake --cores all --config profile=demo seed=0 runs=runs set="supernet.batch_size=64"
#
# A notebook runs again when its file, the profile, the seed, an override or the library changes. What it trains lies
# under runs/ and is reused, so running again is cheap.

from pathlib import Path

PROFILE = str(config.get("profile", "demo"))
SEED = int(config.get("seed", 0))
RUNS = str(config.get("runs", "runs"))
SET = str(config.get("set") or "")

# Each notebook in the order of execution, and those whose trained artefacts it uses.
NOTEBOOKS = {
    "02_tasks_and_splits": [],
    "03_search_space_and_cost": [],
    "04_supernet": [],
    "05_task_dropout": ["04_supernet"],
    "06_generator": ["04_supernet"],
    "07_specialise": ["06_generator"],
    "08_results": ["07_specialise"],
    "09_architectures": ["08_results"],
    "10_photographs": [],
    "01_quickstart": ["08_results"],
}
PROFILE_FILE = PROFILE if PROFILE.endswith((".yaml", ".yml")) else f"eas_core/profiles/{PROFILE}.yaml"
LIBRARY = sorted(
    str(path)
    for folder, pattern in (("eas_core", "**/*.py"), ("eas_core", "**/*.js"), ("data_prep", "**/*.py"))
    for path in Path(folder).glob(pattern)
)
RELEASES = sorted(str(path) for path in Path("releases").rglob("*") if path.is_file())
EXECUTED = [f"book/executed/{name}.ipynb" for name in NOTEBOOKS]
PAGES = sorted(str(path) for path in Path("book").rglob("*") if path.is_file() and not {"executed", "__pycache__"} & set(path.parts))
if not Path(PROFILE_FILE).exists():
    sys.exit(f"PROFILE={PROFILE}: there is no {PROFILE_FILE}")


rule book:
    input: "_build/html.done"


for number, (name, needed) in enumerate(NOTEBOOKS.items()):

    rule:
        name: name
        input:
            notebook=f"notebooks/{name}.ipynb",
            profile=PROFILE_FILE,
            library=LIBRARY,
            releases=RELEASES if name == "10_photographs" else [],
            script="book/execute.py",
            before=[f"book/executed/{other}.ipynb" for other in needed],
        output: f"book/executed/{name}.ipynb",
        params: profile=PROFILE, seed=SEED, runs=RUNS, set=SET
        threads: workflow.cores
        priority: 100 - number
        shell:
            "python {input.script} {input.notebook} {output} --profile {params.profile:q} --seed {params.seed} "
            "--runs {params.runs:q} --set={params.set:q}"


rule run_times:
    input: EXECUTED, script="book/run_times.py",
    output: "book/executed/run_times.md"
    shell: "python {input.script} {EXECUTED} > {output}"


rule html:
    input: EXECUTED, PAGES, "_config.yml", "book/executed/run_times.md"
    output: touch("_build/html.done")
    threads: workflow.cores
    shell: "python book/build.py"
