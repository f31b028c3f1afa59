import type { ReactNode } from 'react';
import { Icon } from '@/components/icons';
import { onboarding } from '@/strings/onboarding';
import classes from './onboarding.module.css';

interface StepProps {
  number: number;
  title: string;
  done: boolean;
  children: ReactNode;
}

/** One step of the first minutes; it shows a tick when it is done. */
export function Step({ number, title, done, children }: StepProps) {
  return (
    <section className={classes.step} data-done={done || undefined} aria-labelledby={`step-${number}`}>
      <span className={classes.number}>
        {done ? <Icon name="check" size={14} /> : number}
        {done && <span className="hidden">{onboarding.done}</span>}
      </span>
      <div className={classes.content}>
        <h2 id={`step-${number}`}>{title}</h2>
        {children}
      </div>
    </section>
  );
}
