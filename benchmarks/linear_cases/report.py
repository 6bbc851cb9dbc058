"""What was measured, as tables for the eye and as rows for the documentation."""

import json
import platform
from importlib import metadata
from pathlib import Path

import numpy as np

NOT_REACHED = "not reached"


def geometric_mean(values):
    values = np.asarray(list(values), dtype=float)
    if not len(values) or np.isnan(values).any():
        return float("nan")
    return float(np.exp(np.log(values).mean())) if (values > 0).all() else 0.0


class Report:
    """Collects rows of three kinds: runs, figures and curves."""

    def __init__(self):
        self.runs, self.figures, self.curves = [], [], []

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

    def figure(self, case, subject, measure, value, note=""):
        """One figure, such as a ratio of seconds; prints its line. None was not measured."""
        row = {"case": case, "subject": subject, "measure": measure, "value": value, "note": note}
        self.figures.append(row)
        print(f"  {figure_line(row)}", flush=True)

    def summary(self):
        """All figures once more, in one table."""
        if not self.figures:
            return
        width = max(16, *(len(row["subject"]) + 1 for row in self.figures))
        subject = "subject".ljust(width)
        print(f"\n{'case':12s}{subject}{'measure':58s}{'value':>8s}")
        for row in self.figures:
            print(f"{row['case']:12s}{row['subject'].ljust(width)}{figure_line(row)}")

    def write(self, path, settings):
        """All rows, the settings and the versions."""
        names = ("sklearn_ebm", "scikit-learn", "scikit-learn-intelex", "numpy", "scipy")
        versions = {name: version(name) for name in names} | {"python": platform.python_version()}
        content = {"settings": settings, "versions": versions}
        content |= {"figures": self.figures, "runs": self.runs, "curves": self.curves}
        Path(path).write_text(json.dumps(content, indent=1, default=float) + "\n", encoding="utf-8")


def figure_line(row):
    value = "—" if row["value"] is None else f"{row['value']:.3g}"
    note = f"  ({row['note']})" if row["note"] else ""
    return f"{row['measure']:58s}{value:>8s}{note}"


def short(value):
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def version(name):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
