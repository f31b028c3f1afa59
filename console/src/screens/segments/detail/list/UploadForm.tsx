import { Button, Checkbox, FileButton, Group, Progress } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { type ApiProblem, asProblem } from '@/api/problem';
import type { UploadAccepted } from '@/api/types';
import { upload } from '@/api/upload';
import { Confirm } from '@/components/Confirm';
import { bytes, percent } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { segment as words } from '@/strings/segment';
import { contentType, headOf, LARGEST } from './file';
import classes from './list.module.css';

interface UploadFormProps {
  id: number;
  file: File;
  onFile: (file: File) => void;
  onDone: (accepted: UploadAccepted) => void;
}

/** Send the file. Nothing changes unless all of it is accepted. */
function useUpload({ id, file, onDone }: Pick<UploadFormProps, 'id' | 'file' | 'onDone'>, noHeader: boolean) {
  const [share, setShare] = useState(0);
  const type = contentType(file.name);
  const send = useMutation({
    mutationFn: (confirm: boolean) => {
      const query = new URLSearchParams({
        ...(noHeader && type === 'text/csv' ? { header: 'none' } : {}),
        ...(confirm ? { confirm: 'true' } : {}),
      });
      return upload<UploadAccepted>(`/api/segments/${id}/members/?${query}`, file, type, setShare);
    },
    onSuccess: onDone,
  });
  return { send, share };
}

/** How a file begins, and the button that uploads it. */
export function UploadForm({ id, file, onFile, onDone }: UploadFormProps) {
  const [noHeader, setNoHeader] = useState(false);
  const { send, share } = useUpload({ id, file, onDone }, noHeader);
  const head = useQuery({
    queryKey: ['file-head', file.name, file.size, file.lastModified],
    queryFn: () => headOf(file),
  });
  const tooLarge = file.size > LARGEST;
  const problem = send.error ? asProblem(send.error) : null;
  return (
    <section className={classes.form}>
      <h2>
        {file.name} <span className="dim">{bytes(file.size)}</span>
      </h2>
      <h3>{words.list.preview}</h3>
      <pre className={classes.head}>{head.data?.join('\n')}</pre>
      {contentType(file.name) === 'text/csv' && (
        <Checkbox
          label={words.list.noHeader}
          checked={noHeader}
          onChange={(event) => setNoHeader(event.currentTarget.checked)}
        />
      )}
      {tooLarge && <p className={classes.bad}>{words.list.tooLarge(bytes(LARGEST))}</p>}
      {send.isPending && <Progress value={share * 100} aria-label={words.list.uploading(percent(share))} />}
      <Refused problem={problem} onConfirm={() => send.mutateAsync(true)} onCancel={() => send.reset()} />
      <Group>
        <Button loading={send.isPending} disabled={tooLarge} onClick={() => send.mutate(false)}>
          {words.list.upload}
        </Button>
        <FileButton onChange={(next) => next && onFile(next)}>
          {(props) => (
            <Button {...props} variant="default">
              {words.list.other}
            </Button>
          )}
        </FileButton>
      </Group>
    </section>
  );
}

interface RefusedProps {
  problem: ApiProblem | null;
  onConfirm: () => Promise<unknown>;
  onCancel: () => void;
}

/** Why it was refused; a list that would lose most of its users asks once more. */
function Refused({ problem, onConfirm, onCancel }: RefusedProps) {
  if (problem === null) return null;
  if (problem.type !== 'confirmation-required') return <ProblemText problem={problem} title={words.list.refused} />;
  return (
    <Confirm
      opened
      onClose={onCancel}
      title={words.list.confirmTitle}
      action={words.list.confirm}
      onConfirm={onConfirm}
    >
      {problem.message}
    </Confirm>
  );
}
