"""The figures of `docs/figures.md`: what the literature shows of its systems, and we of ours.

Each is measured with real nodes:

    overlay, quiet              a drawn overlay; nodes on it, and a network without faults
    siena, medym, strategies    what is measured, one workload each
    drawing                     how it looks
    command                     `matchengine sim --figure NAME`
"""
