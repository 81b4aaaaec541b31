"""A sphere tracer (J. C. Hart 1996) for rounded primitives in a plain room, compiled.

The room's colours are exact functions of the place; the figure and the chair are signed
distances. A key light with a soft shadow, ambient occlusion and a sky above do the rest.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.errors import PosexpError
from posexp.rendering.shapes import BOX, CAP, COLORS, CONE, Shapes

try:
    from numba import njit
except ImportError as error:
    raise PosexpError(
        "posexp.rendering", "expected numba, which draws the figure, and it is not installed",
        "pip install numba",
    ) from error  # fmt: skip

WALL_Z = -1.7  # m; the wall behind the chair
_LIGHT = np.array([0.50, 0.78, 0.62]) / np.linalg.norm([0.50, 0.78, 0.62])
_FAR = 20.0


@njit(fastmath=True, cache=True)
def _primitive(row: Any, x: float, y: float, z: float) -> float:
    kind = row[0]
    if kind == CONE:
        bx, by, bz = row[4] - row[1], row[5] - row[2], row[6] - row[3]
        px, py, pz = x - row[1], y - row[2], z - row[3]
        length = bx * bx + by * by + bz * bz
        t = 0.0
        if length > 1e-12:
            t = min(max((px * bx + py * by + pz * bz) / length, 0.0), 1.0)
        dx, dy, dz = px - t * bx, py - t * by, pz - t * bz
        return math.sqrt(dx * dx + dy * dy + dz * dz) - (row[7] + (row[8] - row[7]) * t)
    px, py, pz = x - row[1], y - row[2], z - row[3]
    if kind == BOX:
        qx, qy, qz = abs(px) - row[4] + row[7], abs(py) - row[5] + row[7], abs(pz) - row[6] + row[7]
        ox, oy, oz = max(qx, 0.0), max(qy, 0.0), max(qz, 0.0)
        outside = math.sqrt(ox * ox + oy * oy + oz * oz)
        return outside + min(max(qx, max(qy, qz)), 0.0) - row[7]
    ux, uy, uz = px / row[4], py / row[5], pz / row[6]
    k0 = math.sqrt(ux * ux + uy * uy + uz * uz)
    vx, vy, vz = ux / row[4], uy / row[5], uz / row[6]
    k1 = math.sqrt(vx * vx + vy * vy + vz * vz)
    surface = k0 * (k0 - 1.0) / max(k1, 1e-6)
    if kind == CAP:
        surface = max(surface, (row[7] + row[8] * pz - py) / math.sqrt(1 + row[8] * row[8]))
    return surface


@njit(fastmath=True, cache=True)
def _distance(primitives: Any, groups: Any, x: float, y: float, z: float) -> tuple[float, int]:
    """Signed distance to the nearest group, m, and its colour; -1 when none is near."""
    best, color = _FAR, -1
    for g in range(groups.shape[0]):
        row = groups[g]
        dx, dy, dz = x - row[4], y - row[5], z - row[6]
        bound = math.sqrt(dx * dx + dy * dy + dz * dz) - row[7]
        if bound > best:
            continue
        if bound > 0.25:  # far from it: its sphere is close enough
            best, color = bound, int(row[3])
            continue
        k = row[2]
        value = _FAR
        for i in range(int(row[0]), int(row[1])):
            d = _primitive(primitives[i], x, y, z)
            if k > 0.0 and value < _FAR:
                h = min(max(0.5 + 0.5 * (value - d) / k, 0.0), 1.0)
                value = value * (1 - h) + d * h - k * h * (1 - h)
            else:
                value = min(value, d)
        if value < best:
            best, color = value, int(row[3])
    return best, color


@njit(fastmath=True, cache=True)
def _room(x: float, y: float, wall: bool, out: Any) -> None:
    """Linear colour of the floor at (x, depth y) or of the wall at (x, height y)."""
    if wall:
        skirting = y < 0.09
        tone = 0.66 if skirting else 0.50 + 0.02 * math.sin(x * 0.9)
        if 0.09 <= y < 0.098:
            tone *= 0.7
        out[0], out[1], out[2] = tone * 0.97, tone * 0.98, tone * 0.95
        if not skirting:
            out[0], out[1], out[2] = tone * 0.93, tone * 1.0, tone * 1.0
        return
    board = math.floor(x / 0.19)
    shade = 0.5 + 0.5 * math.sin(board * 12.9898)
    grain = 0.012 * math.sin(y * 9.0 + board * 2.1) + 0.008 * math.sin(y * 23.0 + board)
    tone = 0.40 + 0.035 * shade + grain
    edge = x / 0.19 - board
    if edge < 0.02 or edge > 0.98:
        tone *= 0.82
    out[0], out[1], out[2] = tone, tone * 0.74, tone * 0.50


@njit(fastmath=True, cache=True)
def _shade(
    primitives: Any,
    groups: Any,
    p: Any,
    n: Any,
    view: Any,
    light: Any,
    albedo: Any,
    gloss: float,
    out: Any,
) -> None:
    lit = max(n[0] * light[0] + n[1] * light[1] + n[2] * light[2], 0.0)
    shadow, t = 1.0, 0.03
    if lit > 0.0:
        for _ in range(32):
            d, _c = _distance(
                primitives, groups, p[0] + light[0] * t + n[0] * 0.006,
                p[1] + light[1] * t + n[1] * 0.006, p[2] + light[2] * t + n[2] * 0.006,
            )  # fmt: skip
            shadow = min(shadow, 9.0 * d / t)
            t += min(max(d, 0.015), 0.3)
            if shadow < 0.01 or t > 2.6:
                break
    shadow = max(shadow, 0.0)
    shadow = shadow * shadow * (3 - 2 * shadow)
    hidden, weight = 0.0, 1.0
    for i in range(1, 6):
        h = 0.035 * i
        d, _c = _distance(primitives, groups, p[0] + n[0] * h, p[1] + n[1] * h, p[2] + n[2] * h)
        hidden += max(h - d, 0.0) * weight
        weight *= 0.75
    open_sky = min(max(1.0 - 2.6 * hidden, 0.0), 1.0)
    sky = (0.5 + 0.5 * n[1]) * open_sky
    bounce = (0.5 - 0.5 * n[1]) * open_sky
    fill = max(-n[0] * 0.6 + n[2] * 0.5, 0.0) * open_sky
    facing = 1.0 - max(-(n[0] * view[0] + n[1] * view[1] + n[2] * view[2]), 0.0)
    rim = facing * facing * facing * facing * 0.12 * open_sky * gloss
    hx, hy, hz = light[0] - view[0], light[1] - view[1], light[2] - view[2]
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    spec = max((n[0] * hx + n[1] * hy + n[2] * hz) / length, 0.0) ** 24 * 0.10 * shadow * gloss
    key = 1.05 * lit * shadow
    out[0] = albedo[0] * (1.00 * key + 0.44 * sky + 0.18 * bounce + 0.16 * fill) + spec + rim
    out[1] = albedo[1] * (0.97 * key + 0.47 * sky + 0.15 * bounce + 0.17 * fill) + spec + rim
    out[2] = albedo[2] * (0.90 * key + 0.54 * sky + 0.11 * bounce + 0.19 * fill) + spec + rim


@njit(fastmath=True, cache=True)
def _march(primitives: Any, groups: Any, eye: Any, ray: Any, stop: float) -> tuple[float, int]:
    t = 1.6
    for _ in range(96):
        d, color = _distance(
            primitives, groups, eye[0] + ray[0] * t, eye[1] + ray[1] * t, eye[2] + ray[2] * t
        )
        if d < 0.0006:
            return t, color
        t += 0.92 * d
        if t > stop:
            break
    return stop, -1


@njit(fastmath=True, cache=True)
def _pixel(
    primitives: Any, groups: Any, eye: Any, ray: Any, light: Any, colors: Any, out: Any
) -> None:
    to_floor = -eye[1] / ray[1] if ray[1] < -1e-6 else _FAR
    to_wall = (WALL_Z - eye[2]) / ray[2] if ray[2] < -1e-6 else _FAR
    stop = min(min(to_floor, to_wall), _FAR)
    t, color = _march(primitives, groups, eye, ray, stop)
    p, n, albedo = np.empty(3), np.zeros(3), np.empty(3)
    for i in range(3):
        p[i] = eye[i] + ray[i] * t
    gloss = 0.0
    if color >= 0:
        e = 0.0008
        for i in range(3):
            q = p.copy()
            q[i] += e
            high, _c = _distance(primitives, groups, q[0], q[1], q[2])
            q[i] -= 2 * e
            low, _c = _distance(primitives, groups, q[0], q[1], q[2])
            n[i] = high - low
            albedo[i] = colors[color, i]
        n /= math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-12
        gloss = 1.0
    elif to_floor < to_wall:
        n[1] = 1.0
        _room(p[0], p[2], False, albedo)
    else:
        n[2] = 1.0
        _room(p[0], p[1], True, albedo)
    _shade(primitives, groups, p, n, ray, light, albedo, gloss, out)
    if color < 0:  # where floor and wall meet, each takes the other's light
        corner = min(p[1] if to_wall <= to_floor else p[2] - WALL_Z, 0.4) / 0.4
        for i in range(3):
            out[i] *= 0.80 + 0.20 * corner


@njit(fastmath=True, cache=True)
def _trace(
    primitives: Any,
    groups: Any,
    eye: Any,
    rays: Any,
    mask: Any,
    light: Any,
    colors: Any,
    image: Any,
) -> None:
    for row in range(rays.shape[0]):
        for column in range(rays.shape[1]):
            if mask[row, column]:
                _pixel(
                    primitives, groups, eye, rays[row, column], light, colors, image[row, column]
                )


def trace(
    shapes: Shapes,
    eye: NDArray[np.float64],
    rays: NDArray[np.float64],
    mask: NDArray[np.bool_],
    image: NDArray[np.float64],
) -> None:
    """Trace the pixels of `mask` into `image`, in place.

    Parameters
    ----------
    shapes : Shapes
        Figure and chair.
    eye : (3,) array
        Camera, m.
    rays : (h, w, 3) array
        Unit direction of each pixel.
    mask : (h, w) bool array
        Which pixels.
    image : (h, w, 3) array
        Linear RGB.
    """
    _trace(shapes.primitives, shapes.groups, eye, rays, mask, _LIGHT, COLORS, image)
