"""Print how many tests ran and were skipped, and why: summary.py SKIPPED_STEPS JUNIT_XML..."""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree


def main(steps: Path, reports: list[Path]) -> None:
    """Read the skipped steps, one to a line, and pytest's reports."""
    for report in reports:
        cases = list(ElementTree.parse(report).iter("testcase"))
        skipped = [node for case in cases for node in case.iter("skipped")]
        reasons = Counter(node.get("message", "no reason") for node in skipped)
        print(f"{report.stem}: {len(cases)} tests, {len(skipped)} skipped")
        for reason, count in reasons.most_common():
            print(f"  {count:5} x {reason}")
    lines = steps.read_text(encoding="utf-8").splitlines()
    print(f"steps: {len(lines)} skipped")
    for line in lines:
        print(f"      {line}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
