"""Pictures of the case pareto: seconds of a fit against NLL, one for each set."""

from itertools import pairwise
from pathlib import Path

import numpy as np
from linear_cases import figures

from .energies import title

# One more of Okabe and Ito's, as there may be eight beside ours; edges are black.
COLOURS, MARKERS = (*figures.COLOURS, "#F0E442"), (*figures.MARKERS, "p")

# Read at half the size.
TEXT, SMALL = 13, 11
OURS = {"color": "black", "marker": "*", "s": 340, "zorder": 5}

REFERENCE = "reference"

# The height of a line of text, as a part of the axis.
LINE = 0.045

# Losses beyond so many times the distance from the best to the middle are drawn at the upper edge.
REACH = 4.0

# Where a label may stand beside its point, in points: the offset, and how it is aligned.
PLACES = (
    ((12, 0), "left", "center"), ((-12, 0), "right", "center"), ((0, 13), "center", "bottom"),
    ((0, -13), "center", "top"), ((11, 11), "left", "bottom"), ((11, -11), "left", "top"),
    ((-11, 11), "right", "bottom"), ((-11, -11), "right", "top"), ((12, 24), "left", "bottom"),
    ((12, -24), "left", "top"), ((-12, 24), "right", "bottom"), ((-12, -24), "right", "top"),
)  # fmt: skip


