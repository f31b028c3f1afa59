import { CodeBlock } from '@/components/Mono';
import { Empty } from '@/components/states';
import { events as strings } from '@/strings/events';
import { trackCurl } from './curl';

const words = strings;

/** Nothing passes the filters, or nothing has arrived yet and this call changes that. */
export function NoEvents({ filtered }: { filtered: boolean }) {
  if (filtered) return <Empty title={words.nothingTitle}>{words.nothing}</Empty>;
  return (
    <Empty title={words.emptyTitle} action={<CodeBlock label={words.curl}>{trackCurl('user-123')}</CodeBlock>}>
      {words.empty}
    </Empty>
  );
}
