import { profile } from '@/strings/profile';
import { SettingsScreen } from '../SettingsScreen';
import classes from '../settings.module.css';
import { Address } from './Address';
import { Password } from './Password';
import { Sessions } from './Sessions';

/** The own account: address, password, sessions. */
export function Profile() {
  return (
    <SettingsScreen tab="profile" about={profile.about}>
      <section className={classes.section}>
        <Address />
      </section>
      <section className={classes.section}>
        <h2>{profile.passwordTitle}</h2>
        <Password />
      </section>
      <section className={`${classes.section} ${classes.wide}`}>
        <Sessions />
      </section>
    </SettingsScreen>
  );
}
