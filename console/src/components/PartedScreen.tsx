import type { ComponentType } from 'react';
import { Screen } from './Screen';
import { ScreenTabs } from './ScreenTabs';

interface PartedScreenProps<Part extends string> {
  words: { title: string; about: string; tabs: Readonly<Record<NoInfer<Part>, string>> & { label: string } };
  /** The parts in the order of their tabs. */
  parts: Readonly<Record<Part, ComponentType>>;
  /** The part that the address names. The first one is shown if there is no such part. */
  tab: string | undefined;
}

/** A screen of several parts, each with a tab and an address of its own. */
export function PartedScreen<Part extends string>({ words, parts, tab }: PartedScreenProps<Part>) {
  const names = Object.keys(parts) as Part[];
  const current = names.find((name) => name === tab) ?? (names[0] as Part);
  const Content: ComponentType = parts[current];
  const tabs = names.map((value) => ({ value, label: words.tabs[value] }));
  return (
    <Screen
      title={words.title}
      about={words.about}
      tabs={<ScreenTabs label={words.tabs.label} tabs={tabs} current={current} />}
      fill
    >
      <Content />
    </Screen>
  );
}
