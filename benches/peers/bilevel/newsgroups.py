"""stocBiO on 20 Newsgroups in JAX: the loop of the example `newsgroups` with the published setting, and the seconds of its 40 outer steps after compilation.

A mini-batch of sparse rows is a list of entries, padded to one length, so that all batches share one program.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np

from newsgroups_rows import load

jax.config.update("jax_enable_x64", True)
CLASSES, BATCH, OUTER, INNER, TERMS, STEP = 20, 1000, 40, 10, 10, 100.0


starts, columns, values, classes, features = load("train")
FEATURES = int(features)
random = np.random.default_rng(0)
order = random.permutation(len(classes))
half = {"train": order[: len(order) // 2], "validation": order[len(order) // 2 :]}


def gathered(which, pad):
    """Rows of the batch, columns, values and classes; entries of padding have value 0."""
    lengths = starts[which + 1] - starts[which]
    at = np.concatenate([np.arange(a, b) for a, b in zip(starts[which], starts[which + 1])])
    more = pad - len(at)
    row = np.repeat(np.arange(len(which), dtype=np.int32), lengths)
    fill = lambda a: np.concatenate([a, np.zeros(more, a.dtype)])
    return fill(row), fill(columns[at].astype(np.int32)), fill(values[at]), classes[which]


PAD = int(max(np.sort(starts[h + 1] - starts[h])[-BATCH:].sum() for h in half.values()))


def epochs(which, key):
    random = np.random.default_rng(key)
    while True:
        shuffled = random.permutation(which)
        for k in range(len(which) // BATCH):
            yield gathered(shuffled[k * BATCH : (k + 1) * BATCH], PAD)


def loss(w, batch):
    row, column, value, labels = batch
    scores = jax.ops.segment_sum(value[:, None] * w[column], row, BATCH)
    return (jax.nn.logsumexp(scores, axis=1) - jnp.take_along_axis(scores, labels[:, None], 1)[:, 0]).mean()


def inner(w, x, batch):
    return loss(w, batch) + 0.5 * (jnp.exp(x)[:, None] * w * w).mean()


descend = jax.jit(lambda w, x, b: w - STEP * jax.grad(inner)(w, x, b), donate_argnums=0)
start = jax.jit(lambda w, b: jax.grad(loss)(w, b))
factor = jax.jit(lambda r, w, x, b: r - STEP * jax.jvp(lambda w: jax.grad(inner)(w, x, b), (w,), (r,))[1])
cross = jax.jit(lambda w, x, b, v: -jax.grad(lambda x: jnp.vdot(jax.grad(inner)(w, x, b), v))(x))


def run(steps):
    w, x = jnp.zeros((FEATURES, CLASSES)), jnp.zeros(FEATURES)
    train, validation = epochs(half["train"], 1), epochs(half["validation"], 2)
    for _ in range(steps):
        for _ in range(INNER):
            w = descend(w, x, next(train))
        r = start(w, next(validation))
        v = r
        for _ in range(TERMS):
            r = factor(r, w, x, next(train))
            v = v + r
        x = x - STEP * cross(w, x, next(train), STEP * v)
    return jax.block_until_ready((w, x))


def tested(w):
    starts, columns, values, classes, _ = load("test")
    row = np.repeat(np.arange(len(classes)), np.diff(starts))
    scores = np.zeros((len(classes), CLASSES))
    np.add.at(scores, row, values[:, None] * np.asarray(w)[columns])
    scores -= scores.max(axis=1, keepdims=True)
    return (np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(classes)), classes]).mean()


run(1)
began = time.perf_counter()
w, x = run(OUTER)
print(f"loss {tested(w):.4f}, {time.perf_counter() - began:.1f} s")
