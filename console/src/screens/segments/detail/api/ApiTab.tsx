import { Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import type { SegmentDetail } from '@/api/types';
import { CodeBlock } from '@/components/Mono';
import { segment as words } from '@/strings/segment';
import { readMembers } from '../members/read';
import { segmentKey } from '../queries';
import classes from './api.module.css';
import { LANGUAGES, type Language, snippets } from './snippets';

const EXAMPLE_USER = 'user-123';

/** The id of a member, so that the snippets answer something. */
function useRealUser(segment: SegmentDetail): string {
  const { data } = useQuery({
    queryKey: [...segmentKey(segment.id), 'one-member', segment.membership.run_id],
    queryFn: () => readMembers(segment.id, { limit: 1 }),
  });
  return data?.results[0]?.user_id ?? EXAMPLE_USER;
}

/** What this screen does, over HTTP. */
export function ApiTab({ segment }: { segment: SegmentDetail }) {
  const [language, setLanguage] = useState<Language>('curl');
  const user = useRealUser(segment);
  return (
    <div className={classes.api}>
      <p className="dim">
        {words.api.about} {words.api.key}
      </p>
      <Tabs value={language} onChange={(next) => setLanguage(next as Language)}>
        <Tabs.List>
          {LANGUAGES.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {words.api.languages[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value={language} className={classes.snippets ?? ''}>
          {snippets(language, location.origin, segment.id, user).map(({ name, code }) => (
            <section key={name}>
              <h2>{words.api[name]}</h2>
              <CodeBlock label={words.api[name]}>{code}</CodeBlock>
            </section>
          ))}
        </Tabs.Panel>
      </Tabs>
    </div>
  );
}
