import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { Group, PlanRead, SegmentDetail } from '@/api/types';
import { count } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { segment as words } from '@/strings/segment';
import classes from './history.module.css';

/** Who would enter and leave if this definition replaced the current one. */
export function People({ segment, definition }: { segment: SegmentDetail; definition: Group }) {
  const plan = useMutation({
    mutationFn: () =>
      body(api.POST('/api/segments/membership/plan/', { body: { segment_id: segment.id, definition } })),
  });
  return (
    <section className={classes.people}>
      <h3>{words.history.plan}</h3>
      <p className="dim">{words.history.planAbout}</p>
      {plan.data ? (
        <Plan plan={plan.data} />
      ) : (
        <Button variant="default" loading={plan.isPending} onClick={() => plan.mutate()}>
          {words.history.planAction}
        </Button>
      )}
      {plan.error && <ProblemText problem={asProblem(plan.error)} />}
    </section>
  );
}

function Plan({ plan }: { plan: PlanRead }) {
  return (
    <div className={classes.plan}>
      <Side title={words.history.entering(count(plan.entering.count))} users={plan.entering.sample} kind="entered" />
      <Side title={words.history.leaving(count(plan.leaving.count))} users={plan.leaving.sample} kind="exited" />
      <span className="dim">{words.history.staying(count(plan.staying))}</span>
    </div>
  );
}

function Side({ title, users, kind }: { title: string; users: readonly string[]; kind: 'entered' | 'exited' }) {
  return (
    <div>
      <strong data-kind={kind}>{title}</strong>
      <ul>
        {users.map((user) => (
          <li key={user}>
            <Link to="/users/$userId" params={{ userId: user }}>
              {user}
            </Link>
          </li>
        ))}
      </ul>
    </div>
  );
}
