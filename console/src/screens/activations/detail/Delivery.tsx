import { Button, Drawer } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { download } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { DeliveryRead } from '@/api/types';
import { count, duration } from '@/components/format';
import { CodeBlock, Mono } from '@/components/Mono';
import { Detail, ProblemText } from '@/components/ProblemText';
import { Time } from '@/components/Time';
import { text } from '@/strings';
import { activations } from '@/strings/activations';
import classes from '../activations.module.css';
import { Answer } from './Deliveries';

const words = activations.log;

interface DeliveryProps {
  delivery: DeliveryRead;
  /** With which the name of a file ends. */
  extension: string;
  onClose: () => void;
}

/** One request and what the receiver answered. */
export function Delivery({ delivery, extension, onClose }: DeliveryProps) {
  const names = words.columns;
  return (
    <Drawer opened onClose={onClose} position="right" size={460} title={delivery.event}>
      <div className={classes.letter}>
        <dl className={classes.facts}>
          <dt>{names.answer}</dt>
          <dd>
            <Answer delivery={delivery} />
          </dd>
          <dt>{names.when}</dt>
          <dd>
            <Time at={delivery.at} long />
          </dd>
          <dt>{names.duration}</dt>
          <dd>{duration(delivery.duration_ms)}</dd>
          <dt>{names.run}</dt>
          <dd>{delivery.run_id ?? text.common.none}</dd>
          <dt>{names.users}</dt>
          <dd>{count(delivery.changes)}</dd>
          {delivery.left_out > 0 && (
            <>
              <dt>{names.leftOut}</dt>
              <dd>{count(delivery.left_out)}</dd>
            </>
          )}
          <dt>{words.id}</dt>
          <dd>
            <Mono>{delivery.delivery_id}</Mono>
          </dd>
        </dl>
        {delivery.error !== null && delivery.error !== undefined && (
          <p className={classes.message}>
            <strong>{words.error}: </strong>
            <Detail>{delivery.error}</Detail>
          </p>
        )}
        <Response delivery={delivery} extension={extension} />
      </div>
    </Drawer>
  );
}

/** What the receiver answered. A file can be downloaded until its export has expired. */
function Response({ delivery, extension }: Omit<DeliveryProps, 'onClose'>) {
  const { response, event, delivery_id: id } = delivery;
  const fetchFile = useMutation({ mutationFn: () => download(response, `export-${id}.${extension}`) });
  if (response === '') return <p className="dim">{words.noResponse}</p>;
  if (event !== 'file') return <CodeBlock label={words.response}>{response}</CodeBlock>;
  return (
    <>
      <div>
        <Button variant="default" loading={fetchFile.isPending} onClick={() => fetchFile.mutate()}>
          {words.download}
        </Button>
      </div>
      {fetchFile.error && <ProblemText problem={asProblem(fetchFile.error)} />}
    </>
  );
}
