import { Drawer } from '@mantine/core';
import { text } from '@/strings';
import { Sidebar } from './Sidebar';

/** The sidebar on a narrow screen. */
export function Sheet({ onClose }: { onClose: () => void }) {
  return (
    <Drawer opened onClose={onClose} size={260} title={text.common.product} padding={0}>
      <Sidebar onNavigate={onClose} />
    </Drawer>
  );
}
