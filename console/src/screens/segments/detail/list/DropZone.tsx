import { Button, FileButton } from '@mantine/core';
import { type DragEvent, useState } from 'react';
import { Icon } from '@/components/icons';
import { segment as words } from '@/strings/segment';
import classes from './list.module.css';

const ACCEPTED = '.csv,.txt,.tsv,.ndjson,.jsonl,.json,text/csv,application/json';

/** A place to drop a file, with a button for those who do not drag. */
export function DropZone({ onFile }: { onFile: (file: File) => void }) {
  const [over, setOver] = useState(false);
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    const file = event.dataTransfer.files[0];
    if (file) onFile(file);
  };
  const hover = (event: DragEvent) => {
    event.preventDefault();
    setOver(true);
  };
  return (
    <section
      className={classes.zone}
      data-over={over || undefined}
      aria-label={words.list.drop}
      onDragOver={hover}
      onDragLeave={() => setOver(false)}
      onDrop={drop}
    >
      <Icon name="upload" size={20} />
      <span>{words.list.drop}</span>
      <FileButton onChange={(file) => file && onFile(file)} accept={ACCEPTED}>
        {(props) => (
          <Button {...props} variant="default">
            {words.list.choose}
          </Button>
        )}
      </FileButton>
    </section>
  );
}
