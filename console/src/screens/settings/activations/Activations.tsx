import { useMay } from '@/app/tenant';
import { ActivationList } from '@/screens/activations/list/ActivationList';
import { NewConnector } from '@/screens/activations/list/NewConnector';
import { activations as words } from '@/strings/activations';
import { SettingsScreen } from '../SettingsScreen';

/** The activations of the workspace. */
export function Activations() {
  const member = useMay('member');
  return (
    <SettingsScreen tab="activations" about={words.about} {...(member ? { actions: <NewConnector /> } : {})} fill>
      <ActivationList create={member ? <NewConnector /> : null} />
    </SettingsScreen>
  );
}
