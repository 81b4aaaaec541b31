"""A sphere tracer (J. C. Hart 1996) for rounded primitives on a plain ground, compiled.

The room's colours are exact functions of the place; figures and furniture are signed distances.
A key light with a soft shadow, ambient occlusion and a sky above do the rest. What makes it quick:
a list of the shapes that can be met for each square of pixels and for each shadow, one sample per
pixel, and two more only where surfaces meet.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posexp.benchmark.rendering.shapes import BOX, CAP, CONE, Shapes
from posexp.errors import PosexpError

try:
    from numba import njit
except ImportError as error:
    raise PosexpError(
        "posexp.benchmark", "expected numba, which draws the figure, and it is not installed",
        "pip install numba",
    ) from error  # fmt: skip

FLOOR, BACK, SIDE, SKY = -1, -2, -3, -4  # what a ray meets when it meets no shape
EDGE = -5  # marks a pixel that shows several surfaces
_FAR = 400.0
_TILE = 8  # px
_SOFT = 9.0  # of the shadow's edge
_SHADOW = 2.6  # m that a shadow is followed
_OCCLUSION = 0.175  # m

# Rows of the array that describes the surroundings.
_AMBIENT, _KEY, _TONE, _OUTDOORS, _WALL_Z, _WALL_X, _LIGHT, _GLOW = 0, 1, 2, 3, 4, 5, 6, 9

_jit = njit(fastmath=True, cache=True)


@_jit
def _primitive(rows: Any, i: int, x: float, y: float, z: float) -> float:
    kind = rows[i, 0]
    if kind == CONE:
        bx, by, bz = rows[i, 4], rows[i, 5], rows[i, 6]
        px, py, pz = x - rows[i, 1], y - rows[i, 2], z - rows[i, 3]
        t = min(max((px * bx + py * by + pz * bz) * rows[i, 9], 0.0), 1.0)
        dx, dy, dz = px - t * bx, py - t * by, pz - t * bz
        return math.sqrt(dx * dx + dy * dy + dz * dz) - (rows[i, 7] + (rows[i, 8] - rows[i, 7]) * t)
    dx, py, dz = x - rows[i, 1], y - rows[i, 2], z - rows[i, 3]
    px, pz = dx * rows[i, 10] - dz * rows[i, 11], dz * rows[i, 10] + dx * rows[i, 11]
    if kind == BOX:
        qx, qy, qz = (
            abs(px) - rows[i, 4] + rows[i, 7],
            abs(py) - rows[i, 5] + rows[i, 7],
            abs(pz) - rows[i, 6] + rows[i, 7],
        )
        ox, oy, oz = max(qx, 0.0), max(qy, 0.0), max(qz, 0.0)
        outside = math.sqrt(ox * ox + oy * oy + oz * oz)
        return outside + min(max(qx, max(qy, qz)), 0.0) - rows[i, 7]
    ux, uy, uz = px / rows[i, 4], py / rows[i, 5], pz / rows[i, 6]
    k0 = math.sqrt(ux * ux + uy * uy + uz * uz)
    vx, vy, vz = ux / rows[i, 4], uy / rows[i, 5], uz / rows[i, 6]
    k1 = math.sqrt(vx * vx + vy * vy + vz * vz)
    surface = k0 * (k0 - 1.0) / max(k1, 1e-6)
    if kind == CAP:
        surface = max(
            surface, (rows[i, 7] + rows[i, 8] * pz - py) / math.sqrt(1 + rows[i, 8] * rows[i, 8])
        )
    return surface


@_jit
def _surface(primitives: Any, groups: Any, g: int, x: float, y: float, z: float) -> float:
    """Signed distance to one group: a smooth union (I. Quilez's polynomial minimum)."""
    k, value = groups[g, 2], _FAR
    for i in range(int(groups[g, 0]), int(groups[g, 1])):
        d = _primitive(primitives, i, x, y, z)
        if k > 0.0 and value < _FAR:
            h = min(max(0.5 + 0.5 * (value - d) / k, 0.0), 1.0)
            value = value * (1 - h) + d * h - k * h * (1 - h)
        else:
            value = min(value, d)
    return value


@_jit
def _nearest(
    primitives: Any, groups: Any, chosen: Any, count: int, x: float, y: float, z: float
) -> tuple[float, int]:
    """Signed distance to the nearest of the chosen groups, m, and which it is."""
    best, which = _FAR, -1
    for index in range(count):
        g = chosen[index]
        dx, dy, dz = x - groups[g, 4], y - groups[g, 5], z - groups[g, 6]
        bound = math.sqrt(dx * dx + dy * dy + dz * dz) - groups[g, 7]
        if bound > best:
            continue
        # Far from a group its sphere is close enough.
        value = bound if bound > 0.25 else _surface(primitives, groups, g, x, y, z)
        if value < best:
            best, which = value, g
    return best, which


@_jit
def _tile(groups: Any, eye: Any, axis: Any, spread: float, chosen: Any) -> tuple[int, float, float]:
    """Groups whose spheres meet a cone of rays, and the range of distances that they fill."""
    count, near, far = 0, _FAR, 0.0
    sin, cos = math.sin(spread), math.cos(spread)
    for g in range(groups.shape[0]):
        dx, dy, dz = groups[g, 4] - eye[0], groups[g, 5] - eye[1], groups[g, 6] - eye[2]
        along = dx * axis[0] + dy * axis[1] + dz * axis[2]
        away = math.sqrt(max(dx * dx + dy * dy + dz * dz - along * along, 0.0))
        if away * cos - along * sin < groups[g, 7] and along > -groups[g, 7]:
            chosen[count] = g
            count += 1
            distance = math.sqrt(dx * dx + dy * dy + dz * dz)
            near, far = min(near, distance - groups[g, 7]), max(far, distance + groups[g, 7])
    return count, max(near, 0.05), far


@_jit
def _advance(
    primitives: Any, groups: Any, chosen: Any, count: int, eye: Any, axis: Any,
    spread: float, near: float, far: float,
) -> float:  # fmt: skip
    """Distance up to which a cone of rays meets nothing."""
    t, width = near, math.tan(spread)
    for _ in range(64):
        if count == 0 or t > far:
            break
        d, _g = _nearest(
            primitives, groups, chosen, count,
            eye[0] + axis[0] * t, eye[1] + axis[1] * t, eye[2] + axis[2] * t,
        )  # fmt: skip
        if d < 1.2 * width * t:
            break
        t += (d - width * t) / (1 + width)
    return t


@_jit
def _albedo(surface: int, p: Any, around: Any, out: Any) -> None:
    """Linear colour of floor or wall at a place."""
    tone = around[_TONE]
    if surface == FLOOR and around[_OUTDOORS] > 0:
        # Paving slabs of half a metre with grass beyond them.
        if abs(p[0]) < 3.0 and abs(p[2]) < 3.0:
            sx, sz = p[0] / 0.5, p[2] / 0.5
            fx, fz = sx - math.floor(sx), sz - math.floor(sz)
            shade = math.sin(math.floor(sx) * 12.9898 + math.floor(sz) * 78.233)
            grey = tone * (0.36 + 0.03 * shade)
            if min(min(fx, 1 - fx), min(fz, 1 - fz)) < 0.02:
                grey *= 0.7
            out[0], out[1], out[2] = grey, 0.97 * grey, 0.91 * grey
            return
        wave = math.sin(p[0] * 3.1 + 2 * math.sin(p[2] * 1.3)) * math.sin(p[2] * 2.7)
        green = tone * (0.17 + 0.025 * wave)
        out[0], out[1], out[2] = 0.62 * green, green, 0.33 * green
        return
    if surface == FLOOR:
        board = math.floor(p[0] / 0.19)
        grain = 0.012 * math.sin(p[2] * 9.0 + board * 2.1) + 0.008 * math.sin(p[2] * 23.0 + board)
        value = tone * (0.40 + 0.035 * (0.5 + 0.5 * math.sin(board * 12.9898)) + grain)
        edge = p[0] / 0.19 - board
        if edge < 0.02 or edge > 0.98:
            value *= 0.82
        out[0], out[1], out[2] = value, value * 0.74, value * 0.50
        return
    skirting = p[1] < 0.09
    along = p[0] if surface == BACK else p[2]
    value = tone * (0.66 if skirting else 0.50 + 0.02 * math.sin(along * 0.9))
    if 0.09 <= p[1] < 0.098:
        value *= 0.7
    if skirting:
        out[0], out[1], out[2] = value * 0.97, value * 0.98, value * 0.95
    else:
        out[0], out[1], out[2] = value * 0.93, value, value


@_jit
def _open_sky(primitives: Any, groups: Any, chosen: Any, p: Any, n: Any) -> float:
    """Ambient occlusion: 1 where nothing is near along the normal (A. Evans 2006)."""
    count = 0
    for g in range(groups.shape[0]):
        dx, dy, dz = p[0] - groups[g, 4], p[1] - groups[g, 5], p[2] - groups[g, 6]
        reach = groups[g, 7] + 2 * _OCCLUSION
        if dx * dx + dy * dy + dz * dz < reach * reach:
            chosen[count] = g
            count += 1
    if count == 0:
        return 1.0
    h = _OCCLUSION
    d, _ = _nearest(
        primitives, groups, chosen, count, p[0] + n[0] * h, p[1] + n[1] * h, p[2] + n[2] * h
    )
    if d >= h:  # a distance changes no faster than the way: nothing is nearer further down either
        return 1.0
    hidden, weight = 0.0, 1.0
    for i in range(1, 6):
        h = _OCCLUSION / 5 * i
        d, _ = _nearest(
            primitives, groups, chosen, count, p[0] + n[0] * h, p[1] + n[1] * h, p[2] + n[2] * h
        )
        hidden += max(h - d, 0.0) * weight
        weight *= 0.75
    return min(max(1.0 - 2.6 * hidden, 0.0), 1.0)


@_jit
def _light_share(primitives: Any, groups: Any, chosen: Any, p: Any, n: Any, around: Any) -> float:
    """Soft shadow: 1 in full light, 0 in the shade."""
    lx, ly, lz = around[_LIGHT], around[_LIGHT + 1], around[_LIGHT + 2]
    x, y, z = p[0] + n[0] * 0.006, p[1] + n[1] * 0.006, p[2] + n[2] * 0.006
    count = 0
    for g in range(groups.shape[0]):
        dx, dy, dz = groups[g, 4] - x, groups[g, 5] - y, groups[g, 6] - z
        along = dx * lx + dy * ly + dz * lz
        if along < -groups[g, 7] or along > _SHADOW + groups[g, 7]:
            continue
        away = math.sqrt(max(dx * dx + dy * dy + dz * dz - along * along, 0.0))
        if away < groups[g, 7] + max(along + groups[g, 7], 0.0) / _SOFT:
            chosen[count] = g
            count += 1
    share, t = 1.0, 0.03
    if count:
        for _ in range(32):
            d, _g = _nearest(primitives, groups, chosen, count, x + lx * t, y + ly * t, z + lz * t)
            share = min(share, _SOFT * d / t)
            t += min(max(d, 0.015), 0.3)
            if share < 0.01 or t > _SHADOW:
                break
    share = max(share, 0.0)
    return share * share * (3 - 2 * share)


@_jit
def _shade(
    primitives: Any, groups: Any, chosen: Any, p: Any, n: Any, view: Any, around: Any,
    albedo: Any, gloss: float, out: Any,
) -> None:  # fmt: skip
    lx, ly, lz = around[_LIGHT], around[_LIGHT + 1], around[_LIGHT + 2]
    lit = max(n[0] * lx + n[1] * ly + n[2] * lz, 0.0)
    shadow = _light_share(primitives, groups, chosen, p, n, around) if lit > 0.0 else 0.0
    open_sky = _open_sky(primitives, groups, chosen, p, n)
    sky = (0.5 + 0.5 * n[1]) * open_sky
    bounce = (0.5 - 0.5 * n[1]) * open_sky
    fill = max(-n[0] * 0.6 + n[2] * 0.5, 0.0) * open_sky
    facing = 1.0 - max(-(n[0] * view[0] + n[1] * view[1] + n[2] * view[2]), 0.0)
    rim = facing * facing * facing * facing * 0.12 * open_sky * gloss
    hx, hy, hz = lx - view[0], ly - view[1], lz - view[2]
    length = math.sqrt(hx * hx + hy * hy + hz * hz)
    spec = max((n[0] * hx + n[1] * hy + n[2] * hz) / length, 0.0) ** 24 * 0.10 * shadow * gloss
    key, ambient = 1.05 * lit * shadow * around[_KEY], around[_AMBIENT]
    extra = spec * around[_KEY] + rim * ambient
    soft_r = ambient * (0.44 * sky + 0.18 * bounce + 0.16 * fill)
    soft_g = ambient * (0.47 * sky + 0.15 * bounce + 0.17 * fill)
    soft_b = ambient * (0.54 * sky + 0.11 * bounce + 0.19 * fill)
    out[0] = albedo[0] * (1.00 * key + soft_r) + extra
    out[1] = albedo[1] * (0.97 * key + soft_g) + extra
    out[2] = albedo[2] * (0.90 * key + soft_b) + extra


@_jit
def _behind(eye: Any, ray: Any, around: Any) -> tuple[float, int]:
    """Distance to floor, walls or sky, and which of them it is."""
    stop, surface = _FAR, SKY
    if ray[1] < -1e-6 and -eye[1] / ray[1] < stop:
        stop, surface = -eye[1] / ray[1], FLOOR
    if ray[2] < -1e-6 and around[_WALL_Z] > -90 and (around[_WALL_Z] - eye[2]) / ray[2] < stop:
        stop, surface = (around[_WALL_Z] - eye[2]) / ray[2], BACK
    if ray[0] < -1e-6 and around[_WALL_X] > -90 and (around[_WALL_X] - eye[0]) / ray[0] < stop:
        stop, surface = (around[_WALL_X] - eye[0]) / ray[0], SIDE
    return stop, surface


@_jit
def _march(
    primitives: Any, groups: Any, chosen: Any, count: int, eye: Any, ray: Any,
    near: float, stop: float, fine: float,
) -> tuple[float, int]:  # fmt: skip
    t = near
    for _ in range(96):
        if t > stop:
            break
        d, which = _nearest(
            primitives, groups, chosen, count,
            eye[0] + ray[0] * t, eye[1] + ray[1] * t, eye[2] + ray[2] * t,
        )  # fmt: skip
        if d < fine * t:
            return t, which
        t += 0.92 * d
    return stop, SKY


@_jit
def _normal(primitives: Any, groups: Any, g: int, p: Any, n: Any) -> None:
    """Gradient of the group's distance from the corners of a tetrahedron."""
    e = 0.0008
    for i in range(3):
        n[i] = 0.0
    for corner in range(4):
        sx = 1.0 if corner in (0, 3) else -1.0
        sy = 1.0 if corner in (2, 3) else -1.0
        sz = 1.0 if corner in (1, 3) else -1.0
        d = _surface(primitives, groups, g, p[0] + e * sx, p[1] + e * sy, p[2] + e * sz)
        n[0] += sx * d
        n[1] += sy * d
        n[2] += sz * d
    length = math.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2]) + 1e-12
    for i in range(3):
        n[i] /= length


