"""jaxopt, implicit_diff=True, inner solver stopped by maxiter.

Rows written:
  jaxopt     implicit_diff_solve left at its default (conjugate gradients on the
             normal equations, relative tolerance 1e-5)
  jaxopt_lu  implicit_diff_solve = dense LU
extra.csv has the same two with the inner solver converged ("converged") and with
the default stopping tolerance and a large iteration limit ("default_tolerance").
"""

import os
import warnings

os.environ.setdefault("JAX_PLATFORMS", "cpu")
warnings.filterwarnings("ignore", message="JAXopt is no longer maintained")

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import jaxopt
import numpy as np
from jaxopt import linear_solve, projection, prox
from jaxopt.implicit_diff import custom_root

from problems import FIELDS, HERE, fmt, merge, problems, rel
from recorder import record

EXTRA = ["library", "problem", "setting", "status", "said", "iterations", "reported_error",
         "optimality_norm", "distance_to_numpy_iterate", "relative_error", "gradient"]


def lu(matvec, b):
    return linear_solve.solve_lu(matvec, b)


def newton(p, iters, tol, solve):
    """Newton for `iters` steps (or until |F| <= tol) under custom_root."""
    F = lambda z, th: p.F(jnp, z, th)

    @custom_root(F, has_aux=True, solve=solve)
    def run(z, th):
        def body(s):
            z, k = s
            return z - jnp.linalg.solve(jax.jacobian(F)(z, th), F(z, th)), k + 1

        def go(s):
            return (s[1] < iters) & (jnp.linalg.norm(F(s[0], th)) > tol)

        z, k = jax.lax.while_loop(go, body, (z, 0))
        return z, (k, jnp.linalg.norm(F(z, th)))

    return run


def build(p, iters, tol, solve):
    """theta -> (z, iterations, error the solver reports)."""
    z0 = jnp.asarray(p.z0)
    opt = dict(maxiter=iters, implicit_diff=True, implicit_diff_solve=solve)
    if tol is not None:
        opt["tol"] = tol

    def unpack(r):
        return r.params, r.state.iter_num, r.state.error

    if p.name.startswith("4_"):
        s = jaxopt.LBFGS(fun=lambda z, th: p.f(jnp, z, th), stepsize=p.step, history_size=10,
                         use_gamma=True, **opt)
        return lambda th: unpack(s.run(z0, th))
    if p.kind == "minimise":
        s = jaxopt.GradientDescent(fun=lambda z, th: p.f(jnp, z, th), stepsize=p.step,
                                   acceleration=False, **opt)
        return lambda th: unpack(s.run(z0, th))
    if p.kind == "fixed point":
        s = jaxopt.FixedPointIteration(lambda z, th: p.T(jnp, z, th), **opt)
        return lambda th: unpack(s.run(z0, th))
    if p.kind == "root":
        run = newton(p, iters, tol, solve)

        def call(th):
            z, (k, e) = run(z0, th)
            return z, k, e

        return call
    fun = lambda z, th: p.f(jnp, z, th)
    opt.update(stepsize=p.step, acceleration=False)
    if p.nonneg and solve is None:
        s = jaxopt.ProjectedGradient(fun=fun, projection=projection.projection_non_negative, **opt)
        return lambda th: unpack(s.run(z0, None, th))
    if p.nonneg:  # ProjectedGradient drops implicit_diff_solve; ProximalGradient keeps it
        pr = prox.make_prox_from_projection(projection.projection_non_negative)
        s = jaxopt.ProximalGradient(fun=fun, prox=pr, **opt)
        return lambda th: unpack(s.run(z0, None, th))
    s = jaxopt.ProximalGradient(fun=fun, prox=prox.prox_lasso, **opt)
    return lambda th: unpack(s.run(z0, p.lam(jnp, th), th))


def one(p, iters, tol, solve):
    run = build(p, iters, tol, solve)

    def outer(th):
        z, k, e = run(th)
        return p.L(jnp, z, th), (z, k, e)

    def call():
        g, aux = jax.grad(outer, has_aux=True)(jnp.asarray(p.theta))
        return np.asarray(g), np.asarray(aux[0]), int(aux[1]), float(aux[2])

    return record(call)


def drops_solver():
    """Does ProjectedGradient use the linear solver it is given?"""
    p, calls = problems()[9], []

    def counted(matvec, b):
        calls.append(1)
        return lu(matvec, b)

    s = jaxopt.ProjectedGradient(fun=lambda z, th: p.f(jnp, z, th), stepsize=p.step,
                                 projection=projection.projection_non_negative, maxiter=p.iters,
                                 tol=0.0, acceleration=False, implicit_diff_solve=counted)
    jax.grad(lambda th: p.L(jnp, s.run(jnp.asarray(p.z0), None, th).params, th))(jnp.asarray(p.theta))
    return len(calls)


def main():
    rows, extra = [], []
    for p in problems():
        _, ref = p.reference()
        znp = p.inner()
        for lib, solve in (("jaxopt", None), ("jaxopt_lu", lu)):
            for setting, iters, tol in (("early_stop", p.iters, 0.0),
                                        ("converged", 2_000_000, 1e-13),
                                        ("default_tolerance", 2_000_000, None)):
                if p.kind == "root" and tol is None:
                    continue  # custom_root has no tolerance of its own
                val, status, said = one(p, iters, tol, solve)
                g, z, k, e = val if val else (np.full_like(ref, np.nan), None, "", "")
                err = f"{rel(g, ref):.6e}" if val else ""
                grad = fmt(g) if val else ""
                if setting == "early_stop":
                    rows.append(dict(library=lib, problem=p.name, status=status, said=said,
                                     relative_error=err, gradient=grad))
                extra.append(dict(
                    library=lib, problem=p.name, setting=setting, status=status, said=said,
                    iterations=k, reported_error=f"{e:.3e}" if val else "",
                    optimality_norm=f"{np.linalg.norm(p.G(z, p.theta)):.3e}" if val else "",
                    distance_to_numpy_iterate=(f"{np.linalg.norm(z - znp):.1e}"
                                               if val and setting == "early_stop" else ""),
                    relative_error=err, gradient=grad))
                x = extra[-1]
                print(f"{lib:9s} {p.name:33s} {setting:17s} {status:6s} k={k} rep={x['reported_error']}"
                      f" opt={x['optimality_norm']} dz={x['distance_to_numpy_iterate']} err={err} said={said[:80]}")
    # problem 3, inner solver converged: only the tolerance of the linear solve changes
    p = problems()[2]
    tight = lambda matvec, b: linear_solve.solve_normal_cg(matvec, b, tol=1e-8)
    val, _, _ = one(p, 2_000_000, 1e-13, tight)
    print("problem 3, converged, normal CG with tolerance 1e-8: error", rel(val[0], p.reference()[1]))
    print("calls of implicit_diff_solve by ProjectedGradient:", drops_solver())
    libs = {"jaxopt", "jaxopt_lu"}
    merge(os.path.join(HERE, "results.csv"), FIELDS, rows, libs)
    merge(os.path.join(HERE, "extra.csv"), EXTRA, extra, libs)


if __name__ == "__main__":
    main()
