import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { useMay, useTenant } from '@/app/tenant';
import { Screen } from '@/components/Screen';
import { onboarding } from '@/strings/onboarding';
import { useFirstEvent } from './first-event';
import { KeyStep } from './KeyStep';
import classes from './onboarding.module.css';
import { SegmentStep } from './SegmentStep';
import { SendStep } from './SendStep';
import { WaitStep } from './WaitStep';

/** The first minutes of a workspace: key, event, segment. */
export function GetStarted() {
  const tenant = useTenant();
  const admin = useMay('admin');
  // Secret: in memory only, so a reload loses it, as it must.
  const [key, setKey] = useState<string | null>(null);
  const keys = useQuery({
    queryKey: ['keys', tenant.id, 'number'],
    queryFn: () => body(api.GET('/api/auth/api-keys/', { params: { query: { tenant: tenant.id, limit: 100 } } })),
    enabled: admin,
  });
  const first = useFirstEvent(tenant.id);
  const number = keys.data?.results.length ?? 0;
  return (
    <Screen title={onboarding.title} about={onboarding.about}>
      <div className={classes.steps}>
        <KeyStep value={key} existing={number} onCreated={setKey} />
        <SendStep secret={key} sent={first.event !== null || first.before === true} />
        <WaitStep first={first} />
        <SegmentStep eventType={first.event?.event_type ?? first.beforeType} />
      </div>
    </Screen>
  );
}