@_jit
def _sample(
    primitives: Any, groups: Any, colors: Any, lists: Any, count: int, eye: Any, ray: Any,
    near: float, far: float, fine: float, around: Any, work: Any, out: Any,
) -> tuple[float, int]:  # fmt: skip
    """Colour along one ray; the distance and the surface (a group, or FLOOR to SKY)."""
    stop, surface = _behind(eye, ray, around)
    if count:
        t, group = _march(primitives, groups, lists[0], count, eye, ray, near, min(stop, far), fine)
        if group >= 0:
            stop, surface = t, group
    p, n, albedo = work[0], work[1], work[2]
    if surface == SKY:
        high = max(ray[1], 0.0)
        out[0], out[1], out[2] = 0.62 - 0.35 * high, 0.70 - 0.25 * high, 0.80 - 0.10 * high
        return stop, surface
    for i in range(3):
        p[i] = eye[i] + ray[i] * stop
        n[i] = 0.0
    if surface >= 0:
        _normal(primitives, groups, surface, p, n)
        for i in range(3):
            albedo[i] = colors[int(groups[surface, 3]), i]
        _shade(primitives, groups, lists[1], p, n, ray, around, albedo, 1.0, out)
        return stop, surface
    n[1 if surface == FLOOR else (2 if surface == BACK else 0)] = 1.0
    _albedo(surface, p, around, albedo)
    if surface != FLOOR and around[_GLOW] > 0:  # a window front: it lights, and takes no shadow
        for i in range(3):
            out[i] = albedo[i] * around[_GLOW]
        return stop, surface
    _shade(primitives, groups, lists[1], p, n, ray, around, albedo, 0.0, out)
    if around[_OUTDOORS] > 0:  # the distance takes the colour of the sky
        haze = 1 - math.exp(-stop / 60)
        for i in range(3):
            out[i] += haze * ((0.62, 0.70, 0.80)[i] - out[i])
        return stop, surface
    # Where floor and wall meet, each takes the other's light.
    corner = 0.4
    if surface == FLOOR:
        if around[_WALL_Z] > -90:
            corner = min(corner, p[2] - around[_WALL_Z])
        if around[_WALL_X] > -90:
            corner = min(corner, p[0] - around[_WALL_X])
    else:
        corner = min(corner, p[1])
    for i in range(3):
        out[i] *= 0.80 + 0.20 * corner / 0.4
    return stop, surface


