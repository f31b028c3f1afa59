import { useSearch } from '@tanstack/react-router';
import { PartedScreen } from '@/components/PartedScreen';
import { analytics as words } from '@/strings/analytics';
import { Activations } from './Activations';
import { Overlap } from './Overlap';
import { Overview } from './Overview';
import { Segments } from './Segments';
import { Usage } from './Usage';

const PARTS = {
  overview: Overview,
  segments: Segments,
  overlap: Overlap,
  activations: Activations,
  usage: Usage,
} as const;

/** Segments, their overlaps, and what the tenant sends and stores. */
export function Analytics() {
  const { tab } = useSearch({ from: '/frame/analytics' });
  return <PartedScreen words={words} parts={PARTS} tab={tab} />;
}
