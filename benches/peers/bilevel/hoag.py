"""HOAG on 20 Newsgroups in JAX: quadratic tolerances, inner L-BFGS of SciPy on compiled gradients as in the published code, compiled conjugate gradients; seconds after compilation."""

import time

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import minimize

from newsgroups_rows import FOLDER, load

jax.config.update("jax_enable_x64", True)
STEPS = 40
starts, columns, values, classes, FEATURES = load("train")
FEATURES = int(FEATURES)


def half(name):
    which = np.loadtxt(f"{FOLDER}/splits/20news_half_{name}.txt", dtype=int)
    at = np.concatenate([np.arange(a, b) for a, b in zip(starts[which], starts[which + 1])])
    row = np.repeat(np.arange(len(which)), starts[which + 1] - starts[which])
    y = np.where(classes[which] < classes.mean(), -1.0, 1.0)
    return jnp.asarray(row), jnp.asarray(columns[at]), jnp.asarray(values[at]), jnp.asarray(y)


train, validation = half("train"), half("validation")


def loss(w, part):
    row, column, value, y = part
    scores = jax.ops.segment_sum(value * w[column], row, len(y), indices_are_sorted=True)
    return jax.nn.softplus(-y * scores).sum()


def inner(w, a):
    return loss(w, train) + 0.5 * jnp.exp(a) * jnp.vdot(w, w)


gradient = jax.jit(jax.value_and_grad(inner))
outer = jax.jit(jax.value_and_grad(lambda w: loss(w, validation)))


@jax.jit
def adjoint(w, a, b, v, tolerance):
    product = jax.linearize(lambda w: jax.grad(inner)(w, a), w)[1]

    def body(s):
        v, r, p, rr = s
        q = product(p)
        alpha = rr / jnp.vdot(p, q)
        r = r - alpha * q
        new = jnp.vdot(r, r)
        return v + alpha * p, r, r + new / rr * p, new

    r = b - product(v)
    v = jax.lax.while_loop(lambda s: jnp.sqrt(s[3]) > tolerance, body, (v, r, r, jnp.vdot(r, r)))[0]
    return v, -jnp.exp(a) * jnp.vdot(w, v)


def run(steps):
    w, v, a, lipschitz, last = np.zeros(FEATURES), jnp.zeros(FEATURES), 0.0, 0.0, np.inf
    first = float(jnp.linalg.norm(gradient(w, a)[1]))
    for k in range(steps):
        tolerance = 1e-3 * first / (k + 1) ** 2
        f = lambda w: tuple(np.asarray(g, float) for g in gradient(w, a))
        # SciPy's measure is the largest entry: divided by the root of the size it bounds the length.
        found = minimize(f, w, jac=True, method="L-BFGS-B", options={"gtol": tolerance / np.sqrt(FEATURES) * 10, "ftol": 0.0, "maxiter": 10000, "maxcor": 10})
        w = found.x
        value, b = outer(w)
        v, g = adjoint(w, a, b, v, tolerance)
        value, g = float(value), float(g)
        lipschitz = abs(g) if lipschitz == 0 else (2 * lipschitz if value > last else 0.9 * lipschitz)
        last = value
        a -= g / lipschitz
    return a, value


run(2)
began = time.perf_counter()
a, value = run(STEPS)
print(f"a = {a:.5f}, validation loss {value:.3f}, {time.perf_counter() - began:.1f} s")
