import { Button } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '@/app/tenant';
import { Icon } from '@/components/icons';
import { settings } from '@/strings/settings';
import { SettingsScreen } from '../SettingsScreen';
import classes from '../settings.module.css';
import { InviteDialog } from './InviteDialog';
import { Invites } from './Invites';
import { Members } from './Members';

/** Members of the workspace and invites that are open. */
export function Team() {
  const words = settings.team;
  const admin = useMay('admin');
  const [inviting, setInviting] = useState(false);
  return (
    <SettingsScreen
      tab="team"
      about={words.about}
      {...(admin && {
        actions: (
          <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setInviting(true)}>
            {words.invite}
          </Button>
        ),
      })}
    >
      <section className={`${classes.section} ${classes.wide}`}>
        <h2>{words.members}</h2>
        <Members />
      </section>
      {admin && (
        <section className={`${classes.section} ${classes.wide}`}>
          <h2>{words.invites}</h2>
          <Invites />
        </section>
      )}
      {inviting && <InviteDialog onClose={() => setInviting(false)} />}
    </SettingsScreen>
  );
}
