"""Blocks of rows and columns that limit the memory of temporary arrays."""

from __future__ import annotations

from collections.abc import Iterator

#: Largest number of entries of a temporary array: 4 Mi, 32 MiB.
MOST_NUMBERS = 1 << 22
#: Largest number of entries of a temporary array of an inner loop: 1 MiB, which fits the cache.
CACHED_NUMBERS = 1 << 17


def row_blocks(n_rows: int, numbers_per_row: int, most: int = MOST_NUMBERS) -> Iterator[slice]:
    """Slices of rows with at most `most` numbers, but at least one row.

    Parameters
    ----------
    n_rows : int
        Number of rows.
    numbers_per_row : int
        Entries of the largest temporary array for one row.
    most : int, default=MOST_NUMBERS
        Largest number of entries of a temporary array.

    Yields
    ------
    slice
        The next rows.

    Examples
    --------
    >>> list(row_blocks(5, 10, most=20))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    """
    step = max(1, most // max(1, numbers_per_row))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))


def tiles(
    shape: tuple[int, ...], depth: int, most: int = CACHED_NUMBERS
) -> Iterator[tuple[slice, slice]]:
    """Tiles of an array (n_rows, n_columns) with `depth` temporary entries for each entry.

    Parameters
    ----------
    shape : tuple of int
        The shape of the array.
    depth : int
        Number of temporary entries for each entry of the array.
    most : int, default=CACHED_NUMBERS
        Largest number of entries of a temporary array.

    Yields
    ------
    rows, columns : slice
        The next tile.

    Examples
    --------
    >>> list(tiles((1, 4), 10, most=20))
    [(slice(0, 1, None), slice(0, 2, None)), (slice(0, 1, None), slice(2, 4, None))]
    """
    n_rows, n_columns = shape
    for columns in row_blocks(n_columns, depth, most):
        for rows in row_blocks(n_rows, (columns.stop - columns.start) * depth, most):
            yield rows, columns
