from collections.abc import Iterable
from typing import Any, NoReturn, SupportsIndex

from typing_extensions import disjoint_base

from matchengine.limits import Limits

NO_DESTINATION: int
TRUTHS: tuple[str, ...]
ANCHORS: tuple[str, ...]
STAGES: tuple[str, ...]
PARTS: tuple[str, ...]

@disjoint_base
class Pin:
    def __reduce__(self) -> NoReturn: ...

@disjoint_base
class Store:
    def _open(self, limits: Limits) -> None: ...
    # Filters are the bytes that matchengine._filters makes.
    def _insert_many(
        self, irs: list[bytes], ids: list[Any], destinations: list[int], warned: bool
    ) -> tuple[list[int], tuple[int, int, dict[str, Any]] | None]: ...
    def _give_back(self) -> None: ...
    def _change(
        self,
        handles: dict[Any, int],
        id: object,
        ir: bytes,
        destination: int,
        keeps: bool,
        warned: bool,
    ) -> dict[str, Any] | None: ...
    def _read(self, handles: dict[Any, int], id: object) -> tuple[bytes, int]: ...
    def _delete(self, handles: Iterable[int]) -> None: ...
    def _copy_filters(
        self, ids: list[Any], handles: list[int]
    ) -> tuple[bytes, bytes, bytes] | None: ...
    def _diagnose(self, ir: bytes) -> dict[str, Any]: ...
    def _plain(self, event: object) -> dict[str, Any]: ...
    def _examine(
        self, event: dict[str, Any] | bytes, handle: int
    ) -> (
        tuple[
            bytes,
            bool,
            list[tuple[str, list[tuple[object, ...]]]],
            list[tuple[str, tuple[int, int] | None, str]],
        ]
        | None
    ): ...
    def _numbers(self) -> dict[str, Any]: ...
    def _after_fork(self) -> None: ...
    def validate(self) -> None: ...
    def ids(self, handles: Iterable[SupportsIndex], /) -> list[Any]: ...

def fail_allocations_after(successes: int | None = None) -> None: ...
