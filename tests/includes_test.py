"""The dependency rule of CONTRIBUTING.md: who may include whom, and one door for each third party."""
import os
import pathlib
import re
import sys

ROOT = pathlib.Path(os.environ.get("CLEAVE_SOURCE_DIR", pathlib.Path(__file__).parent.parent))

OPS = ["ops/core", "ops/kernels", "ops/defs", "ops"]
ALLOWED = {
    "ops/core": ["ops/core"],
    "ops/kernels": ["ops/core", "ops/kernels"],
    "ops/defs": ["ops/core", "ops/kernels", "ops/defs"],
    "ops": OPS,
    "graphs": OPS + ["graphs"],
    "partitioner": OPS + ["graphs", "partitioner"],
    "engine/net": OPS + ["engine/net"],
    "engine/data": OPS + ["graphs", "engine/data"],
    "engine/power": OPS + ["engine/power"],
    "engine/mcmc": OPS + ["graphs", "engine/mcmc"],
    "engine/runtime": OPS + ["graphs", "partitioner", "engine/net", "engine/runtime"],
    "engine/train": OPS + ["graphs", "partitioner", "engine/net", "engine/runtime", "engine/mcmc", "engine/train"],
    "engine/cli": None,  # anything
}
# header pattern -> the files that may include it
DOORS = {
    r"yaml-cpp/": ["graphs/yaml_reader.cpp"],
    r"(oneapi/)?tbb/flow_graph\.h": ["engine/runtime/flow.cpp"],
    r"nng/": ["engine/net/nng_channel.cpp", "engine/net/live_view.cpp"],
    r"openssl/": ["engine/net/tls", "engine/net/keys", "engine/net/sha256.cpp"],
    r"isa-l/": ["engine/net/message.cpp"],
    r"xxhash\.h": ["engine/train/"],
    r"glpk\.h": ["partitioner/lifetime.cpp"],
    r"Random123/": ["ops/core/rng.cpp"],
    r"(onnx|google/protobuf)/": ["graphs/import_onnx.cpp", "graphs/export_onnx.cpp"],
    r"CLI/": ["engine/cli/"],
    r"spdlog/": ["engine/cli/"],
}
INCLUDE = re.compile(r'^\s*#include\s+([<"])([^>"]+)[>"]')


def folder_of(path):
    parts = path.parts
    return "/".join(parts[:2]) if parts[0] in ("ops", "engine") and len(parts) > 2 else parts[0]


def faults_of(path):
    own = folder_of(path)
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        name = found.group(2)
        where = f"{path}:{number}"
        if found.group(1) == '"':
            if not (ROOT / name).exists():
                yield f'{where}: "{name}" is not written from the root'
            elif ALLOWED[own] is not None and folder_of(pathlib.Path(name)) not in ALLOWED[own]:
                yield f"{where}: {own} may not include {name}"
            continue
        for pattern, doors in DOORS.items():
            if re.match(pattern, name) and not any(str(path).startswith(door) for door in doors):
                yield f"{where}: <{name}> stays behind {', '.join(doors)}"


def main():
    paths = [p.relative_to(ROOT) for folder in ("ops", "graphs", "partitioner", "engine")
             for suffix in ("*.h", "*.cpp") for p in sorted((ROOT / folder).rglob(suffix))]
    if len(paths) < 50:
        sys.exit(f"only {len(paths)} files found under {ROOT}")
    faults = [fault for path in paths for fault in faults_of(path)]
    print("\n".join(faults) or f"{len(paths)} files keep the dependency rule")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
