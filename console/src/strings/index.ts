import { auth } from './auth';
import { common } from './common';
import { frame } from './frame';

/**
 * The strings of the frame and of sign-in, which the first load needs. A screen imports its own file of this folder,
 * so that its words are loaded with it.
 */
export const text = { common, frame, auth } as const;
