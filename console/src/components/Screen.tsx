import { useDocumentTitle } from '@mantine/hooks';
import type { ReactNode } from 'react';
import { text } from '@/strings';
import classes from './screen.module.css';

interface ScreenProps {
  title: string;
  /** Before the title, such as a link to the list. */
  above?: ReactNode;
  /** After the title, such as a button that copies it. */
  beside?: ReactNode;
  /** One line below the title: what this is and how fresh it is. */
  about?: ReactNode;
  actions?: ReactNode;
  tabs?: ReactNode;
  /** The content scrolls by itself, as a virtual table does. */
  fill?: boolean;
  children: ReactNode;
}

/** The frame of a screen: title, what it is, what can be done, and its content. */
export function Screen({ title, above, beside, about, actions, tabs, fill = false, children }: ScreenProps) {
  useDocumentTitle(`${title} · ${text.common.product}`);
  return (
    <div className={classes.screen}>
      <header className={classes.head}>
        <div className={classes.words}>
          <div className={classes.title}>
            {above !== undefined && <span className={classes.above}>{above}</span>}
            <h1>{title}</h1>
            {beside !== undefined && <span className={classes.beside}>{beside}</span>}
          </div>
          {about !== undefined && <div className={classes.about}>{about}</div>}
        </div>
        {actions !== undefined && <div className={classes.actions}>{actions}</div>}
      </header>
      {tabs}
      <div className={fill ? classes.fill : classes.body}>{children}</div>
    </div>
  );
}
