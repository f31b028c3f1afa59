import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { api, body } from '@/api/client';
import type { RejectionRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { count } from '@/components/format';
import { Detail } from '@/components/ProblemText';
import { Time } from '@/components/Time';
import { whatHappened, whatToDo } from '@/screens/ingestion/plain';
import { onboarding } from '@/strings/onboarding';
import classes from './onboarding.module.css';

const PATIENCE_MS = 20_000;
const EVERY_MS = 3_000;
const SHOWN = 3;

/** Become true after a while. */
function useLater(ms: number): boolean {
  const [later, setLater] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLater(true), ms);
    return () => clearTimeout(timer);
  }, [ms]);
  return later;
}

/** After a while without an event: what was refused and why, else what to check. */
export function Diagnosis() {
  const tenant = useTenant();
  const late = useLater(PATIENCE_MS);
  const { data } = useQuery({
    queryKey: ['rejections', tenant.id, 'first'],
    queryFn: () =>
      body(api.GET('/api/explorer/rejections/', { params: { query: { tenant: tenant.id, limit: SHOWN } } })),
    refetchInterval: EVERY_MS,
  });
  const refused = data?.results ?? [];
  if (refused.length > 0) return <Refused entries={refused} />;
  return late && data ? <Silence /> : null;
}

function Refused({ entries }: { entries: readonly RejectionRead[] }) {
  const words = onboarding.wait;
  return (
    <div className={classes.diagnosis} role="alert">
      {entries.map((entry) => (
        <div key={entry.id}>
          <strong>
            {entry.status === 202
              ? words.skipped(count(entry.count), entry.count === 1)
              : words.refused(count(entry.count), entry.count === 1, entry.status)}
          </strong>{' '}
          {whatHappened(entry)}. {whatToDo(entry)}
          <div className="dim small">
            {entry.path && <>{words.field(entry.path)} </>}
            <Detail>{entry.detail}</Detail> {entry.origin && words.from(entry.origin)} <Time at={entry.at} />
          </div>
        </div>
      ))}
      <Link to="/ingestion">{words.all}</Link>
    </div>
  );
}

function Silence() {
  const words = onboarding.wait;
  return (
    <div className={classes.diagnosis}>
      <strong>{words.silence}</strong>
      <ul>
        {words.silenceHints.map((hint) => (
          <li key={hint}>{hint}</li>
        ))}
      </ul>
    </div>
  );
}
