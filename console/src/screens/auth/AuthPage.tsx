import { useDocumentTitle } from '@mantine/hooks';
import type { FormEvent, ReactNode } from 'react';
import { text } from '@/strings';
import classes from './auth.module.css';

interface AuthPageProps {
  title: string;
  onSubmit: (event: FormEvent) => void;
  children: ReactNode;
  below?: ReactNode;
}

/** A page with one form, for people who are not signed in. */
export function AuthPage({ title, onSubmit, children, below }: AuthPageProps) {
  useDocumentTitle(`${title} · ${text.common.product}`);
  return (
    <main className={classes.page}>
      <div className={classes.brand}>
        <img src="/favicon.svg" alt="" width={20} height={20} />
        <strong>{text.common.product}</strong>
        <span className="dim">{text.auth.tagline}</span>
      </div>
      <form className={classes.form} onSubmit={onSubmit}>
        <h1>{title}</h1>
        {children}
      </form>
      {below !== undefined && <p className="dim">{below}</p>}
    </main>
  );
}
