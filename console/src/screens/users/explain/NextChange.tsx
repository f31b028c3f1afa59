import { exact } from '@/components/format';
import { Time } from '@/components/Time';
import { users as strings } from '@/strings/users';

const words = strings.explain;

interface NextChangeProps {
  holds: boolean;
  at: string | null | undefined;
  unknown: boolean;
  /** Also say that there is no change. */
  always?: boolean;
}

/** When time alone would turn a verdict around. */
export function NextChange({ holds, at, unknown, always = false }: NextChangeProps) {
  if (unknown) return <div className="dim small">{words.changeUnknown}</div>;
  if (!at) return always ? <div className="dim small">{words.noChange}</div> : null;
  return (
    <div className="dim small">
      {holds ? words.endsAt : words.beginsAt} <Time at={at} /> ({exact(at)})
    </div>
  );
}