@_jit
def _ray(camera: Any, x: float, y: float, ray: Any) -> None:
    """Unit direction through a place of the picture, px; camera: eye, axes, focal, centre."""
    u, v = (x - camera[13]) / camera[12], (y - camera[14]) / camera[12]
    length = math.sqrt(u * u + v * v + 1.0)
    for i in range(3):
        ray[i] = (u * camera[3 + i] + v * camera[6 + i] + camera[9 + i]) / length


@_jit
def _trace(
    primitives: Any, groups: Any, colors: Any, camera: Any, around: Any, mask: Any,
    shift: Any, refine: bool, image: Any, depth: Any, ids: Any,
) -> None:  # fmt: skip
    height, width = mask.shape
    lists = np.empty((2, groups.shape[0]), np.int64)
    work, ray, color = np.empty((3, 3)), np.empty(3), np.empty(3)
    eye = camera[:3]
    fine = 0.12 / camera[12]
    edges = np.zeros(mask.shape, np.bool_)
    for second in range(2 if refine else 1):
        for top in range(0, height, _TILE):
            for left in range(0, width, _TILE):
                bottom, right = min(top + _TILE, height), min(left + _TILE, width)
                wanted = edges if second else mask
                if not wanted[top:bottom, left:right].any():
                    continue
                _ray(camera, (left + right) / 2, (top + bottom) / 2, ray)
                spread = 1.1 * _TILE / camera[12]
                count, near, far = _tile(groups, eye, ray, spread, lists[0])
                near = _advance(primitives, groups, lists[0], count, eye, ray, spread, near, far)
                if near > far:
                    count = 0
                for row in range(top, bottom):
                    for column in range(left, right):
                        if not wanted[row, column]:
                            continue
                        if not second:
                            _ray(camera, column + shift[0], row + shift[1], ray)
                            depth[row, column], ids[row, column] = _sample(
                                primitives, groups, colors, lists, count, eye, ray, near, far,
                                fine, around, work, image[row, column],
                            )  # fmt: skip
                            continue
                        ids[row, column] = EDGE
                        for sub in range(2):
                            # With the middle, three places on one diagonal.
                            x, y = column + 0.17 + 0.66 * sub, row + 0.83 - 0.66 * sub
                            _ray(camera, x, y, ray)
                            _sample(
                                primitives, groups, colors, lists, count, eye, ray, near, far,
                                fine, around, work, color,
                            )  # fmt: skip
                            for i in range(3):
                                image[row, column, i] += color[i]
                        for i in range(3):
                            image[row, column, i] /= 3
        if not second:
            _mark_edges(mask, depth, ids, camera[12], edges)


