import { useMay } from '@/app/tenant';
import { activations as words } from '@/strings/activations';
import classes from '../activations.module.css';
import { ActivationList } from './ActivationList';
import { NewConnector } from './NewConnector';

/** Where the changes of one segment are sent. */
export function SegmentActivations({ segment }: { segment: number }) {
  const member = useMay('member');
  return (
    <>
      <div className={classes.bar}>
        <span>{words.aboutSegment}</span>
        {member && <NewConnector segment={segment} />}
      </div>
      <ActivationList segment={segment} create={null} />
    </>
  );
}
