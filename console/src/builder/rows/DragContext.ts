import { createContext } from 'react';
import type { Drag } from '../editor/useDrag';

export const DragContext = createContext<Drag | null>(null);
