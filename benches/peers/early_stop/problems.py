"""Ten bilevel problems whose inner solver stops early.

All data come from closed formulas (no random numbers); indices start at 0 and
everything is float64.  Functions that the JAX scripts share take the array
module `xp` (numpy or jax.numpy) as first argument.  The derivatives below are
written by hand in numpy and do not depend on JAX.

Run this file to write reference.csv and to check the references.
"""

import csv
import os

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def wave(rows, cols, a, b, c, first=0):
    """M[i, j] = sin(a k + b j + c k j) with k = i + first.

    The product term matters: without it the matrix has rank 2.
    """
    k = np.arange(rows, dtype=np.float64)[:, None] + first
    j = np.arange(cols, dtype=np.float64)[None, :]
    return np.sin(a * k + b * j + c * k * j)


def sine_basis(n):
    """Orthogonal, symmetric: Q[i, j] = sqrt(2/(n+1)) sin(pi (i+1)(j+1)/(n+1))."""
    k = np.arange(1, n + 1, dtype=np.float64)
    return np.sqrt(2.0 / (n + 1)) * np.sin(np.pi * k[:, None] * k[None, :] / (n + 1))


def idx(n, first=0):
    return np.arange(n, dtype=np.float64) + first


class Problem:
    """Optimality G(z, theta) = 0, outer loss L(z, theta)."""

    name = kind = ""
    step = None  # step of the inner method, where it has one
    iters = 0  # iteration limit

    def G(self, z, th):
        raise NotImplementedError

    def Gz(self, z, th):
        raise NotImplementedError

    def Gth(self, z, th):
        raise NotImplementedError

    def L(self, xp, z, th):
        raise NotImplementedError

    def Lz(self, z, th):
        raise NotImplementedError

    def Lth(self, z, th):
        return np.zeros_like(th)

    def ift(self, z, th=None):
        """Implicit function theorem with dense matrices at the point z."""
        th = self.theta if th is None else th
        u = np.linalg.solve(self.Gz(z, th).T, self.Lz(z, th))
        return self.Lth(z, th) - self.Gth(z, th).T @ u

    def inner(self, iters=None):
        """The inner method, in numpy, stopped after `iters` iterations."""
        raise NotImplementedError

    def exact(self, th):
        """Inner solution to rounding: the inner method, then Newton."""
        z = self.warm(th)
        for _ in range(50):
            d = np.linalg.solve(self.Gz(z, th), self.G(z, th))
            z = z - d
            if np.max(np.abs(d)) <= 4e-16 * max(1.0, np.max(np.abs(z))):
                break
        return z

    def warm(self, th):
        return self.z0.copy()

    def reference(self):
        z = self.exact(self.theta)
        return z, self.ift(z)

    def central_difference(self, h=1e-4):
        """Fourth-order central differences of theta -> L(z*(theta), theta)."""
        g = np.zeros_like(self.theta)
        for k in range(self.theta.size):
            v = {}
            for m in (-2, -1, 1, 2):
                th = self.theta.copy()
                th[k] += m * h
                v[m] = float(self.L(np, self.exact(th), th))
            g[k] = (8 * (v[1] - v[-1]) - (v[2] - v[-2])) / (12 * h)
        return g


class Minimise(Problem):
    """G = gradient of f; inner method: gradient descent, fixed step."""

    kind = "minimise"
    method = "gradient descent"

    def f(self, xp, z, th):
        raise NotImplementedError

    def inner(self, iters=None):
        z = self.z0.copy()
        for _ in range(self.iters if iters is None else iters):
            z = z - self.step * self.G(z, self.theta)
        return z


class Ridge(Minimise):
    """f = |Xz - y|^2 / 2n + exp(theta) |z|^2 / 2;  L = |Xv z - yv|^2 / 2m."""

    def __init__(self, name, X, y, Xv, yv, theta, step, iters):
        self.name, self.X, self.y, self.Xv, self.yv = name, X, y, Xv, yv
        self.theta = np.array([theta])
        self.step, self.iters = step, iters
        self.z0 = np.zeros(X.shape[1])

    def f(self, xp, z, th):
        r = self.X @ z - self.y
        return xp.sum(r**2) / (2 * len(self.y)) + 0.5 * xp.exp(th[0]) * xp.sum(z**2)

    def L(self, xp, z, th):
        return xp.sum((self.Xv @ z - self.yv) ** 2) / (2 * len(self.yv))

    def G(self, z, th):
        return self.X.T @ (self.X @ z - self.y) / len(self.y) + np.exp(th[0]) * z

    def Gz(self, z, th):
        return self.X.T @ self.X / len(self.y) + np.exp(th[0]) * np.eye(len(z))

    def Gth(self, z, th):
        return (np.exp(th[0]) * z)[:, None]

    def Lz(self, z, th):
        return self.Xv.T @ (self.Xv @ z - self.yv) / len(self.yv)


