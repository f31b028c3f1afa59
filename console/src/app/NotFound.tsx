import { Link } from '@tanstack/react-router';
import { Screen } from '@/components/Screen';
import { Empty } from '@/components/states';
import { text } from '@/strings';

/** An address that is no screen. */
export function NotFound() {
  return (
    <Screen title={text.common.noPageTitle}>
      <Empty title={text.common.noPage} action={<Link to="/segments">{text.frame.openSegments}</Link>} />
    </Screen>
  );
}
