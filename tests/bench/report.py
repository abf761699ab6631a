"""The results for reading: one text, drawn from results.json alone."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.bench.noise import OFTEN

Results = Mapping[str, Any]
_VERDICTS = {True: "reached", False: "MISSED", None: "not measured"}
_CELLS = {
    "c1": "1 connection",
    "c8": "8 connections",
    "c32": "32 connections",
    "b64": "64 a request, 4 connections",
}


def text(results: Results) -> str:
    """All tables, one under the other."""
    parts = [_about(results), _throughput(results), _serving(results), _rest(results), _targets(results)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be: the first one to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def figure(spread: Mapping[str, Any] | None, unit: str = "") -> str:
    """The median, with least and greatest."""
    if spread is None:
        return "–"
    middle, low, high = (f"{spread[name]:,.4g}" for name in ("median", "low", "high"))
    return (
        f"{middle}{unit and ' ' + unit} ({low}–{high})"
        if spread["n"] > 1
        else f"{middle}{unit and ' ' + unit}"
    )


def _about(results: Results) -> str:
    machine, terms = results["machine"], results["terms"]
    lines = [
        f"Listenwell bench, {results['measured_at']}{', quick' if terms['quick'] else ''}",
        f"{machine['processor']}, {machine['cores']} cores, {', '.join(machine['flags']) or 'no known flags'}",
    ]
    for name, facts in results["workload"].items():
        words = facts["words"]
        lines.append(
            f"{name}: {facts['comments']:,} comments of {facts['source']}; words: median {words['median']},"
            f" p90 {words['p90']}, p99 {words['p99']}, most {words['most']}"
        )
    return "\n".join(lines)


def _throughput(results: Results) -> str:
    terms = results["terms"]
    head = ("one thread each", "comments/CPU-s", "comments/s", "peak MB", "others' cores")
    rows = []
    for one in results["throughput"]:
        if one["absent"]:
            rows.append((one["title"], "absent", "", "", ""))
        elif one["group"] == "sky":
            allowed = {k: v if k == "n" else v / results["operations"] for k, v in one["rate"].items()}
            rate = f"{figure(allowed)} = {one['rate']['median']:,.0f} GOP/s"
            rows.append((one["title"], rate, "", figure(one["peak_mb"]), figure(one["others"])))
        else:
            rows.append((one["title"], *(figure(one[k]) for k in ("rate", "wall_rate", "peak_mb", "others"))))
    title = (
        f"Throughput: {terms['rounds']} rounds in turn of {terms['comments']:,} comments, median (least–greatest);"
        f" a comment is {results['operations']:.3g} GOP"
    )
    return "\n".join([title, table(head, rows), *_absent(results["throughput"])])


def _serving(results: Results) -> str:
    terms = results["terms"]
    head = (
        "",
        "comments/CPU-s",
        "comments/s",
        "of bare",
        "p50 ms",
        "p95",
        "p99",
        "n",
        "refused",
        "others' cores",
    )
    rows: list[Sequence[str]] = []
    beneath = []
    for server in results["serving"]:
        facts = (
            "first_answer_s",
            "first_answer_cpu_s",
            "largest_process_mb",
            "all_processes_mb",
            "same_labels",
        )
        first, cpu, largest, every, same = (figure(server[name]) for name in facts)
        rows.append((server["title"], f"bare {figure(server['bare'])}", *[""] * 8))
        if server["absent"]:
            continue
        rows += list(_cells(server))
        beneath.append(
            f"{server['title']}: first answer after {first} s, {cpu} CPU-s; largest process {largest} MB, all"
            f" {every} MB; labels as in process in {same} of the comments"
        )
    title = (
        f"HTTP: {terms['serving_rounds']} rounds; server on cores {terms['server_cores']}, its client on"
        f" {terms['client_cores']}; CPU-s are the server's; bare: one thread of the bare encoder, same comments"
    )
    left_out = [f"absent: {name}: {why}" for name, why in results["serving_absent"].items()]
    return "\n".join([title, table(head, rows), *beneath, *_absent(results["serving"]), *left_out])


def _cells(server: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for name, cell in server["cells"].items():
        figures = ("rate", "wall_rate", "of_bare", "p50", "p95", "p99")
        middles = (f"{cell[each]['median']:,.0f}" for each in ("n", "refused"))
        yield (
            f"  {_CELLS[name]}",
            *(figure(cell[each]) for each in figures),
            *middles,
            figure(cell["others"]),
        )


def _rest(results: Results) -> str:
    fill, long, fidelity = (results.get(name) or {} for name in ("backfill", "long", "fidelity"))
    lines = []
    if fill:
        lines.append(
            f"Back-fill: {figure(fill['rates'])} comments/CPU-s, {figure(fill['wall_rates'])} /s with the start,"
            f" of the pipeline {figure(fill['of_pipeline'])}; start, tables and print {figure(fill['fixed'])} CPU-s"
        )
    if long:
        lines.append(
            f"Words/CPU-s in comments of 2,000: {figure(long['long'])}, of 250: {figure(long['short'])}"
        )
    for name in ("served", "default-int8"):
        if name in fidelity:
            lines.append(_lost(name, fidelity))
    return "\n".join(lines + [f"absent: {part['absent']}" for part in (fill, fidelity) if part.get("absent")])


def _lost(name: str, fidelity: Mapping[str, Any]) -> str:
    found = fidelity[name]
    parts = [
        f"{question} {found[question]['macro_f1']['value']:.4f}, lost {found[question]['loss']['value']:.4f}"
        f" [{found[question]['loss']['low']:.4f}, {found[question]['loss']['high']:.4f}]"
        for question in ("issues", "strengths")
    ]
    head = f"Macro-F1, {name}, beside torch float32 on {fidelity['comments']} of {fidelity['data']}"
    return f"{head}: {'; '.join(parts)}; all labels the same in {found['same_labels']:.3f} of them"


def _targets(results: Results) -> str:
    rows = []
    for target in results["targets"]:
        sign = "≥" if target["at_least"] else "≤"
        wanted = f"{sign} {target['limit']:g} {target['unit']}".rstrip()
        found = figure(target["found"], target["unit"])
        rows.append((target["title"], wanted, found, _VERDICTS[target["reached"]]))
    return "\n".join([table(("figures to reach", "wanted", "found", "verdict"), rows), noise(results)])


def noise(results: Results) -> str:
    """How busy the machine was with the work of others, and what that means."""
    others = [one["others"]["median"] for one in results["throughput"] if one["others"]]
    others += [cell["others"]["median"] for one in results["serving"] for cell in one["cells"].values()]
    loud = max(others, default=0.0)
    if loud < OFTEN:
        return f"Quiet: other processes took at most {loud:.2f} cores in the median round of anything."
    return (
        f"NOT QUIET: other processes took up to {loud:.2f} cores in the median round of something;"
        " figures by the clock (latency, comments/s) are not to be quoted."
    )


def _absent(found: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"absent: {one['title']}: {one['absent']}" for one in found if one["absent"]]
