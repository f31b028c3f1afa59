import { Link } from '@tanstack/react-router';
import { useRef } from 'react';
import type { SchemaRead, ServiceRead, StatusRead } from '@/api/types';
import { useMay } from '@/app/tenant';
import { Figures } from '@/components/chart/Figures';
import { TimeChart } from '@/components/chart/TimeChart';
import { count, duration } from '@/components/format';
import { Screen } from '@/components/Screen';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { text } from '@/strings';
import { status as words } from '@/strings/status';
import { type Measurement, measured } from './measurements';
import { useRejections, useStatus } from './queries';
import classes from './status.module.css';

/** For owners: what runs, how far storage is behind, and what was refused. */
export function Status() {
  const owner = useMay('owner');
  if (owner) return <Owned />;
  return (
    <Screen title={words.title}>
      <Empty title={text.common.noPermissionTitle}>{words.noPermission}</Empty>
    </Screen>
  );
}

function Owned() {
  const query = useStatus();
  const status = query.data;
  return (
    <Screen title={words.title} about={status === undefined ? words.about : <Checked status={status} />}>
      <QueryState query={query}>
        {(data) => (
          <div className={classes.parts}>
            <Storage status={data} />
            <Services services={data.services} schemas={data.schemas} />
            <div className={classes.pair}>
              <Runs status={data} />
              <Refused />
            </div>
          </div>
        )}
      </QueryState>
    </Screen>
  );
}

function Checked({ status }: { status: StatusRead }) {
  return (
    <>
      <strong data-ok={status.status === 'ok'} className={classes.overall}>
        {status.status === 'ok' ? words.ok : words.degraded}
      </strong>{' '}
      · {words.checked} <Time at={status.at} />
    </>
  );
}

function Storage({ status: { storage, at } }: { status: StatusRead }) {
  const curve = useRef<readonly Measurement[]>([]);
  curve.current = measured(curve.current, at, storage.behind_seconds);
  const { behind_seconds, behind_records, last_received_at, delay } = storage;
  const idle = behind_records === 0;
  const figures = [
    {
      label: words.storage.behind,
      value: behind_seconds === null ? words.storage.unknown : duration(behind_seconds * 1_000),
      detail: idle ? words.storage.idle : words.storage.allTenants,
    },
    {
      label: words.storage.records,
      value: behind_records === null ? words.storage.unknown : count(behind_records),
      detail: words.storage.allTenants,
    },
    {
      label: words.storage.delay,
      value: delay === null ? text.common.none : duration(delay.p50_seconds * 1_000),
      detail:
        delay === null
          ? words.storage.noDelay
          : words.storage.percentiles(duration(delay.p95_seconds * 1_000), duration(delay.p99_seconds * 1_000)),
    },
    { label: words.storage.last, value: <Link to="/events">{<Time at={last_received_at} />}</Link> },
  ];
  return (
    <section>
      <h2>{words.storage.title}</h2>
      <Figures items={figures} />
      <Curve points={curve.current} />
    </section>
  );
}

function Curve({ points }: { points: readonly Measurement[] }) {
  if (points.length < 2) return <p className="dim small">{words.storage.waiting}</p>;
  return (
    <TimeChart
      label={words.storage.chart}
      unit={words.storage.unit}
      times={points.map(({ at }) => at)}
      series={[{ label: words.storage.series, values: points.map(({ ms }) => ms), color: '--so-accent', kind: 'area' }]}
      height={150}
    />
  );
}

function Services({ services, schemas }: { services: readonly ServiceRead[]; schemas: readonly SchemaRead[] }) {
  const unequal = schemas.filter(({ status }) => status !== 'current');
  return (
    <section>
      <h2>{words.services.title}</h2>
      <ul className={classes.services} aria-label={words.services.label}>
        {services.map(({ name, status }) => (
          <li key={name}>
            <code>{name}</code>
            <span className="dim">{words.services.about[name]}</span>
            <span className={classes.state} data-state={status}>
              {words.services.states[status]}
            </span>
          </li>
        ))}
      </ul>
      {unequal.map((schema) => (
        <p key={`${schema.service} ${schema.store}`}>{compared(schema)}</p>
      ))}
    </section>
  );
}

function compared({ service, store, status, applied, expected }: SchemaRead): string {
  if (status === 'older') return words.schemas.older(service, store, String(applied), String(expected));
  return status === 'newer' ? words.schemas.newer(service, store) : words.schemas.unknown(service, store);
}

function Runs({ status: { computing, runs, last_publication } }: { status: StatusRead }) {
  const open = runs !== null && runs.in_progress + runs.queued > 0;
  return (
    <section>
      <h2>{words.runs.title}</h2>
      <p>
        {open
          ? words.runs.open(count(runs.in_progress), count(runs.queued))
          : computing
            ? words.runs.computing
            : words.runs.idle}
      </p>
      {last_publication === null ? (
        <p className="dim">{words.runs.never}</p>
      ) : (
        <p className="dim">
          {words.runs.last} <Time at={last_publication.published_at} />, {words.runs.asOf}{' '}
          <Time at={last_publication.as_of} long />
        </p>
      )}
      <Link to="/segments">{words.runs.openSegments}</Link>
    </section>
  );
}

function Refused() {
  const query = useRejections();
  const refused = query.data?.results.reduce((sum, entry) => sum + entry.count, 0);
  return (
    <section>
      <h2>{words.refused.title}</h2>
      <p>
        {refused === undefined
          ? text.common.none
          : refused === 0
            ? words.refused.none
            : words.refused.some(count(refused))}
      </p>
      <Link to="/ingestion" search={{ tab: 'errors' }}>
        {words.refused.open}
      </Link>
    </section>
  );
}
