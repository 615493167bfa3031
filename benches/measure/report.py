"""Turns samples into a table, and into a record that can be kept."""

import csv
import os
import platform
import statistics
import subprocess

from .cases import GROUPS, IDEAL, P99

HERE = os.path.dirname(__file__)

COLUMNS = ["case", "requests/s ours", "peer", "ours / peer (min–max)", "CPU µs/request ours", "peer", "ratio",
           "p99 ms ours", "peer", "target", ""]


def median(samples, name):
    return statistics.median(getattr(sample, name) for sample in samples)


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def row(case, ours, peer):
    ratios = [mine.rate / other.rate for mine, other in zip(ours, peer)]
    cpu = [median(ours, "cpu_us"), median(peer, "cpu_us")]
    p99 = [median(ours, "p99_ms"), median(peer, "p99_ms")]
    if case.metric == P99:
        value = statistics.median(mine.p99_ms / other.p99_ms for mine, other in zip(ours, peer))
        what = "p99 ratio"
    elif case.metric == IDEAL:
        value = median(ours, "rate") / case.ideal
        what = "of ideal"
    else:
        value = statistics.median(ratios)
        what = "ratio"
    errors = [sample.errors for sample in ours if sample.failed()]
    verdict = "met" if case.reached(value) else "missed"
    if errors:
        verdict = f"missed: errors {', '.join(errors)}"
    return [
        case.name,
        number(median(ours, "rate")),
        number(median(peer, "rate")),
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        # With a CPU-bound request beside them the CPU time of the others cannot be told.
        *(["–"] * 3 if case.beside else [*map(number, cpu), f"{cpu[0] / cpu[1]:.2f}"]),
        number(p99[0]),
        number(p99[1]),
        f"{what} {case.wanted()}",
        f"{verdict} ({value:.2f})",
    ]


def tables(results):
    """results: {(group, case): {"ours": [Sample], "peer": [Sample]}} → Markdown, aligned."""
    parts = []
    for group, title in GROUPS.items():
        rows = [row(case, by["ours"], by["peer"]) for (g, case), by in results.items() if g == group]
        if not rows:
            continue
        rows = [COLUMNS, *rows]
        widths = [max(len(line[i]) for line in rows) for i in range(len(COLUMNS))]
        lines = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths)) + " |" for line in rows]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        parts.append("\n".join([f"### {title[0].upper()}{title[1:]}", "", *lines]))
    return "\n\n".join(parts)


def first_line(*command, otherwise=None, accept=(0,)):
    """The first line a program prints, or another text if it is missing or fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return otherwise
    return done.stdout.partition("\n")[0].strip() if done.returncode in accept else otherwise


def facts(servers, pythons):
    processor = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    commit = first_line("git", "-C", HERE, "describe", "--always", "--dirty", otherwise="no commit")
    wrk = first_line("wrk", "-v", accept=(0, 1)).partition(" Copyright")[0]
    return [
        f"ours: {commit}, {servers['ours']}",
        f"peer: {servers['peer']}",
        f"Python: {pythons['ours']}" + ("" if pythons["ours"] == pythons["peer"] else f"; peer: {pythons['peer']}"),
        f"Apache: {first_line('apache2', '-v').partition(': ')[2]}; load: {wrk}",
        f"machine: {os.cpu_count()} × {processor}, Linux {platform.release()}, load {os.getloadavg()[0]:.2f} at end",
    ]


def write_record(directory, command, conditions, lines, results):
    directory.mkdir(parents=True)
    listed = "\n".join(f"* {line}" for line in lines)
    about = "\n".join(f"* `{case.name}`: {case.about}" for case in dict.fromkeys(case for _, case in results))
    (directory / "README.md").write_text(
        f"# {directory.name}\n\n    {command}\n\n{conditions}\n\n{listed}\n\n{tables(results)}\n\n{about}\n"
    )
    with open(directory / "raw.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["group", "case", "round", "subject", "requests_per_s", "cpu_us_per_request", "p50_ms", "p99_ms",
                      "requests", "errors"])
        for (group, case), by in results.items():
            for subject, samples in by.items():
                for turn, s in enumerate(samples, 1):
                    out.writerow([group, case.name, turn, subject, f"{s.rate:.1f}", f"{s.cpu_us:.2f}",
                                  f"{s.p50_ms:.3f}", f"{s.p99_ms:.3f}", s.requests, s.errors])