def p1():
    return Ridge(
        "1_ridge_gd",
        X=wave(40, 10, 0.7, 1.3, 0.5),
        y=np.cos(0.9 * idx(40)) + 0.5 * np.sin(0.3 * idx(40) ** 2),
        Xv=wave(20, 10, 0.7, 1.3, 0.5, first=40),
        yv=np.cos(0.9 * idx(20, 40)) + 0.5 * np.sin(0.3 * idx(20, 40) ** 2),
        theta=-2.0,
        step=0.5,
        iters=12,
    )


def p3():
    scale = 10.0 ** (-2.15 * idx(10) / 9.0)  # columns from 1 down to 10^-2.15
    return Ridge(
        "3_ill_conditioned_ridge_gd",
        X=wave(40, 10, 0.7, 1.3, 0.5) * scale,
        y=np.cos(0.9 * idx(40)) + 0.5 * np.sin(0.3 * idx(40) ** 2),
        Xv=wave(20, 10, 0.7, 1.3, 0.5, first=40) * scale,
        yv=np.cos(0.9 * idx(20, 40)) + 0.5 * np.sin(0.3 * idx(20, 40) ** 2),
        theta=-10.5,
        step=1.0,
        iters=50000,
    )


class Logistic(Minimise):
    """f = mean log(1 + exp(-y x.z)) + sum_j exp(theta_j) z_j^2 / 2."""

    name = "2_logistic_gd"

    def __init__(self):
        self.X = wave(40, 8, 0.7, 1.3, 0.5)
        self.y = np.where(np.sin(1.1 * idx(40) + 0.3) >= 0, 1.0, -1.0)
        self.Xv = wave(20, 8, 0.7, 1.3, 0.5, first=40)
        self.yv = np.where(np.sin(1.1 * idx(20, 40) + 0.3) >= 0, 1.0, -1.0)
        self.theta = -3.0 + 0.1 * idx(8)
        self.z0 = np.zeros(8)
        self.step, self.iters = 2.0, 20

    def f(self, xp, z, th):
        m = self.y * (self.X @ z)
        return xp.mean(xp.logaddexp(0.0, -m)) + 0.5 * xp.sum(xp.exp(th) * z**2)

    def L(self, xp, z, th):
        return xp.mean(xp.logaddexp(0.0, -self.yv * (self.Xv @ z)))

    def G(self, z, th):
        s = 1 / (1 + np.exp(self.y * (self.X @ z)))
        return -self.X.T @ (self.y * s) / len(s) + np.exp(th) * z

    def Gz(self, z, th):
        s = 1 / (1 + np.exp(self.y * (self.X @ z)))
        return (self.X.T * (s * (1 - s))) @ self.X / len(s) + np.diag(np.exp(th))

    def Gth(self, z, th):
        return np.diag(np.exp(th) * z)

    def Lz(self, z, th):
        s = 1 / (1 + np.exp(self.yv * (self.Xv @ z)))
        return -self.Xv.T @ (self.yv * s) / len(s)


