import { Link } from '@tanstack/react-router';
import { useEffect, useRef } from 'react';
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
  const list = useRef<HTMLElement>(null);
  // On a narrow screen, the tabs are scrolled sideways.
  useEffect(() => {
    const nav = list.current;
    if (nav === null) return;
    const show = () => {
      nav.querySelector(`[data-tab="${current}"]`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    };
    const observer = new ResizeObserver(show);
    observer.observe(nav);
    return () => observer.disconnect();
  }, [current]);
  return (
    <nav ref={list} className={classes.tabs} aria-label={label}>
      {tabs.map((tab) => (
        <Link
          key={tab.value}
          data-tab={tab.value}
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
