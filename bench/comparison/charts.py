"""Bar charts as SVG, written by hand: readable in light and in dark, in a page and alone."""
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT = 720, 100, 150  # names stand left of the bars, values behind them
TITLE, ROW, BAR = 44, 30, 18
STYLE = """
    text { font: 13px system-ui, sans-serif; fill: #1f2328 }
    .title { font-weight: 600; font-size: 15px }
    .value { font-variant-numeric: tabular-nums }
    .bar { fill: #8c959f } .own { fill: #1a7f37 } .floor { fill: #c6ccd2 }
    .spread { stroke: #1f2328; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 } .bar { fill: #768390 } .own { fill: #3fb950 } .floor { fill: #444c56 }
      .spread { stroke: #e6edf3 }
    }
"""


def chart(title, bars):
    """`bars`: (name, class, Spread, text behind the bar), from top to bottom; the longest spread sets the scale."""
    longest = max(spread.highest for _, _, spread, _ in bars) or 1
    scale = (WIDTH - LEFT - RIGHT) / longest
    height = TITLE + ROW * len(bars) + 8
    rows = [row(TITLE + ROW * number, scale, *one) for number, one in enumerate(bars)]
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title, {chr(34): "&quot;"})}">',
        f"  <style>{STYLE}  </style>",
        f'  <text class="title" x="8" y="24">{escape(title)}</text>',
        *rows, "</svg>", ""])


def row(top, scale, name, kind, spread, text):
    middle = top + ROW / 2
    length = max(spread.median * scale, 1)
    lowest, highest = (LEFT + value * scale for value in (spread.lowest, spread.highest))
    end = max(LEFT + length, highest) + 8
    return "\n".join([
        f'  <text x="{LEFT - 8}" y="{middle + 4.5:g}" text-anchor="end">{escape(name)}</text>',
        f'  <rect class="{kind}" x="{LEFT}" y="{middle - BAR / 2:g}" width="{length:.1f}" height="{BAR}" rx="2"/>',
        f'  <line class="spread" x1="{lowest:.1f}" y1="{middle:g}" x2="{highest:.1f}" y2="{middle:g}"/>',
        f'  <text class="value" x="{end:.1f}" y="{middle + 4.5:g}">{escape(text)}</text>'])