class LogCosh(Minimise):
    """f = mean log cosh(x.z - exp(theta_1) y) + exp(theta_0) |z|^2 / 2."""

    name = "4_logcosh_lbfgs"
    method = "L-BFGS, memory 10, all steps of length 1"

    def __init__(self):
        self.X = wave(40, 10, 0.6, 1.1, 0.37)
        self.y = 2.0 * np.cos(0.8 * idx(40)) + np.sin(0.2 * idx(40) ** 2)
        self.Xv = wave(20, 10, 0.6, 1.1, 0.37, first=40)
        self.yv = 2.0 * np.cos(0.8 * idx(20, 40)) + np.sin(0.2 * idx(20, 40) ** 2)
        self.theta = np.array([-3.0, 0.2])
        self.z0 = np.zeros(10)
        self.step, self.iters = 1.0, 6

    def f(self, xp, z, th):
        r = self.X @ z - xp.exp(th[1]) * self.y
        return xp.mean(xp.logaddexp(r, -r)) - np.log(2.0) + 0.5 * xp.exp(th[0]) * xp.sum(z**2)

    def L(self, xp, z, th):
        r = self.Xv @ z - self.yv
        return xp.mean(xp.logaddexp(r, -r)) - np.log(2.0)

    def G(self, z, th):
        r = self.X @ z - np.exp(th[1]) * self.y
        return self.X.T @ np.tanh(r) / len(r) + np.exp(th[0]) * z

    def Gz(self, z, th):
        r = self.X @ z - np.exp(th[1]) * self.y
        return (self.X.T * (1 - np.tanh(r) ** 2)) @ self.X / len(r) + np.exp(th[0]) * np.eye(len(z))

    def Gth(self, z, th):
        t = np.exp(th[1]) * self.y
        w = 1 - np.tanh(self.X @ z - t) ** 2
        return np.stack([np.exp(th[0]) * z, -self.X.T @ (w * t) / len(t)], axis=1)

    def Lz(self, z, th):
        return self.Xv.T @ np.tanh(self.Xv @ z - self.yv) / len(self.yv)

    def inner(self, iters=None):
        """Two-loop recursion; first direction is -gradient; scale s.y / y.y."""
        z, th = self.z0.copy(), self.theta
        g, pairs, gamma = self.G(z, th), [], 1.0
        for _ in range(self.iters if iters is None else iters):
            q, al = g.copy(), []
            for s, y in reversed(pairs):
                a = (s @ q) / (s @ y)
                al.append(a)
                q = q - a * y
            q = gamma * q
            for (s, y), a in zip(pairs, reversed(al)):
                q = q + s * (a - (y @ q) / (s @ y))
            znew = z - self.step * q
            gnew = self.G(znew, th)
            s, y = znew - z, gnew - g
            pairs = (pairs + [(s, y)])[-10:]
            gamma = (s @ y) / (y @ y)
            z, g = znew, gnew
        return z

    def warm(self, th):
        z = self.z0.copy()
        for _ in range(3000):
            z = z - 1.0 * self.G(z, th)
        return z


class TanhFixedPoint(Problem):
    """z = tanh(W z + U theta + b);  L = |z - t|^2 / 2 + 0.05 |theta|^2."""

    kind = "fixed point"
    method = "fixed point iteration"

    def __init__(self, name, W, U, b, t, theta, iters):
        self.name, self.W, self.U, self.b, self.t = name, W, U, b, t
        self.theta, self.iters = np.array(theta), iters
        self.z0 = np.zeros(len(b))

    def T(self, xp, z, th):
        return xp.tanh(self.W @ z + self.U @ th + self.b)

    def L(self, xp, z, th):
        return 0.5 * xp.sum((z - self.t) ** 2) + 0.05 * xp.sum(th**2)

    def slope(self, z, th):
        return 1 - np.tanh(self.W @ z + self.U @ th + self.b) ** 2

    def G(self, z, th):
        return z - self.T(np, z, th)

    def Gz(self, z, th):
        return np.eye(len(z)) - self.slope(z, th)[:, None] * self.W

    def Gth(self, z, th):
        return -self.slope(z, th)[:, None] * self.U

    def Lz(self, z, th):
        return z - self.t

    def Lth(self, z, th):
        return 0.1 * th

    def inner(self, iters=None):
        z = self.z0.copy()
        for _ in range(self.iters if iters is None else iters):
            z = self.T(np, z, self.theta)
        return z

    def warm(self, th):
        z = self.z0.copy()
        for _ in range(300):
            z = self.T(np, z, th)
        return z


def p5():
    n = 20
    Q = sine_basis(n)
    return TanhFixedPoint(
        "5_fixed_point_0.9",
        W=0.93 * np.roll(Q, -1, axis=0),  # W[i, j] = 0.93 Q[(i+1) mod n, j]
        U=np.sin(1.0 + 0.5 * idx(n))[:, None],
        b=0.1 * np.cos(0.8 * idx(n)),
        t=0.3 * np.sin(0.4 * idx(n)),
        theta=[0.2],
        iters=40,
    )


