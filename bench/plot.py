"""Curves over the number of clients, as SVG. The background is drawn, so it reads on light and dark pages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH, _HEIGHT = 640, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 150, 48, 56
_BACKGROUND, _INK, _GRID = "#f7f7f5", "#33373d", "#d5d7da"


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Its name, its points by number of clients, its color; dashed or not."""

    name: str
    points: Mapping[int, float]
    color: str
    dashed: bool = False


def svg(title: str, curves: Sequence[Curve]) -> str:
    """The whole picture: clients from left to right by powers of two, values from 0 upwards."""
    clients = sorted({x for curve in curves for x in curve.points})
    step = _step(max(y for curve in curves for y in curve.points.values()))
    top = step * math.ceil(max(y for curve in curves for y in curve.points.values()) / step)
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x_of(x: int) -> float:
        first, last = math.log2(clients[0]), math.log2(clients[-1])
        return _LEFT + (right - _LEFT) * (math.log2(x) - first) / ((last - first) or 1)

    def y_of(y: float) -> float:
        return bottom - (bottom - _TOP) * y / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
        f'aria-label="{escape(title)}" font-family="sans-serif" font-size="12" fill="{_INK}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" rx="6" fill="{_BACKGROUND}"/>',
        f'<text x="{_LEFT}" y="26" font-size="14" font-weight="bold">{escape(title)}</text>',
    ]
    for number in range(round(top / step) + 1):
        y = y_of(number * step)
        parts.append(f'<path d="M{_LEFT} {y:.1f}H{right}" stroke="{_GRID}"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{number * step:,g}", "end"))
    parts += [_text(x_of(x), bottom + 20, str(x), "middle") for x in clients]
    parts.append(_text((_LEFT + right) / 2, _HEIGHT - 14, "clients at once", "middle"))
    for number, curve in enumerate(curves):
        points = [(x_of(x), y_of(y)) for x, y in sorted(curve.points.items())]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        stroke = f'stroke="{curve.color}" stroke-width="2"' + (
            ' stroke-dasharray="6 4"' if curve.dashed else ""
        )
        parts.append(f'<polyline points="{line}" fill="none" {stroke}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{curve.color}"/>' for x, y in points]
        at = _TOP + 10 + number * 20
        parts.append(f'<path d="M{right + 14} {at - 4}h24" {stroke}/>')
        parts.append(_text(right + 44, at, curve.name, "start"))
    return "\n".join([*parts, "</svg>", ""])


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _step(largest: float) -> float:
    """A round distance between lines, of which there are four to eight."""
    power = 10.0 ** math.floor(math.log10(largest or 1))
    return next(part * power for part in (0.2, 0.25, 0.5, 1, 2) if largest / (part * power) <= 8)
