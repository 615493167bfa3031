"""Turns samples into a table, and into a record that can be kept."""

import csv
import datetime
import os
import platform
import statistics
import subprocess
from pathlib import Path

from .cases import CPU, GROUPS, IDEAL, P99

HERE = os.path.dirname(__file__)


def columns(other):
    return [
        "case",
        "requests/s ours",
        other,
        f"ours / {other} (min–max)",
        "CPU µs/request ours",
        other,
        "ratio",
        "p99 ms ours",
        other,
        "target",
        "",
    ]


def median(samples, name):
    return statistics.median(getattr(sample, name) for sample in samples)


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def reached(target, case, ours, other):
    """The figure that a target is about."""
    if target.metric == P99:
        return statistics.median(mine.p99_ms / its.p99_ms for mine, its in zip(ours, other, strict=True))
    if target.metric == IDEAL:
        return median(ours, "rate") / case.ideal
    if target.metric == CPU:
        return median(ours, "cpu_us") / median(other, "cpu_us")
    return statistics.median(mine.rate / its.rate for mine, its in zip(ours, other, strict=True))


def row(case, targets, ours, other):
    ratios = [mine.rate / its.rate for mine, its in zip(ours, other, strict=True)]
    cpu = [median(ours, "cpu_us"), median(other, "cpu_us")]
    values = [(target, reached(target, case, ours, other)) for target in targets]
    verdicts = [f"{'met' if target.reached(value) else 'missed'} ({value:.2f})" for target, value in values]
    if errors := [sample.errors for sample in ours if sample.failed()]:
        verdicts = [f"missed: errors {', '.join(errors)}"]
    return [
        case.name,
        number(median(ours, "rate")),
        number(median(other, "rate")),
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f})",
        # With a CPU-bound request beside them the CPU time of the others cannot be told.
        *(["–"] * 3 if case.beside else [*map(number, cpu), f"{cpu[0] / cpu[1]:.2f}"]),
        number(median(ours, "p99_ms")),
        number(median(other, "p99_ms")),
        "; ".join(target.wanted() for target in targets) or "–",
        "; ".join(verdicts),
    ]


def aligned(rows):
    """A table of Markdown; the first row is its head."""
    widths = [max(len(line[i]) for line in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def table(title, other, rows):
    return f"### {title}\n\n{aligned([columns(other), *rows])}"


def tables(mode, results):
    """results: {(group, case): {"ours": [Sample], "peer": [Sample], …}} → a table for each group and other subject."""
    parts = []
    others = dict.fromkeys(name for by in results.values() for name in by if name != "ours")
    for group, title in GROUPS.items():
        for other in others:
            rows = [
                row(case, case.against(mode, other), by["ours"], by[other])
                for (g, case), by in results.items()
                if g == group and other in by
            ]
            beside = "" if other == "peer" else f", against {other}"
            if rows:
                parts.append(table(f"{title[0].upper()}{title[1:]}{beside}", other, rows))
    return "\n\n".join(parts)


def first_line(*command, otherwise=None, accept=(0,)):
    """The first line a program prints, or another text if it is missing or fails."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    except FileNotFoundError:
        return otherwise
    return done.stdout.partition("\n")[0].strip() if done.returncode in accept else otherwise


def commit_of(directory):
    return first_line("git", "-C", directory, "describe", "--always", "--dirty", otherwise="no commit")


def facts(servers, pythons, modules):
    """`modules`: where those lie that were chosen by their path; a work tree of ours has a commit to name."""
    processor = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                processor = line.partition(":")[2].strip()
                break
    commits = {"ours": commit_of(HERE), **{name: commit_of(path.parent) for name, path in modules.items()}}
    known = {name: f"{commits[name]}, " if name in commits else "" for name in servers}
    wrk = first_line("wrk", "-v", accept=(0, 1)).partition(" Copyright")[0]
    strange = [f"; {name}: {python}" for name, python in pythons.items() if python != pythons["ours"]]
    return [
        *(f"{name}: {known[name]}{software}" for name, software in servers.items()),
        f"Python: {pythons['ours']}{''.join(strange)}",
        f"Apache: {first_line('apache2', '-v').partition(': ')[2]}; load: {wrk}",
        f"machine: {os.cpu_count()} × {processor}, Linux {platform.release()}, load {os.getloadavg()[0]:.2f} at end",
    ]


def record_of(name):
    """Where a record of today lies."""
    return Path(HERE).parents[1] / "bench-runs" / f"{datetime.date.today()}-{name}"


def keep(directory, command, about, lines, text):
    """Writes a record: how it was measured, on what, and what was found."""
    directory.mkdir(parents=True)
    listed = "\n".join(f"* {line}" for line in lines)
    text = f"# {directory.name}\n\n    {command}\n\n{about}\n\n{listed}\n\n{text}\n"
    (directory / "README.md").write_text(text)


def write_record(directory, command, conditions, lines, mode, results):
    about = "\n".join(f"* `{case.name}`: {case.about}" for case in dict.fromkeys(case for _, case in results))
    keep(directory, command, conditions, lines, f"{tables(mode, results)}\n\n{about}")
    with open(directory / "raw.csv", "w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(
            [
                "group",
                "case",
                "round",
                "subject",
                "requests_per_s",
                "cpu_us_per_request",
                "p50_ms",
                "p99_ms",
                "requests",
                "errors",
            ]
        )
        for (group, case), by in results.items():
            for subject, samples in by.items():
                for turn, s in enumerate(samples, 1):
                    out.writerow(
                        [
                            group,
                            case.name,
                            turn,
                            subject,
                            f"{s.rate:.1f}",
                            f"{s.cpu_us:.2f}",
                            f"{s.p50_ms:.3f}",
                            f"{s.p99_ms:.3f}",
                            s.requests,
                            s.errors,
                        ]
                    )
