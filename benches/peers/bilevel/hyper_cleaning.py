"""Hyper-cleaning in JAX: the loop of the example `hyper_cleaning`, and the seconds of its 80 outer steps after compilation."""

import gzip
import os
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.sparse.linalg import cg

FOLDER = os.environ["HYPERTAPE_DATA"]
CLASSES, OUTER, STEP, MOVE = 10, 80, 0.4, 0.2


def idx(name):
    with gzip.open(f"{FOLDER}/mnist/{name}.gz") as f:
        data = f.read()
    rank = data[3]
    shape = np.frombuffer(data, ">u4", rank, 4).astype(int)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def rows(images):
    x = images.reshape(len(images), -1).astype(np.float32) / 255
    return jnp.asarray(np.hstack([x, np.ones((len(x), 1), np.float32)]))


images, labels = idx("train-images-idx3-ubyte"), idx("train-labels-idx1-ubyte")
x_train, x_validation = rows(images[:3000]), rows(images[3000:6000])
y_validation = jax.nn.one_hot(labels[3000:6000], CLASSES)


def losses(x, y, w):
    scores = x @ w
    return jax.nn.logsumexp(scores, axis=1) - (scores * y).sum(axis=1)


def inner(w, a, y):
    return (jax.nn.sigmoid(a) * losses(x_train, y, w)).mean() + 1e-3 * (w * w).sum()


def outer(w):
    return losses(x_validation, y_validation, w).mean()


@jax.jit
def step(w, a, y):
    w = jax.lax.fori_loop(0, 10, lambda _, w: w - STEP * jax.grad(inner)(w, a, y), w)
    hessian = jax.linearize(lambda w: jax.grad(inner)(w, a, y), w)[1]
    value, gradient = jax.value_and_grad(outer)(w)
    v = cg(hessian, gradient, tol=1e-8, maxiter=10)[0]
    g = -jax.grad(lambda a: jnp.vdot(jax.grad(inner)(w, a, y), v))(a)
    g = jnp.clip(g / jnp.sqrt((g * g).mean()), -1, 1)
    return w, a - MOVE * g, value


def auc(scores, right):
    order = np.argsort(np.argsort(scores, kind="stable"), kind="stable") + 1
    p, n = right.sum(), (~right).sum()
    return (order[right].sum() - p * (p + 1) / 2) / (p * n)


for share in (10, 40, 50):
    given = np.loadtxt(f"{FOLDER}/splits/mnist_corrupted_{share}.txt", dtype=int)
    y = jax.nn.one_hot(given, CLASSES)
    times = []
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 3):
        w, a = jnp.zeros((785, CLASSES)), jnp.zeros(3000)
        jax.block_until_ready(step(w, a, y))
        began = time.perf_counter()
        for _ in range(OUTER):
            w, a, value = step(w, a, y)
        jax.block_until_ready(a)
        times.append(time.perf_counter() - began)
    print(f"{share} %: AUC {auc(np.asarray(a), given == labels[:3000]):.4f}, {np.median(times):.2f} s")
