import { Button, Group, Loader, Modal, Stack, Table } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { ErasureRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { count } from '@/components/format';
import { Mono } from '@/components/Mono';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { privacy } from '@/strings/privacy';

const words = privacy.receipt;
const LOOK_EVERY_MS = 1_500;

/** Follow an erasure until it is complete, and show its receipt. */
export function Receipt({ requested, onClose }: { requested: ErasureRead; onClose: () => void }) {
  const tenant = useTenant();
  const { data, error } = useQuery({
    queryKey: ['erasure', tenant.id, requested.id],
    queryFn: () =>
      body(
        api.GET('/api/explorer/erasures/{erasure_id}/', {
          params: { path: { erasure_id: requested.id }, query: { tenant: tenant.id } },
        }),
      ),
    initialData: requested,
    refetchInterval: ({ state }) => (state.data?.status === 'complete' ? false : LOOK_EVERY_MS),
  });
  return (
    <Modal opened onClose={onClose} title={words.title} size={520}>
      <Stack>
        {data.receipt === null ? (
          <Group role="status" gap="sm">
            <Loader size={16} />
            {words.phases[data.phase ?? 'pending']}
          </Group>
        ) : (
          <Complete erasure={data} receipt={data.receipt} />
        )}
        {data.receipt === null && <p className="dim">{words.goesOn}</p>}
        {error && <ProblemText problem={asProblem(error)} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            {text.common.close}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function Complete({ erasure, receipt }: { erasure: ErasureRead; receipt: NonNullable<ErasureRead['receipt']> }) {
  const stores = Object.entries(receipt.before).filter(([, before]) => before > 0);
  const { subjects } = erasure;
  return (
    <>
      <p role="status">{words.complete(count(subjects.length), subjects.length === 1)}</p>
      {stores.length === 0 ? (
        <p className="dim">{words.nothing}</p>
      ) : (
        <Table aria-label={words.label}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th>{words.columns.store}</Table.Th>
              <Table.Th ta="right">{words.columns.before}</Table.Th>
              <Table.Th ta="right">{words.columns.after}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {stores.map(([store, before]) => (
              <Table.Tr key={store}>
                <Table.Td>{store}</Table.Td>
                <Table.Td ta="right">{count(before)}</Table.Td>
                <Table.Td ta="right">{count(receipt.after[store] ?? 0)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {subjects[0] !== undefined && (
        <p className="dim small">
          {words.hash}: <Mono label={words.copyHash}>{subjects[0]}</Mono>
        </p>
      )}
    </>
  );
}
