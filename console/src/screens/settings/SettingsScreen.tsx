import { Link } from '@tanstack/react-router';
import { type ReactNode, useEffect, useRef } from 'react';
import { useMay } from '@/app/tenant';
import { Screen } from '@/components/Screen';
import { settings } from '@/strings/settings';
import classes from './settings.module.css';
import { LEAST, TABS, type Tab } from './tabs';

interface SettingsScreenProps {
  tab: Tab;
  about?: ReactNode;
  actions?: ReactNode;
  /** The content scrolls by itself. */
  fill?: boolean;
  children: ReactNode;
}

/** The frame of one tab: all tabs that the role may open, and the content. */
export function SettingsScreen({ tab, about, actions, fill = false, children }: SettingsScreenProps) {
  return (
    <Screen
      title={settings.tabs[tab]}
      above={`${settings.title} /`}
      tabs={<TabList tab={tab} />}
      fill={fill}
      {...(about === undefined ? {} : { about })}
      {...(actions === undefined ? {} : { actions })}
    >
      {children}
    </Screen>
  );
}

function TabList({ tab }: { tab: Tab }) {
  const admin = useMay('admin');
  const list = useRef<HTMLElement>(null);
  useEffect(() => {
    list.current?.querySelector(`[href*="/settings/${tab}"]`)?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [tab]);
  return (
    <nav ref={list} aria-label={settings.tabList} className={classes.tabs}>
      {TABS.filter((name) => admin || LEAST[name] !== 'admin').map((name) => (
        <Link
          key={name}
          to="/settings/$tab"
          params={{ tab: name }}
          className={classes.tab}
          activeOptions={{ includeSearch: false }}
          activeProps={{ 'data-active': true, 'aria-current': 'page' }}
        >
          {settings.tabs[name]}
        </Link>
      ))}
    </nav>
  );
}
