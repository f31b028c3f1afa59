import { builder as words } from '@/strings/builder';
import type { Preview } from '../data/usePreview';
import classes from './summary.module.css';
import { UserLinks } from './UserLinks';

/** Ten of the people who match, each a link. */
export function SampleUsers({ preview }: { readonly preview: Preview }) {
  if (preview.answer === null) return null;
  return (
    <div className={classes.sample} data-old={preview.isOld || undefined} data-testid="sample">
      <span className="dim">{words.sample.title}</span>
      <UserLinks ids={preview.answer.sample_user_ids} />
    </div>
  );
}
