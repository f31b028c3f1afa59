/** The arithmetic of stacked bars. */

export interface Segment {
  series: number;
  /** Where it begins and ends above the axis. */
  from: number;
  to: number;
}

export interface BarSeries {
  label: string;
  /** A CSS variable with its colour, such as `--so-chart-1`. */
  color: string;
  values: readonly number[];
}

/** Stack the values of each column, the first series at the axis. */
export function stacked(series: readonly BarSeries[], columns: number): Segment[][] {
  return Array.from({ length: columns }, (_, column) => {
    let height = 0;
    return series.flatMap(({ values }, at) => {
      const value = values[column] ?? 0;
      if (value === 0) return [];
      height += value;
      return [{ series: at, from: height - value, to: height }];
    });
  });
}

/** Return two to five round numbers from 0 up to the first one at or above the highest value. */
export function ticks(highest: number): number[] {
  const rough = Math.max(highest, 1) / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) ?? 1);
  const count = Math.ceil(Math.max(highest, 1) / step);
  return Array.from({ length: count + 1 }, (_, at) => at * step);
}

/** Keep the largest series, and add the others up in one. */
export function largest<T extends { values: readonly number[] }>(series: readonly T[], most: number): [T[], number[]] {
  const sum = ({ values }: T) => values.reduce((total, value) => total + value, 0);
  const sorted = [...series].sort((left, right) => sum(right) - sum(left));
  const rest = sorted.slice(most);
  const others = (rest[0]?.values ?? []).map((_, column) =>
    rest.reduce((total, { values }) => total + (values[column] ?? 0), 0),
  );
  return [sorted.slice(0, most), others];
}
