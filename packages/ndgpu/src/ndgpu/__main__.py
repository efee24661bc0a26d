"""``python -m ndgpu``: what a bug report needs, and the kernel cache.

::

    python -m ndgpu                 versions, driver, devices, libraries, settings
    python -m ndgpu cache list      each entry: last use, size, kind, target, kernel
    python -m ndgpu cache size      how many entries, how many bytes
    python -m ndgpu cache verify    read every entry; --evict removes damaged ones
    python -m ndgpu cache evict     remove entries --older than days, or by --kind or --name
    python -m ndgpu cache clear     remove all entries
    python -m ndgpu cache warm      compile what programs use most, in --jobs processes
"""

from __future__ import annotations

import argparse
import fnmatch
import os
import subprocess
import sys
import time
from collections.abc import Sequence

from ndgpu import diskcache
from ndgpu.about import show_config
from ndgpu.diskcache import Entry

__all__ = ["main"]


def _size(nbytes: int) -> str:
    number = float(nbytes)
    for unit in ("B", "KiB", "MiB"):
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} GiB"


def _list(args: argparse.Namespace) -> int:
    entries = list(diskcache.default().entries())
    keys = {"use": lambda e: -e.last_use, "size": lambda e: -e.nbytes}
    entries.sort(key=keys[args.sort])
    print(f"{'last use':16}  {'size':>9}  {'kind':11}  {'target':14}  {'made by':11}  name")
    for entry in entries[: args.limit]:
        origin = entry.origin()
        used = time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.last_use))
        columns = [origin.get(name, "-") for name in ("kind", "target", "made by", "name")]
        print(
            f"{used}  {_size(entry.nbytes):>9}  {columns[0]:11}  {columns[1]:14}  "
            f"{columns[2]:11}  {columns[3]}"
        )
    if len(entries) > args.limit:
        print(f"... and {len(entries) - args.limit} more (--limit)")
    return 0


def _show_size(args: argparse.Namespace) -> int:
    cache = diskcache.default()
    entries = list(cache.entries())
    kinds: dict[str, list[Entry]] = {}
    for entry in entries:
        kinds.setdefault(entry.origin().get("kind", "-"), []).append(entry)
    print(f"{cache.root}")
    for kind in sorted(kinds):
        total = sum(entry.nbytes for entry in kinds[kind])
        print(f"{kind:12} {len(kinds[kind]):6} entries  {_size(total):>9}")
    total = sum(entry.nbytes for entry in entries)
    print(f"{'all':12} {len(entries):6} entries  {_size(total):>9} of {_size(cache.limit)}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    cache = diskcache.default()
    count = sum(1 for _ in cache.entries())
    damaged = list(cache.damaged())
    for entry in damaged:
        print(f"damaged: {entry.path}")
    if args.evict:
        cache.evict(damaged)
    print(f"{count} entries, {len(damaged)} damaged{' and removed' if args.evict else ''}")
    return 1 if damaged and not args.evict else 0


def _evict(args: argparse.Namespace) -> int:
    if args.older is None and args.kind is None and args.name is None:
        print("cache evict: say which entries, by --older, --kind or --name", file=sys.stderr)
        return 2
    cache = diskcache.default()
    before = time.time() - 86400 * args.older if args.older is not None else None
    chosen = []
    for entry in cache.entries():
        origin = entry.origin()
        if (
            (before is None or entry.last_use < before)
            and (args.kind is None or origin.get("kind") == args.kind)
            and (args.name is None or fnmatch.fnmatch(origin.get("name", ""), args.name))
        ):
            chosen.append(entry)
    cache.evict(chosen)
    print(f"removed {len(chosen)} entries, {_size(sum(entry.nbytes for entry in chosen))}")
    return 0


def _clear(args: argparse.Namespace) -> int:
    cache = diskcache.default()
    count = sum(1 for _ in cache.entries())
    cache.clear()
    print(f"removed {count} entries")
    return 0


def _warm(args: argparse.Namespace) -> int:
    """Compile in several processes, for NVRTC compiles one source at a time in each."""
    from ndgpu.warming import warm

    if args.part is not None:
        warm(args.dtypes.split(","), *map(int, args.part.split("/")))
        return 0
    start = time.perf_counter()
    command = [sys.executable, "-m", "ndgpu", "cache", "warm", "--dtypes", args.dtypes]
    workers = [subprocess.Popen([*command, "--part", f"{k}/{args.jobs}"]) for k in range(args.jobs)]
    codes = [worker.wait() for worker in workers]
    count = sum(1 for _ in diskcache.default().entries())
    print(f"{count} entries after {time.perf_counter() - start:.1f} s")
    return max(map(abs, codes))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the process's exit status."""
    parser = argparse.ArgumentParser(prog="python -m ndgpu", description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command")
    cache = commands.add_parser("cache", help="the folder of compiled kernels")
    actions = cache.add_subparsers(dest="action", required=True)
    listed = actions.add_parser("list", help="each entry")
    listed.add_argument("--sort", choices=("use", "size"), default="use")
    listed.add_argument("--limit", type=int, default=50, help="rows (default 50)")
    actions.add_parser("size", help="entries and bytes, by kind")
    verify = actions.add_parser("verify", help="read every entry")
    verify.add_argument("--evict", action="store_true", help="remove damaged entries")
    evict = actions.add_parser("evict", help="remove some entries")
    evict.add_argument("--older", type=float, metavar="DAYS", help="not used for so long")
    evict.add_argument("--kind", help="image, facts, object code")
    evict.add_argument("--name", metavar="PATTERN", help="of the kernel or source, as *sum*")
    actions.add_parser("clear", help="remove all entries")
    warm = actions.add_parser("warm", help="compile what programs use most")
    warm.add_argument("--dtypes", default="float32,float64,int32,int64", help="separated by commas")
    warm.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    warm.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.command is None:
        show_config()
        return 0
    action = {
        "list": _list,
        "size": _show_size,
        "verify": _verify,
        "evict": _evict,
        "clear": _clear,
        "warm": _warm,
    }[args.action]
    return action(args)


if __name__ == "__main__":
    raise SystemExit(main())
