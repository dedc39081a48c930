"""The size bars: sources' median and 90th percentile, headers, tests. Functions are left to clang-tidy."""
import os
import pathlib
import re
import statistics
import sys

ROOT = pathlib.Path(os.environ.get("CLEAVE_SOURCE_DIR", pathlib.Path(__file__).parent.parent))
CODE = ("ops", "graphs", "partitioner", "engine")


def lines_of(path):
    return len(path.read_text(encoding="utf-8").splitlines())


def files(folders, suffix):
    return [p for folder in folders for p in sorted((ROOT / folder).rglob(suffix))]


def long_tests(path):
    text = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(text):
        if not re.match(r"(TEST|TEST_F|TEST_P|RC_GTEST_PROP)\(", line) or line.rstrip().endswith("}"):
            continue
        end = next((i for i in range(number, len(text)) if text[i].startswith("}")), number)
        if end - number - 1 > 15:
            yield f"{path.relative_to(ROOT)}:{number + 1}: a test of {end - number - 1} lines (bar 15)"


def main():
    faults = []
    sources = sorted(lines_of(p) for p in files(CODE, "*.cpp"))
    median = statistics.median(sources)
    ninetieth = sources[int(0.9 * (len(sources) - 1))]
    print(f"sources: {len(sources)}, median {median:g} lines (bar 120), 90th percentile {ninetieth} (bar 450)")
    if median > 120 or ninetieth > 450:
        faults.append("sources are too long")
    faults += [f"{p.relative_to(ROOT)}: {lines_of(p)} lines (bar for headers 150)"
               for p in files(CODE, "*.h") if lines_of(p) > 150]
    faults += [fault for p in files(("tests",), "*_test.cpp") for fault in long_tests(p)]
    print("\n".join(faults) or "all within the bars")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
