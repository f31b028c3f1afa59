import classes from './sparkline.module.css';

const WIDTH = 96;
const HEIGHT = 20;

/** Return the points of a line through the values, from left to right. */
export function linePoints(values: readonly number[], width: number, height: number): string {
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return values
    .map((value, at) => `${(at * step).toFixed(1)},${(height - ((value - low) / range) * height).toFixed(1)}`)
    .join(' ');
}

/** A small line without axes: the shape of the last days. */
export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
  if (values.length < 2) return null;
  return (
    <svg
      className={classes.line}
      viewBox={`0 -2 ${WIDTH} ${HEIGHT + 4}`}
      width={WIDTH}
      height={HEIGHT}
      preserveAspectRatio="xMinYMid"
      role="img"
      aria-label={label}
    >
      <polyline points={linePoints(values, WIDTH, HEIGHT)} />
    </svg>
  );
}
