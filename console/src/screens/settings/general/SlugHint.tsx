import { Anchor } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { checkSlug } from '@/screens/auth/slug-check';
import { text } from '@/strings';
import { settings } from '@/strings/settings';
import classes from '../settings.module.css';

const PAUSE_MS = 250;

/** Whether a new slug is free, checked once typing has paused, and one that is. */
export function SlugHint({ slug, onUse }: { slug: string; onUse: (slug: string) => void }) {
  const [settled] = useDebouncedValue(slug, PAUSE_MS);
  const { data } = useQuery({
    queryKey: ['slug', settled],
    queryFn: ({ signal }) => checkSlug(settled, signal),
    enabled: settled !== '',
    retry: false,
  });
  if (slug !== settled || data === undefined) return null;
  const { available, suggestion, fault } = data;
  if (available) {
    return (
      <div className={`${classes.good} small`} role="status">
        {text.auth.slugFree}
      </div>
    );
  }
  return (
    <div className={`${classes.line} small`} role="status">
      <span className={classes.bad}>{text.auth.slugFault(fault ?? '')}</span>
      {suggestion !== null && (
        <Anchor component="button" type="button" size="xs" onClick={() => onUse(suggestion)}>
          {settings.general.use(suggestion)}
        </Anchor>
      )}
    </div>
  );
}
