"""Tables in markdown, all fronts as CSV, one picture."""

import csv
import os
import re
import sys

import results
import sets

HERE = os.path.dirname(os.path.abspath(__file__))
DOCS = os.path.join(HERE, "..", "..", "docs")
LIBRARIES = ("ScaNN", "FAISS", "SVS", "hnswlib", "usearch")
COLOURS = dict(edged="#111111", ScaNN="#d1495b", FAISS="#2e86ab", SVS="#7b5ea7", hnswlib="#3a9d5d", usearch="#e09f3e")
DRAWN = ("R64", "R128", "K25", "B", "R128K100", "R64N", "R128N", "BPR", "TT", "BN", "HC", "U80")


def measured():
    return [s for s in sets.SETS if results.rows("edged", s.name, "measure") and results.rows("peers", s.name)]


def table(head, lines):
    return "\n".join(["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head)] + lines]) + "\n"


def micro(us):
    return f"{us:.1f}" if us < 100 else f"{us:,.0f}"


def shape(s):
    about = results.about(s.name)
    return f"{about['n'] // 1000}k × {about['d']}" + (f", K = {s.k}" if s.k != 10 else "")


# ---------------------------------------------------------------- tables
def against(s, recall):
    """edged's time, the best other's and whose, the ratio."""
    ours, other = results.best(results.edged_points(s.name), recall), results.best(results.peer_points(s.name), recall)
    if not ours:
        return "–"
    if not other:
        return f"{micro(ours.us)}, none"
    return f"{micro(ours.us)}, {micro(other.us)} {other.library}, **{other.us / ours.us:.1f}**"


def table_against():
    lines = [[s.name, shape(s), s.about + ("" if s.seen else " ¹")] + [against(s, r) for r in results.RECALLS] for s in measured()]
    return table(["set", "items", "embeddings"] + [f"recall ≥ {r:g}" for r in results.RECALLS], lines)


def table_calls():
    """The ratio at two recalls with each library's empty call taken off its time."""
    lines = []
    for s in measured():
        calls = results.empty_calls(s.name)
        row = [s.name] + [f"{calls[l]:.1f}" for l in LIBRARIES]
        for recall in (0.95, 0.99):
            ours = results.best(results.edged_points(s.name), recall)
            others = [p.us - calls[p.library] for p in results.peer_points(s.name) if p.recall >= recall]
            row.append(f"{min(others) / ours.us:.1f}" if ours and others else "–")
        lines.append(row)
    return table(["set"] + list(LIBRARIES) + ["ratio at 0.95 without the call", "at 0.99"], lines)


def table_libraries(recall):
    lines = []
    for s in measured():
        points = results.peer_points(s.name)
        row = [s.name]
        for library in LIBRARIES:
            own = [p for p in points if p.library == library]
            p = results.best(own, recall)
            row.append(f"{micro(p.us)} ({p.index} {', '.join(map(str, p.setting))})" if p else stalls(own))
        lines.append(row)
    return table(["set"] + list(LIBRARIES), lines)


def stalls(points):
    return f"– (most {max(p.recall for p in points):.3f})" if points else "not run"


def table_sizes():
    """Bytes an item and seconds of building: edged with and without the remainders, then the best index of each library at 0.95."""
    lines = []
    for s in measured():
        if s.of and s.k != 10:
            continue
        ours, plain = results.rows("edged", s.name, "measure"), results.rows("edged", s.name, "coarse")
        row = [s.name, f"{ours[0]['bytesPerItem']:.0f}", f"{plain[0]['bytesPerItem']:.0f}" if plain else "–", f"{min(r['buildSeconds'] for r in ours):.1f}"]
        for library in LIBRARIES:
            own = [p for p in results.peer_points(s.name) if p.library == library]
            p = results.best(own, 0.95) or max(own, key=lambda p: p.recall, default=None)
            row.append(f"{p.bytes:.0f}, {p.build:.0f}" if p else "–")
        lines.append(row)
    return table(["set", "edged, bytes", "without remainders", "edged, s"] + [l + ", bytes, CPU s" for l in LIBRARIES], lines)


def table_asked():
    """Recall asked against recall got, the layout's own recall (0.95 and 0.99)."""
    lines = []
    for s in measured():
        points = {(p.index, p.setting): p for p in results.edged_points(s.name)}
        lines.append([s.name] + [f"{points[0.95, a].recall:.4f}, {points[0.99, a].recall:.4f}" if (0.95, a) in points and (0.99, a) in points else "–" for a in results.RECALLS])
    return table(["set"] + [f"asked {r:g}" for r in results.RECALLS], lines)


def fronts():
    """Every library's front, and edged's, of every set."""
    with open(os.path.join(HERE, "results.csv"), "w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow(["set", "k", "library", "index", "setting", "recall", "us", "us_least", "us_most", "bytes_an_item", "build_s"])
        for s in measured():
            for library in ("edged",) + LIBRARIES:
                for p in results.front(own_points(s.name, library)):
                    setting = p.setting if library == "edged" else " ".join(map(str, p.setting))
                    out.writerow([s.name, s.k, library, p.index, setting, p.recall, round(p.us, 2), p.low, p.high, p.bytes, p.build])


def own_points(name, library):
    return results.edged_points(name) if library == "edged" else [p for p in results.peer_points(name) if p.library == library]


# ---------------------------------------------------------------- picture
def picture():
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.fonttype": "path", "svg.hashsalt": "edged", "font.size": 9})
    import matplotlib.pyplot as plt

    drawn = [s for s in measured() if s.name in DRAWN]
    columns = min(4, len(drawn))
    lines = -(-len(drawn) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(3.1 * columns, 2.9 * lines + 0.4), squeeze=False)
    for axis in axes.flat[len(drawn) :]:
        axis.set_visible(False)
    for axis, s in zip(axes.flat, drawn):
        draw(axis, s)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper center", ncol=len(labels), frameon=False)
    figure.supylabel("µs a query, one thread")
    figure.supxlabel("recall")
    figure.tight_layout(rect=(0, 0, 1, 0.95))
    figure.savefig(os.path.join(DOCS, "img", "search.svg"), metadata={"Date": None})


def draw(axis, s):
    for library in ("edged",) + LIBRARIES:
        points = [p for p in results.front(own_points(s.name, library)) if p.recall >= 0.85]
        style = dict(lw=2.2, ms=5, zorder=3) if library == "edged" else dict(lw=1.2, ms=3)
        axis.plot([nines(p.recall) for p in points], [p.us for p in points], "o-", color=COLOURS[library], label=library, **style)
    ticks = (0.9, 0.95, 0.99, 0.999)
    axis.set_xticks([nines(t) for t in ticks], [f"{t:g}" for t in ticks])
    axis.set_xlim(nines(0.88), nines(0.9995))
    axis.set_yscale("log")
    axis.grid(True, which="major", color="#dddddd", lw=0.6)
    axis.spines[["top", "right"]].set_visible(False)
    axis.set_title(f"{s.name}, {shape(s)}", fontsize=10)


def nines(recall):
    """A scale on which 0.9, 0.99 and 0.999 are as far apart."""
    from math import log10

    return -log10(1 - min(recall, 0.9997))


# ---------------------------------------------------------------- all
def fill(text, name, content):
    """Replaces what stands between a table's marks."""
    return re.sub(f"(<!-- {name} -->\n).*?(<!-- end -->)", lambda m: m[1] + content + m[2], text, flags=re.S)


def write():
    if not measured():
        sys.exit(f"nothing is measured in {sets.root()}: peers.py explore SET, then peers.py measure SET")
    tables = dict(against=table_against(), calls=table_calls(), libraries=table_libraries(0.95) + "\n" + table_libraries(0.99),
                  sizes=table_sizes(), asked=table_asked())  # fmt: skip
    for name, content in tables.items():
        print(f"{name}\n\n{content}")
    path = os.path.join(DOCS, "BENCHMARKS.md")
    with open(path) as f:
        text = f.read()
    for name, content in tables.items():
        text = fill(text, name, content)
    with open(path, "w") as f:
        f.write(text)
    fronts()
    picture()
