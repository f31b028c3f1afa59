import { lazy, Suspense } from 'react';
import type { SegmentDetail } from '@/api/types';
import { Loading } from '@/components/states';
import { segment as words } from '@/strings/segment';
import { Facts } from './Facts';
import { Overlap } from './Overlap';
import classes from './overview.module.css';
import { References } from './References';
import { Rules } from './Rules';
import { Runs } from './Runs';

const SizeChart = lazy(() => import('./SizeChart').then((module) => ({ default: module.SizeChart })));

/** What the segment is, how its size went, and what its runs did. */
export function Overview({ segment }: { segment: SegmentDetail }) {
  return (
    <div className={classes.overview}>
      <Facts segment={segment} />
      <Suspense fallback={<Loading />}>
        <SizeChart segment={segment} />
      </Suspense>
      {segment.segment_type !== 'static' && <Rules segment={segment} />}
      <References segment={segment} />
      <Section title={words.overview.overlap}>
        <Overlap segment={segment} />
      </Section>
      <Section title={words.overview.runs}>
        <Runs id={segment.id} />
      </Section>
    </div>
  );
}

function Section({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <section className={classes.section}>
      <h2>{title}</h2>
      {children}
    </section>
  );
}
