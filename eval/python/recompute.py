"""Counts a comparison's figures again from its stored answers, and compares them with the report.

    python3 eval/python/recompute.py DATA_DIR [COMPARISON] [--heldout FILE]

DATA_DIR is server.data_dir; without COMPARISON the newest finished one is taken.
With --heldout, the list of documents that were not trained on, the groups "held out"
and "trained on" are counted again too.
Nothing of Groundwork's own code is used: shares with Wilson's intervals, means,
percentiles, differences with the intervals of the paired bootstrap (Efron & Tibshirani,
An Introduction to the Bootstrap) and costs are worked out here from outcomes.jsonl.
The exit status is 1 when a figure differs.
"""

import json
import math
import sys
from pathlib import Path

CLOSE = 1e-9
Z = 1.959963984540054
RESAMPLES = 5_000
MASK64 = (1 << 64) - 1
MASK128 = (1 << 128) - 1


def lines(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def same(a, b):
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE)
    return a == b


class Checks:
    """Compares figures and remembers what differs."""

    def __init__(self):
        self.count, self.wrong = 0, []

    def equal(self, what, reported, own):
        self.count += 1
        if not same(reported, own):
            self.wrong.append(f"{what}: the report says {reported}, the answers {own}")


# What is counted of an answer.


def right(o):
    return o["answerable"] and o["right"] and not o["refused"]


def good(o):
    if not o["answerable"]:
        return o["refused"]
    return right(o) and o["cited"] and o["citations_resolved"] == 1 and o.get("unsupported", 0) == 0


def wrong(o):
    return o["answerable"] and not o["refused"] and not o["right"]


SHARES = {
    "score": (lambda o: True, good),
    "right": (lambda o: o["answerable"], right),
    "wrong": (lambda o: o["answerable"], wrong),
    "wrongly_refused": (lambda o: o["answerable"], lambda o: o["refused"]),
    "rightly_refused": (lambda o: not o["answerable"], lambda o: o["refused"]),
    "false_answers": (lambda o: not o["answerable"], lambda o: not o["refused"]),
    "cited": (lambda o: not o["refused"], lambda o: o["cited"]),
    "resolved": (lambda o: o["cited"], lambda o: o["citations_resolved"] == 1),
    "supported": (lambda o: not o["refused"] and o.get("sources"), lambda o: o.get("unsupported", 0) == 0),
}

MEASURES = {
    "score": (lambda o: True, good),
    "right": SHARES["right"],
    "wrong": SHARES["wrong"],
    "wrongly refused": SHARES["wrongly_refused"],
    "false answers": SHARES["false_answers"],
    "seconds": (lambda o: True, lambda o: o.get("total_ms", 0) / 1000),
}


def rate(outcomes, of, hit):
    """A share with Wilson's 95 % interval."""
    chosen = [o for o in outcomes if of(o)]
    n, count = len(chosen), sum(1 for o in chosen if hit(o))
    out = {"n": count, "of": n, "low": 0.0, "high": 0.0}
    if n:
        p = count / n
        middle = (p + Z * Z / (2 * n)) / (1 + Z * Z / n)
        half = Z / (1 + Z * Z / n) * math.sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        out["low"], out["high"] = max(middle - half, 0.0), min(middle + half, 1.0)
    return out


def mean(values):
    return sum(values) / len(values) if values else 0.0


def percentile(values, p):
    """The smallest value that at least p percent do not exceed."""
    if not values:
        return 0.0
    rank = math.ceil(p / 100 * len(values))
    return sorted(values)[min(max(rank, 1), len(values)) - 1]


def latency(values):
    return {f"p{p}": percentile(values, p) for p in (50, 95, 99)}


