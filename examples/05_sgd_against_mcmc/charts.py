"""Curves as SVG: the few lines of drawing that compare.py needs."""
import math

WIDTH, HEIGHT = 720, 440
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56
COLOURS = ["#0072b2", "#d55e00", "#009e73"]  # told apart also by those who do not see red and green (Okabe and Ito)


def ticks(low, high):
    """Round numbers that cover the range, nine at most."""
    step = 10.0 ** math.floor(math.log10(high - low))
    step *= next(factor for factor in (0.1, 0.2, 0.25, 0.5, 1, 2) if (high - low) / (step * factor) <= 8)
    return [step * i for i in range(math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9) + 1)]


def text(x, y, words, anchor="middle", size=13, turn=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"{turn}>{words}</text>'


def chart(path, title, x_label, y_label, series, marks=True):
    """Writes a chart of named curves, lists of (x, y)."""
    points = [point for curve in series.values() for point in curve]
    xs, ys = ticks(min(x for x, _ in points), max(x for x, _ in points)), ticks(min(y for _, y in points),
                                                                                max(y for _, y in points))

    def place(x, y):
        return (LEFT + (x - xs[0]) / (xs[-1] - xs[0]) * (WIDTH - LEFT - RIGHT),
                HEIGHT - BOTTOM - (y - ys[0]) / (ys[-1] - ys[0]) * (HEIGHT - TOP - BOTTOM))

    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>', text(WIDTH / 2, 24, title, size=16),
             text(WIDTH / 2, HEIGHT - 12, x_label),
             text(16, HEIGHT / 2, y_label, turn=f' transform="rotate(-90 16 {HEIGHT / 2})"')]
    for x in xs:
        at, low = place(x, ys[0])
        lines += [f'<line x1="{at:.1f}" y1="{low:.1f}" x2="{at:.1f}" y2="{TOP}" stroke="#ddd"/>',
                  text(at, low + 18, f"{x:g}")]
    for y in ys:
        left, at = place(xs[0], y)
        lines += [f'<line x1="{left:.1f}" y1="{at:.1f}" x2="{WIDTH - RIGHT}" y2="{at:.1f}" stroke="#ddd"/>',
                  text(left - 8, at + 4, f"{y:g}", "end")]
    for i, (name, curve) in enumerate(series.items()):
        placed = [place(x, y) for x, y in curve]
        lines.append(f'<polyline fill="none" stroke="{COLOURS[i]}" stroke-width="2" points="'
                     + " ".join(f"{x:.1f},{y:.1f}" for x, y in placed) + '"/>')
        if marks:
            lines += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{COLOURS[i]}"/>' for x, y in placed]
        lines += [f'<rect x="{LEFT + 8 + 200 * i}" y="34" width="18" height="4" fill="{COLOURS[i]}"/>',
                  text(LEFT + 32 + 200 * i, 41, name, "start")]
    path.write_text("\n".join(lines + ["</svg>"]) + "\n", encoding="utf-8")