def draw(name, points, ours, references, folder):
    """Draw one set; returns the paths.

    Parameters
    ----------
    name : str
    points : dict of str to (float, float, float)
        Seconds, NLL and its standard error of each contender.
    ours : str
        Whom to bring out.
    references : dict of str to float
        NLL that others report, without seconds.
    folder : str
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    figure, axis = plt.subplots(figsize=(8.0, 5.6), layout="constrained")
    ceiling = highest_drawn([point[1] for point in points.values()], references.values())
    drawn = {contender: (seconds, min(nll, ceiling)) for contender, (seconds, nll, _) in
             points.items()}  # fmt: skip
    frame(axis, name, drawn, references)
    line = front(axis, points)
    scatter(axis, points, drawn, ours)
    beside_points(axis, points, drawn, ours, line)
    paths = [folder / f"pareto-{name}.{kind}" for kind in ("svg", "png")]
    for path in paths:
        figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
    return paths


def highest_drawn(losses, references):
    """The upper edge: one hopeless contender must not press all others together."""
    best, middle = np.min(losses), np.median(losses)
    return max(min(best + REACH * (middle - best), np.max(losses)), *references, best)


def frame(axis, name, drawn, references):
    """Axes, their names, and what papers report, as lines without a place in time."""
    seconds, losses = np.array(list(drawn.values())).T
    low, high = min([*losses, *references.values()]), max([*losses, *references.values()])
    room = 0.12 * (high - low or 1.0)
    axis.set_ylim(low - room, high + room)
    axis.set_xlim(seconds.min() / 5, seconds.max() * 2.5)
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("seconds of a fit (log scale)", fontsize=TEXT)
    axis.set_ylabel("test NLL, nats (lower is better)", fontsize=TEXT)
    axis.set_title(name.partition("-")[0], fontsize=TEXT + 1, loc="left")
    axis.set_title("grey: nobody quicker is likelier; dashed: published", fontsize=SMALL,
                   loc="right", color="0.3")  # fmt: skip
    axis.tick_params(labelsize=SMALL)
    axis.grid(True, which="major", linewidth=0.5, alpha=0.4)
    axis.spines[["top", "right"]].set_visible(False)
    places = apart(list(references.values()), LINE * (high - low + 2 * room))
    for (method, nll), place in zip(references.items(), places, strict=True):
        axis.axhline(
            nll, color="0.45", linewidth=1.2, linestyle=(0, (5, 4)), zorder=1, gid=REFERENCE
        )
        axis.annotate(method, (1, place), xycoords=("axes fraction", "data"), xytext=(4, 0),
                      textcoords="offset points", va="center", color="0.3",
                      fontsize=SMALL)  # fmt: skip


def apart(levels, least):
    """Levels of two lines of text beside lines; moved where they would lie on each other.

    >>> apart([1.0, 1.2], 0.4), apart([1.0, 2.0], 0.4)
    ([0.9, 1.3], [1.0, 2.0])
    """
    if len(levels) != 2 or abs(levels[1] - levels[0]) >= least:
        return levels
    middle, upward = sum(levels) / 2, 1 if levels[1] >= levels[0] else -1
    return [round(middle - upward * least / 2, 12), round(middle + upward * least / 2, 12)]


def dominating(points, ours):
    """Those that take fewer seconds to a lower NLL."""
    seconds, nll, _ = points[ours]
    return [contender for contender, point in points.items() if point[0] < seconds
            and point[1] < nll]  # fmt: skip


def on_front(points):
    """Seconds and NLL of those whom nobody quicker is likelier than, from left to right."""
    front = [(point[0], point[1]) for contender, point in points.items()
             if not dominating(points, contender)]  # fmt: skip
    return np.array(sorted(front)).T


def front(axis, points):
    """Steps through those whom nobody quicker is likelier than."""
    seconds, losses = on_front(points)
    right = axis.get_xlim()[1]
    (line,) = axis.step([*seconds, right], [*losses, losses[-1]], where="post", color="0.6",
                        linewidth=2.2, zorder=2)  # fmt: skip
    return line


def scatter(axis, points, drawn, ours):
    """A colour and a marker for each; whiskers are standard errors over splits."""
    others = [contender for contender in drawn if contender != ours]
    for contender, (seconds, nll) in drawn.items():
        style = OURS
        if contender != ours:
            place = others.index(contender)
            style = {"color": COLOURS[place % len(COLOURS)], "s": 95, "zorder": 4,
                     "marker": MARKERS[place % len(MARKERS)], "edgecolor": "black",
                     "linewidth": 0.6}  # fmt: skip
        axis.scatter(seconds, nll, **style)
        if nll == points[contender][1]:
            axis.errorbar(seconds, nll, points[contender][2], color="0.3", linewidth=1.2, zorder=3)


def beside_points(axis, points, drawn, ours, line):
    """Names, each where it covers least of what is there."""
    figure = axis.figure
    figure.draw_without_rendering()
    scale = figure.dpi / 72
    centres = axis.transData.transform(np.array(list(drawn.values())))
    taken = [around(centre, centre, 9 * scale) for centre in centres]
    corners = axis.transData.transform(corners_of(line))
    taken += [around(first, last, 4 * scale) for first, last in pairwise(corners)]
    taken += [around((axis.bbox.x0, y), (axis.bbox.x1, y), scale) for y in levels_of(axis)]
    for contender, spot in drawn.items():
        nll = points[contender][1]
        name = contender if contender == ours else contender.removeprefix(title(""))
        text = name.replace(", ", ",\n") if nll == spot[1] else f"{name} ↑ {nll:.3g}"
        weight = "bold" if contender == ours else "normal"
        choices = [label(axis, text, spot, place, weight) for place in PLACES]
        boxes = [choice.get_window_extent().extents for choice in choices]
        costs = [covered(box, taken, axis.bbox.extents) for box in boxes]
        best = int(np.argmin(costs))
        for place, choice in enumerate(choices):
            if place != best:
                choice.remove()
        taken.append(tuple(boxes[best]))


def around(first, last, margin):
    """The box of two ends of an upright or level line."""
    low, high = np.minimum(first, last) - margin, np.maximum(first, last) + margin
    return (*low, *high)


def corners_of(line):
    """Where steps turn."""
    x, y = line.get_data()
    return np.column_stack([np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1]])


def levels_of(axis):
    """Where the dashed lines run, in pixels."""
    dashed = [line.get_ydata()[0] for line in axis.lines if line.get_gid() == REFERENCE]
    return [axis.transData.transform((1.0, level))[1] for level in dashed]


def label(axis, text, spot, place, weight):
    offset, horizontal, vertical = place
    return axis.annotate(text, spot, xytext=offset, textcoords="offset points", ha=horizontal,
                         va=vertical, fontsize=SMALL, fontweight=weight, zorder=6)  # fmt: skip


def covered(box, taken, frame):
    """Area of a box that others have already, or that lies outside."""
    area = (box[2] - box[0]) * (box[3] - box[1])
    return area - common(box, frame) + sum(common(box, other) for other in taken)


def common(box, other):
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(width, 0.0) * max(height, 0.0)
