import { Button } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import { useMay, useTenant } from '@/app/tenant';
import { count } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { onboarding } from '@/strings/onboarding';
import classes from './onboarding.module.css';
import { Step } from './Step';

/** Create a segment of all who did an event type, and request its first run. */
async function createSegment(tenant: number, eventType: string): Promise<number> {
  const condition = { type: 'event_count', event_type: eventType, operator: 'gte', value: 1 } as const;
  const segment = await body(
    api.POST('/api/segments/', {
      body: {
        tenant,
        name: onboarding.segment.suggestion(eventType),
        definition: { logic: 'AND', conditions: [condition] },
      },
    }),
  );
  await body(api.POST('/api/segments/{segment_id}/compute/', { params: { path: { segment_id: segment.id } } }));
  return segment.id;
}

/** Suggests a first segment from what arrived. */
export function SegmentStep({ eventType }: { eventType: string | null }) {
  const words = onboarding.segment;
  const tenant = useTenant();
  const member = useMay('member');
  const navigate = useNavigate();
  const cache = useQueryClient();
  const segments = useQuery({
    queryKey: ['segments', tenant.id, 'first'],
    queryFn: () => body(api.GET('/api/segments/', { params: { query: { tenant: tenant.id, limit: 1 } } })),
  });
  const create = useMutation({
    mutationFn: (type: string) => createSegment(tenant.id, type),
    onSuccess: async (id) => {
      void cache.invalidateQueries({ queryKey: ['segments', tenant.id] });
      await navigate({ to: '/segments/$segmentId', params: { segmentId: String(id) } });
    },
  });
  const number = segments.data?.count ?? segments.data?.results.length ?? 0;
  return (
    <Step number={4} title={words.title} done={number > 0}>
      <p className="dim">{number > 0 ? words.done(count(number), number === 1) : words.detail}</p>
      <div className={classes.line}>
        {eventType === null ? (
          <span className="dim">{words.waiting}</span>
        ) : (
          <Button disabled={!member} loading={create.isPending} onClick={() => create.mutate(eventType)}>
            {words.action}: {words.suggestion(eventType)}
          </Button>
        )}
        <Link to="/segments/new">{words.own}</Link>
        {number > 0 && <Link to="/segments">{words.open}</Link>}
      </div>
      {create.error && <ProblemText problem={asProblem(create.error)} />}
    </Step>
  );
}