def p6():
    n = 20
    Q = sine_basis(n)
    lam = 0.9985 * np.cos(0.15 * idx(n))
    return TanhFixedPoint(
        "6_fixed_point_0.99",
        W=(Q * lam) @ Q,  # Q diag(lam) Q
        U=wave(n, 3, 0.9, 0.4, 0.3),
        b=0.01 * np.cos(0.8 * idx(n)),
        t=0.3 * np.sin(0.4 * idx(n)),
        theta=[0.02, -0.01, 0.015],
        iters=500,
    )


class Root(Problem):
    """F_i = 2 z_i - z_{i-1} - z_{i+1} + z_i (z_{i+1} - z_{i-1}) / 2
             - theta_0 exp(theta_1 z_i) / 36,  i = 0..4, z_{-1} = z_5 = 0.
    L = sum_i (z_i - 0.1 (i+1))^2 / 2.
    """

    name, kind, method = "7_newton_root", "root", "Newton"

    def __init__(self):
        n = 5
        self.A = 2 * np.eye(n) - np.eye(n, k=1) - np.eye(n, k=-1)
        self.D = 0.5 * (np.eye(n, k=1) - np.eye(n, k=-1))
        self.theta = np.array([2.5, 1.2])
        self.z0 = np.full(n, 0.7)
        self.t = 0.1 * idx(n, 1)
        self.iters = 3

    def F(self, xp, z, th):
        return self.A @ z + z * (self.D @ z) - th[0] * xp.exp(th[1] * z) / 36.0

    def L(self, xp, z, th):
        return 0.5 * xp.sum((z - self.t) ** 2)

    def G(self, z, th):
        return self.F(np, z, th)

    def Gz(self, z, th):
        return (self.A + np.diag(self.D @ z) + z[:, None] * self.D
                - np.diag(th[0] * th[1] * np.exp(th[1] * z) / 36.0))

    def Gth(self, z, th):
        e = np.exp(th[1] * z) / 36.0
        return np.stack([-e, -th[0] * z * e], axis=1)

    def Lz(self, z, th):
        return z - self.t

    def inner(self, iters=None):
        z = self.z0.copy()
        for _ in range(self.iters if iters is None else iters):
            z = z - np.linalg.solve(self.Gz(z, self.theta), self.G(z, self.theta))
        return z


class Prox(Problem):
    """min f(z, theta) + l(theta) |z|_1, or f(z, theta) over z >= 0.

    G(z) = z - T(z), T(z) = prox(z - s grad f(z)) with the step s of the method.
    f is quadratic: gradient H(theta) z - c(theta).
    """

    kind = "prox"
    method = "proximal gradient"
    nonneg = False

    def lam(self, xp, th):  # weight of |z|_1
        raise NotImplementedError

    def lam_th(self, th):  # derivative of that weight
        raise NotImplementedError

    def H(self, th):
        raise NotImplementedError

    def c(self, th):
        raise NotImplementedError

    def grad_th(self, z, th):  # derivative of grad f with respect to theta
        raise NotImplementedError

    def grad(self, xp, z, th):
        raise NotImplementedError

    def T(self, xp, z, th):
        v = z - self.step * self.grad(xp, z, th)
        if self.nonneg:
            return xp.maximum(v, 0.0)
        return xp.sign(v) * xp.maximum(xp.abs(v) - self.step * self.lam(xp, th), 0.0)

    def active(self, z, th, s):
        v = z - s * self.grad(np, z, th)
        on = v > 0 if self.nonneg else np.abs(v) > s * self.lam(np, th)
        return on.astype(float), np.sign(v)

    def G(self, z, th):
        return z - self.T(np, z, th)

    def Gz(self, z, th, s=None):
        s = self.step if s is None else s
        on, _ = self.active(z, th, s)
        return np.eye(len(z)) - on[:, None] * (np.eye(len(z)) - s * self.H(th))

    def Gth(self, z, th, s=None):
        s = self.step if s is None else s
        on, sg = self.active(z, th, s)
        d = s * self.grad_th(z, th)
        if not self.nonneg:
            d = d + s * sg[:, None] * self.lam_th(th)[None, :]
        return on[:, None] * d

    def ift_step(self, z, s):
        """The same with the optimality map of step s."""
        th = self.theta
        u = np.linalg.solve(self.Gz(z, th, s).T, self.Lz(z, th))
        return self.Lth(z, th) - self.Gth(z, th, s).T @ u

    def inner(self, iters=None):
        z = self.z0.copy()
        for _ in range(self.iters if iters is None else iters):
            z = self.T(np, z, self.theta)
        return z

    def exact(self, th):
        """Support from a long run, then the linear system on the support."""
        z = self.z0.copy()
        for _ in range(20000):
            z = self.T(np, z, th)
        on = z != 0
        H, c = self.H(th), self.c(th)
        rhs = c[on] if self.nonneg else c[on] - self.lam(np, th) * np.sign(z[on])
        out = np.zeros_like(z)
        out[on] = np.linalg.solve(H[np.ix_(on, on)], rhs)
        assert np.all(np.sign(out[on]) == np.sign(z[on]))
        return out

    def margin(self, z, th):
        """Strict complementarity: smallest slack of an inactive coordinate,
        and smallest active entry."""
        g = self.grad(np, z, th)
        off = z == 0
        slack = g[off] if self.nonneg else self.lam(np, th) - np.abs(g[off])
        return np.min(slack), np.min(np.abs(z[~off]))