@_jit
def _mark_edges(mask: Any, depth: Any, ids: Any, focal: float, edges: Any) -> None:
    """Pixels of the mask where another surface begins, or the same one further back."""
    height, width = mask.shape
    for row in range(height):
        for column in range(width):
            if not mask[row, column]:
                continue
            here, t = ids[row, column], depth[row, column]
            for k in range(4):
                r, c = row + (k == 0) - (k == 1), column + (k == 2) - (k == 3)
                if r < 0 or c < 0 or r >= height or c >= width:
                    continue
                jump = here >= 0 and abs(depth[r, c] - t) > 0.02 + 4 * t / focal
                if ids[r, c] != here or jump:
                    edges[row, column] = True
                    break


class Picture:
    """Linear RGB (h, w, 3), depth in m and surface of each pixel (h, w)."""

    def __init__(self, width: int, height: int) -> None:
        self.image = np.zeros((height, width, 3))
        self.depth = np.full((height, width), _FAR)
        self.surface = np.full((height, width), SKY, np.int64)

    def part(self, box: tuple[slice, slice]) -> Picture:
        """A copy of some rows and columns."""
        other = Picture(0, 0)
        other.image, other.depth = self.image[box].copy(), self.depth[box].copy()
        other.surface = self.surface[box].copy()
        return other


