import { useSearch } from '@tanstack/react-router';
import { PartedScreen } from '@/components/PartedScreen';
import { ingestion as words } from '@/strings/ingestion';
import { DeadLetters } from './DeadLetters';
import { RecentErrors } from './RecentErrors';
import { Sandbox } from './Sandbox';

const PARTS = { errors: RecentErrors, letters: DeadLetters, sandbox: Sandbox } as const;

/** What was refused, what was not stored, and the sandbox. */
export function Ingestion() {
  const { tab } = useSearch({ from: '/frame/ingestion' });
  return <PartedScreen words={words} parts={PARTS} tab={tab} />;
}
