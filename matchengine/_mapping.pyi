from typing import NoReturn

from typing_extensions import disjoint_base

@disjoint_base
class Scratch:
    def __reduce__(self) -> NoReturn: ...

def fail_allocations_after(successes: int | None = None) -> None: ...
