import { Button, Group, Modal, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { asProblem } from '@/api/problem';
import { count } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { Loading } from '@/components/states';
import { text } from '@/strings';
import { builder as words } from '@/strings/builder';
import { planDefinition } from '../data/saving';
import type { PlanAnswer } from '../data/types';
import { writeJson } from '../model/json';
import { type GroupNode, writeTree } from '../model/tree';
import { UserLinks } from '../summary/UserLinks';
import classes from './save.module.css';

interface PlanDialogProps {
  readonly segmentId: number;
  readonly tree: GroupNode;
  /** The verb of the button. */
  readonly action: string;
  readonly isBusy: boolean;
  readonly onConfirm: () => void;
  readonly onClose: () => void;
}

/** Say who will enter and leave before rules are saved over a computed segment. */
export function PlanDialog({ segmentId, tree, action, isBusy, onConfirm, onClose }: PlanDialogProps) {
  const definition = writeTree(tree);
  const plan = useQuery({
    queryKey: ['builder', 'plan', segmentId, writeJson(definition)],
    queryFn: ({ signal }) => planDefinition(segmentId, definition, signal),
    retry: false,
    staleTime: 10_000,
  });
  return (
    <Modal opened onClose={onClose} title={words.save.planTitle} size="lg">
      <Stack data-testid="plan">
        {plan.data && <Plan plan={plan.data} />}
        {plan.error && <ProblemText title={words.save.planFailed} problem={asProblem(plan.error)} />}
        {plan.isPending && (
          <div>
            <p className="dim">{words.save.planning}</p>
            <Loading />
          </div>
        )}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {text.common.cancel}
          </Button>
          <Button data-autofocus loading={isBusy} disabled={plan.isPending} onClick={onConfirm}>
            {plan.isError ? words.save.anyway : action}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function Plan({ plan }: { readonly plan: PlanAnswer }) {
  const { entering, leaving, dependents } = plan;
  return (
    <>
      <p className={classes.plan}>
        <strong>{words.save.plan(count(leaving.count), count(entering.count))}</strong>{' '}
        {words.save.staying(count(plan.staying))}{' '}
        {dependents.length > 0 && <strong>{words.save.dependents(dependents.length)}</strong>}
      </p>
      <div className={classes.sides}>
        <Side title={words.save.leaving} look="exited" selection={leaving} />
        <Side title={words.save.entering} look="entered" selection={entering} />
      </div>
      {plan.text_diff !== '' && <Diff lines={plan.text_diff.trimEnd().split('\n').slice(2)} />}
      <p className="dim">{words.save.when}</p>
    </>
  );
}

interface SideProps {
  readonly title: string;
  readonly look: 'entered' | 'exited';
  readonly selection: PlanAnswer['entering'];
}

function Side({ title, look, selection }: SideProps) {
  const { count: all, sample } = selection;
  return (
    <div>
      <h3 data-look={look}>
        {title}{' '}
        <span className="dim">{all > sample.length ? words.save.some(sample.length, count(all)) : count(all)}</span>
      </h3>
      {all > 0 && <UserLinks ids={sample} />}
    </div>
  );
}

function Diff({ lines }: { readonly lines: readonly string[] }) {
  return (
    <figure className={classes.diff} aria-label={words.save.diff}>
      <figcaption className="dim">{words.save.diff}</figcaption>
      <pre>
        {lines.map((line, index) => (
          <span key={index} data-look={line.startsWith('+') ? 'entered' : line.startsWith('-') ? 'exited' : undefined}>
            {`${line}\n`}
          </span>
        ))}
      </pre>
    </figure>
  );
}
