import { Button, Drawer } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { ApiProblem } from '@/api/problem';
import type { DeadLetterRead } from '@/api/types';
import { useMay, useTenant } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { bytes, count } from '@/components/format';
import { CodeBlock, Mono } from '@/components/Mono';
import { Detail } from '@/components/ProblemText';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { Fact } from '@/screens/events/detail/EventDetail';
import { text } from '@/strings';
import { ingestion } from '@/strings/ingestion';
import classes from './ingestion.module.css';
import { useLetters } from './queries';

const words = ingestion.letters;

/** `replay` is null for who may not replay. */
function columns(replay: ((letter: DeadLetterRead) => void) | null): Column<DeadLetterRead>[] {
  return [
    {
      key: 'type',
      header: words.columns.type,
      width: 'minmax(110px, 1fr)',
      narrow: 'title',
      render: ({ event_type }) => event_type,
    },
    {
      key: 'user',
      header: words.columns.user,
      width: 'minmax(90px, 1fr)',
      narrow: 'hidden',
      render: ({ user_id }) => <code>{user_id}</code>,
    },
    {
      key: 'reason',
      header: words.columns.reason,
      width: 'minmax(200px, 5fr)',
      render: ({ reason }) => (
        <span title={reason}>
          <Detail>{reason}</Detail>
        </span>
      ),
    },
    { key: 'when', header: words.columns.when, width: '104px', narrow: 'hidden', render: ({ at }) => <Time at={at} /> },
    {
      key: 'state',
      header: words.columns.state,
      width: '110px',
      align: 'end',
      narrow: 'aside',
      render: (letter) => <State letter={letter} replay={replay} />,
    },
  ];
}

function State({ letter, replay }: { letter: DeadLetterRead; replay: ((letter: DeadLetterRead) => void) | null }) {
  if (letter.replayed_at !== null) {
    return (
      <span className="dim">
        {words.replayed} <Time at={letter.replayed_at} />
      </span>
    );
  }
  if (replay === null) return <span className="dim">{text.common.none}</span>;
  return (
    <Button
      variant="default"
      size="compact-sm"
      aria-label={words.replayOf(letter.event_type)}
      onClick={() => replay(letter)}
    >
      {words.replay}
    </Button>
  );
}

/** Accepted events that were not stored, with the reason and a replay. */
export function DeadLetters() {
  const member = useMay('member');
  const pages = useLetters();
  const [opened, setOpened] = useState<DeadLetterRead | null>(null);
  const [asked, setAsked] = useState<DeadLetterRead | null>(null);
  const [outcome, setOutcome] = useState<string | null>(null);
  const [all, setAll] = useState(false);
  const pending = pages.rows.some(({ replayed_at, cause }) => replayed_at === null && cause !== 'conflict');
  return (
    <>
      <p className={classes.note}>{words.about}</p>
      {member && pending && (
        <Button className={classes.replayAll} variant="default" size="compact-sm" onClick={() => setAll(true)}>
          {words.replayAll}
        </Button>
      )}
      {outcome !== null && (
        <p className={classes.outcome} role="status">
          {outcome}
        </p>
      )}
      <QueryState
        query={pages.query}
        empty={{ when: () => pages.rows.length === 0, show: <Empty title={words.emptyTitle}>{words.empty}</Empty> }}
      >
        {() => (
          <DataTable
            label={words.label}
            columns={columns(member ? setAsked : null)}
            rows={pages.rows}
            rowKey={({ id }) => id}
            onOpen={setOpened}
            more={pages.more}
            onEnd={pages.loadMore}
            total={pages.total}
          />
        )}
      </QueryState>
      {opened !== null && <Letter letter={opened} onClose={() => setOpened(null)} />}
      {asked !== null && <Replay letter={asked} onClose={() => setAsked(null)} onDone={setOutcome} />}
      {all && <ReplayAll onClose={() => setAll(false)} onDone={setOutcome} />}
    </>
  );
}

interface ReplayProps {
  letter: DeadLetterRead;
  onClose: () => void;
  onDone: (outcome: string) => void;
}

/** Ask first, then say what became of it. A refusal stays in the dialog. */
function Replay({ letter, onClose, onDone }: ReplayProps) {
  const tenant = useTenant();
  const cache = useQueryClient();
  const replay = async () => {
    const { outcome, errors } = await body(
      api.POST('/api/explorer/dead-letters/{letter_id}/replay/', {
        params: { path: { letter_id: letter.id }, query: { tenant: tenant.id } },
      }),
    );
    if (outcome === 'refused') throw new ApiProblem(422, outcome, words.outcomes.refused, errors);
    await cache.invalidateQueries({ queryKey: ['dead-letters'] });
    onDone(words.outcomes[outcome]);
  };
  return (
    <Confirm
      opened
      onClose={onClose}
      title={words.confirmTitle(letter.event_type)}
      action={words.replay}
      onConfirm={replay}
    >
      {words.confirm}
    </Confirm>
  );
}

/** Replay at most 1,000 letters, and say what became of them. */
function ReplayAll({ onClose, onDone }: Omit<ReplayProps, 'letter'>) {
  const tenant = useTenant();
  const cache = useQueryClient();
  const replay = async () => {
    const { replayed, refused, remaining } = await body(
      api.POST('/api/explorer/dead-letters/replay/', { body: { tenant: tenant.id, limit: 1000 } }),
    );
    await cache.invalidateQueries({ queryKey: ['dead-letters'] });
    onDone(words.replayedAll(count(replayed), count(refused), count(remaining)));
  };
  return (
    <Confirm opened onClose={onClose} title={words.replayAllTitle} action={words.replayAll} onConfirm={replay}>
      {words.replayAllConfirm}
    </Confirm>
  );
}

function Letter({ letter, onClose }: { letter: DeadLetterRead; onClose: () => void }) {
  const names = words.detail;
  return (
    <Drawer opened onClose={onClose} position="right" size={460} title={letter.event_type}>
      <dl className={classes.facts}>
        <Fact name={names.reason}>
          <Detail>{letter.reason}</Detail>
        </Fact>
        <Fact name={names.code}>{letter.code}</Fact>
        <Fact name={names.user}>{letter.user_id}</Fact>
        <Fact name={names.message}>
          <Mono>{letter.message_id}</Mono>
        </Fact>
        <Fact name={names.size}>{bytes(letter.size)}</Fact>
        <Fact name={names.when}>
          <Time at={letter.at} long />
        </Fact>
        {letter.replayed_at !== null && (
          <Fact name={names.replayed}>
            <Time at={letter.replayed_at} long />
          </Fact>
        )}
      </dl>
      {letter.content === null ? (
        <p className="dim">{names.noContent}</p>
      ) : (
        <CodeBlock label={names.content}>{JSON.stringify(letter.content, null, 2)}</CodeBlock>
      )}
    </Drawer>
  );
}
