import { UnstyledButton } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import type { SegmentDetail, VersionRead } from '@/api/types';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { segment as words } from '@/strings/segment';
import { useActor } from '../../useActor';
import classes from './history.module.css';
import { useVersions } from './queries';
import { VersionView } from './VersionView';

/** The versions at the left; at the right what one of them changed, and who it would move. */
export function History({ segment }: { segment: SegmentDetail }) {
  const { rows, query } = useVersions(segment.id, segment.version);
  const [chosen, setChosen] = useState<number | null>(null);
  const current = currentOf(rows);
  const shown = rows.find(({ version }) => version === (chosen ?? current));
  return (
    <QueryState query={query}>
      {() => (
        <div className={classes.history}>
          <VersionList versions={rows} shown={shown?.version} current={current} onChoose={setChosen}>
            {rows.length < segment.version && <p className="dim small">{words.history.onlyRules}</p>}
          </VersionList>
          {shown && (
            <VersionView key={shown.version} segment={segment} version={shown} isCurrent={shown.version === current} />
          )}
        </div>
      )}
    </QueryState>
  );
}

/**
 * Return the version of the present rules: the newest one. The segment's own version may be above it, as a change of
 * name, description, tags or refresh has a number too, but no entry in the list.
 */
function currentOf(versions: readonly Pick<VersionRead, 'version'>[]): number | undefined {
  return versions[0]?.version;
}

interface VersionListProps {
  versions: readonly VersionRead[];
  shown: number | undefined;
  current: number | undefined;
  onChoose: (version: number) => void;
  /** Below the list. */
  children: ReactNode;
}

function VersionList({ versions, shown, current, onChoose, children }: VersionListProps) {
  const named = useActor();
  return (
    <nav className={classes.versions} aria-label={words.history.versions}>
      {versions.map(({ version, created_at, created_by }) => (
        <UnstyledButton
          key={version}
          className={classes.version}
          aria-current={version === shown}
          onClick={() => onChoose(version)}
        >
          <span>
            {words.history.versionLabel(version)}
            {version === current && <span className={classes.current}>{words.history.current}</span>}
          </span>
          <span className="dim small">
            <Time at={created_at} /> {words.history.by(named(created_by))}
          </span>
        </UnstyledButton>
      ))}
      {children}
    </nav>
  );
}
