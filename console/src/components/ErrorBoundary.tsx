import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { text } from '@/strings';
import classes from './states.module.css';

interface Props {
  children: ReactNode;
  /** The boundary forgets the failure when this changes, such as the address of the page. */
  resetKey: string;
}

/** Keeps a failure of one screen from taking down the frame. */
export class ErrorBoundary extends Component<Props, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override componentDidUpdate(previous: Props) {
    if (previous.resetKey !== this.props.resetKey && this.state.error) this.setState({ error: null });
  }

  override render() {
    return this.state.error ? <Crashed error={this.state.error} /> : this.props.children;
  }
}

/** What a person sees when a screen has failed. */
export function Crashed({ error }: { error: unknown }) {
  return (
    <div className={classes.state} role="alert">
      <h1>{text.common.crashedTitle}</h1>
      <p>{text.common.crashed}</p>
      <code>{error instanceof Error ? error.message : String(error)}</code>
      <Button variant="default" onClick={() => location.reload()}>
        {text.common.reload}
      </Button>
    </div>
  );
}
