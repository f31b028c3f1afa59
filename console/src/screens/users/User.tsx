import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { asProblem } from '@/api/problem';
import type { UserRead } from '@/api/types';
import { CopyButton } from '@/components/CopyButton';
import { count } from '@/components/format';
import { CodeBlock, Mono } from '@/components/Mono';
import { Screen } from '@/components/Screen';
import { ScreenTabs } from '@/components/ScreenTabs';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { trackCurl } from '@/screens/events/curl';
import { FoundEventDrawer } from '@/screens/events/detail/EventDrawer';
import { users as strings } from '@/strings/users';
import { History } from './History';
import { Ids } from './ids/Ids';
import { usePerson } from './ids/queries';
import { Memberships } from './Memberships';
import { Properties } from './Properties';
import { PersonActions } from './privacy/PersonActions';
import { useUser, useUserSegments } from './queries';
import { Stats } from './Stats';

const words = strings;
const TABS = ['properties', 'history', 'segments', 'ids', 'stats'] as const;

/** The profile of one user. */
export function User() {
  const { userId } = useParams({ from: '/frame/users/$userId' });
  const search = useSearch({ from: '/frame/users/$userId' });
  const user = useUser(userId);
  const segments = useUserSegments(userId);
  const person = usePerson(userId);
  const tab = TABS.find((name) => name === search.tab) ?? 'properties';
  const counts: Record<string, number | undefined> = {
    properties: user.data?.traits.length,
    history: user.data?.event_count,
    segments: segments.data?.length,
    ids: person.data && person.data.joined.length + 1,
  };
  const tabs = TABS.map((value) => ({ value, label: words.tabs[value], count: counts[value] ?? null }));
  const unknown = user.isError && asProblem(user.error).status === 404;
  return (
    <Screen
      title={userId}
      above={<Link to="/users">{words.title} /</Link>}
      beside={<CopyButton value={userId} label={words.profile.copyId} />}
      actions={user.data && <PersonActions userId={userId} />}
      about={user.data && <About userId={userId} user={user.data} />}
      tabs={unknown ? undefined : <ScreenTabs label={words.tabs.label} tabs={tabs} current={tab} />}
      fill
    >
      {unknown ? (
        <Unknown userId={userId} />
      ) : (
        <QueryState query={user}>{(data) => <Part tab={tab} user={data} />}</QueryState>
      )}
      <OpenedEvent userId={userId} />
    </Screen>
  );
}

function Part({ tab, user }: { tab: (typeof TABS)[number]; user: UserRead }) {
  switch (tab) {
    case 'properties':
      return <Properties user={user} />;
    case 'history':
      return <History user={user} />;
    case 'segments':
      return <Memberships userId={user.user_id} />;
    case 'ids':
      return <Ids userId={user.user_id} />;
    case 'stats':
      return <Stats user={user} />;
  }
}

/** The ids of the user, each with a copy button. The id of the address may be one that was joined to the user. */
function About({ userId, user: { user_id, ids, event_count, last_seen } }: { userId: string; user: UserRead }) {
  const profile = words.profile;
  return (
    <>
      {user_id !== userId && (
        <div>
          {profile.belongsTo}{' '}
          <Link to="/users/$userId" params={{ userId: user_id }}>
            {user_id}
          </Link>
        </div>
      )}
      {ids.user_id === null && `${profile.visitor} · `}
      {profile.events(count(event_count), event_count === 1)} · {profile.lastSeen} <Time at={last_seen} />
      {ids.anonymous_ids.length > 0 && (
        <div>
          {profile.anonymous}:{' '}
          {ids.anonymous_ids.map((id) => (
            <Mono key={id} label={profile.anonymousId}>
              {id}
            </Mono>
          ))}
        </div>
      )}
    </>
  );
}

function Unknown({ userId }: { userId: string }) {
  return (
    <Empty title={words.profile.unknownTitle} action={<CodeBlock label={words.curl}>{trackCurl(userId)}</CodeBlock>}>
      {words.profile.unknown}
    </Empty>
  );
}

/** The event that the address names, beside the profile. */
function OpenedEvent({ userId }: { userId: string }) {
  const { event, at } = useSearch({ from: '/frame/users/$userId' });
  const navigate = useNavigate({ from: '/users/$userId' });
  if (!event || !at || Number.isNaN(Date.parse(at))) return null;
  const close = () => {
    void navigate({ search: ({ event: _event, at: _at, ...rest }) => rest });
  };
  return <FoundEventDrawer userId={userId} messageId={event} at={at} onClose={close} />;
}
