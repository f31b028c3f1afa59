import { text } from '@/strings';
import classes from './auth.module.css';
import { strength } from './strength';

/** How strong a new password is. Shows nothing while it is empty. */
export function Meter({ password }: { password: string }) {
  if (password === '') return null;
  const level = strength(password);
  return (
    <div className={classes.meter}>
      {[1, 2, 3, 4].map((step) => (
        <i key={step} data-on={step <= level || undefined} />
      ))}
      <span role="status">
        <span className="hidden">{text.auth.strengthLabel}: </span>
        {text.auth.strength[level]}
      </span>
    </div>
  );
}
