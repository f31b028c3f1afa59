import type { SVGProps } from 'react';

const PATHS = {
  segments: 'M2.5 4h11M2.5 8h7M2.5 12h3',
  users: 'M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8ZM2.75 13.5c.6-2.4 2.7-3.5 5.25-3.5s4.65 1.1 5.25 3.5',
  events: 'M1.5 8.5h3l2-5.5 3 10 2-4.5h3',
  analytics: 'M3 13.5v-5M8 13.5v-11M13 13.5v-7',
  ingestion: 'M8 2v7.5M5 6.75 8 9.75l3-3M2.5 10.5v3h11v-3',
  settings:
    'M2 4.5h6.5M12.5 4.5H14M2 11.5h1.5M7.5 11.5H14M10.5 6.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4ZM5.5 13.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z',
  status: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM5.5 8.25 7.25 10l3.25-4',
  start: 'M4.5 2.75v10.5l8-5.25-8-5.25Z',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10ZM10.75 10.75 14 14',
  plus: 'M8 3v10M3 8h10',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8v-8Z',
  check: 'M3 8.5 6.5 12 13 4.5',
  close: 'm4 4 8 8M12 4l-8 8',
  down: 'm4.5 6.5 3.5 3.5 3.5-3.5',
  right: 'M6.5 4.5 10 8l-3.5 3.5',
  left: 'M9.5 4.5 6 8l3.5 3.5',
  up: 'M4.5 9.5 8 6l3.5 3.5',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  trash: 'M3 4.5h10M6 4.5v-2h4v2M4.25 4.5l.6 9h6.3l.6-9',
  refresh: 'M13 8a5 5 0 1 1-1.6-3.65M13 2.5v3h-3',
  download: 'M8 2.5v8M5 7.75l3 3 3-3M3 13.5h10',
  upload: 'M8 10.5v-8M5 5.25l3-3 3 3M3 13.5h10',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  play: 'M5 3v10l7.5-5L5 3Z',
  warning: 'M8 2.5 14.25 13.5H1.75L8 2.5ZM8 6.75v3M8 11.6v.01',
  drag: 'M6 4h.01M10 4h.01M6 8h.01M10 8h.01M6 12h.01M10 12h.01',
  external: 'M9 3h4v4M13 3 7.5 8.5M11 9.5v3.5H3V5h3.5',
  key: 'M5.25 10.75a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8.25 7.75h6M12 7.75v2.5',
  user: 'M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8ZM2.75 13.5c.6-2.4 2.7-3.5 5.25-3.5s4.65 1.1 5.25 3.5',
  filter: 'M2.5 3.5h11L9.5 8.5V13l-3-1.5v-3l-4-5Z',
} as const;

export type IconName = keyof typeof PATHS;

interface IconProps extends SVGProps<SVGSVGElement> {
  name: IconName;
  size?: number;
}

/** A line icon of 16 × 16. It is decoration: the control that holds it has a name. */
export function Icon({ name, size = 16, ...rest }: IconProps) {
  return (
    <svg
      viewBox="0 0 16 16"
      width={size}
      height={size}
      fill="none"
      stroke="currentColor"
      strokeWidth={name === 'more' || name === 'drag' ? 2 : 1.4}
      strokeLinecap="round"
      strokeLinejoin="round"
      aria-hidden="true"
      {...rest}
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
