import { Link } from '@tanstack/react-router';
import { count } from './format';
import classes from './tabs.module.css';

interface ScreenTab {
  value: string;
  label: string;
  /** Shown behind the name, if it is known. */
  count?: number | null;
}

interface ScreenTabsProps {
  /** What the tabs are about, for screen readers. */
  label: string;
  tabs: readonly ScreenTab[];
  current: string;
}

/** The parts of a screen. Each has an address of its own: the query parameter `tab`. */
export function ScreenTabs({ label, tabs, current }: ScreenTabsProps) {
  return (
    <nav className={classes.tabs} aria-label={label}>
      {tabs.map((tab) => (
        <Link
          key={tab.value}
          to="."
          search={(old: object) => ({ ...old, tab: tab.value })}
          className={classes.tab}
          {...(tab.value === current ? { 'aria-current': 'page' as const } : {})}
        >
          {tab.label}
          {typeof tab.count === 'number' && <span className="dim small">{count(tab.count)}</span>}
        </Link>
      ))}
    </nav>
  );
}
