import { useQuery } from '@tanstack/react-query';
import { useMay, useTenant } from '@/app/tenant';
import { Mono } from '@/components/Mono';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { settings } from '@/strings/settings';
import { tenantQuery } from '../queries';
import { SettingsScreen } from '../SettingsScreen';
import classes from '../settings.module.css';
import { JoinUnsigned } from './JoinUnsigned';
import { Retention } from './Retention';
import { TestTenant } from './TestTenant';
import { Workspace } from './Workspace';

/** Name and slug of the workspace, and its test tenant. */
export function General() {
  const words = settings.general;
  const { id } = useTenant();
  const owner = useMay('owner');
  const tenant = useQuery(tenantQuery(id));
  return (
    <SettingsScreen tab="general" about={words.about}>
      <QueryState query={tenant}>
        {(found) => (
          <>
            <section className={classes.section}>
              <h2>{words.workspace}</h2>
              {owner && <Workspace key={`${found.name} ${found.slug}`} tenant={found} />}
              <dl className={classes.facts}>
                {!owner && (
                  <>
                    <dt>{words.name}</dt>
                    <dd>{found.name}</dd>
                    <dt>{words.slug}</dt>
                    <dd>
                      <Mono>{found.slug}</Mono>
                    </dd>
                  </>
                )}
                <dt>{words.id}</dt>
                <dd>
                  <Mono label={words.copyId}>{String(found.id)}</Mono>
                </dd>
                <dt>{words.data}</dt>
                <dd>{found.is_test ? words.test : words.live}</dd>
                <dt>{words.created}</dt>
                <dd>
                  <Time at={found.created_at} long />
                </dd>
              </dl>
              {!owner && <p className="dim">{words.ownersOnly}</p>}
            </section>
            <JoinUnsigned tenant={found} />
            <Retention />
            <TestTenant tenant={found} />
          </>
        )}
      </QueryState>
    </SettingsScreen>
  );
}
