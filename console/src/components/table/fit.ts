/** Which columns a table has room for. */
import { useMediaQuery } from '@mantine/hooks';
import { type RefObject, useLayoutEffect, useState } from 'react';
import type { Column } from './DataTable';

const GAP = 16;
const PADDING = 40;
const NARROW = '(max-width: 640px)';

type Sized = Pick<Column<never>, 'width' | 'narrow'>;

/** The least width of a row: the first number of each size, with the gaps. */
function leastWidth(columns: readonly Sized[]): number {
  const widths = columns.map(({ width }) => Number(/\d+/.exec(width)?.[0]));
  return widths.reduce((sum, width) => sum + width + GAP, PADDING - GAP);
}

/**
 * Return the columns that fit into a width in pixels: without some of those that a narrow screen hides, the last ones
 * first. Return null if even the others do not fit side by side.
 */
export function fitting<Of extends Sized>(columns: readonly Of[], width: number): readonly Of[] | null {
  const shown = [...columns];
  while (leastWidth(shown) > width) {
    const last = shown.findLastIndex(({ narrow }) => narrow === 'hidden');
    if (last === -1) return null;
    shown.splice(last, 1);
  }
  return shown;
}

/** The columns that the element has room for now; null if rows need two lines. */
export function useFitting<Of extends Sized>(
  element: RefObject<HTMLElement | null>,
  columns: readonly Of[],
): readonly Of[] | null {
  const isNarrow = useMediaQuery(NARROW, false, { getInitialValueInEffect: false });
  const [width, setWidth] = useState(Number.POSITIVE_INFINITY);
  useLayoutEffect(() => {
    if (element.current === null) return;
    const { current } = element;
    const measure = () => setWidth(current.clientWidth);
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(current);
    return () => observer.disconnect();
  }, [element]);
  return isNarrow ? null : fitting(columns, width);
}