def figures(outcomes):
    out = {name: rate(outcomes, *how) for name, how in SHARES.items()}
    known = [o for o in outcomes if o["answerable"]]
    made = [o for o in outcomes if not (o["refused"] and not o.get("sources")) or o["tokens"]["completion"] > 0]
    out |= {
        "questions": len(outcomes),
        "citation_precision": mean([o["citation_precision"] for o in known if o["cited"]]),
        "citation_recall": mean([o["citation_recall"] for o in known]),
        "first_token_ms": latency([o.get("first_token_ms", 0) for o in made]),
        "total_ms": latency([o.get("total_ms", 0) for o in outcomes]),
        "seconds": mean([o.get("total_ms", 0) / 1000 for o in outcomes]),
        "prompt_tokens": mean([o["tokens"]["prompt"] for o in outcomes]),
        "completion_tokens": mean([o["tokens"]["completion"] for o in outcomes]),
    }
    return out


# The paired bootstrap, with the same random numbers as the report's: PCG-DXSM (O'Neill), seeded with 1 and 2.


def random_words(count):
    state, out = (1 << 64) | 2, []
    for _ in range(count):
        state = (state * 0x2360ED051FC65DA44385DF649FCCF645 + 0x5851F42D4C957F2D14057B7EF767814F) & MASK128
        hi, lo = state >> 64, (state & MASK64) | 1
        hi ^= hi >> 32
        hi = (hi * 0xDA942042E4DD58B5) & MASK64
        hi ^= hi >> 48
        out.append((hi * lo) & MASK64)
    return out


drawn = {}


def draws(n):
    """Which of n values each resample takes; two from every random number."""
    if n not in drawn:
        each = (n + 1) // 2
        words = iter(random_words(RESAMPLES * each))
        drawn[n] = []
        for _ in range(RESAMPLES):
            taken = []
            for _ in range(each):
                word = next(words)
                taken += [(word >> 32) * n >> 32, (word & 0xFFFFFFFF) * n >> 32]
            drawn[n].append(taken[:n])
    return drawn[n]


def paired(a, b):
    diff = [y - x for x, y in zip(a, b)]
    n = len(diff)
    if not any(diff):
        return {"mean": 0.0, "low": 0.0, "high": 0.0, "p": 1.0}
    means = []
    for taken in draws(n):
        m = sum(map(diff.__getitem__, taken)) / n
        means.append(0.0 if abs(m) < 1e-12 else m)
    means.sort()
    middle = mean(diff)
    beyond = sum(1 for m in means if middle == 0 or m * middle <= 0)

    def quantile(q):
        return means[min(max(math.ceil(q * RESAMPLES - 1e-9), 1), RESAMPLES) - 1]

    return {"mean": middle, "low": quantile((1 - 0.95) / 2), "high": quantile(1 - (1 - 0.95) / 2), "p": max(beyond, 1) / RESAMPLES}


# Groups of questions.


def same_path(a, b):
    return a == b or a.endswith("/" + b) or b.endswith("/" + a)


def groups(questions, names):
    """The ids of each group that the questions themselves tell: all of them, and those of each type."""
    ids = {"all": {q["id"] for q in questions}}
    for q in questions:
        ids.setdefault(q.get("type", ""), set()).add(q["id"])
    return {name: ids[name] for name in names if name in ids}


def check_groups(checks, report, outcomes, questions, heldout):
    ids = groups(questions, [g["name"] for g in report["groups"]])
    if heldout is not None:
        answerable = [q for q in questions if q.get("gold")]
        held = {q["id"] for q in answerable if all(any(same_path(g["path"], p) for p in heldout) for g in q["gold"])}
        ids["held out"], ids["trained on"] = held, {q["id"] for q in answerable} - held
    for g in report["groups"]:
        if g["name"] not in ids:
            continue  # without the list of held-out documents nothing can be said of it
        checks.equal(f"questions of {g['name']}", g["questions"], len(ids[g["name"]]))
        for cell, all_of in outcomes.items():
            some = [o for o in all_of if o["id"] in ids[g["name"]]]
            for name in ("score", "right"):
                for key, value in rate(some, *SHARES[name]).items():
                    checks.equal(f"{g['name']}, {cell}, {name}, {key}", g[name][cell][key], value)
    for d in report["differences"]:
        if d["group"] not in ids:
            continue
        a = [o for o in outcomes[d["a"]] if o["id"] in ids[d["group"]]]
        b = [o for o in outcomes[d["b"]] if o["id"] in ids[d["group"]]]
        of, value = MEASURES[d["measure"]]
        pairs = [(float(value(x)), float(value(y))) for x, y in zip(a, b) if of(x)]
        checks.equal(f"questions of {d['a']} → {d['b']}, {d['group']}, {d['measure']}", d["questions"], len(pairs))
        for key, own in paired([x for x, _ in pairs], [y for _, y in pairs]).items():
            checks.equal(f"{d['a']} → {d['b']}, {d['group']}, {d['measure']}, {key}", d[key], own)


