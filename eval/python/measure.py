"""Scores rankings with ir_measures, for a test of the package's own figures.

stdin: {"qrels": {question: {passage: gain}}, "run": {question: [passage, …]}}; stdout: {question: {figure: value}}.
"""

import json
import sys

import ir_measures
from ir_measures import RR, R, nDCG

asked = json.load(sys.stdin)
figures = {"ndcg@10": nDCG @ 10, "recall@5": R @ 5, "recall@10": R @ 10, "recall@20": R @ 20, "mrr": RR}
# Scores fall with the place, so that no tie is left to be broken.
run = {q: {p: float(len(ranked) - i) for i, p in enumerate(ranked)} for q, ranked in asked["run"].items()}
out = {}
for m in ir_measures.iter_calc(list(figures.values()), asked["qrels"], run):
    name = next(n for n, f in figures.items() if f == m.measure)
    out.setdefault(m.query_id, {})[name] = m.value
json.dump(out, sys.stdout)