def trace(
    shapes: Shapes,
    camera: NDArray[np.float64],
    around: NDArray[np.float64],
    mask: NDArray[np.bool_],
    picture: Picture,
    refine: bool = True,
    shift: tuple[float, float] = (0.5, 0.5),
) -> None:
    """Trace the pixels of `mask` into `picture`, in place.

    Parameters
    ----------
    shapes : Shapes
        Figures and furniture.
    camera : (15,) array
        Eye (m), the axes right, down, forward, focal length and centre (px).
    around : (10,) array
        Ambient and key light, tone, outdoors, places of the walls (m), direction to the light,
        glow of the walls.
    mask : (h, w) bool array
        Which pixels.
    picture : Picture
        Colour, depth and surface of every pixel.
    refine : bool
        Three samples in pixels where surfaces meet.
    shift : (x, y)
        Place of the one sample in its pixel.
    """
    _trace(
        _prepared(shapes), shapes.groups, shapes.colors, camera, around, mask,
        np.array(shift), refine, picture.image, picture.depth, picture.surface,
    )  # fmt: skip


@_jit
def _hits(primitives: Any, groups: Any, eye: Any, directions: Any, out: Any) -> None:
    chosen = np.arange(groups.shape[0])
    for index in range(directions.shape[0]):
        out[index] = _march(
            primitives, groups, chosen, len(chosen), eye, directions[index], 0.05, 60.0, 1e-4
        )[0]


def first_hits(
    shapes: Shapes, eye: NDArray[np.float64], directions: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(N,) distance to the first shape along each of (N, 3) unit directions, m; 60 for none."""
    out = np.empty(len(directions))
    _hits(_prepared(shapes), shapes.groups, eye, directions, out)
    return out


def _prepared(shapes: Shapes) -> NDArray[np.float64]:
    """Primitives with the axis of a cone in place of its end, and one over its length squared."""
    rows = shapes.primitives.copy()
    cones = rows[:, 0] == CONE
    axis = rows[cones, 4:7] - rows[cones, 1:4]
    length = (axis**2).sum(axis=1)
    rows[cones, 4:7] = axis
    rows[cones, 9] = np.where(length > 1e-12, 1 / np.maximum(length, 1e-12), 0)
    return rows
