import { useId, useState } from 'react';
import { asProblem } from '@/api/problem';
import { CopyButton } from '@/components/CopyButton';
import { ProblemText } from '@/components/ProblemText';
import { Loading } from '@/components/states';
import { builder as words } from '@/strings/builder';
import { useDescription } from '../data/useDescription';
import type { Preview } from '../data/usePreview';
import { useRows } from '../editor/context';
import classes from './forms.module.css';
import { SourceEditor } from './Source';

const FORMS = ['sentence', 'text', 'json', 'sql'] as const;
type Form = (typeof FORMS)[number];

/** The same rules as a sentence, text, JSON and SQL. */
export function Forms({ preview }: { readonly preview: Preview }) {
  const [form, setForm] = useState<Form | null>(null);
  const id = useId();
  return (
    <div className={classes.forms}>
      <div role="toolbar" aria-label={words.forms.label} className={classes.tabs}>
        {FORMS.map((name) => (
          <button
            key={name}
            type="button"
            className={classes.tab}
            aria-pressed={form === name}
            aria-controls={form === name ? id : undefined}
            onClick={() => setForm(form === name ? null : name)}
          >
            {words.forms[name]}
          </button>
        ))}
      </div>
      {form !== null && (
        <div id={id} className={classes.panel} data-testid={`form-${form}`}>
          {form === 'sentence' && <SentenceForm />}
          {form === 'sql' && <SqlForm preview={preview} />}
          {(form === 'text' || form === 'json') && <SourceEditor key={form} form={form} />}
        </div>
      )}
    </div>
  );
}

function SentenceForm() {
  const { editor, unfinished } = useRows();
  const query = useDescription(editor.tree, unfinished.size === 0);
  if (unfinished.size > 0) return <p className={classes.note}>{words.forms.unfinished}</p>;
  if (query.error) return <ProblemText problem={asProblem(query.error)} />;
  if (query.data === undefined) return <Loading />;
  return (
    <div className={classes.copyable}>
      <p className={classes.sentence}>{query.data.sentence}</p>
      <CopyButton value={query.data.sentence} />
    </div>
  );
}

function SqlForm({ preview }: { readonly preview: Preview }) {
  if (preview.answer === null) return <Loading />;
  return (
    <>
      <p className={classes.note}>{words.forms.sqlAbout}</p>
      <div className={classes.copyable} data-old={preview.isOld || undefined}>
        <pre className={classes.sql}>{preview.answer.sql}</pre>
        <CopyButton value={preview.answer.sql} />
      </div>
    </>
  );
}