class ElasticNet(Prox):
    """f = |Xz - y|^2 / 2n (+ exp(theta_1) |z|^2 / 2), l = exp(theta_0).

    L = |Xv z - yv|^2 / 2m.  Lasso: theta has one component.
    """

    def __init__(self, name, theta, step, iters):
        self.name, self.step, self.iters = name, step, iters
        self.theta = np.array(theta)
        self.X = wave(40, 20, 0.7, 1.3, 0.5)
        self.Xv = wave(20, 20, 0.7, 1.3, 0.5, first=40)
        w = np.zeros(20)
        w[[0, 3, 7, 12]] = [1.0, -0.8, 0.6, -0.4]
        self.y = self.X @ w + 0.3 * np.cos(0.9 * idx(40) + 0.1 * idx(40) ** 2)
        self.yv = self.Xv @ w + 0.3 * np.cos(0.9 * idx(20, 40) + 0.1 * idx(20, 40) ** 2)
        self.z0 = np.zeros(20)

    def f(self, xp, z, th):
        v = xp.sum((self.X @ z - self.y) ** 2) / (2 * len(self.y))
        return v + 0.5 * xp.exp(th[1]) * xp.sum(z**2) if len(th) == 2 else v

    def grad(self, xp, z, th):
        g = self.X.T @ (self.X @ z - self.y) / len(self.y)
        return g + xp.exp(th[1]) * z if len(th) == 2 else g

    def lam(self, xp, th):
        return xp.exp(th[0])

    def lam_th(self, th):
        return np.array([np.exp(th[0]), 0.0])[: len(th)]

    def H(self, th):
        H = self.X.T @ self.X / len(self.y)
        return H + np.exp(th[1]) * np.eye(len(H)) if len(th) == 2 else H

    def c(self, th):
        return self.X.T @ self.y / len(self.y)

    def grad_th(self, z, th):
        d = np.zeros((len(z), len(th)))
        if len(th) == 2:
            d[:, 1] = np.exp(th[1]) * z
        return d

    def L(self, xp, z, th):
        return xp.sum((self.Xv @ z - self.yv) ** 2) / (2 * len(self.yv))

    def Lz(self, z, th):
        return self.Xv.T @ (self.Xv @ z - self.yv) / len(self.yv)


