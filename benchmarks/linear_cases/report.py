"""What was measured, as tables for the eye and as rows for the documentation."""

import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

NOT_REACHED = "not reached"


def verdict(value, must, aim, at_most):
    """Which of the two figures was reached; None for either means that there is none."""
    if value is None or np.isnan(value):
        return "not measured"
    beats = (lambda bar: value <= bar) if at_most else (lambda bar: value >= bar)
    if aim is not None and beats(aim):
        return "aim reached"
    if must is not None:
        return "reached" if beats(must) else "MISSED"
    return ""


def geometric_mean(values):
    values = np.asarray(list(values), dtype=float)
    if not len(values) or np.isnan(values).any():
        return float("nan")
    return float(np.exp(np.log(values).mean())) if (values > 0).all() else 0.0


class Report:
    """Collects rows of three kinds: runs, targets and curves."""

    def __init__(self):
        self.runs, self.targets, self.curves = [], [], []

    def run(self, case, subject, contender, seconds, evaluations=None, gap=None, **more):
        """One contender, measured; prints its line."""
        row = {"case": case, "subject": subject, "contender": contender, "seconds": seconds}
        self.runs.append(row | {"evaluations": evaluations, "gap": gap} | more)
        count = "" if evaluations is None else f"{evaluations:d}"
        distance = "" if gap is None else f"{gap:.1e}"
        time = "—" if seconds is None else f"{seconds:.4f}"
        rest = ", ".join(f"{key} {short(value)}" for key, value in more.items() if value != "")
        print(f"  {contender:44s}{time:>10s} s{count:>9s}{distance:>10s}  {rest}", flush=True)

    def curve(self, case, subject, contender, x, y):
        """Points of a line in a picture."""
        points = {"x": [float(value) for value in x], "y": [float(value) for value in y]}
        self.curves.append({"case": case, "subject": subject, "contender": contender} | points)

    def target(
        self, case, subject, measure, value, must=None, aim=None, *,
        at_most=False, official=True, note="",
    ):  # fmt: skip
        """One figure of the table of targets; prints its line."""
        judged = verdict(value, must, aim, at_most) if official else "not judged"
        row = {"case": case, "subject": subject, "measure": measure, "value": value}
        row |= {"must": must, "aim": aim, "at_most": at_most, "verdict": judged, "note": note}
        self.targets.append(row)
        print(f"  {target_line(row)}", flush=True)

    def summary(self):
        """All targets once more, in one table."""
        if not self.targets:
            return
        width = max(16, *(len(row["subject"]) + 1 for row in self.targets))
        subject = "subject".ljust(width)
        print(f"\n{'case':12s}{subject}{'measure':58s}{'value':>8s}  must/aim      verdict")
        for row in self.targets:
            print(f"{row['case']:12s}{row['subject'].ljust(width)}{target_line(row)}")

    def write(self, path, settings):
        """All rows, the settings and the versions."""
        names = ("sklearn_ebm", "scikit-learn", "scikit-learn-intelex", "numpy", "scipy")
        versions = {name: version(name) for name in names} | {"python": platform.python_version()}
        content = {"settings": settings, "versions": versions}
        content |= {"targets": self.targets, "runs": self.runs, "curves": self.curves}
        Path(path).write_text(json.dumps(content, indent=1, default=float) + "\n", encoding="utf-8")


def bars_of(row):
    """What a figure must reach and what it aims for, with their sign; empty without either."""
    if row["must"] is None and row["aim"] is None:
        return ""
    sign = "≤" if row["at_most"] else "≥"
    return "/".join("–" if bar is None else f"{sign}{bar:g}" for bar in (row["must"], row["aim"]))


def target_line(row):
    value = "—" if row["value"] is None else f"{row['value']:.3g}"
    note = f"  ({row['note']})" if row["note"] else ""
    return f"{row['measure']:58s}{value:>8s}  {bars_of(row):12s}  {row['verdict']}{note}"


def short(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
