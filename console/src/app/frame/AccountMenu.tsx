import { ActionIcon, Menu, useMantineColorScheme } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { queryClient } from '@/api/queries';
import { signOut } from '@/api/session';
import { Icon } from '@/components/icons';
import { text } from '@/strings';
import { useAccount } from '../tenant';

/** Who is signed in, the theme, and the way out. */
export function AccountMenu() {
  const me = useAccount();
  const navigate = useNavigate();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const leave = async () => {
    await signOut();
    queryClient.clear();
    await navigate({ to: '/login' });
  };
  return (
    <Menu position="bottom-end" width={220}>
      <Menu.Target>
        <ActionIcon aria-label={text.frame.account}>
          <Icon name="user" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.email}</Menu.Label>
        <Menu.Divider />
        <Menu.Label>{text.frame.theme}</Menu.Label>
        {(['light', 'dark', 'auto'] as const).map((scheme) => (
          <Menu.Item
            key={scheme}
            onClick={() => setColorScheme(scheme)}
            rightSection={scheme === colorScheme ? <Icon name="check" size={14} /> : null}
          >
            {text.frame.themes[scheme]}
          </Menu.Item>
        ))}
        <Menu.Divider />
        <Menu.Item onClick={() => void leave()}>{text.frame.signOut}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
