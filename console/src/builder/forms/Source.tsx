import { Button } from '@mantine/core';
import { useEffect, useId, useRef, useState } from 'react';
import { useDraft } from '@/api/drafts';
import { Loading } from '@/components/states';
import { builder as words } from '@/strings/builder';
import { useDescription } from '../data/useDescription';
import { useRows } from '../editor/context';
import { writeJson } from '../model/json';
import { type GroupNode, readTree, writeTree } from '../model/tree';
import classes from './forms.module.css';
import { MarkedArea } from './MarkedArea';
import { lineOf, type Mark, read, type SourceForm } from './source';

const WAIT_MS = 400;

interface Source {
  /** What a person writes; null while the field shows the rows. */
  readonly written: string | null;
  readonly marks: readonly Mark[];
  readonly problem: string | null;
  readonly isReading: boolean;
  readonly write: (text: string) => void;
  readonly discard: () => void;
}

/** Keep what a person writes, and change the rows each time that it can be read. */
function useSource(form: SourceForm, tree: GroupNode): Source {
  const { editor } = useRows();
  const { edit } = editor;
  const [written, setWritten, drop] = useDraft<string | null>(`${editor.key}.${form}`, null);
  const [fault, setFault] = useState<{ marks: readonly Mark[]; problem: string | null } | null>(null);
  const [isReading, setReading] = useState(false);
  const applied = useRef<GroupNode | null>(null);
  const discard = () => {
    setWritten(null);
    drop();
    setFault(null);
  };
  useEffect(() => {
    if (written === null) return;
    const stop = new AbortController();
    setReading(true);
    const timer = setTimeout(() => {
      read(form, written, stop.signal)
        .then((reading) => {
          setReading(false);
          if ('marks' in reading) return setFault(reading);
          setFault(null);
          edit((before) => {
            applied.current = readTree(reading.definition, before) ?? before;
            return applied.current;
          }, 'source');
        })
        .catch(() => undefined);
    }, WAIT_MS);
    return () => {
      clearTimeout(timer);
      stop.abort();
    };
  }, [written, form, edit]);
  // Rows that were changed otherwise win over a text that was read; a text with a fault stays.
  useEffect(() => {
    if (written !== null && fault === null && !isReading && tree !== applied.current) discard();
  }, [tree]);
  return { written, marks: fault?.marks ?? [], problem: fault?.problem ?? null, isReading, write: setWritten, discard };
}

/** The rules as text or JSON, to edit. */
export function SourceEditor({ form }: { readonly form: SourceForm }) {
  const rows = useRows();
  const { editor, readOnly, unfinished } = rows;
  const source = useSource(form, editor.tree);
  const id = useId();
  const isWritable = form === 'json' || unfinished.size === 0;
  const description = useDescription(editor.tree, form === 'text' && isWritable);
  const canonical = form === 'json' ? writeJson(writeTree(editor.tree), true) : description.data?.text;
  const value = source.written ?? (isWritable ? canonical : undefined);
  if (value === undefined) return isWritable ? <Loading /> : <p className={classes.note}>{words.forms.unfinished}</p>;
  const hasFault = source.marks.length > 0 || source.problem !== null;
  return (
    <div className={classes.source}>
      <MarkedArea
        label={form === 'json' ? words.forms.jsonLabel : words.forms.textLabel}
        value={value}
        marks={source.marks}
        readOnly={readOnly}
        describedBy={id}
        onChange={source.write}
        onBlur={() => {
          if (source.written !== null && !hasFault && !source.isReading) source.discard();
        }}
      />
      <div id={id} className={classes.status} role="status">
        {status(source, hasFault)}
      </div>
      {hasFault && <Faults text={value} source={source} />}
    </div>
  );
}

function status(source: Source, hasFault: boolean): string {
  if (source.isReading) return words.forms.reading;
  if (hasFault) return words.forms.blocked;
  return source.written === null ? words.forms.textHelp : words.forms.read;
}

function Faults({ text, source }: { readonly text: string; readonly source: Source }) {
  return (
    <div className={classes.faults}>
      <ul data-testid="source-faults">
        {source.marks.map((mark) => {
          const { line, column } = lineOf(text, mark.start);
          return (
            <li key={`${mark.start} ${mark.detail}`}>
              {words.forms.line(line, column)}: {mark.detail}
            </li>
          );
        })}
        {source.problem !== null && <li>{source.problem}</li>}
      </ul>
      <Button variant="default" size="xs" onClick={source.discard}>
        {words.forms.discard}
      </Button>
    </div>
  );
}
