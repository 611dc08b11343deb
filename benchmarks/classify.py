"""What the task classifier costs: `python -m benchmarks.classify`. CPU time of this process, one thread.

Times are microseconds of the whole label: structure, window, words and head, as the pipeline calls it.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

PROSE = (
    "I run a small bakery with two employees and want to open a second shop next spring. Our rent would go up by a "
    "third, the ovens are leased, and one of my bakers wants to move abroad. Could you go through what I should check "
    "before I sign anything, and how I'd know that it's too early? "
)
CODE = "for (int i = 0; i < n; i++) { total += prices[i] * (1 - discount); }  // naïve sum, see #231\n"
HAN = "我想在明年春天开第二家面包店，请问签合同之前应该检查哪些事情？"
CASES = {
    "20 words of prose": " ".join(PROSE.split()[:20]),
    "24 unknown words": " ".join(f"zq{chr(97 + i)}xjvk" for i in range(24)),
    "300 characters of prose": PROSE[:300],
    "1,000 characters of prose": (PROSE * 4)[:1000],
    "1,000 characters of code": (CODE * 12)[:1000],
    "1,000 characters of Chinese": (HAN * 40)[:1000],
    "10 kB of prose": (PROSE * 40)[:10_000],
    "10 kB of unknown words": " ".join(f"q{i:x}zk" for i in range(3000))[:10_000],
    "10 kB of punctuation": "{[(<;:>)]}" * 1000,
    "4 MB of prose": PROSE * 14_000,
}


AROUND = [
    {"role": "system", "content": " ".join(f"kz{chr(97 + i % 26)}qv{chr(97 + i // 26)}," for i in range(60))},
    {"role": "user", "content": "{[(<;:>)]}" * 40},
    {"role": "assistant", "content": "Go on."},
]
"""A system prompt and an earlier turn, both of the dearest kind."""


def measure(text: str, rounds: int, around: list[dict[str, str]]) -> tuple[float, float]:
    """Median and 99th percentile of one read, in microseconds of CPU time."""
    from gateway.classify.signals import read_signals
    from gateway.classify.text import load_text_model
    from gateway.core.chat import ChatRequest

    model = load_text_model()
    request = ChatRequest({"model": "auto", "messages": [*around, {"role": "user", "content": text}]})
    signals = read_signals(request)
    for _ in range(50):
        model.read(request, signals)
    times = []
    for _ in range(rounds):
        begun = time.perf_counter_ns()
        model.read(request, signals)
        times.append(time.perf_counter_ns() - begun)
    times.sort()
    return times[rounds // 2] / 1000, times[rounds * 99 // 100] / 1000


_LOADING = """
import resource, time
import numpy, orjson
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
begun = time.perf_counter()
from gateway.classify.text import load_text_model
imported = time.perf_counter()
model = load_text_model()
done = time.perf_counter()
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print((imported - begun) * 1e3, (done - imported) * 1e3, (after - before) / 1024)
"""


def loading() -> dict[str, float]:
    """Milliseconds and megabytes in a fresh process that has numpy already; and what numpy itself takes."""
    times = []
    for _ in range(5):
        ran = subprocess.run([sys.executable, "-c", _LOADING], capture_output=True, text=True, check=True)
        times.append([float(value) for value in ran.stdout.split()])
    code = "import time; b=time.perf_counter(); import numpy; print((time.perf_counter()-b)*1e3)"
    numpy_ms = min(
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    return {
        "load_ms": min(load for _, load, _ in times),
        "memory_mb": max(memory for _, _, memory in times),
        "import_numpy_ms": numpy_ms,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, object] = {"loading": loading()}
    cases = {name: (text, []) for name, text in CASES.items()}
    cases |= {f"{name}, after others": (CASES[name], AROUND) for name in ("24 unknown words", "10 kB of unknown words")}
    for name, (text, around) in cases.items():
        median, p99 = measure(text, options.rounds, around)
        found[name] = {"median_us": round(median, 1), "p99_us": round(p99, 1)}
    found["peak_rss_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if options.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        print(f"{name:38s} {value}")


if __name__ == "__main__":
    main()
