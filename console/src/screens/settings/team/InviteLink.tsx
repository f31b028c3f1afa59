import type { InviteRead } from '@/api/types';
import { Time } from '@/components/Time';
import { useConfig } from '@/screens/auth/config';
import { settings } from '@/strings/settings';
import { Secret, ShownOnce } from '../ShownOnce';

export type NewInvite = InviteRead & { token: string };

/** Return the address that the invited person opens. */
export function inviteLink(token: string): string {
  const address = new URL('/invite', location.origin);
  address.searchParams.set('token', token);
  return address.href;
}

/** The link of a new invite, which is shown once. */
export function InviteLink({ invite, onClose }: { invite: NewInvite; onClose: () => void }) {
  const words = settings.team;
  const config = useConfig();
  return (
    <ShownOnce title={words.linkTitle(invite.email)} action={settings.done} onDone={onClose}>
      <p>{config?.sends_mail ? words.mailed(invite.email) : words.linkDetail(invite.email)}</p>
      <Secret value={inviteLink(invite.token)} label={words.copyLink} testId="invite-link" />
      <p className="dim">
        {words.until} <Time at={invite.expires_at} />.
      </p>
    </ShownOnce>
  );
}
