"""20 Newsgroups as sparse rows of length 1."""

import gzip
import os

import numpy as np

FOLDER = os.environ["HYPERTAPE_DATA"]


def load(part):
    with gzip.open(f"{FOLDER}/20news/20news-{part}.n20s.gz") as f:
        data = np.frombuffer(f.read(), np.uint8)
    n, features = data[4:12].view("<u4").astype(int)
    classes = data[16 : 16 + n].astype(int)
    lengths = data[16 + n : 16 + 5 * n].copy().view("<u4").astype(int)
    # Numbers of 7 bits a byte, the lowest first; the last byte of a number is below 128.
    rest = data[16 + 5 * n :]
    last = np.flatnonzero(rest < 128)
    first = np.concatenate([[0], last[:-1] + 1])
    place = np.arange(len(rest)) - np.repeat(first, last - first + 1)
    numbers = np.add.reduceat((rest & 127).astype(np.int64) << (7 * place), first)
    gaps, counts = numbers[0::2], numbers[1::2].astype(float)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    columns = np.concatenate([np.cumsum(gaps[a:b]) for a, b in zip(starts[:-1], starts[1:])])
    size = np.sqrt(np.add.reduceat(counts**2, starts[:-1]))
    return starts, columns, counts / np.repeat(size, lengths), classes, features
