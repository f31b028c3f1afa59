import { ActionIcon, UnstyledButton } from '@mantine/core';
import { lazy, Suspense } from 'react';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import { useMay } from '../tenant';
import { Freshness } from './Freshness';
import classes from './frame.module.css';
import { openPalette } from './keys-store';

// Menus are a third of the frame's code: it is drawn without them.
const AccountMenu = lazy(() => import('./AccountMenu').then((module) => ({ default: module.AccountMenu })));
const MODIFIER = /Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘' : 'Ctrl ';

/** Above each screen: the palette, how fresh the data is, and the account. */
export function TopBar({ onMenu }: { onMenu: () => void }) {
  const owner = useMay('owner');
  return (
    <div className={classes.top}>
      <ActionIcon className={classes.menu} onClick={onMenu} aria-label={text.frame.openSidebar}>
        <Icon name="menu" />
      </ActionIcon>
      <UnstyledButton className={classes.search} onClick={openPalette}>
        <Icon name="search" size={14} />
        <span>{text.frame.search}</span>
        <kbd>{MODIFIER}K</kbd>
      </UnstyledButton>
      <div className={classes.right}>
        {owner && <Freshness />}
        <Suspense fallback={<AccountIcon />}>
          <AccountMenu />
        </Suspense>
      </div>
    </div>
  );
}

function AccountIcon() {
  return (
    <ActionIcon aria-label={text.frame.account}>
      <Icon name="user" />
    </ActionIcon>
  );
}