def check_cost(checks, cell, terms, at_once):
    f, cost = cell["figures"], cell["cost"]
    machines = [p for p in terms["prices"] if p["kind"] == "machine" and terms["machine"] in ("", p["name"])]
    if not f["seconds"] or not machines:
        return
    hour = machines[0]["hour"]
    per_hour = 3600 * max(at_once, 1) / f["seconds"]
    training = 1000 * terms["training_hours"] * hour / terms["answers"] if cell["name"].startswith("tuned") and terms["answers"] else 0.0
    checks.equal(f"{cell['name']}, answers an hour", cost["answers_per_hour"], per_hour)
    checks.equal(f"{cell['name']}, training", cost.get("training_per_1000", 0.0), training)
    for at in cost["machine"]:
        checks.equal(f"{cell['name']}, machine at {at['load']}", at["per_1000"], 1000 * hour / (per_hour * at["load"]) + training)
    api = {p["name"]: p for p in terms["prices"] if p["kind"] == "api"}
    for at in cost.get("apis") or []:
        p = api[at["name"]]
        own = (f["prompt_tokens"] * p["input"] + f["completion_tokens"] * p.get("output", 0)) / 1000
        checks.equal(f"{cell['name']}, {at['name']}", at["per_1000"], own)


def check(data, chosen, heldout):
    """Compares the report of a comparison with its stored answers."""
    folder = data / "comparisons" / chosen
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    questions = lines(folder / "questions.jsonl")
    checks, outcomes = Checks(), {}
    checks.equal("questions", report["questions"], len(questions))
    for cell in report["cells"]:
        by_id = {}
        for o in lines(data / "runs" / cell["run"] / "outcomes.jsonl"):
            checks.equal(f"{cell['name']}, {o['id']} stands once", o["id"] in by_id, False)
            by_id[o["id"]] = o
        outcomes[cell["name"]] = [by_id[q["id"]] for q in questions]
        for key, own in figures(outcomes[cell["name"]]).items():
            if isinstance(own, dict):
                for part, value in own.items():
                    checks.equal(f"{cell['name']}, {key}, {part}", cell["figures"][key][part], value)
            else:
                checks.equal(f"{cell['name']}, {key}", cell["figures"][key], own)
        check_cost(checks, cell, report["cost_terms"], report["comparison"]["at_once"])
    for i, side in enumerate(report["side_by_side"]):
        for reply in side["cells"]:
            o = outcomes[reply["cell"]][i]
            checks.equal(f"{side['id']}, {reply['cell']}, answer", reply["answer"], o.get("answer", ""))
            checks.equal(f"{side['id']}, {reply['cell']}, good", reply["good"], good(o))
    check_groups(checks, report, outcomes, questions, heldout)
    return checks


def newest(data):
    done = [p.parent.name for p in (data / "comparisons").glob("*/report.json")]
    if not done:
        sys.exit(f"{data} holds no finished comparison")
    return max(done)


def main():
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    data = Path(sys.argv[1])
    rest = sys.argv[2:]
    heldout = None
    if "--heldout" in rest:
        at = rest.index("--heldout")
        with open(rest[at + 1], encoding="utf-8") as f:
            heldout = [line.strip() for line in f if line.strip() and not line.startswith("#")]
        del rest[at : at + 2]
    chosen = rest[0] if rest else newest(data)
    checks = check(data, chosen, heldout)
    for line in checks.wrong:
        print(line)
    print(f"{chosen}: {checks.count} figures counted again, {len(checks.wrong)} differ")
    sys.exit(1 if checks.wrong else 0)


main()
