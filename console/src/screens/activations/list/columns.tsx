import { Link } from '@tanstack/react-router';
import type { ActivationRead } from '@/api/types';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { activations as words } from '@/strings/activations';
import { connectorOf, receiverOf } from '../receiver';
import { Status } from '../Status';

/** `nameOf` is null where all activations are of one segment. */
export function columns(nameOf: ((id: number) => string) | null): readonly Column<ActivationRead>[] {
  const names = words.columns;
  const receiver: Column<ActivationRead> = {
    key: 'receiver',
    header: names.receiver,
    width: 'minmax(200px, 3fr)',
    narrow: nameOf === null ? 'title' : 'detail',
    render: (activation) => {
      const about = activation.description || receiverOf(activation);
      const title = `${connectorOf(activation)}: ${receiverOf(activation)}`;
      if (nameOf !== null) return <span title={title}>{about}</span>;
      return <ActivationLink id={activation.id} title={title} name={about} />;
    },
  };
  const segment: Column<ActivationRead> | null = nameOf && {
    key: 'segment',
    header: names.segment,
    width: 'minmax(160px, 2fr)',
    narrow: 'title',
    render: (activation) => <ActivationLink id={activation.id} name={nameOf(activation.segment)} />,
  };
  return [
    ...(segment === null ? [] : [segment]),
    receiver,
    {
      key: 'status',
      header: names.status,
      width: '110px',
      narrow: 'aside',
      render: (activation) => <Status activation={activation} />,
    },
    {
      key: 'synced',
      header: names.synced,
      width: '120px',
      narrow: 'hidden',
      render: ({ last_synced_at }) => <Time at={last_synced_at} />,
    },
  ];
}

function ActivationLink({ id, name, title }: { id: number; name: string; title?: string }) {
  return (
    <Link to="/settings/activations/$activationId" params={{ activationId: String(id) }} title={title ?? name}>
      {name}
    </Link>
  );
}
