import { Modal } from '@mantine/core';
import { text } from '@/strings';
import { destinations } from '../navigation';
import { useMay } from '../tenant';
import classes from './frame.module.css';

/** What the keyboard can do. */
export function KeyList({ onClose }: { onClose: () => void }) {
  const owner = useMay('owner');
  const pages = destinations.filter(({ role }) => role !== 'owner' || owner);
  const keys: [string, string][] = [
    ['⌘ K', text.frame.keys.palette],
    ['?', text.frame.keys.help],
    ['c', text.frame.keys.create],
    ['Esc', text.frame.keys.close],
    ...pages.map(({ key, label }): [string, string] => [`g ${key}`, text.frame.keys.go(label)]),
  ];
  return (
    <Modal opened onClose={onClose} title={text.frame.keys.title}>
      <dl className={classes.keys}>
        {keys.map(([key, words]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