class NonNegative(Prox):
    """f = sum_i w_i (x_i.z - y_i - theta_1 q_i)^2 / 2n over z >= 0,
    w_i = exp(theta_0) for even i and 1 for odd i.
    """

    name, method, nonneg = "10_nnls_projected_gradient", "projected gradient", True

    def __init__(self):
        self.X = wave(40, 12, 0.6, 1.1, 0.37)
        self.Xv = wave(20, 12, 0.6, 1.1, 0.37, first=40)
        w = np.cos(1.9 * idx(12))
        self.y = self.X @ w + 0.5 * np.sin(0.2 * idx(40) ** 2)
        self.yv = self.Xv @ w + 0.5 * np.sin(0.2 * idx(20, 40) ** 2)
        self.q = np.cos(0.5 * idx(40))
        self.theta = np.array([0.3, 0.2])
        self.z0 = np.full(12, 0.5)
        self.step, self.iters = 0.4, 30
        self.even = (np.arange(40) % 2 == 0).astype(float)

    def weights(self, xp, th):
        return xp.exp(th[0]) * self.even + (1 - self.even)

    def residual(self, z, th):
        return self.X @ z - self.y - th[1] * self.q

    def f(self, xp, z, th):
        return xp.sum(self.weights(xp, th) * self.residual(z, th) ** 2) / (2 * len(self.y))

    def grad(self, xp, z, th):
        return self.X.T @ (self.weights(xp, th) * self.residual(z, th)) / len(self.y)

    def H(self, th):
        return (self.X.T * self.weights(np, th)) @ self.X / len(self.y)

    def c(self, th):
        return self.X.T @ (self.weights(np, th) * (self.y + th[1] * self.q)) / len(self.y)

    def grad_th(self, z, th):
        return np.stack([np.exp(th[0]) * self.X.T @ (self.even * self.residual(z, th)),
                         -self.X.T @ (self.weights(np, th) * self.q)], axis=1) / len(self.y)

    def L(self, xp, z, th):
        return xp.sum((self.Xv @ z - self.yv) ** 2) / (2 * len(self.yv))

    def Lz(self, z, th):
        return self.Xv.T @ (self.Xv @ z - self.yv) / len(self.yv)


def problems():
    return [
        p1(), Logistic(), p3(), LogCosh(), p5(), p6(), Root(),
        ElasticNet("8_lasso_proximal_gradient", [-3.0], step=0.4, iters=20),
        ElasticNet("9_elastic_net_proximal_gradient", [-2.5, -2.5], step=0.4, iters=40),
        NonNegative(),
    ]


def rel(g, ref):
    return float(np.linalg.norm(np.asarray(g) - ref) / np.linalg.norm(ref))


def fmt(g):
    return ";".join(f"{float(x):.16e}" for x in np.ravel(g))


FIELDS = ["library", "problem", "status", "said", "relative_error", "gradient"]


def merge(path, fields, rows, libraries):
    """Replace the rows of `libraries` in a csv file."""
    old = []
    if os.path.exists(path):
        with open(path, newline="") as fh:
            old = [r for r in csv.DictReader(fh) if r["library"] not in libraries]
    with open(path, "w", newline="") as fh:
        w = csv.DictWriter(fh, fields, lineterminator="\n")
        w.writeheader()
        w.writerows(old + rows)


def main():
    rows, ref_rows = [], []
    for p in problems():
        zs, gs = p.reference()
        fd = p.central_difference()
        z = p.inner()
        g = p.ift(z)
        info = ""
        if p.kind == "minimise":
            ev = np.linalg.eigvalsh(p.Gz(zs, p.theta))
            info = f"eigenvalues {ev[0]:.3g}..{ev[-1]:.3g} kappa {ev[-1] / ev[0]:.3g}"
        if p.kind == "fixed point":
            J = np.eye(len(zs)) - p.Gz(zs, p.theta)
            info = (f"spectral radius {np.max(np.abs(np.linalg.eigvals(J))):.4f}"
                    f" norm {np.linalg.norm(J, 2):.4f}")
        if p.kind == "prox":
            m = p.margin(zs, p.theta)
            ev = np.linalg.eigvalsh(p.H(p.theta))
            info = (f"support {int(np.sum(zs != 0))}/{len(zs)}, at stop {int(np.sum(z != 0))},"
                    f" same {bool(np.all((z != 0) == (zs != 0)))}, margins {m[0]:.2g} {m[1]:.2g},"
                    f" largest eigenvalue {ev[-1]:.3g}, step-1 map: {rel(p.ift_step(z, 1.0), gs):.2e}")
        print(f"{p.name:33s} fd {rel(fd, gs):.1e} residual* {np.linalg.norm(p.G(zs, p.theta)):.1e}"
              f" | stop: z {rel(z, zs):.2e} g {rel(g, gs):.2e} | {info}")
        ref_rows.append([p.name, fmt(gs)])
        rows.append(dict(library="numpy_ift", problem=p.name, status="ok", said="nothing",
                         relative_error=f"{rel(g, gs):.6e}", gradient=fmt(g)))
    with open(os.path.join(HERE, "reference.csv"), "w", newline="") as fh:
        w = csv.writer(fh, lineterminator="\n")
        w.writerow(["problem", "gradient"])
        w.writerows(ref_rows)
    merge(os.path.join(HERE, "results.csv"), FIELDS, rows, {"numpy_ift"})


if __name__ == "__main__":
    main()
