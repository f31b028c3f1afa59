import { Button, Tabs } from '@mantine/core';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { lazy, Suspense, useEffect, useState } from 'react';
import { asProblem } from '@/api/problem';
import type { SegmentDetail } from '@/api/types';
import { NotFound } from '@/app/NotFound';
import { useMay } from '@/app/tenant';
import { Icon } from '@/components/icons';
import { ProblemText } from '@/components/ProblemText';
import { Screen } from '@/components/Screen';
import { Loading, QueryState } from '@/components/states';
import { segment as words } from '@/strings/segment';
import { About } from './About';
import { MoreMenu } from './MoreMenu';
import { useCompute, useRuns, useSegment } from './queries';
import { isFinal } from './run/progress';
import { RunBar } from './run/RunBar';
import { useRun } from './run/useRun';
import classes from './segment.module.css';

const ID = /^\d{1,15}$/;
const PANEL = 'segment-panel';
const Overview = lazy(() => import('./overview/Overview').then((module) => ({ default: module.Overview })));
const RulesTab = lazy(() => import('./rules/RulesTab').then((module) => ({ default: module.RulesTab })));
const Members = lazy(() => import('./members/Members').then((module) => ({ default: module.Members })));
const History = lazy(() => import('./history/History').then((module) => ({ default: module.History })));
const StaticList = lazy(() => import('./list/StaticList').then((module) => ({ default: module.StaticList })));
const Activations = lazy(() =>
  import('@/screens/activations/list/SegmentActivations').then((module) => ({ default: module.SegmentActivations })),
);
const ApiTab = lazy(() => import('./api/ApiTab').then((module) => ({ default: module.ApiTab })));

/** The tabs of a segment: a static list has a file in the place of rules. */
export function tabsOf(type: SegmentDetail['segment_type']) {
  return type === 'static'
    ? (['overview', 'list', 'members', 'history', 'activations', 'api'] as const)
    : (['overview', 'rules', 'members', 'history', 'activations', 'api'] as const);
}

type Tab = ReturnType<typeof tabsOf>[number];

/** One segment, with its tabs. */
export function Segment() {
  const { segmentId } = useParams({ from: '/frame/segments/$segmentId' });
  return ID.test(segmentId) ? <Opened id={Number(segmentId)} /> : <NotFound />;
}

function Opened({ id }: { id: number }) {
  const query = useSegment(id);
  if (query.data !== undefined) return <Loaded key={id} segment={query.data} />;
  return (
    <Screen title={words.unnamed(id)} above={<Back />}>
      <QueryState query={query}>{() => null}</QueryState>
    </Screen>
  );
}

function Back() {
  return (
    <>
      <Link to="/segments">{words.back}</Link> /
    </>
  );
}

/** Follow the run that was requested here, else one that is in progress. It stays after its end, until dismissed. */
function useCurrentRun(id: number) {
  const [shown, setShown] = useState<string | null>(null);
  const newest = useRuns(id).data?.results[0];
  const active = newest && !isFinal(newest) ? newest.run_id : null;
  useEffect(() => {
    if (active !== null) setShown(active);
  }, [active]);
  return { followed: useRun(id, shown), show: setShown };
}

function Loaded({ segment }: { segment: SegmentDetail }) {
  const { tab: asked } = useSearch({ from: '/frame/segments/$segmentId' });
  const tabs = tabsOf(segment.segment_type);
  const tab = tabs.find((name) => name === asked) ?? 'overview';
  const { followed, show } = useCurrentRun(segment.id);
  return (
    <Screen
      title={segment.name}
      above={<Back />}
      about={<About segment={segment} />}
      actions={<Actions segment={segment} busy={followed.run !== undefined && !isFinal(followed.run)} onRun={show} />}
      tabs={
        <>
          <TabList tabs={tabs} tab={tab} />
          <RunBar followed={followed} onDismiss={() => show(null)} />
        </>
      }
      fill
    >
      <Suspense fallback={<Loading />}>
        <div id={PANEL} role="tabpanel" aria-label={words.tabs[tab]} className={classes.panel}>
          <Panel tab={tab} segment={segment} onRun={show} />
        </div>
      </Suspense>
    </Screen>
  );
}

function TabList({ tabs, tab }: { tabs: readonly Tab[]; tab: Tab }) {
  const navigate = useNavigate({ from: '/segments/$segmentId' });
  const open = (next: string | null) => void navigate({ search: (old) => ({ ...old, tab: next ?? 'overview' }) });
  return (
    <Tabs value={tab} onChange={open} className={classes.tabs ?? ''}>
      <Tabs.List>
        {tabs.map((name) => (
          <Tabs.Tab key={name} value={name} aria-controls={PANEL}>
            {words.tabs[name]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
    </Tabs>
  );
}

interface PanelProps {
  tab: Tab;
  segment: SegmentDetail;
  onRun: (runId: string) => void;
}

function Panel({ tab, segment, onRun }: PanelProps) {
  switch (tab) {
    case 'overview':
      return <Overview segment={segment} />;
    case 'rules':
      return <RulesTab segment={segment} onRun={onRun} />;
    case 'list':
      return <StaticList segment={segment} onRun={onRun} />;
    case 'members':
      return <Members segment={segment} />;
    case 'history':
      return <History segment={segment} />;
    case 'activations':
      return <Activations segment={segment.id} />;
    case 'api':
      return <ApiTab segment={segment} />;
  }
}

interface ActionsProps {
  segment: SegmentDetail;
  busy: boolean;
  onRun: (runId: string) => void;
}

function Actions({ segment, busy, onRun }: ActionsProps) {
  const member = useMay('member');
  const compute = useCompute(segment.id);
  if (!member) return null;
  return (
    <>
      <Button
        leftSection={<Icon name="refresh" size={14} />}
        loading={compute.isPending}
        disabled={busy}
        onClick={() => compute.mutate(undefined, { onSuccess: ({ run_id }) => onRun(run_id) })}
      >
        {words.recompute}
      </Button>
      <MoreMenu segment={segment} />
      {compute.error && <ProblemText problem={asProblem(compute.error)} />}
    </>
  );
}
