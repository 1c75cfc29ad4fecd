"""optimistix with ImplicitAdjoint, inner solver stopped by max_steps.

Rows written:
  optimistix           throw=True (the default)
  optimistix_no_throw  throw=False; `said` holds the result flag
extra.csv has throw=False with the inner solver converged ("converged") and
throw=True with rtol=atol=1e-3 and a large step limit ("tolerance_1e-3";
optimistix has no default tolerances).

GradientDescent and LBFGS spend one step of max_steps on evaluating the start, so
they get max_steps = iterations + 1 here; the iterates are then the same as those
of problems.py (column distance_to_numpy_iterate).
"""

import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optimistix as optx

from problems import FIELDS, HERE, fmt, merge, problems, rel
from recorder import record

EXTRA = ["library", "problem", "setting", "status", "said", "iterations", "reported_error",
         "optimality_norm", "distance_to_numpy_iterate", "relative_error", "gradient"]


def solve(p, th, iters, tol, throw, exact_steps):
    z0 = jnp.asarray(p.z0)
    opt = dict(args=th, adjoint=optx.ImplicitAdjoint(), throw=throw, max_steps=iters)
    tols = dict(rtol=tol, atol=tol)
    if p.kind == "minimise":
        opt["max_steps"] = iters + 1 if exact_steps else iters
        if p.name.startswith("4_"):
            s = optx.LBFGS(history_length=10, **tols)
        else:
            s = optx.GradientDescent(learning_rate=p.step, **tols)
        return optx.minimise(lambda z, th: p.f(jnp, z, th), s, z0, **opt)
    if p.kind == "root":
        return optx.root_find(lambda z, th: p.F(jnp, z, th), optx.Newton(**tols), z0, **opt)
    # fixed point, and the proximal problems as fixed points of their prox map
    return optx.fixed_point(lambda z, th: p.T(jnp, z, th), optx.FixedPointIteration(**tols),
                            z0, **opt)


def one(p, iters, tol, throw, exact_steps=True):
    def outer(th):
        sol = solve(p, th, iters, tol, throw, exact_steps)
        e = getattr(sol.state, "relative_error", jnp.nan)
        return p.L(jnp, sol.value, th), (sol.value, sol.result, sol.stats["num_steps"], e)

    def call():
        g, (z, result, k, e) = jax.grad(outer, has_aux=True)(jnp.asarray(p.theta))
        name = "successful" if bool(result == optx.RESULTS.successful) else (
            "nonlinear_max_steps_reached"
            if bool(result == optx.RESULTS.nonlinear_max_steps_reached) else optx.RESULTS[result])
        return np.asarray(g), np.asarray(z), int(k), float(e), name

    val, status, said = record(call)
    if val and val[4] != "successful":
        status = "flagged" if status == "ok" else status
    if val:
        flag = f"result={val[4]}"
        said = flag if said == "nothing" else f"{flag} | {said}"
    return val, status, said


def main():
    rows, extra = [], []
    for p in problems():
        _, ref = p.reference()
        znp = p.inner()
        for lib, setting, iters, tol, throw in (
            ("optimistix", "early_stop", p.iters, 1e-15, True),
            ("optimistix_no_throw", "early_stop", p.iters, 1e-15, False),
            ("optimistix_no_throw", "converged", 2_000_000, 1e-13, False),
            ("optimistix", "tolerance_1e-3", 2_000_000, 1e-3, True),
        ):
            val, status, said = one(p, iters, tol, throw)
            g, z, k, e, _ = val if val else (None, None, "", "", "")
            err = f"{rel(g, ref):.6e}" if val else ""
            grad = fmt(g) if val else ""
            if setting == "early_stop":
                rows.append(dict(library=lib, problem=p.name, status=status, said=said,
                                 relative_error=err, gradient=grad))
            extra.append(dict(
                library=lib, problem=p.name, setting=setting, status=status, said=said, iterations=k,
                reported_error="" if not val or np.isnan(e) else f"{e:.3e}",
                optimality_norm=f"{np.linalg.norm(p.G(z, p.theta)):.3e}" if val else "",
                distance_to_numpy_iterate=(f"{np.linalg.norm(z - znp):.1e}"
                                           if val and setting == "early_stop" else ""),
                relative_error=err, gradient=grad))
            x = extra[-1]
            print(f"{lib:19s} {p.name:33s} {setting:14s} {status:7s} k={k} rep={x['reported_error']}"
                  f" opt={x['optimality_norm']} dz={x['distance_to_numpy_iterate']} err={err} said={said[:90]}")
    libs = {"optimistix", "optimistix_no_throw"}
    merge(os.path.join(HERE, "results.csv"), FIELDS, rows, libs)
    merge(os.path.join(HERE, "extra.csv"), EXTRA, extra, libs)


if __name__ == "__main__":
    main()
