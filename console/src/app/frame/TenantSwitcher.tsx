import { Menu, UnstyledButton } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import { useAccount, useTenant } from '../tenant';
import classes from './frame.module.css';

/** A button that shows the open tenant, and a menu of the others. */
export function TenantSwitcher({ children }: { children: ReactNode }) {
  const tenant = useTenant();
  const { tenants } = useAccount();
  const navigate = useNavigate();
  return (
    <Menu position="bottom-start" width={224}>
      <Menu.Target>
        <UnstyledButton className={classes.tenant}>{children}</UnstyledButton>
      </Menu.Target>
      <Menu.Dropdown>
        {tenants.map((other) => (
          <Menu.Item
            key={other.id}
            rightSection={other.id === tenant.id ? <Icon name="check" size={14} /> : null}
            onClick={() => void navigate({ to: '/segments', search: { tenant: other.slug } })}
          >
            {other.name} <span className="dim small">{other.is_test ? text.frame.testTenant : other.role}</span>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
