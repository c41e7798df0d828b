"""Builds the C core once, as a static library, and every Cython module over it.

MATCHENGINE_BUILD chooses the kind of build: "release" (the default), "sanitize" or "coverage",
each in its own directory below build/. SIMD is chosen at run time, hence no -march anywhere.
"""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_clib import build_clib

try:
    from Cython.Build import cythonize
except ImportError:  # none needed, or the build's front end is still asking: see setup_requires
    cythonize = list

TESTING = ["-g", "-UNDEBUG", "-fno-wrapv", "-DME_TESTING"]  # undo what CPython's own flags hide
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
KINDS = {  # kind: (compiler flags, linker flags)
    "release": (["-O3"], []),
    "sanitize": (["-O1", "-fno-omit-frame-pointer", *SANITIZE, *TESTING], SANITIZE),
    "coverage": (["-O0", "--coverage", *TESTING], ["--coverage"]),
}
kind = os.environ.get("MATCHENGINE_BUILD") or "release"
cflags, ldflags = KINDS[kind]
ldflags = [] if os.name == "nt" else [*ldflags, "-pthread", "-lm"]
cflags = ["/O2", "/std:c11"] if os.name == "nt" else ["-std=c11", "-fvisibility=hidden", *cflags]

core = sorted(map(str, Path("src_c").glob("*.c")))
shared = ["setup.py", *map(str, Path("src_c").glob("*.h"))]  # a change here rebuilds everything
library = {"sources": core, "obj_deps": {"": shared}, "include_dirs": ["src_c"], "cflags": cflags}

modules = sorted(Path("matchengine").glob("*.pyx"))
c_files = [pyx.with_suffix(".c") for pyx in modules]
released = Path("PKG-INFO").exists() and all(  # a release holds the C that Cython made
    c.exists() and c.stat().st_mtime >= pyx.stat().st_mtime
    for c, pyx in zip(c_files, modules, strict=True)
)
flags = {"include_dirs": ["src_c"], "extra_compile_args": cflags, "extra_link_args": ldflags}
flags["depends"] = [*core, *shared]
sources = c_files if released else modules
extensions = [Extension(f"matchengine.{path.stem}", [str(path)], **flags) for path in sources]


class BuildCore(build_clib):
    def build_libraries(self, libraries):
        for old in Path(self.build_clib).glob("*matchengine_c.*"):
            old.unlink()  # an archive keeps the members whose source files are gone
        super().build_libraries(libraries)


setup(
    ext_modules=extensions if released else cythonize(extensions),
    libraries=[("matchengine_c", library)],
    cmdclass={"build_clib": BuildCore},
    options={"build": {"build_base": f"build/{kind}"}},
    setup_requires=[] if released else ["Cython>=3.2,<4"],
)
