import { ActionIcon, Menu } from '@mantine/core';
import { Icon } from '@/components/icons';
import { builder as words } from '@/strings/builder';
import { actionsFor } from '../editor/actions';
import { useRows } from '../editor/context';
import type { NodeId } from '../model/tree';
import classes from './rows.module.css';

/** What can be done with a row. */
export function RowMenu({ id, label }: { readonly id: NodeId; readonly label: string }) {
  const rows = useRows();
  if (rows.readOnly) return null;
  return (
    // The focus goes where the action puts it: the row may be elsewhere, or gone.
    <Menu position="bottom-end" returnFocus={false}>
      <Menu.Target>
        <ActionIcon aria-label={`${words.row.menu}: ${label}`} size={24}>
          <Icon name="more" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {actionsFor(rows, id).map(({ name, keys, run }) => (
          <Menu.Item key={name} onClick={run} rightSection={keys && <kbd className={classes.keys}>{keys}</kbd>}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
